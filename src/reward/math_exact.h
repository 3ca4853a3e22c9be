/* SPDX-License-Identifier: MIT */
/* reward/math_exact.h: the libraries of exact arithmetic behind math_prove.h, and what its files share.
 *
 * FLINT 3 holds Arb, Antic and Calcium; before it they are libraries of their own with headers in other places. */
#ifndef R1_REWARD_MATH_EXACT_H
#define R1_REWARD_MATH_EXACT_H

#include "reward/math_prove.h"

#include <flint/fmpq.h>
#include <flint/fmpz_vec.h>
#include <flint/ulong_extras.h>
#if defined(__has_include) && __has_include(<flint/fmpz_mpoly_q.h>)
#include <flint/acb.h>
#include <flint/arb.h>
#include <flint/fmpz_mpoly_factor.h>
#include <flint/fmpz_mpoly_q.h>
#include <flint/qqbar.h>
#else
#include <acb.h>
#include <arb.h>
#include <calcium/fmpz_mpoly_q.h>
#include <calcium/qqbar.h>
#include <flint/fmpz_mpoly_factor.h>
#endif

/* A number literal as a fraction. false: too many digits or too large an exponent. */
bool math_exact_number(fmpq_t value, const MathNode *number);

/* ---- math_ball.c ---- */

typedef enum BallResult {
    BALL_APART,   /* the enclosures do not meet at some point: different */
    BALL_AGREE,   /* they meet at every point where both are defined, and there is one */
    BALL_NOWHERE, /* no point at which both could be enclosed */
    BALL_DOMAINS, /* strict: at some point one is defined and the other is not */
} BallResult;
/* work: what the answer may still cost; counted down, and below 0 nothing can be enclosed any more. */
BallResult math_ball_compare(const MathNode *a, const MathNode *b, bool strict, slong precision, int64_t *work);
/* The sign of a real expression without symbols; 2 when its enclosure holds 0 or cannot be had. */
int math_ball_sign(const MathNode *x, slong precision, int64_t *work);
/* f / g is the same number at every point: BALL_APART when it is not. *positive: that number is above 0. */
BallResult math_ball_ratio(const MathNode *f, const MathNode *g, bool *positive, slong precision, int64_t *work);

/* ---- math_field.c ---- */

typedef enum FieldResult { FIELD_ZERO, FIELD_OTHER, FIELD_UNABLE } FieldResult;
/* a - b in normal form: 0, or something else (which need not be different from 0), or out of reach. *rational: it is a number that
 * is not 0. */
FieldResult field_compare(const MathNode *a, const MathNode *b, bool *rational, int64_t *work);
typedef enum Proportion { PROPORTION_YES, PROPORTION_NO, PROPORTION_UNKNOWN } Proportion;
/* f and g up to a constant factor, as equations f = 0 and g = 0 of polynomials. */
Proportion field_proportional(const MathNode *f, const MathNode *g, int64_t *work);

/* ---- math_algebraic.c ---- */

/* a = b for algebraic numbers of small degree; undecided for all else. */
Verdict algebraic_compare(const MathNode *a, const MathNode *b, int64_t *work);

#endif
