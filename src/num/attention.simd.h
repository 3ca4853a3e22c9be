/* SPDX-License-Identifier: MIT */
/* num/attention.simd.h: attention.c over register tiles.
 *
 * The rows of a tile are queries of one head that stand in the same block of 16 positions, so they take the same keys; a query
 * alone (decoding) takes attention_decode.simd.h. Up to 16 rows at a time:
 *
 *   s[row][key]   = q K^T       GEMM tiles, two blocks of 16 keys at a time
 *   p[row][key]   = exp(s * scale - row_max), in place; the row's maximum and sum in 16 lanes
 *   out[row][c]   = p V         tiles whose accumulators stay in registers over all blocks of keys
 *
 * The backward takes up to 64 queries of a head at a time, rows in tiles of 16 positions as above, and then three GEMMs: dq from
 * ds and K, and the chains of dK and dV carried on over the queries, each block of keys from the first query that sees it. */
#ifndef R1_NUM_ATTENTION_SIMD_H
#define R1_NUM_ATTENTION_SIMD_H

#include "num/elementwise.simd.h"
#include "num/gemm.simd.h"

enum { ATTENTION_ROWS = 16, BACKWARD_QUERIES = 64 };

VEC_INLINE int64_t attention_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Rows that share their keys. */
typedef struct AttentionRows {
    int64_t n_rows, n_blocks;
    const float *q;
    int64_t q_stride;
    float *out;
    int64_t out_stride;
    float *row_max, *row_sum; /* both or neither NULL */
    int64_t stats_stride;
    int64_t position; /* of row 0 */
    int64_t position_step;
} AttentionRows;

static int64_t scores_stride(int64_t n_blocks)
{
    return (n_blocks + 1) / 2 * 2 * KV_BLOCK;
}

static void attention_scores(float *s, const AttentionForward *a, const AttentionRows *r)
{
    GemmTile g = {
        .k = a->head_dim, .a = r->q, .a_row = r->q_stride, .a_col = 1, .a_tile = r->q_stride, .b_row = KV_BLOCK};
    g.start = gemm_zeros;
    g.c_row = scores_stride(r->n_blocks);
    for (int64_t b = 0; b < r->n_blocks; b += 2) {
        const bool both = b + 1 < r->n_blocks;
        g.b0 = a->k_blocks[b];
        g.b1 = both ? a->k_blocks[b + 1] : g.b0;
        g.c = s + b * KV_BLOCK;
        g.next_c = g.c;
        gemm_panel(g, r->n_rows, both, true, NULL);
    }
}

/* Scaled scores of one block: keys behind `position` are -inf. */
VEC_INLINE f32x16 scaled_scores(const float *s, int64_t block, int64_t position, f32x16 scale)
{
    const f32x16 scaled = vec_mul(vec_load(s + block * KV_BLOCK), scale);
    const int64_t seen = position + 1 - block * KV_BLOCK;
    return seen >= KV_BLOCK ? scaled : vec_select_first(seen, scaled, vec_set(-INFINITY));
}

/* Turns a row of scores into p; returns the row's sum. */
static float attention_softmax(float *s, int64_t n_blocks, int64_t position, float scale, float *row_max)
{
    const f32x16 scales = vec_set(scale);
    f32x16 lane = vec_set(-INFINITY);
    for (int64_t b = 0; b < n_blocks - 1; b++) lane = vec_max(vec_mul(vec_load(s + b * KV_BLOCK), scales), lane);
    const f32x16 last = scaled_scores(s, n_blocks - 1, position, scales);
    lane = vec_max(last, lane);
    *row_max = vec_max_lane(lane);

    const f32x16 maximum = vec_set(*row_max);
    f32x16 sum = vec_zero();
    for (int64_t b = 0; b < n_blocks - 1; b++) {
        const f32x16 p = vec_exp(vec_sub(vec_mul(vec_load(s + b * KV_BLOCK), scales), maximum));
        vec_store(s + b * KV_BLOCK, p);
        sum = vec_add(sum, p);
    }
    const f32x16 p = vec_exp(vec_sub(last, maximum));
    vec_store(s + (n_blocks - 1) * KV_BLOCK, p);
    return vec_sum(vec_add(sum, p));
}

/* c[rows][16 * vectors] = p V at channel `channel`, the blocks' chains joined in registers. */
VEC_INLINE void attention_values_of(const AttentionForward *a, const float *p, int64_t p_row, int64_t n_blocks,
                                    float *c, int64_t c_row, int64_t channel, const int rows, const int vectors)
{
    Tile t;
    tile_load(&t, gemm_zeros, 0, rows, vectors);
    for (int64_t b = 0; b < n_blocks; b++) {
        const float *v = a->v_blocks[b] + channel;
        tile_run(&t, KV_BLOCK, p + b * KV_BLOCK, p_row, 1, v, v + 16, a->v_row, gemm_zeros, 0, rows, vectors);
    }
    tile_store(&t, c + channel, c_row, rows, vectors);
}

VEC_INLINE void attention_values_rows(const AttentionForward *a, const float *p, int64_t p_row, int64_t n_blocks,
                                      float *c, int64_t c_row, const int rows)
{
    if (rows > TILE_ROWS) return;
    int64_t channel = 0;
    if (rows <= TILE_NARROW_ROWS)
        for (; channel + 32 <= c_row; channel += 32)
            attention_values_of(a, p, p_row, n_blocks, c, c_row, channel, rows, 2);
    for (; channel < c_row; channel += 16) attention_values_of(a, p, p_row, n_blocks, c, c_row, channel, rows, 1);
}

/* c[n_rows][value_dim rounded up to 16] = p V */
static void attention_values(const AttentionForward *a, const float *p, int64_t n_rows, int64_t n_blocks, float *c)
{
    const int64_t c_row = attention_channels(a->value_dim), p_row = scores_stride(n_blocks);
    for (int64_t left = n_rows; left > 0;) {
        const int64_t tiles = (left + TILE_ROWS - 1) / TILE_ROWS;
        const int64_t n = (left + tiles - 1) / tiles;
        switch (n) {
        case 1:
            attention_values_rows(a, p, p_row, n_blocks, c, c_row, 1);
            break;
        case 2:
            attention_values_rows(a, p, p_row, n_blocks, c, c_row, 2);
            break;
        case 3:
            attention_values_rows(a, p, p_row, n_blocks, c, c_row, 3);
            break;
        case 4:
            attention_values_rows(a, p, p_row, n_blocks, c, c_row, 4);
            break;
        case 5:
            attention_values_rows(a, p, p_row, n_blocks, c, c_row, 5);
            break;
        case 6:
            attention_values_rows(a, p, p_row, n_blocks, c, c_row, 6);
            break;
        case 7:
            attention_values_rows(a, p, p_row, n_blocks, c, c_row, 7);
            break;
        default:
            attention_values_rows(a, p, p_row, n_blocks, c, c_row, 8);
            break;
        }
        p += n * p_row;
        c += n * c_row;
        left -= n;
    }
}

VEC_INLINE void attention_scale_row(float *out, const float *c, int64_t value_dim, f32x16 scale)
{
    int64_t i = 0;
    for (; i + 16 <= value_dim; i += 16) vec_store(out + i, vec_mul(vec_load(c + i), scale));
    if (i < value_dim) vec_store_first(out + i, vec_mul(vec_load(c + i), scale), value_dim - i);
}

static void attention_forward_rows(const AttentionForward *a, const AttentionRows *r)
{
    const int64_t stride = scores_stride(r->n_blocks), channels = attention_channels(a->value_dim);
    float *s = a->scratch, *values = s + ATTENTION_ROWS * stride;
    float row_sum[ATTENTION_ROWS];
    attention_scores(s, a, r);
    for (int64_t i = 0; i < r->n_rows; i++) {
        float row_max;
        row_sum[i] =
            attention_softmax(s + i * stride, r->n_blocks, r->position + i * r->position_step, a->scale, &row_max);
        if (r->row_max) r->row_max[i * r->stats_stride] = row_max;
        if (r->row_sum) r->row_sum[i * r->stats_stride] = row_sum[i];
    }
    attention_values(a, s, r->n_rows, r->n_blocks, values);
    for (int64_t i = 0; i < r->n_rows; i++)
        attention_scale_row(r->out + i * r->out_stride, values + i * channels, a->value_dim,
                            vec_set(1.0f / row_sum[i]));
}

#include "num/attention_decode.simd.h"

/* Queries from `query` on that stand in its block of positions. */
VEC_INLINE int64_t queries_of_block(int64_t first_position, int64_t query, int64_t n_queries)
{
    return attention_min(n_queries - query, KV_BLOCK - (first_position + query) % KV_BLOCK);
}

static void attention_forward_simd(const AttentionForward *a)
{
    for (int64_t query = 0, n; query < a->n_queries; query += n) {
        n = queries_of_block(a->first_position, query, a->n_queries);
        if (n < 2) {
            attention_decode(a, query);
            continue;
        }
        const int64_t position = a->first_position + query;
        for (int64_t head = 0; head < a->n_heads; head++) {
            const int64_t stats = query * a->n_stats + head;
            const AttentionRows rows = {.n_rows = n,
                                        .n_blocks = position / KV_BLOCK + 1,
                                        .q = a->q + query * a->q_row + head * a->q_head,
                                        .q_stride = a->q_row,
                                        .out = a->out + query * a->out_row + head * a->out_head,
                                        .out_stride = a->out_row,
                                        .row_max = a->row_max ? a->row_max + stats : NULL,
                                        .row_sum = a->row_sum ? a->row_sum + stats : NULL,
                                        .stats_stride = a->n_stats,
                                        .position = position,
                                        .position_step = 1};
            attention_forward_rows(a, &rows);
        }
    }
}

/* c[n_rows][blocks of 16] = x (rows x_row apart) times n_blocks blocks [n_channels][16], `block` floats apart. */
static void attention_products(float *c, int64_t c_row, const float *x, int64_t x_row, const float *blocks,
                               int64_t block, int64_t n_channels, int64_t n_rows, int64_t n_blocks)
{
    GemmTile g = {
        .k = n_channels, .a = x, .a_row = x_row, .a_col = 1, .a_tile = x_row, .b_row = KV_BLOCK, .c_row = c_row};
    g.start = gemm_zeros;
    for (int64_t b = 0; b < n_blocks; b += 2) {
        g.b0 = blocks + b * block;
        g.b1 = b + 1 < n_blocks ? g.b0 + block : g.b0;
        g.c = c + b * KV_BLOCK;
        g.next_c = g.c;
        gemm_panel(g, n_rows, b + 1 < n_blocks, true, NULL);
    }
}

/* A row of s becomes p, the row of dp beside it becomes ds. */
static void attention_row_gradient(float *restrict s, float *restrict dp, int64_t n_blocks, int64_t position,
                                   float scale, float row_max, float row_sum, float D)
{
    const f32x16 scales = vec_set(scale), maximum = vec_set(row_max), inv_sum = vec_set(1.0f / row_sum),
                 ds_shift = vec_set(D);
    for (int64_t b = 0; b < n_blocks; b++) {
        const int64_t seen = position + 1 - b * KV_BLOCK;
        const f32x16 p = vec_mul(vec_exp(vec_sub(scaled_scores(s, b, position, scales), maximum)), inv_sum);
        const f32x16 ds = vec_mul(vec_mul(p, vec_sub(vec_load(dp + b * KV_BLOCK), ds_shift)), scales);
        vec_store(s + b * KV_BLOCK, p);
        vec_store(dp + b * KV_BLOCK, seen >= KV_BLOCK ? ds : vec_select_first(seen, ds, vec_zero()));
    }
}

/* p and ds of the queries [query, query + n) of one block of positions, and their dq. */
static void attention_backward_tile(const AttentionBackward *a, int64_t head, int64_t query, int64_t n, float *p,
                                    float *ds, int64_t stride)
{
    const int64_t position = a->first_position + query, n_blocks = position / KV_BLOCK + 1;
    const int64_t q_at = query * a->q_row + head * a->q_head, out_at = query * a->out_row + head * a->out_head;
    attention_products(p, stride, a->q + q_at, a->q_row, a->k_blocks, KV_BLOCK * a->head_dim, a->head_dim, n, n_blocks);
    attention_products(ds, stride, a->dout + out_at, a->out_row, a->v_blocks, a->v_block, a->value_dim, n, n_blocks);
    for (int64_t i = 0; i < n; i++) {
        const int64_t stats = (query + i) * a->n_stats + head, at = out_at + i * a->out_row;
        const float D = dot_simd(a->dout + at, a->out + at, a->value_dim);
        attention_row_gradient(p + i * stride, ds + i * stride, n_blocks, position + i, a->scale, a->row_max[stats],
                               a->row_sum[stats], D);
    }
    const Gemm dq = {.m = n,
                     .n = a->head_dim,
                     .k = n_blocks * KV_BLOCK,
                     .a = ds,
                     .a_row = stride,
                     .a_col = 1,
                     .b = a->k,
                     .b_row = a->kv_row,
                     .b_panel = GEMM_PANEL,
                     .c = a->dq + q_at,
                     .c_row = a->q_row};
    gemm_simd(&dq);
}

/* dV[keys] += p^T dout and dK[keys] += ds^T q over n queries from `query` on. */
static void attention_backward_keys(const AttentionBackward *a, int64_t head, int64_t query, int64_t n, int64_t key,
                                    int64_t n_keys, const float *p, const float *ds, int64_t stride)
{
    Gemm g = {.m = n_keys,
              .n = a->value_dim,
              .k = n,
              .a = p + key,
              .a_row = 1,
              .a_col = stride,
              .b_panel = GEMM_PANEL,
              .c_row = a->kv_row,
              .accumulate = true};
    g.b = a->dout + query * a->out_row + head * a->out_head;
    g.b_row = a->out_row;
    g.c = a->dv + key * a->kv_row;
    gemm_simd(&g);
    g.n = a->head_dim;
    g.a = ds + key;
    g.b = a->q + query * a->q_row + head * a->q_head;
    g.b_row = a->q_row;
    g.c = a->dk + key * a->kv_row;
    gemm_simd(&g);
}

/* Queries [begin, end) of one head: end - begin <= BACKWARD_QUERIES. */
static void attention_backward_queries(const AttentionBackward *a, int64_t head, int64_t begin, int64_t end)
{
    const int64_t n_blocks = (a->first_position + end - 1) / KV_BLOCK + 1, stride = scores_stride(n_blocks);
    float *p = a->scratch, *ds = p + BACKWARD_QUERIES * stride;
    for (int64_t query = begin, n; query < end; query += n) {
        n = queries_of_block(a->first_position, query, end);
        attention_backward_tile(a, head, query, n, p + (query - begin) * stride, ds + (query - begin) * stride, stride);
    }
    const int64_t shared_keys = (a->first_position + begin) / KV_BLOCK * KV_BLOCK + KV_BLOCK;
    attention_backward_keys(a, head, begin, end - begin, 0, shared_keys, p, ds, stride);
    for (int64_t key = shared_keys; key < n_blocks * KV_BLOCK; key += KV_BLOCK) {
        const int64_t query = key - a->first_position, row = query - begin;
        attention_backward_keys(a, head, query, end - query, key, KV_BLOCK, p + row * stride, ds + row * stride,
                                stride);
    }
}

static void attention_backward_simd(const AttentionBackward *a)
{
    for (int64_t head = 0; head < a->n_heads; head++)
        for (int64_t begin = 0, end; begin < a->n_queries; begin = end) {
            end = attention_min(begin + BACKWARD_QUERIES, a->n_queries);
            attention_backward_queries(a, head, begin, end);
        }
}

#endif
