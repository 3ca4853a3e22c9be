/* SPDX-License-Identifier: MIT */
/* data/preferences.c: see preferences.h. */
#include "data/preferences.h"

#include "base/arena.h"
#include "data/jsonl.h"
#include "data/preference_rows.h"
#include "text/thinking.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

typedef struct Reader {
    Preferences *out;
    const Tokenizer *tokenizer;
    const PreferenceOptions *options;
    ChatRows chat;
    bool begun; /* out->pairs is decided */
} Reader;

void preferences_free(Preferences *p)
{
    token_ids_free(&p->ids);
    base_free(p->items);
    *p = (Preferences){0};
}

/* ---- one response ---- */

const char *preference_scored(ScoredPart part, const char *prompt, size_t prompt_length, const char *text,
                              size_t length, size_t *scored_length)
{
    const char *begin = text;
    if (part == SCORED_SUMMARY)
        begin = thinking_unfinished(prompt, prompt_length, text, length) ? text + length : thinking_end(text, length);
    *scored_length = length - (size_t)(begin - text);
    return begin;
}

bool preference_encode(TokenIds *ids, int64_t *n_prompt, const Tokenizer *tokenizer, int32_t end, bool rendered,
                       const char *prompt, size_t prompt_length, const char *response, size_t length, Error *err)
{
    const int64_t before = ids->n;
    if (!tokenizer_encode(tokenizer, prompt, prompt_length, !rendered, ids, err)) return false;
    *n_prompt = ids->n - before;
    if (!tokenizer_encode(tokenizer, response, length, false, ids, err)) return false;
    token_ids_append(ids, end);
    return true;
}

/* ---- a row ---- */

static bool read_label(const json_t *row, float *label, Error *err)
{
    const json_t *const value = json_object_get(row, "label");
    double number = json_is_true(value) ? 1.0 : 0.0;
    if (json_is_number(value)) number = json_number_value(value);
    *label = (float)number;
    if ((json_is_boolean(value) || json_is_number(value)) && number >= 0.0 && number <= 1.0) return true;
    return error_set(err, ERROR_INPUT, "\"label\" must be true, false, or a number from 0 to 1");
}

static bool read_margin(const Reader *r, const json_t *row, float *margin, Error *err)
{
    double value = r->options->margin;
    if (!json_get_double(row, "margin", &value, err)) return false;
    *margin = (float)value;
    return (value >= -1e6 && value <= 1e6) || error_set(err, ERROR_INPUT, "\"margin\" %g is beyond 1e6", value);
}

/* The prompt's ids, then each response's, at the end of the list. */
static bool append_row(Reader *r, const PreferenceRow *row, int n, Preference *item, Error *err)
{
    const PreferenceOptions *const o = r->options;
    TokenIds *const ids = &r->out->ids;
    const int whole = o->scored < 0 ? !r->out->pairs : o->scored == SCORED_RESPONSE;
    item->prompt = ids->n;
    if (!tokenizer_encode(r->tokenizer, row->prompt, row->prompt_length, !row->rendered, ids, err)) return false;
    item->n_prompt = ids->n - item->prompt;
    for (int i = 0; i < n; i++) {
        size_t length;
        const char *const scored = preference_scored(whole ? SCORED_RESPONSE : SCORED_SUMMARY, row->prompt,
                                                     row->prompt_length, row->responses[i], row->lengths[i], &length);
        item->response[i] = ids->n;
        if (!tokenizer_encode(r->tokenizer, scored, length, false, ids, err)) return false;
        token_ids_append(ids, o->end);
        item->n_response[i] = ids->n - item->response[i];
    }
    return true;
}

/* Rows of one prompt are held out together, whatever else is in the file. */
static bool is_held_out(const Preferences *p, const Preference *item, const PreferenceOptions *o)
{
    const XXH64_hash_t hash =
        XXH3_64bits_withSeed(p->ids.ids + item->prompt, (size_t)item->n_prompt * sizeof *p->ids.ids, o->seed);
    return (double)(hash >> 11) * 0x1p-53 < o->held_out;
}

static bool finish_row(Reader *r, Preference *item, Error *err)
{
    Preferences *const out = r->out;
    const int64_t longer = item->n_response[0] > item->n_response[1] ? item->n_response[0] : item->n_response[1];
    const int64_t length = item->n_prompt + longer;
    if (length > r->options->max_length) {
        if (r->options->overlong_is_error)
            return error_set(err, ERROR_INPUT, "%" PRId64 " tokens, max_length is %" PRId64, length,
                             r->options->max_length);
        out->ids.n = item->prompt;
        out->n_dropped++;
        return true;
    }
    item->held_out = is_held_out(out, item, r->options);
    if (out->n == out->capacity) {
        out->capacity = 2 * out->capacity + 256;
        out->items = base_realloc(out->items, (size_t)out->capacity, sizeof *out->items);
    }
    out->items[out->n++] = *item;
    out->n_held_out += item->held_out;
    if (length > out->n_longest) out->n_longest = length;
    return true;
}

static bool read_kind(Reader *r, const json_t *row, bool *pair, Error *err)
{
    *pair = json_object_get(row, "chosen") || json_object_get(row, "rejected");
    if (!*pair && !json_object_get(row, "label"))
        return error_set(
            err, ERROR_INPUT,
            "expected \"prompt\", \"chosen\" and \"rejected\", or \"prompt\", \"completion\" and \"label\"");
    if (r->begun && *pair != r->out->pairs)
        return error_set(err, ERROR_INPUT, "%s",
                         *pair ? "a pair, but rows before it have labels"
                               : "a labelled response, but rows before it are pairs");
    r->begun = true;
    r->out->pairs = *pair;
    return true;
}

static bool read_row(void *context, const json_t *row, int64_t line, Error *err)
{
    (void)line;
    Reader *const r = context;
    Preference item = {.prompt = r->out->ids.n};
    PreferenceRow texts = {0};
    bool pair;
    bool ok = read_kind(r, row, &pair, err);
    if (ok && pair)
        ok = read_margin(r, row, &item.margin, err) && preference_row_read_pair(&texts, &r->chat, row, err);
    else if (ok)
        ok = read_label(row, &item.label, err) && preference_row_read_response(&texts, &r->chat, row, err);
    ok = ok && append_row(r, &texts, pair ? 2 : 1, &item, err) && finish_row(r, &item, err);
    if (!ok) r->out->ids.n = item.prompt;
    preference_row_free(&texts);
    return ok;
}

bool preferences_read(Preferences *p, const Tokenizer *tokenizer, const char *path, const PreferenceOptions *options,
                      Error *err)
{
    *p = (Preferences){0};
    Reader reader = {.out = p, .tokenizer = tokenizer, .options = options, .chat = {.folder = options->folder}};
    const bool ok = jsonl_read(path, INT64_MAX, "pair", read_row, &reader, err);
    chat_rows_free(&reader.chat);
    if (ok && p->n > 0) return true;
    if (ok)
        error_set(err, ERROR_INPUT, "%s: every one of its %" PRId64 " rows is longer than max_length %" PRId64, path,
                  p->n_dropped, options->max_length);
    preferences_free(p);
    return false;
}
