/* SPDX-License-Identifier: MIT */
#include "text/bpe.h"

#include "base/arena.h"

#include <stdbool.h>
#include <string.h>

enum { SHORT_PIECE = 48, NO_RANK = INT32_MAX };

/* ---- the table ---- */

static uint64_t pair_hash(int32_t left, int32_t right)
{
    uint64_t h = (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
    h *= 0x9E3779B97F4A7C15ULL;
    return h ^ h >> 29;
}

static BpeSlot *find_slot(const BpeMerges *merges, int32_t left, int32_t right)
{
    const uint64_t mask = (uint64_t)merges->capacity - 1;
    for (uint64_t i = pair_hash(left, right) & mask;; i = (i + 1) & mask) {
        BpeSlot *const slot = &merges->slots[i];
        if (slot->rank < 0 || (slot->left == left && slot->right == right)) return slot;
    }
}

void bpe_merges_create(BpeMerges *merges, int64_t n)
{
    int64_t capacity = 16;
    while (capacity < 2 * n) capacity *= 2;
    *merges = (BpeMerges){.slots = base_alloc((size_t)capacity, sizeof(BpeSlot)),
                          .capacity = capacity,
                          .results = base_alloc((size_t)n, sizeof(int32_t)),
                          .n = n};
    for (int64_t i = 0; i < capacity; i++) merges->slots[i].rank = -1;
}

void bpe_merges_free(BpeMerges *merges)
{
    base_free(merges->slots);
    base_free(merges->results);
    *merges = (BpeMerges){0};
}

void bpe_merges_set(BpeMerges *merges, int32_t rank, int32_t left, int32_t right, int32_t result)
{
    *find_slot(merges, left, right) = (BpeSlot){.left = left, .right = right, .rank = rank, .result = result};
    merges->results[rank] = result;
}

static int32_t pair_rank(const BpeMerges *merges, int32_t left, int32_t right)
{
    const int32_t rank = find_slot(merges, left, right)->rank;
    return rank < 0 ? NO_RANK : rank;
}

/* ---- scratch ---- */

void bpe_scratch_free(BpeScratch *scratch)
{
    base_free(scratch->ids);
    base_free(scratch->next);
    base_free(scratch->previous);
    base_free(scratch->heap);
    *scratch = (BpeScratch){0};
}

void bpe_scratch_push(BpeScratch *scratch, int32_t id)
{
    if (scratch->n == scratch->capacity) {
        scratch->capacity = scratch->capacity ? 2 * scratch->capacity : 64;
        scratch->ids = base_realloc(scratch->ids, (size_t)scratch->capacity, sizeof *scratch->ids);
    }
    scratch->ids[scratch->n++] = id;
}

/* ---- short pieces: find the lowest rank, close the gap, look up the two new neighbours ---- */

static void merge_short(const BpeMerges *merges, BpeScratch *scratch)
{
    int32_t *const ids = scratch->ids;
    int64_t n = scratch->n;
    int32_t ranks[SHORT_PIECE];
    for (int64_t i = 0; i + 1 < n; i++) ranks[i] = pair_rank(merges, ids[i], ids[i + 1]);
    while (n > 1) {
        int64_t best = 0;
        for (int64_t i = 1; i + 1 < n; i++)
            if (ranks[i] < ranks[best]) best = i;
        if (ranks[best] == NO_RANK) break;
        ids[best] = merges->results[ranks[best]];
        memmove(ids + best + 1, ids + best + 2, (size_t)(n - best - 2) * sizeof *ids);
        memmove(ranks + best, ranks + best + 1, (size_t)(n - best - 2) * sizeof *ranks);
        n--;
        if (best > 0) ranks[best - 1] = pair_rank(merges, ids[best - 1], ids[best]);
        if (best + 1 < n) ranks[best] = pair_rank(merges, ids[best], ids[best + 1]);
    }
    scratch->n = n;
}

/* ---- long pieces: a heap of rank << 32 | position; entries are left to expire ---- */

static void heap_push(BpeScratch *scratch, uint64_t entry)
{
    if (scratch->n_heap == scratch->heap_capacity) {
        scratch->heap_capacity = scratch->heap_capacity ? 2 * scratch->heap_capacity : 256;
        scratch->heap = base_realloc(scratch->heap, (size_t)scratch->heap_capacity, sizeof *scratch->heap);
    }
    uint64_t *const heap = scratch->heap;
    int64_t i = scratch->n_heap++;
    for (; i > 0 && heap[(i - 1) / 2] > entry; i = (i - 1) / 2) heap[i] = heap[(i - 1) / 2];
    heap[i] = entry;
}

static uint64_t heap_pop(BpeScratch *scratch)
{
    uint64_t *const heap = scratch->heap;
    const uint64_t top = heap[0], last = heap[--scratch->n_heap];
    int64_t i = 0;
    for (int64_t child; (child = 2 * i + 1) < scratch->n_heap; i = child) {
        if (child + 1 < scratch->n_heap && heap[child + 1] < heap[child]) child++;
        if (heap[child] >= last) break;
        heap[i] = heap[child];
    }
    heap[i] = last;
    return top;
}

static void push_pair(const BpeMerges *merges, BpeScratch *scratch, int32_t position)
{
    const int32_t next = scratch->next[position];
    if (next < 0) return;
    const int32_t rank = pair_rank(merges, scratch->ids[position], scratch->ids[next]);
    if (rank != NO_RANK) heap_push(scratch, (uint64_t)(uint32_t)rank << 32 | (uint32_t)position);
}

static void link_symbols(BpeScratch *scratch)
{
    if (scratch->n > scratch->link_capacity) {
        scratch->link_capacity = scratch->capacity;
        scratch->next = base_realloc(scratch->next, (size_t)scratch->capacity, sizeof *scratch->next);
        scratch->previous = base_realloc(scratch->previous, (size_t)scratch->capacity, sizeof *scratch->previous);
    }
    for (int64_t i = 0; i < scratch->n; i++) {
        scratch->next[i] = i + 1 < scratch->n ? (int32_t)i + 1 : -1;
        scratch->previous[i] = (int32_t)i - 1;
    }
}

static void merge_long(const BpeMerges *merges, BpeScratch *scratch)
{
    link_symbols(scratch);
    int32_t *const ids = scratch->ids, *const next = scratch->next, *const previous = scratch->previous;
    scratch->n_heap = 0;
    for (int64_t i = 0; i + 1 < scratch->n; i++) push_pair(merges, scratch, (int32_t)i);
    while (scratch->n_heap > 0) {
        const uint64_t top = heap_pop(scratch);
        const int32_t at = (int32_t)(uint32_t)top, right = next[at];
        if (ids[at] < 0 || right < 0) continue; /* merged into its left neighbour, or the last symbol by now */
        const BpeSlot *const slot = find_slot(merges, ids[at], ids[right]);
        const int32_t result = merges->results[top >> 32];
        if (slot->rank < 0 || slot->result != result) continue; /* one of the two was merged since */
        ids[at] = result;
        ids[right] = -1;
        next[at] = next[right];
        if (next[right] >= 0) previous[next[right]] = at;
        if (previous[at] >= 0) push_pair(merges, scratch, previous[at]);
        push_pair(merges, scratch, at);
    }
    int64_t n = 0;
    for (int32_t i = 0; i >= 0; i = next[i]) ids[n++] = ids[i];
    scratch->n = n;
}

void bpe_merge(const BpeMerges *merges, BpeScratch *scratch)
{
    if (scratch->n < 2) return;
    if (scratch->n <= SHORT_PIECE)
        merge_short(merges, scratch);
    else
        merge_long(merges, scratch);
}
