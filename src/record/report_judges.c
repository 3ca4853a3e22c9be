/* SPDX-License-Identifier: MIT */
/* record/report_judges.c: what a judge made of pairs, and how far judges and reward models meet what the rules say. */
#include "record/report_parts.h"

#include "eval/judge_pairs.h"
#include "record/html.h"

#include <inttypes.h>
#include <math.h>

static void count_row(TextOut *out, ReportRun *run, const char *metric, const char *name)
{
    text_out_printf(out, "<tr><td>%s</td><td>", name);
    text_out_count(out, (int64_t)report_metric_last(run, metric));
    text_out(out, "</td></tr>\n");
}

void section_judged_pairs(TextOut *out, ReportRun *run)
{
    const double agreement = report_metric_last(run, "pairs/agreement");
    if (isnan(report_metric_last(run, "pairs/n"))) return;
    section_begin(
        out, "pairs", "What the judge made of the pairs",
        "Each pair was judged several times in random order; run.sqlite has every reply. The truth is known of "
        "a pair where its check holds of one response and not of the other.");
    text_out(out, "<table>\n<tr><th></th><th>pairs</th></tr>\n");
    count_row(out, run, "pairs/n", "all");
    count_row(out, run, "pairs/undecided", "no reply could be read");
    count_row(out, run, "pairs/unclear", "not clear enough");
    count_row(out, run, "pairs/unbalanced", "left out so that lengths are even");
    count_row(out, run, "pairs/kept", "kept");
    count_row(out, run, "pairs/known", "of all, the truth is known");
    count_row(out, run, "pairs/with_truth", "of those, the judge is clear");
    text_out(out, "<tr><td>of those, it meets the truth</td><td>");
    if (!isnan(agreement)) text_out_percent(out, agreement);
    text_out(out, "</td></tr>\n</table>\n");
    section_end(out);
}

/* The share of a stage's judge or reward model, and of how many pairs; false: the stage has none. */
static bool agreement_of(ReportRun *run, double *share, double *n, const char **of)
{
    *share = report_metric_last(run, "pairs/agreement"), *n = report_metric_last(run, "pairs/with_truth"),
    *of = "clear judgements, by rule";
    if (!isnan(*n)) return true;
    *share = report_metric_last(run, "eval_accuracy"), *n = report_metric_last(run, "eval_rows"), *of = "rows held out";
    return !isnan(*share);
}

bool judges_row(TextOut *out, const char *name, ReportRun *run)
{
    double share, n;
    const char *of;
    if (!agreement_of(run, &share, &n, &of)) return false;
    text_out(out, "<tr><td>");
    html_escape_text(out, name);
    text_out(out, "</td><td>");
    if (isnan(share))
        text_out(out, "not known");
    else
        text_out_percent(out, share);
    text_out_printf(out, "</td><td>%" PRId64 " %s</td><td>%s</td></tr>\n", (int64_t)n, of,
                    isnan(share)                      ? ""
                    : share >= JUDGE_ENOUGH_AGREEMENT ? "can be relied on"
                                                      : "has failed");
    return true;
}
