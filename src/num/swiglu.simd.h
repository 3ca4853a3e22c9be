/* SPDX-License-Identifier: MIT */
/* num/swiglu.simd.h: swiglu.c over 16 channels. */
#ifndef R1_NUM_SWIGLU_SIMD_H
#define R1_NUM_SWIGLU_SIMD_H

#include "num/kernels.h"

static void swiglu_simd(float *restrict h, const float *restrict gate_up, int64_t T, int64_t F)
{
    for (int64_t t = 0; t < T; t++, h += F, gate_up += 2 * F) {
        int64_t i = 0;
        for (; i + 16 <= F; i += 16) {
            const f32x16 g = vec_load(gate_up + i);
            vec_store(h + i, vec_mul(vec_mul(g, vec_sigmoid(g)), vec_load(gate_up + F + i)));
        }
        if (i < F) {
            const f32x16 g = vec_load_first(gate_up + i, F - i);
            const f32x16 y = vec_mul(vec_mul(g, vec_sigmoid(g)), vec_load_first(gate_up + F + i, F - i));
            vec_store_first(h + i, y, F - i);
        }
    }
}

/* h = (g * s) * u: turns *g into dg, *u into du, *dh into h. */
VEC_INLINE void swiglu_gradient(f32x16 *g, f32x16 *u, f32x16 *dh)
{
    const f32x16 one = vec_set(1.0f), s = vec_sigmoid(*g), silu = vec_mul(*g, s);
    const f32x16 h = vec_mul(silu, *u), du = vec_mul(*dh, silu);
    const f32x16 slope = vec_mul(s, vec_fma(*g, vec_sub(one, s), one));
    *g = vec_mul(vec_mul(*dh, *u), slope);
    *u = du;
    *dh = h;
}

static void swiglu_backward_simd(float *restrict dgate_up, float *restrict dh, const float *restrict gate_up, int64_t T,
                                 int64_t F)
{
    for (int64_t t = 0; t < T; t++, dh += F, gate_up += 2 * F, dgate_up += 2 * F) {
        int64_t i = 0;
        for (; i + 16 <= F; i += 16) {
            f32x16 g = vec_load(gate_up + i), u = vec_load(gate_up + F + i), d = vec_load(dh + i);
            swiglu_gradient(&g, &u, &d);
            vec_store(dgate_up + i, g);
            vec_store(dgate_up + F + i, u);
            vec_store(dh + i, d);
        }
        if (i < F) {
            const int64_t n = F - i;
            f32x16 g = vec_load_first(gate_up + i, n), u = vec_load_first(gate_up + F + i, n);
            f32x16 d = vec_load_first(dh + i, n);
            swiglu_gradient(&g, &u, &d);
            vec_store_first(dgate_up + i, g, n);
            vec_store_first(dgate_up + F + i, u, n);
            vec_store_first(dh + i, d, n);
        }
    }
}

#endif
