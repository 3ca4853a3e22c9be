/* SPDX-License-Identifier: MIT */
/* cli/bench_speculation.h: `r1 bench speculation`: what guessing ahead gains where a text repeats itself, and costs where it does not. */
#ifndef R1_CLI_BENCH_SPECULATION_H
#define R1_CLI_BENCH_SPECULATION_H

#include "cli/bench_model.h"

bool bench_speculation(Cli *cli, const BenchModelOptions *options, Error *err);

#endif
