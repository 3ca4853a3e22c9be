/* SPDX-License-Identifier: MIT */
/* num/attention.c: the definition of causal attention over one kv head, forward and backward.
 *
 * Scores are chains over channels, outputs chains over keys; the row maximum comes before the first exponential, so nothing is
 * ever rescaled. A query at position t takes the keys 0 .. 16 * (t / 16) + 15: whole blocks of 16, in which the keys after t
 * have p = 0 and ds = 0. Which pairs of query and key take part is so a matter of positions alone, not of tiles. */
#include "num/definitions.h"

#include "num/math_inline.h"

enum {
    QUERY_TILE = 16,      /* rows of scores that the forward's templates keep at once */
    BACKWARD_QUERIES = 64 /* queries of one pass of the backward's templates */
};

static int64_t round_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

int64_t attention_channels(int64_t head_dim)
{
    return round_up(head_dim, NUM_LANES);
}

/* Scores [QUERY_TILE][keys], and an output tile [QUERY_TILE][channels]. */
int64_t attention_forward_scratch(int64_t n_keys, int64_t head_dim)
{
    return QUERY_TILE * (round_up(n_keys, 2 * KV_BLOCK) + round_up(attention_channels(head_dim), 2 * NUM_LANES));
}

/* p and ds [BACKWARD_QUERIES][keys] and D [BACKWARD_QUERIES]. */
int64_t attention_backward_scratch(int64_t n_keys, int64_t head_dim)
{
    (void)head_dim;
    return BACKWARD_QUERIES * (2 * round_up(n_keys, 2 * KV_BLOCK) + NUM_LANES);
}

/* s[0..15] = (q . each key of one block [head_dim][16]) */
static void block_dots(float *restrict s, const float *restrict q, const float *restrict block, int64_t head_dim)
{
    float sum[KV_BLOCK] = {0};
    for (int64_t c = 0; c < head_dim; c++)
        for (int j = 0; j < KV_BLOCK; j++) sum[j] = fmaf(q[c], block[c * KV_BLOCK + j], sum[j]);
    for (int j = 0; j < KV_BLOCK; j++) s[j] = sum[j];
}

static void forward_query(const AttentionForward *a, int64_t query, int64_t head)
{
    const float *restrict q = a->q + query * a->q_row + head * a->q_head;
    float *restrict out = a->out + query * a->out_row + head * a->out_head;
    float *restrict s = a->scratch;
    const int64_t position = a->first_position + query, n_blocks = position / KV_BLOCK + 1;

    float max_lane[NUM_LANES];
    for (int l = 0; l < NUM_LANES; l++) max_lane[l] = -INFINITY;
    for (int64_t b = 0; b < n_blocks; b++) {
        block_dots(s + b * KV_BLOCK, q, a->k_blocks[b], a->head_dim);
        for (int l = 0; l < KV_BLOCK; l++) {
            float *score = &s[b * KV_BLOCK + l];
            *score = b * KV_BLOCK + l <= position ? *score * a->scale : -INFINITY;
            max_lane[l] = *score > max_lane[l] ? *score : max_lane[l];
        }
    }
    const float row_max = lanes_max(max_lane);

    float sum_lane[NUM_LANES] = {0};
    for (int64_t b = 0; b < n_blocks; b++)
        for (int l = 0; l < KV_BLOCK; l++) {
            const float p = math_exp_inline(s[b * KV_BLOCK + l] - row_max);
            s[b * KV_BLOCK + l] = p;
            sum_lane[l] += p;
        }
    const float row_sum = lanes_sum(sum_lane);

    for (int64_t c = 0; c < a->value_dim; c++) out[c] = 0.0f;
    for (int64_t b = 0; b < n_blocks; b++)
        for (int64_t j = 0; j < KV_BLOCK; j++) {
            const float *restrict v = a->v_blocks[b] + j * a->v_row;
            const float p = s[b * KV_BLOCK + j];
            for (int64_t c = 0; c < a->value_dim; c++) out[c] = fmaf(p, v[c], out[c]);
        }
    const float inv_sum = 1.0f / row_sum;
    for (int64_t c = 0; c < a->value_dim; c++) out[c] *= inv_sum;

    if (a->row_max) a->row_max[query * a->n_stats + head] = row_max;
    if (a->row_sum) a->row_sum[query * a->n_stats + head] = row_sum;
}

void attention_forward_c(const AttentionForward *a)
{
    for (int64_t query = 0; query < a->n_queries; query++)
        for (int64_t head = 0; head < a->n_heads; head++) forward_query(a, query, head);
}

/* out = (p V) / row_sum with p = exp(q K^T scale - row_max): dp = dout V^T, ds = p (dp - D) scale, D = dout . out, then
 * dq = ds K, dK += ds^T q, dV += p^T dout, where p is already divided by row_sum. */
static void backward_query(const AttentionBackward *a, int64_t query, int64_t head)
{
    const float *restrict q = a->q + query * a->q_row + head * a->q_head;
    const float *restrict out = a->out + query * a->out_row + head * a->out_head;
    const float *restrict dout = a->dout + query * a->out_row + head * a->out_head;
    float *restrict dq = a->dq + query * a->q_row + head * a->q_head;
    const int64_t head_dim = a->head_dim, value_dim = a->value_dim, kv_row = a->kv_row;
    const int64_t position = a->first_position + query, n_blocks = position / KV_BLOCK + 1;
    const float row_max = a->row_max[query * a->n_stats + head];
    const float inv_sum = 1.0f / a->row_sum[query * a->n_stats + head];

    float lane[NUM_LANES] = {0};
    for (int64_t c = 0; c < value_dim; c++) lane[c % NUM_LANES] = fmaf(dout[c], out[c], lane[c % NUM_LANES]);
    const float D = lanes_sum(lane);

    for (int64_t c = 0; c < head_dim; c++) dq[c] = 0.0f;
    for (int64_t b = 0; b < n_blocks; b++) {
        float s[KV_BLOCK], dp[KV_BLOCK], p[KV_BLOCK], ds[KV_BLOCK];
        block_dots(s, q, a->k_blocks + b * head_dim * KV_BLOCK, head_dim);
        block_dots(dp, dout, a->v_blocks + b * a->v_block, value_dim);
        for (int l = 0; l < KV_BLOCK; l++) {
            const float score = b * KV_BLOCK + l <= position ? s[l] * a->scale : -INFINITY;
            p[l] = math_exp_inline(score - row_max) * inv_sum;
            ds[l] = b * KV_BLOCK + l <= position ? (p[l] * (dp[l] - D)) * a->scale : 0.0f;
        }
        for (int64_t l = 0; l < KV_BLOCK; l++) {
            const int64_t j = b * KV_BLOCK + l;
            const float *restrict k = a->k + j * kv_row;
            float *restrict dk = a->dk + j * kv_row;
            float *restrict dv = a->dv + j * kv_row;
            for (int64_t c = 0; c < head_dim; c++) {
                dq[c] = fmaf(ds[l], k[c], dq[c]);
                dk[c] = fmaf(ds[l], q[c], dk[c]);
            }
            for (int64_t c = 0; c < value_dim; c++) dv[c] = fmaf(p[l], dout[c], dv[c]);
        }
    }
}

void attention_backward_c(const AttentionBackward *a)
{
    for (int64_t head = 0; head < a->n_heads; head++)
        for (int64_t query = 0; query < a->n_queries; query++) backward_query(a, query, head);
}
