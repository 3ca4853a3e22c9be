/* SPDX-License-Identifier: MIT */
/* Draws against the distribution computed directly in f64, by libm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "rollout/sampler.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_V = 3000 };

static const SamplingParams PLAIN = {.temperature = 1.0, .top_p = 1.0};

static float *scratch_for(int64_t V)
{
    /* As the engine has it: aligned to a cache line. */
    return aligned_alloc(64, ((size_t)sampler_scratch_floats(V) * sizeof(float) + 63) / 64 * 64);
}

static void fill_logits(float *logits, int64_t V, uint64_t seed, double spread)
{
    for (int64_t i = 0; i < V; i++)
        logits[i] = (float)(spread * (rng_uniform((Rng){seed, RNG_TEST}, 0, 0, (uint64_t)i) - 0.5));
}

/* ---- what the distribution is ---- */

typedef struct Ranked {
    int32_t id;
    double p;
} Ranked;

static int by_probability(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    if (x->p != y->p) return x->p < y->p ? 1 : -1;
    return x->id < y->id ? -1 : 1;
}

/* softmax(z / T), then top-k, then top-p of what is left, then min-p, then normalised. plain: before truncation. */
static void distribution(double *p, double *plain, const float *logits, int64_t V, const SamplingParams *params)
{
    static Ranked ranked[MAX_V];
    double max = -INFINITY, sum = 0.0;
    for (int64_t i = 0; i < V; i++) max = fmax(max, (double)logits[i] / params->temperature);
    for (int64_t i = 0; i < V; i++) sum += plain[i] = exp((double)logits[i] / params->temperature - max);
    for (int64_t i = 0; i < V; i++) {
        plain[i] /= sum;
        ranked[i] = (Ranked){(int32_t)i, plain[i]};
        p[i] = 0.0;
    }
    qsort(ranked, (size_t)V, sizeof *ranked, by_probability);
    int64_t kept = params->top_k > 0 && params->top_k < V ? params->top_k : V;
    double total = 0.0, running = 0.0;
    for (int64_t i = 0; i < kept; i++) total += ranked[i].p;
    if (params->top_p < 1.0) {
        int64_t n = 0;
        while (n < kept && (n == 0 || running < params->top_p * total)) running += ranked[n++].p;
        kept = n;
    }
    while (kept > 1 && ranked[kept - 1].p < params->min_p * ranked[0].p) kept--;
    total = 0.0;
    for (int64_t i = 0; i < kept; i++) total += ranked[i].p;
    for (int64_t i = 0; i < kept; i++) p[ranked[i].id] = ranked[i].p / total;
}

/* Walks u over a grid: the share of the grid that gives an id is its probability, to a grid step (two where a cell is cut on both sides). */
static void check_distribution(const Kernels *k, const float *logits, int64_t V, const SamplingParams *params)
{
    enum { GRID = 2048 };
    static double p[MAX_V], plain[MAX_V];
    static int64_t seen[MAX_V];
    float *scratch = scratch_for(V);
    distribution(p, plain, logits, V, params);
    memset(seen, 0, sizeof seen);
    for (int g = 0; g < GRID; g++) {
        const SampledToken t = sampler_draw(k, logits, V, params, (g + 0.5) / GRID, scratch);
        assert_in_range(t.id, 0, V - 1);
        if (!(p[t.id] > 0.0)) fail_msg("id %d was drawn but is truncated", (int)t.id);
        assert_true(fabs((double)t.policy_logprob - log(plain[t.id])) < 2e-5);
        assert_true(fabs((double)t.sampled_logprob - log(p[t.id])) < 2e-5);
        seen[t.id]++;
    }
    for (int64_t i = 0; i < V; i++)
        if (fabs((double)seen[i] - p[i] * GRID) > 1.01)
            fail_msg("id %lld: %lld of %d, expected %g", (long long)i, (long long)seen[i], GRID, p[i] * GRID);
    free(scratch);
}

static void draws_follow_the_distribution(void **state)
{
    (void)state;
    static const int64_t sizes[] = {1, 2, 17, 320, 1024, 1025, 2600};
    static const SamplingParams ways[] = {
        {.temperature = 1.0, .top_p = 1.0},
        {.temperature = 0.6, .top_p = 1.0},
        {.temperature = 2.5, .top_p = 1.0},
        {.temperature = 1.0, .top_p = 1.0, .top_k = 1},
        {.temperature = 1.0, .top_p = 1.0, .top_k = 7},
        {.temperature = 0.8, .top_p = 0.9},
        {.temperature = 1.0, .top_p = 0.0},
        {.temperature = 1.0, .top_p = 1.0, .min_p = 0.2},
        {.temperature = 1.3, .top_p = 0.7, .top_k = 40, .min_p = 0.05},
    };
    static float logits[MAX_V];
    const Kernels k = kernels_for(ISA_C);
    for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++)
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++) {
            fill_logits(logits, sizes[n], n * 100 + w, 12.0);
            check_distribution(&k, logits, sizes[n], &ways[w]);
        }
}

/* One row of draws: every ISA takes the same ids with the same log-probabilities. */
static void every_isa_draws_the_same(void **state)
{
    (void)state;
    enum { V = 2600 };
    static const SamplingParams ways[] = {{.temperature = 1.0, .top_p = 1.0},
                                          {.temperature = 0.7, .top_p = 0.9, .top_k = 300}};
    static float logits[V];
    const Kernels plain = kernels_for(ISA_C);
    float *scratch = scratch_for(V);
    fill_logits(logits, V, 4, 9.0);
    for (Isa isa = ISA_AVX2; isa <= ISA_AVX512; isa++) {
        if (!cpu_has(isa)) {
            print_message("skipped: this machine has no %s\n", cpu_isa_name(isa));
            continue;
        }
        const Kernels k = kernels_for(isa);
        for (int w = 0; w < 2; w++)
            for (int g = 0; g < 50; g++) {
                const SampledToken want = sampler_draw(&plain, logits, V, &ways[w], (g + 0.5) / 50, scratch);
                const SampledToken got = sampler_draw(&k, logits, V, &ways[w], (g + 0.5) / 50, scratch);
                assert_memory_equal(&want, &got, sizeof want);
            }
    }
    free(scratch);
}

static void greedy_takes_the_lowest_of_the_largest(void **state)
{
    (void)state;
    const Kernels k = kernels_for(ISA_C);
    static float logits[MAX_V];
    float *scratch = scratch_for(MAX_V);
    SamplingParams greedy = PLAIN;
    greedy.temperature = 0.0;
    greedy.top_k = 3; /* makes no difference */
    fill_logits(logits, MAX_V, 3, 4.0);
    logits[2990] = logits[41] = logits[1500] = 7.0f;
    const SampledToken t = sampler_draw(&k, logits, MAX_V, &greedy, 0.99, scratch);
    assert_int_equal(t.id, 41);
    assert_true(t.sampled_logprob == 0.0f);
    double sum = 0.0;
    for (int64_t i = 0; i < MAX_V; i++) sum += exp((double)logits[i] - 7.0);
    assert_true(fabs((double)t.logprob + log(sum)) < 1e-5);
    assert_true(t.logprob == t.policy_logprob);
    for (int64_t i = 0; i < MAX_V; i++) logits[i] = -3.0f;
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &greedy, 0.5, scratch).id, 0);
    free(scratch);
}

/* Equal logits: what truncation keeps is the lowest ids. */
static void ties_are_kept_in_the_order_of_ids(void **state)
{
    (void)state;
    enum { V = 50 };
    const Kernels k = kernels_for(ISA_C);
    float logits[V], *scratch = scratch_for(V);
    for (int i = 0; i < V; i++) logits[i] = i % 2 ? 2.0f : 1.0f;
    SamplingParams params = PLAIN;
    params.top_k = 4;
    for (int g = 0; g < 40; g++) {
        const int32_t id = sampler_draw(&k, logits, V, &params, (g + 0.5) / 40, scratch).id;
        assert_int_equal(id, 2 * (g / 10) + 1);
    }
    free(scratch);
}

static void ends_of_the_unit_interval_draw_an_id_with_mass(void **state)
{
    (void)state;
    const Kernels k = kernels_for(ISA_C);
    static float logits[MAX_V];
    float *scratch = scratch_for(MAX_V);
    /* All mass in the middle; e^-200 is 0 in f32. */
    for (int64_t i = 0; i < MAX_V; i++) logits[i] = i >= 1400 && i < 1410 ? 0.0f : -200.0f;
    const double last_u = 1.0 - 0x1p-53;
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &PLAIN, 0.0, scratch).id, 1400);
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &PLAIN, last_u, scratch).id, 1409);
    SamplingParams params = PLAIN;
    params.top_p = 0.55;
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &params, last_u, scratch).id, 1405);
    for (int64_t i = 0; i < MAX_V; i++) logits[i] = -INFINITY;
    logits[2047] = -5.0f; /* last id of a block */
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &PLAIN, 0.0, scratch).id, 2047);
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &PLAIN, last_u, scratch).id, 2047);
    free(scratch);
}

/* Philox draws over a skewed distribution; 40 ids, 39 degrees of freedom: chi-square beyond 80 has probability 1e-4. The seed is fixed. */
static void frequencies_of_random_draws_pass_chi_square(void **state)
{
    (void)state;
    enum { V = 40, DRAWS = 20000 };
    const Kernels k = kernels_for(ISA_C);
    static double p[MAX_V], plain[MAX_V];
    float logits[V], *scratch = scratch_for(V);
    int64_t seen[V] = {0};
    fill_logits(logits, V, 8, 4.0);
    distribution(p, plain, logits, V, &PLAIN);
    for (int i = 0; i < DRAWS; i++) {
        const double u = rng_uniform((Rng){17, RNG_TOKEN}, 1, 2, (uint64_t)i);
        seen[sampler_draw(&k, logits, V, &PLAIN, u, scratch).id]++;
    }
    double chi_square = 0.0;
    for (int i = 0; i < V; i++)
        chi_square += ((double)seen[i] - p[i] * DRAWS) * ((double)seen[i] - p[i] * DRAWS) / (p[i] * DRAWS);
    if (!(chi_square > 12.0 && chi_square < 80.0)) fail_msg("chi-square %g over 39 degrees of freedom", chi_square);
    free(scratch);
}

static void truncation_is_told_apart_from_temperature(void **state)
{
    (void)state;
    SamplingParams params = PLAIN;
    params.temperature = 0.3;
    assert_false(sampling_is_truncated(&params));
    params.top_k = 1;
    assert_true(sampling_is_truncated(&params));
    params.top_k = 0;
    params.min_p = 0.1;
    assert_true(sampling_is_truncated(&params));
    params.min_p = 0.0;
    params.top_p = 0.99;
    assert_true(sampling_is_truncated(&params));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_follow_the_distribution),
        cmocka_unit_test(every_isa_draws_the_same),
        cmocka_unit_test(greedy_takes_the_lowest_of_the_largest),
        cmocka_unit_test(ties_are_kept_in_the_order_of_ids),
        cmocka_unit_test(ends_of_the_unit_interval_draw_an_id_with_mass),
        cmocka_unit_test(frequencies_of_random_draws_pass_chi_square),
        cmocka_unit_test(truncation_is_told_apart_from_temperature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
