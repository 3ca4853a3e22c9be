/* SPDX-License-Identifier: MIT */
/* eval/judge_rows.c: see judge_rows.h. */
#include "eval/judge_rows.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/philox.h"
#include "data/jsonl.h"
#include "reward/accuracy.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- reading ---- */

static bool read_question(const json_t *row, JudgeText *question, Error *err)
{
    if (!json_require(row, "prompt", err) || !json_get_string(row, "prompt", &question->text, &question->length, err))
        return false;
    return question->text || error_set(err, ERROR_INPUT, "\"prompt\" must be a text");
}

static JudgeText judged_part(const RowPairs *s, const RowPair *p, int i)
{
    JudgeText part;
    part.text = preference_scored(s->part, p->question.text, p->question.length, p->responses[i].text,
                                  p->responses[i].length, &part.length);
    return part;
}

/* Which of the two is right by the row's check: 1, -1, or 0 where that is not known, or says nothing of the pair. */
static int truth_of(const RowPair *p)
{
    const char *const check = json_string_value(json_object_get(p->row, "check"));
    Verdict verdicts[2];
    if (!check) return 0;
    for (int i = 0; i < 2; i++) {
        const FormatResult frame =
            format_check(p->question.text, p->question.length, p->responses[i].text, p->responses[i].length);
        verdicts[i] = accuracy_verdict(check, p->responses[i].text, &frame);
    }
    if (verdicts[0] == VERDICT_RIGHT && verdicts[1] == VERDICT_WRONG) return 1;
    return verdicts[0] == VERDICT_WRONG && verdicts[1] == VERDICT_RIGHT ? -1 : 0;
}

static void add_pair(RowPairs *s, const RowPair *pair)
{
    if (s->n == s->capacity) {
        s->capacity = 2 * s->capacity + 64;
        s->items = base_realloc(s->items, (size_t)s->capacity, sizeof *s->items);
        s->judged = base_realloc(s->judged, (size_t)s->capacity, sizeof *s->judged);
    }
    s->items[s->n] = *pair;
    s->judged[s->n++] =
        (JudgedPair){.truth = truth_of(pair),
                     .lengths = {(int64_t)judged_part(s, pair, 0).length, (int64_t)judged_part(s, pair, 1).length}};
    json_incref(pair->row);
}

static bool same_text(JudgeText a, JudgeText b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

static bool read_row(void *context, const json_t *row, int64_t line, Error *err)
{
    RowPairs *const s = context;
    const json_t *const list = json_object_get(row, "completions");
    RowPair pair = {.row = (json_t *)(uintptr_t)row};
    (void)line;
    if (!read_question(row, &pair.question, err)) return false;
    if (json_array_size(list) < 2)
        return error_set(err, ERROR_INPUT, "\"completions\" must be a list of at least two texts");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const text = json_array_get(list, i);
        if (!json_is_string(text)) return error_set(err, ERROR_INPUT, "\"completions\"[%zu] must be a text", i);
        pair.responses[i % 2] = (JudgeText){json_string_value(text), json_string_length(text)};
        if (i % 2 == 1 && !same_text(pair.responses[0], pair.responses[1])) add_pair(s, &pair);
    }
    return true;
}

bool row_pairs_read(RowPairs *s, const char *path, ScoredPart part, Error *err)
{
    *s = (RowPairs){.part = part};
    if (jsonl_read(path, INT64_MAX, "row with completions", read_row, s, err)) return true;
    row_pairs_free(s);
    return false;
}

void row_pairs_free(RowPairs *s)
{
    for (int64_t i = 0; i < s->n; i++) json_decref(s->items[i].row);
    base_free(s->items);
    base_free(s->judged);
    *s = (RowPairs){0};
}

/* ---- judging ---- */

bool row_pairs_ask(RowPairs *s, const Judge *judge, const JudgeWay *way, int64_t first, int64_t n, Error *err)
{
    JudgeCase cases[ROW_PAIRS_ASKED] = {0};
    JudgeOpinion opinions[ROW_PAIRS_ASKED];
    assert(n <= ROW_PAIRS_ASKED && first + n <= s->n);
    for (int64_t i = 0; i < n; i++) {
        const RowPair *const p = &s->items[first + i];
        cases[i] = (JudgeCase){.question = p->question,
                               .first = judged_part(s, p, 0),
                               .second = judged_part(s, p, 1),
                               .key = (uint64_t)(first + i)};
    }
    if (!judge_ask(judge, way, cases, n, opinions, err)) return false;
    for (int64_t i = 0; i < n; i++) {
        s->judged[first + i].n_readable = opinions[i].n_readable;
        s->judged[first + i].difference = opinions[i].value;
    }
    return true;
}

/* ---- writing ---- */

static int chosen_of(const RowPairs *s, int64_t i, uint64_t seed, bool shuffled)
{
    if (shuffled) return (int)(rng_bits((Rng){seed, RNG_JUDGE}, UINT64_MAX, 3, (uint64_t)i) & 1);
    return s->judged[i].difference > 0 ? 0 : 1;
}

/* Keys that a pair has of its own, or that it is made of. */
static bool is_written(const char *key)
{
    static const char *const keys[] = {"completions", "chosen", "rejected", "difference"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0) return true;
    return false;
}

static void write_pair(JsonOut *out, const RowPairs *s, int64_t i, int chosen)
{
    const RowPair *const p = &s->items[i];
    const char *key;
    json_t *value;
    json_out_object(out);
    json_object_foreach(p->row, key, value)
    {
        if (is_written(key)) continue;
        json_out_key(out, key);
        json_out_value(out, value);
    }
    json_out_key(out, "chosen");
    json_out_string(out, p->responses[chosen].text, p->responses[chosen].length);
    json_out_key(out, "rejected");
    json_out_string(out, p->responses[1 - chosen].text, p->responses[1 - chosen].length);
    json_out_kv_double(out, "difference", fabs(s->judged[i].difference));
    json_out_object_end(out);
    json_out_raw_bytes(out, "\n", 1);
    out->needs_comma = false;
}

bool row_pairs_write(const RowPairs *s, const char *path, uint64_t seed, bool shuffled, Error *err)
{
    JsonOut out = {0};
    for (int64_t i = 0; i < s->n; i++)
        if (s->judged[i].kept) write_pair(&out, s, i, chosen_of(s, i, seed, shuffled));
    const bool ok = file_write_all(path, "pairs", out.text ? out.text : "", out.length, err);
    json_out_free(&out);
    return ok;
}
