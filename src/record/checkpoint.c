/* SPDX-License-Identifier: MIT */
/* record/checkpoint.c: see checkpoint.h for the invariants.
 *
 *   checkpoint_begin            checkpoint_commit                       checkpoint_rotate, _discard_after
 *   (nothing) -> step-N.tmp-PID ----------------> step-N (whole, synced) ----------------> step-N.tmp-gone -> (nothing)
 *
 * Names with ".tmp-" are nobody's: the next begin deletes them. */
#include "record/checkpoint.h"

#include "base/arena.h"
#include "base/file.h"
#include "record/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct CheckpointWriter {
    char *folder; /* temporary, owned */
    char *target; /* owned */
    Manifest manifest;
};

static char *checkpoints_folder(const char *run_folder)
{
    return base_printf("%s/checkpoints", run_folder);
}

char *checkpoint_path(const char *run_folder, int64_t step)
{
    return base_printf("%s/checkpoints/step-%06" PRId64, run_folder, step);
}

/* ---- writing ---- */

static void writer_free(CheckpointWriter *writer)
{
    manifest_free(&writer->manifest);
    base_free(writer->folder);
    base_free(writer->target);
    base_free(writer);
}

bool checkpoint_begin(CheckpointWriter **writer, const char *run_folder, int64_t step, Error *err)
{
    char *const all = checkpoints_folder(run_folder);
    bool ok = file_make_folders(all, err) && file_remove_leftovers(all, err);
    base_free(all);
    if (!ok) return false;
    CheckpointWriter *const begun = base_alloc(1, sizeof *begun);
    begun->target = checkpoint_path(run_folder, step);
    begun->folder = base_printf("%s.tmp-%ld", begun->target, (long)getpid());
    begun->manifest.step = step;
    const int told = failpoint("checkpoint.begin");
    if (told != 0) ok = error_set(err, ERROR_SYSTEM, "%s: %s", begun->target, strerror(told));
    if (!ok || !file_make_folders(begun->folder, err)) {
        writer_free(begun);
        return false;
    }
    *writer = begun;
    return true;
}

const char *checkpoint_folder(const CheckpointWriter *writer)
{
    return writer->folder;
}

bool checkpoint_add(CheckpointWriter *writer, const char *name, const char *hex, Error *err)
{
    char computed[33];
    char *const path = base_printf("%s/%s", writer->folder, name);
    const int64_t bytes = file_size(path);
    bool ok = bytes >= 0 || error_set(err, ERROR_BUG, "%s: is said to be written but is not there", path);
    if (ok && !hex) ok = file_hash(path, computed, err);
    if (ok) manifest_set(&writer->manifest, name, bytes, hex ? hex : computed);
    base_free(path);
    return ok;
}

/* below: "" or "folder/". */
static bool add_rest_of(CheckpointWriter *writer, const char *below, Error *err)
{
    char *const folder = base_printf("%s/%s", writer->folder, below), **names;
    int64_t n_names;
    bool ok = file_list(folder, &names, &n_names, err);
    base_free(folder);
    if (!ok) return false;
    for (int64_t i = 0; ok && i < n_names; i++) {
        char *const name = base_printf("%s%s", below, names[i]), *const path =
                                                                     base_printf("%s/%s", writer->folder, name);
        char *const inner = base_printf("%s/", name);
        if (file_is_folder(path))
            ok = add_rest_of(writer, inner, err);
        else if (!manifest_find(&writer->manifest, name))
            ok = checkpoint_add(writer, name, NULL, err);
        base_free(inner);
        base_free(path);
        base_free(name);
    }
    file_names_free(names, n_names);
    return ok;
}

bool checkpoint_add_rest(CheckpointWriter *writer, Error *err)
{
    return add_rest_of(writer, "", err);
}

/* A folder leaves by a rename first, so that a name that stays is never half of what it was. */
static bool remove_checkpoint(const char *path, Error *err)
{
    if (!file_exists(path)) return true;
    char *const gone = base_printf("%s.tmp-gone", path);
    const int told = failpoint("checkpoint.remove");
    bool ok = told == 0 || error_set(err, ERROR_SYSTEM, "%s: %s", path, strerror(told));
    ok = ok && file_remove_tree(gone, err);
    if (ok && rename(path, gone) != 0) ok = error_set(err, ERROR_SYSTEM, "%s: %s", path, strerror(errno));
    ok = ok && file_remove_tree(gone, err);
    base_free(gone);
    return ok;
}

bool checkpoint_commit(CheckpointWriter *writer, Error *err)
{
    const bool ok = manifest_write(&writer->manifest, writer->folder, err) && remove_checkpoint(writer->target, err) &&
                    file_rename_durable(writer->folder, writer->target, "checkpoint", err);
    if (!ok) {
        checkpoint_abandon(writer);
        return false;
    }
    writer_free(writer);
    return true;
}

void checkpoint_abandon(CheckpointWriter *writer)
{
    Error ignored = {0};
    if (!writer) return;
    (void)!file_remove_tree(writer->folder, &ignored);
    writer_free(writer);
}

/* ---- what is there ---- */

/* The step of "step-NNNNNN" (at least six digits), -1 for any other name. */
static int64_t step_of_name(const char *name)
{
    if (strncmp(name, "step-", 5) != 0) return -1;
    const char *const digits = name + 5;
    const size_t n = strspn(digits, "0123456789");
    if (n < 6 || n > 18 || digits[n] != 0 || (n > 6 && digits[0] == '0')) return -1;
    return strtoll(digits, NULL, 10);
}

static int compare_steps(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

bool checkpoint_list(const char *run_folder, int64_t **steps, int64_t *n_steps, Error *err)
{
    char **names;
    int64_t n_names;
    *steps = NULL;
    *n_steps = 0;
    char *const folder = checkpoints_folder(run_folder);
    const bool ok = !file_exists(folder) || file_list(folder, &names, &n_names, err);
    if (!ok || !file_exists(folder)) {
        base_free(folder);
        return ok;
    }
    *steps = base_alloc((size_t)n_names + 1, sizeof **steps);
    for (int64_t i = 0; i < n_names; i++)
        if (step_of_name(names[i]) >= 0) (*steps)[(*n_steps)++] = step_of_name(names[i]);
    qsort(*steps, (size_t)*n_steps, sizeof **steps, compare_steps);
    file_names_free(names, n_names);
    base_free(folder);
    return true;
}

static bool verify(const char *folder, bool with_hashes, Error *err)
{
    Manifest manifest;
    if (!manifest_read(&manifest, folder, err)) return false;
    const bool ok = manifest_check_files(&manifest, folder, with_hashes, err);
    manifest_free(&manifest);
    return ok;
}

bool checkpoint_verify(const char *folder, Error *err)
{
    return verify(folder, true, err);
}

/* Says what is wrong with a checkpoint and what happens now. */
static void warn_damaged(CheckpointWarning warn, void *context, const Error *why, int64_t next_step)
{
    char line[sizeof why->text + 96];
    if (next_step >= 0)
        snprintf(line, sizeof line, "%s; going back to the checkpoint of step %" PRId64, why->text, next_step);
    else
        snprintf(line, sizeof line, "%s; there is no checkpoint before it", why->text);
    if (warn) warn(context, line);
}

bool checkpoint_find(const char *run_folder, int64_t max_step, int64_t *step, char **path, CheckpointWarning warn,
                     void *context, Error *err)
{
    int64_t *steps, n;
    *step = 0;
    *path = NULL;
    if (!checkpoint_list(run_folder, &steps, &n, err)) return false;
    while (n > 0 && steps[n - 1] > max_step) n--;
    for (; n > 0; n--) {
        Error why = {0};
        char *const candidate = checkpoint_path(run_folder, steps[n - 1]);
        if (checkpoint_verify(candidate, &why)) {
            *step = steps[n - 1];
            *path = candidate;
            break;
        }
        warn_damaged(warn, context, &why, n > 1 ? steps[n - 2] : -1);
        base_free(candidate);
    }
    base_free(steps);
    return true;
}

/* ---- removing ---- */

static bool is_needed(int64_t step, const int64_t *needed, int64_t n_needed)
{
    for (int64_t i = 0; i < n_needed; i++)
        if (needed[i] == step) return true;
    return false;
}

/* The newest step whose files are all there with their sizes, -1 when there is none. Checksums are not summed here: rotation
 * follows each commit, and reading all weights again each time would cost more than writing them. */
static int64_t newest_whole(const char *run_folder, const int64_t *steps, int64_t n)
{
    for (; n > 0; n--) {
        Error ignored = {0};
        char *const path = checkpoint_path(run_folder, steps[n - 1]);
        const bool whole = verify(path, false, &ignored);
        base_free(path);
        if (whole) return steps[n - 1];
    }
    return -1;
}

bool checkpoint_rotate(const char *run_folder, int64_t keep, const int64_t *needed, int64_t n_needed, Error *err)
{
    int64_t *steps, n;
    if (!checkpoint_list(run_folder, &steps, &n, err)) return false;
    const int64_t whole = newest_whole(run_folder, steps, n);
    bool ok = true;
    for (int64_t i = 0; ok && i < n - (keep > 1 ? keep : 1); i++) {
        if (steps[i] == whole || is_needed(steps[i], needed, n_needed)) continue;
        char *const path = checkpoint_path(run_folder, steps[i]);
        ok = remove_checkpoint(path, err);
        base_free(path);
    }
    base_free(steps);
    return ok;
}

bool checkpoint_discard_after(const char *run_folder, int64_t step, Error *err)
{
    int64_t *steps, n;
    if (!checkpoint_list(run_folder, &steps, &n, err)) return false;
    bool ok = true;
    /* Newest first: stopped in the middle, what is left is still a run up to some step. */
    for (; ok && n > 0 && steps[n - 1] > step; n--) {
        char *const path = checkpoint_path(run_folder, steps[n - 1]);
        ok = remove_checkpoint(path, err);
        base_free(path);
    }
    base_free(steps);
    return ok;
}
