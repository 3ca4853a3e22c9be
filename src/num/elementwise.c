/* SPDX-License-Identifier: MIT */
/* num/elementwise.c: definitions of one row or array: sums, a dot product, functions of arrays, AdamW, squares of rows. */
#include "num/definitions.h"

#include "num/math_inline.h"

float dot_c(const float *x, const float *y, int64_t n)
{
    float lane[NUM_LANES] = {0};
    for (int64_t i = 0; i < n; i++) lane[i % NUM_LANES] = fmaf(x[i], y[i], lane[i % NUM_LANES]);
    return lanes_sum(lane);
}

void add_c(float *y, const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = a[i] + b[i];
}

void sum_rows_c(float *restrict acc, const float *restrict x, int64_t T, int64_t n, int64_t row)
{
    for (int64_t t = 0; t < T; t++, x += row)
        for (int64_t i = 0; i < n; i++) acc[i] += x[i];
}

void exp_f32_c(float *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = math_exp_inline(x[i]);
}

void log_f32_c(float *y, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) y[i] = math_log_inline(x[i]);
}

void adamw_c(float *restrict p, float *restrict m, float *restrict v, const float *restrict g, int64_t n,
             const AdamwStep *step)
{
    const AdamwStep k = *step;
    for (int64_t i = 0; i < n; i++) {
        const float grad = g[i] * k.grad_scale;
        const float decayed = p[i] * k.decay;
        m[i] = fmaf(k.beta1, m[i], k.one_minus_beta1 * grad);
        v[i] = fmaf(k.beta2, v[i], (k.one_minus_beta2 * grad) * grad);
        const float denominator = sqrtf(v[i]) * k.inv_sqrt_bias2 + k.eps;
        p[i] = fmaf(-k.step_size, m[i] / denominator, decayed);
    }
}

/* One chain a row; eight rows at once, because one chain alone waits for its own latency. */
void row_squares_c(float *restrict out, const float *restrict x, int64_t rows, int64_t columns)
{
    int64_t r = 0;
    for (; r + 8 <= rows; r += 8, x += 8 * columns) {
        float s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0;
        for (int64_t i = 0; i < columns; i++) {
            const float *restrict column = x + i;
            s0 = fmaf(column[0], column[0], s0);
            s1 = fmaf(column[columns], column[columns], s1);
            s2 = fmaf(column[2 * columns], column[2 * columns], s2);
            s3 = fmaf(column[3 * columns], column[3 * columns], s3);
            s4 = fmaf(column[4 * columns], column[4 * columns], s4);
            s5 = fmaf(column[5 * columns], column[5 * columns], s5);
            s6 = fmaf(column[6 * columns], column[6 * columns], s6);
            s7 = fmaf(column[7 * columns], column[7 * columns], s7);
        }
        out[r] = s0, out[r + 1] = s1, out[r + 2] = s2, out[r + 3] = s3;
        out[r + 4] = s4, out[r + 5] = s5, out[r + 6] = s6, out[r + 7] = s7;
    }
    for (; r < rows; r++, x += columns) {
        float sum = 0;
        for (int64_t i = 0; i < columns; i++) sum = fmaf(x[i], x[i], sum);
        out[r] = sum;
    }
}
