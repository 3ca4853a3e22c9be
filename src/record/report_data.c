/* SPDX-License-Identifier: MIT */
/* record/report_data.c: see report_data.h. */
#include "record/report_data.h"

#include "base/arena.h"
#include "base/file.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RECIPE_MAX_BYTES = 1 << 20 };

/* ---- opening ---- */

/* "runs/r1-zero/" -> "r1-zero"; "." -> the name of the folder it is. */
static char *name_of_folder(const char *folder)
{
    char real[PATH_MAX];
    const char *const path = realpath(folder, real) ? real : folder;
    const char *const slash = strrchr(path, '/');
    char *const name = base_strdup(slash && slash[1] ? slash + 1 : path);
    return name;
}

static bool keep_evaluation(void *context, const StoredEvaluation *evaluation)
{
    ReportRun *const run = context;
    if (run->n_evaluations == run->evaluation_capacity) {
        run->evaluation_capacity = run->evaluation_capacity ? 2 * run->evaluation_capacity : 256;
        run->evaluations = base_realloc(run->evaluations, (size_t)run->evaluation_capacity, sizeof *run->evaluations);
    }
    run->evaluations[run->n_evaluations++] = (ReportEvaluation){
        .step = evaluation->step,
        .n_problems = evaluation->n_problems,
        .n_samples = evaluation->n_samples,
        .suite = base_strdup(evaluation->suite),
        .task = base_strdup(evaluation->task),
        .measure = base_strdup(evaluation->measure),
        .level = evaluation->level,
        .value = evaluation->value,
        .standard_error = evaluation->standard_error,
    };
    return true;
}

static bool read_recipe(ReportRun *run, Error *err)
{
    size_t length;
    char *const path = base_printf("%s/recipe.yaml", run->folder);
    bool ok = true;
    if (file_exists(path))
        ok = file_read_all(path, RECIPE_MAX_BYTES, &run->recipe, &length, err);
    else if (run->store)
        ok = run_store_get_meta(run->store, "recipe", &run->recipe, err);
    base_free(path);
    return ok;
}

bool report_run_open(ReportRun *run, const char *folder, Error *err)
{
    *run = (ReportRun){.folder = base_strdup(folder), .name = name_of_folder(folder)};
    char *const metrics = base_printf("%s/metrics.jsonl", folder), *const store = base_printf("%s/run.sqlite", folder);
    bool ok =
        file_exists(metrics) || file_exists(store) ||
        error_set(err, ERROR_INPUT, "%s: is no run folder: it holds neither metrics.jsonl nor run.sqlite", folder);
    ok = ok && metrics_read(&run->metrics, metrics, err);
    if (ok && file_exists(store))
        ok = run_store_open_read(&run->store, folder, err) &&
             run_store_read_evaluations(run->store, NULL, keep_evaluation, run, err);
    ok = ok && read_recipe(run, err);
    base_free(metrics);
    base_free(store);
    if (!ok) report_run_close(run);
    return ok;
}

void report_run_close(ReportRun *run)
{
    for (int64_t i = 0; i < run->n_evaluations; i++) {
        base_free(run->evaluations[i].suite);
        base_free(run->evaluations[i].task);
        base_free(run->evaluations[i].measure);
    }
    for (int64_t i = 0; i < run->n_owned; i++) base_free(run->owned[i]);
    base_free(run->evaluations);
    base_free(run->owned);
    base_free(run->folder);
    base_free(run->name);
    base_free(run->recipe);
    metrics_table_free(&run->metrics);
    run_store_close(run->store);
    *run = (ReportRun){0};
}

bool report_has_rewards(const ReportRun *run)
{
    return metrics_column(&run->metrics, "reward") || metrics_column(&run->metrics, "rewards/accuracy/mean");
}

/* ---- series ---- */

static double *own_array(ReportRun *run, int64_t n)
{
    double *const array = base_alloc((size_t)(n > 0 ? n : 1), sizeof *array);
    run->owned = base_realloc(run->owned, (size_t)run->n_owned + 1, sizeof *run->owned);
    run->owned[run->n_owned++] = array;
    return array;
}

static ReportSeries series_of_columns(ReportRun *run, const double *values, const double *errors)
{
    if (!values) return (ReportSeries){0};
    int64_t n = 0;
    bool any_error = false;
    for (int64_t r = 0; r < run->metrics.n_rows; r++) n += isfinite(values[r]);
    double *const x = own_array(run, n), *const y = own_array(run, n), *const e = own_array(run, n);
    n = 0;
    for (int64_t r = 0; r < run->metrics.n_rows; r++) {
        if (!isfinite(values[r])) continue;
        x[n] = (double)run->metrics.steps[r];
        y[n] = values[r];
        e[n] = errors && isfinite(errors[r]) ? errors[r] : 0;
        any_error = any_error || e[n] > 0;
        n++;
    }
    return (ReportSeries){.x = x, .y = y, .error = any_error ? e : NULL, .n = n};
}

ReportSeries report_metric(ReportRun *run, const char *name)
{
    return series_of_columns(run, metrics_column(&run->metrics, name), NULL);
}

static ReportSeries figure_from_metrics(ReportRun *run, const char *suite, const char *task, int level,
                                        const char *measure)
{
    char name[METRICS_NAME_CAPACITY], error[METRICS_NAME_CAPACITY];
    if (!task[0])
        snprintf(name, sizeof name, "eval/%s/%s", suite, measure);
    else if (strcmp(measure, "pass@1") != 0)
        return (ReportSeries){0};
    else if (level > 0)
        snprintf(name, sizeof name, "eval/%s/%s/%d", suite, task, level);
    else
        snprintf(name, sizeof name, "eval/%s/%s", suite, task);
    snprintf(error, sizeof error, "%.80s_stderr", name);
    return series_of_columns(run, metrics_column(&run->metrics, name), metrics_column(&run->metrics, error));
}

static bool is_figure(const ReportEvaluation *e, const char *suite, const char *task, int level, const char *measure)
{
    return e->level == level && isfinite(e->value) && strcmp(e->suite, suite) == 0 && strcmp(e->task, task) == 0 &&
           strcmp(e->measure, measure) == 0;
}

ReportSeries report_figure(ReportRun *run, const char *suite, const char *task, int level, const char *measure)
{
    if (!task) task = "";
    int64_t n = 0;
    for (int64_t i = 0; i < run->n_evaluations; i++) n += is_figure(&run->evaluations[i], suite, task, level, measure);
    if (n == 0) return figure_from_metrics(run, suite, task, level, measure);
    double *const x = own_array(run, n), *const y = own_array(run, n), *const e = own_array(run, n);
    bool any_error = false;
    n = 0;
    for (int64_t i = 0; i < run->n_evaluations; i++) { /* stored in order of step */
        const ReportEvaluation *const evaluation = &run->evaluations[i];
        if (!is_figure(evaluation, suite, task, level, measure)) continue;
        x[n] = (double)evaluation->step;
        y[n] = evaluation->value;
        e[n] = isfinite(evaluation->standard_error) ? evaluation->standard_error : 0;
        any_error = any_error || e[n] > 0;
        n++;
    }
    return (ReportSeries){.x = x, .y = y, .error = any_error ? e : NULL, .n = n};
}

/* The K of "PREFIX<K>", 0 for any other measure. */
static int64_t k_of_measure(const char *measure, const char *prefix)
{
    const size_t n = strlen(prefix);
    if (strncmp(measure, prefix, n) != 0) return 0;
    char *end;
    const int64_t k = strtoll(measure + n, &end, 10);
    return end > measure + n && *end == 0 && k > 0 ? k : 0;
}

const char *report_measure_with_largest_k(ReportRun *run, const char *suite, const char *prefix)
{
    const char *best = NULL;
    int64_t best_k = 0;
    for (int64_t i = 0; i < run->n_evaluations; i++) {
        const ReportEvaluation *const e = &run->evaluations[i];
        const int64_t k = strcmp(e->suite, suite) == 0 ? k_of_measure(e->measure, prefix) : 0;
        if (k > best_k) {
            best_k = k;
            best = e->measure;
        }
    }
    char start[METRICS_NAME_CAPACITY];
    const int n = snprintf(start, sizeof start, "eval/%s/", suite);
    for (int64_t c = 0; !best && c < run->metrics.n_columns; c++)
        if (strncmp(run->metrics.names[c], start, (size_t)n) == 0 &&
            k_of_measure(run->metrics.names[c] + n, prefix) > best_k) {
            best_k = k_of_measure(run->metrics.names[c] + n, prefix);
            best = run->metrics.names[c] + n;
        }
    return best;
}

static int add_k(int64_t *ks, int n, int max, int64_t k)
{
    int at = 0;
    while (at < n && ks[at] < k) at++;
    if (k == 0 || n == max || (at < n && ks[at] == k)) return n;
    memmove(ks + at + 1, ks + at, (size_t)(n - at) * sizeof *ks);
    ks[at] = k;
    return n + 1;
}

int report_pass_ks(const ReportRun *run, const char *suite, int64_t *ks, int max)
{
    int n = 0;
    for (int64_t i = 0; i < run->n_evaluations; i++)
        if (strcmp(run->evaluations[i].suite, suite) == 0 && !run->evaluations[i].task[0])
            n = add_k(ks, n, max, k_of_measure(run->evaluations[i].measure, "pass@"));
    char start[METRICS_NAME_CAPACITY];
    const int length = snprintf(start, sizeof start, "eval/%s/", suite);
    for (int64_t c = 0; c < run->metrics.n_columns; c++)
        if (strncmp(run->metrics.names[c], start, (size_t)length) == 0)
            n = add_k(ks, n, max, k_of_measure(run->metrics.names[c] + length, "pass@"));
    return n;
}

/* ---- figures of a series ---- */

double series_first(const ReportSeries *series)
{
    return series->n > 0 ? series->y[0] : (double)NAN;
}

double series_last(const ReportSeries *series)
{
    return series->n > 0 ? series->y[series->n - 1] : (double)NAN;
}

double report_metric_last(ReportRun *run, const char *name)
{
    const ReportSeries series = report_metric(run, name);
    return series_last(&series);
}

double series_first_error(const ReportSeries *series)
{
    return series->n > 0 && series->error ? series->error[0] : 0;
}

double series_last_error(const ReportSeries *series)
{
    return series->n > 0 && series->error ? series->error[series->n - 1] : 0;
}

static int64_t tenth(const ReportSeries *series)
{
    return series->n >= 10 ? series->n / 10 : 1;
}

double series_late(const ReportSeries *series)
{
    return series->n > 0 ? estimate_mean(series->y + series->n - tenth(series), tenth(series)) : (double)NAN;
}

double series_early(const ReportSeries *series)
{
    return series->n > 0 ? estimate_mean(series->y, tenth(series)) : (double)NAN;
}

double series_sum(const ReportSeries *series)
{
    double sum = 0;
    for (int64_t i = 0; i < series->n; i++) sum += series->y[i];
    return sum;
}

double report_seconds(ReportRun *run)
{
    const ReportSeries steps = report_metric(run, "step_time"), evaluations = report_metric(run, "time/eval");
    const ReportSeries checkpoints = report_metric(run, "time/checkpoint");
    return series_sum(&steps) + series_sum(&evaluations) + series_sum(&checkpoints);
}

bool report_curve(Chart *chart, ReportSeries series, const char *name, int colour, CurveLook look)
{
    return chart_add(chart, (ChartSeries){
                                .name = name,
                                .colour = colour,
                                .x = series.x,
                                .y = series.y,
                                .error = series.error,
                                .n = series.n,
                                .marks = (look == CURVE_MEASURED || look == CURVE_MEASURED_DASHED) && series.n <= 60,
                                .dashed = look == CURVE_MEASURED_DASHED || look == CURVE_DASHED,
                                .smooth = look == CURVE_SMOOTH,
                            });
}

/* ---- first against last ---- */

typedef struct ProblemMeans {
    char **keys;
    double *sums, *counts;
    int64_t n, capacity;
} ProblemMeans;

static void problem_means_free(ProblemMeans *means)
{
    for (int64_t i = 0; i < means->n; i++) base_free(means->keys[i]);
    base_free(means->keys);
    base_free(means->sums);
    base_free(means->counts);
}

/* Completions of a problem follow each other. */
static bool add_to_means(void *context, const StoredCompletion *completion, const StoredProblem *problem)
{
    ProblemMeans *const means = context;
    if (!isfinite(completion->accuracy)) return true;
    if (means->n == 0 || strcmp(means->keys[means->n - 1], problem->key) != 0) {
        if (means->n == means->capacity) {
            means->capacity = means->capacity ? 2 * means->capacity : 256;
            means->keys = base_realloc(means->keys, (size_t)means->capacity, sizeof *means->keys);
            means->sums = base_realloc(means->sums, (size_t)means->capacity, sizeof *means->sums);
            means->counts = base_realloc(means->counts, (size_t)means->capacity, sizeof *means->counts);
        }
        means->keys[means->n] = base_strdup(problem->key);
        means->sums[means->n] = means->counts[means->n] = 0;
        means->n++;
    }
    means->sums[means->n - 1] += completion->accuracy;
    means->counts[means->n - 1]++;
    return true;
}

static bool read_means(ReportRun *run, const char *suite, int64_t step, ProblemMeans *means, Error *err)
{
    const StoredFilter filter = {
        .phase = STORED_EVALUATION,
        .suite = suite,
        .step_low = step,
        .step_high = step,
        .prompt_index = -1,
        .completion_index = -1,
    };
    if (!run_store_read_completions(run->store, &filter, add_to_means, means, err)) return false;
    for (int64_t i = 0; i < means->n; i++) means->sums[i] /= means->counts[i];
    return true;
}

bool report_paired(ReportRun *run, const char *suite, PairedTest *test, Error *err)
{
    const ReportSeries accuracy = report_figure(run, suite, NULL, 0, "pass@1");
    *test = (PairedTest){.p = 1};
    if (!run->store || accuracy.n < 2) return true;
    ProblemMeans first = {0}, last = {0};
    const bool ok = read_means(run, suite, (int64_t)accuracy.x[0], &first, err) &&
                    read_means(run, suite, (int64_t)accuracy.x[accuracy.n - 1], &last, err);
    bool same = ok && first.n == last.n;
    for (int64_t i = 0; same && i < first.n; i++) same = strcmp(first.keys[i], last.keys[i]) == 0;
    if (same) *test = estimate_paired(last.sums, first.sums, first.n);
    problem_means_free(&first);
    problem_means_free(&last);
    return ok;
}

/* ---- families ---- */

static ReportFamily *family_of(ReportFamily *families, int *n, int max, const char *task)
{
    int at = 0;
    while (at < *n && strcmp(families[at].task, task) < 0) at++;
    if (at < *n && strcmp(families[at].task, task) == 0) return &families[at];
    if (*n == max) return NULL;
    memmove(families + at + 1, families + at, (size_t)(*n - at) * sizeof *families);
    families[at] = (ReportFamily){.task = task};
    (*n)++;
    return &families[at];
}

static void family_add_level(ReportFamily *family, int level)
{
    int at = 0;
    while (at < family->n_levels && family->levels[at] < level) at++;
    if (at < family->n_levels && family->levels[at] == level) return;
    if (family->n_levels == (int)(sizeof family->levels / sizeof *family->levels)) return;
    memmove(family->levels + at + 1, family->levels + at, (size_t)(family->n_levels - at) * sizeof *family->levels);
    family->levels[at] = level;
    family->n_levels++;
}

int report_families(const ReportRun *run, const char *suite, ReportFamily *families, int max)
{
    int n = 0;
    for (int64_t i = 0; i < run->n_evaluations; i++) {
        const ReportEvaluation *const e = &run->evaluations[i];
        if (!e->task[0] || strcmp(e->suite, suite) != 0 || strcmp(e->measure, "pass@1") != 0) continue;
        ReportFamily *const family = family_of(families, &n, max, e->task);
        if (family) family_add_level(family, e->level);
    }
    return n;
}
