/* SPDX-License-Identifier: MIT */
/* Golden values and edges of eval/estimators.c. */
#include "eval/estimators.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void assert_near(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance)) fail_msg("%.17g is not %.17g within %g", value, expected, tolerance);
}

static void pass_at_k_has_its_golden_values(void **state)
{
    (void)state;
    assert_near(estimate_pass_at_k(16, 4, 4), 0.7280220, 5e-8);
    assert_near(estimate_pass_at_k(64, 4, 16), 0.6937561, 5e-8);
    for (int64_t c = 0; c <= 8; c++) assert_near(estimate_pass_at_k(8, c, 1), (double)c / 8, 1e-15);
    assert_true(estimate_pass_at_k(8, 0, 8) == 0);
    assert_true(estimate_pass_at_k(8, 1, 8) == 1);
    assert_true(estimate_pass_at_k(8, 8, 1) == 1);
    assert_true(estimate_pass_at_k(1, 0, 1) == 0);
    assert_near(estimate_pass_at_k(1000000, 1, 500000), 0.5, 1e-12);
}

/* pass@k by walking through every subset of size k. */
static void pass_at_k_is_the_share_of_subsets_with_a_right_sample(void **state)
{
    (void)state;
    const int n = 9;
    for (int c = 0; c <= n; c++)
        for (int k = 1; k <= n; k++) {
            int subsets = 0, hits = 0;
            for (unsigned mask = 0; mask < 1u << n; mask++) {
                if (__builtin_popcount(mask) != k) continue;
                subsets++;
                hits += (mask & ((1u << c) - 1)) != 0;
            }
            assert_near(estimate_pass_at_k(n, c, k), (double)hits / subsets, 1e-14);
        }
}

static void consensus_takes_the_largest_class(void **state)
{
    (void)state;
    const int32_t classes[] = {3, 1, 1, 0, 1, 3};
    const bool right[] = {false, true, true, false, true, false};
    assert_true(estimate_consensus(classes, right, 6));
    assert_int_equal(estimate_consensus_winner(classes, 6), 1);
    const bool wrong[] = {true, false, false, true, false, true};
    assert_false(estimate_consensus(classes, wrong, 6));
}

static void consensus_tie_goes_to_the_class_that_came_first(void **state)
{
    (void)state;
    const int32_t classes[] = {7, 2, 2, 7};
    const bool seven_is_right[] = {true, false, false, true};
    const bool two_is_right[] = {false, true, true, false};
    assert_true(estimate_consensus(classes, seven_is_right, 4));
    assert_false(estimate_consensus(classes, two_is_right, 4));
}

static void no_answer_votes_as_one_class_and_is_never_right(void **state)
{
    (void)state;
    const int32_t none = ESTIMATE_NO_ANSWER;
    const int32_t majority_silent[] = {5, none, none, 6};
    const bool right[] = {true, true, true, false};
    assert_false(estimate_consensus(majority_silent, right, 4));
    const int32_t tie_silent_first[] = {none, 5, 5, none};
    assert_false(estimate_consensus(tie_silent_first, right, 4));
    const int32_t tie_silent_last[] = {5, none, none, 5};
    assert_true(estimate_consensus(tie_silent_last, right, 4));
    assert_false(estimate_consensus(&none, right, 1));
}

static void standard_error_is_that_of_the_problem_means(void **state)
{
    (void)state;
    const double means[] = {1, 0, 0, 1};
    const Estimate e = estimate_over_problems(means, 4);
    assert_near(e.mean, 0.5, 0);
    assert_near(e.standard_error, sqrt(1.0 / 3.0 / 4.0), 1e-16);
    assert_int_equal(e.n, 4);
    assert_near(estimate_over_problems(means, 1).standard_error, 0, 0);
    assert_int_equal(estimate_over_problems(means, 0).n, 0);
    const double equal[] = {0.1, 0.1, 0.1};
    assert_near(estimate_over_problems(equal, 3).standard_error, 0, 1e-17);
}

static void macro_average_weighs_cells_alike(void **state)
{
    (void)state;
    const Estimate cells[] = {{0.2, 0.03, 10}, {0.6, 0.04, 1000}, {0, 0, 0}};
    const Estimate e = estimate_macro(cells, 3);
    assert_near(e.mean, 0.4, 1e-16);
    assert_near(e.standard_error, 0.025, 1e-16);
    assert_int_equal(e.n, 1010);
    assert_int_equal(estimate_macro(cells + 2, 1).n, 0);
}

/* One and two degrees of freedom have closed forms; the others come from the incomplete beta function at 30 digits (mpmath:
 * betainc(v/2, 1/2, 0, v/(v+t^2), regularized)). */
static void t_distribution_agrees_with_closed_forms_and_mpmath(void **state)
{
    (void)state;
    for (double t = 0; t < 50; t += 0.37) {
        assert_near(estimate_t_two_sided(t, 1), 1 - 2 / acos(-1.0) * atan(t), 2e-15);
        assert_near(estimate_t_two_sided(t, 2), 1 - t / sqrt(2 + t * t), 2e-15);
    }
    assert_near(estimate_t_two_sided(2.5, 5), 0.0544900993423762411, 1e-15);
    assert_near(estimate_t_two_sided(-2.25, 10), 0.0481796502515119183, 1e-15);
    assert_near(estimate_t_two_sided(2.75, 30), 0.00999989452693118336, 1e-15);
    assert_near(estimate_t_two_sided(0.5, 7), 0.632407135689284216, 1e-15);
    assert_near(estimate_t_two_sided(12, 5), 0.0000708949251716152, 1e-15);
    assert_near(estimate_t_two_sided(3.125, 119), 0.00223413604555450453, 1e-14);
    assert_near(estimate_t_two_sided(1.6448536269514722, 10000000), 0.1, 1e-7);
    assert_true(estimate_t_two_sided(0, 7) == 1);
    assert_true(estimate_t_two_sided(INFINITY, 7) == 0);
    assert_true(estimate_t_two_sided(1e300, 3) == 0);
    assert_near(estimate_t_two_sided(1e300, 1), 0, 1e-15);
}

static void paired_test_sees_a_small_steady_gain(void **state)
{
    (void)state;
    const double a[] = {0.5, 0.6, 0.7, 0.9, 0.3}, b[] = {0.4, 0.6, 0.5, 0.8, 0.1};
    /* differences .1 0 .2 .1 .2: mean .12, std .0836660, se .0374166, t = 3.2071350, 4 degrees */
    const PairedTest test = estimate_paired(a, b, 5);
    assert_near(test.difference, 0.12, 1e-15);
    assert_near(test.standard_error, 0.0374165738677394, 1e-14);
    assert_near(test.t, 3.2071349029490927, 1e-12);
    assert_near(test.p, 0.0326779233368030, 1e-13);
    const PairedTest mirrored = estimate_paired(b, a, 5);
    assert_true(mirrored.p == test.p && mirrored.t == -test.t);
    assert_true(estimate_paired(a, a, 5).p == 1);
    assert_true(estimate_paired(a, b, 1).p == 1);
    const double ones[] = {1, 1}, zeros[] = {0, 0};
    assert_true(estimate_paired(ones, zeros, 2).p == 0);
}

static void sign_test_counts_binomials(void **state)
{
    (void)state;
    assert_true(estimate_sign_two_sided(0, 0) == 1);
    assert_near(estimate_sign_two_sided(5, 0), 2.0 / 32, 1e-16);
    assert_near(estimate_sign_two_sided(2, 8), 2 * 56.0 / 1024, 1e-16);
    assert_near(estimate_sign_two_sided(8, 2), 2 * 56.0 / 1024, 1e-16);
    assert_near(estimate_sign_two_sided(4, 3), 1, 1e-16);
    assert_true(estimate_sign_two_sided(6, 6) == 1);
    /* 2 * sum_{i <= 450} C(1000, i) / 2^1000, worked out in whole numbers. */
    assert_near(estimate_sign_two_sided(550, 450), 0.0017305360849763176, 1e-15);
    assert_true(estimate_sign_two_sided(100000, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pass_at_k_has_its_golden_values),
        cmocka_unit_test(pass_at_k_is_the_share_of_subsets_with_a_right_sample),
        cmocka_unit_test(consensus_takes_the_largest_class),
        cmocka_unit_test(consensus_tie_goes_to_the_class_that_came_first),
        cmocka_unit_test(no_answer_votes_as_one_class_and_is_never_right),
        cmocka_unit_test(standard_error_is_that_of_the_problem_means),
        cmocka_unit_test(macro_average_weighs_cells_alike),
        cmocka_unit_test(t_distribution_agrees_with_closed_forms_and_mpmath),
        cmocka_unit_test(sign_test_counts_binomials),
        cmocka_unit_test(paired_test_sees_a_small_steady_gain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
