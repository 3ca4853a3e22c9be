/* SPDX-License-Identifier: MIT */
/* recipe/critic.c: opening a value model, keeping it in checkpoints, and what it takes; critic_update.c is what it does. */
#include "recipe/critic.h"

#include "model/adapter.h"
#include "model/folder.h"

#include <inttypes.h>
#include <string.h>

static const char *start_folder(const GrpoSettings *s)
{
    return *s->ppo.value_model ? s->ppo.value_model : s->common.model;
}

bool critic_kl_in_reward(const GrpoSettings *s)
{
    return s->algorithm == ALGORITHM_PPO && s->ppo.kl == PPO_KL_REWARD && s->kl_coef != 0.0;
}

/* ---- opening ---- */

static size_t take_arrays(Critic *c, const GrpoStage *g, Arena *arena)
{
    const size_t n = (size_t)g->n_samples, tokens = n * (size_t)g->settings->max_completion_tokens;
    size_t bytes = 0;
#define TAKE(field, count, type)                                                                                       \
    (bytes += arena_piece_bytes((count), sizeof(type)),                                                                \
     arena ? (void)((field) = arena_take(arena, (count), sizeof(type))) : (void)0)
    TAKE(c->start, n + 1, int64_t);
    TAKE(c->counted, n, bool);
    TAKE(c->old_values, tokens, float);
    TAKE(c->values, tokens, float);
    TAKE(c->advantages, tokens, float);
    TAKE(c->returns, tokens, float);
    TAKE(c->weights, tokens, float);
#undef TAKE
    return bytes;
}

/* A head that nothing was learnt with expects nothing: 0, rather than what a random one would say. */
static bool clear_new_head(Critic *c, Error *err)
{
    ModelConfig before;
    if (!model_config_read(&before, c->folder, err)) return false;
    if (!before.scalar_head) memset(model_score(&c->model), 0, (size_t)c->model.config.hidden_size * sizeof(float));
    return true;
}

/* The policy's key may ask for what this model, another one perhaps, does not have. */
static CommonSettings own_settings(const Critic *c, const CommonSettings *common)
{
    CommonSettings own = *common;
    if (!c->model.config.moe.correction_bias) own.expert_bias_rate = 0.0;
    if (c->model.config.moe.n_experts == 0) own.expert_balance_coef = 0.0;
    return own;
}

bool critic_open(Critic **critic, const GrpoStage *g, Error *err)
{
    const GrpoSettings *const s = g->settings;
    const StageRun *const run = g->run;
    Critic *const c = *critic = base_alloc(1, sizeof *c);
    *c = (Critic){.config = {.gamma = s->ppo.gamma,
                             .lambda = s->ppo.lambda,
                             .kl_coef = critic_kl_in_reward(s) ? s->kl_coef : 0.0,
                             .cliprange_value = s->ppo.cliprange_value},
                  .schedule = stage_schedule(&s->common)};
    if (s->ppo.value_learning_rate > 0.0) c->schedule.base = s->ppo.value_learning_rate;
    c->folder = run->resume_path ? base_printf("%s/value", run->resume_path) : base_strdup(start_folder(s));
    const OptimizerConfig optimizer = stage_optimizer(&s->common);
    if (!stage_open_scalar_model(run, &s->common, c->folder, &c->model, &c->tokenizer, err) ||
        !clear_new_head(c, err) || !optimizer_create(&c->optimizer, &optimizer, &c->model, err) ||
        !trainer_create(&c->trainer, &c->model, &run->compute, s->common.micro_batch_tokens, s->common.shards,
                        s->common.recompute, err) ||
        !arena_create(&c->memory, "values of the rollout", take_arrays(c, g, NULL), err))
        return error_in(err, "value model");
    take_arrays(c, g, &c->memory);
    c->trainer.balance_coef = own_settings(c, &s->common).expert_balance_coef;
    c->optimizer.step = g->state.optimizer_steps; /* one update of its own for each of the policy's */
    return !run->resume_path || stage_restore_moments(&c->optimizer, &c->model, c->folder, err);
}

void critic_free(Critic *c)
{
    if (!c) return;
    arena_free(&c->memory);
    trainer_free(&c->trainer);
    optimizer_free(&c->optimizer);
    tokenizer_free(c->tokenizer);
    model_free(&c->model);
    base_free(c->folder);
    base_free(c);
}

StageValue critic_value(const Critic *c)
{
    return (StageValue){.model = &c->model, .optimizer = &c->optimizer, .tokenizer_folder = c->folder};
}

void critic_saved(Critic *c, const char *checkpoint)
{
    base_free(c->folder);
    c->folder = base_printf("%s/value", checkpoint);
}

void critic_balance_experts(Critic *c, const CommonSettings *common)
{
    const CommonSettings own = own_settings(c, common);
    stage_balance_experts(&own, &c->trainer, &c->model);
}

/* ---- before a run ---- */

/* New adapters are those that the policy gets; a folder of adapters keeps its own. */
static bool read_config(const GrpoSettings *s, ModelConfig *config, Error *err)
{
    LoraConfig lora;
    if (!model_config_read(config, start_folder(s), err)) return false;
    config->scalar_head = true;
    if (s->common.lora_rank == 0) return true;
    if (!stage_lora(&lora, &s->common, err)) return false;
    if (config->lora.rank > 0)
        return error_set(err, ERROR_INPUT, "%s: holds adapters already, and lora.rank asks for new ones",
                         start_folder(s));
    config->lora = lora;
    return model_config_check(config, err);
}

static bool check_tokens(const GrpoSettings *s, const Tokenizer *tokenizer, Error *err)
{
    Tokenizer *own;
    int32_t id;
    if (!adapter_tokenizer_open(&own, s->ppo.value_model, err)) return false;
    const bool same = tokenizer_same_tokens(tokenizer, own, &id);
    tokenizer_free(own);
    return same ||
           error_set(err, ERROR_INPUT,
                     "%s: its tokens are not those of the policy %s (from id %" PRId32 " on), and it has to read them",
                     s->ppo.value_model, s->common.model, id);
}

bool critic_check(const GrpoSettings *s, const ModelConfig *policy, const Tokenizer *tokenizer, Error *err)
{
    ModelConfig config;
    const char *const folder = start_folder(s);
    if (!model_config_read(&config, folder, err) || !model_folder_check(folder, &config, err) ||
        !read_config(s, &config, err))
        return false;
    if (config.max_positions < policy->max_positions)
        return error_set(err, ERROR_INPUT,
                         "%s: has %" PRId64 " positions and the policy %" PRId64 ": it could not read all of a text",
                         folder, config.max_positions, policy->max_positions);
    if (config.vocab_size < policy->vocab_size)
        return error_set(err, ERROR_INPUT, "%s: has a vocabulary of %" PRId64 " ids and the policy one of %" PRId64,
                         folder, config.vocab_size, policy->vocab_size);
    return check_tokens(s, tokenizer, err);
}

bool critic_plan(const GrpoSettings *s, int64_t longest, int n_threads, int64_t *bytes, double *token_flops, Error *err)
{
    ModelConfig config;
    ParamLayout layout, adapters = {0};
    if (!read_config(s, &config, err) || !param_layout_create(&layout, &config, err)) return false;
    if (config.lora.rank > 0 && !param_layout_create_adapters(&adapters, &config, err)) {
        param_layout_free(&layout);
        return false;
    }
    const ParamLayout *const trained = config.lora.rank > 0 ? &adapters : &layout;
    const int64_t tokens = s->prompts_per_step * s->group_size * s->max_completion_tokens;
    /* weights, panels, two moments; five numbers a token of the rollout */
    *bytes = (2 * layout.n_floats + 2 * trained->n_floats + 2 * adapters.n_floats) * (int64_t)sizeof(float) +
             (int64_t)trainer_plan_bytes(&config, trained, s->common.micro_batch_tokens, longest, s->common.shards,
                                         n_threads, s->common.recompute) +
             tokens * 5 * (int64_t)sizeof(float);
    *token_flops = (double)model_token_flops(&config);
    param_layout_free(&adapters);
    param_layout_free(&layout);
    return true;
}
