/* SPDX-License-Identifier: MIT */
/* recipe/reward_model.c: reward models (DeepSeek-R1, arXiv 2501.12948 v2, 3.1): a decoder with a scalar head learns which of two responses is
 * preferred (helpful: pairs, final summaries), or whether one is good (safe: labels, whole responses). What it is worth is measured on
 * rows held out from it: accuracy, calibration, margin, and how much of it is length. */
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/signals.h"
#include "eval/reward_quality.h"
#include "record/checkpoint.h"
#include "record/notes.h"
#include "recipe/reward_model_data.h"

#include <math.h>
#include <string.h>

enum { EVAL_ROWS = 64 }; /* scored in one forward */

typedef struct RewardStage {
    const StageRun *run;
    const RewardModelSettings *settings;
    char *folder; /* owned; where tokenizer and config come from: the start model, then the newest checkpoint */
    Tokenizer *tokenizer;
    Model model;
    Optimizer optimizer;
    Trainer trainer;
    RewardModelData data;
    RewardBatch evaluated;   /* EVAL_ROWS at a time */
    float *scores, *targets; /* [2 * evaluated rows], [evaluated rows] */
    int64_t *lengths;        /* [2 * evaluated rows] */
    StageState state;
    MetricsRow row;
} RewardStage;

static void reward_stage_close(RewardStage *r)
{
    base_free(r->scores);
    base_free(r->targets);
    base_free(r->lengths);
    reward_batch_free(&r->evaluated);
    reward_model_data_free(&r->data);
    metrics_row_free(&r->row);
    trainer_free(&r->trainer);
    optimizer_free(&r->optimizer);
    model_free(&r->model);
    tokenizer_free(r->tokenizer);
    base_free(r->folder);
}

/* ---- opening ---- */

static void say_rows(const RewardStage *r)
{
    const RewardModelData *const d = &r->data;
    const int64_t dropped = d->rows.n_dropped + d->validation.n_dropped;
    char line[200];
    if (dropped > 0) {
        snprintf(line, sizeof line, "%lld rows are longer than max_length and left out", (long long)dropped);
        progress_note(r->run->progress, line);
    }
    snprintf(line, sizeof line, "learning from %lld %s, measured on %lld", (long long)d->n_trained,
             d->rows.pairs ? "pairs" : "labelled responses", (long long)reward_model_n_evaluated(d));
    progress_note(r->run->progress, line);
    if (reward_model_n_evaluated(d) == 0)
        progress_warning(r->run->progress, "no row is held out: nothing tells what the reward model is worth "
                                           "(held_out, validation.data)");
}

static void reserve_evaluation(RewardStage *r)
{
    const size_t n = (size_t)reward_model_n_evaluated(&r->data);
    reward_batch_create(&r->evaluated, EVAL_ROWS);
    r->scores = base_alloc(2 * n, sizeof *r->scores);
    r->lengths = base_alloc(2 * n, sizeof *r->lengths);
    r->targets = base_alloc(n, sizeof *r->targets);
}

/* transformers scores the last token that is no padding: where the end stood for padding too, that would be the one before it. */
static void tell_end_from_padding(ModelConfig *config, const Preferences *rows)
{
    const Preference *const first = &rows->items[0];
    const int32_t end = rows->ids.ids[first->response[0] + first->n_response[0] - 1];
    if (config->pad_id == end) config->pad_id = -1;
}

static bool reward_stage_open(RewardStage *r, const StageRun *run, const RewardModelSettings *s, Error *err)
{
    const CommonSettings *const c = &s->common;
    *r = (RewardStage){.run = run, .settings = s};
    r->folder = base_strdup(run->resume_path ? run->resume_path : c->model);
    const OptimizerConfig optimizer = stage_optimizer(c);
    if (!stage_open_scalar_model(run, c, r->folder, &r->model, &r->tokenizer, err) ||
        !reward_model_data_open(&r->data, s, r->tokenizer, &r->model.config, err) ||
        !optimizer_create(&r->optimizer, &optimizer, &r->model, err) ||
        !trainer_create(&r->trainer, &r->model, &run->compute, c->micro_batch_tokens, c->shards, c->recompute, err))
        return false;
    r->trainer.balance_coef = c->expert_balance_coef;
    r->trainer.whole_groups = true; /* both scores of a pair are in its loss */
    tell_end_from_padding(&r->model.config, &r->data.rows);
    reserve_evaluation(r);
    say_rows(r);
    return !run->resume_path || stage_restore(run, &r->model, &r->optimizer, NULL, &r->state, err);
}

/* ---- a step ---- */

static int64_t count_tokens(const RewardBatch *b)
{
    int64_t n = 0;
    for (int64_t i = 0; i < b->n_rows; i++) n += b->groups[i].n_prompt;
    for (int64_t i = 0; i < b->n_scores; i++) n += b->lengths[i];
    return n;
}

static void measure_update(RewardStage *r, const RewardModelLoss *loss)
{
    const RewardBatch *const b = &r->data.batch;
    RewardQuality q;
    reward_quality(&q, b->scores, b->lengths, loss->labels, b->n_scores);
    metrics_set(&r->row, "loss", reward_model_loss_value(loss, b->scores, b->n_scores));
    metrics_set(&r->row, "accuracy", q.accuracy);
    metrics_set(&r->row, "margin", q.margin);
    metrics_set(&r->row, "mean_reward", q.mean_score);
    metrics_set(&r->row, "min_reward", q.min_score);
    metrics_set(&r->row, "max_reward", q.max_score);
}

static bool train_step(RewardStage *r, int64_t step, Error *err)
{
    const double start = clock_seconds();
    RewardBatch *const b = &r->data.batch;
    reward_model_data_take(&r->data, step);
    const TrainBatch batch = reward_batch_view(b);
    RewardModelLoss loss = reward_batch_loss(b, r->data.rows.pairs);
    const int64_t n_tokens = count_tokens(b);
    const Schedule schedule = stage_schedule(&r->settings->common);
    const double rate = schedule_rate(&schedule, step);
    double grad_norm;
    if (!trainer_value_gradient(&r->trainer, &r->model, &batch, reward_model_loss_gradient, &loss, b->scores, err) ||
        !optimizer_update(&r->optimizer, &r->model, r->trainer.gradients[0].flat, rate, &r->run->compute, &grad_norm,
                          err))
        return false;
    stage_balance_experts(&r->settings->common, &r->trainer, &r->model);
    r->state.num_tokens += n_tokens;
    r->state.optimizer_steps = r->optimizer.step;
    measure_update(r, &loss);
    metrics_set(&r->row, "grad_norm", grad_norm);
    metrics_set(&r->row, "learning_rate", rate);
    metrics_set(&r->row, "epoch", (double)(step + 1) / (double)reward_model_steps_per_epoch(&r->data));
    metrics_set(&r->row, "num_tokens", (double)r->state.num_tokens);
    const double seconds = clock_seconds() - start;
    metrics_set(&r->row, "step_time", seconds);
    metrics_set(&r->row, "tokens_per_second", seconds > 0 ? (double)n_tokens / seconds : 0.0);
    return true;
}

/* ---- what it is worth ---- */

static bool score_evaluated(RewardStage *r, int64_t *n_scores, Error *err)
{
    const int64_t n = reward_model_n_evaluated(&r->data);
    RewardBatch *const b = &r->evaluated;
    *n_scores = 0;
    for (int64_t first = 0; first < n; first += EVAL_ROWS) {
        progress_activity(r->run->progress, "evaluating", (double)first / (double)n);
        reward_batch_clear(b);
        for (int64_t i = first; i < n && i < first + EVAL_ROWS; i++) reward_batch_add_evaluated(b, &r->data, i);
        const TrainBatch batch = reward_batch_view(b);
        if (!signals_check(err) || !trainer_values(&r->trainer, &r->model, &batch, b->scores, err)) return false;
        memcpy(r->scores + *n_scores, b->scores, (size_t)b->n_scores * sizeof *r->scores);
        memcpy(r->lengths + *n_scores, b->lengths, (size_t)b->n_scores * sizeof *r->lengths);
        memcpy(r->targets + first, b->targets, (size_t)b->n_rows * sizeof *r->targets);
        *n_scores += b->n_scores;
    }
    return true;
}

static void set_reliability(MetricsRow *row, const RewardQuality *q)
{
    for (int b = 0; b < RELIABILITY_BINS; b++) {
        const double from = 0.5 + 0.05 * b;
        metrics_setf(row, (double)q->bins[b].n, "eval_reliability/%.2f/n", from);
        metrics_setf(row, q->bins[b].confidence, "eval_reliability/%.2f/confidence", from);
        metrics_setf(row, q->bins[b].accuracy, "eval_reliability/%.2f/accuracy", from);
    }
}

static bool evaluate(RewardStage *r, Error *err)
{
    const bool pairs = r->data.rows.pairs;
    const double start = clock_seconds();
    int64_t n;
    RewardQuality q;
    if (!score_evaluated(r, &n, err)) return false;
    const RewardModelLoss loss = {.pairwise = pairs,
                                  .margins = pairs ? r->targets : NULL,
                                  .labels = pairs ? NULL : r->targets,
                                  .inv_total = reward_model_inv_total(pairs, n)};
    reward_quality(&q, r->scores, r->lengths, loss.labels, n);
    metrics_set(&r->row, "eval_loss", reward_model_loss_value(&loss, r->scores, n));
    metrics_set(&r->row, "eval_accuracy", q.accuracy);
    metrics_set(&r->row, "eval_accuracy_stderr", q.accuracy_stderr);
    metrics_set(&r->row, "eval_margin", q.margin);
    metrics_set(&r->row, "eval_mean_reward", q.mean_score);
    metrics_set(&r->row, "eval_min_reward", q.min_score);
    metrics_set(&r->row, "eval_max_reward", q.max_score);
    metrics_set(&r->row, "eval_ece", q.ece);
    metrics_set(&r->row, "eval_length_correlation", q.length_correlation);
    if (pairs) metrics_set(&r->row, "eval_longer_chosen", q.longer_chosen);
    metrics_set(&r->row, "eval_rows", (double)q.n);
    set_reliability(&r->row, &q);
    metrics_set(&r->row, "time/eval", clock_seconds() - start);
    return true;
}

/* ---- between steps ---- */

static bool save(RewardStage *r, int64_t step, Error *err)
{
    if (!stage_save(r->run, &r->settings->common, &r->model, &r->optimizer, NULL, r->folder, &r->state, err))
        return false;
    base_free(r->folder);
    r->folder = checkpoint_path(r->run->folder, step);
    return true;
}

static bool end_step(RewardStage *r, int64_t step, Error *err)
{
    const CommonSettings *const c = &r->settings->common;
    const bool due = step % r->settings->validation_every == 0 || step == c->steps;
    if (due && reward_model_n_evaluated(&r->data) > 0 && !evaluate(r, err)) return false;
    if (!metrics_append(r->run->metrics, &r->row, err)) return false;
    progress_step(r->run->progress, &r->row);
    r->state.step = step;
    return step == 0 || !stage_saves(c, step) || save(r, step, err);
}

static void begin_row(RewardStage *r, int64_t step)
{
    metrics_row_clear(&r->row);
    r->row.step = step;
    snprintf(r->row.stage, sizeof r->row.stage, "reward-model");
}

/* What the last evaluation says about relying on it. */
static void say_worth(const RewardStage *r)
{
    char line[160];
    Notes notes;
    const MetricsRow *const row = &r->row;
    const double accuracy = metrics_get(row, "eval_accuracy");
    if (isnan(accuracy)) return;
    snprintf(line, sizeof line, "on the rows held out: accuracy %.1f%% +- %.1f, margin %.3f, calibration error %.3f",
             100 * accuracy, 100 * metrics_get(row, "eval_accuracy_stderr"), metrics_get(row, "eval_margin"),
             metrics_get(row, "eval_ece"));
    progress_note(r->run->progress, line);
    notes_of_step(&notes, row);
    for (int i = 0; i < notes.n; i++)
        if (notes.items[i].level == NOTE_WARNING) progress_warning(r->run->progress, notes.items[i].text);
}

bool reward_model_run(const StageRun *run, const RewardModelSettings *settings, Error *err)
{
    RewardStage r;
    bool ok = reward_stage_open(&r, run, settings, err);
    if (ok && !run->resume_path && reward_model_n_evaluated(&r.data) > 0) {
        begin_row(&r, 0); /* where it starts from */
        ok = end_step(&r, 0, err);
    }
    for (int64_t step = r.state.step; ok && step < settings->common.steps; step++) {
        begin_row(&r, step + 1);
        ok = signals_check(err) && train_step(&r, step, err) && end_step(&r, step + 1, err);
    }
    ok = ok && stage_save_final(run, &r.model, r.folder, err);
    if (ok) say_worth(&r);
    reward_stage_close(&r);
    return ok;
}
