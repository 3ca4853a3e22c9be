/* SPDX-License-Identifier: MIT */
/* text/template_pool.c: memory of a template or a render, in chunks that grow. */
#include "text/template_value.h"

#include "base/arena.h"

#include <stdalign.h>

enum { FIRST_CHUNK_BYTES = 1 << 14, LARGEST_CHUNK_BYTES = 1 << 20, PIECE_ALIGN = 16 };

typedef struct PoolChunk {
    struct PoolChunk *next;
    alignas(PIECE_ALIGN) unsigned char bytes[];
} PoolChunk;

static void add_chunk(TemplatePool *pool, size_t bytes)
{
    PoolChunk *const chunk = base_alloc(1, sizeof *chunk + bytes);
    chunk->next = pool->chunks;
    pool->chunks = chunk;
    pool->next = chunk->bytes;
    pool->left_bytes = bytes;
    pool->total_bytes += bytes;
}

void *pool_take(TemplatePool *pool, size_t bytes)
{
    bytes = (bytes + PIECE_ALIGN - 1) / PIECE_ALIGN * PIECE_ALIGN;
    if (bytes > pool->left_bytes) {
        size_t chunk = pool->total_bytes < FIRST_CHUNK_BYTES ? FIRST_CHUNK_BYTES : pool->total_bytes;
        if (chunk > LARGEST_CHUNK_BYTES) chunk = LARGEST_CHUNK_BYTES;
        add_chunk(pool, bytes > chunk ? bytes : chunk);
    }
    void *const piece = pool->next;
    pool->next += bytes;
    pool->left_bytes -= bytes;
    return piece;
}

bool pool_has_room(const TemplatePool *pool, size_t bytes)
{
    return pool->limit_bytes == 0 ||
           (pool->total_bytes <= pool->limit_bytes && bytes <= pool->limit_bytes - pool->total_bytes);
}

void pool_free(TemplatePool *pool)
{
    while (pool->chunks) {
        PoolChunk *const chunk = pool->chunks;
        pool->chunks = chunk->next;
        base_free(chunk);
    }
    *pool = (TemplatePool){0};
}
