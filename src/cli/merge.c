/* SPDX-License-Identifier: MIT */
/* cli/merge.c: `r1 merge`: adapters and the model beneath them as one model. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/file.h"
#include "model/adapter.h"
#include "model/folder.h"

#include <unistd.h>

static bool write_model(const Model *model, const char *adapters, const char *out, Error *err)
{
    char *const temporary = base_printf("%s.tmp-%d", out, (int)getpid());
    const char *const base = model->lora.base;
    Error ignored = {0};
    /* The adapters' own tokenizer stands before the base's: training may have come with another template. */
    const bool ok = file_make_folders(temporary, err) &&
                    model_folder_write_weights(temporary, "model.safetensors", model->weights, &model->layout,
                                               "final-model", NULL, err) &&
                    model_folder_write_config(temporary, &model->config, base, err) &&
                    model_folder_copy_tokenizer(temporary, adapters, err) &&
                    file_rename_durable(temporary, out, "final", err);
    if (!ok) (void)!file_remove_tree(temporary, &ignored);
    base_free(temporary);
    return ok;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const CliOption options[] = {CLI_END};
    CliArguments paths;
    if (!cli_parse(cli, options, argc, argv, &paths, 2, 2, err)) return false;
    const char *const adapters = paths.items[0], *const out = paths.items[1];
    if (!adapter_is_folder(adapters))
        return error_set(err, ERROR_INPUT, "%s: holds no adapters (no adapter_config.json, or a config.json beside it)",
                         adapters);
    if (file_exists(out)) return error_set(err, ERROR_INPUT, "%s: is there already; name a new folder", out);
    Compute compute;
    Model model;
    if (!cli_kernels(cli, &compute.k, err) || !cli_threads(cli, &compute.threads, err) ||
        !model_open_rows(&model, adapters, err))
        return false;
    adapter_merge(&model, &compute);
    const bool ok = write_model(&model, adapters, out, err);
    model_free(&model);
    return ok;
}

const Command command_merge = {
    .name = "merge",
    .summary = "add LoRA adapters to the weights of the model beneath them",
    .usage = "r1 merge ADAPTER OUT",
    .details =
        "ADAPTER is a folder with adapter_config.json and adapter_model.safetensors, which names its model. OUT "
        "becomes "
        "a\n"
        "Hugging Face folder in f32 with W + (alpha / rank) B A in place of W. The merged model differs from the\n"
        "unmerged one by rounding; what sampled a run is the unmerged one.",
    .example = "build/release/r1 merge runs/lora/model runs/merged",
    .run = run,
};
