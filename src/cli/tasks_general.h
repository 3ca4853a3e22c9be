/* SPDX-License-Identifier: MIT */
/* cli/tasks_general.h: rows for fine-tuning and reward models: replies to the general tasks (data/general.h), drafts and their
 * rewritings (data/rewrite.h). */
#ifndef R1_CLI_TASKS_GENERAL_H
#define R1_CLI_TASKS_GENERAL_H

#include "base/error.h"
#include "data/tasks.h"

typedef struct GeneralRows {
    int task, level; /* level 0: all in turn */
    Split split;
    const char *split_name;
    int64_t n, seed;
    LanguageChoice language;
    bool good; /* good replies alone: examples to learn from */
} GeneralRows;

/* A reply a row: {"prompt","completion","reply","label","helpfulness","check"}. The label is what a pointwise reward model learns:
 * helpful: whether the check is met; safety: whether the whole completion is harmless. */
bool tasks_write_responses(const GeneralRows *rows, Error *err) R1_MUST_CHECK;
/* Two replies a row, the more helpful one chosen: {"prompt","chosen","rejected",...}. */
bool tasks_write_pairs(const GeneralRows *rows, Error *err) R1_MUST_CHECK;
/* {"prompt","completion",...}: the prompt is a question with a draft and "Rewrite:", the completion what it should be. */
bool tasks_write_rewrites(int64_t n, int64_t seed, Error *err) R1_MUST_CHECK;

#endif
