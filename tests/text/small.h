/* SPDX-License-Identifier: MIT */
/* tests/text/small.h: what the tests of text/ share: tokenizers from JSON values, encoding to comparable ids. */
#ifndef R1_TESTS_TEXT_SMALL_H
#define R1_TESTS_TEXT_SMALL_H

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "text/tokenizer_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static inline Tokenizer *tokenizer_of(const json_t *json, Error *err)
{
    char *const text = json_dumps(json, JSON_COMPACT);
    Tokenizer *tokenizer;
    if (!tokenizer_read_json(&tokenizer, text, strlen(text), "tokenizer.json", err)) tokenizer = NULL;
    free(text);
    return tokenizer;
}

static inline json_t *json_of(const char *text)
{
    Error err = {0};
    json_t *const json = json_read_text(text, strlen(text), "a test", 1, &err);
    if (!json) fail_msg("%s", err.text);
    return json;
}

/* "a" to "e" and the space (0 to 5), "ab" (6), "abc" (7), "cd" (8), " a" (9) and the marks "<s>" (10), "<t>" (11, no special). */
static inline json_t *small_json(void)
{
    return json_of(
        "{\"added_tokens\": [{\"id\": 10, \"content\": \"<s>\", \"special\": true},"
        "  {\"id\": 11, \"content\": \"<t>\", \"special\": false}],"
        " \"normalizer\": null,"
        " \"pre_tokenizer\": {\"type\": \"Sequence\", \"pretokenizers\": ["
        "  {\"type\": \"Split\", \"pattern\": {\"Regex\": \" ?\\\\p{L}+|\\\\s+\"}, \"behavior\": \"Isolated\"},"
        "  {\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"use_regex\": false}]},"
        " \"post_processor\": {\"type\": \"TemplateProcessing\","
        "  \"single\": [{\"SpecialToken\": {\"id\": \"<s>\"}}, {\"Sequence\": {\"id\": \"A\"}}],"
        "  \"special_tokens\": {\"<s>\": {\"id\": \"<s>\", \"ids\": [10]}}},"
        " \"decoder\": {\"type\": \"ByteLevel\"},"
        " \"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 1, \"c\": 2, \"d\": 3, \"e\": 4, \"\\u0120\": 5,"
        "  \"ab\": 6, \"abc\": 7, \"cd\": 8, \"\\u0120a\": 9},"
        "  \"merges\": [\"\\u0120 a\", [\"a\", \"b\"], \"c d\", \"ab c\"]}}");
}

/* The ids of a text as "1 2 3", for messages and for comparing. */
static inline const char *ids_text(const Tokenizer *tokenizer, const char *text, size_t length, bool add_special,
                                   char *out, size_t n_out)
{
    TokenIds ids = {0};
    Error err = {0};
    size_t used = 0;
    out[0] = 0;
    if (!tokenizer_encode(tokenizer, text, length, add_special, &ids, &err)) fail_msg("%s", err.text);
    for (int64_t i = 0; i < ids.n && used + 16 < n_out; i++)
        used += (size_t)snprintf(out + used, n_out - used, i ? " %d" : "%d", ids.ids[i]);
    token_ids_free(&ids);
    return out;
}

#endif
