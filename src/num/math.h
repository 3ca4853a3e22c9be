/* SPDX-License-Identifier: MIT */
/* num/math.h: the project's own elementary functions. No libm result but fma, sqrt, fabs, rint, ldexp reaches a number that is
 * kept (contract 7): these are polynomials whose every operation is written down, so they give the same bits everywhere.
 *
 * Stated errors (tests/num/test_math.c measures them against long double libm): f32 functions <= 2 ulp, f64 ones <= 2 ulp.
 * math_exp_f32: x > 88.72 is +inf, x < -87.33 is +0 (never a subnormal), NaN is NaN.
 * math_log_f32 / math_log: 0 is -inf, negative is NaN. Kernels have the same functions over 16 lanes, equal to the bit. */
#ifndef R1_NUM_MATH_H
#define R1_NUM_MATH_H

float math_exp_f32(float x);
float math_log_f32(float x);
float math_sigmoid_f32(float x); /* 1 / (1 + exp(-x)) */
double math_exp(double x);
double math_log(double x);
double math_sin(double x); /* |x| <= 2^20: Cody-Waite reduction in three parts */
double math_cos(double x);
double math_pow(double x, double y); /* x > 0: exp(y * log x) with the logarithm in two parts; <= 4 ulp */

#endif
