/* SPDX-License-Identifier: MIT */
/* data/pairs.c: see pairs.h. A row becomes two rows of examples. */
#include "data/pairs.h"

#include "data/jsonl.h"

#include <inttypes.h>
#include <string.h>

void pairs_free(Pairs *p)
{
    examples_free(&p->sides);
    *p = (Pairs){0};
}

/* {"prompt", "completion"} or {"prompt_ids", "completion_ids"} */
static json_t *plain_side(const json_t *row, const char *prompt_key, const char *side_key, const char *completion_key)
{
    json_t *const side = json_object();
    json_object_set(side, prompt_key, json_object_get(row, prompt_key));
    json_object_set(side, completion_key, json_object_get(row, side_key));
    return side;
}

/* {"messages"}, with the row's other keys, which a template may read */
static json_t *chat_side(const json_t *row, const json_t *prompt, const json_t *answer)
{
    json_t *const side = json_copy((json_t *)(uintptr_t)row), *const messages = json_array();
    if (prompt) json_array_extend(messages, (json_t *)(uintptr_t)prompt);
    json_array_extend(messages, (json_t *)(uintptr_t)answer);
    json_object_del(side, "prompt");
    json_object_set_new(side, "messages", messages);
    return side;
}

/* Lists of messages: what stands before the two answers must be the same. */
static bool check_conversations(const json_t *prompt, const json_t *chosen, const json_t *rejected, Error *err)
{
    if (!json_is_array(chosen) || !json_is_array(rejected) || (prompt && !json_is_array(prompt)))
        return error_set(err, ERROR_INPUT,
                         "expected \"prompt\", \"chosen\" and \"rejected\", all texts or all lists of messages, or "
                         "\"prompt_ids\", \"chosen_ids\" and \"rejected_ids\"");
    bool same = json_array_size(chosen) == json_array_size(rejected) && json_array_size(chosen) > 0;
    for (size_t i = 0; same && i + 1 < json_array_size(chosen); i++)
        same = json_equal(json_array_get(chosen, i), json_array_get(rejected, i));
    return same || error_set(err, ERROR_INPUT, "\"chosen\" and \"rejected\" must differ in their last answer alone");
}

static bool sides_of(const json_t *row, json_t *sides[2], Error *err)
{
    const json_t *const prompt = json_object_get(row, "prompt"), *const chosen = json_object_get(row, "chosen"),
                        *const rejected = json_object_get(row, "rejected");
    if (json_object_get(row, "prompt_ids")) {
        if (!json_object_get(row, "chosen_ids") || !json_object_get(row, "rejected_ids"))
            return error_set(err, ERROR_INPUT, "\"prompt_ids\" without \"chosen_ids\" and \"rejected_ids\"");
        sides[0] = plain_side(row, "prompt_ids", "chosen_ids", "completion_ids");
        sides[1] = plain_side(row, "prompt_ids", "rejected_ids", "completion_ids");
        return true;
    }
    if (json_is_string(prompt) && json_is_string(chosen) && json_is_string(rejected)) {
        sides[0] = plain_side(row, "prompt", "chosen", "completion");
        sides[1] = plain_side(row, "prompt", "rejected", "completion");
        return true;
    }
    if (!check_conversations(prompt, chosen, rejected, err)) return false;
    sides[0] = chat_side(row, prompt, chosen);
    sides[1] = chat_side(row, prompt, rejected);
    return true;
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

static bool read_row(void *context, const json_t *row, int64_t line, Error *err)
{
    (void)line;
    Reader *const r = context;
    Examples *const e = &r->pairs->sides;
    json_t *sides[2] = {NULL, NULL};
    const int64_t n = e->n, first = e->ids.n;
    bool usable = false;
    const bool ok = sides_of(row, sides, err) &&
                    (examples_read_row(&r->examples, sides[0], err) || error_in(err, "chosen")) &&
                    (examples_read_row(&r->examples, sides[1], err) || error_in(err, "rejected")) &&
                    check_pair(r->pairs, n, &usable, err);
    json_decref(sides[0]);
    json_decref(sides[1]);
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
