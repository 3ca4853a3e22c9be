/* SPDX-License-Identifier: MIT */
/* num/swiglu.c: the definition of h = silu(g) * u (Shazeer, arXiv 2002.05202) and its gradient. */
#include "num/definitions.h"

#include "num/math_inline.h"

void swiglu_c(float *restrict h, const float *restrict gate_up, int64_t T, int64_t F)
{
    for (int64_t t = 0; t < T; t++, h += F, gate_up += 2 * F)
        for (int64_t i = 0; i < F; i++) h[i] = (gate_up[i] * math_sigmoid_inline(gate_up[i])) * gate_up[F + i];
}

/* h = (g * s) * u, s = sigmoid(g), ds/dg = s (1 - s). */
void swiglu_backward_c(float *restrict dgate_up, float *restrict dh, const float *restrict gate_up, int64_t T,
                       int64_t F)
{
    for (int64_t t = 0; t < T; t++, dh += F, gate_up += 2 * F, dgate_up += 2 * F)
        for (int64_t i = 0; i < F; i++) {
            const float g = gate_up[i], u = gate_up[F + i];
            const float s = math_sigmoid_inline(g);
            dgate_up[F + i] = dh[i] * (g * s);
            dgate_up[i] = (dh[i] * u) * (s * fmaf(g, 1.0f - s, 1.0f));
            dh[i] = (g * s) * u;
        }
}
