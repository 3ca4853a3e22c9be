/* SPDX-License-Identifier: MIT */
/* recipe/plan_needs.c: what a run takes, kind by kind.
 *
 * Memory is what the modules' own plans add up to. FLOPs are estimates: training 6 a weight and token, sampling 2, completions
 * half as long as their cap; attention, a few percent at these lengths, is left out. */
#include "recipe/critic.h"
#include "recipe/plan_parts.h"

#include "base/file.h"
#include "model/frozen.h"
#include "recipe/distill.h"
#include "recipe/grpo_stage.h"
#include "recipe/pretrain_text.h"
#include "recipe/stage_type.h"

#include <math.h>
#include <string.h>

enum {
    EVAL_PROBLEM_BYTES = 1024,
    EVAL_SAMPLE_BYTES = 96
}; /* about: texts and ids of a problem, score and answer of a sample */

static int64_t n_evaluation_samples(const Recipe *r)
{
    const CommonSettings *const c = r->common;
    int64_t n_cells = 0;
    for (int t = 0; t < task_count(); t++) n_cells += task_train_levels(t);
    if (c->task_language == LANGUAGE_BOTH) n_cells *= 2;
    return plan_asks_problems(r) ? n_cells * c->eval_problems * c->eval_samples : 0;
}

void plan_pretrain(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    const PretrainSettings *const s = &r->pretrain;
    const int64_t first = pretrain_tokens_of_step(s, 0), last = pretrain_tokens_of_step(s, s->common.steps - 1);
    const double tokens = 0.5 * (double)(first + last) * (double)s->common.steps;
    plan->train_flops = 3.0 * (double)model_token_flops(config) * tokens;
    /* ids, weights, log-probabilities, each grown by doubling; the tokenizer's text, grown likewise */
    const int64_t most = s->tokens_per_step > s->tokens_per_step_final ? s->tokens_per_step : s->tokens_per_step_final;
    plan->data_tokens = 0;
    plan->memory_bytes += 24 * most + 320 * s->tokenizer_documents;
    if (pretrain_asks_problems(s))
        plan->memory_bytes += (int64_t)engine_plan_bytes(
            config, STAGE_EVAL_ACTIVE, stage_max_sequence(config, s->common.eval_max_tokens), n_threads);
}

static int64_t longest_example(const SftSettings *s, const ModelConfig *config)
{
    return s->max_length < config->max_positions ? s->max_length : config->max_positions;
}

/* What the student samples stands behind prompts of examples. */
static int64_t longest_distilled(const DistillSettings *s, const ModelConfig *config)
{
    const int64_t longest = s->sft.max_length + (s->lambda > 0 ? s->max_completion_tokens : 0);
    return longest < config->max_positions ? longest : config->max_positions;
}

/* Tokens of all updates, each as full as it may be: an estimate from above. Where the data is still to be made, all of it in full
 * updates: their number is one from below. */
static double tokens_of(RunPlan *plan, int64_t epochs, int64_t steps, int64_t of_update)
{
    double tokens = (double)of_update * (double)steps;
    if (plan->counts_later) {
        tokens = (double)epochs * plan->data_tokens;
        plan->steps = epochs * (int64_t)ceil(plan->data_tokens / (double)of_update);
    }
    plan->data_tokens = 0;
    return tokens;
}

/* Packs, or pairs of two sequences. */
static void plan_examples(RunPlan *plan, const SftSettings *s, const ModelConfig *config, int64_t sequences,
                          int n_threads)
{
    const int64_t of_update = longest_example(s, config) * s->batch_size * sequences;
    plan->train_flops =
        3.0 * (double)model_token_flops(config) * tokens_of(plan, s->epochs, s->common.steps, of_update);
    plan->memory_bytes += 16 * of_update;
    if (s->common.eval_every > 0)
        plan->memory_bytes += (int64_t)engine_plan_bytes(
            config, STAGE_EVAL_ACTIVE, stage_max_sequence(config, s->common.eval_max_tokens), n_threads);
}

void plan_sft(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    plan_examples(plan, &r->sft, config, 1, n_threads);
}

/* Updates as long as their rows may be. */
void plan_reward_model(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    const SftSettings *const s = &r->reward_model.sft;
    plan->train_flops = 3.0 * (double)model_token_flops(config) *
                        tokens_of(plan, s->epochs, s->common.steps, 2 * longest_example(s, config) * s->batch_size);
    plan->memory_bytes += 16 * s->batch_size;
    (void)n_threads;
}

/* Weights that are read alone; of a model that is still to be made, as floats. */
static int64_t teacher_bytes(const DistillSettings *s, const ModelConfig *teacher)
{
    ParamLayout layout;
    Error ignored = {0};
    if (file_exists(s->teacher)) return frozen_bytes(s->teacher, teacher, WEIGHTS_STORED);
    if (!param_layout_create(&layout, teacher, &ignored)) return 0;
    const int64_t bytes = layout.n_floats * (int64_t)sizeof(float);
    param_layout_free(&layout);
    return bytes;
}

/* The student as sft plans it, the teacher beside it; completions half as long as their cap. */
void plan_distill(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    const DistillSettings *const s = &r->distill;
    const CommonSettings *const c = &s->sft.common;
    const ModelConfig *const teacher = &plan->teacher;
    plan_examples(plan, &s->sft, config, 1, n_threads);
    const double teacher_flops = (double)model_token_flops(teacher), student_flops = (double)model_token_flops(config);
    if (s->mode == DISTILL_LOGITS) plan->train_flops *= 1.0 + teacher_flops / (3.0 * student_flops);
    plan->sample_flops +=
        0.5 * s->lambda * (double)plan->steps * (double)(s->sft.batch_size * s->max_completion_tokens) * student_flops;
    plan->memory_bytes +=
        teacher_bytes(s, teacher) +
        (int64_t)teacher_plan_bytes(teacher, c->micro_batch_tokens, longest_distilled(s, config), n_threads);
    if (s->lambda > 0)
        plan->memory_bytes +=
            (int64_t)engine_plan_bytes(config, s->max_active, longest_distilled(s, config), n_threads);
    if (s->samples_per_problem > 0)
        plan->memory_bytes += (int64_t)engine_plan_bytes(teacher, s->max_active,
                                                         stage_max_sequence(teacher, s->samples_max_tokens), n_threads);
}

/* Two completions a pair; the reference reads all once an epoch at most. */
void plan_dpo(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    plan_examples(plan, &r->dpo.sft, config, 2, n_threads);
    plan->train_flops *= 4.0 / 3.0;
}

/* Of reward models and a judge: their weights; a token that is scored, or a judge's, costs the sampled model's. One that is still to be
 * made is taken to be as large as that. */
static void plan_judging(RunPlan *plan, const GrpoSettings *s, const ModelConfig *policy, double scored_tokens,
                         int n_threads)
{
    const char *folders[2 + MAX_ROUTES] = {s->reward_model, s->judge};
    int n = 2;
    for (int64_t i = 0; i < s->routes.head.n; i++) folders[n++] = s->routes.items[i].reward_model;
    for (int i = 0; i < n; i++) {
        ModelConfig config = *policy;
        Error ignored = {0};
        int k = 0;
        while (k < i && strcmp(folders[k], folders[i]) != 0) k++;
        if (!*folders[i] || k < i) continue;
        const bool there = file_exists(folders[i]) && model_config_read(&config, folders[i], &ignored);
        plan->memory_bytes += there ? frozen_bytes(folders[i], &config, WEIGHTS_STORED) : plan->parameters * 4;
        if (i == 1) /* the judge also samples */
            plan->memory_bytes += (int64_t)engine_plan_bytes(
                &config, s->max_active, stage_max_sequence(&config, s->judge_max_tokens), n_threads);
    }
    const double token_flops = (double)model_token_flops(policy);
    if (settings_reward_by_models(s)) plan->sample_flops += token_flops * scored_tokens;
    if (*s->judge)
        plan->sample_flops += token_flops * 0.5 * (double)(s->judge_asks * s->judge_max_tokens * s->common.steps) *
                              (double)(s->prompts_per_step * s->group_size);
}

void plan_grpo(RunPlan *plan, const Recipe *r, const ModelConfig *config, int n_threads)
{
    const GrpoSettings *const s = &r->grpo;
    plan->data_tokens = 0;
    const int64_t samples = s->prompts_per_step * s->group_size;
    const int64_t cap =
        s->max_completion_tokens > s->common.eval_max_tokens ? s->max_completion_tokens : s->common.eval_max_tokens;
    const double tokens = 0.5 * (double)(s->max_completion_tokens * samples) * (double)s->common.steps;
    const double token_flops = (double)model_token_flops(config);
    plan->train_flops = (double)s->inner_epochs * (3.0 + (s->kl_coef != 0.0)) * token_flops * tokens;
    plan->sample_flops += token_flops * tokens;
    plan_judging(plan, s, config, tokens, n_threads);
    plan->memory_bytes += (int64_t)engine_plan_bytes(config, s->max_active, stage_max_sequence(config, cap), n_threads);
    /* ids, inputs, log-probabilities, weights, entropies; what else a completion and a question hold */
    plan->memory_bytes += samples * s->max_completion_tokens * 32 +
                          samples * (int64_t)(sizeof(Sampled) + sizeof(TrainSequence)) +
                          s->prompts_per_step * (int64_t)sizeof(Question);
}

/* Of a training batch. */
static int64_t longest_sequence(const Recipe *r, const ModelConfig *config)
{
    if (r->stage == STAGE_PRETRAIN && *r->pretrain.data) return pretrain_text_context(&r->pretrain, config);
    if (r->stage == STAGE_SFT || r->stage == STAGE_DPO) return longest_example(recipe_examples(r), config);
    if (r->stage == STAGE_DISTILL) return longest_distilled(&r->distill, config);
    if (r->stage == STAGE_REWARD_MODEL) { /* the responses of a pair stand in one micro-batch */
        const int64_t most = 2 * r->reward_model.sft.max_length;
        return most < config->max_positions ? most : config->max_positions;
    }
    return stage_max_sequence(config, r->stage == STAGE_GRPO ? r->grpo.max_completion_tokens : 0);
}

/* Weights, gradients, moments, a micro-batch. */
static bool plan_training(const Recipe *r, RunPlan *plan, const ModelConfig *config, int n_threads, Error *err)
{
    const CommonSettings *const c = r->common;
    const bool has_reference = r->stage == STAGE_GRPO && r->grpo.kl_coef != 0.0;
    ParamLayout layout, adapters = {0};
    if (!param_layout_create(&layout, config, err)) return false;
    if (config->lora.rank > 0 && !param_layout_create_adapters(&adapters, config, err)) return false;
    const ParamLayout *const trained = config->lora.rank > 0 ? &adapters : &layout;
    const int64_t longest = longest_sequence(r, config);
    /* weights, panels, two moments; a reference doubles the first two, but for weights that are not trained: these stand as their
     * file has them, or, of a model that is still to be made, in f32 */
    const bool is_there = *c->model && file_exists(c->model);
    const int64_t frozen = config->lora.rank == 0 ? 0
                           : is_there             ? frozen_bytes(c->model, config, WEIGHTS_STORED)
                                                  : layout.n_floats * (int64_t)sizeof(float);
    plan->parameters = layout.n_parameters;
    plan->memory_bytes =
        frozen + ((has_reference ? 4 : 2) * trained->n_floats + 2 * trained->n_floats) * (int64_t)sizeof(float) +
        (int64_t)trainer_plan_bytes(config, trained, c->micro_batch_tokens, longest, c->shards, n_threads,
                                    c->recompute);
    param_layout_free(&adapters);
    param_layout_free(&layout);
    return true;
}

/* Beside what plan_grpo has: a value model reads the rollout and learns from it. */
static bool plan_value_model(const Recipe *r, RunPlan *plan, int n_threads, Error *err)
{
    const GrpoSettings *const s = &r->grpo;
    int64_t bytes;
    double token_flops;
    if (r->stage != STAGE_GRPO || s->algorithm != ALGORITHM_PPO) return true;
    if (!critic_plan(s, longest_sequence(r, &plan->config), n_threads, &bytes, &token_flops, err)) return false;
    plan->memory_bytes += bytes;
    plan->train_flops += (1.0 + 3.0 * (double)s->inner_epochs) * token_flops * 0.5 * (double)s->common.steps *
                         (double)(s->prompts_per_step * s->group_size * s->max_completion_tokens);
    return true;
}

/* A model that is only asked: its weights once. */
static bool plan_asking(RunPlan *plan, const ModelConfig *config, Error *err)
{
    ParamLayout layout;
    if (!param_layout_create(&layout, config, err)) return false;
    plan->parameters = layout.n_parameters;
    plan->memory_bytes = layout.n_floats * (int64_t)sizeof(float);
    param_layout_free(&layout);
    return true;
}

/* The file that the stage learns or asks from; "": none. */
static const char *data_of(const Recipe *r)
{
    const SftSettings *const examples = recipe_examples(r);
    return examples                   ? examples->data
           : r->stage == STAGE_REJECT ? r->reject.data
           : r->stage == STAGE_PAIRS  ? r->pairs.data
                                      : "";
}

/* Its steps come from its data, and that, or the tokenizer it is read by, is still to be made. */
static bool counts_later(const Recipe *r, const PlanAhead *ahead)
{
    const SftSettings *const examples = recipe_examples(r);
    if (!ahead->model && !ahead->teacher && !ahead->data && !ahead->other) return false;
    return examples                  ? examples->epochs > 0
           : r->stage == STAGE_PAIRS ? ahead->data != NULL
                                     : r->stage == STAGE_REJECT && *r->reject.data;
}

bool plan_needs(const Recipe *r, const PlanAhead *ahead, RunPlan *plan, int n_threads, Error *err)
{
#define PLAN(KIND, word, Type, name, outputs) plan_##word,
    static void (*const plan_stage[])(RunPlan *, const Recipe *, const ModelConfig *, int) = {STAGE_TYPES(PLAN)};
#undef PLAN
    const CommonSettings *const c = r->common;
    const ModelConfig *const config = &plan->config;
    if (r->stage == STAGE_TASK_ROWS) {
        plan_task_rows(plan, r, config, n_threads);
        return true;
    }
    if (!(stage_trains(r->stage) ? plan_training(r, plan, config, n_threads, err) : plan_asking(plan, config, err)))
        return false;
    plan->counts_later = counts_later(r, ahead);
    const double n_evaluations = c->eval_every > 0 ? 1.0 + (double)c->steps / (double)c->eval_every : 0.0;
    plan->sample_flops = n_evaluations * 0.5 * (double)c->eval_max_tokens * (double)n_evaluation_samples(r) *
                         (double)model_token_flops(config);
    if (!*c->eval_data)
        plan->memory_bytes += n_evaluation_samples(r) * EVAL_SAMPLE_BYTES +
                              n_evaluation_samples(r) / c->eval_samples * EVAL_PROBLEM_BYTES;
    plan->data_tokens = ahead->data ? ahead->data->data_tokens : 0;
    if (plan->counts_later && !ahead->data)
        plan->data_tokens = (double)file_size(data_of(r)); /* a token has at least a byte */
    plan_stage[r->stage](plan, r, config, n_threads);
    return ahead->model || ahead->other || plan_value_model(r, plan, n_threads, err);
}
