/* SPDX-License-Identifier: MIT */
/* What scores are worth: accuracy, margin, calibration and length, by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "eval/reward_quality.h"

#include <math.h>

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-12;
}

static double sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static void pairs_count_who_is_ahead(void **state)
{
    (void)state;
    static const float scores[] = {2.0f, 1.0f, 0.0f, 0.5f, 1.0f, 1.0f, 3.0f, -1.0f};
    static const int64_t lengths[] = {10, 5, 4, 4, 7, 9, 8, 2};
    RewardQuality q;
    reward_quality(&q, scores, lengths, NULL, 8);
    assert_int_equal(q.n, 4);
    assert_true(near(q.accuracy, 2.5 / 4)); /* right, wrong, a tie, right */
    assert_true(near(q.margin, (1 - 0.5 + 0 + 4) / 4));
    assert_true(near(q.longer_chosen, 2.5 / 4));
    assert_true(near(q.min_score, -1) && near(q.max_score, 3));
    /* sigmoid(1) = 0.731 in bin 4, sigmoid(0.5) = 0.622 in bin 2, 0.5 in bin 0, sigmoid(4) = 0.982 in bin 9 */
    const double confidence[] = {sigmoid(1), sigmoid(0.5), 0.5, sigmoid(4)}, right[] = {1, 0, 0.5, 1};
    const int bins[] = {4, 2, 0, 9};
    double ece = 0;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(q.bins[bins[i]].n, 1);
        assert_true(near(q.bins[bins[i]].confidence, confidence[i]) && near(q.bins[bins[i]].accuracy, right[i]));
        ece += fabs(right[i] - confidence[i]) / 4;
    }
    assert_true(near(q.ece, ece));
    assert_true(isnan(q.bins[1].accuracy) && q.bins[1].n == 0);
}

static void labels_count_sides(void **state)
{
    (void)state;
    static const float scores[] = {2.0f, -1.0f, 0.5f, -3.0f}, labels[] = {1.0f, 1.0f, 0.0f, 0.25f};
    static const int64_t lengths[] = {4, 3, 2, 1};
    RewardQuality q;
    reward_quality(&q, scores, lengths, labels, 4);
    assert_int_equal(q.n, 4);
    assert_true(near(q.accuracy, 0.5));
    assert_true(near(q.margin, 0.5 * (2 - 1) - 0.5 * (0.5 - 3)));
    assert_true(isnan(q.longer_chosen));
    assert_true(q.length_correlation > 0.5);
}

static void length_shows_and_what_cannot_be_told_is_no_number(void **state)
{
    (void)state;
    static const float scores[] = {1.0f, 2.0f, 3.0f, 4.0f}, flat[] = {1.0f, 1.0f, 1.0f, 1.0f};
    static const int64_t up[] = {10, 20, 30, 40}, down[] = {4, 3, 2, 1}, same[] = {5, 5, 5, 5};
    static const float good[] = {1.0f, 1.0f, 1.0f, 1.0f};
    RewardQuality q;
    reward_quality(&q, scores, up, NULL, 4);
    assert_true(near(q.length_correlation, 1));
    reward_quality(&q, scores, down, NULL, 4);
    assert_true(near(q.length_correlation, -1));
    reward_quality(&q, scores, same, NULL, 4);
    assert_true(isnan(q.length_correlation));
    reward_quality(&q, flat, up, good, 4);
    assert_true(isnan(q.length_correlation) && isnan(q.margin) && near(q.accuracy, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_count_who_is_ahead),
        cmocka_unit_test(labels_count_sides),
        cmocka_unit_test(length_shows_and_what_cannot_be_told_is_no_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
