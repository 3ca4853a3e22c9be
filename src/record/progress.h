/* SPDX-License-Identifier: MIT */
/* record/progress.h: what a person sees while a run goes on.
 *
 * On a terminal a few lines that are redrawn in place: bar, step, time left, reward, accuracy, length, reflective words and
 * tokens a second, with small curves of the run so far. In a pipe one plain line a step (or every n). With --quiet nothing but
 * warnings. Written to the stream it is given (stderr), never to stdout. May use base/ and record/metrics.h. */
#ifndef R1_RECORD_PROGRESS_H
#define R1_RECORD_PROGRESS_H

#include "record/metrics.h"

#include <stdio.h>

typedef struct Progress Progress;

typedef struct ProgressOptions {
    FILE *stream;       /* stderr; borrowed */
    const char *title;  /* e.g. "r1-zero"; copied */
    int64_t first_step; /* steps done already (a resumed run) */
    int64_t total_steps;
    int64_t plain_every; /* in a pipe: a line every n steps; 0 is 1 */
    bool quiet;
    bool json; /* accepted for callers that pass their global options along; text goes to the stream all the same */
    int force_live; /* 0: decide by isatty(stream), TERM; 1: live; -1: plain (tests) */
} ProgressOptions;

Progress *progress_create(const ProgressOptions *options);
/* A step is done; row holds its metrics. */
void progress_step(Progress *progress, const MetricsRow *row);
/* Inside a step: what is being done ("sampling", "training", "evaluating") and how much of it, 0..1 (negative: unknown).
 * Redraws at most ten times a second; nothing in a pipe. */
void progress_activity(Progress *progress, const char *activity, double fraction);
/* A line for people that stays (above the live display). Warnings are shown even when quiet. */
void progress_note(Progress *progress, const char *line);
void progress_warning(Progress *progress, const char *line);
/* Leaves the last display standing, if there was one, and frees. NULL is fine. */
void progress_finish(Progress *progress);

#endif
