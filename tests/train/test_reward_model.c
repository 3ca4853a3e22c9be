/* SPDX-License-Identifier: MIT */
/* The losses of reward models: known values, gradients by differences, ends of the range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "train/reward_model.h"

#include <math.h>

static const float SCORES[] = {1.0f, -0.5f, 0.25f, 0.75f, -3.0f, -3.0f};
static const float MARGINS[] = {0.5f, 0.0f, 1.25f};
static const float LABELS[] = {1.0f, 0.0f, 1.0f, 0.0f, 0.25f, 1.0f};

static void known_values(void **state)
{
    (void)state;
    RewardModelLoss pairs = {.pairwise = true, .inv_total = reward_model_inv_total(true, 6)};
    assert_true(pairs.inv_total == 1.0 / 3);
    const double want = (log1p(exp(-1.5)) + log1p(exp(0.5)) + log(2.0)) / 3;
    assert_true(fabs(reward_model_loss_value(&pairs, SCORES, 6) - want) < 1e-15);
    pairs.margins = MARGINS;
    const double with_margins = (log1p(exp(-1.0)) + log1p(exp(0.5)) + log1p(exp(1.25))) / 3;
    assert_true(fabs(reward_model_loss_value(&pairs, SCORES, 6) - with_margins) < 1e-15);
    const RewardModelLoss points = {.labels = LABELS, .inv_total = reward_model_inv_total(false, 6)};
    double sum = 0;
    for (int i = 0; i < 6; i++) {
        const double p = 1 / (1 + exp(-(double)SCORES[i])), z = (double)LABELS[i];
        sum -= z * log(p) + (1 - z) * log(1 - p);
    }
    assert_true(fabs(reward_model_loss_value(&points, SCORES, 6) - sum / 6) < 1e-14);
}

static void check_gradient(RewardModelLoss loss)
{
    float d[6];
    loss.inv_total = reward_model_inv_total(loss.pairwise, 6);
    reward_model_loss_gradient(&loss, 0, 6, SCORES, d);
    for (int i = 0; i < 6; i++) {
        float moved[6];
        const float h = 0x1p-10f;
        for (int k = 0; k < 6; k++) moved[k] = SCORES[k];
        moved[i] = SCORES[i] + h;
        const double above = reward_model_loss_value(&loss, moved, 6);
        moved[i] = SCORES[i] - h;
        const double want = (above - reward_model_loss_value(&loss, moved, 6)) / (2.0 * (double)h);
        assert_true(fabs(want - (double)d[i]) < 1e-7);
    }
    /* Numbers of pairs and scores are those of the whole batch. */
    for (int i = 0; i < 6; i += 2) {
        float two[2];
        reward_model_loss_gradient(&loss, i, 2, SCORES + i, two);
        assert_true(two[0] == d[i] && two[1] == d[i + 1]);
    }
}

static void gradients_are_those_of_differences(void **state)
{
    (void)state;
    check_gradient((RewardModelLoss){.pairwise = true});
    check_gradient((RewardModelLoss){.pairwise = true, .margins = MARGINS});
    check_gradient((RewardModelLoss){.labels = LABELS});
}

static void large_scores_neither_overflow_nor_lose_their_gradient(void **state)
{
    (void)state;
    static const float far[] = {-4000.0f, 4000.0f}, labels[] = {1.0f, 0.0f};
    float d[2];
    RewardModelLoss pairs = {.pairwise = true, .inv_total = 1.0}, points = {.labels = labels, .inv_total = 1.0};
    assert_true(reward_model_loss_value(&pairs, far, 2) == 8000.0);
    reward_model_loss_gradient(&pairs, 0, 2, far, d);
    assert_true(d[0] == -1.0f && d[1] == 1.0f);
    assert_true(reward_model_loss_value(&points, far, 2) == 8000.0);
    reward_model_loss_gradient(&points, 0, 2, far, d);
    assert_true(d[0] == -1.0f && d[1] == 1.0f);
    assert_true(reward_model_inv_total(true, 0) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(gradients_are_those_of_differences),
        cmocka_unit_test(large_scores_neither_overflow_nor_lose_their_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
