/* SPDX-License-Identifier: MIT */
/* recipe/grpo_judges.h: rewards by other models: a reward model's score, a judge's opinion.
 *
 * Both are functions of weights, seed, prompt and completion, whatever batch these stand in, so nothing of them is stored, and scoring a
 * stored completion again gives the same. All that were added are scored in one packed forward per model, neighbours sharing their prompt,
 * and all that is asked of the judge runs through one engine. Source: DeepSeek-R1 (arXiv 2501.12948 v2), 3.1. */
#ifndef R1_RECIPE_GRPO_JUDGES_H
#define R1_RECIPE_GRPO_JUDGES_H

#include "recipe/grpo_stage.h"

typedef struct GrpoJudges GrpoJudges;

/* n: most completions of a batch. compute must live as long; it may be NULL where settings_reward_by_models says no. */
bool grpo_judges_open(GrpoJudges **judges, const GrpoSettings *settings, int64_t n, const Compute *compute,
                      Error *err) R1_MUST_CHECK;
/* They are the models that the run began with. */
bool grpo_judges_check_same(const StageRun *run, const GrpoSettings *settings, Error *err) R1_MUST_CHECK;
void grpo_judges_free(GrpoJudges *judges); /* NULL is fine */
/* The parts that `wanted` says somebody needs of this completion. Both must live until they are scored. */
void grpo_judges_add(GrpoJudges *judges, const TermConfig *wanted, const Question *question, Sampled *sampled);
/* The terms of all that were added, which are forgotten then, whatever comes of it. progress may be NULL. */
bool grpo_judges_score(GrpoJudges *judges, Progress *progress, Error *err) R1_MUST_CHECK;

#endif
