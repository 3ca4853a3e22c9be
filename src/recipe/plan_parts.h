/* SPDX-License-Identifier: MIT */
/* recipe/plan_parts.h: the parts of recipe_plan (run.h), for run_plan.c, which puts them in order, and the files of stages that
 * plan for themselves. */
#ifndef R1_RECIPE_PLAN_PARTS_H
#define R1_RECIPE_PLAN_PARTS_H

#include "recipe/run.h"
#include "text/tokenizer.h"

/* plan_check.c: what the recipe names is there, can be read and fits together, as far as it is not ahead. Fills plan->config and, of a
 * distillation, plan->teacher. folder: the run's. */
bool plan_check(const Recipe *recipe, const char *folder, const PlanAhead *ahead, RunPlan *plan,
                Error *err) R1_MUST_CHECK;
/* Whether its evaluations, if there are any, ask problems. */
bool plan_asks_problems(const Recipe *recipe);

/* plan_needs.c: memory, FLOPs and steps, from plan->config on. */
bool plan_needs(const Recipe *recipe, const PlanAhead *ahead, RunPlan *plan, int n_threads, Error *err) R1_MUST_CHECK;

/* What each kind adds: FLOPs, memory beside its weights and training, plan->data_tokens (comes in as what there is to read, goes out as
 * what it leaves), and, where plan->counts_later, plan->steps. reject_plan.c, task_rows_stage.c, pairs_stage.c and eval_stage.c have their own, plan_needs.c the others. */
#define PLAN_STAGE(KIND, word, Type, name, outputs)                                                                    \
    void plan_##word(RunPlan *plan, const Recipe *recipe, const ModelConfig *config, int n_threads);
STAGE_TYPES(PLAN_STAGE)
#undef PLAN_STAGE

/* eval_stage.c: its problems can be read and leave room for answers, its judge is there. */
bool eval_check_reads(const Recipe *recipe, const ModelConfig *config, const Tokenizer *tokenizer,
                      Error *err) R1_MUST_CHECK;

#endif
