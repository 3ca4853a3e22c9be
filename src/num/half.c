/* SPDX-License-Identifier: MIT */
#include "num/half.h"

float f32_from_f16(uint16_t half)
{
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t exponent = (half >> 10) & 31, fraction = half & 0x3FF;
    uint32_t bits;
    if (exponent == 31) {
        bits = 0x7F800000 | fraction << 13; /* infinity or NaN */
    } else if (exponent != 0) {
        bits = (exponent + 112) << 23 | fraction << 13;
    } else if (fraction != 0) { /* subnormal in f16, normal in f32: shift the leading one out */
        exponent = 113;
        while (!(fraction & 0x400)) {
            fraction <<= 1;
            exponent--;
        }
        bits = exponent << 23 | (fraction & 0x3FF) << 13;
    } else {
        bits = 0;
    }
    bits |= sign;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

uint16_t bf16_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits & 0x7FFFFFFF) > 0x7F800000) return (uint16_t)(bits >> 16 | 0x40); /* rounding could make it an infinity */
    bits += 0x7FFF + (bits >> 16 & 1);
    return (uint16_t)(bits >> 16);
}

uint16_t f16_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000);
    bits &= 0x7FFFFFFF;
    if (bits > 0x7F800000) return (uint16_t)(sign | 0x7E00);
    if (bits >= 0x477FF000) return (uint16_t)(sign | 0x7C00); /* from halfway past the largest f16 on */
    if (bits < 0x38800000) {                                  /* below 2^-14: a multiple of 2^-24 */
        if (bits < 0x33000000) return sign;
        const uint32_t shift = 126 - (bits >> 23), fraction = (bits & 0x7FFFFF) | 0x800000;
        const uint32_t kept = fraction >> shift, rest = fraction & ((1u << shift) - 1), half = 1u << (shift - 1);
        return (uint16_t)(sign | (kept + (rest > half || (rest == half && (kept & 1)))));
    }
    bits += 0xFFF + (bits >> 13 & 1);
    return (uint16_t)(sign | ((bits - (112u << 23)) >> 13));
}
