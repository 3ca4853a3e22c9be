/* SPDX-License-Identifier: MIT */
/* cli/digest.c: one number for a model, which two runs of the same recipe must share. */
#include "cli/cli.h"

#include "model/folder.h"

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const CliOption options[] = {CLI_END};
    CliArguments paths;
    if (!cli_parse(cli, options, argc, argv, &paths, 1, 1, err)) return false;
    char digest[33], optimizer[33];
    if (!model_digest(paths.items[0], digest, optimizer, err)) return false;
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "digest", digest);
    json_out_kv_string(&out, "optimizer_digest", *optimizer ? optimizer : NULL);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

const Command command_digest = {
    .name = "digest",
    .summary = "one number for the tensors of a model, and one for its optimiser's",
    .usage = "r1 digest PATH",
    .details =
        "PATH is a model folder, a .safetensors or a GGUF file. The digest is XXH3-128 over name, dtype, shape and "
        "bytes of\n"
        "each tensor in name order: how a model is cut into files, and metadata, do not enter. The optimiser's is "
        "that\n"
        "of optimizer.safetensors in the same folder, null without one. Prints one JSON line.",
    .example = "build/release/r1 digest models/base",
    .run = run,
};
