/* SPDX-License-Identifier: MIT */
/* reward/math_compare.c: see math_compare.h. Every function here is symmetric in its two answers. */
#include "reward/math_compare.h"

#include "reward/math_small.h"
#include "reward/math_words.h"

#include <string.h>

enum { MAX_STEPS = 600, MAX_ELEMENTS = 64 };

static Verdict say(MathComparison *c, Verdict verdict, MathRule rule)
{
    c->rule = rule;
    return verdict;
}

static Verdict both(Verdict a, Verdict b)
{
    if (a == VERDICT_WRONG || b == VERDICT_WRONG) return VERDICT_WRONG;
    return a == VERDICT_RIGHT && b == VERDICT_RIGHT ? VERDICT_RIGHT : VERDICT_UNDECIDED;
}

static Verdict either(Verdict a, Verdict b)
{
    if (a == VERDICT_RIGHT || b == VERDICT_RIGHT) return VERDICT_RIGHT;
    return a == VERDICT_WRONG && b == VERDICT_WRONG ? VERDICT_WRONG : VERDICT_UNDECIDED;
}

/* Right becomes undecided: the same content in a form that the conventions do not speak of. */
static Verdict at_most_undecided(Verdict v)
{
    return v == VERDICT_RIGHT ? VERDICT_UNDECIDED : v;
}

/* ---- expressions ---- */

static bool same_tree(const MathNode *a, const MathNode *b)
{
    if (a->kind != b->kind || a->function != b->function || a->symbol != b->symbol) return false;
    if (a->kind == MATH_NUMBER) {
        if (a->den != b->den || a->num != b->num) return false;
        if (a->den == 0 && (a->n_text != b->n_text || memcmp(a->text, b->text, (size_t)a->n_text) != 0)) return false;
    }
    const MathNode *x = a->first, *y = b->first;
    for (; x && y; x = x->next, y = y->next)
        if (!same_tree(x, y)) return false;
    return !x && !y;
}

static bool is_expression(const MathNode *n)
{
    if (n->kind > MATH_PRODUCT && n->kind != MATH_BASED) return false;
    if (n->kind == MATH_INFINITY || n->kind == MATH_SIGN) return false;
    const bool bounded = n->kind == MATH_SUM || n->kind == MATH_PRODUCT;
    int64_t i = 0;
    for (const MathNode *x = n->first; x; x = x->next, i++)
        if (!is_expression(x) && !(bounded && i == 1 && x->kind == MATH_INFINITY)) return false;
    return true;
}

int math_infinity_sign(const MathNode *node)
{
    if (node->kind == MATH_INFINITY) return 1;
    return node->kind == MATH_NEGATE && node->first->kind == MATH_INFINITY ? -1 : 0;
}

Verdict math_compare_expressions(MathComparison *c, const MathNode *a, const MathNode *b)
{
    Fraction x, y;
    const int of_a = math_infinity_sign(a), of_b = math_infinity_sign(b);
    if (of_a || of_b) {
        if (of_a && of_b) return say(c, of_a == of_b ? VERDICT_RIGHT : VERDICT_WRONG, RULE_INFINITY);
        return say(c, is_expression(of_a ? b : a) ? VERDICT_WRONG : VERDICT_UNDECIDED, RULE_INFINITY);
    }
    const bool small_a = math_small_value(a, &x), small_b = math_small_value(b, &y);
    if (small_a && small_b) {
        const bool equal = x.num == y.num && x.den == y.den;
        return say(c, equal ? VERDICT_RIGHT : VERDICT_WRONG, equal ? RULE_EQUAL_NUMBERS : RULE_DIFFERENT_NUMBERS);
    }
    if (!is_expression(a) || !is_expression(b)) return say(c, VERDICT_UNDECIDED, RULE_KINDS);
    if (math_divides_by_zero(a) || math_divides_by_zero(b)) return say(c, VERDICT_UNDECIDED, RULE_UNDEFINED);
    if (same_tree(a, b)) return say(c, VERDICT_RIGHT, RULE_SAME_EXPRESSION);
    if (a->kind == MATH_SYMBOL && b->kind == MATH_SYMBOL) return say(c, VERDICT_WRONG, RULE_NAMES);
    if (!c->can_prove) {
        c->needs_prover = true;
        return say(c, VERDICT_UNDECIDED, RULE_UNSETTLED);
    }
    MathRule rule = RULE_UNSETTLED;
    const Verdict v = math_prove_equal(&c->work, a, b, c->relation == ANSWER_SAME, &rule);
    return say(c, v, rule);
}

int math_compare_order(MathComparison *c, const MathNode *a, const MathNode *b)
{
    Fraction x, y;
    const int of_a = math_infinity_sign(a), of_b = math_infinity_sign(b);
    if (of_a || of_b) return of_a == of_b ? 0 : of_a > of_b ? 1 : -1;
    if (math_small_value(a, &x) && math_small_value(b, &y)) return math_small_compare(x, y);
    if (!is_expression(a) || !is_expression(b) || math_has_symbols(a) || math_has_symbols(b)) return 2;
    if (!c->can_prove) {
        c->needs_prover = true;
        return 2;
    }
    return math_prove_sign(&c->work, a, b);
}

/* ---- what stands around a value ---- */

enum { NO_NAME = -1 };

/* An answer with what names it taken off: x = 3 is 3 with the name x, x in {1, 2} is {1, 2} with the name x. */
typedef struct View {
    const MathNode *value;
    int32_t name;
} View;

static bool contains_symbol(const MathNode *node, int32_t symbol)
{
    if (node->kind == MATH_SYMBOL && node->symbol == symbol) return true;
    for (const MathNode *x = node->first; x; x = x->next)
        if (contains_symbol(x, symbol)) return true;
    return false;
}

static bool is_equation(const MathNode *n)
{
    return n->kind == MATH_RELATION && n->function == REL_EQUAL;
}

/* x_1 and x_2 are both x: roots are listed so. */
static int32_t without_index(MathComparison *c, int32_t symbol)
{
    const MathSymbol *const s = &c->pool->symbols[symbol];
    const char *const mark = memchr(s->name, '_', (size_t)s->length);
    if (!mark || mark + 1 >= s->name + s->length) return symbol;
    for (const char *d = mark + 1; d < s->name + s->length; d++)
        if (!math_is_digit(*d)) return symbol;
    return math_symbol(c->pool, s->name, (size_t)(mark - s->name))->symbol;
}

/* (x, y) = (1, 2) is (1, 2). */
static bool is_named_point(const MathNode *n)
{
    if (!is_equation(n) || n->first->kind != MATH_TUPLE || n->first->next->kind != MATH_TUPLE) return false;
    for (const MathNode *x = n->first->first; x; x = x->next)
        if (x->kind != MATH_SYMBOL) return false;
    return true;
}

static View view_of_equation(const MathNode *n)
{
    const MathNode *const left = n->first, *const right = left->next;
    if (left->kind == MATH_SYMBOL && !contains_symbol(right, left->symbol)) return (View){right, left->symbol};
    if (right->kind == MATH_SYMBOL && !contains_symbol(left, right->symbol)) return (View){left, right->symbol};
    return (View){n, NO_NAME};
}

/* x = 2 or x = -2, "x = 2, 3": a list of values with one name. */
static View view_of_list(MathComparison *c, const MathNode *n)
{
    int32_t name = NO_NAME;
    MathNode *const values = math_node(c->pool, MATH_LIST);
    MathNode **tail = &values->first;
    values->function = n->function;
    for (const MathNode *x = n->first; x && !c->pool->full; x = x->next) {
        const View v = is_equation(x) ? view_of_equation(x) : (View){x, NO_NAME};
        const int32_t of_x = v.name == NO_NAME ? NO_NAME : without_index(c, v.name);
        if (x == n->first)
            name = of_x;
        else if (of_x != name && !(of_x == NO_NAME && !is_equation(x)))
            return (View){n, NO_NAME};
        MathNode *const copy = math_node(c->pool, MATH_NUMBER);
        if (c->pool->full) break;
        *copy = *v.value;
        copy->next = NULL;
        *tail = copy;
        tail = &copy->next;
    }
    return name == NO_NAME || c->pool->full ? (View){n, NO_NAME} : (View){values, name};
}

/* Two values in one: with + and with -. */
static const MathNode *both_signs(MathComparison *c, const MathNode *n)
{
    if (!math_has_kind(n, MATH_SIGN)) return n;
    MathNode *const list =
        math_node_of_two(c->pool, MATH_LIST, math_copy_signed(c->pool, n, 1), math_copy_signed(c->pool, n, -1));
    list->function = LIST_OR;
    return list;
}

/* Elements with a sign of their own become two. */
static const MathNode *spread_signs(MathComparison *c, const MathNode *n)
{
    if (!math_has_kind(n, MATH_SIGN)) return n;
    if (n->kind != MATH_LIST && n->kind != MATH_SET) return both_signs(c, n);
    MathNode *const spread = math_node(c->pool, (MathKind)n->kind);
    spread->function = n->function;
    for (const MathNode *x = n->first; x && !c->pool->full; x = x->next) {
        const bool two = math_has_kind(x, MATH_SIGN);
        math_append(spread, math_copy_signed(c->pool, x, 1));
        if (two) math_append(spread, math_copy_signed(c->pool, x, -1));
    }
    return spread;
}

static View view_of(MathComparison *c, const MathNode *n)
{
    n = spread_signs(c, n);
    if (n->kind == MATH_MEMBER && n->first->kind == MATH_SYMBOL) return (View){n->first->next, n->first->symbol};
    if (n->kind == MATH_LIST) return view_of_list(c, n);
    if (is_equation(n)) return view_of_equation(n);
    if (n->kind == MATH_CHAIN && is_equation(n->first)) { /* x = 2 + 1 = 3: the same value all along */
        const View first = view_of_equation(n->first);
        if (first.name == NO_NAME) return (View){n, NO_NAME};
        const MathNode *last = n->first;
        for (const MathNode *x = n->first->next; x; last = x, x = x->next)
            if (!is_equation(x) || math_compare_expressions(c, x->first, x->first->next) != VERDICT_RIGHT)
                return (View){n, NO_NAME};
        return (View){last->first->next, first.name};
    }
    return (View){n, NO_NAME};
}

/* ---- words and letters ---- */

static char letter_of(const MathComparison *c, const MathNode *n)
{
    if (n->kind == MATH_E) return 'e';
    if (n->kind == MATH_I) return 'i';
    if (n->kind != MATH_SYMBOL) return 0;
    const MathSymbol *const s = &c->pool->symbols[n->symbol];
    return s->length == 1 && (unsigned char)s->name[0] < 0x80 ? s->name[0] : 0;
}

/* Letters of choices ignore case when the other leniencies hold too. */
static bool is_choice_pair(const MathComparison *c, const MathNode *a, const MathNode *b)
{
    const char x = letter_of(c, a), y = letter_of(c, b);
    return c->relation == ANSWER_EQUAL && x && y && (x | 0x20) == (y | 0x20) && (x | 0x20) <= 'h';
}

static Verdict compare_words(MathComparison *c, const MathNode *a, const MathNode *b)
{
    const bool equal = a->n_text == b->n_text && memcmp(a->text, b->text, (size_t)a->n_text) == 0;
    return say(c, equal ? VERDICT_RIGHT : VERDICT_WRONG, equal ? RULE_WORDS : RULE_OTHER_WORDS);
}

static bool may_say_empty(const MathNode *words)
{
    static const char *const texts[] = {"no solution",       "no solutions",    "none",      "no real solution",
                                        "no real solutions", "does not exist",  "undefined", "infinity",
                                        "infinite",          "infinitely many", "dne"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strlen(texts[i]) == (size_t)words->n_text && memcmp(texts[i], words->text, strlen(texts[i])) == 0)
            return true;
    return false;
}

static Verdict compare_words_with(MathComparison *c, const MathNode *words, const MathNode *other)
{
    const bool open = may_say_empty(words) && (other->kind == MATH_SET || other->kind == MATH_INFINITY);
    return say(c, open ? VERDICT_UNDECIDED : VERDICT_WRONG, RULE_KINDS);
}

/* ---- units, percent, degrees, bases ---- */

static bool same_unit(const MathNode *a, const MathNode *b)
{
    return a->n_text == b->n_text && memcmp(a->text, b->text, (size_t)a->n_text) == 0;
}

static Verdict compare_units(MathComparison *c, const MathNode *a, const MathNode *b)
{
    int64_t num, den;
    Fraction x, y, scaled;
    if (same_unit(a, b)) return math_compare(c, a->first, b->first);
    const bool counted = a->text[0] == '#' || b->text[0] == '#';
    if (counted) {
        const Verdict v = math_compare(c, a->first, b->first);
        return say(c, at_most_undecided(v), RULE_UNITS);
    }
    if (math_unit_ratio(a->text, (size_t)a->n_text, b->text, (size_t)b->n_text, &num, &den) &&
        math_small_value(a->first, &x) && math_small_value(b->first, &y)) {
        MathNode above = {.kind = MATH_NUMBER, .num = num, .den = 1},
                 below = {.kind = MATH_NUMBER, .num = den, .den = 1};
        MathNode value = {.kind = MATH_NUMBER, .num = x.num, .den = x.den},
                 product = {.kind = MATH_MULTIPLY, .first = &value};
        MathNode quotient = {.kind = MATH_DIVIDE, .first = &product};
        value.next = &above;
        product.next = &below;
        if (math_small_value(&quotient, &scaled) && math_small_compare(scaled, y) == 0)
            return say(c, VERDICT_UNDECIDED, RULE_CONVERTED);
    }
    return say(c, VERDICT_WRONG, RULE_UNITS);
}

/* One has a unit, the other none. "3 m" may also have been meant as 3 times m. */
static Verdict compare_unit_missing(MathComparison *c, const MathNode *quantity, const MathNode *other)
{
    if (other->kind == MATH_PERCENT || other->kind == MATH_DEGREES || other->kind == MATH_BASED)
        return say(c, VERDICT_WRONG, RULE_UNITS);
    if (math_has_symbols(other) && quantity->n_text == 1) {
        MathNode *const symbol = math_symbol(c->pool, quantity->text, 1);
        MathNode *const value = math_node(c->pool, MATH_NUMBER);
        if (c->pool->full) return say(c, VERDICT_UNDECIDED, RULE_TOO_LARGE);
        *value = *quantity->first;
        return math_compare(c, math_node_of_two(c->pool, MATH_MULTIPLY, value, symbol), other);
    }
    if (c->relation == ANSWER_SAME) return say(c, VERDICT_WRONG, RULE_UNITS);
    return math_compare(c, quantity->first, other);
}

static Verdict compare_percent(MathComparison *c, const MathNode *a, const MathNode *b)
{
    if (a->kind == b->kind) return math_compare(c, a->first, b->first);
    if (c->relation == ANSWER_SAME) return math_compare_expressions(c, a, b);
    const MathNode *const percent = a->kind == MATH_PERCENT ? a : b, *const other = a->kind == MATH_PERCENT ? b : a;
    if (!is_expression(other) || other->kind == MATH_DEGREES) return say(c, VERDICT_WRONG, RULE_KINDS);
    const Verdict hundredth = math_compare_expressions(c, percent, other);
    return say(c,
               hundredth == VERDICT_RIGHT ? hundredth
                                          : either(hundredth, math_compare_expressions(c, percent->first, other)),
               RULE_PERCENT);
}

/* 30 degrees is pi/6; without the other's unit it is also 30. */
static Verdict compare_degrees(MathComparison *c, const MathNode *a, const MathNode *b)
{
    if (a->kind == b->kind) return math_compare(c, a->first, b->first);
    const MathNode *const degrees = a->kind == MATH_DEGREES ? a : b, *const other = a->kind == MATH_DEGREES ? b : a;
    if (!is_expression(other)) return say(c, VERDICT_WRONG, RULE_KINDS);
    if (c->relation == ANSWER_SAME) return math_compare_expressions(c, degrees, other);
    const Verdict bare = math_compare_expressions(c, degrees->first, other);
    return bare == VERDICT_RIGHT ? bare : either(math_compare_expressions(c, degrees, other), bare);
}

/* The base is part of the answer: 1011_2 is not 11, though their values are equal. */
static Verdict compare_bases(MathComparison *c, const MathNode *a, const MathNode *b)
{
    if (a->kind == MATH_BASED && a->function == 10) return math_compare(c, a->first, b);
    if (b->kind == MATH_BASED && b->function == 10) return math_compare(c, a, b->first);
    if (a->kind == b->kind) {
        if (a->function == b->function) return math_compare(c, a->first, b->first);
        return say(c, VERDICT_WRONG, RULE_BASES);
    }
    const MathNode *const based = a->kind == MATH_BASED ? a : b, *const other = a->kind == MATH_BASED ? b : a;
    const bool same_digits = other->kind == MATH_NUMBER && other->n_text == based->n_text && other->text &&
                             memcmp(other->text, based->text, (size_t)based->n_text) == 0;
    return say(c, same_digits ? VERDICT_UNDECIDED : VERDICT_WRONG, RULE_BASES);
}

/* ---- ratios and times ---- */

static Verdict proportional(MathComparison *c, const MathNode *a, const MathNode *b)
{
    if (math_count(a) != math_count(b)) return VERDICT_WRONG;
    const MathNode *const a1 = a->first, *const b1 = b->first;
    Verdict v = VERDICT_RIGHT;
    for (const MathNode *x = a1->next, *y = b1->next; x && y; x = x->next, y = y->next) {
        MathNode *parts[4];
        const MathNode *const sources[4] = {a1, y, b1, x};
        for (int i = 0; i < 4; i++) parts[i] = math_copy_signed(c->pool, sources[i], 1);
        if (c->pool->full) return VERDICT_UNDECIDED;
        v = both(v, math_compare_expressions(c, math_node_of_two(c->pool, MATH_MULTIPLY, parts[0], parts[1]),
                                             math_node_of_two(c->pool, MATH_MULTIPLY, parts[2], parts[3])));
    }
    return v;
}

static Verdict compare_times(MathComparison *c, const MathNode *a, const MathNode *b)
{
    const bool said_a = a->function == RATIO_TIME, said_b = b->function == RATIO_TIME;
    if (a->num == b->num)
        return say(c, c->relation == ANSWER_EQUAL || said_a == said_b ? VERDICT_RIGHT : VERDICT_WRONG, RULE_TIME);
    const int64_t bare = said_a ? b->num : a->num; /* the one that may have left am or pm out */
    if (c->relation == ANSWER_EQUAL && said_a != said_b && bare >= 60 && bare < 13 * 60 && a->num % 720 == b->num % 720)
        return say(c, VERDICT_RIGHT, RULE_TIME);
    if (!said_a && !said_b) return say(c, at_most_undecided(proportional(c, a, b)), RULE_TIME);
    return say(c, VERDICT_WRONG, RULE_TIME);
}

static Verdict compare_ratios(MathComparison *c, const MathNode *a, const MathNode *b)
{
    if (a->function != RATIO_PLAIN && b->function != RATIO_PLAIN) return compare_times(c, a, b);
    if (a->function == RATIO_TIME || b->function == RATIO_TIME) return say(c, VERDICT_WRONG, RULE_TIME);
    const Verdict v = proportional(c, a, b);
    /* 10:30 and 1:3: one of them may be a time of day. */
    if (a->function != b->function) return say(c, at_most_undecided(v), RULE_TIME);
    return say(c, v, v == VERDICT_RIGHT ? RULE_RATIO : RULE_OTHER_RATIO);
}

static Verdict compare_ratio_with(MathComparison *c, const MathNode *ratio, const MathNode *other)
{
    if (ratio->function == RATIO_TIME || math_count(ratio) != 2 || !is_expression(other))
        return say(c, VERDICT_WRONG, RULE_KINDS);
    MathNode *const x = math_copy_signed(c->pool, ratio->first, 1), *const y = math_copy_signed(c->pool,
                                                                                                ratio->first->next, 1);
    if (c->pool->full) return say(c, VERDICT_UNDECIDED, RULE_TOO_LARGE);
    return say(c, at_most_undecided(math_compare_expressions(c, math_node_of_two(c->pool, MATH_DIVIDE, x, y), other)),
               RULE_KINDS);
}

/* ---- collections ---- */

static Verdict in_order(MathComparison *c, const MathNode *a, const MathNode *b)
{
    Verdict v = VERDICT_RIGHT;
    MathRule rule = RULE_ELEMENTS;
    if (math_count(a) != math_count(b)) return say(c, VERDICT_WRONG, RULE_COUNTS);
    for (const MathNode *x = a->first, *y = b->first; x && y && v != VERDICT_WRONG; x = x->next, y = y->next) {
        const Verdict one = math_compare(c, x, y);
        if (one != VERDICT_RIGHT && v == VERDICT_RIGHT) rule = one == VERDICT_WRONG ? RULE_ELEMENT_DIFFERS : c->rule;
        v = both(v, one);
    }
    return say(c, v, v == VERDICT_WRONG ? RULE_ELEMENT_DIFFERS : rule);
}

/* Pairs the elements off. With `sets`, an element may stand for several. An element that is not any of the other's decides:
 * wrong. */
static Verdict unordered(MathComparison *c, const MathNode *a, const MathNode *b, bool sets)
{
    const MathNode *left[MAX_ELEMENTS], *right[MAX_ELEMENTS];
    int n = 0, m = 0;
    for (const MathNode *x = a->first; x; x = x->next)
        if (n < MAX_ELEMENTS)
            left[n++] = x;
        else
            return say(c, VERDICT_UNDECIDED, RULE_TOO_LARGE);
    for (const MathNode *x = b->first; x; x = x->next)
        if (m < MAX_ELEMENTS)
            right[m++] = x;
        else
            return say(c, VERDICT_UNDECIDED, RULE_TOO_LARGE);
    bool taken[MAX_ELEMENTS] = {false}, matched[MAX_ELEMENTS] = {false}, maybe[MAX_ELEMENTS] = {false};
    bool open = false, repeats = false;
    for (int i = 0; i < n; i++) {
        int found = -1;
        bool hope = false;
        for (int k = 0; k < m && found < 0; k++) {
            if (taken[k]) continue;
            const Verdict v = math_compare(c, left[i], right[k]);
            if (v == VERDICT_RIGHT) found = k;
            if (v == VERDICT_UNDECIDED) hope = maybe[k] = true;
        }
        if (found >= 0) {
            taken[found] = matched[found] = true;
            continue;
        }
        for (int k = 0; k < m && found < 0 && !hope; k++) /* an element again */
            if (taken[k] && math_compare(c, left[i], right[k]) == VERDICT_RIGHT) found = k;
        if (found >= 0)
            repeats = true;
        else if (!hope)
            return say(c, VERDICT_WRONG, n == m ? RULE_ELEMENT_DIFFERS : RULE_COUNTS);
        open = open || hope;
    }
    for (int k = 0; k < m; k++) {
        if (matched[k]) continue;
        bool found = false, hope = maybe[k];
        for (int i = 0; i < n && !found; i++) {
            const Verdict v = math_compare(c, left[i], right[k]);
            found = v == VERDICT_RIGHT;
            hope = hope || v == VERDICT_UNDECIDED;
        }
        if (found)
            repeats = true;
        else if (!hope)
            return say(c, VERDICT_WRONG, n == m ? RULE_ELEMENT_DIFFERS : RULE_COUNTS);
        else
            open = true;
    }
    if (open) return say(c, VERDICT_UNDECIDED, RULE_UNSETTLED);
    if (repeats && !sets) return say(c, VERDICT_UNDECIDED, RULE_COUNTS);
    return say(c, VERDICT_RIGHT, RULE_ELEMENTS);
}

static bool is_unordered(const MathNode *n)
{
    return n->kind == MATH_LIST || n->kind == MATH_SET;
}

/* (1,2) against 1,2 or {1,2}: the conventions do not say. */
static Verdict compare_tuple_with_set(MathComparison *c, const MathNode *tuple, const MathNode *set)
{
    return say(c, at_most_undecided(unordered(c, tuple, set, true)), RULE_BRACKETS);
}

/* One answer counts: a list of several is not one of them. */
static Verdict compare_set_with_one(MathComparison *c, const MathNode *set, const MathNode *one)
{
    Verdict all = VERDICT_RIGHT;
    if (!set->first) return say(c, VERDICT_WRONG, RULE_KINDS);
    if (math_count(set) > MAX_ELEMENTS) return say(c, VERDICT_WRONG, RULE_COUNTS);
    for (const MathNode *x = set->first; x && all != VERDICT_WRONG; x = x->next)
        all = both(all, math_compare(c, x, one));
    return say(c, at_most_undecided(all), RULE_COUNTS);
}

static Verdict compare_matrices(MathComparison *c, const MathNode *a, const MathNode *b)
{
    if (a->function != b->function) return say(c, VERDICT_WRONG, RULE_COUNTS);
    return in_order(c, a, b);
}

static Verdict compare_matrix_with(MathComparison *c, const MathNode *matrix, const MathNode *other)
{
    if (other->kind != MATH_TUPLE) return say(c, VERDICT_WRONG, RULE_KINDS);
    return say(c, at_most_undecided(in_order(c, matrix, other)), RULE_BRACKETS);
}

/* ---- equations ---- */

static MathNode *left_minus_right(MathComparison *c, const MathNode *relation)
{
    MathNode *const left = math_copy_signed(c->pool, relation->first, 1), *const right = math_copy_signed(
                                                                              c->pool, relation->first->next, 1);
    return math_node_of_two(c->pool, MATH_ADD, left, math_node_of(c->pool, MATH_NEGATE, right));
}

static Verdict compare_equations(MathComparison *c, const MathNode *a, const MathNode *b)
{
    const View x = view_of_equation(a), y = view_of_equation(b);
    if (x.name != NO_NAME && x.name == y.name) return math_compare(c, x.value, y.value);
    if (x.name != NO_NAME && y.name != NO_NAME && !math_has_symbols(x.value) && !math_has_symbols(y.value))
        return say(c, VERDICT_WRONG, RULE_NAMES);
    if (!is_expression(a->first) || !is_expression(a->first->next) || !is_expression(b->first) ||
        !is_expression(b->first->next))
        return say(c, VERDICT_UNDECIDED, RULE_KINDS);
    if (!c->can_prove) {
        c->needs_prover = true;
        return say(c, VERDICT_UNDECIDED, RULE_UNSETTLED);
    }
    const MathNode *const f = left_minus_right(c, a), *const g = left_minus_right(c, b);
    if (c->pool->full) return say(c, VERDICT_UNDECIDED, RULE_TOO_LARGE);
    MathRule rule = RULE_UNSETTLED;
    const Verdict v = math_prove_proportional(&c->work, f, g, false, &rule);
    return say(c, v, v == VERDICT_RIGHT ? RULE_EQUATIONS : v == VERDICT_WRONG ? RULE_OTHER_EQUATION : rule);
}

/* 2 + 3 = 5 is a statement, not the answer 5; whether it gives that answer is not for us to say. */
static Verdict compare_statement_with(MathComparison *c, const MathNode *statement, const MathNode *other)
{
    const MathNode *last = statement;
    if (statement->kind == MATH_CHAIN)
        for (const MathNode *x = statement->first; x; x = x->next) last = x;
    if (last->kind != MATH_RELATION || last->function != REL_EQUAL || !is_expression(other))
        return say(c, VERDICT_WRONG, RULE_KINDS);
    if (last->first->kind == MATH_NUMBER && last->first->next->kind == MATH_NUMBER)
        return say(c, VERDICT_WRONG, RULE_STATEMENT);
    return say(c, at_most_undecided(math_compare(c, last->first->next, other)), RULE_STATEMENT);
}

/* ---- dispatch ---- */

static bool is_statement(const MathNode *n)
{
    return n->kind == MATH_RELATION || n->kind == MATH_CHAIN || n->kind == MATH_EITHER || n->kind == MATH_MEMBER;
}

static Verdict compare_regions_or_not(MathComparison *c, const MathNode *a, const MathNode *b)
{
    bool can;
    const Verdict v = math_compare_regions(c, a, b, &can);
    if (can) return v;
    /* Inequalities in several symbols are the same up to a positive factor. */
    if (a->kind == MATH_RELATION && b->kind == MATH_RELATION && a->function != REL_NOT_EQUAL &&
        b->function != REL_NOT_EQUAL && a->function != REL_EQUAL && b->function != REL_EQUAL) {
        const bool strict_a = a->function == REL_LESS || a->function == REL_GREATER,
                   strict_b = b->function == REL_LESS || b->function == REL_GREATER;
        if (!c->can_prove) {
            c->needs_prover = true;
            return say(c, VERDICT_UNDECIDED, RULE_UNSETTLED);
        }
        MathNode *f = left_minus_right(c, a), *g = left_minus_right(c, b);
        if (a->function <= REL_LESS_EQUAL) f = math_node_of(c->pool, MATH_NEGATE, f);
        if (b->function <= REL_LESS_EQUAL) g = math_node_of(c->pool, MATH_NEGATE, g);
        if (c->pool->full) return say(c, VERDICT_UNDECIDED, RULE_TOO_LARGE);
        MathRule rule = RULE_UNSETTLED;
        const Verdict same = math_prove_proportional(&c->work, f, g, true, &rule);
        if (same == VERDICT_RIGHT) return say(c, strict_a == strict_b ? VERDICT_RIGHT : VERDICT_WRONG, RULE_REGIONS);
        return say(c, VERDICT_UNDECIDED, rule);
    }
    if ((math_is_region(a) || is_unordered(a)) && (math_is_region(b) || is_unordered(b)))
        return say(c, VERDICT_UNDECIDED, RULE_UNSETTLED);
    const MathNode *const other = math_is_region(a) ? b : a;
    return say(c,
               is_expression(other) || other->kind == MATH_TUPLE || other->kind == MATH_MATRIX ? VERDICT_WRONG
                                                                                               : VERDICT_UNDECIDED,
               RULE_KINDS);
}

static Verdict compare_values(MathComparison *c, const MathNode *a, const MathNode *b)
{
    if (is_choice_pair(c, a, b)) return say(c, VERDICT_RIGHT, RULE_CHOICE);
    if (a->kind == MATH_WORDS && b->kind == MATH_WORDS) return compare_words(c, a, b);
    if (a->kind == MATH_WORDS) return compare_words_with(c, a, b);
    if (b->kind == MATH_WORDS) return compare_words_with(c, b, a);
    if (a->kind == MATH_UNIT && b->kind == MATH_UNIT) return compare_units(c, a, b);
    if (a->kind == MATH_UNIT) return compare_unit_missing(c, a, b);
    if (b->kind == MATH_UNIT) return compare_unit_missing(c, b, a);
    if (a->kind == MATH_BASED || b->kind == MATH_BASED) return compare_bases(c, a, b);
    if (math_is_region(a) || math_is_region(b)) return compare_regions_or_not(c, a, b);
    if (is_unordered(a) && is_unordered(b)) return unordered(c, a, b, a->kind == MATH_SET && b->kind == MATH_SET);
    if (a->kind == MATH_TUPLE && b->kind == MATH_TUPLE) return in_order(c, a, b);
    if (a->kind == MATH_TUPLE && is_unordered(b)) return compare_tuple_with_set(c, a, b);
    if (b->kind == MATH_TUPLE && is_unordered(a)) return compare_tuple_with_set(c, b, a);
    if (is_unordered(a)) return compare_set_with_one(c, a, b);
    if (is_unordered(b)) return compare_set_with_one(c, b, a);
    if (a->kind == MATH_MATRIX && b->kind == MATH_MATRIX) return compare_matrices(c, a, b);
    if (a->kind == MATH_MATRIX) return compare_matrix_with(c, a, b);
    if (b->kind == MATH_MATRIX) return compare_matrix_with(c, b, a);
    if (a->kind == MATH_TUPLE || b->kind == MATH_TUPLE) return say(c, VERDICT_WRONG, RULE_KINDS);
    if (a->kind == MATH_RATIO && b->kind == MATH_RATIO) return compare_ratios(c, a, b);
    if (a->kind == MATH_RATIO) return compare_ratio_with(c, a, b);
    if (b->kind == MATH_RATIO) return compare_ratio_with(c, b, a);
    if (is_statement(a) && is_statement(b))
        return say(c, same_tree(a, b) ? VERDICT_RIGHT : VERDICT_UNDECIDED, RULE_KINDS);
    if (is_statement(a)) return compare_statement_with(c, a, b);
    if (is_statement(b)) return compare_statement_with(c, b, a);
    if (a->kind == MATH_PERCENT || b->kind == MATH_PERCENT) return compare_percent(c, a, b);
    if (a->kind == MATH_DEGREES || b->kind == MATH_DEGREES) return compare_degrees(c, a, b);
    return math_compare_expressions(c, a, b);
}

/* One is named, as in x = 3. */
static Verdict compare_named(MathComparison *c, View x, View y)
{
    if (x.name == y.name || ((x.name == NO_NAME || y.name == NO_NAME) && c->relation == ANSWER_EQUAL))
        return math_compare(c, x.value, y.value);
    return say(c, VERDICT_WRONG, RULE_NAMES);
}

Verdict math_compare(MathComparison *c, const MathNode *a, const MathNode *b)
{
    if (++c->steps > MAX_STEPS || c->pool->full) return say(c, VERDICT_UNDECIDED, RULE_TOO_LARGE);
    const bool point_a = is_named_point(a), point_b = is_named_point(b);
    if (point_a && point_b && same_tree(a->first, b->first)) return math_compare(c, a->first->next, b->first->next);
    if (point_a != point_b && c->relation == ANSWER_EQUAL && !is_equation(point_a ? b : a))
        return math_compare(c, point_a ? a->first->next : a, point_b ? b->first->next : b);
    if (is_equation(a) && is_equation(b) && !math_has_kind(a, MATH_SIGN) && !math_has_kind(b, MATH_SIGN))
        return compare_equations(c, a, b);
    const View x = view_of(c, a), y = view_of(c, b);
    if (c->pool->full) return say(c, VERDICT_UNDECIDED, RULE_TOO_LARGE);
    const bool region_names =
        math_is_region(x.value) || math_is_region(y.value); /* those know their names themselves */
    if ((x.name != NO_NAME || y.name != NO_NAME) && !region_names) return compare_named(c, x, y);
    if (x.name != NO_NAME && y.name != NO_NAME && x.name != y.name) return say(c, VERDICT_WRONG, RULE_NAMES);
    return compare_values(c, x.value, y.value);
}
