/* SPDX-License-Identifier: MIT */
/* reward/code_compare.c: is this output, or this value, the one that was expected? */
#include "reward/code_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* ---- lines ---- */

/* The next line without white space at its end; false at the end of the text, where only empty lines were left. */
static bool next_line(const char **at, const char *end, const char **line, size_t *length)
{
    if (*at == end) return false;
    const char *const newline = memchr(*at, '\n', (size_t)(end - *at)), *stop = newline ? newline : end;
    *line = *at;
    *at = newline ? newline + 1 : end;
    while (stop > *line && is_space(stop[-1])) stop--;
    *length = (size_t)(stop - *line);
    return true;
}

static const char *without_space_at_end(const char *text, size_t length)
{
    while (length > 0 && is_space(text[length - 1])) length--;
    return text + length;
}

static bool equal_lines(const char *a, size_t n_a, const char *b, size_t n_b)
{
    const char *const end_a = without_space_at_end(a, n_a), *const end_b = without_space_at_end(b, n_b), *line_a,
                      *line_b;
    size_t length_a, length_b;
    for (;;) {
        const bool more_a = next_line(&a, end_a, &line_a, &length_a), more_b = next_line(&b, end_b, &line_b, &length_b);
        if (!more_a || !more_b) return more_a == more_b;
        if (length_a != length_b || memcmp(line_a, line_b, length_a) != 0) return false;
    }
}

/* ---- tokens ---- */

static bool next_token(const char **at, const char *end, const char **token, size_t *length)
{
    while (*at < end && is_space(**at)) ++*at;
    *token = *at;
    while (*at < end && !is_space(**at)) ++*at;
    *length = (size_t)(*at - *token);
    return *length > 0;
}

/* A token of decimal digits, sign, point and exponent: not "nan", "inf" or "0x1p3". */
static bool read_number(const char *token, size_t length, double *value)
{
    char text[64], *end;
    if (length == 0 || length >= sizeof text) return false;
    memcpy(text, token, length);
    text[length] = '\0';
    if (strspn(text, "+-.0123456789eE") < length) return false;
    *value = strtod(text, &end);
    return *end == '\0' && end != text && isfinite(*value);
}

static bool near(double expected, double got, double tolerance)
{
    return fabs(expected - got) <= tolerance * fmax(1.0, fabs(expected));
}

static bool equal_tokens(const char *a, size_t n_a, const char *b, size_t n_b, bool floats, double tolerance)
{
    const char *const end_a = a + n_a, *const end_b = b + n_b, *token_a, *token_b;
    size_t length_a, length_b;
    for (;;) {
        const bool more_a = next_token(&a, end_a, &token_a, &length_a),
                   more_b = next_token(&b, end_b, &token_b, &length_b);
        double x, y;
        if (!more_a || !more_b) return more_a == more_b;
        if (length_a == length_b && memcmp(token_a, token_b, length_a) == 0) continue;
        if (!floats || !read_number(token_a, length_a, &x) || !read_number(token_b, length_b, &y) ||
            !near(x, y, tolerance))
            return false;
    }
}

bool code_output_equal(CodeCompare compare, double tolerance, const char *expected, size_t n_expected, const char *got,
                       size_t n_got)
{
    switch (compare) {
    case CODE_LINES:
        return equal_lines(expected, n_expected, got, n_got);
    case CODE_TOKENS:
    case CODE_FLOATS:
        return equal_tokens(expected, n_expected, got, n_got, compare == CODE_FLOATS, tolerance);
    case CODE_EXACT:
        return n_expected == n_got && memcmp(expected, got, n_got) == 0;
    }
    return false;
}

/* ---- values ---- */

static bool equal_arrays(const json_t *a, const json_t *b, double tolerance)
{
    if (json_array_size(a) != json_array_size(b)) return false;
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!code_value_equal(json_array_get(a, i), json_array_get(b, i), tolerance)) return false;
    return true;
}

static bool equal_objects(const json_t *a, const json_t *b, double tolerance)
{
    if (json_object_size(a) != json_object_size(b)) return false;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        const json_t *const other = json_object_get(b, key);
        if (!other || !code_value_equal(value, other, tolerance)) return false;
    }
    return true;
}

bool code_value_equal(const json_t *expected, const json_t *got, double tolerance)
{
    if (json_is_integer(expected) && json_is_integer(got))
        return json_integer_value(expected) == json_integer_value(got);
    if (json_is_number(expected) && json_is_number(got))
        return near(json_number_value(expected), json_number_value(got), tolerance);
    if (json_typeof(expected) != json_typeof(got)) return false;
    if (json_is_array(expected)) return equal_arrays(expected, got, tolerance);
    if (json_is_object(expected)) return equal_objects(expected, got, tolerance);
    return json_equal(expected, got);
}
