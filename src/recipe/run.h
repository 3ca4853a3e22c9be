/* SPDX-License-Identifier: MIT */
/* recipe/run.h: `r1 run`: a recipe read, resolved and carried out in a run folder, or gone on with where it was interrupted. */
#ifndef R1_RECIPE_RUN_H
#define R1_RECIPE_RUN_H

#include "num/compute.h"
#include "recipe/settings.h"

#include <stdio.h>

/* A recipe read from a file with its overrides; owns what the settings point into. */
typedef struct Recipe {
    YamlDocument document;
    StageKind stage;
    CommonSettings *common; /* first member of one of the two below */
    PretrainSettings pretrain;
    GrpoSettings grpo;
    const char *owned_name; /* when the recipe gives none */
} Recipe;

/* sets: "a.b=v" texts. Every mistake names file, line and column. */
bool recipe_open(Recipe *recipe, const char *path, const char *const *sets, int64_t n_sets, Error *err) R1_MUST_CHECK;
void recipe_close(Recipe *recipe);
const RecipeKey *recipe_keys(const Recipe *recipe);
const void *recipe_settings(const Recipe *recipe);
/* The resolved recipe as YAML. */
void recipe_resolved(const Recipe *recipe, JsonOut *out);

typedef struct RunOptions {
    const char *out;      /* run folder; NULL: the recipe's, else runs/<name> */
    const char *verdicts; /* run folder whose outside verdicts are taken over, or NULL */
    FILE *stream;         /* progress: stderr */
    bool quiet, json;
} RunOptions;

typedef enum RunOutcome { RUN_DONE, RUN_WAS_FINISHED } RunOutcome;
/* The folder that the run uses, base_alloc'd. */
char *recipe_run_folder(const Recipe *recipe, const RunOptions *options);
bool recipe_run(const Recipe *recipe, const RunOptions *options, const Compute *compute, RunOutcome *outcome,
                Error *err) R1_MUST_CHECK;

/* What a dry run tells. */
typedef struct RunPlan {
    int64_t parameters, memory_bytes, steps;
    double flops; /* of the whole run, an estimate: see run_plan.c */
    bool resumes;
    int64_t resume_step;
} RunPlan;
bool recipe_plan(const Recipe *recipe, const RunOptions *options, const Compute *compute, RunPlan *plan,
                 Error *err) R1_MUST_CHECK;

#endif
