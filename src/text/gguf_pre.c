/* SPDX-License-Identifier: MIT */
/* text/gguf_pre.c: what the names in tokenizer.ggml.pre stand for, written as tokenizer.json writes it. */
#include "text/gguf_tokenizer.h"

#include <stdio.h>
#include <string.h>

#define BYTES_ONLY "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"
#define GPT2       "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":true}"
#define SPLIT(regex)                                                                                                   \
    "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"" regex "\"},\"behavior\":\"Isolated\",\"invert\":false}"
#define SEQUENCE(list) "{\"type\":\"Sequence\",\"pretokenizers\":[" list "]}"

/* Contractions, words with what stands before them, numbers of so many digits, punctuation, line ends, spaces. */
#define WORDS(digits)                                                                                                  \
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\\\r\\\\n\\\\p{L}\\\\p{N}]?\\\\p{L}+|" digits                                     \
    "| ?[^\\\\s\\\\p{L}\\\\p{N}]+[\\\\r\\\\n]*|\\\\s*[\\\\r\\\\n]+|\\\\s+(?!\\\\S)|\\\\s+"
#define DEEPSEEK_WORDS                                                                                                 \
    "[!\\\"#$%&'()*+,\\\\-./:;<=>?@\\\\[\\\\\\\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\\\p{L}\\\\p{P}\\\\p{S}]?[\\\\p{L}\\"  \
    "\\p{M}]+| ?[\\\\p{P}\\\\p{S}]+[\\r\\n]*|\\\\s*[\\r\\n]+|\\\\s+(?!\\\\S)|\\\\s+"

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static const GgufPre PRES[] = {
    {NAMES("gpt-2", "gpt2", "default", "phi-2", "mpt", "olmo", "jais"), "null", GPT2, false, false},
    {NAMES("qwen2", "deepseek-r1-qwen", "megrez", "qwen35"), "{\"type\":\"NFC\"}",
     SEQUENCE(SPLIT(WORDS("\\\\p{N}")) "," BYTES_ONLY), false, false},
    {NAMES("llama-bpe", "llama3", "llama-v3", "falcon3"), "null",
     SEQUENCE(SPLIT(WORDS("\\\\p{N}{1,3}")) "," BYTES_ONLY), true, true},
    {NAMES("smollm", "starcoder", "refact", "command-r", "codeshell"), "null",
     SEQUENCE("{\"type\":\"Digits\",\"individual_digits\":true}," GPT2), false, false},
    {NAMES("deepseek-v3", "deepseek-r1"), "null",
     SEQUENCE(SPLIT("\\\\p{N}{1,3}") "," SPLIT("[一-龥぀-ゟ゠-ヿ]+") "," SPLIT(DEEPSEEK_WORDS) "," BYTES_ONLY),
     false, true},
};
enum { N_PRES = sizeof PRES / sizeof PRES[0] };

const GgufPre *gguf_pre_named(const char *name, size_t length)
{
    if (length == 0) return &PRES[0];
    for (int i = 0; i < N_PRES; i++)
        for (const char *const *known = PRES[i].names; *known; known++)
            if (strlen(*known) == length && memcmp(*known, name, length) == 0) return &PRES[i];
    return NULL;
}

/* Keys that do not bear on which pieces a text falls into. */
static void drop_offsets(json_t *json)
{
    json_t *value;
    const char *key;
    size_t i;
    if (json_is_object(json)) {
        json_object_del(json, "trim_offsets");
        json_object_foreach(json, key, value) drop_offsets(value);
    }
    json_array_foreach(json, i, value) drop_offsets(value);
}

/* A Sequence of nothing is nothing. */
static bool same_component(const json_t *json, const char *known)
{
    json_t *const wanted = json_loads(known, JSON_DECODE_ANY, NULL);
    json_t *own = json && !json_is_null(json) ? json_deep_copy(json) : json_null();
    const json_t *const list = json_object_get(own, "normalizers");
    if (json_is_array(list) && json_array_size(list) == 0) {
        json_decref(own);
        own = json_null();
    }
    drop_offsets(own);
    const bool same = json_equal(own, wanted);
    json_decref(own);
    json_decref(wanted);
    return same;
}

const GgufPre *gguf_pre_of(const json_t *normalizer, const json_t *pre_tokenizer)
{
    for (int i = 0; i < N_PRES; i++)
        if (same_component(normalizer, PRES[i].normalizer) && same_component(pre_tokenizer, PRES[i].pre_tokenizer))
            return &PRES[i];
    return NULL;
}

void gguf_pre_list(char *text, size_t size)
{
    size_t used = 0;
    text[0] = 0;
    for (int i = 0; i < N_PRES && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : "", PRES[i].names[0]);
}
