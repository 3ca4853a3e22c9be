/* SPDX-License-Identifier: MIT */
/* num/compute.h: what every computing function is handed: a table of kernels and a pool of threads. A plain value, so that a
 * test can run two ISAs or two thread counts side by side in one process. */
#ifndef R1_NUM_COMPUTE_H
#define R1_NUM_COMPUTE_H

#include "base/threads.h"
#include "num/kernels.h"

typedef struct Compute {
    const Kernels *k;
    Threads *threads; /* may be NULL: the caller alone */
} Compute;

/* Calls rows(context, begin, end, thread) on contiguous ranges that cover [0, n), each about `grain` rows. */
typedef void (*ComputeRows)(void *context, int64_t begin, int64_t end, int thread);
void compute_rows(const Compute *compute, int64_t n, int64_t grain, ComputeRows rows, void *context);

#endif
