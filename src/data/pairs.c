/* SPDX-License-Identifier: MIT */
/* data/pairs.c: see pairs.h. A row becomes two examples. */
#include "data/pairs.h"

#include "data/jsonl.h"
#include "data/preference_rows.h"

#include <inttypes.h>
#include <string.h>

void pairs_free(Pairs *p)
{
    examples_free(&p->sides);
    *p = (Pairs){0};
}

typedef struct Reader {
    Pairs *pairs;
    ExampleReader examples;
} Reader;

/* Whether what was read behind n items is a pair to learn from. */
static bool check_pair(Pairs *p, int64_t n, bool *usable, Error *err)
{
    const Examples *const e = &p->sides;
    *usable = false;
    if (e->n != n + 2) {
        p->n_dropped++;
        return true;
    }
    const Example *const a = &e->items[n], *const b = a + 1;
    const int32_t *const ids = e->ids.ids;
    if (a->n_prompt == 0) return error_set(err, ERROR_INPUT, "the prompt is empty");
    if (a->n_prompt != b->n_prompt || memcmp(ids + a->first, ids + b->first, (size_t)a->n_prompt * sizeof *ids) != 0)
        return error_set(err, ERROR_INPUT, "the two sides do not have the same prompt");
    *usable = a->n_ids != b->n_ids || memcmp(ids + a->first, ids + b->first, (size_t)a->n_ids * sizeof *ids) != 0;
    p->n_same += !*usable;
    return true;
}

static bool read_side_of_ids(Reader *r, const json_t *row, const char *key, Error *err)
{
    json_t *const side = json_object();
    json_object_set(side, "prompt_ids", json_object_get(row, "prompt_ids"));
    json_object_set(side, "completion_ids", json_object_get(row, key));
    const bool ok = examples_read_row(&r->examples, side, err);
    json_decref(side);
    return ok;
}

static bool read_ids(Reader *r, const json_t *row, Error *err)
{
    if (!json_object_get(row, "chosen_ids") || !json_object_get(row, "rejected_ids"))
        return error_set(err, ERROR_INPUT, "\"prompt_ids\" without \"chosen_ids\" and \"rejected_ids\"");
    return (read_side_of_ids(r, row, "chosen_ids", err) || error_in(err, "chosen")) &&
           (read_side_of_ids(r, row, "rejected_ids", err) || error_in(err, "rejected"));
}

static bool read_texts(Reader *r, const json_t *row, Error *err)
{
    static const char *const names[] = {"chosen", "rejected"};
    PreferenceRow texts;
    if (!json_object_get(row, "chosen") && !json_object_get(row, "rejected"))
        return error_set(err, ERROR_INPUT,
                         "expected \"prompt\", \"chosen\" and \"rejected\", or \"prompt_ids\", \"chosen_ids\" and "
                         "\"rejected_ids\"");
    bool ok = preference_row_read_pair(&texts, &r->examples.chat, row, err);
    for (int i = 0; ok && i < 2; i++)
        ok = examples_add_texts(&r->examples, texts.prompt, texts.prompt_length, texts.rendered, texts.responses[i],
                                texts.lengths[i], err) ||
             error_in(err, "%s", names[i]);
    preference_row_free(&texts);
    return ok;
}

static bool read_row(void *context, const json_t *row, int64_t line, Error *err)
{
    (void)line;
    Reader *const r = context;
    Examples *const e = &r->pairs->sides;
    const int64_t n = e->n, first = e->ids.n;
    bool usable = false;
    const bool ok = (json_object_get(row, "prompt_ids") ? read_ids(r, row, err) : read_texts(r, row, err)) &&
                    check_pair(r->pairs, n, &usable, err);
    if (usable) {
        r->pairs->n++;
    } else {
        e->n = n;
        e->ids.n = first;
    }
    return ok;
}

bool pairs_read(Pairs *p, const Tokenizer *tokenizer, const char *path, const ExampleOptions *options, Error *err)
{
    *p = (Pairs){0};
    Reader reader = {
        p, {.examples = &p->sides, .tokenizer = tokenizer, .options = options, .chat = {.folder = options->folder}}};
    const bool ok = jsonl_read(path, INT64_MAX, "pair", read_row, &reader, err);
    example_reader_free(&reader.examples);
    if (ok && p->n > 0) return true;
    if (ok)
        error_set(err, ERROR_INPUT,
                  "%s: no row can be learnt from: %" PRId64 " are longer than max_length %" PRId64 ", of %" PRId64
                  " both sides are the same",
                  path, p->n_dropped, options->max_length, p->n_same);
    pairs_free(p);
    return false;
}
