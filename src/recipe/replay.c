/* SPDX-License-Identifier: MIT */
/* recipe/replay.c: see replay.h. Step N in run.sqlite is the N-th rollout, sampled by the weights after step N - 1. */
#include "recipe/replay.h"

#include "base/file.h"
#include "base/signals.h"
#include "recipe/grpo_stage.h"
#include "recipe/recipe.h"
#include "record/checkpoint.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* ---- the run as it was ---- */

static bool open_recipe(Recipe *r, const char *folder, Error *err)
{
    char *const path = base_printf("%s/recipe.yaml", folder);
    bool ok = file_exists(path) ||
              error_set(err, ERROR_INPUT, "%s: there is no recipe.yaml in it; is it a run folder?", folder);
    ok = ok && recipe_open(r, path, NULL, 0, err);
    base_free(path);
    if (!ok || r->stage == STAGE_GRPO) return ok;
    error_set(err, ERROR_INPUT, "%s: a %s run samples no completions that could be made again", folder,
              stage_names()[r->stage]);
    recipe_close(r);
    return false;
}

bool replay_threads(const char *folder, int64_t *threads, Error *err)
{
    Recipe r;
    if (!open_recipe(&r, folder, err)) return false;
    *threads = r.common->threads;
    recipe_close(&r);
    return true;
}

/* As long as the run took for the steps in between, and for the sampling of the last. */
static double seconds_of(const char *folder, int64_t from_step, int64_t step)
{
    MetricsTable table;
    Error ignored = {0};
    double seconds = 0;
    char *const path = base_printf("%s/metrics.jsonl", folder);
    const bool read = metrics_read(&table, path, &ignored);
    base_free(path);
    if (!read) return (double)NAN;
    const double *const whole = metrics_column(&table, "step_time"), *const rollout =
                                                                         metrics_column(&table, "time/rollout");
    int64_t n = 0;
    for (int64_t i = 0; whole && rollout && i < table.n_rows; i++) {
        if (table.steps[i] <= from_step || table.steps[i] > step) continue;
        seconds += table.steps[i] < step ? whole[i] : rollout[i];
        n++;
    }
    metrics_table_free(&table);
    return n == step - from_step ? seconds : (double)NAN;
}

/* ---- comparing ---- */

typedef struct Comparison {
    const ReplayOptions *options;
    const GrpoStage *g;
    Error *err;
    int64_t n;
    bool ok;
} Comparison;

/* The first token whose id or log-probability has other bits; -1: none. */
static int64_t first_difference(const Sampled *again, const StoredCompletion *stored)
{
    const int64_t n = again->n < stored->n_ids ? again->n : stored->n_ids;
    for (int64_t i = 0; i < n; i++)
        if (again->ids[i] != stored->ids[i] ||
            memcmp(&again->old_logprobs[i], &stored->logprobs[i], sizeof(float)) != 0)
            return i;
    return again->n == stored->n_ids && again->stopped == stored->stopped ? -1 : n;
}

static bool compare(void *context, const StoredCompletion *stored, const StoredProblem *problem)
{
    (void)problem;
    Comparison *const c = context;
    const GrpoStage *const g = c->g;
    const int64_t G = g->settings->group_size;
    if (stored->prompt_index < 0 || stored->prompt_index >= g->n_questions || stored->completion_index < 0 ||
        stored->completion_index >= G || !stored->ids || !stored->logprobs) {
        c->ok = error_set(c->err, ERROR_INPUT,
                          "%s/run.sqlite: prompt %" PRId64 ", completion %" PRId64 " of step %" PRId64
                          " is not what this recipe stores",
                          c->options->folder, stored->prompt_index, stored->completion_index, stored->step);
        return false;
    }
    const Sampled *const again = &g->samples[stored->prompt_index * G + stored->completion_index];
    const int64_t at = first_difference(again, stored);
    const ReplayResult result = {stored->step, stored->prompt_index, stored->completion_index, at < 0, at};
    c->n++;
    c->ok = c->options->result(c->options->context, &result, c->err);
    return c->ok;
}

static bool count(void *context, const StoredCompletion *stored, const StoredProblem *problem)
{
    (void)stored;
    (void)problem;
    ++*(int64_t *)context;
    return true;
}

static StoredFilter filter_of(const ReplayOptions *o)
{
    return (StoredFilter){.phase = STORED_ROLLOUT,
                          .step_low = o->step,
                          .step_high = o->step,
                          .prompt_index = o->prompt,
                          .completion_index = o->completion};
}

/* Before anything is computed: what is asked for was stored. */
static bool check_stored(RunStore *store, const ReplayOptions *o, Error *err)
{
    const StoredFilter filter = filter_of(o);
    StoredFilter all = filter;
    int64_t n = 0, n_step = 0;
    all.prompt_index = all.completion_index = -1;
    if (!run_store_read_completions(store, &filter, count, &n, err)) return false;
    if (n > 0) return true;
    if (!run_store_read_completions(store, &all, count, &n_step, err)) return false;
    if (n_step > 0)
        return error_set(err, ERROR_INPUT,
                         "%s/run.sqlite: step %" PRId64 " has %" PRId64
                         " completions, but none of this prompt and completion",
                         o->folder, o->step, n_step);
    return error_set(err, ERROR_INPUT,
                     "%s/run.sqlite: holds no completions of step %" PRId64
                     "; the run has not come that far, or store_completions is false",
                     o->folder, o->step);
}

/* ---- running it again ---- */

static bool sample_again(GrpoStage *g, const ReplayOptions *o, Error *err)
{
    UpdateSums sums;
    StepCost cost;
    for (int64_t step = g->state.step; step < o->step - 1; step++)
        if (!signals_check(err) || !grpo_stage_learn(g, step, &sums, &cost, err)) return false;
    /* The reference does not enter sampling. */
    return grpo_stage_ask(g, o->step - 1, err) && grpo_stage_sample(g, NULL, err);
}

static bool replay_with(const Recipe *r, const StageRun *run, const ReplayOptions *o, Error *err)
{
    const ReplayCost cost = {run->resume_step, o->step - 1 - run->resume_step,
                             seconds_of(o->folder, run->resume_step, o->step)};
    const StoredFilter filter = filter_of(o);
    GrpoStage g;
    Comparison comparison = {.options = o, .g = &g, .err = err, .ok = true};
    if (o->tell_cost) o->tell_cost(o->context, &cost);
    const bool ok = grpo_stage_open(&g, run, &r->grpo, err) && sample_again(&g, o, err) &&
                    run_store_read_completions(run->store, &filter, compare, &comparison, err) && comparison.ok;
    grpo_stage_close(&g);
    return ok;
}

static void warn_checkpoint(void *context, const char *line)
{
    progress_warning(context, line);
}

static bool replay_recipe(const Recipe *r, const ReplayOptions *o, const Compute *compute, Error *err)
{
    StageRun run = {.folder = o->folder, .compute = *compute};
    char *resume_path = NULL;
    const ProgressOptions display = {
        .stream = o->stream, .title = r->common->name, .total_steps = o->step, .quiet = true, .force_live = -1};
    run.progress = progress_create(&display);
    bool ok =
        run_store_open_read(&run.store, o->folder, err) && check_stored(run.store, o, err) &&
        checkpoint_find(o->folder, o->step - 1, &run.resume_step, &resume_path, warn_checkpoint, run.progress, err);
    run.resume_path = resume_path;
    ok = ok && replay_with(r, &run, o, err);
    progress_finish(run.progress);
    run_store_close(run.store);
    base_free(resume_path);
    return ok;
}

bool replay_run(const ReplayOptions *o, const Compute *compute, Error *err)
{
    Recipe r;
    if (!open_recipe(&r, o->folder, err)) return false;
    const bool ok = replay_recipe(&r, o, compute, err);
    recipe_close(&r);
    return ok;
}
