/* SPDX-License-Identifier: MIT */
/* record/report_rewards.c: each reward apart, and what is trained on beside the true metric. Which rewards there are comes from the
 * metrics' names: rewards/NAME/mean of samples, eval/held_out/rewards/NAME/mean of held-out problems. */
#include "record/report_parts.h"

#include <stdio.h>
#include <string.h>

enum { NAME_CAPACITY = 40 };

/* The NAME in PREFIX + NAME + "/mean"; false: this is no such metric. */
static bool reward_name(const char *metric, const char *prefix, char name[NAME_CAPACITY])
{
    const size_t n_prefix = strlen(prefix), n = strlen(metric);
    if (n <= n_prefix + 5 || strncmp(metric, prefix, n_prefix) != 0 || strcmp(metric + n - 5, "/mean") != 0)
        return false;
    const size_t length = n - n_prefix - 5;
    if (length >= NAME_CAPACITY || memchr(metric + n_prefix, '/', length)) return false;
    memcpy(name, metric + n_prefix, length);
    name[length] = 0;
    return true;
}

bool report_rewards_are_plain(const ReportRun *run)
{
    char name[NAME_CAPACITY];
    for (int64_t c = 0; c < run->metrics.n_columns; c++)
        if (reward_name(run->metrics.names[c], "rewards/", name) && strcmp(name, "accuracy") != 0 &&
            strcmp(name, "format") != 0 && strcmp(name, "true") != 0)
            return false;
    return true;
}

static int colour_of(const char *name, int i)
{
    static const int colours[] = {2, 3, 5, 6, 7, 8};
    return strcmp(name, "accuracy") == 0 ? 1 : strcmp(name, "format") == 0 ? 4 : colours[i % 6];
}

/* All rewards with this prefix. The true metric comes first where it is no other curve's twin. */
static void add_rewards(Chart *chart, ReportRun *run, const char *prefix, CurveLook look,
                        char names[CHART_MAX_SERIES][NAME_CAPACITY])
{
    int n = 0;
    for (int64_t c = 0; c < run->metrics.n_columns && n < CHART_MAX_SERIES - 1; c++) {
        if (!reward_name(run->metrics.names[c], prefix, names[n])) continue;
        const bool is_true = strcmp(names[n], "true") == 0;
        if (is_true) snprintf(names[n], NAME_CAPACITY, "true metric");
        if (report_curve(chart, report_metric(run, run->metrics.names[c]), names[n],
                         is_true ? 8 : colour_of(names[n], n), is_true ? CURVE_DASHED : look))
            n++;
    }
}

void rewards_charts(TextOut *out, ReportRun *run)
{
    char names[CHART_MAX_SERIES][NAME_CAPACITY], held_out_names[CHART_MAX_SERIES][NAME_CAPACITY];
    const ChartForm form = report_rewards_are_plain(run) ? CHART_PERCENT : CHART_NUMBER;
    Chart apart = {.title = "Rewards apart", .note = "a summed reward can hide one of them falling", .form = form};
    add_rewards(&apart, run, "rewards/", CURVE_SMOOTH, names);
    chart_figure(out, &apart);

    Chart held_out = {.title = "Rewards on held-out problems",
                      .note = "a reward that rises where the true metric does not has a hole",
                      .form = form};
    add_rewards(&held_out, run, "eval/held_out/rewards/", CURVE_MEASURED, held_out_names);
    chart_figure(out, &held_out);
}
