/* SPDX-License-Identifier: MIT */
/* text/gguf_tokenizer.c: tokens, merges and special ids of a GGUF file as the texts that Hugging Face's files hold. */
#include "text/gguf_tokenizer.h"

#include "base/arena.h"

#include <inttypes.h>
#include <string.h>

/* tokenizer.ggml.token_type */
enum { TOKEN_NORMAL = 1, TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_USER, TOKEN_UNUSED, TOKEN_BYTE };
enum { MAX_TOKEN_BYTES = 1 << 16 };

typedef struct Parts {
    const GgufFile *file;
    const GgufValue *tokens, *types, *merges;
    const GgufPre *pre;
    GgufText *texts;            /* [tokens->n_items]; owned */
    int64_t bos, eos, unk, pad; /* -1: none */
    bool add_bos, add_eos;
    Error *err;
} Parts;

static bool text_is(GgufText text, const char *wanted)
{
    return text.length == strlen(wanted) && memcmp(text.bytes, wanted, text.length) == 0;
}

bool gguf_has_tokenizer(const GgufFile *file)
{
    return gguf_value(file, "tokenizer.ggml.model") || gguf_value(file, "tokenizer.huggingface.json");
}

/* ---- reading ---- */

static bool read_pre(Parts *p)
{
    GgufText model = {0}, pre = {0};
    if (!gguf_get_text(p->file, "tokenizer.ggml.model", &model, p->err) ||
        !gguf_get_text(p->file, "tokenizer.ggml.pre", &pre, p->err))
        return false;
    if (!model.bytes) return error_set(p->err, ERROR_INPUT, "%s: has no tokenizer", p->file->path);
    if (!text_is(model, "gpt2"))
        return error_set(p->err, ERROR_INPUT,
                         "%s: key \"tokenizer.ggml.model\" is \"%s\"; r1 reads gpt2 (byte-level BPE)", p->file->path,
                         gguf_label(model).text);
    p->pre = gguf_pre_named(pre.bytes, pre.length);
    if (p->pre) return true;
    char known[160];
    gguf_pre_list(known, sizeof known);
    return error_set(p->err, ERROR_INPUT, "%s: key \"tokenizer.ggml.pre\" is \"%s\", which is not known (known: %s)",
                     p->file->path, gguf_label(pre).text, known);
}

static bool read_lists(Parts *p)
{
    if (!gguf_get_array(p->file, "tokenizer.ggml.tokens", GGUF_STRING, &p->tokens, p->err) ||
        !gguf_get_array(p->file, "tokenizer.ggml.token_type", GGUF_I32, &p->types, p->err) ||
        !gguf_get_array(p->file, "tokenizer.ggml.merges", GGUF_STRING, &p->merges, p->err))
        return false;
    if (!p->tokens || !p->merges)
        return error_set(p->err, ERROR_INPUT, "%s: key \"tokenizer.ggml.%s\" is missing", p->file->path,
                         p->tokens ? "merges" : "tokens");
    if (p->types && p->types->n_items != p->tokens->n_items)
        return error_set(p->err, ERROR_INPUT, "%s: %" PRId64 " tokens but %" PRId64 " token types", p->file->path,
                         p->tokens->n_items, p->types->n_items);
    p->texts = base_alloc((size_t)p->tokens->n_items, sizeof *p->texts);
    const unsigned char *at = p->tokens->data;
    for (int64_t i = 0; i < p->tokens->n_items; i++) {
        p->texts[i] = gguf_next_text(&at);
        if (p->texts[i].length > MAX_TOKEN_BYTES || memchr(p->texts[i].bytes, 0, p->texts[i].length))
            return error_set(p->err, ERROR_INPUT,
                             "%s: token %" PRId64 " has %zu bytes or a zero byte; at most %d are read", p->file->path,
                             i, p->texts[i].length, MAX_TOKEN_BYTES);
    }
    return true;
}

static bool read_id(const Parts *p, const char *key, int64_t *id)
{
    *id = -1;
    return gguf_get_int(p->file, key, 0, p->tokens->n_items - 1, id, p->err);
}

static bool read_specials(Parts *p)
{
    p->add_bos = p->pre->adds_bos;
    return read_id(p, "tokenizer.ggml.bos_token_id", &p->bos) && read_id(p, "tokenizer.ggml.eos_token_id", &p->eos) &&
           read_id(p, "tokenizer.ggml.unknown_token_id", &p->unk) &&
           read_id(p, "tokenizer.ggml.padding_token_id", &p->pad) &&
           gguf_get_bool(p->file, "tokenizer.ggml.add_bos_token", &p->add_bos, p->err) &&
           gguf_get_bool(p->file, "tokenizer.ggml.add_eos_token", &p->add_eos, p->err);
}

static int64_t type_of(const Parts *p, int64_t id)
{
    return p->types ? gguf_integer_at(p->types, id) : TOKEN_NORMAL;
}

/* ---- tokenizer.json ---- */

static void put_added(JsonOut *out, const Parts *p)
{
    json_out_key(out, "added_tokens");
    json_out_array(out);
    for (int64_t i = 0; i < p->tokens->n_items; i++) {
        const int64_t type = type_of(p, i);
        if (type != TOKEN_CONTROL && type != TOKEN_USER && type != TOKEN_UNKNOWN) continue;
        if (p->texts[i].length == 0) continue; /* an empty text is nowhere */
        json_out_object(out);
        json_out_kv_int(out, "id", i);
        json_out_key(out, "content");
        json_out_string(out, p->texts[i].bytes, p->texts[i].length);
        json_out_kv_bool(out, "single_word", false);
        json_out_kv_bool(out, "lstrip", false);
        json_out_kv_bool(out, "rstrip", false);
        json_out_kv_bool(out, "normalized", false);
        json_out_kv_bool(out, "special", type != TOKEN_USER);
        json_out_object_end(out);
    }
    json_out_array_end(out);
}

/* Tokens that pieces and merges are looked up in. An unused id is a place in the model's matrices without a text. */
static void put_vocab(JsonOut *out, const Parts *p)
{
    char *const key = base_alloc(MAX_TOKEN_BYTES + 1, 1);
    json_out_key(out, "vocab");
    json_out_object(out);
    for (int64_t i = 0; i < p->tokens->n_items; i++) {
        if (type_of(p, i) == TOKEN_UNUSED) continue;
        memcpy(key, p->texts[i].bytes, p->texts[i].length);
        key[p->texts[i].length] = 0;
        json_out_kv_int(out, key, i);
    }
    json_out_object_end(out);
    base_free(key);
}

static void put_model(JsonOut *out, const Parts *p)
{
    json_out_key(out, "model");
    json_out_object(out);
    json_out_kv_string(out, "type", "BPE");
    json_out_kv_bool(out, "fuse_unk", false);
    json_out_kv_bool(out, "byte_fallback", false);
    json_out_kv_bool(out, "ignore_merges", p->pre->ignore_merges);
    put_vocab(out, p);
    json_out_key(out, "merges");
    json_out_array(out);
    const unsigned char *at = p->merges->data;
    for (int64_t i = 0; i < p->merges->n_items; i++) {
        const GgufText merge = gguf_next_text(&at);
        json_out_string(out, merge.bytes, merge.length);
    }
    json_out_array_end(out);
    json_out_object_end(out);
}

static void put_template_token(JsonOut *out, const Parts *p, int64_t id)
{
    json_out_object(out);
    json_out_key(out, "SpecialToken");
    json_out_object(out);
    json_out_key(out, "id");
    json_out_string(out, p->texts[id].bytes, p->texts[id].length);
    json_out_kv_int(out, "type_id", 0);
    json_out_object_end(out);
    json_out_object_end(out);
}

static void put_special_ids(JsonOut *out, const Parts *p, int64_t id)
{
    char *const name = base_strndup(p->texts[id].bytes, p->texts[id].length);
    json_out_key(out, name);
    json_out_object(out);
    json_out_kv_string(out, "id", name);
    json_out_key(out, "ids");
    json_out_array(out);
    json_out_int(out, id);
    json_out_array_end(out);
    json_out_key(out, "tokens");
    json_out_array(out);
    json_out_cstring(out, name);
    json_out_array_end(out);
    json_out_object_end(out);
    base_free(name);
}

/* "single" or "pair": each text with what goes around it. */
static void put_template(JsonOut *out, const Parts *p, const char *key, const char *texts)
{
    json_out_key(out, key);
    json_out_array(out);
    for (; *texts; texts++) {
        const char id[2] = {*texts, 0};
        if (p->add_bos && p->bos >= 0) put_template_token(out, p, p->bos);
        json_out_object(out);
        json_out_key(out, "Sequence");
        json_out_object(out);
        json_out_kv_string(out, "id", id);
        json_out_kv_int(out, "type_id", *texts - 'A');
        json_out_object_end(out);
        json_out_object_end(out);
        if (p->add_eos && p->eos >= 0) put_template_token(out, p, p->eos);
    }
    json_out_array_end(out);
}

static void put_post_processor(JsonOut *out, const Parts *p)
{
    json_out_key(out, "post_processor");
    json_out_object(out);
    json_out_kv_string(out, "type", "TemplateProcessing");
    put_template(out, p, "single", "A");
    put_template(out, p, "pair", "AB");
    json_out_key(out, "special_tokens");
    json_out_object(out);
    if (p->add_bos && p->bos >= 0) put_special_ids(out, p, p->bos);
    if (p->add_eos && p->eos >= 0 && !(p->add_bos && p->bos == p->eos)) put_special_ids(out, p, p->eos);
    json_out_object_end(out);
    json_out_object_end(out);
}

static void put_tokenizer(JsonOut *out, const Parts *p)
{
    json_out_object(out);
    json_out_kv_string(out, "version", "1.0");
    json_out_key(out, "truncation");
    json_out_null(out);
    json_out_key(out, "padding");
    json_out_null(out);
    put_added(out, p);
    json_out_key(out, "normalizer");
    json_out_raw(out, p->pre->normalizer);
    json_out_key(out, "pre_tokenizer");
    json_out_raw(out, p->pre->pre_tokenizer);
    put_post_processor(out, p);
    json_out_key(out, "decoder");
    json_out_raw(out, "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true}");
    put_model(out, p);
    json_out_object_end(out);
}

/* ---- tokenizer_config.json ---- */

static void put_named(JsonOut *out, const char *key, const Parts *p, int64_t id)
{
    json_out_key(out, key);
    if (id < 0)
        json_out_null(out);
    else
        json_out_string(out, p->texts[id].bytes, p->texts[id].length);
}

static bool put_config(JsonOut *out, const Parts *p)
{
    GgufText chat = {0};
    if (!gguf_get_text(p->file, "tokenizer.chat_template", &chat, p->err)) return false;
    json_out_object(out);
    json_out_kv_bool(out, "add_bos_token", p->add_bos);
    json_out_kv_bool(out, "add_eos_token", p->add_eos);
    put_named(out, "bos_token", p, p->bos);
    put_named(out, "eos_token", p, p->eos);
    put_named(out, "pad_token", p, p->pad);
    put_named(out, "unk_token", p, p->unk);
    json_out_kv_string(out, "tokenizer_class", "PreTrainedTokenizerFast");
    if (chat.bytes) {
        json_out_key(out, "chat_template");
        json_out_string(out, chat.bytes, chat.length);
    }
    json_out_object_end(out);
    return true;
}

bool gguf_tokenizer_texts(JsonOut *tokenizer, JsonOut *config, const GgufFile *file, Error *err)
{
    Parts p = {.file = file, .err = err};
    GgufText whole = {0};
    bool ok = gguf_get_text(file, "tokenizer.huggingface.json", &whole, err);
    if (ok && whole.bytes) p.pre = gguf_pre_named("", 0); /* nothing of it is used but bos */
    ok = ok && (whole.bytes || read_pre(&p)) && read_lists(&p) && read_specials(&p) && put_config(config, &p);
    if (ok && whole.bytes) {
        char *const text = base_strndup(whole.bytes, whole.length);
        json_out_raw(tokenizer, text);
        base_free(text);
    } else if (ok) {
        put_tokenizer(tokenizer, &p);
    }
    base_free(p.texts);
    return ok;
}
