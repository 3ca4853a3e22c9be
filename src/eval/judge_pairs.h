/* SPDX-License-Identifier: MIT */
/* eval/judge_pairs.h: pairs of responses that a judge has compared: which are clear enough to learn from, and a set of them in which length
 * tells nothing.
 *
 * Source: DeepSeek-R1 (arXiv 2501.12948 v2), 3.1: each pair is judged four times in random order, kept if the mean difference exceeds 1, and
 * chosen and rejected lengths are balanced over the set. */
#ifndef R1_EVAL_JUDGE_PAIRS_H
#define R1_EVAL_JUDGE_PAIRS_H

#include "base/json.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct JudgedPair {
    int64_t n_readable; /* opinions */
    double difference;  /* their mean, -2 to 2: above 0 the first response is preferred */
    int64_t lengths[2]; /* of both responses */
    int truth;          /* 1: the first is right and the other wrong, -1: the other way round, 0: not known */
    bool kept;
} JudgedPair;

typedef struct JudgedPairs {
    int64_t n, n_undecided, n_unclear, n_unbalanced, n_kept; /* kept + the three others = n */
    int64_t n_known;                                         /* of the pairs: their truth is known */
    int64_t n_truth, n_agree;                                /* of those whose judgement is clear: how many it meets */
    double mean_length_difference;                           /* of the kept: chosen less rejected; NaN without any */
} JudgedPairs;

/* Agreement with known truths below which a judge cannot be relied on. */
#define JUDGE_ENOUGH_AGREEMENT 0.85

/* The counts under the names that JSON and metrics have for them. */
typedef struct JudgedFigure {
    const char *name; /* static */
    double value;     /* NaN: there is none */
} JudgedFigure;
enum { JUDGED_FIGURES = 9 };
void judge_pairs_figures(const JudgedPairs *counts, JudgedFigure figures[JUDGED_FIGURES]);
/* Appends them as one object. */
void judge_pairs_json(JsonOut *out, const JudgedPairs *counts);
/* Of the clear judgements on pairs whose truth is known: the share that meets it. NaN without any. */
double judge_pairs_agreement(const JudgedPairs *counts);

/* Sets `kept`: opinions there are, their mean is more than `least` away from 0, and, with balance, the set's lengths are even: while the
 * chosen responses are longer over all, the pair that makes them so most is left out (the earlier one of equals), and likewise, the later one of equals, while they are
 * shorter, as long as that brings the sum nearer to 0. */
void judge_pairs_keep(JudgedPair *pairs, int64_t n, double least, bool balance, JudgedPairs *counts);

#endif
