/* SPDX-License-Identifier: MIT */
/* recipe/tuning.c: see tuning.h. */
#include "recipe/tuning.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/signals.h"
#include "model/adapter.h"
#include "record/checkpoint.h"

void tuning_free(Tuning *t)
{
    metrics_row_free(&t->row);
    engine_free(t->engine);
    trainer_free(&t->trainer);
    optimizer_free(&t->optimizer);
    model_free(&t->model);
    tokenizer_free(t->tokenizer);
    base_free(t->folder);
    *t = (Tuning){0};
}

/* ---- opening ---- */

static void tuning_begin(Tuning *t, const StageRun *run, const CommonSettings *common, const char *stage,
                         const char *start)
{
    *t = (Tuning){.run = run, .common = common, .stage = stage};
    t->folder = base_strdup(run->resume_path ? run->resume_path : start);
}

bool tuning_open(Tuning *t, const StageRun *run, const CommonSettings *common, const char *stage, const char *start,
                 Error *err)
{
    tuning_begin(t, run, common, stage, start);
    return stage_open_model(run, common, t->folder, &t->model, &t->tokenizer, err);
}

bool tuning_open_scalar(Tuning *t, const StageRun *run, const CommonSettings *common, const char *stage,
                        const char *start, Error *err)
{
    tuning_begin(t, run, common, stage, start);
    return stage_open_scalar_model(run, common, t->folder, &t->model, &t->tokenizer, err);
}

bool tuning_open_fresh(Tuning *t, const StageRun *run, const CommonSettings *common, const char *stage,
                       const ModelConfig *config, double init_std, const char *tokenizer_folder, Error *err)
{
    if (run->resume_path) return tuning_open(t, run, common, stage, tokenizer_folder, err);
    tuning_begin(t, run, common, stage, tokenizer_folder);
    if (!adapter_tokenizer_open(&t->tokenizer, t->folder, err) || !model_create(&t->model, config, err)) return false;
    model_init(&t->model, (uint64_t)common->seed, init_std);
    model_pack(&t->model, &run->compute);
    return true;
}

/* Room for evaluations too. */
static bool make_engine(Tuning *t, int64_t max_active, int64_t sequence, Error *err)
{
    const CommonSettings *const c = t->common;
    int64_t longest;
    if (sequence == 0) return stage_evaluation_engine(&t->engine, t->run, c, t->tokenizer, &t->model, err);
    if (!stage_eval_data_sequence(c, t->tokenizer, &t->model.config, t->run->progress, &longest, err)) return false;
    if (longest > sequence) sequence = longest;
    const int64_t evaluated = c->eval_every > 0 ? stage_max_sequence(&t->model.config, c->eval_max_tokens) : 0;
    if (evaluated > sequence) sequence = evaluated;
    return engine_create(&t->engine, &t->model, &t->run->compute, max_active, sequence, err);
}

bool tuning_prepare(Tuning *t, int64_t max_active, int64_t max_sequence, Error *err)
{
    const CommonSettings *const c = t->common;
    const OptimizerConfig optimizer = stage_optimizer(c);
    if (c->mtp_loss_weight > 0) model_train_mtp(&t->model);
    if (!optimizer_create(&t->optimizer, &optimizer, &t->model, err) ||
        !trainer_create(&t->trainer, &t->model, &t->run->compute, c->micro_batch_tokens, c->shards, c->recompute,
                        err) ||
        !make_engine(t, max_active, max_sequence, err))
        return false;
    t->trainer.balance_coef = c->expert_balance_coef;
    return !t->run->resume_path || stage_restore(t->run, &t->model, &t->optimizer, NULL, &t->state, err);
}

/* ---- a step ---- */

double tuning_mean(const float *values, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)values[i];
    return n > 0 ? sum / (double)n : 0.0;
}

bool tuning_update(Tuning *t, int64_t step, int64_t n_tokens, double epoch, double start, Error *err)
{
    const Schedule schedule = stage_schedule(t->common);
    const double rate = schedule_rate(&schedule, step);
    double grad_norm;
    if (!optimizer_update(&t->optimizer, &t->model, t->trainer.gradients[0].flat, rate, &t->run->compute, &grad_norm,
                          err))
        return false;
    stage_balance_experts(t->common, &t->trainer, &t->model);
    t->state.num_tokens += n_tokens;
    t->state.optimizer_steps = t->optimizer.step;
    metrics_set(&t->row, "grad_norm", grad_norm);
    metrics_set(&t->row, "learning_rate", rate);
    metrics_set(&t->row, "epoch", epoch);
    metrics_set(&t->row, "num_tokens", (double)t->state.num_tokens);
    const double seconds = clock_seconds() - start;
    metrics_set(&t->row, "step_time", seconds);
    metrics_set(&t->row, "tokens_per_second", seconds > 0 ? (double)n_tokens / seconds : 0.0);
    return true;
}

static bool save(Tuning *t, int64_t step, Error *err)
{
    if (!stage_save(t->run, t->common, &t->model, &t->optimizer, NULL, t->folder, &t->state, err)) return false;
    base_free(t->folder);
    t->folder = checkpoint_path(t->run->folder, step);
    return true;
}

/* What a step produced is recorded before its checkpoint: what a checkpoint resumes from is there, and what is there beyond it is
 * dropped and written again. */
static bool end_step(Tuning *t, const TuningSteps *steps, int64_t step, Error *err)
{
    const CommonSettings *const c = t->common;
    const bool validates = steps->validate && (step % steps->validation_every == 0 || step == c->steps);
    if (validates && !steps->validate(steps->context, err)) return false;
    if (stage_evaluates(c, step) && !stage_evaluate(t->run, c, t->engine, t->tokenizer, step, &t->row, err))
        return false;
    if (!metrics_append(t->run->metrics, &t->row, err)) return false;
    progress_step(t->run->progress, &t->row);
    t->state.step = step;
    return step == 0 || !stage_saves(c, step) || save(t, step, err);
}

static void begin_row(Tuning *t, int64_t step)
{
    metrics_row_clear(&t->row);
    t->row.step = step;
    snprintf(t->row.stage, sizeof t->row.stage, "%s", t->stage);
}

bool tuning_run(Tuning *t, const TuningSteps *steps, Error *err)
{
    bool ok = true;
    if (!t->run->resume_path && (steps->validate || stage_evaluates(t->common, 0))) {
        begin_row(t, 0); /* where it starts from */
        ok = end_step(t, steps, 0, err);
    }
    for (int64_t step = t->state.step; ok && step < t->common->steps; step++) {
        begin_row(t, step + 1);
        ok = signals_check(err) && steps->train(steps->context, step, err) && end_step(t, steps, step + 1, err);
    }
    return ok && stage_save_final(t->run, &t->model, t->folder, err);
}
