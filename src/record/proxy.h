/* SPDX-License-Identifier: MIT */
/* record/proxy.h: rewards that are opinions (a model's, a judge's, a command's, a plug-in's), each beside the true metric of the
 * completions that it rewarded, and whether the policy has learnt to please it instead of doing what it stands for: DeepSeek-R1's
 * reward hacking (arXiv 2501.12948 v2, B.5): the reward goes on rising while the true metric falls.
 *
 * They are found by their metrics, rewards/NAME/mean beside rewards/NAME/true, also with a route between (rewards/ROUTE/NAME/...),
 * and of held-out problems where there are any: eval/held_out/rewards/... May use record/metrics.h. */
#ifndef R1_RECORD_PROXY_H
#define R1_RECORD_PROXY_H

#include "record/trend.h"

enum { PROXIES_MAX = 16, PROXY_NAME_CAPACITY = 64 };

typedef struct Proxy {
    char name[PROXY_NAME_CAPACITY];                                      /* "model", "helpful/model" */
    char mean[METRICS_NAME_CAPACITY], truth_name[METRICS_NAME_CAPACITY]; /* metrics */
    bool held_out;
    Trend proxy, truth; /* from where the truth was best, if it fell from there, else from the start */
    bool hacked;
} Proxy;

/* At most PROXIES_MAX, in the order of the metrics. A reward whose one route gives all there is stands once, without it. */
int proxies_find(const MetricsTable *table, Proxy proxies[PROXIES_MAX]);

#endif
