/* SPDX-License-Identifier: MIT */
/* cli/bench_answers.h: `r1 bench verify` by kind of answer: numbers, choices, units, sets, surds, identities, hostile ones. */
#ifndef R1_CLI_BENCH_ANSWERS_H
#define R1_CLI_BENCH_ANSWERS_H

#include "cli/bench_model.h"

/* A line a kind with answers a second, a line for all but the hostile, and the time of the slowest hostile one. With
 * options->input, rows {"kind","gold","answer"} of that file instead of the program's own. Nothing is remembered from one
 * comparison to the next. */
bool bench_answers(Cli *cli, const BenchModelOptions *options, Error *err) R1_MUST_CHECK;

#endif
