/* SPDX-License-Identifier: MIT */
/* model/moe_block.h: the routed experts of a layer. Private to model/.
 *
 *   y(x) = sum over the chosen e, ascending, of W_down(e) (weight_e * swiglu(W_gate_up(e) x)), and the shared experts' y last
 * A pair (token, chosen expert) is a slot; slots are sorted by expert, in each by row, so an expert's products run over its
 * tokens at once. Every output is a chain of its own: a token's bits do not depend on who else went to its experts, and an
 * expert's weight gradient is one chain over its rows, carried on from batch to batch. */
#ifndef R1_MODEL_MOE_BLOCK_H
#define R1_MODEL_MOE_BLOCK_H

#include "model/decoder.h"

/* Gate, slots and gate_up of the layer from w->normed: all that a backward needs. */
void moe_route(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, int64_t l);
/* Then projected (which holds the shared experts' output, if there are any) = routed + projected. */
void moe_combine(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, int64_t l);
/* Adds dL/dx of the routed experts and the gate to w->d_normed and gradients to `gradients`, from w->d_stream and w->normed; counts loads. */
void moe_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, int64_t l,
                  DecoderGradients *gradients);

#endif
