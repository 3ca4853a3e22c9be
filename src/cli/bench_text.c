/* SPDX-License-Identifier: MIT */
/* cli/bench_text.c: how fast text becomes token ids and answers are decided. Neither has a limit to be held against.
 *
 * The texts are the corpus' first documents and documents of mixed kinds and scripts (bench_mixed.h), or rows of a file, one call
 * a document; the answers are those of the families' problems, one call each. Threads take CHUNK of them at a time, as the rows of `r1 tokenize --input` and `r1 verify --input` are taken. */
#include "cli/bench_text.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/file.h"
#include "cli/bench_answers.h"
#include "cli/bench_mixed.h"
#include "data/corpus.h"
#include "reward/compare.h"
#include "text/tokenizer.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { N_ITEMS = 8192, N_MIXED = 1024, CHUNK = 64, DEFAULT_REPEATS = 7, CORPUS_SEED = 1, MAX_INPUT_BYTES = 1 << 30 };

typedef struct TextItem {
    char *text, *answer, *check; /* a document; or a problem's answer and check */
    size_t length;
} TextItem;

typedef struct TextBench {
    Cli *cli;
    const Kernels *k;
    Threads *threads;
    int64_t repeats;
    Tokenizer *tokenizer;
    TextItem *items; /* [n_items] */
    int64_t n_items;
    TokenIds *ids; /* [threads] */
    bool *failed;  /* [threads] */
} TextBench;

static bool report(const TextBench *b, const char *bench, const char *name, double value, const char *unit, Error *err)
{
    const int n_threads = threads_count(b->threads);
    if (!b->cli->json) {
        cli_print(b->cli, "%-10s %-40s %9.2f %s\n", bench, name, value, unit);
        return true;
    }
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "bench", bench);
    json_out_kv_string(&out, "case", name);
    json_out_kv_double(&out, "value", value);
    json_out_kv_string(&out, "unit", unit);
    json_out_kv_int(&out, "threads", n_threads);
    json_out_kv_string(&out, "isa", cpu_isa_name(b->k->isa));
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool bench_begin(TextBench *b, Cli *cli, const BenchModelOptions *options, Error *err)
{
    *b = (TextBench){.cli = cli, .repeats = options->repeats > 0 ? options->repeats : DEFAULT_REPEATS};
    if (!cli_kernels(cli, &b->k, err) || !cli_threads(cli, &b->threads, err)) return false;
    b->ids = base_alloc((size_t)threads_count(b->threads), sizeof *b->ids);
    b->failed = base_alloc((size_t)threads_count(b->threads), sizeof *b->failed);
    return true;
}

static TextItem *make_items(TextBench *b, int64_t n)
{
    b->items = base_alloc((size_t)n, sizeof *b->items);
    b->n_items = n;
    return b->items;
}

static void free_items(TextBench *b)
{
    for (int64_t i = 0; i < b->n_items; i++) {
        base_free(b->items[i].text);
        base_free(b->items[i].answer);
        base_free(b->items[i].check);
    }
    base_free(b->items);
    b->items = NULL;
    b->n_items = 0;
}

static void bench_end(TextBench *b)
{
    free_items(b);
    for (int t = 0; b->ids && t < threads_count(b->threads); t++) token_ids_free(&b->ids[t]);
    base_free(b->ids);
    base_free(b->failed);
    tokenizer_free(b->tokenizer);
}

/* Seconds of the fastest of `repeats` passes over all items. NaN when an item failed. */
static double best_pass(TextBench *b, ThreadsItem chunk)
{
    double best = INFINITY;
    for (int64_t i = 0; i < b->repeats; i++) {
        const double start = clock_seconds();
        threads_run(b->threads, (b->n_items + CHUNK - 1) / CHUNK, chunk, b);
        best = fmin(best, clock_seconds() - start);
    }
    for (int t = 0; t < threads_count(b->threads); t++)
        if (b->failed[t]) return (double)NAN;
    return best;
}

/* ---- tokenize ---- */

static void encode_chunk(void *context, int64_t chunk, int thread)
{
    TextBench *const b = context;
    Error ignored = {0};
    for (int64_t i = chunk * CHUNK; i < (chunk + 1) * CHUNK && i < b->n_items; i++) {
        b->ids[thread].n = 0;
        if (!tokenizer_encode(b->tokenizer, b->items[i].text, b->items[i].length, false, &b->ids[thread], &ignored))
            b->failed[thread] = true;
    }
}

static void write_documents(TextBench *b)
{
    const CorpusMix mix = corpus_default_mix();
    Document *const document = base_alloc(1, sizeof *document);
    TextItem *const items = make_items(b, N_ITEMS);
    for (int64_t i = 0; i < N_ITEMS; i++) {
        corpus_document(document, &mix, CORPUS_SEED, (uint64_t)i);
        items[i].text = base_strndup(document->text, document->length);
        items[i].length = document->length;
    }
    base_free(document);
}

static void write_mixed(TextBench *b)
{
    TextItem *const items = make_items(b, N_MIXED);
    for (int64_t i = 0; i < N_MIXED; i++) items[i].text = bench_mixed_document((uint64_t)i, &items[i].length);
}

static bool read_row(TextItem *item, const char *line, size_t length, const char *path, int64_t number, Error *err)
{
    json_t *const row = json_read_text(line, length, path, number, err);
    const char *text = "";
    bool ok = row && json_require(row, "text", err) && json_get_string(row, "text", &text, &item->length, err);
    if (row && !ok) ok = error_in(err, "%s:%" PRId64, path, number);
    if (ok) item->text = base_strndup(text, item->length);
    json_decref(row);
    return ok;
}

static bool read_rows(TextBench *b, const char *path, Error *err)
{
    char *file;
    size_t length;
    if (!file_read_all(path, MAX_INPUT_BYTES, &file, &length, err)) return false;
    int64_t n = 0;
    for (size_t i = 0; i < length; i++) n += file[i] == '\n';
    TextItem *const items = make_items(b, n + 1);
    bool ok = true;
    int64_t number = 0;
    n = 0;
    for (size_t at = 0; at < length && ok;) {
        const size_t line = strcspn(file + at, "\n");
        ok = ++number && (line == 0 || read_row(&items[n++], file + at, line, path, number, err));
        at += line + 1;
    }
    b->n_items = ok ? n : b->n_items;
    base_free(file);
    return ok && (n > 0 || error_set(err, ERROR_INPUT, "%s: no rows {\"text\"}", path));
}

static bool report_encoding(TextBench *b, const char *kind, const char *folder, Error *err)
{
    double n_bytes = 0;
    for (int64_t i = 0; i < b->n_items; i++) n_bytes += (double)b->items[i].length;
    const double seconds = best_pass(b, encode_chunk);
    char name[200];
    snprintf(name, sizeof name, "encode %" PRId64 " %s, %.100s", b->n_items, kind, folder);
    free_items(b);
    return isnan(seconds) ? error_set(err, ERROR_INPUT, "%s: the tokenizer cannot encode the %s", folder, kind)
                          : report(b, "tokenize", name, n_bytes / seconds * 1e-6, "MB/s", err);
}

static bool bench_tokenize(Cli *cli, const BenchModelOptions *options, Error *err)
{
    TextBench b;
    const char *const folder = options->folder ? options->folder : "models/base";
    bool ok = bench_begin(&b, cli, options, err) && tokenizer_open(&b.tokenizer, folder, err);
    if (ok && options->input) {
        ok = read_rows(&b, options->input, err) && report_encoding(&b, "rows", folder, err);
    } else if (ok) {
        write_documents(&b);
        ok = report_encoding(&b, "documents", folder, err);
        if (ok) write_mixed(&b);
        ok = ok && report_encoding(&b, "mixed texts", folder, err);
    }
    bench_end(&b);
    return ok;
}

/* ---- verify ---- */

static void check_chunk(void *context, int64_t chunk, int thread)
{
    TextBench *const b = context;
    for (int64_t i = chunk * CHUNK; i < (chunk + 1) * CHUNK && i < b->n_items; i++) {
        const TextItem *const item = &b->items[i];
        if (task_check(item->check, item->answer, item->length) != VERDICT_RIGHT) b->failed[thread] = true;
    }
}

static void compare_chunk(void *context, int64_t chunk, int thread)
{
    TextBench *const b = context;
    for (int64_t i = chunk * CHUNK; i < (chunk + 1) * CHUNK && i < b->n_items; i++) {
        const TextItem *const item = &b->items[i];
        if (compare_answers(item->answer, item->length, item->answer, item->length, NULL) == VERDICT_WRONG)
            b->failed[thread] = true;
    }
}

/* All families in turn, each at its trained levels in turn. */
static void draw_problems(TextBench *b)
{
    make_items(b, N_ITEMS);
    for (int64_t i = 0; i < N_ITEMS; i++) {
        Problem problem;
        const int task = (int)(i % task_count()), level = 1 + (int)(i / task_count() % task_train_levels(task));
        task_problem(&problem, task, level, SPLIT_TRAIN, CORPUS_SEED, (uint64_t)i);
        b->items[i].answer = base_strdup(problem.answer);
        b->items[i].check = base_strdup(problem.check);
        b->items[i].length = strlen(problem.answer);
    }
}

static bool report_answers(TextBench *b, const char *name, ThreadsItem chunk, Error *err)
{
    const double seconds = best_pass(b, chunk);
    if (isnan(seconds)) return error_set(err, ERROR_BUG, "%s: a problem's own answer is not right", name);
    return report(b, "verify", name, N_ITEMS / seconds * 1e-6, "M answers/s", err);
}

static bool bench_verify(Cli *cli, const BenchModelOptions *options, Error *err)
{
    TextBench b;
    if (options->input) return bench_answers(cli, options, err);
    bool ok = bench_begin(&b, cli, options, err);
    if (ok) {
        draw_problems(&b);
        ok = report_answers(&b, "answers by their checks", check_chunk, err) &&
             report_answers(&b, "answers by comparison", compare_chunk, err) && bench_answers(cli, options, err);
    }
    bench_end(&b);
    return ok;
}

static const BenchModelCase CASES[] = {
    {"tokenize", bench_tokenize},
    {"verify", bench_verify},
};

const BenchModelCase *bench_text_case(const char *name)
{
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++)
        if (strcmp(CASES[i].name, name) == 0) return &CASES[i];
    return NULL;
}
