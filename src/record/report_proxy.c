/* SPDX-License-Identifier: MIT */
/* record/report_proxy.c: each reward that is an opinion beside the true metric of the same completions, over the steps. Where the one
 * rises and the other falls, the chart says so. */
#include "record/report_parts.h"

#include "base/arena.h"
#include "record/proxy.h"

#include <stdio.h>

typedef struct Range {
    double low, high;
} Range;

static Range range_of(const ReportSeries *s)
{
    Range r = {s->y[0], s->y[0]};
    for (int64_t i = 0; i < s->n; i++) {
        if (s->y[i] < r.low) r.low = s->y[i];
        if (s->y[i] > r.high) r.high = s->y[i];
    }
    return r;
}

/* Scores may be of any size; the true metric goes from 0 to 1. The two have to be seen in one picture. */
static double *stretched(const ReportSeries *s, Range r)
{
    double *const y = base_alloc((size_t)s->n, sizeof *y);
    for (int64_t i = 0; i < s->n; i++) y[i] = r.high > r.low ? (s->y[i] - r.low) / (r.high - r.low) : 0.5;
    return y;
}

static void describe(char *note, size_t capacity, const Proxy *p, bool is_stretched, Range range)
{
    char scale[100] = "";
    if (is_stretched)
        snprintf(scale, sizeof scale, "; the reward is drawn from its lowest, %.3g, to its highest, %.3g", range.low,
                 range.high);
    if (p->hacked)
        snprintf(note, capacity, "hacked: the reward rose from %.3f to %.3f, the true metric fell from %.3f to %.3f%s",
                 p->proxy.early, p->proxy.late, p->truth.early, p->truth.late, scale);
    else
        snprintf(note, capacity, "%s; where the reward rises and the true metric falls it is being hacked%s",
                 p->held_out ? "held-out problems" : "training samples", scale);
}

static void proxy_chart(TextOut *out, ReportRun *run, const Proxy *p)
{
    char title[PROXY_NAME_CAPACITY + 40], note[320];
    ReportSeries proxy = report_metric(run, p->mean);
    const ReportSeries truth = report_metric(run, p->truth_name);
    const Range range = range_of(&proxy);
    const bool is_stretched = range.low < 0 || range.high > 1;
    double *const y = is_stretched ? stretched(&proxy, range) : NULL;
    if (y) proxy.y = y;
    snprintf(title, sizeof title, "%.63s against the true metric", p->name);
    describe(note, sizeof note, p, is_stretched, range);
    Chart chart = {.title = title, .note = note, .form = CHART_NUMBER};
    report_curve(&chart, proxy, "reward", 5, p->held_out ? CURVE_MEASURED : CURVE_SMOOTH);
    report_curve(&chart, truth, "true metric", 8, p->held_out ? CURVE_MEASURED_DASHED : CURVE_DASHED);
    chart_figure(out, &chart);
    base_free(y);
}

void proxy_charts(TextOut *out, ReportRun *run)
{
    Proxy proxies[PROXIES_MAX];
    const int n = proxies_find(&run->metrics, proxies);
    for (int i = 0; i < n; i++) proxy_chart(out, run, &proxies[i]);
}
