/* SPDX-License-Identifier: MIT */
/* text/grammar_classes.c: a set of characters as the smallest automaton over the bytes of their UTF-8.
 *
 * A state stands for "k more bytes, and the characters that they may complete": a block of 64^k code points of which some are in the set. It is
 * made from its 64 sub-blocks; states with the same moves are one, so whole blocks share theirs. */
#include "text/grammar_parts.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CODE = 0x10ffff, SURROGATE_LOW = 0xd800, SURROGATE_HIGH = 0xdfff, MAX_STATES = 254 };

/* ---- ranges ---- */

static int by_low(const void *a, const void *b)
{
    const uint32_t x = ((const CodeRange *)a)->low, y = ((const CodeRange *)b)->low;
    return (x > y) - (x < y);
}

static void add(CodeRange *to, int64_t *n, uint32_t low, uint32_t high)
{
    if (low > high) return;
    if (*n > 0 && to[*n - 1].high + 1 >= low) {
        if (high > to[*n - 1].high) to[*n - 1].high = high;
        return;
    }
    to[(*n)++] = (CodeRange){low, high};
}

/* Without surrogates. */
static void add_characters(CodeRange *to, int64_t *n, uint32_t low, uint32_t high)
{
    add(to, n, low, high < SURROGATE_LOW ? high : SURROGATE_LOW - 1);
    add(to, n, low > SURROGATE_HIGH ? low : SURROGATE_HIGH + 1, high);
}

/* Sorted, disjoint, negated where asked. Room for 2 n + 3. */
static int64_t normal_ranges(CodeRange *to, CodeRange *ranges, int64_t n, bool negated)
{
    int64_t n_to = 0;
    uint32_t next = 0;
    if (n > 1) qsort(ranges, (size_t)n, sizeof *ranges, by_low);
    for (int64_t i = 0; i < n; i++) {
        if (!negated)
            add_characters(to, &n_to, ranges[i].low, ranges[i].high);
        else if (ranges[i].low > next)
            add_characters(to, &n_to, next, ranges[i].low - 1);
        if (ranges[i].high + 1 > next) next = ranges[i].high + 1;
    }
    if (negated && next <= MAX_CODE) add_characters(to, &n_to, next, MAX_CODE);
    return n_to;
}

/* ---- states ---- */

typedef struct Builder {
    ByteClass *class;
    int64_t *before;  /* [n_ranges + 1]: characters in the ranges before */
    uint8_t whole[4]; /* the state before k bytes when every character of the block is in; 0: not made yet */
    bool full;        /* more states than fit */
} Builder;

/* How many characters below `code` are in the class. */
static int64_t count_below(const Builder *b, uint32_t code)
{
    const CodeRange *const ranges = b->class->ranges;
    int64_t low = 0, high = b->class->n_ranges; /* ranges before `low` begin below code */
    while (low < high) {
        const int64_t middle = (low + high) / 2;
        if (ranges[middle].low < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0) return 0;
    const CodeRange last = ranges[low - 1];
    return b->before[low - 1] + (int64_t)((code <= last.high ? code : last.high + 1) - last.low);
}

static uint8_t intern(Builder *b, const uint8_t next[256])
{
    ByteClass *const c = b->class;
    for (int s = 1; s < c->n_states; s++)
        if (memcmp(c->next[s], next, 256) == 0) return (uint8_t)s;
    if (c->n_states == MAX_STATES) {
        b->full = true;
        return CLASS_DEAD;
    }
    memcpy(c->next[c->n_states], next, 256);
    return (uint8_t)c->n_states++;
}

/* The state before `left` continuation bytes, for characters low .. low + 64^left - 1 that are at least `least`. */
static uint8_t state_of_block(Builder *b, uint32_t low, int left, uint32_t least)
{
    const uint32_t size = 1u << (6 * left), from = low > least ? low : least;
    if (b->full || low + size <= least) return CLASS_DEAD;
    const int64_t n = count_below(b, low + size) - count_below(b, from);
    if (n == 0) return CLASS_DEAD;
    if (left == 0) return CLASS_DONE;
    if (n == size && b->whole[left]) return b->whole[left];
    uint8_t next[256] = {0};
    for (uint32_t i = 0; i < 64; i++) next[0x80 + i] = state_of_block(b, low + i * (size / 64), left - 1, least);
    const uint8_t state = intern(b, next);
    if (n == size) b->whole[left] = state;
    return state;
}

static void build_start(Builder *b)
{
    uint8_t *const start = b->class->next[0];
    for (uint32_t i = 0; i < 0x80; i++) start[i] = count_below(b, i + 1) > count_below(b, i) ? CLASS_DONE : CLASS_DEAD;
    for (uint32_t i = 0xc2; i <= 0xdf; i++) start[i] = state_of_block(b, (i & 0x1f) << 6, 1, 0x80);
    for (uint32_t i = 0xe0; i <= 0xef; i++) start[i] = state_of_block(b, (i & 0x0f) << 12, 2, 0x800);
    for (uint32_t i = 0xf0; i <= 0xf4; i++) start[i] = state_of_block(b, (i & 0x07) << 18, 3, 0x10000);
}

bool byte_class_create(ByteClass *class, CodeRange *ranges, int64_t n, bool negated, int64_t *n_characters)
{
    *class = (ByteClass){.n_states = 1};
    class->ranges = base_alloc((size_t)(2 * n + 3), sizeof *class->ranges);
    class->n_ranges = normal_ranges(class->ranges, ranges, n, negated);
    class->next = base_alloc(MAX_STATES, sizeof *class->next);
    Builder b = {.class = class};
    b.before = base_alloc((size_t) class->n_ranges + 1, sizeof *b.before);
    for (int64_t i = 0; i < class->n_ranges; i++)
        b.before[i + 1] = b.before[i] + (int64_t)(class->ranges[i].high - class->ranges[i].low) + 1;
    *n_characters = b.before[class->n_ranges];
    build_start(&b);
    base_free(b.before);
    class->next = base_realloc(class->next, (size_t) class->n_states, sizeof *class->next);
    return !b.full;
}

void byte_class_free(ByteClass *class)
{
    base_free(class->next);
    base_free(class->ranges);
    *class = (ByteClass){.next = NULL};
}

bool byte_class_equal(const ByteClass *a, const ByteClass *b)
{
    return a->n_ranges == b->n_ranges && memcmp(a->ranges, b->ranges, (size_t)a->n_ranges * sizeof *a->ranges) == 0;
}
