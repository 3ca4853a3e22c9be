/* SPDX-License-Identifier: MIT */
/* rollout/sampler.h: one token from one row of logits.
 *
 * Plain sampling (temperature alone) is the policy that RL trains: inverse CDF over the masses of num/head.h. Everything else is for
 * people and evaluation and is refused in RL, where the sampled distribution must be the trained one. The order is fixed, vLLM's but for
 * min-p, which comes last as in transformers:
 *
 *   1. logit bias          z[id] += bias
 *   2. repetition penalty  z > 0 ? z / r : z * r, once for each id of the prompt or the completion so far (transformers, vLLM; Keskar et
 *                          al. 2019). llama.cpp looks at its last 64 tokens alone and is otherwise the same
 *   3. frequency penalty   z -= f * how often the id stands in the completion so far (OpenAI, vLLM: the prompt does not count)
 *   4. presence penalty    z -= p for each id of the completion so far
 *   5. grammar             ids that it does not allow: z = -inf
 *   6. temperature         y = z / T; 0: the lowest id among the largest z is taken
 *   7. top-k, 8. top-p of what is left, 9. min-p: ids with p >= min_p * the largest p
 *
 * 1 to 4 are f32 operations in that order, one rounding each, the same on every ISA. */
#ifndef R1_ROLLOUT_SAMPLER_H
#define R1_ROLLOUT_SAMPLER_H

#include "base/philox.h"
#include "num/head.h"
#include "text/grammar.h"
#include "text/stop_strings.h"
#include "text/token_bytes.h"

#include <stdbool.h>

typedef struct LogitBias {
    int32_t id;
    float bias; /* finite */
} LogitBias;

/* Whether the engine guesses ahead (rollout/engine.h). It moves no bit; by default what steps cost is measured and decides. */
typedef enum Speculation {
    SPECULATION_ON,
    SPECULATION_OFF,
    SPECULATION_UNTIMED /* tests: the same steps every time */
} Speculation;

/* A zeroed one is greedy without an end; temperature, top_p and max_tokens are always set. Pointers are borrowed for the run. */
typedef struct SamplingParams {
    double temperature; /* 0: greedy, the lowest id among the largest logits */
    double top_p;       /* 1: off */
    double min_p;       /* 0: off; keeps ids with p >= min_p * max p */
    int64_t top_k;      /* 0: off */
    int64_t max_tokens; /* new tokens, the stop token included */
    uint64_t seed;
    bool ignore_eos;
    Speculation speculation;
    double repetition_penalty;                  /* 0 or 1: off */
    double frequency_penalty, presence_penalty; /* 0: off */
    const LogitBias *biases;                    /* [n_biases]; of two for one id both count */
    int64_t n_biases;
    const TokenBytes *token_bytes; /* what stop strings and a grammar read; NULL without them */
    const StopStrings *stop;       /* NULL: none */
    Grammar
        *grammar; /* NULL: none. Bound to the vocabulary and the stop ids; what it learns is written during the run */
} SamplingParams;
/* top-k, top-p or min-p. */
bool sampling_is_truncated(const SamplingParams *params);
/* Bias, penalties or a grammar: the logits are changed before the temperature. */
bool sampling_is_adjusted(const SamplingParams *params);
/* Anything that makes sampled_logprobs differ from logprobs. */
bool sampling_is_plain(const SamplingParams *params);

typedef struct SampledToken {
    int32_t id;
    float logprob;         /* of softmax(z): temperature 1, nothing adjusted or truncated */
    float policy_logprob;  /* of softmax(z / temperature), likewise; equals logprob at temperature 1 and 0 */
    float sampled_logprob; /* of the distribution that was drawn from; 0 when greedy */
} SampledToken;

/* What came before, for penalties and grammar. A zeroed one: nothing. */
typedef struct SamplingPast {
    const int32_t *prompt, *completion; /* [n_prompt], [n_completion] */
    int64_t n_prompt, n_completion;
    const uint32_t *allowed; /* bit i: id i; NULL: all */
} SamplingPast;

/* Scratch of one thread. */
int64_t sampler_scratch_floats(int64_t vocab_size);
/* u: uniform in [0, 1). past may be NULL when nothing is adjusted. Biases must be of ids below V, and an id must be allowed. */
SampledToken sampler_draw(const Kernels *k, const float *logits, int64_t V, const SamplingParams *params,
                          const SamplingPast *past, double u, float *scratch);

#endif
