/* SPDX-License-Identifier: MIT */
/* reward/math_field.h: inside the normal form: what math_field.c (elements, generators), math_field_parts.c (functions of elements),
 * math_field_sum.c (sums with symbolic bounds) and math_field_tree.c (expressions) share. The idea is told in math_field.c.
 *
 * An element is a rational function in the generators, canonical, reduced by their relations. Whoever inits one clears it. */
#ifndef R1_REWARD_MATH_FIELD_H
#define R1_REWARD_MATH_FIELD_H

#include "reward/math_exact.h"

enum {
    MAX_GENERATORS = 24,
    MAX_FINER = 16,
    MAX_RESTARTS = 8,
    MAX_LENGTH = 400,         /* terms of a polynomial */
    MAX_PRODUCT = 8000,       /* terms times terms */
    MAX_FACTORED = 40,        /* terms of what is factored */
    MAX_FACTORED_DEGREE = 16, /* its degree in any variable */
    MAX_BITS = 6000,
    MAX_WORK = 60000,      /* terms times terms, all together */
    FIELD_WORK_A_UNIT = 4, /* of MATH_WORK */
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
    int64_t *left; /* of the answer's MATH_WORK */
    slong work_before, n_converted;
    bool bound[MATH_MAX_SYMBOLS];
    slong bound_value[MATH_MAX_SYMBOLS];
} Field;

#define NUM(x) fmpz_mpoly_q_numref(x)
#define DEN(x) fmpz_mpoly_q_denref(x)

/* ---- math_field.c: elements. false: refused, too large; the element is then of no use but whole ---- */

/* 0 */
void field_element_init(Field *f, Element x);
void field_element_clear(Field *f, Element x);
slong field_length(const fmpz_mpoly_t p);
/* Within the bounds on terms, bits and degrees. */
bool field_small_poly(Field *f, const fmpz_mpoly_t p);
/* By the relations of the generators there are; false too when a denominator becomes 0. */
bool field_reduce_poly(Field *f, fmpz_mpoly_t p);
bool field_reduce(Field *f, Element x);
/* x op= y, bounded before it is done and charged to the budget; products and quotients come reduced. */
bool field_add(Field *f, Element x, const Element y);
bool field_multiply(Field *f, Element x, const Element y);
bool field_divide(Field *f, Element x, const Element y);
bool field_power(Field *f, Element x, slong e);
/* x is a rational number: q. */
bool field_rational(Field *f, fmpq_t q, const Element x);

/* ---- math_field.c: generators ---- */

/* x = the generator. */
void field_set_generator(Field *f, Element x, int index);
/* The index of the generator of this kind and key, made when there is none (its relation is the caller's to add, when the index is the
 * old f->n); -1: no room. */
int field_generator(Field *f, GeneratorKind kind, int function, int32_t symbol, ulong prime,
                    const fmpz_mpoly_q_struct *key);
/* The generator must be as fine as 1/order: the field starts again with it so. The caller returns false. */
void field_note_order(Field *f, GeneratorKind kind, ulong prime, const fmpz_mpoly_q_struct *key, slong order);
/* generator^top = value, a polynomial in older generators. */
void field_relate(Field *f, int index, ulong top, const fmpz_mpoly_t value);
/* x *= prime^e; x *= q^e for a positive q of primes below 2^60. */
bool field_times_prime_power(Field *f, Element x, ulong prime, const fmpq_t e);
bool field_times_fraction_power(Field *f, Element x, const fmpq_t q, const fmpq_t e);
bool field_set_i(Field *f, Element x);
bool field_set_simple(Field *f, Element x, GeneratorKind kind, int32_t symbol);
/* Term i of the numerator of u, whose denominator is a number: coefficient c, monomial m, and the generator that m is, or -1. */
bool field_term(Field *f, fmpq_t c, Element m, int *single, const Element u, slong i);
int field_index_of_i(const Field *f);
/* The generator stands in x; -1 stands nowhere. */
bool field_contains(Field *f, const Element x, int index);
/* The generator that p is, or -1. */
int field_single_variable(Field *f, const fmpz_mpoly_t p);
/* p is small enough to be factored; charged to the budget. */
bool field_can_factor(Field *f, const fmpz_mpoly_t p);
/* What stands inside the generator g (as x in sin x) holds generator k. */
bool field_depends_on(Field *f, const Generator *g, int k);

/* ---- math_field_parts.c: functions of elements, into x (times_...: x times that) ---- */

/* sin and cos of c pi, when 12 c is whole. */
bool field_angle_table(Field *f, Element sine, Element cosine, const fmpq_t c);
bool field_sine_and_cosine(Field *f, Element s, Element c, const Element u);
bool field_exponential(Field *f, Element x, const Element u);
/* x *= exp(c m) */
bool field_times_exponential(Field *f, Element x, const fmpq_t c, const Element m);
/* x = ln u (over real symbols ln |u|) */
bool field_logarithm(Field *f, Element x, const Element u);
bool field_absolute(Field *f, Element x, const Element u);
/* The real root where there is one, |f| for the root of f^2. */
bool field_root(Field *f, Element x, const Element u, ulong degree);

/* ---- math_field_tree.c ---- */

bool field_factorial(Field *f, Element x, const Element u);
/* x = the value of the tree; false: out of reach, or f->restart. */
bool field_convert(Field *f, Element x, const MathNode *n);

/* ---- math_field_sum.c ---- */

/* The same for MATH_SUM and MATH_PRODUCT. */
bool field_convert_bounded(Field *f, Element x, const MathNode *n);

#endif
