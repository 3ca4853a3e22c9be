/* SPDX-License-Identifier: MIT */
/* eval/paired.c: see paired.h. */
#include "eval/paired.h"

#include "base/arena.h"
#include "data/jsonl.h"

#include <inttypes.h>
#include <string.h>

void eval_means_free(EvalMeans *means)
{
    for (int64_t i = 0; i < means->n; i++) base_free(means->ids[i]);
    base_free(means->ids);
    base_free(means->means);
    *means = (EvalMeans){.ids = NULL};
}

void eval_means_of(EvalMeans *means, const EvalPlan *plan, const EvalResult *result)
{
    means->n = result->n_problems;
    means->ids = base_alloc((size_t)means->n, sizeof *means->ids);
    means->means = base_alloc((size_t)means->n, sizeof *means->means);
    for (int64_t i = 0; i < means->n; i++) {
        means->ids[i] = base_strdup(eval_plan_problem(plan, i)->id);
        means->means[i] = result->problem_means[i];
    }
}

/* ---- a file of samples ---- */

typedef struct SampleReader {
    EvalMeans *means;
    int64_t capacity, n_samples; /* of the problem in hand */
} SampleReader;

static void begin_problem(SampleReader *r, const char *id, size_t length)
{
    EvalMeans *const m = r->means;
    if (m->n == r->capacity) {
        r->capacity = 2 * r->capacity + 64;
        m->ids = base_realloc(m->ids, (size_t)r->capacity, sizeof *m->ids);
        m->means = base_realloc(m->means, (size_t)r->capacity, sizeof *m->means);
    }
    m->ids[m->n] = base_strndup(id, length);
    m->means[m->n++] = 0;
    r->n_samples = 0;
}

/* Samples stand in order: by problem, then by completion. The mean is a sum over samples, divided at the end. */
static bool take_row(void *context, const json_t *row, int64_t line, Error *err)
{
    SampleReader *const r = context;
    EvalMeans *const m = r->means;
    const char *id = NULL;
    size_t length = 0;
    int64_t problem = -1;
    double accuracy = 0;
    (void)line;
    if (!json_require(row, "id", err) || !json_require(row, "problem", err) || !json_require(row, "accuracy", err) ||
        !json_get_string(row, "id", &id, &length, err) || !json_get_int(row, "problem", 0, INT64_MAX, &problem, err) ||
        !json_get_double(row, "accuracy", &accuracy, err))
        return false;
    if (problem != m->n && problem != m->n - 1)
        return error_set(err, ERROR_INPUT,
                         "problem %" PRId64 " comes behind problem %" PRId64 ": is this a file of --samples-out?",
                         problem, m->n - 1);
    if (problem == m->n) {
        if (m->n > 0) m->means[m->n - 1] /= (double)r->n_samples;
        begin_problem(r, id, length);
    }
    m->means[m->n - 1] += accuracy;
    r->n_samples++;
    return true;
}

bool eval_means_read(EvalMeans *means, const char *path, Error *err)
{
    *means = (EvalMeans){.ids = NULL};
    SampleReader reader = {.means = means};
    if (!jsonl_read(path, INT64_MAX, "sample", take_row, &reader, err)) {
        eval_means_free(means);
        return false;
    }
    means->means[means->n - 1] /= (double)reader.n_samples;
    return true;
}

/* ---- the comparison ---- */

bool eval_compare(EvalComparison *comparison, const EvalMeans *a, const EvalMeans *b, Error *err)
{
    *comparison = (EvalComparison){.ties = 0};
    for (int64_t i = 0; i < a->n && i < b->n; i++) {
        if (strcmp(a->ids[i], b->ids[i]) != 0)
            return error_set(err, ERROR_INPUT,
                             "problem %" PRId64
                             " is %.60s for one and %.60s for the other: the same problems must be asked",
                             i, a->ids[i], b->ids[i]);
        comparison->wins += a->means[i] > b->means[i];
        comparison->losses += a->means[i] < b->means[i];
        comparison->ties += a->means[i] == b->means[i];
    }
    if (a->n != b->n)
        return error_set(err, ERROR_INPUT, "%" PRId64 " problems and %" PRId64 ": the same problems must be asked",
                         a->n, b->n);
    comparison->test = estimate_paired(a->means, b->means, a->n);
    comparison->sign_p = estimate_sign_two_sided(comparison->wins, comparison->losses);
    return true;
}
