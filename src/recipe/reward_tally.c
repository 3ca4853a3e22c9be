/* SPDX-License-Identifier: MIT */
/* recipe/reward_tally.c: see reward_tally.h. */
#include "recipe/reward_tally.h"

#include <math.h>
#include <stdio.h>

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
    const TermValue truth = reward_part_value(score, score->true_part);
    tally->n_samples++;
    add(&tally->total, &total);
    add(&tally->truth, &truth);
    for (int p = 0; p < PART_COUNT; p++) {
        const TermValue counted = reward_part_counted(score, p);
        add(&tally->counted[p], &counted);
        if (!counted.skipped && !counted.undecided) add(&tally->truth_of[p], &truth);
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

/* totals, parts: in front of the names of the total and of the parts. */
typedef struct Names {
    char totals[METRICS_NAME_CAPACITY], parts[METRICS_NAME_CAPACITY];
} Names;

static void measure(const RewardTally *tally, const PartTally *t, const Names *names, const char *name, MetricsRow *row)
{
    const double n = (double)tally->n_samples;
    metrics_setf(row, mean_of(t), "%s%s/mean", names->parts, name);
    metrics_setf(row, std_of(t), "%s%s/std", names->parts, name);
    metrics_setf(row, (double)t->undecided / n, "%s%s/frac_undecided", names->parts, name);
    metrics_setf(row, (double)t->skipped / n, "%s%s/frac_skipped", names->parts, name);
}

/* own: parts that count there alone. Else accuracy and format always: notes, report and progress read them. */
static void measure_all(const RewardTally *tally, const TermConfig *c, const Names *names, bool own, MetricsRow *row)
{
    const double n = (double)tally->n_samples;
    metrics_setf(row, mean_of(&tally->total), "%sreward", names->totals);
    metrics_setf(row, std_of(&tally->total), "%sreward_std", names->totals);
    for (int p = 0; p < PART_COUNT; p++) {
        const char *const name = reward_part_name(p);
        if (own ? c->elsewhere[p] || !reward_part_wanted(c, p) : p >= PART_TERMS && !reward_part_wanted(c, p)) continue;
        measure(tally, &tally->counted[p], names, name, row);
        if (reward_gates_close(&c->gates, p) || (c->gate_format && p != PART_FORMAT))
            metrics_setf(row, (double)tally->counted[p].gated / n, "%s%s/frac_gated", names->parts, name);
        if (reward_part_is_opinion(p)) metrics_setf(row, mean_of(&tally->truth_of[p]), "%s%s/true", names->parts, name);
    }
    measure(tally, &tally->truth, names, "true", row);
    metrics_setf(row, (double)tally->total.undecided / n, "%sfrac_undecided", names->totals);
}

void reward_tally_measure(const RewardTally *tally, const TermConfig *config, const char *prefix, MetricsRow *row)
{
    Names names;
    snprintf(names.totals, sizeof names.totals, "%s", prefix);
    snprintf(names.parts, sizeof names.parts, "%srewards/", prefix);
    measure_all(tally, config, &names, false, row);
}

void reward_tally_measure_route(const RewardTally *tally, const TermConfig *config, const char *prefix,
                                const char *route, int64_t n_all, MetricsRow *row)
{
    Names names;
    snprintf(names.totals, sizeof names.totals, "%srewards/%s/", prefix, route);
    snprintf(names.parts, sizeof names.parts, "%srewards/%s/", prefix, route);
    if (n_all > 0) metrics_setf(row, (double)tally->n_samples / (double)n_all, "%sshare", names.totals);
    if (tally->n_samples > 0) measure_all(tally, config, &names, true, row);
}
