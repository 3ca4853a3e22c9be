/* SPDX-License-Identifier: MIT */
/* reward/math_prove.c: see math_prove.h. The cheap and likely first: most wrong answers are apart at the first point. */
#include "reward/math_exact.h"

enum { PRECISION = 64, HIGH_PRECISION = 384 };

const char *math_rule_text(MathRule rule)
{
    static const char *const texts[RULE_COUNT] = {
        [RULE_NONE] = "nothing was compared",
        [RULE_NO_GOLD] = "the gold answer is empty",
        [RULE_NO_ANSWER] = "there is no answer",
        [RULE_UNREADABLE_GOLD] = "the gold answer cannot be read",
        [RULE_UNREADABLE_ANSWER] = "the answer cannot be read",
        [RULE_PROSE] = "a text in which no answer is marked",
        [RULE_SAME_TEXT] = "the same text",
        [RULE_EQUAL_NUMBERS] = "equal numbers",
        [RULE_DIFFERENT_NUMBERS] = "different numbers",
        [RULE_SAME_EXPRESSION] = "the same expression",
        [RULE_APART] = "different values (enclosed by interval arithmetic)",
        [RULE_NORMAL_FORM] = "equal: the difference has the normal form 0",
        [RULE_ALGEBRAIC] = "compared as algebraic numbers",
        [RULE_DOMAINS] = "defined at different points",
        [RULE_UNSETTLED] = "neither proved nor refuted within the budget",
        [RULE_UNDEFINED] = "a part has no value",
        [RULE_WORDS] = "the same words",
        [RULE_OTHER_WORDS] = "different words",
        [RULE_CHOICE] = "the same choice",
        [RULE_OTHER_CHOICE] = "different choices",
        [RULE_KINDS] = "answers of different kinds",
        [RULE_NAMES] = "different names",
        [RULE_UNITS] = "different units",
        [RULE_CONVERTED] = "the same amount in another unit",
        [RULE_BASES] = "a number in a base, and one in another or in none",
        [RULE_PERCENT] = "a percentage: the number or its hundredth",
        [RULE_COUNTS] = "different numbers of elements: one answer counts",
        [RULE_ELEMENTS] = "equal elements",
        [RULE_ELEMENT_DIFFERS] = "an element differs",
        [RULE_BRACKETS] = "equal elements in other brackets",
        [RULE_REGIONS] = "the same set of numbers",
        [RULE_OTHER_REGION] = "different sets of numbers",
        [RULE_EQUATIONS] = "the same equation up to a factor",
        [RULE_OTHER_EQUATION] = "different equations",
        [RULE_RATIO] = "equal ratios",
        [RULE_OTHER_RATIO] = "different ratios",
        [RULE_TIME] = "compared as times of day",
        [RULE_INFINITY] = "infinity",
        [RULE_STATEMENT] = "a statement, not a value",
        [RULE_TOO_LARGE] = "more than the budget allows",
        [RULE_CRASHED] = "the prover ended unexpectedly",
    };
    return rule < RULE_COUNT && texts[rule] ? texts[rule] : texts[RULE_NONE];
}

static bool has_infinite_sum(const MathNode *n)
{
    if ((n->kind == MATH_SUM || n->kind == MATH_PRODUCT) && n->first->next->kind == MATH_INFINITY) return true;
    for (const MathNode *x = n->first; x; x = x->next)
        if (has_infinite_sum(x)) return true;
    return false;
}

static Verdict decided(MathRule *rule, Verdict verdict, MathRule by)
{
    *rule = by;
    return verdict;
}

Verdict math_prove_equal(int64_t *work, const MathNode *a, const MathNode *b, bool strict, MathRule *rule)
{
    bool is_rational;
    if (*work < 0) return decided(rule, VERDICT_UNDECIDED, RULE_TOO_LARGE);
    const bool symbols = math_has_symbols(a) || math_has_symbols(b),
               infinite = has_infinite_sum(a) || has_infinite_sum(b);
    const BallResult ball = infinite ? BALL_NOWHERE : math_ball_compare(a, b, strict, PRECISION, work);
    if (ball == BALL_APART) return decided(rule, VERDICT_WRONG, RULE_APART);
    if (ball == BALL_DOMAINS) return decided(rule, VERDICT_WRONG, RULE_DOMAINS);
    /* An identity between functions that are never both defined says nothing. Infinite sums cannot be enclosed. */
    const FieldResult field = field_compare(a, b, &is_rational, work);
    if (field == FIELD_ZERO && (ball == BALL_AGREE || infinite)) return decided(rule, VERDICT_RIGHT, RULE_NORMAL_FORM);
    if (field == FIELD_OTHER && is_rational && infinite) return decided(rule, VERDICT_WRONG, RULE_NORMAL_FORM);
    if (infinite) return decided(rule, VERDICT_UNDECIDED, RULE_UNSETTLED);
    if (math_ball_compare(a, b, strict, HIGH_PRECISION, work) == BALL_APART)
        return decided(rule, VERDICT_WRONG, RULE_APART);
    if (!symbols && ball == BALL_AGREE) {
        const Verdict v = algebraic_compare(a, b, work);
        if (v != VERDICT_UNDECIDED) return decided(rule, v, RULE_ALGEBRAIC);
    }
    return decided(rule, VERDICT_UNDECIDED,
                   *work < 0              ? RULE_TOO_LARGE
                   : ball == BALL_NOWHERE ? RULE_UNDEFINED
                                          : RULE_UNSETTLED);
}

int math_prove_sign(int64_t *work, const MathNode *a, const MathNode *b)
{
    MathNode left = *a, right = *b;
    MathNode minus = {.kind = MATH_NEGATE, .den = 1, .first = &right},
             difference = {.kind = MATH_ADD, .den = 1, .first = &left};
    MathRule rule;
    left.next = &minus;
    right.next = NULL;
    for (slong precision = PRECISION; precision <= HIGH_PRECISION; precision *= 6) {
        const int sign = math_ball_sign(&difference, precision, work);
        if (sign != 2) return sign;
    }
    return math_prove_equal(work, a, b, false, &rule) == VERDICT_RIGHT ? 0 : 2;
}

Verdict math_prove_proportional(int64_t *work, const MathNode *f, const MathNode *g, bool positive_only, MathRule *rule)
{
    bool positive;
    if (*work < 0) return decided(rule, VERDICT_UNDECIDED, RULE_TOO_LARGE);
    const BallResult ball = math_ball_ratio(f, g, &positive, PRECISION, work);
    if (ball == BALL_NOWHERE) return decided(rule, VERDICT_UNDECIDED, RULE_UNDEFINED);
    const Proportion p = field_proportional(f, g, work);
    if (p == PROPORTION_YES) {
        if (ball == BALL_APART) { /* the numerators are: x y = 1 and y = 1/x */
            return decided(rule, positive_only ? VERDICT_UNDECIDED : VERDICT_RIGHT, RULE_NORMAL_FORM);
        }
        if (positive_only && !positive) return decided(rule, VERDICT_UNDECIDED, RULE_UNSETTLED);
        return decided(rule, VERDICT_RIGHT, RULE_NORMAL_FORM);
    }
    if (p == PROPORTION_NO && ball == BALL_APART) return decided(rule, VERDICT_WRONG, RULE_APART);
    return decided(rule, VERDICT_UNDECIDED, RULE_UNSETTLED);
}
