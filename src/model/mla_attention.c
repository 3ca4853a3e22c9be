/* SPDX-License-Identifier: MIT */
/* model/mla_attention.c: gathers one sequence's latents into the layouts that the attention kernels read.
 *
 * A token's key [c; rotated key] is kept once, as a row: rows serve as values (their first R channels), and are turned into
 * blocks [R + P][16] for the scores when they are used, which many heads then share. Forward: one item a (segment, some heads).
 * Backward: one item a group, since dK and dV of a key are one chain over completions, heads and queries. */
#include "model/mla_attention.h"

#include "model/decoder_rows.h"
#include "model/decoder_scratch.h"
#include "model/rope_scaling.h"

#include <string.h>

enum { ITEM_HEADS = 16 }; /* heads that share one turning of the keys into blocks */

typedef struct MlaRegion {
    const ModelConfig *c;
    const Kernels *k;
    const DecoderWorkspace *w;
    const DecoderBatch *batch;
    const LayerActivations *a;
    AttentionScratch plan;
    int64_t layer;
    DecoderGradients *gradients;
    float scale;
    int64_t R, key, kv_row; /* channels of a latent and of a key; floats between two gathered keys */
    int64_t head_parts;     /* items a segment is cut into */
} MlaRegion;

static int64_t round16(int64_t n)
{
    return (n + 15) / 16 * 16;
}

static MlaRegion region_of(const Model *model, const Compute *compute, const DecoderWorkspace *w,
                           const DecoderBatch *batch, const LayerActivations *a, int64_t layer)
{
    const ModelConfig *c = &model->config;
    return (MlaRegion){.c = c,
                       .k = compute->k,
                       .w = w,
                       .batch = batch,
                       .a = a,
                       .plan = attention_scratch_plan(c, w->max_sequence, w->backward),
                       .layer = layer,
                       .scale = mla_score_scale(c),
                       .R = c->mla.kv_lora_rank,
                       .key = mla_key_size(c),
                       .kv_row = attention_channels(mla_key_size(c)),
                       .head_parts = (c->n_heads + ITEM_HEADS - 1) / ITEM_HEADS};
}

static const float *keys_of(const MlaRegion *r, const DecoderSegment *segment)
{
    return r->a->mla.keys + segment->row * r->key;
}

/* A segment's keys as blocks and as rows. */
static void gather_keys(const MlaRegion *r, float *scratch, const DecoderSegment *segment)
{
    const float *keys = keys_of(r, segment);
    keys_to_blocks(scratch + r->plan.k_blocks, keys, r->key, segment->first_position, segment->n_rows, r->key);
    rows_to_padded(scratch + r->plan.v_rows, keys, r->key, segment->first_position, segment->n_rows, r->key, r->kv_row);
}

/* Pointers to the blocks, and to the rows behind them, of a sequence gathered in scratch. */
static void point_at_scratch(const MlaRegion *r, float *scratch, int64_t n_keys)
{
    const float **k = (const float **)(void *)(scratch + r->plan.k_pointers[0]);
    const float **v = (const float **)(void *)(scratch + r->plan.v_pointers[0]);
    for (int64_t b = 0; b < (n_keys + KV_BLOCK - 1) / KV_BLOCK; b++) {
        k[b] = scratch + r->plan.k_blocks + b * KV_BLOCK * r->key;
        v[b] = scratch + r->plan.v_rows + b * KV_BLOCK * r->kv_row;
    }
}

/* The same of a sequence in the cache: rows stand there, blocks are made of them. */
static void point_at_cache(const MlaRegion *r, float *scratch, int64_t s)
{
    const KvCache *cache = r->batch->cache;
    const KvSequence *sequence = r->batch->sequences[s];
    const DecoderSegment *segment = &r->batch->segments[s];
    const int64_t n_keys = segment->first_position + segment->n_rows;
    const float **v = (const float **)(void *)(scratch + r->plan.v_pointers[0]);
    point_at_scratch(r, scratch, n_keys);
    for (int64_t b = 0; b * KV_BLOCK < n_keys; b++) {
        const int64_t n = n_keys - b * KV_BLOCK < KV_BLOCK ? n_keys - b * KV_BLOCK : KV_BLOCK;
        v[b] = kv_cache_values(cache, sequence->block_ids[b], r->layer, 0);
        keys_to_blocks(scratch + r->plan.k_blocks, v[b], r->kv_row, b * KV_BLOCK, n, r->key);
    }
}

static void run_forward(const MlaRegion *r, float *scratch, const DecoderSegment *segment, int64_t head,
                        int64_t n_heads)
{
    const int64_t H = r->c->n_heads, query_row = H * r->key;
    const AttentionForward f = {
        .n_queries = segment->n_rows,
        .n_heads = n_heads,
        .head_dim = r->key,
        .value_dim = r->R,
        .v_row = r->kv_row,
        .first_position = segment->first_position,
        .q = r->w->mla_queries + segment->row * query_row + head * r->key,
        .q_row = query_row,
        .q_head = r->key,
        .k_blocks = (const float *const *)(const void *)(scratch + r->plan.k_pointers[0]),
        .v_blocks = (const float *const *)(const void *)(scratch + r->plan.v_pointers[0]),
        .scale = r->scale,
        .out = r->a->mla.latents + (segment->row * H + head) * r->R,
        .out_row = H * r->R,
        .out_head = r->R,
        .row_max = r->a->row_max + segment->row * H + head,
        .row_sum = r->a->row_sum + segment->row * H + head,
        .n_stats = H,
        .scratch = scratch + r->plan.kernel,
    };
    r->k->attention_forward(&f);
}

static void forward_item(void *context, int64_t item, int thread)
{
    const MlaRegion *r = context;
    const int64_t s = item / r->head_parts;
    int64_t head, head_end;
    threads_split(r->c->n_heads, 1, item % r->head_parts, r->head_parts, &head, &head_end);
    const DecoderSegment *segment = &r->batch->segments[s];
    float *scratch = r->w->thread_scratch[thread];
    if (r->batch->cache) {
        point_at_cache(r, scratch, s);
    } else {
        const int64_t prompt = r->batch->prompt_of_segment[s];
        if (prompt >= 0) gather_keys(r, scratch, &r->batch->segments[prompt]);
        gather_keys(r, scratch, segment);
        point_at_scratch(r, scratch, segment->first_position + segment->n_rows);
    }
    run_forward(r, scratch, segment, head, head_end - head);
}

static void append_to_cache(void *context, int64_t s, int thread)
{
    (void)thread;
    const MlaRegion *r = context;
    const DecoderSegment *segment = &r->batch->segments[s];
    const float *keys = keys_of(r, segment);
    for (int64_t i = 0; i < segment->n_rows; i++) {
        const int64_t j = segment->first_position + i;
        float *rows = kv_cache_values(r->batch->cache, r->batch->sequences[s]->block_ids[j / KV_BLOCK], r->layer, 0);
        memcpy(rows + j % KV_BLOCK * r->kv_row, keys + i * r->key, (size_t)r->key * sizeof(float));
    }
}

void mla_attention_forward(const Model *model, const Compute *compute, const DecoderWorkspace *w,
                           const DecoderBatch *batch, const LayerActivations *a, int64_t layer)
{
    MlaRegion r = region_of(model, compute, w, batch, a, layer);
    /* A region of its own: a segment's items all read what is appended here. */
    if (batch->cache) threads_run(compute->threads, batch->n_segments, append_to_cache, &r);
    threads_run(compute->threads, batch->n_segments * r.head_parts, forward_item, &r);
}

static void backward_segment(const MlaRegion *r, float *scratch, const DecoderSegment *segment)
{
    const int64_t H = r->c->n_heads, query_row = H * r->key, latent_row = H * r->R;
    const AttentionBackward b = {
        .n_queries = segment->n_rows,
        .n_heads = H,
        .head_dim = r->key,
        .value_dim = r->R,
        .first_position = segment->first_position,
        .q = r->w->mla_queries + segment->row * query_row,
        .q_row = query_row,
        .q_head = r->key,
        .out = r->a->mla.latents + segment->row * latent_row,
        .dout = r->w->d_mla_latents + segment->row * latent_row,
        .out_row = latent_row,
        .out_head = r->R,
        .row_max = r->a->row_max + segment->row * H,
        .row_sum = r->a->row_sum + segment->row * H,
        .n_stats = H,
        .k = scratch + r->plan.v_rows,
        .k_blocks = scratch + r->plan.k_blocks,
        /* The values are the first R channels of the keys, so their transpose stands in the keys' blocks. */
        .v_blocks = scratch + r->plan.k_blocks,
        .v_block = KV_BLOCK * r->key,
        .kv_row = r->kv_row,
        .scale = r->scale,
        .dq = r->w->d_mla_queries + segment->row * query_row,
        .dk = scratch + r->plan.dk,
        .dv = scratch + r->plan.dv,
        .scratch = scratch + r->plan.kernel,
    };
    r->k->attention_backward(&b);
}

/* key = [c; rotated], value = c:  dc = dk + dv, two chains added once. */
static void scatter_key_gradient(const MlaRegion *r, const float *scratch, const DecoderSegment *segment)
{
    for (int64_t i = 0; i < segment->n_rows; i++) {
        const int64_t at = (segment->first_position + i) * r->kv_row;
        const float *dk = scratch + r->plan.dk + at, *dv = scratch + r->plan.dv + at;
        float *d = r->w->d_mla_keys + (segment->row + i) * r->key;
        for (int64_t c = 0; c < r->R; c++) d[c] = dk[c] + dv[c];
        memcpy(d + r->R, dk + r->R, (size_t)(r->key - r->R) * sizeof *d);
    }
}

/* Zeroes dK and dV of the keys [first, end of the block that holds the last]. */
static void zero_gradients(const MlaRegion *r, float *scratch, int64_t first, int64_t n_keys)
{
    const size_t bytes = (size_t)((round16(n_keys) - first) * r->kv_row) * sizeof(float);
    memset(scratch + r->plan.dk + first * r->kv_row, 0, bytes);
    memset(scratch + r->plan.dv + first * r->kv_row, 0, bytes);
}

/* The prompt's dK and dV from and to the carry of this layer. */
static void copy_carry(const MlaRegion *r, float *scratch, int64_t n_prompt, bool load)
{
    const int64_t at = r->layer * 2 * round16(r->gradients->max_prompt) * r->kv_row;
    const size_t bytes = (size_t)(n_prompt * r->kv_row) * sizeof(float);
    float *carry = r->gradients->carry[load ? 0 : 1] + at;
    for (int i = 0; i < 2; i++, carry += n_prompt * r->kv_row) {
        float *gradient = scratch + (i == 0 ? r->plan.dk : r->plan.dv);
        memcpy(load ? gradient : carry, load ? carry : gradient, bytes);
    }
}

static void backward_item(void *context, int64_t item, int thread)
{
    const MlaRegion *r = context;
    const DecoderGroup *group = &r->batch->groups[item];
    const DecoderSegment *prompt = group->prompt_segment >= 0 ? &r->batch->segments[group->prompt_segment] : NULL;
    const int64_t n_prompt = prompt ? prompt->n_rows : 0;
    float *scratch = r->w->thread_scratch[thread];
    if (prompt) {
        gather_keys(r, scratch, prompt);
        zero_gradients(r, scratch, 0, n_prompt);
        if (group->carried) copy_carry(r, scratch, n_prompt, true);
    }
    for (int64_t i = 0; i < group->n_completions; i++) {
        const DecoderSegment *segment = &r->batch->segments[group->first_segment + i];
        gather_keys(r, scratch, segment);
        zero_gradients(r, scratch, n_prompt, n_prompt + segment->n_rows);
        backward_segment(r, scratch, segment);
        scatter_key_gradient(r, scratch, segment);
    }
    if (!prompt) return;
    if (!group->prompt_backward) {
        copy_carry(r, scratch, n_prompt, false);
        return;
    }
    /* The keys behind the prompt hold the last completion's: the kernel adds zeros there, never a NaN of old memory. */
    gather_keys(r, scratch, prompt);
    zero_gradients(r, scratch, n_prompt, n_prompt);
    backward_segment(r, scratch, prompt);
    scatter_key_gradient(r, scratch, prompt);
}

void mla_attention_backward(const Model *model, const Compute *compute, const DecoderWorkspace *w,
                            const DecoderBatch *batch, const LayerActivations *a, int64_t layer,
                            DecoderGradients *gradients)
{
    MlaRegion r = region_of(model, compute, w, batch, a, layer);
    r.gradients = gradients;
    threads_run(compute->threads, batch->n_groups, backward_item, &r);
}
