/* SPDX-License-Identifier: MIT */
/* num/fp8.h: 8-bit floats e4m3 ("fn": 1 sign, 4 exponent bits of bias 7, 3 fraction bits; no infinities, 0x7F and 0xFF are NaN;
 * Micikevicius et al., arXiv 2209.05433) and matrices of them with one scale a block, as DeepSeek-V3 publishes its weights
 * (arXiv 2412.19437, section 3.3). */
#ifndef R1_NUM_FP8_H
#define R1_NUM_FP8_H

#include <stdint.h>

enum { FP8_BLOCK = 128 };

float f32_from_f8_e4m3(uint8_t bits); /* exact */

/* How many blocks n rows or columns have; the last one may be cut short. */
static inline int64_t fp8_blocks(int64_t n)
{
    return (n + FP8_BLOCK - 1) / FP8_BLOCK;
}

/* w[r][c] = f32(bits[r][c]) * scales[r / 128][c / 128], one product, rounded once. bits and w are [rows, columns] row-major,
 * scales [fp8_blocks(rows), fp8_blocks(columns)]. */
void fp8_dequantize(float *restrict w, const uint8_t *restrict bits, const float *restrict scales, int64_t rows,
                    int64_t columns);

#endif
