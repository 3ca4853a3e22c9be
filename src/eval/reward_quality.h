/* SPDX-License-Identifier: MIT */
/* eval/reward_quality.h: what a reward model's scores are worth on responses that it has not learnt from.
 *
 *   accuracy            pairs: the chosen response has the higher score (a tie is half right); labels: the score's sign is the label's side
 *   margin              pairs: mean of s_chosen - s_rejected; labels: mean score of the good less that of the bad
 *   ECE                 expected calibration error (Guo et al., arXiv 1706.04599): sum over bins of n_bin / n * |accuracy - confidence|, where the
 *                       confidence of a verdict is sigmoid(|s_chosen - s_rejected|), or sigmoid(|s|); ten bins from 1/2 to 1
 *   length_correlation  Pearson's, of scores and lengths in tokens: a reward that pays for length shows here
 *   longer_chosen       pairs: how often the chosen response is the longer one (a tie is half): what length alone would get right
 *
 * All in f64, sums in the order of the scores. What cannot be told is NaN. */
#ifndef R1_EVAL_REWARD_QUALITY_H
#define R1_EVAL_REWARD_QUALITY_H

#include <stdbool.h>
#include <stdint.h>

enum { RELIABILITY_BINS = 10 };

typedef struct ReliabilityBin {
    int64_t n;
    double confidence, accuracy; /* means; NaN without any */
} ReliabilityBin;

typedef struct RewardQuality {
    int64_t n; /* pairs, or labelled responses */
    double accuracy, accuracy_stderr;
    double margin, ece, length_correlation, longer_chosen;
    double mean_score, min_score, max_score;
    ReliabilityBin bins[RELIABILITY_BINS]; /* bin b: confidence from 0.5 + b / 20 on */
} RewardQuality;

/* scores and lengths [n_scores]; of pairs the chosen and the rejected one in turn. labels [n_scores]: NULL for pairs. */
void reward_quality(RewardQuality *quality, const float *scores, const int64_t *lengths, const float *labels,
                    int64_t n_scores);

#endif
