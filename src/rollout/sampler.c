/* SPDX-License-Identifier: MIT */
#include "rollout/sampler.h"

#include "num/math.h"

#include <string.h>

bool sampling_is_truncated(const SamplingParams *p)
{
    return p->top_p < 1.0 || p->min_p > 0.0 || p->top_k > 0;
}

static int64_t round16(int64_t n)
{
    return (n + 15) / 16 * 16;
}
static int64_t head_blocks(int64_t V)
{
    return (V + HEAD_BLOCK - 1) / HEAD_BLOCK;
}

/* masses [V] | block sums f64 | order [V] of ids for truncation */
int64_t sampler_scratch_floats(int64_t V)
{
    return round16(V) + round16(2 * head_blocks(V)) + round16(V) + round16(V);
}

/* Bottom-up merge sort of ids by mass descending, ties by id: stable, so equal masses stay in id order. */
static void sort_by_mass(int32_t *ids, int32_t *spare, const float *masses, int64_t n)
{
    int32_t *from = ids, *to = spare;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t begin = 0; begin < n; begin += 2 * width) {
            const int64_t middle = begin + width < n ? begin + width : n,
                          end = begin + 2 * width < n ? begin + 2 * width : n;
            int64_t a = begin, b = middle;
            for (int64_t i = begin; i < end; i++) {
                const bool left = a < middle && (b >= end || masses[from[a]] >= masses[from[b]]);
                to[i] = left ? from[a++] : from[b++];
            }
        }
        int32_t *const swap = from;
        from = to;
        to = swap;
    }
    if (from != ids) memcpy(ids, from, (size_t)n * sizeof *ids);
}

/* Zeroes the masses that truncation leaves out and renews the block sums; returns the kept total. */
static double truncate_masses(float *masses, double *block_sums, int32_t *order, int32_t *spare, int64_t V,
                              double total, const SamplingParams *p)
{
    for (int64_t i = 0; i < V; i++) order[i] = (int32_t)i;
    sort_by_mass(order, spare, masses, V);
    int64_t kept = p->top_k > 0 && p->top_k < V ? p->top_k : V;
    if (p->top_p < 1.0) {
        double k_total = 0.0, running = 0.0;
        for (int64_t i = 0; i < kept; i++) k_total += (double)masses[order[i]];
        if (kept == V) k_total = total;
        int64_t n = 0;
        while (n < kept && (n == 0 || running < p->top_p * k_total)) running += (double)masses[order[n++]];
        kept = n;
    }
    while (kept > 1 && (double)masses[order[kept - 1]] < p->min_p * (double)masses[order[0]]) kept--;
    for (int64_t i = kept; i < V; i++) masses[order[i]] = 0.0f;
    double kept_total = 0.0;
    for (int64_t b = 0; b < head_blocks(V); b++) {
        const int64_t end = (b + 1) * HEAD_BLOCK < V ? (b + 1) * HEAD_BLOCK : V;
        block_sums[b] = 0.0;
        for (int64_t i = b * HEAD_BLOCK; i < end; i++) block_sums[b] += (double)masses[i];
        kept_total += block_sums[b];
    }
    return kept_total;
}

SampledToken sampler_draw(const Kernels *k, const float *logits, int64_t V, const SamplingParams *p, double u,
                          float *scratch)
{
    float *masses = scratch;
    double *block_sums = (double *)(void *)(scratch + round16(V));
    int32_t *order = (int32_t *)(void *)(scratch + round16(V) + round16(2 * head_blocks(V)));
    SampledToken token = {0};
    HeadRow row, plain;
    if (p->temperature == 0.0) {
        token.id = head_argmax(logits, V);
        k->head_row(&plain, NULL, NULL, logits, V, 1.0f);
        token.logprob = token.policy_logprob = head_logprob(&plain, logits, token.id, 1.0f);
        return token;
    }
    const float inv_temperature = (float)(1.0 / p->temperature);
    k->head_row(&row, masses, block_sums, logits, V, inv_temperature);
    HeadRow drawn = row;
    if (sampling_is_truncated(p))
        drawn.sum = truncate_masses(masses, block_sums, order, order + round16(V), V, row.sum, p);
    token.id = head_sample(&drawn, masses, block_sums, V, u);
    token.policy_logprob = head_logprob(&row, logits, token.id, inv_temperature);
    token.sampled_logprob = head_logprob(&drawn, logits, token.id, inv_temperature);
    token.logprob = token.policy_logprob;
    if (inv_temperature != 1.0f) {
        k->head_row(&plain, NULL, NULL, logits, V, 1.0f);
        token.logprob = head_logprob(&plain, logits, token.id, 1.0f);
    }
    return token;
}
