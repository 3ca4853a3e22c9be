/* SPDX-License-Identifier: MIT */
/* record/run_store.h: run.sqlite, every problem, completion, reward, advantage and verdict of a run.
 *
 * While a run is alive the file is in WAL mode with synchronous=FULL, so that a report can be read beside it; closing it
 * leaves one plain file. A training step is one transaction: it is there whole or not at all.
 * Resuming at step S deletes every row of a later step, and what is then written again is the same rows, so a store does not
 * remember that its run was interrupted. Verdicts from outside are the exception on purpose: they are inputs (not ours to
 * recompute), committed before they are used and kept.
 *
 * Steps count on through the stages of a recipe, so `step` alone orders a run. May use base/ and SQLite. */
#ifndef R1_RECORD_RUN_STORE_H
#define R1_RECORD_RUN_STORE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct RunStore RunStore;

/* Opens FOLDER/run.sqlite, creating it when it is not there. A file that is no database, or one of a newer format, is
 * ERROR_INPUT with its name. */
bool run_store_open(RunStore **store, const char *folder, Error *err) R1_MUST_CHECK;
/* For reports and replays: fails when there is none; never writes. */
bool run_store_open_read(RunStore **store, const char *folder, Error *err) R1_MUST_CHECK;
void run_store_close(RunStore *store); /* NULL is fine; an open transaction is rolled back */

/* Deletes everything of steps > step (verdicts stay): 0 keeps what was stored before the first step, -1 keeps nothing. Call
 * it before the first begin, also on a fresh run (-1). The order that makes a run resumable: commit the step here, append its
 * metrics, then write the checkpoint of that step; so whatever a checkpoint resumes from is already stored. */
bool run_store_resume(RunStore *store, int64_t step, Error *err) R1_MUST_CHECK;

/* One transaction a step: begin, add..., commit. Failpoints "store.begin", "store.commit" (before it), "store.committed". */
bool run_store_begin(RunStore *store, Error *err) R1_MUST_CHECK;
bool run_store_commit(RunStore *store, Error *err) R1_MUST_CHECK;
void run_store_rollback(RunStore *store);

/* Text meta data: the resolved recipe, versions, times. */
bool run_store_set_meta(RunStore *store, const char *key, const char *value, Error *err) R1_MUST_CHECK;
/* *value is base_alloc'd, NULL when there is none. */
bool run_store_get_meta(RunStore *store, const char *key, char **value, Error *err) R1_MUST_CHECK;

typedef struct StoredProblem {
    const char *key; /* unique in the run, e.g. "countdown/2/held-out/0/17": what a completion refers to */
    const char *task, *split;
    int level;
    const char *prompt; /* the whole prompt as the model sees it */
    size_t prompt_length;
    const char *answer, *check; /* may be NULL */
} StoredProblem;
/* A key already there is left as it is. */
bool run_store_add_problem(RunStore *store, int64_t step, const StoredProblem *problem, Error *err) R1_MUST_CHECK;

typedef enum StoredPhase { STORED_ROLLOUT = 0, STORED_EVALUATION = 1 } StoredPhase;
typedef enum StoredStyle {
    STORED_STYLE_UNKNOWN = -1,
    STORED_DIRECT = 0,
    STORED_WORKED = 1,
    STORED_CHECKED = 2
} StoredStyle;

typedef struct StoredCompletion {
    StoredPhase phase;
    const char *suite; /* evaluations: "held_out", "train", ...; NULL or "" for rollouts */
    int64_t step;
    int round;            /* of dynamic sampling, 0 without */
    int64_t prompt_index; /* within step (and round): the key of the random draws */
    int64_t completion_index;
    const char *problem_key;
    const char *text; /* any bytes */
    size_t text_length;
    const int32_t
        *ids; /* new tokens, the stop token included; may be NULL (evaluations that are not kept for replay) */
    const float *logprobs;                      /* one an id, of the policy that sampled; may be NULL */
    int64_t n_ids;                              /* the length */
    bool stopped;                               /* finish reason: stop token (true) or length (false) */
    double accuracy, format, reward, advantage; /* NaN: none */
    int verdict;                                /* 0 wrong, 1 right, 2 undecided (data/tasks.h) */
    int reflective_words;                       /* -1: not counted */
    StoredStyle style;
} StoredCompletion;
/* The problem must have been added. (phase, suite, step, round, prompt, completion) is unique. */
bool run_store_add_completion(RunStore *store, const StoredCompletion *completion, Error *err) R1_MUST_CHECK;

/* A reading of completions; the pointers of each live during the callback. Problem fields come along. Returning false from
 * the callback ends the reading (that is no error). */
typedef struct StoredFilter {
    StoredPhase phase;
    const char *suite;           /* NULL: any */
    const char *problem_key;     /* NULL: any */
    int64_t step_low, step_high; /* inclusive */
    int64_t prompt_index;        /* -1: any */
    int64_t completion_index;    /* -1: any */
} StoredFilter;
typedef bool (*StoredReader)(void *context, const StoredCompletion *completion, const StoredProblem *problem);
/* In order of step, round, prompt, completion. */
bool run_store_read_completions(RunStore *store, const StoredFilter *filter, StoredReader reader, void *context,
                                Error *err) R1_MUST_CHECK;

/* One figure of an evaluation. task NULL or "" and level 0 mean "all" (the macro average). */
typedef struct StoredEvaluation {
    int64_t step;
    const char *suite; /* "held_out", "train", "unseen_levels", ... */
    const char *task;
    int level;
    const char *measure; /* "pass@1", "pass@16", "cons@16", "mean_length", "format", "reflection/per_completion", ... */
    double value, standard_error; /* NaN: none */
    int64_t n_problems, n_samples;
} StoredEvaluation;
/* A figure already there (same step, suite, task, level, measure) is replaced. */
bool run_store_add_evaluation(RunStore *store, const StoredEvaluation *evaluation, Error *err) R1_MUST_CHECK;
typedef bool (*StoredEvaluationReader)(void *context, const StoredEvaluation *evaluation);
/* In order of step, suite, task, level, measure. suite NULL: all. */
bool run_store_read_evaluations(RunStore *store, const char *suite, StoredEvaluationReader reader, void *context,
                                Error *err) R1_MUST_CHECK;

/* Verdicts from outside (contract 10), under (task id, XXH3-128 of the completion's bytes, reward version). Outside a
 * transaction run_store_put_verdict is durable when it returns; run_store_begin ... commit makes a batch of them durable at
 * once. The first verdict under a key stays: whoever stores one reads it back before use, so that two samples with the same
 * text get the same reward, also when an outside judge wavers. */
typedef struct StoredVerdict {
    const char *task_id;
    const char *completion_hash; /* 32 hex digits */
    const char *reward_version;
    int verdict;
    double reward;
    const char *reason; /* may be NULL */
} StoredVerdict;
bool run_store_put_verdict(RunStore *store, const StoredVerdict *verdict, Error *err) R1_MUST_CHECK;
/* found is false when there is none. */
bool run_store_get_verdict(RunStore *store, const char *task_id, const char *completion_hash,
                           const char *reward_version, bool *found, int *verdict, double *reward,
                           Error *err) R1_MUST_CHECK;
/* Copies the verdicts of another run (`r1 run --verdicts RUN`). */
bool run_store_import_verdicts(RunStore *store, const char *other_folder, Error *err) R1_MUST_CHECK;

#endif
