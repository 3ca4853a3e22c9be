/* SPDX-License-Identifier: MIT */
#include "model/kv_cache.h"

#include <assert.h>
#include <string.h>

static int64_t round16(int64_t n)
{
    return (n + 15) / 16 * 16;
}

static void describe(KvCache *cache, const ModelConfig *config, int64_t first_layer, int64_t n_layers, int64_t n_blocks)
{
    *cache = (KvCache){.config = config, .first_layer = first_layer, .n_layers = n_layers, .n_blocks = n_blocks};
    if (model_has_mla(config)) {
        cache->head_floats = cache->layer_floats = KV_BLOCK * attention_channels(mla_key_size(config));
    } else {
        cache->key_floats = round16(config->head_dim * KV_BLOCK);
        cache->head_floats = cache->key_floats + KV_BLOCK * attention_channels(config->head_dim);
        cache->layer_floats = cache->head_floats * config->n_kv_heads;
    }
    cache->block_floats = cache->layer_floats * n_layers;
}

size_t kv_cache_layers_bytes(const ModelConfig *config, int64_t n_layers, int64_t n_blocks)
{
    KvCache cache;
    describe(&cache, config, 0, n_layers, n_blocks);
    return arena_piece_bytes((size_t)(n_blocks * cache.block_floats), sizeof(float)) +
           2 * arena_piece_bytes((size_t)n_blocks, sizeof(int32_t));
}

size_t kv_cache_bytes(const ModelConfig *config, int64_t n_blocks)
{
    return kv_cache_layers_bytes(config, config->n_layers, n_blocks);
}

bool kv_cache_create(KvCache *cache, const ModelConfig *config, int64_t n_blocks, Error *err)
{
    return kv_cache_create_layers(cache, config, 0, config->n_layers, n_blocks, err);
}

bool kv_cache_create_layers(KvCache *cache, const ModelConfig *config, int64_t first_layer, int64_t n_layers,
                            int64_t n_blocks, Error *err)
{
    describe(cache, config, first_layer, n_layers, n_blocks);
    if (!arena_create(&cache->memory, "kv cache", kv_cache_layers_bytes(config, n_layers, n_blocks), err)) return false;
    cache->blocks = ARENA_ARRAY(&cache->memory, float, n_blocks, cache->block_floats);
    cache->readers = ARENA_ARRAY(&cache->memory, int32_t, n_blocks, 1);
    cache->free_list = ARENA_ARRAY(&cache->memory, int32_t, n_blocks, 1);
    kv_cache_renew(cache, 0);
    return true;
}

void kv_cache_free(KvCache *cache)
{
    arena_free(&cache->memory);
    *cache = (KvCache){0};
}

void kv_cache_renew(KvCache *cache, uint64_t version)
{
    /* Blocks are handed out from the end of the list: low numbers first. */
    for (int64_t i = 0; i < cache->n_blocks; i++) {
        cache->free_list[i] = (int32_t)(cache->n_blocks - 1 - i);
        cache->readers[i] = 0;
    }
    cache->n_free = cache->n_blocks;
    cache->version = version;
}

static int32_t take_block(KvCache *cache)
{
    const int32_t block = cache->free_list[--cache->n_free];
    cache->readers[block] = 1;
    return block;
}

bool kv_sequence_reserve(KvCache *cache, KvSequence *s, int64_t n_more)
{
    const int64_t needed = (s->n_tokens + n_more + KV_BLOCK - 1) / KV_BLOCK;
    if (needed - s->n_blocks > cache->n_free || needed > s->max_blocks) return false;
    while (s->n_blocks < needed) s->block_ids[s->n_blocks++] = take_block(cache);
    return true;
}

bool kv_sequence_fork(KvCache *cache, KvSequence *fork, const KvSequence *from)
{
    const int64_t n_full = from->n_tokens / KV_BLOCK;
    const bool partial = from->n_tokens % KV_BLOCK != 0;
    assert(fork->n_blocks == 0 && fork->n_tokens == 0);
    if (n_full + partial > fork->max_blocks || (partial && cache->n_free < 1)) return false;
    for (int64_t b = 0; b < n_full; b++) {
        fork->block_ids[b] = from->block_ids[b];
        cache->readers[from->block_ids[b]]++;
    }
    fork->n_blocks = n_full;
    if (partial) {
        const int32_t copy = take_block(cache);
        memcpy(cache->blocks + copy * cache->block_floats,
               cache->blocks + from->block_ids[n_full] * cache->block_floats,
               (size_t)cache->block_floats * sizeof(float));
        fork->block_ids[fork->n_blocks++] = copy;
    }
    fork->n_tokens = from->n_tokens;
    return true;
}

/* Lets go of the blocks behind the first n_blocks. */
static void release_blocks(KvCache *cache, KvSequence *s, int64_t n_blocks)
{
    while (s->n_blocks > n_blocks) {
        const int32_t block = s->block_ids[--s->n_blocks];
        assert(cache->readers[block] > 0);
        if (--cache->readers[block] == 0) cache->free_list[cache->n_free++] = block;
    }
}

void kv_sequence_release(KvCache *cache, KvSequence *s)
{
    release_blocks(cache, s, 0);
    s->n_tokens = 0;
}

void kv_sequence_truncate(KvCache *cache, KvSequence *s, int64_t n_tokens)
{
    assert(n_tokens <= s->n_tokens);
    release_blocks(cache, s, (n_tokens + KV_BLOCK - 1) / KV_BLOCK);
    assert(n_tokens % KV_BLOCK == 0 || cache->readers[s->block_ids[s->n_blocks - 1]] == 1);
    s->n_tokens = n_tokens;
}

bool kv_cache_is_valid(const KvCache *cache, const KvSequence *const *sequences, int64_t n_sequences)
{
    int64_t references = 0, held = 0, unused = 0;
    for (int64_t i = 0; i < n_sequences; i++) {
        held += sequences[i]->n_blocks;
        for (int64_t b = 0; b < sequences[i]->n_blocks; b++) {
            const bool shared = cache->readers[sequences[i]->block_ids[b]] > 1;
            const bool full = (b + 1) * KV_BLOCK <= sequences[i]->n_tokens;
            if (shared && !full) return false;
        }
    }
    for (int64_t b = 0; b < cache->n_blocks; b++) {
        references += cache->readers[b];
        unused += cache->readers[b] == 0;
    }
    return references == held && unused == cache->n_free;
}
