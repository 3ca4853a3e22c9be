/* SPDX-License-Identifier: MIT */
/* recipe/rescore_run.c: the stored completions of a run, scored in batches. See rescore.h.
 *
 * What a question was comes from run.sqlite. Tests of programs and the routes that rows name are not stored there: they are read again
 * from the file that the question names, by its id. */
#include "recipe/rescore_parts.h"

#include "base/signals.h"
#include "data/jsonl.h"
#include "eval/benchmark.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { BATCH = 256 };

/* ---- tests and routes of a data file ---- */

typedef struct TestFile {
    char *path;
    char **ids;        /* [n] */
    CodeTests **tests; /* [n]; NULL: it has none */
    char **routes;     /* [n]; NULL: it names none */
    int64_t n, capacity, last;
    Error err; /* why it could not be read */
} TestFile;

typedef struct TestFiles {
    TestFile *files; /* a batch may point into any of them */
    int64_t n;
} TestFiles;

static void forget_files(TestFiles *all)
{
    for (int64_t k = 0; k < all->n; k++) {
        TestFile *const f = &all->files[k];
        for (int64_t i = 0; i < f->n; i++) {
            base_free(f->ids[i]);
            code_tests_free(f->tests[i]);
            base_free(f->routes[i]);
        }
        base_free(f->ids);
        base_free(f->tests);
        base_free(f->routes);
        base_free(f->path);
    }
    base_free(all->files);
}

/* A row is called by its id or, without one, by its line, and has its tests in any published layout, as training read it
 * (eval/evaluate_file.c). */
static bool take_row(void *context, const json_t *json, int64_t line, Error *err)
{
    TestFile *const f = context;
    BenchmarkRow row;
    if (!benchmark_row_read(&row, EVAL_FORMAT_AUTO, json, 0, line, err)) return false;
    if (row.tests || row.route.text) {
        if (f->n == f->capacity) {
            f->capacity = 2 * f->capacity + 64;
            f->ids = base_realloc(f->ids, (size_t)f->capacity, sizeof *f->ids);
            f->tests = base_realloc(f->tests, (size_t)f->capacity, sizeof *f->tests);
            f->routes = base_realloc(f->routes, (size_t)f->capacity, sizeof *f->routes);
        }
        f->ids[f->n] = row.id.text ? base_strndup(row.id.text, row.id.length) : base_printf("%" PRId64, line);
        f->routes[f->n] = row.route.text ? base_strndup(row.route.text, row.route.length) : NULL;
        f->tests[f->n++] = row.tests;
        row.tests = NULL;
    }
    benchmark_row_free(&row);
    return true;
}

static TestFile *find_file(TestFiles *all, const char *path)
{
    for (int64_t k = 0; k < all->n; k++)
        if (strcmp(all->files[k].path, path) == 0) return &all->files[k];
    all->files = base_realloc(all->files, (size_t)all->n + 1, sizeof *all->files);
    TestFile *const f = &all->files[all->n++];
    *f = (TestFile){.path = base_strdup(path)};
    (void)!jsonl_read(path, INT64_MAX, "problem", take_row, f, &f->err);
    return f;
}

/* The tests of the row with this id; NULL: it has none, or *file says why not. *route: that it names, or NULL. */
static const CodeTests *find_tests(TestFiles *all, const char *path, const char *id, const TestFile **file,
                                   const char **route)
{
    TestFile *const f = find_file(all, path);
    *file = f;
    *route = NULL;
    for (int64_t i = 0; i < f->n; i++) {
        const int64_t at = (f->last + i) % f->n; /* the completions of a question stand together */
        if (strcmp(f->ids[at], id) != 0) continue;
        f->last = at;
        *route = f->routes[at];
        return f->tests[at];
    }
    return NULL;
}

/* ---- a batch ---- */

typedef struct Item {
    Question question; /* points to the texts below */
    Sampled sampled;
    char *key, *task, *prompt, *answer, *check, *text; /* owned */
    Rescored rescored;
    char failed[sizeof(((Error *)NULL)->text)];
} Item;

typedef struct Rescoring {
    const RescoreOptions *options;
    RescoreBench bench;
    TestFiles files;
    Item *items; /* [BATCH] */
    int64_t n_items, n_seen;
    Error *err;
    bool ok;
} Rescoring;

static void clear_item(Item *item)
{
    char *const texts[] = {item->key, item->task, item->prompt, item->answer, item->check, item->text};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) base_free(texts[i]);
    *item = (Item){.key = NULL};
}

static char *copy(const char *text)
{
    return text ? base_strdup(text) : NULL;
}

static void copy_item(Item *item, const StoredCompletion *c, const StoredProblem *p)
{
    *item = (Item){.key = base_strdup(p->key),
                   .task = base_strdup(p->task),
                   .prompt = base_strndup(p->prompt, p->prompt_length),
                   .answer = copy(p->answer),
                   .check = copy(p->check),
                   .text = base_strndup(c->text, c->text_length)};
    const size_t n_task = strlen(item->task);
    const bool of_file = p->level == 0 && strncmp(item->key, item->task, n_task) == 0 && item->key[n_task] == '/';
    item->question = (Question){.task = item->task,
                                .level = p->level,
                                .id = of_file ? item->key + n_task + 1 : NULL,
                                .prompt = item->prompt,
                                .answer = item->answer,
                                .check = item->check,
                                .prompt_length = p->prompt_length,
                                .answer_length = item->answer ? strlen(item->answer) : 0};
    item->sampled = (Sampled){.n = c->n_ids, .stopped = c->stopped, .text = item->text, .text_length = c->text_length};
    item->rescored = (Rescored){.step = c->step,
                                .prompt = c->prompt_index,
                                .completion = c->completion_index,
                                .problem = item->key,
                                .old_reward = c->reward,
                                .old_undecided = c->verdict == VERDICT_UNDECIDED || isnan(c->reward),
                                .old_verdict = c->verdict};
}

/* A question that is neither checked nor compared had tests. What no row names a route for is of the route that asks its task or
 * file. */
static void find_gold(Rescoring *r, Item *item)
{
    Question *const q = &item->question;
    const TestFile *file = NULL;
    const Routes *const routes = &r->options->settings->routes;
    const char *route = NULL;
    q->route = routes_of_source(routes, q->task);
    if (q->id && (!q->check || routes->head.n > 0)) q->tests = find_tests(&r->files, q->task, q->id, &file, &route);
    if (route) q->route = routes_find(routes, route);
    if (routes->head.n > 0 && file && file->err.kind != ERROR_NONE)
        snprintf(item->failed, sizeof item->failed, "its route cannot be read: %.400s", file->err.text);
    if (!q->check && !q->tests && q->answer_length == 0) {
        if (file && file->err.kind != ERROR_NONE)
            snprintf(item->failed, sizeof item->failed, "its tests cannot be read: %.400s", file->err.text);
        else if (reward_needs_verdict(grpo_rewards_route(r->bench.rewards, q->route)))
            snprintf(item->failed, sizeof item->failed, "%.300s has no answer and no tests for it any more", q->task);
    }
    rescore_look_at_gold(q);
    item->rescored.unreadable = q->unreadable;
}

static bool flush(Rescoring *r)
{
    int64_t n = 0;
    bool ok = true;
    for (int64_t i = 0; ok && i < r->n_items; i++)
        if (!r->items[i].failed[0])
            ok = grpo_rewards_take(r->bench.rewards, n++, &r->items[i].question, &r->items[i].sampled, r->err);
    ok = ok && (n == 0 || grpo_rewards_finish(r->bench.rewards, n, false, r->err));
    for (int64_t i = 0; ok && i < r->n_items; i++) {
        Item *const item = &r->items[i];
        if (item->failed[0]) item->rescored.failed = item->failed;
        item->rescored.score = item->sampled.score;
        item->rescored.config = grpo_rewards_route(r->bench.rewards, item->question.route);
        ok = signals_check(r->err) && r->options->result(r->options->context, &item->rescored, r->err);
    }
    /* Workers may still read the texts of a batch that did not end. */
    if (!ok) rescore_bench_close(&r->bench);
    for (int64_t i = 0; i < r->n_items; i++) clear_item(&r->items[i]);
    r->n_items = 0;
    return ok;
}

static bool take(void *context, const StoredCompletion *c, const StoredProblem *p)
{
    Rescoring *const r = context;
    if (r->options->held_out && c->text_length == 0 && c->n_ids > 1) return true; /* its text was not kept */
    Item *const item = &r->items[r->n_items];
    copy_item(item, c, p);
    find_gold(r, item);
    r->n_seen++;
    const bool first_tests = item->question.tests && !r->bench.sandbox;
    if (first_tests && r->n_items > 0) { /* what has come before is scored without a sandbox */
        const Item kept = *item;
        *item = (Item){.key = NULL};
        if (!(r->ok = flush(r))) {
            r->items[0] = kept;
            clear_item(&r->items[0]);
            return false;
        }
        r->items[0] = kept;
    }
    r->ok = rescore_bench_ready(&r->bench, item->question.tests != NULL, r->err);
    r->n_items++;
    if (r->ok && r->n_items == BATCH) r->ok = flush(r);
    return r->ok;
}

static bool rescore_store(Rescoring *r, Error *err)
{
    const RescoreOptions *const o = r->options;
    const StoredFilter filter = {.phase = o->held_out ? STORED_EVALUATION : STORED_ROLLOUT,
                                 .step_low = o->step_low,
                                 .step_high = o->step_high,
                                 .prompt_index = -1,
                                 .completion_index = -1};
    if (!rescore_bench_ready(&r->bench, false, err) ||
        !run_store_read_completions(r->bench.store, &filter, take, r, err) || !r->ok || !flush(r))
        return false;
    if (r->n_seen > 0) return true;
    return error_set(err, ERROR_INPUT,
                     "%s/run.sqlite: holds no completions of these steps; the run has not come that far, or "
                     "store_completions is false",
                     o->folder);
}

bool rescore_run(const RescoreOptions *o, Error *err)
{
    Rescoring r = {.options = o, .err = err, .ok = true};
    RunStore *store = NULL;
    if (!run_store_open_read(&store, o->folder, err)) return false;
    r.bench = (RescoreBench){
        .settings = o->settings, .store = store, .n_slots = BATCH, .n_threads = o->n_threads, .compute = o->compute};
    r.items = base_alloc(BATCH, sizeof *r.items);
    const bool ok = rescore_store(&r, err);
    rescore_bench_close(&r.bench);
    for (int64_t i = 0; i < r.n_items; i++) clear_item(&r.items[i]);
    base_free(r.items);
    forget_files(&r.files);
    run_store_close(store);
    return ok;
}
