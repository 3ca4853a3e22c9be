/* SPDX-License-Identifier: MIT */
/* reward/math_field_sum.c: sums and products with bounds, as elements.
 *
 * Few terms are added up. Otherwise the body is written as an element over the counting symbol k, and what has a closed form is
 * summed: polynomials in k (Faulhaber), c r^k, a body that telescopes, the zeta series of even exponents. */
#include "reward/math_field.h"

/* ---- sums ---- */

/* sum of k^d for k = 1 .. n (0^0 = 1 apart), as a polynomial in n; d <= MAX_SUM_DEGREE. */
static bool faulhaber(Field *f, Element x, slong d, const Element n)
{
    static const slong bernoulli[MAX_SUM_DEGREE + 1][2] = {{1, 1},  {1, 2}, {1, 6},   {0, 1}, {-1, 30}, {0, 1},
                                                           {1, 42}, {0, 1}, {-1, 30}, {0, 1}, {5, 66}};
    Element part;
    fmpq_t c;
    field_element_init(f, part);
    fmpq_init(c);
    fmpz_mpoly_q_zero(x, f->ctx);
    bool ok = true;
    for (slong j = 0; j <= d && ok; j++) { /* 1/(d+1) sum_j C(d+1, j) B_j n^(d+1-j), B_1 = 1/2 */
        if (bernoulli[j][0] == 0) continue;
        fmpq_set_si(c, bernoulli[j][0], (ulong)bernoulli[j][1]);
        fmpz_t ways;
        fmpz_init(ways);
        fmpz_bin_uiui(ways, (ulong)d + 1, (ulong)j);
        fmpq_mul_fmpz(c, c, ways);
        fmpz_set_si(ways, d + 1);
        fmpq_div_fmpz(c, c, ways);
        fmpz_clear(ways);
        fmpz_mpoly_q_set(part, n, f->ctx);
        ok = fmpz_mpoly_q_is_zero(n, f->ctx) || field_power(f, part, d + 1 - j);
        fmpz_mpoly_q_mul_fmpq(part, part, c, f->ctx);
        ok = ok && field_add(f, x, part);
    }
    field_element_clear(f, part);
    fmpq_clear(c);
    return ok;
}

/* c * r^k summed from low to high (infinite: high NULL); r^k = exp(k s) with s the element. */
static bool geometric(Field *f, Element x, const Element c, const Element s, const Element low,
                      const fmpz_mpoly_q_struct *high)
{
    Element ratio, first, last, u;
    fmpq_t q;
    field_element_init(f, ratio);
    field_element_init(f, first);
    field_element_init(f, last);
    field_element_init(f, u);
    fmpq_init(q);
    fmpz_mpoly_q_set(u, low, f->ctx);
    bool ok = field_exponential(f, ratio, s) && field_multiply(f, u, s) && field_exponential(f, first, u);
    if (ok && high) {
        fmpz_mpoly_q_add_si(u, high, 1, f->ctx);
        ok = field_multiply(f, u, s) && field_exponential(f, last, u);
    } else if (ok) { /* the series converges, or its ratio holds a symbol and it is meant to */
        bool symbolic = false;
        for (int g = 0; g < f->n; g++)
            symbolic = symbolic || (f->has_symbols && field_contains(f, ratio, g) &&
                                    (f->generators[g].kind == GEN_SYMBOL || f->generators[g].kind == GEN_EXP));
        ok = field_rational(f, q, ratio) ? fmpz_cmpabs(fmpq_numref(q), fmpq_denref(q)) < 0 : symbolic;
    }
    if (ok) { /* c (r^(high+1) - r^low) / (r - 1) */
        fmpz_mpoly_q_sub(last, last, first, f->ctx);
        fmpz_mpoly_q_sub_si(ratio, ratio, 1, f->ctx);
        fmpz_mpoly_q_set(x, c, f->ctx);
        ok = field_multiply(f, x, last) && field_divide(f, x, ratio);
    }
    field_element_clear(f, ratio);
    field_element_clear(f, first);
    field_element_clear(f, last);
    field_element_clear(f, u);
    fmpq_clear(q);
    return ok;
}

/* sum over k of one term of the body: c k^d, or c exp(k s). */
static bool sum_of_term(Field *f, Element x, const Element body, slong i, int k, const Element low,
                        const fmpz_mpoly_q_struct *high)
{
    const slong n_variables = fmpz_mpoly_ctx_nvars(f->ctx);
    slong exponents[MAX_GENERATORS + 1];
    Element m, c, s, kay, below;
    fmpq_t q;
    field_element_init(f, m);
    field_element_init(f, c);
    field_element_init(f, s);
    field_element_init(f, kay);
    field_element_init(f, below);
    fmpq_init(q);
    fmpz_mpoly_get_term_exp_si(exponents, NUM(body), i, f->ctx);
    fmpz_mpoly_q_one(c, f->ctx);
    fmpz_mpoly_set(DEN(c), DEN(body), f->ctx);
    fmpz_mpoly_get_term(NUM(c), NUM(body), i, f->ctx);
    fmpz_mpoly_q_canonicalise(c, f->ctx);
    field_set_generator(f, kay, k);
    const slong d = exponents[n_variables - 1 - k];
    int moving = -1;
    bool ok = d <= MAX_SUM_DEGREE;
    for (int g = 0; g < f->n && ok; g++) {
        if (exponents[n_variables - 1 - g] == 0 || !field_depends_on(f, &f->generators[g], k)) continue;
        const GeneratorKind kind = f->generators[g].kind;
        ok = moving < 0 && (kind == GEN_EXP) && d == 0;
        moving = g;
    }
    if (ok && moving >= 0) {
        const Generator *const g = &f->generators[moving];
        field_set_generator(f, m, moving);
        ok = field_power(f, m, exponents[n_variables - 1 - moving]) && field_divide(f, c, m);
        fmpz_mpoly_q_div(s, g->key, kay, f->ctx);
        fmpz_mpoly_q_mul_si(s, s, exponents[n_variables - 1 - moving], f->ctx);
        fmpz_mpoly_q_div_si(s, s, g->order, f->ctx);
        ok = ok && !field_contains(f, s, k) && !field_contains(f, c, k) && geometric(f, x, c, s, low, high);
    } else if (ok) {
        ok = high != NULL;
        if (ok && d > 0) {
            fmpz_mpoly_q_set(m, kay, f->ctx);
            ok = field_power(f, m, d) && field_divide(f, c, m);
        }
        fmpz_mpoly_q_sub_si(s, low, 1, f->ctx);
        ok = ok && !field_contains(f, c, k) && faulhaber(f, x, d, high ? high : low) && faulhaber(f, below, d, s);
        fmpz_mpoly_q_sub(x, x, below, f->ctx);
        ok = ok && field_multiply(f, x, c);
    }
    fmpq_clear(q);
    field_element_clear(f, m);
    field_element_clear(f, c);
    field_element_clear(f, s);
    field_element_clear(f, kay);
    field_element_clear(f, below);
    return ok;
}

/* c / k^s from 1 to infinity for even s. */
static bool zeta(Field *f, Element x, const Element body, int k, const Element low)
{
    static const slong values[][2] = {{2, 6}, {4, 90}, {6, 945}};
    const slong variable = fmpz_mpoly_ctx_nvars(f->ctx) - 1 - k;
    const slong s = fmpz_mpoly_degree_si(DEN(body), variable, f->ctx);
    Element c, kay;
    if (!fmpz_mpoly_q_is_one(low, f->ctx) || fmpz_mpoly_degree_si(NUM(body), variable, f->ctx) > 0) return false;
    field_element_init(f, c);
    field_element_init(f, kay);
    field_set_generator(f, kay, k);
    bool ok = (s == 2 || s == 4 || s == 6) && field_power(f, kay, s);
    fmpz_mpoly_q_set(c, body, f->ctx);
    ok = ok && field_multiply(f, c, kay) && !field_contains(f, c, k);
    for (int g = 0; g < f->n && ok; g++) ok = !(field_contains(f, c, g) && field_depends_on(f, &f->generators[g], k));
    if (ok) {
        ok = field_set_simple(f, x, GEN_PI, 0) && field_power(f, x, s);
        fmpz_mpoly_q_div_si(x, x, values[s / 2 - 1][1], f->ctx);
        ok = ok && field_multiply(f, x, c);
    }
    field_element_clear(f, c);
    field_element_clear(f, kay);
    return ok;
}

/* A rational body with poles at whole numbers: 1/(k(k+1)) telescopes. For a numerator without k and two simple factors
 * (k + a)(k + b), b - a = n a whole number: 1/((k+a)(k+b)) = (1/(k+a) - 1/(k+b)) / n, of which n terms at each end stay. */
static bool telescope(Field *f, Element x, const Element body, int k, const Element low,
                      const fmpz_mpoly_q_struct *high)
{
    const slong variable = fmpz_mpoly_ctx_nvars(f->ctx) - 1 - k;
    if (fmpz_mpoly_degree_si(NUM(body), variable, f->ctx) > 0 || fmpz_mpoly_degree_si(DEN(body), variable, f->ctx) != 2)
        return false;
    for (int g = 0; g < f->n; g++)
        if (field_depends_on(f, &f->generators[g], k)) return false;
    fmpz_mpoly_factor_t factors;
    Element base[2], kay, zero[2], c, part;
    fmpq_t q;
    int n_found = 0;
    if (!field_can_factor(f, DEN(body))) return false;
    fmpz_mpoly_factor_init(factors, f->ctx);
    for (int i = 0; i < 2; i++) {
        field_element_init(f, base[i]);
        field_element_init(f, zero[i]);
    }
    field_element_init(f, kay);
    field_element_init(f, c);
    field_element_init(f, part);
    fmpq_init(q);
    field_set_generator(f, kay, k);
    bool ok = fmpz_mpoly_factor(factors, DEN(body), f->ctx);
    for (slong i = 0; ok && i < fmpz_mpoly_factor_length(factors, f->ctx); i++) {
        fmpz_mpoly_factor_get_base(NUM(part), factors, i, f->ctx);
        if (fmpz_mpoly_degree_si(NUM(part), variable, f->ctx) == 0) continue;
        ok = n_found < 2 && fmpz_mpoly_degree_si(NUM(part), variable, f->ctx) == 1 &&
             fmpz_mpoly_factor_get_exp_si(factors, i, f->ctx) == 1;
        if (!ok) break;
        fmpz_mpoly_q_one(base[n_found], f->ctx);
        fmpz_mpoly_swap(NUM(base[n_found]), NUM(part), f->ctx);
        /* k + a, with a = base / leading coefficient - k */
        fmpz_mpoly_derivative(NUM(part), NUM(base[n_found]), variable, f->ctx);
        fmpz_mpoly_one(DEN(part), f->ctx);
        ok = field_divide(f, base[n_found], part);
        fmpz_mpoly_q_sub(zero[n_found], base[n_found], kay, f->ctx);
        n_found++;
    }
    ok = ok && n_found == 2 && !field_contains(f, zero[0], k) && !field_contains(f, zero[1], k);
    if (ok) {
        fmpz_mpoly_q_sub(part, zero[1], zero[0], f->ctx);
        ok = field_rational(f, q, part) && fmpz_is_one(fmpq_denref(q)) &&
             fmpz_cmpabs(fmpq_numref(q), (fmpz[]){12}) <= 0 && !fmpq_is_zero(q);
    }
    if (ok) {
        slong n = fmpz_get_si(fmpq_numref(q));
        const int first = n > 0 ? 0 : 1;
        if (n < 0) n = -n;
        /* c / n * sum_{j < n} (1/(low + a + j) - 1/(high + 1 + a + j)) */
        fmpz_mpoly_q_set(c, body, f->ctx);
        ok = field_multiply(f, c, base[0]) && field_multiply(f, c, base[1]) && !field_contains(f, c, k);
        fmpz_mpoly_q_div_si(c, c, n, f->ctx);
        fmpz_mpoly_q_zero(x, f->ctx);
        for (slong j = 0; j < n && ok; j++) {
            fmpz_mpoly_q_add(part, low, zero[first], f->ctx);
            fmpz_mpoly_q_add_si(part, part, j, f->ctx);
            ok = field_power(f, part, -1) && field_add(f, x, part);
            if (!ok || !high) continue;
            fmpz_mpoly_q_add(part, high, zero[first], f->ctx);
            fmpz_mpoly_q_add_si(part, part, j + 1, f->ctx);
            ok = field_power(f, part, -1);
            fmpz_mpoly_q_neg(part, part, f->ctx);
            ok = ok && field_add(f, x, part);
        }
        ok = ok && field_multiply(f, x, c);
    }
    fmpz_mpoly_factor_clear(factors, f->ctx);
    for (int i = 0; i < 2; i++) {
        field_element_clear(f, base[i]);
        field_element_clear(f, zero[i]);
    }
    field_element_clear(f, kay);
    field_element_clear(f, c);
    field_element_clear(f, part);
    fmpq_clear(q);
    return ok;
}

static bool sum_closed(Field *f, Element x, const MathNode *n, const Element low, const fmpz_mpoly_q_struct *high)
{
    Element body, part;
    const int k = field_generator(f, GEN_SYMBOL, 0, n->symbol, 0, NULL);
    if (k < 0) return false;
    field_element_init(f, body);
    field_element_init(f, part);
    bool ok = field_convert(f, body, n->first->next->next);
    fmpz_mpoly_q_zero(x, f->ctx);
    const slong variable = fmpz_mpoly_ctx_nvars(f->ctx) - 1 - k;
    if (ok && fmpz_mpoly_degree_si(DEN(body), variable, f->ctx) > 0) {
        ok = telescope(f, x, body, k, low, high) || (!high && zeta(f, x, body, k, low));
    } else if (ok) {
        /* exp(-k s) stands below the line: its inverse is a generator's inverse, so such sums are turned over term by term. */
        bool moving_below = false;
        for (int g = 0; g < f->n; g++)
            moving_below =
                moving_below || (field_depends_on(f, &f->generators[g], k) &&
                                 fmpz_mpoly_degree_si(DEN(body), fmpz_mpoly_ctx_nvars(f->ctx) - 1 - g, f->ctx) > 0);
        if (moving_below) { /* c / exp(k s) with one term above and below */
            ok = field_length(NUM(body)) == 1 && field_length(DEN(body)) == 1;
            int g = -1;
            for (int i = 0; i < f->n && ok; i++)
                if (field_depends_on(f, &f->generators[i], k) && (field_contains(f, body, i))) {
                    ok = g < 0 && f->generators[i].kind == GEN_EXP;
                    g = i;
                }
            if (ok && g >= 0) {
                const slong e = fmpz_mpoly_degree_si(DEN(body), fmpz_mpoly_ctx_nvars(f->ctx) - 1 - g, f->ctx);
                Element kay, s;
                field_element_init(f, kay);
                field_element_init(f, s);
                field_set_generator(f, part, g);
                ok = field_power(f, part, e) && field_multiply(f, part, body) && !field_contains(f, part, k) &&
                     !field_contains(f, part, g);
                field_set_generator(f, kay, k);
                fmpz_mpoly_q_div(s, f->generators[g].key, kay, f->ctx);
                fmpz_mpoly_q_mul_si(s, s, -e, f->ctx);
                fmpz_mpoly_q_div_si(s, s, f->generators[g].order, f->ctx);
                ok = ok && !field_contains(f, s, k) && geometric(f, x, part, s, low, high);
                field_element_clear(f, kay);
                field_element_clear(f, s);
            }
        } else {
            for (slong i = 0; ok && i < field_length(NUM(body)); i++)
                ok = sum_of_term(f, part, body, i, k, low, high) && field_add(f, x, part);
        }
    }
    field_element_clear(f, body);
    field_element_clear(f, part);
    return ok;
}

bool field_convert_bounded(Field *f, Element x, const MathNode *n)
{
    const MathNode *const from = n->first, *const to = from->next, *const body = to->next;
    Element low, high, part;
    fmpq_t a, b;
    field_element_init(f, low);
    field_element_init(f, high);
    field_element_init(f, part);
    fmpq_init(a);
    fmpq_init(b);
    const bool infinite = to->kind == MATH_INFINITY;
    bool ok = field_convert(f, low, from) && (infinite || field_convert(f, high, to));
    const bool counted = ok && !infinite && field_rational(f, a, low) && field_rational(f, b, high) &&
                         fmpz_is_one(fmpq_denref(a)) && fmpz_is_one(fmpq_denref(b)) && fmpz_bits(fmpq_numref(a)) < 30 &&
                         fmpz_bits(fmpq_numref(b)) < 30 &&
                         fmpz_get_si(fmpq_numref(b)) - fmpz_get_si(fmpq_numref(a)) < MAX_SUM_TERMS;
    if (ok && counted) {
        const bool was_bound = f->bound[n->symbol];
        const slong old = f->bound_value[n->symbol];
        f->bound[n->symbol] = true;
        fmpz_mpoly_q_set_si(x, n->kind == MATH_PRODUCT, f->ctx);
        for (slong k = fmpz_get_si(fmpq_numref(a)); ok && k <= fmpz_get_si(fmpq_numref(b)); k++) {
            f->bound_value[n->symbol] = k;
            ok = field_convert(f, part, body) &&
                 (n->kind == MATH_SUM ? field_add(f, x, part) : field_multiply(f, x, part));
        }
        f->bound[n->symbol] = was_bound;
        f->bound_value[n->symbol] = old;
    } else if (ok && n->kind == MATH_SUM) {
        ok = !f->bound[n->symbol] && sum_closed(f, x, n, low, infinite ? NULL : high);
    } else if (ok) { /* product of k itself */
        ok = !infinite && body->kind == MATH_SYMBOL && body->symbol == n->symbol;
        fmpz_mpoly_q_sub_si(low, low, 1, f->ctx);
        ok = ok && field_factorial(f, x, high) && field_factorial(f, part, low) && field_divide(f, x, part);
    }
    field_element_clear(f, low);
    field_element_clear(f, high);
    field_element_clear(f, part);
    fmpq_clear(a);
    fmpq_clear(b);
    return ok;
}
