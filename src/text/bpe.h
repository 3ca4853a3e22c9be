/* SPDX-License-Identifier: MIT */
/* text/bpe.h: byte-pair merges. The pair with the lowest rank is merged first, the leftmost of equals before the others,
 * until no neighbours have a merge.
 *
 * Short pieces (nearly all) are done by scanning; long ones by a heap over a linked list, so that a megabyte of one letter
 * costs n log n. Shared between threads: merging writes to the scratch alone. */
#ifndef R1_TEXT_BPE_H
#define R1_TEXT_BPE_H

#include <stdint.h>

typedef struct BpeSlot {
    int32_t left, right; /* token ids */
    int32_t rank;        /* -1: empty */
    int32_t result;      /* the id of the merged token */
} BpeSlot;

typedef struct BpeMerges {
    BpeSlot *slots; /* owned; capacity is a power of two, at least twice the merges */
    int64_t capacity;
    int32_t *results; /* [n] by rank, owned */
    int64_t n;
} BpeMerges;

/* Room for n merges; a zeroed BpeMerges becomes an empty table. */
void bpe_merges_create(BpeMerges *merges, int64_t n);
void bpe_merges_free(BpeMerges *merges);
/* Merge number `rank` (each in [0, n) once). A pair that comes again takes the later rank. */
void bpe_merges_set(BpeMerges *merges, int32_t rank, int32_t left, int32_t right, int32_t result);

typedef struct BpeScratch {
    int32_t *ids;  /* the symbols of the piece in hand */
    int32_t *next; /* links and heap of long pieces */
    int32_t *previous;
    uint64_t *heap;
    int64_t n, capacity, link_capacity;
    int64_t n_heap, heap_capacity;
} BpeScratch;

void bpe_scratch_free(BpeScratch *scratch);
/* Adds one symbol to the piece in hand. */
void bpe_scratch_push(BpeScratch *scratch, int32_t id);
/* Merges scratch->ids[0 .. n) in place and sets n to what is left. */
void bpe_merge(const BpeMerges *merges, BpeScratch *scratch);

#endif
