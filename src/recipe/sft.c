/* SPDX-License-Identifier: MIT */
/* recipe/sft.c: supervised fine-tuning (stages 1 and 3 of the paper, and distillation into students): cross-entropy on the
 * completions of a file of examples. Examples of an update are packed and never see each other. */
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/signals.h"
#include "record/checkpoint.h"
#include "recipe/sft_data.h"
#include "train/sft.h"

typedef struct Sft {
    const StageRun *run;
    const SftSettings *settings;
    char *folder; /* owned; where tokenizer and config come from: the start model, then the newest checkpoint */
    Tokenizer *tokenizer;
    Model model;
    Optimizer optimizer;
    Trainer trainer;
    RolloutEngine *engine;
    SftData data;
    float *logprobs, *entropies; /* [the largest update's tokens] */
    Examples validation;
    StageState state;
    MetricsRow row;
} Sft;

static void sft_close(Sft *f)
{
    sft_data_free(&f->data);
    examples_free(&f->validation);
    base_free(f->logprobs);
    base_free(f->entropies);
    metrics_row_free(&f->row);
    engine_free(f->engine);
    trainer_free(&f->trainer);
    optimizer_free(&f->optimizer);
    model_free(&f->model);
    tokenizer_free(f->tokenizer);
    base_free(f->folder);
}

/* ---- opening ---- */

static void say_overlong(const Sft *f)
{
    const Examples *const e = &f->data.examples;
    char line[200];
    if (e->n_dropped + e->n_cut == 0) return;
    snprintf(line, sizeof line, "%lld examples are longer than max_length: %lld left out, %lld cut; %lld are used",
             (long long)(e->n_dropped + e->n_cut), (long long)e->n_dropped, (long long)e->n_cut, (long long)e->n);
    progress_note(f->run->progress, line);
}

static bool read_validation(Sft *f, Error *err)
{
    ExampleOptions options;
    if (!*f->settings->validation_data) return true;
    if (!sft_example_options(&options, f->settings, f->tokenizer, &f->model.config, err)) return false;
    options.overlong = OVERLONG_TRUNCATE; /* the loss of what fits is a figure, a row left out none */
    return examples_read(&f->validation, f->tokenizer, f->settings->validation_data, &options, err);
}

static bool sft_open(Sft *f, const StageRun *run, const SftSettings *s, Error *err)
{
    const CommonSettings *const c = &s->common;
    *f = (Sft){.run = run, .settings = s};
    f->folder = base_strdup(run->resume_path ? run->resume_path : c->model);
    const OptimizerConfig optimizer = stage_optimizer(c);
    if (!stage_open_model(run, c, f->folder, &f->model, &f->tokenizer, err) ||
        !sft_data_open(&f->data, s, f->tokenizer, &f->model.config, err) || !read_validation(f, err) ||
        !optimizer_create(&f->optimizer, &optimizer, &f->model, err) ||
        !trainer_create(&f->trainer, &f->model, &run->compute, c->micro_batch_tokens, c->shards, c->recompute, err) ||
        !stage_evaluation_engine(&f->engine, run, c, f->tokenizer, &f->model, err))
        return false;
    f->trainer.balance_coef = c->expert_balance_coef;
    f->logprobs = base_alloc((size_t)f->data.max_tokens, sizeof *f->logprobs);
    f->entropies = base_alloc((size_t)f->data.max_tokens, sizeof *f->entropies);
    say_overlong(f);
    return !run->resume_path || stage_restore(run, &f->model, &f->optimizer, NULL, &f->state, err);
}

/* ---- a step ---- */

static double mean_of(const float *values, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)values[i];
    return n > 0 ? sum / (double)n : 0.0;
}

static bool train_step(Sft *f, int64_t step, Error *err)
{
    const double start = clock_seconds();
    const TrainBatch batch = sft_data_batch(&f->data, step);
    const int64_t n_tokens = train_batch_tokens(&batch);
    SftLoss loss = {f->data.weights, sft_inv_total(f->data.weights, n_tokens)};
    if (!trainer_gradient(&f->trainer, &f->model, &batch, 1.0f, sft_loss_gradient, &loss, f->logprobs, f->entropies,
                          err))
        return false;
    const Schedule schedule = stage_schedule(&f->settings->common);
    const double rate = schedule_rate(&schedule, step);
    double grad_norm;
    if (!optimizer_update(&f->optimizer, &f->model, f->trainer.gradients[0].flat, rate, &f->run->compute, &grad_norm,
                          err))
        return false;
    stage_balance_experts(&f->settings->common, &f->trainer, &f->model);
    f->state.num_tokens += n_tokens;
    f->state.optimizer_steps = f->optimizer.step;
    metrics_set(&f->row, "loss", sft_loss_value(&loss, f->logprobs, n_tokens));
    metrics_set(&f->row, "entropy", mean_of(f->entropies, n_tokens));
    metrics_set(&f->row, "grad_norm", grad_norm);
    metrics_set(&f->row, "learning_rate", rate);
    metrics_set(&f->row, "epoch", (double)(step + 1) / (double)sft_steps_per_epoch(&f->data));
    metrics_set(&f->row, "num_tokens", (double)f->state.num_tokens);
    const double seconds = clock_seconds() - start;
    metrics_set(&f->row, "step_time", seconds);
    metrics_set(&f->row, "tokens_per_second", seconds > 0 ? (double)n_tokens / seconds : 0.0);
    return true;
}

/* ---- between steps ---- */

/* The loss of the validation examples, one batch each: no array of all their tokens. */
static bool validate(Sft *f, Error *err)
{
    double sum = 0;
    int64_t n = 0;
    float *const logprobs = base_alloc((size_t)f->validation.n_longest, sizeof *logprobs);
    bool ok = true;
    for (int64_t i = 0; ok && i < f->validation.n; i++) {
        const TrainSequence sequence = sft_sequence(&f->validation, &f->validation.items[i], false);
        const TrainGroup group = {.n_sequences = 1};
        const TrainBatch batch = {&group, 1, &sequence, 1};
        progress_activity(f->run->progress, "evaluating", (double)i / (double)f->validation.n);
        ok = trainer_logprobs(&f->trainer, &f->model, &batch, 1.0f, logprobs, NULL, err);
        for (int64_t t = 0; ok && t < sequence.n_rows - sequence.first_target; t++, n++) sum -= (double)logprobs[t];
    }
    base_free(logprobs);
    if (ok) metrics_set(&f->row, "eval_loss", sum / (double)n);
    return ok;
}

static bool save(Sft *f, int64_t step, Error *err)
{
    if (!stage_save(f->run, &f->settings->common, &f->model, &f->optimizer, NULL, f->folder, &f->state, err))
        return false;
    base_free(f->folder);
    f->folder = checkpoint_path(f->run->folder, step);
    return true;
}

static bool end_step(Sft *f, int64_t step, Error *err)
{
    const CommonSettings *const c = &f->settings->common;
    const int64_t every = f->settings->validation_every;
    const bool validates = f->validation.n > 0 && (step % every == 0 || step == c->steps);
    if (validates && !validate(f, err)) return false;
    if (stage_evaluates(c, step) && !stage_evaluate(f->run, c, f->engine, f->tokenizer, step, &f->row, err))
        return false;
    if (!metrics_append(f->run->metrics, &f->row, err)) return false;
    progress_step(f->run->progress, &f->row);
    f->state.step = step;
    return step == 0 || !stage_saves(c, step) || save(f, step, err);
}

static void begin_row(Sft *f, int64_t step)
{
    metrics_row_clear(&f->row);
    f->row.step = step;
    snprintf(f->row.stage, sizeof f->row.stage, "sft");
}

bool sft_run(const StageRun *run, const SftSettings *settings, Error *err)
{
    Sft f;
    bool ok = sft_open(&f, run, settings, err);
    if (ok && !run->resume_path && (f.validation.n > 0 || stage_evaluates(&settings->common, 0))) {
        begin_row(&f, 0); /* where it starts from */
        ok = end_step(&f, 0, err);
    }
    for (int64_t step = f.state.step; ok && step < settings->common.steps; step++) {
        begin_row(&f, step + 1);
        ok = signals_check(err) && train_step(&f, step, err) && end_step(&f, step + 1, err);
    }
    ok = ok && stage_save_final(run, &f.model, f.folder, err);
    sft_close(&f);
    return ok;
}
