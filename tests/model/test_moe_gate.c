/* SPDX-License-Identifier: MIT */
/* Who is chosen and with what weight: against a second, plainer reading of the rules, with ties and NaNs; and the gradient. */
#include "model/tiny.h"

#include "model/moe_gate.h"

enum { MAX = 32 };

static const MoeConfig SIGMOID = {.n_experts = 8,
                                  .n_chosen = 3,
                                  .n_groups = 4,
                                  .n_groups_chosen = 2,
                                  .routed_scaling = 2.5f,
                                  .correction_bias = true,
                                  .normalise = true};

/* Experts by hand: the larger choice first, the lower index among equals, NaN behind all. */
static bool before(const float *x, int64_t a, int64_t b)
{
    if (isnan(x[a]) != isnan(x[b])) return isnan(x[b]);
    return x[a] > x[b] || (!(x[a] < x[b]) && a < b);
}

/* rank of i among [0, n): how many stand before it. */
static int64_t rank_of(const float *x, int64_t i, int64_t n)
{
    int64_t rank = 0;
    for (int64_t j = 0; j < n; j++) rank += j != i && before(x, j, i);
    return rank;
}

static void choose_by_ranks(const MoeConfig *m, int32_t *chosen, const float *choice)
{
    const int64_t size = m->n_experts / m->n_groups;
    float groups[MAX], kept[MAX];
    int64_t ids[MAX], n_kept = 0, n = 0;
    for (int64_t g = 0; g < m->n_groups; g++) {
        float best = 0.0f, second = 0.0f;
        for (int64_t i = 0; i < size; i++) {
            if (rank_of(choice + g * size, i, size) == 0) best = choice[g * size + i];
            if (rank_of(choice + g * size, i, size) == 1) second = choice[g * size + i];
        }
        groups[g] = m->correction_bias && size > 1 ? best + second : best;
    }
    for (int64_t e = 0; e < m->n_experts; e++)
        if (rank_of(groups, e / size, m->n_groups) < m->n_groups_chosen) ids[n_kept] = e, kept[n_kept++] = choice[e];
    for (int64_t i = 0; i < n_kept; i++)
        if (rank_of(kept, i, n_kept) < m->n_chosen) chosen[n++] = (int32_t)ids[i];
    assert_int_equal(n, m->n_chosen);
}

static void choices_are_those_of_the_rules_with_ties_and_nans(void **state)
{
    (void)state;
    static const int64_t shapes[][4] = {/* experts, groups, groups chosen, chosen */
                                        {8, 4, 2, 3}, {8, 4, 2, 4},  {5, 1, 1, 2},
                                        {6, 6, 3, 2}, {32, 8, 4, 8}, {4, 2, 2, 4}};
    for (int s = 0; s < 6; s++)
        for (int64_t round = 0; round < 400; round++) {
            MoeConfig m = {.n_experts = shapes[s][0],
                           .n_groups = shapes[s][1],
                           .n_groups_chosen = shapes[s][2],
                           .n_chosen = shapes[s][3],
                           .correction_bias = round % 2 == 0};
            float scores[MAX], bias[MAX], choice[MAX];
            int32_t want[MAX], got[MAX];
            for (int64_t e = 0; e < m.n_experts; e++) {
                /* Few different values: ties are the rule. Now and then a NaN. */
                scores[e] = floorf(tiny_uniform(1, (uint64_t)(s * 1000 + round), e, 0.0f, 4.0f)) / 4.0f;
                bias[e] = m.correction_bias ? floorf(tiny_uniform(2, (uint64_t)round, e, -2.0f, 2.0f)) / 4.0f : 0.0f;
                if (round % 5 == 4 && tiny_uniform(3, (uint64_t)round, e, 0.0f, 1.0f) < 0.4f) scores[e] = NAN;
                choice[e] = scores[e] + bias[e];
            }
            choose_by_ranks(&m, want, choice);
            moe_gate_choose(&m, got, scores, m.correction_bias ? bias : NULL);
            for (int64_t i = 0; i < m.n_chosen; i++)
                if (want[i] != got[i])
                    fail_msg("shape %d, round %lld: choice %lld is %d, expected %d", s, (long long)round, (long long)i,
                             got[i], want[i]);
        }
}

static void equal_scores_go_to_the_lowest_indices(void **state)
{
    (void)state;
    const float scores[8] = {0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f}, bias[8] = {0};
    float nans[8];
    int32_t chosen[3];
    for (int e = 0; e < 8; e++) nans[e] = NAN;
    moe_gate_choose(&SIGMOID, chosen, scores, bias);
    assert_true(chosen[0] == 0 && chosen[1] == 1 && chosen[2] == 2);
    moe_gate_choose(&SIGMOID, chosen, nans, bias);
    assert_true(chosen[0] == 0 && chosen[1] == 1 && chosen[2] == 2);
}

/* The bias moves who is chosen, never with what weight. */
static void bias_chooses_and_does_not_weigh(void **state)
{
    (void)state;
    const float scores[8] = {0.9f, 0.8f, 0.7f, 0.6f, 0.5f, 0.4f, 0.3f, 0.2f}, bias[8] = {0, 0, 0, 0, 0, 0, 5.0f, 5.0f};
    int32_t chosen[3];
    float weights[3];
    moe_gate_choose(&SIGMOID, chosen, scores, bias);
    assert_true(chosen[0] == 0 && chosen[1] == 6 && chosen[2] == 7);
    moe_gate_weights(&SIGMOID, weights, scores, chosen);
    for (int i = 0; i < 3; i++) assert_true(fabs((double)weights[i] - 2.5 * (double)scores[chosen[i]] / 1.4) < 1e-6);
}

/* ---- the gradient, in double ---- */

static double gate_loss(const MoeConfig *m, const double *z, const int32_t *chosen, const float *pull_weights,
                        const float *pull_scores)
{
    double s[MAX], sum = 0.0, masses = 0.0, loss = 0.0;
    for (int64_t e = 0; e < m->n_experts; e++) masses += exp(z[e]);
    for (int64_t e = 0; e < m->n_experts; e++) s[e] = m->softmax ? exp(z[e]) / masses : 1.0 / (1.0 + exp(-z[e]));
    for (int64_t i = 0; i < m->n_chosen; i++) sum += s[chosen[i]];
    if (!m->normalise) sum = 1.0;
    for (int64_t i = 0; i < m->n_chosen; i++)
        loss += (double)pull_weights[i] * s[chosen[i]] / sum * (double)m->routed_scaling;
    for (int64_t e = 0; e < m->n_experts; e++) loss += (double)pull_scores[e] * s[e];
    return loss;
}

static void gate_backward_is_the_derivative_of_the_weights(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        MoeConfig m = SIGMOID;
        m.softmax = kind % 2;
        m.normalise = kind < 2;
        float scores[MAX], weights[MAX], pull_weights[MAX], gradient[MAX], pull_scores[MAX];
        double z[MAX];
        int32_t chosen[MAX];
        for (int64_t e = 0; e < m.n_experts; e++) {
            scores[e] = tiny_uniform(4, (uint64_t)kind, e, -2.0f, 2.0f);
            z[e] = (double)scores[e];
            pull_weights[e] = tiny_uniform(5, (uint64_t)kind, e, -1.0f, 1.0f);
            gradient[e] = pull_scores[e] = tiny_uniform(6, (uint64_t)kind, e, -0.5f, 0.5f);
        }
        moe_gate_scores(&m, scores);
        moe_gate_choose(&m, chosen, scores, NULL);
        moe_gate_weights(&m, weights, scores, chosen);
        moe_gate_backward(&m, gradient, scores, chosen, pull_weights);
        for (int64_t e = 0; e < m.n_experts; e++) {
            const double h = 1e-5, keep = z[e];
            z[e] = keep + h;
            const double above = gate_loss(&m, z, chosen, pull_weights, pull_scores);
            z[e] = keep - h;
            const double below = gate_loss(&m, z, chosen, pull_weights, pull_scores);
            z[e] = keep;
            if (fabs((above - below) / (2 * h) - (double)gradient[e]) > 2e-6)
                fail_msg("kind %d, expert %lld: %g, finite difference %g", kind, (long long)e, (double)gradient[e],
                         (above - below) / (2 * h));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(choices_are_those_of_the_rules_with_ties_and_nans),
        cmocka_unit_test(equal_scores_go_to_the_lowest_indices),
        cmocka_unit_test(bias_chooses_and_does_not_weigh),
        cmocka_unit_test(gate_backward_is_the_derivative_of_the_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
