/* SPDX-License-Identifier: MIT */
/* cli/bench_mixed.h: texts for `r1 bench tokenize` such as a model meets: prose in several scripts, code, data, formulas, numbers,
 * emoji and white space, in documents of a few thousand bytes that are functions of their number. */
#ifndef R1_CLI_BENCH_MIXED_H
#define R1_CLI_BENCH_MIXED_H

#include <stddef.h>
#include <stdint.h>

/* Document number `index` as a base_alloc'd string. */
char *bench_mixed_document(uint64_t index, size_t *length);

#endif
