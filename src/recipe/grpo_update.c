/* SPDX-License-Identifier: MIT */
/* recipe/grpo_update.c: the rollout as minibatches of whole groups, each an update of the policy. */
#include "recipe/grpo_stage.h"

#include "base/signals.h"
#include "recipe/critic.h"

#include <math.h>
#include <string.h>

/* Whether dead groups move anything: by the KL, the entropy bonus, or as load on experts (contract 9). */
static bool dead_groups_pull(const GrpoSettings *s)
{
    return s->dead_groups == 0 && (s->kl_coef != 0.0 || s->entropy_coef != 0.0 || s->common.expert_bias_rate != 0.0 ||
                                   s->common.expert_balance_coef != 0.0);
}

TrainBatch grpo_stage_lay_out(GrpoStage *g, int64_t first, int64_t end, GrpoBatch *tokens, int64_t *normal_sequences,
                              int64_t *normal_tokens)
{
    const GrpoSettings *s = g->settings;
    const int64_t G = s->group_size;
    const bool keep_dead = dead_groups_pull(s);
    TrainBatch batch = {.groups = g->groups, .sequences = g->sequences};
    int64_t n_tokens = 0;
    *normal_sequences = *normal_tokens = 0;
    for (int64_t i = first; i < end; i++) {
        const bool counts = g->live[i] || s->dead_groups == 0;
        for (int64_t k = 0; counts && k < G; k++) *normal_tokens += g->samples[i * G + k].n;
        *normal_sequences += counts ? G : 0;
        if (!g->live[i] && !keep_dead) continue;
        const TokenIds *prompt = &g->questions[i].ids;
        g->groups[batch.n_groups++] =
            (TrainGroup){prompt->n > 1 ? prompt->ids : NULL, prompt->n - 1, batch.n_sequences, G};
        for (int64_t k = 0; k < G; k++) {
            const Sampled *c = &g->samples[i * G + k];
            g->sequences[batch.n_sequences] = (TrainSequence){.inputs = c->inputs, .targets = c->ids, .n_rows = c->n};
            g->sequence_start[batch.n_sequences] = n_tokens;
            g->advantages[batch.n_sequences++] = c->advantage;
            memcpy(g->old_logprobs + n_tokens, c->old_logprobs, (size_t)c->n * sizeof(float));
            n_tokens += c->n;
        }
    }
    g->sequence_start[batch.n_sequences] = n_tokens;
    *tokens = (GrpoBatch){.n_tokens = n_tokens,
                          .n_sequences = batch.n_sequences,
                          .sequence_start = g->sequence_start,
                          .advantages = g->advantages,
                          .old_logprobs = g->old_logprobs,
                          .ref_logprobs = g->has_reference ? g->ref_logprobs : NULL,
                          .weights = g->weights};
    return batch;
}

static void add_stats(UpdateSums *sums, const GrpoStats *st)
{
    if (sums->n_with_tokens == 0) sums->clip_low_min = st->clip_low_mean, sums->ratio_min = st->ratio_min;
    sums->n_with_tokens++;
    sums->loss += st->loss, sums->policy_loss += st->policy_loss, sums->kl += st->kl, sums->entropy += st->entropy;
    sums->clip_low += st->clip_low_mean, sums->clip_high += st->clip_high_mean,
        sums->clip_region += st->clip_region_mean;
    sums->ratio_mean += st->ratio_mean;
    sums->n_capped += st->n_capped;
    sums->clip_low_min = fmin(sums->clip_low_min, st->clip_low_mean),
    sums->clip_high_max = fmax(sums->clip_high_max, st->clip_high_mean);
    sums->ratio_min = fmin(sums->ratio_min, st->ratio_min), sums->ratio_max = fmax(sums->ratio_max, st->ratio_max);
}

static bool differs(const UpdateSums *sums, Error *err)
{
    if (sums->first_difference_max == 0.0) return false;
    if (isnan(sums->first_difference_max)) {
        error_set(err, ERROR_BUG, "the policy gives log-probabilities that are not numbers: lower the learning rate");
        return true;
    }
    error_set(
        err, ERROR_BUG,
        "the sampler and the trainer disagree by %g nats on the same weights: training stopped (please report this)",
        sums->first_difference_max);
    return true;
}

/* The first minibatch has nothing to train on: its first question, run forward, still shows that sampler and trainer agree. */
static bool measure_difference(GrpoStage *g, UpdateSums *sums, Error *err)
{
    const float inv_temperature = (float)(1.0 / g->settings->temperature);
    const bool live = g->live[0];
    int64_t unused;
    GrpoBatch tokens;
    g->live[0] = true; /* so that it is laid out */
    const TrainBatch batch = grpo_stage_lay_out(g, 0, 1, &tokens, &unused, &unused);
    g->live[0] = live;
    if (!trainer_logprobs(&g->trainer, &g->policy, &batch, inv_temperature, g->logprobs, NULL, err)) return false;
    double sum = 0, largest = 0;
    for (int64_t t = 0; t < tokens.n_tokens; t++) {
        const double difference = fabs((double)g->logprobs[t] - (double)g->old_logprobs[t]);
        sum += difference;
        if (difference > largest || isnan(difference)) largest = difference; /* a NaN stays */
    }
    sums->first_difference_mean = sum / (double)tokens.n_tokens;
    sums->first_difference_max = largest;
    return !differs(sums, err);
}

static bool gradient_of_minibatch(GrpoStage *g, const TrainBatch *batch, GrpoBatch *tokens, bool first,
                                  UpdateSums *sums, Error *err)
{
    const float inv_temperature = (float)(1.0 / g->settings->temperature);
    if (g->has_reference && !g->critic && /* a critic has read all of the rollout */
        !trainer_logprobs(&g->trainer, &g->reference, batch, inv_temperature, g->ref_logprobs, NULL, err))
        return false;
    if (g->loss.loss_type == LOSS_GSPO) {
        if (!trainer_logprobs(&g->trainer, &g->policy, batch, inv_temperature, g->logprobs, NULL, err)) return false;
        tokens->sequence_ratio = g->sequence_ratio;
        grpo_sequence_ratios(tokens, g->logprobs);
    }
    GrpoLoss loss = {tokens, &g->loss};
    if (!trainer_gradient(&g->trainer, &g->policy, batch, inv_temperature, grpo_loss_gradient, &loss, g->logprobs,
                          g->entropies, err))
        return false;
    GrpoStats stats;
    grpo_stats(&stats, tokens, &g->loss, g->logprobs, g->entropies);
    if (tokens->n_tokens > 0) add_stats(sums, &stats);
    if (g->critic) critic_hear_policy(g, tokens, &stats);
    if (!first || tokens->n_tokens == 0) return true;
    sums->first_difference_mean = stats.logp_difference_mean;
    sums->first_difference_max = stats.logp_difference_max;
    return !differs(sums, err);
}

/* All groups dead: their gradient is exactly zero, and the update is still owed (moments decay), unless dead groups do not count
 * at all. */
static bool update_once(GrpoStage *g, int64_t step, int64_t part, bool first, UpdateSums *sums, Error *err)
{
    int64_t begin, end, normal_sequences, normal_tokens;
    GrpoBatch tokens;
    double grad_norm;
    threads_split(g->n_questions, 1, part, g->settings->minibatches, &begin, &end);
    const TrainBatch batch = grpo_stage_lay_out(g, begin, end, &tokens, &normal_sequences, &normal_tokens);
    if (normal_sequences == 0) return true;
    grpo_weights(&tokens, &g->loss, normal_sequences, normal_tokens);
    if (g->critic) critic_fill(g, begin, &tokens);
    if (!gradient_of_minibatch(g, &batch, &tokens, first, sums, err) ||
        !optimizer_update(&g->optimizer, &g->policy, g->trainer.gradients[0].flat, sums->rate, &g->run->compute,
                          &grad_norm, err))
        return false;
    stage_balance_experts(&g->settings->common, &g->trainer, &g->policy);
    if (g->critic && !critic_update(g, &batch, begin, end, step, err)) return false;
    sums->grad_norm += grad_norm;
    sums->n++;
    return signals_check(err);
}

/* Whether the first minibatch runs any token through the trainer. */
static bool first_is_trained(const GrpoStage *g)
{
    const GrpoSettings *const s = g->settings;
    int64_t begin, end;
    threads_split(g->n_questions, 1, 0, s->minibatches, &begin, &end);
    bool trained = dead_groups_pull(s);
    for (int64_t i = begin; i < end; i++) trained = trained || g->live[i];
    return trained;
}

bool grpo_stage_update(GrpoStage *g, int64_t step, UpdateSums *sums, Error *err)
{
    const GrpoSettings *const s = g->settings;
    const Schedule schedule = stage_schedule(&s->common);
    const int64_t n_updates = s->inner_epochs * s->minibatches;
    sums->rate = schedule_rate(&schedule, step);
    if (!first_is_trained(g) && !measure_difference(g, sums, err)) return false;
    for (int64_t u = 0; u < n_updates; u++) {
        progress_activity(g->run->progress, "training", (double)u / (double)n_updates);
        if (!update_once(g, step, u % s->minibatches, u == 0, sums, err)) return false;
    }
    g->state.optimizer_steps = g->optimizer.step;
    return true;
}
