/* SPDX-License-Identifier: MIT */
/* reward/math_field_tree.c: expressions as elements. See math_field.c. */
#include "reward/math_field.h"

/* ---- factorials, binomials ---- */

bool field_factorial(Field *f, Element x, const Element u)
{
    fmpq_t q;
    fmpz_t n;
    fmpq_init(q);
    fmpz_init(n);
    bool ok = false;
    if (field_rational(f, q, u)) {
        if (fmpz_is_one(fmpq_denref(q)) && fmpq_sgn(q) >= 0 && fmpz_cmp_ui(fmpq_numref(q), 500) <= 0) {
            fmpz_fac_ui(n, fmpz_get_ui(fmpq_numref(q)));
            fmpz_mpoly_q_set_fmpz(x, n, f->ctx);
            ok = true;
        }
    } else if (fmpz_mpoly_is_one(DEN(u), f->ctx)) { /* (m + c)! = m! (m + 1) ... (m + c) */
        ulong zeros[MAX_GENERATORS + 1] = {0};
        Element m, step;
        field_element_init(f, m);
        field_element_init(f, step);
        fmpz_mpoly_get_coeff_fmpz_ui(n, NUM(u), zeros, f->ctx);
        fmpz_mpoly_q_sub_fmpz(m, u, n, f->ctx);
        ok = fmpz_cmpabs(n, (fmpz[]){20}) <= 0;
        const int g = ok ? field_generator(f, GEN_FACTORIAL, 0, 0, 0, m) : -1;
        ok = g >= 0;
        if (ok) field_set_generator(f, x, g);
        for (slong c = ok ? fmpz_get_si(n) : 0; ok && c > 0; c--) {
            fmpz_mpoly_q_add_si(step, m, c, f->ctx);
            ok = field_multiply(f, x, step);
        }
        for (slong c = ok ? fmpz_get_si(n) : 0; ok && c < 0; c++) {
            fmpz_mpoly_q_add_si(step, m, c + 1, f->ctx);
            ok = field_divide(f, x, step);
        }
        field_element_clear(f, m);
        field_element_clear(f, step);
    }
    fmpq_clear(q);
    fmpz_clear(n);
    return ok;
}

static bool binomial(Field *f, Element x, const Element n, const Element k)
{
    fmpq_t q, p;
    fmpq_init(q);
    fmpq_init(p);
    bool ok = true;
    Element step;
    field_element_init(f, step);
    if (field_rational(f, p, n) && field_rational(f, q, k) && fmpz_is_one(fmpq_denref(p)) &&
        fmpz_is_one(fmpq_denref(q)) && fmpq_sgn(p) >= 0 && fmpq_sgn(q) >= 0 && fmpz_bits(fmpq_numref(p)) < 12 &&
        fmpz_bits(fmpq_numref(q)) < 12) {
        fmpz_t value;
        fmpz_init(value);
        fmpz_bin_uiui(value, fmpz_get_ui(fmpq_numref(p)), fmpz_get_ui(fmpq_numref(q)));
        fmpz_mpoly_q_set_fmpz(x, value, f->ctx);
        fmpz_clear(value);
    } else if (field_rational(f, q, k) && fmpz_is_one(fmpq_denref(q)) && fmpq_sgn(q) >= 0 &&
               fmpz_cmp_ui(fmpq_numref(q), 12) <= 0) {
        fmpz_mpoly_q_one(x, f->ctx);
        for (slong i = 0, few = fmpz_get_si(fmpq_numref(q)); ok && i < few; i++) {
            fmpz_mpoly_q_sub_si(step, n, i, f->ctx);
            ok = field_multiply(f, x, step);
            fmpz_mpoly_q_div_si(x, x, i + 1, f->ctx);
        }
    } else {
        Element below;
        field_element_init(f, below);
        fmpz_mpoly_q_sub(step, n, k, f->ctx);
        ok = field_factorial(f, x, n) && field_factorial(f, below, k) && field_divide(f, x, below) &&
             field_factorial(f, below, step) && field_divide(f, x, below);
        field_element_clear(f, below);
    }
    field_element_clear(f, step);
    fmpq_clear(p);
    fmpq_clear(q);
    return ok;
}

/* ---- functions and powers ---- */

static bool inverse_angle(Field *f, Element x, MathFunction function, const Element u)
{
    const int g = field_generator(f, GEN_OPAQUE, (int)function, 0, 0, u);
    if (g < 0) return false;
    field_set_generator(f, x, g);
    return true;
}

/* arctan 1 = pi/4: the multiple of pi/12 in the function's range whose sine, cosine or tangent is u, if any is. */
static bool arc(Field *f, Element x, MathFunction function, const Element u)
{
    static const int low[] = {-6, 0, -5}, high[] = {6, 12, 5};
    const int which = function == FN_ARCSIN ? 0 : function == FN_ARCCOS ? 1 : 2;
    Element s, c;
    fmpq_t q;
    field_element_init(f, s);
    field_element_init(f, c);
    fmpq_init(q);
    bool found = false;
    for (int k = low[which]; k <= high[which] && !found && !f->has_symbols && !f->restart; k++) {
        fmpq_set_si(q, k, 12);
        if (!field_angle_table(f, s, c, q)) continue;
        if (which == 2 && !field_divide(f, s, c)) continue;
        fmpz_mpoly_q_struct *const value = which == 1 ? c : s;
        fmpz_mpoly_q_sub(value, value, u, f->ctx);
        found = field_reduce(f, value) && fmpz_mpoly_q_is_zero(value, f->ctx);
        if (found) {
            found = field_set_simple(f, x, GEN_PI, 0);
            fmpz_mpoly_q_mul_fmpq(x, x, q, f->ctx);
            break;
        }
    }
    fmpq_clear(q);
    field_element_clear(f, s);
    field_element_clear(f, c);
    return found || (!f->restart && inverse_angle(f, x, function, u));
}

static bool hyperbolic(Field *f, Element x, MathFunction function, const Element u)
{
    Element plus, minus, v;
    field_element_init(f, plus);
    field_element_init(f, minus);
    field_element_init(f, v);
    fmpz_mpoly_q_neg(v, u, f->ctx);
    bool ok = field_exponential(f, plus, u) && field_exponential(f, minus, v);
    if (ok) {
        fmpz_mpoly_q_neg(v, minus, f->ctx);
        fmpz_mpoly_q_set(x, plus, f->ctx);
        ok = field_add(f, x, function == FN_COSH ? minus : v);
        if (function == FN_TANH)
            ok = ok && field_add(f, plus, minus) && field_divide(f, x, plus);
        else
            fmpz_mpoly_q_div_si(x, x, 2, f->ctx);
    }
    field_element_clear(f, plus);
    field_element_clear(f, minus);
    field_element_clear(f, v);
    return ok;
}

static bool trigonometric(Field *f, Element x, MathFunction function, const Element u)
{
    Element c;
    field_element_init(f, c);
    bool ok = field_sine_and_cosine(f, x, c, u);
    if (function == FN_COS || function == FN_COT || function == FN_SEC) fmpz_mpoly_q_swap(x, c, f->ctx);
    if (function == FN_TAN || function == FN_COT) ok = ok && field_divide(f, x, c);
    if (function == FN_SEC || function == FN_CSC) ok = ok && field_power(f, x, -1);
    field_element_clear(f, c);
    return ok;
}

static bool log_to_base(Field *f, Element x, const Element base, const Element u)
{
    Element below;
    field_element_init(f, below);
    const bool ok = field_logarithm(f, x, u) && field_logarithm(f, below, base) && field_divide(f, x, below);
    field_element_clear(f, below);
    return ok;
}

/* Floor, ceiling, max and the like of numbers: their value is whole, or one of the arguments. */
static bool by_enclosure(Field *f, Element x, const MathNode *n, const Element first, const Element second)
{
    if (n->function == FN_MAX || n->function == FN_MIN) {
        if (!n->first->next || n->first->next->next || math_has_symbols(n)) return false;
        MathNode minus = {.kind = MATH_NEGATE, .den = 1}, other = *n->first->next, a = *n->first;
        MathNode sum = {.kind = MATH_ADD, .den = 1, .first = &a};
        minus.first = &other;
        other.next = NULL;
        a.next = &minus;
        const int sign = math_ball_sign(&sum, 128, f->left);
        if (sign == 2 || sign == 0) return false;
        fmpz_mpoly_q_set(x, (sign > 0) == (n->function == FN_MAX) ? first : second, f->ctx);
        return true;
    }
    fmpq_t q;
    fmpz_t whole;
    fmpq_init(q);
    fmpz_init(whole);
    const bool ok = field_rational(f, q, first);
    if (ok && n->function == FN_FLOOR) fmpz_fdiv_q(whole, fmpq_numref(q), fmpq_denref(q));
    if (ok && n->function == FN_CEILING) fmpz_cdiv_q(whole, fmpq_numref(q), fmpq_denref(q));
    if (ok) fmpz_mpoly_q_set_fmpz(x, whole, f->ctx);
    fmpq_clear(q);
    fmpz_clear(whole);
    return ok;
}

static bool apply(Field *f, Element x, const MathNode *n, const Element u, const Element v)
{
    fmpq_t q;
    switch ((MathFunction)n->function) {
    case FN_SIN:
    case FN_COS:
    case FN_TAN:
    case FN_COT:
    case FN_SEC:
    case FN_CSC:
        return trigonometric(f, x, (MathFunction)n->function, u);
    case FN_ARCSIN:
    case FN_ARCCOS:
    case FN_ARCTAN:
        return arc(f, x, (MathFunction)n->function, u);
    case FN_SINH:
    case FN_COSH:
    case FN_TANH:
        return hyperbolic(f, x, (MathFunction)n->function, u);
    case FN_LN:
        return field_logarithm(f, x, u);
    case FN_LOG:
        return log_to_base(f, x, u, v);
    case FN_LOG10: {
        Element ten;
        field_element_init(f, ten);
        fmpz_mpoly_q_set_si(ten, 10, f->ctx);
        const bool ok = log_to_base(f, x, ten, u);
        field_element_clear(f, ten);
        return ok;
    }
    case FN_EXP:
        return field_exponential(f, x, u);
    case FN_ROOT: {
        fmpq_init(q);
        const bool whole =
            field_rational(f, q, v) && fmpz_is_one(fmpq_denref(q)) && fmpq_sgn(q) > 0 && fmpz_fits_si(fmpq_numref(q));
        const ulong degree = whole ? fmpz_get_ui(fmpq_numref(q)) : 0;
        fmpq_clear(q);
        return whole && field_root(f, x, u, degree);
    }
    case FN_ABS: {
        if (f->has_symbols) return field_absolute(f, x, u);
        const int sign = math_ball_sign(n->first, 128, f->left);
        fmpz_mpoly_q_set(x, u, f->ctx);
        if (sign < 0) fmpz_mpoly_q_neg(x, x, f->ctx);
        return sign != 2;
    }
    case FN_FACTORIAL:
        return field_factorial(f, x, u);
    case FN_BINOMIAL:
        return binomial(f, x, u, v);
    default:
        return by_enclosure(f, x, n, u, v);
    }
}

static bool convert_function(Field *f, Element x, const MathNode *n)
{
    Element u, v;
    field_element_init(f, u);
    field_element_init(f, v);
    bool ok = field_convert(f, u, n->first);
    if (ok && n->first->next) ok = !n->first->next->next && field_convert(f, v, n->first->next);
    ok = ok && apply(f, x, n, u, v);
    field_element_clear(f, u);
    field_element_clear(f, v);
    return ok;
}

/* (-1)^e: even multiples of what is in e drop out. */
static bool times_sign_power(Field *f, Element x, const Element e)
{
    Element m, key;
    fmpq_t c;
    if (!fmpz_mpoly_is_one(DEN(e), f->ctx)) return false;
    field_element_init(f, m);
    field_element_init(f, key);
    fmpq_init(c);
    bool negative = false;
    for (slong i = 0; i < field_length(NUM(e)); i++) {
        int single;
        field_term(f, c, m, &single, e, i);
        if (fmpz_is_even(fmpq_numref(c))) continue;
        if (fmpz_mpoly_q_is_one(m, f->ctx))
            negative = !negative;
        else
            fmpz_mpoly_q_add(key, key, m, f->ctx);
    }
    if (negative) fmpz_mpoly_q_neg(x, x, f->ctx);
    bool ok = true;
    if (!fmpz_mpoly_q_is_zero(key, f->ctx)) {
        const int fresh = f->n, g = field_generator(f, GEN_SIGN, 0, 0, 0, key);
        ok = g >= 0;
        if (ok && g == fresh) {
            fmpz_mpoly_t one;
            fmpz_mpoly_init(one, f->ctx);
            fmpz_mpoly_one(one, f->ctx);
            field_relate(f, g, 2, one);
            fmpz_mpoly_clear(one, f->ctx);
        }
        if (ok) {
            field_set_generator(f, m, g);
            ok = field_multiply(f, x, m);
        }
    }
    field_element_clear(f, m);
    field_element_clear(f, key);
    fmpq_clear(c);
    return ok;
}

static bool power_general(Field *f, Element x, const Element base, const Element e)
{
    fmpq_t q;
    Element u;
    fmpq_init(q);
    field_element_init(f, u);
    const bool number = field_rational(f, q, base);
    bool ok = !(number && fmpq_sgn(q) == 0);
    if (ok && number && fmpq_sgn(q) < 0) {
        Element positive;
        field_element_init(f, positive);
        fmpz_mpoly_q_neg(positive, base, f->ctx);
        ok = field_logarithm(f, u, positive) && field_multiply(f, u, e) && field_exponential(f, x, u) &&
             times_sign_power(f, x, e);
        field_element_clear(f, positive);
    } else {
        ok = ok && field_logarithm(f, u, base) && field_multiply(f, u, e) && field_exponential(f, x, u);
    }
    fmpq_clear(q);
    field_element_clear(f, u);
    return ok;
}

static bool convert_power(Field *f, Element x, const MathNode *n)
{
    const MathNode *const base = n->first, *const exponent = base->next;
    Element e, b;
    fmpq_t q;
    field_element_init(f, e);
    field_element_init(f, b);
    fmpq_init(q);
    bool ok = field_convert(f, e, exponent);
    if (ok && base->kind == MATH_E) {
        ok = field_exponential(f, x, e);
    } else if (ok && field_convert(f, b, base)) {
        if (field_rational(f, q, e)) {
            ok = fmpz_bits(fmpq_numref(q)) <= 12 && fmpz_cmp_ui(fmpq_denref(q), 12) <= 0;
            /* The principal root of a negative number is not the real one: (-8)^(1/3) is left alone. */
            fmpq_t negative;
            fmpq_init(negative);
            if (ok && !fmpz_is_one(fmpq_denref(q)) && !f->has_symbols && field_rational(f, negative, b) &&
                fmpq_sgn(negative) < 0)
                ok = fmpz_cmp_ui(fmpq_denref(q), 2) == 0;
            fmpq_clear(negative);
            ok = ok && field_root(f, x, b, fmpz_get_ui(fmpq_denref(q))) &&
                 field_power(f, x, fmpz_get_si(fmpq_numref(q)));
        } else {
            ok = power_general(f, x, b, e);
        }
    } else {
        ok = false;
    }
    field_element_clear(f, e);
    field_element_clear(f, b);
    fmpq_clear(q);
    return ok;
}

/* ---- everything ---- */

static bool convert_all(Field *f, Element x, const MathNode *n)
{
    Element y;
    field_element_init(f, y);
    bool ok = field_convert(f, x, n->first);
    for (const MathNode *c = n->first->next; c && ok; c = c->next) {
        ok = field_convert(f, y, c);
        if (!ok) break;
        if (n->kind == MATH_ADD) ok = field_add(f, x, y);
        if (n->kind == MATH_MULTIPLY) ok = field_multiply(f, x, y);
        if (n->kind == MATH_DIVIDE) ok = field_divide(f, x, y);
    }
    field_element_clear(f, y);
    return ok;
}

static bool convert_number(Field *f, Element x, const MathNode *n)
{
    fmpq_t q;
    fmpq_init(q);
    const bool ok = math_exact_number(q, n);
    if (ok) fmpz_mpoly_q_set_fmpq(x, q, f->ctx);
    fmpq_clear(q);
    return ok;
}

static bool convert_e(Field *f, Element x)
{
    Element one;
    field_element_init(f, one);
    fmpz_mpoly_q_one(one, f->ctx);
    const bool ok = field_exponential(f, x, one);
    field_element_clear(f, one);
    return ok;
}

static bool convert_kind(Field *f, Element x, const MathNode *n)
{
    switch ((MathKind)n->kind) {
    case MATH_NUMBER:
        return convert_number(f, x, n);
    case MATH_SYMBOL:
        if (f->bound[n->symbol]) {
            fmpz_mpoly_q_set_si(x, f->bound_value[n->symbol], f->ctx);
            return true;
        }
        return field_set_simple(f, x, GEN_SYMBOL, n->symbol);
    case MATH_PI:
        return field_set_simple(f, x, GEN_PI, 0);
    case MATH_E:
        return convert_e(f, x);
    case MATH_I:
        return field_set_i(f, x);
    case MATH_ADD:
    case MATH_MULTIPLY:
    case MATH_DIVIDE:
        return convert_all(f, x, n);
    case MATH_NEGATE:
        if (!field_convert(f, x, n->first)) return false;
        fmpz_mpoly_q_neg(x, x, f->ctx);
        return true;
    case MATH_POWER:
        return convert_power(f, x, n);
    case MATH_FUNCTION:
        return convert_function(f, x, n);
    case MATH_PERCENT:
        if (!field_convert(f, x, n->first)) return false;
        fmpz_mpoly_q_div_si(x, x, 100, f->ctx);
        return true;
    case MATH_DEGREES: {
        Element pi;
        field_element_init(f, pi);
        const bool ok = field_convert(f, x, n->first) && field_set_simple(f, pi, GEN_PI, 0) && field_multiply(f, x, pi);
        fmpz_mpoly_q_div_si(x, x, 180, f->ctx);
        field_element_clear(f, pi);
        return ok;
    }
    case MATH_BASED:
        return field_convert(f, x, n->first);
    case MATH_SUM:
    case MATH_PRODUCT:
        return field_convert_bounded(f, x, n);
    default:
        return false;
    }
}

bool field_convert(Field *f, Element x, const MathNode *n)
{
    if (f->restart || ++f->nodes > MAX_NODES || f->depth >= MAX_DEPTH) return false;
    f->depth++;
    const bool ok = convert_kind(f, x, n);
    f->depth--;
    return ok && !f->restart;
}
