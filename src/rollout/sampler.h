/* SPDX-License-Identifier: MIT */
/* rollout/sampler.h: one token from one row of logits.
 *
 * Plain sampling (temperature alone) is the policy that RL trains: inverse CDF over the masses of num/head.h. Truncation (top-k, then top-p, then min-p, in
 * the order of transformers and vLLM) is for people and evaluation; it is refused in RL, where the sampled distribution must be the trained one. */
#ifndef R1_ROLLOUT_SAMPLER_H
#define R1_ROLLOUT_SAMPLER_H

#include "base/philox.h"
#include "num/head.h"

#include <stdbool.h>

typedef struct SamplingParams {
    double temperature; /* 0: greedy, the lowest id among the largest logits */
    double top_p;       /* 1: off */
    double min_p;       /* 0: off; keeps ids with p >= min_p * max p */
    int64_t top_k;      /* 0: off */
    int64_t max_tokens; /* new tokens, the stop token included */
    uint64_t seed;
    bool ignore_eos;
} SamplingParams;
bool sampling_is_truncated(const SamplingParams *params);

typedef struct SampledToken {
    int32_t id;
    float logprob;         /* of softmax(z): temperature 1, nothing truncated */
    float policy_logprob;  /* of softmax(z / temperature), nothing truncated; equals logprob at temperature 1 and 0 */
    float sampled_logprob; /* of the distribution that was drawn from; 0 when greedy */
} SampledToken;

/* Scratch of one thread. */
int64_t sampler_scratch_floats(int64_t vocab_size);
/* u: uniform in [0, 1). */
SampledToken sampler_draw(const Kernels *k, const float *logits, int64_t V, const SamplingParams *params, double u,
                          float *scratch);

#endif
