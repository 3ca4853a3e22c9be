/* SPDX-License-Identifier: MIT */
/* recipe/rescore.h: `r1 score-rewards`: completions that exist already, scored by a recipe's rewards: those of a run folder, or rows of
 * JSON. Nothing is sampled, and no model is read but those that reward; verdicts of commands and programs are taken from the run where it has them, asked
 * for where not, and never stored. */
#ifndef R1_RECIPE_RESCORE_H
#define R1_RECIPE_RESCORE_H

#include "base/json.h"
#include "recipe/settings.h"

/* One completion before and after. */
typedef struct Rescored {
    int64_t step, prompt, completion; /* of a run */
    const char *problem;              /* of a run: its key; lives during the callback */
    double old_reward;                /* NaN: not known */
    bool old_undecided;
    int old_verdict;          /* Verdict; -1: not known */
    RewardScore score;        /* of the recipe now */
    const TermConfig *config; /* of its route; lives as long as what made this */
    bool unreadable;          /* nothing can be compared with the gold answer or check */
    const char *failed;       /* NULL, or why this one could not be scored; the score is then nothing */
} Rescored;

typedef struct RescoreOptions {
    const char *folder;
    const GrpoSettings *settings;
    int64_t step_low, step_high; /* inclusive */
    bool held_out;               /* the samples of evaluations whose text was kept, instead of the rollouts' */
    int n_threads;
    const Compute *compute; /* for models that reward; may be NULL where settings_reward_by_models says no */
    bool (*result)(void *context, const Rescored *rescored, Error *err); /* false stops; err then says why */
    void *context;
} RescoreOptions;
/* In the order of step, prompt, completion. ERROR_INPUT when the run holds none. */
bool rescore_run(const RescoreOptions *options, Error *err) R1_MUST_CHECK;

/* For rows, one thread each; compute as above, and then one rescorer at a time. */
typedef struct RowRescorer RowRescorer;
RowRescorer *row_rescorer_create(const GrpoSettings *settings, const Compute *compute);
void row_rescorer_free(RowRescorer *rescorer); /* NULL is fine */
/* {"completion", "prompt" | "question"?, "answer" | "check" | "tests"?, "task"?, "route"?, "n_tokens"?, "truncated"?, "reward"? (the old one)}.
 * Without anything to compare with, accuracy is skipped. n_tokens is needed by rewards for length alone. Mistakes are ERROR_INPUT. */
bool rescore_row(RowRescorer *rescorer, const json_t *row, Rescored *rescored, Error *err) R1_MUST_CHECK;

#endif
