/* SPDX-License-Identifier: MIT */
/* record/report.h: report.html, one file that tells what a run did, made from run.sqlite and metrics.jsonl alone.
 *
 * No external resource: curves are inline SVG, styles and the little script are inline, light and dark. Everything that a
 * model, a data set or a recipe wrote is hostile until escaped (record/html.h). Any subset of metrics will do: a section
 * without data is left out. May use base/, eval/, record/. */
#ifndef R1_RECORD_REPORT_H
#define R1_RECORD_REPORT_H

#include "base/error.h"

#include <stdint.h>

/* Writes RUN/report.html. */
bool report_write(const char *run_folder, Error *err) R1_MUST_CHECK;

/* The three main curves (accuracy, response length, reflective words) side by side as one SVG picture for documents; its
 * colours suit light and dark pages. `title` may be NULL. */
bool report_write_svg(const char *run_folder, const char *path, const char *title, Error *err) R1_MUST_CHECK;

/* A graph's FOLDER/report.html: its stages and how they hang together, each stage's key numbers and time, links to their pages. From
 * FOLDER/graph.json (recipe/graph_run.c) and the stages' own records. */
bool report_write_graph(const char *folder, Error *err) R1_MUST_CHECK;
/* The folder of a graph's run: it holds graph.json. */
bool report_is_graph(const char *folder);

/* Several runs over each other: a table and overlaid curves, as one page. names[n_runs] may be NULL: folder names are used. */
bool report_write_comparison(const char *const *run_folders, const char *const *names, int64_t n_runs, const char *path,
                             Error *err) R1_MUST_CHECK;

/* A run in a few figures, for `r1 compare` and its --json. NaN: not known. */
typedef struct ReportSummary {
    int64_t steps;
    double first_pass_at_1, last_pass_at_1, last_pass_at_1_error; /* held-out */
    double last_consensus;
    double first_length, last_length;
    double first_reflection, last_reflection;       /* words a completion */
    double first_reflection_1k, last_reflection_1k; /* words per 1,000 tokens */
    double tokens_per_second, hours;
} ReportSummary;
bool report_summarise(ReportSummary *summary, const char *run_folder, Error *err) R1_MUST_CHECK;

#endif
