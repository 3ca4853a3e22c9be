/* SPDX-License-Identifier: MIT */
/* model/lora.h: adapters at work: their part of a layer's forward and backward. The orders of the sums (docs/numerics.md):
 *   forward   h = (A x) * scale;  y: the base's chain goes on with B h
 *   backward  d = (B^T dy) * scale;  dx: the base's chain goes on with A^T d;  dB += dy h^T, dA += d x^T, chains over rows
 * q, k, v and gate, up lie side by side in the rows that the base writes, so these functions take a run of modules, first to last;
 * modules between them that the model has not take no room. */
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

/* The modules behind the layers (model/mtp.h) have no adapters. */
static inline bool lora_adapts(const Model *model, int64_t layer)
{
    return model->config.lora.rank > 0 && layer < model->config.n_layers;
}

/* The same for each expert's maps over its slots (moe_block.h), E products at once: rows [first[e], first[e] + counts[e]) of x, y and
 * their gradients are expert e's. n_slots: rows of them all. */
typedef struct LoraSlots {
    const int64_t *first, *counts; /* [E] */
    int64_t n_slots;
} LoraSlots;
void lora_experts_forward(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t layer,
                          LoraModule first, LoraModule last, const LoraSlots *slots, const float *x, float *y);
/* d, left in the workspace for the two below. */
void lora_experts_hidden(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t layer,
                         LoraModule first, LoraModule last, const LoraSlots *slots, const float *dy);
void lora_experts_weights(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t layer,
                          LoraModule first, LoraModule last, const LoraSlots *slots, const float *x, const float *dy,
                          float *gradients);
void lora_experts_input(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t layer,
                        LoraModule first, LoraModule last, const LoraSlots *slots, float *dx);

/* kv_b_proj in the absorbed form (mla_block.h). Its B is cut by heads into B_UK [N, r] and B_UV [W, r]:
 *   query = [W_UK^T q_nope + A^T t ; q_rope],  t = (B_UK^T q_nope) * scale
 *   out   = W_UV latent + B_UV h,              h = (A latent) * scale
 * q [T] rows of q_row floats, H heads of N + P in each. dA is one chain over rows; in a row come the heads' values ascending, then
 * the heads' queries ascending. */
typedef struct LoraLatent {
    const Model *model;
    const Compute *compute;
    DecoderWorkspace *workspace;
    int64_t layer, T;
    const float *q;
    int64_t q_row;
} LoraLatent;
bool lora_latent_has(const Model *model, int64_t layer);
void lora_latent_queries(const LoraLatent *l); /* workspace->mla_queries goes on */
void lora_latent_values(const LoraLatent *l);  /* the layer's attended goes on */
/* d_mla_latents goes on; the values' part of d stays in the workspace for the next. */
void lora_latent_values_backward(const LoraLatent *l, float *gradients);
void lora_latent_queries_backward(const LoraLatent *l, float *d_q, float *gradients); /* d_q goes on */

/* x *= scale, n_rows rows of r. */
void lora_scale_rows(const Model *model, const Compute *compute, float *x, int64_t n_rows);

#endif
