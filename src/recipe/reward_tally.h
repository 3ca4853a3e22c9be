/* SPDX-License-Identifier: MIT */
/* recipe/reward_tally.h: figures of rewards over many completions, under TRL's names:
 *
 *   reward, reward_std, frac_undecided                  of the total, over the completions whose total is decided
 *   rewards/NAME/{mean,std}                             of each part that weighs or closes another, after its gates, over the
 *                                                       completions where it was decided and not skipped
 *   rewards/NAME/{frac_undecided,frac_skipped}          shares of all completions
 *   rewards/NAME/frac_gated                             where the recipe has a gate on it
 *   rewards/true/{mean,std,frac_undecided,frac_skipped} the true metric, before any gate
 *
 * std divides by n. Sums run in the order of the calls. */
#ifndef R1_RECIPE_REWARD_TALLY_H
#define R1_RECIPE_REWARD_TALLY_H

#include "record/metrics.h"
#include "reward/terms.h"

typedef struct PartTally {
    double sum, squares;
    int64_t n, undecided, skipped, gated;
} PartTally;

typedef struct RewardTally {
    int64_t n_samples;
    PartTally total;
    PartTally counted[PART_COUNT]; /* after gates */
    PartTally own[PART_COUNT];     /* before */
} RewardTally;                     /* zeroed: of nothing */

void reward_tally_add(RewardTally *tally, const RewardScore *score);
/* prefix: in front of every name, e.g. "eval/held_out/". A mean of nothing is no number. */
void reward_tally_measure(const RewardTally *tally, const TermConfig *config, const char *prefix, MetricsRow *row);

#endif
