/* SPDX-License-Identifier: MIT */
/* model/mla_attention.h: attention over latents, split over threads. Private to model/.
 *
 * In the absorbed form all heads share one key and one value a token: the key is [c; rotated key] (R + P channels), the value c
 * itself (its first R channels), a query [W_UK^T q_nope; rotated q]. So the kernels of num/ run with one kv head. */
#ifndef R1_MODEL_MLA_ATTENTION_H
#define R1_MODEL_MLA_ATTENTION_H

#include "model/decoder.h"

/* mla.latents [T, H R], row_max, row_sum [T, H] from w->mla_queries [T, H (R + P)] and mla.keys [T, R + P]; with a cache, the
 * keys go there first. */
void mla_attention_forward(const Model *model, const Compute *compute, const DecoderWorkspace *w,
                           const DecoderBatch *batch, const LayerActivations *a, int64_t layer);
/* w->d_mla_queries and w->d_mla_keys [T, R + P] from w->d_mla_latents; the prompt of a cut group goes from carry[0] to [1]. */
void mla_attention_backward(const Model *model, const Compute *compute, const DecoderWorkspace *w,
                            const DecoderBatch *batch, const LayerActivations *a, int64_t layer,
                            DecoderGradients *gradients);

#endif
