/* SPDX-License-Identifier: MIT */
/* Draws against the distribution computed directly in f64, by libm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "rollout/sampler.h"
#include "rollout/truncation.h"

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
        const SampledToken t = sampler_draw(k, logits, V, params, NULL, (g + 0.5) / GRID, scratch);
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
                const SampledToken want = sampler_draw(&plain, logits, V, &ways[w], NULL, (g + 0.5) / 50, scratch);
                const SampledToken got = sampler_draw(&k, logits, V, &ways[w], NULL, (g + 0.5) / 50, scratch);
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
    const SampledToken t = sampler_draw(&k, logits, MAX_V, &greedy, NULL, 0.99, scratch);
    assert_int_equal(t.id, 41);
    assert_true(t.sampled_logprob == 0.0f);
    double sum = 0.0;
    for (int64_t i = 0; i < MAX_V; i++) sum += exp((double)logits[i] - 7.0);
    assert_true(fabs((double)t.logprob + log(sum)) < 1e-5);
    assert_true(t.logprob == t.policy_logprob);
    for (int64_t i = 0; i < MAX_V; i++) logits[i] = -3.0f;
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &greedy, NULL, 0.5, scratch).id, 0);
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
        const int32_t id = sampler_draw(&k, logits, V, &params, NULL, (g + 0.5) / 40, scratch).id;
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
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &PLAIN, NULL, 0.0, scratch).id, 1400);
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &PLAIN, NULL, last_u, scratch).id, 1409);
    SamplingParams params = PLAIN;
    params.top_p = 0.55;
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &params, NULL, last_u, scratch).id, 1405);
    for (int64_t i = 0; i < MAX_V; i++) logits[i] = -INFINITY;
    logits[2047] = -5.0f; /* last id of a block */
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &PLAIN, NULL, 0.0, scratch).id, 2047);
    assert_int_equal(sampler_draw(&k, logits, MAX_V, &PLAIN, NULL, last_u, scratch).id, 2047);
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
        seen[sampler_draw(&k, logits, V, &PLAIN, NULL, u, scratch).id]++;
    }
    double chi_square = 0.0;
    for (int i = 0; i < V; i++)
        chi_square += ((double)seen[i] - p[i] * DRAWS) * ((double)seen[i] - p[i] * DRAWS) / (p[i] * DRAWS);
    if (!(chi_square > 12.0 && chi_square < 80.0)) fail_msg("chi-square %g over 39 degrees of freedom", chi_square);
    free(scratch);
}

/* ---- bias and penalties ---- */

/* The definitions of the header, id by id. */
static float adjusted_logit(float z, int32_t id, const SamplingParams *p, const SamplingPast *past)
{
    int64_t in_prompt = 0, count = 0;
    for (int64_t i = 0; i < past->n_prompt; i++) in_prompt += past->prompt[i] == id;
    for (int64_t i = 0; i < past->n_completion; i++) count += past->completion[i] == id;
    for (int64_t i = 0; i < p->n_biases; i++)
        if (p->biases[i].id == id) z += p->biases[i].bias;
    const float r = (float)p->repetition_penalty;
    if (in_prompt + count > 0 && r != 0.0f) z = z > 0.0f ? z / r : z * r;
    const float each = (float)p->frequency_penalty * (float)count;
    z = z - each;
    if (count > 0) z = z - (float)p->presence_penalty;
    if (past->allowed && !(past->allowed[id / 32] >> (id % 32) & 1)) z = -INFINITY;
    return z;
}

static void adjusted_draws_are_draws_from_the_adjusted_logits(void **state)
{
    (void)state;
    enum { V = 1500, GRID = 37 };
    static float logits[V], changed[V];
    static const int32_t prompt[] = {3, 9, 9, 44, 1400, 7}, completion[] = {9, 5, 5, 5, 700, 1400, 0};
    static const LogitBias biases[] = {{12, 6.0f}, {9, -2.5f}, {12, 0.5f}, {1499, 4.0f}};
    static const SamplingParams ways[] = {
        {.temperature = 1.0, .top_p = 1.0, .biases = biases, .n_biases = 4},
        {.temperature = 1.0, .top_p = 1.0, .repetition_penalty = 1.3},
        {.temperature = 0.7, .top_p = 1.0, .repetition_penalty = 0.8, .frequency_penalty = 0.7},
        {.temperature = 1.2, .top_p = 0.8, .top_k = 90, .presence_penalty = -3.0, .biases = biases, .n_biases = 3},
        {.temperature = 0.0, .top_p = 1.0, .frequency_penalty = 1.5, .presence_penalty = 0.25},
    };
    uint32_t allowed[(V + 31) / 32];
    for (int i = 0; i < (V + 31) / 32; i++) allowed[i] = 0x5a5a1001u * (uint32_t)(i + 1);
    for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++) {
        if (!cpu_has(isa)) continue;
        const Kernels k = kernels_for(isa);
        float *scratch = scratch_for(V), *other = scratch_for(V);
        for (size_t w = 0; w < sizeof ways / sizeof *ways; w++)
            for (int g = 0; g < GRID; g++) {
                const SamplingParams *const p = &ways[w];
                const SamplingPast past = {prompt, completion, 6, 7, g % 2 && w != 1 ? allowed : NULL};
                SamplingParams without = {.temperature = p->temperature, .top_p = p->top_p, .top_k = p->top_k};
                fill_logits(logits, V, w, 9.0);
                for (int32_t i = 0; i < V; i++) changed[i] = adjusted_logit(logits[i], i, p, &past);
                const double u = (g + 0.5) / GRID;
                if (past.allowed && !sampling_is_adjusted(p)) continue;
                const SampledToken got = sampler_draw(&k, logits, V, p, &past, u, scratch);
                const SampledToken want = sampler_draw(&k, changed, V, &without, NULL, u, other);
                assert_int_equal(got.id, want.id);
                assert_memory_equal(&got.sampled_logprob, &want.sampled_logprob, sizeof(float));
                /* logprob and policy_logprob are of what the model said. */
                HeadRow row;
                k.head_row(&row, NULL, NULL, logits, V, 1.0f);
                const float logprob = head_logprob(&row, logits, got.id, 1.0f);
                assert_memory_equal(&got.logprob, &logprob, sizeof(float));
                if (p->temperature == 0.0) continue;
                const float inv_temperature = (float)(1.0 / p->temperature);
                k.head_row(&row, NULL, NULL, logits, V, inv_temperature);
                const float policy = head_logprob(&row, logits, got.id, inv_temperature);
                assert_memory_equal(&got.policy_logprob, &policy, sizeof(float));
            }
        free(scratch);
        free(other);
    }
}

/* ---- truncation: the front of the order alone is what the whole order gives ---- */

static int by_mass(const void *a, const void *b)
{
    const Ranked *x = a, *y = b;
    if (x->p != y->p) return x->p < y->p ? 1 : -1;
    return x->id < y->id ? -1 : 1;
}

static double whole_order(float *masses, int64_t V, double total, const Truncation *t)
{
    static Ranked ranked[MAX_V];
    for (int64_t i = 0; i < V; i++) ranked[i] = (Ranked){(int32_t)i, (double)masses[i]};
    qsort(ranked, (size_t)V, sizeof *ranked, by_mass);
    int64_t kept = t->top_k > 0 && t->top_k < V ? t->top_k : V;
    if (t->top_p < 1.0) {
        double k_total = 0.0, running = 0.0;
        for (int64_t i = 0; i < kept; i++) k_total += ranked[i].p;
        if (kept == V) k_total = total;
        int64_t n = 0;
        while (n < kept && (n == 0 || running < t->top_p * k_total)) running += ranked[n++].p;
        kept = n;
    }
    while (kept > 1 && ranked[kept - 1].p < t->min_p * ranked[0].p) kept--;
    for (int64_t i = kept; i < V; i++) masses[ranked[i].id] = 0.0f;
    double sum = 0.0;
    for (int64_t b = 0; b < V; b += HEAD_BLOCK) {
        double block = 0.0;
        for (int64_t i = b; i < V && i < b + HEAD_BLOCK; i++) block += (double)masses[i];
        sum += block;
    }
    return sum;
}

static void truncation_has_the_bits_of_the_whole_order(void **state)
{
    (void)state;
    static float logits[MAX_V], masses[MAX_V], want[MAX_V];
    static int32_t order[MAX_V], spare[MAX_V];
    double block_sums[8];
    const Kernels k = kernels_for(ISA_C);
    static const double top_ps[] = {1.0, 0.999999, 0.9, 0.5, 0.01, 0.0}, min_ps[] = {0.0, 0.001, 0.03125, 0.3, 1.0};
    static const int64_t top_ks[] = {0, 1, 3, 64, 999, 1 << 20}, sizes[] = {1, 33, 1024, 2999};
    for (int n = 0; n < 4; n++)
        for (int spread = 0; spread < 3; spread++)
            for (int a = 0; a < 6; a++)
                for (int b = 0; b < 5; b++)
                    for (int c = 0; c < 6; c++) {
                        const int64_t V = sizes[n];
                        const Truncation t = {top_ps[a], min_ps[b], top_ks[c]};
                        HeadRow row;
                        fill_logits(logits, V, (uint64_t)(n * 3 + spread), spread == 0 ? 0.1 : 15.0 * spread);
                        for (int64_t i = 0; i + 7 < V; i += 7) logits[i] = logits[i + 5]; /* ties */
                        k.head_row(&row, masses, block_sums, logits, V, 1.0f);
                        memcpy(want, masses, sizeof want);
                        const double want_sum = whole_order(want, V, row.sum, &t);
                        const double sum = truncate_masses(masses, block_sums, order, spare, V, row.sum, &t);
                        assert_memory_equal(want, masses, (size_t)V * sizeof *want);
                        assert_memory_equal(&want_sum, &sum, sizeof sum);
                    }
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
        cmocka_unit_test(adjusted_draws_are_draws_from_the_adjusted_logits),
        cmocka_unit_test(truncation_has_the_bits_of_the_whole_order),
        cmocka_unit_test(truncation_is_told_apart_from_temperature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
