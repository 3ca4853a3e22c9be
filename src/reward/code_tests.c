/* SPDX-License-Identifier: MIT */
/* reward/code_tests.c: tests as JSON writes them (code_reward.h) into tests that can be run. */
#include "reward/code_parts.h"

#include "base/arena.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

/* A change of what the same tests and the same program give is a new number: stored verdicts are then not used. */
static const char RULES[] = "code-2";

static const char *const COMPARES[] = {"lines", "tokens", "floats", "exact", NULL};

static bool read_name(const json_t *json, const char *key, const char **value, Error *err)
{
    const char *text = NULL;
    size_t length = 0;
    if (!json_get_string(json, key, &text, &length, err)) return false;
    if (!text) return true;
    *value = text;
    return strlen(text) == length || error_set(err, ERROR_INPUT, "\"%s\" holds a zero character", key);
}

/* ---- tests ---- */

static bool read_text(const json_t *value, const char *what, const char **text, size_t *length, Error *err)
{
    if (!json_is_string(value)) return error_set(err, ERROR_INPUT, "\"%s\" must be a string", what);
    *text = json_string_value(value);
    *length = json_string_length(value);
    return true;
}

static void set_args(CodeTest *test, const json_t *args)
{
    JsonOut out = {0};
    json_out_value(&out, args);
    test->args = out.text; /* its owner from here on */
    test->input = out.text;
    test->input_length = out.length;
}

static bool read_test(const CodeTests *tests, CodeTest *test, const json_t *input, const json_t *output, Error *err)
{
    if (!output && !tests->checker) return error_set(err, ERROR_INPUT, "\"output\" is missing");
    test->output = "";
    if (!tests->function)
        return (!input ? (test->input = "", true)
                       : read_text(input, "input", &test->input, &test->input_length, err)) &&
               (!output || read_text(output, "output", &test->output, &test->output_length, err));
    if (!json_is_array(input)) return error_set(err, ERROR_INPUT, "\"args\" must be an array, an argument an item");
    set_args(test, input);
    test->value = output;
    return true;
}

static bool read_list(CodeTests *tests, const json_t *list, Error *err)
{
    if (!json_is_array(list)) return error_set(err, ERROR_INPUT, "\"tests\" must be an array");
    tests->n = (int64_t)json_array_size(list);
    tests->tests = base_alloc((size_t)tests->n + 1, sizeof *tests->tests);
    for (int64_t i = 0; i < tests->n; i++) {
        const json_t *const row = json_array_get(list, (size_t)i);
        if (!json_is_object(row)) return error_set(err, ERROR_INPUT, "test %" PRId64 " must be an object", i);
        if (!read_test(tests, &tests->tests[i], json_object_get(row, tests->function ? "args" : "input"),
                       json_object_get(row, "output"), err))
            return error_in(err, "test %" PRId64, i);
    }
    return true;
}

static bool read_columns(CodeTests *tests, const json_t *inputs, const json_t *outputs, Error *err)
{
    if (!json_is_array(inputs) || !json_is_array(outputs) || json_array_size(inputs) != json_array_size(outputs))
        return error_set(err, ERROR_INPUT, "\"inputs\" and \"outputs\" must be arrays of the same length");
    tests->n = (int64_t)json_array_size(inputs);
    tests->tests = base_alloc((size_t)tests->n + 1, sizeof *tests->tests);
    for (int64_t i = 0; i < tests->n; i++)
        if (!read_test(tests, &tests->tests[i], json_array_get(inputs, (size_t)i), json_array_get(outputs, (size_t)i),
                       err))
            return error_in(err, "test %" PRId64, i);
    return true;
}

/* ---- the rest ---- */

static bool read_compare(CodeTests *tests, const json_t *json, Error *err)
{
    const char *name = NULL;
    if (!read_name(json, "compare", &name, err)) return false;
    for (int i = 0; name && COMPARES[i]; i++)
        if (strcmp(COMPARES[i], name) == 0) {
            tests->compare = (CodeCompare)i;
            name = NULL;
        }
    if (name) return error_set(err, ERROR_INPUT, "\"compare\" is one of lines, tokens, floats, exact");
    tests->tolerance = tests->function ? 1e-9 : 1e-6;
    return json_get_double(json, "tolerance", &tests->tolerance, err);
}

static bool read_checker(CodeTests *tests, const json_t *json, Error *err)
{
    const char *source = NULL, *language = "python";
    if (!read_name(json, "checker", &source, err) || !read_name(json, "checker_language", &language, err)) return false;
    if (!source) return true;
    const CodeLanguage *const l = code_language_find(language, strlen(language));
    if (!l) return error_set(err, ERROR_INPUT, "\"checker_language\": \"%.40s\" is not one that can be run", language);
    if (tests->function || tests->asserts)
        return error_set(err, ERROR_INPUT, "a \"checker\" judges what a program prints; here a function is called");
    tests->checker = code_checker_create(source, l);
    return true;
}

static bool read_limits(SandboxLimits *limits, const json_t *json, Error *err)
{
    const json_t *const given = json_object_get(json, "limits");
    double seconds = 1e-3 * (double)limits->cpu_ms;
    int64_t memory_mb = limits->memory_bytes >> 20, output_mb = limits->output_bytes >> 20;
    if (!given) return true;
    if (!json_is_object(given)) return error_set(err, ERROR_INPUT, "\"limits\" must be an object");
    if (!json_get_double(given, "seconds", &seconds, err) ||
        !json_get_int(given, "memory_mb", 16, 65536, &memory_mb, err) ||
        !json_get_int(given, "output_mb", 1, 1024, &output_mb, err) ||
        !json_get_int(given, "processes", 1, 1024, &limits->processes, err))
        return error_in(err, "limits");
    if (!(seconds >= 0.01 && seconds <= 3600))
        return error_set(err, ERROR_INPUT, "limits: \"seconds\" is from 0.01 to 3600");
    limits->cpu_ms = (int64_t)(1000 * seconds);
    limits->idle_ms = limits->cpu_ms > limits->idle_ms ? limits->cpu_ms : limits->idle_ms;
    limits->wall_ms = 30 * limits->cpu_ms > limits->wall_ms ? 30 * limits->cpu_ms : limits->wall_ms;
    limits->memory_bytes = memory_mb << 20;
    limits->output_bytes = output_mb << 20;
    return true;
}

static bool read_object(CodeTests *tests, const json_t *json, Error *err)
{
    const json_t *const list = json_object_get(json, "tests"), *const inputs = json_object_get(json, "inputs");
    if (!read_name(json, "language", &tests->language, err) || !read_name(json, "fn_name", &tests->function, err) ||
        !read_name(json, "function", &tests->function, err) || !read_name(json, "asserts", &tests->asserts, err) ||
        !read_name(json, "harness", &tests->harness, err) || !read_name(json, "prelude", &tests->prelude, err) ||
        !read_compare(tests, json, err) || !read_checker(tests, json, err) || !read_limits(&tests->limits, json, err))
        return false;
    if (tests->language && !code_language_find(tests->language, strlen(tests->language)))
        return error_set(err, ERROR_INPUT, "\"language\": \"%.40s\" is not one that can be run", tests->language);
    if (!!list + !!inputs + !!tests->asserts != 1)
        return error_set(err, ERROR_INPUT, "needed: one of \"tests\", \"inputs\" with \"outputs\", and \"asserts\"");
    if (list && !read_list(tests, list, err)) return false;
    if (inputs && !read_columns(tests, inputs, json_object_get(json, "outputs"), err)) return false;
    if (tests->asserts || tests->n > 0) return true;
    return error_set(err, ERROR_INPUT, "there is no test");
}

static void set_version(CodeTests *tests)
{
    JsonOut out = {0};
    json_out_value(&out, tests->json);
    const XXH128_hash_t hash = XXH3_128bits(out.text, out.length);
    snprintf(tests->version, sizeof tests->version, "%s/%016" PRIx64 "%016" PRIx64, RULES, hash.high64, hash.low64);
    json_out_free(&out);
}

bool code_tests_read(CodeTests **out, const json_t *json, Error *err)
{
    CodeTests *const tests = base_alloc(1, sizeof *tests);
    *out = NULL;
    tests->limits = sandbox_default_limits();
    tests->json = code_tests_normal(json, err);
    const bool ok = tests->json && read_object(tests, tests->json, err);
    if (ok) set_version(tests);
    if (ok)
        *out = tests;
    else
        code_tests_free(tests);
    return ok;
}

void code_tests_free(CodeTests *tests)
{
    if (!tests) return;
    for (int64_t i = 0; tests->tests && i < tests->n; i++) base_free(tests->tests[i].args);
    base_free(tests->tests);
    code_checker_free(tests->checker);
    json_decref(tests->json);
    base_free(tests);
}

int64_t code_tests_count(const CodeTests *tests)
{
    return tests->asserts ? 1 : tests->n;
}

const char *code_tests_version(const CodeTests *tests)
{
    return tests->version;
}
