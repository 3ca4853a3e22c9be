/* SPDX-License-Identifier: MIT */
/* record/report.c: a run's page from headline to recipe, and the picture of its main curves. */
#include "record/report.h"

#include "base/arena.h"
#include "base/file.h"
#include "record/html.h"
#include "record/notes.h"
#include "record/report_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- headline ---- */

static int64_t steps_of(const ReportRun *run)
{
    return run->metrics.n_rows > 0 ? run->metrics.steps[run->metrics.n_rows - 1] : 0;
}

static void write_facts(TextOut *out, ReportRun *run)
{
    const ReportSeries tokens = report_metric(run, "num_tokens");
    const double seconds = report_seconds(run);
    text_out(out, "<p class=\"facts\">");
    text_out_count(out, steps_of(run));
    text_out(out, " steps");
    if (seconds > 0) {
        text_out(out, " · ");
        text_out_duration(out, seconds);
    }
    if (tokens.n > 0) {
        text_out(out, " · ");
        text_out_count(out, (int64_t)series_last(&tokens));
        text_out(out, " tokens");
    }
    const char *stage = "";
    for (int64_t r = 0; r < run->metrics.n_rows; r++) {
        if (strcmp(run->metrics.stages[r], stage) == 0) continue;
        stage = run->metrics.stages[r];
        text_out(out, " · ");
        html_escape_text(out, stage);
    }
    text_out(out, "</p>\n");
}

/* "grew from 23.9 to 43.0": only when the difference is more than two standard errors wide. */
static void write_change(TextOut *out, const ReportSeries *s, bool percent, const char *up, const char *down)
{
    const double first = series_first(s), last = series_last(s), difference = last - first;
    const double squared = series_first_error(s) * series_first_error(s) + series_last_error(s) * series_last_error(s);
    const bool clear = difference * difference > 4 * squared && difference != 0;
    text_out_printf(out, "%s from ", clear ? (difference > 0 ? up : down) : "did not clearly change:");
    if (percent)
        text_out_percent(out, first);
    else
        text_out_number(out, first);
    text_out(out, " to <b>");
    if (percent)
        text_out_percent(out, last);
    else
        text_out_number(out, last);
    text_out(out, "</b>");
}

/* p = 0.012, p = 3.1 · 10^-7, p < 10^-12; never broken over lines. */
static void write_p(TextOut *out, double p)
{
    int power = 0;
    if (p < 1e-12) {
        text_out(out, "p&nbsp;&lt;&nbsp;10<sup>−12</sup>");
        return;
    }
    if (p < 0.0095)
        for (; p < 0.95; p *= 10) power++;
    text_out_printf(out, "p&nbsp;=&nbsp;%.2g", p);
    if (power > 0) text_out_printf(out, "&nbsp;·&nbsp;10<sup>−%d</sup>", power);
}

/* First and late means of a noisy metric as a series of two points, so that one sentence serves both kinds. */
static ReportSeries early_and_late(ReportSeries *s, double storage[4])
{
    if (s->n < 2) return (ReportSeries){0};
    storage[0] = s->x[0];
    storage[1] = s->x[s->n - 1];
    storage[2] = series_early(s);
    storage[3] = series_late(s);
    return (ReportSeries){.x = storage, .y = storage + 2, .n = 2};
}

static ReportSeries evaluated_or_sampled(ReportRun *run, const char *measure, const char *metric)
{
    const ReportSeries evaluated = report_figure(run, "held_out", NULL, 0, measure);
    const ReportSeries sampled = report_metric(run, metric);
    return evaluated.n >= 2 || sampled.n == 0 ? evaluated : sampled;
}

static bool write_lead(TextOut *out, ReportRun *run, Error *err)
{
    const ReportSeries accuracy = report_figure(run, "held_out", NULL, 0, "pass@1");
    /* Samples change from the first step on, so their early mean is no longer the base's; evaluations start at step 0. */
    ReportSeries lengths = evaluated_or_sampled(run, "mean_length", "completions/mean_length");
    ReportSeries words = evaluated_or_sampled(run, "reflection/per_completion", "reflection/per_completion");
    double storage[2][4];
    const ReportSeries length = early_and_late(&lengths, storage[0]), word = early_and_late(&words, storage[1]);
    PairedTest test;
    if (!report_paired(run, "held_out", &test, err)) return false;
    if (accuracy.n < 2 && length.n < 2) return true;
    text_out(out, "<p class=\"lead\">");
    if (accuracy.n >= 2) {
        text_out(out, "Held-out pass@1 ");
        write_change(out, &accuracy, true, "rose", "fell");
        if (series_last_error(&accuracy) > 0) text_out_printf(out, " ± %.1f", 100 * series_last_error(&accuracy));
        if (test.n > 1) {
            text_out_printf(out, " (paired t-test over %" PRId64 " problems: ", test.n);
            write_p(out, test.p);
            text_out(out, ")");
        }
        text_out(out, ". ");
    }
    if (length.n >= 2) {
        text_out(out, "Responses ");
        write_change(out, &length, false, "grew", "shrank");
        text_out(out, " tokens");
        text_out(out, word.n >= 2 ? ", " : ". ");
    }
    if (word.n >= 2) {
        text_out(out, "reflective words ");
        write_change(out, &word, false, "rose", "fell");
        text_out(out, " a completion.");
    }
    text_out(out, "</p>\n");
    return true;
}

typedef struct Tile {
    const char *name;
    ReportSeries series;
    bool percent, noisy, more_is_better, fewer_is_better;
    int colour;
} Tile;

static void write_value(TextOut *out, bool percent, double value)
{
    if (percent)
        text_out_percent(out, value);
    else
        text_out_number(out, value);
}

static void write_tile(TextOut *out, const Tile *tile)
{
    const ReportSeries *const s = &tile->series;
    if (s->n == 0) return;
    const double first = tile->noisy ? series_early(s) : series_first(s),
                 last = tile->noisy ? series_late(s) : series_last(s);
    text_out_printf(out, "<div class=\"tile\"><div class=\"name\">%s</div><div class=\"value\">", tile->name);
    write_value(out, tile->percent, last);
    if (!tile->noisy && series_last_error(s) > 0)
        text_out_printf(out, "<small>± %.1f</small>", 100 * series_last_error(s));
    text_out(out, "</div><div class=\"from\">");
    if (s->n > 1) {
        const bool better = tile->more_is_better ? last > first : last < first;
        const char *const class = tile->more_is_better || tile->fewer_is_better ? (better ? "up" : "down") : "even";
        text_out(out, "from ");
        write_value(out, tile->percent, first);
        text_out_printf(out, " <span class=\"%s\">", last == first ? "even" : class);
        if (tile->percent)
            text_out_printf(out, "%+.1f", 100 * (last - first));
        else if (first > 0 && last / first < 1000)
            text_out_printf(out, "×%.2f", last / first);
        text_out(out, "</span>");
    }
    text_out(out, "</div>");
    chart_spark(out, s->y, s->n, tile->colour, 180, 30);
    text_out(out, "</div>\n");
}

static void write_tiles(TextOut *out, ReportRun *run)
{
    const char *const consensus = report_measure_with_largest_k(run, "held_out", "cons@");
    char consensus_name[64] = "";
    if (consensus) snprintf(consensus_name, sizeof consensus_name, "held-out %.40s", consensus);
    const ReportSeries accuracy = report_figure(run, "held_out", NULL, 0, "pass@1");
    const Tile tiles[] = {
        {.name = "held-out pass@1", .series = accuracy, .percent = true, .more_is_better = true, .colour = 1},
        {.name = consensus_name,
         .series = consensus ? report_figure(run, "held_out", NULL, 0, consensus) : (ReportSeries){0},
         .percent = true,
         .more_is_better = true,
         .colour = 3},
        {.name = "training accuracy",
         .series = accuracy.n > 0 ? (ReportSeries){0} : report_metric(run, "rewards/accuracy/mean"),
         .percent = true,
         .noisy = true,
         .more_is_better = true,
         .colour = 1},
        {.name = "tokens a response",
         .series = evaluated_or_sampled(run, "mean_length", "completions/mean_length"),
         .noisy = true,
         .colour = 6},
        {.name = "reflective words each",
         .series = evaluated_or_sampled(run, "reflection/per_completion", "reflection/per_completion"),
         .noisy = true,
         .colour = 2},
        {.name = "well-formed frame",
         .series = report_metric(run, "rewards/format/mean"),
         .percent = true,
         .noisy = true,
         .more_is_better = true,
         .colour = 4},
        {.name = "loss",
         .series = report_has_rewards(run) ? (ReportSeries){0} : report_metric(run, "loss"),
         .noisy = true,
         .fewer_is_better = true,
         .colour = 5},
        {.name = "tokens a second", .series = report_metric(run, "tokens_per_second"), .noisy = true, .colour = 8},
    };
    text_out(out, "<div class=\"tiles\">\n");
    for (size_t i = 0; i < sizeof tiles / sizeof *tiles; i++) write_tile(out, &tiles[i]);
    text_out(out, "</div>\n");
}

static void write_notes(TextOut *out, ReportRun *run)
{
    Notes notes = {0};
    notes_of_run(&notes, &run->metrics);
    if (notes.n == 0) return;
    text_out(out, "<ul class=\"notes\">\n");
    for (int level = NOTE_WARNING; level >= NOTE_INFO; level--)
        for (int i = 0; i < notes.n; i++) {
            if ((int)notes.items[i].level != level) continue;
            text_out_printf(out, "<li class=\"%s\">", level == NOTE_WARNING ? "warning" : "info");
            html_escape_text(out, notes.items[i].text);
            text_out(out, "</li>\n");
        }
    text_out(out, "</ul>\n");
}

/* ---- the page ---- */

/* Links to the sections that came out, in their order: read off the finished body. */
static void write_nav(TextOut *out, const char *body)
{
    static const struct {
        const char *id, *name;
    } links[] = {{"selection", "Kept"},
                 {"learning", "Learning"},
                 {"pass", "Before and after"},
                 {"families", "Families"},
                 {"behaviour", "Behaviour"},
                 {"examples", "Examples"},
                 {"optimisation", "Optimisation"},
                 {"time", "Cost"},
                 {"recipe", "Recipe"}};
    text_out(out, "<nav><div>");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        char mark[64];
        snprintf(mark, sizeof mark, "<section id=\"%s\">", links[i].id);
        if (strstr(body, mark)) text_out_printf(out, "<a href=\"#%s\">%s</a>", links[i].id, links[i].name);
    }
    text_out(out, "</div></nav>\n");
}

static void section_recipe(TextOut *out, ReportRun *run)
{
    const bool sampled = report_has_rewards(run);
    section_begin(
        out, "recipe", "How to make it again",
        sampled ? "The same recipe gives the same bytes on any machine, whatever the number of threads: <code>r1 "
                  "digest</code> of the last checkpoint shows it, <code>r1 replay</code> makes any completion of this "
                  "run again."
                : "The same recipe gives the same bytes on any machine, whatever the number of threads: <code>r1 "
                  "digest</code> of the last checkpoint shows it.");
    text_out_printf(out,
                    "<pre class=\"code\">r1 run recipe.yaml --out again\nr1 digest again/checkpoints/step-%06" PRId64,
                    steps_of(run));
    if (sampled) {
        text_out(out, "\nr1 replay ");
        html_escape_text(out, run->name);
        text_out_printf(out, " --step %" PRId64, steps_of(run) > 0 ? steps_of(run) : 1);
    }
    text_out(out, "</pre>\n");
    if (run->recipe) {
        text_out(out, "<details><summary>recipe.yaml, every key resolved</summary><pre class=\"code\">");
        html_escape_text(out, run->recipe);
        text_out(out, "</pre></details>\n");
    }
    section_end(out);
}

static bool write_body(TextOut *body, ReportRun *run, Error *err)
{
    section_selection(body, run);
    section_judged_pairs(body, run);
    section_main_curves(body, run);
    section_reward_model(body, run);
    section_pass_at_k(body, run);
    section_families(body, run);
    section_behaviour(body, run);
    if (!section_examples(body, run, err)) return false;
    section_optimisation(body, run);
    section_time(body, run);
    section_recipe(body, run);
    return true;
}

static bool write_report(TextOut *out, ReportRun *run, Error *err)
{
    TextOut body = {0};
    bool ok = write_body(&body, run, err);
    page_begin(out, run->name);
    text_out(out, "<header>\n<h1>");
    html_escape_text(out, run->name);
    text_out(out, "</h1>\n");
    write_facts(out, run);
    ok = ok && write_lead(out, run, err);
    write_tiles(out, run);
    write_notes(out, run);
    text_out(out, "</header>\n");
    write_nav(out, ok ? body.text : "");
    text_out(out, "<main>\n");
    if (ok) text_out_bytes(out, body.text, body.length);
    text_out(out,
             "</main>\n<footer>Made by <code>r1 report</code> from run.sqlite and metrics.jsonl alone.</footer>\n");
    page_end(out);
    text_out_free(&body);
    return ok;
}

bool report_write(const char *run_folder, Error *err)
{
    ReportRun run;
    if (!report_run_open(&run, run_folder, err)) return false;
    TextOut out = {0};
    char *const path = base_printf("%s/report.html", run_folder);
    bool ok = write_report(&out, &run, err);
    if (ok)
        ok = page_write(&out, path, "report", err);
    else
        text_out_free(&out);
    base_free(path);
    report_run_close(&run);
    return ok;
}

/* ---- the picture ---- */

bool report_write_svg(const char *run_folder, const char *path, const char *title, Error *err)
{
    enum { PANEL = 360, HEAD = 62, HEIGHT = 62 + 42 + 220 + 10 };
    ReportRun run;
    if (!report_run_open(&run, run_folder, err)) return false;
    Chart charts[3];
    curves_main(&run, charts);
    int n = 0;
    for (int i = 0; i < 3; i++) n += charts[i].n_series > 0;
    const int width = 16 + PANEL * (n > 0 ? n : 1);
    TextOut out = {0};
    text_out_printf(
        &out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">",
        width, HEIGHT, width, HEIGHT);
    text_out(&out, "<title>");
    html_escape_text(&out, title ? title : run.name);
    text_out_printf(&out, "</title><style>%s</style>\n", report_svg_css);
    text_out_printf(&out, "<rect class=\"back\" x=\"0.5\" y=\"0.5\" width=\"%d\" height=\"%d\" rx=\"12\"/>", width - 1,
                    HEIGHT - 1);
    text_out(&out, "<text class=\"head\" x=\"20\" y=\"30\">");
    html_escape_text(&out, title ? title : run.name);
    text_out_printf(&out, "</text><text class=\"sub\" x=\"20\" y=\"49\">%" PRId64 " steps</text>\n", steps_of(&run));
    for (int i = 0, at = 0; i < 3; i++) {
        if (charts[i].n_series == 0) continue;
        chart_group(&out, &charts[i], 12 + PANEL * at++, HEAD);
    }
    text_out(&out, "</svg>\n");
    const bool ok = page_write(&out, path, "report", err);
    report_run_close(&run);
    return ok;
}

/* ---- a run in a few figures ---- */

/* A metric of training, of the held-out evaluations where training does not sample. */
bool report_summarise(ReportSummary *summary, const char *run_folder, Error *err)
{
    ReportRun run;
    if (!report_run_open(&run, run_folder, err)) return false;
    const char *const consensus = report_measure_with_largest_k(&run, "held_out", "cons@");
    const ReportSeries accuracy = report_figure(&run, "held_out", NULL, 0, "pass@1");
    const ReportSeries votes = consensus ? report_figure(&run, "held_out", NULL, 0, consensus) : (ReportSeries){0};
    const ReportSeries length = evaluated_or_sampled(&run, "mean_length", "completions/mean_length");
    const ReportSeries words = evaluated_or_sampled(&run, "reflection/per_completion", "reflection/per_completion");
    const ReportSeries words_1k = evaluated_or_sampled(&run, "reflection/per_1k_tokens", "reflection/per_1k_tokens");
    const ReportSeries speed = report_metric(&run, "tokens_per_second");
    const double seconds = report_seconds(&run);
    *summary = (ReportSummary){
        .steps = steps_of(&run),
        .first_pass_at_1 = series_first(&accuracy),
        .last_pass_at_1 = series_last(&accuracy),
        .last_pass_at_1_error = accuracy.error ? series_last_error(&accuracy) : (double)NAN,
        .last_consensus = series_last(&votes),
        .first_length = series_early(&length),
        .last_length = series_late(&length),
        .first_reflection = series_early(&words),
        .last_reflection = series_late(&words),
        .first_reflection_1k = series_early(&words_1k),
        .last_reflection_1k = series_late(&words_1k),
        .tokens_per_second = series_late(&speed),
        .hours = seconds > 0 ? seconds / 3600 : (double)NAN,
    };
    report_run_close(&run);
    return true;
}
