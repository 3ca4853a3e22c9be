/* SPDX-License-Identifier: MIT */
/* recipe/run.h: `r1 run`: a recipe carried out in a run folder, or gone on with where it was interrupted. */
#ifndef R1_RECIPE_RUN_H
#define R1_RECIPE_RUN_H

#include "num/compute.h"
#include "recipe/recipe.h"

#include <stdio.h>

typedef struct RunOptions {
    const char *out;      /* run folder; NULL: the recipe's, else runs/<name> */
    const char *verdicts; /* run folder whose outside verdicts are taken over, or NULL */
    FILE *stream;         /* progress: stderr */
    bool quiet, json;
} RunOptions;

typedef enum RunOutcome { RUN_DONE, RUN_WAS_FINISHED } RunOutcome;

/* The folder that the run uses, base_alloc'd. */
char *recipe_run_folder(const Recipe *recipe, const RunOptions *options);

/* Checks everything that can be known before the first step (recipe_plan), then runs to the last step. What a folder holds
 * decides how it begins: see run.c. A folder of another recipe, a foreign or a locked one is ERROR_INPUT and stays as it is. */
bool recipe_run(const Recipe *recipe, const RunOptions *options, const Compute *compute, RunOutcome *outcome,
                Error *err) R1_MUST_CHECK;

/* What a dry run tells. */
typedef struct RunPlan {
    int64_t parameters, memory_bytes, steps;
    double train_flops, sample_flops; /* of the whole run, estimates: see run_plan.c */
    double seconds;                   /* of the whole run on this machine, an estimate; NaN unless `timed` */
    bool resumes, finished;
    int64_t resume_step; /* of the newest checkpoint, not verified */
} RunPlan;

/* Resolves and checks the recipe and what it names: model folder, weights, tokenizer, room for prompts, memory, and that the
 * run folder may be used. Changes nothing on disk. timed: measures this machine for a quarter of a second. */
bool recipe_plan(const Recipe *recipe, const RunOptions *options, const Compute *compute, bool timed, RunPlan *plan,
                 Error *err) R1_MUST_CHECK;

/* May this recipe run in this folder? An absent folder, one of the same recipe, and one that holds nothing under a run's names
 * may; else ERROR_INPUT. Reads alone. */
bool run_folder_check(const Recipe *recipe, const char *folder, Error *err) R1_MUST_CHECK;
/* The run in it has ended, and what it left is whole. */
bool run_folder_finished(const char *folder, int64_t steps);

#endif
