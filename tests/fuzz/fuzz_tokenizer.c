/* SPDX-License-Identifier: MIT */
/* Any bytes as a tokenizer.json and, behind the first zero byte (which JSON cannot hold), as a text for it: the tokenizer loads and texts go
 * there and back, or it is refused with one line that names the file. */
#include "base/arena.h"
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char always[] = "ab abc <s> the <think>12+30\n\n \xC3\xA9\xFF\xE4\xBD cd\0e \xE4\xBD\xA0 can't";

static void there_and_back(const Tokenizer *tokenizer, const char *text, size_t length)
{
    TokenIds ids = {0};
    Error err = {0};
    if (tokenizer_encode(tokenizer, text, length, true, &ids, &err)) {
        char *decoded;
        size_t decoded_length;
        if (!tokenizer_decode(tokenizer, ids.ids, ids.n, false, &decoded, &decoded_length, &err)) abort();
        base_free(decoded);
    } else if (!err.text[0] || strchr(err.text, '\n')) {
        abort();
    }
    token_ids_free(&ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *const zero = size > 0 ? memchr(data, 0, size) : NULL;
    const size_t length = zero ? (size_t)(zero - data) : size;
    /* Copies of their exact sizes, so that reading past an end is seen. */
    char *const json = base_strndup((const char *)data, length);
    Tokenizer *tokenizer;
    Error err = {0};
    if (tokenizer_read_json(&tokenizer, json, length, "tokenizer.json", &err)) {
        there_and_back(tokenizer, always, sizeof always);
        if (zero) there_and_back(tokenizer, (const char *)zero + 1, size - length - 1);
        tokenizer_free(tokenizer);
    } else if (tokenizer || err.kind != ERROR_INPUT || strncmp(err.text, "tokenizer.json", 14) != 0 ||
               strchr(err.text, '\n')) {
        abort();
    }
    base_free(json);
    return 0;
}
