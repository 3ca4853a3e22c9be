/* SPDX-License-Identifier: MIT */
#include "model/decoder_rows.h"

#include <string.h>

typedef struct AddNorm {
    const Kernels *k;
    float *out;
    const float *a, *b;
    float *normed, *rstd;
    const float *w;
    int64_t D;
    float eps;
} AddNorm;

static void add_norm_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const AddNorm *r = context;
    const int64_t at = begin * r->D;
    const float *x = r->a + at;
    if (r->b) {
        r->k->add(r->out + at, r->a + at, r->b + at, (end - begin) * r->D);
        x = r->out + at;
    }
    r->k->rms_norm(r->normed + at, r->rstd ? r->rstd + begin : NULL, x, r->w, end - begin, r->D, r->eps);
}

void rows_add_norm(const Compute *compute, float *out, const float *a, const float *b, float *normed, float *rstd,
                   const float *w, int64_t T, int64_t D, float eps)
{
    AddNorm r = {compute->k, out, a, b, normed, rstd, w, D, eps};
    compute_rows(compute, T, ROWS_GRAIN, add_norm_part, &r);
}

typedef struct HeadNorm {
    const Kernels *k;
    const ModelConfig *c;
    const LayerActivations *a;
    const float *q_norm, *k_norm;
} HeadNorm;

static void head_norm_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const HeadNorm *r = context;
    const int64_t H = r->c->n_heads, K = r->c->n_kv_heads, C = r->c->head_dim;
    const float eps = r->c->rms_norm_eps;
    for (int64_t t = begin; t < end; t++) {
        float *heads = r->a->qkv + t * (H + 2 * K) * C, *raw = r->a->raw_heads + t * (H + K) * C;
        float *rstd = r->a->head_rstd + t * (H + K);
        memcpy(raw, heads, (size_t)((H + K) * C) * sizeof *raw);
        r->k->rms_norm(heads, rstd, raw, r->q_norm, H, C, eps);
        r->k->rms_norm(heads + H * C, rstd + H, raw + H * C, r->k_norm, K, C, eps);
    }
}

void rows_head_norm(const Compute *compute, const Model *model, const LayerActivations *a, int64_t layer, int64_t T)
{
    const LayerOffsets *o = &model->layout.layers[layer];
    HeadNorm r = {compute->k, &model->config, a, model->weights + o->q_norm, model->weights + o->k_norm};
    compute_rows(compute, T, ROWS_GRAIN, head_norm_part, &r);
}

typedef struct Rope {
    const Kernels *k;
    const Model *model;
    float *qkv;
    const int32_t *positions;
    bool inverse;
} Rope;

static void rope_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const Rope *r = context;
    const ModelConfig *c = &r->model->config;
    const int64_t row = model_qkv_size(c);
    /* q and k heads stand side by side, so one call turns both. */
    r->k->rope(r->qkv + begin * row, r->model->rope_cos, r->model->rope_sin, r->positions + begin, end - begin,
               c->n_heads + c->n_kv_heads, c->head_dim, row, r->inverse);
}

void rows_rope(const Compute *compute, const Model *model, float *qkv, const int32_t *positions, int64_t T,
               bool inverse)
{
    Rope r = {compute->k, model, qkv, positions, inverse};
    compute_rows(compute, T, ROWS_GRAIN, rope_part, &r);
}

typedef struct Swiglu {
    const Kernels *k;
    float *activated;
    const float *gate_up;
    int64_t F;
} Swiglu;

static void swiglu_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const Swiglu *r = context;
    r->k->swiglu(r->activated + begin * r->F, r->gate_up + begin * 2 * r->F, end - begin, r->F);
}

void rows_swiglu(const Compute *compute, float *activated, const float *gate_up, int64_t T, int64_t F)
{
    Swiglu r = {compute->k, activated, gate_up, F};
    compute_rows(compute, T, ROWS_GRAIN, swiglu_part, &r);
}

void rows_embed(const Compute *compute, const Model *model, float *x, const int32_t *ids, int64_t T)
{
    (void)compute;
    const int64_t D = model->config.hidden_size;
    if (model->frozen) {
        frozen_embed(model->frozen, x, ids, T);
        return;
    }
    const float *table = model->weights + model->layout.embedding;
    for (int64_t t = 0; t < T; t++) memcpy(x + t * D, table + ids[t] * D, (size_t)D * sizeof(float));
}

/* Four floats at any address; the compilers' vectors, not an ISA's: this is built for the baseline. */
typedef float Quad __attribute__((vector_size(16), aligned(4)));

static Quad *quad(float *p)
{
    return (Quad *)(void *)p;
}
static Quad quad_of(const float *p)
{
    return *(const Quad *)(const void *)p;
}

/* column[c * 16 + j] = k[j * row + c] for four keys j: 4 x 4 transposes, a third of the time of single floats. */
static void four_keys(float *column, const float *k, int64_t row, int64_t C)
{
    int64_t c = 0;
    for (; c + 4 <= C; c += 4, column += 4 * KV_BLOCK) {
        const Quad k0 = quad_of(k + c), k1 = quad_of(k + row + c), k2 = quad_of(k + 2 * row + c),
                   k3 = quad_of(k + 3 * row + c);
        const Quad low01 = __builtin_shufflevector(k0, k1, 0, 4, 1, 5),
                   low23 = __builtin_shufflevector(k2, k3, 0, 4, 1, 5);
        const Quad high01 = __builtin_shufflevector(k0, k1, 2, 6, 3, 7),
                   high23 = __builtin_shufflevector(k2, k3, 2, 6, 3, 7);
        *quad(column) = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
        *quad(column + KV_BLOCK) = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
        *quad(column + 2 * KV_BLOCK) = __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
        *quad(column + 3 * KV_BLOCK) = __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
    }
    for (; c < C; c++, column += KV_BLOCK)
        for (int64_t j = 0; j < 4; j++) column[j] = k[j * row + c];
}

void keys_to_blocks(float *blocks, const float *k, int64_t row, int64_t first, int64_t n_keys, int64_t C)
{
    for (int64_t j = first, n; j < first + n_keys; j += n, k += n * row) {
        float *column = blocks + j / KV_BLOCK * KV_BLOCK * C + j % KV_BLOCK;
        n = j % 4 == 0 && j + 4 <= first + n_keys ? 4 : 1;
        if (n == 4)
            four_keys(column, k, row, C);
        else
            for (int64_t c = 0; c < C; c++) column[c * KV_BLOCK] = k[c];
    }
    for (int64_t j = first + n_keys; j % KV_BLOCK != 0; j++) {
        float *column = blocks + j / KV_BLOCK * KV_BLOCK * C + j % KV_BLOCK;
        for (int64_t c = 0; c < C; c++) column[c * KV_BLOCK] = 0.0f;
    }
}

void rows_to_padded(float *dst, const float *src, int64_t row, int64_t first, int64_t n_keys, int64_t C, int64_t kv_row)
{
    int64_t j = first;
    for (; j < first + n_keys; j++, src += row) {
        memcpy(dst + j * kv_row, src, (size_t)C * sizeof(float));
        for (int64_t c = C; c < kv_row; c++) dst[j * kv_row + c] = 0.0f;
    }
    for (; j % KV_BLOCK != 0; j++) memset(dst + j * kv_row, 0, (size_t)kv_row * sizeof(float));
}
