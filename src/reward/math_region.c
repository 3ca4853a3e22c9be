/* SPDX-License-Identifier: MIT */
/* reward/math_region.c: intervals, unions, inequalities as sets of real numbers.
 *
 * A region is a list of pieces (low, high, which ends belong). Normalised: sorted, no two overlap or touch; then two regions
 * are equal iff their pieces are. Ends are expressions; a region of one piece needs no order among them, so its ends may hold
 * symbols. */
#include "reward/math_compare.h"
#include "reward/math_small.h"

enum { MAX_PIECES = 24, NO_NAME = -1, NOT_KNOWN = 2 };

typedef struct Piece {
    const MathNode *low, *high;
    bool low_closed, high_closed;
} Piece;

typedef struct Region {
    Piece pieces[MAX_PIECES];
    int n;
    int32_t name; /* of the symbol in inequalities */
} Region;

static bool region_of(MathComparison *c, Region *r, const MathNode *n);

static bool is_inequality(const MathNode *n)
{
    return n->kind == MATH_RELATION && n->function != REL_EQUAL;
}

bool math_is_region(const MathNode *n)
{
    switch ((MathKind)n->kind) {
    case MATH_INTERVAL:
    case MATH_UNION:
    case MATH_INTERSECTION:
    case MATH_DIFFERENCE:
    case MATH_REALS:
    case MATH_EITHER:
        return true;
    case MATH_CHAIN:
        return is_inequality(n->first);
    case MATH_RELATION:
        return n->function != REL_EQUAL;
    case MATH_LIST:
        return n->first && is_inequality(n->first);
    case MATH_TUPLE:
        return n->first && (math_infinity_sign(n->first) || (n->first->next && math_infinity_sign(n->first->next)));
    default:
        return false;
    }
}

static MathNode *infinity(MathComparison *c, int sign)
{
    MathNode *const n = math_node(c->pool, MATH_INFINITY);
    return sign > 0 ? n : math_node_of(c->pool, MATH_NEGATE, n);
}

static bool add_piece(Region *r, const MathNode *low, const MathNode *high, bool low_closed, bool high_closed)
{
    if (r->n == MAX_PIECES) return false;
    r->pieces[r->n++] =
        (Piece){low, high, low_closed && !math_infinity_sign(low), high_closed && !math_infinity_sign(high)};
    return true;
}

/* ---- inequalities ---- */

/* The symbol replaced by a number, everywhere. */
static MathNode *substituted(MathComparison *c, const MathNode *n, int32_t symbol, int64_t value)
{
    MathNode *const copy = math_node(c->pool, (MathKind)n->kind);
    if (c->pool->full) return copy;
    *copy = *n;
    copy->first = copy->next = NULL;
    if (n->kind == MATH_SYMBOL && n->symbol == symbol) {
        copy->kind = MATH_NUMBER;
        copy->num = value;
        copy->den = 1;
    }
    MathNode **at = &copy->first;
    for (const MathNode *x = n->first; x && !c->pool->full; x = x->next) {
        *at = substituted(c, x, symbol, value);
        at = &(*at)->next;
    }
    return copy;
}

/* The only symbol of an expression; NO_NAME when there are none or several. */
static int32_t only_symbol(const MathNode *n, int32_t found)
{
    if (n->kind == MATH_SYMBOL) return found == NO_NAME || found == n->symbol ? n->symbol : -2;
    for (const MathNode *x = n->first; x && found != -2; x = x->next) found = only_symbol(x, found);
    return found;
}

/* left - right is a line in the symbol: where it crosses 0, and whether it rises. Small numbers only. */
static bool solve_line(MathComparison *c, const MathNode *left, const MathNode *right, int32_t symbol,
                       const MathNode **zero, bool *rises)
{
    Fraction at[2];
    for (int i = 0; i < 2; i++) {
        Fraction l, r;
        if (!math_small_value(substituted(c, left, symbol, i), &l) ||
            !math_small_value(substituted(c, right, symbol, i), &r))
            return false;
        MathNode x = {.kind = MATH_NUMBER, .num = l.num, .den = l.den},
                 y = {.kind = MATH_NUMBER, .num = -r.num, .den = r.den};
        MathNode sum = {.kind = MATH_ADD, .first = &x};
        x.next = &y;
        if (!math_small_value(&sum, &at[i])) return false;
    }
    /* a = f(1) - f(0), b = f(0); the proof that f is a x + b. */
    MathNode *const b = math_number(c->pool, at[0].num, at[0].den);
    MathNode *const slope = math_node_of_two(c->pool, MATH_ADD, math_number(c->pool, at[1].num, at[1].den),
                                             math_number(c->pool, -at[0].num, at[0].den));
    Fraction a, root;
    if (c->pool->full || !math_small_value(slope, &a) || a.num == 0) return false;
    MathNode *const x = math_node(c->pool, MATH_SYMBOL);
    x->symbol = symbol;
    MathNode *const line = math_node_of_two(
        c->pool, MATH_ADD, math_node_of_two(c->pool, MATH_MULTIPLY, math_number(c->pool, a.num, a.den), x), b);
    MathNode *const f = math_node_of_two(c->pool, MATH_ADD, math_copy_signed(c->pool, left, 1),
                                         math_node_of(c->pool, MATH_NEGATE, math_copy_signed(c->pool, right, 1)));
    if (c->pool->full || math_compare_expressions(c, f, line) != VERDICT_RIGHT) return false;
    MathNode *const quotient = math_node_of_two(c->pool, MATH_DIVIDE, math_number(c->pool, -at[0].num, at[0].den),
                                                math_number(c->pool, a.num, a.den));
    if (c->pool->full || !math_small_value(quotient, &root)) return false;
    *zero = math_number(c->pool, root.num, root.den);
    *rises = a.num > 0;
    return !c->pool->full;
}

/* symbol RELATION bound */
static bool add_bound(MathComparison *c, Region *r, int relation, const MathNode *bound)
{
    MathNode *const low = infinity(c, -1), *const high = infinity(c, 1);
    if (c->pool->full) return false;
    switch (relation) {
    case REL_LESS:
        return add_piece(r, low, bound, false, false);
    case REL_LESS_EQUAL:
        return add_piece(r, low, bound, false, true);
    case REL_GREATER:
        return add_piece(r, bound, high, false, false);
    case REL_GREATER_EQUAL:
        return add_piece(r, bound, high, true, false);
    case REL_EQUAL:
        return add_piece(r, bound, bound, true, true);
    default:
        return add_piece(r, low, bound, false, false) && add_piece(r, bound, high, false, false);
    }
}

static int mirrored(int relation)
{
    static const int mirror[] = {REL_EQUAL, REL_NOT_EQUAL, REL_GREATER, REL_GREATER_EQUAL, REL_LESS, REL_LESS_EQUAL};
    return mirror[relation];
}

static bool contains(const MathNode *n, int32_t symbol)
{
    if (n->kind == MATH_SYMBOL && n->symbol == symbol) return true;
    for (const MathNode *x = n->first; x; x = x->next)
        if (contains(x, symbol)) return true;
    return false;
}

static bool region_of_all(MathComparison *c, Region *r, const MathNode *n);
static bool region_of_any(MathComparison *c, Region *r, const MathNode *n);

/* |f| < c is -c < f < c, |f| > c is f < -c or f > c, for a number c > 0. */
static bool region_of_distance(MathComparison *c, Region *r, const MathNode *f, int relation, const MathNode *bound)
{
    const bool near = relation == REL_LESS || relation == REL_LESS_EQUAL;
    Fraction distance;
    if (relation == REL_EQUAL || relation == REL_NOT_EQUAL || !math_small_value(bound, &distance) || distance.num <= 0)
        return false;
    MathNode *const pair = math_node_of_two(c->pool, near ? MATH_CHAIN : MATH_EITHER, math_node(c->pool, MATH_RELATION),
                                            math_node(c->pool, MATH_RELATION));
    for (int i = 0; i < 2 && !c->pool->full; i++) {
        MathNode *const one = i == 0 ? pair->first : pair->first->next;
        MathNode *const end = math_number(c->pool, i == 0 ? distance.num : -distance.num, distance.den);
        one->function = i == 0 ? relation : mirrored(relation);
        one->first = math_copy_signed(c->pool, f, 1);
        one->first->next = end;
    }
    if (c->pool->full) return false;
    return near ? region_of_all(c, r, pair) : region_of_any(c, r, pair);
}

static bool region_of_relation(MathComparison *c, Region *r, const MathNode *n)
{
    const MathNode *const left = n->first, *const right = left->next;
    if (left->kind == MATH_FUNCTION && left->function == FN_ABS && right->kind == MATH_NUMBER)
        return region_of_distance(c, r, left->first, n->function, right);
    const MathNode *zero;
    bool rises;
    if (left->kind == MATH_SYMBOL && !contains(right, left->symbol) &&
        !(right->kind == MATH_SYMBOL && r->name == right->symbol)) {
        r->name = left->symbol;
        return add_bound(c, r, n->function, right);
    }
    if (right->kind == MATH_SYMBOL && !contains(left, right->symbol)) {
        r->name = right->symbol;
        return add_bound(c, r, mirrored(n->function), left);
    }
    const int32_t symbol = only_symbol(right, only_symbol(left, NO_NAME));
    if (symbol < 0 || !solve_line(c, left, right, symbol, &zero, &rises)) return false;
    r->name = symbol;
    return add_bound(c, r, rises ? n->function : mirrored(n->function), zero);
}

/* ---- combining ---- */

static bool intersect(MathComparison *c, Region *out, const Region *a, const Region *b)
{
    *out = (Region){.name = a->name};
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < b->n; k++) {
            const Piece p = a->pieces[i], q = b->pieces[k];
            const int lows = math_compare_order(c, p.low, q.low), highs = math_compare_order(c, p.high, q.high);
            if (lows == NOT_KNOWN || highs == NOT_KNOWN) return false;
            Piece s = {.low = lows >= 0 ? p.low : q.low, .high = highs <= 0 ? p.high : q.high};
            s.low_closed = lows > 0 ? p.low_closed : lows < 0 ? q.low_closed : p.low_closed && q.low_closed;
            s.high_closed = highs < 0 ? p.high_closed : highs > 0 ? q.high_closed : p.high_closed && q.high_closed;
            const int width = math_compare_order(c, s.low, s.high);
            if (width == NOT_KNOWN) return false;
            if (width < 0 || (width == 0 && s.low_closed && s.high_closed))
                if (!add_piece(out, s.low, s.high, s.low_closed, s.high_closed)) return false;
        }
    return true;
}

static bool sort_and_merge(MathComparison *c, Region *r)
{
    for (int i = 1; i < r->n; i++)
        for (int k = i; k > 0; k--) {
            const int order = math_compare_order(c, r->pieces[k - 1].low, r->pieces[k].low);
            if (order == NOT_KNOWN) return false;
            if (order < 0 || (order == 0 && (r->pieces[k - 1].low_closed || !r->pieces[k].low_closed))) break;
            const Piece swap = r->pieces[k];
            r->pieces[k] = r->pieces[k - 1];
            r->pieces[k - 1] = swap;
        }
    int n = 0;
    for (int i = 0; i < r->n; i++) {
        const Piece p = r->pieces[i];
        if (n > 0) {
            Piece *const last = &r->pieces[n - 1];
            const int gap = math_compare_order(c, last->high, p.low);
            if (gap == NOT_KNOWN) return false;
            if (gap > 0 || (gap == 0 && (last->high_closed || p.low_closed))) {
                const int ends = math_compare_order(c, last->high, p.high);
                if (ends == NOT_KNOWN) return false;
                if (ends == 0) last->high_closed = last->high_closed || p.high_closed;
                if (ends < 0) {
                    last->high = p.high;
                    last->high_closed = p.high_closed;
                }
                continue;
            }
        }
        r->pieces[n++] = p;
    }
    r->n = n;
    return true;
}

static bool complement(MathComparison *c, Region *out, Region *r)
{
    if (!sort_and_merge(c, r)) return false;
    *out = (Region){.name = r->name};
    const MathNode *low = infinity(c, -1);
    bool closed = false;
    for (int i = 0; i < r->n; i++) {
        const Piece *const p = &r->pieces[i];
        if (math_infinity_sign(p->low) >= 0 && !add_piece(out, low, p->low, closed, !p->low_closed)) return false;
        low = p->high;
        closed = !p->high_closed;
        if (math_infinity_sign(low) > 0) return !c->pool->full;
    }
    return add_piece(out, low, infinity(c, 1), closed, false) && !c->pool->full;
}

static bool region_of_all(MathComparison *c, Region *r, const MathNode *n)
{
    Region one, met;
    bool begun = false;
    for (const MathNode *x = n->first; x; x = x->next) {
        one = (Region){.name = r->name};
        if (!region_of(c, &one, x)) return false;
        if (begun && one.name != r->name && r->name != NO_NAME) return false;
        if (begun) {
            if (!intersect(c, &met, r, &one)) return false;
            met.name = one.name;
            *r = met;
        } else {
            *r = one;
        }
        begun = true;
    }
    return begun;
}

static bool region_of_any(MathComparison *c, Region *r, const MathNode *n)
{
    for (const MathNode *x = n->first; x; x = x->next) {
        Region one = {.name = NO_NAME};
        if (!region_of(c, &one, x)) return false;
        if (one.name != NO_NAME && r->name != NO_NAME && one.name != r->name) return false;
        if (one.name != NO_NAME) r->name = one.name;
        for (int i = 0; i < one.n; i++)
            if (!add_piece(r, one.pieces[i].low, one.pieces[i].high, one.pieces[i].low_closed,
                           one.pieces[i].high_closed))
                return false;
    }
    return true;
}

/* "x != 1, x != 2" hold together; other inequalities in a row may be meant either way. */
static bool region_of_row(MathComparison *c, Region *r, const MathNode *n)
{
    int others = 0;
    for (const MathNode *x = n->first; x; x = x->next) {
        if (!is_inequality(x) && !(x->kind == MATH_CHAIN && is_inequality(x->first))) return false;
        others += x->kind == MATH_CHAIN || x->function != REL_NOT_EQUAL;
    }
    return others <= 1 && region_of_all(c, r, n);
}

/* a < x < b, whose middle alone is named; a chain of inequalities all of which hold. */
static bool region_of_chain(MathComparison *c, Region *r, const MathNode *n)
{
    const MathNode *const first = n->first, *const second = first->next;
    const bool middle = second && !second->next && first->kind == MATH_RELATION && second->kind == MATH_RELATION &&
                        first->first->next->kind == MATH_SYMBOL && second->first->kind == MATH_SYMBOL &&
                        first->first->next->symbol == second->first->symbol;
    if (!middle) return region_of_all(c, r, n);
    const int32_t symbol = second->first->symbol;
    const MathNode *low = first->first, *high = second->first->next;
    int lower = first->function, upper = second->function;
    if (contains(low, symbol) || contains(high, symbol)) return false;
    if (lower == REL_GREATER || lower == REL_GREATER_EQUAL) { /* b > x > a */
        const MathNode *const swap = low;
        const int swapped = mirrored(lower);
        low = high;
        high = swap;
        lower = mirrored(upper);
        upper = swapped;
    }
    if ((lower != REL_LESS && lower != REL_LESS_EQUAL) || (upper != REL_LESS && upper != REL_LESS_EQUAL))
        return region_of_all(c, r, n);
    r->name = symbol;
    return add_piece(r, low, high, lower == REL_LESS_EQUAL, upper == REL_LESS_EQUAL);
}

static bool region_of(MathComparison *c, Region *r, const MathNode *n)
{
    Region a = {.name = NO_NAME}, b = {.name = NO_NAME}, rest;
    switch ((MathKind)n->kind) {
    case MATH_INTERVAL:
        return add_piece(r, n->first, n->first->next, n->function & INTERVAL_LOW_CLOSED,
                         n->function & INTERVAL_HIGH_CLOSED);
    case MATH_TUPLE:
        return math_count(n) == 2 && add_piece(r, n->first, n->first->next, false, false);
    case MATH_REALS:
        return add_piece(r, infinity(c, -1), infinity(c, 1), false, false);
    case MATH_SET:
        for (const MathNode *x = n->first; x; x = x->next)
            if (!add_piece(r, x, x, true, true)) return false;
        return true;
    case MATH_UNION:
    case MATH_EITHER:
        return region_of_any(c, r, n);
    case MATH_INTERSECTION:
        return region_of_all(c, r, n);
    case MATH_CHAIN:
        return region_of_chain(c, r, n);
    case MATH_LIST:
        return region_of_row(c, r, n);
    case MATH_RELATION:
        return region_of_relation(c, r, n);
    case MATH_MEMBER:
        if (n->first->kind != MATH_SYMBOL || !region_of(c, r, n->first->next)) return false;
        r->name = n->first->symbol;
        return true;
    case MATH_DIFFERENCE:
        if (!region_of(c, &a, n->first) || !region_of(c, &b, n->first->next) || !complement(c, &rest, &b)) return false;
        rest.name = a.name;
        return intersect(c, r, &a, &rest);
    default:
        return false;
    }
}

Verdict math_compare_regions(MathComparison *c, const MathNode *a, const MathNode *b, bool *can)
{
    Region x = {.name = NO_NAME}, y = {.name = NO_NAME};
    *can = false;
    if (!region_of(c, &x, a) || !region_of(c, &y, b) || c->pool->full) return VERDICT_UNDECIDED;
    const bool named = x.name != NO_NAME && y.name != NO_NAME;
    if ((named || c->relation == ANSWER_SAME) && x.name != y.name) {
        *can = true;
        c->rule = RULE_NAMES;
        return VERDICT_WRONG;
    }
    if (!sort_and_merge(c, &x) || !sort_and_merge(c, &y)) return VERDICT_UNDECIDED;
    *can = true;
    Verdict v = x.n == y.n ? VERDICT_RIGHT : VERDICT_WRONG;
    for (int i = 0; i < x.n && v != VERDICT_WRONG; i++) {
        const Piece *const p = &x.pieces[i], *const q = &y.pieces[i];
        if (p->low_closed != q->low_closed || p->high_closed != q->high_closed) v = VERDICT_WRONG;
        if (v == VERDICT_WRONG) break;
        const Verdict low = math_compare_expressions(c, p->low, q->low),
                      high = math_compare_expressions(c, p->high, q->high);
        if (low == VERDICT_WRONG || high == VERDICT_WRONG)
            v = VERDICT_WRONG;
        else if (low == VERDICT_UNDECIDED || high == VERDICT_UNDECIDED)
            v = VERDICT_UNDECIDED;
    }
    c->rule = v == VERDICT_RIGHT ? RULE_REGIONS : v == VERDICT_WRONG ? RULE_OTHER_REGION : RULE_UNSETTLED;
    return v;
}
