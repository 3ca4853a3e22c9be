/* SPDX-License-Identifier: MIT */
/* model/moe_gate.h: which experts a token goes to and with what weights (DeepSeek-V3, arXiv 2412.19437, eq. 12-16), one token at
 * a time. Private to model/.
 *
 *   s = sigmoid(W_g x) or softmax(W_g x);  choice = s + bias
 *   a group's score: the sum of its two best choices with a correction bias, else its best; the best groups are kept
 *   chosen: the n_chosen best choices of the kept groups;  weight = s / (sum of the chosen s + 1e-20) * routed_scaling,
 *   or s * routed_scaling where weights are not normalised
 * Equal choices go to the lower index, a NaN stands behind every number, and two NaNs are equal: one order, whatever comes in.
 * Sums run over experts ascending, in plain f32 additions. */
#ifndef R1_MODEL_MOE_GATE_H
#define R1_MODEL_MOE_GATE_H

#include "model/config.h"

/* scores [E]: logits become scores, in place. */
void moe_gate_scores(const MoeConfig *m, float *scores);
/* chosen [n_chosen], ascending. bias [E]: NULL without. */
void moe_gate_choose(const MoeConfig *m, int32_t *chosen, const float *scores, const float *bias);
/* weights [n_chosen] */
void moe_gate_weights(const MoeConfig *m, float *weights, const float *scores, const int32_t *chosen);
/* d_scores [E] holds what else pulls on the scores (zeros, or a balance loss) and becomes dL/dlogits. The choice has no gradient. */
void moe_gate_backward(const MoeConfig *m, float *d_scores, const float *scores, const int32_t *chosen,
                       const float *d_weights);

#endif
