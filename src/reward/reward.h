/* SPDX-License-Identifier: MIT */
/* reward/reward.h: the rule-based reward of R1-Zero: accuracy and format, nothing else (arXiv 2501.12948, 2.2.2).
 *
 * Length, reflective words and style never enter. Sums are in f64. */
#ifndef R1_REWARD_REWARD_H
#define R1_REWARD_REWARD_H

#include "reward/accuracy.h"
#include "reward/format.h"
#include "reward/frame.h"

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
    TERM_JUDGE, /* a judge's opinion: eval/judge_opinion.h */
    TERM_COUNT
} RewardTerm;

typedef struct TermValue {
    double value;            /* before the weight; 0 when skipped or undecided */
    bool skipped, undecided; /* it has nothing to say here; it cannot tell */
    bool gated;              /* it does not count here: another reward does not hold (reward/gates.h) */
} TermValue;

typedef struct RewardScore {
    double accuracy,
        format;      /* 0 or 1 each (format between them where a recipe gives partial credit), before the weights */
    double total;    /* weights.accuracy * accuracy + weights.format * format, and the terms */
    Verdict verdict; /* of the answer; undecided is its own value: accuracy is 0 there */
    bool unasked;    /* there is nothing that the answer could be compared with: accuracy has nothing to say */
    bool undecided;  /* something that counts is: the caller leaves the completion out of its group */
    bool accuracy_gated, format_gated; /* as TermValue's */
    double own_format;                 /* the format's value before its gates */
    FormatResult frame;
    TermValue terms[TERM_COUNT];
    int true_part;                  /* which part its true metric is */
    bool elsewhere[2 + TERM_COUNT]; /* [PART_COUNT] of reward/gates.h: a reward of other questions than this one */
} RewardScore;

/* Depends on its arguments alone; never fails, never allocates. */
void reward_score(RewardScore *score, const RewardWeights *weights, const char *check, const char *prompt,
                  size_t prompt_length, const char *completion, size_t length);
/* The same where a completion has to be of another frame (a summary in front of the answer); NULL: R1-Zero's. */
void reward_score_framed(RewardScore *score, const RewardWeights *weights, const Frame *frame, const char *check,
                         const char *prompt, size_t prompt_length, const char *completion, size_t length);
/* What `frame` says of a completion, as format_check says it of R1-Zero's; NULL: format_check. */
FormatResult reward_check_frame(const Frame *frame, const char *prompt, size_t prompt_length, const char *completion,
                                size_t length);
/* The same of what frame_check has said. */
FormatResult reward_format_of(const FrameResult *frame);

#endif
