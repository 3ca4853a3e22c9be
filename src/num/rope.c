/* SPDX-License-Identifier: MIT */
/* num/rope.c: the definition of rotary position embedding, half-split pairing. */
#include "num/definitions.h"

#include <math.h>

void rope_c(float *restrict x, const float *restrict cos, const float *restrict sin, const int32_t *restrict position,
            int64_t T, int64_t n_heads, int64_t C, int64_t row, bool inverse)
{
    const int64_t half = C / 2;
    const float sign = inverse ? -1.0f : 1.0f;
    for (int64_t t = 0; t < T; t++) {
        const float *restrict c = cos + position[t] * half;
        const float *restrict s = sin + position[t] * half;
        for (int64_t h = 0; h < n_heads; h++) {
            float *restrict low = x + t * row + h * C;
            float *restrict high = low + half;
            for (int64_t i = 0; i < half; i++) {
                const float x1 = low[i], x2 = high[i], turn = sign * s[i];
                low[i] = fmaf(x1, c[i], -(x2 * turn));
                high[i] = fmaf(x2, c[i], x1 * turn);
            }
        }
    }
}
