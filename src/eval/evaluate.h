/* SPDX-License-Identifier: MIT */
/* eval/evaluate.h: samples answers to procedural problems (data/tasks.h) or to a file of problems (eval/benchmark.h) and scores
 * them: pass@1, pass@k, cons@k, lengths, reflective words, styles, by family and level, or by the file's levels and subjects.
 *
 * The headline figures are macro-averages: the mean over (family, level) cells of the cell's mean. Standard errors are by
 * problem. A figure depends on the weights, the problems, the seed and the sampling alone: sums run over problems, then
 * samples, in order, whatever order completions end in and however many share a batch. May use everything up to rollout/;
 * knows nothing of training. */
#ifndef R1_EVAL_EVALUATE_H
#define R1_EVAL_EVALUATE_H

#include "data/tasks.h"
#include "eval/benchmark.h"
#include "eval/judge.h"
#include "rollout/engine.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "reward/frame.h"

enum { EVAL_PASS_POWERS = 7 }; /* pass@1, 2, 4, 8, 16, 32, 64 */

typedef struct EvalProblem {
    int64_t number;                      /* place in the plan */
    int task, level;                     /* -1, 0 for problems from a file */
    TaskLanguage language;               /* of a task's question */
    const char *id, *task_name;          /* task_name: of a file, its path */
    const char *prompt, *answer, *check; /* check NULL: compared with answer (reward/compare.h) */
    size_t prompt_length, answer_length; /* bytes; a text from a file may hold NULs */
    int64_t index;                       /* within its cell */
    int64_t line;                        /* of its file; 0: of no file */
    const CodeTests *tests;              /* for the program in a completion; NULL: none. Runs by eval_plan_sandbox */
    const Instructions *instructions;    /* that the reply must keep; NULL: none */
    const BenchmarkText *choices;        /* [n_choices] of a multiple choice, whose answer is a letter */
    int n_choices;
    bool open;                        /* a judge decides, not the verifier */
    const char *question;             /* what a judge is told was asked; NULL: of no file */
    const char *level_name, *subject; /* as the file has them; NULL: it does not */
    const char *route;                /* that its row names; NULL: it names none */
    bool unreadable;                  /* a check or gold answer that nothing can be compared with: never right */
} EvalProblem;

typedef struct EvalSample {
    int64_t completion; /* 0 .. k - 1 */
    const char *text;   /* without stop and special tokens, a forced prefix in front; lives during the callback */
    size_t length;
    const char *answer; /* what the vote of cons@k counts it as; NULL: none was found. Lives as the text */
    const Completion *tokens;
    double accuracy, format, reward;
    int verdict; /* data/tasks.h Verdict */
    int style;   /* data/text_stats.h TextStyle */
    int reflective_words;
    bool first_try_missed, corrected_slip;  /* task_audit */
    const InstructionsResult *instructions; /* NULL: it had none */
    const char *reason;                     /* of a program, of a judge: one line; NULL: none. Lives as the text */
} EvalSample;

/* Shares and means over all samples of a cell; NaN where there is nothing to average. */
typedef struct EvalCell {
    int task, level;
    TaskLanguage language; /* of its questions; total and macro: of no meaning */
    bool trained_level;
    int64_t n_problems, n_samples;     /* problems, samples each */
    double pass_at_1, pass_at_1_error; /* the error is the std of the problems' means / sqrt(n_problems) */
    double pass_at_k, cons_at_k;       /* k = n_samples; cons_at_k is over problems with answers that can be voted on */
    double pass_at_k_error, cons_at_k_error;
    double pass_at[EVAL_PASS_POWERS];                         /* NaN where more than n_samples */
    double mean_length, mean_length_right, mean_length_wrong; /* sampled tokens, the stop token included */
    double format, truncated;
    double reflective_per_completion, reflective_per_1k_tokens;
    double style[3]; /* shares: direct, worked, checked */
    double undecided;
    double corrected_of_right; /* share of right answers that hold a slip or miss that the text went on to correct */
    double right_after_first_miss; /* accuracy of completions whose first try missed */
    double
        language_consistency; /* mean share of words of the question's language in the thinking, where it has words */
    double language_consistency_error, mean_length_error; /* by problem, as all errors */
    double readable, readable_error; /* share of completions that a person can read (reward/readable.h) */
    double language_mixed;           /* share of completions whose thinking has words of it and others */
    /* Of completions that had instructions: all kept loosely; the share of instructions kept strictly and loosely, those that
     * cannot be decided left out. All kept strictly is pass_at_1. */
    double prompts_loose, instructions_strict, instructions_loose;
} EvalCell;

/* The problems of a file that name the same level, or the same subject. */
typedef struct EvalGroup {
    const char *by; /* "level", "subject" */
    char *name;     /* owned */
    EvalCell cell;
} EvalGroup;

typedef struct EvalResult {
    EvalCell *cells; /* [n_cells], by task then level; owned */
    int64_t n_cells;
    EvalCell total; /* all problems, as if they were one cell */
    EvalCell macro; /* over cells of trained levels (all cells for a file of problems); n_problems is their total */
    EvalCell macro_unseen; /* over levels that training never sees; n_problems 0 if none was asked for */
    EvalCell macro_language[TASK_LANGUAGES]; /* as macro, of the questions in this language; n_problems 0: none */
    EvalGroup *groups; /* [n_groups], levels first, each in order of their numbers or names; owned */
    int64_t n_groups;
    double *
        problem_means; /* [n_problems] accuracy of each problem's samples: what paired tests compare (eval/paired.h); owned */
    int64_t n_problems;
    RolloutStats stats;
    double seconds; /* of sampling and scoring */
} EvalResult;
void eval_result_free(EvalResult *result);

typedef struct EvalConfig {
    Split split;
    uint64_t seed; /* of problems and draws */
    int64_t problems_per_cell;
    int64_t total_problems;  /* not 0: so many in all instead, spread over the cells as evenly as can be, the first ones
                               * get one more; of a file: at most so many rows */
    int64_t samples;         /* k */
    SamplingParams sampling; /* max_tokens, temperature, truncation; its seed is replaced by `seed` */
    const bool *tasks;       /* [task_count_all()], NULL: all families; read while planning alone */
    LanguageChoice language; /* of the questions; both: twice as many cells */
    bool trained_levels, unseen_levels;
    int level;          /* 0: all that the flags above ask for */
    const Frame *frame; /* of completions whose problem has a check; NULL: R1-Zero's. Must live as long as the plan */
    bool force_working; /* the prompt goes on with the family's working prefix (task_working_prefix) */

    /* Of a file. */
    EvalFormat format;
    bool rewarded; /* for training: a row whose verdict no reward reads (instructions, open) is an error */
    const ChatTemplate
        *chat; /* questions are put as a user's turn through it; NULL: "User: ...\nAssistant:". Read while planning */
    const Judge
        *judge; /* decides what no rule decides: open questions, and answers that the verifier cannot read; NULL: they
                               * stay undecided */
} EvalConfig;

/* Hears every sample, in the order they end. May be NULL. */
typedef bool (*EvalSampleDone)(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err);

/* The problems of one evaluation, written out and encoded (with the tokenizer's special tokens): an evaluation that is
 * repeated during training is planned once. */
typedef struct EvalPlan EvalPlan;
bool eval_plan_tasks(EvalPlan **plan, const Tokenizer *tokenizer, const EvalConfig *config, Error *err) R1_MUST_CHECK;
/* The rows of a JSONL file (eval/benchmark.h has the formats). Rows that are of none are an error that names file and line; rows
 * with tests need a sandbox that holds. Of the config count samples, sampling, seed, total_problems and the fields of a file;
 * force_working is refused. */
bool eval_plan_file(EvalPlan **plan, const Tokenizer *tokenizer, const EvalConfig *config, const char *path,
                    Error *err) R1_MUST_CHECK;
void eval_plan_free(EvalPlan *plan); /* NULL is fine */
int64_t eval_plan_problems(const EvalPlan *plan);
const EvalProblem *eval_plan_problem(const EvalPlan *plan, int64_t number);
int64_t eval_plan_longest_prompt(const EvalPlan *plan); /* tokens */
const Sandbox *eval_plan_sandbox(const EvalPlan *plan); /* NULL: no row has tests */

/* The engine must have room for the longest prompt plus max_tokens. The figures do not depend on its number of slots. All
 * prompts go through one engine_run. Draws are keyed by (split, family, level, index), outside of what training uses, so a
 * problem's samples depend neither on the other problems of the plan nor on k. */
bool evaluate_plan(const EvalPlan *plan, RolloutEngine *engine, const Tokenizer *tokenizer, EvalResult *result,
                   EvalSampleDone done, void *context, Error *err) R1_MUST_CHECK;

/* A completion as the rewards see it: without its stop token, special tokens and ids that the tokenizer has no token for (a
 * vocabulary padded to a round size), cut before the first stop string (stop may be NULL). base_alloc'd, zero-terminated. `prefix` (may be
 * NULL) stands in front. */
char *eval_completion_text(const Tokenizer *tokenizer, const Completion *completion, const StopStrings *stop,
                           const char *prefix, size_t *length);

#endif
