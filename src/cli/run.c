/* SPDX-License-Identifier: MIT */
/* cli/run.c: `r1 run RECIPE.yaml`. */
#include "recipe/run.h"

#include "base/arena.h"
#include "cli/cli.h"

static void print_plan(const Cli *cli, const Recipe *recipe, const RunPlan *plan, const char *folder)
{
    JsonOut out = {0};
    recipe_resolved(recipe, &out);
    cli_print(cli, "%s\n", out.text);
    json_out_free(&out);
    cli_print(cli, "folder      %s\n", folder);
    if (plan->resumes)
        cli_print(cli, "resumes     after step %lld of %lld\n", (long long)plan->resume_step, (long long)plan->steps);
    cli_print(
        cli, "parameters  %lld\nmemory      %.0f MiB\ncompute     %.3g TFLOP at most (completions at half their cap)\n",
        (long long)plan->parameters, (double)plan->memory_bytes / 1048576.0, plan->flops / 1e12);
}

static bool json_plan(const RunPlan *plan, const char *folder, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "folder", folder);
    json_out_kv_int(&out, "steps", plan->steps);
    json_out_kv_int(&out, "parameters", plan->parameters);
    json_out_kv_int(&out, "memory_bytes", plan->memory_bytes);
    json_out_kv_double(&out, "flops", plan->flops);
    json_out_kv_int(&out, "resume_step", plan->resume_step);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool finish(Cli *cli, const char *folder, RunOutcome outcome, Error *err)
{
    if (!cli->json) {
        cli_note(cli,
                 outcome == RUN_WAS_FINISHED ? "r1: %s is finished; its report is %s/report.html\n"
                                             : "r1: done; the report is %s/report.html\n",
                 folder, folder);
        return true;
    }
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "folder", folder);
    json_out_kv_string(&out, "outcome", outcome == RUN_WAS_FINISHED ? "was finished" : "done");
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool carry_out(Cli *cli, const Recipe *recipe, const RunOptions *options, bool dry_run, Error *err)
{
    if (recipe->common->threads > 0 && !cli->threads) cli->n_threads = recipe->common->threads;
    const Kernels *kernels;
    Threads *threads;
    if (!cli_kernels(cli, &kernels, err) || !cli_threads(cli, &threads, err)) return false;
    const Compute compute = {kernels, threads};
    char *folder = recipe_run_folder(recipe, options);
    bool ok;
    if (dry_run) {
        RunPlan plan;
        ok = recipe_plan(recipe, options, &compute, &plan, err);
        if (ok && cli->json)
            ok = json_plan(&plan, folder, err);
        else if (ok)
            print_plan(cli, recipe, &plan, folder);
    } else {
        RunOutcome outcome;
        ok = recipe_run(recipe, options, &compute, &outcome, err) && finish(cli, folder, outcome, err);
    }
    base_free(folder);
    return ok;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *out = NULL, *verdicts = NULL;
    CliArguments sets = {0}, paths;
    bool dry_run = false;
    const CliOption options[] = {
        CLI_STRING("--out", "DIR", &out, "run folder [runs/<name>]"),
        CLI_LIST("--set", "a.b=v", &sets, "override a key of the recipe; may be given again and again"),
        CLI_FLAG("--dry-run", &dry_run, "check everything, print the resolved recipe, memory and compute"),
        CLI_STRING("--verdicts", "RUN", &verdicts, "take outside verdicts over from this run folder"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, &paths, 1, 1, err)) return false;
    Recipe recipe;
    if (!recipe_open(&recipe, paths.items[0], sets.items, sets.n_items, err)) return false;
    const RunOptions run_options = {
        .out = out, .verdicts = verdicts, .stream = stderr, .quiet = cli->quiet, .json = cli->json};
    const bool ok = carry_out(cli, &recipe, &run_options, dry_run, err);
    recipe_close(&recipe);
    return ok;
}

const Command command_run = {
    .name = "run",
    .summary = "carry out a recipe, or go on with one that was interrupted",
    .usage = "r1 run RECIPE.yaml [--out DIR] [--set a.b=v]... [--dry-run]",
    .details = "A folder that holds the same recipe resumes from its newest whole checkpoint, to the same bytes; a "
               "finished one says so. Another recipe in the\n"
               "same folder is refused, naming the keys that differ.",
    .example = "build/release/r1 run recipes/r1-zero.yaml --out runs/first --set steps=4 --set eval.every=0",
    .run = run,
};
