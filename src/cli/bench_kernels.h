/* SPDX-License-Identifier: MIT */
/* cli/bench_kernels.h: the cases of `r1 bench` that need no model: peak, gemm, attention. */
#ifndef R1_CLI_BENCH_KERNELS_H
#define R1_CLI_BENCH_KERNELS_H

#include "cli/cli.h"

#include <stdbool.h>

typedef struct BenchKernelsCase {
    const char *name;
    bool (*run)(Cli *cli, int64_t repeats, Error *err); /* repeats 0: the default */
} BenchKernelsCase;

/* By name; NULL: none of this file's. */
const BenchKernelsCase *bench_kernels_case(const char *name);

#endif
