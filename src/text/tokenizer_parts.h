/* SPDX-License-Identifier: MIT */
/* text/tokenizer_parts.h: what a Tokenizer is made of; for the files of text/ alone. */
#ifndef R1_TEXT_TOKENIZER_PARTS_H
#define R1_TEXT_TOKENIZER_PARTS_H

#include "base/json.h"
#include "text/added.h"
#include "text/bpe.h"
#include "text/normalize.h"
#include "text/pretokenize.h"
#include "text/string_table.h"
#include "text/tokenizer.h"

typedef struct Token {
    const char *text;  /* as the file spells it; NULL: no token has this id */
    const char *bytes; /* what it decodes to */
    uint32_t text_length, bytes_length;
    bool in_model; /* in the vocabulary that merges and pieces are looked up in */
    bool special;
} Token;

struct Tokenizer {
    Token *tokens; /* [n_tokens] by id, owned */
    int64_t n_tokens;
    char *pool; /* owned: every text and bytes above */
    size_t pool_used, pool_bytes;

    StringTable by_text; /* model and added tokens */
    BpeMerges merges;
    bool ignore_merges; /* a piece that is a token is that token, whatever merges would give */
    bool fuse_unk;
    int32_t unk; /* -1: none: what has no token is left out */

    bool byte_level;       /* a ByteLevel pre-tokeniser */
    bool bytes_are_mapped; /* it is not the last one: pieces arrive written in the byte alphabet */
    int32_t byte_ids[256]; /* -1: none */

    NormalForm *normal_forms; /* applied in order, owned */
    int64_t n_normal_forms;
    Pretokenizer pretokenizer;
    AddedSet raw_added;        /* looked for in the text as it comes */
    AddedSet normalized_added; /* looked for after normalisation */
    char **kept;               /* owned: normal forms of the tokens of normalized_added, and their bytes */
    int64_t n_kept;

    TokenIds prefix, suffix; /* what add_special puts around */
    bool decodes_bytes;      /* decoder ByteLevel; else tokens are joined with join */
    const char *join;
    int32_t bos, eos, pad; /* from tokenizer_config.json, -1: none */
};

/* From the text of a tokenizer.json; `name` stands for it in messages. *tokenizer is NULL on failure. */
bool tokenizer_read_json(Tokenizer **tokenizer, const char *json, size_t length, const char *name,
                         Error *err) R1_MUST_CHECK;
/* Takes over what tokenizer_config.json adds. */
bool tokenizer_read_config(Tokenizer *tokenizer, const char *json, size_t length, const char *name,
                           Error *err) R1_MUST_CHECK;

/* Readers of single keys of tokenizer.json: the value may be NULL (missing) or null. Errors name the key. */
bool tokenizer_read_pretokenizer(Tokenizer *tokenizer, const json_t *json, Error *err) R1_MUST_CHECK;
bool tokenizer_read_normalizer(Tokenizer *tokenizer, const json_t *json, Error *err) R1_MUST_CHECK;
bool tokenizer_read_post_processor(Tokenizer *tokenizer, const json_t *json, Error *err) R1_MUST_CHECK;
bool tokenizer_read_decoder(Tokenizer *tokenizer, const json_t *json, Error *err) R1_MUST_CHECK;

/* The id of a token of the model, or -1: added tokens are none. */
int32_t tokenizer_model_id(const Tokenizer *tokenizer, const char *text, size_t length);

/* The whole text through every normaliser: base_alloc'd, or NULL when nothing changes. */
char *tokenizer_normalize(const Tokenizer *tokenizer, const char *text, size_t length, size_t *normalized_length);

/* Qwen2's pattern (each digit alone, words with the space before them): what training uses and writes. */
extern const char tokenizer_split_pattern[];

#endif
