/* SPDX-License-Identifier: MIT */
/* record/trend.h: where a metric began and where it ended. May use record/metrics.h. */
#ifndef R1_RECORD_TREND_H
#define R1_RECORD_TREND_H

#include "record/metrics.h"

typedef struct Trend {
    double early, late; /* NaN: too few values */
} Trend;

/* The mean of `count` finite values behind the first `skip` of them; NaN: there are none. */
double trend_mean(const double *values, int64_t n_rows, int64_t skip, int64_t count);
/* Means of the first and the last tenth of a metric's values, of which there must be ten: steps are noisy. */
Trend trend_of(const MetricsTable *table, const char *name);
/* The first and the last value: an evaluation is a mean already. */
Trend trend_ends(const MetricsTable *table, const char *name);

#endif
