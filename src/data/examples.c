/* SPDX-License-Identifier: MIT */
/* data/examples.c: see examples.h. */
#include "data/examples.h"

#include "base/arena.h"
#include "data/chat_rows.h"
#include "data/jsonl.h"

#include <inttypes.h>
#include <string.h>

typedef ExampleReader Reader;

void examples_free(Examples *e)
{
    token_ids_free(&e->ids);
    base_free(e->items);
    *e = (Examples){0};
}

static bool append_text(const Reader *r, const char *text, size_t length, bool add_special, Error *err)
{
    return tokenizer_encode(r->tokenizer, text, length, add_special, &r->examples->ids, err);
}

static bool append_ids(const Reader *r, const json_t *list, const char *key, Error *err)
{
    if (!json_is_array(list)) return error_set(err, ERROR_INPUT, "\"%s\" must be a list of ids", key);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const id = json_array_get(list, i);
        if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= r->options->vocab_size)
            return error_set(err, ERROR_INPUT, "\"%s\"[%zu] is not an id from 0 to %" PRId64, key, i,
                             r->options->vocab_size - 1);
        token_ids_append(&r->examples->ids, (int32_t)json_integer_value(id));
    }
    return true;
}

/* {"prompt_ids", "completion_ids"} */
static bool read_ids(const Reader *r, const json_t *row, Example *example, Error *err)
{
    if (!append_ids(r, json_object_get(row, "prompt_ids"), "prompt_ids", err)) return false;
    example->n_prompt = r->examples->ids.n - example->first;
    const int64_t before = r->examples->ids.n;
    if (!append_ids(r, json_object_get(row, "completion_ids"), "completion_ids", err)) return false;
    return r->examples->ids.n > before || error_set(err, ERROR_INPUT, "\"completion_ids\" is empty");
}

/* A prompt, what goes on it, the end. Special tokens stand in the text of a prompt that a template has written. */
static bool append_both(const Reader *r, const char *prompt, size_t prompt_length, bool rendered,
                        const char *completion, size_t completion_length, Example *example, Error *err)
{
    if (!append_text(r, prompt, prompt_length, !rendered, err)) return false;
    example->n_prompt = r->examples->ids.n - example->first;
    if (!append_text(r, completion, completion_length, false, err)) return false;
    token_ids_append(&r->examples->ids, r->options->end);
    return true;
}

/* {"prompt", "completion"} or {"text"} */
static bool read_texts(const Reader *r, const json_t *row, Example *example, Error *err)
{
    const char *prompt = NULL, *completion = NULL, *text = NULL;
    size_t prompt_length = 0, completion_length = 0, text_length = 0;
    if (!json_get_string(row, "prompt", &prompt, &prompt_length, err) ||
        !json_get_string(row, "completion", &completion, &completion_length, err) ||
        !json_get_string(row, "text", &text, &text_length, err))
        return false;
    if (text && !prompt && !completion) {
        if (text_length == 0) return error_set(err, ERROR_INPUT, "\"text\" is empty");
        if (!append_text(r, text, text_length, true, err)) return false;
        token_ids_append(&r->examples->ids, r->options->end);
        return true;
    }
    if (prompt && completion && !text)
        return append_both(r, prompt, prompt_length, false, completion, completion_length, example, err);
    return error_set(err, ERROR_INPUT,
                     "expected \"prompt\" and \"completion\", \"prompt_ids\" and \"completion_ids\", "
                     "\"messages\", or \"text\"");
}

/* {"messages"} */
static bool read_messages(Reader *r, const json_t *row, Example *example, Error *err)
{
    json_t *before;
    const char *answer;
    char *prompt = NULL;
    size_t answer_length = 0, prompt_length;
    if (!chat_rows_take_answer(json_object_get(row, "messages"), "messages", &before, &answer, &answer_length, err))
        return false;
    bool ok = chat_rows_prompt(&r->chat, row, before, &prompt, &prompt_length, err);
    if (ok) {
        const size_t skipped = chat_rows_skip_opened(prompt, prompt_length, answer, answer_length);
        ok = append_both(r, prompt, prompt_length, true, answer + skipped, answer_length - skipped, example, err);
    }
    base_free(prompt);
    json_decref(before);
    return ok;
}

/* A row's ids are at the end of the list: keeps, cuts or drops them. */
static bool finish_row(const Reader *r, Example *example, Error *err)
{
    Examples *const e = r->examples;
    const ExampleOptions *const o = r->options;
    example->n_ids = e->ids.n - example->first;
    if (example->n_ids < 2) return error_set(err, ERROR_INPUT, "one token alone predicts nothing");
    if (example->n_ids > o->max_length) {
        if (o->overlong == OVERLONG_ERROR)
            return error_set(err, ERROR_INPUT, "%" PRId64 " tokens, max_length is %" PRId64, example->n_ids,
                             o->max_length);
        /* a cut that leaves nothing of the completion teaches nothing */
        if (o->overlong == OVERLONG_DROP || example->n_prompt >= o->max_length) {
            e->ids.n = example->first;
            e->n_dropped++;
            return true;
        }
        e->n_cut++;
        example->n_ids = o->max_length;
        e->ids.n = example->first + example->n_ids;
    }
    if (e->n == e->capacity) {
        e->capacity = 2 * e->capacity + 256;
        e->items = base_realloc(e->items, (size_t)e->capacity, sizeof *e->items);
    }
    e->items[e->n++] = *example;
    e->n_trained += example->n_ids - (example->n_prompt > 0 ? example->n_prompt : 1);
    if (example->n_ids > e->n_longest) e->n_longest = example->n_ids;
    return true;
}

bool examples_read_row(ExampleReader *r, const json_t *row, Error *err)
{
    Example example = {.first = r->examples->ids.n};
    const bool by_ids = json_object_get(row, "completion_ids") || json_object_get(row, "prompt_ids");
    const bool ok = (by_ids                             ? read_ids(r, row, &example, err)
                     : json_object_get(row, "messages") ? read_messages(r, row, &example, err)
                                                        : read_texts(r, row, &example, err)) &&
                    finish_row(r, &example, err);
    if (!ok) r->examples->ids.n = example.first;
    return ok;
}

bool examples_add_texts(ExampleReader *r, const char *prompt, size_t prompt_length, bool rendered,
                        const char *completion, size_t completion_length, Error *err)
{
    Example example = {.first = r->examples->ids.n};
    const bool ok = append_both(r, prompt, prompt_length, rendered, completion, completion_length, &example, err) &&
                    finish_row(r, &example, err);
    if (!ok) r->examples->ids.n = example.first;
    return ok;
}

static bool read_row(void *context, const json_t *row, int64_t line, Error *err)
{
    (void)line;
    return examples_read_row(context, row, err);
}

void example_reader_free(ExampleReader *reader)
{
    chat_rows_free(&reader->chat);
    *reader = (ExampleReader){0};
}

bool examples_read(Examples *e, const Tokenizer *tokenizer, const char *path, const ExampleOptions *options, Error *err)
{
    *e = (Examples){0};
    Reader reader = {.examples = e, .tokenizer = tokenizer, .options = options, .chat = {.folder = options->folder}};
    const bool ok = jsonl_read(path, INT64_MAX, "example", read_row, &reader, err);
    example_reader_free(&reader);
    if (ok) {
        if (e->n > 0) return true;
        error_set(err, ERROR_INPUT, "%s: every one of its %" PRId64 " rows is longer than max_length %" PRId64, path,
                  e->n_dropped, options->max_length);
    }
    examples_free(e);
    return false;
}
