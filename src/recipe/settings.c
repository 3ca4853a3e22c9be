/* SPDX-License-Identifier: MIT */
/* recipe/settings.c: see settings.h. */
#include "recipe/settings.h"

#include "data/tasks.h"
#include "reward/judge.h"

static const char *const STAGES[] = {"pretrain", "sft", "grpo", "reward-model", NULL};
static const char *const SCHEDULES[] = {"constant", "cosine", "linear", NULL};
static const char *const LOSSES[] = {"grpo", "dapo", "dr_grpo", "gspo", NULL};
static const char *const SCALES[] = {"std", "std_population", "none", NULL};
static const char *const DEAD_GROUPS[] = {"skip", "drop", NULL};
static const char *const OVERLONG[] = {"drop", "truncate", "error", NULL};
static const char *const REWARD_OVERLONG[] = {"drop", "error", NULL};
static const char *const SCORED[] = {"auto", "summary", "response", NULL};
static const char *const SCORED_PARTS[] = {"summary", "response", NULL};
static const char *const JUDGE_FORMS[] = {"compare", "score", "correct", NULL}; /* reward/judge.h */
static const char *const PACKINGS[] = {"best_fit", "none", NULL};
static const char *const CORPORA[] = {"default", "no-checking", NULL};
static const char *const ARCHITECTURES[] = {"qwen2", "llama", "qwen3", "mistral", NULL};

const char *const *stage_names(void)
{
    return STAGES;
}

#define AT(type, member) offsetof(type, member)
#define INT(key, type, member, low, high, changeable, help)                                                            \
    {                                                                                                                  \
        key, KEY_INT, AT(type, member), low, high, NULL, changeable, help                                              \
    }
#define REAL(key, type, member, low, high, changeable, help)                                                           \
    {                                                                                                                  \
        key, KEY_DOUBLE, AT(type, member), low, high, NULL, changeable, help                                           \
    }
#define TEXT(key, type, member, changeable, help)                                                                      \
    {                                                                                                                  \
        key, KEY_STRING, AT(type, member), 0, 0, NULL, changeable, help                                                \
    }
#define PICK(key, type, member, choices, help)                                                                         \
    {                                                                                                                  \
        key, KEY_CHOICE, AT(type, member), 0, 0, choices, false, help                                                  \
    }
#define FLAG(key, type, member, changeable, help)                                                                      \
    {                                                                                                                  \
        key, KEY_BOOL, AT(type, member), 0, 0, NULL, changeable, help                                                  \
    }

/* clang-format off */
#define COMMON_KEYS \
    TEXT("name", CommonSettings, name, false, "names the run; runs/<name> is its folder unless out says otherwise"), \
    PICK("stage", CommonSettings, stage, STAGES, "what to do"), \
    INT("seed", CommonSettings, seed, 0, 9e15, false, "of every random draw"), \
    TEXT("model", CommonSettings, model, false, "Hugging Face folder or GGUF file to start from"), \
    TEXT("out", CommonSettings, out, true, "run folder"), \
    INT("threads", CommonSettings, threads, 0, 1024, true, "0: as --threads"), \
    INT("steps", CommonSettings, steps, 1, 1e9, false, "optimiser batches (pretrain, sft) or rollouts (grpo)"), \
    INT("micro_batch_tokens", CommonSettings, micro_batch_tokens, 1, 1e8, true, "rows in memory at once; moves no bit"), \
    INT("shards", CommonSettings, shards, 1, 65536, false, "gradient shards, a power of two (contract 5)"), \
    FLAG("recompute", CommonSettings, recompute, true, "run layers again in backward instead of keeping them"), \
    REAL("learning_rate", CommonSettings, learning_rate, 0, 10, false, "peak"), \
    PICK("schedule", CommonSettings, schedule, SCHEDULES, "of the learning rate"), \
    INT("warmup_steps", CommonSettings, warmup_steps, 0, 1e9, false, "linear, in steps"), \
    REAL("final_rate", CommonSettings, final_rate, 0, 1, false, "share of the peak left at the end"), \
    REAL("beta1", CommonSettings, beta1, 0, 0.999999, false, "AdamW"), \
    REAL("beta2", CommonSettings, beta2, 0, 0.999999, false, "AdamW"), \
    REAL("adam_eps", CommonSettings, adam_eps, 1e-15, 1, false, "AdamW; 0 would make 0 / 0 of a weight without a gradient"), \
    REAL("weight_decay", CommonSettings, weight_decay, 0, 10, false, "AdamW, matrices only"), \
    REAL("max_grad_norm", CommonSettings, max_grad_norm, 0, 1e9, false, "0: no clipping"), \
    REAL("expert_bias_rate", CommonSettings, expert_bias_rate, 0, 1, false, "gamma: moves the correction bias of experts by load after each update"), \
    REAL("expert_balance_coef", CommonSettings, expert_balance_coef, 0, 100, false, "alpha of the experts' sequence-wise balance loss"), \
    INT("checkpoint.every", CommonSettings, checkpoint_every, 1, 1e9, true, "steps"), \
    INT("checkpoint.keep", CommonSettings, checkpoint_keep, 1, 1e6, true, "newest ones kept"), \
    INT("eval.every", CommonSettings, eval_every, 0, 1e9, false, "steps; 0: never"), \
    INT("eval.problems", CommonSettings, eval_problems, 1, 1e6, false, "held-out problems a family and level"), \
    INT("eval.samples", CommonSettings, eval_samples, 1, 1e6, false, "samples a problem"), \
    INT("eval.max_tokens", CommonSettings, eval_max_tokens, 1, 1e6, false, "new tokens a sample"), \
    TEXT("eval.data", CommonSettings, eval_data, false, "problems of a JSONL file instead of the families' held-out ones")

#define LORA_KEYS \
    INT("lora.rank", CommonSettings, lora_rank, 0, 4096, false, "adapters of this rank are trained instead of the weights; 0: none"), \
    REAL("lora.alpha", CommonSettings, lora_alpha, 1e-6, 1e6, false, "their output is scaled by alpha / rank"), \
    TEXT("lora.targets", CommonSettings, lora_targets, false, "all, or some of q, k, v, o, gate, up, down with commas between")

const RecipeKey pretrain_keys[] = {
    COMMON_KEYS,
    TEXT("data", PretrainSettings, data, false, "texts to train on: .txt or .jsonl (.gz), or a folder of them, instead of the program's corpus"),
    REAL("text.held_out", PretrainSettings, held_out, 0, 0.9, false, "data: share of the documents that only eval_loss sees"),
    INT("text.section_bytes", PretrainSettings, section_bytes, 256, 1e9, false, "data: a text file is cut into documents of at most this size"),
    INT("text.context", PretrainSettings, context, 0, 1e7, false, "data: tokens of a sequence; 0: 1024, or what the model has"),
    INT("text.eval_tokens", PretrainSettings, eval_tokens, 1, 1e12, false, "data: held-out tokens that an evaluation scores"),
    INT("tokens_per_step", PretrainSettings, tokens_per_step, 1, 1e9, false, "an update's tokens at the start"),
    INT("tokens_per_step_final", PretrainSettings, tokens_per_step_final, 1, 1e9, false, "at the end; grows linearly between"),
    REAL("prompt_weight", PretrainSettings, prompt_weight, 0, 1, false, "of prompt tokens in the loss"),
    PICK("corpus.mix", PretrainSettings, corpus, CORPORA, "styles of the documents; see models/base/README.md"),
    INT("corpus.seed", PretrainSettings, corpus_seed, 0, 9e15, false, "of the documents"),
    INT("tokenizer.vocab_size", PretrainSettings, vocab_size, 260, 1e6, false, "trained on the first documents"),
    INT("tokenizer.documents", PretrainSettings, tokenizer_documents, 1, 1e8, false, "how many"),
    PICK("shape.arch", PretrainSettings, arch, ARCHITECTURES, "block"),
    INT("shape.hidden_size", PretrainSettings, hidden_size, 2, 1e6, false, "D"),
    INT("shape.n_layers", PretrainSettings, n_layers, 1, 1000, false, "L"),
    INT("shape.n_heads", PretrainSettings, n_heads, 1, 1024, false, "H"),
    INT("shape.n_kv_heads", PretrainSettings, n_kv_heads, 1, 1024, false, "K"),
    INT("shape.head_dim", PretrainSettings, head_dim, 2, 1024, false, "C"),
    INT("shape.ffn_size", PretrainSettings, ffn_size, 1, 1e6, false, "F"),
    INT("shape.max_positions", PretrainSettings, max_positions, 1, 1e7, false, "longest sequence"),
    REAL("shape.rope_theta", PretrainSettings, rope_theta, 1, 1e9, false, "base of the rotary angles"),
    REAL("shape.init_std", PretrainSettings, init_std, 0, 10, false, "of initial matrices"),
    {0},
};

const RecipeKey sft_keys[] = {
    COMMON_KEYS,
    LORA_KEYS,
    TEXT("data", SftSettings, data, false, "JSONL rows {prompt, completion}, {messages}, {text} or ids: data/examples.h"),
    INT("epochs", SftSettings, epochs, 0, 1e6, false, "passes over the data, in place of steps; 0, or steps given alone: as steps says"),
    INT("batch_size", SftSettings, batch_size, 1, 1e6, false, "packs an update (examples where packing is none)"),
    INT("max_length", SftSettings, max_length, 2, 1e7, false, "tokens of an example and of a pack; at most the model's positions"),
    PICK("overlong", SftSettings, overlong, OVERLONG, "what becomes of longer examples"),
    PICK("packing", SftSettings, packing, PACKINGS, "examples of a pack never see each other"),
    REAL("prompt_weight", SftSettings, prompt_weight, 0, 1, false, "of prompt tokens in the loss"),
    TEXT("validation.data", SftSettings, validation_data, false, "examples whose loss is measured"),
    INT("validation.every", SftSettings, validation_every, 1, 1e9, false, "steps"),
    {0},
};

const RecipeKey reward_model_keys[] = {
    COMMON_KEYS,
    LORA_KEYS,
    TEXT("data", RewardModelSettings, data, false, "JSONL rows {prompt, chosen, rejected} or {prompt, completion, label}: data/preferences.h"),
    INT("epochs", RewardModelSettings, epochs, 0, 1e6, false, "passes over the data, in place of steps; 0, or steps given alone: as steps says"),
    INT("batch_size", RewardModelSettings, batch_size, 1, 1e6, false, "pairs, or labelled responses, an update"),
    INT("max_length", RewardModelSettings, max_length, 2, 1e7, false, "tokens of prompt and response; at most the model's positions"),
    PICK("overlong", RewardModelSettings, overlong, REWARD_OVERLONG, "what becomes of longer rows"),
    PICK("scored", RewardModelSettings, scored, SCORED, "what stands behind </think>, or all of a response; auto: summaries of pairs, responses with labels"),
    REAL("margin", RewardModelSettings, margin, -1e6, 1e6, false, "by which a chosen response should be ahead, where its row names none"),
    REAL("held_out", RewardModelSettings, held_out, 0, 0.9, false, "share of the prompts that are never learnt from and measure what the scores are worth"),
    TEXT("validation.data", RewardModelSettings, validation_data, false, "rows that do so instead"),
    INT("validation.every", RewardModelSettings, validation_every, 1, 1e9, false, "steps"),
    {0},
};

const RecipeKey grpo_keys[] = {
    COMMON_KEYS,
    LORA_KEYS,
    TEXT("data", GrpoSettings, data, false, "questions of a JSONL file instead of the families'"),
    INT("prompts_per_step", GrpoSettings, prompts_per_step, 1, 1e6, false, "questions a rollout"),
    INT("group_size", GrpoSettings, group_size, 2, 1e6, false, "G, completions a question"),
    INT("minibatches", GrpoSettings, minibatches, 1, 1e6, false, "updates a rollout and epoch; groups stay whole"),
    INT("inner_epochs", GrpoSettings, inner_epochs, 1, 1000, false, "passes over a rollout"),
    INT("max_completion_tokens", GrpoSettings, max_completion_tokens, 1, 1e6, false, "cap, stop token included"),
    REAL("temperature", GrpoSettings, temperature, 1e-3, 100, false, "of rollouts; part of the policy"),
    PICK("loss", GrpoSettings, loss_type, LOSSES, "normaliser and ratio"),
    REAL("clip_low", GrpoSettings, clip_low, 0, 1, false, "epsilon below 1"),
    REAL("clip_high", GrpoSettings, clip_high, 0, 1e6, false, "epsilon above 1"),
    REAL("kl_coef", GrpoSettings, kl_coef, 0, 100, false, "beta of the k3 KL to the reference"),
    INT("reference_every", GrpoSettings, reference_every, 0, 1e9, false, "steps after which the reference becomes the policy; 0: never"),
    REAL("entropy_coef", GrpoSettings, entropy_coef, 0, 100, false, "entropy bonus"),
    PICK("advantage.scale", GrpoSettings, advantage_scale, SCALES, "what divides reward - mean"),
    REAL("advantage.eps", GrpoSettings, advantage_eps, 0, 1, false, "added to the standard deviation"),
    PICK("dead_groups", GrpoSettings, dead_groups, DEAD_GROUPS, "skip: counted in the normalisers; drop: not"),
    REAL("reward.accuracy", GrpoSettings, accuracy_weight, -1e3, 1e3, false, "weight"),
    REAL("reward.format", GrpoSettings, format_weight, -1e3, 1e3, false, "weight"),
    TEXT("reward.frame", GrpoSettings, reward_frame, false, "r1-zero, r1, or tags with ... for free text"),
    FLAG("reward.format_partial", GrpoSettings, format_partial, false, "format is the share of the frame's tags, not 0 or 1"),
    FLAG("reward.gate_format", GrpoSettings, gate_format, false, "all but the format counts only where the frame holds"),
    REAL("reward.language", GrpoSettings, term_weights[TERM_LANGUAGE], -1e3, 1e3, false, "weight of language consistency"),
    TEXT("reward.language_target", GrpoSettings, reward_language, false, "en, de, fr, es, pt, ru, ar, hi, zh, ja, ko; empty: the prompt's"),
    REAL("reward.overlong", GrpoSettings, term_weights[TERM_OVERLONG], -1e3, 1e3, false, "weight of DAPO's soft overlong punishment"),
    INT("reward.overlong_tokens", GrpoSettings, overlong_tokens, 1, 1e6, false, "before the cap in which it grows"),
    REAL("reward.cosine", GrpoSettings, term_weights[TERM_COSINE], -1e3, 1e3, false, "weight of the cosine length reward"),
    REAL("reward.repetition", GrpoSettings, term_weights[TERM_REPETITION], -1e3, 1e3, false, "weight of the n-gram penalty"),
    INT("reward.repetition_ngram", GrpoSettings, repetition_ngram, 1, 16, false, "n"),
    TEXT("reward.command", GrpoSettings, reward_command, false, "a shell command that rewards, by JSON lines; docs/your-own-reward.md"),
    REAL("reward.command_weight", GrpoSettings, term_weights[TERM_COMMAND], -1e3, 1e3, false, "its weight"),
    REAL("reward.command_seconds", GrpoSettings, command_seconds, 0.001, 86400, true, "that it may take for one completion"),
    TEXT("reward.plugin", GrpoSettings, reward_plugin, false, "a shared library that rewards; docs/your-own-reward.md"),
    TEXT("reward.plugin_settings", GrpoSettings, plugin_settings, false, "a text that it gets"),
    REAL("reward.plugin_weight", GrpoSettings, term_weights[TERM_PLUGIN], -1e3, 1e3, false, "its weight"),
    TEXT("reward.model", GrpoSettings, reward_model, false, "folder of a reward model (r1 reward-model) that scores each completion"),
    REAL("reward.model_weight", GrpoSettings, term_weights[TERM_MODEL], -1e3, 1e3, false, "its weight; scores are taken as they are"),
    PICK("reward.model_scored", GrpoSettings, reward_model_scored, SCORED_PARTS, "what it scores: what stands behind </think>, or everything"),
    TEXT("reward.judge", GrpoSettings, judge, false, "folder of a model that judges each completion in JSON: reward/judge.h"),
    REAL("reward.judge_weight", GrpoSettings, term_weights[TERM_JUDGE], -1e3, 1e3, false, "its weight"),
    PICK("reward.judge_form", GrpoSettings, judge_form, JUDGE_FORMS, "compare with the row's answer (-2 to 2), score alone (0 to 1), correct (0 or 1) by the row's answer"),
    PICK("reward.judge_scored", GrpoSettings, judge_scored, SCORED_PARTS, "what it judges"),
    INT("reward.judge_asks", GrpoSettings, judge_asks, 1, 256, false, "how often it is asked about each, orders drawn at random; opinions are averaged"),
    REAL("reward.judge_temperature", GrpoSettings, judge_temperature, 0, 100, false, "of what it writes"),
    INT("reward.judge_max_tokens", GrpoSettings, judge_max_tokens, 1, 1e6, false, "that it may write"),
    TEXT("reward.judge_prompt", GrpoSettings, judge_prompt, false, "what it is asked, with {question}, {A} and {B}; empty: the program's words"),
    INT("reward.workers", GrpoSettings, reward_workers, 0, 1024, true, "programs and commands judged at once; 0: three a thread"),
    {"tasks", KEY_TASKS, AT(GrpoSettings, tasks), 0, 0, NULL, false, "family: weight, or all"},
    INT("max_active", GrpoSettings, max_active, 1, 65536, true, "completions decoded at once; moves no bit"),
    FLAG("store_completions", GrpoSettings, store_completions, true, "keep every rollout's text and tokens in run.sqlite"),
    {0},
};
/* clang-format on */

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
                            .lora_alpha = 32.0,
                            .lora_targets = "all"};
}

PretrainSettings pretrain_defaults(void)
{
    PretrainSettings s = {.common = common_defaults(STAGE_PRETRAIN),
                          .tokens_per_step = 1024,
                          .tokens_per_step_final = 1024,
                          .prompt_weight = 0.1,
                          .vocab_size = 512,
                          .tokenizer_documents = 20000,
                          .init_std = 0.02,
                          .hidden_size = 128,
                          .n_layers = 4,
                          .n_heads = 4,
                          .n_kv_heads = 2,
                          .head_dim = 32,
                          .ffn_size = 320,
                          .max_positions = 1024,
                          .rope_theta = 10000.0,
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
    RewardModelSettings s = {.common = common_defaults(STAGE_REWARD_MODEL),
                             .data = "",
                             .epochs = 1, /* as the paper; its rate of 6e-6 is for 671 billion weights */
                             .batch_size = 16,
                             .max_length = 1024,
                             .held_out = 0.05,
                             .validation_data = "",
                             .validation_every = 50};
    s.common.schedule = SCHEDULE_COSINE;
    s.common.final_rate = 0.1;
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
        .reward_frame = "r1-zero",
        .reward_language = "",
        .overlong_tokens = 64,
        .repetition_ngram = 3,
        .reward_command = "",
        .reward_plugin = "",
        .plugin_settings = "",
        .command_seconds = 60,
        .reward_model = "",
        .judge = "",
        .judge_form = JUDGE_SCORE,
        .judge_asks = 4,
        .judge_max_tokens = 256,
        .judge_temperature = 1.0,
        .judge_prompt = "",
        .max_active = 128,
        .store_completions = true};
    for (int t = 0; t < task_count(); t++) s.tasks[t] = 1.0;
    return s;
}
