/* SPDX-License-Identifier: MIT */
/* eval/judge.h: a model decides what no rule can: whether an answer says what a reference says, and which of two replies is the
 * better one. How the model is run comes in as a callback (eval/judge_model.h is one).
 *
 * Each question is put twice: in an order that the seed draws, then with the two texts swapped, since judges favour a place. Two
 * verdicts that agree decide; anything else, a reply that cannot be read among it, is undecided. The forms are those of the R1 paper
 * (arXiv 2501.12948 v2, B.3.3 and 3.1): {"analysis", "correctness": "correct" | "incorrect"}, and Arena-Hard's five verdicts. May use
 * everything up to rollout/. */
#ifndef R1_EVAL_JUDGE_H
#define R1_EVAL_JUDGE_H

#include "base/error.h"
#include "data/tasks.h"

#include <stddef.h>
#include <stdint.h>

typedef struct JudgeText {
    const char *text; /* any bytes */
    size_t length;
} JudgeText;

typedef struct JudgePrompt {
    const char *text; /* a user's turn; borrowed */
    size_t length;
    uint64_t key; /* of random draws: a reply is a function of text and key, whatever it is asked among */
} JudgePrompt;

typedef struct Judge {
    /* replies: [n], base_alloc'd and zero-terminated, what was thought included; on failure all are freed or NULL. */
    bool (*generate)(void *context, const JudgePrompt *prompts, int64_t n, char **replies, Error *err);
    void *context;
    uint64_t seed; /* of the orders */
} Judge;

/* ---- is the answer right? ---- */

typedef struct JudgeAnswer {
    JudgeText question, reference, answer;
    uint64_t key; /* with the seed, draws the order and what is sampled */
} JudgeAnswer;
/* verdicts: [n]. */
bool judge_answers(const Judge *judge, const JudgeAnswer *answers, int64_t n, Verdict *verdicts,
                   Error *err) R1_MUST_CHECK;
/* The verdict of one reply: of the last JSON object in it that has "correctness". */
Verdict judge_read_correctness(const char *reply);

/* ---- which is better? ---- */

typedef struct JudgePair {
    JudgeText question, a, b;
    uint64_t key;
} JudgePair;
typedef struct JudgePreference {
    int n_read;      /* of the asked, replies that could be read */
    double score;    /* mean of those: 2 a is much better, 1 better, 0 equal, -1, -2; 0 when none was read */
    Verdict verdict; /* RIGHT: a; WRONG: b, by all that were asked; else UNDECIDED, a tie among it */
} JudgePreference;
/* asked: how often each, an even number >= 2; half of them in each order. preferences: [n]. */
bool judge_pairs(const Judge *judge, const JudgePair *pairs, int64_t n, int asked, JudgePreference *preferences,
                 Error *err) R1_MUST_CHECK;
/* The score of one reply for its first text: of the last [[A>>B]], [[A>B]], [[A=B]], [[B>A]], [[B>>A]] in it. False: none. */
bool judge_read_preference(const char *reply, double *score);

#endif
