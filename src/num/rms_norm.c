/* SPDX-License-Identifier: MIT */
/* num/rms_norm.c: the definition of y = x / sqrt(mean(x * x) + eps) * w (Zhang & Sennrich, arXiv 1910.07467) and its gradient. */
#include "num/definitions.h"

#include <math.h>

void rms_norm_c(float *restrict y, float *restrict rstd, const float *restrict x, const float *restrict w, int64_t T,
                int64_t D, float eps)
{
    for (int64_t t = 0; t < T; t++, x += D, y += D) {
        float lane[NUM_LANES] = {0};
        for (int64_t i = 0; i < D; i++) lane[i % NUM_LANES] = fmaf(x[i], x[i], lane[i % NUM_LANES]);
        const float scale = 1.0f / sqrtf(lanes_sum(lane) / (float)D + eps);
        if (rstd) rstd[t] = scale;
        for (int64_t i = 0; i < D; i++) y[i] = (x[i] * scale) * w[i];
    }
}

/* y = (x * rstd) * w with rstd a function of x: the projection of g = dy * w off xhat, scaled. */
void rms_norm_backward_c(float *restrict dx, const float *restrict dy, const float *restrict x,
                         const float *restrict rstd, const float *restrict w, int64_t T, int64_t D)
{
    for (int64_t t = 0; t < T; t++, dx += D, dy += D, x += D) {
        float lane[NUM_LANES] = {0};
        for (int64_t i = 0; i < D; i++) lane[i % NUM_LANES] = fmaf(dy[i] * w[i], x[i] * rstd[t], lane[i % NUM_LANES]);
        const float mean = lanes_sum(lane) / (float)D;
        for (int64_t i = 0; i < D; i++) {
            const float along = fmaf(-(x[i] * rstd[t]), mean, dy[i] * w[i]);
            dx[i] = fmaf(rstd[t], along, dx[i]);
        }
    }
}

void rms_norm_backward_weight_c(float *restrict dw, const float *restrict dy, const float *restrict x,
                                const float *restrict rstd, int64_t T, int64_t n, int64_t D)
{
    for (int64_t t = 0; t < T; t++, dy += D, x += D)
        for (int64_t i = 0; i < n; i++) dw[i] = fmaf(dy[i], x[i] * rstd[t], dw[i]);
}
