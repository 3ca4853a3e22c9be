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
    if (model->frozen && (K == 0 || N == 0)) /* a matrix of no size stands nowhere */
        rows_linear(compute, y, x, NULL, bias, M, N, K);
    else if (model->frozen)
        frozen_linear(model->frozen, compute, y, x, offset, bias, M, N);
    else
        rows_linear(compute, y, x, model->panels + offset, bias, M, N, K);
}

/* dX = dY W with the matrix [N, K] at these offsets of the weights and of the panels; accumulate: the chain goes on from dX. */
static inline void rows_linear_input_at(const Model *model, const Compute *compute, float *dx, const float *dy,
                                        int64_t weights, int64_t panels, int64_t M, int64_t N, int64_t K,
                                        bool accumulate)
{
    if (model->frozen && K > 0 && N > 0) {
        frozen_linear_input(model->frozen, compute, dx, dy, panels, M, N, K, accumulate);
        return;
    }
    const Gemm g = gemm_by_input(dx, K, dy, N, model->weights + weights, M, N, K, accumulate);
    gemm_run(compute->k, compute->threads, &g);
}

/* Y = X W^T as tasks of gemm_run_many; returns how many they are, at most ROWS_MAX_PARTS. */
enum { ROWS_MAX_PARTS = 2 };
static inline int rows_tasks(const Model *model, GemmTask *tasks, float *y, int64_t y_row, const float *x,
                             int64_t x_row, int64_t panels, int64_t M, int64_t N, int64_t K)
{
    if (model->frozen) return frozen_tasks(model->frozen, tasks, y, y_row, x, x_row, panels, M);
    tasks->gemm = gemm_forward(y, y_row, x, x_row, model->panels + panels, NULL, M, N, K);
    return 1;
}

/* dX = dY W as one task for each part of the matrix: part i + 1 goes on where part i has ended, in a later gemm_run_many. */
static inline int rows_parts(const Model *model, int64_t panels)
{
    return model->frozen ? frozen_parts(model->frozen, panels) : 1;
}
static inline void rows_task_input(const Model *model, GemmTask *task, float *dx, int64_t dx_row, const float *dy,
                                   int64_t dy_row, int64_t weights, int64_t panels, int part, int64_t M, int64_t N,
                                   int64_t K)
{
    if (model->frozen)
        frozen_task_input(model->frozen, task, dx, dx_row, dy, dy_row, panels, part, M, false);
    else
        task->gemm = gemm_by_input(dx, dx_row, dy, dy_row, model->weights + weights, M, N, K, false);
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
