/* SPDX-License-Identifier: MIT */
/* recipe/reward_model.c: reward models (DeepSeek-R1, arXiv 2501.12948 v2, 3.1): a decoder with a scalar head learns which of two responses is
 * preferred (helpful: pairs, final summaries), or whether one is good (safe: labels, whole responses). What it is worth is measured on
 * rows held out from it: accuracy, calibration, margin, and how much of it is length. */
#include "recipe/reward_model_data.h"
#include "recipe/tuning.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/signals.h"
#include "eval/reward_quality.h"
#include "record/notes.h"

#include <math.h>
#include <string.h>

enum { EVAL_ROWS = 64 }; /* scored in one forward */

typedef struct RewardStage {
    Tuning tuning;
    RewardModelData data;
    RewardBatch evaluated;   /* EVAL_ROWS at a time */
    float *scores, *targets; /* [2 * evaluated rows], [evaluated rows] */
    int64_t *lengths;        /* [2 * evaluated rows] */
} RewardStage;

static void reward_stage_close(RewardStage *r)
{
    base_free(r->scores);
    base_free(r->targets);
    base_free(r->lengths);
    reward_batch_free(&r->evaluated);
    reward_model_data_free(&r->data);
    tuning_free(&r->tuning);
}

/* ---- opening ---- */

static void say_rows(const RewardStage *r)
{
    const RewardModelData *const d = &r->data;
    Progress *const progress = r->tuning.run->progress;
    const int64_t dropped = d->rows.n_dropped + d->validation.n_dropped;
    char line[200];
    if (dropped > 0) {
        snprintf(line, sizeof line, "%lld rows are longer than max_length and left out", (long long)dropped);
        progress_note(progress, line);
    }
    snprintf(line, sizeof line, "learning from %lld %s, measured on %lld", (long long)d->n_trained,
             d->rows.pairs ? "pairs" : "labelled responses", (long long)reward_model_n_evaluated(d));
    progress_note(progress, line);
    if (reward_model_n_evaluated(d) == 0)
        progress_warning(progress, "no row is held out: nothing tells what the reward model is worth "
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
    Tuning *const t = &r->tuning;
    *r = (RewardStage){0};
    if (!tuning_open_scalar(t, run, &s->sft.common, "reward-model", s->sft.common.model, err) ||
        !reward_model_data_open(&r->data, s, t->tokenizer, &t->model.config, err) || !tuning_prepare(t, 0, 0, err))
        return false;
    t->trainer.whole_groups = true; /* both scores of a pair are in its loss */
    tell_end_from_padding(&t->model.config, &r->data.rows);
    reserve_evaluation(r);
    say_rows(r);
    return true;
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
    MetricsRow *const row = &r->tuning.row;
    RewardQuality q;
    reward_quality(&q, b->scores, b->lengths, loss->labels, b->n_scores);
    metrics_set(row, "loss", reward_model_loss_value(loss, b->scores, b->n_scores));
    metrics_set(row, "accuracy", q.accuracy);
    metrics_set(row, "margin", q.margin);
    metrics_set(row, "mean_reward", q.mean_score);
    metrics_set(row, "min_reward", q.min_score);
    metrics_set(row, "max_reward", q.max_score);
}

static bool train_step(void *context, int64_t step, Error *err)
{
    RewardStage *const r = context;
    Tuning *const t = &r->tuning;
    const double start = clock_seconds();
    RewardBatch *const b = &r->data.batch;
    reward_model_data_take(&r->data, step);
    const TrainBatch batch = reward_batch_view(b);
    RewardModelLoss loss = reward_batch_loss(b, r->data.rows.pairs);
    if (!trainer_value_gradient(&t->trainer, &t->model, &batch, reward_model_loss_gradient, &loss, b->scores, err))
        return false;
    measure_update(r, &loss);
    const double epoch = (double)(step + 1) / (double)reward_model_steps_per_epoch(&r->data);
    return tuning_update(t, step, count_tokens(b), epoch, start, err);
}

/* ---- what it is worth ---- */

static bool score_evaluated(RewardStage *r, int64_t *n_scores, Error *err)
{
    Tuning *const t = &r->tuning;
    const int64_t n = reward_model_n_evaluated(&r->data);
    RewardBatch *const b = &r->evaluated;
    *n_scores = 0;
    for (int64_t first = 0; first < n; first += EVAL_ROWS) {
        progress_activity(t->run->progress, "evaluating", (double)first / (double)n);
        reward_batch_clear(b);
        for (int64_t i = first; i < n && i < first + EVAL_ROWS; i++) reward_batch_add_evaluated(b, &r->data, i);
        const TrainBatch batch = reward_batch_view(b);
        if (!signals_check(err) || !trainer_values(&t->trainer, &t->model, &batch, b->scores, err)) return false;
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

static bool evaluate(void *context, Error *err)
{
    RewardStage *const r = context;
    MetricsRow *const row = &r->tuning.row;
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
    metrics_set(row, "eval_loss", reward_model_loss_value(&loss, r->scores, n));
    metrics_set(row, "eval_accuracy", q.accuracy);
    metrics_set(row, "eval_accuracy_stderr", q.accuracy_stderr);
    metrics_set(row, "eval_margin", q.margin);
    metrics_set(row, "eval_mean_reward", q.mean_score);
    metrics_set(row, "eval_min_reward", q.min_score);
    metrics_set(row, "eval_max_reward", q.max_score);
    metrics_set(row, "eval_ece", q.ece);
    metrics_set(row, "eval_length_correlation", q.length_correlation);
    if (pairs) metrics_set(row, "eval_longer_chosen", q.longer_chosen);
    metrics_set(row, "eval_rows", (double)q.n);
    set_reliability(row, &q);
    metrics_set(row, "time/eval", clock_seconds() - start);
    return true;
}

/* What the last evaluation says about relying on it. */
static void say_worth(const RewardStage *r)
{
    char line[160];
    Notes notes;
    const MetricsRow *const row = &r->tuning.row;
    const double accuracy = metrics_get(row, "eval_accuracy");
    if (isnan(accuracy)) return;
    snprintf(line, sizeof line, "on the rows held out: accuracy %.1f%% +- %.1f, margin %.3f, calibration error %.3f",
             100 * accuracy, 100 * metrics_get(row, "eval_accuracy_stderr"), metrics_get(row, "eval_margin"),
             metrics_get(row, "eval_ece"));
    progress_note(r->tuning.run->progress, line);
    notes_of_step(&notes, row);
    for (int i = 0; i < notes.n; i++)
        if (notes.items[i].level == NOTE_WARNING) progress_warning(r->tuning.run->progress, notes.items[i].text);
}

bool reward_model_run(const StageRun *run, const RewardModelSettings *settings, Error *err)
{
    RewardStage r;
    bool ok = reward_stage_open(&r, run, settings, err);
    const TuningSteps steps = {.context = &r,
                               .train = train_step,
                               .validate = reward_model_n_evaluated(&r.data) > 0 ? evaluate : NULL,
                               .validation_every = settings->sft.validation_every};
    ok = ok && tuning_run(&r.tuning, &steps, err);
    if (ok) say_worth(&r);
    reward_stage_close(&r);
    return ok;
}
