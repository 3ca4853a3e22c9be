/* SPDX-License-Identifier: MIT */
/* train/reward_model.h: the two losses that a reward model learns by, over scores s of whole responses, and what its scores are worth.
 *
 *   pairwise (Bradley-Terry; helpful)   loss = mean over pairs  of -log sigmoid(s_chosen - s_rejected - margin)
 *   pointwise (cross-entropy; safety)   loss = mean over scores of -(z log sigmoid(s) + (1 - z) log(1 - sigmoid(s)))
 *
 * Source: DeepSeek-R1 (Nature, "reward models"; arXiv 2501.12948 v2, 3.1); a pair's margin is Llama 2's (arXiv 2307.09288, eq. 2). In f64 with the
 * project's exp and log; sums in the order of scores. Of a pair the scores 2p and 2p + 1 are the chosen and the rejected one. */
#ifndef R1_TRAIN_REWARD_MODEL_H
#define R1_TRAIN_REWARD_MODEL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct RewardModelLoss {
    bool pairwise;
    const float *margins; /* [pairs], NULL: all 0 */
    const float *labels;  /* [scores], pointwise: z in 0 to 1; 1 is good (safe) */
    double inv_total;     /* 1 / pairs, or 1 / scores, counted over the whole batch */
} RewardModelLoss;

/* 1 / (pairs or scores) of a batch of n_scores. */
double reward_model_inv_total(bool pairwise, int64_t n_scores);
/* A DecoderValueLoss; context is a RewardModelLoss. Pairs must come whole (trainer.whole_groups). */
void reward_model_loss_gradient(void *context, int64_t first, int64_t n, const float *values, float *dvalues);
double reward_model_loss_value(const RewardModelLoss *loss, const float *values, int64_t n_scores);

/* 1 / (1 + exp(-x)) in f64, without overflow. */
double reward_model_sigmoid(double x);

#endif
