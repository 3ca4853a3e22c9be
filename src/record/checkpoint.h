/* SPDX-License-Identifier: MIT */
/* record/checkpoint.h: checkpoints that are whole or not there, their rotation, and finding the one to resume from.
 *
 * RUN/checkpoints/step-NNNNNN/ holds what the caller writes (a Hugging Face folder, optimizer.safetensors, state.json; folders of
 * files may stand in it, one deep) and manifest.json:
 *   {"format":1,"step":N,"files":[{"name":"...","bytes":n,"xxh3_128":"32 hex digits"},...],"xxh3_128":"..."}
 * the last being the checksum of the lines "name bytes hash\n" of all files, so that a flipped bit in the manifest itself is
 * told from one in a file.
 *
 * Invariants: (1) a folder named step-NNNNNN was complete and synced before it got that name; (2) it is deleted by first
 * renaming it away, so it is never seen half-deleted; (3) rotation leaves the newest whole one.
 * May use base/. What the files mean is the caller's. */
#ifndef R1_RECORD_CHECKPOINT_H
#define R1_RECORD_CHECKPOINT_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct CheckpointWriter CheckpointWriter;

/* Starts RUN/checkpoints/step-NNNNNN.tmp-<pid>; leftovers of interrupted writes are deleted. */
bool checkpoint_begin(CheckpointWriter **writer, const char *run_folder, int64_t step, Error *err) R1_MUST_CHECK;
/* Where the caller writes its files, each durably (base/file.h). Lives as long as the writer. */
const char *checkpoint_folder(const CheckpointWriter *writer);
/* A file inside that folder ("file" or "folder/file") is complete. hex: XXH3-128 of its bytes, or NULL to have it read and summed here. A name
 * that is registered twice keeps the later one. */
bool checkpoint_add(CheckpointWriter *writer, const char *name, const char *hex, Error *err) R1_MUST_CHECK;
/* Registers every file now in the folder, and in folders in it, that was not added yet. */
bool checkpoint_add_rest(CheckpointWriter *writer, Error *err) R1_MUST_CHECK;
/* Writes the manifest, syncs, renames into place (a damaged one of the same step is moved away first). Frees the writer, also
 * on failure (then the temporary folder is deleted). Failpoints "checkpoint-manifest.{write,sync,rename,dirsync}",
 * "checkpoint.{begin,remove,sync,rename,dirsync}". */
bool checkpoint_commit(CheckpointWriter *writer, Error *err) R1_MUST_CHECK;
void checkpoint_abandon(CheckpointWriter *writer); /* NULL is fine */

/* Deletes all but the newest `keep` (>= 1) checkpoints. Never deletes the newest whole one nor a step in needed[n_needed]. */
bool checkpoint_rotate(const char *run_folder, int64_t keep, const int64_t *needed, int64_t n_needed,
                       Error *err) R1_MUST_CHECK;

/* Steps of the checkpoints there are (by name, not verified), ascending; base_free them. No folder: none. */
bool checkpoint_list(const char *run_folder, int64_t **steps, int64_t *n_steps, Error *err) R1_MUST_CHECK;
/* The path of step's folder, base_alloc'd. */
char *checkpoint_path(const char *run_folder, int64_t step);
/* Reads the manifest and sums every file it names. The error names the first file that is missing, cut or changed. */
bool checkpoint_verify(const char *folder, Error *err) R1_MUST_CHECK;

/* Hears about each checkpoint that is passed over: one line that names the file and says which one is tried next. */
typedef void (*CheckpointWarning)(void *context, const char *line);
/* The newest whole checkpoint with step <= max_step (INT64_MAX for any). *path is base_alloc'd; none: true with *path NULL and
 * *step 0. Damaged ones newer than it are warned about and left alone. */
bool checkpoint_find(const char *run_folder, int64_t max_step, int64_t *step, char **path, CheckpointWarning warn,
                     void *context, Error *err) R1_MUST_CHECK;
/* Deletes the checkpoints of steps > step: what a run that resumes at `step` would write again. */
bool checkpoint_discard_after(const char *run_folder, int64_t step, Error *err) R1_MUST_CHECK;

#endif
