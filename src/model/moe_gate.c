/* SPDX-License-Identifier: MIT */
#include "model/moe_gate.h"

#include "num/math.h"

#include <math.h>
#include <string.h>

enum { MAX_EXPERTS = 1 << 12 }; /* as config_deepseek.c checks */
static const float SMALLEST_SUM = 1e-20f;

void moe_gate_scores(const MoeConfig *m, float *scores)
{
    if (!m->softmax) {
        for (int64_t e = 0; e < m->n_experts; e++) scores[e] = math_sigmoid_f32(scores[e]);
        return;
    }
    float largest = scores[0], sum = 0.0f;
    for (int64_t e = 1; e < m->n_experts; e++) largest = scores[e] > largest ? scores[e] : largest;
    for (int64_t e = 0; e < m->n_experts; e++) {
        scores[e] = math_exp_f32(scores[e] - largest);
        sum += scores[e];
    }
    for (int64_t e = 0; e < m->n_experts; e++) scores[e] /= sum;
}

static bool goes_before(float a, float b)
{
    return a > b || (isnan(b) && !isnan(a));
}

/* The first of the best among those not yet taken; at least one must be left. */
static int64_t best_left(const float *x, const bool *taken, int64_t n)
{
    int64_t best = -1;
    for (int64_t i = 0; i < n; i++)
        if (!taken[i] && (best < 0 || goes_before(x[i], x[best]))) best = i;
    return best;
}

static float group_score(const MoeConfig *m, const float *choice, int64_t size)
{
    bool taken[MAX_EXPERTS] = {0};
    const int64_t first = best_left(choice, taken, size);
    if (!m->correction_bias || size < 2) return choice[first];
    taken[first] = true;
    return choice[first] + choice[best_left(choice, taken, size)];
}

/* taken[e] for every expert of a group that is not kept. */
static void drop_groups(const MoeConfig *m, const float *choice, bool *taken)
{
    const int64_t size = m->n_experts / m->n_groups;
    float scores[MAX_EXPERTS];
    bool kept[MAX_EXPERTS] = {0};
    for (int64_t g = 0; g < m->n_groups; g++) scores[g] = group_score(m, choice + g * size, size);
    for (int64_t i = 0; i < m->n_groups_chosen; i++) kept[best_left(scores, kept, m->n_groups)] = true;
    for (int64_t e = 0; e < m->n_experts; e++) taken[e] = !kept[e / size];
}

void moe_gate_choose(const MoeConfig *m, int32_t *chosen, const float *scores, const float *bias)
{
    float choice[MAX_EXPERTS];
    bool taken[MAX_EXPERTS] = {0}, dropped[MAX_EXPERTS] = {0};
    for (int64_t e = 0; e < m->n_experts; e++) choice[e] = bias ? scores[e] + bias[e] : scores[e];
    if (m->n_groups_chosen < m->n_groups) drop_groups(m, choice, dropped);
    memcpy(taken, dropped, sizeof taken);
    for (int64_t i = 0; i < m->n_chosen; i++) taken[best_left(choice, taken, m->n_experts)] = true;
    int64_t n = 0;
    for (int64_t e = 0; e < m->n_experts; e++)
        if (taken[e] && !dropped[e]) chosen[n++] = (int32_t)e;
}

static float sum_of_chosen(const MoeConfig *m, const float *scores, const int32_t *chosen)
{
    float sum = 0.0f;
    for (int64_t i = 0; i < m->n_chosen; i++) sum += scores[chosen[i]];
    return sum + SMALLEST_SUM;
}

void moe_gate_weights(const MoeConfig *m, float *weights, const float *scores, const int32_t *chosen)
{
    const float sum = m->normalise ? sum_of_chosen(m, scores, chosen) : 1.0f;
    for (int64_t i = 0; i < m->n_chosen; i++) weights[i] = scores[chosen[i]] / sum * m->routed_scaling;
}

/* w = s / sum * scaling:  ds = scaling / sum * (dw - (chain of dw s) / sum), without normalising ds = scaling * dw
 * s = sigmoid(z):  dz = ds * (s * (1 - s));  s = softmax(z):  dz = s * (ds - chain of ds s) */
void moe_gate_backward(const MoeConfig *m, float *d_scores, const float *scores, const int32_t *chosen,
                       const float *d_weights)
{
    float sum = 1.0f, along = 0.0f;
    if (m->normalise) {
        sum = sum_of_chosen(m, scores, chosen);
        for (int64_t i = 0; i < m->n_chosen; i++) along += d_weights[i] * scores[chosen[i]];
        along /= sum;
    }
    const float scaling = m->routed_scaling / sum;
    for (int64_t i = 0; i < m->n_chosen; i++) d_scores[chosen[i]] += scaling * (d_weights[i] - along);
    if (!m->softmax) {
        for (int64_t e = 0; e < m->n_experts; e++) d_scores[e] *= scores[e] * (1.0f - scores[e]);
        return;
    }
    float mean = 0.0f;
    for (int64_t e = 0; e < m->n_experts; e++) mean += d_scores[e] * scores[e];
    for (int64_t e = 0; e < m->n_experts; e++) d_scores[e] = scores[e] * (d_scores[e] - mean);
}
