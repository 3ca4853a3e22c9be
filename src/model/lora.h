/* SPDX-License-Identifier: MIT */
/* model/lora.h: adapters at work: their part of a layer's forward and backward. The orders of the sums (docs/numerics.md):
 *   forward   h = (A x) * scale;  y: the base's chain goes on with B h
 *   backward  d = (B^T dy) * scale;  dx: the base's chain goes on with A^T d;  dB += dy h^T, dA += d x^T, chains over rows
 * q, k, v and gate, up lie side by side in the rows that the base writes, so these functions take a run of modules, first to last. */
#ifndef R1_MODEL_LORA_H
#define R1_MODEL_LORA_H

#include "model/decoder.h"

/* y [T, outputs of all modules first..last] from x [T, inputs] of layer `layer`. Nothing to do without adapters. */
void lora_forward(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t layer,
                  LoraModule first, LoraModule last, const float *x, float *y, int64_t T);
/* What lora_backward_weights needs is left in the workspace until the next lora_backward_input; dx [T, inputs] goes on. */
void lora_backward_input(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t layer,
                         LoraModule first, LoraModule last, const float *dy, float *dx, int64_t T);
/* The gradients of A and B into `gradients`, in the adapters' layout. x as in the forward. */
void lora_backward_weights(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t layer,
                           LoraModule first, LoraModule last, const float *x, const float *dy, float *gradients,
                           int64_t T);

#endif
