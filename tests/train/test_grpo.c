/* SPDX-License-Identifier: MIT */
/* Advantages and the GRPO loss against numbers worked out by hand and against a plain f64 reading of the formulas. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/philox.h"
#include "train/grpo.h"

#include <math.h>
#include <string.h>

static void assert_near(double got, double want, double tolerance, const char *what)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s: %.9g, expected %.9g", what, got, want);
}

/* ---- advantages ---- */

static void check_advantages(const double *rewards, int64_t n, AdvantageScale scale, double eps, const double *want,
                             double tolerance)
{
    float advantages[32];
    assert_true(grpo_advantages(advantages, rewards, NULL, n, scale, eps));
    for (int64_t i = 0; i < n; i++) assert_near((double)advantages[i], want[i], tolerance, "advantage");
}

static void advantages_are_the_worked_examples(void **state)
{
    (void)state;
    const double half[] = {1, 0, 0, 1}, graded[] = {2, 1, 1, 0};
    check_advantages(half, 4, SCALE_GROUP_STD, 0.0, (const double[]){0.866025, -0.866025, -0.866025, 0.866025}, 1e-6);
    check_advantages(half, 4, SCALE_GROUP_STD_POPULATION, 0.0, (const double[]){1, -1, -1, 1}, 1e-6);
    check_advantages(half, 4, SCALE_NONE, 0.5, (const double[]){0.5, -0.5, -0.5, 0.5}, 0.0);
    check_advantages(graded, 4, SCALE_GROUP_STD, 0.0, (const double[]){1.224745, 0, 0, -1.224745}, 1e-6);
    double one_right[16] = {0}, want[16];
    one_right[5] = 1;
    for (int i = 0; i < 16; i++) want[i] = i == 5 ? 3.75 : -0.25;
    check_advantages(one_right, 16, SCALE_GROUP_STD, 0.0, want, 1e-6);
    for (int i = 0; i < 16; i++) want[i] = i == 5 ? 3.748501 : -0.2499;
    check_advantages(one_right, 16, SCALE_GROUP_STD, 1e-4, want, 1e-6);
    for (int i = 0; i < 16; i++) want[i] = i == 5 ? 3.872983 : -0.258199;
    check_advantages(one_right, 16, SCALE_GROUP_STD_POPULATION, 0.0, want, 1e-6);
}

/* Exact zeros, so that the group can be left out of the batch without moving a bit. */
static void groups_of_equal_rewards_are_dead(void **state)
{
    (void)state;
    /* 0.1 + 0.2 is not 0.3: equality is of the numbers, not of what they stand for. */
    const double tenths[] = {0.3, 0.3, 0.3}, nearly[] = {0.3, 0.1 + 0.2, 0.3}, single[] = {1.0};
    float a[3] = {9, 9, 9};
    for (AdvantageScale scale = SCALE_GROUP_STD; scale <= SCALE_NONE; scale++) {
        assert_false(grpo_advantages(a, tenths, NULL, 3, scale, 1e-4));
        for (int i = 0; i < 3; i++) assert_true(a[i] == 0.0f);
        assert_false(grpo_advantages(a, single, NULL, 1, scale, 0.0));
        assert_true(a[0] == 0.0f);
        assert_false(grpo_advantages(a, single, NULL, 0, scale, 0.0));
        assert_true(grpo_advantages(a, nearly, NULL, 3, scale, 0.0));
    }
}

static void undecided_rewards_are_left_out(void **state)
{
    (void)state;
    const double rewards[] = {1, 77, 0, 0, NAN, 1};
    const bool counted[] = {true, false, true, true, false, true};
    float a[6];
    assert_true(grpo_advantages(a, rewards, counted, 6, SCALE_GROUP_STD, 0.0));
    const double want[] = {0.866025, 0, -0.866025, -0.866025, 0, 0.866025};
    for (int i = 0; i < 6; i++) assert_near((double)a[i], want[i], 1e-6, "advantage");
    const bool one[] = {false, false, true, false, false, false}, none[6] = {false};
    assert_false(grpo_advantages(a, rewards, one, 6, SCALE_GROUP_STD, 0.0));
    assert_false(grpo_advantages(a, rewards, none, 6, SCALE_GROUP_STD, 0.0));
    for (int i = 0; i < 6; i++) assert_true(a[i] == 0.0f);
}

/* ---- one token's loss ---- */

enum { MAX_TOKENS = 64, MAX_SEQUENCES = 8 };

typedef struct Case {
    GrpoConfig config;
    GrpoBatch batch;
    int64_t start[MAX_SEQUENCES + 1];
    float advantages[MAX_SEQUENCES], ratios[MAX_SEQUENCES], token_advantages[MAX_TOKENS];
    bool per_token; /* PPO */
    float logprobs[MAX_TOKENS], old[MAX_TOKENS], ref[MAX_TOKENS], entropies[MAX_TOKENS], weights[MAX_TOKENS];
    float dlogprobs[MAX_TOKENS], dentropies[MAX_TOKENS];
} Case;

static void point(Case *c)
{
    c->batch.sequence_start = c->start;
    c->batch.advantages = c->advantages;
    c->batch.token_advantages = c->per_token ? c->token_advantages : NULL;
    c->batch.old_logprobs = c->old;
    c->batch.ref_logprobs = c->config.kl_coef != 0.0 ? c->ref : NULL;
    c->batch.weights = c->weights;
    c->batch.sequence_ratio = c->config.loss_type == LOSS_GSPO ? c->ratios : NULL;
}

static void differentiate(Case *c)
{
    GrpoLoss loss = {&c->batch, &c->config};
    grpo_loss_gradient(&loss, 0, c->batch.n_tokens, c->logprobs, c->entropies, c->dlogprobs, c->dentropies);
}

/* One sequence of one token, weight 1. */
static Case single_token(double kl_coef, float advantage, float log_ratio, float ref_difference)
{
    Case c = {.config = {.loss_type = LOSS_GRPO, .clip_low = 0.2, .clip_high = 0.28, .kl_coef = kl_coef}};
    c.batch.n_tokens = c.batch.n_sequences = 1;
    c.start[1] = 1;
    c.advantages[0] = advantage;
    c.logprobs[0] = -2.0f;
    c.old[0] = -2.0f - log_ratio;
    c.ref[0] = -2.0f + ref_difference;
    return c;
}

static void check_token(Case c, double want_loss, double want_gradient, const char *what)
{
    GrpoStats stats;
    point(&c);
    grpo_weights(&c.batch, &c.config, 1, 1);
    differentiate(&c);
    grpo_stats(&stats, &c.batch, &c.config, c.logprobs, c.entropies);
    assert_near(stats.loss, want_loss, 2e-6 * fmax(1.0, fabs(want_loss)), what);
    assert_near((double)c.dlogprobs[0], want_gradient, 2e-6 * fmax(1.0, fabs(want_gradient)), what);
}

static void k3_has_its_published_values(void **state)
{
    (void)state;
    static const double d[] = {0.1, -0.1, 1.0, -1.0}, k3[] = {0.00517092, 0.00483742, 0.71828183, 0.36787944};
    for (int i = 0; i < 4; i++) {
        Case c = single_token(1.0, 0.0f, 0.0f, (float)d[i]);
        check_token(c, k3[i], 1.0 - exp(d[i]), "k3");
        GrpoStats stats;
        point(&c);
        grpo_weights(&c.batch, &c.config, 1, 1);
        grpo_stats(&stats, &c.batch, &c.config, c.logprobs, c.entropies);
        assert_near(stats.kl, k3[i], 1e-6, "kl");
    }
}

/* A > 0 is clipped above alone, A < 0 below alone; a clipped token has no gradient. */
static void the_kept_branch_of_the_minimum_carries_the_gradient(void **state)
{
    (void)state;
    const float up = 0.4f, down = -0.5f, little = 0.1f;
    check_token(single_token(0, 2.0f, up, 0), -1.28 * 2, 0, "A > 0, ratio above");
    check_token(single_token(0, 2.0f, down, 0), -exp(-0.5) * 2, -exp(-0.5) * 2, "A > 0, ratio below");
    check_token(single_token(0, -2.0f, up, 0), exp(0.4) * 2, exp(0.4) * 2, "A < 0, ratio above");
    check_token(single_token(0, -2.0f, down, 0), 0.8 * 2, 0, "A < 0, ratio below");
    check_token(single_token(0, 2.0f, little, 0), -exp(0.1) * 2, -exp(0.1) * 2, "A > 0, inside");
    check_token(single_token(0, -2.0f, little, 0), exp(0.1) * 2, exp(0.1) * 2, "A < 0, inside");
    check_token(single_token(0, 2.0f, 0.0f, 0), -2, -2, "at ratio 1");
    check_token(single_token(0.5, 2.0f, up, 1.0f), -1.28 * 2 + 0.5 * (exp(1) - 2), 0.5 * (1 - exp(1)),
                "the KL term goes on where the ratio is clipped");
}

/* R1's epsilon of 10: the lower bound is negative and never binds, the upper one is 11. */
static void an_epsilon_of_ten_clips_at_eleven(void **state)
{
    (void)state;
    Case c = single_token(0, 1.0f, (float)log(10.9), 0);
    c.config.clip_low = c.config.clip_high = 10.0;
    check_token(c, -10.9, -10.9, "below 11");
    c.old[0] = -2.0f - (float)log(11.5);
    check_token(c, -11, 0, "above 11");
    c.advantages[0] = -1.0f;
    c.old[0] = -2.0f + 9.0f;
    check_token(c, exp(-9), exp(-9), "a tiny ratio");
}

static void exponents_are_capped_and_their_gradient_ends_there(void **state)
{
    (void)state;
    Case c = single_token(0, -1.0f, 500.0f, 0);
    check_token(c, exp(20), 0, "ratio beyond the cap");
    c = single_token(1.0, 0.0f, 0.0f, 1000.0f);
    check_token(c, exp(20) - 21, 0, "KL beyond the cap");
    c = single_token(1.0, 1.0f, -1000.0f, -1000.0f); /* both tiny: no cap, no overflow */
    check_token(c, 999, 1, "far below");
    GrpoStats stats;
    c = single_token(1.0, -1.0f, 500.0f, 1000.0f);
    point(&c);
    grpo_weights(&c.batch, &c.config, 1, 1);
    grpo_stats(&stats, &c.batch, &c.config, c.logprobs, c.entropies);
    assert_int_equal(stats.n_capped, 1);
    assert_true(isfinite(stats.loss) && isfinite(stats.ratio_max));
}

/* ---- whole batches ---- */

static Case random_case(LossType type, uint64_t seed)
{
    static const int64_t lengths[] = {5, 1, 9, 3};
    Case c = {.config = {.loss_type = type,
                         .clip_low = 0.15,
                         .clip_high = 0.3,
                         .kl_coef = 0.07,
                         .entropy_coef = 0.02,
                         .max_completion_tokens = 12}};
    c.batch.n_sequences = 4;
    RngSequence rng = rng_sequence(seed, RNG_TEST, 0, 0);
    for (int s = 0; s < 4; s++) {
        c.start[s + 1] = c.start[s] + lengths[s];
        c.advantages[s] = (float)(2 * rng_next_uniform(&rng) - 1);
    }
    c.advantages[3] = 0.0f;
    c.batch.n_tokens = c.start[4];
    for (int64_t t = 0; t < c.batch.n_tokens; t++) {
        c.logprobs[t] = (float)(-3 * rng_next_uniform(&rng));
        c.old[t] = c.logprobs[t] + (float)(rng_next_uniform(&rng) - 0.5);
        c.ref[t] = c.logprobs[t] + (float)(rng_next_uniform(&rng) - 0.5);
        c.entropies[t] = (float)(2 * rng_next_uniform(&rng));
        c.token_advantages[t] = (float)(2 * rng_next_uniform(&rng) - 1);
    }
    return c;
}

/* The formulas of grpo.h and of the papers, in f64, read off again. */
static double plain_loss(const Case *c, int64_t n_sequences, int64_t n_tokens)
{
    double loss = 0.0;
    for (int64_t s = 0; s < c->batch.n_sequences; s++) {
        const int64_t length = c->start[s + 1] - c->start[s];
        double sum = 0.0, mean = 0.0;
        for (int64_t t = c->start[s]; t < c->start[s + 1]; t++)
            mean += ((double)c->logprobs[t] - (double)c->old[t]) / (double)length;
        for (int64_t t = c->start[s]; t < c->start[s + 1]; t++) {
            const double ratio =
                             exp(c->config.loss_type == LOSS_GSPO ? mean : (double)c->logprobs[t] - (double)c->old[t]),
                         A = (double)(c->per_token ? c->token_advantages[t] : c->advantages[s]);
            const double clipped = fmin(fmax(ratio, 1 - c->config.clip_low), 1 + c->config.clip_high);
            const double d = (double)c->ref[t] - (double)c->logprobs[t];
            sum += fmin(ratio * A, clipped * A) - c->config.kl_coef * (exp(d) - d - 1) +
                   c->config.entropy_coef * (double)c->entropies[t];
        }
        switch (c->config.loss_type) {
        case LOSS_GRPO:
        case LOSS_GSPO:
            loss -= sum / (double)length / (double)n_sequences;
            break;
        case LOSS_DAPO:
            loss -= sum / (double)n_tokens;
            break;
        case LOSS_DR_GRPO:
            loss -= sum / (double)(n_sequences * c->config.max_completion_tokens);
            break;
        }
    }
    return loss;
}

static void losses_and_gradients_are_those_of_the_formulas(void **state)
{
    (void)state;
    for (LossType type = LOSS_GRPO; type <= LOSS_GSPO; type++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            Case c = random_case(type, seed);
            c.per_token = type != LOSS_GSPO && seed % 2 == 1;
            point(&c);
            /* Normalisers may count more than is here: dead groups that were left out. */
            const int64_t n_sequences = 4 + (int64_t)seed % 3, n_tokens = c.batch.n_tokens + 7 * ((int64_t)seed % 3);
            grpo_weights(&c.batch, &c.config, n_sequences, n_tokens);
            if (type == LOSS_GSPO) grpo_sequence_ratios(&c.batch, c.logprobs);
            differentiate(&c);
            GrpoStats stats;
            grpo_stats(&stats, &c.batch, &c.config, c.logprobs, c.entropies);
            assert_near(stats.loss, plain_loss(&c, n_sequences, n_tokens), 1e-6, "loss");
            for (int64_t t = 0; t < c.batch.n_tokens; t++) {
                const float h = 0x1p-13f, keep = c.logprobs[t], keep_entropy = c.entropies[t];
                c.logprobs[t] = keep + h;
                double difference = plain_loss(&c, n_sequences, n_tokens);
                c.logprobs[t] = keep - h;
                difference = (difference - plain_loss(&c, n_sequences, n_tokens)) / (2 * (double)h);
                c.logprobs[t] = keep;
                assert_near((double)c.dlogprobs[t], difference, 1e-6, "gradient by a log-probability");
                c.entropies[t] = keep_entropy + 1;
                difference = plain_loss(&c, n_sequences, n_tokens);
                c.entropies[t] = keep_entropy;
                assert_near((double)c.dentropies[t], difference - plain_loss(&c, n_sequences, n_tokens), 1e-6,
                            "gradient by an entropy");
            }
        }
}

/* The trainer asks block by block: any cut gives the same bits. */
static void blocks_of_tokens_may_be_cut_anywhere(void **state)
{
    (void)state;
    Case c = random_case(LOSS_GRPO, 3);
    point(&c);
    grpo_weights(&c.batch, &c.config, 4, c.batch.n_tokens);
    differentiate(&c);
    GrpoLoss loss = {&c.batch, &c.config};
    for (int64_t block = 1; block < c.batch.n_tokens; block++) {
        float d[MAX_TOKENS], e[MAX_TOKENS];
        for (int64_t t = 0; t < c.batch.n_tokens; t += block) {
            const int64_t n = block < c.batch.n_tokens - t ? block : c.batch.n_tokens - t;
            grpo_loss_gradient(&loss, t, n, c.logprobs + t, c.entropies + t, d + t, e + t);
        }
        assert_memory_equal(d, c.dlogprobs, (size_t)c.batch.n_tokens * sizeof *d);
        assert_memory_equal(e, c.dentropies, (size_t)c.batch.n_tokens * sizeof *e);
    }
}

static void weights_are_the_normalisers(void **state)
{
    (void)state;
    Case c = random_case(LOSS_GRPO, 1);
    point(&c);
    grpo_weights(&c.batch, &c.config, 10, 999);
    assert_true(c.weights[0] == 1.0f / 50.0f && c.weights[5] == 1.0f / 10.0f && c.weights[17] == 1.0f / 30.0f);
    c.config.loss_type = LOSS_GSPO;
    grpo_weights(&c.batch, &c.config, 10, 999);
    assert_true(c.weights[0] == 1.0f / 50.0f);
    c.config.loss_type = LOSS_DAPO;
    grpo_weights(&c.batch, &c.config, 10, 999);
    assert_true(c.weights[0] == (float)(1.0 / 999.0) && c.weights[17] == c.weights[0]);
    c.config.loss_type = LOSS_DR_GRPO;
    grpo_weights(&c.batch, &c.config, 10, 999);
    assert_true(c.weights[0] == (float)(1.0 / 120.0) && c.weights[5] == c.weights[0]);
}

static void statistics_count_what_they_say(void **state)
{
    (void)state;
    Case c = {.config = {.loss_type = LOSS_GRPO, .clip_low = 0.2, .clip_high = 0.2}};
    c.batch.n_tokens = 6;
    c.batch.n_sequences = 2;
    c.start[1] = 3;
    c.start[2] = 6;
    c.advantages[0] = 1.0f;
    c.advantages[1] = -1.0f;
    static const float log_ratios[] = {0.5f, -0.5f, 0.0f, 0.5f, -0.5f, -0.75f};
    for (int t = 0; t < 6; t++) {
        c.old[t] = -1.0f;
        c.logprobs[t] = -1.0f + log_ratios[t];
        c.entropies[t] = (float)t;
    }
    point(&c);
    grpo_weights(&c.batch, &c.config, 2, 6);
    GrpoStats s;
    grpo_stats(&s, &c.batch, &c.config, c.logprobs, c.entropies);
    assert_near(s.clip_high_mean, 1.0 / 6, 1e-12, "clip_ratio/high_mean");
    assert_near(s.clip_low_mean, 2.0 / 6, 1e-12, "clip_ratio/low_mean");
    assert_near(s.clip_region_mean, 3.0 / 6, 1e-12, "clip_ratio/region_mean");
    assert_near(s.entropy, 2.5, 1e-12, "entropy");
    assert_near(s.ratio_max, exp(0.5), 1e-6, "ratio max");
    assert_near(s.ratio_min, exp(-0.75), 1e-6, "ratio min");
    assert_near(s.logp_difference_max, 0.75, 1e-12, "difference max");
    assert_near(s.logp_difference_mean, (0.5 * 4 + 0.75) / 6, 1e-12, "difference mean");
    assert_near(s.kl, 0, 0, "kl without a coefficient");
    memcpy(c.logprobs, c.old, sizeof c.old);
    grpo_stats(&s, &c.batch, &c.config, c.logprobs, c.entropies);
    assert_true(s.logp_difference_max == 0.0 && s.ratio_min == 1.0 && s.ratio_max == 1.0 && s.clip_region_mean == 0.0);
    c.batch.n_tokens = c.batch.n_sequences = 0;
    grpo_stats(&s, &c.batch, &c.config, c.logprobs, c.entropies);
    assert_true(s.loss == 0.0 && s.ratio_max == 0.0);
}

/* GSPO looks at the sequence: one wild token does not cap it, a wild mean does. */
static void sequence_ratios_are_capped_by_their_mean(void **state)
{
    (void)state;
    Case c = {.config = {.loss_type = LOSS_GSPO, .clip_low = 10, .clip_high = 1e9}};
    c.batch.n_tokens = 8;
    c.batch.n_sequences = 2;
    c.start[1] = 4;
    c.start[2] = 8;
    c.advantages[0] = c.advantages[1] = -1.0f;
    for (int t = 0; t < 8; t++) c.logprobs[t] = c.old[t] = -1.0f;
    c.old[0] = -29.0f; /* the mean is 7 */
    for (int t = 4; t < 8; t++) c.old[t] = -29.0f;
    point(&c);
    grpo_weights(&c.batch, &c.config, 2, 8);
    grpo_sequence_ratios(&c.batch, c.logprobs);
    assert_near((double)c.ratios[0], exp(7), 1e-3, "a mean of 7");
    assert_near((double)c.ratios[1], exp(20), 100, "a mean of 28, capped");
    differentiate(&c);
    for (int t = 0; t < 4; t++) assert_near((double)c.dlogprobs[t], exp(7) / 8, 1e-3, "gradient under the cap");
    for (int t = 4; t < 8; t++) assert_true(c.dlogprobs[t] == 0.0f);
    GrpoStats s;
    grpo_stats(&s, &c.batch, &c.config, c.logprobs, c.entropies);
    assert_int_equal(s.n_capped, 4);
}

/* A broken model must not look like one whose sampler and trainer agree. */
static void a_log_probability_that_is_not_a_number_shows(void **state)
{
    (void)state;
    for (int64_t broken = 0; broken < 4; broken += 3) {
        Case c = random_case(LOSS_GRPO, 3);
        GrpoStats stats;
        point(&c);
        grpo_weights(&c.batch, &c.config, c.batch.n_sequences, c.batch.n_tokens);
        c.logprobs[broken] = (float)NAN;
        grpo_stats(&stats, &c.batch, &c.config, c.logprobs, c.entropies);
        assert_true(isnan(stats.logp_difference_max));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(advantages_are_the_worked_examples),
        cmocka_unit_test(groups_of_equal_rewards_are_dead),
        cmocka_unit_test(undecided_rewards_are_left_out),
        cmocka_unit_test(k3_has_its_published_values),
        cmocka_unit_test(the_kept_branch_of_the_minimum_carries_the_gradient),
        cmocka_unit_test(an_epsilon_of_ten_clips_at_eleven),
        cmocka_unit_test(exponents_are_capped_and_their_gradient_ends_there),
        cmocka_unit_test(losses_and_gradients_are_those_of_the_formulas),
        cmocka_unit_test(blocks_of_tokens_may_be_cut_anywhere),
        cmocka_unit_test(weights_are_the_normalisers),
        cmocka_unit_test(statistics_count_what_they_say),
        cmocka_unit_test(a_log_probability_that_is_not_a_number_shows),
        cmocka_unit_test(sequence_ratios_are_capped_by_their_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
