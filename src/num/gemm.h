/* SPDX-License-Identifier: MIT */
/* num/gemm.h: GEMM over threads, and weight matrices in the layout it wants.
 *
 * Threads split outputs (rows and panels of columns of C), never k: the bits do not know how many there are. */
#ifndef R1_NUM_GEMM_H
#define R1_NUM_GEMM_H

#include "base/threads.h"
#include "num/kernels.h"

void gemm_run(const Kernels *k, Threads *threads, const Gemm *g);

/* Many products in one parallel region: the heads of an attention, the experts of a layer. Their outputs may not overlap. */
typedef struct GemmTask {
    Gemm gemm;
    int64_t first_piece, row_parts, panel_parts; /* filled in by gemm_run_many */
} GemmTask;
void gemm_run_many(const Kernels *k, Threads *threads, GemmTask *tasks, int64_t n_tasks);

/* Floats of the packed panels of W [n_out, n_in]: ceil(n_out / 32) * 32 * n_in. */
int64_t gemm_packed_floats(int64_t n_out, int64_t n_in);
/* panels[p][i][j] = W[p * 32 + j][i], zero where p * 32 + j >= n_out. For Y = X W^T. */
void gemm_pack(float *panels, const float *w, int64_t n_out, int64_t n_in, Threads *threads);
/* The panels as W again (row-major). */
void gemm_unpack(float *w, const float *panels, int64_t n_out, int64_t n_in);

/* Y[M,N] = X[M,K] W[N,K]^T + bias, W packed. */
Gemm gemm_forward(float *y, int64_t y_row, const float *x, int64_t x_row, const float *panels, const float *bias,
                  int64_t M, int64_t N, int64_t K);
/* dX[M,K] = dY[M,N] W[N,K], W row-major; accumulate: the chain goes on from dX. */
Gemm gemm_by_input(float *dx, int64_t dx_row, const float *dy, int64_t dy_row, const float *w, int64_t M, int64_t N,
                   int64_t K, bool accumulate);
/* dW[N,K] = chain over rows m of dY[m,N]^T X[m,K], carried on from what dW holds. */
Gemm gemm_by_weight(float *dw, const float *dy, int64_t dy_row, const float *x, int64_t x_row, int64_t M, int64_t N,
                    int64_t K);

/* Global sum of squares of many tensors (contract 2): a f32 chain a row, rows in blocks of 1,024 added in f64, the blocks of
 * one tensor in a binary tree, tensors added in the order given (name order). */
typedef struct SquaresTensor {
    const float *x;
    int64_t rows, columns;
} SquaresTensor;
/* scratch: the largest `rows` floats plus ceil(rows / 1024) doubles, 64-byte aligned; see gemm_squares_scratch_bytes. */
double num_sum_squares(const Kernels *k, Threads *threads, const SquaresTensor *tensors, int64_t n_tensors,
                       void *scratch);
int64_t num_sum_squares_scratch_bytes(int64_t max_rows);

#endif
