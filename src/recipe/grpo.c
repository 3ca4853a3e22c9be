/* SPDX-License-Identifier: MIT */
/* recipe/grpo.c: R1-Zero's loop (DeepSeek-R1, arXiv 2501.12948, 2.2): pure reinforcement learning on a base model, no SFT.
 *
 *   for every step:   ask        questions, drawn from the families' train split
 *                     sample     G completions each from the policy
 *                     reward     accuracy + format, by rule
 *                     advantage  A = (r - mean) / std within the group, over the whole rollout, before any split
 *                                (algorithm ppo: of each token, from a value model; recipe/critic.h)
 *                     update     GRPO over minibatches of whole groups, for inner epochs
 *                     record     metrics, completions, evaluation, checkpoint
 *
 * The sampler's log-probabilities are the trainer's, to the bit (contract 3), so they are old_logprobs and no second forward is
 * owed. On the first minibatch of every rollout the difference is measured; were it not exactly 0, the run would stop. */
#include "recipe/grpo_judges.h"

#include "base/clock.h"
#include "base/signals.h"
#include "recipe/critic.h"
#include "record/checkpoint.h"

#include <string.h>

/* ---- memory ---- */

static size_t take_arrays(GrpoStage *g, Arena *arena)
{
    const GrpoSettings *s = g->settings;
    const size_t n = (size_t)g->n_samples, q = (size_t)g->n_questions, tokens = n * (size_t)s->max_completion_tokens;
    size_t bytes = 0;
#define TAKE(field, count, type)                                                                                       \
    (bytes += arena_piece_bytes((count), sizeof(type)),                                                                \
     arena ? (void)((field) = arena_take(arena, (count), sizeof(type))) : (void)0)
    int32_t *inputs = NULL, *ids = NULL;
    float *old = NULL;
    TAKE(g->questions, q, Question);
    TAKE(g->prompts, q, RolloutPrompt);
    TAKE(g->samples, n, Sampled);
    TAKE(g->live, q, bool);
    TAKE(g->group_rewards, (size_t)s->group_size, double);
    TAKE(g->group_counted, (size_t)s->group_size, bool);
    TAKE(g->groups, q, TrainGroup);
    TAKE(g->sequences, n, TrainSequence);
    TAKE(g->sequence_start, n + 1, int64_t);
    TAKE(g->advantages, n, float);
    TAKE(g->sequence_ratio, n, float);
    TAKE(g->old_logprobs, tokens, float);
    TAKE(g->ref_logprobs, tokens, float);
    TAKE(g->weights, tokens, float);
    TAKE(g->logprobs, tokens, float);
    TAKE(g->entropies, tokens, float);
    TAKE(inputs, tokens, int32_t);
    TAKE(ids, tokens, int32_t);
    TAKE(old, tokens, float);
#undef TAKE
    if (!arena) return bytes;
    memset(g->questions, 0, q * sizeof *g->questions);
    for (size_t i = 0; i < n; i++) {
        const size_t at = i * (size_t)s->max_completion_tokens;
        g->samples[i] = (Sampled){.inputs = inputs + at, .ids = ids + at, .old_logprobs = old + at};
    }
    return bytes;
}

void grpo_stage_close(GrpoStage *g)
{
    grpo_rewards_free(g->rewards); /* first: its workers may still read texts of the samples */
    for (int64_t i = 0; g->questions && i < g->n_questions; i++) token_ids_free(&g->questions[i].ids);
    for (int64_t i = 0; g->samples && i < g->n_samples; i++) base_free(g->samples[i].text);
    arena_free(&g->memory);
    metrics_row_free(&g->row);
    critic_free(g->critic);
    engine_free(g->engine);
    trainer_free(&g->trainer);
    optimizer_free(&g->optimizer);
    model_free(&g->reference); /* may stand on the policy's weights */
    model_free(&g->policy);
    question_rows_free(&g->rows);
    base_free(g->folder);
    tokenizer_free(g->tokenizer);
}

/* ---- opening ---- */

static void copy_policy_to_reference(GrpoStage *g)
{
    memcpy(model_trained_weights(&g->reference), model_trained_weights(&g->policy),
           (size_t)model_trained_layout(&g->policy)->n_floats * sizeof(float));
    model_pack_trained(&g->reference, &g->run->compute);
}

static bool make_workers(GrpoStage *g, Error *err)
{
    const GrpoSettings *const s = g->settings;
    const CommonSettings *const c = &s->common;
    const Compute *const compute = &g->run->compute;
    const int64_t cap = s->max_completion_tokens > c->eval_max_tokens ? s->max_completion_tokens : c->eval_max_tokens;
    const int64_t longest_row = question_rows_longest(&g->rows) + s->max_completion_tokens;
    const OptimizerConfig optimizer = stage_optimizer(c);
    int64_t sequence = stage_max_sequence(&g->policy.config, cap), longest_evaluated;
    if (!stage_eval_data_sequence(c, g->tokenizer, &g->policy.config, g->run->progress, &longest_evaluated, err))
        return false;
    if (longest_row > sequence) sequence = longest_row;
    if (longest_evaluated > sequence) sequence = longest_evaluated;
    if (!optimizer_create(&g->optimizer, &optimizer, &g->policy, err) ||
        !trainer_create(&g->trainer, &g->policy, compute, c->micro_batch_tokens, c->shards, c->recompute, err))
        return false;
    g->trainer.balance_coef = c->expert_balance_coef;
    return engine_create(&g->engine, &g->policy, compute, s->max_active, sequence, err);
}

/* Under adapters the reference is the same weights with adapters of its own. */
static bool create_reference(GrpoStage *g, Error *err)
{
    return g->policy.config.lora.rank > 0 ? model_create_beside(&g->reference, &g->policy, err)
                                          : model_create(&g->reference, &g->policy.config, err);
}

static bool load_state(GrpoStage *g, Error *err)
{
    if (g->has_reference && !create_reference(g, err)) return false;
    if (g->run->resume_path &&
        !stage_restore(g->run, &g->policy, &g->optimizer, g->has_reference ? &g->reference : NULL, &g->state, err))
        return false;
    if (!g->run->resume_path && g->has_reference) copy_policy_to_reference(g);
    return g->settings->algorithm != ALGORITHM_PPO || critic_open(&g->critic, g, err);
}

bool grpo_stage_open_rewards(GrpoStage *g, Error *err)
{
    const GrpoRewardsPlace place = {.store = g->run->store,
                                    .may_store = g->run->metrics != NULL, /* a replay only reads */
                                    .sandbox = question_rows_sandbox(&g->rows),
                                    .n_slots = g->n_samples,
                                    .n_threads = threads_count(g->run->compute.threads),
                                    .compute = &g->run->compute,
                                    .progress = g->run->progress};
    return grpo_rewards_open(&g->rewards, &place, g->settings, err);
}

bool grpo_stage_open(GrpoStage *g, const StageRun *run, const GrpoSettings *s, Error *err)
{
    *g = (GrpoStage){.run = run, .settings = s};
    g->folder = base_printf("%s", run->resume_path ? run->resume_path : s->common.model);
    g->n_questions = s->prompts_per_step;
    g->n_samples = s->prompts_per_step * s->group_size;
    g->has_reference = s->kl_coef != 0.0;
    g->loss = (GrpoConfig){.loss_type = (LossType)s->loss_type,
                           .clip_low = s->clip_low,
                           .clip_high = s->clip_high,
                           .kl_coef = critic_kl_in_reward(s) ? 0.0 : s->kl_coef,
                           .entropy_coef = s->entropy_coef,
                           .max_completion_tokens = s->max_completion_tokens};
    if (!grpo_judges_check_same(run, s, err) ||
        !stage_open_model(run, &s->common, g->folder, &g->policy, &g->tokenizer, err) ||
        !question_rows_read(&g->rows, g->tokenizer, s, err) || !question_rows_check_ids(&g->rows, err) ||
        !grpo_stage_open_rewards(g, err) || !make_workers(g, err) ||
        !arena_create(&g->memory, "rollout", take_arrays(g, NULL), err))
        return false;
    take_arrays(g, &g->memory);
    question_rows_warn(&g->rows, run->progress, reward_needs_verdict(grpo_rewards_config(g->rewards)));
    return load_state(g, err);
}

/* ---- a step ---- */

bool grpo_stage_learn(GrpoStage *g, int64_t step, UpdateSums *sums, StepCost *cost, Error *err)
{
    const GrpoSettings *const s = g->settings;
    const double start = clock_seconds();
    if (s->reference_every > 0 && g->has_reference && step > 0 && step % s->reference_every == 0)
        copy_policy_to_reference(g);
    if (!grpo_stage_ask(g, step, err) || !grpo_stage_sample(g, &cost->rollout, err)) return false;
    const double sampled = clock_seconds();
    if (!g->critic)
        grpo_stage_advantages(g);
    else if (!critic_advantages(g, err))
        return false;
    *sums = (UpdateSums){0};
    if (!grpo_stage_update(g, step, sums, err)) return false;
    g->state.num_tokens += cost->rollout.decode_tokens;
    cost->has_workers = grpo_rewards_seconds(g->rewards, &cost->reward_worker_seconds, &cost->reward_waited_seconds);
    cost->rollout_seconds = sampled - start - cost->reward_waited_seconds;
    cost->train_seconds = clock_seconds() - sampled;
    return true;
}

static void begin_row(GrpoStage *g, int64_t step)
{
    metrics_row_clear(&g->row);
    g->row.step = step;
    snprintf(g->row.stage, sizeof g->row.stage, "%s", g->critic ? "ppo" : "grpo");
}

static void measure_cost(MetricsRow *row, const StageState *state, const StepCost *cost)
{
    const double seconds = cost->rollout_seconds + cost->reward_waited_seconds + cost->train_seconds;
    metrics_set(row, "num_tokens", (double)state->num_tokens);
    metrics_set(row, "time/rollout", cost->rollout_seconds);
    metrics_set(row, "time/train", cost->train_seconds);
    if (cost->has_workers) {
        metrics_set(row, "time/reward", cost->reward_waited_seconds);
        metrics_set(row, "time/reward_workers", cost->reward_worker_seconds);
    }
    metrics_set(row, "step_time", seconds);
    metrics_set(row, "tokens_per_second", (double)cost->rollout.decode_tokens / seconds);
}

static bool save(GrpoStage *g, int64_t step, Error *err)
{
    const StageValue value = g->critic ? critic_value(g->critic) : (StageValue){0};
    if (!stage_save_with_value(g->run, &g->settings->common, &g->policy, &g->optimizer,
                               g->has_reference ? &g->reference : NULL, g->critic ? &value : NULL, g->folder, &g->state,
                               err))
        return false;
    base_free(g->folder);
    g->folder = checkpoint_path(g->run->folder, step);
    if (g->critic) critic_saved(g->critic, g->folder);
    return true;
}

/* The order that makes a run resumable: what a step produced is stored, then its line is written, then its checkpoint: whatever
 * a checkpoint resumes from is recorded, and what is recorded beyond it is dropped and written again. */
static bool end_step(GrpoStage *g, int64_t step, Error *err)
{
    const CommonSettings *const c = &g->settings->common;
    if (stage_evaluates(c, step) && !grpo_stage_evaluate(g, step, err)) return false;
    if (!metrics_append(g->run->metrics, &g->row, err)) return false;
    progress_step(g->run->progress, &g->row);
    if (step > 0) grpo_stage_say_notes(g);
    g->state.step = step;
    return step == 0 || !stage_saves(c, step) || save(g, step, err);
}

static bool train_step(GrpoStage *g, int64_t step, Error *err)
{
    UpdateSums sums;
    StepCost cost;
    begin_row(g, step + 1);
    if (!grpo_stage_learn(g, step, &sums, &cost, err)) return false;
    grpo_stage_measure(g, &sums);
    measure_cost(&g->row, &g->state, &cost);
    return grpo_stage_store(g, step + 1, err) && end_step(g, step + 1, err);
}

bool grpo_run(const StageRun *run, const GrpoSettings *settings, Error *err)
{
    GrpoStage g;
    bool ok = grpo_stage_open(&g, run, settings, err);
    if (ok && !run->resume_path && stage_evaluates(&settings->common, 0)) {
        begin_row(&g, 0);
        ok = end_step(&g, 0, err);
    }
    for (int64_t step = g.state.step; ok && step < settings->common.steps; step++)
        ok = signals_check(err) && train_step(&g, step, err);
    ok = ok && stage_save_final(run, &g.policy, g.folder, err);
    grpo_stage_close(&g);
    return ok;
}
