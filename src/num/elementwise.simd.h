/* SPDX-License-Identifier: MIT */
/* num/elementwise.simd.h: elementwise.c over 16 lanes. */
#ifndef R1_NUM_ELEMENTWISE_SIMD_H
#define R1_NUM_ELEMENTWISE_SIMD_H

#include "num/kernels.h"

static float dot_simd(const float *restrict x, const float *restrict y, int64_t n)
{
    f32x16 lane = vec_zero();
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) lane = vec_fma(vec_load(x + i), vec_load(y + i), lane);
    if (i < n) lane = vec_fma(vec_load_first(x + i, n - i), vec_load_first(y + i, n - i), lane);
    return vec_sum(lane);
}

static void add_simd(float *y, const float *a, const float *b, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) vec_store(y + i, vec_add(vec_load(a + i), vec_load(b + i)));
    if (i < n) vec_store_first(y + i, vec_add(vec_load_first(a + i, n - i), vec_load_first(b + i, n - i)), n - i);
}

static void sum_rows_simd(float *restrict acc, const float *restrict x, int64_t T, int64_t n, int64_t row)
{
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        f32x16 left = vec_load(acc + i), right = vec_load(acc + i + 16);
        for (int64_t t = 0; t < T; t++) {
            left = vec_add(left, vec_load(x + t * row + i));
            right = vec_add(right, vec_load(x + t * row + i + 16));
        }
        vec_store(acc + i, left);
        vec_store(acc + i + 16, right);
    }
    for (; i < n; i += 16) {
        const int64_t width = n - i < 16 ? n - i : 16;
        f32x16 sum = vec_load_first(acc + i, width);
        for (int64_t t = 0; t < T; t++) sum = vec_add(sum, vec_load_first(x + t * row + i, width));
        vec_store_first(acc + i, sum, width);
    }
}

static void exp_f32_simd(float *y, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) vec_store(y + i, vec_exp(vec_load(x + i)));
    if (i < n) vec_store_first(y + i, vec_exp(vec_load_first(x + i, n - i)), n - i);
}

static void log_f32_simd(float *y, const float *x, int64_t n)
{
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) vec_store(y + i, vec_log(vec_load(x + i)));
    if (i < n) vec_store_first(y + i, vec_log(vec_load_first(x + i, n - i)), n - i);
}

typedef struct AdamwVectors {
    f32x16 p, m, v;
} AdamwVectors;

VEC_INLINE AdamwVectors adamw_vectors(AdamwVectors x, f32x16 g, const AdamwStep *step)
{
    const f32x16 grad = vec_mul(g, vec_set(step->grad_scale));
    const f32x16 decayed = vec_mul(x.p, vec_set(step->decay));
    const f32x16 m = vec_fma(vec_set(step->beta1), x.m, vec_mul(vec_set(step->one_minus_beta1), grad));
    const f32x16 v = vec_fma(vec_set(step->beta2), x.v, vec_mul(vec_mul(vec_set(step->one_minus_beta2), grad), grad));
    const f32x16 denominator = vec_add(vec_mul(vec_sqrt(v), vec_set(step->inv_sqrt_bias2)), vec_set(step->eps));
    return (AdamwVectors){vec_fnma(vec_set(step->step_size), vec_div(m, denominator), decayed), m, v};
}

static void adamw_simd(float *restrict p, float *restrict m, float *restrict v, const float *restrict g, int64_t n,
                       const AdamwStep *step)
{
    const AdamwStep k = *step;
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const AdamwVectors x =
            adamw_vectors((AdamwVectors){vec_load(p + i), vec_load(m + i), vec_load(v + i)}, vec_load(g + i), &k);
        vec_store(p + i, x.p);
        vec_store(m + i, x.m);
        vec_store(v + i, x.v);
    }
    if (i < n) {
        const int64_t rest = n - i;
        const AdamwVectors old = {vec_load_first(p + i, rest), vec_load_first(m + i, rest),
                                  vec_load_first(v + i, rest)};
        const AdamwVectors x = adamw_vectors(old, vec_load_first(g + i, rest), &k);
        vec_store_first(p + i, x.p, rest);
        vec_store_first(m + i, x.m, rest);
        vec_store_first(v + i, x.v, rest);
    }
}

#endif
