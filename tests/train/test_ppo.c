/* SPDX-License-Identifier: MIT */
/* PPO's advantages and value loss against their definitions, numbers worked out by hand, and differences in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/philox.h"
#include "train/ppo.h"

#include <math.h>
#include <string.h>

enum { N = 24 };

static void assert_near(double got, double want, double tolerance, const char *what)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s: %.9g, expected %.9g", what, got, want);
}

/* ---- advantages ---- */

/* gamma 1/2, lambda 1/2: delta = (0 + 2/2 - 1, 0 + 4/2 - 2, 3 + 0 - 4) = (0, 0, -1), A = (-1/16, -1/4, -1). */
static void a_worked_example(void **state)
{
    (void)state;
    static const float values[] = {1, 2, 4}, old[] = {-1, -2, -3}, ref[] = {-1.5f, -1, -3};
    const PpoEpisode e = {.n = 3, .values = values, .old_logprobs = old, .ref_logprobs = ref, .reward = 3};
    PpoConfig c = {.gamma = 0.5, .lambda = 0.5};
    float a[3], r[3];
    ppo_advantages(a, r, &e, &c);
    assert_true(a[0] == -0.0625f && a[1] == -0.25f && a[2] == -1.0f);
    assert_true(r[0] == 0.9375f && r[1] == 1.75f && r[2] == 3.0f);
    /* With a KL of (0.5, -1, 0) at 0.5 a nat the rewards are (-0.25, 0.5, 3). */
    c.kl_coef = 0.5;
    ppo_advantages(a, r, &e, &c);
    assert_true(a[2] == -1.0f && a[1] == 0.25f && a[0] == -0.1875f);
}

/* A[t] = sum over l of (gamma lambda)^l delta[t + l], as the paper defines it (eq. 16), term by term. */
static void advantages_are_sums_of_discounted_deltas(void **state)
{
    (void)state;
    static const double settings[][3] = {{1, 1, 0}, {1, 0.95, 0.1}, {0.9, 0.5, 0.02}, {1, 0, 0}, {0.99, 1, 1}};
    RngSequence rng = rng_sequence(1, RNG_TEST, 0, 0);
    float values[N], old[N], ref[N], a[N], r[N];
    for (int t = 0; t < N; t++) {
        values[t] = (float)(2 * rng_next_uniform(&rng) - 1);
        old[t] = (float)(-3 * rng_next_uniform(&rng));
        ref[t] = (float)(-3 * rng_next_uniform(&rng));
    }
    for (size_t k = 0; k < sizeof settings / sizeof *settings; k++) {
        const PpoConfig c = {.gamma = settings[k][0], .lambda = settings[k][1], .kl_coef = settings[k][2]};
        const PpoEpisode e = {N, values, old, c.kl_coef != 0 ? ref : NULL, 1.75};
        ppo_advantages(a, r, &e, &c);
        for (int t = 0; t < N; t++) {
            double want = 0;
            for (int l = N - 1 - t; l >= 0; l--) {
                const int at = t + l;
                const double reward = (at == N - 1 ? 1.75 : 0) - c.kl_coef * ((double)old[at] - (double)ref[at]);
                const double next = at == N - 1 ? 0 : (double)values[at + 1];
                want += pow(c.gamma * c.lambda, l) * (reward + c.gamma * next - (double)values[at]);
            }
            assert_near((double)a[t], want, 1e-6, "advantage");
            assert_near((double)r[t], want + (double)values[t], 1e-6, "return");
        }
    }
}

/* lambda = gamma = 1 without a KL: whatever the values say, every token's return is the reward. */
static void returns_of_lambda_one_are_the_reward(void **state)
{
    (void)state;
    static const float values[] = {0.5f, -0.25f, 8, 1};
    const PpoEpisode e = {.n = 4, .values = values, .reward = 2};
    const PpoConfig c = {.gamma = 1, .lambda = 1};
    float a[4], r[4];
    ppo_advantages(a, r, &e, &c);
    for (int t = 0; t < 4; t++) assert_true(r[t] == 2.0f && a[t] == 2.0f - values[t]);
}

static void whitening_has_mean_0_and_variance_1_of_what_counts(void **state)
{
    (void)state;
    static const int64_t start[] = {0, 2, 5, 6};
    static const bool counted[] = {true, false, true}, none[] = {false, false, false}, one[] = {false, false, true};
    const float raw[] = {1, 3, 7, -9, 100, 5};
    PpoTokens tokens = {3, start, counted};
    float a[6];
    memcpy(a, raw, sizeof a);
    double mean, variance;
    ppo_moments(a, &tokens, &mean, &variance);
    assert_true(mean == 3.0 && variance == 4.0);
    ppo_whiten(a, &tokens);
    assert_near((double)a[0], -1, 1e-7, "the least");
    assert_true(a[1] == 0.0f && a[2] == 0.0f && a[3] == 0.0f && a[4] == 0.0f);
    assert_near((double)a[5], 1, 1e-7, "the most");
    float w[6];
    ppo_value_weights(w, &tokens, 0.75);
    assert_true(w[0] == 0.25f && w[1] == 0.25f && w[2] == 0.0f && w[4] == 0.0f && w[5] == 0.25f);
    tokens.counted = one;
    memcpy(a, raw, sizeof a);
    ppo_whiten(a, &tokens); /* one token says nothing of a spread */
    for (int t = 0; t < 6; t++) assert_true(a[t] == 0.0f);
    tokens.counted = none;
    ppo_value_weights(w, &tokens, 0.75);
    for (int t = 0; t < 6; t++) assert_true(w[t] == 0.0f);
    assert_true(isnan(ppo_explained_variance(raw, raw, &tokens)));
}

static void explained_variance_is_1_of_the_truth_and_0_of_a_constant(void **state)
{
    (void)state;
    static const int64_t start[] = {0, 4};
    static const bool counted[] = {true};
    static const float returns[] = {0, 1, 2, 5}, flat[] = {3, 3, 3, 3}, off[] = {7, 8, 9, 12},
                       worse[] = {0, -1, -2, -5};
    const PpoTokens tokens = {1, start, counted};
    assert_true(ppo_explained_variance(returns, returns, &tokens) == 1.0);
    assert_true(ppo_explained_variance(off, returns, &tokens) == 1.0); /* a variance does not see a shift */
    assert_true(ppo_explained_variance(flat, returns, &tokens) == 0.0);
    assert_true(ppo_explained_variance(worse, returns, &tokens) == -3.0);
    assert_true(isnan(ppo_explained_variance(returns, flat, &tokens)));
}

/* ---- the value loss ---- */

/* Of header and papers, read off again. */
static double plain_loss(const PpoValueLoss *l, const double *values)
{
    double loss = 0;
    for (int t = 0; t < N; t++) {
        const double old = (double)l->old_values[t], to = (double)l->returns[t], c = l->cliprange_value;
        const double bounded = fmin(fmax(values[t], old - c), old + c);
        const double a = pow(values[t] - to, 2), b = c > 0 ? pow(bounded - to, 2) : a;
        loss += (double)l->weights[t] * 0.5 * fmax(a, b);
    }
    return loss;
}

static void value_gradients_are_those_of_differences(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        float values[N], old[N], returns[N], weights[N], d[N];
        double at[N];
        RngSequence rng = rng_sequence(seed, RNG_TEST, 1, 0);
        for (int t = 0; t < N; t++) {
            at[t] = 2 * rng_next_uniform(&rng) - 1;
            values[t] = (float)at[t];
            at[t] = (double)values[t];
            old[t] = (float)(at[t] + rng_next_uniform(&rng) - 0.5);
            returns[t] = (float)(4 * rng_next_uniform(&rng) - 2);
            weights[t] = t % 5 == 4 ? 0.0f : (float)rng_next_uniform(&rng);
        }
        PpoValueLoss l = {old, returns, weights, seed % 2 ? 0.2 : 0.0};
        ppo_value_loss_gradient(&l, 0, N, values, d);
        int n_zero = 0;
        for (int t = 0; t < N; t++) {
            const double h = 0x1p-20, keep = at[t];
            at[t] = keep + h;
            double want = plain_loss(&l, at);
            at[t] = keep - h;
            want = (want - plain_loss(&l, at)) / (2 * h);
            at[t] = keep;
            assert_near((double)d[t], want, 1e-6, "gradient by a value");
            n_zero += d[t] == 0.0f;
        }
        assert_true(seed % 2 ? n_zero > 4 : n_zero == 4); /* some are clipped, or none but those without weight */
        for (int block = 1; block < N; block++) {         /* the trainer asks block by block */
            float again[N];
            for (int t = 0; t < N; t += block)
                ppo_value_loss_gradient(&l, t, block < N - t ? block : N - t, values + t, again + t);
            assert_memory_equal(again, d, sizeof d);
        }
    }
}

static void value_statistics_count_what_they_say(void **state)
{
    (void)state;
    static const int64_t start[] = {0, 3, 4};
    static const bool counted[] = {true, false}, none[] = {false, false};
    /* inside the range; past it towards the return: the clipped square is larger; past it and away: the other is */
    static const float old[] = {0, 0, 0, 0}, values[] = {0.1f, 1, -1, 9}, returns[] = {0.1f, 1, 1, 0}, weights[4] = {0};
    const PpoValueLoss l = {old, returns, weights, 0.5};
    PpoTokens tokens = {2, start, counted};
    PpoValueStats s;
    ppo_value_stats(&s, &l, values, &tokens);
    assert_near(s.loss, (0 + 0.125 + 2) / 3, 1e-12, "loss");
    assert_near(s.clip_share, 1.0 / 3, 1e-12, "share clipped");
    tokens.counted = none;
    ppo_value_stats(&s, &l, values, &tokens);
    assert_true(isnan(s.loss) && isnan(s.clip_share));
    static const float now[] = {-1, -2.5f}, before[] = {-1.5f, -2};
    assert_true(ppo_approx_kl(now, before, 2) == 0.125);
    assert_true(isnan(ppo_approx_kl(now, before, 0)));
}

/* A broken value function must not pass for one that has learnt. */
static void a_value_that_is_not_a_number_stays_one(void **state)
{
    (void)state;
    static const float old[] = {0}, returns[] = {1}, weights[] = {1}, values[] = {(float)NAN};
    PpoValueLoss l = {old, returns, weights, 0.2};
    float d[1];
    ppo_value_loss_gradient(&l, 0, 1, values, d);
    assert_true(isnan(d[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worked_example),
        cmocka_unit_test(advantages_are_sums_of_discounted_deltas),
        cmocka_unit_test(returns_of_lambda_one_are_the_reward),
        cmocka_unit_test(whitening_has_mean_0_and_variance_1_of_what_counts),
        cmocka_unit_test(explained_variance_is_1_of_the_truth_and_0_of_a_constant),
        cmocka_unit_test(value_gradients_are_those_of_differences),
        cmocka_unit_test(value_statistics_count_what_they_say),
        cmocka_unit_test(a_value_that_is_not_a_number_stays_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
