/* SPDX-License-Identifier: MIT */
/* recipe/stage_evaluate.c: evaluations during a run: held-out problems, their figures into the metrics and run.sqlite, a few of
 * the texts beside them. */
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/clock.h"
#include "data/text_stats.h"
#include "eval/evaluate_general.h"

#include <math.h>
#include <string.h>

typedef struct EvalRecord {
    const StageRun *run;
    int64_t step;
    int64_t n_done, n_total;
    const EvalListener *listener;
    const CommonSettings *common;
    const char *suite;
} EvalRecord;

/* Unique among the problems of an evaluation; the same whatever else is evaluated. */
static int64_t prompt_index(const EvalProblem *p)
{
    const int64_t cell = (int64_t)p->task * (TASK_MAX_LEVELS + 1) + p->level;
    return p->task < 0 ? p->index : ((int64_t)p->language * 1000 + cell) * 1000000 + p->index;
}

static bool record_sample(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    EvalRecord *r = context;
    progress_activity(r->run->progress, "evaluating", (double)++r->n_done / (double)r->n_total);
    /* Texts of the first two samples of a problem are enough to be read; the figures are kept of all, for paired tests. */
    const bool with_text = sample->completion < 2;
    char *const key = base_printf("%s/%d/held-out/%lld%s", problem->task_name, problem->level,
                                  (long long)problem->index, problem->language == TASK_ZH ? "/zh" : "");
    const StoredProblem stored = {.key = key,
                                  .task = problem->task_name,
                                  .split = "held-out",
                                  .level = problem->level,
                                  .prompt = problem->prompt,
                                  .prompt_length = problem->prompt_length,
                                  .answer = problem->answer,
                                  .check = problem->check};
    const StoredCompletion c = {.phase = STORED_EVALUATION,
                                .suite = r->suite ? r->suite : "held_out",
                                .step = r->step,
                                .prompt_index = prompt_index(problem),
                                .completion_index = sample->completion,
                                .problem_key = key,
                                .text = with_text ? sample->text : NULL,
                                .text_length = with_text ? sample->length : 0,
                                .n_ids = sample->tokens->n_ids,
                                .stopped = sample->tokens->finish == FINISH_STOP,
                                .accuracy = sample->accuracy,
                                .format = sample->format,
                                .reward = sample->reward,
                                .advantage = (double)NAN,
                                .verdict = sample->verdict,
                                .reflective_words = sample->reflective_words,
                                .style = (StoredStyle)sample->style};
    const EvalListener *const l = r->listener;
    const bool ok = run_store_add_problem(r->run->store, r->step, &stored, err) &&
                    run_store_add_completion(r->run->store, &c, err) &&
                    (!l || !l->also || l->also(l->context, problem, sample, err));
    base_free(key);
    return ok;
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
           (isnan(cell->cons_at_k) || store_figure(run, step, cell, task, cons, cell->cons_at_k, NAN, err)) &&
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
    if (!isnan(m->cons_at_k)) metrics_setf(row, m->cons_at_k, "eval/held_out/cons@%lld", (long long)m->n_samples);
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
    metrics_set(row, "eval/held_out/language/consistency", m->language_consistency);
    metrics_set(row, "eval/held_out/language/mixed", m->language_mixed);
    metrics_set(row, "eval/held_out/readable", m->readable);
}

static bool store_result(const StageRun *run, int64_t step, const EvalResult *result, Error *err)
{
    for (int64_t i = 0; i < result->n_cells; i++) {
        const EvalCell *const cell = &result->cells[i];
        if (cell->task < 0) continue;
        char *const name = base_printf("%s%s", task_name(cell->task), cell->language == TASK_ZH ? "/zh" : "");
        const bool ok = store_cell(run, step, cell, name, err);
        base_free(name);
        if (!ok) return false;
    }
    return store_cell(run, step, &result->macro, NULL, err);
}

static void set_cells(MetricsRow *row, const EvalResult *result)
{
    for (int64_t i = 0; i < result->n_cells; i++) {
        const EvalCell *const cell = &result->cells[i];
        if (cell->task >= 0)
            metrics_setf(row, cell->pass_at_1, "eval/held_out/%s/%d%s", task_name(cell->task), cell->level,
                         cell->language == TASK_ZH ? "/zh" : "");
    }
}

/* Where questions come in both languages, each has figures of its own. */
static void set_languages(MetricsRow *row, const EvalResult *result)
{
    for (TaskLanguage l = TASK_EN; l < TASK_LANGUAGES; l++) {
        const EvalCell *const m = &result->macro_language[l];
        metrics_setf(row, m->pass_at_1, "eval/held_out/%s/pass@1", task_language_code(l));
        metrics_setf(row, m->pass_at_1_error, "eval/held_out/%s/pass@1_stderr", task_language_code(l));
        metrics_setf(row, m->language_consistency, "eval/held_out/%s/language/consistency", task_language_code(l));
        metrics_setf(row, m->language_mixed, "eval/held_out/%s/language/mixed", task_language_code(l));
    }
}

static void set_result(MetricsRow *row, const CommonSettings *c, const EvalResult *result)
{
    set_figures(row, &result->macro);
    set_cells(row, result);
    if (c->task_language == LANGUAGE_BOTH && !*c->eval_data) set_languages(row, result);
}

/* What rows of published sets have beside that. */
static void set_published(MetricsRow *row, const EvalResult *result)
{
    const EvalCell *const total = &result->total;
    metrics_set(row, "eval/held_out/undecided", total->undecided);
    if (!isnan(total->prompts_loose)) {
        metrics_set(row, "eval/held_out/prompts_loose", total->prompts_loose);
        metrics_set(row, "eval/held_out/instructions_strict", total->instructions_strict);
        metrics_set(row, "eval/held_out/instructions_loose", total->instructions_loose);
    }
    for (int64_t i = 0; i < result->n_groups; i++) {
        const EvalGroup *const g = &result->groups[i];
        metrics_setf(row, g->cell.pass_at_1, "eval/held_out/%s/%.40s/pass@1", g->by, g->name);
    }
}

/* The whole evaluation is one transaction. */
static bool evaluate_into_store(const StageRun *run, const EvalPlan *plan, RolloutEngine *engine,
                                const Tokenizer *tokenizer, int64_t step, int64_t n_samples,
                                const EvalListener *listener, EvalResult *result, Error *err)
{
    EvalRecord record = {run, step, 0, eval_plan_problems(plan) * n_samples, listener, NULL, NULL};
    if (!run_store_begin(run->store, err)) return false;
    if (evaluate_plan(plan, engine, tokenizer, result, record_sample, &record, err) &&
        (!listener || !listener->end || listener->end(listener->context, err)) && store_result(run, step, result, err))
        return run_store_commit(run->store, err);
    run_store_rollback(run->store);
    return false;
}

/* The frame has been read once before, when the recipe was; R1-Zero's own is what evaluations know without one. */
static bool eval_config(EvalConfig *config, Frame *frame, const CommonSettings *c, Error *err)
{
    if (!frame_read(frame, c->eval_frame, err)) return error_in(err, "eval.frame");
    *config = (EvalConfig){
        .frame = strcmp(c->eval_frame, "r1-zero") == 0 ? NULL : frame,
        .split = SPLIT_HELD_OUT,
        .seed = (uint64_t)c->seed,
        .problems_per_cell = c->eval_problems,
        .samples = c->eval_samples,
        .trained_levels = true,
        .language = (LanguageChoice)c->task_language,
        .sampling = {.temperature = c->eval_temperature, .top_p = c->eval_top_p, .max_tokens = c->eval_max_tokens}};
    return true;
}

void stage_warn_unreadable(const EvalPlan *plan, Progress *progress, const char *path, bool needs_answers)
{
    enum { MAX_LISTED = 5 };
    int64_t n = 0;
    char line[512];
    for (int64_t i = 0; i < eval_plan_problems(plan); i++) {
        const EvalProblem *const p = eval_plan_problem(plan, i);
        if (!p->unreadable || (!needs_answers && !p->check && p->answer_length == 0) || ++n > MAX_LISTED) continue;
        snprintf(line, sizeof line, "%.300s:%lld: %s cannot be read; no completion will be rewarded for it", path,
                 (long long)p->line, p->check ? "the check" : "the gold answer");
        progress_warning(progress, line);
    }
    if (n <= MAX_LISTED) return;
    snprintf(line, sizeof line, "%.300s: %lld more such rows", path, (long long)(n - MAX_LISTED));
    progress_warning(progress, line);
}

bool stage_eval_data_sequence(const CommonSettings *c, const Tokenizer *tokenizer, const ModelConfig *model,
                              Progress *progress, int64_t *n_tokens, Error *err)
{
    EvalConfig config;
    Frame frame;
    EvalPlan *plan;
    *n_tokens = 0;
    if (c->eval_every == 0 || !*c->eval_data) return true;
    if (!eval_config(&config, &frame, c, err)) return false;
    if (!eval_plan_file(&plan, tokenizer, &config, c->eval_data, err)) return error_in(err, "eval.data");
    *n_tokens = eval_plan_longest_prompt(plan) + c->eval_max_tokens;
    if (progress) stage_warn_unreadable(plan, progress, c->eval_data, true);
    eval_plan_free(plan);
    if (*n_tokens <= model->max_positions) return true;
    return error_set(
        err, ERROR_INPUT,
        "eval.data: %s: its longest prompt and eval.max_tokens are %lld tokens, the model has %lld positions",
        c->eval_data, (long long)*n_tokens, (long long)model->max_positions);
}

bool stage_evaluate(const StageRun *run, const CommonSettings *c, RolloutEngine *engine, const Tokenizer *tokenizer,
                    int64_t step, MetricsRow *row, Error *err)
{
    return stage_evaluate_heard(run, c, engine, tokenizer, step, row, NULL, err);
}

bool stage_evaluate_heard(const StageRun *run, const CommonSettings *c, RolloutEngine *engine,
                          const Tokenizer *tokenizer, int64_t step, MetricsRow *row, const EvalListener *listener,
                          Error *err)
{
    const double start = clock_seconds();
    EvalConfig config;
    Frame frame;
    EvalPlan *plan = NULL;
    EvalResult result = {0};
    if (!eval_config(&config, &frame, c, err)) return false;
    config.tasks = listener ? listener->tasks : NULL;
    bool ok = *c->eval_data ? eval_plan_file(&plan, tokenizer, &config, c->eval_data, err)
                            : eval_plan_tasks(&plan, tokenizer, &config, err);
    ok = ok && evaluate_into_store(run, plan, engine, tokenizer, step, c->eval_samples, listener, &result, err);
    if (ok) {
        set_result(row, c, &result);
        metrics_set(row, "time/eval", clock_seconds() - start);
    }
    eval_result_free(&result);
    eval_plan_free(plan);
    return ok || error_in(err, "evaluation after step %lld", (long long)step);
}

bool stage_evaluation_engine(RolloutEngine **engine, const StageRun *run, const CommonSettings *c,
                             const Tokenizer *tokenizer, Model *model, Error *err)
{
    int64_t sequence = stage_max_sequence(&model->config, c->eval_max_tokens), longest;
    *engine = NULL;
    if (c->eval_every == 0) return true;
    if (!stage_eval_data_sequence(c, tokenizer, &model->config, run->progress, &longest, err)) return false;
    if (longest > sequence) sequence = longest;
    return engine_create(engine, model, &run->compute, STAGE_EVAL_ACTIVE, sequence, err);
}

static bool record_plan(void *context, const EvalPlan *plan, Error *err)
{
    EvalRecord *const r = context;
    (void)err;
    r->n_total = eval_plan_problems(plan) * r->common->eval_samples;
    if (*r->common->eval_data) stage_warn_unreadable(plan, r->run->progress, r->common->eval_data, true);
    return true;
}

static bool evaluate_request(EvalReport *report, const EvalRequest *request, const StageRun *run, Model *model,
                             const Tokenizer *tokenizer, Error *err)
{
    if (!run_store_begin(run->store, err)) return false;
    if (evaluate_model(report, request, model, tokenizer, &run->compute, err) &&
        store_result(run, 1, &report->result, err))
        return run_store_commit(run->store, err);
    run_store_rollback(run->store);
    return false;
}

static void set_estimate(MetricsRow *row, const char *name, const Estimate *e)
{
    metrics_setf(row, e->mean, "eval/held_out/%s", name);
    metrics_setf(row, e->standard_error, "eval/held_out/%s_stderr", name);
}

/* What an evaluation as a stage says beyond those of a training: errors, and the general tasks. */
static void set_errors(MetricsRow *row, const EvalCell *m)
{
    metrics_set(row, "eval/held_out/mean_length_stderr", m->mean_length_error);
    metrics_set(row, "eval/held_out/readable_stderr", m->readable_error);
    metrics_set(row, "eval/held_out/language/consistency_stderr", m->language_consistency_error);
}

static bool evaluate_general_tasks(const EvalRequest *families, const EvalSettings *s, const StageRun *run,
                                   Model *model, const Tokenizer *tokenizer, MetricsRow *row, Error *err)
{
    EvalRecord record = {.run = run, .step = 1, .common = &s->common, .suite = "general"};
    EvalRequest request = *families;
    GeneralFigures figures;
    request.config.problems_per_cell = s->general;
    request.context = &record;
    if (!run_store_begin(run->store, err)) return false;
    if (!evaluate_general(&figures, &request, model, tokenizer, &run->compute, err)) {
        run_store_rollback(run->store);
        return false;
    }
    set_estimate(row, "helpful/helpfulness", &figures.helpfulness);
    set_estimate(row, "helpful/right", &figures.helpful);
    set_estimate(row, "safety/harmless", &figures.harmless);
    set_estimate(row, "safety/safe", &figures.safe);
    return run_store_commit(run->store, err);
}

bool stage_evaluate_model(const StageRun *run, const EvalSettings *s, Model *model, const Tokenizer *tokenizer,
                          MetricsRow *row, Error *err)
{
    const double start = clock_seconds();
    const CommonSettings *const c = &s->common;
    Frame frame;
    EvalReport report = {.plan = NULL};
    EvalRecord record = {.run = run, .step = 1, .common = c};
    EvalRequest request = {.data = *c->eval_data ? c->eval_data : NULL,
                           .chat = s->chat ? c->model : NULL,
                           .judge = *s->judge ? s->judge : NULL,
                           .max_active = STAGE_EVAL_ACTIVE,
                           .planned = record_plan,
                           .done = record_sample,
                           .context = &record};
    if (!eval_config(&request.config, &frame, c, err)) return false;
    request.config.format = (EvalFormat)s->format;
    const bool ok = evaluate_request(&report, &request, run, model, tokenizer, err) &&
                    (s->general == 0 || evaluate_general_tasks(&request, s, run, model, tokenizer, row, err));
    if (ok) {
        set_result(row, c, &report.result);
        set_errors(row, &report.result.macro);
        if (*c->eval_data) set_published(row, &report.result);
        metrics_set(row, "time/eval", clock_seconds() - start);
    }
    eval_report_free(&report);
    return ok;
}
