/* SPDX-License-Identifier: MIT */
/* reward/code_formats.c: tests as benchmarks and data sets publish them, in the form of code_reward.h.
 *
 *   an array                               {"tests": it}, or of strings: {"asserts": its lines}
 *   "test_list", "test_setup_code"         MBPP: assert statements, and what comes before them
 *   "test", "entry_point"                  HumanEval: a text that defines check(candidate), and the function's name
 *   "input_output"                         APPS, TACO: JSON, often as a string, of "inputs", "outputs", "fn_name"
 *   "public_test_cases", "private_test_cases", "metadata"
 *                                          LiveCodeBench: rows of "input", "output", "testtype", often as strings of JSON; a
 *                                          "functional" row's input is an argument a line, its output a value, both JSON
 * What is in our form already stays as it is. */
#include "reward/code_parts.h"

#include "base/arena.h"

#include <string.h>

/* A value that may be written as a text of JSON. A new reference. */
static json_t *value_of(const json_t *json, const char *key, Error *err)
{
    if (!json_is_string(json)) return json_incref((json_t *)(uintptr_t)json);
    return json_read_text(json_string_value(json), json_string_length(json), key, 1, err);
}

/* Strings of an array, a line each, behind what `text` holds; or one string. */
static bool add_lines(JsonOut *text, const json_t *lines, const char *key, Error *err)
{
    const bool one = json_is_string(lines);
    if (!one && !json_is_array(lines))
        return error_set(err, ERROR_INPUT, "\"%s\" must be a string or an array of strings", key);
    for (size_t i = 0; i < (one ? 1 : json_array_size(lines)); i++) {
        const json_t *const line = one ? lines : json_array_get(lines, i);
        if (!json_is_string(line)) return error_set(err, ERROR_INPUT, "\"%s\" must hold strings alone", key);
        json_out_raw_bytes(text, json_string_value(line), json_string_length(line));
        json_out_raw_bytes(text, "\n", 1);
    }
    return true;
}

static bool set_text(json_t *to, const char *key, const JsonOut *text, Error *err)
{
    return json_object_set_new(to, key, json_stringn(text->text ? text->text : "", text->length)) == 0 ||
           error_set(err, ERROR_INPUT, "\"%s\" is not UTF-8", key);
}

static bool read_assert_list(json_t *to, const json_t *setup, const json_t *list, const char *key, Error *err)
{
    JsonOut text = {0};
    const bool ok = (!setup || json_is_null(setup) || add_lines(&text, setup, "test_setup_code", err)) &&
                    add_lines(&text, list, key, err) && set_text(to, "asserts", &text, err);
    json_out_free(&text);
    return ok;
}

/* ---- LiveCodeBench ---- */

/* "1\n[2, 3]" is two arguments. */
static json_t *read_arguments(const json_t *input, Error *err)
{
    if (!json_is_string(input)) return (void)error_set(err, ERROR_INPUT, "\"input\" must be a string"), NULL;
    const char *at = json_string_value(input), *const end = at + json_string_length(input);
    json_t *const args = json_array();
    while (at < end) {
        const char *const newline = memchr(at, '\n', (size_t)(end - at)), *const stop = newline ? newline : end;
        json_t *const value = stop > at ? json_read_text(at, (size_t)(stop - at), "input", 1, err) : NULL;
        if (stop > at && !value) {
            json_decref(args);
            return NULL;
        }
        if (value) json_array_append_new(args, value);
        at = newline ? newline + 1 : end;
    }
    return args;
}

/* A new reference. */
static json_t *read_row(const json_t *row, Error *err)
{
    const char *const type = json_string_value(json_object_get(row, "testtype"));
    if (!type || strcmp(type, "functional") != 0) return json_incref((json_t *)(uintptr_t)row);
    if (!json_require(row, "output", err)) return NULL;
    json_t *const args = read_arguments(json_object_get(row, "input"), err);
    json_t *const value = args ? value_of(json_object_get(row, "output"), "output", err) : NULL;
    json_t *const made = value ? json_pack("{s:O,s:O}", "args", args, "output", value) : NULL;
    json_decref(args);
    json_decref(value);
    return made;
}

static bool add_rows(json_t *tests, const json_t *rows, const char *key, Error *err)
{
    json_t *const list = value_of(rows, key, err);
    bool ok = list && (json_is_array(list) || error_set(err, ERROR_INPUT, "\"%s\" must be an array", key));
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        const json_t *const row = json_array_get(list, i);
        json_t *const made = json_is_object(row) ? read_row(row, err) : json_incref((json_t *)(uintptr_t)row);
        ok = made || error_in(err, "%s: test %d", key, (int)i);
        if (made) json_array_append_new(tests, made);
    }
    json_decref(list);
    return ok;
}

/* The function's name stands in a field of its own, or in "metadata". */
static bool take_function(json_t *to, const json_t *metadata, Error *err)
{
    if (!metadata || json_object_get(to, "function") || json_object_get(to, "fn_name")) return true;
    json_t *const read = value_of(metadata, "metadata", err);
    json_t *const name = json_object_get(read, "func_name");
    if (name) json_object_set(to, "function", name);
    json_decref(read);
    return read != NULL;
}

static bool read_cases(json_t *to, Error *err)
{
    static const char *const keys[] = {"public_test_cases", "private_test_cases", "tests"};
    json_t *const tests = json_array();
    bool ok = take_function(to, json_object_get(to, "metadata"), err);
    for (int i = 0; ok && i < 3; i++) {
        const json_t *const rows = json_object_get(to, keys[i]);
        if (rows && !json_is_null(rows)) ok = add_rows(tests, rows, keys[i], err);
    }
    if (ok) json_object_set(to, "tests", tests);
    json_decref(tests);
    return ok;
}

/* ---- all ---- */

static bool read_input_output(json_t *to, const json_t *value, Error *err)
{
    json_t *const read = value_of(value, "input_output", err);
    const bool ok = read && (json_is_object(read) || error_set(err, ERROR_INPUT, "\"input_output\" must be an object"));
    if (ok) json_object_update(to, read);
    json_decref(read);
    return ok;
}

/* HumanEval's pair. */
static void rename_test(json_t *to)
{
    json_t *const test = json_object_get(to, "test"), *const name = json_object_get(to, "entry_point");
    if (!test || !name || json_object_get(to, "asserts")) return;
    json_object_set(to, "asserts", test);
    json_object_set(to, "function", name);
}

static bool change(json_t *to, Error *err)
{
    const json_t *const list = json_object_get(to, "test_list"), *const asserts = json_object_get(to, "asserts"),
                        *const both = json_object_get(to, "input_output");
    rename_test(to);
    if (list) return read_assert_list(to, json_object_get(to, "test_setup_code"), list, "test_list", err);
    if (json_is_array(asserts)) return read_assert_list(to, NULL, asserts, "asserts", err);
    if (both && !read_input_output(to, both, err)) return false;
    const bool cases = json_object_get(to, "public_test_cases") || json_object_get(to, "tests");
    return !cases || read_cases(to, err);
}

json_t *code_tests_normal(const json_t *json, Error *err)
{
    const bool list = json_is_array(json), lines = list && json_is_string(json_array_get(json, 0));
    if (!list && !json_is_object(json))
        return (void)error_set(err, ERROR_INPUT, "tests must be a JSON object or array"), NULL;
    json_t *const to =
        list ? json_pack("{s:O}", lines ? "asserts" : "tests", json) : json_copy((json_t *)(uintptr_t)json);
    if (change(to, err)) return to;
    json_decref(to);
    return NULL;
}
