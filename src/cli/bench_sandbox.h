/* SPDX-License-Identifier: MIT */
/* cli/bench_sandbox.h: `r1 bench sandbox`: programs judged a second, beside starting their interpreter by itself. */
#ifndef R1_CLI_BENCH_SANDBOX_H
#define R1_CLI_BENCH_SANDBOX_H

#include "cli/cli.h"

/* runs: programs a pass; 0: 400. */
bool bench_sandbox(Cli *cli, int64_t runs, Error *err) R1_MUST_CHECK;

#endif
