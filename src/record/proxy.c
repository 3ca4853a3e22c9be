/* SPDX-License-Identifier: MIT */
/* record/proxy.c: see proxy.h. */
#include "record/proxy.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char HELD_OUT[] = "eval/held_out/rewards/", SAMPLES[] = "rewards/", TRUTH[] = "/true";

/* From start to end, and what is more than noise from the best evaluation in between. */
static const double FELL = 0.03, FELL_FROM_BEST = 0.1;

/* NAME of PREFIX + NAME + "/true". */
static bool name_of(const char *metric, const char *prefix, char name[PROXY_NAME_CAPACITY])
{
    const size_t n_prefix = strlen(prefix), n = strlen(metric), n_end = sizeof TRUTH - 1;
    if (n <= n_prefix + n_end || n - n_prefix - n_end >= PROXY_NAME_CAPACITY) return false;
    if (strncmp(metric, prefix, n_prefix) != 0 || strcmp(metric + n - n_end, TRUTH) != 0) return false;
    snprintf(name, PROXY_NAME_CAPACITY, "%.*s", (int)(n - n_prefix - n_end), metric + n_prefix);
    return true;
}

static int64_t count_finite(const double *values, int64_t n)
{
    int64_t count = 0;
    for (int64_t r = 0; values && r < n; r++) count += isfinite(values[r]);
    return count;
}

/* Same values everywhere: this route is all that the reward is asked about. */
static bool is_twin(const MetricsTable *t, const Proxy *a, const Proxy *b)
{
    const double *const x = metrics_column(t, a->mean), *const y = metrics_column(t, b->mean);
    for (int64_t r = 0; r < t->n_rows; r++)
        if (x[r] != y[r] && (isfinite(x[r]) || isfinite(y[r]))) return false;
    return true;
}

/* Rises since the truth was best, by which it fell: hacking sets in after a while. */
static void judge_from_best(Proxy *p, const MetricsTable *t)
{
    const double *const proxy = metrics_column(t, p->mean), *const truth = metrics_column(t, p->truth_name);
    int64_t best = -1;
    for (int64_t r = 0; r < t->n_rows; r++)
        if (isfinite(truth[r]) && isfinite(proxy[r]) && (best < 0 || truth[r] > truth[best])) best = r;
    if (best < 0 || !(p->truth.late < truth[best] - FELL_FROM_BEST) || !(p->proxy.late > proxy[best])) return;
    p->hacked = true;
    p->proxy.early = proxy[best];
    p->truth.early = truth[best];
}

static bool look_at(Proxy *p, const MetricsTable *t)
{
    const char *const prefix = p->held_out ? HELD_OUT : SAMPLES;
    snprintf(p->mean, sizeof p->mean, "%s%s/mean", prefix, p->name);
    snprintf(p->truth_name, sizeof p->truth_name, "%s%s%s", prefix, p->name, TRUTH);
    const double *const mean = metrics_column(t, p->mean);
    if (count_finite(mean, t->n_rows) < 2 || count_finite(metrics_column(t, p->truth_name), t->n_rows) < 2)
        return false;
    p->proxy = p->held_out ? trend_ends(t, p->mean) : trend_of(t, p->mean);
    p->truth = p->held_out ? trend_ends(t, p->truth_name) : trend_of(t, p->truth_name);
    p->hacked = p->truth.late < p->truth.early - FELL && p->proxy.late > p->proxy.early;
    if (!p->hacked && p->held_out) judge_from_best(p, t);
    return true;
}

static bool has_column(const MetricsTable *t, const char *prefix, const char *name)
{
    char metric[METRICS_NAME_CAPACITY + PROXY_NAME_CAPACITY];
    snprintf(metric, sizeof metric, "%s%s%s", prefix, name, TRUTH);
    return count_finite(metrics_column(t, metric), t->n_rows) >= 2;
}

int proxies_find(const MetricsTable *t, Proxy proxies[PROXIES_MAX])
{
    int n = 0;
    for (int64_t c = 0; c < t->n_columns && n < PROXIES_MAX; c++) {
        Proxy p = {0};
        p.held_out = name_of(t->names[c], HELD_OUT, p.name);
        if (!p.held_out && (!name_of(t->names[c], SAMPLES, p.name) || has_column(t, HELD_OUT, p.name))) continue;
        bool again = !look_at(&p, t);
        for (int i = 0; i < n; i++) again = again || (p.held_out == proxies[i].held_out && is_twin(t, &p, &proxies[i]));
        if (!again) proxies[n++] = p;
    }
    return n;
}
