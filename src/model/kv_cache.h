/* SPDX-License-Identifier: MIT */
/* model/kv_cache.h: keys and values of the tokens that sequences have seen, in blocks of KV_BLOCK tokens.
 *
 * A block holds all layers of its 16 tokens: [layer][kv head]{ keys [C][16] transposed, values [16][R] }; with latent attention
 * [layer][16][R + P padded to 16], the rows [c; rotated key], which kv_cache_values(..., kv head 0) gives. Sequences that fork from one prompt share its
 * full blocks; a block returns to the pool when its last reader lets go.
 * Invariants: (1) a shared block is full and never written; (2) the sum of readers equals the block references held by sequences;
 * (3) every float of a block is finite. Filled under one version of the weights: kv_cache_renew empties it for the next.
 * Knows nothing of samplers, rewards or training. */
#ifndef R1_MODEL_KV_CACHE_H
#define R1_MODEL_KV_CACHE_H

#include "base/arena.h"
#include "model/config.h"
#include "num/kernels.h"

typedef struct KvCache {
    Arena memory;
    const ModelConfig *config;     /* borrowed: lives as long as the model */
    float *blocks;                 /* [n_blocks][block_floats] */
    int64_t first_layer, n_layers; /* whose keys are kept */
    int64_t block_floats, layer_floats, head_floats, key_floats;
    int64_t n_blocks, n_free;
    int32_t *readers;   /* [n_blocks] */
    int32_t *free_list; /* [n_free] */
    uint64_t version;
} KvCache;

typedef struct KvSequence {
    int32_t *block_ids; /* [max_blocks], owned by whoever made the sequence */
    int64_t n_blocks, max_blocks;
    int64_t n_tokens; /* tokens whose keys are in */
} KvSequence;

size_t kv_cache_bytes(const ModelConfig *config, int64_t n_blocks);
bool kv_cache_create(KvCache *cache, const ModelConfig *config, int64_t n_blocks, Error *err) R1_MUST_CHECK;
/* The same for the blocks [first_layer, first_layer + n_layers) alone, in place of all layers: of a module behind them (model/mtp.h). */
bool kv_cache_create_layers(KvCache *cache, const ModelConfig *config, int64_t first_layer, int64_t n_layers,
                            int64_t n_blocks, Error *err) R1_MUST_CHECK;
size_t kv_cache_layers_bytes(const ModelConfig *config, int64_t n_layers, int64_t n_blocks);
void kv_cache_free(KvCache *cache);
/* New weights: what is cached would be of another function. All sequences must have been released. */
void kv_cache_renew(KvCache *cache, uint64_t version);

/* Blocks for n_more tokens behind those that are in; false when the pool has too few (nothing is taken then). */
bool kv_sequence_reserve(KvCache *cache, KvSequence *sequence, int64_t n_more);
/* `fork` (empty) becomes a copy of `from`: full blocks shared, the rest of the last block copied. False when the pool is out of blocks. */
bool kv_sequence_fork(KvCache *cache, KvSequence *fork, const KvSequence *from);
void kv_sequence_release(KvCache *cache, KvSequence *sequence);
/* Forgets all tokens but the first n_tokens: blocks behind them go back to the pool. What stays of the last block must not be shared. */
void kv_sequence_truncate(KvCache *cache, KvSequence *sequence, int64_t n_tokens);

static inline float *kv_cache_keys(const KvCache *cache, int32_t block, int64_t layer, int64_t kv_head)
{
    return cache->blocks + block * cache->block_floats + (layer - cache->first_layer) * cache->layer_floats +
           kv_head * cache->head_floats;
}
static inline float *kv_cache_values(const KvCache *cache, int32_t block, int64_t layer, int64_t kv_head)
{
    return kv_cache_keys(cache, block, layer, kv_head) + cache->key_floats;
}

/* The invariants above; for assertions and tests. sequences: all that hold blocks. */
bool kv_cache_is_valid(const KvCache *cache, const KvSequence *const *sequences, int64_t n_sequences);

#endif
