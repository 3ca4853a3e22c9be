/* SPDX-License-Identifier: MIT */
/* What is read off a row of logits, and the large sums. */
#include "num/bits.h"

#include "num/gemm.h"
#include "num/head.h"
#include "num/math.h"

enum { V = 2500, BLOCKS = (V + HEAD_BLOCK - 1) / HEAD_BLOCK };

typedef struct Row {
    float logits[V], masses[V];
    double sums[BLOCKS];
    HeadRow row;
} Row;

static void row_build(Row *r, uint32_t seed, float spread, float inv_temperature)
{
    fill(r->logits, V, seed, -spread, spread);
    const Kernels k = kernels_for(ISA_C);
    k.head_row(&r->row, r->masses, r->sums, r->logits, V, inv_temperature);
}

static void logprobs_and_entropy_agree_with_long_double(void **state)
{
    (void)state;
    Row r;
    row_build(&r, 5, 8.0f, 0.7f);
    long double sum = 0.0L, entropy = 0.0L;
    for (int i = 0; i < V; i++) sum += expl((long double)r.logits[i] * 0.7L);
    for (int i = 0; i < V; i++) {
        const long double logprob = (long double)r.logits[i] * 0.7L - logl(sum);
        entropy -= expl(logprob) * logprob;
        if (fabsl((long double)head_logprob(&r.row, r.logits, i, 0.7f) - logprob) > 3e-6L)
            fail_msg("logprob of %d is %.9g, not %.9Lg", i, (double)head_logprob(&r.row, r.logits, i, 0.7f), logprob);
    }
    assert_true(fabsl((long double)head_entropy(&r.row) - entropy) < 3e-6L);
}

static void a_drawn_id_always_has_mass_and_its_interval_holds_u(void **state)
{
    (void)state;
    Row r;
    row_build(&r, 6, 60.0f, 1.3f); /* most masses are exactly 0 */
    double below[V + 1];
    below[0] = 0.0;
    for (int i = 0; i < V; i++) below[i + 1] = below[i] + (double)r.masses[i];
    for (int i = 0; i < 20000; i++) {
        const double u = (double)i / 20000.0;
        const int32_t id = head_sample(&r.row, r.masses, r.sums, V, u);
        assert_in_range(id, 0, V - 1);
        assert_true(r.masses[id] > 0.0f);
        /* Block sums are f32 folds, so the borders of intervals move by their rounding. */
        const double x = u * r.row.sum, slack = 1e-5 * r.row.sum;
        assert_true(below[id] <= x + slack && x < below[id + 1] + slack);
    }
}

static void draws_follow_the_distribution(void **state)
{
    (void)state;
    enum { DRAWS = 200000, IDS = 20 };
    float logits[IDS], masses[IDS];
    double sums[1];
    HeadRow row;
    fill(logits, IDS, 3, -2, 2);
    kernels_for(ISA_C).head_row(&row, masses, sums, logits, IDS, 1.0f);
    int count[IDS] = {0};
    uint32_t seed = 17;
    for (int i = 0; i < DRAWS; i++) count[head_sample(&row, masses, sums, IDS, (double)next_random(&seed) * 0x1p-32)]++;
    for (int i = 0; i < IDS; i++) {
        const double p = (double)masses[i] / row.sum;
        assert_true(fabs((double)count[i] / DRAWS - p) < 5.0 * sqrt(p / DRAWS));
    }
}

static void the_ends_of_the_unit_interval_draw_the_first_and_the_last_mass(void **state)
{
    (void)state;
    float logits[V], masses[V];
    double sums[BLOCKS];
    HeadRow row;
    for (int i = 0; i < V; i++) logits[i] = -200.0f; /* mass exactly 0 */
    logits[7] = logits[1500] = 1.0f;
    kernels_for(ISA_C).head_row(&row, masses, sums, logits, V, 1.0f);
    assert_int_equal(head_sample(&row, masses, sums, V, 0.0), 7);
    assert_int_equal(head_sample(&row, masses, sums, V, 0.499), 7);
    assert_int_equal(head_sample(&row, masses, sums, V, 0.5), 1500);
    assert_int_equal(head_sample(&row, masses, sums, V, 1.0 - 0x1p-53), 1500);
    /* A rounded u * sum may reach the sum itself: the last id with mass, not the last id. */
    assert_int_equal(head_sample(&row, masses, sums, V, 1.0), 1500);
}

static void argmax_is_the_lowest_of_equals(void **state)
{
    (void)state;
    const float logits[] = {-3.0f, 2.0f, 1.0f, 2.0f};
    assert_int_equal(head_argmax(logits, 4), 1);
    assert_int_equal(head_argmax(logits, 1), 0);
}

/* An id that was masked out (-inf) has mass 0 and leaves sum and entropy as if it were not there. */
static void masked_ids_do_not_count(void **state)
{
    (void)state;
    float logits[40], masses[40];
    double sums[1];
    HeadRow row;
    for (int i = 0; i < 40; i++) logits[i] = i == 3 || i == 9 ? 0.5f : -INFINITY;
    for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++) {
        if (!cpu_has(isa)) continue;
        const Kernels k = kernels_for(isa);
        k.head_row(&row, masses, sums, logits, 40, 1.0f);
        assert_true(row.sum == 2.0);
        assert_true(fabs((double)head_entropy(&row) - 0.69314718) < 1e-6);
    }
}

static void squares_are_exact_to_f32_rounding_on_any_number_of_threads(void **state)
{
    (void)state;
    enum { ROWS = 5000, COLUMNS = 300, TENSORS = 3 };
    float *x = fenced_fill((int64_t)ROWS * COLUMNS, 1, -1, 1);
    const SquaresTensor tensors[TENSORS] = {{x, ROWS, COLUMNS}, {x, 1, COLUMNS}, {x, 2049, 7}};
    long double want = 0.0L;
    for (int t = 0; t < TENSORS; t++)
        for (int64_t i = 0; i < tensors[t].rows * tensors[t].columns; i++)
            want += (long double)x[i] * (long double)x[i];
    void *scratch = aligned_alloc(64, (size_t)(num_sum_squares_scratch_bytes(ROWS) + 63) / 64 * 64);
    double first = 0.0;
    for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++)
        for (int n_threads = 1; n_threads <= 4 && cpu_has(isa); n_threads++) {
            Error err;
            Threads *threads;
            assert_true(threads_create(&threads, n_threads, &err));
            const Kernels k = kernels_for(isa);
            const double sum = num_sum_squares(&k, threads, tensors, TENSORS, scratch);
            if (first == 0.0) first = sum;
            assert_memory_equal(&sum, &first, sizeof sum);
            threads_free(threads);
        }
    assert_true(fabsl(((long double)first - want) / want) < 1e-6L);
    free(scratch);
    fenced_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(logprobs_and_entropy_agree_with_long_double),
        cmocka_unit_test(a_drawn_id_always_has_mass_and_its_interval_holds_u),
        cmocka_unit_test(draws_follow_the_distribution),
        cmocka_unit_test(the_ends_of_the_unit_interval_draw_the_first_and_the_last_mass),
        cmocka_unit_test(argmax_is_the_lowest_of_equals),
        cmocka_unit_test(masked_ids_do_not_count),
        cmocka_unit_test(squares_are_exact_to_f32_rounding_on_any_number_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
