/* SPDX-License-Identifier: MIT */
/* data/tasks.h: procedural problems with exact answers, by family and level, with splits that cannot meet.
 *
 * A family is a row of the table in tasks.c. Search families ask for something that is easier to verify than to find (several
 * answers may be right); chain families ask for the end of a chain of small facts. Levels go up in difficulty and never share
 * a problem:
 *   1 .. task_corpus_levels   pretraining documents come from these; the hardest of them has no checked document
 *   .. task_train_levels      RL asks these (today the same levels)
 *   .. task_levels            never seen in training of any kind
 * A problem belongs to the train or the held-out split by a hash of its check, which is the problem in canonical order (terms
 * of a sum sorted, for example), so that no problem and no permuted twin of it is in both, whatever the seed. Its question can
 * be put in two languages (data/wording.h); check, split and answer are the same in both.
 *
 * Behind the families stand the general tasks (data/general.h), "helpful" and "safety": requests that are no problems. They are
 * asked where a recipe or a command names them. */
#ifndef R1_DATA_TASKS_H
#define R1_DATA_TASKS_H

#include "base/error.h"
#include "data/wording.h"

#include <stddef.h>
#include <stdint.h>

typedef enum Split { SPLIT_TRAIN, SPLIT_HELD_OUT } Split;

enum { TASK_MAX_TEXT = 256, TASK_MAX_VALUES = 16, TASK_MAX_SOLUTION = 8, TASK_MAX_LEVELS = 6 };

typedef struct Problem {
    int task;                     /* index in the table of families */
    int level;                    /* 1-based */
    TaskLanguage language;        /* of the question */
    char prompt[TASK_MAX_TEXT];   /* the whole prompt as the model sees it: "User: ...\nAssistant:" */
    char question[TASK_MAX_TEXT]; /* the question alone */
    char answer[TASK_MAX_TEXT];   /* one right answer */
    char check[TASK_MAX_TEXT];    /* a self-contained description that task_check decides by, e.g. "make 24 3 5 7" */
    /* What the text was written from, for the corpus and for tests; the layout is the family's own. */
    int n_values, values[TASK_MAX_VALUES];
    char ops[TASK_MAX_VALUES];       /* '+', '-', '*' between values, where the family has them */
    int solution[TASK_MAX_SOLUTION]; /* search families: the candidate that answer writes */
    int target;                      /* search families: the number of the question that a try is compared with */
} Problem;

/* Families. */
int task_count(void);         /* families of the embedded world: tasks 0 .. task_count() - 1 */
int task_count_general(void); /* general tasks: the next numbers */
int task_count_all(void);     /* and word problems (data/family_words.c) behind both */
bool task_is_general(int task);
const char *task_name(int task);
int task_find(const char *name);    /* of all; -1: none */
const char *task_summary(int task); /* one line for people */
bool task_is_search(int task);      /* checking and going on pays; otherwise working pays */
int task_levels(int task);          /* levels 1..n */
int task_train_levels(int task);    /* levels 1..m <= n are trained on; m+1..n are never seen in training */
int task_corpus_levels(int task);   /* levels 1..c <= m have pretraining documents */

/* The index-th problem of (task, level, split, seed), in English: a pure function of its arguments. Train holds about 7 of 8
 * problems. */
void task_problem(Problem *problem, int task, int level, Split split, uint64_t seed, uint64_t index);
/* The same problem with its question in this language; word problems stay English. */
void task_problem_in(Problem *problem, int task, int level, Split split, uint64_t seed, uint64_t index,
                     TaskLanguage language);
/* The split of a check text. */
Split task_split(const char *check);

/* How a worked completion of this problem begins: the frame's opening tag and the first word or operand of the working. An
 * evaluation appends it to the prompt to force a model to work things out. */
void task_working_prefix(const Problem *problem, char *text, size_t capacity);

typedef enum Verdict { VERDICT_WRONG = 0, VERDICT_RIGHT = 1, VERDICT_UNDECIDED = 2 } Verdict;
/* Decides an answer by a check text. A malformed check is VERDICT_UNDECIDED; any bytes in answer are fine. */
Verdict task_check(const char *check, const char *answer, size_t length);
/* The number of the question that a try of this problem is compared with; false in chain families. */
bool task_target(const char *check, int *target);
/* Writes a canonical form of an answer for majority votes (numbers without leading zeros, a chosen set sorted); false if it
 * cannot be read as an answer to this check or does not fit. */
bool task_canonical(const char *check, const char *answer, size_t length, char *canonical, size_t capacity);

#endif
