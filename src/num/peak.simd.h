/* SPDX-License-Identifier: MIT */
/* num/peak.simd.h: the loops that peak.c times. */
#ifndef R1_NUM_PEAK_SIMD_H
#define R1_NUM_PEAK_SIMD_H

/* Twelve chains of registers hide a latency of 4 or 5 cycles on two FMA units, with room: 6 vectors of 16 lanes where a
 * vector is two registers, 12 where it is one. They begin with what `state` holds, which the compiler cannot know: equal
 * chains would be computed once. Returns the operations done. */
enum { PEAK_STEPS = 4096 };

static int64_t peak_fma_simd(float *state)
{
    const f32x16 factor = vec_set(0.999f), shift = vec_set(0.001f);
    f32x16 a = vec_load(state), b = vec_load(state + 16), c = vec_load(state + 32);
    f32x16 d = vec_load(state + 48), e = vec_load(state + 64), f = vec_load(state + 80);
#ifdef VEC_ONE_REGISTER
    f32x16 g = vec_load(state + 96), h = vec_load(state + 112), i = vec_load(state + 128);
    f32x16 j = vec_load(state + 144), k = vec_load(state + 160), l = vec_load(state + 176);
#endif
    for (int step = 0; step < PEAK_STEPS; step++) {
        a = vec_fma(a, factor, shift);
        b = vec_fma(b, factor, shift);
        c = vec_fma(c, factor, shift);
        d = vec_fma(d, factor, shift);
        e = vec_fma(e, factor, shift);
        f = vec_fma(f, factor, shift);
#ifdef VEC_ONE_REGISTER
        g = vec_fma(g, factor, shift);
        h = vec_fma(h, factor, shift);
        i = vec_fma(i, factor, shift);
        j = vec_fma(j, factor, shift);
        k = vec_fma(k, factor, shift);
        l = vec_fma(l, factor, shift);
#endif
    }
    f32x16 sum = vec_add(vec_add(vec_add(a, b), vec_add(c, d)), vec_add(e, f));
    int chains = 6;
#ifdef VEC_ONE_REGISTER
    sum = vec_add(sum, vec_add(vec_add(vec_add(g, h), vec_add(i, j)), vec_add(k, l)));
    chains = 12;
#endif
    vec_store(state, sum);
    return (int64_t)PEAK_STEPS * chains * 16 * 2;
}

/* Reads n floats, a multiple of 128. Maximum rather than sum: one cycle, no rounding, and the loads are all that is left. */
static void peak_read_simd(float *sink, const float *x, int64_t n)
{
    f32x16 a = vec_zero(), b = a, c = a, d = a;
    for (int64_t i = 0; i < n; i += 128) {
        a = vec_max(vec_load(x + i), a);
        b = vec_max(vec_load(x + i + 16), b);
        c = vec_max(vec_load(x + i + 32), c);
        d = vec_max(vec_load(x + i + 48), d);
        a = vec_max(vec_load(x + i + 64), a);
        b = vec_max(vec_load(x + i + 80), b);
        c = vec_max(vec_load(x + i + 96), c);
        d = vec_max(vec_load(x + i + 112), d);
    }
    *sink += vec_sum(vec_max(vec_max(a, b), vec_max(c, d)));
}

#endif
