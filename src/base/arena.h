/* SPDX-License-Identifier: MIT */
/* base/arena.h: memory that is planned once and then only handed out.
 *
 * A step reserves what its plan adds up to; taking pieces from it cannot fail, nobody frees a piece, the end of the step
 * resets to a mark. With R1_CHECK >= 1 every piece is followed by a red zone that arena_reset verifies, and memory given
 * back is filled with NaNs, so that a use after reset poisons the result at once. */
#ifndef R1_BASE_ARENA_H
#define R1_BASE_ARENA_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { ARENA_ALIGN = 64 };

typedef struct Arena {
    unsigned char *memory; /* ARENA_ALIGN-aligned, owned */
    size_t capacity_bytes;
    size_t used_bytes;
    size_t peak_bytes; /* the most that was ever in use: what the next plan may be held against */
    const char *name;  /* for messages; lives as long as the arena */
} Arena;

/* Reserves capacity_bytes (zeroed by the system on first touch). Fails with ERROR_SYSTEM naming the size. */
bool arena_create(Arena *arena, const char *name, size_t capacity_bytes, Error *err) R1_MUST_CHECK;
/* Releases everything; a zeroed arena is fine. */
void arena_free(Arena *arena);

/* count * size bytes, ARENA_ALIGN-aligned, contents undefined. Overflow or an arena that is too small is a bug of the plan
 * (the plan is the only place memory can run out): it stops the program with the arena's name and both sizes. */
void *arena_take(Arena *arena, size_t count, size_t size);
#define ARENA_ARRAY(arena, type, rows, columns)                                                                        \
    ((type *)arena_take((arena), (size_t)(rows) * (size_t)(columns), sizeof(type)))

/* What arena_take will use for count * size bytes, red zone and alignment included: plans add these up. */
size_t arena_piece_bytes(size_t count, size_t size);

size_t arena_mark(const Arena *arena);
/* Everything taken since the mark is given back. */
void arena_reset(Arena *arena, size_t mark);

/* Checked heap for things that live as long as an object, not a step. Never returns NULL: a failed allocation of these
 * small, non-planned sizes ends the program with a line that gives the size. base_free accepts NULL. */
void *base_alloc(size_t count, size_t size);                 /* zeroed */
void *base_realloc(void *memory, size_t count, size_t size); /* grown part not zeroed */
void base_free(void *memory);
char *base_strdup(const char *text);
char *base_strndup(const char *text, size_t length);
char *base_printf(const char *format, ...) R1_PRINTF(1, 2); /* a string the caller base_frees */

#endif
