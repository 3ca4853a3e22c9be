/* SPDX-License-Identifier: MIT */
/* recipe/settings_defaults.c: what a key is that a recipe leaves out. The keys themselves: settings.c. */
#include "recipe/settings.h"

#include "data/tasks.h"
#include "eval/judge_opinion.h"
#include "reward/answer_rules.h"
#include "reward/readable.h"

static CommonSettings common_defaults(StageKind stage)
{
    return (CommonSettings){.name = "run",
                            .stage = (int)stage,
                            .seed = 1,
                            .model = "",
                            .out = "",
                            .steps = 100,
                            .micro_batch_tokens = 2048,
                            .shards = 1,
                            .learning_rate = 1e-4,
                            .beta1 = 0.9,
                            .beta2 = 0.95,
                            .adam_eps = 1e-8,
                            .max_grad_norm = 1.0,
                            .checkpoint_every = 100,
                            .checkpoint_keep = 2,
                            .eval_problems = 4,
                            .eval_samples = 8,
                            .eval_max_tokens = 256,
                            .eval_data = "",
                            .eval_frame = "r1-zero",
                            .eval_temperature = 1.0,
                            .eval_top_p = 1.0,
                            .lora_alpha = 32.0,
                            .lora_targets = "all"};
}

static ShapeSettings shape_defaults(void)
{
    return (ShapeSettings){.hidden_size = 128,
                           .n_layers = 4,
                           .n_heads = 4,
                           .n_kv_heads = 2,
                           .head_dim = 32,
                           .ffn_size = 320,
                           .max_positions = 1024,
                           .rope_theta = 10000.0,
                           .init_std = 0.02};
}

PretrainSettings pretrain_defaults(void)
{
    PretrainSettings s = {.common = common_defaults(STAGE_PRETRAIN),
                          .tokens_per_step = 1024,
                          .tokens_per_step_final = 1024,
                          .prompt_weight = 0.1,
                          .vocab_size = 512,
                          .tokenizer_documents = 20000,
                          .shape = shape_defaults(),
                          .data = "",
                          .held_out = 0.02,
                          .section_bytes = 8192,
                          .eval_tokens = 65536};
    s.common.learning_rate = 2e-3;
    s.common.schedule = SCHEDULE_COSINE;
    s.common.warmup_steps = 100;
    s.common.final_rate = 0.05;
    s.common.beta2 = 0.98;
    s.common.weight_decay = 0.05;
    return s;
}

SftSettings sft_defaults(void)
{
    SftSettings s = {.common = common_defaults(STAGE_SFT),
                     .data = "",
                     .epochs = 2,
                     .batch_size = 16,
                     .max_length = 1024,
                     .validation_data = "",
                     .validation_every = 50};
    s.common.learning_rate = 5e-5;
    s.common.schedule = SCHEDULE_COSINE;
    s.common.final_rate = 0.1;
    return s;
}

RewardModelSettings reward_model_defaults(void)
{
    RewardModelSettings s = {.sft = sft_defaults(), .held_out = 0.05};
    s.sft.common.stage = STAGE_REWARD_MODEL;
    s.sft.common.learning_rate = 1e-4; /* the paper's 6e-6 is for 671 billion weights */
    s.sft.epochs = 1;                  /* as the paper */
    return s;
}

GrpoSettings grpo_defaults(void)
{
    GrpoSettings s = {
        .common = common_defaults(STAGE_GRPO),
        .data = "",
        .prompts_per_step = 16,
        .group_size = 16,
        .minibatches = 2,
        .inner_epochs = 1,
        .max_completion_tokens = 256,
        .temperature = 1.0,
        .clip_low = 0.2,
        .clip_high = 0.2,
        .advantage_eps = 1e-4,
        .accuracy_weight = 1.0,
        .format_weight = 1.0,
        .term_weights = {[TERM_COMMAND] = 1.0, [TERM_PLUGIN] = 1.0, [TERM_MODEL] = 1.0, [TERM_JUDGE] = 1.0},
        .reward_model = "",
        .judge = "",
        .judge_form = JUDGE_SCORE,
        .judge_asks = 4,
        .judge_max_tokens = 256,
        .judge_temperature = 1.0,
        .judge_prompt = "",
        .reward_frame = "r1-zero",
        .reward_gates = "",
        .routes = routes_defaults(),
        .reward_true = "accuracy",
        .held_out_rewards = true,
        .reward_extract = ANSWER_RULES_DEFAULT,
        .reward_language = "",
        .overlong_tokens = 64,
        .repetition_ngram = 3,
        .reward_command = "",
        .reward_plugin = "",
        .plugin_settings = "",
        .command_seconds = 60,
        .max_active = 128,
        .store_completions = true};
    s.ppo = (PpoSettings){
        .gamma = 1.0, .lambda = 1.0, .vf_coef = 0.1, .cliprange_value = 0.2, .whiten = true, .value_model = ""};
    for (int t = 0; t < task_count(); t++) s.tasks[t] = 1.0;
    return s;
}

DistillSettings distill_defaults(void)
{
    DistillSettings s = {.sft = sft_defaults(),
                         .teacher = "",
                         .beta = 0.5,
                         .temperature = 1.0,
                         .max_completion_tokens = 256,
                         .max_active = 128,
                         .samples_temperature = 0.6,
                         .samples_top_p = 0.95,
                         .samples_max_tokens = 256,
                         .samples_problems = 64,
                         .shape = shape_defaults()};
    s.sft.common.stage = STAGE_DISTILL;
    for (int t = 0; t < task_count(); t++) s.tasks[t] = 1.0;
    return s;
}

DpoSettings dpo_defaults(void)
{
    DpoSettings s = {.sft = sft_defaults(), .beta = 0.1};
    s.sft.common.stage = STAGE_DPO;
    s.sft.common.learning_rate = 1e-6;
    s.sft.epochs = 1;
    return s;
}

RejectSettings reject_defaults(void)
{
    const ReadableLimits readable = readable_limits();
    RejectSettings s = {.common = common_defaults(STAGE_REJECT),
                        .data = "",
                        .prompts_per_step = 64,
                        .samples = 4,
                        .max_completion_tokens = 256,
                        .temperature = 1.0,
                        .frame = "r1-zero",
                        .max_active = 128,
                        .language = readable.language,
                        .language_target = "",
                        .paragraph_words = readable.paragraph_words,
                        .repetition = readable.repetition,
                        .repetition_ngram = readable.repetition_ngram,
                        .contamination = "",
                        .contamination_ngram = 10,
                        .near_duplicates = 0.9,
                        .per_prompt = 1,
                        .judge_model = "",
                        .judge_max_tokens = 512,
                        .rewrite_model = "",
                        .rewrite_template = "",
                        .rewrite_frame = "r1",
                        .rewrite_samples = 1,
                        .rewrite_max_tokens = 256,
                        .rewrite_temperature = 1.0};
    for (int t = 0; t < task_count(); t++) s.tasks[t] = 1.0;
    for (int i = 0; i < REJECT_MIXES; i++) s.mixes[i].data = "";
    return s;
}

TaskRowsSettings task_rows_defaults(void)
{
    TaskRowsSettings s = {.common = common_defaults(STAGE_TASK_ROWS), .task = "all", .n = 1000, .judge_prompt = ""};
    s.common.steps = 1;
    return s;
}

/* The paper's: asked four times, kept above 1. */
PairsSettings pairs_defaults(void)
{
    return (PairsSettings){.common = common_defaults(STAGE_PAIRS),
                           .data = "",
                           .asks = 4,
                           .least = 1.0,
                           .balance = true,
                           .temperature = 1.0,
                           .max_tokens = 256,
                           .max_active = 128,
                           .prompt = ""};
}

/* Temperature and top-p of the paper's evaluations. */
EvalSettings eval_defaults(void)
{
    EvalSettings s = {.common = common_defaults(STAGE_EVAL), .judge = ""};
    s.common.steps = 1;
    s.common.eval_every = 1;
    s.common.eval_temperature = 0.6;
    s.common.eval_top_p = 0.95;
    return s;
}
