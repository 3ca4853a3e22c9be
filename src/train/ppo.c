/* SPDX-License-Identifier: MIT */
#include "train/ppo.h"

#include <math.h>
#include <stddef.h>

static const double WHITEN_EPS = 1e-8;

void ppo_advantages(float *advantages, float *returns, const PpoEpisode *e, const PpoConfig *c)
{
    const double decay = c->gamma * c->lambda;
    double next_value = 0.0, advantage = 0.0;
    for (int64_t t = e->n - 1; t >= 0; t--) {
        const double value = (double)e->values[t];
        double reward = t == e->n - 1 ? e->reward : 0.0;
        if (c->kl_coef != 0.0)
            reward = fma(-c->kl_coef, (double)e->old_logprobs[t] - (double)e->ref_logprobs[t], reward);
        const double delta = fma(c->gamma, next_value, reward) - value;
        advantage = fma(decay, advantage, delta);
        advantages[t] = (float)advantage;
        returns[t] = (float)(advantage + value);
        next_value = value;
    }
}

int64_t ppo_tokens_count(const PpoTokens *tokens)
{
    int64_t n = 0;
    for (int64_t s = 0; s < tokens->n_sequences; s++)
        if (tokens->counted[s]) n += tokens->sequence_start[s + 1] - tokens->sequence_start[s];
    return n;
}

/* Of a - b; b NULL: of a. */
static void moments_of_difference(const float *a, const float *b, const PpoTokens *tokens, double *mean,
                                  double *variance)
{
    const int64_t n = ppo_tokens_count(tokens);
    double sum = 0.0, squares = 0.0;
    for (int64_t s = 0; s < tokens->n_sequences; s++)
        for (int64_t t = tokens->sequence_start[s]; tokens->counted[s] && t < tokens->sequence_start[s + 1]; t++)
            sum += (double)a[t] - (b ? (double)b[t] : 0.0);
    *mean = n > 0 ? sum / (double)n : (double)NAN;
    for (int64_t s = 0; s < tokens->n_sequences; s++)
        for (int64_t t = tokens->sequence_start[s]; tokens->counted[s] && t < tokens->sequence_start[s + 1]; t++) {
            const double d = (double)a[t] - (b ? (double)b[t] : 0.0) - *mean;
            squares = fma(d, d, squares);
        }
    *variance = n > 1 ? squares / (double)(n - 1) : (double)NAN;
}

void ppo_moments(const float *x, const PpoTokens *tokens, double *mean, double *variance)
{
    moments_of_difference(x, NULL, tokens, mean, variance);
}

void ppo_whiten(float *advantages, const PpoTokens *tokens)
{
    double mean, variance;
    ppo_moments(advantages, tokens, &mean, &variance);
    const bool enough = !isnan(variance);
    const double inv = enough ? 1.0 / sqrt(variance + WHITEN_EPS) : 0.0;
    for (int64_t s = 0; s < tokens->n_sequences; s++)
        for (int64_t t = tokens->sequence_start[s]; t < tokens->sequence_start[s + 1]; t++)
            advantages[t] = enough && tokens->counted[s] ? (float)(((double)advantages[t] - mean) * inv) : 0.0f;
}

void ppo_value_weights(float *weights, const PpoTokens *tokens, double scale)
{
    const int64_t n = ppo_tokens_count(tokens);
    const float weight = n > 0 ? (float)(scale / (double)n) : 0.0f;
    for (int64_t s = 0; s < tokens->n_sequences; s++)
        for (int64_t t = tokens->sequence_start[s]; t < tokens->sequence_start[s + 1]; t++)
            weights[t] = tokens->counted[s] ? weight : 0.0f;
}

double ppo_explained_variance(const float *values, const float *returns, const PpoTokens *tokens)
{
    double unused, all, left;
    ppo_moments(returns, tokens, &unused, &all);
    moments_of_difference(returns, values, tokens, &unused, &left);
    return all > 0.0 ? 1.0 - left / all : (double)NAN;
}

/* What one token contributes: the larger of two squares, halved, and its derivative by the value. */
typedef struct ValueTerm {
    double loss, d_value;
    bool clipped;
} ValueTerm;

static ValueTerm value_term(const PpoValueLoss *l, int64_t t, float now)
{
    const double value = (double)now, old = (double)l->old_values[t], c = l->cliprange_value;
    const double miss = value - (double)l->returns[t];
    ValueTerm term = {.loss = 0.5 * (miss * miss), .d_value = miss};
    if (c == 0.0 || (value >= old - c && value <= old + c)) return term;
    const double bounded = (value < old - c ? old - c : old + c) - (double)l->returns[t];
    if (bounded * bounded > miss * miss) term = (ValueTerm){.loss = 0.5 * (bounded * bounded), .clipped = true};
    return term;
}

void ppo_value_loss_gradient(void *context, int64_t first, int64_t n, const float *values, float *dvalues)
{
    const PpoValueLoss *const l = context;
    for (int64_t i = 0; i < n; i++) {
        const float w = l->weights[first + i];
        dvalues[i] = w == 0.0f ? 0.0f : (float)((double)w * value_term(l, first + i, values[i]).d_value);
    }
}

void ppo_value_stats(PpoValueStats *stats, const PpoValueLoss *l, const float *values, const PpoTokens *tokens)
{
    const double n = (double)ppo_tokens_count(tokens);
    double loss = 0.0, clipped = 0.0;
    for (int64_t s = 0; s < tokens->n_sequences; s++)
        for (int64_t t = tokens->sequence_start[s]; tokens->counted[s] && t < tokens->sequence_start[s + 1]; t++) {
            const ValueTerm term = value_term(l, t, values[t]);
            loss += term.loss;
            clipped += term.clipped;
        }
    *stats = (PpoValueStats){.loss = n > 0 ? loss / n : (double)NAN, .clip_share = n > 0 ? clipped / n : (double)NAN};
}

double ppo_approx_kl(const float *logprobs, const float *old_logprobs, int64_t n)
{
    double squares = 0.0;
    for (int64_t t = 0; t < n; t++) {
        const double d = (double)logprobs[t] - (double)old_logprobs[t];
        squares = fma(d, d, squares);
    }
    return n > 0 ? 0.5 * squares / (double)n : (double)NAN;
}
