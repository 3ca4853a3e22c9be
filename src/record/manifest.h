/* SPDX-License-Identifier: MIT */
/* record/manifest.h: the list of a checkpoint's files with a size and a checksum each (format: checkpoint.h). */
#ifndef R1_RECORD_MANIFEST_H
#define R1_RECORD_MANIFEST_H

#include "base/error.h"

#include <stdint.h>

typedef struct ManifestFile {
    char *name; /* owned; "file" or "folder/file", inside the checkpoint */
    int64_t bytes;
    char hash[33]; /* XXH3-128, 32 hex digits */
} ManifestFile;

/* Zeroed is empty. */
typedef struct Manifest {
    int64_t step;
    ManifestFile *files; /* owned, in the order they were set */
    int64_t n_files, capacity;
} Manifest;

void manifest_free(Manifest *manifest);
/* A name already there is replaced. */
void manifest_set(Manifest *manifest, const char *name, int64_t bytes, const char hash[33]);
/* NULL when there is none. */
const ManifestFile *manifest_find(const Manifest *manifest, const char *name);

/* FOLDER/manifest.json, durably; failpoint stem "checkpoint-manifest". */
bool manifest_write(const Manifest *manifest, const char *folder, Error *err) R1_MUST_CHECK;
/* Any mistake, an entry that is not such a name and a checksum of its own that differs are errors with the file's name. */
bool manifest_read(Manifest *manifest, const char *folder, Error *err) R1_MUST_CHECK;
/* Every file is there with its size; with_hashes: and with its checksum (reads all of them). */
bool manifest_check_files(const Manifest *manifest, const char *folder, bool with_hashes, Error *err) R1_MUST_CHECK;

#endif
