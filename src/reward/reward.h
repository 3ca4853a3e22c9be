/* SPDX-License-Identifier: MIT */
/* reward/reward.h: the rule-based reward of R1-Zero: accuracy and format, nothing else (arXiv 2501.12948, 2.2.2).
 *
 * Length, reflective words and style never enter. Sums are in f64. */
#ifndef R1_REWARD_REWARD_H
#define R1_REWARD_REWARD_H

#include "reward/accuracy.h"
#include "reward/format.h"

typedef struct RewardWeights {
    double accuracy, format;
} RewardWeights;
RewardWeights reward_default_weights(void); /* 1 and 1, as in the paper: equal */

/* What a recipe may add (reward/terms.h). */
typedef enum RewardTerm {
    TERM_LANGUAGE,
    TERM_OVERLONG,
    TERM_COSINE,
    TERM_REPETITION,
    TERM_COMMAND,
    TERM_PLUGIN,
    TERM_MODEL, /* a reward model's score */
    TERM_JUDGE, /* a judge's opinion: reward/judge.h */
    TERM_COUNT
} RewardTerm;

typedef struct TermValue {
    double value;            /* before the weight; 0 when skipped or undecided */
    bool skipped, undecided; /* it has nothing to say here; it cannot tell */
} TermValue;

typedef struct RewardScore {
    double accuracy,
        format;      /* 0 or 1 each (format between them where a recipe gives partial credit), before the weights */
    double total;    /* weights.accuracy * accuracy + weights.format * format, and the terms */
    Verdict verdict; /* of the answer; undecided is its own value: accuracy is 0 there */
    bool undecided;  /* the answer or a term is: the caller leaves the completion out of its group */
    FormatResult frame;
    TermValue terms[TERM_COUNT];
} RewardScore;

/* Depends on its arguments alone; never fails, never allocates. */
void reward_score(RewardScore *score, const RewardWeights *weights, const char *check, const char *prompt,
                  size_t prompt_length, const char *completion, size_t length);

#endif
