/* SPDX-License-Identifier: MIT */
/* Any bytes as a grammar, or behind a '{' as a JSON schema: read, or refused with one line. What is read is walked along, with masks. */
#include "text/json_schema.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte, and a few longer tokens. */
static TokenBytes vocabulary(char pool[300], int64_t offsets[263])
{
    static const char *const longer[] = {"\",", "\": ", "ab", "\xc3\xb6", "\xe2\x82", "[["};
    int64_t at = 0;
    for (int id = 0; id < 262; id++) {
        offsets[id] = at;
        if (id < 256)
            pool[at++] = (char)id;
        else
            at += (int64_t)strlen(strcpy(pool + at, longer[id - 256]));
    }
    offsets[262] = at;
    return (TokenBytes){pool, offsets, 262};
}

/* Takes the n-th allowed id, n from the bytes of the input, until the grammar ends. */
static bool walk(Grammar *g, const TokenBytes *bytes, const uint8_t *data, size_t size, Error *err)
{
    GrammarState state = GRAMMAR_START;
    for (size_t step = 0; step < 24; step++) {
        GrammarMask mask;
        if (!grammar_allowed(g, state, &mask, err)) return false;
        if (mask.n_allowed == 0) return true;
        int64_t n = size ? data[step * 7 % size] % mask.n_allowed : 0;
        int32_t id = 0;
        while (!(mask.bits[id / 32] >> (id % 32) & 1) || n-- > 0) id++;
        size_t length;
        const char *const text = token_bytes_get(bytes, id, &length);
        if (!grammar_advance(g, &state, text, length, err)) return false;
        if (state == GRAMMAR_DEAD) abort(); /* it was allowed */
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Grammar *grammar = NULL;
    Error err = {0};
    char pool[300];
    int64_t offsets[263];
    const TokenBytes bytes = vocabulary(pool, offsets);
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    bool ok = size > 0 && text[0] == '{' ? json_schema_parse(&grammar, text, size, "fuzz", &err)
                                         : grammar_parse(&grammar, text, size, "fuzz", &err);
    if (ok) {
        grammar_bind(grammar, &bytes, NULL, 0);
        ok = walk(grammar, &bytes, data, size, &err);
        grammar_free(grammar);
    }
    if (!ok && (!err.text[0] || strchr(err.text, '\n'))) abort(); /* every refusal is one line */
    free(text);
    return 0;
}
