/* SPDX-License-Identifier: MIT */
#include "text/token_bytes.h"

#include "base/arena.h"
#include "text/tokenizer_parts.h"

#include <string.h>

void token_bytes_create(TokenBytes *bytes, const Tokenizer *tokenizer, int64_t vocab_size)
{
    int64_t total = 0;
    *bytes = (TokenBytes){.n = vocab_size};
    bytes->offsets = base_alloc((size_t)vocab_size + 1, sizeof *bytes->offsets);
    for (int64_t id = 0; id < vocab_size; id++) {
        const Token *const token = id < tokenizer->n_tokens ? &tokenizer->tokens[id] : NULL;
        bytes->offsets[id] = total;
        if (token && token->text && !token->special) total += token->bytes_length;
    }
    bytes->offsets[vocab_size] = total;
    bytes->pool = base_alloc((size_t)total + 1, 1);
    for (int64_t id = 0; id < vocab_size; id++) {
        const size_t length = (size_t)(bytes->offsets[id + 1] - bytes->offsets[id]);
        if (length > 0) memcpy(bytes->pool + bytes->offsets[id], tokenizer->tokens[id].bytes, length);
    }
}

void token_bytes_free(TokenBytes *bytes)
{
    base_free(bytes->pool);
    base_free(bytes->offsets);
    *bytes = (TokenBytes){.pool = NULL};
}
