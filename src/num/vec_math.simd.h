/* SPDX-License-Identifier: MIT */
/* num/vec_math.simd.h: the functions of math_inline.h over 16 lanes, operation by operation. */
#ifndef R1_NUM_VEC_MATH_H
#define R1_NUM_VEC_MATH_H

#include "num/math_inline.h"

VEC_INLINE f32x16 vec_exp(f32x16 x)
{
    const f32x16 high = vec_set(MATH_EXP_HIGH), low = vec_set(MATH_EXP_LOW), round = vec_set(MATH_EXP_ROUND);
    const f32x16 one = vec_set(1.0f);
    const f32x16 clamped = vec_max(low, vec_min(high, x));
    const f32x16 shifted = vec_fma(clamped, vec_set(MATH_LOG2_E), round);
    const f32x16 n = vec_sub(shifted, round);
    f32x16 r = vec_fnma(n, vec_set(MATH_LN2_HIGH), clamped);
    r = vec_fnma(n, vec_set(MATH_LN2_LOW), r);
    f32x16 q = vec_fma(vec_set(MATH_EXP_Q4), r, vec_set(MATH_EXP_Q3));
    q = vec_fma(q, r, vec_set(MATH_EXP_Q2));
    q = vec_fma(q, r, vec_set(MATH_EXP_Q1));
    q = vec_fma(q, r, vec_set(MATH_EXP_Q0));
    const f32x16 p = vec_fma(vec_fma(q, r, one), r, one);
    f32x16 y = vec_add_exponent(p, shifted);
    y = vec_select_less(high, x, vec_set(INFINITY), y);
    y = vec_select_less(x, low, vec_zero(), y);
    return vec_select_nan(x, x, y);
}

VEC_INLINE f32x16 vec_sigmoid(f32x16 x)
{
    const f32x16 one = vec_set(1.0f);
    const f32x16 e = vec_exp(vec_neg(x));
    const f32x16 sum = vec_add(one, e);
    const f32x16 y = vec_div(one, sum);
    const f32x16 part = vec_sub(sum, one);
    const f32x16 lost = vec_add(vec_sub(one, vec_sub(sum, part)), vec_sub(e, part));
    const f32x16 residual = vec_fnma(lost, y, vec_fnma(sum, y, one));
    return vec_select_less(vec_set(MATH_SIGMOID_FAR), e, y, vec_fma(y, residual, y));
}

VEC_INLINE f32x16 vec_log(f32x16 x)
{
    const f32x16 smallest = vec_set(MATH_SMALLEST_F);
    const f32x16 subnormal = vec_select_less(x, smallest, vec_set(23.0f), vec_zero());
    const f32x16 normal = vec_select_less(x, smallest, vec_mul(x, vec_set(0x1p23f)), x);
    f32x16 exponent;
    const f32x16 m = vec_split_exponent(normal, MATH_SQRT_HALF, &exponent);
    const f32x16 e = vec_sub(exponent, subnormal);
    const f32x16 f = vec_sub(m, vec_set(1.0f));
    const f32x16 s = vec_div(f, vec_add(vec_set(2.0f), f));
    const f32x16 z = vec_mul(s, s);
    f32x16 r = vec_fma(vec_set(MATH_LOG_R3), z, vec_set(MATH_LOG_R2));
    r = vec_fma(r, z, vec_set(MATH_LOG_R1));
    r = vec_fma(r, z, vec_set(MATH_LOG_R0));
    r = vec_mul(r, z);
    const f32x16 half_square = vec_mul(vec_mul(vec_set(0.5f), f), f);
    const f32x16 low = vec_fma(e, vec_set(MATH_LN2_LOW), vec_mul(s, vec_add(half_square, r)));
    f32x16 y = vec_fma(e, vec_set(MATH_LN2_HIGH), vec_sub(f, vec_sub(half_square, low)));
    y = vec_select_equal(x, vec_zero(), vec_set(-INFINITY), y);
    y = vec_select_equal(x, vec_set(INFINITY), vec_set(INFINITY), y);
    y = vec_select_less(x, vec_zero(), vec_set(NAN), y);
    return vec_select_nan(x, x, y);
}

#endif
