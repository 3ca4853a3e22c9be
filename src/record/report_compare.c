/* SPDX-License-Identifier: MIT */
/* record/report_compare.c: several runs over each other: a table and overlaid curves. */
#include "record/report.h"

#include "base/arena.h"
#include "record/html.h"
#include "record/report_parts.h"

#include <inttypes.h>
#include <string.h>

/* One curve a run; figure: a measure of the held-out evaluations, else a metric. */
static void overlaid(TextOut *out, ReportRun *runs, const char *const *names, int64_t n_runs, const char *title,
                     const char *what, bool figure, ChartForm form)
{
    Chart chart = {.title = title, .form = form, .from_zero = true};
    for (int64_t i = 0; i < n_runs; i++) {
        const ReportSeries series =
            figure ? report_figure(&runs[i], "held_out", NULL, 0, what) : report_metric(&runs[i], what);
        report_curve(&chart, series, names[i], 1 + (int)(i % CHART_COLOURS), figure ? CURVE_MEASURED : CURVE_SMOOTH);
    }
    chart_figure(out, &chart);
}

static void write_figure(TextOut *out, double value, bool percent)
{
    if (percent)
        text_out_percent(out, value);
    else
        text_out_number(out, value);
}

/* "first → last" */
static void change_cell(TextOut *out, double first, double last, double error, bool percent)
{
    text_out(out, "<td><small>");
    write_figure(out, first, percent);
    text_out(out, " →</small> ");
    write_figure(out, last, percent);
    if (error > 0) text_out_printf(out, " <small>± %.1f</small>", 100 * error);
    text_out(out, "</td>");
}

static bool summary_row(TextOut *out, const char *folder, const char *name, int colour, Error *err)
{
    ReportSummary s;
    if (!report_summarise(&s, folder, err)) return false;
    text_out_printf(out, "<tr><td><span class=\"key s%d\">", colour);
    html_escape_text(out, name);
    text_out(out, "</span></td><td>");
    text_out_count(out, s.steps);
    text_out(out, "</td>");
    change_cell(out, s.first_pass_at_1, s.last_pass_at_1, s.last_pass_at_1_error, true);
    text_out(out, "<td>");
    text_out_percent(out, s.last_consensus);
    text_out(out, "</td>");
    change_cell(out, s.first_length, s.last_length, 0, false);
    change_cell(out, s.first_reflection, s.last_reflection, 0, false);
    change_cell(out, s.first_reflection_1k, s.last_reflection_1k, 0, false);
    text_out(out, "<td>");
    text_out_number(out, s.tokens_per_second);
    text_out(out, "</td><td>");
    text_out_duration(out, s.hours * 3600);
    text_out(out, "</td></tr>\n");
    return true;
}

static bool summary_table(TextOut *out, const char *const *folders, const char *const *names, int64_t n_runs,
                          Error *err)
{
    text_out(out, "<div class=\"scroll\"><table>\n<tr><th>run</th><th>steps</th><th>held-out pass@1</th><th>cons@k</th>"
                  "<th>tokens a response</th><th>reflective words each</th><th>per 1,000 tokens</th><th>tokens/s</th>"
                  "<th>time</th></tr>\n");
    for (int64_t i = 0; i < n_runs; i++)
        if (!summary_row(out, folders[i], names[i], 1 + (int)(i % CHART_COLOURS), err)) return false;
    text_out(out, "</table></div>\n<p></p>\n");
    return true;
}

static void write_curves(TextOut *out, ReportRun *runs, const char *const *names, int64_t n)
{
    text_out(out, "<div class=\"grid\">\n");
    overlaid(out, runs, names, n, "Held-out pass@1", "pass@1", true, CHART_PERCENT);
    overlaid(out, runs, names, n, "Training accuracy", "rewards/accuracy/mean", false, CHART_PERCENT);
    overlaid(out, runs, names, n, "Response length, tokens", "completions/mean_length", false, CHART_NUMBER);
    overlaid(out, runs, names, n, "Reflective words a completion", "reflection/per_completion", false, CHART_NUMBER);
    overlaid(out, runs, names, n, "Reflective words per 1,000 tokens", "reflection/per_1k_tokens", false, CHART_NUMBER);
    overlaid(out, runs, names, n, "Format", "rewards/format/mean", false, CHART_PERCENT);
    overlaid(out, runs, names, n, "Entropy", "entropy", false, CHART_NUMBER);
    overlaid(out, runs, names, n, "Gradient norm", "grad_norm", false, CHART_NUMBER);
    overlaid(out, runs, names, n, "Groups that teach nothing", "frac_reward_zero_std", false, CHART_PERCENT);
    overlaid(out, runs, names, n, "Loss", "loss", false, CHART_NUMBER);
    overlaid(out, runs, names, n, "Tokens a second", "tokens_per_second", false, CHART_NUMBER);
    text_out(out, "</div>\n");
}

static bool write_page(TextOut *out, ReportRun *runs, const char *const *folders, const char *const *names, int64_t n,
                       Error *err)
{
    page_begin(out, "r1 compare");
    text_out_printf(
        out,
        "<header>\n<h1>%" PRId64 " runs compared</h1>\n<p class=\"facts\">first and last evaluations; of training "
        "metrics the means of the first and of the last tenth of the steps</p>\n</header>\n<main>\n<section>\n",
        n);
    if (!summary_table(out, folders, names, n, err)) return false;
    write_curves(out, runs, names, n);
    text_out(out, "</section>\n</main>\n<footer>Made by <code>r1 compare</code>.</footer>\n");
    page_end(out);
    return true;
}

/* Folders with the same last name are shown by the whole path. */
static void tell_apart(const char **shown, const char *const *folders, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < n; j++)
            if (i != j && strcmp(shown[i], shown[j]) == 0) {
                shown[i] = folders[i];
                break;
            }
}

bool report_write_comparison(const char *const *run_folders, const char *const *names, int64_t n_runs, const char *path,
                             Error *err)
{
    ReportRun *const runs = base_alloc((size_t)n_runs, sizeof *runs);
    const char **const shown = base_alloc((size_t)n_runs, sizeof *shown);
    bool ok = n_runs > 0 || error_set(err, ERROR_USAGE, "there is no run to compare");
    int64_t opened = 0;
    for (; ok && opened < n_runs; opened++) {
        ok = report_run_open(&runs[opened], run_folders[opened], err);
        if (!ok) break;
        shown[opened] = names && names[opened] ? names[opened] : runs[opened].name;
    }
    if (ok && !names) tell_apart(shown, run_folders, n_runs);
    TextOut out = {0};
    ok = ok && write_page(&out, runs, run_folders, shown, n_runs, err);
    if (ok)
        ok = page_write(&out, path, "report", err);
    else
        text_out_free(&out);
    for (int64_t i = 0; i < opened; i++) report_run_close(&runs[i]);
    base_free(runs);
    base_free(shown);
    return ok;
}
