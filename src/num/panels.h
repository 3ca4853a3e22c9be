/* SPDX-License-Identifier: MIT */
/* num/panels.h: weight matrices in panels of 32 outputs that keep the type they were stored in.
 *
 * A product with such a matrix takes some steps of k of a panel apart into f32 and goes on as with an f32 panel: the chains of
 * fused multiply-adds are those of the dequantised matrix, bit for bit, while memory is read at the stored width.
 *
 *   plain types   step k: 32 elements of columns 0 .. 31, as f16, bf16 or f32
 *   quantised     block of `traits.block` steps:
 *                   d f32[32] | m f32[32] (types with an offset) |
 *                   each group of steps: scale i8[32] (types with scales) | offset i8[32] (with both) |
 *                     step k: 32 codes: a nibble each (column j low and column j + 16 high in byte j), or int8 or
 *                     e4m3 each
 *
 * Columns past n_out are zeros. Types of up to 4 bits take 4.4 to 6 bits a weight, others 8.6 to 10. */
#ifndef R1_NUM_PANELS_H
#define R1_NUM_PANELS_H

#include "base/threads.h"
#include "num/kernels.h"
#include "num/quant.h"

typedef struct Panels {
    QuantType type;
    int64_t n_out, n_in;       /* n_in a multiple of the type's block */
    const unsigned char *data; /* 64-byte aligned */
} Panels;

/* Bytes of one panel, and of all. */
int64_t panels_panel_bytes(QuantType type, int64_t n_in);
int64_t panels_bytes(QuantType type, int64_t n_out, int64_t n_in);

/* Where row `row` of W begins, in the type's stored bytes. */
typedef const unsigned char *(*PanelsRow)(const void *context, int64_t row);
/* false: a value is not a finite number. */
bool panels_pack(unsigned char *data, QuantType type, int64_t n_out, int64_t n_in, PanelsRow row_of,
                 const void *context, Threads *threads);
/* Row `row` of W in f32, n_in floats: the look-up of an embedding. */
void panels_row(float *out, const Panels *panels, int64_t row);

/* Y[M, n_out] = X[M, n_in] W^T + bias, y rows y_row apart. For gemm_run. */
Gemm panels_forward(float *y, int64_t y_row, const float *x, int64_t x_row, const Panels *panels, const float *bias,
                    int64_t M);
/* dX[M, n_in] = dY[M, n_out] W, one chain over outputs ascending; accumulate: it goes on from dX. W is taken apart and turned some
 * columns at a time, on the stack. For gemm_run. */
Gemm panels_by_input(float *dx, int64_t dx_row, const float *dy, int64_t dy_row, const Panels *panels, int64_t M,
                     bool accumulate);
/* What gemm_run does for a piece of such products. */
void gemm_blocks(const Kernels *k, const Gemm *g);
/* Columns of C that a piece must be a multiple of, but for the last. */
int64_t gemm_column_grain(const Gemm *g);

/* For the files of num/ alone: what the kernels that take blocks apart share. */
typedef struct PanelFormat {
    int64_t block_bytes; /* of one block of a panel */
    int64_t groups, group_bytes, codes_at;
    int8_t values[16]; /* of nibbles */
} PanelFormat;
const PanelFormat *panel_format(QuantType type);

#endif
