/* SPDX-License-Identifier: MIT */
/* eval/evaluate_parts.h: what a plan is made of and what is kept of a sample; for the files eval/evaluate*.c alone. */
#ifndef R1_EVAL_EVALUATE_PARTS_H
#define R1_EVAL_EVALUATE_PARTS_H

#include "eval/evaluate.h"

/* Problems first .. first + n - 1. */
typedef struct PlannedCell {
    int task, level; /* -1, 0: a file */
    TaskLanguage language;
    int64_t first, n;
} PlannedCell;

typedef struct PlannedProblem {
    EvalProblem problem;                         /* points to the texts below */
    char *id, *prompt, *answer, *check, *prefix; /* owned; check and prefix may be NULL */
    CodeTests *tests;                            /* owned; may be NULL */
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
    Sandbox *sandbox; /* owned; NULL unless a row has tests */
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
} SampleScore;

/* Figures of problems first .. first + n - 1 with k samples each; scores[problem * k + sample]. task, level and
 * trained_level of the cell are the caller's. */
void cell_figures(EvalCell *cell, const EvalPlan *plan, const SampleScore *scores, int64_t first, int64_t n);
/* Which cells a macro-average is over. */
typedef struct MacroChoice {
    bool any_level, trained_level; /* those with this trained_level, unless any is taken */
    LanguageChoice language;
} MacroChoice;
EvalCell macro_figures(const EvalCell *cells, int64_t n_cells, const MacroChoice *choice);

#endif
