/* SPDX-License-Identifier: MIT */
/* train/grpo.h: group advantages and the GRPO loss.
 *
 *   ratio[t] = exp(logprobs[t] - old_logprobs[t])
 *   kl[t]    = exp(ref_logprobs[t] - logprobs[t]) - (ref_logprobs[t] - logprobs[t]) - 1                      (k3, Schulman 2020)
 *   loss     = -sum_t w[t] * (min(ratio[t] * A[t], clip(ratio[t], 1 - clip_low, 1 + clip_high) * A[t]) - kl_coef * kl[t]) - entropy_coef * sum_t w[t] * H[t]
 * Source: DeepSeek-R1 (arXiv 2501.12948) eq. 1-3, per token as in DeepSeekMath (2402.03300); two clips as in DAPO (2503.14476); constant normaliser as in
 * Dr. GRPO (2503.20783); sequence ratios as in GSPO (2507.18071). */
#ifndef R1_TRAIN_GRPO_H
#define R1_TRAIN_GRPO_H

#include "base/error.h"

#include <stdint.h>

typedef enum LossType { LOSS_GRPO, LOSS_DAPO, LOSS_DR_GRPO, LOSS_GSPO } LossType;
typedef enum AdvantageScale { SCALE_GROUP_STD, SCALE_GROUP_STD_POPULATION, SCALE_NONE } AdvantageScale;

typedef struct GrpoConfig {
    LossType loss_type;
    double clip_low, clip_high; /* epsilon below and above 1 */
    double kl_coef;             /* beta; 0: no reference model is read */
    double entropy_coef;
    int64_t max_completion_tokens; /* L_max of Dr. GRPO's normaliser */
} GrpoConfig;

/* Advantages of one group: A = (r - mean) / (std + eps), std over n - 1 (TRL, verl) or n; SCALE_NONE: r - mean. All in f64, sums in order, rounded to f32 once.
 * counted[i] == false (an undecided reward) leaves i out of mean and std and gives it 0. Rewards that are all equal (exactly) give exact zeros, and so does
 * a group of fewer than two counted. Returns true if any advantage differs from 0: the group is live. */
bool grpo_advantages(float *advantages, const double *rewards, const bool *counted, int64_t n, AdvantageScale scale,
                     double eps);

/* The tokens of a batch in order, and the sequence each belongs to. */
typedef struct GrpoBatch {
    int64_t n_tokens, n_sequences;
    const int64_t *sequence_start; /* [n_sequences + 1]: token numbers */
    const float *advantages;       /* [n_sequences] */
    const float *token_advantages; /* [n_tokens]: PPO, instead of those; else NULL */
    const float *old_logprobs;     /* [n_tokens], nats */
    const float *ref_logprobs;     /* [n_tokens], NULL if kl_coef == 0 */
    float *weights;                /* [n_tokens]: the normalisation; grpo_weights fills it */
    float *sequence_ratio;         /* [n_sequences], GSPO: grpo_sequence_ratios fills it; else NULL */
} GrpoBatch;

/* w[t] by loss type. n_normal_sequences and n_normal_tokens count what the normaliser counts (dead groups too, unless dropped):
 *   grpo, gspo: 1 / (sequences * |o|)   dapo: 1 / tokens   dr_grpo: 1 / (sequences * L_max). In f64, rounded once. */
void grpo_weights(GrpoBatch *batch, const GrpoConfig *config, int64_t n_normal_sequences, int64_t n_normal_tokens);
/* GSPO: s_i = exp(mean_t(logprobs - old_logprobs)), the mean in f64. */
void grpo_sequence_ratios(GrpoBatch *batch, const float *logprobs);

typedef struct GrpoLoss {
    const GrpoBatch *batch;
    const GrpoConfig *config;
} GrpoLoss;
/* A DecoderLoss (context is a GrpoLoss): dlogprobs[i], dentropies[i] for tokens [first, first + n). Exponents are capped at 20 with zero gradient beyond. */
void grpo_loss_gradient(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                        float *dlogprobs, float *dentropies);

/* Batch statistics from stored numbers: f64 sums in token order. Names as TRL's. */
typedef struct GrpoStats {
    double loss, policy_loss, kl, entropy;
    double clip_low_mean, clip_high_mean,
        clip_region_mean; /* shares of tokens: ratio < 1 - low with A < 0; > 1 + high with A > 0; either */
    double ratio_min, ratio_mean, ratio_max;
    double logp_difference_mean, logp_difference_max; /* |logprobs - old_logprobs| */
    int64_t n_capped;                                 /* tokens whose exponent met the cap */
} GrpoStats;
void grpo_stats(GrpoStats *stats, const GrpoBatch *batch, const GrpoConfig *config, const float *logprobs,
                const float *entropies);

#endif
