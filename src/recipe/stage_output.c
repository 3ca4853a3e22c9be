/* SPDX-License-Identifier: MIT */
/* recipe/stage_output.c: a folder of files that a stage leaves whole or not at all, and files and models that must be what the run began with. */
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/file.h"
#include "recipe/input_digest.h"

#include <string.h>
#include <unistd.h>

bool stage_folder_begin(StageFolder *f, const StageRun *run, const char *name, Error *err)
{
    *f = (StageFolder){
        .run_folder = run->folder, .name = name, .path = base_printf("%s/%s.tmp-%d", run->folder, name, (int)getpid())};
    return file_remove_tree(f->path, err) && file_make_folders(f->path, err);
}

bool stage_folder_end(StageFolder *f, bool ok, const char *failpoint, Error *err)
{
    char *const final = base_printf("%s/%s", f->run_folder, f->name);
    Error ignored = {0};
    ok = ok && stage_drop(f->run_folder, f->name, err) && file_rename_durable(f->path, final, failpoint, err);
    if (!ok) (void)!file_remove_tree(f->path, &ignored);
    base_free(final);
    base_free(f->path);
    *f = (StageFolder){0};
    return ok;
}

bool stage_check_same(const StageRun *run, const char *key, const char *path, Error *err)
{
    char hex[33], *before = NULL;
    if (!*path) return true;
    if (!input_digest(hex, path, err)) return error_in(err, "%s", key);
    char *const meta = base_printf("%s_digest", key);
    const bool begins = run->resume_step == 0 && run->metrics; /* a replay only reads */
    bool ok =
        begins ? run_store_set_meta(run->store, meta, hex, err) : run_store_get_meta(run->store, meta, &before, err);
    if (ok && before && strcmp(before, hex) != 0)
        ok = error_set(err, ERROR_INPUT,
                       "%s: %s: has changed since %s began with it: bring it back, or choose another folder by --out",
                       key, path, run->folder);
    base_free(before);
    base_free(meta);
    return ok;
}
