/* SPDX-License-Identifier: MIT */
/* recipe/run_plan.c: what a run will need, told and checked before it starts.
 *
 * Memory is what the modules' own plans add up to. FLOPs are estimates: training 6 a weight and token, sampling 2, completions
 * half as long as their cap; attention, a few percent at these lengths, is left out. The time takes training at 65% and
 * sampling at 45% of the rate of a matrix product that is measured here. */
#include "recipe/run.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "data/text_reader.h"
#include "format/gguf.h"
#include "model/adapter.h"
#include "model/folder.h"
#include "model/frozen.h"
#include "num/gemm.h"
#include "record/checkpoint.h"
#include "recipe/grpo_stage.h"
#include "recipe/pretrain_text.h"
#include "recipe/reward_model_data.h"
#include "recipe/sft_data.h"
#include "recipe/stage.h"

#include <math.h>
#include <unistd.h>

static const double TRAIN_SHARE = 0.65, SAMPLE_SHARE = 0.45, MEASURE_SECONDS = 0.25;

/* ---- what the recipe names ---- */

/* A file of problems, and room for its longest prompt. */
static bool check_data(const Recipe *r, const ModelConfig *config, const Tokenizer *tokenizer, const char *key,
                       const char *path, int64_t max_tokens, Error *err)
{
    const EvalConfig eval = {.samples = 1, .sampling = {.temperature = 1.0}};
    EvalPlan *plan;
    if (!*path) return true;
    if (!eval_plan_file(&plan, tokenizer, &eval, path, err)) return recipe_error_in(r, key, err);
    const int64_t longest = eval_plan_longest_prompt(plan);
    eval_plan_free(plan);
    if (longest + max_tokens <= config->max_positions) return true;
    return recipe_error(r, key, err,
                        "%s: a prompt of %lld tokens and %lld new ones do not fit into the model's %lld positions", key,
                        (long long)longest, (long long)max_tokens, (long long)config->max_positions);
}

static bool check_examples(const Recipe *r, const ModelConfig *config, const Tokenizer *tokenizer, const char *key,
                           const char *path, Error *err)
{
    ExampleOptions options;
    Examples examples;
    if (!*path) return true;
    if (!sft_example_options(&options, &r->sft, tokenizer, config, err)) return recipe_error_in(r, "model", err);
    if (!examples_read(&examples, tokenizer, path, &options, err)) return recipe_error_in(r, key, err);
    examples_free(&examples);
    return true;
}

/* Also that the rows held out leave some to learn from. */
static bool check_preferences(const Recipe *r, const ModelConfig *config, const Tokenizer *tokenizer, Error *err)
{
    RewardModelData data = {0};
    if (r->stage != STAGE_REWARD_MODEL || r->reward_model.epochs > 0)
        return true; /* recipe_count_steps has read them */
    const bool ok =
        reward_model_data_open(&data, &r->reward_model, tokenizer, config, err) || recipe_error_in(r, "data", err);
    reward_model_data_free(&data);
    return ok;
}

static bool check_tokenizer(const Recipe *r, const ModelConfig *config, Error *err)
{
    const CommonSettings *const c = r->common;
    Tokenizer *tokenizer;
    if (!adapter_tokenizer_open(&tokenizer, c->model, err)) return recipe_error_in(r, "model", err);
    const int64_t n = tokenizer_vocab_size(tokenizer);
    bool ok = n <= config->vocab_size || recipe_error(r, "model", err,
                                                      "model: %s: the tokenizer has ids up to %lld, the model a "
                                                      "vocabulary of %lld",
                                                      c->model, (long long)n - 1, (long long)config->vocab_size);
    if (r->stage == STAGE_GRPO)
        ok = ok && check_data(r, config, tokenizer, "data", r->grpo.data, r->grpo.max_completion_tokens, err);
    ok = ok && check_data(r, config, tokenizer, "eval.data", c->eval_data, c->eval_max_tokens, err);
    if (r->stage == STAGE_SFT) /* recipe_count_steps has read the data of a recipe with epochs */
        ok = ok && (r->sft.epochs > 0 || check_examples(r, config, tokenizer, "data", r->sft.data, err)) &&
             check_examples(r, config, tokenizer, "validation.data", r->sft.validation_data, err);
    ok = ok && check_preferences(r, config, tokenizer, err);
    tokenizer_free(tokenizer);
    return ok;
}

/* New adapters into the config. */
static bool check_adapters(const Recipe *r, ModelConfig *config, Error *err)
{
    LoraConfig lora;
    if (!stage_lora(&lora, r->common, err)) return recipe_error_in(r, "lora.targets", err);
    if (lora.rank == 0) return true;
    if (config->lora.rank > 0)
        return recipe_error(r, "lora.rank", err,
                            "lora.rank: the model %s holds adapters already: leave lora.rank out to train them on, or "
                            "name the model beneath them",
                            r->common->model);
    config->lora = lora;
    return model_config_check(config, err) || recipe_error_in(r, "lora.rank", err);
}

/* A plug-in that does not load is found before anything starts. */
static bool check_plugin(const Recipe *r, Error *err)
{
    PluginReward *plugin;
    if (r->stage != STAGE_GRPO || !*r->grpo.reward_plugin) return true;
    if (!plugin_reward_open(&plugin, r->grpo.reward_plugin, r->grpo.plugin_settings, err))
        return recipe_error_in(r, "reward.plugin", err);
    plugin_reward_close(plugin);
    return true;
}

/* A folder that a recipe has reward or judge: that it is whole, and of the right kind. */
static bool check_other_model(const Recipe *r, const char *key, const char *folder, bool scalar, Error *err)
{
    ModelConfig config;
    Tokenizer *tokenizer;
    if (!*folder) return true;
    if (!model_config_read(&config, folder, err) || !model_head_check(&config, scalar, folder, err) ||
        (scalar && !config.scalar_head &&
         !error_set(err, ERROR_INPUT, "%s: has no scalar head; r1 reward-model makes models that score", folder)) ||
        !model_folder_check(folder, &config, err) || !adapter_tokenizer_open(&tokenizer, folder, err))
        return recipe_error_in(r, key, err);
    tokenizer_free(tokenizer);
    return true;
}

static bool check_other_models(const Recipe *r, Error *err)
{
    return r->stage != STAGE_GRPO || (check_other_model(r, "reward.model", r->grpo.reward_model, true, err) &&
                                      check_other_model(r, "reward.judge", r->grpo.judge, false, err));
}

static bool check_model(const Recipe *r, ModelConfig *config, Error *err)
{
    const char *const folder = r->common->model;
    if (!file_is_folder(folder) && !gguf_is(folder))
        return recipe_error(r, "model", err, "model: %s: there is no such folder%s", folder,
                            file_exists(folder) ? " (it is a file; a Hugging Face folder or a GGUF file is needed)"
                                                : "");
    const bool scalar = r->stage == STAGE_REWARD_MODEL;
    if (!model_config_read(config, folder, err) || !model_head_check(config, scalar, folder, err) ||
        !model_folder_check(folder, config, err))
        return recipe_error_in(r, "model", err);
    config->scalar_head = scalar;
    if (!check_adapters(r, config, err)) return false;
    return check_tokenizer(r, config, err) && check_plugin(r, err) && check_other_models(r, err);
}

/* A prompt has fewer than TASK_MAX_TEXT bytes and a token at least one: with that much room no step can run out of it. */
static bool check_room(const Recipe *r, const ModelConfig *config, const char *key, int64_t max_tokens, Error *err)
{
    if (max_tokens + TASK_MAX_TEXT <= config->max_positions) return true;
    return recipe_error(r, key, err,
                        "%s: %lld leaves no room for prompts of up to %d tokens in the model's %lld positions", key,
                        (long long)max_tokens, TASK_MAX_TEXT, (long long)config->max_positions);
}

/* That there is a text, not that all of it can be read. A run that has its tokens does not look at texts any more. */
static bool check_text(const Recipe *r, const char *folder, Error *err)
{
    TextReader *reader;
    TextPart part = {.text = NULL};
    char *const tokens = base_printf("%s/tokens", folder);
    const bool there = file_is_folder(tokens);
    base_free(tokens);
    if (!*r->pretrain.data || there) return true;
    bool ok = text_reader_open(&reader, r->pretrain.data, r->pretrain.section_bytes, err);
    if (ok) {
        ok = text_reader_next(reader, &part, err) &&
             (part.text || error_set(err, ERROR_INPUT, "%s: holds no text", r->pretrain.data));
        text_reader_close(reader);
    }
    return ok || recipe_error_in(r, "data", err);
}

static bool check_pretrain_config(const Recipe *r, const char *folder, ModelConfig *config, Error *err)
{
    const PretrainSettings *const s = &r->pretrain;
    if (*s->common.model) {
        if (!check_model(r, config, err)) return false;
    } else {
        *config = pretrain_shape(s, s->vocab_size, 0);
        if (!model_config_check(config, err)) return recipe_error_in(r, "shape", err);
    }
    if (s->context > config->max_positions)
        return recipe_error(r, "text.context", err, "text.context: %lld is more than the model's %lld positions",
                            (long long)s->context, (long long)config->max_positions);
    return check_text(r, folder, err);
}

static bool asks_problems(const Recipe *r)
{
    return r->stage == STAGE_PRETRAIN ? pretrain_asks_problems(&r->pretrain) : r->common->eval_every > 0;
}

static bool check_config(const Recipe *r, const char *folder, ModelConfig *config, Error *err)
{
    const CommonSettings *const c = r->common;
    if (r->stage == STAGE_PRETRAIN) {
        if (!check_pretrain_config(r, folder, config, err)) return false;
    } else if (!check_model(r, config, err)) {
        return false;
    }
    if (c->expert_bias_rate > 0.0 && !config->moe.correction_bias)
        return recipe_error(r, "expert_bias_rate", err,
                            "expert_bias_rate: the model has no experts with a correction bias; leave it 0");
    if (c->expert_balance_coef > 0.0 && config->moe.n_experts == 0)
        return recipe_error(r, "expert_balance_coef", err, "expert_balance_coef: the model has no experts; leave it 0");
    if (r->stage == STAGE_GRPO && !check_room(r, config, "max_completion_tokens", r->grpo.max_completion_tokens, err))
        return false;
    return !asks_problems(r) || check_room(r, config, "eval.max_tokens", c->eval_max_tokens, err);
}

/* ---- what it takes ---- */

enum {
    EVAL_PROBLEM_BYTES = 1024,
    EVAL_SAMPLE_BYTES = 96
}; /* about: texts and ids of a problem, score and answer of a sample */

static int64_t n_evaluation_samples(const Recipe *r)
{
    const CommonSettings *const c = r->common;
    int64_t n_cells = 0;
    for (int t = 0; t < task_count(); t++) n_cells += task_train_levels(t);
    return asks_problems(r) ? n_cells * c->eval_problems * c->eval_samples : 0;
}

static void plan_pretrain(RunPlan *plan, const PretrainSettings *s, const ModelConfig *config, int n_threads)
{
    const double tokens = 0.5 * (double)(s->tokens_per_step + s->tokens_per_step_final) * (double)s->common.steps;
    plan->train_flops = 3.0 * (double)model_token_flops(config) * tokens;
    /* ids, weights, log-probabilities, each grown by doubling; the tokenizer's text, grown likewise */
    const int64_t most = s->tokens_per_step > s->tokens_per_step_final ? s->tokens_per_step : s->tokens_per_step_final;
    plan->memory_bytes += 24 * most + 320 * s->tokenizer_documents;
    if (pretrain_asks_problems(s))
        plan->memory_bytes += (int64_t)engine_plan_bytes(
            config, STAGE_EVAL_ACTIVE, stage_max_sequence(config, s->common.eval_max_tokens), n_threads);
}

/* Updates as full as their packs may be: an estimate from above. */
static void plan_sft(RunPlan *plan, const SftSettings *s, const ModelConfig *config, int n_threads)
{
    const int64_t length = s->max_length < config->max_positions ? s->max_length : config->max_positions;
    const double tokens = (double)length * (double)s->batch_size * (double)s->common.steps;
    plan->train_flops = 3.0 * (double)model_token_flops(config) * tokens;
    plan->memory_bytes += 16 * length * s->batch_size;
    if (s->common.eval_every > 0)
        plan->memory_bytes += (int64_t)engine_plan_bytes(
            config, STAGE_EVAL_ACTIVE, stage_max_sequence(config, s->common.eval_max_tokens), n_threads);
}

/* Updates as long as their rows may be. */
static void plan_reward_model(RunPlan *plan, const RewardModelSettings *s, const ModelConfig *config)
{
    const int64_t length = s->max_length < config->max_positions ? s->max_length : config->max_positions;
    plan->train_flops =
        3.0 * (double)model_token_flops(config) * (double)length * 2.0 * (double)(s->batch_size * s->common.steps);
    plan->memory_bytes += 16 * s->batch_size;
}

/* Of a reward model or judge that a recipe names: its weights, not what it is run in. */
static int64_t other_model_bytes(const char *folder)
{
    ModelConfig config;
    Error ignored = {0};
    if (!*folder || !model_config_read(&config, folder, &ignored)) return 0;
    return frozen_bytes(folder, &config, WEIGHTS_STORED);
}

static void plan_grpo(RunPlan *plan, const GrpoSettings *s, const ModelConfig *config, int n_threads)
{
    const int64_t samples = s->prompts_per_step * s->group_size;
    const int64_t cap =
        s->max_completion_tokens > s->common.eval_max_tokens ? s->max_completion_tokens : s->common.eval_max_tokens;
    const double tokens = 0.5 * (double)(s->max_completion_tokens * samples) * (double)s->common.steps;
    const double token_flops = (double)model_token_flops(config);
    plan->train_flops = (double)s->inner_epochs * (3.0 + (s->kl_coef != 0.0)) * token_flops * tokens;
    plan->sample_flops += token_flops * tokens;
    plan->memory_bytes += (int64_t)engine_plan_bytes(config, s->max_active, stage_max_sequence(config, cap), n_threads);
    plan->memory_bytes += other_model_bytes(s->reward_model) + other_model_bytes(s->judge);
    /* ids, inputs, log-probabilities, weights, entropies; what else a completion and a question hold */
    plan->memory_bytes += samples * s->max_completion_tokens * 32 +
                          samples * (int64_t)(sizeof(Sampled) + sizeof(TrainSequence)) +
                          s->prompts_per_step * (int64_t)sizeof(Question);
}

/* Of a training batch. */
static int64_t longest_sequence(const Recipe *r, const ModelConfig *config)
{
    if (r->stage == STAGE_PRETRAIN && *r->pretrain.data) return pretrain_text_context(&r->pretrain, config);
    if (r->stage == STAGE_SFT || r->stage == STAGE_REWARD_MODEL) {
        /* the responses of a pair stand in one micro-batch */
        const int64_t most = r->stage == STAGE_SFT ? r->sft.max_length : 2 * r->reward_model.max_length;
        return most < config->max_positions ? most : config->max_positions;
    }
    return stage_max_sequence(config, r->stage == STAGE_GRPO ? r->grpo.max_completion_tokens : 0);
}

static bool plan_needs(const Recipe *r, RunPlan *plan, const ModelConfig *config, int n_threads, Error *err)
{
    const CommonSettings *const c = r->common;
    const bool has_reference = r->stage == STAGE_GRPO && r->grpo.kl_coef != 0.0;
    ParamLayout layout, adapters = {0};
    if (!param_layout_create(&layout, config, err)) return false;
    if (config->lora.rank > 0 && !param_layout_create_adapters(&adapters, config, err)) return false;
    const ParamLayout *const trained = config->lora.rank > 0 ? &adapters : &layout;
    const int64_t longest = longest_sequence(r, config);
    /* weights, panels, two moments; a reference doubles the first two, but for weights that are not trained */
    plan->parameters = layout.n_parameters;
    plan->memory_bytes = (2 * layout.n_floats + (has_reference ? 4 : 2) * trained->n_floats + 2 * adapters.n_floats) *
                             (int64_t)sizeof(float) +
                         (int64_t)trainer_plan_bytes(config, trained, c->micro_batch_tokens, longest, c->shards,
                                                     n_threads, c->recompute);
    param_layout_free(&adapters);
    param_layout_free(&layout);
    const double n_evaluations = c->eval_every > 0 ? 1.0 + (double)c->steps / (double)c->eval_every : 0.0;
    plan->sample_flops = n_evaluations * 0.5 * (double)c->eval_max_tokens * (double)n_evaluation_samples(r) *
                         (double)model_token_flops(config);
    if (!*c->eval_data)
        plan->memory_bytes += n_evaluation_samples(r) * EVAL_SAMPLE_BYTES +
                              n_evaluation_samples(r) / c->eval_samples * EVAL_PROBLEM_BYTES;
    if (r->stage == STAGE_PRETRAIN)
        plan_pretrain(plan, &r->pretrain, config, n_threads);
    else if (r->stage == STAGE_SFT)
        plan_sft(plan, &r->sft, config, n_threads);
    else if (r->stage == STAGE_REWARD_MODEL)
        plan_reward_model(plan, &r->reward_model, config);
    else
        plan_grpo(plan, &r->grpo, config, n_threads);
    return true;
}

/* Memory that is never touched costs nothing and plans are generous, so only what is far beyond the machine is refused. */
static bool check_memory(const Recipe *r, const RunPlan *plan, Error *err)
{
    const double has = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    if (plan->memory_bytes >= 0 && (double)plan->memory_bytes <= 2.0 * has) return true;
    return recipe_error(
        r, r->stage == STAGE_PRETRAIN ? "shape" : "model", err,
        "the run would need about %.0f GiB of memory, this machine has %.0f: choose a smaller model, or lower "
        "%s or the size of an evaluation",
        plan->memory_bytes >= 0 ? (double)plan->memory_bytes / 0x1p30 : (double)INFINITY, has / 0x1p30,
        r->stage == STAGE_GRPO       ? "micro_batch_tokens, max_active, the size of a rollout"
        : r->stage == STAGE_PRETRAIN ? "micro_batch_tokens, tokens_per_step, tokenizer.documents"
                                     : "micro_batch_tokens, batch_size, max_length");
}

/* Operations a second of a matrix product with all threads. */
static double measure_rate(const Compute *compute)
{
    enum { M = 256, N = 768, K = 256 };
    const int64_t panel_floats = gemm_packed_floats(N, K);
    Arena memory;
    Error ignored = {0};
    const size_t bytes = arena_piece_bytes((size_t)panel_floats, sizeof(float)) +
                         arena_piece_bytes((size_t)M * K, sizeof(float)) +
                         arena_piece_bytes((size_t)M * N, sizeof(float));
    if (!arena_create(&memory, "rate", bytes, &ignored)) return (double)NAN;
    float *const panels = ARENA_ARRAY(&memory, float, panel_floats, 1), *const x = ARENA_ARRAY(&memory, float, M, K);
    float *const y = ARENA_ARRAY(&memory, float, M, N);
    const Gemm gemm = gemm_forward(y, N, x, K, panels, NULL, M, N, K);
    gemm_run(compute->k, compute->threads, &gemm); /* touches the pages */
    const double start = clock_seconds();
    double seconds = 0;
    int64_t n = 0;
    for (; seconds < MEASURE_SECONDS; n++) {
        gemm_run(compute->k, compute->threads, &gemm);
        seconds = clock_seconds() - start;
    }
    arena_free(&memory);
    return 2.0 * M * N * K * (double)n / seconds;
}

static bool plan_resume(const Recipe *r, RunPlan *plan, const char *folder, Error *err)
{
    int64_t *steps, n_steps;
    if (!run_folder_check(r, folder, err) || !checkpoint_list(folder, &steps, &n_steps, err)) return false;
    plan->finished = run_folder_finished(folder, r->common->steps);
    plan->resumes = n_steps > 0;
    plan->resume_step = n_steps > 0 ? steps[n_steps - 1] : 0;
    base_free(steps);
    return true;
}

bool recipe_plan(const Recipe *r, const RunOptions *options, const Compute *compute, bool timed, RunPlan *plan,
                 Error *err)
{
    *plan = (RunPlan){.steps = r->common->steps, .seconds = (double)NAN};
    ModelConfig config;
    char *const folder = recipe_run_folder(r, options);
    const bool ok = check_config(r, folder, &config, err) &&
                    plan_needs(r, plan, &config, threads_count(compute->threads), err) && check_memory(r, plan, err) &&
                    plan_resume(r, plan, folder, err);
    base_free(folder);
    if (!ok) return false;
    if (timed) {
        const double rate = measure_rate(compute);
        plan->seconds = plan->train_flops / (TRAIN_SHARE * rate) + plan->sample_flops / (SAMPLE_SHARE * rate);
    }
    return true;
}
