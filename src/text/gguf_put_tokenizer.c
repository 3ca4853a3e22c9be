/* SPDX-License-Identifier: MIT */
/* text/gguf_put_tokenizer.c: from tokenizer.json and tokenizer_config.json to the metadata of a GGUF file: the mirror of
 * gguf_tokenizer.c. */
#include "text/gguf_tokenizer.h"

#include "base/arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { TOKEN_NORMAL = 1, TOKEN_CONTROL = 3, TOKEN_USER = 4, TOKEN_UNUSED = 5 };

typedef struct Place {
    const char *text; /* lives in the JSON */
    size_t length;
    int32_t type; /* 0: no token has this id */
} Place;

/* All tokens by id; those of `vocab` first, so that an added one may be both. */
static bool place_tokens(Place *places, int64_t n, const json_t *json, Error *err)
{
    const char *text;
    size_t length, i;
    json_t *value;
    json_object_keylen_foreach(json_object_get(json_object_get(json, "model"), "vocab"), text, length, value)
    {
        const json_int_t id = json_integer_value(value);
        if (id < 0 || id >= n)
            return error_set(err, ERROR_INPUT,
                             "a token has the id %" PRId64 ", the model's vocabulary ends at %" PRId64, (int64_t)id, n);
        places[id] = (Place){text, length, TOKEN_NORMAL};
    }
    json_array_foreach(json_object_get(json, "added_tokens"), i, value)
    {
        const json_int_t id = json_integer_value(json_object_get(value, "id"));
        const json_t *const content = json_object_get(value, "content");
        if (id < 0 || id >= n)
            return error_set(err, ERROR_INPUT,
                             "an added token has the id %" PRId64 ", the model's vocabulary ends at %" PRId64,
                             (int64_t)id, n);
        places[id] = (Place){json_string_value(content), json_string_length(content),
                             json_is_true(json_object_get(value, "special")) ? TOKEN_CONTROL : TOKEN_USER};
    }
    return true;
}

static void put_tokens(GgufValues *v, const Place *places, int64_t n)
{
    gguf_begin_texts(v, "tokenizer.ggml.tokens", n);
    for (int64_t i = 0; i < n; i++) {
        char pad[32];
        const int length = snprintf(pad, sizeof pad, "[PAD%" PRId64 "]", i); /* an id without a token still has a row */
        if (places[i].type)
            gguf_add_text(v, places[i].text, places[i].length);
        else
            gguf_add_text(v, pad, (size_t)length);
    }
    gguf_begin_i32s(v, "tokenizer.ggml.token_type", n);
    for (int64_t i = 0; i < n; i++) gguf_add_i32(v, places[i].type ? places[i].type : TOKEN_UNUSED);
}

static void put_merges(GgufValues *v, const json_t *merges)
{
    size_t i;
    json_t *merge;
    gguf_begin_texts(v, "tokenizer.ggml.merges", (int64_t)json_array_size(merges));
    json_array_foreach((json_t *)merges, i, merge)
    {
        if (json_is_string(merge)) {
            gguf_add_text(v, json_string_value(merge), json_string_length(merge));
            continue;
        }
        char *const joined = base_printf("%s %s", json_string_value(json_array_get(merge, 0)),
                                         json_string_value(json_array_get(merge, 1)));
        gguf_add_text(v, joined, strlen(joined));
        base_free(joined);
    }
}

/* Whether the post-processor puts a token before or behind the text; the last TemplateProcessing says. */
static void find_around(const json_t *processor, bool *before, bool *after)
{
    size_t i;
    json_t *value;
    json_array_foreach(json_object_get(processor, "processors"), i, value) find_around(value, before, after);
    const json_t *const single = json_object_get(processor, "single");
    if (!json_is_array(single) || json_array_size(single) == 0) return;
    *before = json_object_get(json_array_get(single, 0), "SpecialToken") != NULL;
    *after = json_object_get(json_array_get(single, json_array_size(single) - 1), "SpecialToken") != NULL;
}

static void put_pre(GgufValues *v, const json_t *json, const char *text, size_t length)
{
    const GgufPre *pre = gguf_pre_of(json_object_get(json, "normalizer"), json_object_get(json, "pre_tokenizer"));
    const bool ignores = json_is_true(json_object_get(json_object_get(json, "model"), "ignore_merges"));
    if (pre && pre->ignore_merges != ignores) pre = NULL;
    gguf_put_text(v, "tokenizer.ggml.model", "gpt2", 4);
    const char *const name = pre ? pre->names[0] : "default";
    gguf_put_text(v, "tokenizer.ggml.pre", name, strlen(name));
    if (!pre) gguf_put_text(v, "tokenizer.huggingface.json", text, length); /* no name says what this one does */
}

static void put_unknown(GgufValues *v, const Place *places, int64_t n, const json_t *config)
{
    const json_t *unknown = json_object_get(config, "unk_token");
    if (json_is_object(unknown)) unknown = json_object_get(unknown, "content");
    for (int64_t i = 0; json_is_string(unknown) && i < n; i++)
        if (places[i].type && strcmp(places[i].text, json_string_value(unknown)) == 0) {
            gguf_put_u32(v, "tokenizer.ggml.unknown_token_id", (uint32_t)i);
            return;
        }
}

bool gguf_put_tokenizer(GgufValues *values, const char *tokenizer, size_t length, const char *config,
                        size_t config_length, const char *chat_template, int64_t vocab_size, const char *name,
                        Error *err)
{
    json_t *const json = json_read_text(tokenizer, length, name, 1, err);
    json_t *const settings = json && config ? json_read_text(config, config_length, name, 1, err) : json_object();
    Place *const places = base_alloc((size_t)vocab_size, sizeof *places);
    const bool ok = json && settings && (place_tokens(places, vocab_size, json, err) || error_in(err, "%s", name));
    if (ok) {
        bool before = false, after = false;
        put_pre(values, json, tokenizer, length);
        put_tokens(values, places, vocab_size);
        put_merges(values, json_object_get(json_object_get(json, "model"), "merges"));
        find_around(json_object_get(json, "post_processor"), &before, &after);
        gguf_put_bool(values, "tokenizer.ggml.add_bos_token", before);
        gguf_put_bool(values, "tokenizer.ggml.add_eos_token", after);
        put_unknown(values, places, vocab_size, settings);
        const char *const chat =
            chat_template ? chat_template : json_string_value(json_object_get(settings, "chat_template"));
        if (chat) gguf_put_text(values, "tokenizer.chat_template", chat, strlen(chat));
    }
    base_free(places);
    json_decref(settings);
    json_decref(json);
    return ok;
}
