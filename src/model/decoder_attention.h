/* SPDX-License-Identifier: MIT */
/* model/decoder_attention.h: attention of a packed batch, split over threads. Private to model/. */
#ifndef R1_MODEL_DECODER_ATTENTION_H
#define R1_MODEL_DECODER_ATTENTION_H

#include "model/decoder.h"

/* attended, row_max, row_sum of one layer from its rotated qkv; with a cache, the keys and values go there first. */
void decoder_attention_forward(const Model *model, const Compute *compute, const DecoderWorkspace *workspace,
                               const DecoderBatch *batch, const LayerActivations *a, int64_t layer);
/* d_qkv (before the inverse rotation) from d_attended; the prompt of a cut group goes from gradients->carry[0] to [1]. */
void decoder_attention_backward(const Model *model, const Compute *compute, const DecoderWorkspace *workspace,
                                const DecoderBatch *batch, const LayerActivations *a, int64_t layer,
                                DecoderGradients *gradients);

#endif
