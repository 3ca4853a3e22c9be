/* SPDX-License-Identifier: MIT */
/* cli/compare.c: runs beside each other: a table here, curves over each other in a page. */
#include "cli/cli.h"

#include "base/arena.h"
#include "record/report.h"

#include <math.h>
#include <string.h>

static bool print_json(const char *folder, const ReportSummary *s, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "run", folder);
    json_out_kv_int(&out, "steps", s->steps);
    json_out_kv_double(&out, "first_pass@1", s->first_pass_at_1);
    json_out_kv_double(&out, "pass@1", s->last_pass_at_1);
    json_out_kv_double(&out, "stderr", s->last_pass_at_1_error);
    json_out_kv_double(&out, "cons@k", s->last_consensus);
    json_out_kv_double(&out, "first_mean_length", s->first_length);
    json_out_kv_double(&out, "mean_length", s->last_length);
    json_out_kv_double(&out, "first_reflection_per_completion", s->first_reflection);
    json_out_kv_double(&out, "reflection_per_completion", s->last_reflection);
    json_out_kv_double(&out, "first_reflection_per_1k_tokens", s->first_reflection_1k);
    json_out_kv_double(&out, "reflection_per_1k_tokens", s->last_reflection_1k);
    json_out_kv_double(&out, "tokens_per_second", s->tokens_per_second);
    json_out_kv_double(&out, "hours", s->hours);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

/* "23.0 -> 62.4", a dash for what is not known. */
static void print_change(const Cli *cli, double first, double last, double scale, int decimals)
{
    char text[48];
    if (isnan(last))
        snprintf(text, sizeof text, "-");
    else if (isnan(first))
        snprintf(text, sizeof text, "%.*f", decimals, scale * last);
    else
        snprintf(text, sizeof text, "%.*f -> %.*f", decimals, scale * first, decimals, scale * last);
    cli_print(cli, "  %16s", text);
}

static void print_row(const Cli *cli, const char *folder, int width, const ReportSummary *s)
{
    cli_print(cli, "%-*s  %6lld", width, folder, (long long)s->steps);
    print_change(cli, s->first_pass_at_1, s->last_pass_at_1, 100, 1);
    print_change(cli, NAN, s->last_consensus, 100, 1);
    print_change(cli, s->first_length, s->last_length, 1, 1);
    print_change(cli, s->first_reflection, s->last_reflection, 1, 2);
    print_change(cli, s->first_reflection_1k, s->last_reflection_1k, 1, 1);
    print_change(cli, NAN, s->tokens_per_second, 1, 0);
    cli_print(cli, "\n");
}

static void print_head(const Cli *cli, int width)
{
    static const char *const heads[] = {"pass@1 %",        "cons@k %",      "tokens each",
                                        "reflective each", "per 1k tokens", "tokens/s"};
    cli_print(cli, "%-*s  %6s", width, "run", "steps");
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) cli_print(cli, "  %16s", heads[i]);
    cli_print(cli, "\n");
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *page = "compare.html";
    const CliOption options[] = {
        CLI_STRING("--out", "FILE", &page, "the page with overlaid curves [compare.html]"),
        CLI_END,
    };
    CliArguments runs;
    if (!cli_parse(cli, options, argc, argv, &runs, 1, 1000, err)) return false;
    int width = 3;
    for (int64_t i = 0; i < runs.n_items; i++)
        if ((int)strnlen(runs.items[i], 60) > width) width = (int)strnlen(runs.items[i], 60);
    ReportSummary *const summaries = base_alloc((size_t)runs.n_items, sizeof *summaries);
    bool ok = true;
    for (int64_t i = 0; ok && i < runs.n_items; i++) ok = report_summarise(&summaries[i], runs.items[i], err);
    if (ok && !cli->json) print_head(cli, width);
    for (int64_t i = 0; ok && i < runs.n_items; i++) {
        if (cli->json)
            ok = print_json(runs.items[i], &summaries[i], err);
        else
            print_row(cli, runs.items[i], width, &summaries[i]);
    }
    base_free(summaries);
    ok = ok && report_write_comparison(runs.items, NULL, runs.n_items, page, err);
    if (ok) cli_note(cli, "curves: %s\n", page);
    return ok;
}

const Command command_compare = {
    .name = "compare",
    .summary = "several runs in one table and their curves over each other",
    .usage = "r1 compare RUN... [--out FILE]",
    .details = "First and last held-out evaluations; of training metrics the means of the first and the last tenth of "
               "the steps.\n"
               "With --json one line a run; numbers that a run does not have are null.",
    .example = "build/release/r1 compare runs/r1-zero --out compare.html",
    .run = run,
};
