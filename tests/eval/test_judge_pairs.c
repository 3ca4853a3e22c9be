/* SPDX-License-Identifier: MIT */
/* Which judged pairs are kept, and that lengths are even over those that are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/philox.h"
#include "eval/judge_pairs.h"

#include <math.h>

static void clear_pairs_are_kept_and_the_rest_is_counted(void **state)
{
    (void)state;
    JudgedPair pairs[] = {{.n_readable = 4, .difference = 1.25, .lengths = {5, 5}, .truth = 1},
                          {.n_readable = 4, .difference = 1.0, .lengths = {5, 5}, .truth = 1}, /* not more than 1 */
                          {.n_readable = 0, .lengths = {5, 5}, .truth = 1},
                          {.n_readable = 1, .difference = -2.0, .lengths = {5, 5}, .truth = 1},
                          {.n_readable = 4, .difference = -1.5, .lengths = {5, 5}}};
    JudgedPairs c;
    judge_pairs_keep(pairs, 5, 1.0, true, &c);
    assert_true(pairs[0].kept && !pairs[1].kept && !pairs[2].kept && pairs[3].kept && pairs[4].kept);
    assert_int_equal(c.n, 5);
    assert_int_equal(c.n_kept, 3);
    assert_int_equal(c.n_undecided, 1);
    assert_int_equal(c.n_unclear, 1);
    assert_int_equal(c.n_unbalanced, 0);
    assert_int_equal(c.n_truth, 2);
    assert_int_equal(c.n_agree, 1);
    judge_pairs_keep(pairs, 0, 1.0, true, &c);
    assert_true(c.n_kept == 0 && isnan(c.mean_length_difference));
}

static void the_longest_go_until_lengths_are_even(void **state)
{
    (void)state;
    /* Excess of the chosen: 10, 3, 2, -4: sum 11; without the 10 it is 1, and nothing comes nearer to 0. */
    JudgedPair pairs[] = {{.n_readable = 1, .difference = 2, .lengths = {15, 5}},
                          {.n_readable = 1, .difference = -2, .lengths = {5, 8}},
                          {.n_readable = 1, .difference = 2, .lengths = {7, 5}},
                          {.n_readable = 1, .difference = 2, .lengths = {1, 5}}};
    JudgedPairs c;
    judge_pairs_keep(pairs, 4, 1.0, true, &c);
    assert_true(!pairs[0].kept && pairs[1].kept && pairs[2].kept && pairs[3].kept);
    assert_int_equal(c.n_unbalanced, 1);
    assert_true(fabs(c.mean_length_difference - 1.0 / 3) < 1e-12);
    judge_pairs_keep(pairs, 4, 1.0, false, &c);
    assert_int_equal(c.n_kept, 4);
    assert_true(fabs(c.mean_length_difference - 11.0 / 4) < 1e-12);
}

static void any_set_becomes_nearly_even(void **state)
{
    (void)state;
    enum { N = 500 };
    static JudgedPair pairs[N];
    for (uint64_t seed = 0; seed < 20; seed++) {
        JudgedPairs c;
        for (int i = 0; i < N; i++) {
            const uint64_t bits = rng_bits((Rng){seed, RNG_TEST}, 0, 0, (uint64_t)i);
            pairs[i] = (JudgedPair){.n_readable = 1,
                                    .difference = bits & 1 ? 2 : -2,
                                    .lengths = {(int64_t)(bits >> 8 & 255), (int64_t)(bits >> 16 & 127)}};
        }
        judge_pairs_keep(pairs, N, 1.0, true, &c);
        assert_true(fabs(c.mean_length_difference) < 1.0);
        assert_true(c.n_kept > N / 4);
        assert_int_equal(c.n_kept + c.n_unbalanced, N);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clear_pairs_are_kept_and_the_rest_is_counted),
        cmocka_unit_test(the_longest_go_until_lengths_are_even),
        cmocka_unit_test(any_set_becomes_nearly_even),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
