/* SPDX-License-Identifier: MIT */
/* cli/bench_kernels.h: the cases of `r1 bench` that need no model: peak, gemm, attention. */
#ifndef R1_CLI_BENCH_KERNELS_H
#define R1_CLI_BENCH_KERNELS_H

#include "cli/cli.h"
#include "model/config.h"

#include <stdbool.h>

typedef struct BenchKernelsCase {
    const char *name;
    /* repeats 0: the default. config: whose matrices are multiplied (gemm); NULL: the case table. */
    bool (*run)(Cli *cli, int64_t repeats, const ModelConfig *config, Error *err);
    bool takes_config;
} BenchKernelsCase;

/* By name; NULL: none of this file's. */
const BenchKernelsCase *bench_kernels_case(const char *name);

#endif
