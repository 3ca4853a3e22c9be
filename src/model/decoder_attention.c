/* SPDX-License-Identifier: MIT */
/* model/decoder_attention.c: gathers one kv head's keys and values of one sequence into the blocks that the kernels read.
 *
 * Forward: one item a (segment, kv head): a completion's item copies the prompt's keys in front of its own. Backward: one item a (group, kv
 * head), since dK and dV of the shared prompt are one chain over the group's completions in order, then the prompt's own queries. */
#include "model/decoder_attention.h"

#include "model/decoder_rows.h"
#include "model/decoder_scratch.h"

#include <math.h>
#include <string.h>

enum { CACHED_GRAIN = 8 };

static int64_t round16(int64_t n)
{
    return (n + 15) / 16 * 16;
}

AttentionScratch attention_scratch_plan(const ModelConfig *c, int64_t max_sequence, bool backward)
{
    /* Latent attention has one key a token, whose first channels are the value: rows and blocks of V are those of K. */
    const bool mla = model_has_mla(c);
    const int64_t C = mla ? mla_key_size(c) : c->head_dim, S = round16(max_sequence), R = attention_channels(C);
    AttentionScratch s = {0};
    s.k_blocks = s.total, s.total += round16(S * C);
    s.v_rows = s.total, s.total += S * R;
    const int64_t pointer_floats = round16(S / KV_BLOCK * (int64_t)sizeof(float *) / (int64_t)sizeof(float));
    for (int i = 0; i < 2; i++) {
        s.k_pointers[i] = s.total, s.total += pointer_floats;
        s.v_pointers[i] = s.total, s.total += pointer_floats;
    }
    int64_t kernel = attention_forward_scratch(S, C);
    if (backward) {
        s.k_rows = s.total, s.total += mla ? 0 : S * R;
        s.v_blocks = s.total, s.total += mla ? 0 : round16(S * C);
        s.dk = s.total, s.total += S * R;
        s.dv = s.total, s.total += S * R;
        if (attention_backward_scratch(S, C) > kernel) kernel = attention_backward_scratch(S, C);
    }
    s.kernel = s.total, s.total += round16(kernel);
    return s;
}

int64_t decoder_carry_floats(const ModelConfig *c, int64_t max_prompt)
{
    const bool mla = model_has_mla(c);
    const int64_t heads = mla ? 1 : c->n_kv_heads, channels = mla ? mla_key_size(c) : c->head_dim;
    return c->n_layers * heads * 2 * round16(max_prompt) * attention_channels(channels);
}

/* One call's view of everything; plain, shared by all items. */
typedef struct AttentionRegion {
    const ModelConfig *c;
    const Kernels *k;
    const DecoderWorkspace *w;
    const DecoderBatch *batch;
    const LayerActivations *a;
    AttentionScratch plan;
    int64_t layer;
    DecoderGradients *gradients;
    float scale;
    int64_t qkv_row, HC, k_at, v_at; /* k_at, v_at: offsets of K and V in a qkv row */
} AttentionRegion;

static AttentionRegion region_of(const Model *model, const Compute *compute, const DecoderWorkspace *w,
                                 const DecoderBatch *batch, const LayerActivations *a)
{
    const ModelConfig *c = &model->config;
    return (AttentionRegion){.c = c,
                             .k = compute->k,
                             .w = w,
                             .batch = batch,
                             .a = a,
                             .plan = attention_scratch_plan(c, w->max_sequence, w->backward),
                             .scale = 1.0f / sqrtf((float)c->head_dim),
                             .qkv_row = model_qkv_size(c),
                             .HC = c->n_heads * c->head_dim,
                             .k_at = c->n_heads * c->head_dim,
                             .v_at = (c->n_heads + c->n_kv_heads) * c->head_dim};
}

static void gather_forward(const AttentionRegion *r, float *scratch, const DecoderSegment *segment, int64_t kv_head)
{
    const int64_t C = r->c->head_dim, R = attention_channels(C);
    const float *k = r->a->qkv + segment->row * r->qkv_row + r->k_at + kv_head * C;
    const float *v = r->a->qkv + segment->row * r->qkv_row + r->v_at + kv_head * C;
    keys_to_blocks(scratch + r->plan.k_blocks, k, r->qkv_row, segment->first_position, segment->n_rows, C);
    rows_to_padded(scratch + r->plan.v_rows, v, r->qkv_row, segment->first_position, segment->n_rows, C, R);
}

/* Where the blocks of one item's keys and values stand. */
typedef struct BlockPointers {
    const float **k, **v; /* [n_blocks] */
    int64_t n_blocks;
} BlockPointers;

static BlockPointers block_pointers(const AttentionRegion *r, float *scratch, int which, int64_t n_keys)
{
    return (BlockPointers){(const float **)(void *)(scratch + r->plan.k_pointers[which]),
                           (const float **)(void *)(scratch + r->plan.v_pointers[which]),
                           (n_keys + KV_BLOCK - 1) / KV_BLOCK};
}

/* The kernel over blocks that are in place already. next: what the next call will read. */
static void run_forward(const AttentionRegion *r, float *scratch, const DecoderSegment *segment, int64_t kv_head,
                        const BlockPointers *blocks, const BlockPointers *next)
{
    const ModelConfig *c = r->c;
    const int64_t C = c->head_dim, group = c->n_heads / c->n_kv_heads, h0 = kv_head * group;
    const AttentionForward f = {.n_queries = segment->n_rows,
                                .n_heads = group,
                                .head_dim = C,
                                .value_dim = C,
                                .v_row = attention_channels(C),
                                .first_position = segment->first_position,
                                .q = r->a->qkv + segment->row * r->qkv_row + h0 * C,
                                .q_row = r->qkv_row,
                                .q_head = C,
                                .k_blocks = blocks->k,
                                .v_blocks = blocks->v,
                                .next_k_blocks = next->k,
                                .n_next_blocks = next->n_blocks,
                                .scale = r->scale,
                                .out = r->a->attended + segment->row * r->HC + h0 * C,
                                .out_row = r->HC,
                                .out_head = C,
                                .row_max = r->a->row_max + segment->row * c->n_heads + h0,
                                .row_sum = r->a->row_sum + segment->row * c->n_heads + h0,
                                .n_stats = c->n_heads,
                                .scratch = scratch + r->plan.kernel};
    r->k->attention_forward(&f);
}

/* A sequence of the batch itself: the prompt's keys and its own, copied into blocks. */
static void forward_item(void *context, int64_t item, int thread)
{
    const AttentionRegion *r = context;
    const int64_t C = r->c->head_dim, R = attention_channels(C);
    const int64_t s = item / r->c->n_kv_heads, kv_head = item % r->c->n_kv_heads;
    float *scratch = r->w->thread_scratch[thread];
    const DecoderSegment *segment = &r->batch->segments[s];
    const int64_t prompt = r->batch->prompt_of_segment[s];
    if (prompt >= 0) gather_forward(r, scratch, &r->batch->segments[prompt], kv_head);
    gather_forward(r, scratch, segment, kv_head);
    const BlockPointers blocks = block_pointers(r, scratch, 0, segment->first_position + segment->n_rows);
    for (int64_t b = 0; b < blocks.n_blocks; b++) {
        blocks.k[b] = scratch + r->plan.k_blocks + b * KV_BLOCK * C;
        blocks.v[b] = scratch + r->plan.v_rows + b * KV_BLOCK * R;
    }
    run_forward(r, scratch, segment, kv_head, &blocks, &(BlockPointers){0});
}

static void append_to_cache(const AttentionRegion *r, int64_t s, int64_t kv_head)
{
    const KvCache *cache = r->batch->cache;
    const KvSequence *sequence = r->batch->sequences[s];
    const DecoderSegment *segment = &r->batch->segments[s];
    const int64_t C = r->c->head_dim, R = attention_channels(C);
    const float *k = r->a->qkv + segment->row * r->qkv_row + r->k_at + kv_head * C;
    const float *v = r->a->qkv + segment->row * r->qkv_row + r->v_at + kv_head * C;
    for (int64_t i = 0; i < segment->n_rows; i++, k += r->qkv_row, v += r->qkv_row) {
        const int64_t j = segment->first_position + i;
        const int32_t block = sequence->block_ids[j / KV_BLOCK];
        float *keys = kv_cache_keys(cache, block, r->layer, kv_head) + j % KV_BLOCK;
        for (int64_t c = 0; c < C; c++) keys[c * KV_BLOCK] = k[c];
        memcpy(kv_cache_values(cache, block, r->layer, kv_head) + j % KV_BLOCK * R, v, (size_t)C * sizeof(float));
    }
}

static BlockPointers cache_pointers(const AttentionRegion *r, float *scratch, int which, int64_t item)
{
    const KvCache *cache = r->batch->cache;
    const int64_t s = item / r->c->n_kv_heads, kv_head = item % r->c->n_kv_heads;
    const KvSequence *sequence = r->batch->sequences[s];
    const DecoderSegment *segment = &r->batch->segments[s];
    const BlockPointers blocks = block_pointers(r, scratch, which, segment->first_position + segment->n_rows);
    for (int64_t b = 0; b < blocks.n_blocks; b++) {
        blocks.k[b] = kv_cache_keys(cache, sequence->block_ids[b], r->layer, kv_head);
        blocks.v[b] = kv_cache_values(cache, sequence->block_ids[b], r->layer, kv_head);
    }
    return blocks;
}

/* Sequences in the cache, items [begin, end) one after another, so that one can ask for the next one's keys. */
static void cached_items(void *context, int64_t begin, int64_t end, int thread)
{
    const AttentionRegion *r = context;
    float *scratch = r->w->thread_scratch[thread];
    BlockPointers blocks = cache_pointers(r, scratch, 0, begin);
    for (int64_t item = begin; item < end; item++) {
        const int64_t s = item / r->c->n_kv_heads, kv_head = item % r->c->n_kv_heads;
        const int which = (int)((item + 1 - begin) % 2);
        const BlockPointers next = item + 1 < end ? cache_pointers(r, scratch, which, item + 1) : (BlockPointers){0};
        append_to_cache(r, s, kv_head);
        run_forward(r, scratch, &r->batch->segments[s], kv_head, &blocks, &next);
        blocks = next;
    }
}

void decoder_attention_forward(const Model *model, const Compute *compute, const DecoderWorkspace *w,
                               const DecoderBatch *batch, const LayerActivations *a, int64_t layer)
{
    AttentionRegion r = region_of(model, compute, w, batch, a);
    r.layer = layer;
    const int64_t n_items = batch->n_segments * model->config.n_kv_heads;
    if (batch->cache)
        compute_rows(compute, n_items, CACHED_GRAIN, cached_items, &r);
    else
        threads_run(compute->threads, n_items, forward_item, &r);
}

/* The keys and values of one segment in all four layouts the backward kernel reads. */
static void gather_backward(const AttentionRegion *r, float *scratch, const DecoderSegment *segment, int64_t kv_head)
{
    const int64_t C = r->c->head_dim, R = attention_channels(C);
    const float *k = r->a->qkv + segment->row * r->qkv_row + r->k_at + kv_head * C;
    const float *v = r->a->qkv + segment->row * r->qkv_row + r->v_at + kv_head * C;
    const int64_t first = segment->first_position, n = segment->n_rows;
    keys_to_blocks(scratch + r->plan.k_blocks, k, r->qkv_row, first, n, C);
    keys_to_blocks(scratch + r->plan.v_blocks, v, r->qkv_row, first, n, C);
    rows_to_padded(scratch + r->plan.k_rows, k, r->qkv_row, first, n, C, R);
}

static void backward_segment(const AttentionRegion *r, float *scratch, const DecoderSegment *segment, int64_t kv_head)
{
    const ModelConfig *c = r->c;
    const int64_t C = c->head_dim, group = c->n_heads / c->n_kv_heads, h0 = kv_head * group;
    const int64_t at = segment->row * r->HC + h0 * C;
    const AttentionBackward b = {.n_queries = segment->n_rows,
                                 .n_heads = group,
                                 .head_dim = C,
                                 .value_dim = C,
                                 .first_position = segment->first_position,
                                 .q = r->a->qkv + segment->row * r->qkv_row + h0 * C,
                                 .q_row = r->qkv_row,
                                 .q_head = C,
                                 .out = r->a->attended + at,
                                 .dout = r->w->d_attended + at,
                                 .out_row = r->HC,
                                 .out_head = C,
                                 .row_max = r->a->row_max + segment->row * c->n_heads + h0,
                                 .row_sum = r->a->row_sum + segment->row * c->n_heads + h0,
                                 .n_stats = c->n_heads,
                                 .k = scratch + r->plan.k_rows,
                                 .k_blocks = scratch + r->plan.k_blocks,
                                 .v_blocks = scratch + r->plan.v_blocks,
                                 .v_block = KV_BLOCK * C,
                                 .kv_row = attention_channels(C),
                                 .scale = r->scale,
                                 .dq = r->w->d_qkv + segment->row * r->qkv_row + h0 * C,
                                 .dk = scratch + r->plan.dk,
                                 .dv = scratch + r->plan.dv,
                                 .scratch = scratch + r->plan.kernel};
    r->k->attention_backward(&b);
}

static void scatter_kv_gradient(const AttentionRegion *r, const float *scratch, const DecoderSegment *segment,
                                int64_t kv_head)
{
    const int64_t C = r->c->head_dim, R = attention_channels(C);
    for (int64_t i = 0; i < segment->n_rows; i++) {
        float *d = r->w->d_qkv + (segment->row + i) * r->qkv_row + kv_head * C;
        const int64_t key = (segment->first_position + i) * R;
        memcpy(d + r->k_at, scratch + r->plan.dk + key, (size_t)C * sizeof(float));
        memcpy(d + r->v_at, scratch + r->plan.dv + key, (size_t)C * sizeof(float));
    }
}

static void backward_item(void *context, int64_t item, int thread)
{
    const AttentionRegion *r = context;
    const DecoderGroup *group = &r->batch->groups[item / r->c->n_kv_heads];
    const int64_t kv_head = item % r->c->n_kv_heads, R = attention_channels(r->c->head_dim);
    const DecoderSegment *prompt = group->prompt_segment >= 0 ? &r->batch->segments[group->prompt_segment] : NULL;
    const int64_t n_prompt = prompt ? prompt->n_rows : 0;
    float *scratch = r->w->thread_scratch[thread];
    float *dk = scratch + r->plan.dk, *dv = scratch + r->plan.dv;
    int64_t carry = 0;
    const size_t prompt_bytes = (size_t)(n_prompt * R) * sizeof(float);
    if (prompt) {
        gather_backward(r, scratch, prompt, kv_head);
        carry = (r->layer * r->c->n_kv_heads + kv_head) * 2 * round16(r->gradients->max_prompt) * R;
        if (group->carried) {
            memcpy(dk, r->gradients->carry[0] + carry, prompt_bytes);
            memcpy(dv, r->gradients->carry[0] + carry + n_prompt * R, prompt_bytes);
        } else {
            memset(dk, 0, prompt_bytes);
            memset(dv, 0, prompt_bytes);
        }
    }
    for (int64_t i = 0; i < group->n_completions; i++) {
        const DecoderSegment *segment = &r->batch->segments[group->first_segment + i];
        const size_t own_bytes = (size_t)((round16(n_prompt + segment->n_rows) - n_prompt) * R) * sizeof(float);
        gather_backward(r, scratch, segment, kv_head);
        memset(dk + n_prompt * R, 0, own_bytes);
        memset(dv + n_prompt * R, 0, own_bytes);
        backward_segment(r, scratch, segment, kv_head);
        scatter_kv_gradient(r, scratch, segment, kv_head);
    }
    if (!prompt) return;
    if (!group->prompt_backward) {
        memcpy(r->gradients->carry[1] + carry, dk, prompt_bytes);
        memcpy(r->gradients->carry[1] + carry + n_prompt * R, dv, prompt_bytes);
        return;
    }
    /* The rows behind the prompt hold the last completion's: the kernel adds zeros there, never a NaN of old memory. */
    gather_backward(r, scratch, prompt, kv_head);
    memset(dk + n_prompt * R, 0, (size_t)((round16(n_prompt) - n_prompt) * R) * sizeof(float));
    memset(dv + n_prompt * R, 0, (size_t)((round16(n_prompt) - n_prompt) * R) * sizeof(float));
    backward_segment(r, scratch, prompt, kv_head);
    scatter_kv_gradient(r, scratch, prompt, kv_head);
}

void decoder_attention_backward(const Model *model, const Compute *compute, const DecoderWorkspace *w,
                                const DecoderBatch *batch, const LayerActivations *a, int64_t layer,
                                DecoderGradients *gradients)
{
    AttentionRegion r = region_of(model, compute, w, batch, a);
    r.layer = layer;
    r.gradients = gradients;
    threads_run(compute->threads, batch->n_groups * model->config.n_kv_heads, backward_item, &r);
}
