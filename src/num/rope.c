/* SPDX-License-Identifier: MIT */
/* num/rope.c: the definitions of rotary position embedding: half-split pairing, and neighbours. */
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

/* Without a template: it turns 64 of the 192 channels of MLA's queries, hundredths of a layer's time. */
void rope_neighbours_c(float *restrict x, const float *restrict cos, const float *restrict sin,
                       const int32_t *restrict position, int64_t T, int64_t n_heads, int64_t head, int64_t C,
                       int64_t row, bool inverse)
{
    const int64_t half = C / 2;
    const float sign = inverse ? -1.0f : 1.0f;
    for (int64_t t = 0; t < T; t++) {
        const float *restrict c = cos + position[t] * half;
        const float *restrict s = sin + position[t] * half;
        for (int64_t h = 0; h < n_heads; h++) {
            float *restrict pair = x + t * row + h * head;
            for (int64_t i = 0; i < half; i++, pair += 2) {
                const float x1 = pair[0], x2 = pair[1], turn = sign * s[i];
                pair[0] = fmaf(x1, c[i], -(x2 * turn));
                pair[1] = fmaf(x2, c[i], x1 * turn);
            }
        }
    }
}
