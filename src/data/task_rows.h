/* SPDX-License-Identifier: MIT */
/* data/task_rows.h: JSONL rows of procedural problems, replies to the general tasks (data/general.h), and drafts with their rewritings
 * (data/rewrite.h): what `r1 tasks` prints and what a stage of the kind `tasks` leaves for fine-tuning, reward models, rejection
 * sampling and evaluations. Rows are a pure function of the request. */
#ifndef R1_DATA_TASK_ROWS_H
#define R1_DATA_TASK_ROWS_H

#include "base/error.h"
#include "base/json.h"
#include "data/tasks.h"

/* Gets each row as a whole JSON object, and clears it. */
typedef bool (*TaskRowSink)(void *context, JsonOut *row, Error *err);

enum { TASK_ROWS_ALL = -1 };

typedef struct TaskRows {
    int task;  /* TASK_ROWS_ALL: the families in turn (problems alone) */
    int level; /* 0: the trained ones in turn */
    Split split;
    int64_t n, seed;
    LanguageChoice language;
    bool names_language; /* in rows of problems that are not general */
    bool good;           /* good replies alone: examples to learn from */
    bool
        shuffled; /* the control: which of a pair is chosen is a coin's verdict, the labels of replies are dealt out anew */
    const char *
        judge_prompt; /* of judgements: what the judge is asked (data/judge_prompt.h); NULL or "": the program's words */
    TaskRowSink sink;
    void *context;
} TaskRows;

/* Draws the i-th problem and begins its row: {"id","task","level","language"; the caller goes on and ends it. */
void task_rows_begin(JsonOut *out, Problem *problem, const TaskRows *rows, int64_t i);
/* {..., "question","prompt","answer","check"}: what rejection sampling, GRPO and evaluations ask. */
bool task_rows_problems(const TaskRows *rows, Error *err) R1_MUST_CHECK;
/* A reply a row: {"prompt","completion","reply","label","helpfulness","check"}. The label is what a pointwise reward model learns:
 * helpful: whether the check is met; safety: whether the whole completion is harmless. */
bool task_rows_responses(const TaskRows *rows, Error *err) R1_MUST_CHECK;
/* Two replies a row, the more helpful one chosen: {"prompt","chosen","rejected",...}. */
bool task_rows_pairs(const TaskRows *rows, Error *err) R1_MUST_CHECK;
/* TASK_CANDIDATES replies a row, for a judge to compare (eval/judge_rows.h): {"prompt","completions":[...],"check"}. Two
 * meet the check and two do not, in drawn order; half of these are longer than one that does, as far as the request allows. */
enum { TASK_CANDIDATES = 4 };
bool task_rows_candidates(const TaskRows *rows, Error *err) R1_MUST_CHECK;
/* What a judge is taught by: {"prompt","completion"}, the prompt as a judge without a chat template is asked to compare two replies'
 * summaries, the completion a verdict in JSON. Much better is a reply that meets the check where the other does not, better one that is
 * more helpful without meeting it, equal what is as helpful. Half of the better ones stand first, half are the longer ones as far as the
 * request allows. */
bool task_rows_judgements(const TaskRows *rows, Error *err) R1_MUST_CHECK;
/* {"prompt","completion",...}: the prompt is a question with a draft and "Rewrite:", the completion what it should be. Draws from all
 * families, both languages and the train split; of the request n, seed and sink count. */
bool task_rows_rewrites(const TaskRows *rows, Error *err) R1_MUST_CHECK;

#endif
