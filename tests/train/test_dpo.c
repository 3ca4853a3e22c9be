/* SPDX-License-Identifier: MIT */
/* Direct preference optimisation: the values of its papers at known places, and its gradient against central differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "train/dpo.h"

#include <math.h>

enum { PAIRS = 2, TOKENS = 9 };
static const int64_t START[2 * PAIRS + 1] = {0, 3, 5, 6, TOKENS};
static const float LOGPROBS[TOKENS] = {-1.0f, -0.5f, -2.0f, -0.25f, -3.0f, -1.5f, -0.75f, -0.5f, -4.0f};
static const double REFERENCE[2 * PAIRS] = {-4.0, -2.5, -1.25, -6.0};
/* chosen minus rejected, each over its reference: (-3.5 + 4) - (-3.25 + 2.5), (-1.5 + 1.25) - (-5.25 + 6) */
static const double DELTA[PAIRS] = {1.25, -1.0};

static const DpoConfig CONFIGS[] = {
    {.loss_type = DPO_SIGMOID, .beta = 0.1},
    {.loss_type = DPO_SIGMOID, .beta = 2.0, .label_smoothing = 0.2},
    {.loss_type = DPO_SIGMOID, .beta = 0.5, .rpo_alpha = 0.7},
    {.loss_type = DPO_IPO, .beta = 0.3},
    {.loss_type = DPO_IPO, .beta = 0.3, .rpo_alpha = 1.0},
};
enum { N_CONFIGS = sizeof CONFIGS / sizeof *CONFIGS };

static DpoBatch batch(void)
{
    return (DpoBatch){.n_pairs = PAIRS, .sequence_start = START, .ref_logprobs = REFERENCE};
}

static double loss_of(const DpoConfig *config, const float *logprobs)
{
    const DpoBatch b = batch();
    DpoSums sums = {0};
    dpo_add(&sums, config, &b, logprobs);
    return dpo_loss_value(&sums, config);
}

static void sigmoid_loss_is_that_of_its_paper(void **state)
{
    (void)state;
    const DpoBatch b = batch();
    DpoSums sums = {0};
    double want = 0.0;
    dpo_add(&sums, &CONFIGS[1], &b, LOGPROBS);
    for (int i = 0; i < PAIRS; i++) want += 0.8 * log1p(exp(-2.0 * DELTA[i])) + 0.2 * log1p(exp(2.0 * DELTA[i]));
    assert_true(fabs(sums.loss - want) < 1e-14);
    assert_true(sums.n_pairs == 2 && sums.accuracy == 1.0);
    assert_true(sums.reward_chosen == 2.0 * (0.5 - 0.25) && sums.reward_rejected == 2.0 * (-0.75 + 0.75));
    assert_true(sums.logprob_chosen == -5.0 && sums.logprob_rejected == -8.5);
    assert_true(sums.nll == 5.0 && sums.n_chosen_tokens == 4);
    assert_true(fabs(loss_of(&CONFIGS[2], LOGPROBS) - (log1p(exp(-0.625)) + log1p(exp(0.5))) / 2.0 - 0.7 * 5.0 / 4.0) <
                1e-14);
}

static void ipo_takes_means_over_tokens(void **state)
{
    (void)state;
    const double first = 0.5 / 3.0 + 0.75 / 2.0, second = -0.25 - 0.75 / 3.0, goal = 1.0 / 0.6;
    const double want = ((first - goal) * (first - goal) + (second - goal) * (second - goal)) / 2.0;
    assert_true(fabs(loss_of(&CONFIGS[3], LOGPROBS) - want) < 1e-14);
}

static void a_policy_that_is_its_reference_is_undecided(void **state)
{
    (void)state;
    const double own[] = {-3.5, -3.25, -1.5, -5.25};
    const DpoBatch b = {.n_pairs = PAIRS, .sequence_start = START, .ref_logprobs = own};
    DpoSums sums = {0};
    float d[TOKENS];
    dpo_add(&sums, &CONFIGS[0], &b, LOGPROBS);
    assert_true(fabs(dpo_loss_value(&sums, &CONFIGS[0]) - 0.6931471805599453) < 1e-15);
    assert_true(sums.reward_chosen == 0.0 && sums.reward_rejected == 0.0 && sums.accuracy == 0.0);
    dpo_gradient(d, &CONFIGS[0], &b, LOGPROBS);
    for (int t = 0; t < TOKENS; t++) assert_true(d[t] == (t < 3 || t == 5 ? -0.025f : 0.025f));
}

static void the_gradient_is_the_derivative_of_the_loss(void **state)
{
    (void)state;
    const DpoBatch b = batch();
    for (int c = 0; c < N_CONFIGS; c++) {
        float d[TOKENS], moved[TOKENS];
        dpo_gradient(d, &CONFIGS[c], &b, LOGPROBS);
        for (int t = 0; t < TOKENS; t++) {
            const float h = 0x1p-12f; /* exact steps: the log-probabilities are f32 */
            for (int i = 0; i < TOKENS; i++) moved[i] = LOGPROBS[i];
            moved[t] = LOGPROBS[t] + h;
            const double above = loss_of(&CONFIGS[c], moved);
            moved[t] = LOGPROBS[t] - h;
            const double want = (above - loss_of(&CONFIGS[c], moved)) / (2.0 * (double)h);
            if (!(fabs(want - (double)d[t]) < 1e-6))
                fail_msg("config %d, token %d: gradient %.9g, difference %.9g", c, t, (double)d[t], want);
        }
    }
}

static void far_from_the_reference_nothing_overflows(void **state)
{
    (void)state;
    const int64_t start[] = {0, 1, 2};
    const double reference[] = {0.0, 0.0};
    const DpoBatch b = {.n_pairs = 1, .sequence_start = start, .ref_logprobs = reference};
    const DpoConfig config = {.loss_type = DPO_SIGMOID, .beta = 1.0};
    const float logprobs[] = {-5000.0f, -1.0f};
    DpoSums sums = {0};
    float d[2];
    dpo_add(&sums, &config, &b, logprobs);
    dpo_gradient(d, &config, &b, logprobs);
    assert_true(sums.loss == 4999.0);
    assert_true(d[0] == -1.0f && d[1] == 1.0f);
}

static void tokens_get_their_own_gradient_block_by_block(void **state)
{
    (void)state;
    float d[3] = {1.0f, 2.0f, 3.0f}, out[2], entropies[2] = {9.0f, 9.0f};
    dpo_loss_gradient(d, 1, 2, LOGPROBS, LOGPROBS, out, entropies);
    assert_true(out[0] == 2.0f && out[1] == 3.0f && entropies[0] == 0.0f && entropies[1] == 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sigmoid_loss_is_that_of_its_paper),
        cmocka_unit_test(ipo_takes_means_over_tokens),
        cmocka_unit_test(a_policy_that_is_its_reference_is_undecided),
        cmocka_unit_test(the_gradient_is_the_derivative_of_the_loss),
        cmocka_unit_test(far_from_the_reference_nothing_overflows),
        cmocka_unit_test(tokens_get_their_own_gradient_block_by_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
