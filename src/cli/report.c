/* SPDX-License-Identifier: MIT */
/* cli/report.c: writes the page of each run again, and the picture of its main curves where one is asked for. */
#include "cli/cli.h"

#include "base/arena.h"
#include "record/report.h"

static bool say(const Cli *cli, const char *run_folder, const char *path, Error *err)
{
    if (!cli->json) {
        cli_print(cli, "%s\n", path);
        return true;
    }
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "run", run_folder);
    json_out_kv_string(&out, "written", path);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool write_page(const Cli *cli, const char *run_folder, Error *err)
{
    char *const path = base_printf("%s/report.html", run_folder);
    const bool ok =
        (report_is_graph(run_folder) ? report_write_graph(run_folder, err) : report_write(run_folder, err)) &&
        say(cli, run_folder, path, err);
    base_free(path);
    return ok;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *svg = NULL, *title = NULL;
    const CliOption options[] = {
        CLI_STRING("--svg", "FILE", &svg, "also write the three main curves as one picture (one RUN)"),
        CLI_STRING("--title", "TEXT", &title, "title of the picture [the folder's name]"),
        CLI_END,
    };
    CliArguments runs;
    if (!cli_parse(cli, options, argc, argv, &runs, 1, 1000, err)) return false;
    if (svg && runs.n_items > 1)
        return error_set(err, ERROR_USAGE, "--svg takes one RUN, here are %d", (int)runs.n_items);
    if (title && !svg) return error_set(err, ERROR_USAGE, "--title goes with --svg");
    for (int64_t i = 0; i < runs.n_items; i++)
        if (!write_page(cli, runs.items[i], err)) return false;
    if (svg && report_is_graph(runs.items[0]))
        return error_set(err, ERROR_USAGE, "--svg: %s is a run of several stages; name the folder of one",
                         runs.items[0]);
    return !svg || (report_write_svg(runs.items[0], svg, title, err) && say(cli, runs.items[0], svg, err));
}

const Command command_report = {
    .name = "report",
    .summary = "write report.html of a run again, from its records alone",
    .usage = "r1 report RUN... [--svg FILE [--title TEXT]]",
    .details = "RUN is a run folder, finished or still going on. The page stands alone: curves, tables and examples "
               "are all inside.",
    .example = "build/release/r1 report runs/r1-zero --svg curves.svg",
    .run = run,
};
