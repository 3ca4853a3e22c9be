/* SPDX-License-Identifier: MIT */
/* record/report_data.h: a run folder read for a report: its metrics, evaluations and recipe, and series taken out of them.
 *
 * A figure of an evaluation is looked for in run.sqlite first, then among the metrics (`eval/<suite>/...`); either is enough.
 * Internal to the report files of record/. */
#ifndef R1_RECORD_REPORT_DATA_H
#define R1_RECORD_REPORT_DATA_H

#include "eval/estimators.h"
#include "record/chart.h"
#include "record/metrics.h"
#include "record/run_store.h"

/* Points of a curve in ascending steps, finite values only; the arrays belong to the run. n == 0: there is no such thing. */
typedef struct ReportSeries {
    const double *x, *y;
    const double *error; /* NULL when no point has one */
    int64_t n;
} ReportSeries;

typedef struct ReportEvaluation {
    int64_t step, n_problems, n_samples;
    char *suite, *task, *measure;
    int level;
    double value, standard_error;
} ReportEvaluation;

typedef struct ReportRun {
    char *folder, *name;
    char *recipe; /* text of recipe.yaml, NULL when there is none */
    MetricsTable metrics;
    RunStore *store; /* NULL when the folder has no run.sqlite */
    ReportEvaluation *evaluations;
    int64_t n_evaluations, evaluation_capacity;
    void **owned; /* arrays of series */
    int64_t n_owned;
} ReportRun;

/* A folder with neither metrics nor a store is ERROR_INPUT. */
bool report_run_open(ReportRun *run, const char *folder, Error *err) R1_MUST_CHECK;
void report_run_close(ReportRun *run);

/* Is this reinforcement learning, with rewards, or plain training? Pages speak of it differently. */
bool report_has_rewards(const ReportRun *run);

ReportSeries report_metric(ReportRun *run, const char *name);
/* The last value that it has; NaN: none. */
double report_metric_last(ReportRun *run, const char *name);
/* task NULL or "": all; level 0: all. */
ReportSeries report_figure(ReportRun *run, const char *suite, const char *task, int level, const char *measure);
/* The measure "PREFIX<K>" of the suite with the largest K ("cons@" -> "cons@16"); NULL when there is none. Lives as long as the
 * run. */
const char *report_measure_with_largest_k(ReportRun *run, const char *suite, const char *prefix);
/* All K of measures "pass@<K>" that the suite has, ascending; returns how many (at most max). */
int report_pass_ks(const ReportRun *run, const char *suite, int64_t *ks, int max);

double series_first(const ReportSeries *series); /* NaN when empty */
double series_last(const ReportSeries *series);
double series_first_error(const ReportSeries *series); /* 0 when there is none */
double series_last_error(const ReportSeries *series);
/* The mean of the last tenth of the points (at least one): what a noisy metric came to. */
double series_late(const ReportSeries *series);
/* The mean of the first tenth. */
double series_early(const ReportSeries *series);
/* Seconds of the whole run: steps, evaluations, checkpoints. 0 when nothing was measured. */
double report_seconds(ReportRun *run);
double series_sum(const ReportSeries *series);

/* Adds a series to a chart when there is one. */
typedef enum CurveLook { CURVE_PLAIN, CURVE_SMOOTH, CURVE_MEASURED, CURVE_MEASURED_DASHED, CURVE_DASHED } CurveLook;
bool report_curve(Chart *chart, ReportSeries series, const char *name, int colour, CurveLook look);

/* Last against first evaluation of a suite over the same problems, each problem's mean accuracy over its samples. test->n is
 * 0 when the store does not hold both. */
bool report_paired(ReportRun *run, const char *suite, PairedTest *test, Error *err) R1_MUST_CHECK;

/* The families of a suite in order of name, and the levels of each. */
typedef struct ReportFamily {
    const char *task;
    int levels[32];
    int n_levels;
} ReportFamily;
int report_families(const ReportRun *run, const char *suite, ReportFamily *families, int max);

#endif
