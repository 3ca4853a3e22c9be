/* SPDX-License-Identifier: MIT */
/* cli/run.c: `r1 run RECIPE.yaml`. */
#include "cli/run.h"

#include "base/arena.h"

#include <math.h>

/* ---- the dry run ---- */

void cli_duration(char text[32], double seconds)
{
    const double units[] = {1, 60, 3600, 86400};
    const char *const names[] = {"s", "min", "hours", "days"};
    int u = 0;
    while (u < 3 && seconds >= 2 * units[u + 1]) u++;
    snprintf(text, 32, "%.*f %s", u > 1 ? 1 : 0, seconds / units[u], names[u]);
}

static void print_time(const Cli *cli, double seconds)
{
    char text[32];
    if (isnan(seconds)) return;
    cli_duration(text, seconds);
    cli_print(cli, "time        about %s with %lld thread%s\n", text, (long long)cli->n_threads,
              cli->n_threads == 1 ? "" : "s");
}

static void print_plan(const Cli *cli, const Recipe *recipe, const RunPlan *plan, const char *folder)
{
    JsonOut out = {0};
    recipe_resolved(recipe, &out);
    cli_print(cli, "%s\nfolder      %s\n", out.text, folder);
    json_out_free(&out);
    if (plan->finished)
        cli_print(cli, "finished    yes\n");
    else if (plan->resumes)
        cli_print(cli, "resumes     after step %lld of %lld\n", (long long)plan->resume_step, (long long)plan->steps);
    cli_print(cli, "parameters  %lld\nmemory      %.0f MiB\ncompute     %.3g TFLOP (completions at half their cap)\n",
              (long long)plan->parameters, (double)plan->memory_bytes / 1048576.0,
              (plan->train_flops + plan->sample_flops) / 1e12);
    print_time(cli, plan->seconds);
}

static bool json_plan(const Recipe *recipe, const RunPlan *plan, const char *folder, Error *err)
{
    JsonOut out = {0}, resolved = {0};
    recipe_resolved(recipe, &resolved);
    json_out_object(&out);
    json_out_kv_string(&out, "folder", folder);
    json_out_kv_int(&out, "steps", plan->steps);
    json_out_kv_int(&out, "parameters", plan->parameters);
    json_out_kv_int(&out, "memory_bytes", plan->memory_bytes);
    json_out_kv_double(&out, "flops", plan->train_flops + plan->sample_flops);
    json_out_kv_double(&out, "seconds", plan->seconds);
    json_out_kv_bool(&out, "finished", plan->finished);
    json_out_kv_int(&out, "resume_step", plan->resume_step);
    json_out_kv_string(&out, "recipe", resolved.text);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    json_out_free(&resolved);
    return ok;
}

static bool dry_run_recipe(const Cli *cli, const Recipe *recipe, const RunOptions *options, const Compute *compute,
                           const char *folder, Error *err)
{
    RunPlan plan;
    if (!recipe_plan(recipe, options, compute, true, &plan, err)) return false;
    if (cli->json) return json_plan(recipe, &plan, folder, err);
    print_plan(cli, recipe, &plan, folder);
    return true;
}

/* ---- the run ---- */

static bool tell_outcome(const Cli *cli, const char *folder, RunOutcome outcome, Error *err)
{
    if (!cli->json) {
        cli_note(cli,
                 outcome == RUN_WAS_FINISHED ? "r1: %s is finished; its report is %s/report.html\n"
                                             : "r1: %s is done; its report is %s/report.html\n",
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

void cli_expect_threads(Cli *cli)
{
    cli->n_threads = 0;
}

bool cli_make_compute(Cli *cli, int64_t threads, Compute *compute, Error *err)
{
    if (cli->n_threads == 0) cli->n_threads = threads;
    if (cli->n_threads == 0) cli->n_threads = threads_available();
    *compute = (Compute){0};
    return cli_kernels(cli, &compute->k, err) && cli_threads(cli, &compute->threads, err);
}

bool cli_run_recipe(Cli *cli, Recipe *recipe, const RunOptions *options, bool dry_run, Error *err)
{
    Compute compute;
    RunOutcome outcome;
    if (!cli_make_compute(cli, recipe->common->threads, &compute, err) || !recipe_count_steps(recipe, err))
        return false;
    char *const folder = recipe_run_folder(recipe, options);
    const bool ok =
        dry_run ? dry_run_recipe(cli, recipe, options, &compute, folder, err)
                : recipe_run(recipe, options, &compute, &outcome, err) && tell_outcome(cli, folder, outcome, err);
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
        CLI_LIST("--set", "a.b=v", &sets, "override a key of the recipe; of a stage: stages.NAME.a.b=v"),
        CLI_FLAG("--dry-run", &dry_run, "check everything; print the resolved recipe, memory, compute and time"),
        CLI_STRING("--verdicts", "RUN", &verdicts, "take outside verdicts over from this run folder"),
        CLI_END,
    };
    cli_expect_threads(cli);
    if (!cli_parse(cli, options, argc, argv, &paths, 1, 1, err)) return false;
    const RunOptions run_options = {
        .out = out, .verdicts = verdicts, .stream = stderr, .quiet = cli->quiet, .json = cli->json};
    YamlDocument document;
    if (!yaml_read_file(&document, paths.items[0], err)) return false;
    if (!recipe_apply_sets(&document, sets.items, sets.n_items, err)) {
        yaml_free(&document);
        return false;
    }
    if (graph_is(&document)) return cli_run_graph(cli, &document, &run_options, dry_run, err);
    Recipe recipe;
    if (!recipe_open_document(&recipe, &document, err)) return false;
    const bool ok = cli_run_recipe(cli, &recipe, &run_options, dry_run, err);
    recipe_close(&recipe);
    return ok;
}

const Command command_run = {
    .name = "run",
    .summary = "carry out a recipe, or go on with one that was interrupted",
    .usage = "r1 run RECIPE.yaml [--out DIR] [--set a.b=v]... [--dry-run] [--verdicts RUN]",
    .details =
        "A folder that holds the same recipe resumes from its newest whole checkpoint, to the same bytes; a "
        "finished one\nsays so. Another recipe in the same folder is refused, naming the keys that differ.\n"
        "\n"
        "A recipe with `stages:` runs several, each in DIR/NAME. Where a stage takes a model or data it may say\n"
        "${stages.NAME.model} or ${stages.NAME.data}. Stages whose inputs have not changed are skipped; one whose\n"
        "inputs have is done again, and what it was stands in DIR/previous/NAME.",
    .example = "build/release/r1 run recipes/r1-zero.yaml --out runs/first --set steps=4 --set eval.every=0\n"
               "  build/release/r1 run recipes/rejection.yaml --dry-run",
    .run = run,
};
