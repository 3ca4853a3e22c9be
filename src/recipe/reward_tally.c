/* SPDX-License-Identifier: MIT */
/* recipe/reward_tally.c: see reward_tally.h. */
#include "recipe/reward_tally.h"

#include <math.h>

static void add(PartTally *t, const TermValue *v)
{
    t->undecided += v->undecided;
    t->skipped += v->skipped;
    t->gated += v->gated;
    if (v->undecided || v->skipped) return;
    t->n++;
    t->sum += v->value;
    t->squares += v->value * v->value;
}

void reward_tally_add(RewardTally *tally, const RewardScore *score)
{
    const TermValue total = {.value = score->total, .undecided = score->undecided};
    tally->n_samples++;
    add(&tally->total, &total);
    for (int p = 0; p < PART_COUNT; p++) {
        const TermValue counted = reward_part_counted(score, p), own = reward_part_value(score, p);
        add(&tally->counted[p], &counted);
        add(&tally->own[p], &own);
    }
}

static double mean_of(const PartTally *t)
{
    return t->n > 0 ? t->sum / (double)t->n : (double)NAN;
}

static double std_of(const PartTally *t)
{
    const double mean = mean_of(t);
    return t->n > 0 ? sqrt(fmax(0.0, t->squares / (double)t->n - mean * mean)) : (double)NAN;
}

static void measure(const RewardTally *tally, const PartTally *t, const char *prefix, const char *name, MetricsRow *row)
{
    const double n = (double)tally->n_samples;
    metrics_setf(row, mean_of(t), "%srewards/%s/mean", prefix, name);
    metrics_setf(row, std_of(t), "%srewards/%s/std", prefix, name);
    metrics_setf(row, (double)t->undecided / n, "%srewards/%s/frac_undecided", prefix, name);
    metrics_setf(row, (double)t->skipped / n, "%srewards/%s/frac_skipped", prefix, name);
}

void reward_tally_measure(const RewardTally *tally, const TermConfig *c, const char *prefix, MetricsRow *row)
{
    const double n = (double)tally->n_samples;
    metrics_setf(row, mean_of(&tally->total), "%sreward", prefix);
    metrics_setf(row, std_of(&tally->total), "%sreward_std", prefix);
    for (int p = 0; p < PART_COUNT; p++) {
        const char *const name = reward_part_name(p);
        /* accuracy and format always: notes, report and progress read them */
        if (p >= PART_TERMS && !reward_part_wanted(c, p)) continue;
        measure(tally, &tally->counted[p], prefix, name, row);
        if (reward_gates_close(&c->gates, p) || (c->gate_format && p != PART_FORMAT))
            metrics_setf(row, (double)tally->counted[p].gated / n, "%srewards/%s/frac_gated", prefix, name);
    }
    measure(tally, &tally->own[c->true_part], prefix, "true", row);
    metrics_setf(row, (double)tally->total.undecided / n, "%sfrac_undecided", prefix);
}
