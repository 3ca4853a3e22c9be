/* SPDX-License-Identifier: MIT */
/* cli/digest.c: one number for a model, which two runs of the same recipe must share. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/file.h"
#include "model/folder.h"
#include "record/report.h"

static bool print_digest(const char *stage, const char *digest, const char *optimizer, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    if (stage) json_out_kv_string(&out, "stage", stage);
    json_out_kv_string(&out, "digest", digest);
    json_out_kv_string(&out, "optimizer_digest", *optimizer ? optimizer : NULL);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

/* ---- a run of several stages ---- */

/* What a stage left: its model, or the bytes of the file that it wrote. null where it is not done. */
static bool stage_digest(const char *folder, const char *stage, Error *err)
{
    static const char *const files[] = {"data/kept.jsonl", "data/rows.jsonl", "data/pairs.jsonl",
                                        "results/results.json", NULL};
    char digest[33] = "", optimizer[33] = "", *path = base_printf("%s/%s/model", folder, stage);
    bool ok = true, found = file_exists(path);
    if (found) ok = model_digest(path, digest, optimizer, err);
    for (int i = 0; files[i] && !found; i++) {
        base_free(path);
        path = base_printf("%s/%s/%s", folder, stage, files[i]);
        found = file_exists(path);
        if (found) ok = file_hash(path, digest, err);
    }
    base_free(path);
    return ok && print_digest(stage, found ? digest : NULL, optimizer, err);
}

static bool graph_digests(const char *folder, Error *err)
{
    char *const path = base_printf("%s/graph.json", folder);
    json_t *const json = json_read_file(path, err), *const stages = json_object_get(json, "stages");
    bool ok =
        json != NULL && (json_is_array(stages) || error_set(err, ERROR_INPUT, "%s: holds no list of stages", path));
    for (size_t i = 0; ok && i < json_array_size(stages); i++) {
        const char *const name = json_string_value(json_object_get(json_array_get(stages, i), "name"));
        ok = name ? stage_digest(folder, name, err)
                  : error_set(err, ERROR_INPUT, "%s: stage %zu has no name", path, i + 1);
    }
    json_decref(json);
    base_free(path);
    return ok;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const CliOption options[] = {CLI_END};
    CliArguments paths;
    if (!cli_parse(cli, options, argc, argv, &paths, 1, 1, err)) return false;
    if (report_is_graph(paths.items[0])) return graph_digests(paths.items[0], err);
    char digest[33], optimizer[33];
    return model_digest(paths.items[0], digest, optimizer, err) && print_digest(NULL, digest, optimizer, err);
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
        "of optimizer.safetensors in the same folder, null without one. Prints one JSON line. PATH may be the folder "
        "of a run\n"
        "of several stages: a line a stage, for data and results XXH3-128 of the file's bytes.",
    .example = "build/release/r1 digest models/base",
    .run = run,
};
