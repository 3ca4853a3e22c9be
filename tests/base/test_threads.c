/* SPDX-License-Identifier: MIT */
/* Every item once, on any number of threads; every part of a split once. */
#include "base/threads.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>
#include <xmmintrin.h>

typedef struct Tally {
    _Atomic int *counts;
    int n_threads;
    _Atomic int wrong;
} Tally;

static void count_item(void *context, int64_t item, int thread)
{
    Tally *const tally = context;
    atomic_fetch_add(&tally->counts[item], 1);
    if (thread < 0 || thread >= tally->n_threads) atomic_fetch_add(&tally->wrong, 1);
    if (!threads_set_rounding()) atomic_fetch_add(&tally->wrong, 1);
}

static void every_item_runs_once(void **state)
{
    (void)state;
    static const int64_t sizes[] = {0, 1, 2, 3, 7, 64, 1000, 4099};
    for (int n_threads = 1; n_threads <= 5; n_threads++) {
        Error err;
        Threads *pool;
        assert_true(threads_create(&pool, n_threads, &err));
        assert_int_equal(threads_count(pool), n_threads);
        for (int repeat = 0; repeat < 50; repeat++)
            for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                if (repeat > 3 && sizes[s] > 64) continue;
                Tally tally = {.counts = base_alloc((size_t)sizes[s] + 1, sizeof(_Atomic int)), .n_threads = n_threads};
                threads_run(pool, sizes[s], count_item, &tally);
                for (int64_t i = 0; i < sizes[s]; i++) assert_int_equal(atomic_load(&tally.counts[i]), 1);
                assert_int_equal(atomic_load(&tally.counts[sizes[s]]), 0);
                assert_int_equal(atomic_load(&tally.wrong), 0);
                base_free((void *)tally.counts);
            }
        threads_free(pool);
    }
}

static void no_pool_is_one_thread(void **state)
{
    (void)state;
    _Atomic int counts[3] = {0};
    Tally tally = {.counts = counts, .n_threads = 1};
    threads_run(NULL, 3, count_item, &tally);
    for (int i = 0; i < 3; i++) assert_int_equal(atomic_load(&counts[i]), 1);
    assert_int_equal(threads_count(NULL), 1);
    threads_free(NULL);
}

static void wrong_numbers_of_threads_are_refused(void **state)
{
    (void)state;
    static const int wrong[] = {-1, 0, 100000};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Error err = {0};
        Threads *pool;
        assert_false(threads_create(&pool, wrong[i], &err));
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_null(pool);
    }
}

static void parts_cover_the_range_in_order(void **state)
{
    (void)state;
    static const int64_t grains[] = {1, 2, 16, 1024};
    for (int64_t n = 0; n < 200; n++)
        for (size_t g = 0; g < sizeof grains / sizeof *grains; g++)
            for (int64_t n_parts = 1; n_parts < 9; n_parts++) {
                int64_t expected = 0;
                for (int64_t part = 0; part < n_parts; part++) {
                    int64_t begin, end;
                    threads_split(n, grains[g], part, n_parts, &begin, &end);
                    assert_int_equal(begin, expected);
                    assert_true(end >= begin && end <= n);
                    assert_true(end == n || end % grains[g] == 0);
                    expected = end;
                }
                assert_int_equal(expected, n);
            }
}

static void rounding_is_put_back(void **state)
{
    (void)state;
    threads_set_rounding();
    assert_true(threads_set_rounding());
    _mm_setcsr(_mm_getcsr() | 0x8040); /* flush to zero, denormals are zero */
    assert_false(threads_set_rounding());
    assert_true(threads_set_rounding());
    assert_true(threads_available() >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_runs_once),
        cmocka_unit_test(no_pool_is_one_thread),
        cmocka_unit_test(wrong_numbers_of_threads_are_refused),
        cmocka_unit_test(parts_cover_the_range_in_order),
        cmocka_unit_test(rounding_is_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
