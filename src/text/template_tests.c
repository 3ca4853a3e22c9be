/* SPDX-License-Identifier: MIT */
/* text/template_tests.c: what may stand behind `is`. */
#include "text/template_builtin.h"

#include "text/template_string.h"

#define TEST(name, expression)                                                                                         \
    static Value name(Render *r, Value *values, const Arguments *all)                                                  \
    {                                                                                                                  \
        (void)r, (void)values, (void)all;                                                                              \
        return value_bool(expression);                                                                                 \
    }

TEST(test_defined, values[0].kind != VALUE_UNDEFINED)
TEST(test_undefined, values[0].kind == VALUE_UNDEFINED)
TEST(test_none, values[0].kind == VALUE_NONE)
TEST(test_boolean, values[0].kind == VALUE_BOOL)
TEST(test_true, values[0].kind == VALUE_BOOL && values[0].boolean)
TEST(test_false, values[0].kind == VALUE_BOOL && !values[0].boolean)
TEST(test_integer, values[0].kind == VALUE_INT)
TEST(test_float, values[0].kind == VALUE_FLOAT)
TEST(test_number, value_is_number(values[0]))
TEST(test_string, values[0].kind == VALUE_STRING)
TEST(test_mapping, value_is_dict(values[0]))
TEST(test_iterable, value_is_iterable(values[0]))
TEST(test_callable,
     values[0].kind == VALUE_CALLABLE || values[0].kind == VALUE_LOOP || values[0].kind == VALUE_UNDEFINED)
TEST(test_upper, string_is_case(value_str(r, values[0]), CASE_UPPER))
TEST(test_lower, string_is_case(value_str(r, values[0]), CASE_LOWER))
TEST(test_escaped, false)
TEST(test_filter, values[0].kind == VALUE_STRING && builtin_filter(values[0].string->bytes, values[0].string->length))
TEST(test_test, values[0].kind == VALUE_STRING && builtin_test(values[0].string->bytes, values[0].string->length))
TEST(test_in, value_contains(r, values[1], values[0]))
TEST(test_eq, value_equal(r, values[0], values[1]))
TEST(test_ne, !value_equal(r, values[0], values[1]))
TEST(test_lt, value_compare(r, values[0], values[1], "<") < 0)
TEST(test_le, value_compare(r, values[0], values[1], "<=") <= 0)
TEST(test_gt, value_compare(r, values[0], values[1], ">") > 0)
TEST(test_ge, value_compare(r, values[0], values[1], ">=") >= 0)

/* What has a length and an index. */
static Value test_sequence(Render *r, Value *values, const Arguments *all)
{
    (void)r, (void)all;
    const Value value = values[0];
    const bool indexed = value.kind == VALUE_SEQUENCE && value.sequence->kind <= SEQUENCE_RANGE;
    return value_bool(indexed || value.kind == VALUE_STRING || value.kind == VALUE_UNDEFINED || value_is_dict(value));
}

/* The same object, not an equal one: small numbers and strings are alike in Python as well. */
static Value test_sameas(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Value a = values[0], b = values[1];
    if (a.kind != b.kind) return value_bool(false);
    if (a.kind == VALUE_SEQUENCE) return value_bool(a.sequence == b.sequence);
    if (a.kind == VALUE_MAPPING) return value_bool(a.mapping == b.mapping);
    return value_bool(value_equal(r, a, b));
}

static Value remainder_of(Render *r, Value *values, Value divisor)
{
    return expression_binary(r, '%', values[0], divisor);
}
static Value test_odd(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Value rest = remainder_of(r, values, value_int(2));
    return r->failed ? rest : value_bool(value_equal(r, rest, value_int(1)));
}
static Value test_even(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Value rest = remainder_of(r, values, value_int(2));
    return r->failed ? rest : value_bool(value_equal(r, rest, value_int(0)));
}
static Value test_divisibleby(Render *r, Value *values, const Arguments *all)
{
    (void)all;
    const Value rest = remainder_of(r, values, values[1]);
    return r->failed ? rest : value_bool(value_equal(r, rest, value_int(0)));
}

static const Builtin tests[] = {
    {"defined", test_defined, 1, {"value"}, false},
    {"undefined", test_undefined, 1, {"value"}, false},
    {"none", test_none, 1, {"value"}, false},
    {"boolean", test_boolean, 1, {"value"}, false},
    {"true", test_true, 1, {"value"}, false},
    {"false", test_false, 1, {"value"}, false},
    {"integer", test_integer, 1, {"value"}, false},
    {"float", test_float, 1, {"value"}, false},
    {"number", test_number, 1, {"value"}, false},
    {"string", test_string, 1, {"value"}, false},
    {"mapping", test_mapping, 1, {"value"}, false},
    {"iterable", test_iterable, 1, {"value"}, false},
    {"sequence", test_sequence, 1, {"value"}, false},
    {"callable", test_callable, 1, {"value"}, false},
    {"upper", test_upper, 1, {"value"}, false},
    {"lower", test_lower, 1, {"value"}, false},
    {"escaped", test_escaped, 1, {"value"}, false},
    {"filter", test_filter, 1, {"value"}, false},
    {"test", test_test, 1, {"value"}, false},
    {"odd", test_odd, 1, {"value"}, false},
    {"even", test_even, 1, {"value"}, false},
    {"divisibleby", test_divisibleby, 2, {"value", "num"}, false},
    {"sameas", test_sameas, 2, {"value", "other"}, false},
    {"in", test_in, 2, {"value", "seq"}, false},
    {"eq", test_eq, 2, {"a", "b"}, false},
    {"==", test_eq, 2, {"a", "b"}, false},
    {"equalto", test_eq, 2, {"a", "b"}, false},
    {"ne", test_ne, 2, {"a", "b"}, false},
    {"!=", test_ne, 2, {"a", "b"}, false},
    {"lt", test_lt, 2, {"a", "b"}, false},
    {"<", test_lt, 2, {"a", "b"}, false},
    {"lessthan", test_lt, 2, {"a", "b"}, false},
    {"le", test_le, 2, {"a", "b"}, false},
    {"<=", test_le, 2, {"a", "b"}, false},
    {"gt", test_gt, 2, {"a", "b"}, false},
    {">", test_gt, 2, {"a", "b"}, false},
    {"greaterthan", test_gt, 2, {"a", "b"}, false},
    {"ge", test_ge, 2, {"a", "b"}, false},
    {">=", test_ge, 2, {"a", "b"}, false},
    {0},
};

const Builtin *builtin_test(const char *name, size_t length)
{
    return builtin_find(tests, name, length);
}
