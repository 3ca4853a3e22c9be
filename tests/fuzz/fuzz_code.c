/* SPDX-License-Identifier: MIT */
/* Any bytes as tests, and behind a line "%%" as a completion and as an output: read or refused with a line, compared without harm.
 * An output is always what it is itself, and comparing looser never refuses what comparing strictly takes. */
#include "reward/code_parts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const char *a, size_t n_a, const char *b, size_t n_b)
{
    bool before = code_output_equal(CODE_EXACT, 0, a, n_a, b, n_b);
    static const CodeCompare looser[] = {CODE_LINES, CODE_TOKENS, CODE_FLOATS};
    for (int i = 0; i < 3; i++) {
        const bool equal = code_output_equal(looser[i], 1e-6, a, n_a, b, n_b);
        if (before && !equal) abort();
        if (!code_output_equal(looser[i], 0, b, n_b, b, n_b)) abort();
        before = equal;
    }
}

static void read_block(const char *text, size_t length)
{
    CodeBlock block;
    const char *reason = NULL;
    if (code_block_find(&block, text, length, &reason)) {
        if (block.text < text || block.text + block.length > text + length) abort();
        (void)code_language_find(block.language, block.language_length);
    } else if (!reason) {
        abort();
    }
}

static void read_tests(const json_t *json, const char *output, size_t n_output)
{
    Error err = {0};
    CodeTests *tests = NULL;
    if (!code_tests_read(&tests, json, &err)) {
        if (tests || err.kind != ERROR_INPUT || !err.text[0]) abort();
        return;
    }
    if (code_tests_count(tests) < 1 || !code_tests_version(tests)[0]) abort();
    for (int64_t i = 0; i < tests->n; i++) {
        const CodeTest *const t = &tests->tests[i];
        if (t->output) compare(t->output, t->output_length, output, n_output);
        if (t->value) (void)code_value_equal(t->value, json, tests->tolerance);
        if (t->value && !code_value_equal(t->value, t->value, tests->tolerance)) abort();
    }
    code_tests_free(tests);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char mark[] = "\n%%\n";
    const char *const text = (const char *)data, *const cut = size ? memmem(text, size, mark, sizeof mark - 1) : NULL;
    const size_t n_json = cut ? (size_t)(cut - text) : size, n_rest = cut ? size - n_json - (sizeof mark - 1) : 0;
    const char *const rest = cut ? cut + sizeof mark - 1 : "";
    Error err = {0};
    read_block(rest, n_rest);
    json_t *const json = n_json ? json_read_text(text, n_json, "tests", 1, &err) : NULL;
    if (json) read_tests(json, rest, n_rest);
    json_decref(json);
    return 0;
}
