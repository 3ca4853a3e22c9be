/* SPDX-License-Identifier: MIT */
/* num/half.h: f16 and bf16 as numbers. Widening is exact; narrowing is to nearest, ties to even. */
#ifndef R1_NUM_HALF_H
#define R1_NUM_HALF_H

#include <stdint.h>
#include <string.h>

static inline float f32_from_bf16(uint16_t half)
{
    const uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float f32_from_f16(uint16_t half);
uint16_t bf16_from_f32(float value); /* a NaN stays a NaN */
uint16_t f16_from_f32(float value);  /* too large becomes infinity; a NaN stays a NaN */

#endif
