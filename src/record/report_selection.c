/* SPDX-License-Identifier: MIT */
/* record/report_selection.c: what a stage that chooses among samples kept, and why it left out the others. */
#include "record/report_parts.h"

#include "record/html.h"

#include <math.h>
#include <string.h>

static const char PREFIX[] = "dropped/";

static void selection_row(TextOut *out, const char *name, double n, double all)
{
    text_out(out, "<tr><td>");
    html_escape_text(out, name);
    text_out(out, "</td><td>");
    text_out_count(out, (int64_t)n);
    text_out(out, "</td><td>");
    text_out_percent(out, n / all);
    text_out(out, "</td></tr>\n");
}

bool selection_table(TextOut *out, ReportRun *run)
{
    const double sampled = report_metric_last(run, "reject/sampled"), kept = report_metric_last(run, "reject/kept");
    if (isnan(sampled) || isnan(kept)) return false;
    text_out(out, "<div class=\"scroll\"><table>\n<tr><th></th><th>samples</th><th>share</th></tr>\n");
    selection_row(out, "kept", kept, sampled);
    for (int64_t c = 0; c < run->metrics.n_columns; c++) {
        const char *const name = run->metrics.names[c];
        if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0 || !(report_metric_last(run, name) > 0)) continue;
        selection_row(out, name + sizeof PREFIX - 1, report_metric_last(run, name), sampled);
    }
    text_out(out, "</table></div>\n");
    return true;
}

void section_selection(TextOut *out, ReportRun *run)
{
    const size_t begun_at = out->length;
    section_begin(
        out, "selection", "What was kept",
        "Each sample that was left out is counted under the first reason that holds; data/dropped.jsonl has the "
        "samples.");
    if (selection_table(out, run))
        section_end(out);
    else
        section_drop(out, begun_at);
}
