/* SPDX-License-Identifier: MIT */
/* reward/math_field.c: expressions as rational functions over generators, by FLINT's fmpz_mpoly_q.
 *
 * Generators are the symbols and what no arithmetic makes from others: pi, i, roots and logarithms of primes, exponentials,
 * sines, cosines, logarithms, roots and absolute values of polynomials. Each brings its relation (g^2 = 2, sin^2 + cos^2 = 1,
 * |f|^2 = f^2), by which every result is reduced. Between generators of one kind there are no relations left: ln 12 is written
 * 2 ln 2 + ln 3, exp(2x + 1) is exp(x)^2 exp(1), sin(x + y) is expanded. So a difference that is 0 is written 0; and since all
 * rewriting is by true identities (where both sides are defined, for real symbols), what is written 0 is 0.
 *
 * exp(x/2) after exp(x) needs a finer generator. The field then notes the denominator and starts again (`finer`), so generators
 * are as fine as the whole problem wants them.
 *
 * Variables are ordered: a generator's relation speaks of older generators only, which are smaller in the order.
 * Every product is bounded in terms, degrees and bits before it is made. */
#include "reward/math_field.h"

#include <string.h>

/* ---- elements ---- */

void field_element_init(Field *f, Element x)
{
    fmpz_mpoly_q_init(x, f->ctx);
}

void field_element_clear(Field *f, Element x)
{
    fmpz_mpoly_q_clear(x, f->ctx);
}

slong field_length(const fmpz_mpoly_t p)
{
    return p->length;
}

bool field_small_poly(Field *f, const fmpz_mpoly_t p)
{
    slong bits = fmpz_mpoly_max_bits(p);
    if (bits < 0) bits = -bits;
    return field_length(p) <= MAX_LENGTH && bits <= MAX_BITS && fmpz_mpoly_degrees_fit_si(p, f->ctx) &&
           fmpz_mpoly_total_degree_si(p, f->ctx) <= 400;
}

static bool small(Field *f, const Element x)
{
    return field_small_poly(f, NUM(x)) && field_small_poly(f, DEN(x));
}

/* Whether x op y may be tried, and its cost to the budget. */
static bool afford(Field *f, const Element x, const Element y)
{
    const slong a = field_length(NUM(x)), b = field_length(DEN(x)), c = field_length(NUM(y)), d = field_length(DEN(y));
    /* With denominators there are greatest common divisors to find: dearer by far. */
    const slong cost = b == 1 && d == 1 ? a * c : 4 * (a + b) * (c + d);
    f->work += cost + 8;
    return cost <= MAX_PRODUCT && f->work <= MAX_WORK && small(f, x) && small(f, y);
}

/* By the generators' relations. */
bool field_reduce_poly(Field *f, fmpz_mpoly_t p)
{
    fmpz_mpoly_struct *relations[MAX_GENERATORS], *quotients[MAX_GENERATORS];
    fmpz_mpoly_t unused[MAX_GENERATORS];
    const slong n_variables = fmpz_mpoly_ctx_nvars(f->ctx);
    slong degrees[MAX_GENERATORS + 1];
    int n = 0;
    if (field_length(p) == 0 || fmpz_mpoly_is_fmpz(p, f->ctx)) return true;
    if (!field_small_poly(f, p)) return false;
    fmpz_mpoly_degrees_si(degrees, p, f->ctx);
    bool wanted = false;
    for (int i = 0; i < f->n; i++) {
        Generator *const g = &f->generators[i];
        if (!g->has_relation) continue;
        const slong top = g->kind == GEN_PRIME_ROOT || g->kind == GEN_ROOT ? g->order : 2;
        wanted = wanted || degrees[n_variables - 1 - i] >= top;
        relations[n++] = g->relation;
    }
    if (!wanted) return true;
    f->work += field_length(p) * 8;
    for (int i = 0; i < n; i++) {
        fmpz_mpoly_init(unused[i], f->ctx);
        quotients[i] = unused[i];
    }
    fmpz_mpoly_t rest;
    fmpz_mpoly_init(rest, f->ctx);
    fmpz_mpoly_divrem_ideal(quotients, rest, p, relations, n, f->ctx);
    fmpz_mpoly_swap(p, rest, f->ctx);
    fmpz_mpoly_clear(rest, f->ctx);
    for (int i = 0; i < n; i++) fmpz_mpoly_clear(unused[i], f->ctx);
    return field_small_poly(f, p);
}

bool field_reduce(Field *f, Element x)
{
    if (!field_reduce_poly(f, NUM(x)) || !field_reduce_poly(f, DEN(x)) || fmpz_mpoly_is_zero(DEN(x), f->ctx)) {
        fmpz_mpoly_q_zero(x, f->ctx); /* whole again, whatever was left */
        return false;
    }
    fmpz_mpoly_q_canonicalise(x, f->ctx);
    return true;
}

bool field_add(Field *f, Element x, const Element y)
{
    if (!afford(f, x, y)) return false;
    fmpz_mpoly_q_add(x, x, y, f->ctx);
    return small(f, x);
}

bool field_multiply(Field *f, Element x, const Element y)
{
    if (!afford(f, x, y)) return false;
    fmpz_mpoly_q_mul(x, x, y, f->ctx);
    return small(f, x) && field_reduce(f, x);
}

bool field_divide(Field *f, Element x, const Element y)
{
    if (fmpz_mpoly_q_is_zero(y, f->ctx) || !afford(f, x, y)) return false;
    fmpz_mpoly_q_div(x, x, y, f->ctx);
    return small(f, x) && field_reduce(f, x);
}

/* A rational number; false: it is none. */
bool field_rational(Field *f, fmpq_t q, const Element x)
{
    if (!fmpz_mpoly_is_fmpz(NUM(x), f->ctx) || !fmpz_mpoly_is_fmpz(DEN(x), f->ctx)) return false;
    fmpz_mpoly_get_fmpz(fmpq_numref(q), NUM(x), f->ctx);
    fmpz_mpoly_get_fmpz(fmpq_denref(q), DEN(x), f->ctx);
    fmpq_canonicalise(q);
    return true;
}

bool field_power(Field *f, Element x, slong e)
{
    if (e < 0) {
        if (fmpz_mpoly_q_is_zero(x, f->ctx)) return false;
        fmpz_mpoly_q_inv(x, x, f->ctx);
        e = -e;
    }
    if (e == 0) {
        if (fmpz_mpoly_q_is_zero(x, f->ctx)) return false;
        fmpz_mpoly_q_one(x, f->ctx);
        return true;
    }
    if (e > 4000) return false;
    Element base;
    field_element_init(f, base);
    fmpz_mpoly_q_swap(base, x, f->ctx);
    fmpz_mpoly_q_one(x, f->ctx);
    bool ok = true;
    for (slong bit = e; ok; bit >>= 1) {
        if (bit & 1) ok = field_multiply(f, x, base);
        if (bit <= 1) break;
        ok = ok && field_multiply(f, base, base);
    }
    field_element_clear(f, base);
    return ok;
}

/* ---- generators ---- */

void field_set_generator(Field *f, Element x, int index)
{
    fmpz_mpoly_q_gen(x, fmpz_mpoly_ctx_nvars(f->ctx) - 1 - index, f->ctx);
}

static int find_generator(Field *f, GeneratorKind kind, int function, int32_t symbol, ulong prime,
                          const fmpz_mpoly_q_struct *key)
{
    for (int i = 0; i < f->n; i++) {
        Generator *const g = &f->generators[i];
        if (g->kind != kind || g->function != function || g->symbol != symbol || g->prime != prime ||
            g->has_key != (key != NULL))
            continue;
        if (!key || fmpz_mpoly_q_equal(g->key, key, f->ctx)) return i;
    }
    return -1;
}

static slong noted_order(Field *f, GeneratorKind kind, ulong prime, const fmpz_mpoly_q_struct *key)
{
    for (int i = 0; i < f->n_finer; i++)
        if (f->finer[i].kind == kind && f->finer[i].prime == prime &&
            (!key || fmpz_mpoly_q_equal(f->finer[i].key, key, f->ctx)))
            return f->finer[i].order;
    return 1;
}

void field_note_order(Field *f, GeneratorKind kind, ulong prime, const fmpz_mpoly_q_struct *key, slong order)
{
    f->restart = true;
    for (int i = 0; i < f->n_finer; i++)
        if (f->finer[i].kind == kind && f->finer[i].prime == prime &&
            (!key || fmpz_mpoly_q_equal(f->finer[i].key, key, f->ctx))) {
            f->finer[i].order = order;
            return;
        }
    if (f->n_finer == MAX_FINER) {
        f->restart = false;
        return;
    }
    Finer *const note = &f->finer[f->n_finer++];
    note->kind = kind;
    note->prime = prime;
    note->order = order;
    field_element_init(f, note->key);
    if (key) fmpz_mpoly_q_set(note->key, key, f->ctx);
}

/* g^top - value, with value in older generators. */
void field_relate(Field *f, int index, ulong top, const fmpz_mpoly_t value)
{
    Generator *const g = &f->generators[index];
    fmpz_mpoly_init(g->relation, f->ctx);
    fmpz_mpoly_gen(g->relation, fmpz_mpoly_ctx_nvars(f->ctx) - 1 - index, f->ctx);
    fmpz_mpoly_pow_ui(g->relation, g->relation, top, f->ctx);
    fmpz_mpoly_sub(g->relation, g->relation, value, f->ctx);
    g->has_relation = true;
}

/* The index of the generator, made when there is none; -1: no room. */
int field_generator(Field *f, GeneratorKind kind, int function, int32_t symbol, ulong prime,
                    const fmpz_mpoly_q_struct *key)
{
    const int known = find_generator(f, kind, function, symbol, prime, key);
    if (known >= 0) return known;
    if (f->n == MAX_GENERATORS || f->n == fmpz_mpoly_ctx_nvars(f->ctx)) return -1;
    const int index = f->n++;
    Generator *const g = &f->generators[index];
    *g = (Generator){.kind = kind,
                     .function = function,
                     .symbol = symbol,
                     .prime = prime,
                     .order = noted_order(f, kind, prime, key),
                     .has_key = key != NULL};
    if (key) {
        field_element_init(f, g->key);
        fmpz_mpoly_q_set(g->key, key, f->ctx);
    }
    return index;
}

/* prime^(a/b) times x. */
bool field_times_prime_power(Field *f, Element x, ulong prime, const fmpq_t e)
{
    if (!fmpz_fits_si(fmpq_numref(e)) || fmpz_bits(fmpq_numref(e)) > 12 || fmpz_cmp_ui(fmpq_denref(e), 24) > 0)
        return false;
    slong a = fmpz_get_si(fmpq_numref(e));
    const slong b = fmpz_get_si(fmpq_denref(e));
    slong whole_part = a / b;
    if (a % b < 0) whole_part--;
    a -= whole_part * b; /* 0 <= a < b */
    Element y;
    field_element_init(f, y);
    fmpz_mpoly_q_set_si(y, 1, f->ctx);
    fmpz_mpoly_q_mul_fmpz(y, y, (fmpz[]){(fmpz)prime}, f->ctx); /* primes here have fewer than 62 bits */
    bool ok = field_power(f, y, whole_part) && field_multiply(f, x, y);
    if (ok && a > 0) {
        const int fresh = f->n;
        const int i = field_generator(f, GEN_PRIME_ROOT, 0, 0, prime, NULL);
        ok = i >= 0;
        if (ok && f->generators[i].order % b != 0) {
            field_note_order(f, GEN_PRIME_ROOT, prime, NULL,
                             (slong)(f->generators[i].order / (slong)n_gcd((ulong)f->generators[i].order, (ulong)b)) *
                                 b);
            ok = false;
        }
        if (ok && i == fresh) {
            fmpz_mpoly_t value;
            fmpz_mpoly_init(value, f->ctx);
            fmpz_mpoly_set_ui(value, prime, f->ctx);
            field_relate(f, i, (ulong)f->generators[i].order, value);
            fmpz_mpoly_clear(value, f->ctx);
        }
        if (ok) {
            field_set_generator(f, y, i);
            ok = field_power(f, y, a * (f->generators[i].order / b)) && field_multiply(f, x, y);
        }
    }
    field_element_clear(f, y);
    return ok;
}

/* x times (num/den)^(e), for a positive fraction of small primes. */
bool field_times_fraction_power(Field *f, Element x, const fmpq_t q, const fmpq_t e)
{
    bool ok = fmpq_sgn(q) > 0;
    for (int side = 0; side < 2 && ok; side++) {
        const fmpz *const n = side == 0 ? fmpq_numref(q) : fmpq_denref(q);
        if (fmpz_bits(n) > 60) return false;
        n_factor_t factors;
        n_factor_init(&factors);
        n_factor(&factors, fmpz_get_ui(n), 1);
        for (int i = 0; i < factors.num && ok; i++) {
            fmpq_t exponent;
            fmpq_init(exponent);
            fmpq_set(exponent, e);
            fmpz_mul_si(fmpq_numref(exponent), fmpq_numref(exponent), (side == 0 ? 1 : -1) * (slong)factors.exp[i]);
            fmpq_canonicalise(exponent);
            ok = field_times_prime_power(f, x, factors.p[i], exponent);
            fmpq_clear(exponent);
        }
    }
    return ok;
}

bool field_set_i(Field *f, Element x)
{
    const int fresh = f->n, i = field_generator(f, GEN_I, 0, 0, 0, NULL);
    if (i < 0) return false;
    if (i == fresh) {
        fmpz_mpoly_t minus_one;
        fmpz_mpoly_init(minus_one, f->ctx);
        fmpz_mpoly_set_si(minus_one, -1, f->ctx);
        field_relate(f, i, 2, minus_one);
        fmpz_mpoly_clear(minus_one, f->ctx);
    }
    field_set_generator(f, x, i);
    return true;
}

bool field_set_simple(Field *f, Element x, GeneratorKind kind, int32_t symbol)
{
    const int i = field_generator(f, kind, 0, symbol, 0, NULL);
    if (i < 0) return false;
    field_set_generator(f, x, i);
    return true;
}

/* ---- terms of a polynomial ---- */

/* One term c * m of a numerator over a whole denominator: its coefficient, and m as an element. If m is one generator to the power 1,
 * *single is its index, else -1. */
bool field_term(Field *f, fmpq_t c, Element m, int *single, const Element u, slong i)
{
    const slong n_variables = fmpz_mpoly_ctx_nvars(f->ctx);
    slong exponents[MAX_GENERATORS + 1];
    fmpz_mpoly_get_term_coeff_fmpz(fmpq_numref(c), NUM(u), i, f->ctx);
    fmpz_mpoly_get_fmpz(fmpq_denref(c), DEN(u), f->ctx);
    fmpq_canonicalise(c);
    fmpz_mpoly_get_term_exp_si(exponents, NUM(u), i, f->ctx);
    fmpz_mpoly_q_one(m, f->ctx);
    fmpz_mpoly_get_term_monomial(NUM(m), NUM(u), i, f->ctx);
    *single = -1;
    slong degree = 0;
    for (int g = 0; g < f->n; g++) {
        const slong e = exponents[n_variables - 1 - g];
        degree += e;
        if (e == 1) *single = g;
    }
    if (degree != 1) *single = -1;
    return true;
}

int field_index_of_i(const Field *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->generators[i].kind == GEN_I) return i;
    return -1;
}

bool field_contains(Field *f, const Element x, int index)
{
    if (index < 0) return false;
    const slong variable = fmpz_mpoly_ctx_nvars(f->ctx) - 1 - index;
    return fmpz_mpoly_degree_si(NUM(x), variable, f->ctx) > 0 || fmpz_mpoly_degree_si(DEN(x), variable, f->ctx) > 0;
}

int field_single_variable(Field *f, const fmpz_mpoly_t p)
{
    for (int g = 0; g < f->n; g++)
        if (fmpz_mpoly_is_gen(p, fmpz_mpoly_ctx_nvars(f->ctx) - 1 - g, f->ctx)) return g;
    return -1;
}

bool field_can_factor(Field *f, const fmpz_mpoly_t p)
{
    slong degrees[MAX_GENERATORS + 1];
    if (field_length(p) > MAX_FACTORED || !field_small_poly(f, p)) return false;
    fmpz_mpoly_degrees_si(degrees, p, f->ctx);
    for (slong i = 0; i < fmpz_mpoly_ctx_nvars(f->ctx); i++)
        if (degrees[i] > MAX_FACTORED_DEGREE) return false;
    slong bits = fmpz_mpoly_max_bits(p);
    if (bits < 0) bits = -bits;
    f->work += 40 * field_length(p);
    return bits <= 128 && f->work <= MAX_WORK;
}

bool field_depends_on(Field *f, const Generator *g, int k)
{
    return g->has_key && field_contains(f, g->key, k);
}

/* ---- comparison ---- */

static void forget_generators(Field *f)
{
    for (int i = 0; i < f->n; i++) {
        Generator *const g = &f->generators[i];
        if (g->has_key) field_element_clear(f, g->key);
        if (g->has_relation) fmpz_mpoly_clear(g->relation, f->ctx);
    }
    f->n = 0;
}

static void field_open(Field *f, const MathNode *a, const MathNode *b, int64_t *left)
{
    memset(f, 0, sizeof *f);
    f->left = left;
    /* What is spent already is as if this one had spent it. */
    if (*left < MAX_WORK / FIELD_WORK_A_UNIT) f->work = MAX_WORK - FIELD_WORK_A_UNIT * (slong)(*left > 0 ? *left : 0);
    f->work_before = f->work;
    fmpz_mpoly_ctx_init(f->ctx, MAX_GENERATORS, ORD_LEX);
    f->has_symbols = math_has_symbols(a) || math_has_symbols(b);
}

static void field_close(Field *f)
{
    *f->left -= (f->work - f->work_before) / FIELD_WORK_A_UNIT + f->n_converted + f->nodes;
    forget_generators(f);
    for (int i = 0; i < f->n_finer; i++) field_element_clear(f, f->finer[i].key);
    fmpz_mpoly_ctx_clear(f->ctx);
}

/* Both converted, with generators as fine as both need. */
static bool convert_both(Field *f, Element x, Element y, const MathNode *a, const MathNode *b)
{
    for (int i = 0; i < MAX_RESTARTS; i++) {
        f->restart = false;
        f->n_converted += f->nodes;
        f->nodes = f->depth = 0;
        if (field_convert(f, x, a) && field_convert(f, y, b)) return true;
        if (!f->restart) return false;
        forget_generators(f);
    }
    return false;
}

FieldResult field_compare(const MathNode *a, const MathNode *b, bool *is_rational, int64_t *work)
{
    Field f;
    Element x, y;
    fmpq_t q;
    FieldResult result = FIELD_UNABLE;
    *is_rational = false;
    field_open(&f, a, b, work);
    field_element_init(&f, x);
    field_element_init(&f, y);
    fmpq_init(q);
    if (convert_both(&f, x, y, a, b)) {
        fmpz_mpoly_q_neg(y, y, f.ctx);
        if (field_add(&f, x, y) && field_reduce(&f, x)) {
            result = fmpz_mpoly_q_is_zero(x, f.ctx) ? FIELD_ZERO : FIELD_OTHER;
            *is_rational = result == FIELD_OTHER && field_rational(&f, q, x);
        }
    }
    fmpq_clear(q);
    field_element_clear(&f, x);
    field_element_clear(&f, y);
    field_close(&f);
    return result;
}

static bool only_symbols(const Field *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->generators[i].kind != GEN_SYMBOL && f->generators[i].kind != GEN_PI &&
            f->generators[i].kind != GEN_PRIME_ROOT)
            return false;
    return true;
}

static void make_primitive(Field *f, fmpz_mpoly_t p)
{
    fmpz_t content;
    fmpz_init(content);
    _fmpz_vec_content(content, p->coeffs, p->length);
    fmpz_mpoly_scalar_divexact_fmpz(p, p, content, f->ctx);
    fmpz_clear(content);
}

/* p divides a power of q and the other way round: the same zeros, with other multiplicities. */
static bool same_radical(Field *f, const fmpz_mpoly_t p, const fmpz_mpoly_t q)
{
    fmpz_mpoly_t square, quotient;
    if (field_length(p) > 20 || field_length(q) > 20) return true;
    fmpz_mpoly_init(square, f->ctx);
    fmpz_mpoly_init(quotient, f->ctx);
    fmpz_mpoly_pow_ui(square, q, 3, f->ctx);
    bool same = fmpz_mpoly_divides(quotient, square, p, f->ctx);
    if (same) {
        fmpz_mpoly_pow_ui(square, p, 3, f->ctx);
        same = fmpz_mpoly_divides(quotient, square, q, f->ctx);
    }
    fmpz_mpoly_clear(square, f->ctx);
    fmpz_mpoly_clear(quotient, f->ctx);
    return same;
}

Proportion field_proportional(const MathNode *a, const MathNode *b, int64_t *work)
{
    Field f;
    Element x, y;
    Proportion result = PROPORTION_UNKNOWN;
    field_open(&f, a, b, work);
    field_element_init(&f, x);
    field_element_init(&f, y);
    if (convert_both(&f, x, y, a, b) && !fmpz_mpoly_q_is_zero(x, f.ctx) && !fmpz_mpoly_q_is_zero(y, f.ctx)) {
        const bool polynomials = only_symbols(&f);
        if (polynomials) { /* zeros are zeros of the numerator */
            fmpz_mpoly_one(DEN(x), f.ctx);
            fmpz_mpoly_one(DEN(y), f.ctx);
        }
        Element ratio;
        field_element_init(&f, ratio);
        fmpz_mpoly_q_set(ratio, x, f.ctx);
        if (field_divide(&f, ratio, y)) {
            bool constant = true;
            for (int i = 0; i < f.n; i++)
                if (f.generators[i].kind != GEN_PI && f.generators[i].kind != GEN_PRIME_ROOT &&
                    f.generators[i].kind != GEN_PRIME_LOG)
                    constant = constant && !field_contains(&f, ratio, i);
            if (constant)
                result = PROPORTION_YES;
            else if (polynomials && field_small_poly(&f, NUM(x)) && field_small_poly(&f, NUM(y))) {
                fmpz_mpoly_t p, q;
                fmpz_mpoly_init(p, f.ctx);
                fmpz_mpoly_init(q, f.ctx);
                fmpz_mpoly_set(p, NUM(x), f.ctx);
                fmpz_mpoly_set(q, NUM(y), f.ctx);
                make_primitive(&f, p);
                make_primitive(&f, q);
                result = same_radical(&f, p, q) ? PROPORTION_UNKNOWN : PROPORTION_NO;
                fmpz_mpoly_clear(p, f.ctx);
                fmpz_mpoly_clear(q, f.ctx);
            }
        }
        field_element_clear(&f, ratio);
    }
    field_element_clear(&f, x);
    field_element_clear(&f, y);
    field_close(&f);
    return result;
}
