/* SPDX-License-Identifier: MIT */
/* reward/math_compare.h: two answers as trees, and whether one says what the other says.
 *
 * What kinds are comparable, and with what leniencies, is decided here; two expressions that are not both small rational
 * numbers are left to math_prove.h. Three-valued throughout: undecided parts make an answer undecided unless another part
 * already tells it wrong. docs/verifier.md states every convention. */
#ifndef R1_REWARD_MATH_COMPARE_H
#define R1_REWARD_MATH_COMPARE_H

#include "reward/compare.h"
#include "reward/math_prove.h"

typedef struct MathComparison {
    MathPool *pool;
    AnswerRelation relation;
    bool can_prove;    /* false: in the caller's process, where no library may run */
    bool needs_prover; /* out: a proof was wanted, and not to be had */
    int32_t steps;     /* comparisons so far: bounded */
    int64_t work;      /* of MATH_WORK, what proofs may still cost */
    MathRule rule;     /* out: what decided last */
} MathComparison;

Verdict math_compare(MathComparison *c, const MathNode *a, const MathNode *b);

/* ---- shared by math_compare.c and math_region.c ---- */

Verdict math_compare_expressions(MathComparison *c, const MathNode *a, const MathNode *b);
/* Sign of a - b; 2 when it is not known. Infinities are in their place. */
int math_compare_order(MathComparison *c, const MathNode *a, const MathNode *b);
/* +1 or -1 for an infinity, else 0. */
int math_infinity_sign(const MathNode *node);

/* An interval, a union, an inequality and the like: what is a set of real numbers by its form. */
bool math_is_region(const MathNode *node);
/* Both as sets of reals. VERDICT_UNDECIDED, and *can false, when one of them cannot be read so. */
Verdict math_compare_regions(MathComparison *c, const MathNode *a, const MathNode *b, bool *can);

#endif
