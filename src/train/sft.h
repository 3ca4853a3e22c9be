/* SPDX-License-Identifier: MIT */
/* train/sft.h: cross-entropy over weighted tokens: loss = -sum_t w[t] logprobs[t] / sum_t w[t]. Pretraining and SFT (P2 A.2 of the R1 paper: response tokens incl.
 * EOS) differ in the weights alone. */
#ifndef R1_TRAIN_SFT_H
#define R1_TRAIN_SFT_H

#include <stdint.h>

typedef struct SftLoss {
    const float *weights; /* [n_tokens] >= 0, NULL: all 1 */
    double inv_total;     /* 1 / sum of the weights, counted over the whole batch before the first micro-batch */
} SftLoss;
/* 1 / (f64 sum of the weights in order); 0 when they sum to 0. */
double sft_inv_total(const float *weights, int64_t n_tokens);
/* A DecoderLoss; context is an SftLoss. */
void sft_loss_gradient(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                       float *dlogprobs, float *dentropies);
/* f64 sum in token order. */
double sft_loss_value(const SftLoss *loss, const float *logprobs, int64_t n_tokens);

#endif
