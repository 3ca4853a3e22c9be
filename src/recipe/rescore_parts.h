/* SPDX-License-Identifier: MIT */
/* recipe/rescore_parts.h: what rescore_run.c and rescore_row.c share: rewards without a run that trains. */
#ifndef R1_RECIPE_RESCORE_PARTS_H
#define R1_RECIPE_RESCORE_PARTS_H

#include "recipe/grpo_stage.h"
#include "recipe/rescore.h"

typedef struct RescoreBench {
    const GrpoSettings *settings;
    RunStore *store; /* borrowed; NULL: none */
    int64_t n_slots;
    int n_threads;
    const Compute *compute; /* borrowed */
    GrpoRewards *rewards;
    Sandbox *sandbox; /* opened when the first tests come */
} RescoreBench;

/* Opens the rewards, again when a sandbox is wanted and there was none: only between batches. */
bool rescore_bench_ready(RescoreBench *bench, bool with_sandbox, Error *err) R1_MUST_CHECK;
void rescore_bench_close(RescoreBench *bench);

/* Sets question->unreadable: nothing can be compared with its check or answer. */
void rescore_look_at_gold(Question *question);

#endif
