/* SPDX-License-Identifier: MIT */
/* model/decoder_layers.h: one block's forward and backward, for the layers and for the modules behind them. Private to model/. */
#ifndef R1_MODEL_DECODER_LAYERS_H
#define R1_MODEL_DECODER_LAYERS_H

#include "model/decoder.h"

/* Which of workspace->x a block reads; it writes the one behind. A module has two of its own. */
static inline int64_t layer_stream(const ModelConfig *c, int64_t layer)
{
    return layer < c->n_layers ? layer : c->n_layers + 1 + 2 * (layer - c->n_layers);
}

/* Reads the block's stream and workspace->normed (its norm); fills the block's activations. add_to_stream: also the stream behind it and the
 * next norm (hidden after the last layer and after a module); else stops before, which is all that a recomputation needs. */
void decoder_layer_forward(const Model *model, const Compute *compute, DecoderWorkspace *workspace,
                           const DecoderBatch *batch, int64_t layer, bool add_to_stream);

/* w->d_stream from dL/d(stream behind the block) to dL/d(its stream); the block's gradients. Runs it again first where the workspace
 * recomputes. */
void decoder_layer_backward(const Model *model, const Compute *compute, DecoderWorkspace *workspace,
                            const DecoderBatch *batch, int64_t layer, DecoderGradients *gradients);

typedef struct NormGradient {
    float *dx, *dw; /* dx += ..., dw a chain over rows; dw NULL: w is not trained */
    const float *dy, *x, *rstd, *w;
    int64_t T, D;
} NormGradient;
/* y = norm(x) * w */
void decoder_norm_backward(const Compute *compute, const NormGradient *g);
/* Row ids[t] of the table += dx[t], rows in order. */
void decoder_lookup_backward(const Compute *compute, float *table, const float *dx, const int32_t *ids, int64_t T,
                             int64_t D);

#endif
