/* SPDX-License-Identifier: MIT */
/* num/panels.c: packing of stored weights into panels, and the product that takes them apart piece by piece. The definition of
 * `dequantize_panel` stands here; panels.simd.h has the same over 16 lanes. */
#include "num/panels.h"

#include "num/definitions.h"
#include "num/fp8.h"
#include "num/half.h"

#include <math.h>
#include <string.h>

enum { CHUNK_STEPS = 256 };                            /* a multiple of every block: 32 KB of f32 */
enum { TURNED_FLOATS = 1 << 14, TURNED_COLUMNS = 64 }; /* of W row by row: 64 KB in L2 */

#define LINEAR(low)                                                                                                    \
    {                                                                                                                  \
        low, low + 1, low + 2, low + 3, low + 4, low + 5, low + 6, low + 7, low + 8, low + 9, low + 10, low + 11,      \
            low + 12, low + 13, low + 14, low + 15                                                                     \
    }
#define IQ4                                                                                                            \
    {                                                                                                                  \
        -127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113                                       \
    }

/* Fields: bytes of a block, groups in it, bytes of a group, where a group's codes begin, values of nibbles. */
static const PanelFormat FORMATS[N_QUANT_TYPES] = {
    [QUANT_F32] = {128, 0, 0, 0, {0}},
    [QUANT_F16] = {64, 0, 0, 0, {0}},
    [QUANT_BF16] = {64, 0, 0, 0, {0}},
    [QUANT_Q4_0] = {128 + 512, 1, 512, 0, LINEAR(-8)},
    [QUANT_Q4_1] = {256 + 512, 1, 512, 0, LINEAR(0)},
    [QUANT_Q5_0] = {128 + 1024, 1, 1024, 0, {0}},
    [QUANT_Q5_1] = {256 + 1024, 1, 1024, 0, {0}},
    [QUANT_Q8_0] = {128 + 1024, 1, 1024, 0, {0}},
    [QUANT_Q2_K] = {256 + 16 * 320, 16, 320, 64, LINEAR(0)},
    [QUANT_Q3_K] = {128 + 16 * 288, 16, 288, 32, LINEAR(-4)},
    [QUANT_Q4_K] = {256 + 8 * 576, 8, 576, 64, LINEAR(0)},
    [QUANT_Q5_K] = {256 + 8 * 1088, 8, 1088, 64, {0}},
    [QUANT_Q6_K] = {128 + 16 * 544, 16, 544, 32, {0}},
    [QUANT_IQ4_NL] = {128 + 512, 1, 512, 0, IQ4},
    [QUANT_IQ4_XS] = {128 + 8 * 544, 8, 544, 32, IQ4},
    [QUANT_F8_E4M3] = {128 + 4096, 1, 4096, 0, {0}},
};

const PanelFormat *panel_format(QuantType type)
{
    return &FORMATS[type];
}

int64_t panels_panel_bytes(QuantType type, int64_t n_in)
{
    return n_in / quant_traits(type)->block * FORMATS[type].block_bytes;
}

int64_t panels_bytes(QuantType type, int64_t n_out, int64_t n_in)
{
    return (n_out + GEMM_PANEL - 1) / GEMM_PANEL * panels_panel_bytes(type, n_in);
}

/* ---- packing ---- */

typedef struct PackJob {
    unsigned char *data;
    QuantType type;
    int64_t n_out, n_in;
    PanelsRow row_of;
    const void *context;
    _Atomic bool not_finite;
} PackJob;

static bool is_finite_plain(const unsigned char *from, QuantType type)
{
    float value;
    uint16_t half;
    memcpy(&half, from, sizeof half);
    if (type == QUANT_F32)
        memcpy(&value, from, sizeof value);
    else
        value = type == QUANT_F16 ? f32_from_f16(half) : f32_from_bf16(half);
    return isfinite(value);
}

/* No code is a NaN, and none becomes an infinity by its scale. */
static bool is_finite_e4m3(const QuantBlock *b)
{
    bool finite = isfinite(448.0f * b->d);
    for (int i = 0; i < FP8_BLOCK; i++) finite &= ((uint8_t)b->code[i] & 0x7F) != 0x7F;
    return finite;
}

/* Where each code stands among the values of nibbles. */
static void index_nibbles(unsigned char nibble[256], const PanelFormat *f)
{
    for (int q = 15; q >= 0; q--) nibble[(unsigned char)f->values[q]] = (unsigned char)q;
}

/* The codes of column j, one a step. */
static void put_codes(unsigned char *to, const int8_t *code, const QuantTraits *t, const unsigned char *nibble, int j)
{
    if (t->code_bits == 8) {
        for (int i = 0; i < t->group; i++) to[32 * i + j] = (unsigned char)code[i];
        return;
    }
    const int shift = j / 16 * 4;
    to += j % 16;
    for (int i = 0; i < t->group; i++) to[16 * i] |= (unsigned char)(nibble[(unsigned char)code[i]] << shift);
}

/* Column j of one block of a panel. */
static void put_block(unsigned char *to, const QuantBlock *b, const QuantTraits *t, const PanelFormat *f,
                      const unsigned char *nibble, int j)
{
    memcpy(to + 4 * j, &b->d, 4);
    if (t->has_offset) memcpy(to + 128 + 4 * j, &b->m, 4);
    unsigned char *group = to + (t->has_offset ? 256 : 128);
    for (int g = 0; g < f->groups; g++, group += f->group_bytes) {
        if (t->has_scales) group[j] = (unsigned char)b->scale[g];
        if (t->has_scales && t->has_offset) group[32 + j] = (unsigned char)b->offset[g];
        put_codes(group + f->codes_at, b->code + g * t->group, t, nibble, j);
    }
}

static void pack_panel(void *context, int64_t panel, int thread)
{
    (void)thread;
    PackJob *const job = context;
    const QuantTraits *const t = quant_traits(job->type);
    const PanelFormat *const f = &FORMATS[job->type];
    const int64_t bytes = panels_panel_bytes(job->type, job->n_in);
    unsigned char *const to = job->data + panel * bytes;
    QuantBlock block = {0};
    unsigned char nibble[256] = {0};
    index_nibbles(nibble, f);
    memset(to, 0, (size_t)bytes);
    for (int j = 0; j < GEMM_PANEL && panel * GEMM_PANEL + j < job->n_out; j++) {
        const unsigned char *from = job->row_of(job->context, panel * GEMM_PANEL + j);
        for (int64_t b = 0; b < job->n_in / t->block; b++, from += t->block_bytes) {
            if (t->block == 1) {
                memcpy(to + b * f->block_bytes + j * t->block_bytes, from, (size_t)t->block_bytes);
                if (!is_finite_plain(from, job->type)) job->not_finite = true;
                continue;
            }
            quant_unpack(&block, job->type, from);
            if (!isfinite(block.d) || !isfinite(block.m) || (t->e4m3 && !is_finite_e4m3(&block)))
                job->not_finite = true;
            put_block(to + b * f->block_bytes, &block, t, f, nibble, j);
        }
    }
}

bool panels_pack(unsigned char *data, QuantType type, int64_t n_out, int64_t n_in, PanelsRow row_of,
                 const void *context, Threads *threads)
{
    PackJob job = {data, type, n_out, n_in, row_of, context, false};
    threads_run(threads, (n_out + GEMM_PANEL - 1) / GEMM_PANEL, pack_panel, &job);
    return !job.not_finite;
}

/* ---- taking apart ---- */

static int8_t code_at(const unsigned char *codes, const QuantTraits *t, const PanelFormat *f, int j)
{
    return t->code_bits == 8 ? (int8_t)codes[j] : f->values[(codes[j % 16] >> (j / 16 * 4)) & 15];
}

static float float_at(const unsigned char *at)
{
    float value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Column j of one block, the steps 32 floats apart. */
static void take_block(float *out, const unsigned char *from, const QuantTraits *t, const PanelFormat *f, int j,
                       int64_t step)
{
    const float d = float_at(from + 4 * j), m = t->has_offset ? float_at(from + 128 + 4 * j) : 0.0f;
    const unsigned char *group = from + (t->has_offset ? 256 : 128);
    for (int g = 0; g < f->groups; g++, group += f->group_bytes) {
        const float s = t->has_scales ? d * (float)(int8_t)group[j] : d;
        const float o = t->has_scales && t->has_offset ? m * (float)(int8_t)group[32 + j] : m;
        for (int i = 0; i < t->group; i++, out += step) {
            const int8_t code = code_at(group + f->codes_at + i * t->code_bits * 4, t, f, j);
            const float x = s * (t->e4m3 ? f32_from_f8_e4m3((uint8_t)code) : (float)code);
            *out = t->has_offset ? x + o : x;
        }
    }
}

static float plain_at(const unsigned char *from, QuantType type, int j)
{
    uint16_t half;
    if (type == QUANT_F32) return float_at(from + 4 * j);
    memcpy(&half, from + 2 * j, sizeof half);
    return type == QUANT_F16 ? f32_from_f16(half) : f32_from_bf16(half);
}

void dequantize_panel_c(float *restrict out, QuantType type, const unsigned char *panel, int64_t n)
{
    const QuantTraits *const t = quant_traits(type);
    const PanelFormat *const f = &FORMATS[type];
    for (int64_t b = 0; b < n / t->block; b++, panel += f->block_bytes, out += t->block * GEMM_PANEL)
        for (int j = 0; j < GEMM_PANEL; j++) {
            if (t->block == 1)
                out[j] = plain_at(panel, type, j);
            else
                take_block(out + j, panel, t, f, j, GEMM_PANEL);
        }
}

void panels_row(float *out, const Panels *p, int64_t row)
{
    const QuantTraits *const t = quant_traits(p->type);
    const PanelFormat *const f = &FORMATS[p->type];
    const unsigned char *from = p->data + row / GEMM_PANEL * panels_panel_bytes(p->type, p->n_in);
    const int j = (int)(row % GEMM_PANEL);
    for (int64_t b = 0; b < p->n_in / t->block; b++, from += f->block_bytes, out += t->block) {
        if (t->block == 1)
            *out = plain_at(from, p->type, j);
        else
            take_block(out, from, t, f, j, 1);
    }
}

/* ---- the product ---- */

Gemm panels_forward(float *y, int64_t y_row, const float *x, int64_t x_row, const Panels *p, const float *bias,
                    int64_t M)
{
    return (Gemm){.m = M,
                  .n = p->n_out,
                  .k = p->n_in,
                  .a = x,
                  .a_row = x_row,
                  .a_col = 1,
                  .blocks = p->data,
                  .blocks_panel = panels_panel_bytes(p->type, p->n_in),
                  .blocks_type = p->type,
                  .c = y,
                  .c_row = y_row,
                  .bias = bias};
}

Gemm panels_by_input(float *dx, int64_t dx_row, const float *dy, int64_t dy_row, const Panels *p, int64_t M,
                     bool accumulate)
{
    return (Gemm){.m = M,
                  .n = p->n_in,
                  .k = p->n_out,
                  .a = dy,
                  .a_row = dy_row,
                  .a_col = 1,
                  .blocks = p->data,
                  .blocks_panel = panels_panel_bytes(p->type, p->n_in),
                  .blocks_type = p->type,
                  .blocks_turned = true,
                  .c = dx,
                  .c_row = dx_row,
                  .accumulate = accumulate};
}

int64_t gemm_column_grain(const Gemm *g)
{
    if (!g->blocks || !g->blocks_turned) return GEMM_PANEL;
    const int64_t block = quant_traits(g->blocks_type)->block;
    return block > TURNED_COLUMNS ? block : TURNED_COLUMNS;
}

/* Four floats at any address; the compilers' vectors, not an ISA's. */
typedef float Quad __attribute__((vector_size(16), aligned(4)));

static void store_quad(float *to, Quad q)
{
    *(Quad *)(void *)to = q;
}
static Quad quad_of(const float *from)
{
    return *(const Quad *)(const void *)from;
}

/* turned[j * row + i] = panel[i * 32 + j], n steps i: 4 x 4 at a time. */
static void turn_panel(float *restrict turned, const float *restrict panel, int64_t n, int64_t row)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (int64_t j = 0; j < GEMM_PANEL; j += 4) {
            const float *const from = panel + i * GEMM_PANEL + j;
            float *const to = turned + j * row + i;
            const Quad k0 = quad_of(from), k1 = quad_of(from + GEMM_PANEL), k2 = quad_of(from + 2 * GEMM_PANEL),
                       k3 = quad_of(from + 3 * GEMM_PANEL);
            const Quad low01 = __builtin_shufflevector(k0, k1, 0, 4, 1, 5),
                       low23 = __builtin_shufflevector(k2, k3, 0, 4, 1, 5);
            const Quad high01 = __builtin_shufflevector(k0, k1, 2, 6, 3, 7),
                       high23 = __builtin_shufflevector(k2, k3, 2, 6, 3, 7);
            store_quad(to, __builtin_shufflevector(low01, low23, 0, 1, 4, 5));
            store_quad(to + row, __builtin_shufflevector(low01, low23, 2, 3, 6, 7));
            store_quad(to + 2 * row, __builtin_shufflevector(high01, high23, 0, 1, 4, 5));
            store_quad(to + 3 * row, __builtin_shufflevector(high01, high23, 2, 3, 6, 7));
        }
    for (; i < n; i++)
        for (int64_t j = 0; j < GEMM_PANEL; j++) turned[j * row + i] = panel[i * GEMM_PANEL + j];
}

/* Columns [from, from + width) of the rows of W in `n_panels` panels, row-major. */
static void turn_panels(const Kernels *k, float *turned, const Gemm *g, int64_t panel, int64_t n_panels, int64_t from,
                        int64_t width)
{
    _Alignas(64) float chunk[CHUNK_STEPS * GEMM_PANEL];
    const int64_t skipped = from / quant_traits(g->blocks_type)->block * FORMATS[g->blocks_type].block_bytes;
    for (int64_t p = 0; p < n_panels; p++) {
        const unsigned char *const data = g->blocks + (panel + p) * g->blocks_panel + skipped;
        k->dequantize_panel(chunk, g->blocks_type, data, width);
        turn_panel(turned + p * GEMM_PANEL * width, chunk, width, width);
    }
}

static void gemm_turned(const Kernels *k, const Gemm *g)
{
    _Alignas(64) float turned[TURNED_FLOATS];
    const int64_t grain = gemm_column_grain(g), panels_at_once = TURNED_FLOATS / GEMM_PANEL / grain;
    for (int64_t column = 0; column < g->n; column += grain) {
        const int64_t width = g->n - column < grain ? g->n - column : grain;
        for (int64_t step = 0; step < g->k; step += panels_at_once * GEMM_PANEL) {
            Gemm piece = *g;
            piece.n = width;
            piece.k = g->k - step < panels_at_once * GEMM_PANEL ? g->k - step : panels_at_once * GEMM_PANEL;
            turn_panels(k, turned, g, step / GEMM_PANEL, (piece.k + GEMM_PANEL - 1) / GEMM_PANEL,
                        g->blocks_column + column, width);
            piece.a += step * g->a_col;
            piece.b = turned;
            piece.b_row = width;
            piece.b_panel = GEMM_PANEL;
            piece.c += column;
            piece.accumulate = g->accumulate || step > 0;
            k->gemm(&piece);
        }
    }
}

void gemm_blocks(const Kernels *k, const Gemm *g)
{
    if (g->blocks_turned) {
        gemm_turned(k, g);
        return;
    }
    if (g->blocks_type == QUANT_F32) { /* such panels are gemm_pack's */
        Gemm plain = *g;
        plain.b = (const float *)(const void *)g->blocks;
        plain.b_row = GEMM_PANEL;
        plain.b_panel = GEMM_PANEL * g->k;
        k->gemm(&plain);
        return;
    }
    if (g->m <= k->few_rows) {
        k->gemm_few(g);
        return;
    }
    _Alignas(64) float chunk[CHUNK_STEPS * GEMM_PANEL];
    const QuantType type = g->blocks_type;
    const PanelFormat *const f = &FORMATS[type];
    const int64_t block = quant_traits(type)->block;
    for (int64_t column = 0; column < g->n; column += GEMM_PANEL) {
        const unsigned char *const panel = g->blocks + column / GEMM_PANEL * g->blocks_panel;
        for (int64_t step = 0; step < g->k; step += CHUNK_STEPS) {
            Gemm piece = *g;
            piece.n = g->n - column < GEMM_PANEL ? g->n - column : GEMM_PANEL;
            piece.k = g->k - step < CHUNK_STEPS ? g->k - step : CHUNK_STEPS;
            k->dequantize_panel(chunk, type, panel + step / block * f->block_bytes, piece.k);
            piece.a += step * g->a_col;
            piece.b = chunk;
            piece.b_row = GEMM_PANEL;
            piece.b_panel = GEMM_PANEL * piece.k;
            piece.c += column;
            piece.bias = g->bias ? g->bias + column : NULL;
            piece.accumulate = g->accumulate || step > 0;
            k->gemm(&piece);
        }
    }
}
