/* SPDX-License-Identifier: MIT */
/* num/vec_c.h: 16 lanes as float[16]: what each operation of the templates means, and their instantiation that tests run on
 * every machine. Nothing in the program uses it: the definitions are written apart, so that one mistake cannot hide in both.
 *
 * max is a > b ? a : b and min is a < b ? a : b, as the instructions have it. Comparisons with NaN are false. */
#ifndef R1_NUM_VEC_H
#define R1_NUM_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* No always_inline: sixteen lanes written out in every tile take a compiler a minute. */
#define VEC_INLINE static inline

typedef struct f32x16 {
    float lane[16];
} f32x16;

enum { TILE_ROWS = 3, TILE_NARROW_ROWS = 2 };

VEC_INLINE f32x16 vec_set(float x)
{
    f32x16 y;
    for (int l = 0; l < 16; l++) y.lane[l] = x;
    return y;
}
VEC_INLINE f32x16 vec_zero(void)
{
    return vec_set(0.0f);
}
VEC_INLINE f32x16 vec_load(const float *p)
{
    f32x16 y;
    memcpy(y.lane, p, sizeof y.lane);
    return y;
}
VEC_INLINE void vec_store(float *p, f32x16 v)
{
    memcpy(p, v.lane, sizeof v.lane);
}
/* The first n < 16 lanes, the others zero; memory behind them is not touched. */
VEC_INLINE f32x16 vec_load_first(const float *p, int64_t n)
{
    f32x16 y = vec_zero();
    for (int l = 0; l < n; l++) y.lane[l] = p[l];
    return y;
}
VEC_INLINE void vec_store_first(float *p, f32x16 v, int64_t n)
{
    for (int l = 0; l < n; l++) p[l] = v.lane[l];
}
/* Sixteen int8, f16 or bf16 at any address, exact. f16 must be finite. */
VEC_INLINE f32x16 vec_from_i8(const unsigned char *p)
{
    f32x16 y;
    for (int l = 0; l < 16; l++) y.lane[l] = (float)(int8_t)p[l];
    return y;
}
VEC_INLINE f32x16 vec_from_bf16(const unsigned char *p)
{
    f32x16 y;
    for (int l = 0; l < 16; l++) {
        const uint32_t bits = (uint32_t)p[2 * l] << 16 | (uint32_t)p[2 * l + 1] << 24;
        memcpy(&y.lane[l], &bits, sizeof bits);
    }
    return y;
}
/* The 15 bits below the sign, moved to where f32 has them, are the number times 2^-112; so is a subnormal. */
VEC_INLINE f32x16 vec_from_f16(const unsigned char *p)
{
    f32x16 y;
    for (int l = 0; l < 16; l++) {
        const uint32_t half = p[2 * l] | (uint32_t)p[2 * l + 1] << 8;
        const uint32_t bits = (half & 0x8000u) << 16 | (half & 0x7FFFu) << 13;
        memcpy(&y.lane[l], &bits, sizeof bits);
        y.lane[l] *= 0x1p112f;
    }
    return y;
}
/* Sixteen f8 e4m3, exact, none of them a NaN: by the same token the 7 bits below the sign are the number times 2^-120. */
VEC_INLINE f32x16 vec_from_e4m3(const unsigned char *p)
{
    f32x16 y;
    for (int l = 0; l < 16; l++) {
        const uint32_t bits = (uint32_t)(p[l] & 0x80) << 24 | (uint32_t)(p[l] & 0x7F) << 20;
        memcpy(&y.lane[l], &bits, sizeof bits);
        y.lane[l] *= 0x1p120f;
    }
    return y;
}
/* The values of 32 nibbles: the low ones of 16 bytes, and the high ones. */
VEC_INLINE void vec_from_nibbles(f32x16 *low, f32x16 *high, const unsigned char *p, const int8_t values[16])
{
    for (int l = 0; l < 16; l++) {
        low->lane[l] = (float)values[p[l] & 15];
        high->lane[l] = (float)values[p[l] >> 4];
    }
}
VEC_INLINE f32x16 vec_add(f32x16 a, f32x16 b)
{
    for (int l = 0; l < 16; l++) a.lane[l] += b.lane[l];
    return a;
}
VEC_INLINE f32x16 vec_sub(f32x16 a, f32x16 b)
{
    for (int l = 0; l < 16; l++) a.lane[l] -= b.lane[l];
    return a;
}
VEC_INLINE f32x16 vec_mul(f32x16 a, f32x16 b)
{
    for (int l = 0; l < 16; l++) a.lane[l] *= b.lane[l];
    return a;
}
VEC_INLINE f32x16 vec_div(f32x16 a, f32x16 b)
{
    for (int l = 0; l < 16; l++) a.lane[l] /= b.lane[l];
    return a;
}
VEC_INLINE f32x16 vec_sqrt(f32x16 a)
{
    for (int l = 0; l < 16; l++) a.lane[l] = sqrtf(a.lane[l]);
    return a;
}
/* a * b + c, rounded once */
VEC_INLINE f32x16 vec_fma(f32x16 a, f32x16 b, f32x16 c)
{
    for (int l = 0; l < 16; l++) a.lane[l] = fmaf(a.lane[l], b.lane[l], c.lane[l]);
    return a;
}
/* -(a * b) + c, rounded once */
VEC_INLINE f32x16 vec_fnma(f32x16 a, f32x16 b, f32x16 c)
{
    for (int l = 0; l < 16; l++) a.lane[l] = fmaf(-a.lane[l], b.lane[l], c.lane[l]);
    return a;
}
VEC_INLINE f32x16 vec_neg(f32x16 a)
{
    for (int l = 0; l < 16; l++) a.lane[l] = -a.lane[l];
    return a;
}
VEC_INLINE f32x16 vec_max(f32x16 a, f32x16 b)
{
    for (int l = 0; l < 16; l++) a.lane[l] = a.lane[l] > b.lane[l] ? a.lane[l] : b.lane[l];
    return a;
}
VEC_INLINE f32x16 vec_min(f32x16 a, f32x16 b)
{
    for (int l = 0; l < 16; l++) a.lane[l] = a.lane[l] < b.lane[l] ? a.lane[l] : b.lane[l];
    return a;
}
/* a < b ? yes : no */
VEC_INLINE f32x16 vec_select_less(f32x16 a, f32x16 b, f32x16 yes, f32x16 no)
{
    for (int l = 0; l < 16; l++) a.lane[l] = a.lane[l] < b.lane[l] ? yes.lane[l] : no.lane[l];
    return a;
}
VEC_INLINE f32x16 vec_select_equal(f32x16 a, f32x16 b, f32x16 yes, f32x16 no)
{
    for (int l = 0; l < 16; l++) a.lane[l] = a.lane[l] == b.lane[l] ? yes.lane[l] : no.lane[l];
    return a;
}
VEC_INLINE f32x16 vec_select_nan(f32x16 a, f32x16 yes, f32x16 no)
{
    for (int l = 0; l < 16; l++) a.lane[l] = a.lane[l] != a.lane[l] ? yes.lane[l] : no.lane[l];
    return a;
}
/* Lane l < n ? yes : no, 0 <= n <= 16. */
VEC_INLINE f32x16 vec_select_first(int64_t n, f32x16 yes, f32x16 no)
{
    for (int l = 0; l < n; l++) no.lane[l] = yes.lane[l];
    return no;
}
VEC_INLINE uint32_t vec_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}
VEC_INLINE float vec_float(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}
/* The bits of p plus the low bits of `shifted` moved into the exponent: p * 2^n. */
VEC_INLINE f32x16 vec_add_exponent(f32x16 p, f32x16 shifted)
{
    for (int l = 0; l < 16; l++) p.lane[l] = vec_float(vec_bits(p.lane[l]) + (vec_bits(shifted.lane[l]) << 23));
    return p;
}
/* x = 2^exponent m with m from the float whose bits are `origin` up to twice that; returns m. */
VEC_INLINE f32x16 vec_split_exponent(f32x16 x, uint32_t origin, f32x16 *exponent)
{
    for (int l = 0; l < 16; l++) {
        const int32_t moved = (int32_t)(vec_bits(x.lane[l]) - origin);
        exponent->lane[l] = (float)(moved >> 23);
        x.lane[l] = vec_float((uint32_t)(moved & 0x007fffff) + origin);
    }
    return x;
}
/* Lanes folded by halves: 8, 4, 2, 1. */
VEC_INLINE float vec_sum(f32x16 v)
{
    for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; l++) v.lane[l] = v.lane[l] + v.lane[l + half];
    return v.lane[0];
}
VEC_INLINE float vec_max_lane(f32x16 v)
{
    for (int half = 8; half > 0; half /= 2)
        for (int l = 0; l < half; l++) v.lane[l] = v.lane[l] > v.lane[l + half] ? v.lane[l] : v.lane[l + half];
    return v.lane[0];
}
VEC_INLINE void vec_prefetch(const void *p)
{
    __builtin_prefetch(p);
}
VEC_INLINE void vec_prefetch_far(const void *p)
{
    __builtin_prefetch(p, 0, 2);
}

#endif
