/* SPDX-License-Identifier: MIT */
/* eval/benchmark_code.c: LiveCodeBench: programs by standard input and output, or a function of a class Solution.
 *
 * Public tests stand in the row as JSON in a string. Private ones too, or, as published, that string pickled by Python,
 * compressed by zlib, in base64. Of pickles exactly one thing is read: a single string. */
#include "eval/benchmark_parts.h"

#include "base/arena.h"

#include <string.h>
#include <zlib.h>

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static const size_t MAX_UNPACKED_BYTES = (size_t)1 << 30;

/* ---- base64, zlib, pickle ---- */

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *const at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

static bool from_base64(const char *text, size_t length, unsigned char *bytes, size_t *n_bytes)
{
    uint32_t bits = 0;
    int n_bits = 0;
    *n_bytes = 0;
    while (length > 0 && strchr("=\r\n ", text[length - 1])) length--;
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n' || text[i] == '\r') continue;
        const int value = base64_value(text[i]);
        if (value < 0) return false;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits < 8) continue;
        n_bits -= 8;
        bytes[(*n_bytes)++] = (unsigned char)(bits >> n_bits);
    }
    return true;
}

static bool decompress(const unsigned char *bytes, size_t n_bytes, unsigned char **out, size_t *n_out)
{
    enum { CHUNK = 1 << 16 };
    z_stream stream = {.next_in = (unsigned char *)(uintptr_t)bytes, .avail_in = (uInt)n_bytes};
    *out = NULL;
    *n_out = 0;
    if (inflateInit(&stream) != Z_OK) return false;
    int status = Z_OK;
    while (status == Z_OK && *n_out < MAX_UNPACKED_BYTES) {
        size_t room = *n_out < CHUNK ? CHUNK : *n_out; /* doubles */
        *out = base_realloc(*out, *n_out + room, 1);
        stream.next_out = *out + *n_out;
        stream.avail_out = (uInt)room;
        status = inflate(&stream, Z_NO_FLUSH);
        *n_out += room - stream.avail_out;
    }
    inflateEnd(&stream);
    return status == Z_STREAM_END;
}

static size_t little_endian(const unsigned char *bytes, int n)
{
    size_t value = 0;
    for (int i = n - 1; i >= 0; i--) value = value << 8 | bytes[i];
    return value;
}

/* The bytes behind an opcode of a pickle, and how many of them are the length of a string that follows; -1: no such opcode here. */
static int pickle_operand(unsigned char opcode, bool *string)
{
    *string = opcode == 'X' || opcode == 0x8c || opcode == 0x8d; /* BINUNICODE, SHORT_BINUNICODE, BINUNICODE8 */
    switch (opcode) {
    case 0x94: /* MEMOIZE */
        return 0;
    case 0x80: /* PROTO */
    case 'q':  /* BINPUT */
    case 0x8c:
        return 1;
    case 'r': /* LONG_BINPUT */
    case 'X':
        return 4;
    case 0x95: /* FRAME */
    case 0x8d:
        return 8;
    default:
        return -1;
    }
}

/* The one string of a pickle: inside it. */
static bool from_pickle(const unsigned char *bytes, size_t n, const char **text, size_t *length)
{
    *text = NULL;
    for (size_t at = 0; at < n;) {
        bool string;
        const unsigned char opcode = bytes[at++];
        if (opcode == '.') return *text != NULL;
        const int operand = pickle_operand(opcode, &string);
        if (operand < 0 || n - at < (size_t)operand || (string && *text)) return false;
        const size_t value = little_endian(bytes + at, operand);
        at += (size_t)operand;
        if (!string) continue;
        if (value > n - at) return false;
        *text = (const char *)bytes + at;
        *length = value;
        at += value;
    }
    return false;
}

/* The cases as they were published; NULL with err set. */
static json_t *unpack_cases(const char *packed, size_t length, Error *err)
{
    unsigned char *const compressed = base_alloc(length + 1, 1);
    unsigned char *pickled = NULL;
    size_t n_compressed, n_pickled, n_text;
    const char *text;
    json_t *cases = NULL;
    if (!from_base64(packed, length, compressed, &n_compressed) ||
        !decompress(compressed, n_compressed, &pickled, &n_pickled) || !from_pickle(pickled, n_pickled, &text, &n_text))
        error_set(err, ERROR_INPUT, "neither JSON nor a string in pickle, zlib and base64");
    else
        cases = json_read_text(text, n_text, "test cases", 1, err);
    base_free(compressed);
    base_free(pickled);
    return cases;
}

/* ---- cases ---- */

/* The arguments of a call, a JSON value a line. NULL with err set. */
static json_t *read_arguments(const char *input, size_t length, Error *err)
{
    json_t *const args = json_array();
    for (size_t at = 0; at < length;) {
        const char *const newline = memchr(input + at, '\n', length - at);
        const size_t n = newline ? (size_t)(newline - (input + at)) : length - at;
        if (n > strspn(input + at, " \t\r")) {
            json_t *const value = json_read_text(input + at, n, "argument", 1, err);
            if (!value) {
                json_decref(args);
                return NULL;
            }
            json_array_append_new(args, value);
        }
        at += n + 1;
    }
    return args;
}

/* One published case into one of reward/code_reward.h. */
static bool add_case(json_t *tests, const json_t *published, bool function, Error *err)
{
    const json_t *const input = json_object_get(published, "input"), *const output =
                                                                         json_object_get(published, "output");
    if (!json_is_string(input) || !json_is_string(output))
        return error_set(err, ERROR_INPUT, "\"input\" and \"output\" must be texts");
    if (!function) {
        json_t *const test = json_object();
        json_object_set(test, "input", (json_t *)(uintptr_t)input);
        json_object_set(test, "output", (json_t *)(uintptr_t)output);
        return json_array_append_new(tests, test) == 0;
    }
    json_t *const args = read_arguments(json_string_value(input), json_string_length(input), err);
    json_t *const value =
        args ? json_read_text(json_string_value(output), json_string_length(output), "output", 1, err) : NULL;
    if (!value) {
        json_decref(args);
        return false;
    }
    json_t *const test = json_object();
    json_object_set_new(test, "args", args);
    json_object_set_new(test, "output", value);
    return json_array_append_new(tests, test) == 0;
}

static bool add_cases(json_t *tests, const json_t *row, const char *key, bool function, Error *err)
{
    const json_t *const field = json_object_get(row, key);
    json_t *cases = NULL;
    if (!field || json_is_null(field)) return true;
    if (json_is_array(field))
        cases = json_incref((json_t *)(uintptr_t)field);
    else if (!json_is_string(field))
        return error_set(err, ERROR_INPUT, "\"%s\" must be test cases: an array, or one in a text", key);
    else if (json_string_value(field)[strspn(json_string_value(field), " \n")] == '[')
        cases = json_read_text(json_string_value(field), json_string_length(field), key, 1, err);
    else
        cases = unpack_cases(json_string_value(field), json_string_length(field), err);
    bool ok = cases && (json_is_array(cases) || error_set(err, ERROR_INPUT, "the test cases must be an array"));
    for (size_t i = 0; ok && i < json_array_size(cases); i++)
        ok = add_case(tests, json_array_get(cases, i), function, err) || error_in(err, "case %zu", i);
    json_decref(cases);
    return ok || error_in(err, "\"%s\"", key);
}

/* ---- the row ---- */

/* The function that is called, of `metadata` (an object, or one in a text); NULL: the program reads standard input. */
static bool read_function(const json_t *row, json_t **metadata, const char **function, Error *err)
{
    const json_t *const field = json_object_get(row, "metadata");
    *function = NULL;
    if (json_is_string(field) && json_string_length(field) > 0) {
        *metadata = json_read_text(json_string_value(field), json_string_length(field), "metadata", 1, err);
        if (!*metadata) return false;
    } else if (json_is_object(field)) {
        *metadata = json_incref((json_t *)(uintptr_t)field);
    }
    *function = json_string_value(json_object_get(*metadata, "func_name"));
    return true;
}

/* What stands before a solution on LeetCode: what signatures name, and what people use without importing it. */
static const char prelude[] = "from typing import *\n"
                              "from collections import Counter, OrderedDict, defaultdict, deque\n"
                              "from functools import cache, cmp_to_key, lru_cache, reduce\n"
                              "from heapq import heapify, heappop, heappush\n"
                              "from bisect import bisect_left, bisect_right\n"
                              "from math import gcd, inf, sqrt\n"
                              "import bisect, collections, functools, heapq, itertools, math, re, string, sys\n";

static bool make_tests(BenchmarkRow *row, const json_t *json, const char *function, Error *err)
{
    json_t *const tests = json_object(), *const list = json_array();
    json_object_set_new(tests, "tests", list);
    if (function) {
        json_object_set_new(tests, "function", json_string(function));
        json_object_set_new(tests, "prelude", json_string(prelude));
    }
    const bool ok = add_cases(list, json, "public_test_cases", function != NULL, err) &&
                    add_cases(list, json, "private_test_cases", function != NULL, err) &&
                    code_tests_read(&row->tests, tests, err);
    json_decref(tests);
    return ok;
}

static bool put_question(BenchmarkRow *row, const json_t *json, bool function, Error *err)
{
    BenchmarkText starter = {0};
    if (!benchmark_text(json, KEYS("starter_code"), &starter, err)) return false;
    benchmark_append(&row->question,
                     function ? "\n\nWrite the solution in Python, beginning with this code. Put all of it into one "
                                "block between ```python and ```.\n\n```python\n"
                              : "\n\nWrite a Python program that reads standard input and writes the answer to "
                                "standard output. Put it into one block between ```python and ```.");
    if (function) {
        benchmark_append(&row->question, starter.text ? starter.text : "");
        benchmark_append(&row->question, "\n```");
    }
    base_free(starter.text);
    return true;
}

bool benchmark_read_livecodebench(BenchmarkRow *row, const json_t *json, Error *err)
{
    json_t *metadata = NULL;
    const char *function;
    const bool ok = benchmark_require(json, KEYS("question_content"), &row->question, err) &&
                    read_function(json, &metadata, &function, err) && put_question(row, json, function != NULL, err) &&
                    make_tests(row, json, function, err);
    json_decref(metadata);
    return ok;
}
