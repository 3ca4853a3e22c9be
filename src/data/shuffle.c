/* SPDX-License-Identifier: MIT */
#include "data/shuffle.h"

#include "base/philox.h"

int64_t shuffle_item(uint64_t seed, uint64_t epoch, int64_t i, int64_t n)
{
    enum { ROUNDS = 4 };
    const Rng rng = {.seed = seed, .stream = RNG_SHUFFLE};
    int half = 1; /* bits of a half */
    while ((int64_t)1 << 2 * half < n) half++;
    const uint64_t mask = ((uint64_t)1 << half) - 1;
    uint64_t x = (uint64_t)i;
    do {
        uint64_t left = x >> half, right = x & mask;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            const uint64_t next = left ^ (rng_bits(rng, epoch, round, right) & mask);
            left = right;
            right = next;
        }
        x = left << half | right;
    } while (x >= (uint64_t)n);
    return (int64_t)x;
}
