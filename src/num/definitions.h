/* SPDX-License-Identifier: MIT */
/* num/definitions.h: the plain-C definitions that kernels.c puts into the table, and what they share. Private to num/. */
#ifndef R1_NUM_DEFINITIONS_H
#define R1_NUM_DEFINITIONS_H

#include "num/kernels.h"

/* 16 lanes folded by halves: 8, 4, 2, 1. */
static inline float lanes_sum(const float lane[NUM_LANES])
{
    float fold[NUM_LANES / 2];
    for (int i = 0; i < 8; i++) fold[i] = lane[i] + lane[i + 8];
    for (int i = 0; i < 4; i++) fold[i] = fold[i] + fold[i + 4];
    for (int i = 0; i < 2; i++) fold[i] = fold[i] + fold[i + 2];
    return fold[0] + fold[1];
}

static inline float lanes_max(const float lane[NUM_LANES])
{
    float fold[NUM_LANES / 2];
    for (int i = 0; i < 8; i++) fold[i] = lane[i] > lane[i + 8] ? lane[i] : lane[i + 8];
    for (int i = 0; i < 4; i++) fold[i] = fold[i] > fold[i + 4] ? fold[i] : fold[i + 4];
    for (int i = 0; i < 2; i++) fold[i] = fold[i] > fold[i + 2] ? fold[i] : fold[i + 2];
    return fold[0] > fold[1] ? fold[0] : fold[1];
}

void gemm_c(const Gemm *g);
void dequantize_panel_c(float *restrict out, QuantType type, const unsigned char *panel, int64_t n);
void attention_forward_c(const AttentionForward *a);
void attention_backward_c(const AttentionBackward *a);
void rms_norm_c(float *restrict y, float *restrict rstd, const float *restrict x, const float *restrict w, int64_t T,
                int64_t D, float eps);
void rms_norm_backward_c(float *restrict dx, const float *restrict dy, const float *restrict x,
                         const float *restrict rstd, const float *restrict w, int64_t T, int64_t D);
void rms_norm_backward_weight_c(float *restrict dw, const float *restrict dy, const float *restrict x,
                                const float *restrict rstd, int64_t T, int64_t n, int64_t D);
void sum_rows_c(float *restrict acc, const float *restrict x, int64_t T, int64_t n, int64_t row);
float dot_c(const float *x, const float *y, int64_t n);
void add_c(float *y, const float *a, const float *b, int64_t n);
void rope_c(float *restrict x, const float *restrict cos, const float *restrict sin, const int32_t *restrict position,
            int64_t T, int64_t n_heads, int64_t C, int64_t row, bool inverse);
void rope_neighbours_c(float *restrict x, const float *restrict cos, const float *restrict sin,
                       const int32_t *restrict position, int64_t T, int64_t n_heads, int64_t head, int64_t C,
                       int64_t row, bool inverse);
void swiglu_c(float *restrict h, const float *restrict gate_up, int64_t T, int64_t F);
void swiglu_backward_c(float *restrict dgate_up, float *restrict dh, const float *restrict gate_up, int64_t T,
                       int64_t F);
void head_row_c(HeadRow *out, float *restrict masses, double *restrict block_sums, const float *restrict logits,
                int64_t V, float inv_temperature);
void head_row_backward_c(float *restrict logits, const HeadRow *row, int64_t V, int32_t target, float a, float b,
                         float inv_temperature);
void distill_row_c(DistillSums *sums, const float *restrict student, const float *restrict teacher, int64_t V,
                   const DistillScale *scale, DistillMode mode);
void distill_row_backward_c(float *restrict student, const float *restrict teacher, const DistillSums *sums, int64_t V,
                            const DistillScale *scale, DistillMode mode, float a);
void adamw_c(float *restrict p, float *restrict m, float *restrict v, const float *restrict g, int64_t n,
             const AdamwStep *step);
void row_squares_c(float *restrict out, const float *restrict x, int64_t rows, int64_t columns);
void exp_f32_c(float *y, const float *x, int64_t n);
void log_f32_c(float *y, const float *x, int64_t n);

/* What peak.c times: `fma` works on state[PEAK_STATE] and returns the operations it did; `read` reads n floats, a multiple of
 * 128, and leaves something in *sink, so that nothing is optimised away. */
enum { PEAK_STATE = 192 };
typedef struct PeakLoops {
    int64_t (*fma)(float *state);
    void (*read)(float *sink, const float *x, int64_t n);
} PeakLoops;
void peak_loops_avx2(PeakLoops *loops);
void peak_loops_avx512(PeakLoops *loops);

void kernels_add_avx2(Kernels *k);
void kernels_add_avx512(Kernels *k);

#endif
