/* SPDX-License-Identifier: MIT */
/* cli/bench.c: `r1 bench`: rates of this program beside the limits of this machine, measured in the same run. */
#include "cli/bench_kernels.h"
#include "cli/bench_model.h"
#include "cli/bench_sandbox.h"
#include "cli/bench_text.h"

#include <string.h>

/* A benchmark of kernels, of a model's matrices where one is named. */
static bool run_kernels(Cli *cli, const BenchKernelsCase *kernels, const BenchModelOptions *options, Error *err)
{
    if (!options->shape && !options->folder) return kernels->run(cli, options->repeats, NULL, err);
    if (!kernels->takes_config)
        return error_set(err, ERROR_USAGE, "%s has cases of its own: leave --shape and --model out", kernels->name);
    ModelConfig config;
    if (options->folder) {
        if (!model_config_read(&config, options->folder, err)) return false;
    } else if (!model_config_named(&config, options->shape)) {
        return error_set(err, ERROR_USAGE, "--shape %s: unknown; `r1 bench --help` lists them", options->shape);
    }
    return kernels->run(cli, options->repeats, &config, err);
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    BenchModelOptions model = {0};
    const CliOption options[] = {
        CLI_STRING("--shape", "NAME", &model.shape,
                   "random weights: tiny-5m, smollm2-135m, qwen2.5-0.5b, qwen2.5-1.5b [tiny-5m]"),
        CLI_STRING("--model", "DIR", &model.folder, "a Hugging Face folder or a GGUF file instead of a shape"),
        CLI_STRING(
            "--input", "F.jsonl", &model.input,
            "tokenize: rows {\"text\"}, verify: rows {\"kind\",\"gold\",\"answer\"}, instead of the program's own"),
        CLI_INT("--length", "N", &model.length, 1, 1 << 20, "tokens of a document or completion, context of decoding"),
        CLI_INT("--tokens", "N", &model.tokens, 1, 1 << 24, "tokens of an optimiser batch"),
        CLI_INT("--batch", "N", &model.batch, 1, 4096, "sequences decoded at once"),
        CLI_INT("--repeats", "N", &model.repeats, 1, 1000, "repetitions, the best counts [7, of a model 3]"),
        CLI_END,
    };
    CliArguments names;
    if (!cli_parse(cli, options, argc, argv, &names, 1, 1, err)) return false;
    if (strcmp(names.items[0], "sandbox") == 0) return bench_sandbox(cli, model.repeats, err);
    const BenchKernelsCase *const kernels = bench_kernels_case(names.items[0]);
    if (kernels) return run_kernels(cli, kernels, &model, err);
    const BenchModelCase *chosen = bench_model_case(names.items[0]);
    if (!chosen) chosen = bench_text_case(names.items[0]);
    if (chosen) return chosen->run(cli, &model, err);
    return error_set(err, ERROR_USAGE, "unknown benchmark \"%s\"; `r1 bench --help` lists them", names.items[0]);
}

const Command command_bench = {
    .name = "bench",
    .summary = "speed as a fraction of what this machine can do",
    .usage = "r1 bench peak|attention [--repeats N]\n"
             "r1 bench gemm [--shape NAME|--model DIR]\n"
             "r1 bench decode|rollout|speculation|train|grpo [--shape NAME|--model DIR]\n"
             "r1 bench tokenize [--model DIR] [--input F.jsonl]\n"
             "r1 bench verify [--input F.jsonl]\n"
             "r1 bench sandbox [--repeats N]",
    .details =
        "Prints a line a case. The limit, where there is one, is measured in the same run. speculation\n"
        "compares the same completions with and without guesses, greedy (texts that soon repeat themselves) and\n"
        "at temperature 1. tokenize takes the tokenizer of models/base unless --model names another.\n"
        "sandbox judges --repeats python programs [400] and starts python by itself as often.",
    .example = "build/release/r1 bench train --shape tiny-5m",
    .run = run,
};
