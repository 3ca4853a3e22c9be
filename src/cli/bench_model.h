/* SPDX-License-Identifier: MIT */
/* cli/bench_model.h: the cases of `r1 bench` that need a model: decode, rollout, speculation, train, grpo. */
#ifndef R1_CLI_BENCH_MODEL_H
#define R1_CLI_BENCH_MODEL_H

#include "cli/cli.h"
#include "model/model.h"

#include <stdbool.h>

/* What a case may be told; 0 or NULL: its default. */
typedef struct BenchModelOptions {
    const char *shape;  /* a name of model_config_names; the default is the first */
    const char *folder; /* a Hugging Face folder instead */
    const char *input;  /* tokenize, verify: rows of this file instead of the program's own */
    int64_t length;     /* tokens of a document, of a completion, or the context decoded at */
    int64_t tokens;     /* tokens of an optimiser batch */
    int64_t batch;      /* sequences decoded at once */
    int64_t repeats;
} BenchModelOptions;

typedef struct BenchModelCase {
    const char *name;
    bool (*run)(Cli *cli, const BenchModelOptions *options, Error *err);
} BenchModelCase;

/* The model that the options name, with random weights where they name a shape; the kernels and threads of the process. */
bool bench_model_open(Model *model, const char **name, Compute *compute, Cli *cli, const BenchModelOptions *options,
                      Error *err) R1_MUST_CHECK;

/* By name; NULL: none of this file's. */
const BenchModelCase *bench_model_case(const char *name);

#endif
