/* SPDX-License-Identifier: MIT */
/* recipe/replay.h: completions of a run made again and compared, bit for bit, with what run.sqlite says.
 *
 * The run goes on in memory from the newest whole checkpoint before the step, or from the recipe's start model; nothing in the
 * run folder is written. A completion is equal when every id and every log-probability has the same bits. */
#ifndef R1_RECIPE_REPLAY_H
#define R1_RECIPE_REPLAY_H

#include "num/compute.h"
#include "recipe/settings.h"

#include <stdio.h>

typedef struct ReplayResult {
    int64_t step, prompt, completion;
    bool equal;
    int64_t first_difference; /* token number; -1: none */
} ReplayResult;

/* What it will take, told before it starts. */
typedef struct ReplayCost {
    int64_t from_step;  /* training goes on after this one; 0: the start model */
    int64_t n_training; /* steps that are trained again before the step is sampled */
    double seconds;     /* as long as the run itself took for them; NaN when its metrics do not say */
} ReplayCost;

typedef struct ReplayOptions {
    const char *folder;
    int64_t step;
    int64_t prompt, completion; /* -1: all */
    FILE *stream;               /* warnings and progress */
    bool quiet;
    void (*tell_cost)(void *context, const ReplayCost *cost);
    /* In the order of run.sqlite. false stops the replay with err. */
    bool (*result)(void *context, const ReplayResult *result, Error *err);
    void *context;
} ReplayOptions;

/* --threads, else the recipe's: the caller makes `compute` after asking for it. */
bool replay_threads(const char *folder, int64_t *threads, Error *err) R1_MUST_CHECK;
/* ERROR_INPUT: not the folder of a GRPO run, a step that is not stored, an index that does not exist. */
bool replay_run(const ReplayOptions *options, const Compute *compute, Error *err) R1_MUST_CHECK;

#endif
