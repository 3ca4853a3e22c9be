/* SPDX-License-Identifier: MIT */
/* record/report_curves.c: which curves a report shows, grouped by what they tell. */
#include "record/report_parts.h"

#include <string.h>

/* A grid of charts inside a section; the section is dropped when no chart had data. */
typedef struct Group {
    size_t begun_at, empty_length;
} Group;

static Group group_begin(TextOut *out, const char *id, const char *title, const char *intro)
{
    Group group = {.begun_at = out->length};
    section_begin(out, id, title, intro);
    text_out(out, "<div class=\"grid\">\n");
    group.empty_length = out->length;
    return group;
}

static void group_end(TextOut *out, Group group)
{
    section_end_or_drop(out, group.begun_at, group.empty_length);
}

/* ---- the three main curves ---- */

static void accuracy_chart(ReportRun *run, Chart *chart)
{
    *chart = (Chart){.title = "Accuracy", .form = CHART_PERCENT};
    const char *const consensus = report_measure_with_largest_k(run, "held_out", "cons@");
    report_curve(chart, report_figure(run, "held_out", NULL, 0, "pass@1"), "held-out", 1, CURVE_MEASURED);
    if (consensus)
        report_curve(chart, report_figure(run, "held_out", NULL, 0, consensus), consensus, 3, CURVE_MEASURED_DASHED);
    report_curve(chart, report_figure(run, "train", NULL, 0, "pass@1"), "train", 2, CURVE_MEASURED);
    report_curve(chart, report_figure(run, "unseen", NULL, 0, "pass@1"), "unseen levels", 4, CURVE_MEASURED_DASHED);
    report_curve(chart, report_metric(run, "rewards/accuracy/mean"), "samples", 8, CURVE_SMOOTH);
}

static void length_chart(ReportRun *run, Chart *chart)
{
    *chart = (Chart){.title = "Response length, tokens", .form = CHART_NUMBER, .from_zero = true};
    report_curve(chart, report_metric(run, "completions/mean_length"), "all", 1, CURVE_SMOOTH);
    report_curve(chart, report_metric(run, "completions/mean_length_right"), "right", 3, CURVE_SMOOTH);
    report_curve(chart, report_metric(run, "completions/mean_length_wrong"), "wrong", 5, CURVE_SMOOTH);
    if (chart->n_series == 0)
        report_curve(chart, report_figure(run, "held_out", NULL, 0, "mean_length"), "held-out", 1, CURVE_MEASURED);
}

static void reflection_chart(ReportRun *run, Chart *chart)
{
    *chart = (Chart){.title = "Reflective words a completion", .form = CHART_NUMBER, .from_zero = true};
    report_curve(chart, report_figure(run, "held_out", NULL, 0, "reflection/per_completion"), "held-out", 1,
                 CURVE_MEASURED);
    report_curve(chart, report_metric(run, "reflection/per_completion"), "samples", 2, CURVE_SMOOTH);
}

void curves_main(ReportRun *run, Chart charts[3])
{
    accuracy_chart(run, &charts[0]);
    length_chart(run, &charts[1]);
    reflection_chart(run, &charts[2]);
}

void section_main_curves(TextOut *out, ReportRun *run)
{
    const Group group =
        group_begin(out, "learning", "What it learnt",
                    "Dots are evaluations with one standard error; faint lines are single steps, strong ones are "
                    "smoothed. Samples are those "
                    "of training, on fresh problems each step; held-out problems are never trained on.");
    Chart charts[3];
    curves_main(run, charts);
    for (int i = 0; i < 3; i++) chart_figure(out, &charts[i]);

    if (!report_has_rewards(run)) { /* pre-training or fine-tuning */
        Chart loss = {.title = "Loss", .note = "nats a token", .form = CHART_NUMBER};
        if (report_metric(run, "margin").n > 0) loss.note = "nats a pair, or a label"; /* a reward model */
        report_curve(&loss, report_metric(run, "eval_loss"), "held-out", 1, CURVE_MEASURED);
        report_curve(&loss, report_metric(run, "completion_loss"), "completions", 2, CURVE_SMOOTH);
        report_curve(&loss, report_metric(run, "loss"), "all trained tokens", 8, CURVE_SMOOTH);
        chart_figure(out, &loss);
    }
    group_end(out, group);
}

/* A chart of one metric. */
static void single(TextOut *out, ReportRun *run, const char *metric, const char *title, const char *note,
                   ChartForm form, int colour)
{
    Chart chart = {.title = title, .note = note, .form = form, .from_zero = true};
    const bool exact = strcmp(metric, "learning_rate") == 0 || strcmp(metric, "num_tokens") == 0;
    report_curve(&chart, report_metric(run, metric), metric, colour, exact ? CURVE_PLAIN : CURVE_SMOOTH);
    chart_figure(out, &chart);
}

/* ---- behaviour ---- */

static void style_chart(TextOut *out, ReportRun *run)
{
    Chart chart = {.title = "How it answers",
                   .note = "shares of completions: answer at once, work it out, work it out and check",
                   .form = CHART_PERCENT,
                   .stacked = true,
                   .y_high = 1};
    report_curve(&chart, report_metric(run, "style/checked"), "checked", 2, CURVE_SMOOTH);
    report_curve(&chart, report_metric(run, "style/worked"), "worked", 1, CURVE_SMOOTH);
    report_curve(&chart, report_metric(run, "style/direct"), "direct", 8, CURVE_SMOOTH);
    /* Areas are added up point by point: they need the same steps. */
    for (int s = 1; s < chart.n_series; s++) chart.stacked = chart.stacked && chart.series[s].n == chart.series[0].n;
    chart_figure(out, &chart);
}

void section_behaviour(TextOut *out, ReportRun *run)
{
    const Group group =
        group_begin(out, "behaviour", "How it behaves",
                    report_has_rewards(run)
                        ? "Nothing rewards length or reflection: the reward is a right answer and a well-formed frame."
                        : NULL);
    style_chart(out, run);

    Chart words = {.title = "Reflective words per 1,000 tokens",
                   .note = "wait, mistake, however, but, retry, error, verify, wrong, evaluate, check",
                   .form = CHART_NUMBER,
                   .from_zero = true};
    report_curve(&words, report_figure(run, "held_out", NULL, 0, "reflection/per_1k_tokens"), "held-out", 1,
                 CURVE_MEASURED);
    report_curve(&words, report_metric(run, "reflection/per_1k_tokens"), "samples", 2, CURVE_SMOOTH);
    chart_figure(out, &words);

    Chart corrected = {.title = "Slips that it corrected itself",
                       .note = "share of right answers that hold a slip which the completion goes on to correct",
                       .form = CHART_PERCENT};
    report_curve(&corrected, report_figure(run, "held_out", NULL, 0, "corrected_of_right"), "held-out", 4,
                 CURVE_MEASURED);
    chart_figure(out, &corrected);

    Chart patience = {.title = "After a missed first try",
                      .note = "share of completions whose first try missed that end right all the same",
                      .form = CHART_PERCENT};
    report_curve(&patience, report_figure(run, "held_out", NULL, 0, "right_after_first_miss"), "held-out", 3,
                 CURVE_MEASURED);
    chart_figure(out, &patience);

    Chart rewards = {
        .title = "Rewards apart", .note = "a summed reward can hide one of them falling", .form = CHART_PERCENT};
    report_curve(&rewards, report_metric(run, "rewards/format/mean"), "format", 4, CURVE_SMOOTH);
    report_curve(&rewards, report_metric(run, "rewards/accuracy/mean"), "accuracy", 1, CURVE_SMOOTH);
    chart_figure(out, &rewards);

    single(out, run, "rewards/model/mean", "What the reward model pays",
           "its mean score; where it rises and accuracy falls, it is being satisfied instead of the task", CHART_NUMBER,
           5);
    single(out, run, "rewards/judge/mean", "What the judge pays", "its mean opinion", CHART_NUMBER, 5);

    Chart cut = {.title = "Cut off at the length limit", .form = CHART_PERCENT};
    report_curve(&cut, report_metric(run, "completions/clipped_ratio"), "of completions", 5, CURVE_SMOOTH);
    chart_figure(out, &cut);
    group_end(out, group);
}

/* ---- optimisation ---- */

/* Exactly 0 is a sentence, anything else a curve. */
static void sampler_against_trainer(TextOut *out, ReportRun *run, bool as_sentence)
{
    const ReportSeries difference = report_metric(run, "sampling/sampling_logp_difference/max");
    bool zero = difference.n > 0;
    for (int64_t i = 0; i < difference.n; i++) zero = zero && difference.y[i] == 0;
    if (zero && as_sentence) {
        text_out(out, " Sampler and trainer gave every token the same log-probability to the bit, in all ");
        text_out_count(out, difference.n);
        text_out(out, " steps where it was measured.");
    }
    if (zero || as_sentence) return;
    Chart chart = {.title = "Sampler against trainer",
                   .note = "largest difference of log-probabilities; must be exactly 0",
                   .form = CHART_NUMBER,
                   .from_zero = true};
    report_curve(&chart, difference, "max", 5, CURVE_PLAIN);
    chart_figure(out, &chart);
}

void section_optimisation(TextOut *out, ReportRun *run)
{
    TextOut intro = {0};
    if (report_has_rewards(run))
        text_out(
            &intro,
            "The loss of GRPO stays near 0 by construction; whether anything is learnt shows in the gradient norm, the "
            "spread of rewards within groups and the entropy.");
    sampler_against_trainer(&intro, run, true);
    const Group group = group_begin(out, "optimisation", "How it was optimised", intro.text);
    text_out_free(&intro);
    single(out, run, "reward", "Reward", "mean of the step's completions", CHART_NUMBER, 1);
    single(out, run, "frac_reward_zero_std", "Groups that teach nothing", "all rewards of the group equal",
           CHART_PERCENT, 8);
    single(out, run, "reward_std", "Spread of rewards", NULL, CHART_NUMBER, 1);
    single(out, run, "entropy", "Entropy", "nats a token", CHART_NUMBER, 6);
    single(out, run, "grad_norm", "Gradient norm", "before clipping", CHART_NUMBER, 4);

    Chart clips = {.title = "Clipped tokens",
                   .note = "ratio past a bound with an advantage that pushes on",
                   .form = CHART_PERCENT};
    report_curve(&clips, report_metric(run, "clip_ratio/low_mean"), "low", 5, CURVE_SMOOTH);
    report_curve(&clips, report_metric(run, "clip_ratio/high_mean"), "high", 1, CURVE_SMOOTH);
    if (clips.n_series == 0)
        report_curve(&clips, report_metric(run, "clip_ratio/region_mean"), "either", 1, CURVE_SMOOTH);
    chart_figure(out, &clips);

    single(out, run, "kl", "KL to the reference", "nats a token", CHART_NUMBER, 2);
    if (report_has_rewards(run)) single(out, run, "loss", "Loss", NULL, CHART_NUMBER, 2);
    single(out, run, "learning_rate", "Learning rate", NULL, CHART_NUMBER, 7);

    sampler_against_trainer(out, run, false);
    group_end(out, group);
}

/* ---- time ---- */

typedef struct TimePart {
    const char *metric, *name;
    int colour;
    bool in_step;
} TimePart;
static const TimePart time_parts[] = {{"time/rollout", "sampling", 1, true},
                                      {"time/train", "training", 2, true},
                                      {"time/reward", "rewards", 4, true},
                                      {"time/eval", "evaluation", 3, false},
                                      {"time/checkpoint", "saving", 7, false}};
enum { N_TIME_PARTS = sizeof time_parts / sizeof *time_parts };

/* What every step does; evaluations and saving are done now and then and stand in the table. */
static void time_chart(TextOut *out, ReportRun *run)
{
    Chart chart = {.title = "Where a step's time goes", .note = "seconds", .form = CHART_NUMBER, .stacked = true};
    for (int i = 0; i < N_TIME_PARTS; i++)
        if (time_parts[i].in_step)
            report_curve(&chart, report_metric(run, time_parts[i].metric), time_parts[i].name, time_parts[i].colour,
                         CURVE_SMOOTH);
    for (int s = 1; s < chart.n_series; s++) chart.stacked = chart.stacked && chart.series[s].n == chart.series[0].n;
    chart_figure(out, &chart);
}

static void time_row(TextOut *out, const char *name, int colour, double seconds, double all)
{
    text_out_printf(out, "<tr><td><span class=\"key s%d\">%s</span></td><td>", colour, name);
    text_out_duration(out, seconds);
    text_out(out, "</td><td>");
    text_out_percent(out, seconds / all);
    text_out(out, "</td></tr>\n");
}

static void time_table(TextOut *out, ReportRun *run)
{
    const double all = report_seconds(run);
    const ReportSeries steps = report_metric(run, "step_time");
    double rest = series_sum(&steps);
    if (!(all > 0)) return;
    text_out(out, "<figure class=\"chart\"><figcaption><h3>Where all of the time went</h3></figcaption><table>\n");
    for (int i = 0; i < N_TIME_PARTS; i++) {
        const ReportSeries part = report_metric(run, time_parts[i].metric);
        if (part.n == 0) continue;
        time_row(out, time_parts[i].name, time_parts[i].colour, series_sum(&part), all);
        if (time_parts[i].in_step) rest -= series_sum(&part);
    }
    if (rest > 0) time_row(out, rest > 0.99 * all ? "steps" : "other", 8, rest, all);
    text_out(out, "<tr class=\"sum\"><td>all</td><td>");
    text_out_duration(out, all);
    text_out(out, "</td><td></td></tr>\n</table></figure>\n");
}

void section_time(TextOut *out, ReportRun *run)
{
    const Group group = group_begin(out, "time", "What it cost", NULL);
    time_table(out, run);
    time_chart(out, run);
    single(out, run, "tokens_per_second", "Tokens a second", "sampled and trained, of the whole step", CHART_NUMBER, 1);
    single(out, run, "step_time", "Seconds a step", NULL, CHART_NUMBER, 8);
    single(out, run, "num_tokens", "Tokens so far", NULL, CHART_NUMBER, 6);
    group_end(out, group);
}
