/* SPDX-License-Identifier: MIT */
/* num/head.h: what is asked of one row of logits once its masses are known. Plain C: once a row, not once an element. */
#ifndef R1_NUM_HEAD_H
#define R1_NUM_HEAD_H

#include "num/kernels.h"

/* log softmax at `target`: f32 of ((f64)(z[target] * t - y_max) - math_log(sum)). */
float head_logprob(const HeadRow *row, const float *logits, int32_t target, float inv_temperature);
/* f32 of (math_log(sum) - sum_mass_y / sum), nats. */
float head_entropy(const HeadRow *row);
/* Inverse CDF: with x = u * sum, the first block whose running f64 total exceeds x, in it the first id whose running f64 total
 * (from the total before the block) exceeds x; past the end of the block its last id with mass; past all blocks the last id
 * with mass. u in [0, 1). */
int32_t head_sample(const HeadRow *row, const float *masses, const double *block_sums, int64_t V, double u);
/* Lowest id among the largest logits. */
int32_t head_argmax(const float *logits, int64_t V);

#endif
