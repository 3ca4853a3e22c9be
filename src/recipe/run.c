/* SPDX-License-Identifier: MIT */
/* recipe/run.c: the life of a run folder.
 *
 *   absent or empty --(recipe_run)--> recipe.yaml written, locked, running --(last step, model/ renamed in place)--> finished
 *        running --(killed, interrupted)--> resumable: same recipe -> go on from the newest whole checkpoint; another recipe -> refused
 *
 * What a resumed run has to drop (rows and lines of steps after the checkpoint) is dropped before it goes on, so its folder becomes what an uninterrupted run's
 * would be. */
#include "recipe/run.h"

#include "base/arena.h"
#include "base/file.h"
#include "recipe/stage.h"
#include "record/checkpoint.h"
#include "record/report.h"

#include <string.h>

const RecipeKey *recipe_keys(const Recipe *r)
{
    return r->stage == STAGE_PRETRAIN ? pretrain_keys : grpo_keys;
}
const void *recipe_settings(const Recipe *r)
{
    return r->stage == STAGE_PRETRAIN ? (const void *)&r->pretrain : (const void *)&r->grpo;
}

/* A file name without folders and extension: what a recipe without a name is called. */
static const char *stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *name = base_strdup(slash ? slash + 1 : path);
    char *dot = strrchr(name, '.');
    if (dot) *dot = '\0';
    return name;
}

static bool read_stage(StageKind *stage, const YamlDocument *document, Error *err)
{
    const YamlNode *node = yaml_get(document->root, "stage");
    const char *text;
    if (!node) return yaml_error(document, document->root, err, "the key \"stage\" is missing: give pretrain or grpo");
    if (!yaml_as_string(document, node, &text, err)) return false;
    for (int i = 0; stage_names()[i]; i++)
        if (strcmp(stage_names()[i], text) == 0) {
            *stage = (StageKind)i;
            return true;
        }
    const char *nearest = yaml_nearest(text, stage_names());
    return yaml_error(document, node, err, "stage: \"%s\" is not a stage%s%s%s", text, nearest ? " (did you mean " : "",
                      nearest ? nearest : "", nearest ? "?)" : "");
}

static bool read_settings(Recipe *r, Error *err)
{
    if (!read_stage(&r->stage, &r->document, err)) return false;
    r->pretrain = pretrain_defaults();
    r->grpo = grpo_defaults();
    void *settings = r->stage == STAGE_PRETRAIN ? (void *)&r->pretrain : (void *)&r->grpo;
    r->common = settings;
    r->common->name = "";
    if (!recipe_read(settings, recipe_keys(r), &r->document, r->document.root, err)) return false;
    const CommonSettings *c = r->common;
    if ((c->shards & (c->shards - 1)) != 0)
        return yaml_error(&r->document, yaml_get(r->document.root, "shards"), err, "shards: %lld is not a power of two",
                          (long long)c->shards);
    if (r->stage == STAGE_GRPO && !*c->model)
        return yaml_error(&r->document, r->document.root, err,
                          "the key \"model\" is missing: give the folder of the model to start from");
    return true;
}

bool recipe_open(Recipe *r, const char *path, const char *const *sets, int64_t n_sets, Error *err)
{
    *r = (Recipe){0};
    if (!yaml_read_file(&r->document, path, err)) return false;
    for (int64_t i = 0; i < n_sets; i++) {
        const char *equals = strchr(sets[i], '=');
        if (!equals || equals == sets[i]) {
            recipe_close(r);
            return error_set(err, ERROR_USAGE, "--set %s: write it as key=value, e.g. --set checkpoint.every=50",
                             sets[i]);
        }
        char *key = base_strndup(sets[i], (size_t)(equals - sets[i]));
        const bool ok = yaml_set(&r->document, key, equals + 1, err);
        base_free(key);
        if (!ok) {
            recipe_close(r);
            return false;
        }
    }
    if (!read_settings(r, err)) {
        recipe_close(r);
        return false;
    }
    if (!*r->common->name) r->common->name = r->owned_name = stem_of(path);
    return true;
}

void recipe_close(Recipe *r)
{
    base_free((void *)(uintptr_t)r->owned_name);
    yaml_free(&r->document);
    *r = (Recipe){0};
}

void recipe_resolved(const Recipe *r, JsonOut *out)
{
    recipe_write(recipe_settings(r), recipe_keys(r), out);
}

char *recipe_run_folder(const Recipe *r, const RunOptions *options)
{
    if (options->out) return base_strdup(options->out);
    if (*r->common->out) return base_strdup(r->common->out);
    return base_printf("runs/%s", r->common->name);
}

/* A run folder with another recipe is refused, naming the keys that differ. */
static bool check_same_recipe(const Recipe *r, const char *folder, Error *err)
{
    char *path = base_printf("%s/recipe.yaml", folder);
    Recipe before;
    bool ok = true;
    if (file_exists(path)) {
        char names[400];
        ok = recipe_open(&before, path, NULL, 0, err);
        if (ok && before.stage != r->stage)
            ok = error_set(err, ERROR_INPUT, "%s holds a run of another stage: choose another folder by --out", folder);
        if (ok) {
            recipe_difference(recipe_settings(&before), recipe_settings(r), recipe_keys(r), names, sizeof names);
            if (*names)
                ok = error_set(err, ERROR_INPUT,
                               "%s holds a run of another recipe; these keys differ: %s. Choose another folder by "
                               "--out, or go on with the "
                               "same values",
                               folder, names);
            recipe_close(&before);
        }
    }
    base_free(path);
    return ok;
}

static bool write_resolved(const Recipe *r, const char *folder, Error *err)
{
    JsonOut out = {0};
    recipe_resolved(r, &out);
    char *path = base_printf("%s/recipe.yaml", folder);
    const bool ok = file_write_all(path, "recipe", out.text, out.length, err);
    base_free(path);
    json_out_free(&out);
    return ok;
}

static void warn_checkpoint(void *context, const char *line)
{
    progress_warning(context, line);
}

static bool is_finished(const Recipe *r, const char *folder)
{
    char *last = checkpoint_path(folder, r->common->steps), *final = base_printf("%s/model/model.safetensors", folder);
    const bool finished = file_exists(last) && file_exists(final);
    base_free(last);
    base_free(final);
    return finished;
}

/* Opens the records at the step to go on from; runs the stage; closes them. */
static bool run_stage(const Recipe *r, const char *folder, const RunOptions *options, const Compute *compute,
                      Error *err)
{
    const ProgressOptions display = {.stream = options->stream,
                                     .title = r->common->name,
                                     .total_steps = r->common->steps,
                                     .plain_every = r->stage == STAGE_PRETRAIN ? 50 : 1,
                                     .quiet = options->quiet,
                                     .json = options->json};
    StageRun run = {.folder = folder, .compute = *compute};
    char *resume_path = NULL;
    /* What the search for a checkpoint has to say comes before the display knows where it starts. */
    Progress *early = progress_create(&display);
    bool ok = checkpoint_find(folder, INT64_MAX, &run.resume_step, &resume_path, warn_checkpoint, early, err);
    progress_finish(early);
    if (!ok) return false;
    ProgressOptions resumed = display;
    resumed.first_step = run.resume_step;
    run.resume_path = resume_path;
    run.progress = progress_create(&resumed);
    if (resume_path) {
        char line[160];
        snprintf(line, sizeof line, "going on from the checkpoint of step %lld", (long long)run.resume_step);
        progress_note(run.progress, line);
    }
    const int64_t keep = resume_path ? run.resume_step : -1;
    JsonOut recipe = {0};
    recipe_resolved(r, &recipe);
    ok = checkpoint_discard_after(folder, resume_path ? run.resume_step : 0, err) &&
         run_store_open(&run.store, folder, err) && run_store_resume(run.store, keep, err) &&
         run_store_set_meta(run.store, "recipe", recipe.text, err) &&
         (!options->verdicts || run_store_import_verdicts(run.store, options->verdicts, err)) &&
         metrics_open(&run.metrics, folder, keep, err);
    if (ok) ok = r->stage == STAGE_PRETRAIN ? pretrain_run(&run, &r->pretrain, err) : grpo_run(&run, &r->grpo, err);
    json_out_free(&recipe);
    metrics_close(run.metrics);
    run_store_close(run.store);
    progress_finish(run.progress);
    base_free(resume_path);
    return ok;
}

static bool run_locked(const Recipe *r, const char *folder, const RunOptions *options, const Compute *compute,
                       RunOutcome *outcome, Error *err)
{
    if (!check_same_recipe(r, folder, err)) return false;
    if (is_finished(r, folder)) {
        *outcome = RUN_WAS_FINISHED;
        return true;
    }
    if (!file_remove_leftovers(folder, err) || !write_resolved(r, folder, err) ||
        !run_stage(r, folder, options, compute, err))
        return false;
    *outcome = RUN_DONE;
    return report_write(folder, err);
}

bool recipe_run(const Recipe *r, const RunOptions *options, const Compute *compute, RunOutcome *outcome, Error *err)
{
    char *folder = recipe_run_folder(r, options), *lock = base_printf("%s/lock", folder);
    int fd = -1;
    bool ok = file_make_folders(folder, err) && file_lock(lock, &fd, err);
    if (ok) {
        ok = run_locked(r, folder, options, compute, outcome, err);
        file_unlock(fd);
    }
    base_free(lock);
    base_free(folder);
    return ok;
}
