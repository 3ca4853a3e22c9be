/* SPDX-License-Identifier: MIT */
/* text/template_operators.c: arithmetic as Python has it, on 64-bit integers: what leaves them is an error, not another number. */
#include "text/template_builtin.h"

#include "num/math.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char *operator_text(int operator)
{
    static const char single[] = "+\0-\0*\0/\0%";
    for (size_t i = 0; i < sizeof single - 1; i += 2)
        if (single[i] == operator) return single + i;
    return operator== OPERATOR_POWER ? "** or pow()" : "//";
}

static Value unsupported(Render *r, int operator, Value left, Value right)
{
    if (left.kind == VALUE_UNDEFINED) return render_fail_undefined(r, left.undefined);
    if (right.kind == VALUE_UNDEFINED) return render_fail_undefined(r, right.undefined);
    if (operator== '+' && left.kind == VALUE_STRING)
        return render_fail(r, "can only concatenate str (not \"%s\") to str", value_type_name(right));
    return render_fail(r, "unsupported operand types for %s: '%s' and '%s'", operator_text(operator),
                       value_type_name(left), value_type_name(right));
}

/* ---- numbers ---- */

static Value too_large(Render *r)
{
    return render_fail(r, "an integer of more than 64 bits");
}

static Value zero_division(Render *r)
{
    return render_fail(r, "division by zero");
}

/* Towards minus infinity; the remainder has the sign of b. */
static int64_t floor_divide(int64_t a, int64_t b)
{
    const int64_t quotient = a / b;
    return quotient - (a % b != 0 && (a < 0) != (b < 0));
}

static Value int_power(Render *r, int64_t base, int64_t exponent)
{
    int64_t result = 1;
    while (exponent > 0) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return too_large(r);
        exponent >>= 1;
        if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) return too_large(r);
    }
    return value_int(result);
}

/* What fmod gives, exactly: libm's own is kept out of the program (tests/num/test_symbols.sh). Each step takes the largest b * 2^k
 * that fits, and that difference has no rounding. */
static double truncated_remainder(double a, double b)
{
    double left = fabs(a);
    const double divisor = fabs(b);
    while (left >= divisor && isfinite(left)) {
        double step = ldexp(divisor, ilogb(left) - ilogb(divisor));
        if (step > left) step *= 0.5;
        left -= step;
    }
    return copysign(left, a);
}

static double float_power(double a, double b)
{
    if (b == 0.5) return sqrt(a);
    if (b == rint(b) && fabs(b) <= 1024) {
        double result = 1.0, square = a;
        for (int64_t n = (int64_t)fabs(b); n > 0; n >>= 1, square *= square)
            if (n & 1) result *= square;
        return b < 0 ? 1.0 / result : result;
    }
    return a == 0.0 ? 0.0 : math_pow(a, b);
}

static Value float_binary(Render *r, int operator, double a, double b)
{
    double remainder;
    switch (operator) {
    case '+':
        return value_float(a + b);
    case '-':
        return value_float(a - b);
    case '*':
        return value_float(a * b);
    case '/':
        return b == 0.0 ? zero_division(r) : value_float(a / b);
    case OPERATOR_POWER:
        if (a == 0.0 && b < 0.0) return zero_division(r);
        if (a < 0.0 && b != rint(b)) return render_fail(r, "a power of a negative number that is not real");
        return value_float(float_power(a, b));
    default:
        if (b == 0.0) return zero_division(r);
        remainder = truncated_remainder(a, b);
        if (remainder != 0.0 && (remainder < 0.0) != (b < 0.0)) remainder += b;
        if (operator== '%') return value_float(remainder == 0.0 ? copysign(0.0, b) : remainder);
        return value_float(rint((a - remainder) / b));
    }
}

static Value int_binary(Render *r, int operator, int64_t a, int64_t b)
{
    int64_t result;
    switch (operator) {
    case '+':
        return __builtin_add_overflow(a, b, &result) ? too_large(r) : value_int(result);
    case '-':
        return __builtin_sub_overflow(a, b, &result) ? too_large(r) : value_int(result);
    case '*':
        return __builtin_mul_overflow(a, b, &result) ? too_large(r) : value_int(result);
    case OPERATOR_POWER:
        return b < 0 ? float_binary(r, operator,(double) a, (double)b) : int_power(r, a, b);
    case '/':
        return b == 0 ? zero_division(r) : value_float((double)a / (double)b);
    default:
        if (b == 0) return zero_division(r);
        if (b == -1) return operator== '%' ? value_int(0) : a == INT64_MIN ? too_large(r) : value_int(-a);
        return value_int(operator== '%' ? a - floor_divide(a, b) * b : floor_divide(a, b));
    }
}

/* ---- strings and sequences ---- */

static Value repeat_string(Render *r, const String *string, int64_t times)
{
    StringBuilder text = {.render = r};
    if (times > 0 && !pool_has_room(&r->pool, 0)) return value_undefined();
    size_t length;
    if (times > 0 &&
        (__builtin_mul_overflow(string->length, (size_t)times, &length) || !pool_has_room(&r->pool, length)))
        return render_fail(r, "a string %" PRId64 " times is more than the template's memory holds", times);
    for (int64_t i = 0; string->length > 0 && i < times && render_work(r, 1); i++) builder_add_string(&text, string);
    return builder_string(&text);
}

static Value repeat_sequence(Render *r, const Sequence *sequence, int64_t times)
{
    Sequence *const result = sequence_create(r, sequence->kind);
    for (int64_t i = 0; sequence->n > 0 && i < times && !r->failed; i++)
        for (int64_t j = 0; j < sequence->n && !r->failed; j++) sequence_append(r, result, sequence->items[j]);
    return value_sequence(result);
}

static bool is_list(Value value)
{
    return value.kind == VALUE_SEQUENCE && value.sequence->kind <= SEQUENCE_TUPLE;
}

static Value repeat(Render *r, Value what, int64_t times)
{
    return what.kind == VALUE_STRING ? repeat_string(r, what.string, times) : repeat_sequence(r, what.sequence, times);
}

static Value join_sequences(Render *r, const Sequence *a, const Sequence *b)
{
    Sequence *const result = sequence_create(r, a->kind);
    for (int64_t i = 0; i < a->n && !r->failed; i++) sequence_append(r, result, a->items[i]);
    for (int64_t i = 0; i < b->n && !r->failed; i++) sequence_append(r, result, b->items[i]);
    return value_sequence(result);
}

Value expression_binary(Render *r, int operator, Value left, Value right)
{
    int64_t a, b;
    if (value_as_int(left, &a) && value_as_int(right, &b)) return int_binary(r, operator, a, b);
    if (value_is_number(left) && value_is_number(right))
        return float_binary(r, operator, value_as_double(left), value_as_double(right));
    if (operator== '+' && left.kind == VALUE_STRING && right.kind == VALUE_STRING)
        return string_join(r, left.string, right.string);
    if (operator== '+' && is_list(left) && is_list(right) && left.sequence->kind == right.sequence->kind)
        return join_sequences(r, left.sequence, right.sequence);
    if (operator== '*' &&(left.kind == VALUE_STRING || is_list(left)) && value_as_int(right, &b))
        return repeat(r, left, b);
    if (operator== '*' &&(right.kind == VALUE_STRING || is_list(right)) && value_as_int(left, &a))
        return repeat(r, right, a);
    if (operator== '%' && left.kind == VALUE_STRING) return format_percent(r, left.string, right);
    return unsupported(r, operator, left, right);
}
