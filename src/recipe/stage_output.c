/* SPDX-License-Identifier: MIT */
/* recipe/stage_output.c: what the stages that train no model do alike: a folder of files that appears whole, and data that must be what the
 * run began with. */
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/file.h"

#include <string.h>
#include <unistd.h>

bool stage_write_output(const StageRun *run, const StageOutputFolder *output, Error *err)
{
    char *const temporary = base_printf("%s/%s.tmp-%d", run->folder, output->name, (int)getpid());
    char *const final = base_printf("%s/%s", run->folder, output->name);
    Error ignored = {0};
    const bool ok = file_remove_tree(temporary, err) && file_make_folders(temporary, err) &&
                    output->write(output->context, temporary, err) && stage_drop(run->folder, output->name, err) &&
                    file_rename_durable(temporary, final, output->failpoint, err);
    if (!ok) (void)!file_remove_tree(temporary, &ignored); /* on a full disk its room is wanted */
    base_free(temporary);
    base_free(final);
    return ok;
}

bool stage_check_same_data(const StageRun *run, const char *path, Error *err)
{
    char hash[33], *before = NULL;
    if (!*path) return true;
    if (!file_hash(path, hash, err)) return false;
    if (run->resume_step == 0) return run_store_set_meta(run->store, "data_digest", hash, err);
    bool ok = run_store_get_meta(run->store, "data_digest", &before, err);
    if (ok && before && strcmp(before, hash) != 0)
        ok = error_set(
            err, ERROR_INPUT,
            "%s: has changed since %s began to ask its rows: bring it back, or choose another folder by --out", path,
            run->folder);
    base_free(before);
    return ok;
}
