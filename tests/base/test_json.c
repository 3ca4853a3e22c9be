/* SPDX-License-Identifier: MIT */
/* JSON in: what others refuse or mangle (NUL, lone surrogates, bad UTF-8), where a mistake stands. JSON out: every float back. */
#include "base/json.h"

#include "base/arena.h"
#include "base/philox.h"
#include "base/utf8.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

static json_t *read_text(const char *text, Error *err)
{
    return json_read_text(text, strlen(text), "t.json", 1, err);
}

static void assert_reads_string(const char *json, const char *expected, size_t length)
{
    Error err = {0};
    json_t *const value = read_text(json, &err);
    if (!value) fail_msg("%s: %s", json, err.text);
    assert_true(json_is_string(value));
    assert_int_equal(json_string_length(value), length);
    assert_memory_equal(json_string_value(value), expected, length);
    json_decref(value);
}

static void assert_fails(const char *json, const char *expected)
{
    Error err = {0};
    json_t *const value = read_text(json, &err);
    assert_null(value);
    assert_int_equal(err.kind, ERROR_INPUT);
    if (strncmp(err.text, expected, strlen(expected)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", err.text, expected);
}

static void nul_is_a_character(void **state)
{
    (void)state;
    assert_reads_string("\"a\\u0000b\"", "a\0b", 3);
}

#define U_FFFD "\xEF\xBF\xBD"

static void lone_surrogates_become_replacement_characters(void **state)
{
    (void)state;
    assert_reads_string("\"\\ud83d\\ude00\"", "\xF0\x9F\x98\x80", 4);
    assert_reads_string("\"\\uD83D\"", U_FFFD, 3);
    assert_reads_string("\"\\uDE00x\"", U_FFFD "x", 4);
    assert_reads_string("\"\\uD83D\\uD83D\\uDE00\"", U_FFFD "\xF0\x9F\x98\x80", 7);
    assert_reads_string("\"\\uDE00\\uD83D\"", U_FFFD U_FFFD, 6);
    assert_reads_string("\"\\uD83Dn\\n\"", U_FFFD "n\n", 5);
    assert_reads_string("\"\\\\uD83D\"", "\\uD83D", 6); /* an escaped backslash, then letters */
    assert_reads_string("\"\\\\\\uD83D\"", "\\" U_FFFD, 4);
    assert_reads_string("\"\\uD83D\\u0041\"", U_FFFD "A", 4);
    Error err = {0};
    json_t *const value = read_text("{\"\\uD800\": 1}", &err);
    assert_non_null(value);
    assert_int_equal(json_integer_value(json_object_get(value, U_FFFD)), 1);
    json_decref(value);
}

static void mistakes_name_line_and_column(void **state)
{
    (void)state;
    assert_fails("", "t.json:1:1: expected a JSON value");
    assert_fails(" \n ", "t.json:1:1: expected a JSON value");
    assert_fails("{\"a\": 1,\n \"b\" 2}", "t.json:2:");
    assert_fails("[1, 2", "t.json:1:");
    assert_fails("[1] x", "t.json:1:");
    assert_fails("\"\\ud8\"", "t.json:1:");
    assert_fails("{\"k\":\n\"\xC3\xA9\xFF\"}", "t.json:2:3: byte 0xff is not valid UTF-8");
    assert_fails("\"\xED\xA0\x80\"", "t.json:1:2: byte 0xed is not valid UTF-8"); /* a surrogate in UTF-8 */
    Error err = {0};
    assert_null(json_read_text("{", 1, "rows.jsonl", 41, &err));
    assert_ptr_equal(strstr(err.text, "rows.jsonl:41:"), err.text);
}

static void a_byte_order_mark_and_duplicate_keys_are_read(void **state)
{
    (void)state;
    Error err = {0};
    json_t *const value = read_text("\xEF\xBB\xBF{\"a\": 1, \"a\": 2}", &err);
    assert_non_null(value);
    assert_int_equal(json_integer_value(json_object_get(value, "a")), 2);
    json_decref(value);
}

static void fields_are_checked(void **state)
{
    (void)state;
    Error err = {0};
    json_t *const object =
        read_text("{\"i\": 5, \"f\": 2.5, \"e\": 1e3, \"s\": \"x\", \"b\": true, \"n\": null}", &err);
    int64_t i = -1;
    double d = -1;
    bool b = false;
    const char *s = "default";
    size_t length = 0;
    assert_true(json_get_int(object, "i", 0, 5, &i, &err) && i == 5);
    assert_true(json_get_int(object, "e", 0, 5000, &i, &err) && i == 1000);
    assert_true(json_get_int(object, "missing", 0, 5, &i, &err) && i == 1000);
    assert_true(json_get_int(object, "n", 0, 5, &i, &err) && i == 1000);
    assert_true(json_get_double(object, "i", &d, &err) && d == 5);
    assert_true(json_get_double(object, "f", &d, &err) && d == 2.5);
    assert_true(json_get_bool(object, "b", &b, &err) && b);
    assert_true(json_get_string(object, "n", &s, &length, &err) && strcmp(s, "default") == 0);
    assert_true(json_get_string(object, "s", &s, &length, &err) && length == 1);
    assert_true(json_require(object, "s", &err));

    assert_false(json_get_int(object, "i", 6, 9, &i, &err));
    assert_string_equal(err.text, "\"i\" is 5, allowed are 6 to 9");
    assert_false(json_get_int(object, "f", 0, 9, &i, &err));
    assert_string_equal(err.text, "\"f\": expected an integer, found a number");
    assert_false(json_get_bool(object, "i", &b, &err));
    assert_false(json_get_string(object, "b", &s, &length, &err));
    assert_false(json_get_double(object, "s", &d, &err));
    assert_false(json_require(object, "n", &err));
    assert_string_equal(err.text, "\"n\" is missing");
    assert_false(json_get_int(json_object_get(object, "s"), "i", 0, 9, &i, &err));
    assert_string_equal(err.text, "expected an object with \"i\", found a string");
    json_decref(object);
}

static void structure_puts_in_its_commas(void **state)
{
    (void)state;
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "a\"", "x\ny\t\\\x01\x7f\xFFz");
    json_out_key(&out, "list");
    json_out_array(&out);
    json_out_int(&out, INT64_MIN);
    json_out_array(&out);
    json_out_array_end(&out);
    json_out_null(&out);
    json_out_object(&out);
    json_out_object_end(&out);
    json_out_raw(&out, "[1]");
    json_out_array_end(&out);
    json_out_kv_bool(&out, "b", false);
    json_out_kv_double(&out, "nan", (double)NAN);
    json_out_kv_double(&out, "inf", -(double)INFINITY);
    json_out_kv_string(&out, "none", NULL);
    json_out_object_end(&out);
    assert_string_equal(out.text, "{\"a\\\"\": \"x\\ny\\t\\\\\\u0001\\u007f" U_FFFD
                                  "z\", \"list\": [-9223372036854775808, [], null, {}, [1]], "
                                  "\"b\": false, \"nan\": null, \"inf\": null, \"none\": null}");
    json_out_clear(&out);
    json_out_string(&out,
                    "a\xC2\x85"
                    "b\xE2\x80\xA8\xE2\x80\xA9\xE2\x80\xA7",
                    13);
    assert_string_equal(out.text, "\"a\\u0085b\\u2028\\u2029\xE2\x80\xA7\"");
    json_out_clear(&out);
    json_out_string(&out, "\0", 1);
    assert_string_equal(out.text, "\"\\u0000\"");
    json_out_free(&out);
}

static void assert_float_comes_back(JsonOut *out, float x)
{
    json_out_clear(out);
    json_out_float(out, x);
    assert_true(out->length < 20);
    if (strtof(out->text, NULL) != x || (float)strtod(out->text, NULL) != x)
        fail_msg("%a came back otherwise from %s", (double)x, out->text);
}

static void assert_double_comes_back(JsonOut *out, double x)
{
    json_out_clear(out);
    json_out_double(out, x);
    Error err = {0};
    json_t *const value = json_read_text(out->text, out->length, "number", 1, &err);
    if (!value || json_number_value(value) != x) fail_msg("%a came back otherwise from %s", x, out->text);
    json_decref(value);
}

static void every_number_comes_back(void **state)
{
    (void)state;
    JsonOut out = {0};
    const Rng rng = {.seed = 5, .stream = RNG_TEST};
    for (uint64_t i = 0; i < 20000; i++) {
        const uint64_t bits = rng_bits(rng, 0, 0, i);
        float f;
        double d;
        memcpy(&f, &bits, sizeof f);
        memcpy(&d, &bits, sizeof d);
        if (isfinite(f)) assert_float_comes_back(&out, f);
        if (isfinite(d)) assert_double_comes_back(&out, d);
    }
    static const double edges[] = {
        0, -0.0, 1, -1, 0.1, 1e22, 1e-300, 4.9406564584124654e-324, 1.7976931348623157e308, 123456789012345678.0};
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        assert_double_comes_back(&out, edges[i]);
        assert_float_comes_back(&out, (float)(fabs(edges[i]) > 1e38 ? 0 : edges[i]));
    }
    json_out_clear(&out);
    json_out_float(&out, 0.1f);
    assert_string_equal(out.text, "0.1");
    json_out_clear(&out);
    json_out_double(&out, -0.0);
    assert_string_equal(out.text, "-0");
    json_out_free(&out);
}

static void damaged_text_is_an_error_and_no_crash(void **state)
{
    (void)state;
    static const char text[] = "{\"name\": [1, -2.5e3, true, null, \"\\u00e9\\ud83d\\ude00\\\\ \xC3\xA9\"], \"x\": {}}";
    const size_t length = sizeof text - 1;
    for (size_t n = 0; n < length; n++) {
        char *const cut = base_strndup(text, n); /* exactly as long, so that a sanitizer sees a read past the end */
        Error err = {0};
        assert_null(json_read_text(cut, n, "cut", 1, &err));
        assert_int_equal(err.kind, ERROR_INPUT);
        base_free(cut);
    }
    for (size_t i = 0; i < length; i++)
        for (int bit = 0; bit < 8; bit++) {
            char *const flipped = base_strndup(text, length);
            flipped[i] = (char)(flipped[i] ^ (1 << bit));
            Error err = {0};
            json_decref(json_read_text(flipped, length, "flipped", 1, &err));
            base_free(flipped);
        }
}

static void utf8_errors_are_found_and_measured(void **state)
{
    (void)state;
    assert_int_equal(utf8_sequence("\xF4\x8F\xBF\xBF", 4), 4);
    assert_int_equal(utf8_sequence("\xF4\x90\x80\x80", 4), -1);
    assert_int_equal(utf8_sequence("\xE0\x9F\x80", 3), -1);
    assert_int_equal(utf8_sequence("\xC0\x80", 2), -1);
    assert_int_equal(utf8_sequence("\xF0\x9F\x98", 3), -3);
    assert_int_equal(utf8_sequence("\xE2\x82x", 3), -2);
    assert_int_equal(utf8_first_error("abc\xC3\xA9", 5), 5);
    assert_int_equal(utf8_first_error("abc\xC3", 4), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nul_is_a_character),
        cmocka_unit_test(lone_surrogates_become_replacement_characters),
        cmocka_unit_test(mistakes_name_line_and_column),
        cmocka_unit_test(a_byte_order_mark_and_duplicate_keys_are_read),
        cmocka_unit_test(fields_are_checked),
        cmocka_unit_test(structure_puts_in_its_commas),
        cmocka_unit_test(every_number_comes_back),
        cmocka_unit_test(damaged_text_is_an_error_and_no_crash),
        cmocka_unit_test(utf8_errors_are_found_and_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
