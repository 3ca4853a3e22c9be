/* SPDX-License-Identifier: MIT */
/* eval/judge.h: a model decides what no rule can: whether an answer says what a reference says. How the model is run comes in as a
 * callback (eval/judge_model.h is one). How good a response is, and which of two is the better one: eval/judge_opinion.h.
 *
 * Each question is put twice: in an order that the seed draws, then with the two texts swapped, since judges favour a place. Two
 * verdicts that agree decide; anything else, a reply that cannot be read among it, is undecided. The form is that of the R1 paper
 * (arXiv 2501.12948 v2, B.3.3): {"analysis", "correctness": "correct" | "incorrect"}. May use everything up to rollout/. */
#ifndef R1_EVAL_JUDGE_H
#define R1_EVAL_JUDGE_H

#include "base/error.h"
#include "data/judge_prompt.h"
#include "data/tasks.h"

#include <stddef.h>
#include <stdint.h>

typedef struct JudgePrompt {
    const char *text; /* a user's turn; borrowed */
    size_t length;
    uint64_t key; /* of random draws: a reply is a function of text and key, whatever it is asked among */
} JudgePrompt;

typedef struct Judge {
    /* replies: [n], base_alloc'd and zero-terminated, what was thought included; NULL: there is none, since the model has no
     * room for this prompt or its reply did not end. On failure all are freed or NULL. */
    bool (*generate)(void *context, const JudgePrompt *prompts, int64_t n, char **replies, Error *err);
    void *context;
    uint64_t seed; /* of the orders */
} Judge;

typedef struct JudgeAnswer {
    JudgeText question, reference, answer;
    uint64_t key; /* with the seed, draws the order and what is sampled */
} JudgeAnswer;
/* verdicts: [n]. */
bool judge_answers(const Judge *judge, const JudgeAnswer *answers, int64_t n, Verdict *verdicts,
                   Error *err) R1_MUST_CHECK;

/* ---- for whatever else a judge is asked ---- */

/* A template filled (judge_prompt_fill), base_alloc'd; prompt->key is the caller's. */
void judge_fill(JudgePrompt *prompt, const char *template, JudgeText question, JudgeText a, JudgeText b);
/* A reply to each prompt; frees the prompts' texts, whatever happens. */
bool judge_generate(const Judge *judge, JudgePrompt *prompts, int64_t n, char **replies, Error *err) R1_MUST_CHECK;
/* Ask number `ask` about a case: what keys its reply. */
uint64_t judge_ask_key(const Judge *judge, uint64_t key, int64_t ask);

#endif
