/* SPDX-License-Identifier: MIT */
/* data/tasks.h: procedural problems with exact answers, by family and level, with splits that cannot meet. */
#ifndef R1_DATA_TASKS_H
#define R1_DATA_TASKS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef enum Split { SPLIT_TRAIN, SPLIT_HELD_OUT } Split;

enum { TASK_MAX_TEXT = 256 };

typedef struct Problem {
    int task;   /* index in the table of families */
    int level;  /* 1-based */
    char prompt[TASK_MAX_TEXT];   /* the whole prompt as the model sees it: "User: ...\nAssistant:" */
    char question[TASK_MAX_TEXT]; /* the question alone */
    char answer[TASK_MAX_TEXT];   /* one right answer */
    char check[TASK_MAX_TEXT];    /* a self-contained description that task_check decides by, e.g. "countdown 24 3 7 5" */
} Problem;

/* Families. */
int task_count(void);
const char *task_name(int task);
int task_find(const char *name);       /* -1: none */
const char *task_summary(int task);    /* one line for people */
int task_levels(int task);             /* levels 1..n */
int task_train_levels(int task);       /* levels 1..m <= n are trained on; m+1..n are never seen in training */

/* The index-th problem of (task, level, split, seed). A problem's split is decided by a hash of its canonical form (its check),
 * so that no question of one split can be drawn in the other, whatever the seed. */
void task_problem(Problem *problem, int task, int level, Split split, uint64_t seed, uint64_t index);

typedef enum Verdict { VERDICT_WRONG = 0, VERDICT_RIGHT = 1, VERDICT_UNDECIDED = 2 } Verdict;
/* Decides an answer by a check text. A malformed check is VERDICT_UNDECIDED; any bytes in answer are fine. */
Verdict task_check(const char *check, const char *answer, size_t length);
/* Writes a canonical form of an answer for majority votes (e.g. sorted factors); false if it cannot be read as one. */
int task_canonical(const char *check, const char *answer, size_t length, char *canonical, size_t capacity);

#endif
