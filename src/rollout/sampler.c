/* SPDX-License-Identifier: MIT */
#include "rollout/sampler.h"

#include "num/math.h"
#include "rollout/truncation.h"

#include <math.h>
#include <string.h>

bool sampling_is_truncated(const SamplingParams *p)
{
    return p->top_p < 1.0 || p->min_p > 0.0 || p->top_k > 0;
}

static bool repeats_cost(const SamplingParams *p)
{
    return (p->repetition_penalty != 0.0 && p->repetition_penalty != 1.0) || p->frequency_penalty != 0.0 ||
           p->presence_penalty != 0.0;
}

bool sampling_is_adjusted(const SamplingParams *p)
{
    return p->n_biases > 0 || p->grammar || repeats_cost(p);
}

bool sampling_is_plain(const SamplingParams *p)
{
    return p->temperature == 1.0 && !sampling_is_truncated(p) && !sampling_is_adjusted(p);
}

static int64_t round16(int64_t n)
{
    return (n + 15) / 16 * 16;
}
static int64_t head_blocks(int64_t V)
{
    return (V + HEAD_BLOCK - 1) / HEAD_BLOCK;
}

/* Where the pieces of a thread's scratch stand. */
typedef struct Scratch {
    float *masses;          /* [V] */
    double *block_sums;     /* [head_blocks] */
    int32_t *order, *spare; /* [V] each: truncation; before it, `spare` counts what came before */
    float *adjusted;        /* [V] */
} Scratch;

static Scratch scratch_of(float *scratch, int64_t V)
{
    const int64_t row = round16(V), sums = round16(2 * head_blocks(V));
    return (Scratch){.masses = scratch,
                     .block_sums = (double *)(void *)(scratch + row),
                     .order = (int32_t *)(void *)(scratch + row + sums),
                     .spare = (int32_t *)(void *)(scratch + 2 * row + sums),
                     .adjusted = scratch + 3 * row + sums};
}

int64_t sampler_scratch_floats(int64_t V)
{
    return 4 * round16(V) + round16(2 * head_blocks(V));
}

/* ---- 1 to 5: what changes logits ---- */

enum { IN_PROMPT = 1 << 30 };

/* Charges each id of ids[n] once: whoever comes first resets its count. */
static void charge(float *z, int32_t *counts, const int32_t *ids, int64_t n, const SamplingParams *p)
{
    const float repetition = (float)(p->repetition_penalty == 0.0 ? 1.0 : p->repetition_penalty);
    const float frequency = (float)p->frequency_penalty, presence = (float)p->presence_penalty;
    for (int64_t i = 0; i < n; i++) {
        const int32_t id = ids[i], count = counts[id] & ~IN_PROMPT;
        if (counts[id] == 0) continue;
        counts[id] = 0;
        z[id] = z[id] > 0.0f ? z[id] / repetition : z[id] * repetition;
        z[id] = z[id] - frequency * (float)count;
        if (count > 0) z[id] = z[id] - presence;
    }
}

static void penalise(float *z, int32_t *counts, int64_t V, const SamplingParams *p, const SamplingPast *past)
{
    memset(counts, 0, (size_t)V * sizeof *counts);
    for (int64_t i = 0; i < past->n_prompt; i++) counts[past->prompt[i]] = IN_PROMPT;
    for (int64_t i = 0; i < past->n_completion; i++) counts[past->completion[i]]++;
    charge(z, counts, past->prompt, past->n_prompt, p);
    charge(z, counts, past->completion, past->n_completion, p);
}

static void forbid(float *z, int64_t V, const uint32_t *allowed)
{
    for (int64_t begin = 0; begin < V; begin += 32) {
        const uint32_t word = allowed[begin / 32];
        const int64_t n = V - begin < 32 ? V - begin : 32;
        for (int64_t i = 0; word != UINT32_MAX && i < n; i++)
            if (!(word >> i & 1)) z[begin + i] = -INFINITY;
    }
}

static const float *adjust(const Scratch *s, const float *logits, int64_t V, const SamplingParams *p,
                           const SamplingPast *past)
{
    if (!sampling_is_adjusted(p)) return logits;
    memcpy(s->adjusted, logits, (size_t)V * sizeof *logits);
    for (int64_t i = 0; i < p->n_biases; i++) s->adjusted[p->biases[i].id] += p->biases[i].bias;
    if (repeats_cost(p)) penalise(s->adjusted, s->spare, V, p, past);
    if (past && past->allowed) forbid(s->adjusted, V, past->allowed);
    return s->adjusted;
}

/* ---- 6 to 9 ---- */

static float logprob_of(const Kernels *k, const float *logits, int64_t V, int32_t id, float inv_temperature)
{
    HeadRow row;
    k->head_row(&row, NULL, NULL, logits, V, inv_temperature);
    return head_logprob(&row, logits, id, inv_temperature);
}

SampledToken sampler_draw(const Kernels *k, const float *logits, int64_t V, const SamplingParams *p,
                          const SamplingPast *past, double u, float *scratch)
{
    const Scratch s = scratch_of(scratch, V);
    const float *const adjusted = adjust(&s, logits, V, p, past);
    SampledToken token = {0};
    if (p->temperature == 0.0) {
        token.id = head_argmax(adjusted, V);
        token.logprob = token.policy_logprob = logprob_of(k, logits, V, token.id, 1.0f);
        return token;
    }
    const float inv_temperature = (float)(1.0 / p->temperature);
    HeadRow row;
    k->head_row(&row, s.masses, s.block_sums, adjusted, V, inv_temperature);
    HeadRow drawn = row;
    if (sampling_is_truncated(p))
        drawn.sum = truncate_masses(s.masses, s.block_sums, s.order, s.spare, V, row.sum,
                                    &(Truncation){.top_p = p->top_p, .min_p = p->min_p, .top_k = p->top_k});
    token.id = head_sample(&drawn, s.masses, s.block_sums, V, u);
    token.sampled_logprob = head_logprob(&drawn, adjusted, token.id, inv_temperature);
    token.policy_logprob = adjusted == logits ? head_logprob(&row, logits, token.id, inv_temperature)
                                              : logprob_of(k, logits, V, token.id, inv_temperature);
    token.logprob = inv_temperature == 1.0f ? token.policy_logprob : logprob_of(k, logits, V, token.id, 1.0f);
    return token;
}
