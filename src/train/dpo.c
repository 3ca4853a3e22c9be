/* SPDX-License-Identifier: MIT */
#include "train/dpo.h"

#include "num/math.h"

#include <math.h>
#include <string.h>

double dpo_sum(const float *logprobs, int64_t n)
{
    double sum = 0.0;
    for (int64_t t = 0; t < n; t++) sum += (double)logprobs[t];
    return sum;
}

/* One pair: log-probabilities over the reference's, and what they amount to. */
typedef struct Pair {
    double logprob[2], over_reference[2]; /* chosen, rejected; sums, or means over tokens */
    double delta;
    int64_t n[2]; /* tokens */
} Pair;

static Pair pair_of(const DpoConfig *c, const DpoBatch *b, int64_t i, const float *logprobs)
{
    Pair p;
    for (int side = 0; side < 2; side++) {
        const int64_t s = 2 * i + side, first = b->sequence_start[s];
        p.n[side] = b->sequence_start[s + 1] - first;
        const double divisor = c->loss_type == DPO_IPO ? (double)p.n[side] : 1.0;
        const double sum = dpo_sum(logprobs + first, p.n[side]);
        p.logprob[side] = sum / divisor;
        p.over_reference[side] = (sum - b->ref_logprobs[s]) / divisor;
    }
    p.delta = p.over_reference[0] - p.over_reference[1];
    return p;
}

/* -log sigmoid(x) */
static double softplus_of_minus(double x)
{
    return (x < 0.0 ? -x : 0.0) + math_log(1.0 + math_exp(-fabs(x)));
}

static double sigmoid(double x)
{
    const double e = math_exp(-fabs(x));
    return x >= 0.0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

static double pair_loss(const DpoConfig *c, double delta)
{
    const double miss = delta - 1.0 / (2.0 * c->beta), x = c->beta * delta;
    if (c->loss_type == DPO_IPO) return miss * miss;
    return (1.0 - c->label_smoothing) * softplus_of_minus(x) + c->label_smoothing * softplus_of_minus(-x);
}

static double pair_slope(const DpoConfig *c, double delta)
{
    if (c->loss_type == DPO_IPO) return 2.0 * (delta - 1.0 / (2.0 * c->beta));
    const double x = c->beta * delta;
    return c->beta * (c->label_smoothing * sigmoid(x) - (1.0 - c->label_smoothing) * sigmoid(-x));
}

void dpo_add(DpoSums *sums, const DpoConfig *c, const DpoBatch *b, const float *logprobs)
{
    for (int64_t i = 0; i < b->n_pairs; i++) {
        const Pair p = pair_of(c, b, i, logprobs);
        sums->loss += pair_loss(c, p.delta);
        sums->reward_chosen += c->beta * p.over_reference[0];
        sums->reward_rejected += c->beta * p.over_reference[1];
        sums->accuracy += p.over_reference[0] > p.over_reference[1] ? 1.0 : 0.0;
        sums->logprob_chosen += p.logprob[0];
        sums->logprob_rejected += p.logprob[1];
        sums->nll -= dpo_sum(logprobs + b->sequence_start[2 * i], p.n[0]);
        sums->n_chosen_tokens += p.n[0];
        sums->n_pairs++;
    }
}

double dpo_loss_value(const DpoSums *sums, const DpoConfig *c)
{
    return sums->loss / (double)sums->n_pairs + c->rpo_alpha * (sums->nll / (double)sums->n_chosen_tokens);
}

void dpo_gradient(float *dlogprobs, const DpoConfig *c, const DpoBatch *b, const float *logprobs)
{
    int64_t n_chosen = 0;
    for (int64_t i = 0; i < b->n_pairs; i++) n_chosen += b->sequence_start[2 * i + 1] - b->sequence_start[2 * i];
    for (int64_t i = 0; i < b->n_pairs; i++) {
        const Pair p = pair_of(c, b, i, logprobs);
        const double slope = pair_slope(c, p.delta) / (double)b->n_pairs;
        for (int side = 0; side < 2; side++) {
            const int64_t s = 2 * i + side;
            const double share = c->loss_type == DPO_IPO ? slope / (double)p.n[side] : slope;
            const double d = side == 0 ? share - c->rpo_alpha / (double)n_chosen : -share;
            for (int64_t t = b->sequence_start[s]; t < b->sequence_start[s + 1]; t++) dlogprobs[t] = (float)d;
        }
    }
}

void dpo_loss_gradient(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                       float *dlogprobs, float *dentropies)
{
    (void)logprobs, (void)entropies;
    memcpy(dlogprobs, (const float *)context + first, (size_t)n * sizeof *dlogprobs);
    for (int64_t i = 0; i < n; i++) dentropies[i] = 0.0f;
}
