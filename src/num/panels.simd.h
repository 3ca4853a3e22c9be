/* SPDX-License-Identifier: MIT */
/* num/panels.simd.h: 32 columns of a packed panel, step by step: into memory, for a tile of many rows, or straight into the
 * chains of a few rows.
 *
 * A few rows (decoding) are bound by how fast a weight becomes a float. Going through memory costs them a store and a load of
 * four bytes a weight, and a chunk that does not fit L1 (512 steps) made M = 1 five times slower than that (
 * see docs/kernels.md). So there the values stay in registers: one tile of `rows` rows and two vectors a panel. */
#ifndef R1_NUM_PANELS_SIMD_H
#define R1_NUM_PANELS_SIMD_H

#include "num/panels.h"

#include <string.h>

/* Rows that one pass takes straight: what leaves registers for scales, codes and offsets. */
enum { PANEL_FEW_ROWS = TILE_ROWS >= 8 ? 8 : 2 };

/* Where the values of a step go. rows 0: to out. */
typedef struct PanelSink {
    float *out;
    Tile *tile;
    const float *a;
    int64_t a_row, a_col;
} PanelSink;

VEC_INLINE void panel_step(PanelSink *sink, f32x16 x0, f32x16 x1, const int rows)
{
    if (rows == 0) {
        vec_store(sink->out, x0);
        vec_store(sink->out + 16, x1);
        sink->out += GEMM_PANEL;
        return;
    }
    Tile *const t = sink->tile;
    const float *const a = sink->a, *const a4 = a + 4 * sink->a_row;
    tile_row_step(&t->r0, a[0], x0, x1, 2);
    if (rows > 1) tile_row_step(&t->r1, a[sink->a_row], x0, x1, 2);
    if (rows > 2) tile_row_step(&t->r2, a[2 * sink->a_row], x0, x1, 2);
    if (rows > 3) tile_row_step(&t->r3, a[3 * sink->a_row], x0, x1, 2);
    if (rows > 4) tile_row_step(&t->r4, a4[0], x0, x1, 2);
    if (rows > 5) tile_row_step(&t->r5, a4[sink->a_row], x0, x1, 2);
    if (rows > 6) tile_row_step(&t->r6, a4[2 * sink->a_row], x0, x1, 2);
    if (rows > 7) tile_row_step(&t->r7, a4[3 * sink->a_row], x0, x1, 2);
    sink->a += sink->a_col;
}

/* A group's scale and offset for 16 columns each. */
typedef struct PanelScales {
    f32x16 s0, s1, o0, o1;
} PanelScales;

VEC_INLINE void panel_group(PanelSink *sink, const unsigned char *codes, int steps, const PanelScales *s,
                            const int8_t *values, const bool has_offset, const bool nibbles, const bool e4m3,
                            const int rows)
{
    for (int i = 0; i < steps; i++) {
        f32x16 x0, x1;
        if (nibbles) {
            vec_from_nibbles(&x0, &x1, codes + 16 * i, values);
        } else if (e4m3) {
            x0 = vec_from_e4m3(codes + 32 * i);
            x1 = vec_from_e4m3(codes + 32 * i + 16);
        } else {
            x0 = vec_from_i8(codes + 32 * i);
            x1 = vec_from_i8(codes + 32 * i + 16);
        }
        x0 = vec_mul(s->s0, x0);
        x1 = vec_mul(s->s1, x1);
        if (has_offset) {
            x0 = vec_add(x0, s->o0);
            x1 = vec_add(x1, s->o1);
        }
        panel_step(sink, x0, x1, rows);
    }
}

VEC_INLINE void panel_blocks(PanelSink *sink, const QuantTraits *t, const PanelFormat *f, const unsigned char *from,
                             int64_t n, const bool has_scales, const bool has_offset, const bool nibbles,
                             const bool e4m3, const int rows)
{
    for (int64_t b = 0; b < n / t->block; b++, from += f->block_bytes) {
        const float *const d = (const float *)(const void *)from;
        const PanelScales whole = {vec_load(d), vec_load(d + 16), has_offset ? vec_load(d + 32) : vec_zero(),
                                   has_offset ? vec_load(d + 48) : vec_zero()};
        const unsigned char *group = from + (has_offset ? 256 : 128);
        for (int64_t g = 0; g < f->groups; g++, group += f->group_bytes) {
            PanelScales s = whole;
            if (has_scales) {
                s.s0 = vec_mul(whole.s0, vec_from_i8(group));
                s.s1 = vec_mul(whole.s1, vec_from_i8(group + 16));
            }
            if (has_scales && has_offset) {
                s.o0 = vec_mul(whole.o0, vec_from_i8(group + 32));
                s.o1 = vec_mul(whole.o1, vec_from_i8(group + 48));
            }
            panel_group(sink, group + f->codes_at, t->group, &s, f->values, has_offset, nibbles, e4m3, rows);
        }
    }
}

VEC_INLINE void panel_plain(PanelSink *sink, const unsigned char *from, int64_t n, const QuantType type, const int rows)
{
    for (; n > 0; n--) {
        const float *const f = (const float *)(const void *)from;
        if (type == QUANT_F32)
            panel_step(sink, vec_load(f), vec_load(f + 16), rows);
        else if (type == QUANT_BF16)
            panel_step(sink, vec_from_bf16(from), vec_from_bf16(from + 32), rows);
        else
            panel_step(sink, vec_from_f16(from), vec_from_f16(from + 32), rows);
        from += type == QUANT_F32 ? 128 : 64;
    }
}

/* n steps of a panel of any type. */
VEC_INLINE void panel_run(PanelSink *sink, QuantType type, const unsigned char *panel, int64_t n, const int rows)
{
    const QuantTraits *const t = quant_traits(type);
    const PanelFormat *const f = panel_format(type);
    const bool nibbles = t->code_bits == 4;
    if (type == QUANT_F32)
        panel_plain(sink, panel, n, QUANT_F32, rows);
    else if (type == QUANT_BF16)
        panel_plain(sink, panel, n, QUANT_BF16, rows);
    else if (type == QUANT_F16)
        panel_plain(sink, panel, n, QUANT_F16, rows);
    else if (t->e4m3)
        panel_blocks(sink, t, f, panel, n, false, false, false, true, rows);
    else if (t->has_scales && t->has_offset && nibbles)
        panel_blocks(sink, t, f, panel, n, true, true, true, false, rows);
    else if (t->has_scales && t->has_offset)
        panel_blocks(sink, t, f, panel, n, true, true, false, false, rows);
    else if (t->has_scales && nibbles)
        panel_blocks(sink, t, f, panel, n, true, false, true, false, rows);
    else if (t->has_scales)
        panel_blocks(sink, t, f, panel, n, true, false, false, false, rows);
    else if (t->has_offset && nibbles)
        panel_blocks(sink, t, f, panel, n, false, true, true, false, rows);
    else if (t->has_offset)
        panel_blocks(sink, t, f, panel, n, false, true, false, false, rows);
    else if (nibbles)
        panel_blocks(sink, t, f, panel, n, false, false, true, false, rows);
    else
        panel_blocks(sink, t, f, panel, n, false, false, false, false, rows);
}

static void dequantize_panel_simd(float *restrict out, QuantType type, const unsigned char *panel, int64_t n)
{
    PanelSink sink = {.out = out};
    panel_run(&sink, type, panel, n, 0);
}

/* Rows of C of one panel: `start` and `c` have 32 columns. */
VEC_INLINE void panel_few_of(const Gemm *g, const unsigned char *panel, const float *a, const float *start,
                             int64_t start_row, float *c, int64_t c_row, const int rows)
{
    Tile tile;
    PanelSink sink = {.tile = &tile, .a = a, .a_row = g->a_row, .a_col = g->a_col};
    tile_load(&tile, start, start_row, rows, 2);
    panel_run(&sink, g->blocks_type, panel, g->k, rows);
    tile_store(&tile, c, c_row, rows, 2);
}

static void panel_few_1(const Gemm *g, const unsigned char *p, const float *a, const float *s, int64_t s_row, float *c,
                        int64_t c_row)
{
    panel_few_of(g, p, a, s, s_row, c, c_row, 1);
}
static void panel_few_2(const Gemm *g, const unsigned char *p, const float *a, const float *s, int64_t s_row, float *c,
                        int64_t c_row)
{
    panel_few_of(g, p, a, s, s_row, c, c_row, 2);
}
static void panel_few_4(const Gemm *g, const unsigned char *p, const float *a, const float *s, int64_t s_row, float *c,
                        int64_t c_row)
{
    panel_few_of(g, p, a, s, s_row, c, c_row, PANEL_FEW_ROWS >= 4 ? 4 : 1);
}
static void panel_few_8(const Gemm *g, const unsigned char *p, const float *a, const float *s, int64_t s_row, float *c,
                        int64_t c_row)
{
    panel_few_of(g, p, a, s, s_row, c, c_row, PANEL_FEW_ROWS >= 8 ? 8 : 1);
}

/* C of `width` columns through 32 on the stack: what the chains begin with, and what they end in. */
static void panel_few(const Gemm *g, const unsigned char *panel, int64_t column, int64_t width, int64_t row, int rows)
{
    float c[8 * GEMM_PANEL] = {0};
    for (int i = 0; i < rows; i++) {
        float *const from = g->c + (row + i) * g->c_row + column;
        if (g->accumulate)
            memcpy(c + i * GEMM_PANEL, from, (size_t)width * sizeof *c);
        else if (g->bias)
            memcpy(c + i * GEMM_PANEL, g->bias + column, (size_t)width * sizeof *c);
    }
    const float *const a = g->a + row * g->a_row;
    if (rows == 8)
        panel_few_8(g, panel, a, c, GEMM_PANEL, c, GEMM_PANEL);
    else if (rows == 4)
        panel_few_4(g, panel, a, c, GEMM_PANEL, c, GEMM_PANEL);
    else if (rows == 2)
        panel_few_2(g, panel, a, c, GEMM_PANEL, c, GEMM_PANEL);
    else
        panel_few_1(g, panel, a, c, GEMM_PANEL, c, GEMM_PANEL);
    for (int i = 0; i < rows; i++)
        memcpy(g->c + (row + i) * g->c_row + column, c + i * GEMM_PANEL, (size_t)width * sizeof *c);
}

static void gemm_few_simd(const Gemm *g)
{
    for (int64_t column = 0; column < g->n; column += GEMM_PANEL) {
        const unsigned char *const panel = g->blocks + column / GEMM_PANEL * g->blocks_panel;
        const int64_t width = g->n - column < GEMM_PANEL ? g->n - column : GEMM_PANEL;
        for (int64_t row = 0; row < g->m;) {
            int rows = PANEL_FEW_ROWS;
            while (rows > g->m - row) rows /= 2;
            panel_few(g, panel, column, width, row, rows);
            row += rows;
        }
    }
}

#endif
