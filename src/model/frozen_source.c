/* SPDX-License-Identifier: MIT */
/* model/frozen_source.c: where a slice's rows stand in a file, and how they become panels. Rows that can be packed as they stand
 * are; others (rounded, turned, f8 whose scales stand apart) pass through a buffer, some hundred rows at a time. */
#include "model/frozen_source.h"

#include "base/arena.h"
#include "model/gguf_model.h"
#include "num/fp8.h"

#include <string.h>

bool source_open(Source *s, const char *path, Error *err)
{
    s->is_gguf = gguf_is(path);
    return s->is_gguf ? gguf_open(&s->gguf, path, err) : model_tensors_open(&s->tensors, path, err);
}

void source_close(Source *s)
{
    gguf_close(&s->gguf);
    model_tensors_close(&s->tensors);
}

bool source_read_f32(float *x, const Source *s, const ParamTensor *p, Error *err)
{
    if (s->is_gguf) return gguf_model_read_tensor(x, &s->gguf, s->config, p, err);
    return model_tensors_read_f32(x, &s->tensors, model_tensors_find(&s->tensors, p->name), err);
}

/* ---- where it stands ---- */

/* A slice's elements in the file: rows of `columns` elements of one type. f8: codes, with scales beside them. */
typedef struct Stored {
    const Source *source;
    const unsigned char *bytes; /* of the tensor's first row */
    QuantType type;
    int64_t row_bytes, first_row;
    int64_t rows, columns;
    bool turned;               /* the file has the transpose: rows and columns are the transpose's */
    bool f8;                   /* row_bytes of codes; block b of row r has the scale scales[r / 128][b] */
    const ParamTensor *tensor; /* a GGUF file's rows are found through it, NULL: they are in order */
    const SafetensorsTensor *scales;
} Stored;

static void store_gguf(Stored *t, const Source *s, const Slice *slice)
{
    const ModelConfig *const c = s->config;
    const GgufLatent latent =
        slice->latent_layer >= 0 ? gguf_model_latent(&s->gguf, slice->latent_layer) : (GgufLatent){0};
    const GgufTensor *g;
    if (latent.keys && slice->may_turn) {
        g = latent.keys;
        t->turned = true;
        t->rows = c->mla.kv_lora_rank, t->columns = c->mla.nope_dim;
        t->first_row = slice->latent_head * t->rows;
    } else if (latent.keys) {
        g = latent.values;
        t->first_row = slice->latent_head * c->mla.v_dim;
    } else {
        const GgufPlace place = gguf_model_place(&s->gguf, slice->tensor);
        g = place.tensor;
        t->first_row = place.first_row + slice->first_row;
        t->tensor = place.first_row == 0 ? slice->tensor : NULL;
    }
    t->bytes = g->data;
    t->type = g->type;
}

static Stored stored_of(const Source *s, const Slice *slice)
{
    Stored t = {.source = s, .first_row = slice->first_row, .rows = slice->n_rows, .columns = slice->tensor->columns};
    if (s->is_gguf) {
        store_gguf(&t, s, slice);
    } else {
        const SafetensorsTensor *const f = model_tensors_find(&s->tensors, slice->tensor->name);
        t.bytes = f->data;
        t.f8 = f->dtype == DTYPE_F8_E4M3;
        t.type = t.f8                     ? QUANT_F8_E4M3
                 : f->dtype == DTYPE_F16  ? QUANT_F16
                 : f->dtype == DTYPE_BF16 ? QUANT_BF16
                                          : QUANT_F32;
        if (t.f8) t.scales = model_tensors_scale(&s->tensors, f);
    }
    const QuantTraits *const q = quant_traits(t.type);
    t.row_bytes = t.f8 ? t.columns : t.columns / q->block * q->block_bytes;
    return t;
}

static const unsigned char *row_at(const Stored *t, int64_t row)
{
    row += t->first_row;
    return t->bytes + (t->tensor ? gguf_model_row(t->source->config, t->tensor, row) : row) * t->row_bytes;
}

static const unsigned char *row_of(const void *context, int64_t row)
{
    return row_at(context, row);
}

SlicePlan source_plan(const Source *s, const Slice *slice)
{
    const Stored t = stored_of(s, slice);
    SlicePlan plan = {.type = t.type};
    if (t.f8 && t.columns % FP8_BLOCK != 0) plan.type = QUANT_F32;
    if (s->weights == WEIGHTS_BF16) plan.type = QUANT_BF16;
    plan.turned = t.turned || (slice->may_turn && quant_traits(plan.type)->block == 1);
    const bool turn = plan.turned && !t.turned;
    plan.n_out = turn ? t.columns : t.rows;
    plan.n_in = turn ? t.rows : t.columns;
    return plan;
}

/* ---- through a buffer ---- */

typedef struct Rows {
    unsigned char *bytes;
    int64_t row_bytes;
} Rows;

static const unsigned char *buffered_row(const void *context, int64_t row)
{
    const Rows *const r = context;
    return r->bytes + row * r->row_bytes;
}

static float scale_at(const Stored *t, int64_t row, int64_t block)
{
    float scale;
    const int64_t i = (t->first_row + row) / FP8_BLOCK * fp8_blocks(t->columns) + block;
    const QuantType type = t->scales->dtype == DTYPE_F16    ? QUANT_F16
                           : t->scales->dtype == DTYPE_BF16 ? QUANT_BF16
                                                            : QUANT_F32;
    quant_dequantize(&scale, type, (const unsigned char *)t->scales->data + i * quant_traits(type)->block_bytes, 1);
    return scale;
}

/* A row's codes with their scales in between: QUANT_F8_E4M3. */
static void f8_row(unsigned char *to, const Stored *t, int64_t row)
{
    const unsigned char *const codes = row_at(t, row);
    for (int64_t b = 0; b < t->columns / FP8_BLOCK; b++, to += 4 + FP8_BLOCK) {
        const float scale = scale_at(t, row, b);
        memcpy(to, &scale, sizeof scale);
        memcpy(to + 4, codes + b * FP8_BLOCK, FP8_BLOCK);
    }
}

static void f32_row(float *x, const Stored *t, int64_t row)
{
    const unsigned char *const from = row_at(t, row);
    if (!t->f8) {
        quant_dequantize(x, t->type, from, t->columns);
        return;
    }
    float scale = 0.0f;
    for (int64_t i = 0; i < t->columns; i++) {
        if (i % FP8_BLOCK == 0) scale = scale_at(t, row, i / FP8_BLOCK);
        x[i] = f32_from_f8_e4m3(from[i]) * scale;
    }
}

/* One row in the type it has in memory; x: room for a row. */
static void make_row(unsigned char *to, float *x, const SlicePlan *plan, const Stored *t, int64_t row)
{
    if (plan->type == QUANT_F8_E4M3) {
        f8_row(to, t, row);
    } else if (plan->type == t->type) {
        memcpy(to, row_at(t, row), (size_t)t->row_bytes);
    } else {
        f32_row(x, t, row);
        quant_quantize(to, plan->type, x, t->columns);
    }
}

static void turn(unsigned char *to, const unsigned char *from, int64_t rows, int64_t columns, int64_t size)
{
    for (int64_t c = 0; c < columns; c++)
        for (int64_t r = 0; r < rows; r++, to += size) memcpy(to, from + (r * columns + c) * size, (size_t)size);
}

static const int64_t BUFFER_BYTES = 1 << 24;

static int64_t memory_row_bytes(const SlicePlan *plan, int64_t columns)
{
    const QuantTraits *const q = quant_traits(plan->type);
    return columns / q->block * q->block_bytes;
}

/* Whole panels of rows at a time. */
static bool pack_made(unsigned char *data, const SlicePlan *plan, const Stored *t, Threads *threads)
{
    const int64_t row_bytes = memory_row_bytes(plan, t->columns);
    const int64_t step = BUFFER_BYTES / row_bytes / GEMM_PANEL * GEMM_PANEL + GEMM_PANEL;
    const int64_t most = step < t->rows ? step : t->rows;
    float *const x = base_alloc((size_t)t->columns, sizeof *x);
    const Rows rows = {base_alloc((size_t)(most * row_bytes), 1), row_bytes};
    bool finite = true;
    for (int64_t first = 0; first < t->rows; first += step) {
        const int64_t n = t->rows - first < step ? t->rows - first : step;
        for (int64_t r = 0; r < n; r++) make_row(rows.bytes + r * row_bytes, x, plan, t, first + r);
        finite &= panels_pack(data + first / GEMM_PANEL * panels_panel_bytes(plan->type, plan->n_in), plan->type, n,
                              plan->n_in, buffered_row, &rows, threads);
    }
    base_free(x);
    base_free(rows.bytes);
    return finite;
}

/* A head's matrix is small: turned as a whole. */
static bool pack_turned(unsigned char *data, const SlicePlan *plan, const Stored *t, Threads *threads)
{
    const int64_t size = quant_traits(plan->type)->block_bytes, row_bytes = t->columns * size;
    float *const x = base_alloc((size_t)t->columns, sizeof *x);
    unsigned char *const made = base_alloc((size_t)(t->rows * row_bytes), 1);
    const Rows rows = {base_alloc((size_t)(t->rows * row_bytes), 1), t->rows * size};
    for (int64_t r = 0; r < t->rows; r++) make_row(made + r * row_bytes, x, plan, t, r);
    turn(rows.bytes, made, t->rows, t->columns, size);
    const bool finite = panels_pack(data, plan->type, plan->n_out, plan->n_in, buffered_row, &rows, threads);
    base_free(x);
    base_free(made);
    base_free(rows.bytes);
    return finite;
}

bool source_pack(unsigned char *data, const SlicePlan *plan, const Source *s, const Slice *slice, Threads *threads,
                 Error *err)
{
    const Stored t = stored_of(s, slice);
    bool finite;
    if (plan->turned && !t.turned)
        finite = pack_turned(data, plan, &t, threads);
    else if (t.type == plan->type && !t.f8)
        finite = panels_pack(data, plan->type, plan->n_out, plan->n_in, row_of, &t, threads);
    else
        finite = pack_made(data, plan, &t, threads);
    return finite ||
           error_set(err, ERROR_INPUT, "tensor \"%s\" has a value that is not a finite number", slice->tensor->name);
}
