/* SPDX-License-Identifier: MIT */
#include "num/compute.h"

typedef struct RowsRegion {
    int64_t n, n_parts;
    ComputeRows rows;
    void *context;
} RowsRegion;

static void rows_part(void *argument, int64_t part, int thread)
{
    const RowsRegion *region = argument;
    int64_t begin, end;
    threads_split(region->n, 1, part, region->n_parts, &begin, &end);
    if (begin < end) region->rows(region->context, begin, end, thread);
}

void compute_rows(const Compute *compute, int64_t n, int64_t grain, ComputeRows rows, void *context)
{
    const int64_t n_threads = threads_count(compute->threads);
    const int64_t n_grains = (n + grain - 1) / grain;
    if (n_threads == 1 || n_grains <= 1) {
        if (n > 0) rows(context, 0, n, 0);
        return;
    }
    /* A few parts a thread even out unequal progress without making them small. */
    RowsRegion region = {n, n_grains < 4 * n_threads ? n_grains : 4 * n_threads, rows, context};
    threads_run(compute->threads, region.n_parts, rows_part, &region);
}
