/* SPDX-License-Identifier: MIT */
/* reward/judge.h: a model that judges by writing: what it is asked, in which order it sees two answers, and how its JSON is read.
 *
 *   compare   two answers to a request; {"verdict": "A>>B" | "A>B" | "A=B" | "B>A" | "B>>A"} is 2, 1, 0, -1, -2 for the first one. Which of them
 *             is called A is drawn anew for every ask
 *   score     one answer; {"score": 0 to 10} is 0 to 1
 *   correct   an answer against a reference; {"correctness": "correct" | "incorrect"} is 1 or 0
 *
 * Each case is asked n times and the readable opinions are averaged; with none the case is undecided. Generation comes in as a callback.
 * Source: DeepSeek-R1 (arXiv 2501.12948 v2), 2.3.3 (correctness) and 3.1 (pairs, in the form of Arena-Hard); the numbers of the verdicts are ours. */
#ifndef R1_REWARD_JUDGE_H
#define R1_REWARD_JUDGE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef enum JudgeForm { JUDGE_COMPARE, JUDGE_SCORE, JUDGE_CORRECT } JudgeForm;
const char *const *judge_form_names(void); /* "compare", "score", "correct"; NULL-terminated */

typedef struct JudgeText {
    const char *text; /* borrowed */
    size_t length;
} JudgeText;

typedef struct JudgeCase {
    JudgeText question;
    JudgeText first, second; /* the answer; the other one, or the reference (score: none) */
    uint64_t key_a;          /* which case it is, for the draws: a step, */
    uint32_t key_b;          /* and a number within it below 2^24 */
} JudgeCase;

/* One thing asked: a text, what keys the judge's draws, and, filled in by the callback, what it wrote. */
typedef struct JudgeAsk {
    char *text; /* owned */
    size_t length;
    uint64_t draw_a;
    uint32_t draw_b;
    bool swapped; /* compare: the second answer is called A */
    char *answer; /* base_alloc'd by the callback; NULL: the text does not fit the model */
    size_t answer_length;
} JudgeAsk;
typedef bool (*JudgeGenerate)(void *context, JudgeAsk *asks, int64_t n, Error *err);

typedef struct JudgeConfig {
    JudgeForm form;
    const char *
        prompt; /* with {question}, {A} and {B} in it (score: {A}; correct: {A}, and the reference as {B}); "": the program's own */
    int64_t asks;  /* a case, 1 to 256 */
    uint64_t seed; /* of the orders */
    JudgeGenerate generate;
    void *context;
} JudgeConfig;

typedef struct JudgeResult {
    int64_t n_readable; /* opinions; 0: undecided */
    double value;       /* their mean; 0 when undecided */
} JudgeResult;

bool judge_ask(const JudgeConfig *config, const JudgeCase *cases, int64_t n, JudgeResult *results,
               Error *err) R1_MUST_CHECK;

/* The opinion in what a judge wrote: of the last JSON object behind its thinking that has one. False: there is none. */
bool judge_read(JudgeForm form, const char *text, size_t length, double *value);
/* Whether ask `i` of a case shows the second answer first. */
bool judge_swaps(uint64_t seed, const JudgeCase *item, int64_t i);
/* Whether a prompt has the places that this form needs. */
bool judge_check_prompt(JudgeForm form, const char *prompt, Error *err) R1_MUST_CHECK;

#endif
