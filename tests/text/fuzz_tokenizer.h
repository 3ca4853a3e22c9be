/* SPDX-License-Identifier: MIT */
/* tests/text/fuzz_tokenizer.h: what fuzzing and the replay of its corpus do with any bytes as a tokenizer.json: it loads, and
 * then texts go there and back, or it is refused with one line that names the file. */
#ifndef R1_TESTS_TEXT_FUZZ_TOKENIZER_H
#define R1_TESTS_TEXT_FUZZ_TOKENIZER_H

#include "base/arena.h"
#include "text/tokenizer_parts.h"

#include <stdlib.h>
#include <string.h>

static inline void fuzz_fault(void)
{
    abort(); /* caught by the fuzzer and by the test runner alike */
}

/* True when it was loaded. */
static inline bool fuzz_tokenizer(const char *json, size_t length)
{
    static const char text[] = "ab abc <s> the <think>12+30\n\n \xC3\xA9\xFF\xE4\xBD cd\0e \xE4\xBD\xA0 can't";
    Tokenizer *tokenizer;
    Error err = {0};
    if (!tokenizer_read_json(&tokenizer, json, length, "tokenizer.json", &err)) {
        if (tokenizer || err.kind != ERROR_INPUT || strncmp(err.text, "tokenizer.json", 14) != 0 ||
            strchr(err.text, '\n'))
            fuzz_fault();
        return false;
    }
    TokenIds ids = {0};
    if (tokenizer_encode(tokenizer, text, sizeof text, true, &ids, &err)) {
        char *decoded;
        size_t decoded_length;
        if (!tokenizer_decode(tokenizer, ids.ids, ids.n, false, &decoded, &decoded_length, &err)) fuzz_fault();
        base_free(decoded);
    }
    token_ids_free(&ids);
    tokenizer_free(tokenizer);
    return true;
}

#endif
