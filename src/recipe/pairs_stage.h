/* SPDX-License-Identifier: MIT */
/* recipe/pairs_stage.h: pairs of preferences as a stage (DeepSeek-R1, arXiv 2501.12948 v2, 3.1): a judge compares responses to one prompt
 * several times, in random order, and what it is clear about trains a reward model.
 *
 *   every step   ask      about the next ROW_PAIRS_ASKED pairs of the file, `asks` times each
 *                record   every reply in run.sqlite with what was read in it, then the step's line
 *   last step    keep     from everything that was recorded: clear pairs, lengths even; data/pairs.jsonl, data/results.json
 *
 * What is kept is a function of the records and the settings, so a stage goes on behind its last recorded step and ends in the same
 * bytes. */
#ifndef R1_RECIPE_PAIRS_STAGE_H
#define R1_RECIPE_PAIRS_STAGE_H

#include "eval/judge_pairs.h"
#include "model/config.h"
#include "recipe/recipe.h"
#include "record/metrics.h"

/* Sets common.steps: those that ask, and the last one. */
bool pairs_count_steps(Recipe *recipe, Error *err) R1_MUST_CHECK;
/* The rows can be read, and the judge has room for a reply. */
bool pairs_check_reads(const Recipe *recipe, const ModelConfig *config, Error *err) R1_MUST_CHECK;
/* The figures of judged pairs as metrics, pairs/...: what the notes on a judge (record/notes.h) go by. */
void pairs_measure(MetricsRow *row, const JudgedPairs *counts);

#endif
