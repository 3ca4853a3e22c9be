/* SPDX-License-Identifier: MIT */
/* recipe/critic_update.c: what a value model says of a rollout, the advantages that come of it, and what it learns. */
#include "recipe/critic.h"

#include <math.h>
#include <string.h>

/* The tokens of questions [first, end). Numbers are those of the rollout. */
static PpoTokens tokens_of(const GrpoStage *g, int64_t first, int64_t end)
{
    const int64_t G = g->settings->group_size;
    return (PpoTokens){.n_sequences = (end - first) * G,
                       .sequence_start = g->critic->start + first * G,
                       .counted = g->critic->counted + first * G};
}

/* ---- the rollout ---- */

static double sum_of(const float *x, int64_t n)
{
    double sum = 0.0;
    for (int64_t t = 0; t < n; t++) sum += (double)x[t];
    return sum;
}

/* Sampled text against the reference: sums over tokens, their means over completions. */
static void measure_objective(GrpoStage *g)
{
    Critic *const c = g->critic;
    CriticSums *const sums = &c->sums;
    double kl = 0.0, counted_kl = 0.0, entropy = 0.0, score = 0.0;
    int64_t n_counted = 0;
    for (int64_t i = 0; i < g->n_samples; i++) {
        const Sampled *const s = &g->samples[i];
        const double said = sum_of(s->old_logprobs, s->n);
        const double own_kl = g->has_reference ? said - sum_of(g->ref_logprobs + c->start[i], s->n) : 0.0;
        entropy -= said;
        kl += own_kl;
        if (!c->counted[i]) continue;
        counted_kl += own_kl;
        score += s->score.total;
        n_counted++;
    }
    const double n = (double)g->n_samples, of_counted = n_counted > 0 ? (double)n_counted : (double)NAN;
    sums->kl = g->has_reference ? kl / n : (double)NAN;
    sums->entropy = entropy / n;
    sums->score = score / of_counted;
    sums->kl_reward = c->config.kl_coef != 0.0 ? -c->config.kl_coef * counted_kl / of_counted : 0.0;
}

static void measure_values(GrpoStage *g)
{
    Critic *const c = g->critic;
    const PpoTokens all = tokens_of(g, 0, g->n_questions);
    double unused;
    ppo_moments(c->old_values, &all, &c->sums.value_mean, &unused);
    ppo_moments(c->returns, &all, &c->sums.return_mean, &c->sums.return_variance);
    c->sums.explained_variance = ppo_explained_variance(c->old_values, c->returns, &all);
}

/* What the value model and the reference say of the whole rollout. */
static bool read_rollout(GrpoStage *g, Error *err)
{
    Critic *const c = g->critic;
    GrpoBatch tokens;
    int64_t unused;
    const TrainBatch batch = grpo_stage_lay_out(g, 0, g->n_questions, &tokens, &unused, &unused);
    memcpy(c->start, g->sequence_start, (size_t)(g->n_samples + 1) * sizeof *c->start);
    progress_activity(g->run->progress, "valuing", 0.0);
    return (!g->has_reference ||
            trainer_logprobs(&g->trainer, &g->reference, &batch, (float)(1.0 / g->settings->temperature),
                             g->ref_logprobs, NULL, err)) &&
           trainer_values(&c->trainer, &c->model, &batch, c->old_values, err);
}

static void estimate(GrpoStage *g, int64_t i)
{
    Critic *const c = g->critic;
    const Sampled *const s = &g->samples[i];
    const int64_t at = c->start[i];
    const PpoEpisode episode = {.n = s->n,
                                .values = c->old_values + at,
                                .old_logprobs = s->old_logprobs,
                                .ref_logprobs = g->has_reference ? g->ref_logprobs + at : NULL,
                                .reward = c->counted[i] ? s->score.total : 0.0};
    ppo_advantages(c->advantages + at, c->returns + at, &episode, &c->config);
    if (!c->counted[i]) memset(c->advantages + at, 0, (size_t)s->n * sizeof(float));
}

bool critic_advantages(GrpoStage *g, Error *err)
{
    Critic *const c = g->critic;
    c->sums = (CriticSums){0};
    for (int64_t i = 0; i < g->n_questions; i++) g->live[i] = true;
    for (int64_t i = 0; i < g->n_samples; i++) c->counted[i] = !g->samples[i].score.undecided;
    if (!read_rollout(g, err)) return false;
    for (int64_t i = 0; i < g->n_samples; i++) estimate(g, i);
    const PpoTokens all = tokens_of(g, 0, g->n_questions);
    if (g->settings->ppo.whiten) ppo_whiten(c->advantages, &all);
    for (int64_t i = 0; i < g->n_samples; i++)
        g->samples[i].advantage =
            (float)(sum_of(c->advantages + c->start[i], g->samples[i].n) / (double)g->samples[i].n);
    measure_objective(g);
    measure_values(g);
    return true;
}

/* ---- updates ---- */

void critic_fill(const GrpoStage *g, int64_t first, GrpoBatch *tokens)
{
    const int64_t at = g->critic->start[first * g->settings->group_size];
    tokens->token_advantages = g->critic->advantages + at;
    if (g->has_reference) tokens->ref_logprobs = g->ref_logprobs + at;
}

void critic_hear_policy(GrpoStage *g, const GrpoBatch *tokens, const GrpoStats *stats)
{
    CriticSums *const sums = &g->critic->sums;
    const double off = stats->ratio_mean - 1.0;
    sums->approx_kl += ppo_approx_kl(g->logprobs, tokens->old_logprobs, tokens->n_tokens);
    sums->ratio += off;
    sums->ratio_squares = fma(off, off, sums->ratio_squares);
    sums->n_heard++;
}

static void add_update(Critic *c, const PpoTokens *tokens, double grad_norm)
{
    const PpoValueLoss loss = {c->old_values, c->returns, c->weights, c->config.cliprange_value};
    PpoValueStats stats;
    ppo_value_stats(&stats, &loss, c->values, tokens);
    c->sums.grad_norm += grad_norm;
    c->sums.n++;
    if (isnan(stats.loss) && ppo_tokens_count(tokens) == 0) return; /* all undecided: there is no loss */
    c->sums.loss += stats.loss;
    c->sums.clip_share += stats.clip_share;
    c->sums.n_counted++;
}

bool critic_update(GrpoStage *g, const TrainBatch *batch, int64_t first, int64_t end, int64_t step, Error *err)
{
    Critic *const c = g->critic;
    const PpoTokens tokens = tokens_of(g, first, end);
    const int64_t at = tokens.sequence_start[0];
    PpoValueLoss loss = {c->old_values + at, c->returns + at, c->weights + at, c->config.cliprange_value};
    double grad_norm;
    c->sums.rate = schedule_rate(&c->schedule, step);
    ppo_value_weights(c->weights, &tokens, g->settings->ppo.vf_coef);
    if (!trainer_value_gradient(&c->trainer, &c->model, batch, ppo_value_loss_gradient, &loss, c->values + at, err) ||
        !optimizer_update(&c->optimizer, &c->model, c->trainer.gradients[0].flat, c->sums.rate, &g->run->compute,
                          &grad_norm, err))
        return error_in(err, "value model");
    critic_balance_experts(c, &g->settings->common);
    add_update(c, &tokens, grad_norm);
    return true;
}

/* ---- figures ---- */

/* TRL's: of the mean ratios of the updates, over n - 1. */
static double ratio_variance(const CriticSums *s)
{
    const double n = (double)s->n_heard;
    return s->n_heard > 1 ? fmax(0.0, (s->ratio_squares - s->ratio * s->ratio / n) / (n - 1.0)) : (double)NAN;
}

void critic_measure(const GrpoStage *g, const UpdateSums *updates, MetricsRow *row)
{
    const CriticSums *const s = &g->critic->sums;
    const double n = updates->n_with_tokens > 0 ? (double)updates->n_with_tokens : (double)NAN;
    const double heard = s->n_heard > 0 ? (double)s->n_heard : (double)NAN;
    const double counted = s->n_counted > 0 ? (double)s->n_counted : (double)NAN;
    int64_t n_ended = 0;
    for (int64_t i = 0; i < g->n_samples; i++) n_ended += g->samples[i].stopped;
    if (g->has_reference) metrics_set(row, "objective/kl", s->kl);
    metrics_set(row, "objective/entropy", s->entropy);
    metrics_set(row, "objective/scores", s->score);
    metrics_set(row, "objective/non_score_reward", s->kl_reward);
    metrics_set(row, "objective/rlhf_reward", s->score + s->kl_reward);
    metrics_set(row, "policy/approxkl_avg", s->approx_kl / heard);
    metrics_set(row, "policy/clipfrac_avg", updates->clip_region / n);
    metrics_set(row, "policy/entropy_avg", updates->entropy / n);
    metrics_set(row, "loss/policy_avg", updates->policy_loss / n);
    metrics_set(row, "loss/value_avg", s->loss / counted);
    metrics_set(row, "val/clipfrac_avg", s->clip_share / counted);
    metrics_set(row, "val/ratio", 1.0 + s->ratio / heard);
    metrics_set(row, "val/ratio_var", ratio_variance(s));
    metrics_set(row, "val/num_eos_tokens", (double)n_ended);
    metrics_set(row, "val/mean", s->value_mean);
    metrics_set(row, "val/var_explained", s->explained_variance);
    metrics_set(row, "returns/mean", s->return_mean);
    metrics_set(row, "returns/var", s->return_variance);
    metrics_set(row, "val/grad_norm", s->n > 0 ? s->grad_norm / (double)s->n : (double)NAN);
    metrics_set(row, "val/learning_rate", s->rate);
}
