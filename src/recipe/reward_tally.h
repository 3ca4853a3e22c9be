/* SPDX-License-Identifier: MIT */
/* recipe/reward_tally.h: figures of rewards over many completions, under TRL's names:
 *
 *   reward, reward_std, frac_undecided                  of the total, over the completions whose total is decided
 *   rewards/NAME/{mean,std}                             of each part that weighs or closes another, after its gates, over the
 *                                                       completions where it was decided and not skipped
 *   rewards/NAME/{frac_undecided,frac_skipped}          shares of all completions
 *   rewards/NAME/frac_gated                             where the recipe has a gate on it
 *   rewards/true/{mean,std,frac_undecided,frac_skipped} the true metric, before any gate
 *   rewards/NAME/true                                   of a part that is an opinion (reward/terms.h): the mean of the true metric over
 *                                                       the completions where the part was decided and not skipped: a proxy beside
 *                                                       what it stands for
 *
 * and the same of the completions of one route, with rewards/ROUTE/ in place of rewards/ and in front of reward, reward_std and
 * frac_undecided; rewards/ROUTE/share is its share of all completions. std divides by n. Sums run in the order of the calls. */
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
    PartTally counted[PART_COUNT];  /* after gates */
    PartTally truth;                /* each completion's true metric */
    PartTally truth_of[PART_COUNT]; /* the same where the part was counted */
} RewardTally;                      /* zeroed: of nothing */

void reward_tally_add(RewardTally *tally, const RewardScore *score);
/* prefix: in front of every name, e.g. "eval/held_out/". A mean of nothing is no number. */
void reward_tally_measure(const RewardTally *tally, const TermConfig *config, const char *prefix, MetricsRow *row);
/* Of the completions of this route; n_all: completions of all routes. Nothing where it has none. */
void reward_tally_measure_route(const RewardTally *tally, const TermConfig *config, const char *prefix,
                                const char *route, int64_t n_all, MetricsRow *row);

#endif
