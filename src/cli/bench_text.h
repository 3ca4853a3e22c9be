/* SPDX-License-Identifier: MIT */
/* cli/bench_text.h: the cases of `r1 bench` that work on text: tokenize, verify. */
#ifndef R1_CLI_BENCH_TEXT_H
#define R1_CLI_BENCH_TEXT_H

#include "cli/bench_model.h"

/* By name; NULL: none of this file's. Of the options they look at folder, input and repeats. */
const BenchModelCase *bench_text_case(const char *name);

#endif
