/* SPDX-License-Identifier: MIT */
/* reward/math_tree.h: what an answer says, as a tree.
 *
 * One pool holds both answers of a comparison, so that a symbol has one number in both. A pool never grows: an answer that
 * needs more nodes, symbols or text than a pool holds is unreadable, which bounds memory and time before any work is done.
 * May use base/ and libc. */
#ifndef R1_REWARD_MATH_TREE_H
#define R1_REWARD_MATH_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum MathKind {
    /* numbers and expressions */
    MATH_NUMBER, /* num/den, exact; or, when that does not fit 63 bits, `text` with digits, '.', an exponent (den == 0) */
    MATH_SYMBOL, /* symbol: its number */
    MATH_PI,
    MATH_E,
    MATH_I,
    MATH_INFINITY,
    MATH_ADD,      /* children */
    MATH_MULTIPLY, /* children */
    MATH_NEGATE,   /* x */
    MATH_DIVIDE,   /* x, y */
    MATH_POWER,    /* x, y */
    MATH_FUNCTION, /* function; arguments */
    MATH_SIGN,     /* one of +1, -1: the sign of \pm; \mp is its negation */
    MATH_PERCENT,  /* x */
    MATH_DEGREES,  /* x */
    MATH_SUM,      /* symbol bound; from, to, body */
    MATH_PRODUCT,
    /* what has a number inside but is more than it */
    MATH_UNIT,  /* text: the canonical unit; x */
    MATH_BASED, /* function: the base, text: the digits; the value */
    MATH_RATIO, /* children; function: RATIO_*; num: minutes since midnight, where it may be a time */
    /* collections */
    MATH_LIST,     /* children, without brackets: unordered; function: LIST_*, what divides them */
    MATH_SET,      /* children in braces */
    MATH_TUPLE,    /* children in order */
    MATH_INTERVAL, /* low, high; function: INTERVAL_* */
    MATH_MATRIX,   /* children row by row; function: columns */
    MATH_UNION,
    MATH_INTERSECTION,
    MATH_DIFFERENCE, /* A without B */
    MATH_REALS,
    /* statements */
    MATH_RELATION, /* function: MathRelation; left, right */
    MATH_CHAIN,    /* relations that all hold: 1 < x <= 2 is (1 < x), (x <= 2) */
    MATH_EITHER,   /* relations of which one holds */
    MATH_MEMBER,   /* x, set */
    MATH_WORDS,    /* text: lower case, one space between words */
} MathKind;

enum { INTERVAL_LOW_CLOSED = 1, INTERVAL_HIGH_CLOSED = 2 };
enum { RATIO_PLAIN, RATIO_OR_TIME /* 10:30 */, RATIO_TIME /* 10:30 am */ };
enum { LIST_COMMA = 1, LIST_AND = 2, LIST_OR = 4 };

typedef enum MathRelation {
    REL_EQUAL,
    REL_NOT_EQUAL,
    REL_LESS,
    REL_LESS_EQUAL,
    REL_GREATER,
    REL_GREATER_EQUAL
} MathRelation;

typedef enum MathFunction {
    FN_SIN,
    FN_COS,
    FN_TAN,
    FN_COT,
    FN_SEC,
    FN_CSC,
    FN_ARCSIN,
    FN_ARCCOS,
    FN_ARCTAN,
    FN_SINH,
    FN_COSH,
    FN_TANH,
    FN_LN,
    FN_LOG10,
    FN_LOG,
    /* base, x */ FN_EXP,
    FN_ROOT,
    /* x, degree */ FN_ABS,
    FN_FLOOR,
    FN_CEILING,
    FN_FACTORIAL,
    FN_BINOMIAL,
    FN_GCD,
    FN_LCM,
    FN_MAX,
    FN_MIN,
    FN_COUNT
} MathFunction;

typedef struct MathNode MathNode;
struct MathNode {
    uint8_t kind;
    int32_t function;
    int32_t symbol;
    int32_t n_text;
    const char *text;
    int64_t num, den;
    MathNode *first, *next; /* children: first, then along next */
};

enum {
    MATH_MAX_NODES = 3000,
    MATH_MAX_SYMBOLS = 48,
    MATH_MAX_ANSWER_BYTES = 6000, /* of one answer; spelling it out in ASCII may make it longer */
    MATH_MAX_TEXT_BYTES = 1 << 16,
    MATH_MAX_DEPTH = 60
};

typedef struct MathSymbol {
    const char *name; /* "x", "x_{1}", "alpha" */
    int32_t length;
} MathSymbol;

typedef struct MathPool {
    MathNode nodes[MATH_MAX_NODES];
    int32_t n_nodes;
    MathSymbol symbols[MATH_MAX_SYMBOLS];
    int32_t n_symbols;
    char text[MATH_MAX_TEXT_BYTES];
    int32_t n_text;
    bool full; /* something did not fit: nothing made since can be trusted */
} MathPool;

/* Only the counts are set: a pool is large and mostly never touched. */
void math_pool_init(MathPool *pool);
/* A node without children. When the pool is full: pool->full, and a node that may be written to and means nothing. */
MathNode *math_node(MathPool *pool, MathKind kind);
MathNode *math_node_of(MathPool *pool, MathKind kind, MathNode *x);                       /* one child */
MathNode *math_node_of_two(MathPool *pool, MathKind kind, MathNode *x, MathNode *y);      /* two children */
MathNode *math_function(MathPool *pool, MathFunction function, MathNode *x, MathNode *y); /* y may be NULL */
MathNode *math_number(MathPool *pool, int64_t num, int64_t den);                          /* den > 0 */
MathNode *math_symbol(MathPool *pool, const char *name, size_t length);
void math_append(MathNode *parent, MathNode *child); /* as the last child */
int64_t math_count(const MathNode *node);            /* children */
/* `length` bytes of the pool's text, zeroed; NULL when full. */
char *math_text(MathPool *pool, size_t length);
/* A copy in which MATH_SIGN is +1 or -1. Children are copied, texts shared. */
MathNode *math_copy_signed(MathPool *pool, const MathNode *node, int sign);
bool math_has_kind(const MathNode *node, MathKind kind);
bool math_has_symbols(const MathNode *node); /* free ones: not those bound by a sum alone */

const char *math_kind_name(MathKind kind); /* for people: "a number", "an interval" */
const char *math_function_name(MathFunction function);
/* Writes the tree as plain text for people, zero-terminated, cut where it does not fit. */
void math_print(const MathPool *pool, const MathNode *node, char *text, size_t capacity);

#endif
