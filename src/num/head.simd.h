/* SPDX-License-Identifier: MIT */
/* num/head.simd.h: head_row and its backward of head.c over 16 ids. Lanes that a last vector does not have keep what they
 * held: an added 0 (sums) or -inf (maximum). */
#ifndef R1_NUM_HEAD_SIMD_H
#define R1_NUM_HEAD_SIMD_H

#include "num/head.h"
#include "num/math.h"

VEC_INLINE float head_maximum(const float *restrict logits, int64_t V, f32x16 t)
{
    f32x16 lane = vec_set(-INFINITY);
    int64_t i = 0;
    for (; i + 16 <= V; i += 16) lane = vec_max(vec_mul(vec_load(logits + i), t), lane);
    if (i < V) {
        const f32x16 y = vec_mul(vec_load_first(logits + i, V - i), t);
        lane = vec_max(vec_select_first(V - i, y, vec_set(-INFINITY)), lane);
    }
    return vec_max_lane(lane);
}

typedef struct HeadLanes {
    f32x16 mass, mass_y;
} HeadLanes;

VEC_INLINE f32x16 head_mass(HeadLanes *lanes, f32x16 y)
{
    const f32x16 zero = vec_zero(), mass = vec_exp(y);
    lanes->mass = vec_add(lanes->mass, mass);
    lanes->mass_y = vec_fma(mass, vec_select_less(zero, mass, y, zero), lanes->mass_y);
    return mass;
}

VEC_INLINE HeadLanes head_block(float *restrict masses, const float *restrict logits, int64_t n, f32x16 t, f32x16 y_max)
{
    HeadLanes lanes = {vec_zero(), vec_zero()};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const f32x16 mass = head_mass(&lanes, vec_sub(vec_mul(vec_load(logits + i), t), y_max));
        if (masses) vec_store(masses + i, mass);
    }
    if (i < n) {
        const f32x16 y = vec_sub(vec_mul(vec_load_first(logits + i, n - i), t), y_max);
        const f32x16 mass = head_mass(&lanes, vec_select_first(n - i, y, vec_set(-INFINITY)));
        if (masses) vec_store_first(masses + i, mass, n - i);
    }
    return lanes;
}

static void head_row_simd(HeadRow *out, float *restrict masses, double *restrict block_sums,
                          const float *restrict logits, int64_t V, float inv_temperature)
{
    const f32x16 t = vec_set(inv_temperature);
    const float y_max = head_maximum(logits, V, t);
    double sum = 0.0, sum_mass_y = 0.0;
    for (int64_t begin = 0, block = 0; begin < V; begin += HEAD_BLOCK, block++) {
        const int64_t n = V - begin < HEAD_BLOCK ? V - begin : HEAD_BLOCK;
        const HeadLanes lanes = head_block(masses ? masses + begin : NULL, logits + begin, n, t, vec_set(y_max));
        const double mass = (double)vec_sum(lanes.mass);
        if (block_sums) block_sums[block] = mass;
        sum += mass;
        sum_mass_y += (double)vec_sum(lanes.mass_y);
    }
    *out = (HeadRow){.y_max = y_max, .sum = sum, .sum_mass_y = sum_mass_y};
}

typedef struct HeadGradient {
    f32x16 t, y_max, inv_sum, log_sum, entropy, at, bt;
    bool with_entropy;
} HeadGradient;

VEC_INLINE f32x16 head_gradient(f32x16 logits, const HeadGradient *k)
{
    const f32x16 y = vec_sub(vec_mul(logits, k->t), k->y_max);
    const f32x16 p = vec_mul(vec_exp(y), k->inv_sum);
    const f32x16 dz = vec_neg(vec_mul(k->at, p));
    if (!k->with_entropy) return dz;
    return vec_fnma(vec_mul(k->bt, p), vec_add(vec_sub(y, k->log_sum), k->entropy), dz);
}

/* The target's own element: dz = fma(-at, p, at), then the entropy's part. */
static float head_target_gradient(float logit, const HeadRow *row, float inv_sum, float log_sum, float entropy,
                                  float at, float bt, bool with_entropy, float inv_temperature)
{
    const float y = logit * inv_temperature - row->y_max;
    const float p = math_exp_inline(y) * inv_sum;
    const float dz = fmaf(-at, p, at);
    return with_entropy ? fmaf(-(bt * p), (y - log_sum) + entropy, dz) : dz;
}

static void head_row_backward_simd(float *restrict logits, const HeadRow *row, int64_t V, int32_t target, float a,
                                   float b, float inv_temperature)
{
    const float inv_sum = (float)(1.0 / row->sum), log_sum = (float)math_log(row->sum), entropy = head_entropy(row);
    const float at = a * inv_temperature, bt = b * inv_temperature;
    const bool with_entropy = b != 0.0f;
    const HeadGradient k = {.t = vec_set(inv_temperature),
                            .y_max = vec_set(row->y_max),
                            .inv_sum = vec_set(inv_sum),
                            .log_sum = vec_set(log_sum),
                            .entropy = vec_set(entropy),
                            .at = vec_set(at),
                            .bt = vec_set(bt),
                            .with_entropy = with_entropy};
    const bool has_target = target >= 0 && target < V;
    const float target_logit = has_target ? logits[target] : 0.0f;
    int64_t i = 0;
    for (; i + 16 <= V; i += 16) vec_store(logits + i, head_gradient(vec_load(logits + i), &k));
    if (i < V) vec_store_first(logits + i, head_gradient(vec_load_first(logits + i, V - i), &k), V - i);
    if (has_target)
        logits[target] =
            head_target_gradient(target_logit, row, inv_sum, log_sum, entropy, at, bt, with_entropy, inv_temperature);
}

#endif
