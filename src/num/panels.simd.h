/* SPDX-License-Identifier: MIT */
/* num/panels.simd.h: 32 columns of a packed panel as f32, step by step. The scales of a group stay in registers over its steps. */
#ifndef R1_NUM_PANELS_SIMD_H
#define R1_NUM_PANELS_SIMD_H

#include "num/panels.h"

/* A group's scale and offset for 16 columns each. */
typedef struct PanelScales {
    f32x16 s0, s1, o0, o1;
} PanelScales;

VEC_INLINE void panel_put(float *out, f32x16 code0, f32x16 code1, const PanelScales *s, const bool has_offset)
{
    f32x16 x0 = vec_mul(s->s0, code0), x1 = vec_mul(s->s1, code1);
    if (has_offset) {
        x0 = vec_add(x0, s->o0);
        x1 = vec_add(x1, s->o1);
    }
    vec_store(out, x0);
    vec_store(out + 16, x1);
}

VEC_INLINE void panel_group(float *out, const unsigned char *codes, int steps, const PanelScales *s,
                            const int8_t *values, const bool has_offset, const bool nibbles)
{
    for (int i = 0; i < steps; i++, out += GEMM_PANEL) {
        f32x16 code0, code1;
        if (nibbles) {
            vec_from_nibbles(&code0, &code1, codes + 16 * i, values);
        } else {
            code0 = vec_from_i8(codes + 32 * i);
            code1 = vec_from_i8(codes + 32 * i + 16);
        }
        panel_put(out, code0, code1, s, has_offset);
    }
}

VEC_INLINE void panel_blocks(float *out, const QuantTraits *t, const PanelFormat *f, const unsigned char *from,
                             int64_t n, const bool has_scales, const bool has_offset, const bool nibbles)
{
    for (int64_t b = 0; b < n / t->block; b++, from += f->block_bytes) {
        const float *const d = (const float *)(const void *)from;
        const PanelScales whole = {vec_load(d), vec_load(d + 16), has_offset ? vec_load(d + 32) : vec_zero(),
                                   has_offset ? vec_load(d + 48) : vec_zero()};
        const unsigned char *group = from + (has_offset ? 256 : 128);
        for (int64_t g = 0; g < f->groups; g++, group += f->group_bytes, out += t->group * GEMM_PANEL) {
            PanelScales s = whole;
            if (has_scales) {
                s.s0 = vec_mul(whole.s0, vec_from_i8(group));
                s.s1 = vec_mul(whole.s1, vec_from_i8(group + 16));
            }
            if (has_scales && has_offset) {
                s.o0 = vec_mul(whole.o0, vec_from_i8(group + 32));
                s.o1 = vec_mul(whole.o1, vec_from_i8(group + 48));
            }
            panel_group(out, group + f->codes_at, t->group, &s, f->values, has_offset, nibbles);
        }
    }
}

VEC_INLINE void panel_halves(float *out, const unsigned char *from, int64_t n, const bool brain)
{
    for (int64_t i = 0; i < 2 * n; i++, from += 32)
        vec_store(out + 16 * i, brain ? vec_from_bf16(from) : vec_from_f16(from));
}

static void dequantize_panel_simd(float *restrict out, QuantType type, const unsigned char *panel, int64_t n)
{
    const QuantTraits *const t = quant_traits(type);
    const PanelFormat *const f = panel_format(type);
    const bool nibbles = t->code_bits == 4;
    if (type == QUANT_F32)
        for (int64_t i = 0; i < 2 * n; i++)
            vec_store(out + 16 * i, vec_load((const float *)(const void *)panel + 16 * i));
    else if (t->block == 1)
        panel_halves(out, panel, n, type == QUANT_BF16);
    else if (t->has_scales && t->has_offset && nibbles)
        panel_blocks(out, t, f, panel, n, true, true, true);
    else if (t->has_scales && t->has_offset)
        panel_blocks(out, t, f, panel, n, true, true, false);
    else if (t->has_scales && nibbles)
        panel_blocks(out, t, f, panel, n, true, false, true);
    else if (t->has_scales)
        panel_blocks(out, t, f, panel, n, true, false, false);
    else if (t->has_offset && nibbles)
        panel_blocks(out, t, f, panel, n, false, true, true);
    else if (t->has_offset)
        panel_blocks(out, t, f, panel, n, false, true, false);
    else if (nibbles)
        panel_blocks(out, t, f, panel, n, false, false, true);
    else
        panel_blocks(out, t, f, panel, n, false, false, false);
}

#endif
