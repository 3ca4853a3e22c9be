/* SPDX-License-Identifier: MIT */
#include "train/reward_model.h"

#include "num/math.h"

#include <assert.h>

double reward_model_sigmoid(double x)
{
    if (x >= 0.0) return 1.0 / (1.0 + math_exp(-x));
    const double e = math_exp(x);
    return e / (1.0 + e);
}

/* log(1 + exp(x)) = -log sigmoid(-x) */
static double softplus(double x)
{
    return (x > 0.0 ? x : 0.0) + math_log(1.0 + math_exp(x > 0.0 ? -x : x));
}

double reward_model_inv_total(bool pairwise, int64_t n_scores)
{
    const int64_t n = pairwise ? n_scores / 2 : n_scores;
    return n > 0 ? 1.0 / (double)n : 0.0;
}

/* s_chosen - s_rejected - margin of a pair whose two scores are given. */
static double advance_of(const RewardModelLoss *loss, int64_t pair, const float *values)
{
    return (double)values[0] - (double)values[1] - (loss->margins ? (double)loss->margins[pair] : 0.0);
}

void reward_model_loss_gradient(void *context, int64_t first, int64_t n, const float *values, float *dvalues)
{
    const RewardModelLoss *const loss = context;
    if (!loss->pairwise) {
        /* loss = softplus(s) - z s:  dloss/ds = sigmoid(s) - z */
        for (int64_t i = 0; i < n; i++)
            dvalues[i] =
                (float)((reward_model_sigmoid((double)values[i]) - (double)loss->labels[first + i]) * loss->inv_total);
        return;
    }
    assert(first % 2 == 0 && n % 2 == 0);
    /* loss = softplus(-x):  dloss/dx = -sigmoid(-x) */
    for (int64_t i = 0; i < n; i += 2) {
        const double x = advance_of(loss, (first + i) / 2, values + i);
        dvalues[i] = (float)(-reward_model_sigmoid(-x) * loss->inv_total);
        dvalues[i + 1] = -dvalues[i];
    }
}

double reward_model_loss_value(const RewardModelLoss *loss, const float *values, int64_t n_scores)
{
    double sum = 0.0;
    for (int64_t i = 0; loss->pairwise && i + 1 < n_scores; i += 2)
        sum += softplus(-advance_of(loss, i / 2, values + i));
    for (int64_t i = 0; !loss->pairwise && i < n_scores; i++)
        sum += softplus((double)values[i]) - (double)loss->labels[i] * (double)values[i];
    return sum * loss->inv_total;
}
