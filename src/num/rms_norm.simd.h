/* SPDX-License-Identifier: MIT */
/* num/rms_norm.simd.h: rms_norm.c over 16 lanes. A row's last, partial vector adds zeros to the lanes it does not have, and
 * fma(0, 0, x) is x: the lanes are those of the definition. */
#ifndef R1_NUM_RMS_NORM_SIMD_H
#define R1_NUM_RMS_NORM_SIMD_H

#include "num/kernels.h"

static void rms_norm_simd(float *restrict y, float *restrict rstd, const float *restrict x, const float *restrict w,
                          int64_t T, int64_t D, float eps)
{
    const int64_t whole = D / 16 * 16, rest = D - whole;
    for (int64_t t = 0; t < T; t++, x += D, y += D) {
        f32x16 lane = vec_zero();
        for (int64_t i = 0; i < whole; i += 16) lane = vec_fma(vec_load(x + i), vec_load(x + i), lane);
        if (rest > 0) {
            const f32x16 last = vec_load_first(x + whole, rest);
            lane = vec_fma(last, last, lane);
        }
        const float scale = 1.0f / sqrtf(vec_sum(lane) / (float)D + eps);
        if (rstd) rstd[t] = scale;
        const f32x16 scales = vec_set(scale);
        for (int64_t i = 0; i < whole; i += 16)
            vec_store(y + i, vec_mul(vec_mul(vec_load(x + i), scales), vec_load(w + i)));
        if (rest > 0) {
            const f32x16 xhat = vec_mul(vec_load_first(x + whole, rest), scales);
            vec_store_first(y + whole, vec_mul(xhat, vec_load_first(w + whole, rest)), rest);
        }
    }
}

/* y = (x * rstd) * w */
static void rms_norm_backward_simd(float *restrict dx, const float *restrict dy, const float *restrict x,
                                   const float *restrict rstd, const float *restrict w, int64_t T, int64_t D)
{
    const int64_t whole = D / 16 * 16, rest = D - whole;
    for (int64_t t = 0; t < T; t++, dx += D, dy += D, x += D) {
        const f32x16 scale = vec_set(rstd[t]);
        f32x16 lane = vec_zero();
        for (int64_t i = 0; i < whole; i += 16) {
            const f32x16 g = vec_mul(vec_load(dy + i), vec_load(w + i));
            lane = vec_fma(g, vec_mul(vec_load(x + i), scale), lane);
        }
        if (rest > 0) {
            const f32x16 g = vec_mul(vec_load_first(dy + whole, rest), vec_load_first(w + whole, rest));
            lane = vec_fma(g, vec_mul(vec_load_first(x + whole, rest), scale), lane);
        }
        const f32x16 mean = vec_set(vec_sum(lane) / (float)D);
        for (int64_t i = 0; i < whole; i += 16) {
            const f32x16 g = vec_mul(vec_load(dy + i), vec_load(w + i));
            const f32x16 along = vec_fnma(vec_mul(vec_load(x + i), scale), mean, g);
            vec_store(dx + i, vec_fma(scale, along, vec_load(dx + i)));
        }
        if (rest > 0) {
            const f32x16 g = vec_mul(vec_load_first(dy + whole, rest), vec_load_first(w + whole, rest));
            const f32x16 along = vec_fnma(vec_mul(vec_load_first(x + whole, rest), scale), mean, g);
            vec_store_first(dx + whole, vec_fma(scale, along, vec_load_first(dx + whole, rest)), rest);
        }
    }
}

/* Columns outside, rows inside: an accumulator is loaded once for all rows. */
static void rms_norm_backward_weight_simd(float *restrict dw, const float *restrict dy, const float *restrict x,
                                          const float *restrict rstd, int64_t T, int64_t n, int64_t D)
{
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) {
        f32x16 left = vec_load(dw + i), right = vec_load(dw + i + 16);
        for (int64_t t = 0; t < T; t++) {
            const float *restrict dy_row = dy + t * D + i, *restrict x_row = x + t * D + i;
            const f32x16 scale = vec_set(rstd[t]);
            left = vec_fma(vec_load(dy_row), vec_mul(vec_load(x_row), scale), left);
            right = vec_fma(vec_load(dy_row + 16), vec_mul(vec_load(x_row + 16), scale), right);
        }
        vec_store(dw + i, left);
        vec_store(dw + i + 16, right);
    }
    for (; i < n; i += 16) {
        const int64_t width = n - i < 16 ? n - i : 16;
        f32x16 sum = vec_load_first(dw + i, width);
        for (int64_t t = 0; t < T; t++) {
            const f32x16 xhat = vec_mul(vec_load_first(x + t * D + i, width), vec_set(rstd[t]));
            sum = vec_fma(vec_load_first(dy + t * D + i, width), xhat, sum);
        }
        vec_store_first(dw + i, sum, width);
    }
}

#endif
