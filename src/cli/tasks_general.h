/* SPDX-License-Identifier: MIT */
/* cli/tasks_general.h: replies to the general tasks (data/general.h) as rows for fine-tuning and reward models. */
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

#endif
