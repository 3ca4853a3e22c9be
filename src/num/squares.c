/* SPDX-License-Identifier: MIT */
/* num/squares.c: the global sum of squares (contract 2): a chain a row, rows by blocks of 1,024, blocks in a binary tree. */
#include "num/gemm.h"

enum { ROW_BLOCK = 1024, MIN_PIECE_FLOATS = 1 << 16 };

typedef struct SquaresJob {
    const Kernels *kernels;
    const SquaresTensor *tensor;
    float *row_sums;    /* [rows] */
    double *block_sums; /* [ceil(rows / 1024)] */
    int64_t piece_rows;
} SquaresJob;

static int64_t blocks_of(int64_t rows)
{
    return (rows + ROW_BLOCK - 1) / ROW_BLOCK;
}

/* Row sums first, padded to whole cache lines so that the block sums behind them are aligned. */
static int64_t row_sum_floats(int64_t rows)
{
    return (rows + 15) / 16 * 16;
}

int64_t num_sum_squares_scratch_bytes(int64_t max_rows)
{
    return row_sum_floats(max_rows) * (int64_t)sizeof(float) + blocks_of(max_rows) * (int64_t)sizeof(double);
}

static void squares_of_piece(void *context, int64_t piece, int thread)
{
    (void)thread;
    const SquaresJob *job = context;
    const int64_t begin = piece * job->piece_rows, rows = job->tensor->rows, columns = job->tensor->columns;
    const int64_t end = begin + job->piece_rows < rows ? begin + job->piece_rows : rows;
    job->kernels->row_squares(job->row_sums + begin, job->tensor->x + begin * columns, end - begin, columns);
}

/* Neighbours first: (b0 + b1) + (b2 + b3) ...; an odd last one moves up alone. */
static double tree_sum(double *x, int64_t n)
{
    if (n == 0) return 0.0;
    for (; n > 1; n = (n + 1) / 2) {
        for (int64_t i = 0; i < n / 2; i++) x[i] = x[2 * i] + x[2 * i + 1];
        if (n % 2) x[n / 2] = x[n - 1];
    }
    return x[0];
}

static double tensor_squares(const Kernels *k, Threads *threads, const SquaresTensor *tensor, void *scratch)
{
    float *row_sums = scratch;
    double *block_sums = (double *)(void *)(row_sums + row_sum_floats(tensor->rows));
    SquaresJob job = {.kernels = k, .tensor = tensor, .row_sums = row_sums, .block_sums = block_sums};
    const int64_t columns = tensor->columns > 0 ? tensor->columns : 1;
    job.piece_rows = (MIN_PIECE_FLOATS / columns + 16) / 16 * 16;
    threads_run(threads, (tensor->rows + job.piece_rows - 1) / job.piece_rows, squares_of_piece, &job);

    const int64_t n_blocks = blocks_of(tensor->rows);
    for (int64_t b = 0; b < n_blocks; b++) {
        const int64_t end = (b + 1) * ROW_BLOCK < tensor->rows ? (b + 1) * ROW_BLOCK : tensor->rows;
        double sum = 0.0;
        for (int64_t r = b * ROW_BLOCK; r < end; r++) sum += (double)row_sums[r];
        block_sums[b] = sum;
    }
    return tree_sum(block_sums, n_blocks);
}

double num_sum_squares(const Kernels *k, Threads *threads, const SquaresTensor *tensors, int64_t n_tensors,
                       void *scratch)
{
    double sum = 0.0;
    for (int64_t i = 0; i < n_tensors; i++) sum += tensor_squares(k, threads, &tensors[i], scratch);
    return sum;
}
