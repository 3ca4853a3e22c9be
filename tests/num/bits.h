/* SPDX-License-Identifier: MIT */
/* tests/num/bits.h: what the kernel tests share: fenced arrays, fixed pseudo-random fills, comparison to the bit that prints
 * where two arrays part. */
#ifndef R1_TESTS_NUM_BITS_H
#define R1_TESTS_NUM_BITS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "num/kernels.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The templates over float[16] (tests/num/isa_portable.h): checked on machines that lack every instruction set. */
typedef struct Variant {
    const char *name;
    Kernels kernels;
} Variant;

enum { GUARD_FLOATS = 32, MAX_VARIANTS = 4 };
static const float guard_value = -8.25e8f;

/* n floats on an own cache line, guard words on both sides, the inside poisoned with NaN. */
static inline float *fenced(int64_t n)
{
    const size_t total = ((size_t)n + 2 * GUARD_FLOATS + 15) / 16 * 16;
    float *memory = aligned_alloc(64, total * sizeof *memory);
    assert_non_null(memory);
    for (size_t i = 0; i < total; i++) memory[i] = guard_value;
    for (int64_t i = 0; i < n; i++) memory[GUARD_FLOATS + i] = NAN;
    return memory + GUARD_FLOATS;
}

static inline void fenced_free(float *x)
{
    free(x - GUARD_FLOATS);
}

static inline void assert_fence_whole(const float *x, int64_t n, const char *what)
{
    for (int i = 1; i <= GUARD_FLOATS; i++)
        if (x[-i] != guard_value || x[n + i - 1] != guard_value)
            fail_msg("%s: wrote outside its output of %lld floats, at distance %d", what, (long long)n, i);
}

/* xorshift; the seed is what a failure prints. */
static inline uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static inline float random_float(uint32_t *state, float low, float high)
{
    return low + (high - low) * (float)(next_random(state) >> 8) * 0x1p-24f;
}

static inline void fill(float *x, int64_t n, uint32_t seed, float low, float high)
{
    uint32_t state = seed * 2654435761u + 1u;
    for (int64_t i = 0; i < n; i++) x[i] = random_float(&state, low, high);
}

static inline float *fenced_fill(int64_t n, uint32_t seed, float low, float high)
{
    float *x = fenced(n);
    fill(x, n, seed, low, high);
    return x;
}

static inline void assert_same_bits(const float *want, const float *got, int64_t n, const char *what)
{
    if (n == 0 || memcmp(want, got, (size_t)n * sizeof *want) == 0) return;
    for (int64_t i = 0; i < n; i++)
        if (memcmp(&want[i], &got[i], sizeof *want) != 0)
            fail_msg("%s: element %lld of %lld is %a, its definition says %a", what, (long long)i, (long long)n,
                     (double)got[i], (double)want[i]);
}

#endif
