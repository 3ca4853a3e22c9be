/* SPDX-License-Identifier: MIT */
/* num/kernels.h: the table of kernels. Each has one plain-C definition (num/<family>.c) whose bits every ISA reproduces.
 *
 * All are serial: num/gemm.h and model/ split outputs over threads. None allocates, none fails. Pointers are restrict in the
 * implementations: operands of one call never overlap unless the comment says "in place". Matrices are row-major; a stride is
 * in floats. Orders of every sum: docs/numerics.md. */
#ifndef R1_NUM_KERNELS_H
#define R1_NUM_KERNELS_H

#include "num/cpu.h"
#include "num/quant.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    NUM_LANES = 16,    /* element i of a short row reduction adds into lane i mod 16 */
    GEMM_PANEL = 32,   /* columns of B that stand together in a packed panel */
    KV_BLOCK = 16,     /* keys in one block of a KV cache */
    HEAD_BLOCK = 1024, /* ids in one block of softmax masses */
};

/* C[m,n] = chain over k ascending of fma(A[m,k], B[k,n], acc), acc starting at C (accumulate), else bias[n], else +0.
 *   A[i,k] = a[i * a_row + k * a_col]            one of a_row, a_col is 1 (or both strides arbitrary when m or k is 1)
 *   B[k,j] = b[(j / 32) * b_panel + k * b_row + j % 32]
 *            packed panels: b_row = 32, b_panel = 32 * K;  row-major [K,N]: b_row = N, b_panel = 32
 *   C[i,j] = c[i * c_row + j]
 * Packed panels are padded with zeros to a multiple of 32 columns; a row-major B is never read past column n - 1, C never
 * written past it. */
typedef struct Gemm {
    int64_t m, n, k;
    const float *a;
    int64_t a_row, a_col;
    const float *b;
    int64_t b_row, b_panel;
    float *c;
    int64_t c_row;
    const float *bias; /* [n] or NULL */
    bool accumulate;
    /* Instead of b: panels that keep their stored type (num/panels.h), blocks_panel bytes apart. For gemm_run alone.
     * blocks_turned: b is the matrix W itself, row n of it k-step n, from column blocks_column on; else b is W transposed. */
    const unsigned char *blocks;
    int64_t blocks_panel;
    QuantType blocks_type;
    bool blocks_turned;
    int64_t blocks_column;
} Gemm;

/* Causal attention of n_queries consecutive tokens of one sequence for the n_heads query heads that share one kv head.
 * Query i of head h stands at position first_position + i and sees keys 0 .. first_position + i.
 *   s[j] = (chain over channels ascending of q[c] * k[j][c], from +0) * scale
 *   row_max = max_j s[j];  p[j] = exp(s[j] - row_max);  row_sum = sum_j p[j], key j into lane j mod 16, lanes folded by halves
 *   out[c] = (chain over keys ascending of p[j] * v[j][c], from +0) * (1 / row_sum)
 * Keys past a query's own position, up to the end of its block of 16, take part with p = 0. */
typedef struct AttentionForward {
    int64_t n_queries, n_heads, head_dim, first_position;
    int64_t value_dim,
        v_row; /* channels of a value, at most head_dim; floats between two values, at least value_dim rounded up to 16 */
    const float *q; /* q[i * q_row + h * q_head + c] */
    int64_t q_row, q_head;
    const float *const
        *k_blocks; /* [n_blocks] of [head_dim][16]: key j is column j % 16 of block j / 16; unused columns finite */
    const float *const
        *v_blocks; /* [n_blocks] of [16][v_row]; pads up to value_dim rounded up to 16 and unused rows finite */
    const float *const
        *next_k_blocks; /* [n_next_blocks] blocks that the next call will read, asked for ahead; may be NULL */
    int64_t n_next_blocks;
    float scale;
    float *out; /* out[i * out_row + h * out_head + c], c < value_dim */
    int64_t out_row, out_head;
    float *row_max, *row_sum; /* [i * n_stats + h], both or neither NULL */
    int64_t n_stats;
    float *scratch; /* attention_forward_scratch() floats, 64-byte aligned */
} AttentionForward;

/* Backward of the above for one sequence and kv head; k, v, dk, dv cover all keys 0 .. n_keys - 1 with
 * n_keys = first_position + n_queries (the shared prompt's keys first). p is recomputed by the forward's expression from the
 * stored row_max and row_sum:  p[j] = exp(s[j] - row_max) * (1 / row_sum).
 *   D = lanes sum over channels of dout[c] * out[c];  dp[j] = chain over channels of dout[c] * v[j][c]
 *   ds[j] = (p[j] * (dp[j] - D)) * scale
 *   dq[c] = chain over keys ascending of ds[j] * k[j][c], from +0                                        (overwritten)
 *   dk[j][c], dv[j][c]: chains carried on from what they hold; heads ascending, in each queries ascending:
 *       dv[j][c] = fma(p[j], dout[c], dv[j][c]);  dk[j][c] = fma(ds[j], q[c], dk[j][c])
 * Terms of keys that a query does not see take part as p = ds = 0. */
typedef struct AttentionBackward {
    int64_t n_queries, n_heads, head_dim, first_position;
    int64_t value_dim;              /* channels of a value, of out and of dout */
    const float *q, *out, *dout;    /* q[i * q_row + h * q_head + c], out and dout[i * out_row + h * out_head + c] */
    int64_t q_row, q_head;          /* strides of q and dq */
    int64_t out_row, out_head;      /* strides of out and dout */
    const float *row_max, *row_sum; /* [i * n_stats + h] */
    int64_t n_stats;
    const float *k;        /* [n_keys rounded up to 16][kv_row], pads zero; kv_row = attention_channels(head_dim) */
    const float *k_blocks; /* [n_blocks][head_dim][16] contiguous */
    const float *v_blocks; /* V transposed like k_blocks: [value_dim][16] each, v_block floats apart */
    int64_t v_block;
    int64_t kv_row;
    float scale;
    float *dq;      /* strides of q */
    float *dk, *dv; /* [n_keys rounded up to 16][kv_row]: head_dim and value_dim channels of each row */
    float *scratch; /* attention_backward_scratch() floats, 64-byte aligned */
} AttentionBackward;

/* AdamW (Loshchilov & Hutter, arXiv 1711.05101), PyTorch's order of operations, one step for n elements in place:
 *   g' = g * grad_scale;  p1 = p * decay;  m = fma(beta1, m, one_minus_beta1 * g');  v = fma(beta2, v, (one_minus_beta2 * g') * g')
 *   denom = sqrt(v) * inv_sqrt_bias2 + eps  (mul, then add);  p = fma(-step_size, m / denom, p1)
 * decay = 1 - lr * weight_decay, step_size = lr / (1 - beta1^t), inv_sqrt_bias2 = 1 / sqrt(1 - beta2^t): computed in f64,
 * rounded once to f32. */
typedef struct AdamwStep {
    float grad_scale, decay, beta1, one_minus_beta1, beta2, one_minus_beta2, inv_sqrt_bias2, eps, step_size;
} AdamwStep;

/* What one row of logits z[V] amounts to at inverse temperature t:  y = z * t;  y_max = max y;  mass = exp(y - y_max). */
typedef struct HeadRow {
    float y_max;
    double sum;        /* of masses: blocks of 1024 ids, each 16 f32 lanes folded by halves, blocks ascending in f64 */
    double sum_mass_y; /* of mass * (y - y_max) the same way: entropy = log(sum) - sum_mass_y / sum, in nats */
} HeadRow;

/* What distillation makes of two rows of logits, a student's z and a teacher's q, at inverse temperature t (num/distill.h). */
typedef enum DistillMode { DISTILL_FORWARD, DISTILL_REVERSE, DISTILL_MIXTURE } DistillMode;
typedef struct DistillSoftmax {
    float y_max, log_sum, inv_sum; /* f32 of log(sum) and of 1 / sum of a HeadRow */
} DistillSoftmax;
typedef struct DistillScale {
    float t;
    DistillSoftmax student, teacher;
    float log_student_share, log_teacher_share; /* f32 of log(1 - beta) and log(beta) */
} DistillScale;
/* KL(teacher || m) and KL(student || m), nats; m is the student, the teacher or the mixture, by mode; 0: not asked for. */
typedef struct DistillSums {
    double teacher, student;
} DistillSums;

typedef struct Kernels {
    Isa isa;

    void (*gemm)(const Gemm *g);
    /* The same with blocks in place of b, for few rows. few_rows: up to how many it is the faster way; the definition of the values is
     * dequantize_panel's. */
    void (*gemm_few)(const Gemm *g);
    int64_t few_rows;
    /* n steps (whole blocks) of a packed panel of this type: out[n][32]. Exact: the values of quant_dequantize. */
    void (*dequantize_panel)(float *out, QuantType type, const unsigned char *panel, int64_t n);

    void (*attention_forward)(const AttentionForward *a);
    void (*attention_backward)(const AttentionBackward *a);

    /* y = (x * rstd) * w for T rows of D; rstd = 1 / sqrt(lanes_sum(x * x) / D + eps), stored in rstd[T] when not NULL. */
    void (*rms_norm)(float *y, float *rstd, const float *x, const float *w, int64_t T, int64_t D, float eps);
    /* xhat = x * rstd;  g = dy * w;  mean = lanes_sum(g * xhat) / D;  dx += rstd * (g - xhat * mean)  [t = fma(-xhat, mean, g); dx = fma(rstd, t, dx)] */
    void (*rms_norm_backward)(float *dx, const float *dy, const float *x, const float *rstd, const float *w, int64_t T,
                              int64_t D);
    /* dw[i] = fma(dy[t][i], x[t][i] * rstd[t], dw[i]), t ascending, for columns i in [0, n); rows have stride D. */
    void (*rms_norm_backward_weight)(float *dw, const float *dy, const float *x, const float *rstd, int64_t T,
                                     int64_t n, int64_t D);
    /* acc[i] += x[t * row + i], t ascending, i in [0, n): gradient of a bias. */
    void (*sum_rows)(float *acc, const float *x, int64_t T, int64_t n, int64_t row);
    /* Lanes of fma(x, y, lane) over n elements, folded by halves. */
    float (*dot)(const float *x, const float *y, int64_t n);
    /* y = a + b, n elements; y may be a or b (in place). */
    void (*add)(float *y, const float *a, const float *b, int64_t n);

    /* Half-split rotation in place (Su et al. 2104.09864, Hugging Face's pairing of c with c + C/2), T rows of n_heads heads:
     *   x1' = fma(x1, cos, -(x2 * sin));  x2' = fma(x2, cos, x1 * sin)
     * cos, sin: [position][C / 2]; position[t] picks the row; x[t * row + h * C + c]. inverse: sin is negated (the backward). */
    void (*rope)(float *x, const float *cos, const float *sin, const int32_t *position, int64_t T, int64_t n_heads,
                 int64_t C, int64_t row, bool inverse);
    /* The same of neighbours, as in the paper: x1 = x[2i], x2 = x[2i + 1]; heads of C channels stand `head` floats apart. */
    void (*rope_neighbours)(float *x, const float *cos, const float *sin, const int32_t *position, int64_t T,
                            int64_t n_heads, int64_t head, int64_t C, int64_t row, bool inverse);

    /* h = (g * sigmoid(g)) * u, gate_up rows [g: F | u: F], h rows [F]. sigmoid as math_sigmoid_f32. */
    void (*swiglu)(float *h, const float *gate_up, int64_t T, int64_t F);
    /* s = sigmoid(g);  du = dh * (g * s);  dg = (dh * u) * (s * fma(g, 1 - s, 1)). dgate_up laid out as gate_up, overwritten.
     * In place of dh the h of the forward, which the gradient of the matrix behind it needs: s is at hand here. */
    void (*swiglu_backward)(float *dgate_up, float *dh, const float *gate_up, int64_t T, int64_t F);

    /* Fills masses[V] (may be NULL) and block_sums[ceil(V / 1024)] (f64, may be NULL) and the row's summary. */
    void (*head_row)(HeadRow *out, float *masses, double *block_sums, const float *logits, int64_t V,
                     float inv_temperature);
    /* Gradient by the logits of  a * logprob(target) + b * entropy, in place of the logits:
     *   p = mass * inv_sum (f32 of 1 / sum), mass recomputed as exp(z * t - y_max);  at = a * t;  bt = b * t
     *   dz = (j == target ? at : 0) - at * p   [target: fma(-at, p, at); else: -(at * p)]
     *   b != 0:  dz = fma(-(bt * p), (z * t - y_max) - log_sum + entropy, dz), log_sum and entropy as f32 */
    void (*head_row_backward)(float *logits, const HeadRow *row, int64_t V, int32_t target, float a, float b,
                              float inv_temperature);

    /* The divergence's sums, as head_row adds: y = z * t - y_max;  p = exp(y) * inv_sum;  l = y - log_sum;  likewise of the teacher;
     * a lane takes fma(p, l - lm, lane). lm is the other's l, or, in the mixture, high + log(1 + exp(low - high)) of
     * l + log_student_share and the teacher's l + log_teacher_share. */
    void (*distill_row)(DistillSums *sums, const float *student, const float *teacher, int64_t V,
                        const DistillScale *scale, DistillMode mode);
    /* Gradient of a / t times the divergence by the student's logits, in their place. S = f32 of sums->student:
     *   forward: dz = a * (p - p of the teacher);  else: dz = (a * p) * ((l - lm) - S), a with (1 - beta) in it for the mixture */
    void (*distill_row_backward)(float *student, const float *teacher, const DistillSums *sums, int64_t V,
                                 const DistillScale *scale, DistillMode mode, float a);

    void (*adamw)(float *p, float *m, float *v, const float *g, int64_t n, const AdamwStep *step);
    /* out[r] = chain over columns ascending of x * x, one f32 chain a row (contract 2). */
    void (*row_squares)(float *out, const float *x, int64_t rows, int64_t columns);
    /* y[i] = math_exp_f32(x[i]) and so on, for tests and tables: in place allowed. */
    void (*exp_f32)(float *y, const float *x, int64_t n);
    void (*log_f32)(float *y, const float *x, int64_t n);
} Kernels;

/* The table for this ISA, which must be one cpu_has(). Plain value: tests hold two side by side. */
Kernels kernels_for(Isa isa);

/* head_dim rounded up to 16: the row length of values in blocks. */
int64_t attention_channels(int64_t head_dim);
int64_t attention_forward_scratch(int64_t n_keys, int64_t head_dim);  /* floats */
int64_t attention_backward_scratch(int64_t n_keys, int64_t head_dim); /* floats */

#endif
