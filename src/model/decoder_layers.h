/* SPDX-License-Identifier: MIT */
/* model/decoder_layers.h: one layer's forward, for decoder_forward and for the recomputation in decoder_backward. Private to model/. */
#ifndef R1_MODEL_DECODER_LAYERS_H
#define R1_MODEL_DECODER_LAYERS_H

#include "model/decoder.h"

/* Reads workspace->x[layer] and workspace->normed (its norm); fills the layer's activations. add_to_stream: also x[layer + 1] and the next
 * norm (hidden after the last layer); else stops before, which is all that a recomputation needs. */
void decoder_layer_forward(const Model *model, const Compute *compute, DecoderWorkspace *workspace,
                           const DecoderBatch *batch, int64_t layer, bool add_to_stream);

#endif
