/* SPDX-License-Identifier: MIT */
/* recipe/stage_type.h: what the kinds of stages differ in as seen from outside: what each leaves, how it goes on after an
 * interruption, and its one function. The kinds themselves are the lines of STAGE_TYPES (settings.h). */
#ifndef R1_RECIPE_STAGE_TYPE_H
#define R1_RECIPE_STAGE_TYPE_H

#include "recipe/recipe.h"
#include "recipe/stage.h"

/* What a finished stage leaves in its run folder. */
typedef struct StageOutput {
    const char *name; /* another stage says ${stages.NAME.name}; NULL ends a list */
    const char *path; /* inside the run folder */
    KeyKind kind;     /* KEY_MODEL, KEY_DATA: which keys may take it */
} StageOutput;

/* Ends with a NULL name. The first one appears by a rename when everything is whole: a stage that has it is done. */
const StageOutput *stage_outputs(StageKind kind);
/* It trains a model and goes on from checkpoints. The others go on behind the last step in their records. */
bool stage_trains(StageKind kind);
bool stage_run(const StageRun *run, const Recipe *recipe, Error *err) R1_MUST_CHECK;
/* Steps between the lines of progress where there is no terminal. */
int64_t stage_plain_every(StageKind kind);

#endif
