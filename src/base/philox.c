/* SPDX-License-Identifier: MIT */
#include "base/philox.h"

void philox_4x32(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0;
        const uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
        const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        const uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

/* The finaliser of splitmix64: spreads a small number over 64 bits, one to one. */
static uint64_t spread(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

uint64_t rng_bits(Rng rng, uint64_t a, uint32_t b, uint64_t c)
{
    const uint64_t key = rng.seed ^ spread(a ^ ((uint64_t)rng.stream << 56));
    const uint32_t counter[4] = {b, rng.stream, (uint32_t)c, (uint32_t)(c >> 32)};
    uint32_t out[4];
    philox_4x32(out, counter, (const uint32_t[2]){(uint32_t)key, (uint32_t)(key >> 32)});
    return (uint64_t)out[1] << 32 | out[0];
}

static double unit_interval(uint64_t bits)
{
    return (double)(bits >> 11) * 0x1p-53;
}

double rng_uniform(Rng rng, uint64_t a, uint32_t b, uint64_t c)
{
    return unit_interval(rng_bits(rng, a, b, c));
}

RngSequence rng_sequence(uint64_t seed, RngStream stream, uint64_t a, uint32_t b)
{
    return (RngSequence){.rng = {seed, (uint32_t)stream}, .a = a, .b = b};
}

uint64_t rng_next(RngSequence *s)
{
    return rng_bits(s->rng, s->a, s->b, s->next++);
}

double rng_next_uniform(RngSequence *s)
{
    return unit_interval(rng_next(s));
}

int64_t rng_next_below(RngSequence *s, int64_t n)
{
    const uint64_t range = (uint64_t)n;
    const uint64_t limit =
        UINT64_MAX - UINT64_MAX % range; /* a multiple of range: draws from there on are thrown away */
    uint64_t x;
    do x = rng_next(s);
    while (x >= limit);
    return (int64_t)(x % range);
}

int64_t rng_next_between(RngSequence *s, int64_t low, int64_t high)
{
    return low + rng_next_below(s, high - low + 1);
}
