/* SPDX-License-Identifier: MIT */
/* text/gguf_tokenizer.h: the tokenizer in a GGUF file's metadata, as the tokenizer.json and tokenizer_config.json that it
 * amounts to, and back. So a tokenizer from a GGUF is read by the same code as any other, and `r1 convert` writes the same two
 * texts into a Hugging Face folder.
 *
 * tokenizer.ggml.model must be "gpt2" (byte-level BPE). Its pre-tokeniser and normaliser have a name in tokenizer.ggml.pre;
 * names that are known stand in gguf_pre.c. A file that carries its whole tokenizer.json (tokenizer.huggingface.json) is read
 * by that. */
#ifndef R1_TEXT_GGUF_TOKENIZER_H
#define R1_TEXT_GGUF_TOKENIZER_H

#include "base/error.h"
#include "base/json.h"
#include "format/gguf.h"
#include "format/gguf_write.h"

bool gguf_has_tokenizer(const GgufFile *file);
/* The texts of tokenizer.json and tokenizer_config.json (chat template included) into two empty buffers. */
bool gguf_tokenizer_texts(JsonOut *tokenizer, JsonOut *config, const GgufFile *file, Error *err) R1_MUST_CHECK;

/* The other way: appends the tokenizer's keys to `values`, but for the ids of special tokens, which the model has. tokenizer: a
 * tokenizer.json that tokenizer_open has read; config: a tokenizer_config.json or NULL; chat_template: a chat_template.jinja or NULL, then
 * that of the config. Ids up to vocab_size that have no token become unused ones. A pre-tokeniser without a name leaves the whole
 * tokenizer.json in the file. */
bool gguf_put_tokenizer(GgufValues *values, const char *tokenizer, size_t length, const char *config,
                        size_t config_length, const char *chat_template, int64_t vocab_size, const char *name,
                        Error *err) R1_MUST_CHECK;

/* A pre-tokeniser by its GGUF names. */
typedef struct GgufPre {
    const char *const *names; /* NULL-terminated; the first is what is written */
    const char *normalizer;   /* JSON of tokenizer.json's keys */
    const char *pre_tokenizer;
    bool ignore_merges;
    bool adds_bos; /* where the file does not say */
} GgufPre;
/* NULL: the name is not known. An empty name is "gpt-2". */
const GgufPre *gguf_pre_named(const char *name, size_t length);
/* The entry whose normaliser and pre-tokeniser a tokenizer.json has, NULL: none. */
const GgufPre *gguf_pre_of(const json_t *normalizer, const json_t *pre_tokenizer);
void gguf_pre_list(char *text, size_t size); /* all first names, for messages */

#endif
