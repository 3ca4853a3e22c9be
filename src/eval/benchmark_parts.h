/* SPDX-License-Identifier: MIT */
/* eval/benchmark_parts.h: what the files eval/benchmark*.c share. Not for other files. */
#ifndef R1_EVAL_BENCHMARK_PARTS_H
#define R1_EVAL_BENCHMARK_PARTS_H

#include "eval/benchmark.h"

/* The text under the first of these keys (NULL-terminated) that is there and not null: a string, or a number as it is written.
 * None of them: true, and *out stays empty. */
bool benchmark_text(const json_t *json, const char *const *keys, BenchmarkText *out, Error *err) R1_MUST_CHECK;
/* The same; missing or empty is an error. */
bool benchmark_require(const json_t *json, const char *const *keys, BenchmarkText *out, Error *err) R1_MUST_CHECK;
BenchmarkText benchmark_copy(const char *text, size_t length);
/* The texts one behind the other; both are freed, out may be one of them. */
void benchmark_append(BenchmarkText *out, const char *text);

bool benchmark_has_columns(const json_t *json); /* choices under "A", "B" */
bool benchmark_read_choices(BenchmarkRow *row, const json_t *json, Error *err) R1_MUST_CHECK;
bool benchmark_read_gpqa(BenchmarkRow *row, const json_t *json, uint64_t seed, int64_t number,
                         Error *err) R1_MUST_CHECK;
bool benchmark_read_livecodebench(BenchmarkRow *row, const json_t *json, Error *err) R1_MUST_CHECK;

#endif
