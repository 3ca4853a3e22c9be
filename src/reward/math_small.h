/* SPDX-License-Identifier: MIT */
/* reward/math_small.h: exact values of numeric expressions in fractions of 64-bit integers, for the many answers that need no more. */
#ifndef R1_REWARD_MATH_SMALL_H
#define R1_REWARD_MATH_SMALL_H

#include "reward/math_tree.h"

typedef struct Fraction {
    int64_t num, den; /* lowest terms, den > 0 */
} Fraction;

/* The value, when it is rational, defined, and neither it nor anything on the way to it needs more than 63 bits. */
bool math_small_value(const MathNode *node, Fraction *value);
int math_small_compare(Fraction a, Fraction b); /* -1, 0, 1 */
/* A part of the expression divides by what is plainly 0. */
bool math_divides_by_zero(const MathNode *node);

#endif
