/* SPDX-License-Identifier: MIT */
#include "train/grpo.h"

#include "num/math.h"

#include <math.h>

/* exp(20) = 4.9e8: far beyond anything a healthy policy meets, far below what f32 sums can bear. */
static const float EXPONENT_CAP = 20.0f;
static const float RATIO_CAP = 485165195.40979f; /* exp(20): what grpo_sequence_ratios gives at the cap and beyond */

bool grpo_advantages(float *advantages, const double *rewards, const bool *counted, int64_t n, AdvantageScale scale,
                     double eps)
{
    int64_t n_counted = 0, first = -1;
    double sum = 0.0;
    bool equal = true;
    for (int64_t i = 0; i < n; i++) {
        advantages[i] = 0.0f;
        if (counted && !counted[i]) continue;
        if (first < 0) first = i;
        equal = equal && rewards[i] == rewards[first];
        sum += rewards[i];
        n_counted++;
    }
    if (n_counted < 2 || equal) return false;
    const double mean = sum / (double)n_counted;
    double squares = 0.0;
    for (int64_t i = 0; i < n; i++)
        if (!counted || counted[i]) squares = fma(rewards[i] - mean, rewards[i] - mean, squares);
    const double divisor = scale == SCALE_NONE
                               ? 1.0
                               : sqrt(squares / (double)(scale == SCALE_GROUP_STD ? n_counted - 1 : n_counted)) + eps;
    bool live = false;
    for (int64_t i = 0; i < n; i++) {
        if (counted && !counted[i]) continue;
        advantages[i] = (float)((rewards[i] - mean) / divisor);
        live = live || advantages[i] != 0.0f;
    }
    return live;
}

void grpo_weights(GrpoBatch *b, const GrpoConfig *config, int64_t n_normal_sequences, int64_t n_normal_tokens)
{
    for (int64_t s = 0; s < b->n_sequences; s++) {
        const int64_t length = b->sequence_start[s + 1] - b->sequence_start[s];
        double w = 1.0 / (double)n_normal_tokens;
        if (config->loss_type == LOSS_GRPO || config->loss_type == LOSS_GSPO)
            w = 1.0 / ((double)n_normal_sequences * (double)length);
        if (config->loss_type == LOSS_DR_GRPO)
            w = 1.0 / ((double)n_normal_sequences * (double)config->max_completion_tokens);
        for (int64_t t = b->sequence_start[s]; t < b->sequence_start[s + 1]; t++) b->weights[t] = (float)w;
    }
}

void grpo_sequence_ratios(GrpoBatch *b, const float *logprobs)
{
    for (int64_t s = 0; s < b->n_sequences; s++) {
        double sum = 0.0;
        const int64_t begin = b->sequence_start[s], end = b->sequence_start[s + 1];
        for (int64_t t = begin; t < end; t++) sum += (double)logprobs[t] - (double)b->old_logprobs[t];
        double mean = sum / (double)(end - begin);
        if (mean > (double)EXPONENT_CAP) mean = (double)EXPONENT_CAP;
        b->sequence_ratio[s] = (float)math_exp(mean);
    }
}

static int64_t sequence_of(const GrpoBatch *b, int64_t token)
{
    int64_t low = 0, high = b->n_sequences;
    while (high - low > 1) {
        const int64_t middle = (low + high) / 2;
        if (b->sequence_start[middle] <= token)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* What one token contributes. */
typedef struct TokenTerm {
    float ratio, surrogate, kl;
    float d_surrogate, d_kl; /* by the token's log-probability */
    bool low, high, capped;
} TokenTerm;

static TokenTerm token_term(const GrpoBatch *b, const GrpoConfig *c, int64_t t, int64_t sequence, float logprob)
{
    const float A = b->token_advantages ? b->token_advantages[t] : b->advantages[sequence];
    const float low = (float)(1.0 - c->clip_low), high = (float)(1.0 + c->clip_high);
    TokenTerm term = {0};
    if (b->sequence_ratio) {
        /* GSPO: one ratio a sequence; its gradient by each of the sequence's log-probabilities is s / |o|, and w carries the 1 / |o|. */
        term.ratio = b->sequence_ratio[sequence];
        term.capped = term.ratio >= RATIO_CAP;
    } else {
        float x = logprob - b->old_logprobs[t];
        if (x > EXPONENT_CAP) x = EXPONENT_CAP, term.capped = true;
        term.ratio = math_exp_f32(x);
    }
    const float clipped = term.ratio < low ? low : (term.ratio > high ? high : term.ratio);
    const float plain = term.ratio * A, bounded = clipped * A;
    term.surrogate = bounded < plain ? bounded : plain;
    /* The kept branch of the min: clipped where A > 0 and ratio > high, or A < 0 and ratio < low. */
    term.high = A > 0.0f && term.ratio > high;
    term.low = A < 0.0f && term.ratio < low;
    if (!term.high && !term.low && !term.capped) term.d_surrogate = plain;
    if (c->kl_coef != 0.0) {
        float d = b->ref_logprobs[t] - logprob;
        const bool kl_capped = d > EXPONENT_CAP;
        if (kl_capped) d = EXPONENT_CAP;
        const float e = math_exp_f32(d);
        term.kl = (e - d) - 1.0f;
        term.d_kl = kl_capped ? 0.0f : 1.0f - e;
        term.capped = term.capped || kl_capped;
    }
    return term;
}

void grpo_loss_gradient(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                        float *dlogprobs, float *dentropies)
{
    const GrpoLoss *loss = context;
    const GrpoBatch *b = loss->batch;
    const float kl_coef = (float)loss->config->kl_coef, entropy_coef = (float)loss->config->entropy_coef;
    (void)entropies;
    int64_t s = n > 0 ? sequence_of(b, first) : 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t t = first + i;
        while (t >= b->sequence_start[s + 1]) s++;
        const TokenTerm term = token_term(b, loss->config, t, s, logprobs[i]);
        dlogprobs[i] = -(b->weights[t] * fmaf(-kl_coef, term.d_kl, term.d_surrogate));
        dentropies[i] = entropy_coef == 0.0f ? 0.0f : -(b->weights[t] * entropy_coef);
    }
}

void grpo_stats(GrpoStats *stats, const GrpoBatch *b, const GrpoConfig *c, const float *logprobs,
                const float *entropies)
{
    *stats = (GrpoStats){0};
    if (b->n_tokens == 0) return;
    double low = 0, high = 0, kl = 0, entropy = 0, ratio = 0, difference = 0, policy = 0, weighted_kl = 0,
           weighted_entropy = 0;
    stats->ratio_min = HUGE_VAL;
    for (int64_t s = 0; s < b->n_sequences; s++) {
        for (int64_t t = b->sequence_start[s]; t < b->sequence_start[s + 1]; t++) {
            const TokenTerm term = token_term(b, c, t, s, logprobs[t]);
            const double w = (double)b->weights[t], gap = fabs((double)logprobs[t] - (double)b->old_logprobs[t]);
            policy -= w * (double)term.surrogate;
            weighted_kl += w * (double)term.kl;
            weighted_entropy += w * (double)entropies[t];
            kl += (double)term.kl;
            entropy += (double)entropies[t];
            ratio += (double)term.ratio;
            difference += gap;
            low += term.low;
            high += term.high;
            stats->n_capped += term.capped;
            if ((double)term.ratio < stats->ratio_min) stats->ratio_min = (double)term.ratio;
            if ((double)term.ratio > stats->ratio_max) stats->ratio_max = (double)term.ratio;
            /* A NaN stays: were it passed over, a broken model would look like one that agrees. */
            if (gap > stats->logp_difference_max || isnan(gap)) stats->logp_difference_max = gap;
        }
    }
    const double n = (double)b->n_tokens;
    stats->policy_loss = policy;
    stats->loss = policy + c->kl_coef * weighted_kl - c->entropy_coef * weighted_entropy;
    stats->kl = kl / n;
    stats->entropy = entropy / n;
    stats->clip_low_mean = low / n;
    stats->clip_high_mean = high / n;
    stats->clip_region_mean = (low + high) / n;
    stats->ratio_mean = ratio / n;
    stats->logp_difference_mean = difference / n;
}
