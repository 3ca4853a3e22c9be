/* SPDX-License-Identifier: MIT */
/* text/tokenizer_json.c: tokenizer.json's vocabulary, merges and added tokens, and tokenizer_config.json. The pipeline around
 * them is read in tokenizer_pipeline.c. Everything in these files is hostile until it was checked here. */
#include "base/arena.h"
#include "base/utf8.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"

#include <inttypes.h>
#include <string.h>

/* An id above these is a slip, not a vocabulary; an added token is looked for at every place of a text. */
enum { MAX_TOKEN_ID = (1 << 22) - 1, MAX_TOKEN_BYTES = 1 << 16, MAX_ADDED_BYTES = 1024 };

/* A token for messages: short, quoted by the caller, without control characters. */
typedef struct Shown {
    char text[52];
} Shown;

static Shown show(const char *text, size_t length)
{
    Shown shown = {{0}};
    size_t used = 0;
    for (size_t i = 0; i < length && used < 40;) {
        const int n = utf8_sequence(text + i, length - i);
        for (int k = 0; k < n; k++)
            shown.text[used + (size_t)k] = (unsigned char)text[i] < 0x20 ? '?' : text[i + (size_t)k];
        used += n > 0 ? (size_t)n : 0;
        i += n > 0 ? (size_t)n : 1;
    }
    if (used >= 40) memcpy(shown.text + used, "...", 3);
    return shown;
}

/* ---- the tokens ---- */

static char *take_pool(Tokenizer *t, size_t bytes)
{
    char *const taken = t->pool + t->pool_used;
    t->pool_used += bytes + 1;
    taken[bytes] = 0;
    return taken;
}

/* The token's text and, for a byte-level decoder, the bytes it stands for. */
static void set_token(Tokenizer *t, int32_t id, const char *text, size_t length)
{
    Token *const token = &t->tokens[id];
    char *const copy = take_pool(t, length);
    memcpy(copy, text, length);
    token->text = token->bytes = copy;
    token->text_length = token->bytes_length = (uint32_t)length;
    size_t n_bytes = length;
    char *const bytes = t->pool + t->pool_used;
    if (t->decodes_bytes && byte_level_read(text, length, bytes, &n_bytes) &&
        (n_bytes != length || memcmp(bytes, text, length) != 0)) {
        token->bytes = take_pool(t, n_bytes);
        token->bytes_length = (uint32_t)n_bytes;
    }
}

/* Room for the longest id and every text twice (as spelt, and as bytes). */
static bool plan_tokens(Tokenizer *t, const json_t *vocab, const json_t *added, Error *err)
{
    int64_t most = -1;
    size_t bytes = 1;
    const char *key;
    size_t key_length;
    const json_t *value;
    json_object_keylen_foreach((json_t *)vocab, key, key_length, value)
    {
        const int64_t id = json_is_integer(value) ? json_integer_value(value) : -1;
        if (id < 0 || id > MAX_TOKEN_ID)
            return error_set(err, ERROR_INPUT, "model.vocab: the id of \"%s\" must be an integer from 0 to %d",
                             show(key, key_length).text, MAX_TOKEN_ID);
        if (key_length > MAX_TOKEN_BYTES)
            return error_set(err, ERROR_INPUT, "model.vocab: \"%s\" is %zu bytes long; at most %d are read",
                             show(key, key_length).text, key_length, MAX_TOKEN_BYTES);
        if (id > most) most = id;
        bytes += 2 * (key_length + 1);
    }
    for (size_t i = 0; i < json_array_size(added); i++) {
        const json_t *const token = json_array_get(added, i);
        int64_t id = -1;
        const char *content = NULL;
        size_t length = 0;
        if (!json_require(token, "id", err) || !json_get_int(token, "id", 0, MAX_TOKEN_ID, &id, err) ||
            !json_require(token, "content", err) || !json_get_string(token, "content", &content, &length, err))
            return error_in(err, "added_tokens[%zu]", i);
        if (length == 0 || length > MAX_ADDED_BYTES)
            return error_set(err, ERROR_INPUT, "added_tokens[%zu]: \"content\" is %zu bytes long, allowed are 1 to %d",
                             i, length, MAX_ADDED_BYTES);
        if (id > most) most = id;
        bytes += 2 * (length + 1);
    }
    t->pool = base_alloc(bytes, 1);
    t->pool_bytes = bytes;
    t->tokens = base_alloc((size_t)most + 1, sizeof *t->tokens);
    t->n_tokens = most + 1;
    string_table_reserve(&t->by_text, (int64_t)json_object_size(vocab) + (int64_t)json_array_size(added));
    return true;
}

static bool read_vocab(Tokenizer *t, const json_t *vocab, Error *err)
{
    const char *key;
    size_t length;
    const json_t *value;
    json_object_keylen_foreach((json_t *)vocab, key, length, value)
    {
        const int32_t id = (int32_t)json_integer_value(value);
        Token *const token = &t->tokens[id];
        if (token->text)
            return error_set(err, ERROR_INPUT, "model.vocab: \"%s\" and \"%s\" both have the id %" PRId32,
                             show(token->text, token->text_length).text, show(key, length).text, id);
        set_token(t, id, key, length);
        token->in_model = true;
        string_table_add(&t->by_text, token->text, length, id);
    }
    return true;
}

/* ---- merges ---- */

/* "a b" or ["a", "b"]. */
static bool merge_parts(const json_t *merge, const char *part[2], size_t length[2], Error *err)
{
    if (json_is_string(merge)) {
        const char *const text = json_string_value(merge);
        const size_t n = json_string_length(merge);
        const char *const space = memchr(text, ' ', n);
        if (!space || memchr(space + 1, ' ', n - (size_t)(space + 1 - text)))
            return error_set(err, ERROR_INPUT, "\"%s\" must be two tokens with one space between them",
                             show(text, n).text);
        part[0] = text;
        length[0] = (size_t)(space - text);
        part[1] = space + 1;
        length[1] = n - length[0] - 1;
        return true;
    }
    if (!json_is_array(merge) || json_array_size(merge) != 2 || !json_is_string(json_array_get(merge, 0)) ||
        !json_is_string(json_array_get(merge, 1)))
        return error_set(err, ERROR_INPUT, "must be \"left right\" or [\"left\", \"right\"]");
    for (size_t i = 0; i < 2; i++) {
        part[i] = json_string_value(json_array_get(merge, i));
        length[i] = json_string_length(json_array_get(merge, i));
    }
    return true;
}

static bool read_merge(Tokenizer *t, const json_t *merge, int32_t rank, char *joined, Error *err)
{
    const char *part[2];
    size_t length[2];
    int32_t id[2];
    if (!merge_parts(merge, part, length, err)) return false;
    for (int i = 0; i < 2; i++) {
        id[i] = tokenizer_model_id(t, part[i], length[i]);
        if (id[i] < 0)
            return error_set(err, ERROR_INPUT, "\"%s\" is not in model.vocab", show(part[i], length[i]).text);
    }
    memcpy(joined, part[0], length[0]);
    memcpy(joined + length[0], part[1], length[1]);
    const int32_t result = tokenizer_model_id(t, joined, length[0] + length[1]);
    if (result < 0)
        return error_set(err, ERROR_INPUT, "its result \"%s\" is not in model.vocab",
                         show(joined, length[0] + length[1]).text);
    bpe_merges_set(&t->merges, rank, id[0], id[1], result);
    return true;
}

static bool read_merges(Tokenizer *t, const json_t *merges, Error *err)
{
    const size_t n = json_array_size(merges);
    bpe_merges_create(&t->merges, (int64_t)n);
    char *const joined = base_alloc(2 * MAX_TOKEN_BYTES, 1); /* both parts were checked to be tokens */
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++)
        ok = read_merge(t, json_array_get(merges, i), (int32_t)i, joined, err) || error_in(err, "model.merges[%zu]", i);
    base_free(joined);
    return ok;
}

/* ---- the model ---- */

static bool refuse_setting(const json_t *model, const char *key, Error *err)
{
    const json_t *const value = json_object_get(model, key);
    if (!value || json_is_null(value) || json_is_false(value)) return true;
    if (json_is_string(value) && json_string_length(value) == 0) return true;
    if (json_is_number(value) && json_number_value(value) == 0) return true;
    return error_set(err, ERROR_INPUT, "model.%s is set, which is not supported (byte-level BPE has no use for it)",
                     key);
}

static bool check_model(const json_t *model, Error *err)
{
    const char *type = "BPE";
    size_t length;
    if (!json_is_object(model))
        return error_set(err, ERROR_INPUT, "model: must be an object with \"vocab\" and \"merges\"");
    if (!json_get_string(model, "type", &type, &length, err)) return error_in(err, "model");
    if (strcmp(type, "BPE") != 0)
        return error_set(err, ERROR_INPUT, "model.type is \"%s\"; only \"BPE\" is supported",
                         show(type, strlen(type)).text);
    if (!json_is_object(json_object_get(model, "vocab")))
        return error_set(err, ERROR_INPUT, "model.vocab: must be an object from tokens to ids");
    if (!json_is_array(json_object_get(model, "merges")))
        return error_set(err, ERROR_INPUT, "model.merges: must be an array");
    if (json_array_size(json_object_get(model, "merges")) > INT32_MAX / 2)
        return error_set(err, ERROR_INPUT, "model.merges: too many");
    return refuse_setting(model, "byte_fallback", err) && refuse_setting(model, "dropout", err) &&
           refuse_setting(model, "continuing_subword_prefix", err) && refuse_setting(model, "end_of_word_suffix", err);
}

static bool read_model(Tokenizer *t, const json_t *model, Error *err)
{
    const char *unk = NULL;
    size_t unk_length = 0;
    if (!json_get_bool(model, "ignore_merges", &t->ignore_merges, err) ||
        !json_get_bool(model, "fuse_unk", &t->fuse_unk, err) ||
        !json_get_string(model, "unk_token", &unk, &unk_length, err))
        return error_in(err, "model");
    if (!read_vocab(t, json_object_get(model, "vocab"), err) || !read_merges(t, json_object_get(model, "merges"), err))
        return false;
    t->unk = unk ? tokenizer_model_id(t, unk, unk_length) : -1;
    if (unk && t->unk < 0)
        return error_set(err, ERROR_INPUT, "model.unk_token: \"%s\" is not in model.vocab", show(unk, unk_length).text);
    return true;
}

/* What pieces are looked up by, once the vocabulary stands. */
static void index_bytes(Tokenizer *t)
{
    for (int byte = 0; byte < 256; byte++) {
        char utf8[4];
        const int n = unicode_encode(byte_level_char((unsigned char)byte), utf8);
        t->byte_ids[byte] = tokenizer_model_id(t, utf8, (size_t)n);
    }
}

/* ---- added tokens ---- */

static bool place_added(Tokenizer *t, int32_t id, const char *content, size_t length, Error *err)
{
    const int32_t there = string_table_find(&t->by_text, content, length);
    if (there >= 0 && there != id)
        return error_set(err, ERROR_INPUT, "\"%s\" has the id %" PRId32 " here and %" PRId32 " elsewhere in this file",
                         show(content, length).text, id, there);
    Token *const token = &t->tokens[id];
    if (there < 0 && token->text)
        return error_set(err, ERROR_INPUT, "\"%s\" takes the id %" PRId32 " of \"%s\"", show(content, length).text, id,
                         show(token->text, token->text_length).text);
    if (there < 0) {
        set_token(t, id, content, length);
        string_table_add(&t->by_text, token->text, length, id);
    }
    return true;
}

static char *keep(Tokenizer *t, char *text)
{
    t->kept = base_realloc(t->kept, (size_t)t->n_kept + 1, sizeof *t->kept);
    return t->kept[t->n_kept++] = text;
}

/* A token that is looked for in normalised text is looked for in its own normal form, and decodes to it. */
static void add_normalized(Tokenizer *t, AddedToken added)
{
    size_t length;
    char *const content = tokenizer_normalize(t, added.content, added.length, &length);
    if (content) {
        Token *const token = &t->tokens[added.id];
        added.content = token->bytes = keep(t, content);
        added.length = token->bytes_length = (uint32_t)length;
        char *const bytes = keep(t, base_alloc(length + 1, 1));
        size_t n_bytes;
        if (t->decodes_bytes && byte_level_read(content, length, bytes, &n_bytes)) {
            token->bytes = bytes;
            token->bytes_length = (uint32_t)n_bytes;
        }
    }
    if (added.length > 0) added_set_add(&t->normalized_added, added);
}

static bool read_added_token(Tokenizer *t, const json_t *json, Error *err)
{
    int64_t id = 0;
    const char *content = "";
    size_t length = 0;
    AddedToken added = {0};
    bool special = false, normalized = false;
    if (!json_get_int(json, "id", 0, MAX_TOKEN_ID, &id, err) ||
        !json_get_string(json, "content", &content, &length, err) || !json_get_bool(json, "special", &special, err) ||
        !json_get_bool(json, "normalized", &normalized, err) ||
        !json_get_bool(json, "single_word", &added.single_word, err) ||
        !json_get_bool(json, "lstrip", &added.lstrip, err) || !json_get_bool(json, "rstrip", &added.rstrip, err) ||
        !place_added(t, (int32_t)id, content, length, err))
        return false;
    Token *const token = &t->tokens[id];
    token->special = token->special || special;
    added.id = (int32_t)id;
    added.content = token->text;
    added.length = token->text_length;
    if (normalized)
        add_normalized(t, added);
    else
        added_set_add(&t->raw_added, added);
    return true;
}

static bool read_added_tokens(Tokenizer *t, const json_t *added, Error *err)
{
    for (size_t i = 0; i < json_array_size(added); i++)
        if (!read_added_token(t, json_array_get(added, i), err)) return error_in(err, "added_tokens[%zu]", i);
    added_set_sort(&t->raw_added);
    added_set_sort(&t->normalized_added);
    return true;
}

/* ---- the file ---- */

static bool read_root(Tokenizer *t, const json_t *root, Error *err)
{
    if (!json_is_object(root)) return error_set(err, ERROR_INPUT, "must be an object with \"model\"");
    const json_t *const model = json_object_get(root, "model");
    const json_t *added = json_object_get(root, "added_tokens");
    if (json_is_null(added)) added = NULL;
    if (added && !json_is_array(added)) return error_set(err, ERROR_INPUT, "added_tokens: must be an array");
    /* "truncation" and "padding" are left alone: they are about batches, and every user of these files sets its own. */
    return check_model(model, err) && tokenizer_read_decoder(t, json_object_get(root, "decoder"), err) &&
           tokenizer_read_normalizer(t, json_object_get(root, "normalizer"), err) &&
           tokenizer_read_pretokenizer(t, json_object_get(root, "pre_tokenizer"), err) &&
           plan_tokens(t, json_object_get(model, "vocab"), added, err) && read_model(t, model, err) &&
           read_added_tokens(t, added, err) &&
           tokenizer_read_post_processor(t, json_object_get(root, "post_processor"), err);
}

bool tokenizer_read_json(Tokenizer **tokenizer, const char *json, size_t length, const char *name, Error *err)
{
    *tokenizer = NULL;
    json_t *const root = json_read_text(json, length, name, 1, err);
    if (!root) return false;
    Tokenizer *const t = base_alloc(1, sizeof *t);
    t->unk = t->bos = t->eos = t->pad = -1;
    t->join = "";
    const bool ok = read_root(t, root, err) || error_in(err, "%s", name);
    json_decref(root);
    if (!ok) {
        tokenizer_free(t);
        return false;
    }
    index_bytes(t);
    *tokenizer = t;
    return true;
}

/* "eos_token": a string, or an object with "content". A name that is no token is nobody's token: -1. */
static bool read_named_token(const Tokenizer *t, const json_t *config, const char *key, int32_t *id, Error *err)
{
    const json_t *value = json_object_get(config, key);
    if (json_is_object(value)) value = json_object_get(value, "content");
    if (!value || json_is_null(value)) return true;
    if (!json_is_string(value))
        return error_set(err, ERROR_INPUT, "\"%s\": must be a string or an object with \"content\"", key);
    *id = string_table_find(&t->by_text, json_string_value(value), json_string_length(value));
    return true;
}

/* "add_bos_token" is left alone: what goes around a text is the post-processor's to say, so that a folder means the same
 * with and without this file (transformers reads it so since version 5). */
bool tokenizer_read_config(Tokenizer *tokenizer, const char *json, size_t length, const char *name, Error *err)
{
    json_t *const config = json_read_text(json, length, name, 1, err);
    if (!config) return false;
    const bool ok = (json_is_object(config) || error_set(err, ERROR_INPUT, "must be an object")) &&
                    read_named_token(tokenizer, config, "bos_token", &tokenizer->bos, err) &&
                    read_named_token(tokenizer, config, "eos_token", &tokenizer->eos, err) &&
                    read_named_token(tokenizer, config, "pad_token", &tokenizer->pad, err);
    json_decref(config);
    return ok || error_in(err, "%s", name);
}
