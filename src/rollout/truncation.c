/* SPDX-License-Identifier: MIT */
#include "rollout/truncation.h"

#include "num/kernels.h"

#include <string.h>

/* Masses in [0, 1] as f32 order like their bits. Bucket = the leading bits: exponent and five of the mantissa. */
enum { BUCKET_SHIFT = 18, N_BUCKETS = (0x3f800000 >> BUCKET_SHIFT) + 1 };

static int bucket_of(float mass)
{
    uint32_t bits;
    memcpy(&bits, &mass, sizeof bits);
    const int bucket = (int)(bits >> BUCKET_SHIFT);
    return bucket < N_BUCKETS ? bucket : N_BUCKETS - 1;
}

/* The lowest bucket that the first k ids reach. */
static int bucket_of_top_k(const float *masses, int64_t V, int64_t k)
{
    int32_t count[N_BUCKETS] = {0};
    for (int64_t i = 0; i < V; i++) count[bucket_of(masses[i])]++;
    int64_t n = 0;
    for (int b = N_BUCKETS - 1; b > 0; b--)
        if ((n += count[b]) >= k) return b;
    return 0;
}

/* The lowest bucket that the share top_p reaches, by sums in another order than the exact ones: the caller looks whether it was enough. */
static int bucket_of_top_p(const float *masses, int64_t V, double wanted)
{
    double sum[N_BUCKETS] = {0};
    for (int64_t i = 0; i < V; i++) sum[bucket_of(masses[i])] += (double)masses[i];
    double running = 0.0;
    for (int b = N_BUCKETS - 1; b > 0; b--)
        if ((running += sum[b]) >= wanted) return b;
    return 0;
}

static int64_t gather(int32_t *ids, const float *masses, int64_t V, int bucket)
{
    int64_t n = 0;
    for (int64_t i = 0; i < V; i++) {
        ids[n] = (int32_t)i;
        n += bucket_of(masses[i]) >= bucket;
    }
    return n;
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

/* The front of the order, at least as far as any of the three reaches; returns its length. */
static int64_t order_front(int32_t *order, int32_t *spare, const float *masses, int64_t V, int bucket)
{
    const int64_t n = gather(order, masses, V, bucket);
    sort_by_mass(order, spare, masses, n);
    return n;
}

static int64_t reach_of_top_p(const int32_t *order, const float *masses, int64_t n, double wanted, double *running)
{
    int64_t kept = 0;
    *running = 0.0;
    while (kept < n && (kept == 0 || *running < wanted)) *running += (double)masses[order[kept++]];
    return kept;
}

/* Orders what may be kept and says how many of it are. */
static int64_t choose(int32_t *order, int32_t *spare, const float *masses, int64_t V, double total, const Truncation *t)
{
    double running;
    int64_t kept;
    if (t->top_k > 0 && t->top_k < V) {
        order_front(order, spare, masses, V, bucket_of_top_k(masses, V, t->top_k));
        kept = t->top_k;
        if (t->top_p < 1.0) {
            double k_total = 0.0;
            for (int64_t i = 0; i < kept; i++) k_total += (double)masses[order[i]];
            kept = reach_of_top_p(order, masses, kept, t->top_p * k_total, &running);
        }
    } else if (t->top_p < 1.0) {
        const double wanted = t->top_p * total;
        const int64_t n = order_front(order, spare, masses, V, bucket_of_top_p(masses, V, wanted));
        kept = reach_of_top_p(order, masses, n, wanted, &running);
        if (running < wanted && n < V)
            kept = reach_of_top_p(order, masses, order_front(order, spare, masses, V, 0), wanted, &running);
    } else {
        kept = order_front(order, spare, masses, V, bucket_of((float)t->min_p));
    }
    while (kept > 1 && (double)masses[order[kept - 1]] < t->min_p * (double)masses[order[0]]) kept--;
    return kept;
}

double truncate_masses(float *masses, double *block_sums, int32_t *order, int32_t *spare, int64_t V, double total,
                       const Truncation *t)
{
    const int64_t kept = choose(order, spare, masses, V, total, t), n_blocks = (V + HEAD_BLOCK - 1) / HEAD_BLOCK;
    float *const kept_masses = (float *)(void *)spare;
    for (int64_t i = 0; i < kept; i++) kept_masses[i] = masses[order[i]];
    memset(masses, 0, (size_t)V * sizeof *masses);
    memset(block_sums, 0, (size_t)n_blocks * sizeof *block_sums);
    for (int64_t i = 0; i < kept; i++) {
        masses[order[i]] = kept_masses[i];
        block_sums[order[i] / HEAD_BLOCK] = 1.0; /* to be added up */
    }
    double kept_total = 0.0;
    for (int64_t b = 0; b < n_blocks; b++) {
        if (block_sums[b] == 0.0) continue;
        const int64_t end = (b + 1) * HEAD_BLOCK < V ? (b + 1) * HEAD_BLOCK : V;
        double sum = 0.0;
        for (int64_t i = b * HEAD_BLOCK; i < end; i++) sum += (double)masses[i];
        block_sums[b] = sum;
        kept_total += sum;
    }
    return kept_total;
}
