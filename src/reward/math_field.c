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
#include "reward/math_exact.h"

#include <string.h>

enum {
    MAX_GENERATORS = 24,
    MAX_FINER = 16,
    MAX_RESTARTS = 8,
    MAX_LENGTH = 400,         /* terms of a polynomial */
    MAX_PRODUCT = 8000,       /* terms times terms */
    MAX_FACTORED = 40,        /* terms of what is factored */
    MAX_FACTORED_DEGREE = 16, /* its degree in any variable */
    MAX_BITS = 6000,
    MAX_WORK = 60000, /* terms times terms, all together */
    MAX_NODES = 2500,
    MAX_DEPTH = 200,
    MAX_MULTIPLE = 24, /* of an angle */
    MAX_SUM_TERMS = 100,
    MAX_SUM_DEGREE = 10,
};

typedef fmpz_mpoly_q_t Element;

typedef enum GeneratorKind {
    GEN_SYMBOL,
    GEN_PI,
    GEN_I,
    GEN_PRIME_ROOT, /* prime^(1/order) */
    GEN_PRIME_LOG,  /* ln prime */
    GEN_EXP,        /* exp(key / order) */
    GEN_SIN,        /* sin(key / order) */
    GEN_COS,
    GEN_LN,        /* ln |key| */
    GEN_ABS,       /* |key| */
    GEN_ROOT,      /* key^(1/order) */
    GEN_FACTORIAL, /* key! */
    GEN_SIGN,      /* (-1)^key */
    GEN_OPAQUE,    /* function(key), of which nothing is known */
} GeneratorKind;

typedef struct Generator {
    GeneratorKind kind;
    int function;   /* GEN_OPAQUE */
    int32_t symbol; /* GEN_SYMBOL */
    slong order;
    ulong prime;
    bool has_key, has_relation;
    Element key;
    fmpz_mpoly_t relation;
} Generator;

/* What order a generator needs to have, learnt on the way. */
typedef struct Finer {
    GeneratorKind kind;
    ulong prime;
    Element key;
    slong order;
} Finer;

typedef struct Field {
    fmpz_mpoly_ctx_t ctx;
    Generator generators[MAX_GENERATORS];
    int n;
    Finer finer[MAX_FINER];
    int n_finer;
    bool restart;
    slong work;
    int nodes, depth;
    bool has_symbols;
    bool bound[MATH_MAX_SYMBOLS];
    slong bound_value[MATH_MAX_SYMBOLS];
} Field;

static bool convert(Field *f, Element x, const MathNode *n);
static bool exponential(Field *f, Element x, const Element u);
static bool logarithm(Field *f, Element x, const Element u);
static bool root(Field *f, Element x, const Element u, ulong degree);

/* ---- elements ---- */

#define NUM(x) fmpz_mpoly_q_numref(x)
#define DEN(x) fmpz_mpoly_q_denref(x)

static void element_init(Field *f, Element x)
{
    fmpz_mpoly_q_init(x, f->ctx);
}

static void element_clear(Field *f, Element x)
{
    fmpz_mpoly_q_clear(x, f->ctx);
}

static slong length(const fmpz_mpoly_t p)
{
    return p->length;
}

static bool small_poly(Field *f, const fmpz_mpoly_t p)
{
    slong bits = fmpz_mpoly_max_bits(p);
    if (bits < 0) bits = -bits;
    return length(p) <= MAX_LENGTH && bits <= MAX_BITS && fmpz_mpoly_degrees_fit_si(p, f->ctx) &&
           fmpz_mpoly_total_degree_si(p, f->ctx) <= 400;
}

static bool small(Field *f, const Element x)
{
    return small_poly(f, NUM(x)) && small_poly(f, DEN(x));
}

/* Whether x op y may be tried, and its cost to the budget. */
static bool afford(Field *f, const Element x, const Element y)
{
    const slong a = length(NUM(x)), b = length(DEN(x)), c = length(NUM(y)), d = length(DEN(y));
    /* With denominators there are greatest common divisors to find: dearer by far. */
    const slong cost = b == 1 && d == 1 ? a * c : 4 * (a + b) * (c + d);
    f->work += cost + 8;
    return cost <= MAX_PRODUCT && f->work <= MAX_WORK && small(f, x) && small(f, y);
}

/* By the generators' relations. */
static bool reduce_poly(Field *f, fmpz_mpoly_t p)
{
    fmpz_mpoly_struct *relations[MAX_GENERATORS], *quotients[MAX_GENERATORS];
    fmpz_mpoly_t unused[MAX_GENERATORS];
    const slong n_variables = fmpz_mpoly_ctx_nvars(f->ctx);
    slong degrees[MAX_GENERATORS + 1];
    int n = 0;
    if (length(p) == 0 || fmpz_mpoly_is_fmpz(p, f->ctx)) return true;
    if (!small_poly(f, p)) return false;
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
    f->work += length(p) * 8;
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
    return small_poly(f, p);
}

static bool reduce(Field *f, Element x)
{
    if (!reduce_poly(f, NUM(x)) || !reduce_poly(f, DEN(x)) || fmpz_mpoly_is_zero(DEN(x), f->ctx)) {
        fmpz_mpoly_q_zero(x, f->ctx); /* whole again, whatever was left */
        return false;
    }
    fmpz_mpoly_q_canonicalise(x, f->ctx);
    return true;
}

static bool add(Field *f, Element x, const Element y)
{
    if (!afford(f, x, y)) return false;
    fmpz_mpoly_q_add(x, x, y, f->ctx);
    return small(f, x);
}

static bool multiply(Field *f, Element x, const Element y)
{
    if (!afford(f, x, y)) return false;
    fmpz_mpoly_q_mul(x, x, y, f->ctx);
    return small(f, x) && reduce(f, x);
}

static bool divide(Field *f, Element x, const Element y)
{
    if (fmpz_mpoly_q_is_zero(y, f->ctx) || !afford(f, x, y)) return false;
    fmpz_mpoly_q_div(x, x, y, f->ctx);
    return small(f, x) && reduce(f, x);
}

/* A rational number; false: it is none. */
static bool rational(Field *f, fmpq_t q, const Element x)
{
    if (!fmpz_mpoly_is_fmpz(NUM(x), f->ctx) || !fmpz_mpoly_is_fmpz(DEN(x), f->ctx)) return false;
    fmpz_mpoly_get_fmpz(fmpq_numref(q), NUM(x), f->ctx);
    fmpz_mpoly_get_fmpz(fmpq_denref(q), DEN(x), f->ctx);
    fmpq_canonicalise(q);
    return true;
}

static bool power(Field *f, Element x, slong e)
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
    element_init(f, base);
    fmpz_mpoly_q_swap(base, x, f->ctx);
    fmpz_mpoly_q_one(x, f->ctx);
    bool ok = true;
    for (slong bit = e; ok; bit >>= 1) {
        if (bit & 1) ok = multiply(f, x, base);
        if (bit <= 1) break;
        ok = ok && multiply(f, base, base);
    }
    element_clear(f, base);
    return ok;
}

/* ---- generators ---- */

static void set_generator(Field *f, Element x, int index)
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

static void note_order(Field *f, GeneratorKind kind, ulong prime, const fmpz_mpoly_q_struct *key, slong order)
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
    element_init(f, note->key);
    if (key) fmpz_mpoly_q_set(note->key, key, f->ctx);
}

/* g^top - value, with value in older generators. */
static void relate(Field *f, int index, ulong top, const fmpz_mpoly_t value)
{
    Generator *const g = &f->generators[index];
    fmpz_mpoly_init(g->relation, f->ctx);
    fmpz_mpoly_gen(g->relation, fmpz_mpoly_ctx_nvars(f->ctx) - 1 - index, f->ctx);
    fmpz_mpoly_pow_ui(g->relation, g->relation, top, f->ctx);
    fmpz_mpoly_sub(g->relation, g->relation, value, f->ctx);
    g->has_relation = true;
}

/* The index of the generator, made when there is none; -1: no room. */
static int generator(Field *f, GeneratorKind kind, int function, int32_t symbol, ulong prime,
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
        element_init(f, g->key);
        fmpz_mpoly_q_set(g->key, key, f->ctx);
    }
    return index;
}

/* prime^(a/b) times x. */
static bool times_prime_power(Field *f, Element x, ulong prime, const fmpq_t e)
{
    if (!fmpz_fits_si(fmpq_numref(e)) || fmpz_bits(fmpq_numref(e)) > 12 || fmpz_cmp_ui(fmpq_denref(e), 24) > 0)
        return false;
    slong a = fmpz_get_si(fmpq_numref(e));
    const slong b = fmpz_get_si(fmpq_denref(e));
    slong whole_part = a / b;
    if (a % b < 0) whole_part--;
    a -= whole_part * b; /* 0 <= a < b */
    Element y;
    element_init(f, y);
    fmpz_mpoly_q_set_si(y, 1, f->ctx);
    fmpz_mpoly_q_mul_fmpz(y, y, (fmpz[]){(fmpz)prime}, f->ctx); /* primes here have fewer than 62 bits */
    bool ok = power(f, y, whole_part) && multiply(f, x, y);
    if (ok && a > 0) {
        const int fresh = f->n;
        const int i = generator(f, GEN_PRIME_ROOT, 0, 0, prime, NULL);
        ok = i >= 0;
        if (ok && f->generators[i].order % b != 0) {
            note_order(f, GEN_PRIME_ROOT, prime, NULL,
                       (slong)(f->generators[i].order / (slong)n_gcd((ulong)f->generators[i].order, (ulong)b)) * b);
            ok = false;
        }
        if (ok && i == fresh) {
            fmpz_mpoly_t value;
            fmpz_mpoly_init(value, f->ctx);
            fmpz_mpoly_set_ui(value, prime, f->ctx);
            relate(f, i, (ulong)f->generators[i].order, value);
            fmpz_mpoly_clear(value, f->ctx);
        }
        if (ok) {
            set_generator(f, y, i);
            ok = power(f, y, a * (f->generators[i].order / b)) && multiply(f, x, y);
        }
    }
    element_clear(f, y);
    return ok;
}

/* x times (num/den)^(e), for a positive fraction of small primes. */
static bool times_fraction_power(Field *f, Element x, const fmpq_t q, const fmpq_t e)
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
            ok = times_prime_power(f, x, factors.p[i], exponent);
            fmpq_clear(exponent);
        }
    }
    return ok;
}

static bool set_i(Field *f, Element x)
{
    const int fresh = f->n, i = generator(f, GEN_I, 0, 0, 0, NULL);
    if (i < 0) return false;
    if (i == fresh) {
        fmpz_mpoly_t minus_one;
        fmpz_mpoly_init(minus_one, f->ctx);
        fmpz_mpoly_set_si(minus_one, -1, f->ctx);
        relate(f, i, 2, minus_one);
        fmpz_mpoly_clear(minus_one, f->ctx);
    }
    set_generator(f, x, i);
    return true;
}

static bool set_simple(Field *f, Element x, GeneratorKind kind, int32_t symbol)
{
    const int i = generator(f, kind, 0, symbol, 0, NULL);
    if (i < 0) return false;
    set_generator(f, x, i);
    return true;
}

/* ---- terms of a polynomial ---- */

/* One term c * m of a numerator over a whole denominator: its coefficient, and m as an element. If m is one generator to the power 1,
 * *single is its index, else -1. */
static bool term(Field *f, fmpq_t c, Element m, int *single, const Element u, slong i)
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

static int index_of_i(const Field *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->generators[i].kind == GEN_I) return i;
    return -1;
}

static bool contains_generator(Field *f, const Element x, int index)
{
    if (index < 0) return false;
    const slong variable = fmpz_mpoly_ctx_nvars(f->ctx) - 1 - index;
    return fmpz_mpoly_degree_si(NUM(x), variable, f->ctx) > 0 || fmpz_mpoly_degree_si(DEN(x), variable, f->ctx) > 0;
}

/* ---- angles ---- */

/* sin and cos of c * pi when 12 c is whole: in the field of the roots of 2 and 3. */
static bool angle_table(Field *f, Element sine, Element cosine, const fmpq_t c)
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
        element_init(f, part);
        for (int j = 0; j < 4 && ok; j++) {
            static const slong under[4] = {2, 6, 3, 1};
            if (table[at][j] == 0) continue;
            fmpq_t q, half;
            fmpq_init(q);
            fmpq_init(half);
            fmpq_set_si(q, under[j], 1);
            fmpq_set_si(half, 1, 2);
            fmpz_mpoly_q_set_si(part, sign * table[at][j], f->ctx);
            ok = times_fraction_power(f, part, q, half);
            if (ok) fmpz_mpoly_q_div_si(part, part, 4, f->ctx);
            ok = ok && add(f, out, part);
            fmpq_clear(q);
            fmpq_clear(half);
        }
        element_clear(f, part);
    }
    return ok;
}

/* (s, c) of a sum of two angles, into the first. */
static bool add_angles(Field *f, Element s1, Element c1, const Element s2, const Element c2)
{
    Element a, b;
    element_init(f, a);
    element_init(f, b);
    fmpz_mpoly_q_set(a, s1, f->ctx);
    fmpz_mpoly_q_set(b, c1, f->ctx);
    bool ok = multiply(f, a, c2) && multiply(f, b, s2) && add(f, a, b); /* sin(x+y) = sin x cos y + cos x sin y */
    if (ok) {
        fmpz_mpoly_q_set(b, s1, f->ctx);
        ok = multiply(f, b, s2) && multiply(f, c1, c2);
        fmpz_mpoly_q_neg(b, b, f->ctx);
        ok = ok && add(f, c1, b); /* cos(x+y) = cos x cos y - sin x sin y */
        fmpz_mpoly_q_set(s1, a, f->ctx);
    }
    element_clear(f, a);
    element_clear(f, b);
    return ok;
}

/* sin and cos of m times c. */
static bool angle_of_term(Field *f, Element s, Element c, const Element m, const fmpq_t multiple)
{
    if (!fmpz_fits_si(fmpq_numref(multiple)) || fmpz_cmp_ui(fmpq_denref(multiple), 60) > 0) return false;
    const int fresh = f->n;
    const int cosine = generator(f, GEN_COS, 0, 0, 0, m), sine = generator(f, GEN_SIN, 0, 0, 0, m);
    if (cosine < 0 || sine < 0) return false;
    const slong b = fmpz_get_si(fmpq_denref(multiple)), order = f->generators[sine].order;
    if (order % b != 0) {
        const slong finer = order / (slong)n_gcd((ulong)order, (ulong)b) * b;
        note_order(f, GEN_COS, 0, m, finer);
        note_order(f, GEN_SIN, 0, m, finer);
        return false;
    }
    Element s1, c1;
    element_init(f, s1);
    element_init(f, c1);
    if (cosine == fresh) { /* sin^2 - (1 - cos^2) */
        fmpz_mpoly_t value;
        fmpz_mpoly_init(value, f->ctx);
        fmpz_mpoly_gen(value, fmpz_mpoly_ctx_nvars(f->ctx) - 1 - cosine, f->ctx);
        fmpz_mpoly_mul(value, value, value, f->ctx);
        fmpz_mpoly_neg(value, value, f->ctx);
        fmpz_mpoly_add_si(value, value, 1, f->ctx);
        relate(f, sine, 2, value);
        fmpz_mpoly_clear(value, f->ctx);
    }
    slong n = fmpz_get_si(fmpq_numref(multiple));
    bool ok = n <= 1000 && n >= -1000 && (n *= order / b) <= MAX_MULTIPLE && n >= -MAX_MULTIPLE;
    set_generator(f, s1, sine);
    set_generator(f, c1, cosine);
    if (n < 0) {
        fmpz_mpoly_q_neg(s1, s1, f->ctx);
        n = -n;
    }
    fmpz_mpoly_q_zero(s, f->ctx);
    fmpz_mpoly_q_one(c, f->ctx);
    for (; ok && n > 0; n--) ok = add_angles(f, s, c, s1, c1);
    element_clear(f, s1);
    element_clear(f, c1);
    return ok;
}

static bool sine_and_cosine(Field *f, Element s, Element c, const Element u)
{
    Element m, s1, c1;
    fmpq_t q;
    if (contains_generator(f, u, index_of_i(f))) return false;
    element_init(f, m);
    element_init(f, s1);
    element_init(f, c1);
    fmpq_init(q);
    fmpz_mpoly_q_zero(s, f->ctx);
    fmpz_mpoly_q_one(c, f->ctx);
    bool ok = true;
    if (!fmpz_mpoly_is_fmpz(DEN(u), f->ctx)) {
        fmpq_one(q);
        ok = angle_of_term(f, s, c, u, q);
    } else {
        for (slong i = 0; i < length(NUM(u)) && ok; i++) {
            int single;
            term(f, q, m, &single, u, i);
            if (single >= 0 && f->generators[single].kind == GEN_PI && 12 % fmpz_get_ui(fmpq_denref(q)) == 0)
                ok = angle_table(f, s1, c1, q);
            else
                ok = angle_of_term(f, s1, c1, m, q);
            ok = ok && add_angles(f, s, c, s1, c1);
        }
    }
    fmpq_clear(q);
    element_clear(f, m);
    element_clear(f, s1);
    element_clear(f, c1);
    return ok;
}

/* ---- exponentials ---- */

/* x times exp(c m). */
static bool times_exponential(Field *f, Element x, const fmpq_t c, const Element m)
{
    if (!fmpz_fits_si(fmpq_numref(c)) || fmpz_bits(fmpq_numref(c)) > 12 || fmpz_cmp_ui(fmpq_denref(c), 60) > 0)
        return false;
    const int i = generator(f, GEN_EXP, 0, 0, 0, m);
    if (i < 0) return false;
    const slong a = fmpz_get_si(fmpq_numref(c)), b = fmpz_get_si(fmpq_denref(c)), order = f->generators[i].order;
    if (order % b != 0) {
        note_order(f, GEN_EXP, 0, m, order / (slong)n_gcd((ulong)order, (ulong)b) * b);
        return false;
    }
    Element y;
    element_init(f, y);
    set_generator(f, y, i);
    const bool ok = power(f, y, a * (order / b)) && multiply(f, x, y);
    element_clear(f, y);
    return ok;
}

/* x times u^(a/b). */
static bool times_power(Field *f, Element x, const Element u, const fmpq_t e)
{
    if (fmpz_bits(fmpq_numref(e)) > 12 || fmpz_cmp_ui(fmpq_denref(e), 60) > 0) return false;
    Element y;
    element_init(f, y);
    fmpz_mpoly_q_set(y, u, f->ctx);
    bool ok = fmpz_is_one(fmpq_denref(e)) || root(f, y, u, fmpz_get_ui(fmpq_denref(e)));
    ok = ok && power(f, y, fmpz_get_si(fmpq_numref(e))) && multiply(f, x, y);
    element_clear(f, y);
    return ok;
}

/* exp(i c m') = cos(c m') + i sin(c m') times x. */
static bool times_rotation(Field *f, Element x, const fmpq_t c, const Element m, int i_index)
{
    Element i, angle, s, k;
    element_init(f, i);
    element_init(f, angle);
    element_init(f, s);
    element_init(f, k);
    set_generator(f, i, i_index);
    fmpz_mpoly_q_div(angle, m, i, f->ctx);
    fmpz_mpoly_q_mul_fmpq(angle, angle, c, f->ctx);
    bool ok = !contains_generator(f, angle, i_index) && sine_and_cosine(f, s, k, angle) && multiply(f, s, i) &&
              add(f, k, s) && multiply(f, x, k);
    element_clear(f, i);
    element_clear(f, angle);
    element_clear(f, s);
    element_clear(f, k);
    return ok;
}

static bool exponential(Field *f, Element x, const Element u)
{
    Element m;
    fmpq_t c;
    element_init(f, m);
    fmpq_init(c);
    fmpz_mpoly_q_one(x, f->ctx);
    bool ok = length(NUM(u)) <= 40;
    if (ok && !fmpz_mpoly_is_fmpz(DEN(u), f->ctx)) {
        fmpq_one(c);
        ok = times_exponential(f, x, c, u);
    } else {
        for (slong i = 0; ok && i < length(NUM(u)); i++) {
            int single;
            term(f, c, m, &single, u, i);
            const int of_i = index_of_i(f);
            const GeneratorKind kind = single >= 0 ? f->generators[single].kind : GEN_SYMBOL;
            if (single >= 0 && kind == GEN_PRIME_LOG)
                ok = times_prime_power(f, x, f->generators[single].prime, c);
            else if (single >= 0 && kind == GEN_LN)
                ok = times_power(f, x, f->generators[single].key, c);
            else if (contains_generator(f, m, of_i))
                ok = times_rotation(f, x, c, m, of_i);
            else
                ok = times_exponential(f, x, c, m);
        }
    }
    element_clear(f, m);
    fmpq_clear(c);
    return ok;
}

/* ---- logarithms ---- */

static bool add_prime_logs(Field *f, Element x, const fmpq_t q)
{
    Element y;
    element_init(f, y);
    bool ok = fmpq_sgn(q) > 0;
    for (int side = 0; side < 2 && ok; side++) {
        const fmpz *const n = side == 0 ? fmpq_numref(q) : fmpq_denref(q);
        ok = fmpz_bits(n) <= 60;
        if (!ok) break;
        n_factor_t factors;
        n_factor_init(&factors);
        n_factor(&factors, fmpz_get_ui(n), 1);
        for (int i = 0; i < factors.num && ok; i++) {
            const int g = generator(f, GEN_PRIME_LOG, 0, 0, factors.p[i], NULL);
            ok = g >= 0;
            if (!ok) break;
            set_generator(f, y, g);
            fmpz_mpoly_q_mul_si(y, y, (side == 0 ? 1 : -1) * (slong)factors.exp[i], f->ctx);
            ok = add(f, x, y);
        }
    }
    element_clear(f, y);
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
        element_init(f, key);
        fmpz_mpoly_q_set(key, of->key, f->ctx);
        const int ln = generator(f, GEN_LN, 0, 0, 0, key);
        element_clear(f, key);
        if (ln < 0) return false;
        set_generator(f, x, ln);
        return true;
    }
    case GEN_ROOT: {
        Element key;
        element_init(f, key);
        fmpz_mpoly_q_set(key, of->key, f->ctx);
        const slong degree = of->order;
        const bool known = logarithm(f, x, key);
        if (known) fmpz_mpoly_q_div_si(x, x, degree, f->ctx);
        element_clear(f, key);
        return known;
    }
    default: {
        Element self;
        element_init(f, self);
        set_generator(f, self, g);
        const int ln = generator(f, GEN_LN, 0, 0, 0, self);
        element_clear(f, self);
        if (ln < 0) return false;
        set_generator(f, x, ln);
        return true;
    }
    }
}

static int single_variable(Field *f, const fmpz_mpoly_t p)
{
    for (int g = 0; g < f->n; g++)
        if (fmpz_mpoly_is_gen(p, fmpz_mpoly_ctx_nvars(f->ctx) - 1 - g, f->ctx)) return g;
    return -1;
}

static bool can_factor(Field *f, const fmpz_mpoly_t p)
{
    slong degrees[MAX_GENERATORS + 1];
    if (length(p) > MAX_FACTORED || !small_poly(f, p)) return false;
    fmpz_mpoly_degrees_si(degrees, p, f->ctx);
    for (slong i = 0; i < fmpz_mpoly_ctx_nvars(f->ctx); i++)
        if (degrees[i] > MAX_FACTORED_DEGREE) return false;
    slong bits = fmpz_mpoly_max_bits(p);
    if (bits < 0) bits = -bits;
    f->work += 40 * length(p);
    return bits <= 128 && f->work <= MAX_WORK;
}

/* x += sign * ln |p|, factor by factor. */
static bool add_poly_log(Field *f, Element x, const fmpz_mpoly_t p, int sign)
{
    fmpz_mpoly_factor_t factors;
    Element y, base;
    fmpq_t q;
    if (!can_factor(f, p)) return false;
    fmpz_mpoly_factor_init(factors, f->ctx);
    element_init(f, y);
    element_init(f, base);
    fmpq_init(q);
    bool ok = fmpz_mpoly_factor(factors, p, f->ctx);
    if (ok) {
        fmpz_mpoly_factor_get_constant_fmpz(fmpq_numref(q), factors, f->ctx);
        fmpz_abs(fmpq_numref(q), fmpq_numref(q));
        fmpz_one(fmpq_denref(q));
        ok = add_prime_logs(f, y, q);
        fmpz_mpoly_q_mul_si(y, y, sign, f->ctx);
        ok = ok && add(f, x, y);
    }
    for (slong i = 0; ok && i < fmpz_mpoly_factor_length(factors, f->ctx); i++) {
        fmpz_mpoly_q_one(base, f->ctx);
        fmpz_mpoly_factor_get_base(NUM(base), factors, i, f->ctx);
        const int g = single_variable(f, NUM(base));
        if (g >= 0) {
            ok = log_of_generator(f, y, g);
        } else {
            const int ln = generator(f, GEN_LN, 0, 0, 0, base);
            ok = ln >= 0;
            if (ok) set_generator(f, y, ln);
        }
        fmpz_mpoly_q_mul_si(y, y, sign * fmpz_mpoly_factor_get_exp_si(factors, i, f->ctx), f->ctx);
        ok = ok && add(f, x, y);
    }
    fmpz_mpoly_factor_clear(factors, f->ctx);
    element_clear(f, y);
    element_clear(f, base);
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
    if (length(p) != 1) return false;
    fmpz_init(c);
    fmpz_mpoly_get_term_coeff_fmpz(c, p, 0, f->ctx);
    bool positive = fmpz_sgn(c) > 0;
    fmpz_clear(c);
    fmpz_mpoly_degrees_si(degrees, p, f->ctx);
    for (int g = 0; g < f->n && positive; g++)
        if (degrees[fmpz_mpoly_ctx_nvars(f->ctx) - 1 - g] > 0) positive = is_positive_generator(&f->generators[g]);
    return positive;
}

static bool logarithm(Field *f, Element x, const Element u)
{
    fmpq_t q;
    fmpq_init(q);
    fmpz_mpoly_q_zero(x, f->ctx);
    bool ok;
    if (rational(f, q, u)) {
        const int sign = fmpq_sgn(q);
        fmpq_abs(q, q);
        ok = sign != 0 && add_prime_logs(f, x, q);
        if (ok && sign < 0) {
            Element i, pi;
            element_init(f, i);
            element_init(f, pi);
            ok = !f->has_symbols && set_i(f, i) && set_simple(f, pi, GEN_PI, 0) && multiply(f, i, pi) && add(f, x, i);
            element_clear(f, i);
            element_clear(f, pi);
        }
    } else if (f->has_symbols || (plainly_positive(f, NUM(u)) && plainly_positive(f, DEN(u)))) {
        ok =
            !contains_generator(f, u, index_of_i(f)) && add_poly_log(f, x, NUM(u), 1) && add_poly_log(f, x, DEN(u), -1);
    } else { /* a number whose sign is not plain */
        const int g = generator(f, GEN_OPAQUE, FN_LN, 0, 0, u);
        ok = g >= 0;
        if (ok) set_generator(f, x, g);
    }
    fmpq_clear(q);
    return ok;
}

/* ---- absolute values and roots ---- */

static bool times_absolute(Field *f, Element x, const fmpz_mpoly_t p, slong e)
{
    Element key, y;
    element_init(f, key);
    element_init(f, y);
    fmpz_mpoly_q_one(key, f->ctx);
    fmpz_mpoly_set(NUM(key), p, f->ctx);
    bool ok = true;
    const int g = single_variable(f, p);
    const bool positive = g >= 0 && (is_positive_generator(&f->generators[g]) || f->generators[g].kind == GEN_ABS ||
                                     (f->generators[g].kind == GEN_ROOT && f->generators[g].order % 2 == 0));
    if (positive || e % 2 == 0) {
        fmpz_mpoly_q_set(y, key, f->ctx);
    } else {
        const int fresh = f->n, i = generator(f, GEN_ABS, 0, 0, 0, key);
        ok = i >= 0;
        if (ok && i == fresh) {
            fmpz_mpoly_t square;
            fmpz_mpoly_init(square, f->ctx);
            fmpz_mpoly_mul(square, p, p, f->ctx);
            ok = reduce_poly(f, square);
            relate(f, i, 2, square);
            fmpz_mpoly_clear(square, f->ctx);
        }
        if (ok) set_generator(f, y, i);
    }
    ok = ok && power(f, y, e) && multiply(f, x, y);
    element_clear(f, key);
    element_clear(f, y);
    return ok;
}

static bool absolute(Field *f, Element x, const Element u)
{
    fmpq_t q;
    fmpq_init(q);
    bool ok = !contains_generator(f, u, index_of_i(f));
    if (rational(f, q, u)) {
        fmpz_mpoly_q_set(x, u, f->ctx);
        if (fmpq_sgn(q) < 0) fmpz_mpoly_q_neg(x, x, f->ctx);
        fmpq_clear(q);
        return true;
    }
    fmpz_mpoly_q_one(x, f->ctx);
    for (int side = 0; side < 2 && ok; side++) {
        const fmpz_mpoly_struct *const p = side == 0 ? NUM(u) : DEN(u);
        fmpz_mpoly_factor_t factors;
        ok = can_factor(f, p);
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
    element_init(f, key);
    element_init(f, y);
    fmpz_mpoly_q_one(key, f->ctx);
    fmpz_mpoly_set(NUM(key), p, f->ctx);
    const int fresh = f->n, i = generator(f, GEN_ROOT, 0, 0, 0, key);
    bool ok = i >= 0;
    if (ok && f->generators[i].order % (slong)degree != 0) {
        const slong order = f->generators[i].order;
        note_order(f, GEN_ROOT, 0, key, order / (slong)n_gcd((ulong)order, degree) * (slong)degree);
        ok = false;
    }
    if (ok && i == fresh) relate(f, i, (ulong)f->generators[i].order, p);
    if (ok) {
        set_generator(f, y, i);
        ok = power(f, y, e * (f->generators[i].order / (slong)degree)) && multiply(f, x, y);
    }
    element_clear(f, key);
    element_clear(f, y);
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
    ok = times_fraction_power(f, x, q, e);
    for (slong i = 0; i < fmpz_mpoly_factor_length(factors, f->ctx); i++) {
        fmpz_mpoly_factor_get_base(base, factors, i, f->ctx);
        if (fmpz_mpoly_factor_get_exp_si(factors, i, f->ctx) % d != 0) {
            const int g = single_variable(f, base);
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
        const int g = single_variable(f, base);
        if (g >= 0 && (f->generators[g].kind == GEN_EXP || f->generators[g].kind == GEN_PRIME_ROOT)) {
            fmpq_set_si(e, power_of, degree * (ulong)f->generators[g].order);
            Element key;
            element_init(f, key);
            if (f->generators[g].kind == GEN_EXP) {
                fmpz_mpoly_q_set(key, f->generators[g].key, f->ctx);
                ok = times_exponential(f, x, e, key);
            } else {
                ok = times_prime_power(f, x, f->generators[g].prime, e);
            }
            element_clear(f, key);
            continue;
        }
        if (out > 0) {
            if (degree % 2 == 0) {
                ok = times_absolute(f, x, base, out);
            } else {
                Element y;
                element_init(f, y);
                fmpz_mpoly_q_one(y, f->ctx);
                fmpz_mpoly_set(NUM(y), base, f->ctx);
                ok = power(f, y, out) && multiply(f, x, y);
                element_clear(f, y);
            }
        }
        if (ok && left > 0) {
            if (plain) {
                ok = times_root_of(f, x, base, degree, left);
            } else {
                ok = fmpz_mpoly_pow_ui(base, base, (ulong)left, f->ctx);
                if (ok) fmpz_mpoly_mul(rest, rest, base, f->ctx);
                ok = ok && small_poly(f, rest);
            }
        }
    }
    if (ok && !fmpz_mpoly_is_one(rest, f->ctx)) {
        if (fmpz_mpoly_is_fmpz(rest, f->ctx)) { /* -1 under an even root */
            Element i;
            element_init(f, i);
            ok = degree == 2 && !f->has_symbols && set_i(f, i) && multiply(f, x, i);
            element_clear(f, i);
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

static bool root(Field *f, Element x, const Element u, ulong degree)
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
    element_init(f, below);
    element_init(f, product);
    fmpz_mpoly_q_one(product, f->ctx);
    fmpz_mpoly_q_one(below, f->ctx);
    fmpz_mpoly_set(NUM(below), DEN(u), f->ctx);
    fmpz_mpoly_q_set(product, below, f->ctx);
    bool ok = power(f, product, (slong)degree - 1);
    Element above;
    element_init(f, above);
    fmpz_mpoly_q_one(above, f->ctx);
    fmpz_mpoly_set(NUM(above), NUM(u), f->ctx);
    ok = ok && multiply(f, product, above);
    fmpq_t q;
    fmpq_init(q);
    const bool number = rational(f, q, u);
    if (ok && (f->has_symbols || number) && fmpz_mpoly_is_fmpz(DEN(product), f->ctx) && can_factor(f, NUM(product))) {
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
        element_init(f, bars);
        ok = f->has_symbols || number ? absolute(f, bars, below) && divide(f, x, bars)
                                      : fmpz_mpoly_is_fmpz(NUM(below), f->ctx) && divide(f, x, below);
        element_clear(f, bars);
    } else if (ok) {
        ok = divide(f, x, below);
    }
    fmpq_clear(q);
    element_clear(f, above);
    element_clear(f, below);
    element_clear(f, product);
    return ok;
}

/* ---- factorials, binomials ---- */

static bool factorial(Field *f, Element x, const Element u)
{
    fmpq_t q;
    fmpz_t n;
    fmpq_init(q);
    fmpz_init(n);
    bool ok = false;
    if (rational(f, q, u)) {
        if (fmpz_is_one(fmpq_denref(q)) && fmpq_sgn(q) >= 0 && fmpz_cmp_ui(fmpq_numref(q), 500) <= 0) {
            fmpz_fac_ui(n, fmpz_get_ui(fmpq_numref(q)));
            fmpz_mpoly_q_set_fmpz(x, n, f->ctx);
            ok = true;
        }
    } else if (fmpz_mpoly_is_one(DEN(u), f->ctx)) { /* (m + c)! = m! (m + 1) ... (m + c) */
        ulong zeros[MAX_GENERATORS + 1] = {0};
        Element m, step;
        element_init(f, m);
        element_init(f, step);
        fmpz_mpoly_get_coeff_fmpz_ui(n, NUM(u), zeros, f->ctx);
        fmpz_mpoly_q_sub_fmpz(m, u, n, f->ctx);
        ok = fmpz_cmpabs(n, (fmpz[]){20}) <= 0;
        const int g = ok ? generator(f, GEN_FACTORIAL, 0, 0, 0, m) : -1;
        ok = g >= 0;
        if (ok) set_generator(f, x, g);
        for (slong c = ok ? fmpz_get_si(n) : 0; ok && c > 0; c--) {
            fmpz_mpoly_q_add_si(step, m, c, f->ctx);
            ok = multiply(f, x, step);
        }
        for (slong c = ok ? fmpz_get_si(n) : 0; ok && c < 0; c++) {
            fmpz_mpoly_q_add_si(step, m, c + 1, f->ctx);
            ok = divide(f, x, step);
        }
        element_clear(f, m);
        element_clear(f, step);
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
    element_init(f, step);
    if (rational(f, p, n) && rational(f, q, k) && fmpz_is_one(fmpq_denref(p)) && fmpz_is_one(fmpq_denref(q)) &&
        fmpq_sgn(p) >= 0 && fmpq_sgn(q) >= 0 && fmpz_bits(fmpq_numref(p)) < 12 && fmpz_bits(fmpq_numref(q)) < 12) {
        fmpz_t value;
        fmpz_init(value);
        fmpz_bin_uiui(value, fmpz_get_ui(fmpq_numref(p)), fmpz_get_ui(fmpq_numref(q)));
        fmpz_mpoly_q_set_fmpz(x, value, f->ctx);
        fmpz_clear(value);
    } else if (rational(f, q, k) && fmpz_is_one(fmpq_denref(q)) && fmpq_sgn(q) >= 0 &&
               fmpz_cmp_ui(fmpq_numref(q), 12) <= 0) {
        fmpz_mpoly_q_one(x, f->ctx);
        for (slong i = 0, few = fmpz_get_si(fmpq_numref(q)); ok && i < few; i++) {
            fmpz_mpoly_q_sub_si(step, n, i, f->ctx);
            ok = multiply(f, x, step);
            fmpz_mpoly_q_div_si(x, x, i + 1, f->ctx);
        }
    } else {
        Element below;
        element_init(f, below);
        fmpz_mpoly_q_sub(step, n, k, f->ctx);
        ok = factorial(f, x, n) && factorial(f, below, k) && divide(f, x, below) && factorial(f, below, step) &&
             divide(f, x, below);
        element_clear(f, below);
    }
    element_clear(f, step);
    fmpq_clear(p);
    fmpq_clear(q);
    return ok;
}

/* ---- functions and powers ---- */

static bool inverse_angle(Field *f, Element x, MathFunction function, const Element u)
{
    const int g = generator(f, GEN_OPAQUE, (int)function, 0, 0, u);
    if (g < 0) return false;
    set_generator(f, x, g);
    return true;
}

/* arctan 1 = pi/4: the multiple of pi/12 in the function's range whose sine, cosine or tangent is u, if any is. */
static bool arc(Field *f, Element x, MathFunction function, const Element u)
{
    static const int low[] = {-6, 0, -5}, high[] = {6, 12, 5};
    const int which = function == FN_ARCSIN ? 0 : function == FN_ARCCOS ? 1 : 2;
    Element s, c;
    fmpq_t q;
    element_init(f, s);
    element_init(f, c);
    fmpq_init(q);
    bool found = false;
    for (int k = low[which]; k <= high[which] && !found && !f->has_symbols && !f->restart; k++) {
        fmpq_set_si(q, k, 12);
        if (!angle_table(f, s, c, q)) continue;
        if (which == 2 && !divide(f, s, c)) continue;
        fmpz_mpoly_q_struct *const value = which == 1 ? c : s;
        fmpz_mpoly_q_sub(value, value, u, f->ctx);
        found = reduce(f, value) && fmpz_mpoly_q_is_zero(value, f->ctx);
        if (found) {
            found = set_simple(f, x, GEN_PI, 0);
            fmpz_mpoly_q_mul_fmpq(x, x, q, f->ctx);
            break;
        }
    }
    fmpq_clear(q);
    element_clear(f, s);
    element_clear(f, c);
    return found || (!f->restart && inverse_angle(f, x, function, u));
}

static bool hyperbolic(Field *f, Element x, MathFunction function, const Element u)
{
    Element plus, minus, v;
    element_init(f, plus);
    element_init(f, minus);
    element_init(f, v);
    fmpz_mpoly_q_neg(v, u, f->ctx);
    bool ok = exponential(f, plus, u) && exponential(f, minus, v);
    if (ok) {
        fmpz_mpoly_q_neg(v, minus, f->ctx);
        fmpz_mpoly_q_set(x, plus, f->ctx);
        ok = add(f, x, function == FN_COSH ? minus : v);
        if (function == FN_TANH)
            ok = ok && add(f, plus, minus) && divide(f, x, plus);
        else
            fmpz_mpoly_q_div_si(x, x, 2, f->ctx);
    }
    element_clear(f, plus);
    element_clear(f, minus);
    element_clear(f, v);
    return ok;
}

static bool trigonometric(Field *f, Element x, MathFunction function, const Element u)
{
    Element c;
    element_init(f, c);
    bool ok = sine_and_cosine(f, x, c, u);
    if (function == FN_COS || function == FN_COT || function == FN_SEC) fmpz_mpoly_q_swap(x, c, f->ctx);
    if (function == FN_TAN || function == FN_COT) ok = ok && divide(f, x, c);
    if (function == FN_SEC || function == FN_CSC) ok = ok && power(f, x, -1);
    element_clear(f, c);
    return ok;
}

static bool log_to_base(Field *f, Element x, const Element base, const Element u)
{
    Element below;
    element_init(f, below);
    const bool ok = logarithm(f, x, u) && logarithm(f, below, base) && divide(f, x, below);
    element_clear(f, below);
    return ok;
}

/* Floor, ceiling, max and the like of numbers: their value is whole, or one of the arguments. */
static bool by_enclosure(Field *f, Element x, const MathNode *n, const Element first, const Element second)
{
    if (n->function == FN_MAX || n->function == FN_MIN) {
        MathNode minus = {.kind = MATH_NEGATE, .den = 1}, other = *n->first->next, a = *n->first;
        MathNode sum = {.kind = MATH_ADD, .den = 1, .first = &a};
        if (!n->first->next || n->first->next->next || math_has_symbols(n)) return false;
        minus.first = &other;
        other.next = NULL;
        a.next = &minus;
        const int sign = ball_sign(&sum, 128);
        if (sign == 2 || sign == 0) return false;
        fmpz_mpoly_q_set(x, (sign > 0) == (n->function == FN_MAX) ? first : second, f->ctx);
        return true;
    }
    fmpq_t q;
    fmpz_t whole;
    fmpq_init(q);
    fmpz_init(whole);
    const bool ok = rational(f, q, first);
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
        return logarithm(f, x, u);
    case FN_LOG:
        return log_to_base(f, x, u, v);
    case FN_LOG10: {
        Element ten;
        element_init(f, ten);
        fmpz_mpoly_q_set_si(ten, 10, f->ctx);
        const bool ok = log_to_base(f, x, ten, u);
        element_clear(f, ten);
        return ok;
    }
    case FN_EXP:
        return exponential(f, x, u);
    case FN_ROOT: {
        fmpq_init(q);
        const bool whole =
            rational(f, q, v) && fmpz_is_one(fmpq_denref(q)) && fmpq_sgn(q) > 0 && fmpz_fits_si(fmpq_numref(q));
        const ulong degree = whole ? fmpz_get_ui(fmpq_numref(q)) : 0;
        fmpq_clear(q);
        return whole && root(f, x, u, degree);
    }
    case FN_ABS: {
        if (f->has_symbols) return absolute(f, x, u);
        const int sign = ball_sign(n->first, 128);
        fmpz_mpoly_q_set(x, u, f->ctx);
        if (sign < 0) fmpz_mpoly_q_neg(x, x, f->ctx);
        return sign != 2;
    }
    case FN_FACTORIAL:
        return factorial(f, x, u);
    case FN_BINOMIAL:
        return binomial(f, x, u, v);
    default:
        return by_enclosure(f, x, n, u, v);
    }
}

static bool convert_function(Field *f, Element x, const MathNode *n)
{
    Element u, v;
    element_init(f, u);
    element_init(f, v);
    bool ok = convert(f, u, n->first);
    if (ok && n->first->next) ok = !n->first->next->next && convert(f, v, n->first->next);
    ok = ok && apply(f, x, n, u, v);
    element_clear(f, u);
    element_clear(f, v);
    return ok;
}

/* (-1)^e: even multiples of what is in e drop out. */
static bool times_sign_power(Field *f, Element x, const Element e)
{
    Element m, key;
    fmpq_t c;
    if (!fmpz_mpoly_is_one(DEN(e), f->ctx)) return false;
    element_init(f, m);
    element_init(f, key);
    fmpq_init(c);
    bool negative = false;
    for (slong i = 0; i < length(NUM(e)); i++) {
        int single;
        term(f, c, m, &single, e, i);
        if (fmpz_is_even(fmpq_numref(c))) continue;
        if (fmpz_mpoly_q_is_one(m, f->ctx))
            negative = !negative;
        else
            fmpz_mpoly_q_add(key, key, m, f->ctx);
    }
    if (negative) fmpz_mpoly_q_neg(x, x, f->ctx);
    bool ok = true;
    if (!fmpz_mpoly_q_is_zero(key, f->ctx)) {
        const int fresh = f->n, g = generator(f, GEN_SIGN, 0, 0, 0, key);
        ok = g >= 0;
        if (ok && g == fresh) {
            fmpz_mpoly_t one;
            fmpz_mpoly_init(one, f->ctx);
            fmpz_mpoly_one(one, f->ctx);
            relate(f, g, 2, one);
            fmpz_mpoly_clear(one, f->ctx);
        }
        if (ok) {
            set_generator(f, m, g);
            ok = multiply(f, x, m);
        }
    }
    element_clear(f, m);
    element_clear(f, key);
    fmpq_clear(c);
    return ok;
}

static bool power_general(Field *f, Element x, const Element base, const Element e)
{
    fmpq_t q;
    Element u;
    fmpq_init(q);
    element_init(f, u);
    const bool number = rational(f, q, base);
    bool ok = !(number && fmpq_sgn(q) == 0);
    if (ok && number && fmpq_sgn(q) < 0) {
        Element positive;
        element_init(f, positive);
        fmpz_mpoly_q_neg(positive, base, f->ctx);
        ok = logarithm(f, u, positive) && multiply(f, u, e) && exponential(f, x, u) && times_sign_power(f, x, e);
        element_clear(f, positive);
    } else {
        ok = ok && logarithm(f, u, base) && multiply(f, u, e) && exponential(f, x, u);
    }
    fmpq_clear(q);
    element_clear(f, u);
    return ok;
}

static bool convert_power(Field *f, Element x, const MathNode *n)
{
    const MathNode *const base = n->first, *const exponent = base->next;
    Element e, b;
    fmpq_t q;
    element_init(f, e);
    element_init(f, b);
    fmpq_init(q);
    bool ok = convert(f, e, exponent);
    if (ok && base->kind == MATH_E) {
        ok = exponential(f, x, e);
    } else if (ok && convert(f, b, base)) {
        if (rational(f, q, e)) {
            ok = fmpz_bits(fmpq_numref(q)) <= 12 && fmpz_cmp_ui(fmpq_denref(q), 12) <= 0;
            /* The principal root of a negative number is not the real one: (-8)^(1/3) is left alone. */
            fmpq_t negative;
            fmpq_init(negative);
            if (ok && !fmpz_is_one(fmpq_denref(q)) && !f->has_symbols && rational(f, negative, b) &&
                fmpq_sgn(negative) < 0)
                ok = fmpz_cmp_ui(fmpq_denref(q), 2) == 0;
            fmpq_clear(negative);
            ok = ok && root(f, x, b, fmpz_get_ui(fmpq_denref(q))) && power(f, x, fmpz_get_si(fmpq_numref(q)));
        } else {
            ok = power_general(f, x, b, e);
        }
    } else {
        ok = false;
    }
    element_clear(f, e);
    element_clear(f, b);
    fmpq_clear(q);
    return ok;
}

/* ---- sums ---- */

/* sum of k^d for k = 1 .. n (0^0 = 1 apart), as a polynomial in n; d <= MAX_SUM_DEGREE. */
static bool faulhaber(Field *f, Element x, slong d, const Element n)
{
    static const slong bernoulli[MAX_SUM_DEGREE + 1][2] = {{1, 1},  {1, 2}, {1, 6},   {0, 1}, {-1, 30}, {0, 1},
                                                           {1, 42}, {0, 1}, {-1, 30}, {0, 1}, {5, 66}};
    Element part;
    fmpq_t c;
    element_init(f, part);
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
        ok = fmpz_mpoly_q_is_zero(n, f->ctx) || power(f, part, d + 1 - j);
        fmpz_mpoly_q_mul_fmpq(part, part, c, f->ctx);
        ok = ok && add(f, x, part);
    }
    element_clear(f, part);
    fmpq_clear(c);
    return ok;
}

/* c * r^k summed from low to high (infinite: high NULL); r^k = exp(k s) with s the element. */
static bool geometric(Field *f, Element x, const Element c, const Element s, const Element low,
                      const fmpz_mpoly_q_struct *high)
{
    Element ratio, first, last, u;
    fmpq_t q;
    element_init(f, ratio);
    element_init(f, first);
    element_init(f, last);
    element_init(f, u);
    fmpq_init(q);
    fmpz_mpoly_q_set(u, low, f->ctx);
    bool ok = exponential(f, ratio, s) && multiply(f, u, s) && exponential(f, first, u);
    if (ok && high) {
        fmpz_mpoly_q_add_si(u, high, 1, f->ctx);
        ok = multiply(f, u, s) && exponential(f, last, u);
    } else if (ok) { /* the series converges, or its terms are symbols and it is meant to */
        ok = f->has_symbols || (rational(f, q, ratio) && fmpz_cmpabs(fmpq_numref(q), fmpq_denref(q)) < 0);
        if (ok && rational(f, q, ratio)) ok = fmpz_cmpabs(fmpq_numref(q), fmpq_denref(q)) < 0;
    }
    if (ok) { /* c (r^(high+1) - r^low) / (r - 1) */
        fmpz_mpoly_q_sub(last, last, first, f->ctx);
        fmpz_mpoly_q_sub_si(ratio, ratio, 1, f->ctx);
        fmpz_mpoly_q_set(x, c, f->ctx);
        ok = multiply(f, x, last) && divide(f, x, ratio);
    }
    element_clear(f, ratio);
    element_clear(f, first);
    element_clear(f, last);
    element_clear(f, u);
    fmpq_clear(q);
    return ok;
}

static bool depends_on(Field *f, const Generator *g, int k)
{
    return g->has_key && contains_generator(f, g->key, k);
}

/* sum over k of one term of the body: c k^d, or c exp(k s). */
static bool sum_of_term(Field *f, Element x, const Element body, slong i, int k, const Element low,
                        const fmpz_mpoly_q_struct *high)
{
    const slong n_variables = fmpz_mpoly_ctx_nvars(f->ctx);
    slong exponents[MAX_GENERATORS + 1];
    Element m, c, s, kay, below;
    fmpq_t q;
    element_init(f, m);
    element_init(f, c);
    element_init(f, s);
    element_init(f, kay);
    element_init(f, below);
    fmpq_init(q);
    fmpz_mpoly_get_term_exp_si(exponents, NUM(body), i, f->ctx);
    fmpz_mpoly_q_one(c, f->ctx);
    fmpz_mpoly_set(DEN(c), DEN(body), f->ctx);
    fmpz_mpoly_get_term(NUM(c), NUM(body), i, f->ctx);
    fmpz_mpoly_q_canonicalise(c, f->ctx);
    set_generator(f, kay, k);
    const slong d = exponents[n_variables - 1 - k];
    int moving = -1;
    bool ok = d <= MAX_SUM_DEGREE;
    for (int g = 0; g < f->n && ok; g++) {
        if (exponents[n_variables - 1 - g] == 0 || !depends_on(f, &f->generators[g], k)) continue;
        const GeneratorKind kind = f->generators[g].kind;
        ok = moving < 0 && (kind == GEN_EXP) && d == 0;
        moving = g;
    }
    if (ok && moving >= 0) {
        const Generator *const g = &f->generators[moving];
        set_generator(f, m, moving);
        ok = power(f, m, exponents[n_variables - 1 - moving]) && divide(f, c, m);
        fmpz_mpoly_q_div(s, g->key, kay, f->ctx);
        fmpz_mpoly_q_mul_si(s, s, exponents[n_variables - 1 - moving], f->ctx);
        fmpz_mpoly_q_div_si(s, s, g->order, f->ctx);
        ok = ok && !contains_generator(f, s, k) && !contains_generator(f, c, k) && geometric(f, x, c, s, low, high);
    } else if (ok) {
        ok = high != NULL;
        if (ok && d > 0) {
            fmpz_mpoly_q_set(m, kay, f->ctx);
            ok = power(f, m, d) && divide(f, c, m);
        }
        fmpz_mpoly_q_sub_si(s, low, 1, f->ctx);
        ok = ok && !contains_generator(f, c, k) && faulhaber(f, x, d, high ? high : low) && faulhaber(f, below, d, s);
        fmpz_mpoly_q_sub(x, x, below, f->ctx);
        ok = ok && multiply(f, x, c);
    }
    fmpq_clear(q);
    element_clear(f, m);
    element_clear(f, c);
    element_clear(f, s);
    element_clear(f, kay);
    element_clear(f, below);
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
    element_init(f, c);
    element_init(f, kay);
    set_generator(f, kay, k);
    bool ok = (s == 2 || s == 4 || s == 6) && power(f, kay, s);
    fmpz_mpoly_q_set(c, body, f->ctx);
    ok = ok && multiply(f, c, kay) && !contains_generator(f, c, k);
    for (int g = 0; g < f->n && ok; g++) ok = !(contains_generator(f, c, g) && depends_on(f, &f->generators[g], k));
    if (ok) {
        ok = set_simple(f, x, GEN_PI, 0) && power(f, x, s);
        fmpz_mpoly_q_div_si(x, x, values[s / 2 - 1][1], f->ctx);
        ok = ok && multiply(f, x, c);
    }
    element_clear(f, c);
    element_clear(f, kay);
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
        if (depends_on(f, &f->generators[g], k)) return false;
    fmpz_mpoly_factor_t factors;
    Element base[2], kay, zero[2], c, part;
    fmpq_t q;
    int n_found = 0;
    if (!can_factor(f, DEN(body))) return false;
    fmpz_mpoly_factor_init(factors, f->ctx);
    for (int i = 0; i < 2; i++) {
        element_init(f, base[i]);
        element_init(f, zero[i]);
    }
    element_init(f, kay);
    element_init(f, c);
    element_init(f, part);
    fmpq_init(q);
    set_generator(f, kay, k);
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
        ok = divide(f, base[n_found], part);
        fmpz_mpoly_q_sub(zero[n_found], base[n_found], kay, f->ctx);
        n_found++;
    }
    ok = ok && n_found == 2 && !contains_generator(f, zero[0], k) && !contains_generator(f, zero[1], k);
    if (ok) {
        fmpz_mpoly_q_sub(part, zero[1], zero[0], f->ctx);
        ok = rational(f, q, part) && fmpz_is_one(fmpq_denref(q)) && fmpz_cmpabs(fmpq_numref(q), (fmpz[]){12}) <= 0 &&
             !fmpq_is_zero(q);
    }
    if (ok) {
        slong n = fmpz_get_si(fmpq_numref(q));
        const int first = n > 0 ? 0 : 1;
        if (n < 0) n = -n;
        /* c / n * sum_{j < n} (1/(low + a + j) - 1/(high + 1 + a + j)) */
        fmpz_mpoly_q_set(c, body, f->ctx);
        ok = multiply(f, c, base[0]) && multiply(f, c, base[1]) && !contains_generator(f, c, k);
        fmpz_mpoly_q_div_si(c, c, n, f->ctx);
        fmpz_mpoly_q_zero(x, f->ctx);
        for (slong j = 0; j < n && ok; j++) {
            fmpz_mpoly_q_add(part, low, zero[first], f->ctx);
            fmpz_mpoly_q_add_si(part, part, j, f->ctx);
            ok = power(f, part, -1) && add(f, x, part);
            if (!ok || !high) continue;
            fmpz_mpoly_q_add(part, high, zero[first], f->ctx);
            fmpz_mpoly_q_add_si(part, part, j + 1, f->ctx);
            ok = power(f, part, -1);
            fmpz_mpoly_q_neg(part, part, f->ctx);
            ok = ok && add(f, x, part);
        }
        ok = ok && multiply(f, x, c);
    }
    fmpz_mpoly_factor_clear(factors, f->ctx);
    for (int i = 0; i < 2; i++) {
        element_clear(f, base[i]);
        element_clear(f, zero[i]);
    }
    element_clear(f, kay);
    element_clear(f, c);
    element_clear(f, part);
    fmpq_clear(q);
    return ok;
}

static bool sum_closed(Field *f, Element x, const MathNode *n, const Element low, const fmpz_mpoly_q_struct *high)
{
    Element body, part;
    const int k = generator(f, GEN_SYMBOL, 0, n->symbol, 0, NULL);
    if (k < 0) return false;
    element_init(f, body);
    element_init(f, part);
    bool ok = convert(f, body, n->first->next->next);
    fmpz_mpoly_q_zero(x, f->ctx);
    const slong variable = fmpz_mpoly_ctx_nvars(f->ctx) - 1 - k;
    if (ok && fmpz_mpoly_degree_si(DEN(body), variable, f->ctx) > 0) {
        ok = telescope(f, x, body, k, low, high) || (!high && zeta(f, x, body, k, low));
    } else if (ok) {
        /* exp(-k s) stands below the line: its inverse is a generator's inverse, so such sums are turned over term by term. */
        bool moving_below = false;
        for (int g = 0; g < f->n; g++)
            moving_below =
                moving_below || (depends_on(f, &f->generators[g], k) &&
                                 fmpz_mpoly_degree_si(DEN(body), fmpz_mpoly_ctx_nvars(f->ctx) - 1 - g, f->ctx) > 0);
        if (moving_below) { /* c / exp(k s) with one term above and below */
            ok = length(NUM(body)) == 1 && length(DEN(body)) == 1;
            int g = -1;
            for (int i = 0; i < f->n && ok; i++)
                if (depends_on(f, &f->generators[i], k) && (contains_generator(f, body, i))) {
                    ok = g < 0 && f->generators[i].kind == GEN_EXP;
                    g = i;
                }
            if (ok && g >= 0) {
                const slong e = fmpz_mpoly_degree_si(DEN(body), fmpz_mpoly_ctx_nvars(f->ctx) - 1 - g, f->ctx);
                Element kay, s;
                element_init(f, kay);
                element_init(f, s);
                set_generator(f, part, g);
                ok = power(f, part, e) && multiply(f, part, body) && !contains_generator(f, part, k) &&
                     !contains_generator(f, part, g);
                set_generator(f, kay, k);
                fmpz_mpoly_q_div(s, f->generators[g].key, kay, f->ctx);
                fmpz_mpoly_q_mul_si(s, s, -e, f->ctx);
                fmpz_mpoly_q_div_si(s, s, f->generators[g].order, f->ctx);
                ok = ok && !contains_generator(f, s, k) && geometric(f, x, part, s, low, high);
                element_clear(f, kay);
                element_clear(f, s);
            }
        } else {
            for (slong i = 0; ok && i < length(NUM(body)); i++)
                ok = sum_of_term(f, part, body, i, k, low, high) && add(f, x, part);
        }
    }
    element_clear(f, body);
    element_clear(f, part);
    return ok;
}

static bool convert_bounded(Field *f, Element x, const MathNode *n)
{
    const MathNode *const from = n->first, *const to = from->next, *const body = to->next;
    Element low, high, part;
    fmpq_t a, b;
    element_init(f, low);
    element_init(f, high);
    element_init(f, part);
    fmpq_init(a);
    fmpq_init(b);
    const bool infinite = to->kind == MATH_INFINITY;
    bool ok = convert(f, low, from) && (infinite || convert(f, high, to));
    const bool counted = ok && !infinite && rational(f, a, low) && rational(f, b, high) &&
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
            ok = convert(f, part, body) && (n->kind == MATH_SUM ? add(f, x, part) : multiply(f, x, part));
        }
        f->bound[n->symbol] = was_bound;
        f->bound_value[n->symbol] = old;
    } else if (ok && n->kind == MATH_SUM) {
        ok = !f->bound[n->symbol] && sum_closed(f, x, n, low, infinite ? NULL : high);
    } else if (ok) { /* product of k itself */
        ok = !infinite && body->kind == MATH_SYMBOL && body->symbol == n->symbol;
        fmpz_mpoly_q_sub_si(low, low, 1, f->ctx);
        ok = ok && factorial(f, x, high) && factorial(f, part, low) && divide(f, x, part);
    }
    element_clear(f, low);
    element_clear(f, high);
    element_clear(f, part);
    fmpq_clear(a);
    fmpq_clear(b);
    return ok;
}

/* ---- everything ---- */

static bool convert_all(Field *f, Element x, const MathNode *n)
{
    Element y;
    element_init(f, y);
    bool ok = convert(f, x, n->first);
    for (const MathNode *c = n->first->next; c && ok; c = c->next) {
        ok = convert(f, y, c);
        if (!ok) break;
        if (n->kind == MATH_ADD) ok = add(f, x, y);
        if (n->kind == MATH_MULTIPLY) ok = multiply(f, x, y);
        if (n->kind == MATH_DIVIDE) ok = divide(f, x, y);
    }
    element_clear(f, y);
    return ok;
}

static bool convert_number(Field *f, Element x, const MathNode *n)
{
    fmpq_t q;
    fmpq_init(q);
    const bool ok = exact_number(q, n);
    if (ok) fmpz_mpoly_q_set_fmpq(x, q, f->ctx);
    fmpq_clear(q);
    return ok;
}

static bool convert_e(Field *f, Element x)
{
    Element one;
    element_init(f, one);
    fmpz_mpoly_q_one(one, f->ctx);
    const bool ok = exponential(f, x, one);
    element_clear(f, one);
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
        return set_simple(f, x, GEN_SYMBOL, n->symbol);
    case MATH_PI:
        return set_simple(f, x, GEN_PI, 0);
    case MATH_E:
        return convert_e(f, x);
    case MATH_I:
        return set_i(f, x);
    case MATH_ADD:
    case MATH_MULTIPLY:
    case MATH_DIVIDE:
        return convert_all(f, x, n);
    case MATH_NEGATE:
        if (!convert(f, x, n->first)) return false;
        fmpz_mpoly_q_neg(x, x, f->ctx);
        return true;
    case MATH_POWER:
        return convert_power(f, x, n);
    case MATH_FUNCTION:
        return convert_function(f, x, n);
    case MATH_PERCENT:
        if (!convert(f, x, n->first)) return false;
        fmpz_mpoly_q_div_si(x, x, 100, f->ctx);
        return true;
    case MATH_DEGREES: {
        Element pi;
        element_init(f, pi);
        const bool ok = convert(f, x, n->first) && set_simple(f, pi, GEN_PI, 0) && multiply(f, x, pi);
        fmpz_mpoly_q_div_si(x, x, 180, f->ctx);
        element_clear(f, pi);
        return ok;
    }
    case MATH_BASED:
        return convert(f, x, n->first);
    case MATH_SUM:
    case MATH_PRODUCT:
        return convert_bounded(f, x, n);
    default:
        return false;
    }
}

static bool convert(Field *f, Element x, const MathNode *n)
{
    if (f->restart || ++f->nodes > MAX_NODES || f->depth >= MAX_DEPTH) return false;
    f->depth++;
    const bool ok = convert_kind(f, x, n);
    f->depth--;
    return ok && !f->restart;
}

/* ---- comparison ---- */

static void forget_generators(Field *f)
{
    for (int i = 0; i < f->n; i++) {
        Generator *const g = &f->generators[i];
        if (g->has_key) element_clear(f, g->key);
        if (g->has_relation) fmpz_mpoly_clear(g->relation, f->ctx);
    }
    f->n = 0;
}

static void field_open(Field *f, const MathNode *a, const MathNode *b)
{
    memset(f, 0, sizeof *f);
    fmpz_mpoly_ctx_init(f->ctx, MAX_GENERATORS, ORD_LEX);
    f->has_symbols = math_has_symbols(a) || math_has_symbols(b);
}

static void field_close(Field *f)
{
    forget_generators(f);
    for (int i = 0; i < f->n_finer; i++) element_clear(f, f->finer[i].key);
    fmpz_mpoly_ctx_clear(f->ctx);
}

/* Both converted, with generators as fine as both need. */
static bool convert_both(Field *f, Element x, Element y, const MathNode *a, const MathNode *b)
{
    for (int i = 0; i < MAX_RESTARTS; i++) {
        f->restart = false;
        f->nodes = f->depth = 0;
        if (convert(f, x, a) && convert(f, y, b)) return true;
        if (!f->restart) return false;
        forget_generators(f);
    }
    return false;
}

FieldResult field_compare(const MathNode *a, const MathNode *b, bool *is_rational)
{
    Field f;
    Element x, y;
    fmpq_t q;
    FieldResult result = FIELD_UNABLE;
    *is_rational = false;
    field_open(&f, a, b);
    element_init(&f, x);
    element_init(&f, y);
    fmpq_init(q);
    if (convert_both(&f, x, y, a, b)) {
        fmpz_mpoly_q_neg(y, y, f.ctx);
        if (add(&f, x, y) && reduce(&f, x)) {
            result = fmpz_mpoly_q_is_zero(x, f.ctx) ? FIELD_ZERO : FIELD_OTHER;
            *is_rational = result == FIELD_OTHER && rational(&f, q, x);
        }
    }
    fmpq_clear(q);
    element_clear(&f, x);
    element_clear(&f, y);
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
    if (length(p) > 20 || length(q) > 20) return true;
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

Proportion field_proportional(const MathNode *a, const MathNode *b)
{
    Field f;
    Element x, y;
    Proportion result = PROPORTION_UNKNOWN;
    field_open(&f, a, b);
    element_init(&f, x);
    element_init(&f, y);
    if (convert_both(&f, x, y, a, b) && !fmpz_mpoly_q_is_zero(x, f.ctx) && !fmpz_mpoly_q_is_zero(y, f.ctx)) {
        const bool polynomials = only_symbols(&f);
        if (polynomials) { /* zeros are zeros of the numerator */
            fmpz_mpoly_one(DEN(x), f.ctx);
            fmpz_mpoly_one(DEN(y), f.ctx);
        }
        Element ratio;
        element_init(&f, ratio);
        fmpz_mpoly_q_set(ratio, x, f.ctx);
        if (divide(&f, ratio, y)) {
            bool constant = true;
            for (int i = 0; i < f.n; i++)
                if (f.generators[i].kind != GEN_PI && f.generators[i].kind != GEN_PRIME_ROOT &&
                    f.generators[i].kind != GEN_PRIME_LOG)
                    constant = constant && !contains_generator(&f, ratio, i);
            if (constant)
                result = PROPORTION_YES;
            else if (polynomials && small_poly(&f, NUM(x)) && small_poly(&f, NUM(y))) {
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
        element_clear(&f, ratio);
    }
    element_clear(&f, x);
    element_clear(&f, y);
    field_close(&f);
    return result;
}
