/* SPDX-License-Identifier: MIT */
/* num/attention_decode.simd.h: the forward of one query, the rows of a tile being its heads. Included by attention.simd.h.
 *
 * Decoding reads every key and value of a sequence once for a few multiplications each: it waits for memory, and blocks of a
 * cache lie apart, where the hardware does not see the next one coming. So each step of a tile asks for one line a vector of
 * the block AHEAD_BLOCKS later; behind the last keys come the first values, and behind those the keys of the next call. Into L2
 * (vec_prefetch_far): L1 has too few line buffers to keep memory busy. */
#ifndef R1_NUM_ATTENTION_DECODE_SIMD_H
#define R1_NUM_ATTENTION_DECODE_SIMD_H

enum { AHEAD_BLOCKS = 4 };

/* Block `block` of the keys, the values and the next call's keys one after another; past those a line that is in L1. */
VEC_INLINE const float *attention_ahead(const AttentionForward *a, int64_t n_blocks, int64_t block)
{
    if (block < n_blocks) return a->k_blocks[block];
    if (block < 2 * n_blocks) return a->v_blocks[block - n_blocks];
    return block - 2 * n_blocks < a->n_next_blocks ? a->next_k_blocks[block - 2 * n_blocks] : a->v_blocks[n_blocks - 1];
}

VEC_INLINE void attention_decode_steps(Tile *t, int64_t k, const float *a, int64_t a_row, const float *b0,
                                       const float *b1, int64_t b_row, const float *ahead0, const float *ahead1,
                                       const int rows, const int vectors)
{
    const float *const a4 = a + 4 * a_row;
    for (int64_t i = 0; i < k; i++) {
        vec_prefetch_far(ahead0 + i * b_row);
        if (vectors > 1) vec_prefetch_far(ahead1 + i * b_row);
        tile_step(t, a + i, a4 + i, a_row, b0 + i * b_row, b1 + i * b_row, rows, vectors);
    }
}

VEC_INLINE void attention_decode_scores(float *s, int64_t stride, const AttentionForward *a, const float *q,
                                        int64_t n_blocks, const int rows)
{
    const int vectors = rows <= TILE_NARROW_ROWS ? 2 : 1;
    for (int64_t b = 0; b < n_blocks; b += vectors) {
        Tile t;
        /* An odd last block stands in for its neighbour: the stride has room for both. */
        const float *const k0 = a->k_blocks[b], *const k1 = b + 1 < n_blocks ? a->k_blocks[b + 1] : k0;
        tile_load(&t, gemm_zeros, 0, rows, vectors);
        attention_decode_steps(&t, a->head_dim, q, a->q_head, k0, k1, KV_BLOCK,
                               attention_ahead(a, n_blocks, b + AHEAD_BLOCKS),
                               attention_ahead(a, n_blocks, b + 1 + AHEAD_BLOCKS), rows, vectors);
        tile_store(&t, s + b * KV_BLOCK, stride, rows, vectors);
    }
}

/* c[rows][16 * vectors] = p V at channel `channel`, the blocks' chains joined in registers. */
VEC_INLINE void attention_decode_channels(float *c, int64_t c_row, const AttentionForward *a, const float *p,
                                          int64_t stride, int64_t n_blocks, int64_t channel, const int rows,
                                          const int vectors)
{
    Tile t;
    tile_load(&t, gemm_zeros, 0, rows, vectors);
    for (int64_t b = 0; b < n_blocks; b++) {
        const float *const v = a->v_blocks[b] + channel;
        const float *const ahead = attention_ahead(a, n_blocks, n_blocks + b + AHEAD_BLOCKS) + channel;
        attention_decode_steps(&t, KV_BLOCK, p + b * KV_BLOCK, stride, v, v + 16, a->v_row, ahead, ahead + 16, rows,
                               vectors);
    }
    tile_store(&t, c + channel, c_row, rows, vectors);
}

VEC_INLINE void attention_decode_values(float *c, int64_t c_row, const AttentionForward *a, const float *p,
                                        int64_t stride, int64_t n_blocks, const int rows)
{
    int64_t channel = 0;
    if (rows <= TILE_NARROW_ROWS)
        for (; channel + 32 <= c_row; channel += 32)
            attention_decode_channels(c, c_row, a, p, stride, n_blocks, channel, rows, 2);
    for (; channel < c_row; channel += 16)
        attention_decode_channels(c, c_row, a, p, stride, n_blocks, channel, rows, 1);
}

VEC_INLINE void attention_decode_heads(const AttentionForward *a, int64_t query, int64_t head, const int rows)
{
    if (rows > TILE_ROWS) return;
    const int64_t position = a->first_position + query, n_blocks = position / KV_BLOCK + 1;
    const int64_t stride = scores_stride(n_blocks), channels = attention_channels(a->value_dim);
    float *const s = a->scratch, *const values = s + ATTENTION_ROWS * stride;
    float row_sum[TILE_ROWS];
    attention_decode_scores(s, stride, a, a->q + query * a->q_row + head * a->q_head, n_blocks, rows);
    for (int i = 0; i < rows; i++) {
        const int64_t stats = query * a->n_stats + head + i;
        float row_max;
        row_sum[i] = attention_softmax(s + i * stride, n_blocks, position, a->scale, &row_max);
        if (a->row_max) a->row_max[stats] = row_max;
        if (a->row_sum) a->row_sum[stats] = row_sum[i];
    }
    attention_decode_values(values, channels, a, s, stride, n_blocks, rows);
    for (int i = 0; i < rows; i++)
        attention_scale_row(a->out + query * a->out_row + (head + i) * a->out_head, values + i * channels, a->value_dim,
                            vec_set(1.0f / row_sum[i]));
}

static void attention_decode(const AttentionForward *a, int64_t query)
{
    for (int64_t head = 0, n; head < a->n_heads; head += n) {
        n = attention_min(a->n_heads - head, TILE_ROWS);
        switch (n) {
        case 1:
            attention_decode_heads(a, query, head, 1);
            break;
        case 2:
            attention_decode_heads(a, query, head, 2);
            break;
        case 3:
            attention_decode_heads(a, query, head, 3);
            break;
        case 4:
            attention_decode_heads(a, query, head, 4);
            break;
        case 5:
            attention_decode_heads(a, query, head, 5);
            break;
        case 6:
            attention_decode_heads(a, query, head, 6);
            break;
        case 7:
            attention_decode_heads(a, query, head, 7);
            break;
        default:
            attention_decode_heads(a, query, head, 8);
            break;
        }
    }
}

#endif
