/* SPDX-License-Identifier: MIT */
/* recipe/run.c: the life of a run folder.
 *
 *   absent, or nothing of ours in it --(recipe_run)--> recipe.yaml, running --(last step, model/ renamed in place)--> finished
 *        running --(killed, interrupted, disk full)--> resumable --(recipe_run with the same recipe)--> running
 *
 * What happens to a folder that is there:
 *   another recipe in it                   refused; the keys that differ are named
 *   files under our names, no recipe.yaml  refused: they are somebody else's, and a run would write over them
 *   other files                            left alone
 *   another process runs in it             refused; the process is named
 *   finished                               said; nothing is done, but a report that is missing is written
 *   no checkpoint yet                      begins again from the first step
 *   a whole checkpoint                     goes on from the newest whole one; damaged newer ones are named
 *   checkpoints, and none is whole         refused: a run never throws away what a person may still want to repair
 *
 * What a resumed run has to drop (checkpoints, rows and lines of steps after the one it goes on from) is dropped before it goes
 * on, so its folder becomes what an uninterrupted run's would be. */
#include "recipe/run.h"

#include "base/arena.h"
#include "base/file.h"
#include "recipe/stage_type.h"
#include "record/checkpoint.h"
#include "record/report.h"

#include <string.h>

/* The first line of a resolved recipe: tells it from a recipe that a person keeps under the same name. */
const char RUN_RESOLVED_HEAD[] = "# The resolved recipe of this run, every key with its value: written by `r1 run`.\n";

char *recipe_run_folder(const Recipe *r, const RunOptions *options)
{
    if (options->out) return base_strdup(options->out);
    if (*r->common->out) return base_strdup(r->common->out);
    return base_printf("runs/%s", r->common->name);
}

static bool holds(const char *folder, const char *name)
{
    char *const path = base_printf("%s/%s", folder, name);
    const bool there = file_exists(path);
    base_free(path);
    return there;
}

/* ---- may this recipe run here? ---- */

/* No recipe of ours says whose these are. */
static bool check_unclaimed(const char *folder, Error *err)
{
    static const char *const ours[] = {
        "run.sqlite", "metrics.jsonl", "checkpoints", "model",      "report.html",   "events.out.tfevents.r1",
        "tokenizer",  "data",          "results",     "graph.json", "samples.jsonl", "reference-logprobs.safetensors",
        NULL};
    for (int i = 0; ours[i]; i++)
        if (holds(folder, ours[i]))
            return error_set(err, ERROR_INPUT,
                             "%s: holds \"%s\" but no recipe.yaml of a run, so a run here would write over it: choose "
                             "another folder by --out",
                             folder, ours[i]);
    return true;
}

bool run_check_resolved(const char *path, Error *err)
{
    char *text;
    size_t length;
    if (!file_read_all(path, (size_t)16 << 20, &text, &length, err)) return false;
    const bool ours = strncmp(text, RUN_RESOLVED_HEAD, strlen(RUN_RESOLVED_HEAD)) == 0;
    base_free(text);
    if (ours) return true;
    return error_set(err, ERROR_INPUT,
                     "%s: was not written by a run, and a run here would write over it: choose "
                     "another folder by --out",
                     path);
}

static bool check_same_recipe(const Recipe *r, const char *folder, const char *path, Error *err)
{
    Recipe before;
    char names[400];
    if (!recipe_open(&before, path, NULL, 0, err)) return false;
    bool ok = before.stage == r->stage;
    if (!ok) {
        error_set(err, ERROR_INPUT, "%s holds a run of another stage (%s): choose another folder by --out", folder,
                  stage_names()[before.stage]);
    } else {
        recipe_difference(recipe_settings(&before), recipe_settings(r), recipe_keys(r), names, sizeof names);
        ok = *names == 0 || error_set(err, ERROR_INPUT,
                                      "%s holds a run of another recipe; these keys differ: %s. Choose another folder "
                                      "by --out, or go on with the same values",
                                      folder, names);
    }
    recipe_close(&before);
    return ok;
}

bool run_folder_check(const Recipe *r, const char *folder, bool same_inputs, Error *err)
{
    if (!file_exists(folder)) return true;
    if (!file_is_folder(folder)) return error_set(err, ERROR_INPUT, "%s: is a file, a run needs a folder", folder);
    char *const path = base_printf("%s/recipe.yaml", folder);
    const bool ok = !file_exists(path) ? check_unclaimed(folder, err)
                                       : (holds(folder, "run.sqlite") || run_check_resolved(path, err)) &&
                                             (same_inputs || check_same_recipe(r, folder, path, err));
    base_free(path);
    return ok;
}

/* The weights of a folder: a model's, or adapters'. base_alloc'd. */
static char *weights_of(const char *folder)
{
    return base_printf("%s/%s", folder,
                       holds(folder, "adapter_model.safetensors") ? "adapter_model.safetensors" : "model.safetensors");
}

/* model/ appears after the last step. Checkpoints may have been removed since to save space; where the last one is there, it
 * must be whole and hold the same weights, or the end of the run is done again. */
static bool model_is_whole(const char *folder, int64_t steps)
{
    char *const model = base_printf("%s/model", folder), *const last = checkpoint_path(folder, steps);
    char *const final = weights_of(model), *const weights = weights_of(last);
    char a[33], b[33];
    Error why = {0};
    bool whole = file_exists(final);
    if (whole && file_exists(last))
        whole = checkpoint_verify(last, &why) && file_hash(final, a, &why) && file_hash(weights, b, &why) &&
                strcmp(a, b) == 0;
    base_free(model);
    base_free(final);
    base_free(last);
    base_free(weights);
    return whole;
}

bool run_folder_finished(const Recipe *r, const char *folder)
{
    return stage_trains(r->stage) ? model_is_whole(folder, r->common->steps)
                                  : holds(folder, stage_outputs(r->stage)->path);
}

/* ---- running ---- */

static bool write_resolved(const Recipe *r, const char *folder, Error *err)
{
    JsonOut out = {0};
    json_out_raw(&out, RUN_RESOLVED_HEAD);
    out.needs_comma = false;
    recipe_resolved(r, &out);
    char *const path = base_printf("%s/recipe.yaml", folder);
    const bool ok = file_write_all(path, "recipe", out.text, out.length, err);
    base_free(path);
    json_out_free(&out);
    return ok;
}

bool run_remove_leftovers(const char *folder, const char *const *stems, Error *err)
{
    char **names;
    int64_t n_names;
    if (!file_list(folder, &names, &n_names, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < n_names; i++)
        for (int s = 0; ok && stems[s]; s++) {
            if (strncmp(names[i], stems[s], strlen(stems[s])) != 0) continue;
            char *const path = base_printf("%s/%s", folder, names[i]);
            ok = file_remove_tree(path, err);
            base_free(path);
        }
    file_names_free(names, n_names);
    return ok;
}

static bool remove_leftovers(const char *folder, Error *err)
{
    static const char *const stems[] = {"recipe.yaml.tmp-",
                                        "report.html.tmp-",
                                        "inputs.json.tmp-",
                                        "model.tmp-",
                                        "tokenizer.tmp-",
                                        "tokens.tmp-",
                                        "data.tmp-",
                                        "results.tmp-",
                                        "samples.jsonl.tmp-",
                                        "reference-logprobs.safetensors.tmp-",
                                        NULL};
    return run_remove_leftovers(folder, stems, err);
}

static void warn_checkpoint(void *context, const char *line)
{
    progress_warning(context, line);
}

/* The last step in the records of a stage that has no checkpoints. */
static bool find_recorded(const char *folder, int64_t *step, Error *err)
{
    MetricsTable table;
    char *const path = base_printf("%s/metrics.jsonl", folder);
    const bool ok = metrics_read(&table, path, err);
    base_free(path);
    if (!ok) return false;
    *step = table.n_rows > 0 ? table.steps[table.n_rows - 1] : 0;
    metrics_table_free(&table);
    return true;
}

/* Where to go on from; *path stays NULL when no checkpoint was ever written. */
static bool find_start(const Recipe *r, const char *folder, int64_t *step, char **path, Progress *display, Error *err)
{
    int64_t *steps, n_steps;
    if (!stage_trains(r->stage)) return find_recorded(folder, step, err);
    if (!checkpoint_find(folder, INT64_MAX, step, path, warn_checkpoint, display, err)) return false;
    if (*path) return true;
    if (!checkpoint_list(folder, &steps, &n_steps, err)) return false;
    base_free(steps);
    if (n_steps == 0) return true;
    return error_set(
        err, ERROR_INPUT,
        "%s/checkpoints: no checkpoint in it is whole, so the run cannot go on from where it was: bring one "
        "back from a copy, or remove that folder to begin again from the first step",
        folder);
}

/* What a run that goes on will write again. */
static bool drop_outputs(const Recipe *r, const char *folder, Error *err)
{
    for (const StageOutput *o = stage_outputs(r->stage); o->name; o++) {
        char *const top = base_strndup(o->path, strcspn(o->path, "/"));
        const bool ok = stage_drop(folder, top, err);
        base_free(top);
        if (!ok) return false;
    }
    return true;
}

/* Opens the records at the step to go on from; runs the stage; closes them. */
static bool run_stage(const Recipe *r, StageRun *run, const RunOptions *options, Error *err)
{
    const int64_t keep = run->resume_step > 0 ? run->resume_step : -1;
    JsonOut recipe = {0};
    recipe_resolved(r, &recipe);
    bool ok =
        drop_outputs(r, run->folder, err) && checkpoint_discard_after(run->folder, run->resume_step, err) &&
        checkpoint_rotate(run->folder, r->common->checkpoint_keep, NULL, 0, err) && /* may have been interrupted */
        run_store_open(&run->store, run->folder, err) && run_store_resume(run->store, keep, err) &&
        run_store_set_meta(run->store, "recipe", recipe.text, err) &&
        (!options->verdicts || run_store_import_verdicts(run->store, options->verdicts, err)) &&
        metrics_open(&run->metrics, run->folder, keep, err);
    ok = ok && stage_run(run, r, err);
    json_out_free(&recipe);
    metrics_close(run->metrics);
    run_store_close(run->store);
    return ok;
}

static void say_start(const StageRun *run)
{
    char line[160];
    if (run->resume_step > 0)
        snprintf(line, sizeof line, "going on %s step %lld", run->resume_path ? "from the checkpoint of" : "after",
                 (long long)run->resume_step);
    else if (holds(run->folder, "run.sqlite"))
        snprintf(line, sizeof line, "there is no checkpoint yet: beginning again from the first step");
    else
        return;
    progress_note(run->progress, line);
}

static bool run_with_display(const Recipe *r, const char *folder, const RunOptions *options, const Compute *compute,
                             Error *err)
{
    ProgressOptions display = {.stream = options->stream,
                               .title = options->title ? options->title : r->common->name,
                               .total_steps = r->common->steps,
                               .plain_every = stage_plain_every(r->stage),
                               .quiet = options->quiet,
                               .json = options->json};
    StageRun run = {.folder = folder, .compute = *compute};
    char *resume_path = NULL;
    /* What the search for a checkpoint has to say comes before the display knows where it starts. */
    Progress *const early = progress_create(&display);
    const bool found = find_start(r, folder, &run.resume_step, &resume_path, early, err);
    progress_finish(early);
    if (!found) return false;
    display.first_step = run.resume_step;
    run.resume_path = resume_path;
    run.progress = progress_create(&display);
    say_start(&run);
    const bool ok = run_stage(r, &run, options, err);
    progress_finish(run.progress);
    base_free(resume_path);
    return ok;
}

/* What a run that was killed after its last step has not tidied up: the database's journal, its report. */
static bool settle(const char *folder, Error *err)
{
    RunStore *store = NULL;
    if (!remove_leftovers(folder, err)) return false;
    if (holds(folder, "run.sqlite-wal")) {
        if (!run_store_open(&store, folder, err)) return false;
        run_store_close(store);
    }
    return holds(folder, "report.html") || report_write(folder, err);
}

/* planned: recipe_plan has just been satisfied. */
static bool run_locked(const Recipe *r, const char *folder, const RunOptions *options, const Compute *compute,
                       bool planned, RunOutcome *outcome, Error *err)
{
    RunPlan plan;
    if (!run_folder_check(r, folder, options->same_inputs, err)) return false;
    if (options->finished || run_folder_finished(r, folder)) {
        *outcome = RUN_WAS_FINISHED;
        return settle(folder, err);
    }
    if ((!planned && !recipe_plan(r, options, compute, false, &plan, err)) || !remove_leftovers(folder, err) ||
        !write_resolved(r, folder, err) || !run_with_display(r, folder, options, compute, err))
        return false;
    *outcome = RUN_DONE;
    return report_write(folder, err);
}

bool recipe_run(const Recipe *r, const RunOptions *options, const Compute *compute, RunOutcome *outcome, Error *err)
{
    char *const folder = recipe_run_folder(r, options), *const lock = base_printf("%s/lock", folder);
    RunPlan plan;
    int fd = -1;
    /* A recipe that cannot run leaves no folder and no lock behind. */
    const bool planned = !holds(folder, "recipe.yaml");
    bool ok = planned ? recipe_plan(r, options, compute, false, &plan, err)
                      : run_folder_check(r, folder, options->same_inputs, err);
    ok = ok && file_make_folders(folder, err) && file_lock(lock, &fd, err);
    if (ok) {
        ok = run_locked(r, folder, options, compute, planned, outcome, err);
        file_unlock(fd);
    }
    base_free(lock);
    base_free(folder);
    return ok;
}
