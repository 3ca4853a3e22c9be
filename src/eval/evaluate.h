/* SPDX-License-Identifier: MIT */
/* eval/evaluate.h: samples answers to procedural problems (data/tasks.h) or to a JSONL file of problems and scores them: pass@1, pass@k, cons@k, lengths,
 * reflective words, styles, by family and level.
 *
 * The headline figures are macro-averages: the mean over (family, level) cells of the cell's mean. Standard errors are by problem. May use everything up to
 * rollout/; knows nothing of training. */
#ifndef R1_EVAL_EVALUATE_H
#define R1_EVAL_EVALUATE_H

#include "data/tasks.h"
#include "rollout/engine.h"
#include "text/tokenizer.h"

typedef struct EvalProblem {
    int task, level;      /* -1, 0 for problems from a file */
    const char *id, *task_name, *prompt, *answer, *check; /* check NULL: compared with answer */
    int64_t index;        /* within its cell */
} EvalProblem;

typedef struct EvalSample {
    int64_t completion;   /* 0 .. k - 1 */
    const char *text;     /* without special tokens; lives during the callback */
    size_t length;
    const Completion *tokens;
    double accuracy, format, reward;
    int verdict;          /* data/tasks.h Verdict */
    int style;            /* data/text_stats.h */
    int reflective_words;
    bool first_try_missed, corrected_slip; /* task_audit */
} EvalSample;

typedef struct EvalCell {
    int task, level;
    bool trained_level;
    int64_t n_problems, n_samples;  /* problems, samples each */
    double pass_at_1, pass_at_1_error, cons_at_k;
    double pass_at[7];              /* pass@1, 2, 4, 8, 16, 32, 64; NaN where k > n_samples */
    double mean_length, mean_length_right, mean_length_wrong, format, truncated;
    double reflective_per_completion, reflective_per_1k_tokens;
    double style[3];                /* shares: direct, worked, checked */
    double undecided;
    double corrected_of_right;      /* share of right answers that hold a slip or miss that the completion went on to correct */
    double right_after_first_miss;  /* accuracy of completions whose first try missed; NaN: none */
} EvalCell;

typedef struct EvalResult {
    EvalCell *cells;      /* [n_cells], by task then level; owned */
    int64_t n_cells;
    EvalCell macro;       /* over cells of trained levels (all cells for a file of problems); n_problems is the total */
    EvalCell macro_unseen;/* over levels that training never sees; n_problems 0 if none was asked for */
    RolloutStats stats;
    double seconds;
} EvalResult;
void eval_result_free(EvalResult *result);

typedef struct EvalConfig {
    Split split;
    uint64_t seed;               /* of problems and draws */
    int64_t problems_per_cell;
    int64_t samples;             /* k */
    SamplingParams sampling;     /* max_tokens, temperature, truncation; its seed is replaced by `seed` */
    const bool *tasks;           /* [task_count()], NULL: all */
    bool trained_levels, unseen_levels;
    int level;                   /* 0: all that the flags above ask for */
    bool force_working;          /* append each family's working prefix to the prompt (task_working_prefix) */
} EvalConfig;

/* Hears every sample (problem order within is not promised; completions of one problem may come in any order). May be NULL. */
typedef bool (*EvalSampleDone)(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err);

/* The engine must have room for the longest prompt plus max_tokens. The figures do not depend on its number of slots. */
bool evaluate_tasks(RolloutEngine *engine, const Tokenizer *tokenizer, const EvalConfig *config, EvalResult *result, EvalSampleDone done,
                    void *context, Error *err) R1_MUST_CHECK;

#endif
