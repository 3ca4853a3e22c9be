/* SPDX-License-Identifier: MIT */
/* model/decoder_rows.h: what the decoder's forward, head, backward and cached forward share: matrix products by layer and the
 * row-wise regions between them. Private to model/. */
#ifndef R1_MODEL_DECODER_ROWS_H
#define R1_MODEL_DECODER_ROWS_H

#include "model/decoder.h"
#include "model/frozen.h"
#include "num/gemm.h"

enum { ROWS_GRAIN = 16 };

/* Y = X W^T + bias over threads, W in panels. */
static inline void rows_linear(const Compute *compute, float *y, const float *x, const float *panels, const float *bias,
                               int64_t M, int64_t N, int64_t K)
{
    const Gemm g = gemm_forward(y, N, x, K, panels, bias, M, N, K);
    gemm_run(compute->k, compute->threads, &g);
}

/* The same with the matrix at this offset of the model's panels, in whatever type it stands. */
static inline void rows_linear_at(const Model *model, const Compute *compute, float *y, const float *x, int64_t offset,
                                  const float *bias, int64_t M, int64_t N, int64_t K)
{
    if (model->frozen)
        frozen_linear(model->frozen, compute, y, x, offset, bias, M, N);
    else
        rows_linear(compute, y, x, model->panels + offset, bias, M, N, K);
}

/* dX = dY W, W row-major [N, K]. */
static inline void rows_linear_input(const Compute *compute, float *dx, const float *dy, const float *w, int64_t M,
                                     int64_t N, int64_t K)
{
    const Gemm g = gemm_by_input(dx, K, dy, N, w, M, N, K, false);
    gemm_run(compute->k, compute->threads, &g);
}

/* dW += dY^T X, the chain carried on. */
static inline void rows_linear_weight(const Compute *compute, float *dw, const float *dy, const float *x, int64_t M,
                                      int64_t N, int64_t K)
{
    const Gemm g = gemm_by_weight(dw, dy, N, x, K, M, N, K);
    gemm_run(compute->k, compute->threads, &g);
}

/* out = a + b (b NULL: out is a, not written), then normed = rms_norm(out) * w. T rows of D. rstd may be NULL. */
void rows_add_norm(const Compute *compute, float *out, const float *a, const float *b, float *normed, float *rstd,
                   const float *w, int64_t T, int64_t D, float eps);
/* The heads of q and of k in a layer's qkv rows [T, (H + 2K) C], each normed over its C channels in place; raw_heads and head_rstd keep what
 * the backward needs. */
void rows_head_norm(const Compute *compute, const Model *model, const LayerActivations *a, int64_t layer, int64_t T);
/* Rotates the q and k heads of qkv rows [T, (H + 2K) C] in place. */
void rows_rope(const Compute *compute, const Model *model, float *qkv, const int32_t *positions, int64_t T,
               bool inverse);
void rows_swiglu(const Compute *compute, float *activated, const float *gate_up, int64_t T, int64_t F);
void rows_embed(const Compute *compute, const Model *model, float *x, const int32_t *ids, int64_t T);

/* A block of the head: the rows of targets [first, first + n), gathered into head_input, and their logits; from the gradient that
 * stands in the logits' place on to the head's weights and to d_hidden. n <= head_rows. */
void head_block_logits(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                       int64_t first, int64_t n);
void head_block_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                         int64_t first, int64_t n, DecoderGradients *gradients);

/* Copies n_keys keys (rows of stride `row`, channels C) into blocks [.][C][16] from key number `first` on, and zeroes the columns behind
 * them up to the end of the last block. */
void keys_to_blocks(float *blocks, const float *k, int64_t row, int64_t first, int64_t n_keys, int64_t C);
/* Copies n_keys rows of C channels to dst rows of kv_row (pads zeroed) from row `first` on, and zeroes the rows behind up to a multiple
 * of 16. */
void rows_to_padded(float *dst, const float *src, int64_t row, int64_t first, int64_t n_keys, int64_t C,
                    int64_t kv_row);

#endif
