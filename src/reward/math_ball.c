/* SPDX-License-Identifier: MIT */
/* reward/math_ball.c: enclosures of expressions by Arb.
 *
 * Symbols are real. They take the same rational values at every run: ten points, chosen so that logarithms and roots of simple
 * forms are defined at some of them and no two simple functions meet there by accident. Symbols that count (in n!, in the bounds of a
 * sum, in an exponent of -1) take whole numbers. With symbols an expression is defined where all of it is real; a number
 * may be complex. Every step is counted, and magnitudes are looked at before a function is called. */
#include "reward/math_exact.h"

#include <string.h>

enum {
    N_POINTS = 10,
    MAX_STEPS = 3000,
    MAX_DEPTH = 400,
    MAX_DIGITS = 2500,
    MAX_EXPONENT = 2500,
    MAX_TERMS = 300,
    MAX_MAGNITUDE = 4000, /* bits of an argument of sin, exp, ... */
};

typedef enum State { STATE_OK, STATE_UNDEFINED, STATE_UNKNOWN } State;

typedef struct Ball {
    slong precision;
    int point;
    uint64_t whole; /* symbols that count */
    bool real;      /* complex values are undefined */
    bool bound[MATH_MAX_SYMBOLS];
    slong bound_value[MATH_MAX_SYMBOLS];
    int steps, depth;
    int64_t *work; /* what the whole answer may still cost (math_prove.h) */
} Ball;

static void charge(Ball *b, int steps)
{
    b->steps += steps;
    *b->work -= b->precision > 128 ? 3 * steps : steps;
}

static State enclose(Ball *b, acb_t x, const MathNode *n);

bool math_exact_number(fmpq_t value, const MathNode *n)
{
    char digits[MAX_DIGITS + 1];
    int32_t length = 0, i = 0;
    slong exponent = 0;
    if (n->den > 0) {
        fmpq_set_si(value, n->num, (ulong)n->den);
        return true;
    }
    bool point = false, negative = false;
    for (; i < n->n_text && n->text[i] != 'e' && n->text[i] != 'E'; i++) {
        if (n->text[i] == '.') {
            point = true;
            continue;
        }
        if (length == MAX_DIGITS) return false;
        digits[length++] = n->text[i];
        exponent -= point;
    }
    if (length == 0) return false;
    digits[length] = 0;
    slong stated = 0;
    if (++i < n->n_text) {
        negative = n->text[i] == '-';
        i += n->text[i] == '-' || n->text[i] == '+';
        for (; i < n->n_text && stated <= MAX_EXPONENT; i++) stated = stated * 10 + (n->text[i] - '0');
    }
    exponent += negative ? -stated : stated;
    if (exponent > MAX_EXPONENT || exponent < -MAX_EXPONENT - MAX_DIGITS) return false;
    fmpz_set_str(fmpq_numref(value), digits, 10);
    fmpz_one(fmpq_denref(value));
    fmpz_t power;
    fmpz_init(power);
    fmpz_ui_pow_ui(power, 10, (ulong)(exponent < 0 ? -exponent : exponent));
    if (exponent >= 0)
        fmpz_mul(fmpq_numref(value), fmpq_numref(value), power);
    else
        fmpz_set(fmpq_denref(value), power);
    fmpz_clear(power);
    fmpq_canonicalise(value);
    return true;
}

/* ---- points ---- */

/* The value of a symbol at a point, as num / den: all positive at the first four points, of both signs at the others, of
 * several magnitudes at each. */
static void point_value(const Ball *b, int32_t symbol, slong *num, ulong *den)
{
    static const int values[] = {137, 37,  531, 61, 243,  719, 19, 1171, 97,  331,
                                 43,  463, 173, 7,  2917, 211, 89, 617,  157, 29};
    static const unsigned signs[N_POINTS] = {0,          0,          0,          0,          0x5a5a5a5a,
                                             0xffffffff, 0x33333333, 0xcccccccc, 0x99999999, 0x0f0f0f0f};
    static const int whole_first[N_POINTS] = {3, 5, 7, 4, 6, 2, 9, 8, 10, 11};
    if (b->whole >> symbol & 1) {
        *num = whole_first[b->point] + (symbol * 3) % 5;
        *den = 1;
        return;
    }
    *num = values[(b->point * 7 + symbol * 3) % (int)(sizeof values / sizeof *values)];
    if (signs[b->point] >> (symbol % 32) & 1) *num = -*num;
    *den = 101;
}

/* Symbols whose value must be whole. */
static uint64_t counting_symbols(const MathNode *n, bool inside)
{
    if (n->kind == MATH_SYMBOL) return inside ? (uint64_t)1 << n->symbol : 0;
    const bool counts = n->kind == MATH_FUNCTION && (n->function == FN_FACTORIAL || n->function == FN_BINOMIAL);
    const bool bounds = n->kind == MATH_SUM || n->kind == MATH_PRODUCT;
    const bool power_of_negative =
        n->kind == MATH_POWER && n->first->kind != MATH_SYMBOL && math_has_kind(n->first, MATH_NEGATE);
    uint64_t all = 0;
    int i = 0;
    for (const MathNode *x = n->first; x; x = x->next, i++)
        all |= counting_symbols(x, inside || counts || (bounds && i < 2) || (power_of_negative && i == 1));
    return all;
}

/* ---- small steps ---- */

static State is_known(const acb_t x)
{
    return acb_is_finite(x) ? STATE_OK : STATE_UNKNOWN;
}

static bool is_real(const acb_t x)
{
    return arb_is_zero(acb_imagref(x));
}

/* |x| < 2^bits, surely. */
static bool below(const acb_t x, slong bits)
{
    return mag_cmp_2exp_si(arb_radref(acb_realref(x)), bits) < 0 &&
           arf_cmpabs_2exp_si(arb_midref(acb_realref(x)), bits) < 0 &&
           arf_cmpabs_2exp_si(arb_midref(acb_imagref(x)), bits) < 0;
}

static State divide(Ball *b, acb_t x, const acb_t y)
{
    if (acb_contains_zero(y)) return acb_is_zero(y) ? STATE_UNDEFINED : STATE_UNKNOWN;
    acb_div(x, x, y, b->precision);
    return is_known(x);
}

/* A value that is a whole number, exactly. */
static bool whole(fmpz_t n, const acb_t x)
{
    return is_real(x) && arb_is_int(acb_realref(x)) &&
           arf_cmpabs_2exp_si(arb_midref(acb_realref(x)), MAX_MAGNITUDE) < 0 && arb_get_unique_fmpz(n, acb_realref(x));
}

static State logarithm(Ball *b, acb_t x)
{
    if (is_real(x)) {
        if (arb_is_negative(acb_realref(x)) && b->real) return STATE_UNDEFINED;
        if (arb_is_zero(acb_realref(x))) return STATE_UNDEFINED;
        if (arb_contains_zero(acb_realref(x))) return STATE_UNKNOWN;
    }
    acb_log(x, x, b->precision);
    return is_known(x);
}

/* The root of a real number is real where there is one; else the principal one. */
static State root(Ball *b, acb_t x, slong degree)
{
    if (degree < 1 || degree > 1000) return STATE_UNKNOWN;
    if (!is_real(x)) {
        acb_root_ui(x, x, (ulong)degree, b->precision);
        return b->real ? STATE_UNDEFINED : is_known(x);
    }
    arb_ptr r = acb_realref(x);
    if (arb_is_nonnegative(r)) {
        arb_root_ui(r, r, (ulong)degree, b->precision);
    } else if (!arb_is_negative(r)) {
        return STATE_UNKNOWN;
    } else if (degree % 2 == 1) {
        arb_neg(r, r);
        arb_root_ui(r, r, (ulong)degree, b->precision);
        arb_neg(r, r);
    } else {
        if (b->real) return STATE_UNDEFINED;
        acb_root_ui(x, x, (ulong)degree, b->precision);
    }
    return is_known(x);
}

/* ---- powers ---- */

/* A literal fraction p/q as an exponent: x^(p/q) is the p-th power of the q-th root. */
static bool literal_fraction(const MathNode *n, slong *p, slong *q)
{
    const int sign = n->kind == MATH_NEGATE ? -1 : 1;
    if (n->kind == MATH_NEGATE) n = n->first;
    if (n->kind == MATH_NUMBER && n->den > 0 && n->num < 1000 && n->den < 1000) {
        *p = sign * n->num;
        *q = n->den;
        return true;
    }
    if (n->kind != MATH_DIVIDE) return false;
    const MathNode *const x = n->first, *const y = x->next;
    if (x->kind != MATH_NUMBER || y->kind != MATH_NUMBER || x->den != 1 || y->den != 1 || x->num > 1000 ||
        y->num > 1000 || y->num < 1)
        return false;
    const slong g = (slong)n_gcd((ulong)x->num, (ulong)y->num);
    *p = sign * x->num / g;
    *q = y->num / g;
    return true;
}

static State power_whole(Ball *b, acb_t x, const fmpz_t e)
{
    if (fmpz_bits(e) > 40) return STATE_UNKNOWN;
    if (fmpz_is_zero(e)) { /* 0^0 has no value */
        if (acb_contains_zero(x)) return STATE_UNKNOWN;
        acb_one(x);
        return STATE_OK;
    }
    if (fmpz_sgn(e) < 0 && acb_contains_zero(x)) return acb_is_zero(x) ? STATE_UNDEFINED : STATE_UNKNOWN;
    acb_pow_fmpz(x, x, e, b->precision);
    return is_known(x);
}

static State power(Ball *b, acb_t x, const MathNode *exponent)
{
    slong p, q;
    if (literal_fraction(exponent, &p, &q) && q > 1) {
        if (is_real(x) && arb_is_negative(acb_realref(x)) && !b->real)
            return STATE_UNKNOWN; /* (-8)^(1/3) has two readings */
        const State s = root(b, x, q);
        if (s != STATE_OK) return s;
        fmpz_t e;
        fmpz_init_set_si(e, p);
        const State t = power_whole(b, x, e);
        fmpz_clear(e);
        return t;
    }
    acb_t y;
    fmpz_t e;
    acb_init(y);
    fmpz_init(e);
    State s = enclose(b, y, exponent);
    if (s == STATE_OK && whole(e, y)) {
        s = power_whole(b, x, e);
    } else if (s == STATE_OK) {
        s = b->real && is_real(x) && arb_is_negative(acb_realref(x)) ? STATE_UNDEFINED : logarithm(b, x);
        if (s == STATE_OK) {
            acb_mul(x, x, y, b->precision);
            s = below(x, 40) ? STATE_OK : STATE_UNKNOWN;
        }
        if (s == STATE_OK) {
            acb_exp(x, x, b->precision);
            s = is_known(x);
        }
    }
    acb_clear(y);
    fmpz_clear(e);
    return s;
}

/* ---- functions ---- */

static State reciprocal(Ball *b, acb_t x)
{
    acb_t y;
    acb_init(y);
    acb_set(y, x);
    acb_one(x);
    const State s = divide(b, x, y);
    acb_clear(y);
    return s;
}

static State between_minus_one_and_one(const Ball *b, const acb_t x)
{
    if (!b->real || !is_real(x)) return STATE_OK;
    arb_t one;
    arb_init(one);
    arb_abs(one, acb_realref(x));
    arb_sub_si(one, one, 1, b->precision);
    const State s = arb_is_positive(one) ? STATE_UNDEFINED : STATE_OK;
    arb_clear(one);
    return s;
}

static State rounded(Ball *b, acb_t x, bool up)
{
    fmpz_t n;
    arb_t y;
    if (!is_real(x) || !below(x, 60)) return STATE_UNKNOWN;
    fmpz_init(n);
    arb_init(y);
    if (up)
        arb_ceil(y, acb_realref(x), b->precision);
    else
        arb_floor(y, acb_realref(x), b->precision);
    const bool unique = arb_get_unique_fmpz(n, y);
    if (unique) acb_set_fmpz(x, n);
    fmpz_clear(n);
    arb_clear(y);
    return unique ? STATE_OK : STATE_UNKNOWN;
}

static State factorial(Ball *b, acb_t x)
{
    fmpz_t n;
    fmpz_init(n);
    State s = whole(n, x) ? STATE_OK : STATE_UNKNOWN;
    if (s == STATE_OK && fmpz_sgn(n) < 0) s = STATE_UNDEFINED;
    if (s == STATE_OK && fmpz_bits(n) > 24) s = STATE_UNKNOWN;
    if (s == STATE_OK) {
        arb_add_ui(acb_realref(x), acb_realref(x), 1, 64);
        arb_gamma(acb_realref(x), acb_realref(x), b->precision);
        s = is_known(x);
    }
    fmpz_clear(n);
    return s;
}

static State binomial(Ball *b, acb_t x, const acb_t y)
{
    fmpz_t n, k;
    fmpz_init(n);
    fmpz_init(k);
    State s = STATE_UNKNOWN;
    if (whole(k, y) && fmpz_sgn(k) >= 0 && fmpz_cmp_ui(k, 200) <= 0 && is_real(x)) {
        arb_bin_ui(acb_realref(x), acb_realref(x), fmpz_get_ui(k), b->precision);
        s = is_known(x);
    } else if (whole(n, x) && whole(k, y) && fmpz_sgn(n) >= 0 && fmpz_sgn(k) >= 0 && fmpz_bits(n) < 14) {
        if (fmpz_cmp(k, n) > 0) {
            acb_zero(x);
        } else {
            fmpz_bin_uiui(n, fmpz_get_ui(n), fmpz_get_ui(k));
            acb_set_fmpz(x, n);
        }
        s = STATE_OK;
    }
    fmpz_clear(n);
    fmpz_clear(k);
    return s;
}

/* gcd, lcm, max, min of real numbers; x holds the first. */
static State fold(Ball *b, MathFunction f, acb_t x, const acb_t y)
{
    if (!is_real(x) || !is_real(y)) return STATE_UNKNOWN;
    if (f == FN_MAX) arb_max(acb_realref(x), acb_realref(x), acb_realref(y), b->precision);
    if (f == FN_MIN) arb_min(acb_realref(x), acb_realref(x), acb_realref(y), b->precision);
    if (f == FN_MAX || f == FN_MIN) return is_known(x);
    fmpz_t m, n;
    fmpz_init(m);
    fmpz_init(n);
    const bool ok = whole(m, x) && whole(n, y);
    if (ok && f == FN_GCD) fmpz_gcd(m, m, n);
    if (ok && f == FN_LCM) fmpz_lcm(m, m, n);
    if (ok) acb_set_fmpz(x, m);
    fmpz_clear(m);
    fmpz_clear(n);
    return ok ? STATE_OK : STATE_UNKNOWN;
}

static State apply(Ball *b, MathFunction f, acb_t x)
{
    const slong precision = b->precision;
    State s = STATE_OK;
    charge(b, 8);
    if (!below(x, MAX_MAGNITUDE)) return STATE_UNKNOWN;
    switch (f) {
    case FN_SIN:
        acb_sin(x, x, precision);
        break;
    case FN_COS:
        acb_cos(x, x, precision);
        break;
    case FN_TAN:
        acb_tan(x, x, precision);
        break;
    case FN_COT:
        acb_cot(x, x, precision);
        break;
    case FN_SEC:
        acb_cos(x, x, precision);
        s = reciprocal(b, x);
        break;
    case FN_CSC:
        acb_sin(x, x, precision);
        s = reciprocal(b, x);
        break;
    case FN_ARCSIN:
        s = between_minus_one_and_one(b, x);
        acb_asin(x, x, precision);
        break;
    case FN_ARCCOS:
        s = between_minus_one_and_one(b, x);
        acb_acos(x, x, precision);
        break;
    case FN_ARCTAN:
        acb_atan(x, x, precision);
        break;
    case FN_SINH:
        if (!below(x, 40)) return STATE_UNKNOWN;
        acb_sinh(x, x, precision);
        break;
    case FN_COSH:
        if (!below(x, 40)) return STATE_UNKNOWN;
        acb_cosh(x, x, precision);
        break;
    case FN_TANH:
        if (!below(x, 40)) return STATE_UNKNOWN;
        acb_tanh(x, x, precision);
        break;
    case FN_EXP:
        if (!below(x, 40)) return STATE_UNKNOWN;
        acb_exp(x, x, precision);
        break;
    case FN_LN:
        s = logarithm(b, x);
        break;
    case FN_ABS:
        acb_abs(acb_realref(x), x, precision);
        arb_zero(acb_imagref(x));
        break;
    case FN_FLOOR:
        s = rounded(b, x, false);
        break;
    case FN_CEILING:
        s = rounded(b, x, true);
        break;
    case FN_FACTORIAL:
        s = factorial(b, x);
        break;
    default:
        return STATE_UNKNOWN;
    }
    return s == STATE_OK ? is_known(x) : s;
}

static State log_to_base(Ball *b, acb_t x, const acb_t base)
{
    acb_t y;
    acb_init(y);
    acb_set(y, base);
    State s = logarithm(b, x);
    if (s == STATE_OK) s = logarithm(b, y);
    if (s == STATE_OK) s = divide(b, x, y);
    acb_clear(y);
    return s;
}

static State enclose_function(Ball *b, acb_t x, const MathNode *n)
{
    const MathFunction f = (MathFunction)n->function;
    State s = enclose(b, x, n->first);
    acb_t y;
    acb_init(y);
    for (const MathNode *c = n->first->next; c && s == STATE_OK; c = c->next) {
        fmpz_t degree;
        s = enclose(b, y, c);
        if (s != STATE_OK) break;
        if (f == FN_ROOT) {
            fmpz_init(degree);
            s = whole(degree, y) && fmpz_fits_si(degree) ? root(b, x, fmpz_get_si(degree)) : STATE_UNKNOWN;
            fmpz_clear(degree);
        } else if (f == FN_BINOMIAL) {
            s = binomial(b, x, y);
        } else if (f == FN_LOG) {
            acb_swap(x, y);
            s = log_to_base(b, x, y);
        } else {
            s = fold(b, f, x, y);
        }
    }
    if (s == STATE_OK && f == FN_LOG10) {
        acb_set_ui(y, 10);
        s = log_to_base(b, x, y);
    } else if (s == STATE_OK && !n->first->next && f != FN_GCD && f != FN_LCM && f != FN_MAX && f != FN_MIN) {
        s = apply(b, f, x);
    }
    acb_clear(y);
    return s;
}

/* ---- sums and products with bounds ---- */

static State enclose_bounded(Ball *b, acb_t x, const MathNode *n)
{
    const MathNode *const from = n->first, *const to = from->next, *const body = to->next;
    fmpz_t low, high;
    acb_t term;
    if (to->kind == MATH_INFINITY) return STATE_UNKNOWN;
    fmpz_init(low);
    fmpz_init(high);
    acb_init(term);
    State s = enclose(b, x, from);
    if (s == STATE_OK) s = whole(low, x) ? enclose(b, x, to) : STATE_UNKNOWN;
    if (s == STATE_OK) s = whole(high, x) && fmpz_fits_si(low) && fmpz_fits_si(high) ? STATE_OK : STATE_UNKNOWN;
    if (s == STATE_OK) {
        const slong first = fmpz_get_si(low), last = fmpz_get_si(high);
        if (fmpz_bits(low) > 30 || fmpz_bits(high) > 30 || last - first >= MAX_TERMS) s = STATE_UNKNOWN;
        const bool was_bound = b->bound[n->symbol];
        const slong old = b->bound_value[n->symbol];
        b->bound[n->symbol] = true;
        acb_set_si(x, n->kind == MATH_PRODUCT);
        for (slong k = first; s == STATE_OK && k <= last; k++) {
            b->bound_value[n->symbol] = k;
            s = enclose(b, term, body);
            if (s == STATE_OK && n->kind == MATH_SUM) acb_add(x, x, term, b->precision);
            if (s == STATE_OK && n->kind == MATH_PRODUCT) acb_mul(x, x, term, b->precision);
        }
        b->bound[n->symbol] = was_bound;
        b->bound_value[n->symbol] = old;
    }
    fmpz_clear(low);
    fmpz_clear(high);
    acb_clear(term);
    return s;
}

/* ---- everything ---- */

static void set_symbol(const Ball *b, acb_t x, int32_t symbol)
{
    slong num;
    ulong den;
    if (b->bound[symbol]) {
        acb_set_si(x, b->bound_value[symbol]);
        return;
    }
    point_value(b, symbol, &num, &den);
    acb_set_si(x, num);
    if (den > 1) acb_div_ui(x, x, den, b->precision);
}

static State enclose_all(Ball *b, acb_t x, const MathNode *n)
{
    acb_t y;
    State s = enclose(b, x, n->first);
    acb_init(y);
    for (const MathNode *c = n->first->next; c && s == STATE_OK; c = c->next) {
        s = enclose(b, y, c);
        if (s != STATE_OK) break;
        if (n->kind == MATH_ADD) acb_add(x, x, y, b->precision);
        if (n->kind == MATH_MULTIPLY) acb_mul(x, x, y, b->precision);
        if (n->kind == MATH_DIVIDE) s = divide(b, x, y);
    }
    acb_clear(y);
    return s == STATE_OK ? is_known(x) : s;
}

static State enclose_number(const Ball *b, acb_t x, const MathNode *n)
{
    if (n->den == 1) {
        acb_set_si(x, n->num);
        return STATE_OK;
    }
    fmpq_t q;
    fmpq_init(q);
    const bool ok = math_exact_number(q, n);
    if (ok) acb_set_fmpq(x, q, b->precision);
    fmpq_clear(q);
    return ok ? STATE_OK : STATE_UNKNOWN;
}

static State enclose_degrees(Ball *b, acb_t x, const MathNode *n)
{
    acb_t y;
    const State s = enclose(b, x, n->first);
    acb_init(y);
    acb_const_pi(y, b->precision);
    acb_mul(x, x, y, b->precision);
    acb_div_ui(x, x, 180, b->precision);
    acb_clear(y);
    return s;
}

static State enclose(Ball *b, acb_t x, const MathNode *n)
{
    State s = STATE_OK;
    charge(b, 1);
    if (b->steps > MAX_STEPS || *b->work < 0 || b->depth >= MAX_DEPTH) return STATE_UNKNOWN;
    b->depth++;
    switch ((MathKind)n->kind) {
    case MATH_NUMBER:
        s = enclose_number(b, x, n);
        break;
    case MATH_SYMBOL:
        set_symbol(b, x, n->symbol);
        break;
    case MATH_PI:
        acb_const_pi(x, b->precision);
        break;
    case MATH_E:
        arb_const_e(acb_realref(x), b->precision);
        arb_zero(acb_imagref(x));
        break;
    case MATH_I:
        acb_onei(x);
        break;
    case MATH_ADD:
    case MATH_MULTIPLY:
    case MATH_DIVIDE:
        s = enclose_all(b, x, n);
        break;
    case MATH_NEGATE:
        s = enclose(b, x, n->first);
        acb_neg(x, x);
        break;
    case MATH_POWER:
        s = enclose(b, x, n->first);
        charge(b, 4);
        if (s == STATE_OK) s = power(b, x, n->first->next);
        break;
    case MATH_FUNCTION:
        s = enclose_function(b, x, n);
        break;
    case MATH_PERCENT:
        s = enclose(b, x, n->first);
        acb_div_ui(x, x, 100, b->precision);
        break;
    case MATH_DEGREES:
        s = enclose_degrees(b, x, n);
        break;
    case MATH_BASED:
        s = enclose(b, x, n->first);
        break;
    case MATH_SUM:
    case MATH_PRODUCT:
        s = enclose_bounded(b, x, n);
        break;
    default:
        s = STATE_UNKNOWN;
    }
    b->depth--;
    return s;
}

static Ball ball_for(const MathNode *a, const MathNode *b, slong precision, int64_t *work, bool *symbols)
{
    *symbols = math_has_symbols(a) || math_has_symbols(b);
    const bool complex_numbers = math_has_kind(a, MATH_I) || math_has_kind(b, MATH_I);
    return (Ball){.precision = precision,
                  .work = work,
                  .whole = counting_symbols(a, false) | counting_symbols(b, false),
                  .real = *symbols && !complex_numbers};
}

BallResult math_ball_compare(const MathNode *a, const MathNode *b, bool strict, slong precision, int64_t *work)
{
    bool symbols;
    Ball ball = ball_for(a, b, precision, work, &symbols);
    acb_t x, y;
    acb_init(x);
    acb_init(y);
    BallResult result = BALL_NOWHERE;
    for (; ball.point < (symbols ? N_POINTS : 1); ball.point++) {
        ball.steps = ball.depth = 0;
        const State s = enclose(&ball, x, a);
        ball.steps = ball.depth = 0;
        const State t = enclose(&ball, y, b);
        if (s == STATE_OK && t == STATE_OK) {
            if (!acb_overlaps(x, y)) {
                result = BALL_APART;
                break;
            }
            result = BALL_AGREE;
        } else if (strict && s != t && s != STATE_UNKNOWN && t != STATE_UNKNOWN) {
            result = BALL_DOMAINS;
            break;
        }
    }
    acb_clear(x);
    acb_clear(y);
    return result;
}

int math_ball_sign(const MathNode *n, slong precision, int64_t *work)
{
    bool symbols;
    Ball ball = ball_for(n, n, precision, work, &symbols);
    acb_t x;
    acb_init(x);
    int sign = 2;
    if (!symbols && enclose(&ball, x, n) == STATE_OK && is_real(x)) {
        if (arb_is_positive(acb_realref(x))) sign = 1;
        if (arb_is_negative(acb_realref(x))) sign = -1;
        if (arb_is_zero(acb_realref(x))) sign = 0;
    }
    acb_clear(x);
    return sign;
}

BallResult math_ball_ratio(const MathNode *f, const MathNode *g, bool *positive, slong precision, int64_t *work)
{
    bool symbols;
    Ball ball = ball_for(f, g, precision, work, &symbols);
    acb_t x, y, ratio;
    acb_init(x);
    acb_init(y);
    acb_init(ratio);
    BallResult result = BALL_NOWHERE;
    *positive = false;
    for (; ball.point < N_POINTS && result != BALL_APART; ball.point++) {
        ball.steps = ball.depth = 0;
        if (enclose(&ball, x, f) != STATE_OK) continue;
        ball.steps = ball.depth = 0;
        if (enclose(&ball, y, g) != STATE_OK || divide(&ball, x, y) != STATE_OK) continue;
        if (result == BALL_NOWHERE) {
            acb_set(ratio, x);
            *positive = is_real(x) && arb_is_positive(acb_realref(x));
            result = BALL_AGREE;
        } else if (!acb_overlaps(ratio, x)) {
            result = BALL_APART;
        }
    }
    acb_clear(x);
    acb_clear(y);
    acb_clear(ratio);
    return result;
}
