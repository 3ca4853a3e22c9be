/* SPDX-License-Identifier: MIT */
/* eval/judge_opinion.h: what a judge (eval/judge.h) thinks of a response, as a number: asked several times, each time in an order of its
 * own, the mean of what can be read.
 *
 *   compare   two answers to a request; {"verdict": "A>>B" | "A>B" | "A=B" | "B>A" | "B>>A"} is 2, 1, 0, -1, -2 for the first one. Which of them
 *             is called A is drawn anew for every ask
 *   score     one answer; {"score": 0 to 10} is 0 to 1
 *   correct   an answer against a reference; {"correctness": "correct" | "incorrect"} is 1 or 0. The program's own prompt has the two in an
 *             order that is drawn, and from ask to ask the other way round; a prompt of the caller's is asked as it stands
 *
 * With no readable opinion a case is undecided. Source: DeepSeek-R1 (arXiv 2501.12948 v2), B.3.3 (correctness) and 3.1 (pairs, in the
 * form of Arena-Hard); the numbers of the verdicts are ours. */
#ifndef R1_EVAL_JUDGE_OPINION_H
#define R1_EVAL_JUDGE_OPINION_H

#include "eval/judge.h"

typedef enum JudgeForm { JUDGE_COMPARE, JUDGE_SCORE, JUDGE_CORRECT } JudgeForm;
const char *const *judge_form_names(void); /* "compare", "score", "correct"; NULL-terminated */

typedef struct JudgeCase {
    JudgeText question;
    JudgeText first, second; /* the answer; the other one, or the reference (score: none) */
    uint64_t key;            /* with the judge's seed, draws orders and what is sampled */
} JudgeCase;

/* A reply as it came, for who keeps it. */
typedef struct JudgeReply {
    int64_t of, ask;  /* case and ask, from 0 */
    const char *text; /* NULL: the judge had no room for the question */
    bool readable;
    double value; /* of the first answer, in whichever order they were shown; 0 when not readable */
} JudgeReply;

typedef struct JudgeWay {
    JudgeForm form;
    /* With {question}, {A} and {B} in it (score: {A}; correct: {A}, and the reference as {B}); "": the program's own. */
    const char *prompt;
    int64_t asks; /* a case, 1 to 256 */
    /* NULL, or hears every reply in order of cases and asks, when all have come. */
    bool (*heard)(void *context, const JudgeReply *reply, Error *err);
    void *context;
} JudgeWay;

typedef struct JudgeOpinion {
    int64_t n_readable; /* of the asks; 0: undecided */
    double value;       /* their mean; 0 when undecided */
} JudgeOpinion;

/* opinions: [n]. */
bool judge_ask(const Judge *judge, const JudgeWay *way, const JudgeCase *cases, int64_t n, JudgeOpinion *opinions,
               Error *err) R1_MUST_CHECK;

/* The opinion in a reply: of the last JSON object behind its thinking that has one. False: there is none. */
bool judge_read(JudgeForm form, const char *reply, double *value);
/* Whether ask `i` about two answers that are compared shows the second one first. */
bool judge_swaps(uint64_t seed, uint64_t key, int64_t i);
/* Whether a prompt has the places that this form needs. */
bool judge_check_prompt(JudgeForm form, const char *prompt, Error *err) R1_MUST_CHECK;

#endif
