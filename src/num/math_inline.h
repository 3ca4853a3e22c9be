/* SPDX-License-Identifier: MIT */
/* num/math_inline.h: the f32 functions of num/math.h as inline code, so that a definition's loop over a row vectorises.
 *
 * exp: with n = round(x / ln 2) and r = x - n ln 2 in [-ln2/2, ln2/2], exp(x) = 2^n (1 + r (1 + r q(r))), q a polynomial of
 * degree 4 (near-minimax, relative error 8e-9). n comes from adding 1.5 * 2^23, whose low mantissa bits then are n; the
 * power of two is an integer addition to the exponent, in range for every x that is not clamped.
 * log: x = 2^e m with m in [sqrt(1/2), sqrt 2), f = m - 1, s = f / (2 + f):
 * log m = f - (f^2/2 - s (f^2/2 + R(s^2))), R of degree 4.
 * vec_math.h holds the same operations over 16 lanes. */
#ifndef R1_NUM_MATH_INLINE_H
#define R1_NUM_MATH_INLINE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#define MATH_EXP_HIGH    88.72f  /* above: +inf */
#define MATH_EXP_LOW     -87.33f /* below: +0, before a result could be subnormal */
#define MATH_EXP_ROUND   0x1.8p23f
#define MATH_LOG2_E      0x1.715476p+0f
#define MATH_LN2_HIGH    0x1.62e4p-1f /* 15 bits: n times it is exact */
#define MATH_LN2_LOW     0x1.7f7d1cp-20f
#define MATH_EXP_Q0      0x1p-1f
#define MATH_EXP_Q1      0x1.5554dcp-3f
#define MATH_EXP_Q2      0x1.555518p-5f
#define MATH_EXP_Q3      0x1.120be2p-7f
#define MATH_EXP_Q4      0x1.6d117cp-10f
#define MATH_LOG_R0      0x1.555556p-1f
#define MATH_LOG_R1      0x1.9999ecp-2f
#define MATH_LOG_R2      0x1.245c28p-2f
#define MATH_LOG_R3      0x1.ddd4dap-3f
#define MATH_SIGMOID_FAR 0x1p126f
#define MATH_SQRT_HALF   0x3f3504f3 /* bits of f32 sqrt(1/2) */
#define MATH_SMALLEST_F  0x1p-126f  /* smallest normal */

static inline uint32_t math_bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float math_float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline float math_exp_inline(float x)
{
    float clamped = x > MATH_EXP_HIGH ? MATH_EXP_HIGH : x;
    clamped = clamped < MATH_EXP_LOW ? MATH_EXP_LOW : clamped;
    const float shifted = fmaf(clamped, MATH_LOG2_E, MATH_EXP_ROUND);
    const float n = shifted - MATH_EXP_ROUND;
    float r = fmaf(-n, MATH_LN2_HIGH, clamped);
    r = fmaf(-n, MATH_LN2_LOW, r);
    float q = fmaf(MATH_EXP_Q4, r, MATH_EXP_Q3);
    q = fmaf(q, r, MATH_EXP_Q2);
    q = fmaf(q, r, MATH_EXP_Q1);
    q = fmaf(q, r, MATH_EXP_Q0);
    const float p = fmaf(fmaf(q, r, 1.0f), r, 1.0f);
    float y = math_float_of(math_bits_of(p) + (math_bits_of(shifted) << 23));
    y = x > MATH_EXP_HIGH ? INFINITY : y;
    y = x < MATH_EXP_LOW ? 0.0f : y;
    return x != x ? x : y;
}

/* 1 / (1 + e), one Newton step against the sum before it was rounded: 2.4 ulp without, 1.6 with. Past 2^126 y leaves the
 * normal numbers, and e may be infinite. */
static inline float math_sigmoid_inline(float x)
{
    const float e = math_exp_inline(-x);
    const float sum = 1.0f + e;
    const float y = 1.0f / sum;
    const float part = sum - 1.0f;
    const float lost = (1.0f - (sum - part)) + (e - part);
    const float residual = fmaf(-lost, y, fmaf(-sum, y, 1.0f));
    return e > MATH_SIGMOID_FAR ? y : fmaf(y, residual, y);
}

static inline float math_log_inline(float x)
{
    const float subnormal = x < MATH_SMALLEST_F ? 23.0f : 0.0f;
    const float normal = x < MATH_SMALLEST_F ? x * 0x1p23f : x;
    /* Moving the exponent's origin to sqrt(1/2) puts m into [sqrt(1/2), sqrt 2) without a comparison. */
    const int32_t moved = (int32_t)(math_bits_of(normal) - MATH_SQRT_HALF);
    const float e = (float)(moved >> 23) - subnormal;
    const float f = math_float_of((uint32_t)(moved & 0x007fffff) + MATH_SQRT_HALF) - 1.0f;
    const float s = f / (2.0f + f);
    const float z = s * s;
    float r = fmaf(MATH_LOG_R3, z, MATH_LOG_R2);
    r = fmaf(r, z, MATH_LOG_R1);
    r = fmaf(r, z, MATH_LOG_R0);
    r = r * z;
    const float half_square = (0.5f * f) * f;
    const float low = fmaf(e, MATH_LN2_LOW, s * (half_square + r));
    float y = fmaf(e, MATH_LN2_HIGH, f - (half_square - low));
    y = x == 0.0f ? -INFINITY : y;
    y = x == INFINITY ? INFINITY : y;
    y = x < 0.0f ? NAN : y;
    return x != x ? x : y;
}

#endif
