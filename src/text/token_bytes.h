/* SPDX-License-Identifier: MIT */
/* text/token_bytes.h: what each id of a model adds to the text, as bytes: what stop strings and grammars read. */
#ifndef R1_TEXT_TOKEN_BYTES_H
#define R1_TEXT_TOKEN_BYTES_H

#include "text/tokenizer.h"

typedef struct TokenBytes {
    char *pool;       /* owned */
    int64_t *offsets; /* [n + 1]: id i is pool[offsets[i] .. offsets[i + 1]); owned */
    int64_t n;        /* the model's vocabulary, which may be larger than the tokenizer's */
} TokenBytes;

/* Special tokens and ids without a token have no bytes, as in the text of a completion. */
void token_bytes_create(TokenBytes *bytes, const Tokenizer *tokenizer, int64_t vocab_size);
void token_bytes_free(TokenBytes *bytes); /* a zeroed one is fine */

static inline const char *token_bytes_get(const TokenBytes *bytes, int32_t id, size_t *length)
{
    *length = (size_t)(bytes->offsets[id + 1] - bytes->offsets[id]);
    return bytes->pool + bytes->offsets[id];
}

#endif
