/* SPDX-License-Identifier: MIT */
/* num/peak.c: times the loops of peak.simd.h on every thread at once.
 *
 * The definitions use the same FMA units as AVX2 kernels, eight lanes at a time, so their limit is AVX2's where the machine has
 * it, and that of the loop below on the few that have FMA alone. */
#include "num/peak.h"

#include "num/definitions.h"

#include <math.h>
#include <time.h>

enum {
    MAX_PEAK_THREADS = 1024,
    READ_GRAIN_FLOATS = 128,
    FMA_CALLS = 64,
    C_STEPS = 4096,
    C_LANES = 96,
    SINK_STRIDE = 16
};

static int64_t fma_c(float *state)
{
    float lane[C_LANES];
    for (int i = 0; i < C_LANES; i++) lane[i] = state[i];
    for (int step = 0; step < C_STEPS; step++)
        for (int i = 0; i < C_LANES; i++) lane[i] = fmaf(lane[i], 0.999f, 0.001f);
    for (int i = 0; i < C_LANES; i++) state[i] = lane[i];
    return (int64_t)C_STEPS * C_LANES * 2;
}

static void read_c(float *sink, const float *x, int64_t n)
{
    float lane[64] = {0};
    for (int64_t i = 0; i < n; i += 64)
        for (int l = 0; l < 64; l++) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
    for (int l = 0; l < 64; l++) *sink += lane[l];
}

static PeakLoops loops_for(Isa isa)
{
    PeakLoops loops = {.fma = fma_c, .read = read_c};
    if (isa == ISA_AVX512)
        peak_loops_avx512(&loops);
    else if (cpu_has(ISA_AVX2))
        peak_loops_avx2(&loops);
    return loops;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct PeakJob {
    PeakLoops loops;
    const float *memory;
    int64_t n, n_parts;
    int64_t operations;                         /* of one item: the same for all */
    float sink[MAX_PEAK_THREADS * SINK_STRIDE]; /* a cache line a thread */
} PeakJob;

static void fma_item(void *context, int64_t item, int thread)
{
    PeakJob *job = context;
    (void)thread;
    float state[PEAK_STATE];
    for (int i = 0; i < PEAK_STATE; i++) state[i] = 0.5f + 0.01f * (float)i;
    int64_t operations = 0;
    for (int i = 0; i < FMA_CALLS; i++) operations += job->loops.fma(state);
    job->sink[item * SINK_STRIDE] = state[0];
    if (item == 0) job->operations = operations;
}

static void read_item(void *context, int64_t item, int thread)
{
    PeakJob *job = context;
    int64_t begin, end;
    threads_split(job->n, READ_GRAIN_FLOATS, item, job->n_parts, &begin, &end);
    job->loops.read(&job->sink[thread * SINK_STRIDE], job->memory + begin, end - begin);
}

double peak_fma_flops(Isa isa, Threads *threads, int rounds)
{
    PeakJob job = {.loops = loops_for(isa)};
    const int64_t items = threads_count(threads);
    double best = 0.0;
    for (int round = 0; round <= rounds; round++) { /* the first one wakes threads and clocks */
        const double start = seconds();
        threads_run(threads, items, fma_item, &job);
        const double rate = (double)(job.operations * items) / (seconds() - start);
        if (round > 0 && rate > best) best = rate;
    }
    return best;
}

double peak_read_bytes(Isa isa, Threads *threads, const void *memory, int64_t bytes, int rounds)
{
    PeakJob job = {.loops = loops_for(isa), .memory = memory};
    job.n = bytes / (int64_t)sizeof(float) / READ_GRAIN_FLOATS * READ_GRAIN_FLOATS;
    job.n_parts = (int64_t)threads_count(threads) * 8; /* small enough that a late thread costs little */
    double best = 0.0;
    for (int round = 0; round <= rounds; round++) {
        const double start = seconds();
        threads_run(threads, job.n_parts, read_item, &job);
        const double rate = (double)(job.n * (int64_t)sizeof(float)) / (seconds() - start);
        if (round > 0 && rate > best) best = rate;
    }
    return best;
}
