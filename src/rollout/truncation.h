/* SPDX-License-Identifier: MIT */
/* rollout/truncation.h: top-k, then top-p, then min-p over the masses of one row.
 *
 * Ids stand in the order of their mass, ties in the order of ids: top-k keeps the first k; top-p the fewest that hold top_p of what top-k
 * kept, at least one; min-p drops those below min_p times the largest. Only the front of that order is ever made: a histogram over the leading
 * bits of the masses says how far it has to reach, so the cost is two passes over the row and a sort of what may be kept. */
#ifndef R1_ROLLOUT_TRUNCATION_H
#define R1_ROLLOUT_TRUNCATION_H

#include <stdint.h>

typedef struct Truncation {
    double top_p, min_p;
    int64_t top_k; /* 0: off */
} Truncation;

/* masses [V] in [0, 1], block_sums as head_row leaves them (num/head.h), total their sum: what is dropped gets mass 0 and the block sums are
 * renewed: f64, ids ascending. order, spare: [V] scratch. Returns the new total. */
double truncate_masses(float *masses, double *block_sums, int32_t *order, int32_t *spare, int64_t V, double total,
                       const Truncation *truncation);

#endif
