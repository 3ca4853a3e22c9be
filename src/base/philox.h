/* SPDX-License-Identifier: MIT */
/* base/philox.h: counter-based random numbers, Philox 4x32-10 (Salmon et al., SC 2011, doi 10.1145/2063384.2063405).
 *
 * A draw is a pure function of (seed, what is drawn): there is no state to save, restore or share, and no order of draws.
 * `stream` says what kind of thing is drawn and `a`, `b`, `c` which one; two different uses never share a stream. */
#ifndef R1_BASE_PHILOX_H
#define R1_BASE_PHILOX_H

#include <stdint.h>

typedef enum RngStream {
    RNG_INIT = 1,     /* weights: a = tensor number, b = element / 4 */
    RNG_TOKEN = 2,    /* a sampled token: a = step, b = prompt index, c = completion << 32 | position */
    RNG_SHUFFLE = 3,  /* order of a data set: a = epoch, b = position */
    RNG_PROBLEM = 4,  /* a procedural problem: see data/ */
    RNG_DOCUMENT = 5, /* a corpus document: see data/ */
    RNG_MINIBATCH = 6,
    RNG_JUDGE = 9, /* which of two answers a judge sees first, and a seed for what it writes */
    RNG_TEST = 15,
} RngStream;

typedef struct Rng {
    uint64_t seed;
    uint32_t stream;
} Rng;

/* 4 x 32 bits of Philox 4x32-10 at this key and counter. */
void philox_4x32(uint32_t out[4], const uint32_t counter[4], const uint32_t key[2]);

/* 64 uniform bits keyed by (seed, stream, a, b, c). b is taken modulo 2^32, the others whole:
 *   key     = seed (64 bits) xor splitmix(a, stream), counter = { b, stream, low c, high c }. */
uint64_t rng_bits(Rng rng, uint64_t a, uint32_t b, uint64_t c);
/* Uniform in [0, 1) with 53 bits. */
double rng_uniform(Rng rng, uint64_t a, uint32_t b, uint64_t c);

/* A sequence of draws under one key, for generators that draw an unknown number of values. A plain value: copy it freely. */
typedef struct RngSequence {
    Rng rng;
    uint64_t a;
    uint32_t b;
    uint64_t next; /* index of the next draw */
} RngSequence;
RngSequence rng_sequence(uint64_t seed, RngStream stream, uint64_t a, uint32_t b);
uint64_t rng_next(RngSequence *sequence);
double rng_next_uniform(RngSequence *sequence);
/* Uniform integer in [0, n), n >= 1, without modulo bias. */
int64_t rng_next_below(RngSequence *sequence, int64_t n);
/* Uniform integer in [low, high]. */
int64_t rng_next_between(RngSequence *sequence, int64_t low, int64_t high);

#endif
