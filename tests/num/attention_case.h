/* SPDX-License-Identifier: MIT */
/* tests/num/attention_case.h: one sequence with its keys and values in every layout that the attention kernels read. */
#ifndef R1_TESTS_NUM_ATTENTION_CASE_H
#define R1_TESTS_NUM_ATTENTION_CASE_H

#include "num/variants.h"

typedef struct AttentionShape {
    int64_t n_keys, first_position, n_heads, head_dim;
    int64_t value_dim; /* 0: head_dim */
} AttentionShape;

typedef struct AttentionCase {
    AttentionShape shape;
    int64_t n_queries, n_blocks, channels, value_dim;
    int64_t q_row, q_head, out_row, out_head, n_stats;
    int64_t q_floats, out_floats, stat_floats, kv_floats;
    float *q, *k, *v, *dout;        /* k, v: [n_keys padded][channels] */
    float *k_blocks, *v_transposed; /* [block][head_dim or value_dim][16] */
    const float **k_pointers, **v_pointers;
    float scale;
} AttentionCase;

/* Blocks of K and V^T from rows; keys past the end are `unused`, a value that must not matter. */
static inline void attention_case_blocks(AttentionCase *t, float unused)
{
    for (int64_t j = 0; j < t->n_blocks * KV_BLOCK; j++) {
        const int64_t block = j / KV_BLOCK, column = j % KV_BLOCK;
        for (int64_t c = 0; c < t->shape.head_dim; c++)
            t->k_blocks[(block * t->shape.head_dim + c) * KV_BLOCK + column] =
                j < t->shape.n_keys ? t->k[j * t->channels + c] : unused;
        for (int64_t c = 0; c < t->value_dim; c++)
            t->v_transposed[(block * t->value_dim + c) * KV_BLOCK + column] =
                j < t->shape.n_keys ? t->v[j * t->channels + c] : unused;
    }
}

static inline void attention_case_build(AttentionCase *t, AttentionShape s, uint32_t seed)
{
    memset(t, 0, sizeof *t);
    t->shape = s;
    t->n_queries = s.n_keys - s.first_position;
    t->n_blocks = (s.n_keys + KV_BLOCK - 1) / KV_BLOCK;
    t->channels = attention_channels(s.head_dim);
    t->value_dim = s.value_dim ? s.value_dim : s.head_dim;
    t->q_head = s.head_dim + 1;
    t->q_row = s.n_heads * t->q_head + 7;
    t->out_head = t->value_dim + 2;
    t->out_row = s.n_heads * t->out_head + 3;
    t->n_stats = s.n_heads + 1;
    t->q_floats = (t->n_queries - 1) * t->q_row + (s.n_heads - 1) * t->q_head + s.head_dim;
    t->out_floats = (t->n_queries - 1) * t->out_row + (s.n_heads - 1) * t->out_head + t->value_dim;
    t->stat_floats = (t->n_queries - 1) * t->n_stats + s.n_heads;
    t->kv_floats = t->n_blocks * KV_BLOCK * t->channels;
    t->q = fenced_fill(t->q_floats, seed, -2, 2);
    t->dout = fenced_fill(t->out_floats, seed + 1, -1, 1);
    t->k = fenced_fill(t->kv_floats, seed + 2, -2, 2);
    t->v = fenced_fill(t->kv_floats, seed + 3, -1, 1);
    for (int64_t i = 0; i < t->kv_floats; i++) {
        if (i % t->channels >= s.head_dim) t->k[i] = 0.0f;
        if (i % t->channels >= t->value_dim) t->v[i] = 0.0f;
    }
    t->k_blocks = fenced(t->n_blocks * KV_BLOCK * s.head_dim);
    t->v_transposed = fenced(t->n_blocks * KV_BLOCK * t->value_dim);
    t->k_pointers = calloc((size_t)t->n_blocks, sizeof *t->k_pointers);
    t->v_pointers = calloc((size_t)t->n_blocks, sizeof *t->v_pointers);
    for (int64_t b = 0; b < t->n_blocks; b++) {
        t->k_pointers[b] = t->k_blocks + b * KV_BLOCK * s.head_dim;
        t->v_pointers[b] = t->v + b * KV_BLOCK * t->channels;
    }
    t->scale = 1.0f / sqrtf((float)s.head_dim);
    attention_case_blocks(t, 0.5f);
}

static inline void attention_case_free(AttentionCase *t)
{
    fenced_free(t->q), fenced_free(t->dout), fenced_free(t->k), fenced_free(t->v);
    fenced_free(t->k_blocks), fenced_free(t->v_transposed);
    free(t->k_pointers), free(t->v_pointers);
}

/* Forward of queries [begin, end) into arrays laid out for the whole case. */
static inline void attention_case_forward(const AttentionCase *t, const Kernels *k, int64_t begin, int64_t end,
                                          float *out, float *row_max, float *row_sum)
{
    const int64_t floats = attention_forward_scratch(t->shape.first_position + end, t->shape.head_dim);
    float *scratch = fenced(floats);
    const AttentionForward a = {.n_queries = end - begin,
                                .n_heads = t->shape.n_heads,
                                .head_dim = t->shape.head_dim,
                                .value_dim = t->value_dim,
                                .v_row = t->channels,
                                .first_position = t->shape.first_position + begin,
                                .q = t->q + begin * t->q_row,
                                .q_row = t->q_row,
                                .q_head = t->q_head,
                                .k_blocks = t->k_pointers,
                                .v_blocks = t->v_pointers,
                                .scale = t->scale,
                                .out = out + begin * t->out_row,
                                .out_row = t->out_row,
                                .out_head = t->out_head,
                                .row_max = row_max ? row_max + begin * t->n_stats : NULL,
                                .row_sum = row_sum ? row_sum + begin * t->n_stats : NULL,
                                .n_stats = t->n_stats,
                                .scratch = scratch};
    k->attention_forward(&a);
    assert_fence_whole(scratch, floats, "attention forward scratch");
    fenced_free(scratch);
}

static inline void attention_case_backward(const AttentionCase *t, const Kernels *k, int64_t begin, int64_t end,
                                           const float *out, const float *row_max, const float *row_sum, float *dq,
                                           float *dk, float *dv)
{
    const int64_t floats = attention_backward_scratch(t->shape.first_position + end, t->shape.head_dim);
    float *scratch = fenced(floats);
    const AttentionBackward a = {.n_queries = end - begin,
                                 .n_heads = t->shape.n_heads,
                                 .head_dim = t->shape.head_dim,
                                 .value_dim = t->value_dim,
                                 .first_position = t->shape.first_position + begin,
                                 .q = t->q + begin * t->q_row,
                                 .out = out + begin * t->out_row,
                                 .dout = t->dout + begin * t->out_row,
                                 .q_row = t->q_row,
                                 .q_head = t->q_head,
                                 .out_row = t->out_row,
                                 .out_head = t->out_head,
                                 .row_max = row_max + begin * t->n_stats,
                                 .row_sum = row_sum + begin * t->n_stats,
                                 .n_stats = t->n_stats,
                                 .k = t->k,
                                 .k_blocks = t->k_blocks,
                                 .v_blocks = t->v_transposed,
                                 .v_block = t->value_dim * KV_BLOCK,
                                 .kv_row = t->channels,
                                 .scale = t->scale,
                                 .dq = dq + begin * t->q_row,
                                 .dk = dk,
                                 .dv = dv,
                                 .scratch = scratch};
    k->attention_backward(&a);
    assert_fence_whole(scratch, floats, "attention backward scratch");
    fenced_free(scratch);
}

#endif
