/* SPDX-License-Identifier: MIT */
#include "num/fp8.h"

#include <string.h>

float f32_from_f8_e4m3(uint8_t bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x80) << 24, exponent = bits >> 3 & 15, fraction = bits & 7;
    uint32_t word;
    if (exponent == 15 && fraction == 7) {
        word = 0x7FC00000;
    } else if (exponent != 0) {
        word = (exponent + 120) << 23 | fraction << 20; /* 120: from bias 7 to bias 127 */
    } else {                                            /* a multiple of 2^-9 */
        const float value = (float)fraction * 0x1p-9f;
        memcpy(&word, &value, sizeof word);
    }
    word |= sign;
    float value;
    memcpy(&value, &word, sizeof value);
    return value;
}

void fp8_dequantize(float *restrict w, const uint8_t *restrict bits, const float *restrict scales, int64_t rows,
                    int64_t columns)
{
    float values[256];
    for (int i = 0; i < 256; i++) values[i] = f32_from_f8_e4m3((uint8_t)i);
    for (int64_t r = 0; r < rows; r++, w += columns, bits += columns) {
        const float *scale = scales + r / FP8_BLOCK * fp8_blocks(columns);
        for (int64_t first = 0; first < columns; first += FP8_BLOCK, scale++) {
            const int64_t end = columns - first < FP8_BLOCK ? columns : first + FP8_BLOCK;
            for (int64_t c = first; c < end; c++) w[c] = values[bits[c]] * *scale;
        }
    }
}
