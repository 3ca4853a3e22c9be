/* SPDX-License-Identifier: MIT */
/* reward/math_tree.c: see math_tree.h. */
#include "reward/math_tree.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void math_pool_init(MathPool *pool)
{
    pool->n_nodes = pool->n_symbols = pool->n_text = 0;
    pool->full = false;
}

MathNode *math_node(MathPool *pool, MathKind kind)
{
    if (pool->n_nodes == MATH_MAX_NODES) {
        pool->full = true;
        pool->n_nodes = MATH_MAX_NODES - 1;
    }
    MathNode *const node = &pool->nodes[pool->n_nodes++];
    *node = (MathNode){.kind = (uint8_t)kind, .den = 1};
    return node;
}

void math_append(MathNode *parent, MathNode *child)
{
    if (parent == child) return; /* the one node of a full pool */
    MathNode **at = &parent->first;
    while (*at) at = &(*at)->next;
    *at = child;
    child->next = NULL;
}

MathNode *math_node_of(MathPool *pool, MathKind kind, MathNode *x)
{
    MathNode *const node = math_node(pool, kind);
    if (pool->full) return node;
    node->first = x;
    x->next = NULL;
    return node;
}

MathNode *math_node_of_two(MathPool *pool, MathKind kind, MathNode *x, MathNode *y)
{
    MathNode *const node = math_node(pool, kind);
    if (pool->full || x == y) return node;
    node->first = x;
    x->next = y;
    y->next = NULL;
    return node;
}

MathNode *math_function(MathPool *pool, MathFunction function, MathNode *x, MathNode *y)
{
    MathNode *const node = y ? math_node_of_two(pool, MATH_FUNCTION, x, y) : math_node_of(pool, MATH_FUNCTION, x);
    node->function = function;
    return node;
}

MathNode *math_number(MathPool *pool, int64_t num, int64_t den)
{
    MathNode *const node = math_node(pool, MATH_NUMBER);
    node->num = num;
    node->den = den;
    return node;
}

MathNode *math_symbol(MathPool *pool, const char *name, size_t length)
{
    MathNode *const node = math_node(pool, MATH_SYMBOL);
    for (int32_t i = 0; i < pool->n_symbols; i++)
        if ((size_t)pool->symbols[i].length == length && memcmp(pool->symbols[i].name, name, length) == 0) {
            node->symbol = i;
            return node;
        }
    char *const kept = math_text(pool, length);
    if (pool->n_symbols == MATH_MAX_SYMBOLS || !kept) {
        pool->full = true;
        return node;
    }
    memcpy(kept, name, length);
    pool->symbols[pool->n_symbols] = (MathSymbol){kept, (int32_t)length};
    node->symbol = pool->n_symbols++;
    return node;
}

int64_t math_count(const MathNode *node)
{
    int64_t n = 0;
    for (const MathNode *c = node->first; c; c = c->next) n++;
    return n;
}

char *math_text(MathPool *pool, size_t length)
{
    if (length > (size_t)(MATH_MAX_TEXT_BYTES - pool->n_text)) {
        pool->full = true;
        return NULL;
    }
    char *const text = pool->text + pool->n_text;
    pool->n_text += (int32_t)length;
    memset(text, 0, length);
    return text;
}

MathNode *math_copy_signed(MathPool *pool, const MathNode *node, int sign)
{
    MathNode *const copy = math_node(pool, node->kind == MATH_SIGN ? MATH_NUMBER : (MathKind)node->kind);
    if (pool->full) return copy;
    MathNode *const kept_next = copy->next;
    const MathKind kind = (MathKind)copy->kind;
    *copy = *node;
    copy->kind = (uint8_t)kind;
    copy->first = NULL;
    copy->next = kept_next;
    if (node->kind == MATH_SIGN) copy->num = sign, copy->den = 1;
    MathNode **at = &copy->first;
    for (const MathNode *c = node->first; c && !pool->full; c = c->next) {
        *at = math_copy_signed(pool, c, sign);
        at = &(*at)->next;
    }
    return copy;
}

bool math_has_kind(const MathNode *node, MathKind kind)
{
    if (node->kind == kind) return true;
    for (const MathNode *c = node->first; c; c = c->next)
        if (math_has_kind(c, kind)) return true;
    return false;
}

static bool has_free(const MathNode *node, uint64_t bound)
{
    if (node->kind == MATH_SYMBOL) return !(bound >> node->symbol & 1);
    const bool binds = node->kind == MATH_SUM || node->kind == MATH_PRODUCT;
    int64_t i = 0;
    for (const MathNode *c = node->first; c; c = c->next, i++)
        if (has_free(c, binds && i == 2 ? bound | (uint64_t)1 << node->symbol : bound)) return true;
    return false;
}

bool math_has_symbols(const MathNode *node)
{
    return has_free(node, 0);
}

/* ---- for people ---- */

const char *math_kind_name(MathKind kind)
{
    switch (kind) {
    case MATH_NUMBER:
        return "a number";
    case MATH_SYMBOL:
        return "a symbol";
    case MATH_INFINITY:
        return "infinity";
    case MATH_PERCENT:
        return "a percentage";
    case MATH_DEGREES:
        return "an angle";
    case MATH_UNIT:
        return "a quantity with a unit";
    case MATH_BASED:
        return "a number in a base";
    case MATH_RATIO:
        return "a ratio or time";
    case MATH_LIST:
        return "a list";
    case MATH_SET:
        return "a set";
    case MATH_TUPLE:
        return "a tuple";
    case MATH_INTERVAL:
        return "an interval";
    case MATH_MATRIX:
        return "a matrix";
    case MATH_UNION:
    case MATH_INTERSECTION:
    case MATH_DIFFERENCE:
        return "a combination of sets";
    case MATH_REALS:
        return "all real numbers";
    case MATH_RELATION:
        return "an equation or inequality";
    case MATH_CHAIN:
        return "relations that all hold";
    case MATH_EITHER:
        return "relations of which one holds";
    case MATH_MEMBER:
        return "membership of a set";
    case MATH_WORDS:
        return "words";
    default:
        return "an expression";
    }
}

const char *math_function_name(MathFunction function)
{
    static const char *const names[FN_COUNT] = {
        "sin", "cos", "tan", "cot",  "sec", "csc",   "arcsin", "arccos",    "arctan", "sinh", "cosh", "tanh", "ln",
        "log", "log", "exp", "root", "abs", "floor", "ceil",   "factorial", "binom",  "gcd",  "lcm",  "max",  "min"};
    return names[function];
}

typedef struct Printer {
    const MathPool *pool;
    char *text;
    size_t capacity, length;
} Printer;

static void put(Printer *p, const char *text, size_t length)
{
    if (length > p->capacity - 1 - p->length) length = p->capacity - 1 - p->length;
    memcpy(p->text + p->length, text, length);
    p->length += length;
    p->text[p->length] = 0;
}

static void puts_to(Printer *p, const char *text)
{
    put(p, text, strlen(text));
}

static void print(Printer *p, const MathNode *n);

static void print_children(Printer *p, const MathNode *n, const char *open, const char *between, const char *close)
{
    puts_to(p, open);
    for (const MathNode *c = n->first; c; c = c->next) {
        if (c != n->first) puts_to(p, between);
        print(p, c);
    }
    puts_to(p, close);
}

static void print_number(Printer *p, const MathNode *n)
{
    char digits[64];
    if (n->den == 0) {
        put(p, n->text, (size_t)n->n_text);
        return;
    }
    snprintf(digits, sizeof digits, n->den == 1 ? "%" PRId64 : "%" PRId64 "/%" PRId64, n->num, n->den);
    puts_to(p, digits);
}

static void print_symbol(Printer *p, int32_t symbol)
{
    if (symbol < p->pool->n_symbols) put(p, p->pool->symbols[symbol].name, (size_t)p->pool->symbols[symbol].length);
}

static void print_bounded(Printer *p, const MathNode *n)
{
    puts_to(p, n->kind == MATH_SUM ? "sum(" : "product(");
    print_symbol(p, n->symbol);
    print_children(p, n, ": ", ", ", ")");
}

static void print(Printer *p, const MathNode *n)
{
    static const char *const relations[] = {" = ", " != ", " < ", " <= ", " > ", " >= "};
    char digits[64];
    switch ((MathKind)n->kind) {
    case MATH_NUMBER:
        print_number(p, n);
        break;
    case MATH_SYMBOL:
        print_symbol(p, n->symbol);
        break;
    case MATH_PI:
        puts_to(p, "pi");
        break;
    case MATH_E:
        puts_to(p, "e");
        break;
    case MATH_I:
        puts_to(p, "i");
        break;
    case MATH_INFINITY:
        puts_to(p, "infinity");
        break;
    case MATH_ADD:
        print_children(p, n, "(", " + ", ")");
        break;
    case MATH_MULTIPLY:
        print_children(p, n, "(", " * ", ")");
        break;
    case MATH_NEGATE:
        print_children(p, n, "-", "", "");
        break;
    case MATH_DIVIDE:
        print_children(p, n, "(", " / ", ")");
        break;
    case MATH_POWER:
        print_children(p, n, "(", " ^ ", ")");
        break;
    case MATH_FUNCTION:
        puts_to(p, math_function_name((MathFunction)n->function));
        print_children(p, n, "(", ", ", ")");
        break;
    case MATH_SIGN:
        puts_to(p, "(+1 or -1)");
        break;
    case MATH_PERCENT:
        print_children(p, n, "", "", "%");
        break;
    case MATH_DEGREES:
        print_children(p, n, "", "", " degrees");
        break;
    case MATH_SUM:
    case MATH_PRODUCT:
        print_bounded(p, n);
        break;
    case MATH_UNIT:
        print_children(p, n, "", "", " [");
        put(p, n->text, (size_t)n->n_text);
        puts_to(p, "]");
        break;
    case MATH_BASED:
        put(p, n->text, (size_t)n->n_text);
        snprintf(digits, sizeof digits, " in base %d", n->function);
        puts_to(p, digits);
        break;
    case MATH_RATIO:
        print_children(p, n, "", " : ", "");
        break;
    case MATH_LIST:
        print_children(p, n, "", ", ", "");
        break;
    case MATH_SET:
        print_children(p, n, "{", ", ", "}");
        break;
    case MATH_TUPLE:
        print_children(p, n, "(", ", ", ")");
        break;
    case MATH_INTERVAL:
        print_children(p, n, n->function & INTERVAL_LOW_CLOSED ? "[" : "(", ", ",
                       n->function & INTERVAL_HIGH_CLOSED ? "]" : ")");
        break;
    case MATH_MATRIX:
        snprintf(digits, sizeof digits, "matrix of %d columns (", n->function);
        print_children(p, n, digits, ", ", ")");
        break;
    case MATH_UNION:
        print_children(p, n, "", " union ", "");
        break;
    case MATH_INTERSECTION:
        print_children(p, n, "", " intersection ", "");
        break;
    case MATH_DIFFERENCE:
        print_children(p, n, "", " without ", "");
        break;
    case MATH_REALS:
        puts_to(p, "the reals");
        break;
    case MATH_RELATION:
        print_children(p, n, "", relations[n->function], "");
        break;
    case MATH_CHAIN:
        print_children(p, n, "", " and ", "");
        break;
    case MATH_EITHER:
        print_children(p, n, "", " or ", "");
        break;
    case MATH_MEMBER:
        print_children(p, n, "", " in ", "");
        break;
    case MATH_WORDS:
        puts_to(p, "\"");
        put(p, n->text, (size_t)n->n_text);
        puts_to(p, "\"");
        break;
    }
}

void math_print(const MathPool *pool, const MathNode *node, char *text, size_t capacity)
{
    Printer p = {pool, text, capacity, 0};
    text[0] = 0;
    print(&p, node);
}
