/* SPDX-License-Identifier: MIT */
/* recipe/grpo_record.c: what a step leaves: metrics under TRL's names, questions and completions in run.sqlite, and a sentence
 * when the metrics explain why nothing was learnt. */
#include "recipe/grpo_stage.h"

#include "data/text_stats.h"
#include "recipe/critic.h"
#include "recipe/reward_tally.h"

#include <math.h>
#include <string.h>

static void measure_updates(MetricsRow *row, const UpdateSums *u, bool has_kl)
{
    const double n = u->n_with_tokens > 0 ? (double)u->n_with_tokens : NAN;
    metrics_set(row, "loss", u->loss / n);
    metrics_set(row, "policy_loss", u->policy_loss / n);
    metrics_set(row, "grad_norm", u->n > 0 ? u->grad_norm / (double)u->n : NAN);
    metrics_set(row, "learning_rate", u->rate);
    metrics_set(row, "entropy", u->entropy / n);
    if (has_kl) metrics_set(row, "kl", u->kl / n);
    metrics_set(row, "clip_ratio/low_mean", u->clip_low / n);
    metrics_set(row, "clip_ratio/low_min", u->n_with_tokens ? u->clip_low_min : NAN);
    metrics_set(row, "clip_ratio/high_mean", u->clip_high / n);
    metrics_set(row, "clip_ratio/high_max", u->n_with_tokens ? u->clip_high_max : NAN);
    metrics_set(row, "clip_ratio/region_mean", u->clip_region / n);
    metrics_set(row, "sampling/sampling_logp_difference/mean", u->first_difference_mean);
    metrics_set(row, "sampling/sampling_logp_difference/max", u->first_difference_max);
    metrics_set(row, "sampling/importance_sampling_ratio/min", u->n_with_tokens ? u->ratio_min : NAN);
    metrics_set(row, "sampling/importance_sampling_ratio/mean", u->ratio_mean / n);
    metrics_set(row, "sampling/importance_sampling_ratio/max", u->n_with_tokens ? u->ratio_max : NAN);
    metrics_set(row, "capped_exponents", (double)u->n_capped);
    metrics_set(row, "updates", (double)u->n);
}

static void measure_lengths(const GrpoStage *g, MetricsRow *row)
{
    double sum = 0, low = INFINITY, high = 0, ended = 0, ended_low = INFINITY, ended_high = 0, right = 0, wrong = 0;
    int64_t n_ended = 0, n_right = 0, n_wrong = 0;
    for (int64_t i = 0; i < g->n_samples; i++) {
        const Sampled *s = &g->samples[i];
        const double n = (double)s->n;
        sum += n, low = fmin(low, n), high = fmax(high, n);
        if (s->stopped) n_ended++, ended += n, ended_low = fmin(ended_low, n), ended_high = fmax(ended_high, n);
        if (s->score.verdict == VERDICT_RIGHT) n_right++, right += n;
        if (s->score.verdict == VERDICT_WRONG) n_wrong++, wrong += n;
    }
    const double total = (double)g->n_samples;
    metrics_set(row, "completions/mean_length", sum / total);
    metrics_set(row, "completions/min_length", low);
    metrics_set(row, "completions/max_length", high);
    metrics_set(row, "completions/mean_terminated_length", n_ended ? ended / (double)n_ended : NAN);
    metrics_set(row, "completions/min_terminated_length", n_ended ? ended_low : NAN);
    metrics_set(row, "completions/max_terminated_length", n_ended ? ended_high : NAN);
    metrics_set(row, "completions/clipped_ratio", 1.0 - (double)n_ended / total);
    metrics_set(row, "completions/mean_length_right", n_right ? right / (double)n_right : NAN);
    metrics_set(row, "completions/mean_length_wrong", n_wrong ? wrong / (double)n_wrong : NAN);
}

/* Whatever is rewarded: does the thinking keep to the prompt's language? */
static void measure_languages(const GrpoStage *g, MetricsRow *row)
{
    double share = 0;
    int64_t n = 0, mixed = 0;
    for (int64_t i = 0; i < g->n_samples; i++) {
        const double x = g->samples[i].language_share;
        if (isnan(x)) continue;
        n++;
        share += x;
        mixed += x > 0 && x < 1;
    }
    metrics_set(row, "language/consistency", n > 0 ? share / (double)n : NAN);
    metrics_set(row, "language/mixed", (double)mixed / (double)g->n_samples);
}

static void measure_rollout(const GrpoStage *g, MetricsRow *row)
{
    const double n = (double)g->n_samples;
    double words = 0, tokens = 0, styles[TEXT_STYLE_COUNT] = {0};
    RewardTally tally = {0};
    for (int64_t i = 0; i < g->n_samples; i++) {
        const Sampled *s = &g->samples[i];
        reward_tally_add(&tally, &s->score);
        words += s->reflective_words;
        tokens += (double)s->n;
        styles[s->style]++;
    }
    int64_t dead = 0;
    for (int64_t i = 0; i < g->n_questions; i++) dead += !g->live[i];
    reward_tally_measure(&tally, grpo_rewards_config(g->rewards), "", row);
    if (!g->critic) metrics_set(row, "frac_reward_zero_std", (double)dead / (double)g->n_questions);
    measure_lengths(g, row);
    metrics_set(row, "reflection/per_completion", words / n);
    metrics_set(row, "reflection/per_1k_tokens", tokens > 0 ? 1000.0 * words / tokens : NAN);
    for (int i = 0; i < TEXT_STYLE_COUNT; i++)
        metrics_setf(row, styles[i] / n, "style/%s", text_style_name((TextStyle)i));
    measure_languages(g, row);
}

void grpo_stage_measure_rollout(GrpoStage *g)
{
    measure_rollout(g, &g->row);
}

void grpo_stage_measure(GrpoStage *g, const UpdateSums *sums)
{
    measure_rollout(g, &g->row);
    measure_updates(&g->row, sums, g->loss.kl_coef != 0.0);
    if (g->critic) critic_measure(g, sums, &g->row);
}

/* ---- run.sqlite ---- */

static bool store_completion(GrpoStage *g, int64_t step, const char *key, int64_t question, int64_t index, Error *err)
{
    const Sampled *const s = &g->samples[question * g->settings->group_size + index];
    const StoredCompletion c = {.phase = STORED_ROLLOUT,
                                .step = step,
                                .prompt_index = question,
                                .completion_index = index,
                                .problem_key = key,
                                .text = s->text,
                                .text_length = s->text_length,
                                .ids = s->ids,
                                .logprobs = s->old_logprobs,
                                .n_ids = s->n,
                                .stopped = s->stopped,
                                .accuracy = s->score.accuracy,
                                .format = s->score.format,
                                .reward = s->score.undecided ? (double)NAN : s->score.total,
                                .advantage = (double)s->advantage,
                                .verdict = (int)s->score.verdict,
                                .reflective_words = s->reflective_words,
                                .style = (StoredStyle)s->style};
    return run_store_add_completion(g->run->store, &c, err);
}

/* A family's problem is keyed by where it was asked; a row of a data file by its id, since it is asked again every epoch; where each
 * row is asked once by its place too, since two rows may have one id. */
char *grpo_question_key(const Question *q, int64_t step, int64_t place)
{
    if (!q->id) return base_printf("%s/%d/train/%lld/%lld", q->task, q->level, (long long)step, (long long)place);
    return q->row > 0 ? base_printf("%s/%s@%lld", q->task, q->id, (long long)q->row)
                      : base_printf("%s/%s", q->task, q->id);
}

static bool store_question(GrpoStage *g, int64_t step, int64_t question, Error *err)
{
    const Question *const q = &g->questions[question];
    char *const key = grpo_question_key(q, step, question);
    const StoredProblem stored = {.key = key,
                                  .task = q->task,
                                  .split = "train",
                                  .level = q->level,
                                  .prompt = q->prompt,
                                  .prompt_length = q->prompt_length,
                                  .answer = q->answer,
                                  .check = q->check};
    bool ok = run_store_add_problem(g->run->store, step, &stored, err);
    for (int64_t k = 0; ok && k < g->settings->group_size; k++) ok = store_completion(g, step, key, question, k, err);
    base_free(key);
    return ok;
}

bool grpo_stage_store(GrpoStage *g, int64_t step, Error *err)
{
    if (!g->settings->store_completions) return true;
    if (!run_store_begin(g->run->store, err)) return false;
    for (int64_t i = 0; i < g->n_questions; i++)
        if (!store_question(g, step, i, err)) {
            run_store_rollback(g->run->store);
            return false;
        }
    return run_store_commit(g->run->store, err);
}

/* ---- sentences ---- */

void grpo_stage_say_notes(GrpoStage *g)
{
    Notes notes = {0};
    notes_of_step(&notes, &g->row);
    for (int i = 0; i < notes.n; i++) {
        bool known = false;
        for (int j = 0; j < g->said.n; j++) known = known || strcmp(g->said.items[j].id, notes.items[i].id) == 0;
        if (known || g->said.n == NOTES_MAX) continue;
        g->said.items[g->said.n++] = notes.items[i];
        if (notes.items[i].level == NOTE_WARNING)
            progress_warning(g->run->progress, notes.items[i].text);
        else
            progress_note(g->run->progress, notes.items[i].text);
    }
}
