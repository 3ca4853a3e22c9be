/* SPDX-License-Identifier: MIT */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Layout of one piece: [payload, rounded up to ARENA_ALIGN][red zone of ARENA_ALIGN bytes when R1_CHECK >= 1]
 * The red zone's first 8 bytes hold the offset at which the piece began, so that a reset can walk back over all of them;
 * the rest is RED_BYTE. */
enum { RED_ZONE_BYTES = R1_CHECK >= 1 ? ARENA_ALIGN : 0, RED_BYTE = 0xA5 };

/* The one place below cli/ that ends the program: a plan that was too small cannot be reported by a step that cannot fail. */
static _Noreturn void memory_fault(const char *what, const char *name, size_t wanted, size_t had)
{
    fprintf(stderr, "r1: %s: %s needs %zu bytes, has %zu (please report this)\n", name, what, wanted, had);
    fflush(NULL);
    _exit(3);
}

bool arena_create(Arena *arena, const char *name, size_t capacity_bytes, Error *err)
{
    *arena = (Arena){.name = name};
    if (capacity_bytes == 0) return true;
    /* mmap rather than malloc: the pages come zeroed and only when touched, and go back to the system at once. */
    void *memory = mmap(NULL, capacity_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return error_set(err, ERROR_SYSTEM, "%s: cannot reserve %zu MiB of memory", name, capacity_bytes >> 20);
    if (capacity_bytes >= (size_t)4 << 20) madvise(memory, capacity_bytes, MADV_HUGEPAGE);
    arena->memory = memory;
    arena->capacity_bytes = capacity_bytes;
    return true;
}

void arena_free(Arena *arena)
{
    if (arena->memory) munmap(arena->memory, arena->capacity_bytes);
    *arena = (Arena){0};
}

size_t arena_piece_bytes(size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2) return SIZE_MAX / 2;
    return ((bytes + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1)) + RED_ZONE_BYTES;
}

void *arena_take(Arena *arena, size_t count, size_t size)
{
    const size_t bytes = arena_piece_bytes(count, size);
    if (bytes > arena->capacity_bytes - arena->used_bytes)
        memory_fault("arena", arena->name ? arena->name : "arena", bytes, arena->capacity_bytes - arena->used_bytes);
    unsigned char *const piece = arena->memory + arena->used_bytes;
    if (RED_ZONE_BYTES) {
        unsigned char *const zone = piece + bytes - RED_ZONE_BYTES;
        memset(zone, RED_BYTE, RED_ZONE_BYTES);
        memcpy(zone, &(uint64_t){arena->used_bytes}, sizeof(uint64_t));
    }
    arena->used_bytes += bytes;
    if (arena->used_bytes > arena->peak_bytes) arena->peak_bytes = arena->used_bytes;
    return piece;
}

size_t arena_mark(const Arena *arena)
{
    return arena->used_bytes;
}

void arena_reset(Arena *arena, size_t mark)
{
    if (mark > arena->used_bytes) memory_fault("reset to a later mark", arena->name, mark, arena->used_bytes);
    size_t end = RED_ZONE_BYTES ? arena->used_bytes : mark;
    while (end > mark) {
        const unsigned char *const zone = arena->memory + end - RED_ZONE_BYTES;
        uint64_t begin;
        memcpy(&begin, zone, sizeof begin);
        bool whole = begin < end;
        for (int i = (int)sizeof begin; i < RED_ZONE_BYTES; i++) whole = whole && zone[i] == RED_BYTE;
        if (!whole) memory_fault("red zone overwritten, piece ending", arena->name, end, mark);
        end = (size_t)begin;
    }
    if (RED_ZONE_BYTES && arena->memory) memset(arena->memory + mark, 0xFF, arena->used_bytes - mark); /* NaNs */
    arena->used_bytes = mark;
}

void *base_alloc(size_t count, size_t size)
{
    void *const memory = calloc(count ? count : 1, size ? size : 1);
    if (!memory) memory_fault("allocation", "memory", count * size, 0);
    return memory;
}

void *base_realloc(void *memory, size_t count, size_t size)
{
    void *const grown = reallocarray(memory, count ? count : 1, size ? size : 1);
    if (!grown) memory_fault("allocation", "memory", count * size, 0);
    return grown;
}

void base_free(void *memory)
{
    free(memory);
}

char *base_strndup(const char *text, size_t length)
{
    char *const copy = base_alloc(length + 1, 1);
    memcpy(copy, text, length);
    return copy;
}

char *base_strdup(const char *text)
{
    return base_strndup(text, strlen(text));
}

char *base_printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    if (vasprintf(&text, format, args) < 0) memory_fault("allocation", "memory", strlen(format), 0);
    va_end(args);
    return text;
}
