/* SPDX-License-Identifier: MIT */
/* record/report_tables.c: pass@k of base and trained model, and families by level. */
#include "record/html.h"
#include "record/report_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_KS = 32, MAX_FAMILIES = 64 };

/* ---- pass@k ---- */

static ReportSeries pass_at(ReportRun *run, int64_t k)
{
    char measure[40];
    snprintf(measure, sizeof measure, "pass@%" PRId64, k);
    return report_figure(run, "held_out", NULL, 0, measure);
}

static void percent_with_error(TextOut *out, double value, double error)
{
    text_out_percent(out, value);
    if (error > 0) text_out_printf(out, " <small>± %.1f</small>", 100 * error);
}

enum { FEWEST_PROBLEMS = 5 }; /* below that a standard error says little, and is 0 by chance */

/* A difference in points, coloured when it is known to be more than two standard errors away from 0. */
static void points_cell(TextOut *out, const ReportSeries *series, int64_t n_problems)
{
    const double difference = series_last(series) - series_first(series);
    const double squared =
        series_first_error(series) * series_first_error(series) + series_last_error(series) * series_last_error(series);
    const bool clear = n_problems >= FEWEST_PROBLEMS && squared > 0 && difference * difference > 4 * squared;
    text_out_printf(out, "<td><span class=\"%s\">%+.1f</span></td>",
                    !clear           ? "even"
                    : difference > 0 ? "up"
                                     : "down",
                    100 * difference);
}

static void pass_at_k_row(TextOut *out, const char *name, ReportSeries series)
{
    const ReportSeries *const s = &series;
    text_out(out, "<tr><td>");
    html_escape_text(out, name);
    text_out(out, "</td><td>");
    percent_with_error(out, series_first(s), series_first_error(s));
    text_out(out, "</td><td>");
    percent_with_error(out, series_last(s), series_last_error(s));
    text_out(out, "</td>");
    points_cell(out, s, FEWEST_PROBLEMS);
    text_out(out, "</tr>\n");
}

static void pass_at_k_chart(TextOut *out, ReportRun *run, const int64_t *ks, int n)
{
    double x[MAX_KS], base[MAX_KS], trained[MAX_KS], base_error[MAX_KS], trained_error[MAX_KS];
    for (int i = 0; i < n; i++) {
        const ReportSeries series = pass_at(run, ks[i]);
        x[i] = (double)ks[i];
        base[i] = series_first(&series);
        trained[i] = series_last(&series);
        base_error[i] = series_first_error(&series);
        trained_error[i] = series_last_error(&series);
    }
    Chart chart = {.title = "pass@k",
                   .note = "the chance that at least one of k samples is right; held-out, macro average",
                   .form = CHART_PERCENT,
                   .x_doubling = true,
                   .x_name = "k, samples a problem",
                   .width = 540,
                   .height = 330,
                   .y_high = 1};
    chart_add(
        &chart,
        (ChartSeries){.name = "at first", .colour = 8, .x = x, .y = base, .error = base_error, .n = n, .marks = true});
    chart_add(&chart,
              (ChartSeries){
                  .name = "at last", .colour = 1, .x = x, .y = trained, .error = trained_error, .n = n, .marks = true});
    chart_figure(out, &chart);
}

void section_pass_at_k(TextOut *out, ReportRun *run)
{
    int64_t ks[MAX_KS];
    const int n = report_pass_ks(run, "held_out", ks, MAX_KS);
    const ReportSeries one = report_figure(run, "held_out", NULL, 0, "pass@1");
    if (n == 0 || one.n < 2) return;
    section_begin(
        out, "pass", "Before and after",
        report_has_rewards(run)
            ? "Held-out problems, unbiased pass@k. Reinforcement makes likely what the base could already find: where "
              "the curves meet at large k, it sharpened; where they stay apart, it went beyond what the base finds in "
              "k "
              "tries."
            : "Held-out problems, unbiased pass@k.");
    text_out(out, "<div class=\"grid\">\n");
    pass_at_k_chart(out, run, ks, n);
    text_out_printf(
        out, "<div class=\"scroll\"><table><tr><th></th><th>step %.0f</th><th>step %.0f</th><th>points</th></tr>\n",
        one.x[0], one.x[one.n - 1]);
    for (int i = 0; i < n; i++) {
        char name[40];
        snprintf(name, sizeof name, "pass@%" PRId64, ks[i]);
        pass_at_k_row(out, name, pass_at(run, ks[i]));
    }
    const char *const consensus = report_measure_with_largest_k(run, "held_out", "cons@");
    if (consensus) pass_at_k_row(out, consensus, report_figure(run, "held_out", NULL, 0, consensus));
    static const struct {
        const char *measure, *name;
    } others[] = {{"format", "format"},
                  {"pass@1_worked", "pass@1, working forced"},
                  {"corrected_of_right", "right after correcting a slip"},
                  {"right_after_first_miss", "right after a missed first try"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const ReportSeries series = report_figure(run, "held_out", NULL, 0, others[i].measure);
        if (series.n > 0) pass_at_k_row(out, others[i].name, series);
    }
    text_out(out, "</table></div>\n</div>\n");
    section_end(out);
}

/* ---- families ---- */

static void level_name(char *name, size_t capacity, int level, bool unseen)
{
    if (level == 0)
        snprintf(name, capacity, "all");
    else
        snprintf(name, capacity, "level %d%s", level, unseen ? ", unseen" : "");
}

static void add_levels(Chart *chart, ReportRun *run, const char *suite, const ReportFamily *family, bool unseen,
                       char names[][32])
{
    static const int colours[] = {6, 1, 4, 5, 2, 7, 3, 8};
    for (int l = 0; l < family->n_levels && chart->n_series < CHART_MAX_SERIES; l++) {
        const int level = family->levels[l];
        if (level == 0 && family->n_levels > 1) continue; /* the levels tell it */
        char *const name = names[chart->n_series];
        level_name(name, 32, level, unseen);
        report_curve(chart, report_figure(run, suite, family->task, level, "pass@1"), name,
                     colours[(level > 0 ? level - 1 : 1) % CHART_COLOURS], unseen ? CURVE_DASHED : CURVE_PLAIN);
    }
}

static void family_chart(TextOut *out, ReportRun *run, const ReportFamily *family, const ReportFamily *unseen)
{
    char names[CHART_MAX_SERIES][32];
    Chart chart = {.title = family->task, .form = CHART_PERCENT, .y_high = 1, .width = 280, .height = 170};
    add_levels(&chart, run, "held_out", family, false, names);
    if (unseen) add_levels(&chart, run, "unseen", unseen, true, names);
    chart_figure(out, &chart);
}

static void meter(TextOut *out, double first, double last)
{
    /* The shorter bar in front, so that both ends can be seen. */
    const char *const wide = last >= first ? "u" : "s", *const narrow = last >= first ? "s" : "u";
    text_out_printf(out, "<td class=\"left\"><span class=\"meter\"><%s style=\"width:%.1f%%\"></%s>", wide,
                    100 * greater(first, last), wide);
    text_out_printf(out, "<%s style=\"width:%.1f%%\"></%s></span></td>", narrow, 100 * lesser(first, last), narrow);
}

static int64_t problems_of(const ReportRun *run, const char *suite, const char *task, int level)
{
    for (int64_t i = run->n_evaluations - 1; i >= 0; i--) {
        const ReportEvaluation *const e = &run->evaluations[i];
        if (e->level == level && strcmp(e->suite, suite) == 0 && strcmp(e->task, task) == 0 &&
            strcmp(e->measure, "pass@1") == 0)
            return e->n_problems;
    }
    return 0;
}

/* first and last of a table row, as a series of two points */
typedef struct Ends {
    double x[2], y[2], error[2];
} Ends;

static ReportSeries series_of_ends(const Ends *ends)
{
    return (ReportSeries){.x = ends->x, .y = ends->y, .error = ends->error, .n = 2};
}

static void family_row(TextOut *out, const char *family, const char *level, int64_t n_problems, const ReportSeries *s)
{
    text_out(out, family ? "<tr class=\"group\"><td>" : "<tr><td>");
    html_escape_text(out, family);
    text_out_printf(out, "</td><td class=\"left\">%s</td><td>%" PRId64 "</td><td>", level, n_problems);
    percent_with_error(out, series_first(s), series_first_error(s));
    text_out(out, "</td><td>");
    percent_with_error(out, series_last(s), series_last_error(s));
    text_out(out, "</td>");
    points_cell(out, s, n_problems);
    meter(out, series_first(s), series_last(s));
    text_out(out, "</tr>\n");
}

/* One row for the family: the macro average of its levels. */
static void family_total(TextOut *out, ReportRun *run, const char *suite, const ReportFamily *family,
                         const char *levels)
{
    Estimate first[32], last[32];
    int n = 0;
    for (int l = 0; l < family->n_levels; l++) {
        const ReportSeries s = report_figure(run, suite, family->task, family->levels[l], "pass@1");
        if (s.n == 0 || (family->levels[l] == 0 && family->n_levels > 1)) continue;
        const int64_t n_problems = problems_of(run, suite, family->task, family->levels[l]);
        first[n] = (Estimate){series_first(&s), series_first_error(&s), n_problems > 0 ? n_problems : 1};
        last[n++] = (Estimate){series_last(&s), series_last_error(&s), n_problems > 0 ? n_problems : 1};
    }
    if (n == 0) return;
    const Estimate a = estimate_macro(first, n), b = estimate_macro(last, n);
    const Ends ends = {.x = {0, 1}, .y = {a.mean, b.mean}, .error = {a.standard_error, b.standard_error}};
    const ReportSeries s = series_of_ends(&ends);
    family_row(out, family->task, levels, b.n, &s);
}

static void family_levels(TextOut *out, ReportRun *run, const char *suite, const ReportFamily *family, bool unseen,
                          bool *named)
{
    for (int l = 0; l < family->n_levels; l++) {
        const int level = family->levels[l];
        const ReportSeries s = report_figure(run, suite, family->task, level, "pass@1");
        if (s.n == 0 || (level == 0 && family->n_levels > 1)) continue;
        char name[32];
        level_name(name, sizeof name, level, unseen);
        family_row(out, *named ? NULL : family->task, name, problems_of(run, suite, family->task, level), &s);
        *named = true;
    }
}

static const ReportFamily *find_family(const ReportFamily *families, int n, const char *task)
{
    for (int i = 0; i < n; i++)
        if (strcmp(families[i].task, task) == 0) return &families[i];
    return NULL;
}

static const char family_head[] =
    "<table><tr><th>family</th><th class=\"left\">level</th><th>problems</th><th>at first</th>"
    "<th>at last</th><th>points</th><th class=\"left\"></th></tr>\n";

void section_families(TextOut *out, ReportRun *run)
{
    ReportFamily families[MAX_FAMILIES], unseen[MAX_FAMILIES];
    const int n = report_families(run, "held_out", families, MAX_FAMILIES);
    const int n_unseen = report_families(run, "unseen", unseen, MAX_FAMILIES);
    if (n == 0) return;
    TextOut intro = {0};
    text_out(&intro, "Held-out pass@1. ");
    if (n_unseen > 0) text_out(&intro, "Dashed curves are levels that no training ever shows. ");
    text_out(&intro, "In the table a difference has a colour when it is more than two standard errors wide.");
    section_begin(out, "families", "Family by family", intro.text);
    text_out_free(&intro);
    text_out(out, "<div class=\"grid small\">\n");
    for (int f = 0; f < n; f++) family_chart(out, run, &families[f], find_family(unseen, n_unseen, families[f].task));
    text_out(out, "</div>\n<p></p>\n<div class=\"scroll\">");
    text_out(out, family_head);
    for (int f = 0; f < n; f++) {
        const ReportFamily *const beyond = find_family(unseen, n_unseen, families[f].task);
        family_total(out, run, "held_out", &families[f], n_unseen > 0 ? "trained levels" : "all levels");
        if (beyond) family_total(out, run, "unseen", beyond, "unseen levels");
    }
    text_out(out, "</table></div>\n<p></p>\n<details><summary>Every level</summary>\n");
    text_out(out, family_head);
    for (int f = 0; f < n; f++) {
        const ReportFamily *const beyond = find_family(unseen, n_unseen, families[f].task);
        bool named = false; /* a family is named on its first row */
        family_levels(out, run, "held_out", &families[f], false, &named);
        if (beyond) family_levels(out, run, "unseen", beyond, true, &named);
    }
    text_out(out, "</table></details>\n");
    section_end(out);
}
