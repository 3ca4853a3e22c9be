/* SPDX-License-Identifier: MIT */
/* reward/math_small.c: see math_small.h. Every step is a 128-bit product brought to lowest terms; what does not fit then is given up. */
#include "reward/math_small.h"

enum { MAX_POWER = 256, MAX_FACTORIAL = 20, MAX_ROOT = 62 };

static unsigned __int128 gcd128(unsigned __int128 a, unsigned __int128 b)
{
    while (b) {
        const unsigned __int128 r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static uint64_t gcd64(uint64_t a, uint64_t b)
{
    while (b) {
        const uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

static bool fraction(Fraction *f, __int128 num, __int128 den)
{
    if (den == 0) return false;
    if (den != 1) {
        const unsigned __int128 n = num < 0 ? -(unsigned __int128)num : (unsigned __int128)num;
        const unsigned __int128 d = den < 0 ? -(unsigned __int128)den : (unsigned __int128)den;
        const unsigned __int128 g = n <= UINT64_MAX && d <= UINT64_MAX ? gcd64((uint64_t)n, (uint64_t)d) : gcd128(n, d);
        if (n / g > INT64_MAX || d / g > INT64_MAX) return false;
        f->num = (num < 0) != (den < 0) ? -(int64_t)(n / g) : (int64_t)(n / g);
        f->den = (int64_t)(d / g);
        return true;
    }
    if (num > INT64_MAX || num < -(__int128)INT64_MAX) return false;
    *f = (Fraction){(int64_t)num, 1};
    return true;
}

static bool add(Fraction *f, Fraction a, Fraction b)
{
    const __int128 left = (__int128)a.num * b.den, right = (__int128)b.num * a.den;
    __int128 sum;
    return !__builtin_add_overflow(left, right, &sum) && fraction(f, sum, (__int128)a.den * b.den);
}

static bool multiply(Fraction *f, Fraction a, Fraction b)
{
    return fraction(f, (__int128)a.num * b.num, (__int128)a.den * b.den);
}

static bool divide(Fraction *f, Fraction a, Fraction b)
{
    return fraction(f, (__int128)a.num * b.den, (__int128)a.den * b.num);
}

static bool power_whole(Fraction *f, Fraction base, int64_t exponent)
{
    if (exponent < -MAX_POWER || exponent > MAX_POWER) return false;
    if (exponent < 0) {
        const Fraction one = {1, 1};
        return divide(&base, one, base) && power_whole(f, base, -exponent);
    }
    *f = (Fraction){1, 1};
    if (exponent == 0) return base.num != 0; /* 0^0 has no value here */
    for (; exponent > 0; exponent--)
        if (!multiply(f, *f, base)) return false;
    return true;
}

/* The whole degree-th root of n >= 0, when there is one. */
static bool whole_root(int64_t *root, int64_t n, int64_t degree)
{
    int64_t low = 0, high = degree == 2 ? 3037000499 : 2097151;
    if (n < 0 || degree < 2 || degree > 3) return false;
    while (low < high) {
        const int64_t middle = low + (high - low + 1) / 2;
        const __int128 power = (__int128)middle * middle * (degree == 3 ? middle : 1);
        if (power <= n)
            low = middle;
        else
            high = middle - 1;
    }
    *root = low;
    return (__int128)low * low * (degree == 3 ? low : 1) == n;
}

static bool root(Fraction *f, Fraction x, Fraction degree)
{
    if (degree.den != 1) return false;
    const bool negative = x.num < 0;
    if (negative && degree.num != 3) return false;
    if (!whole_root(&f->num, negative ? -x.num : x.num, degree.num) || !whole_root(&f->den, x.den, degree.num))
        return false;
    if (negative) f->num = -f->num;
    return true;
}

static int64_t floor_of(Fraction x)
{
    return x.num / x.den - (x.num < 0 && x.num % x.den != 0);
}

static bool factorial(Fraction *f, Fraction x)
{
    if (x.den != 1 || x.num < 0 || x.num > MAX_FACTORIAL) return false;
    *f = (Fraction){1, 1};
    for (int64_t i = 2; i <= x.num; i++) f->num *= i;
    return true;
}

static bool binomial(Fraction *f, Fraction n, Fraction k)
{
    if (n.den != 1 || k.den != 1 || k.num < 0 || n.num < 0 || n.num > 10000) return false;
    int64_t few = k.num;
    if (few > n.num) {
        *f = (Fraction){0, 1};
        return true;
    }
    if (n.num - few < few) few = n.num - few;
    *f = (Fraction){1, 1};
    for (int64_t i = 1; i <= few; i++)
        if (!fraction(f, (__int128)f->num * (n.num - few + i), i)) return false;
    return true;
}

static bool of_whole(Fraction *f, MathFunction function, Fraction a, Fraction b)
{
    if (a.den != 1 || b.den != 1) return false;
    const uint64_t m = a.num < 0 ? -(uint64_t)a.num : (uint64_t)a.num,
                   n = b.num < 0 ? -(uint64_t)b.num : (uint64_t)b.num;
    const uint64_t g = gcd64(m, n);
    if (function == FN_GCD) return fraction(f, g, 1);
    return g != 0 && fraction(f, (__int128)m / g * n, 1);
}

int math_small_compare(Fraction a, Fraction b)
{
    const __int128 left = (__int128)a.num * b.den, right = (__int128)b.num * a.den;
    return (left > right) - (left < right);
}

/* gcd, lcm, max, min of any number of arguments. */
static bool over_all(const MathNode *node, Fraction *value)
{
    Fraction x;
    if (!math_small_value(node->first, value)) return false;
    for (const MathNode *c = node->first->next; c; c = c->next) {
        if (!math_small_value(c, &x)) return false;
        if (node->function == FN_MAX || node->function == FN_MIN) {
            if ((math_small_compare(x, *value) > 0) == (node->function == FN_MAX)) *value = x;
        } else if (!of_whole(value, (MathFunction)node->function, *value, x)) {
            return false;
        }
    }
    return true;
}

static bool function_value(const MathNode *node, Fraction *value)
{
    Fraction x, y;
    const MathFunction f = (MathFunction)node->function;
    if (f == FN_GCD || f == FN_LCM || f == FN_MAX || f == FN_MIN) return over_all(node, value);
    const bool rational =
        f == FN_ROOT || f == FN_ABS || f == FN_FLOOR || f == FN_CEILING || f == FN_FACTORIAL || f == FN_BINOMIAL;
    if (!rational || !math_small_value(node->first, &x)) return false;
    switch (f) {
    case FN_ROOT:
        return math_small_value(node->first->next, &y) && root(value, x, y);
    case FN_BINOMIAL:
        return math_small_value(node->first->next, &y) && binomial(value, x, y);
    case FN_ABS:
        return fraction(value, x.num < 0 ? -x.num : x.num, x.den);
    case FN_FLOOR:
        return fraction(value, floor_of(x), 1);
    case FN_CEILING:
        return fraction(value, -(__int128)floor_of((Fraction){-x.num, x.den}), 1);
    default:
        return factorial(value, x);
    }
}

bool math_small_value(const MathNode *node, Fraction *value)
{
    Fraction x, y;
    switch ((MathKind)node->kind) {
    case MATH_NUMBER:
        return node->den > 0 && fraction(value, node->num, node->den);
    case MATH_NEGATE:
        if (!math_small_value(node->first, value)) return false;
        value->num = -value->num;
        return true;
    case MATH_PERCENT:
        return math_small_value(node->first, &x) && divide(value, x, (Fraction){100, 1});
    case MATH_BASED:
        return math_small_value(node->first, value);
    case MATH_ADD:
    case MATH_MULTIPLY:
        *value = (Fraction){node->kind == MATH_MULTIPLY, 1};
        for (const MathNode *c = node->first; c; c = c->next)
            if (!math_small_value(c, &x) ||
                !(node->kind == MATH_ADD ? add(value, *value, x) : multiply(value, *value, x)))
                return false;
        return true;
    case MATH_DIVIDE:
        return math_small_value(node->first, &x) && math_small_value(node->first->next, &y) && divide(value, x, y);
    case MATH_POWER:
        return math_small_value(node->first->next, &y) && y.den == 1 && math_small_value(node->first, &x) &&
               power_whole(value, x, y.num);
    case MATH_FUNCTION:
        return function_value(node, value);
    default:
        return false;
    }
}

bool math_divides_by_zero(const MathNode *node)
{
    Fraction divisor;
    if (node->kind == MATH_DIVIDE && math_small_value(node->first->next, &divisor) && divisor.num == 0) return true;
    for (const MathNode *c = node->first; c; c = c->next)
        if (math_divides_by_zero(c)) return true;
    return false;
}
