/* SPDX-License-Identifier: MIT */
/* recipe/plan_check.c: what must hold of the models and files that a recipe names, and of both together, before its first step. */
#include "recipe/critic.h"
#include "recipe/plan_parts.h"

#include "base/arena.h"
#include "base/file.h"
#include "data/text_reader.h"
#include "format/gguf.h"
#include "model/adapter.h"
#include "model/folder.h"
#include "recipe/distill.h"
#include "recipe/dpo_data.h"
#include "recipe/grpo_stage.h"
#include "recipe/pairs_stage.h"
#include "recipe/pretrain_text.h"
#include "recipe/reject.h"
#include "recipe/reward_model_data.h"

#include <string.h>

/* Data, or another thing that the stage reads, is still to be made. */
static bool ahead_of_data(const PlanAhead *ahead)
{
    return ahead->data || ahead->other;
}

static bool check_longest(const Recipe *r, const ModelConfig *config, const char *key, int64_t longest,
                          int64_t max_tokens, Error *err)
{
    if (longest + max_tokens <= config->max_positions) return true;
    return recipe_error(r, key, err,
                        "%s: a prompt of %lld tokens and %lld new ones do not fit into the model's %lld positions", key,
                        (long long)longest, (long long)max_tokens, (long long)config->max_positions);
}

/* A file of problems, and room for its longest prompt. */
static bool check_data(const Recipe *r, const ModelConfig *config, const Tokenizer *tokenizer, const char *key,
                       const char *path, int64_t max_tokens, Error *err)
{
    const EvalConfig eval = {.samples = 1, .sampling = {.temperature = 1.0}, .rewarded = strcmp(key, "data") == 0};
    EvalPlan *plan;
    if (!*path) return true;
    if (!eval_plan_file(&plan, tokenizer, &eval, path, err)) return recipe_error_in(r, key, err);
    const int64_t longest = eval_plan_longest_prompt(plan);
    eval_plan_free(plan);
    return check_longest(r, config, key, longest, max_tokens, err);
}

/* The same of what RL asks, its own file's or its routes'. */
static bool check_questions(const Recipe *r, const ModelConfig *config, const Tokenizer *tokenizer, Error *err)
{
    const char *const key = routes_ask(&r->grpo.routes) ? "routes" : "data";
    QuestionRows rows;
    const bool read = question_rows_read(&rows, tokenizer, &r->grpo, err) && question_rows_check_ids(&rows, err);
    const int64_t longest = question_rows_longest(&rows);
    question_rows_free(&rows);
    if (!read) return recipe_error_in(r, key, err);
    return longest == 0 || check_longest(r, config, key, longest, r->grpo.max_completion_tokens, err);
}

/* A prompt has fewer than TASK_MAX_TEXT bytes and a token at least one: with that much room no step can run out of it. */
static bool check_room(const Recipe *r, const ModelConfig *config, const char *key, int64_t max_tokens, Error *err)
{
    if (max_tokens + TASK_MAX_TEXT <= config->max_positions) return true;
    return recipe_error(r, key, err,
                        "%s: %lld leaves no room for prompts of up to %d tokens in the model's %lld positions", key,
                        (long long)max_tokens, TASK_MAX_TEXT, (long long)config->max_positions);
}

/* What the teacher is to read, and the student to answer itself. */
static bool check_distilled(const Recipe *r, const char *path, const Examples *examples, const ModelConfig *teacher,
                            const ModelConfig *config, Error *err)
{
    const DistillSettings *const s = &r->distill;
    int64_t longest;
    if (r->stage != STAGE_DISTILL) return true;
    return distill_check_lengths(s, path, examples, teacher, err) &&
           (strcmp(path, s->sft.data) != 0 || distill_check_prompts(s, examples, config, teacher, &longest, err));
}

static bool check_examples(const Recipe *r, const SftSettings *s, const ModelConfig *teacher, const ModelConfig *config,
                           const Tokenizer *tokenizer, const char *key, const char *path, Error *err)
{
    ExampleOptions options;
    Examples examples;
    if (!*path) return true;
    if (!sft_example_options(&options, s, tokenizer, config, err)) return recipe_error_in(r, "model", err);
    if (!examples_read(&examples, tokenizer, path, &options, err)) return recipe_error_in(r, key, err);
    const bool ok = check_distilled(r, path, &examples, teacher, config, err) || recipe_error_in(r, key, err);
    examples_free(&examples);
    return ok;
}

/* recipe_count_steps has read the data of a recipe with epochs. */
static bool check_all_examples(const Recipe *r, const SftSettings *s, const ModelConfig *teacher,
                               const ModelConfig *config, const Tokenizer *tokenizer, Error *err)
{
    const bool made = r->stage == STAGE_DISTILL && r->distill.samples_per_problem > 0;
    return (s->epochs > 0 || made || check_examples(r, s, teacher, config, tokenizer, "data", s->data, err)) &&
           check_examples(r, s, teacher, config, tokenizer, "validation.data", s->validation_data, err);
}

static int64_t max_of(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool check_pairs(const Recipe *r, const ModelConfig *config, const Tokenizer *tokenizer, const char *key,
                        const char *path, Error *err)
{
    PairSet set = {0};
    if (!*path) return true;
    const bool ok = pair_set_open(&set, &r->dpo, path, tokenizer, config, 1, err) || recipe_error_in(r, key, err);
    pair_set_free(&set);
    return ok;
}

/* Teacher and student know the same tokens; the problems that the teacher is to answer. */
static bool check_teacher(const Recipe *r, const PlanAhead *ahead, const ModelConfig *teacher,
                          const ModelConfig *config, const Tokenizer *tokenizer, Error *err)
{
    const DistillSettings *const s = &r->distill;
    if (!ahead->teacher && !distill_check_vocabulary(s, tokenizer, config, teacher, err))
        return recipe_error_in(r, "teacher", err);
    if (s->samples_per_problem == 0) return true;
    const int64_t own = s->lambda > 0 ? s->max_completion_tokens : 0; /* what the student says to the same problems */
    if (*s->sft.data)
        return ahead_of_data(ahead) ||
               (check_data(r, teacher, tokenizer, "data", s->sft.data, max_of(s->samples_max_tokens, own), err) &&
                check_data(r, config, tokenizer, "data", s->sft.data, own, err));
    return check_room(r, teacher, "samples.max_tokens", max_of(s->samples_max_tokens, own), err) &&
           check_room(r, config, "max_completion_tokens", own, err);
}

/* Also that the rows held out leave some to learn from. */
static bool check_preferences(const Recipe *r, const ModelConfig *config, const Tokenizer *tokenizer, Error *err)
{
    RewardModelData data = {0};
    if (r->stage != STAGE_REWARD_MODEL || r->reward_model.sft.epochs > 0)
        return true; /* recipe_count_steps has read them */
    const bool ok =
        reward_model_data_open(&data, &r->reward_model, tokenizer, config, err) || recipe_error_in(r, "data", err);
    reward_model_data_free(&data);
    return ok;
}

static bool check_folder(const Recipe *r, const char *key, const char *folder, Error *err)
{
    return file_is_folder(folder) || gguf_is(folder) ||
           recipe_error(r, key, err, "%s: %s: there is no such folder%s", key, folder,
                        file_exists(folder) ? " (it is a file; a Hugging Face folder or a GGUF file is needed)" : "");
}

/* A value model that another stage is still to make is checked when it is there. */
static bool check_value_model(const Recipe *r, const ModelConfig *config, const Tokenizer *tokenizer, Error *err)
{
    const char *const folder = r->grpo.ppo.value_model;
    if (r->grpo.algorithm != ALGORITHM_PPO || !*folder) return true; /* the start model has been checked */
    if (!check_folder(r, "ppo.value_model", folder, err)) return false;
    return critic_check(&r->grpo, config, tokenizer, err) || recipe_error_in(r, "ppo.value_model", err);
}

/* What the stage reads beside its models, as far as it is there. */
static bool check_reads(const Recipe *r, const PlanAhead *ahead, const ModelConfig *teacher, const ModelConfig *config,
                        const Tokenizer *tokenizer, Error *err)
{
    const SftSettings examples = r->stage == STAGE_DISTILL ? distill_examples(&r->distill) : r->sft;
    if (r->stage == STAGE_DISTILL && !check_teacher(r, ahead, teacher, config, tokenizer, err)) return false;
    if (ahead_of_data(ahead)) return true;
    switch (r->stage) {
    case STAGE_GRPO:
        return check_questions(r, config, tokenizer, err) &&
               (ahead->other || check_value_model(r, config, tokenizer, err));
    case STAGE_REJECT: /* recipe_count_steps has read the data */
        return r->reject.longest_prompt == 0 ||
               check_longest(r, config, "data", r->reject.longest_prompt, r->reject.max_completion_tokens, err);
    case STAGE_SFT:
    case STAGE_DISTILL:
        return check_all_examples(r, &examples, teacher, config, tokenizer, err);
    case STAGE_DPO: /* recipe_count_steps has read the data of a recipe with epochs */
        return (r->dpo.sft.epochs > 0 || check_pairs(r, config, tokenizer, "data", r->dpo.sft.data, err)) &&
               check_pairs(r, config, tokenizer, "validation.data", r->dpo.sft.validation_data, err);
    case STAGE_REWARD_MODEL:
        return check_preferences(r, config, tokenizer, err);
    case STAGE_PAIRS:
        return pairs_check_reads(r, config, err);
    case STAGE_EVAL:
        return eval_check_reads(r, config, tokenizer, err);
    default:
        return true;
    }
}

static bool check_tokenizer(const Recipe *r, const PlanAhead *ahead, const ModelConfig *teacher,
                            const ModelConfig *config, Error *err)
{
    const CommonSettings *const c = r->common;
    const char *const folder = r->stage == STAGE_DISTILL ? distill_start(&r->distill) : c->model;
    Tokenizer *tokenizer;
    if (!adapter_tokenizer_open(&tokenizer, folder, err)) return recipe_error_in(r, "model", err);
    const int64_t n = tokenizer_vocab_size(tokenizer);
    bool ok = n <= config->vocab_size || recipe_error(r, "model", err,
                                                      "model: %s: the tokenizer has ids up to %lld, the model a "
                                                      "vocabulary of %lld",
                                                      folder, (long long)n - 1, (long long)config->vocab_size);
    ok = ok && check_reads(r, ahead, teacher, config, tokenizer, err);
    if (r->stage != STAGE_EVAL && !ahead_of_data(ahead))
        ok = ok && check_data(r, config, tokenizer, "eval.data", c->eval_data, c->eval_max_tokens, err);
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
    return model_config_check(config, err) || recipe_error_in(r, "lora.targets", err);
}

/* A plug-in that does not load is found before anything starts. */
static bool check_plugin(const Recipe *r, Error *err)
{
    PluginReward *plugin;
    if (!*r->grpo.reward_plugin) return true;
    if (!plugin_reward_open(&plugin, r->grpo.reward_plugin, r->grpo.plugin_settings, err))
        return recipe_error_in(r, "reward.plugin", err);
    plugin_reward_close(plugin);
    return true;
}

/* A model that a grpo recipe has reward or judge: that it is whole, and of the right kind. One that another stage of the recipe makes is
 * looked at when it is there. */
static bool check_judging(const Recipe *r, const PlanAhead *ahead, const char *key, const char *folder, bool scalar,
                          Error *err)
{
    ModelConfig config;
    Tokenizer *tokenizer;
    if (!*folder || (ahead->other && !file_exists(folder))) return true;
    if (!check_folder(r, key, folder, err)) return false;
    if (!model_config_read(&config, folder, err) || !model_head_check(&config, scalar, folder, err) ||
        (scalar && !config.scalar_head &&
         !error_set(err, ERROR_INPUT, "%s: has no scalar head; r1 reward-model makes models that score", folder)) ||
        !model_folder_check(folder, &config, err) || !adapter_tokenizer_open(&tokenizer, folder, err))
        return recipe_error_in(r, key, err);
    tokenizer_free(tokenizer);
    return scalar || r->grpo.judge_max_tokens < config.max_positions ||
           recipe_error(r, "reward.judge_max_tokens", err,
                        "reward.judge_max_tokens: %lld leaves no room for what is judged in the judge's %lld positions",
                        (long long)r->grpo.judge_max_tokens, (long long)config.max_positions);
}

static bool check_rewarding(const Recipe *r, const PlanAhead *ahead, Error *err)
{
    const GrpoSettings *const s = &r->grpo;
    if (r->stage != STAGE_GRPO) return true;
    if (!check_plugin(r, err) || !check_judging(r, ahead, "reward.model", s->reward_model, true, err) ||
        !check_judging(r, ahead, "reward.judge", s->judge, false, err))
        return false;
    for (int64_t i = 0; i < s->routes.head.n; i++)
        if (!check_judging(r, ahead, "routes", s->routes.items[i].reward_model, true, err)) return false;
    return true;
}

/* A reward model starts from any model; all other stages need one that predicts tokens. */
static bool check_start(const Recipe *r, const PlanAhead *ahead, ModelConfig *config, Error *err)
{
    const char *const folder = r->common->model;
    const bool scalar = r->stage == STAGE_REWARD_MODEL;
    if (ahead->model)
        *config = ahead->model->config;
    else if (!check_folder(r, "model", folder, err))
        return false;
    else if (!model_config_read(config, folder, err))
        return recipe_error_in(r, "model", err);
    if (!model_head_check(config, scalar, folder, err) || (!ahead->model && !model_folder_check(folder, config, err)))
        return recipe_error_in(r, "model", err);
    config->scalar_head = scalar;
    if (scalar) config->n_mtp = 0;
    return check_adapters(r, config, err);
}

static bool check_model(const Recipe *r, const PlanAhead *ahead, const ModelConfig *teacher, ModelConfig *config,
                        Error *err)
{
    if (!check_start(r, ahead, config, err)) return false;
    if (ahead->model) return check_rewarding(r, ahead, err); /* data is read by its tokenizer */
    return check_tokenizer(r, ahead, teacher, config, err) && check_rewarding(r, ahead, err) &&
           (ahead_of_data(ahead) || reject_check_helpers(r, err));
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

static bool check_pretrain_config(const Recipe *r, const char *folder, const PlanAhead *ahead, ModelConfig *config,
                                  Error *err)
{
    const PretrainSettings *const s = &r->pretrain;
    if (*s->common.model) {
        if (!check_model(r, ahead, NULL, config, err)) return false;
    } else {
        *config = stage_shape(&s->shape, s->vocab_size, 0);
        if (!model_config_check(config, err)) return recipe_error_in(r, "shape", err);
    }
    if (s->context > config->max_positions)
        return recipe_error(r, "text.context", err, "text.context: %lld is more than the model's %lld positions",
                            (long long)s->context, (long long)config->max_positions);
    return ahead_of_data(ahead) || check_text(r, folder, err);
}

bool plan_asks_problems(const Recipe *r)
{
    return r->stage == STAGE_PRETRAIN ? pretrain_asks_problems(&r->pretrain) : r->common->eval_every > 0;
}

static bool check_mtp(const Recipe *r, ModelConfig *config, Error *err)
{
    static const char KEY[] = "mtp.loss_weight";
    config->train_mtp = r->common->mtp_loss_weight > 0.0;
    if (!config->train_mtp) return true;
    if (config->n_mtp == 0)
        return recipe_error(r, KEY, err,
                            "%s: the model has no modules that predict further tokens; leave it 0 (a fresh model has "
                            "as many as shape.mtp_modules says)",
                            KEY);
    return config->lora.rank == 0 ||
           recipe_error(r, KEY, err, "%s: adapters leave these modules as they are; leave it or lora.rank 0", KEY);
}

/* What the model must have for the stage, whoever makes it. */
static bool check_fit(const Recipe *r, const ModelConfig *config, Error *err)
{
    const CommonSettings *const c = r->common;
    if (c->expert_bias_rate > 0.0 && !config->moe.correction_bias)
        return recipe_error(r, "expert_bias_rate", err,
                            "expert_bias_rate: the model has no experts with a correction bias; leave it 0");
    if (c->expert_bias_rate > 0.0 && config->lora.rank > 0)
        return recipe_error(
            r, "expert_bias_rate", err,
            "expert_bias_rate: the bias belongs to the model beneath the adapters, which stays as it is; "
            "leave it 0");
    if (c->expert_balance_coef > 0.0 && config->moe.n_experts == 0)
        return recipe_error(r, "expert_balance_coef", err, "expert_balance_coef: the model has no experts; leave it 0");
    if (r->stage == STAGE_GRPO && !check_room(r, config, "max_completion_tokens", r->grpo.max_completion_tokens, err))
        return false;
    if (r->stage == STAGE_REJECT && !*r->reject.data &&
        !check_room(r, config, "max_completion_tokens", r->reject.max_completion_tokens, err))
        return false;
    return !plan_asks_problems(r) ||
           check_room(r, config, r->stage == STAGE_EVAL ? "max_tokens" : "eval.max_tokens", c->eval_max_tokens, err);
}

/* The teacher's config; the student's: a student of fresh weights has no files to check but its teacher's. */
static bool check_student(const Recipe *r, const PlanAhead *ahead, ModelConfig *teacher, ModelConfig *config,
                          Error *err)
{
    const char *const folder = r->distill.teacher;
    if (ahead->teacher)
        *teacher = ahead->teacher->config;
    else if (!check_folder(r, "teacher", folder, err))
        return false;
    else if (!model_config_read(teacher, folder, err))
        return recipe_error_in(r, "teacher", err);
    if (!model_head_check(teacher, false, folder, err) ||
        (!ahead->teacher && !model_folder_check(folder, teacher, err)))
        return recipe_error_in(r, "teacher", err);
    if (*r->common->model) return check_model(r, ahead, teacher, config, err);
    if (!distill_student_config(&r->distill, teacher, config, err)) return recipe_error_in(r, "shape", err);
    return ahead->teacher || check_tokenizer(r, ahead, teacher, config, err);
}

bool plan_check(const Recipe *r, const char *folder, const PlanAhead *ahead, RunPlan *plan, Error *err)
{
    ModelConfig *const config = &plan->config, *const teacher = &plan->teacher;
    if (r->stage == STAGE_TASK_ROWS) return true; /* it asks no model */
    const bool ok = r->stage == STAGE_PRETRAIN  ? check_pretrain_config(r, folder, ahead, config, err)
                    : r->stage == STAGE_DISTILL ? check_student(r, ahead, teacher, config, err)
                                                : check_model(r, ahead, teacher, config, err);
    return ok && check_fit(r, config, err) && check_mtp(r, config, err);
}
