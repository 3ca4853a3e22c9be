/* SPDX-License-Identifier: MIT */
/* Cross-entropy over weighted tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "train/sft.h"

#include <math.h>

static const float LOGPROBS[] = {-1.0f, -0.5f, -4.0f, -2.0f};

static void mean_over_all_tokens_without_weights(void **state)
{
    (void)state;
    float d[4], e[4] = {9, 9, 9, 9};
    SftLoss loss = {NULL, sft_inv_total(NULL, 4)};
    assert_true(loss.inv_total == 0.25);
    assert_true(sft_loss_value(&loss, LOGPROBS, 4) == 1.875);
    sft_loss_gradient(&loss, 0, 4, LOGPROBS, e, d, e);
    for (int i = 0; i < 4; i++) assert_true(d[i] == -0.25f && e[i] == 0.0f);
}

static void weights_choose_what_counts(void **state)
{
    (void)state;
    static const float weights[] = {0.0f, 1.0f, 2.0f, 0.0f};
    float d[4], e[4];
    SftLoss loss = {weights, sft_inv_total(weights, 4)};
    assert_true(fabs(sft_loss_value(&loss, LOGPROBS, 4) - 8.5 / 3) < 1e-15);
    sft_loss_gradient(&loss, 0, 4, LOGPROBS, e, d, e);
    assert_true(d[0] == 0.0f && d[1] == (float)(-1.0 / 3) && d[2] == (float)(-2.0 / 3) && d[3] == 0.0f);
    /* Block by block: token numbers are those of the whole batch. */
    for (int t = 0; t < 4; t++) {
        float one;
        sft_loss_gradient(&loss, t, 1, LOGPROBS + t, e, &one, e);
        assert_true(one == d[t]);
    }
}

static void nothing_to_learn_is_a_loss_of_zero(void **state)
{
    (void)state;
    static const float none[] = {0.0f, 0.0f, 0.0f, 0.0f};
    float d[4], e[4];
    SftLoss loss = {none, sft_inv_total(none, 4)};
    assert_true(loss.inv_total == 0.0);
    assert_true(sft_loss_value(&loss, LOGPROBS, 4) == 0.0);
    sft_loss_gradient(&loss, 0, 4, LOGPROBS, e, d, e);
    for (int i = 0; i < 4; i++) assert_true(d[i] == 0.0f);
    assert_true(sft_inv_total(NULL, 0) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mean_over_all_tokens_without_weights),
        cmocka_unit_test(weights_choose_what_counts),
        cmocka_unit_test(nothing_to_learn_is_a_loss_of_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
