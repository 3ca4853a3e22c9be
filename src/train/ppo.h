/* SPDX-License-Identifier: MIT */
/* train/ppo.h: what PPO has beside GRPO's clipped token loss (train/grpo.h): advantages of tokens from a value function, the loss that the
 * value function learns by, and the figures of both.
 *
 *   r[t]       = -kl_coef * (old_logprobs[t] - ref_logprobs[t]), and on the last token the completion's reward besides
 *   delta[t]   = r[t] + gamma * V[t + 1] - V[t]                                V behind the last token is 0, cut off or not
 *   A[t]       = delta[t] + gamma * lambda * A[t + 1]
 *   returns[t] = A[t] + V[t]
 *   value loss = sum_t w[t] * 1/2 max((v - returns)^2, (clip(v, V - c, V + c) - returns)^2)
 *
 * V[t] is what the value function said of the rollout, before any update, behind all that token t follows from; v what it says now; c is
 * cliprange_value, 0: no clipping.
 * Source: PPO (arXiv 1707.06347), generalised advantages (1506.02438), the KL in the reward and the value loss as in InstructGPT (2203.02155)
 * and TRL; DeepSeek-R1 (2501.12948 v2, A.3) compares GRPO with it. In f64, sums in token order; what is handed on is rounded to f32 once. */
#ifndef R1_TRAIN_PPO_H
#define R1_TRAIN_PPO_H

#include <stdbool.h>
#include <stdint.h>

typedef struct PpoConfig {
    double gamma, lambda;
    double kl_coef; /* of the KL in the reward; 0: none there */
    double cliprange_value;
} PpoConfig;

/* One completion of n >= 1 tokens; nats. */
typedef struct PpoEpisode {
    int64_t n;
    const float *values;       /* [n] */
    const float *old_logprobs; /* [n] */
    const float *ref_logprobs; /* [n]; NULL if kl_coef == 0 */
    double reward;
} PpoEpisode;

/* advantages[n], returns[n]. */
void ppo_advantages(float *advantages, float *returns, const PpoEpisode *episode, const PpoConfig *config);

/* The tokens of a rollout in order, and which completions count: one whose reward is undecided has advantages of 0 and no returns. */
typedef struct PpoTokens {
    int64_t n_sequences;
    const int64_t *sequence_start; /* [n_sequences + 1]: token numbers */
    const bool *counted;           /* [n_sequences] */
} PpoTokens;

/* How many tokens count. */
int64_t ppo_tokens_count(const PpoTokens *tokens);

/* A = (A - mean) / sqrt(variance + 1e-8) over the tokens that count, the variance over n - 1 (TRL, verl). Fewer than two: all 0. */
void ppo_whiten(float *advantages, const PpoTokens *tokens);
/* w[t] = scale / (tokens that count), 0 for those that do not. In f64, rounded once. */
void ppo_value_weights(float *weights, const PpoTokens *tokens, double scale);
/* 1 - variance(returns - values) / variance(returns) over the tokens that count; NaN where the returns are all equal. */
double ppo_explained_variance(const float *values, const float *returns, const PpoTokens *tokens);
/* Mean and variance (over n - 1) over the tokens that count; NaN of too few. */
void ppo_moments(const float *x, const PpoTokens *tokens, double *mean, double *variance);

typedef struct PpoValueLoss {
    const float *old_values, *returns, *weights; /* [tokens] */
    double cliprange_value;
} PpoValueLoss;
/* A DecoderValueLoss (context is a PpoValueLoss): dvalues of tokens [first, first + n). The gradient is that of the larger square: 0 where
 * that is the clipped one. */
void ppo_value_loss_gradient(void *context, int64_t first, int64_t n, const float *values, float *dvalues);

/* Of an update, from stored numbers. */
typedef struct PpoValueStats {
    double loss;       /* mean over the tokens that count, whatever the weights; NaN: none does */
    double clip_share; /* of them, where the clipped square is the larger one */
} PpoValueStats;
void ppo_value_stats(PpoValueStats *stats, const PpoValueLoss *loss, const float *values, const PpoTokens *tokens);
/* Schulman's estimate of the KL of an update: the mean of (logprobs - old_logprobs)^2 / 2. */
double ppo_approx_kl(const float *logprobs, const float *old_logprobs, int64_t n);

#endif
