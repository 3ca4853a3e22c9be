/* SPDX-License-Identifier: MIT */
/* record/report_reward_model.c: what a reward model is worth on rows held out from it: curves, and how far its confidence can be trusted. */
#include "record/report_parts.h"

#include <math.h>
#include <stdio.h>

static void number_row(TextOut *out, ReportRun *run, const char *metric, const char *name)
{
    const double value = report_metric_last(run, metric);
    if (isnan(value)) return;
    text_out_printf(out, "<tr><td>%s</td><td>%.3f</td></tr>\n", name, value);
}

static void worth_table(TextOut *out, ReportRun *run)
{
    text_out(out, "<figure class=\"chart\"><figcaption><h3>At last</h3></figcaption><table>\n"
                  "<tr><th>held-out rows</th><th></th></tr>\n");
    text_out(out, "<tr><td>rows</td><td>");
    text_out_count(out, (int64_t)report_metric_last(run, "eval_rows"));
    text_out(out, "</td></tr>\n<tr><td>accuracy</td><td>");
    text_out_percent(out, report_metric_last(run, "eval_accuracy"));
    text_out_printf(out, " <small>± %.1f</small></td></tr>\n", 100 * report_metric_last(run, "eval_accuracy_stderr"));
    number_row(out, run, "eval_loss", "loss");
    number_row(out, run, "eval_margin", "margin");
    number_row(out, run, "eval_ece", "expected calibration error");
    number_row(out, run, "eval_length_correlation", "correlation of score and length");
    number_row(out, run, "eval_longer_chosen", "share of pairs whose longer response is chosen");
    text_out(out, "</table></figure>\n");
}

static void reliability_table(TextOut *out, ReportRun *run)
{
    text_out(out, "<figure class=\"chart\"><figcaption><h3>How sure, how right</h3><p>Verdicts by confidence: of a "
                  "calibrated model both columns agree</p></figcaption><table>\n<tr><th>confidence</th><th>rows</th>"
                  "<th>mean confidence</th><th>right</th></tr>\n");
    for (int b = 0; b < 10; b++) { /* eval/reward_quality.h */
        char name[64];
        const double from = 0.5 + 0.05 * b;
        snprintf(name, sizeof name, "eval_reliability/%.2f/n", from);
        const double n = report_metric_last(run, name);
        if (!(n > 0)) continue;
        text_out_printf(out, "<tr><td>%.2f to %.2f</td><td>%.0f</td><td>", from, from + 0.05, n);
        snprintf(name, sizeof name, "eval_reliability/%.2f/confidence", from);
        text_out_percent(out, report_metric_last(run, name));
        text_out(out, "</td><td>");
        snprintf(name, sizeof name, "eval_reliability/%.2f/accuracy", from);
        text_out_percent(out, report_metric_last(run, name));
        text_out(out, "</td></tr>\n");
    }
    text_out(out, "</table></figure>\n");
}

void section_reward_model(TextOut *out, ReportRun *run)
{
    const ReportSeries accuracy = report_metric(run, "eval_accuracy");
    if (accuracy.n == 0) return;
    section_begin(
        out, "worth", "What its scores are worth",
        "Rows held out by their prompts: none of them was learnt from. A reward that follows length shows in the "
        "correlation.");
    text_out(out, "<div class=\"grid\">\n");
    Chart agreement = {
        .title = "Accuracy", .note = "how often the preferred response has the higher score", .form = CHART_PERCENT};
    report_curve(&agreement, accuracy, "held-out", 1, CURVE_MEASURED);
    report_curve(&agreement, report_metric(run, "accuracy"), "learnt from", 8, CURVE_SMOOTH);
    report_curve(&agreement, report_metric(run, "eval_longer_chosen"), "by length alone", 5, CURVE_DASHED);
    chart_figure(out, &agreement);
    Chart margin = {.title = "Margin", .note = "of the preferred score over the other", .form = CHART_NUMBER};
    report_curve(&margin, report_metric(run, "eval_margin"), "held-out", 1, CURVE_MEASURED);
    report_curve(&margin, report_metric(run, "margin"), "learnt from", 8, CURVE_SMOOTH);
    chart_figure(out, &margin);
    Chart calibration = {.title = "Expected calibration error", .form = CHART_NUMBER, .from_zero = true};
    report_curve(&calibration, report_metric(run, "eval_ece"), "held-out", 4, CURVE_MEASURED);
    chart_figure(out, &calibration);
    worth_table(out, run);
    reliability_table(out, run);
    text_out(out, "</div>\n");
    section_end(out);
}
