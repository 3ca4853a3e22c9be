/* SPDX-License-Identifier: MIT */
/* record/trend.c: see trend.h. */
#include "record/trend.h"

#include <math.h>

double trend_mean(const double *values, int64_t n_rows, int64_t skip, int64_t count)
{
    double sum = 0;
    int64_t seen = 0, taken = 0;
    for (int64_t r = 0; r < n_rows; r++) {
        if (!isfinite(values[r]) || seen++ < skip || taken == count) continue;
        sum += values[r];
        taken++;
    }
    return taken > 0 ? sum / (double)taken : (double)NAN;
}

Trend trend_of(const MetricsTable *table, const char *name)
{
    const double *const values = metrics_column(table, name);
    int64_t n = 0;
    for (int64_t r = 0; values && r < table->n_rows; r++) n += isfinite(values[r]);
    if (n < 10) return (Trend){NAN, NAN};
    return (Trend){
        .early = trend_mean(values, table->n_rows, 0, n / 10),
        .late = trend_mean(values, table->n_rows, n - n / 10, n / 10),
    };
}

Trend trend_ends(const MetricsTable *table, const char *name)
{
    const double *const values = metrics_column(table, name);
    Trend t = {NAN, NAN};
    for (int64_t r = 0; values && r < table->n_rows; r++) {
        if (!isfinite(values[r])) continue;
        if (isnan(t.early)) t.early = values[r];
        t.late = values[r];
    }
    return t;
}
