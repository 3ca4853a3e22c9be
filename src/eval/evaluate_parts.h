/* SPDX-License-Identifier: MIT */
/* eval/evaluate_parts.h: what a plan is made of and what is kept of a sample; for the files eval/evaluate*.c alone. */
#ifndef R1_EVAL_EVALUATE_PARTS_H
#define R1_EVAL_EVALUATE_PARTS_H

#include "eval/evaluate.h"
#include "reward/reward.h"

/* Problems first .. first + n - 1. */
typedef struct PlannedCell {
    int task, level; /* -1, 0: a file */
    TaskLanguage language;
    int64_t first, n;
} PlannedCell;

typedef struct PlannedProblem {
    EvalProblem problem;                         /* points to the texts below */
    char *id, *prompt, *answer, *check, *prefix; /* owned; check and prefix may be NULL */
    BenchmarkRow row;                            /* of a file: owns what the problem points to beside these texts */
    TokenIds ids;                                /* prompt and prefix */
    uint64_t draw_a;
    uint32_t draw_b;
} PlannedProblem;

struct EvalPlan {
    EvalConfig config;
    char *name; /* of a file; else NULL */
    PlannedCell *cells;
    int64_t n_cells;
    PlannedProblem *problems;
    int64_t n_problems, capacity;
    int64_t longest_prompt;
    Sandbox *sandbox;   /* owned; NULL unless a row has tests */
    bool special_added; /* the prompts hold the tokenizer's special tokens already: a chat template wrote them */
};

EvalPlan *plan_create(const EvalConfig *config);
/* A zeroed problem at the end, numbered. */
PlannedProblem *plan_add(EvalPlan *plan);
/* Points problem's texts at the owned ones and encodes prompt and prefix; prompt_length and answer_length are set before. */
bool plan_finish_problem(EvalPlan *plan, PlannedProblem *planned, const Tokenizer *tokenizer, Error *err) R1_MUST_CHECK;
/* Refuses more than 2^26 samples: a score of some 200 bytes is kept of each, and so many are a slip of the command line. The
 * cells must be there. */
bool plan_check_size(const EvalPlan *plan, Error *err) R1_MUST_CHECK;

/* What is kept of a sample until the figures are added up. */
typedef struct SampleScore {
    char *answer; /* canonical; owned; NULL: none */
    int64_t n_ids;
    double accuracy, format;
    int reflective_words;
    double language_share; /* of the question's, in the thinking; NaN: no words */
    uint8_t verdict, style;
    bool truncated, first_missed, corrected;
    bool readable;                   /* reward/readable.h */
    InstructionsResult instructions; /* n 0: it had none */
} SampleScore;

/* What a completion's text says, by rules alone: verdict, format, answer to vote with. tests and open questions are left
 * undecided for others to decide. score->answer is made; the rest of it is the caller's.
 * frame: EvalConfig's. */
void score_text(RewardScore *reward, SampleScore *score, const Frame *frame, const EvalProblem *problem,
                const char *text, size_t length, bool truncated);
/* Sets verdict, accuracy and total. */
void score_set_verdict(RewardScore *reward, Verdict verdict);
/* What is said to the asker: behind the thinking, inside <answer> where that stands; length 0: the thinking never ended. */
void reply_part(const EvalProblem *problem, const char *text, size_t length, const char **part, size_t *part_length);

/* Samples whose verdict takes a while: programs, which workers run while the engine goes on, and what a judge is asked. */
typedef struct Held Held;
typedef struct HeldSample {
    const PlannedProblem *planned;
    Completion completion; /* copied */
    char *text;            /* owned */
    size_t length;
    RewardScore reward;
    SampleScore *score; /* borrowed */
    CodeResult code;
    const char *reason; /* of code, or static */
    Held *held;
} HeldSample;
Held *held_create(const EvalPlan *plan);
void held_free(Held *held);
/* Keeps a copy; takes the text. A program begins to run. */
bool held_add(Held *held, const PlannedProblem *planned, const Completion *completion, char *text, size_t length,
              const RewardScore *reward, SampleScore *score, Error *err) R1_MUST_CHECK;
/* Waits for all verdicts. Then the samples stand in the order they were added. */
bool held_decide(Held *held, Error *err) R1_MUST_CHECK;
int64_t held_count(const Held *held);
HeldSample *held_sample(Held *held, int64_t i);

/* Figures of these n problems (NULL: the plan's first .. first + n - 1) with k samples each; scores[problem * k + sample]. task,
 * level and trained_level of the cell are the caller's. means (may be NULL): [n], each problem's accuracy. */
void cell_figures(EvalCell *cell, const EvalPlan *plan, const SampleScore *scores, const int64_t *problems,
                  int64_t first, int64_t n, double *means);
/* Which cells a macro-average is over. */
typedef struct MacroChoice {
    bool any_level, trained_level; /* those with this trained_level, unless any is taken */
    LanguageChoice language;
} MacroChoice;
EvalCell macro_figures(const EvalCell *cells, int64_t n_cells, const MacroChoice *choice);
/* result->groups, by the levels and subjects of a file. */
void group_figures(EvalResult *result, const EvalPlan *plan, const SampleScore *scores);

#endif
