/* SPDX-License-Identifier: MIT */
/* data/judge_prompt.h: what a judge is asked when it compares two answers, and what it may say: one wording for those who ask
 * (eval/judge_opinion.h) and for the rows that a judge is taught by (data/task_rows.h), so that it is asked what it has learnt.
 *
 * The form of the verdicts is Arena-Hard's, as in DeepSeek-R1 (arXiv 2501.12948 v2), 3.1; the numbers are ours. May use base/. */
#ifndef R1_DATA_JUDGE_PROMPT_H
#define R1_DATA_JUDGE_PROMPT_H

#include "base/json.h"

typedef struct JudgeText {
    const char *text; /* any bytes; borrowed */
    size_t length;
} JudgeText;

/* The program's own words for a comparison, with {question}, {A} and {B} in it. */
extern const char judge_compare_prompt[];

enum { JUDGE_VERDICT_MOST = 2 };
/* "A>>B" for 2, "A>B" for 1, "A=B", "B>A", "B>>A" for -2: how much better A is. */
const char *judge_verdict_text(int value);

/* Appends a template with its places {question}, {A} and {B} filled, each from the template alone: a text that holds "{A}" stays as
 * it is. */
void judge_prompt_fill(JsonOut *out, const char *template, JudgeText question, JudgeText a, JudgeText b);

#endif
