/* SPDX-License-Identifier: MIT */
/* num/gemm.c: the definition of the matrix product: every output is one chain of fused multiply-adds over k ascending.
 *
 * Written panel by panel with the columns innermost, so that a compiler vectorises over outputs and leaves each chain whole. */
#include "num/definitions.h"

#include <math.h>

/* One row of one panel: `columns` of its 32 outputs. Inlined with a constant for full panels. */
static inline void row_of_panel(const Gemm *g, int64_t i, int64_t panel, int64_t columns)
{
    const float *restrict a = g->a + i * g->a_row;
    const float *restrict b = g->b + panel * g->b_panel;
    float *restrict c = g->c + i * g->c_row + panel * GEMM_PANEL;
    float sum[GEMM_PANEL];
    for (int64_t j = 0; j < columns; j++)
        sum[j] = g->accumulate ? c[j] : g->bias ? g->bias[panel * GEMM_PANEL + j] : 0.0f;
    for (int64_t k = 0; k < g->k; k++, a += g->a_col, b += g->b_row)
        for (int64_t j = 0; j < columns; j++) sum[j] = fmaf(*a, b[j], sum[j]);
    for (int64_t j = 0; j < columns; j++) c[j] = sum[j];
}

void gemm_c(const Gemm *g)
{
    const int64_t full_panels = g->n / GEMM_PANEL, rest = g->n % GEMM_PANEL;
    for (int64_t panel = 0; panel < full_panels; panel++)
        for (int64_t i = 0; i < g->m; i++) row_of_panel(g, i, panel, GEMM_PANEL);
    if (rest > 0)
        for (int64_t i = 0; i < g->m; i++) row_of_panel(g, i, full_panels, rest);
}
