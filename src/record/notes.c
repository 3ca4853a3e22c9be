/* SPDX-License-Identifier: MIT */
/* record/notes.c: see notes.h. A rule looks at one row of metrics (a step's, or the means of a run's late steps); a trend looks
 * at the early and the late means of a run. NaN compares false with everything, so a rule whose metric is missing is silent. */
#include "record/notes.h"

#include "eval/judge_pairs.h"

#include "record/proxy.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void note(Notes *notes, NoteLevel level, const char *id, const char *format, ...) R1_PRINTF(4, 5);

static void note(Notes *notes, NoteLevel level, const char *id, const char *format, ...)
{
    if (notes->n == NOTES_MAX) return;
    Note *const added = &notes->items[notes->n++];
    added->id = id;
    added->level = level;
    va_list args;
    va_start(args, format);
    vsnprintf(added->text, sizeof added->text, format, args);
    va_end(args);
}

/* ---- rules on a row ---- */

static void rule_truncated(Notes *notes, const MetricsRow *row)
{
    const double clipped = metrics_get(row, "completions/clipped_ratio"),
                 dead = metrics_get(row, "frac_reward_zero_std");
    if (clipped >= 0.999 && !(dead < 0.999)) /* rewards that ask for no answer may still differ */
        note(notes, NOTE_WARNING, "all-truncated",
             "Nothing is learnt because every completion is cut off at the length limit before it gives an answer: "
             "raise "
             "max_completion_tokens, or start from a base that ends its answers.");
    else if (clipped > 0.3)
        note(notes, NOTE_WARNING, "many-truncated",
             "%.0f%% of completions are cut off at the length limit; a cut completion has no closing tag and no "
             "answer, so "
             "accuracy and format look lower than they are. Raise max_completion_tokens.",
             100 * clipped);
}

static void rule_dead_groups(Notes *notes, const MetricsRow *row)
{
    const double dead = metrics_get(row, "frac_reward_zero_std"), accuracy = metrics_get(row, "rewards/accuracy/mean");
    const char *const why = accuracy < 0.05   ? " The answers are nearly all wrong: begin with easier problems."
                            : accuracy > 0.95 ? " The answers are nearly all right: ask harder problems."
                                              : "";
    if (dead >= 0.999)
        note(notes, NOTE_WARNING, "all-groups-equal",
             "Nothing is learnt because within every group all completions got the same reward, so every advantage is "
             "0.%s",
             why);
    else if (dead > 0.8)
        note(notes, NOTE_WARNING, "most-groups-equal",
             "In %.0f%% of the groups all completions got the same reward and teach nothing.%s", 100 * dead, why);
}

static void rule_format(Notes *notes, const MetricsRow *row)
{
    const double format = metrics_get(row, "rewards/format/mean");
    /* a right answer without a frame: the recipe reads answers elsewhere */
    if (format == 0 && !(metrics_get(row, "rewards/accuracy/mean") > 0))
        note(notes, NOTE_WARNING, "format-never",
             "No completion has the <think>...</think><answer>...</answer> frame, so there is no answer to reward. "
             "Check the "
             "prompt template: the frame counts the end of the prompt and the completion together.");
    else if (format < 0.02)
        note(notes, NOTE_WARNING, "format-rare", "Only %.1f%% of completions have a well-formed frame.", 100 * format);
}

static void rule_accuracy(Notes *notes, const MetricsRow *row)
{
    const double format = metrics_get(row, "rewards/format/mean");
    if (metrics_get(row, "rewards/accuracy/mean") == 0 && format > 0.5)
        note(notes, NOTE_WARNING, "accuracy-zero",
             "The frame is met but no answer is right: the problems are too hard for this model, or the gold answers "
             "are not "
             "in the form that the verifier reads.");
}

static void rule_undecided(Notes *notes, const MetricsRow *row)
{
    const double undecided = metrics_get(row, "frac_undecided");
    if (undecided > 0.02)
        note(notes, NOTE_WARNING, "undecided",
             "%.1f%% of the answers could not be decided (they cannot be read, a budget ran out, or a check is "
             "malformed); "
             "they are left "
             "out of their groups.",
             100 * undecided);
}

static void rule_optimiser(Notes *notes, const MetricsRow *row)
{
    if (metrics_get(row, "grad_norm") == 0)
        note(notes, NOTE_WARNING, "gradient-zero", "The gradient is exactly 0, so the weights do not move.");
    if (metrics_get(row, "learning_rate") == 0)
        note(notes, NOTE_INFO, "rate-zero", "The learning rate is 0 at this step, so the weights do not move.");
    const double clipped = metrics_get(row, "clip_ratio/region_mean");
    if (clipped > 0.4)
        note(notes, NOTE_WARNING, "much-clipped",
             "%.0f%% of the tokens are clipped: their gradient is dropped. Lower the learning rate, or use fewer "
             "minibatches or "
             "inner epochs a rollout.",
             100 * clipped);
    const double kl = metrics_get(row, "kl");
    if (kl > 5)
        note(notes, NOTE_WARNING, "kl-large",
             "The policy is %.1f nats a token away from its reference: it may have left what the base model knows.",
             kl);
}

static void rule_sampler(Notes *notes, const MetricsRow *row)
{
    const double difference = metrics_get(row, "sampling/sampling_logp_difference/max");
    if (difference > 0)
        note(notes, NOTE_WARNING, "sampler-differs",
             "Sampler and trainer disagree by up to %.3g nats on the same tokens; they must agree to the bit. Please "
             "report this "
             "with the output of `r1 doctor`.",
             difference);
}

static void rule_entropy(Notes *notes, const MetricsRow *row)
{
    const double entropy = metrics_get(row, "entropy");
    if (entropy < 0.01)
        note(notes, NOTE_WARNING, "entropy-collapse",
             "The entropy is down to %.4f nats a token: completions of a group are copies of each other and there is "
             "little "
             "left to choose from. A lower learning rate, a higher clip_high or an entropy bonus keeps it up.",
             entropy);
}

static const double MUCH_LENGTH = 0.5;

static void rule_judge(Notes *notes, const MetricsRow *row)
{
    const double agreement = metrics_get(row, "pairs/agreement");
    if (agreement < JUDGE_ENOUGH_AGREEMENT)
        note(notes, NOTE_WARNING, "judge-weak",
             "The judge has failed: it meets the truth in %.1f%% of the pairs where that is known and it is clear, "
             "less than the %.0f%% "
             "that a judge needs, so its pairs cannot be relied on. Teach it by more examples, or ask a better model.",
             100 * agreement, 100 * JUDGE_ENOUGH_AGREEMENT);
    if (metrics_get(row, "pairs/kept") == 0)
        note(notes, NOTE_WARNING, "judge-silent",
             "No pair is kept, so there is nothing to learn from: the judge was unreadable on %.0f of %.0f and not "
             "clear "
             "on %.0f.",
             metrics_get(row, "pairs/undecided"), metrics_get(row, "pairs/n"), metrics_get(row, "pairs/unclear"));
}

static void rule_reward_model(Notes *notes, const MetricsRow *row)
{
    const double accuracy = metrics_get(row, "eval_accuracy"), length = metrics_get(row, "eval_length_correlation");
    if (accuracy < JUDGE_ENOUGH_AGREEMENT)
        note(notes, NOTE_WARNING, "reward-model-weak",
             "The reward model agrees with %.1f%% of the rows held out from it, less than the %.0f%% that a judge "
             "needs to be "
             "relied on: what is trained by it will learn its mistakes. It needs more rows, more epochs or another "
             "rate.",
             100 * accuracy, 100 * JUDGE_ENOUGH_AGREEMENT);
    if (fabs(length) > MUCH_LENGTH)
        note(notes, NOTE_WARNING, "reward-model-length",
             "The reward model's scores follow length (correlation %.2f): balance the lengths of preferred and other "
             "responses, or what is trained by it will learn length.",
             length);
}

void notes_of_step(Notes *notes, const MetricsRow *row)
{
    notes->n = 0;
    rule_truncated(notes, row);
    rule_dead_groups(notes, row);
    rule_format(notes, row);
    rule_accuracy(notes, row);
    rule_undecided(notes, row);
    rule_optimiser(notes, row);
    rule_sampler(notes, row);
    rule_entropy(notes, row);
    rule_reward_model(notes, row);
    rule_judge(notes, row);
}

/* ---- trends of a run ---- */

static void trends(Notes *notes, const MetricsTable *table)
{
    const Trend accuracy = trend_of(table, "rewards/accuracy/mean"), format = trend_of(table, "rewards/format/mean");
    const Trend entropy = trend_of(table, "entropy"), words = trend_of(table, "reflection/per_completion");
    const Trend length = trend_of(table, "completions/mean_length");
    if (accuracy.late < accuracy.early - 0.03 && format.late > format.early)
        note(notes, NOTE_WARNING, "format-hides-accuracy",
             "Accuracy fell from %.1f%% to %.1f%% while the format reward rose: the summed reward hides it. The "
             "learning rate is "
             "probably too high.",
             100 * accuracy.early, 100 * accuracy.late);
    if (entropy.early > 0 && entropy.late < entropy.early / 4)
        note(notes, NOTE_INFO, "entropy-fell", "Entropy fell to %.0f%% of where it began (%.3f to %.3f nats a token).",
             100 * entropy.late / entropy.early, entropy.early, entropy.late);
    if (entropy.late > 3 * entropy.early && entropy.late > 0.5)
        note(notes, NOTE_WARNING, "entropy-rose",
             "Entropy rose from %.2f to %.2f nats a token: the policy is losing its form. Lower the learning rate or "
             "clip_high.",
             entropy.early, entropy.late);
    if (words.early > 0.02 && words.late < words.early / 3)
        note(notes, NOTE_INFO, "reflection-died",
             "Reflective words died out (%.2f to %.2f a completion): on these problems checking does not pay.",
             words.early, words.late);
    if (length.late > 1.5 * length.early && accuracy.late < accuracy.early + 0.01)
        note(notes, NOTE_WARNING, "longer-not-better",
             "Completions grew from %.0f to %.0f tokens without getting more accurate.", length.early, length.late);
}

/* What is trained on rises, what it stands for falls: the model has found a hole in the reward. */
static void rule_proxy(Notes *notes, const MetricsTable *table)
{
    const Trend reward = trend_of(table, "reward"), true_metric = trend_of(table, "rewards/true/mean");
    const Trend held_out = trend_ends(table, "eval/held_out/reward"),
                held_out_true = trend_ends(table, "eval/held_out/rewards/true/mean");
    const bool on_samples = true_metric.late < true_metric.early - 0.03 && reward.late > reward.early;
    const bool on_held_out = held_out_true.late < held_out_true.early - 0.03 && held_out.late > held_out.early;
    if (on_samples || on_held_out)
        note(notes, NOTE_WARNING, "proxy-without-truth",
             "The reward rose from %.3f to %.3f%s while the true metric fell from %.3f to %.3f: the model may have "
             "found a hole in a reward. Look at each one apart, and at the examples.",
             on_held_out ? held_out.early : reward.early, on_held_out ? held_out.late : reward.late,
             on_held_out ? " on held-out problems" : "", on_held_out ? held_out_true.early : true_metric.early,
             on_held_out ? held_out_true.late : true_metric.late);
}

/* The same of each opinion apart: a sum hides one of them. */
static void rule_opinions(Notes *notes, const MetricsTable *table)
{
    Proxy proxies[PROXIES_MAX];
    const int n = proxies_find(table, proxies);
    for (int i = 0; i < n; i++) {
        const Proxy *const p = &proxies[i];
        if (p->hacked)
            note(notes, NOTE_WARNING, "reward-hacked",
                 "The reward \"%s\" rose from %.3f to %.3f%s while the true metric of the same completions fell from "
                 "%.3f to %.3f: it is being satisfied instead of what it stands for. Let it count in fewer of the last "
                 "steps, or weigh it less.",
                 p->name, p->proxy.early, p->proxy.late, p->held_out ? " on held-out problems" : "", p->truth.early,
                 p->truth.late);
    }
}

static void rule_loss_is_zero(Notes *notes, const MetricsRow *row)
{
    const double loss = metrics_get(row, "loss");
    if (fabs(loss) < 0.005 && metrics_get(row, "grad_norm") > 0 && !isnan(metrics_get(row, "reward")))
        note(notes, NOTE_INFO, "loss-near-zero",
             "The loss stays near 0 by construction: advantages of a group sum to 0 and the ratio starts at 1. Its "
             "gradient does "
             "not vanish; look at the gradient norm.");
}

void notes_of_run(Notes *notes, const MetricsTable *table)
{
    MetricsRow late = {0};
    for (int64_t c = 0; c < table->n_columns; c++) {
        int64_t n = 0;
        for (int64_t r = 0; r < table->n_rows; r++) n += isfinite(table->columns[c][r]);
        if (n == 0) continue;
        const int64_t count = n >= 10 ? n / 10 : 1;
        metrics_set(&late, table->names[c], trend_mean(table->columns[c], table->n_rows, n - count, count));
    }
    /* A schedule that ends at 0 is no reason why nothing was learnt. */
    metrics_set(&late, "learning_rate", NAN);
    notes_of_step(notes, &late);
    trends(notes, table);
    rule_proxy(notes, table);
    rule_opinions(notes, table);
    rule_loss_is_zero(notes, &late);
    metrics_row_free(&late);
}
