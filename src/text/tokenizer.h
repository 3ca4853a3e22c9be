/* SPDX-License-Identifier: MIT */
/* text/tokenizer.h: byte-level BPE from and to Hugging Face's tokenizer.json. */
#ifndef R1_TEXT_TOKENIZER_H
#define R1_TEXT_TOKENIZER_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct Tokenizer Tokenizer;

/* folder/tokenizer.json (alone is enough; tokenizer_config.json gives bos/eos names if there), or the metadata of a GGUF file. */
bool tokenizer_open(Tokenizer **tokenizer, const char *folder, Error *err) R1_MUST_CHECK;
void tokenizer_free(Tokenizer *tokenizer);
/* Whether tokenizer_open would find one in this folder or GGUF file; says nothing of its being well. */
bool tokenizer_is_there(const char *path);

typedef struct TokenIds {
    int32_t *ids; /* owned */
    int64_t n, capacity;
} TokenIds;
void token_ids_free(TokenIds *ids);
void token_ids_append(TokenIds *ids, int32_t id);

/* Appends the ids of `text` (any bytes; NUL allowed). add_special: also what the post-processor adds (BOS and so on). Added
 * tokens ("<think>") found in the text become their ids. Thread-safe: the tokenizer is not changed. */
bool tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t length, bool add_special, TokenIds *ids,
                      Error *err) R1_MUST_CHECK;
/* The text of ids as a base_alloc'd zero-terminated string, its length to *length. skip_special leaves special tokens out.
 * Invalid UTF-8 is kept as bytes. An id without a token is an error; with skip_special only a negative one is, others are left out: a model may
 * sample from the padding of its vocabulary. */
bool tokenizer_decode(const Tokenizer *tokenizer, const int32_t *ids, int64_t n, bool skip_special, char **text,
                      size_t *length, Error *err) R1_MUST_CHECK;

int64_t tokenizer_vocab_size(const Tokenizer *tokenizer);            /* largest id + 1 */
int32_t tokenizer_id(const Tokenizer *tokenizer, const char *token); /* -1: none; added tokens by their text */
bool tokenizer_is_special(const Tokenizer *tokenizer, int32_t id);
/* Whether both have the same tokens under the same ids; else *id (may be NULL) is the first id at which they differ. */
bool tokenizer_same_tokens(const Tokenizer *a, const Tokenizer *b, int32_t *id);
/* The ids of the tokens that tokenizer_config.json names, -1: it names none. */
int32_t tokenizer_bos(const Tokenizer *tokenizer);
int32_t tokenizer_eos(const Tokenizer *tokenizer);
int32_t tokenizer_pad(const Tokenizer *tokenizer);

/* Trains a byte-level BPE on `text` (a whole corpus, any bytes) with Qwen2's pre-tokeniser pattern (each digit alone, words
 * with the space before them) and writes tokenizer.json and tokenizer_config.json into `folder`, which Hugging Face reads.
 * Special and added tokens in the text are left out of what is learnt. Deterministic: ties of counts go to the pair whose
 * left, then right token comes first bytewise. A text that runs out of pairs gives fewer tokens: tokenizer_vocab_size tells. */
typedef struct TokenizerTraining {
    int64_t vocab_size;         /* all tokens, specials included; at least 256 + n_special */
    const char *const *special; /* special tokens, get the first ids */
    int64_t n_special;
    const char *const *added; /* added, not special ("<think>"): kept by skip_special */
    int64_t n_added;
    const char *eos, *pad; /* names among special, or NULL */
} TokenizerTraining;
bool tokenizer_train(const TokenizerTraining *training, const char *text, size_t length, const char *folder,
                     Error *err) R1_MUST_CHECK;

#endif
