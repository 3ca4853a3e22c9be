/* SPDX-License-Identifier: MIT */
/* recipe/stage.c: see stage.h. */
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/file.h"
#include "data/text_stats.h"
#include "format/safetensors.h"
#include "model/folder.h"
#include "record/checkpoint.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double stage_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

OptimizerConfig stage_optimizer(const CommonSettings *c)
{
    return (OptimizerConfig){.beta1 = c->beta1,
                             .beta2 = c->beta2,
                             .eps = c->adam_eps,
                             .weight_decay = c->weight_decay,
                             .max_grad_norm = c->max_grad_norm};
}

Schedule stage_schedule(const CommonSettings *c)
{
    return (Schedule){.kind = (ScheduleKind)c->schedule,
                      .base = c->learning_rate,
                      .final_ratio = c->final_rate,
                      .warmup_steps = c->warmup_steps,
                      .total_steps = c->steps};
}

bool stage_evaluates(const CommonSettings *c, int64_t step)
{
    return c->eval_every > 0 && (step % c->eval_every == 0 || step == c->steps);
}
bool stage_saves(const CommonSettings *c, int64_t step)
{
    return step % c->checkpoint_every == 0 || step == c->steps;
}

int64_t stage_max_sequence(const ModelConfig *config, int64_t max_tokens)
{
    /* A prompt's text has fewer than TASK_MAX_TEXT bytes, and a token has at least one. */
    const int64_t n = TASK_MAX_TEXT + max_tokens;
    return n < config->max_positions ? n : config->max_positions;
}

/* ---- checkpoints ---- */

static bool write_optimizer(const char *folder, const Optimizer *o, const ParamLayout *layout, char hex[33], Error *err)
{
    const int64_t n = layout->n_tensors;
    SafetensorsItem *items = base_alloc((size_t)(2 * n), sizeof *items);
    char **names = base_alloc((size_t)(2 * n), sizeof *names);
    for (int64_t i = 0; i < 2 * n; i++) {
        const ParamTensor *t = &layout->tensors[i % n];
        names[i] = base_printf("%s.%s", i < n ? "exp_avg" : "exp_avg_sq", t->name);
        items[i] = (SafetensorsItem){
            .name = names[i], .dtype = DTYPE_F32, .rank = t->rank, .data = (i < n ? o->m : o->v) + t->offset};
        items[i].shape[0] = t->rank == 1 ? t->columns : t->rows;
        items[i].shape[1] = t->columns;
    }
    char *path = base_printf("%s/optimizer.safetensors", folder);
    const bool ok = safetensors_write(path, items, 2 * n, "checkpoint-optimizer", hex, err);
    for (int64_t i = 0; i < 2 * n; i++) base_free(names[i]);
    base_free(names);
    base_free(items);
    base_free(path);
    return ok;
}

static bool write_state(const char *folder, const StageState *s, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_int(&out, "step", s->step);
    json_out_kv_int(&out, "next_document", s->next_document);
    json_out_kv_int(&out, "num_tokens", s->num_tokens);
    json_out_kv_int(&out, "optimizer_steps", s->optimizer_steps);
    json_out_object_end(&out);
    char *path = base_printf("%s/state.json", folder);
    const bool ok = file_write_all(path, "checkpoint-state", out.text, out.length, err);
    base_free(path);
    json_out_free(&out);
    return ok;
}

static bool fill_checkpoint(CheckpointWriter *writer, const Model *model, const Optimizer *optimizer,
                            const Model *reference, const char *tokenizer_folder, const StageState *state, Error *err)
{
    const char *folder = checkpoint_folder(writer);
    char hex[33];
    if (!model_folder_write_weights(folder, "model.safetensors", model->weights, &model->layout, "checkpoint-model",
                                    hex, err) ||
        !checkpoint_add(writer, "model.safetensors", hex, err))
        return false;
    if (!write_optimizer(folder, optimizer, &model->layout, hex, err) ||
        !checkpoint_add(writer, "optimizer.safetensors", hex, err))
        return false;
    if (reference && (!model_folder_write_weights(folder, "reference.safetensors", reference->weights,
                                                  &reference->layout, "checkpoint-reference", hex, err) ||
                      !checkpoint_add(writer, "reference.safetensors", hex, err)))
        return false;
    return model_folder_write_config(folder, &model->config, tokenizer_folder, err) &&
           write_state(folder, state, err) && checkpoint_add_rest(writer, err);
}

bool stage_save(const StageRun *run, const CommonSettings *common, const Model *model, const Optimizer *optimizer,
                const Model *reference, const char *tokenizer_folder, const StageState *state, Error *err)
{
    CheckpointWriter *writer;
    if (!checkpoint_begin(&writer, run->folder, state->step, err)) return false;
    if (!fill_checkpoint(writer, model, optimizer, reference, tokenizer_folder, state, err)) {
        checkpoint_abandon(writer);
        return error_in(err, "checkpoint of step %lld", (long long)state->step);
    }
    return checkpoint_commit(writer, err) && checkpoint_rotate(run->folder, common->checkpoint_keep, NULL, 0, err);
}

static bool read_moments(Optimizer *o, const ParamLayout *layout, const char *folder, Error *err)
{
    char *path = base_printf("%s/optimizer.safetensors", folder);
    SafetensorsFile file = {0};
    bool ok = safetensors_open(&file, path, err);
    for (int64_t i = 0; ok && i < 2 * layout->n_tensors; i++) {
        const ParamTensor *t = &layout->tensors[i % layout->n_tensors];
        const bool first = i < layout->n_tensors;
        char *name = base_printf("%s.%s", first ? "exp_avg" : "exp_avg_sq", t->name);
        const SafetensorsTensor *tensor = safetensors_find(&file, name);
        const int64_t shape[2] = {t->rank == 1 ? t->columns : t->rows, t->columns};
        ok = tensor ? safetensors_check_shape(tensor, t->rank, shape, err) &&
                          safetensors_read_f32((first ? o->m : o->v) + t->offset, tensor, err)
                    : error_set(err, ERROR_INPUT, "%s: tensor \"%s\" is missing", path, name);
        base_free(name);
    }
    safetensors_close(&file);
    base_free(path);
    return ok;
}

static bool read_count(const json_t *json, const char *key, int64_t *value, Error *err)
{
    return json_require(json, key, err) && json_get_int(json, key, 0, INT64_MAX, value, err);
}

static bool read_state(StageState *s, const char *folder, Error *err)
{
    char *const path = base_printf("%s/state.json", folder);
    json_t *const json = json_read_file(path, err);
    bool ok = json != NULL; /* the message names the file */
    if (ok && !(read_count(json, "step", &s->step, err) && read_count(json, "next_document", &s->next_document, err) &&
                read_count(json, "num_tokens", &s->num_tokens, err) &&
                read_count(json, "optimizer_steps", &s->optimizer_steps, err)))
        ok = error_in(err, "%s", path);
    json_decref(json);
    base_free(path);
    return ok;
}

/* A model_folder_read_weights of one named file: the reference's weights stand beside the model's. */
static bool read_reference(Model *reference, const char *folder, const Compute *compute, Error *err)
{
    char *path = base_printf("%s/reference.safetensors", folder);
    SafetensorsFile file = {0};
    bool ok = safetensors_open(&file, path, err);
    for (int64_t i = 0; ok && i < reference->layout.n_tensors; i++) {
        const ParamTensor *t = &reference->layout.tensors[i];
        const SafetensorsTensor *tensor = safetensors_find(&file, t->name);
        const int64_t shape[2] = {t->rank == 1 ? t->columns : t->rows, t->columns};
        ok = tensor ? safetensors_check_shape(tensor, t->rank, shape, err) &&
                          safetensors_read_f32(reference->weights + t->offset, tensor, err)
                    : error_set(err, ERROR_INPUT, "%s: tensor \"%s\" is missing", path, t->name);
    }
    safetensors_close(&file);
    base_free(path);
    if (ok) model_pack(reference, compute);
    return ok;
}

bool stage_restore(const StageRun *run, Model *model, Optimizer *optimizer, Model *reference, StageState *state,
                   Error *err)
{
    if (!model_folder_read_weights(model->weights, &model->layout, &model->config, run->resume_path, err)) return false;
    model_pack(model, &run->compute);
    if (!read_moments(optimizer, &model->layout, run->resume_path, err) || !read_state(state, run->resume_path, err))
        return false;
    if (state->step != run->resume_step)
        return error_set(err, ERROR_INPUT, "%s: holds the state of step %lld", run->resume_path,
                         (long long)state->step);
    optimizer->step = state->optimizer_steps;
    return !reference || read_reference(reference, run->resume_path, &run->compute, err);
}

bool stage_drop_final(const char *folder, Error *err)
{
    char *const final = base_printf("%s/model", folder), *const gone = base_printf("%s/model.tmp-gone", folder);
    bool ok = file_remove_tree(gone, err);
    if (ok && file_exists(final) && rename(final, gone) != 0)
        ok = error_set(err, ERROR_SYSTEM, "%s: %s", final, strerror(errno));
    ok = ok && file_remove_tree(gone, err);
    base_free(final);
    base_free(gone);
    return ok;
}

bool stage_save_final(const StageRun *run, const Model *model, const char *tokenizer_folder, Error *err)
{
    char *const final = base_printf("%s/model", run->folder);
    char *const temporary = base_printf("%s/model.tmp-%d", run->folder, (int)getpid());
    Error ignored = {0};
    const bool ok = file_remove_tree(temporary, err) && file_make_folders(temporary, err) &&
                    model_folder_write_weights(temporary, "model.safetensors", model->weights, &model->layout,
                                               "final-model", NULL, err) &&
                    model_folder_write_config(temporary, &model->config, tokenizer_folder, err) &&
                    stage_drop_final(run->folder, err) && file_rename_durable(temporary, final, "final", err);
    if (!ok) (void)!file_remove_tree(temporary, &ignored); /* on a full disk its room is wanted */
    base_free(final);
    base_free(temporary);
    return ok;
}

/* ---- evaluation ---- */

typedef struct EvalRecord {
    const StageRun *run;
    int64_t step;
    int64_t n_done, n_total;
} EvalRecord;

static bool record_sample(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    EvalRecord *r = context;
    progress_activity(r->run->progress, "evaluating", (double)++r->n_done / (double)r->n_total);
    /* Texts of the first two samples of a problem are enough to be read; the figures are kept of all. */
    if (sample->completion >= 2) return true;
    char key[96];
    snprintf(key, sizeof key, "%s/%d/held-out/%lld", problem->task_name, problem->level, (long long)problem->index);
    const StoredProblem stored = {.key = key,
                                  .task = problem->task_name,
                                  .split = "held-out",
                                  .level = problem->level,
                                  .prompt = problem->prompt,
                                  .prompt_length = strlen(problem->prompt),
                                  .answer = problem->answer,
                                  .check = problem->check};
    const StoredCompletion c = {.phase = STORED_EVALUATION,
                                .suite = "held_out",
                                .step = r->step,
                                .prompt_index =
                                    ((int64_t)problem->task * 64 + problem->level) * 100000 + problem->index,
                                .completion_index = sample->completion,
                                .problem_key = key,
                                .text = sample->text,
                                .text_length = sample->length,
                                .n_ids = sample->tokens->n_ids,
                                .stopped = sample->tokens->finish == FINISH_STOP,
                                .accuracy = sample->accuracy,
                                .format = sample->format,
                                .reward = sample->reward,
                                .advantage = NAN,
                                .verdict = sample->verdict,
                                .reflective_words = sample->reflective_words,
                                .style = (StoredStyle)sample->style};
    return run_store_add_problem(r->run->store, r->step, &stored, err) &&
           run_store_add_completion(r->run->store, &c, err);
}

static bool store_figure(const StageRun *run, int64_t step, const EvalCell *cell, const char *task, const char *measure,
                         double value, double error, Error *err)
{
    const StoredEvaluation e = {.step = step,
                                .suite = "held_out",
                                .task = task,
                                .level = task ? cell->level : 0,
                                .measure = measure,
                                .value = value,
                                .standard_error = error,
                                .n_problems = cell->n_problems,
                                .n_samples = cell->n_samples};
    return run_store_add_evaluation(run->store, &e, err);
}

static bool store_cell(const StageRun *run, int64_t step, const EvalCell *cell, const char *task, Error *err)
{
    char cons[32];
    snprintf(cons, sizeof cons, "cons@%lld", (long long)cell->n_samples);
    return store_figure(run, step, cell, task, "pass@1", cell->pass_at_1, cell->pass_at_1_error, err) &&
           store_figure(run, step, cell, task, cons, cell->cons_at_k, NAN, err) &&
           store_figure(run, step, cell, task, "mean_length", cell->mean_length, NAN, err) &&
           store_figure(run, step, cell, task, "format", cell->format, NAN, err) &&
           store_figure(run, step, cell, task, "reflection/per_completion", cell->reflective_per_completion, NAN, err);
}

static void set_figures(MetricsRow *row, const EvalCell *m)
{
    metrics_set(row, "eval/held_out/pass@1", m->pass_at_1);
    metrics_set(row, "eval/held_out/pass@1_stderr", m->pass_at_1_error);
    for (int i = 1; i < 7; i++)
        if (!isnan(m->pass_at[i])) metrics_setf(row, m->pass_at[i], "eval/held_out/pass@%d", 1 << i);
    metrics_setf(row, m->cons_at_k, "eval/held_out/cons@%lld", (long long)m->n_samples);
    metrics_set(row, "eval/held_out/mean_length", m->mean_length);
    metrics_set(row, "eval/held_out/mean_length_right", m->mean_length_right);
    metrics_set(row, "eval/held_out/mean_length_wrong", m->mean_length_wrong);
    metrics_set(row, "eval/held_out/format", m->format);
    metrics_set(row, "eval/held_out/truncated", m->truncated);
    metrics_set(row, "eval/held_out/reflection/per_completion", m->reflective_per_completion);
    metrics_set(row, "eval/held_out/reflection/per_1k_tokens", m->reflective_per_1k_tokens);
    for (int i = 0; i < TEXT_STYLE_COUNT; i++)
        metrics_setf(row, m->style[i], "eval/held_out/style/%s", text_style_name((TextStyle)i));
    metrics_set(row, "eval/held_out/corrected_of_right", m->corrected_of_right);
    metrics_set(row, "eval/held_out/right_after_first_miss", m->right_after_first_miss);
}

bool stage_evaluate(const StageRun *run, const CommonSettings *common, RolloutEngine *engine,
                    const Tokenizer *tokenizer, int64_t step, MetricsRow *row, Error *err)
{
    const double start = stage_seconds();
    int64_t n_cells = 0;
    for (int t = 0; t < task_count(); t++) n_cells += task_train_levels(t);
    const EvalConfig config = {.split = SPLIT_HELD_OUT,
                               .seed = (uint64_t)common->seed,
                               .problems_per_cell = common->eval_problems,
                               .samples = common->eval_samples,
                               .trained_levels = true,
                               .sampling = {.temperature = 1.0, .top_p = 1.0, .max_tokens = common->eval_max_tokens}};
    EvalRecord record = {run, step, 0, n_cells * common->eval_problems * common->eval_samples};
    EvalResult result = {0};
    bool ok = run_store_begin(run->store, err) &&
              evaluate_tasks(engine, tokenizer, &config, &result, record_sample, &record, err);
    for (int64_t i = 0; ok && i < result.n_cells; i++)
        ok = store_cell(run, step, &result.cells[i], task_name(result.cells[i].task), err);
    ok = ok && store_cell(run, step, &result.macro, NULL, err);
    if (ok)
        ok = run_store_commit(run->store, err);
    else
        run_store_rollback(run->store);
    if (ok) {
        set_figures(row, &result.macro);
        for (int64_t i = 0; i < result.n_cells; i++)
            metrics_setf(row, result.cells[i].pass_at_1, "eval/held_out/%s/%d", task_name(result.cells[i].task),
                         result.cells[i].level);
        metrics_set(row, "time/eval", stage_seconds() - start);
    }
    eval_result_free(&result);
    return ok || error_in(err, "evaluation after step %lld", (long long)step);
}
