/* SPDX-License-Identifier: MIT */
/* model/moe_balance.h: what keeps experts from standing idle in training. */
#ifndef R1_MODEL_MOE_BALANCE_H
#define R1_MODEL_MOE_BALANCE_H

#include "model/decoder.h"

/* Auxiliary-loss-free balancing (DeepSeek-V3, arXiv 2412.19437, section 2.1.2), once after an optimiser batch: an expert that
 * took fewer rows than the mean gets bias + rate, one that took more bias - rate. loads [L, E] are counts, compared as integers,
 * so the order in which rows came cannot be seen. A no-op for models without a correction bias. */
void moe_update_bias(Model *model, const int64_t *loads, float rate);

/* The sequence-wise balance loss (eq. 17-20) of one layer of a batch, as the gradient by the gate's scores:
 *   L = coef * sum_e f_e P_e,  f_e = E / (k T) * rows of the run that chose e,  P_e = mean over its T rows of s_e / sum_j s_j
 * for each run of rows with a backward: a document, a completion without its shared prompt, the prompt once (with the last
 * micro-batch of its group). f has no gradient.  w->d_scores [T, E] is overwritten with
 *   dL/ds_e = (g_e - sum_j g_j s'_j) / sum,  g_e = coef f_e / T;  sums over experts ascending, g_e in f64, rounded once. */
void moe_balance_gradient(const Model *model, const Compute *compute, const DecoderWorkspace *w,
                          const DecoderBatch *batch, int64_t layer);

#endif
