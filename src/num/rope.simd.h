/* SPDX-License-Identifier: MIT */
/* num/rope.simd.h: rope.c over 16 channels. */
#ifndef R1_NUM_ROPE_SIMD_H
#define R1_NUM_ROPE_SIMD_H

#include "num/kernels.h"

/* x1' = x1 cos - x2 sin;  x2' = x2 cos + x1 sin */
VEC_INLINE void rope_turn(f32x16 *x1, f32x16 *x2, f32x16 cos, f32x16 sin)
{
    const f32x16 first = vec_fma(*x1, cos, vec_neg(vec_mul(*x2, sin)));
    *x2 = vec_fma(*x2, cos, vec_mul(*x1, sin));
    *x1 = first;
}

static void rope_head(float *restrict low, float *restrict high, const float *restrict cos, const float *restrict sin,
                      int64_t half, f32x16 sign)
{
    int64_t i = 0;
    for (; i + 16 <= half; i += 16) {
        f32x16 x1 = vec_load(low + i), x2 = vec_load(high + i);
        rope_turn(&x1, &x2, vec_load(cos + i), vec_mul(sign, vec_load(sin + i)));
        vec_store(low + i, x1);
        vec_store(high + i, x2);
    }
    if (i < half) {
        const int64_t n = half - i;
        f32x16 x1 = vec_load_first(low + i, n), x2 = vec_load_first(high + i, n);
        rope_turn(&x1, &x2, vec_load_first(cos + i, n), vec_mul(sign, vec_load_first(sin + i, n)));
        vec_store_first(low + i, x1, n);
        vec_store_first(high + i, x2, n);
    }
}

static void rope_simd(float *restrict x, const float *restrict cos, const float *restrict sin,
                      const int32_t *restrict position, int64_t T, int64_t n_heads, int64_t C, int64_t row,
                      bool inverse)
{
    const int64_t half = C / 2;
    const f32x16 sign = vec_set(inverse ? -1.0f : 1.0f);
    for (int64_t t = 0; t < T; t++)
        for (int64_t h = 0; h < n_heads; h++) {
            float *head = x + t * row + h * C;
            rope_head(head, head + half, cos + position[t] * half, sin + position[t] * half, half, sign);
        }
}

#endif
