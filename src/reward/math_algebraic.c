/* SPDX-License-Identifier: MIT */
/* reward/math_algebraic.c: algebraic numbers, by Calcium's qqbar (a minimal polynomial and an enclosure of the root).
 *
 * The normal form does not see that sqrt(5 + 2 sqrt 6) = sqrt 2 + sqrt 3, since it makes one generator of each root; minimal
 * polynomials do. They are dear, so degrees and bits are bounded before each operation. */
#include "reward/math_exact.h"

#include <stdlib.h>

enum { MAX_DEGREE = 12, MAX_PRODUCT_DEGREE = 24, MAX_BITS = 300, MAX_OPERATIONS = 24, MAX_EXPONENT = 12 };

typedef struct Algebra {
    int operations;
} Algebra;

/* An operation is a resultant or two, and factoring: what 150 steps of an enclosure cost, and more. */
enum { WORK_AN_OPERATION = 150 };

static bool number_of(Algebra *a, qqbar_t x, const MathNode *n);

static bool affordable(Algebra *a, const qqbar_t x, const qqbar_t y)
{
    return ++a->operations <= MAX_OPERATIONS && qqbar_degree(x) * qqbar_degree(y) <= MAX_PRODUCT_DEGREE &&
           qqbar_within_limits(x, MAX_DEGREE, MAX_BITS) && qqbar_within_limits(y, MAX_DEGREE, MAX_BITS);
}

/* A rational operand costs next to nothing. */
static bool combine(Algebra *a, qqbar_t x, const qqbar_t y, MathKind kind)
{
    if (!qqbar_is_rational(x) && !qqbar_is_rational(y) && !affordable(a, x, y)) return false;
    if (!qqbar_within_limits(x, MAX_DEGREE, MAX_BITS) || !qqbar_within_limits(y, MAX_DEGREE, MAX_BITS)) return false;
    if (kind == MATH_ADD) qqbar_add(x, x, y);
    if (kind == MATH_MULTIPLY) qqbar_mul(x, x, y);
    if (kind == MATH_DIVIDE) {
        if (qqbar_is_zero(y)) return false;
        qqbar_div(x, x, y);
    }
    return true;
}

static bool all_of(Algebra *a, qqbar_t x, const MathNode *n)
{
    qqbar_t y;
    qqbar_init(y);
    bool ok = number_of(a, x, n->first);
    for (const MathNode *c = n->first->next; c && ok; c = c->next)
        ok = number_of(a, y, c) && combine(a, x, y, (MathKind)n->kind);
    qqbar_clear(y);
    return ok;
}

/* Real roots of real numbers where there are, else principal ones; as math_ball.c has it. */
static bool root_of(Algebra *a, qqbar_t x, slong degree)
{
    if (degree < 1 || degree > MAX_EXPONENT || qqbar_degree(x) * degree > MAX_PRODUCT_DEGREE) return false;
    if (++a->operations > MAX_OPERATIONS || !qqbar_within_limits(x, MAX_DEGREE, MAX_BITS)) return false;
    const bool negative = qqbar_is_real(x) && qqbar_sgn_re(x) < 0;
    if (negative && degree % 2 == 1) {
        qqbar_neg(x, x);
        qqbar_root_ui(x, x, (ulong)degree);
        qqbar_neg(x, x);
    } else {
        qqbar_root_ui(x, x, (ulong)degree);
    }
    return true;
}

static bool small_whole(const qqbar_t x, slong *n)
{
    fmpz_t z;
    if (!qqbar_is_integer(x)) return false;
    fmpz_init(z);
    qqbar_get_fmpz(z, x);
    const bool fits = fmpz_bits(z) < 16;
    if (fits) *n = fmpz_get_si(z);
    fmpz_clear(z);
    return fits;
}

static bool power_of(Algebra *a, qqbar_t x, const qqbar_t e)
{
    fmpq_t q;
    if (!qqbar_is_rational(e)) return false;
    fmpq_init(q);
    qqbar_get_fmpq(q, e);
    bool ok =
        fmpz_cmp_ui(fmpq_denref(q), MAX_EXPONENT) <= 0 && fmpz_cmpabs(fmpq_numref(q), (fmpz[]){MAX_EXPONENT * 4}) <= 0;
    const slong p = ok ? fmpz_get_si(fmpq_numref(q)) : 0, degree = ok ? fmpz_get_si(fmpq_denref(q)) : 0;
    fmpq_clear(q);
    if (ok && degree > 1 && qqbar_is_real(x) && qqbar_sgn_re(x) < 0) return false; /* two readings */
    ok = ok && (degree == 1 || root_of(a, x, degree));
    ok = ok && ++a->operations <= MAX_OPERATIONS && qqbar_within_limits(x, MAX_DEGREE, MAX_BITS / (labs(p) + 1) + 8);
    if (ok && p <= 0 && qqbar_is_zero(x)) return false;
    if (ok) qqbar_pow_si(x, x, p);
    return ok;
}

/* The argument as p/q times pi: an expression with pi (or degrees) in it once, outside of all functions. */
static bool turn_of(Algebra *a, qqbar_t x, const MathNode *n, bool *is_turn)
{
    bool inner = false;
    *is_turn = false;
    switch ((MathKind)n->kind) {
    case MATH_PI:
        qqbar_set_ui(x, 1);
        *is_turn = true;
        return true;
    case MATH_DEGREES:
        *is_turn = true;
        if (!number_of(a, x, n->first)) return false;
        qqbar_t y;
        qqbar_init(y);
        qqbar_set_ui(y, 180);
        qqbar_div(x, x, y);
        qqbar_clear(y);
        return true;
    case MATH_NEGATE:
        if (!turn_of(a, x, n->first, is_turn)) return false;
        qqbar_neg(x, x);
        return true;
    case MATH_MULTIPLY:
    case MATH_DIVIDE: {
        qqbar_t factor;
        qqbar_init(factor);
        bool ok = turn_of(a, x, n->first, is_turn);
        for (const MathNode *c = n->first->next; c && ok; c = c->next) {
            ok = turn_of(a, factor, c, &inner) && !(inner && (*is_turn || n->kind == MATH_DIVIDE)) &&
                 combine(a, x, factor, (MathKind)n->kind);
            *is_turn = *is_turn || inner;
        }
        qqbar_clear(factor);
        return ok;
    }
    default:
        return number_of(a, x, n);
    }
}

static bool trigonometric(Algebra *a, qqbar_t x, const MathNode *n)
{
    bool is_turn;
    fmpq_t q;
    if (!turn_of(a, x, n->first, &is_turn) || !qqbar_is_rational(x)) return false;
    if (!is_turn && !qqbar_is_zero(x)) return false;
    fmpq_init(q);
    qqbar_get_fmpq(q, x);
    const bool fits = fmpz_cmp_ui(fmpq_denref(q), 30) <= 0 && fmpz_bits(fmpq_numref(q)) < 30;
    const slong p = fits ? fmpz_get_si(fmpq_numref(q)) : 0;
    const ulong d = fits ? fmpz_get_ui(fmpq_denref(q)) : 1;
    fmpq_clear(q);
    if (!fits) return false;
    const MathFunction f = (MathFunction)n->function;
    if (f == FN_SIN || f == FN_CSC) qqbar_sin_pi(x, p, d);
    if (f == FN_COS || f == FN_SEC) qqbar_cos_pi(x, p, d);
    if ((f == FN_TAN && !qqbar_tan_pi(x, p, d)) || (f == FN_COT && !qqbar_cot_pi(x, p, d))) return false;
    if (f == FN_SEC || f == FN_CSC) {
        if (qqbar_is_zero(x)) return false;
        qqbar_inv(x, x);
    }
    return qqbar_within_limits(x, MAX_DEGREE, MAX_BITS);
}

static bool function_of(Algebra *a, qqbar_t x, const MathNode *n)
{
    slong degree;
    if (n->function <= FN_CSC) return trigonometric(a, x, n);
    if (!number_of(a, x, n->first)) return false;
    if (n->function == FN_ABS) {
        qqbar_abs(x, x);
        return true;
    }
    if (n->function != FN_ROOT) return false;
    qqbar_t y;
    qqbar_init(y);
    const bool ok = number_of(a, y, n->first->next) && small_whole(y, &degree) && root_of(a, x, degree);
    qqbar_clear(y);
    return ok;
}

static bool number_of(Algebra *a, qqbar_t x, const MathNode *n)
{
    if (a->operations > MAX_OPERATIONS) return false;
    switch ((MathKind)n->kind) {
    case MATH_NUMBER: {
        fmpq_t q;
        fmpq_init(q);
        const bool ok =
            math_exact_number(q, n) && fmpz_bits(fmpq_numref(q)) <= MAX_BITS && fmpz_bits(fmpq_denref(q)) <= MAX_BITS;
        if (ok) qqbar_set_fmpq(x, q);
        fmpq_clear(q);
        return ok;
    }
    case MATH_I:
        qqbar_i(x);
        return true;
    case MATH_ADD:
    case MATH_MULTIPLY:
    case MATH_DIVIDE:
        return all_of(a, x, n);
    case MATH_NEGATE:
        if (!number_of(a, x, n->first)) return false;
        qqbar_neg(x, x);
        return true;
    case MATH_POWER: {
        qqbar_t e;
        qqbar_init(e);
        const bool ok = number_of(a, x, n->first) && number_of(a, e, n->first->next) && power_of(a, x, e);
        qqbar_clear(e);
        return ok;
    }
    case MATH_FUNCTION:
        return function_of(a, x, n);
    default:
        return false;
    }
}

Verdict algebraic_compare(const MathNode *m, const MathNode *n, int64_t *work)
{
    if (*work < WORK_AN_OPERATION * MAX_OPERATIONS) {
        *work = -1;
        return VERDICT_UNDECIDED;
    }
    Algebra a = {0};
    qqbar_t x, y;
    Verdict v = VERDICT_UNDECIDED;
    qqbar_init(x);
    qqbar_init(y);
    if (number_of(&a, x, m)) {
        *work -= (int64_t)WORK_AN_OPERATION * a.operations;
        a.operations = 0;
        if (number_of(&a, y, n)) v = qqbar_equal(x, y) ? VERDICT_RIGHT : VERDICT_WRONG;
    }
    *work -= (int64_t)WORK_AN_OPERATION * (a.operations + 1);
    qqbar_clear(x);
    qqbar_clear(y);
    return v;
}
