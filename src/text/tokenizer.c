/* SPDX-License-Identifier: MIT */
/* text/tokenizer.c: from text to ids and back. The way of a text:
 *
 *   raw added tokens -> well-formed stretches -> normaliser -> normalised added tokens -> pre-tokeniser -> merges
 *
 * Bytes that are not UTF-8 pass by the middle: a run of them is a piece of its own, so that they survive through byte-level
 * tokens and no pattern has to know about them. */
#include "text/tokenizer.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/utf8.h"
#include "text/gguf_tokenizer.h"
#include "text/tokenizer_parts.h"
#include "text/unicode.h"

#include <inttypes.h>
#include <string.h>

enum { MAX_FILE_BYTES = 1 << 30, MAX_TEXT_BYTES = 1 << 30 };

/* ---- opening ---- */

static bool read_file_as(Tokenizer **tokenizer, const char *path, bool config, Error *err)
{
    char *json;
    size_t length;
    if (!file_read_all(path, MAX_FILE_BYTES, &json, &length, err)) return false;
    const bool ok = config ? tokenizer_read_config(*tokenizer, json, length, path, err)
                           : tokenizer_read_json(tokenizer, json, length, path, err);
    base_free(json);
    return ok;
}

static bool open_gguf(Tokenizer **tokenizer, const char *path, Error *err)
{
    GgufFile file;
    JsonOut text = {0}, config = {0};
    if (!gguf_open(&file, path, err)) return false;
    const bool ok = gguf_tokenizer_texts(&text, &config, &file, err) &&
                    tokenizer_read_json(tokenizer, text.text, text.length, path, err) &&
                    tokenizer_read_config(*tokenizer, config.text, config.length, path, err);
    json_out_free(&text);
    json_out_free(&config);
    gguf_close(&file);
    if (!ok) {
        tokenizer_free(*tokenizer);
        *tokenizer = NULL;
    }
    return ok;
}

bool tokenizer_open(Tokenizer **tokenizer, const char *folder, Error *err)
{
    *tokenizer = NULL;
    if (gguf_is(folder)) return open_gguf(tokenizer, folder, err);
    char *const path = base_printf("%s/tokenizer.json", folder);
    char *const config = base_printf("%s/tokenizer_config.json", folder);
    bool ok;
    if (!file_exists(path))
        ok = error_set(err, ERROR_INPUT, "%s: not there; a tokenizer is read from this file alone", path);
    else
        ok = read_file_as(tokenizer, path, false, err) &&
             (!file_exists(config) || read_file_as(tokenizer, config, true, err));
    if (!ok) {
        tokenizer_free(*tokenizer);
        *tokenizer = NULL;
    }
    base_free(path);
    base_free(config);
    return ok;
}

bool tokenizer_is_there(const char *path)
{
    GgufFile file = {0};
    Error ignored = {0};
    if (gguf_is(path)) {
        const bool there = gguf_open(&file, path, &ignored) && gguf_has_tokenizer(&file);
        gguf_close(&file);
        return there;
    }
    char *const json = base_printf("%s/tokenizer.json", path);
    const bool there = file_exists(json);
    base_free(json);
    return there;
}

void tokenizer_free(Tokenizer *tokenizer)
{
    if (!tokenizer) return;
    base_free(tokenizer->tokens);
    base_free(tokenizer->pool);
    string_table_free(&tokenizer->by_text);
    bpe_merges_free(&tokenizer->merges);
    base_free(tokenizer->normal_forms);
    pretokenizer_free(&tokenizer->pretokenizer);
    added_set_free(&tokenizer->raw_added);
    added_set_free(&tokenizer->normalized_added);
    for (int64_t i = 0; i < tokenizer->n_kept; i++) base_free(tokenizer->kept[i]);
    base_free(tokenizer->kept);
    token_ids_free(&tokenizer->prefix);
    token_ids_free(&tokenizer->suffix);
    base_free(tokenizer);
}

/* ---- id lists ---- */

void token_ids_free(TokenIds *ids)
{
    base_free(ids->ids);
    *ids = (TokenIds){0};
}

static void reserve_ids(TokenIds *ids, int64_t more)
{
    if (ids->capacity - ids->n >= more) return;
    ids->capacity = 2 * ids->capacity + more + 16;
    ids->ids = base_realloc(ids->ids, (size_t)ids->capacity, sizeof *ids->ids);
}

void token_ids_append(TokenIds *ids, int32_t id)
{
    reserve_ids(ids, 1);
    ids->ids[ids->n++] = id;
}

static void append_ids(TokenIds *ids, const int32_t *more, int64_t n)
{
    if (n == 0) return;
    reserve_ids(ids, n);
    memcpy(ids->ids + ids->n, more, (size_t)n * sizeof *more);
    ids->n += n;
}

/* ---- encoding ---- */

typedef struct Encoder {
    const Tokenizer *tokenizer;
    TokenIds *ids;
    PretokenizeScratch pretokenize;
    BpeScratch bpe;
    char *spelling; /* owned: a piece in the byte alphabet */
    size_t spelling_bytes;
    Error *err;
} Encoder;

/* Symbols without a token become unk, a run of them one unk when they fuse. */
static void push_symbol(Encoder *e, int32_t id, bool *after_unk)
{
    const Tokenizer *const t = e->tokenizer;
    const bool is_unk = id < 0;
    if (is_unk) id = t->unk;
    if (id >= 0 && !(is_unk && *after_unk && t->fuse_unk)) bpe_scratch_push(&e->bpe, id);
    *after_unk = is_unk;
}

static void merge_and_append(Encoder *e)
{
    bpe_merge(&e->tokenizer->merges, &e->bpe);
    append_ids(e->ids, e->bpe.ids, e->bpe.n);
}

/* With ignore_merges a piece that is a token is that token. */
static bool append_whole(Encoder *e, const char *text, size_t length)
{
    if (!e->tokenizer->ignore_merges) return false;
    const int32_t id = tokenizer_model_id(e->tokenizer, text, length);
    if (id < 0) return false;
    token_ids_append(e->ids, id);
    return true;
}

static bool append_whole_bytes(Encoder *e, const char *piece, size_t length)
{
    if (!e->tokenizer->ignore_merges) return false;
    if (2 * length > e->spelling_bytes) {
        e->spelling_bytes = 4 * length + 64;
        e->spelling = base_realloc(e->spelling, e->spelling_bytes, 1);
    }
    return append_whole(e, e->spelling, byte_level_write(piece, length, e->spelling));
}

/* A piece whose bytes are the symbols. */
static void encode_bytes(Encoder *e, const char *piece, size_t length)
{
    if (append_whole_bytes(e, piece, length)) return;
    e->bpe.n = 0;
    bool after_unk = false;
    for (size_t i = 0; i < length; i++) push_symbol(e, e->tokenizer->byte_ids[(unsigned char)piece[i]], &after_unk);
    merge_and_append(e);
}

/* A piece whose characters are the symbols. */
static void encode_characters(Encoder *e, const char *piece, size_t length)
{
    if (append_whole(e, piece, length)) return;
    e->bpe.n = 0;
    bool after_unk = false;
    for (size_t i = 0; i < length;) {
        const int n = utf8_sequence(piece + i, length - i);
        const size_t step = n > 0 ? (size_t)n : 1;
        push_symbol(e, tokenizer_model_id(e->tokenizer, piece + i, step), &after_unk);
        i += step;
    }
    merge_and_append(e);
}

static bool encode_piece(void *context, const char *piece, size_t length)
{
    Encoder *const e = context;
    if (e->tokenizer->byte_level && !e->tokenizer->bytes_are_mapped)
        encode_bytes(e, piece, length);
    else
        encode_characters(e, piece, length);
    return true;
}

static bool encode_ordinary(Encoder *e, const char *text, size_t length)
{
    return pretokenize(&e->tokenizer->pretokenizer, &e->pretokenize, text, length, encode_piece, e, e->err);
}

typedef bool EncodeText(Encoder *e, const char *text, size_t length);

/* The added tokens of `set` become their ids, what lies between them goes on to `ordinary`. */
static bool encode_around_added(Encoder *e, const AddedSet *set, const char *text, size_t length, EncodeText *ordinary)
{
    AddedCursor cursor = {0};
    size_t gap;
    while (added_set_next(set, text, length, &cursor, &gap)) {
        if (gap < cursor.begin && !ordinary(e, text + gap, cursor.begin - gap)) return false;
        token_ids_append(e->ids, cursor.id);
    }
    return gap >= length || ordinary(e, text + gap, length - gap);
}

static bool encode_well_formed(Encoder *e, const char *text, size_t length)
{
    size_t normalized_length;
    char *const normalized = tokenizer_normalize(e->tokenizer, text, length, &normalized_length);
    const bool ok = normalized_length > MAX_TEXT_BYTES
                        ? error_set(e->err, ERROR_INPUT, "the normalised text is longer than 1 GiB; cut it in parts")
                        : encode_around_added(e, &e->tokenizer->normalized_added, normalized ? normalized : text,
                                              normalized_length, encode_ordinary);
    base_free(normalized);
    return ok;
}

static bool encode_any_bytes(Encoder *e, const char *text, size_t length)
{
    for (size_t at = 0; at < length;) {
        const size_t good = utf8_first_error(text + at, length - at);
        if (good > 0 && !encode_well_formed(e, text + at, good)) return false;
        at += good;
        size_t bad = 0;
        while (at + bad < length && utf8_sequence(text + at + bad, length - at - bad) < 0) bad++;
        if (bad == 0) continue;
        if (e->tokenizer->byte_level)
            encode_bytes(e, text + at, bad);
        else
            encode_characters(e, text + at, bad);
        at += bad;
    }
    return true;
}

char *tokenizer_normalize(const Tokenizer *tokenizer, const char *text, size_t length, size_t *normalized_length)
{
    char *current = NULL;
    for (int64_t i = 0; i < tokenizer->n_normal_forms; i++) {
        char *const next = normalize(tokenizer->normal_forms[i], current ? current : text, length, &length);
        if (!next) continue;
        base_free(current);
        current = next;
    }
    *normalized_length = length;
    return current;
}

bool tokenizer_encode(const Tokenizer *tokenizer, const char *text, size_t length, bool add_special, TokenIds *ids,
                      Error *err)
{
    if (length > MAX_TEXT_BYTES) return error_set(err, ERROR_INPUT, "the text is longer than 1 GiB; cut it in parts");
    Encoder e = {.tokenizer = tokenizer, .ids = ids, .err = err};
    const int64_t before = ids->n;
    if (add_special) append_ids(ids, tokenizer->prefix.ids, tokenizer->prefix.n);
    const bool ok = encode_around_added(&e, &tokenizer->raw_added, text, length, encode_any_bytes);
    if (add_special) append_ids(ids, tokenizer->suffix.ids, tokenizer->suffix.n);
    if (!ok) ids->n = before;
    pretokenize_scratch_free(&e.pretokenize);
    bpe_scratch_free(&e.bpe);
    base_free(e.spelling);
    return ok;
}

/* ---- decoding ---- */

static bool has_token(const Tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && id < tokenizer->n_tokens && tokenizer->tokens[id].text;
}

bool tokenizer_decode(const Tokenizer *tokenizer, const int32_t *ids, int64_t n, bool skip_special, char **text,
                      size_t *length, Error *err)
{
    *text = NULL;
    const size_t join = tokenizer->decodes_bytes ? 0 : strlen(tokenizer->join);
    size_t total = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!has_token(tokenizer, ids[i])) {
            /* A model's vocabulary is padded past the tokenizer's, and a model may sample what stands there. */
            if (skip_special && ids[i] >= 0) continue;
            return error_set(err, ERROR_INPUT,
                             "ids[%" PRId64 "] is %" PRId32 ": no token has this id (they go from 0 to %" PRId64 ")", i,
                             ids[i], tokenizer->n_tokens - 1);
        }
        total += tokenizer->tokens[ids[i]].bytes_length + join;
    }
    char *const out = base_alloc(total + 1, 1);
    size_t used = 0;
    bool first = true;
    for (int64_t i = 0; i < n; i++) {
        if (!has_token(tokenizer, ids[i])) continue;
        const Token *const token = &tokenizer->tokens[ids[i]];
        if (skip_special && token->special) continue;
        if (!first) memcpy(out + used, tokenizer->join, join);
        used += first ? 0 : join;
        memcpy(out + used, token->bytes, token->bytes_length);
        used += token->bytes_length;
        first = false;
    }
    out[used] = 0;
    *text = out;
    *length = used;
    return true;
}

/* ---- questions ---- */

int32_t tokenizer_model_id(const Tokenizer *tokenizer, const char *text, size_t length)
{
    const int32_t id = string_table_find(&tokenizer->by_text, text, length);
    return id >= 0 && tokenizer->tokens[id].in_model ? id : -1;
}

int64_t tokenizer_vocab_size(const Tokenizer *tokenizer)
{
    return tokenizer->n_tokens;
}

int32_t tokenizer_id(const Tokenizer *tokenizer, const char *token)
{
    return string_table_find(&tokenizer->by_text, token, strlen(token));
}

static bool same_token(const Token *a, const Token *b)
{
    if (!a->text || !b->text) return !a->text && !b->text;
    return a->text_length == b->text_length && memcmp(a->text, b->text, a->text_length) == 0;
}

bool tokenizer_same_tokens(const Tokenizer *a, const Tokenizer *b, int32_t *id)
{
    int64_t i = 0;
    while (i < a->n_tokens && i < b->n_tokens && same_token(&a->tokens[i], &b->tokens[i])) i++;
    if (id) *id = (int32_t)i;
    return i == a->n_tokens && i == b->n_tokens;
}

bool tokenizer_is_special(const Tokenizer *tokenizer, int32_t id)
{
    return id >= 0 && id < tokenizer->n_tokens && tokenizer->tokens[id].special;
}

int32_t tokenizer_bos(const Tokenizer *tokenizer)
{
    return tokenizer->bos;
}
int32_t tokenizer_eos(const Tokenizer *tokenizer)
{
    return tokenizer->eos;
}
int32_t tokenizer_pad(const Tokenizer *tokenizer)
{
    return tokenizer->pad;
}
