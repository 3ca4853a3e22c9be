/* SPDX-License-Identifier: MIT */
/* recipe/reject_select.c: the last step of rejection sampling: reads what was recorded, step by step, and writes what stays and what
 * does not. Of a prompt's samples those that pass come in their order; a row that is nearly one before it is left out; what comes
 * behind the first keep.per_prompt is surplus. Where samples are rewritten, the first keep.per_prompt that pass were, and it is the
 * rewritten text that is looked at from there on. */
#include "recipe/reject.h"

#include "base/file.h"
#include "data/contamination.h"
#include "data/jsonl.h"
#include "data/near_duplicates.h"
#include "data/shuffle.h"

#include <inttypes.h>
#include <string.h>

/* Apart from epochs of training data. */
static const uint64_t MIX_DRAWS = (uint64_t)1 << 59;

/* A completion as it was recorded; texts owned. */
typedef struct Recorded {
    int64_t prompt_index, completion_index;
    char *prompt, *text, *answer, *key, *task;
    size_t prompt_length, length;
    int level, verdict;
    bool stopped, well_formed;
} Recorded;

typedef struct Selection {
    const Reject *r;
    RejectCounts *counts;
    FileWriter *kept, *dropped;
    Contamination *contamination; /* NULL: none */
    NearDuplicates *twins;        /* NULL: all may stay */
    JsonOut line;
    /* the step in hand */
    Recorded *samples, *rewritten;
    int64_t n_samples, n_rewritten, capacity, rewritten_capacity;
    int64_t first_row; /* of the data file, of the step's prompt 0 */
} Selection;

/* ---- what was recorded ---- */

static void add_recorded(Recorded **list, int64_t *n, int64_t *capacity, const StoredCompletion *c,
                         const StoredProblem *p)
{
    if (*n == *capacity) {
        *capacity = 2 * *capacity + 64;
        *list = base_realloc(*list, (size_t)*capacity, sizeof **list);
    }
    (*list)[(*n)++] = (Recorded){.prompt_index = c->prompt_index,
                                 .completion_index = c->completion_index,
                                 .prompt = base_strndup(p->prompt, p->prompt_length),
                                 .prompt_length = p->prompt_length,
                                 .text = base_strndup(c->text, c->text_length),
                                 .length = c->text_length,
                                 .answer = base_strdup(p->answer ? p->answer : ""),
                                 .key = base_strdup(p->key),
                                 .task = base_strdup(p->task ? p->task : ""),
                                 .level = p->level,
                                 .verdict = c->verdict,
                                 .stopped = c->stopped,
                                 .well_formed = c->format == 1.0};
}

static bool take_sample(void *context, const StoredCompletion *c, const StoredProblem *p)
{
    Selection *const s = context;
    add_recorded(&s->samples, &s->n_samples, &s->capacity, c, p);
    return true;
}

static bool take_rewritten(void *context, const StoredCompletion *c, const StoredProblem *p)
{
    Selection *const s = context;
    add_recorded(&s->rewritten, &s->n_rewritten, &s->rewritten_capacity, c, p);
    return true;
}

static void free_recorded(Recorded *list, int64_t *n)
{
    for (int64_t i = 0; i < *n; i++) {
        base_free(list[i].prompt);
        base_free(list[i].text);
        base_free(list[i].answer);
        base_free(list[i].key);
        base_free(list[i].task);
    }
    *n = 0;
}

static bool read_step(Selection *s, int64_t step, Error *err)
{
    StoredFilter filter = {
        .phase = STORED_ROLLOUT, .step_low = step, .step_high = step, .prompt_index = -1, .completion_index = -1};
    free_recorded(s->samples, &s->n_samples);
    free_recorded(s->rewritten, &s->n_rewritten);
    if (!run_store_read_completions(s->r->run->store, &filter, take_sample, s, err)) return false;
    filter.phase = STORED_EVALUATION;
    filter.suite = "rewrite";
    return !s->r->rewriter || run_store_read_completions(s->r->run->store, &filter, take_rewritten, s, err);
}

/* ---- one row ---- */

static void row_object(const Selection *s, JsonOut *out, const Recorded *c, const Recorded *shown)
{
    const GrpoStage *const g = &s->r->sampling;
    json_out_object(out);
    json_out_key(out, "prompt");
    json_out_string(out, c->prompt, c->prompt_length);
    json_out_key(out, "completion");
    json_out_string(out, shown->text, shown->length);
    if (g->rows.plan) {
        json_out_kv_string(out, "id", eval_plan_problem(g->rows.plan, s->first_row + c->prompt_index)->id);
    } else {
        json_out_kv_string(out, "id", c->key);
        json_out_kv_string(out, "task", c->task);
        json_out_kv_int(out, "level", c->level);
    }
    json_out_kv_string(out, "answer", c->answer);
    json_out_kv_string(out, "source", shown == c ? "sampled" : "rewritten");
}

static bool write_line(Selection *s, FileWriter *writer, Error *err)
{
    json_out_object_end(&s->line);
    const bool ok =
        file_writer_write(writer, s->line.text, s->line.length, err) && file_writer_write(writer, "\n", 1, err);
    json_out_clear(&s->line);
    return ok;
}

static RejectCandidate candidate_of(const Recorded *c)
{
    return (RejectCandidate){.prompt = c->prompt,
                             .prompt_length = c->prompt_length,
                             .text = c->text,
                             .length = c->length,
                             .stopped = c->stopped,
                             .well_formed = c->well_formed,
                             .verdict = c->verdict};
}

static RejectReason check(const Selection *s, const Recorded *c)
{
    const RejectCandidate candidate = candidate_of(c);
    return reject_check(s->r, &candidate);
}

/* The first try at this sample that holds; NULL: none. */
static const Recorded *find_rewritten(const Selection *s, const Recorded *c)
{
    const int64_t tries = s->r->settings->rewrite_samples;
    for (int64_t i = 0; i < s->n_rewritten; i++) {
        const Recorded *const w = &s->rewritten[i];
        if (w->prompt_index == c->prompt_index && w->completion_index / tries == c->completion_index &&
            check(s, w) == REJECT_NONE)
            return w;
    }
    return NULL;
}

static RejectReason check_against_others(Selection *s, const Recorded *c, const Recorded *shown)
{
    if (s->contamination && (contamination_find(s->contamination, c->prompt, c->prompt_length, NULL) ||
                             contamination_find(s->contamination, shown->text, shown->length, NULL)))
        return REJECT_CONTAMINATED;
    if (s->twins && near_duplicates_add(s->twins, c->prompt, c->prompt_length, shown->text, shown->length) >= 0)
        return REJECT_NEAR_DUPLICATE;
    return REJECT_NONE;
}

/* n_passed, n_kept: of this prompt so far. */
static bool take(Selection *s, const Recorded *c, int64_t *n_passed, int64_t *n_kept, Error *err)
{
    const int64_t most = s->r->settings->per_prompt;
    const Recorded *shown = c;
    RejectReason reason = check(s, c);
    if (reason == REJECT_NONE && (s->r->rewriter ? (*n_passed)++ >= most : *n_kept >= most)) reason = REJECT_SURPLUS;
    if (reason == REJECT_NONE && s->r->rewriter) {
        shown = find_rewritten(s, c);
        if (!shown) reason = REJECT_REWRITE, shown = c;
    }
    if (reason == REJECT_NONE) reason = check_against_others(s, c, shown);
    s->counts->sampled++;
    s->counts->kept += reason == REJECT_NONE;
    s->counts->dropped[reason]++;
    *n_kept += reason == REJECT_NONE;
    row_object(s, &s->line, c, shown);
    if (reason != REJECT_NONE) json_out_kv_string(&s->line, "reason", reject_reason_name(reason));
    return write_line(s, reason == REJECT_NONE ? s->kept : s->dropped, err);
}

static bool select_step(Selection *s, int64_t step, Error *err)
{
    int64_t n_passed = 0, n_kept = 0;
    s->first_row = (step - 1) * s->r->settings->prompts_per_step;
    if (!read_step(s, step, err)) return false;
    for (int64_t i = 0; i < s->n_samples; i++) {
        if (i > 0 && s->samples[i].prompt_index != s->samples[i - 1].prompt_index) n_passed = n_kept = 0;
        if (!take(s, &s->samples[i], &n_passed, &n_kept, err)) return false;
    }
    return true;
}

/* ---- other data ---- */

typedef struct MixRows {
    char **lines; /* owned */
    int64_t n, capacity;
} MixRows;

static bool take_mix_row(void *context, const json_t *row, int64_t line, Error *err)
{
    MixRows *const m = context;
    JsonOut text = {0};
    (void)line;
    if (!json_object_get(row, "messages") && !json_object_get(row, "text") &&
        !(json_object_get(row, "prompt") && json_object_get(row, "completion")) && !json_object_get(row, "prompt_ids"))
        return error_set(err, ERROR_INPUT, "expected \"prompt\" and \"completion\", \"messages\", \"text\" or ids");
    if (m->n == m->capacity) {
        m->capacity = 2 * m->capacity + 64;
        m->lines = base_realloc(m->lines, (size_t)m->capacity, sizeof *m->lines);
    }
    json_out_value(&text, row);
    m->lines[m->n++] = text.text; /* its owner from here on */
    return true;
}

static bool write_mix(Selection *s, int source, int64_t wanted, Error *err)
{
    const char *const path = s->r->settings->mixes[source].data;
    MixRows m = {0};
    bool ok = jsonl_read(path, INT64_MAX, "an example", take_mix_row, &m, err);
    const int64_t n = wanted < m.n ? wanted : m.n;
    for (int64_t i = 0; ok && i < n; i++) {
        const char *const line =
            m.lines[shuffle_item((uint64_t)s->r->settings->common.seed, MIX_DRAWS | (uint64_t)source, i, m.n)];
        ok = file_writer_write(s->kept, line, strlen(line), err) && file_writer_write(s->kept, "\n", 1, err);
    }
    s->counts->mixed += n;
    s->counts->wanted_mixed += wanted;
    for (int64_t i = 0; i < m.n; i++) base_free(m.lines[i]);
    base_free(m.lines);
    return ok;
}

/* Shares are of all rows: with kept rows K and shares that add up to S, all are K / (1 - S). */
static bool write_mixes(Selection *s, Error *err)
{
    double total = 0;
    for (int i = 0; i < REJECT_MIXES; i++) total += s->r->settings->mixes[i].share;
    for (int i = 0; i < REJECT_MIXES; i++) {
        const double share = s->r->settings->mixes[i].share;
        const int64_t wanted = (int64_t)((double)s->counts->kept * share / (1.0 - total) + 0.5);
        if (share > 0 && !write_mix(s, i, wanted, err)) return false;
    }
    return true;
}

/* ---- all of it ---- */

static bool open_selection(Selection *s, const char *folder, Error *err)
{
    const RejectSettings *const settings = s->r->settings;
    char *const kept = base_printf("%s/kept.jsonl", folder), *const dropped = base_printf("%s/dropped.jsonl", folder);
    bool ok = file_writer_open(&s->kept, kept, "kept", err) && file_writer_open(&s->dropped, dropped, "dropped", err);
    base_free(kept);
    base_free(dropped);
    if (ok && *settings->contamination) {
        const ContaminationConfig config = {.n_words = (int)settings->contamination_ngram};
        s->contamination = contamination_create(&config);
        ok = contamination_add_file(s->contamination, settings->contamination, err);
    }
    if (ok && settings->near_duplicates > 0) s->twins = near_duplicates_create(settings->near_duplicates);
    return ok;
}

/* A file that was committed is no longer open. */
static bool commit(FileWriter **writer, Error *err)
{
    FileWriter *const w = *writer;
    *writer = NULL;
    return file_writer_commit(w, err);
}

bool reject_select(const Reject *r, const char *folder, RejectCounts *counts, Error *err)
{
    Selection s = {.r = r, .counts = counts};
    bool ok = open_selection(&s, folder, err);
    for (int64_t step = 1; ok && step <= r->n_steps; step++) {
        progress_activity(r->run->progress, "selecting", (double)step / (double)r->n_steps);
        ok = select_step(&s, step, err);
    }
    ok = ok && write_mixes(&s, err) && commit(&s.kept, err) && commit(&s.dropped, err);
    file_writer_abandon(s.kept);
    file_writer_abandon(s.dropped);
    contamination_free(s.contamination);
    near_duplicates_free(s.twins);
    json_out_free(&s.line);
    free_recorded(s.samples, &s.n_samples);
    free_recorded(s.rewritten, &s.n_rewritten);
    base_free(s.samples);
    base_free(s.rewritten);
    return ok;
}
