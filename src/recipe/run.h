/* SPDX-License-Identifier: MIT */
/* recipe/run.h: `r1 run`: a recipe carried out in a run folder, or gone on with where it was interrupted. */
#ifndef R1_RECIPE_RUN_H
#define R1_RECIPE_RUN_H

#include "num/compute.h"
#include "model/config.h"
#include "recipe/recipe.h"

#include <stdio.h>

typedef struct RunOptions {
    const char *out;      /* run folder; NULL: the recipe's, else runs/<name> */
    const char *verdicts; /* run folder whose outside verdicts are taken over, or NULL */
    const char *title;    /* of the progress; NULL: the recipe's name */
    bool same_inputs;     /* the folder is known to be this recipe's (recipe/graph_inputs.h): paths alone may differ */
    bool finished;        /* it is known to be finished: what it left has just been verified */
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
    ModelConfig config;  /* of the model that is trained or asked */
    ModelConfig teacher; /* of a distillation */
    double data_tokens;  /* that the stage writes for others to train on, an estimate; 0: none */
    bool counts_later;   /* its steps come from data that is still to be made: they, FLOPs and time are estimates */
    int64_t parameters, memory_bytes, steps;
    double train_flops, sample_flops; /* of the whole run, estimates: see plan_needs.c */
    double seconds;                   /* of the whole run on this machine, an estimate; NaN unless `timed` */
    bool resumes, finished;
    int64_t resume_step; /* of the newest checkpoint, not verified */
} RunPlan;

/* Resolves and checks the recipe and what it names: model folder, weights, tokenizer, room for prompts, memory, and that the
 * run folder may be used. Changes nothing on disk. timed: measures this machine for a quarter of a second. */
bool recipe_plan(const Recipe *recipe, const RunOptions *options, const Compute *compute, bool timed, RunPlan *plan,
                 Error *err) R1_MUST_CHECK;

/* The same for a stage whose model or data another stage is still to make. NULL members: they are there. */
typedef struct PlanAhead {
    const RunPlan *model, *teacher, *data; /* plans of the stages that make them */
    bool other;    /* another thing that it reads is not there yet: what is read cannot be checked */
    bool finished; /* as RunOptions has it */
    double rate;   /* of plan_measure_rate; NaN: no time is told */
} PlanAhead;
bool recipe_plan_ahead(const Recipe *recipe, const char *folder, bool same_inputs, const PlanAhead *ahead,
                       const Compute *compute, RunPlan *plan, Error *err) R1_MUST_CHECK;
/* Operations a second of a matrix product with all threads, measured for a quarter of a second. */
double plan_measure_rate(const Compute *compute);

/* May this recipe run in this folder? An absent folder, one of the same recipe, and one that holds nothing under a run's names
 * may; else ERROR_INPUT. Reads alone. */
bool run_folder_check(const Recipe *recipe, const char *folder, bool same_inputs, Error *err) R1_MUST_CHECK;
/* The run in it has ended, and what it left is whole. */
bool run_folder_finished(const Recipe *recipe, const char *folder);
/* What interrupted writes left in a folder: names that begin with one of stems (NULL-terminated). A file of somebody else may well
 * have ".tmp-" in its name. */
bool run_remove_leftovers(const char *folder, const char *const *stems, Error *err) R1_MUST_CHECK;
/* The first line of a resolved recipe: tells it from a recipe that a person keeps under the same name. */
extern const char RUN_RESOLVED_HEAD[];
/* ERROR_INPUT for a recipe.yaml that a person wrote: it is not ours to replace. */
bool run_check_resolved(const char *path, Error *err) R1_MUST_CHECK;

#endif
