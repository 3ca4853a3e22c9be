/* SPDX-License-Identifier: MIT */
/* reward/math_field_parts.c: sines and cosines, exponentials, logarithms, absolute values and roots of elements, each written in
 * generators between which no relation is left. See math_field.c. */
#include "reward/math_field.h"

/* ---- angles ---- */

/* sin and cos of c * pi when 12 c is whole: in the field of the roots of 2 and 3. */
bool field_angle_table(Field *f, Element sine, Element cosine, const fmpq_t c)
{
    /* sin(k pi / 12) = (a sqrt2 + b sqrt6 + d sqrt3 + e) / 4 for k = 0 .. 6 */
    static const int table[7][4] = {{0, 0, 0, 0}, {-1, 1, 0, 0}, {0, 0, 0, 2}, {2, 0, 0, 0},
                                    {0, 0, 2, 0}, {1, 1, 0, 0},  {0, 0, 0, 4}};
    fmpz_t k;
    fmpz_init(k);
    fmpz_divexact(k, (fmpz[]){12}, fmpq_denref(c));
    fmpz_mul(k, k, fmpq_numref(c));
    const slong turn = (slong)fmpz_fdiv_ui(k, 24);
    fmpz_clear(k);
    bool ok = true;
    for (int which = 0; which < 2 && ok; which++) {
        slong at = (turn + (which == 0 ? 0 : 6)) % 24;
        const int sign = at < 12 ? 1 : -1;
        at %= 12;
        if (at > 6) at = 12 - at;
        fmpz_mpoly_q_struct *const out = which == 0 ? sine : cosine;
        fmpz_mpoly_q_zero(out, f->ctx);
        Element part;
        field_element_init(f, part);
        for (int j = 0; j < 4 && ok; j++) {
            static const slong under[4] = {2, 6, 3, 1};
            if (table[at][j] == 0) continue;
            fmpq_t q, half;
            fmpq_init(q);
            fmpq_init(half);
            fmpq_set_si(q, under[j], 1);
            fmpq_set_si(half, 1, 2);
            fmpz_mpoly_q_set_si(part, sign * table[at][j], f->ctx);
            ok = field_times_fraction_power(f, part, q, half);
            if (ok) fmpz_mpoly_q_div_si(part, part, 4, f->ctx);
            ok = ok && field_add(f, out, part);
            fmpq_clear(q);
            fmpq_clear(half);
        }
        field_element_clear(f, part);
    }
    return ok;
}

/* (s, c) of a sum of two angles, into the first. */
static bool add_angles(Field *f, Element s1, Element c1, const Element s2, const Element c2)
{
    Element a, b;
    field_element_init(f, a);
    field_element_init(f, b);
    fmpz_mpoly_q_set(a, s1, f->ctx);
    fmpz_mpoly_q_set(b, c1, f->ctx);
    bool ok = field_multiply(f, a, c2) && field_multiply(f, b, s2) &&
              field_add(f, a, b); /* sin(x+y) = sin x cos y + cos x sin y */
    if (ok) {
        fmpz_mpoly_q_set(b, s1, f->ctx);
        ok = field_multiply(f, b, s2) && field_multiply(f, c1, c2);
        fmpz_mpoly_q_neg(b, b, f->ctx);
        ok = ok && field_add(f, c1, b); /* cos(x+y) = cos x cos y - sin x sin y */
        fmpz_mpoly_q_set(s1, a, f->ctx);
    }
    field_element_clear(f, a);
    field_element_clear(f, b);
    return ok;
}

/* sin and cos of m times c. */
static bool angle_of_term(Field *f, Element s, Element c, const Element m, const fmpq_t multiple)
{
    if (!fmpz_fits_si(fmpq_numref(multiple)) || fmpz_cmp_ui(fmpq_denref(multiple), 60) > 0) return false;
    const int fresh = f->n;
    const int cosine = field_generator(f, GEN_COS, 0, 0, 0, m), sine = field_generator(f, GEN_SIN, 0, 0, 0, m);
    if (cosine < 0 || sine < 0) return false;
    const slong b = fmpz_get_si(fmpq_denref(multiple)), order = f->generators[sine].order;
    if (order % b != 0) {
        const slong finer = order / (slong)n_gcd((ulong)order, (ulong)b) * b;
        field_note_order(f, GEN_COS, 0, m, finer);
        field_note_order(f, GEN_SIN, 0, m, finer);
        return false;
    }
    Element s1, c1;
    field_element_init(f, s1);
    field_element_init(f, c1);
    if (cosine == fresh) { /* sin^2 - (1 - cos^2) */
        fmpz_mpoly_t value;
        fmpz_mpoly_init(value, f->ctx);
        fmpz_mpoly_gen(value, fmpz_mpoly_ctx_nvars(f->ctx) - 1 - cosine, f->ctx);
        fmpz_mpoly_mul(value, value, value, f->ctx);
        fmpz_mpoly_neg(value, value, f->ctx);
        fmpz_mpoly_add_si(value, value, 1, f->ctx);
        field_relate(f, sine, 2, value);
        fmpz_mpoly_clear(value, f->ctx);
    }
    slong n = fmpz_get_si(fmpq_numref(multiple));
    bool ok = n <= 1000 && n >= -1000 && (n *= order / b) <= MAX_MULTIPLE && n >= -MAX_MULTIPLE;
    field_set_generator(f, s1, sine);
    field_set_generator(f, c1, cosine);
    if (n < 0) {
        fmpz_mpoly_q_neg(s1, s1, f->ctx);
        n = -n;
    }
    fmpz_mpoly_q_zero(s, f->ctx);
    fmpz_mpoly_q_one(c, f->ctx);
    for (; ok && n > 0; n--) ok = add_angles(f, s, c, s1, c1);
    field_element_clear(f, s1);
    field_element_clear(f, c1);
    return ok;
}

bool field_sine_and_cosine(Field *f, Element s, Element c, const Element u)
{
    Element m, s1, c1;
    fmpq_t q;
    if (field_contains(f, u, field_index_of_i(f))) return false;
    field_element_init(f, m);
    field_element_init(f, s1);
    field_element_init(f, c1);
    fmpq_init(q);
    fmpz_mpoly_q_zero(s, f->ctx);
    fmpz_mpoly_q_one(c, f->ctx);
    bool ok = true;
    if (!fmpz_mpoly_is_fmpz(DEN(u), f->ctx)) {
        fmpq_one(q);
        ok = angle_of_term(f, s, c, u, q);
    } else {
        for (slong i = 0; i < field_length(NUM(u)) && ok; i++) {
            int single;
            field_term(f, q, m, &single, u, i);
            if (single >= 0 && f->generators[single].kind == GEN_PI && 12 % fmpz_get_ui(fmpq_denref(q)) == 0)
                ok = field_angle_table(f, s1, c1, q);
            else
                ok = angle_of_term(f, s1, c1, m, q);
            ok = ok && add_angles(f, s, c, s1, c1);
        }
    }
    fmpq_clear(q);
    field_element_clear(f, m);
    field_element_clear(f, s1);
    field_element_clear(f, c1);
    return ok;
}

/* ---- exponentials ---- */

/* x times exp(c m). */
bool field_times_exponential(Field *f, Element x, const fmpq_t c, const Element m)
{
    if (!fmpz_fits_si(fmpq_numref(c)) || fmpz_bits(fmpq_numref(c)) > 12 || fmpz_cmp_ui(fmpq_denref(c), 60) > 0)
        return false;
    const int i = field_generator(f, GEN_EXP, 0, 0, 0, m);
    if (i < 0) return false;
    const slong a = fmpz_get_si(fmpq_numref(c)), b = fmpz_get_si(fmpq_denref(c)), order = f->generators[i].order;
    if (order % b != 0) {
        field_note_order(f, GEN_EXP, 0, m, order / (slong)n_gcd((ulong)order, (ulong)b) * b);
        return false;
    }
    Element y;
    field_element_init(f, y);
    field_set_generator(f, y, i);
    const bool ok = field_power(f, y, a * (order / b)) && field_multiply(f, x, y);
    field_element_clear(f, y);
    return ok;
}

/* x times u^(a/b). */
static bool times_power(Field *f, Element x, const Element u, const fmpq_t e)
{
    if (fmpz_bits(fmpq_numref(e)) > 12 || fmpz_cmp_ui(fmpq_denref(e), 60) > 0) return false;
    Element y;
    field_element_init(f, y);
    fmpz_mpoly_q_set(y, u, f->ctx);
    bool ok = fmpz_is_one(fmpq_denref(e)) || field_root(f, y, u, fmpz_get_ui(fmpq_denref(e)));
    ok = ok && field_power(f, y, fmpz_get_si(fmpq_numref(e))) && field_multiply(f, x, y);
    field_element_clear(f, y);
    return ok;
}

/* exp(i c m') = cos(c m') + i sin(c m') times x. */
static bool times_rotation(Field *f, Element x, const fmpq_t c, const Element m, int i_index)
{
    Element i, angle, s, k;
    field_element_init(f, i);
    field_element_init(f, angle);
    field_element_init(f, s);
    field_element_init(f, k);
    field_set_generator(f, i, i_index);
    fmpz_mpoly_q_div(angle, m, i, f->ctx);
    fmpz_mpoly_q_mul_fmpq(angle, angle, c, f->ctx);
    bool ok = !field_contains(f, angle, i_index) && field_sine_and_cosine(f, s, k, angle) && field_multiply(f, s, i) &&
              field_add(f, k, s) && field_multiply(f, x, k);
    field_element_clear(f, i);
    field_element_clear(f, angle);
    field_element_clear(f, s);
    field_element_clear(f, k);
    return ok;
}

bool field_exponential(Field *f, Element x, const Element u)
{
    Element m;
    fmpq_t c;
    field_element_init(f, m);
    fmpq_init(c);
    fmpz_mpoly_q_one(x, f->ctx);
    bool ok = field_length(NUM(u)) <= 40;
    if (ok && !fmpz_mpoly_is_fmpz(DEN(u), f->ctx)) {
        fmpq_one(c);
        ok = field_times_exponential(f, x, c, u);
    } else {
        for (slong i = 0; ok && i < field_length(NUM(u)); i++) {
            int single;
            field_term(f, c, m, &single, u, i);
            const int of_i = field_index_of_i(f);
            const GeneratorKind kind = single >= 0 ? f->generators[single].kind : GEN_SYMBOL;
            if (single >= 0 && kind == GEN_PRIME_LOG)
                ok = field_times_prime_power(f, x, f->generators[single].prime, c);
            else if (single >= 0 && kind == GEN_LN)
                ok = times_power(f, x, f->generators[single].key, c);
            else if (field_contains(f, m, of_i))
                ok = times_rotation(f, x, c, m, of_i);
            else
                ok = field_times_exponential(f, x, c, m);
        }
    }
    field_element_clear(f, m);
    fmpq_clear(c);
    return ok;
}

/* ---- logarithms ---- */

static bool add_prime_logs(Field *f, Element x, const fmpq_t q)
{
    Element y;
    field_element_init(f, y);
    bool ok = fmpq_sgn(q) > 0;
    for (int side = 0; side < 2 && ok; side++) {
        const fmpz *const n = side == 0 ? fmpq_numref(q) : fmpq_denref(q);
        ok = fmpz_bits(n) <= 60;
        if (!ok) break;
        n_factor_t factors;
        n_factor_init(&factors);
        n_factor(&factors, fmpz_get_ui(n), 1);
        for (int i = 0; i < factors.num && ok; i++) {
            const int g = field_generator(f, GEN_PRIME_LOG, 0, 0, factors.p[i], NULL);
            ok = g >= 0;
            if (!ok) break;
            field_set_generator(f, y, g);
            fmpz_mpoly_q_mul_si(y, y, (side == 0 ? 1 : -1) * (slong)factors.exp[i], f->ctx);
            ok = field_add(f, x, y);
        }
    }
    field_element_clear(f, y);
    return ok;
}

/* The logarithm of generator g: what it is made of may be known. */
static bool log_of_generator(Field *f, Element x, int g)
{
    const Generator *const of = &f->generators[g];
    fmpq_t q;
    switch (of->kind) {
    case GEN_EXP:
        fmpz_mpoly_q_div_si(x, of->key, of->order, f->ctx);
        return true;
    case GEN_PRIME_ROOT:
        fmpq_init(q);
        fmpz_set_ui(fmpq_numref(q), of->prime);
        fmpz_mpoly_q_zero(x, f->ctx);
        const slong order = of->order;
        const bool ok = add_prime_logs(f, x, q);
        fmpz_mpoly_q_div_si(x, x, order, f->ctx);
        fmpq_clear(q);
        return ok;
    case GEN_ABS: {
        Element key;
        field_element_init(f, key);
        fmpz_mpoly_q_set(key, of->key, f->ctx);
        const int ln = field_generator(f, GEN_LN, 0, 0, 0, key);
        field_element_clear(f, key);
        if (ln < 0) return false;
        field_set_generator(f, x, ln);
        return true;
    }
    case GEN_ROOT: {
        Element key;
        field_element_init(f, key);
        fmpz_mpoly_q_set(key, of->key, f->ctx);
        const slong degree = of->order;
        const bool known = field_logarithm(f, x, key);
        if (known) fmpz_mpoly_q_div_si(x, x, degree, f->ctx);
        field_element_clear(f, key);
        return known;
    }
    default: {
        Element self;
        field_element_init(f, self);
        field_set_generator(f, self, g);
        const int ln = field_generator(f, GEN_LN, 0, 0, 0, self);
        field_element_clear(f, self);
        if (ln < 0) return false;
        field_set_generator(f, x, ln);
        return true;
    }
    }
}

/* x += sign * ln |p|, factor by factor. */
static bool add_poly_log(Field *f, Element x, const fmpz_mpoly_t p, int sign)
{
    fmpz_mpoly_factor_t factors;
    Element y, base;
    fmpq_t q;
    if (!field_can_factor(f, p)) return false;
    fmpz_mpoly_factor_init(factors, f->ctx);
    field_element_init(f, y);
    field_element_init(f, base);
    fmpq_init(q);
    bool ok = fmpz_mpoly_factor(factors, p, f->ctx);
    if (ok) {
        fmpz_mpoly_factor_get_constant_fmpz(fmpq_numref(q), factors, f->ctx);
        fmpz_abs(fmpq_numref(q), fmpq_numref(q));
        fmpz_one(fmpq_denref(q));
        ok = add_prime_logs(f, y, q);
        fmpz_mpoly_q_mul_si(y, y, sign, f->ctx);
        ok = ok && field_add(f, x, y);
    }
    for (slong i = 0; ok && i < fmpz_mpoly_factor_length(factors, f->ctx); i++) {
        fmpz_mpoly_q_one(base, f->ctx);
        fmpz_mpoly_factor_get_base(NUM(base), factors, i, f->ctx);
        const int g = field_single_variable(f, NUM(base));
        if (g >= 0) {
            ok = log_of_generator(f, y, g);
        } else {
            const int ln = field_generator(f, GEN_LN, 0, 0, 0, base);
            ok = ln >= 0;
            if (ok) field_set_generator(f, y, ln);
        }
        fmpz_mpoly_q_mul_si(y, y, sign * fmpz_mpoly_factor_get_exp_si(factors, i, f->ctx), f->ctx);
        ok = ok && field_add(f, x, y);
    }
    fmpz_mpoly_factor_clear(factors, f->ctx);
    field_element_clear(f, y);
    field_element_clear(f, base);
    fmpq_clear(q);
    return ok;
}

static bool is_positive_generator(const Generator *g)
{
    return g->kind == GEN_PI || g->kind == GEN_PRIME_ROOT || g->kind == GEN_EXP;
}

/* One term of generators that are positive numbers, with a positive coefficient. */
static bool plainly_positive(Field *f, const fmpz_mpoly_t p)
{
    slong degrees[MAX_GENERATORS + 1];
    fmpz_t c;
    if (field_length(p) != 1) return false;
    fmpz_init(c);
    fmpz_mpoly_get_term_coeff_fmpz(c, p, 0, f->ctx);
    bool positive = fmpz_sgn(c) > 0;
    fmpz_clear(c);
    fmpz_mpoly_degrees_si(degrees, p, f->ctx);
    for (int g = 0; g < f->n && positive; g++)
        if (degrees[fmpz_mpoly_ctx_nvars(f->ctx) - 1 - g] > 0) positive = is_positive_generator(&f->generators[g]);
    return positive;
}

bool field_logarithm(Field *f, Element x, const Element u)
{
    fmpq_t q;
    fmpq_init(q);
    fmpz_mpoly_q_zero(x, f->ctx);
    bool ok;
    if (field_rational(f, q, u)) {
        const int sign = fmpq_sgn(q);
        fmpq_abs(q, q);
        ok = sign != 0 && add_prime_logs(f, x, q);
        if (ok && sign < 0) {
            Element i, pi;
            field_element_init(f, i);
            field_element_init(f, pi);
            ok = !f->has_symbols && field_set_i(f, i) && field_set_simple(f, pi, GEN_PI, 0) &&
                 field_multiply(f, i, pi) && field_add(f, x, i);
            field_element_clear(f, i);
            field_element_clear(f, pi);
        }
    } else if (f->has_symbols || (plainly_positive(f, NUM(u)) && plainly_positive(f, DEN(u)))) {
        ok = !field_contains(f, u, field_index_of_i(f)) && add_poly_log(f, x, NUM(u), 1) &&
             add_poly_log(f, x, DEN(u), -1);
    } else { /* a number whose sign is not plain */
        const int g = field_generator(f, GEN_OPAQUE, FN_LN, 0, 0, u);
        ok = g >= 0;
        if (ok) field_set_generator(f, x, g);
    }
    fmpq_clear(q);
    return ok;
}

/* ---- absolute values and roots ---- */

static bool times_absolute(Field *f, Element x, const fmpz_mpoly_t p, slong e)
{
    Element key, y;
    field_element_init(f, key);
    field_element_init(f, y);
    fmpz_mpoly_q_one(key, f->ctx);
    fmpz_mpoly_set(NUM(key), p, f->ctx);
    bool ok = true;
    const int g = field_single_variable(f, p);
    const bool positive = g >= 0 && (is_positive_generator(&f->generators[g]) || f->generators[g].kind == GEN_ABS ||
                                     (f->generators[g].kind == GEN_ROOT && f->generators[g].order % 2 == 0));
    if (positive || e % 2 == 0) {
        fmpz_mpoly_q_set(y, key, f->ctx);
    } else {
        const int fresh = f->n, i = field_generator(f, GEN_ABS, 0, 0, 0, key);
        ok = i >= 0;
        if (ok && i == fresh) {
            fmpz_mpoly_t square;
            fmpz_mpoly_init(square, f->ctx);
            fmpz_mpoly_mul(square, p, p, f->ctx);
            ok = field_reduce_poly(f, square);
            field_relate(f, i, 2, square);
            fmpz_mpoly_clear(square, f->ctx);
        }
        if (ok) field_set_generator(f, y, i);
    }
    ok = ok && field_power(f, y, e) && field_multiply(f, x, y);
    field_element_clear(f, key);
    field_element_clear(f, y);
    return ok;
}

bool field_absolute(Field *f, Element x, const Element u)
{
    fmpq_t q;
    fmpq_init(q);
    bool ok = !field_contains(f, u, field_index_of_i(f));
    if (field_rational(f, q, u)) {
        fmpz_mpoly_q_set(x, u, f->ctx);
        if (fmpq_sgn(q) < 0) fmpz_mpoly_q_neg(x, x, f->ctx);
        fmpq_clear(q);
        return true;
    }
    fmpz_mpoly_q_one(x, f->ctx);
    for (int side = 0; side < 2 && ok; side++) {
        const fmpz_mpoly_struct *const p = side == 0 ? NUM(u) : DEN(u);
        fmpz_mpoly_factor_t factors;
        ok = field_can_factor(f, p);
        if (!ok) break;
        fmpz_mpoly_factor_init(factors, f->ctx);
        ok = fmpz_mpoly_factor(factors, p, f->ctx);
        fmpz_mpoly_t base;
        fmpz_mpoly_init(base, f->ctx);
        if (ok) {
            fmpz_t c;
            fmpz_init(c);
            fmpz_mpoly_factor_get_constant_fmpz(c, factors, f->ctx);
            fmpz_abs(c, c);
            if (side == 0)
                fmpz_mpoly_q_mul_fmpz(x, x, c, f->ctx);
            else
                fmpz_mpoly_q_div_fmpz(x, x, c, f->ctx);
            fmpz_clear(c);
        }
        for (slong i = 0; ok && i < fmpz_mpoly_factor_length(factors, f->ctx); i++) {
            fmpz_mpoly_factor_get_base(base, factors, i, f->ctx);
            ok = times_absolute(f, x, base, (side == 0 ? 1 : -1) * fmpz_mpoly_factor_get_exp_si(factors, i, f->ctx));
        }
        fmpz_mpoly_clear(base, f->ctx);
        fmpz_mpoly_factor_clear(factors, f->ctx);
    }
    fmpq_clear(q);
    return ok;
}

/* x times the degree-th root of a polynomial that stays under it: a generator. */
static bool times_root_of(Field *f, Element x, const fmpz_mpoly_t p, ulong degree, slong e)
{
    Element key, y;
    field_element_init(f, key);
    field_element_init(f, y);
    fmpz_mpoly_q_one(key, f->ctx);
    fmpz_mpoly_set(NUM(key), p, f->ctx);
    const int fresh = f->n, i = field_generator(f, GEN_ROOT, 0, 0, 0, key);
    bool ok = i >= 0;
    if (ok && f->generators[i].order % (slong)degree != 0) {
        const slong order = f->generators[i].order;
        field_note_order(f, GEN_ROOT, 0, key, order / (slong)n_gcd((ulong)order, degree) * (slong)degree);
        ok = false;
    }
    if (ok && i == fresh) field_relate(f, i, (ulong)f->generators[i].order, p);
    if (ok) {
        field_set_generator(f, y, i);
        ok = field_power(f, y, e * (f->generators[i].order / (slong)degree)) && field_multiply(f, x, y);
    }
    field_element_clear(f, key);
    field_element_clear(f, y);
    return ok;
}

/* The root of c f1^e1 f2^e2 ...: what comes out whole comes out (as |f| when the degree is even), monomials one by one, and the
 * rest stays together. */
static bool root_of_factors(Field *f, Element x, fmpz_mpoly_factor_t factors, ulong degree)
{
    const slong d = (slong)degree;
    fmpz_mpoly_t base, rest;
    fmpz_t c;
    fmpq_t q, e;
    bool ok = true, plain = true; /* plain: only symbols stay, so each may have its own root */
    fmpz_mpoly_init(base, f->ctx);
    fmpz_mpoly_init(rest, f->ctx);
    fmpz_init(c);
    fmpq_init(q);
    fmpq_init(e);
    fmpz_mpoly_factor_get_constant_fmpz(c, factors, f->ctx);
    const int sign = fmpz_sgn(c);
    fmpz_abs(fmpq_numref(q), c);
    fmpz_one(fmpq_denref(q));
    fmpq_set_si(e, 1, degree);
    fmpz_mpoly_q_one(x, f->ctx);
    ok = field_times_fraction_power(f, x, q, e);
    for (slong i = 0; i < fmpz_mpoly_factor_length(factors, f->ctx); i++) {
        fmpz_mpoly_factor_get_base(base, factors, i, f->ctx);
        if (fmpz_mpoly_factor_get_exp_si(factors, i, f->ctx) % d != 0) {
            const int g = field_single_variable(f, base);
            plain = plain && g >= 0;
        }
    }
    plain = (plain && sign > 0) || degree % 2 == 1;
    fmpz_mpoly_set_si(rest, degree % 2 == 0 ? sign : 1, f->ctx);
    if (degree % 2 == 1 && sign < 0) fmpz_mpoly_q_neg(x, x, f->ctx);
    for (slong i = 0; ok && i < fmpz_mpoly_factor_length(factors, f->ctx); i++) {
        fmpz_mpoly_factor_get_base(base, factors, i, f->ctx);
        const slong power_of = fmpz_mpoly_factor_get_exp_si(factors, i, f->ctx), out = power_of / d,
                    left = power_of % d;
        const int g = field_single_variable(f, base);
        if (g >= 0 && (f->generators[g].kind == GEN_EXP || f->generators[g].kind == GEN_PRIME_ROOT)) {
            fmpq_set_si(e, power_of, degree * (ulong)f->generators[g].order);
            Element key;
            field_element_init(f, key);
            if (f->generators[g].kind == GEN_EXP) {
                fmpz_mpoly_q_set(key, f->generators[g].key, f->ctx);
                ok = field_times_exponential(f, x, e, key);
            } else {
                ok = field_times_prime_power(f, x, f->generators[g].prime, e);
            }
            field_element_clear(f, key);
            continue;
        }
        if (out > 0) {
            if (degree % 2 == 0) {
                ok = times_absolute(f, x, base, out);
            } else {
                Element y;
                field_element_init(f, y);
                fmpz_mpoly_q_one(y, f->ctx);
                fmpz_mpoly_set(NUM(y), base, f->ctx);
                ok = field_power(f, y, out) && field_multiply(f, x, y);
                field_element_clear(f, y);
            }
        }
        if (ok && left > 0) {
            if (plain) {
                ok = times_root_of(f, x, base, degree, left);
            } else {
                ok = fmpz_mpoly_pow_ui(base, base, (ulong)left, f->ctx);
                if (ok) fmpz_mpoly_mul(rest, rest, base, f->ctx);
                ok = ok && field_small_poly(f, rest);
            }
        }
    }
    if (ok && !fmpz_mpoly_is_one(rest, f->ctx)) {
        if (fmpz_mpoly_is_fmpz(rest, f->ctx)) { /* -1 under an even root */
            Element i;
            field_element_init(f, i);
            ok = degree == 2 && !f->has_symbols && field_set_i(f, i) && field_multiply(f, x, i);
            field_element_clear(f, i);
        } else {
            ok = times_root_of(f, x, rest, degree, 1);
        }
    }
    fmpz_mpoly_clear(base, f->ctx);
    fmpz_mpoly_clear(rest, f->ctx);
    fmpz_clear(c);
    fmpq_clear(q);
    fmpq_clear(e);
    return ok;
}

bool field_root(Field *f, Element x, const Element u, ulong degree)
{
    if (degree == 1) {
        fmpz_mpoly_q_set(x, u, f->ctx);
        return true;
    }
    if (degree < 1 || degree > 12 || fmpz_mpoly_q_is_zero(u, f->ctx)) {
        fmpz_mpoly_q_zero(x, f->ctx);
        return degree >= 1 && degree <= 12;
    }
    /* (n/d)^(1/k) = (n d^(k-1))^(1/k) / |d|, without bars for odd k. */
    Element below, product;
    field_element_init(f, below);
    field_element_init(f, product);
    fmpz_mpoly_q_one(product, f->ctx);
    fmpz_mpoly_q_one(below, f->ctx);
    fmpz_mpoly_set(NUM(below), DEN(u), f->ctx);
    fmpz_mpoly_q_set(product, below, f->ctx);
    bool ok = field_power(f, product, (slong)degree - 1);
    Element above;
    field_element_init(f, above);
    fmpz_mpoly_q_one(above, f->ctx);
    fmpz_mpoly_set(NUM(above), NUM(u), f->ctx);
    ok = ok && field_multiply(f, product, above);
    fmpq_t q;
    fmpq_init(q);
    /* Roots multiply over reals where all are defined, and over numbers that are plainly positive. */
    const bool number = field_rational(f, q, u) || (plainly_positive(f, NUM(u)) && plainly_positive(f, DEN(u)));
    if (ok && (f->has_symbols || number) && fmpz_mpoly_is_fmpz(DEN(product), f->ctx) &&
        field_can_factor(f, NUM(product))) {
        fmpz_mpoly_factor_t factors;
        fmpz_mpoly_factor_init(factors, f->ctx);
        ok = fmpz_mpoly_factor(factors, NUM(product), f->ctx) && root_of_factors(f, x, factors, degree);
        fmpz_mpoly_factor_clear(factors, f->ctx);
    } else if (ok && fmpz_mpoly_is_one(DEN(product), f->ctx) && !f->has_symbols) {
        fmpz_mpoly_q_one(x, f->ctx);
        ok = times_root_of(f, x, NUM(product), degree, 1);
    } else {
        ok = false;
    }
    if (ok && degree % 2 == 0) {
        Element bars;
        field_element_init(f, bars);
        ok = f->has_symbols || number ? field_absolute(f, bars, below) && field_divide(f, x, bars)
                                      : fmpz_mpoly_is_fmpz(NUM(below), f->ctx) && field_divide(f, x, below);
        field_element_clear(f, bars);
    } else if (ok) {
        ok = field_divide(f, x, below);
    }
    fmpq_clear(q);
    field_element_clear(f, above);
    field_element_clear(f, below);
    field_element_clear(f, product);
    return ok;
}
