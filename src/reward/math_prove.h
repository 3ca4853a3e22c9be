/* SPDX-License-Identifier: MIT */
/* reward/math_prove.h: expressions proved equal or refuted, by FLINT, Arb and Calcium.
 *
 * The four files behind it are the only ones that know those libraries: math_ball.c encloses values at fixed points and refutes
 * when two enclosures are apart; math_field.c brings expressions to a normal form (rational functions over symbols, roots of
 * primes, logarithms of primes, exponentials, sines and cosines) and proves when the difference is 0; math_algebraic.c decides
 * algebraic numbers. math_prove.c calls them in that order, and what none of them settles is undecided.
 *
 * Work is limited by counts (steps, terms, degrees, bits), looked at before each call of a library: a verdict never depends on
 * the clock. A crash of a library is the end of its process: whoever links this calls it in a helper (reward/math_helper.h). */
#ifndef R1_REWARD_MATH_PROVE_H
#define R1_REWARD_MATH_PROVE_H

#include "data/tasks.h"
#include "reward/math_tree.h"

typedef enum MathRule {
    RULE_NONE,
    RULE_NO_GOLD,
    RULE_NO_ANSWER,
    RULE_UNREADABLE_GOLD,
    RULE_UNREADABLE_ANSWER,
    RULE_PROSE,
    RULE_SAME_TEXT,
    RULE_EQUAL_NUMBERS,
    RULE_DIFFERENT_NUMBERS,
    RULE_SAME_EXPRESSION,
    RULE_APART,
    RULE_NORMAL_FORM,
    RULE_ALGEBRAIC,
    RULE_DOMAINS,
    RULE_UNSETTLED,
    RULE_UNDEFINED,
    RULE_WORDS,
    RULE_OTHER_WORDS,
    RULE_CHOICE,
    RULE_OTHER_CHOICE,
    RULE_KINDS,
    RULE_NAMES,
    RULE_UNITS,
    RULE_CONVERTED,
    RULE_BASES,
    RULE_PERCENT,
    RULE_COUNTS,
    RULE_ELEMENTS,
    RULE_ELEMENT_DIFFERS,
    RULE_BRACKETS,
    RULE_REGIONS,
    RULE_OTHER_REGION,
    RULE_EQUATIONS,
    RULE_OTHER_EQUATION,
    RULE_RATIO,
    RULE_OTHER_RATIO,
    RULE_TIME,
    RULE_INFINITY,
    RULE_STATEMENT,
    RULE_TOO_LARGE,
    RULE_CRASHED,
    RULE_COUNT
} MathRule;
const char *math_rule_text(MathRule rule);

/* What the proofs of one answer may cost all together, however many parts it has: steps of enclosures (three times as dear at high
 * precision), of polynomials and of algebraic numbers, weighed so that a unit is some hundred nanoseconds. */
enum { MATH_WORK = 60000 };

/* work: what is left of it, counted down; below 0 everything is undecided.
 * a = b, as numbers or as functions of real symbols where both are defined. strict: also defined at the same of the points that
 * are looked at. *rule: what decided. */
Verdict math_prove_equal(int64_t *work, const MathNode *a, const MathNode *b, bool strict, MathRule *rule);
/* The sign of a - b of two real numbers: -1, 0, 1; 2: not known. */
int math_prove_sign(int64_t *work, const MathNode *a, const MathNode *b);
/* Equations f = 0 and g = 0, or with positive_only inequalities f > 0 and g > 0, that are the same up to a constant factor. */
Verdict math_prove_proportional(int64_t *work, const MathNode *f, const MathNode *g, bool positive_only,
                                MathRule *rule);

#endif
