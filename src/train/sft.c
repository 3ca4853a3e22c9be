/* SPDX-License-Identifier: MIT */
#include "train/sft.h"

double sft_inv_total(const float *weights, int64_t n_tokens)
{
    double total = 0.0;
    for (int64_t t = 0; t < n_tokens; t++) total += weights ? (double)weights[t] : 1.0;
    return total > 0.0 ? 1.0 / total : 0.0;
}

void sft_loss_gradient(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                       float *dlogprobs, float *dentropies)
{
    const SftLoss *loss = context;
    (void)logprobs, (void)entropies;
    for (int64_t i = 0; i < n; i++) {
        dlogprobs[i] = -(float)((loss->weights ? (double)loss->weights[first + i] : 1.0) * loss->inv_total);
        dentropies[i] = 0.0f;
    }
}

double sft_loss_value(const SftLoss *loss, const float *logprobs, int64_t n_tokens)
{
    double sum = 0.0;
    for (int64_t t = 0; t < n_tokens; t++)
        sum -= (loss->weights ? (double)loss->weights[t] : 1.0) * (double)logprobs[t];
    return sum * loss->inv_total;
}
