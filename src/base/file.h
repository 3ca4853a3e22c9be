/* SPDX-License-Identifier: MIT */
/* base/file.h: files that are whole or not there.
 *
 * Durable writing: a FileWriter writes PATH.tmp-<pid>, file_writer_commit syncs it, renames it over PATH and syncs the folder.
 * Until then PATH is what it was; after a failure or a crash only a .tmp- file can be left, which file_remove_leftovers
 * deletes. A folder made of many files is written under a temporary name and appears by file_rename_durable.
 *
 * Failpoints: each write, sync and rename calls failpoint(name) first. R1_FAILPOINT="name[@n]=kill|enospc|eio|eacces" makes
 * the n-th (default: first) arrival at that name die by SIGKILL or fail with that errno. `r1 doctor --failpoints` lists the
 * names: tests kill at each once. */
#ifndef R1_BASE_FILE_H
#define R1_BASE_FILE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* Reads a whole file into a base_alloc'd buffer with a zero byte behind it. Larger than max_bytes is an error. */
bool file_read_all(const char *path, size_t max_bytes, char **text, size_t *length, Error *err) R1_MUST_CHECK;

/* A read-only mapping. */
typedef struct FileMap {
    const unsigned char *bytes; /* NULL for an empty file */
    size_t size_bytes;
} FileMap;
bool file_map(FileMap *map, const char *path, Error *err) R1_MUST_CHECK;
void file_unmap(FileMap *map);

bool file_exists(const char *path); /* anything at all */
bool file_is_folder(const char *path);
int64_t file_size(const char *path); /* -1 when it cannot be told */
/* mkdir -p; the names of folders that were made outlive a power cut. */
bool file_make_folders(const char *path, Error *err) R1_MUST_CHECK;
/* rm -r; a path that is not there is fine. Does not follow links. */
bool file_remove_tree(const char *path, Error *err) R1_MUST_CHECK;
/* Names in a folder, sorted bytewise, without "." and "..". The caller frees with file_names_free. */
bool file_list(const char *path, char ***names, int64_t *n_names, Error *err) R1_MUST_CHECK;
void file_names_free(char **names, int64_t n_names);
/* Deletes leftovers of interrupted writes (names that contain ".tmp-") in one folder. */
bool file_remove_leftovers(const char *folder, Error *err) R1_MUST_CHECK;

typedef struct FileWriter FileWriter;
/* failpoint: the stem of this file's failpoints: "<stem>.write", "<stem>.sync", "<stem>.rename", "<stem>.dirsync". */
bool file_writer_open(FileWriter **writer, const char *path, const char *failpoint, Error *err) R1_MUST_CHECK;
bool file_writer_write(FileWriter *writer, const void *bytes, size_t n_bytes, Error *err) R1_MUST_CHECK;
/* XXH3-128 of all bytes written so far, as 32 hex digits. */
void file_writer_hash(const FileWriter *writer, char hex[33]);
/* Sync, rename, sync the folder. Frees the writer, also on failure (then the temporary file is deleted). */
bool file_writer_commit(FileWriter *writer, Error *err) R1_MUST_CHECK;
void file_writer_abandon(FileWriter *writer); /* NULL is fine */
bool file_write_all(const char *path, const char *failpoint, const void *bytes, size_t n_bytes,
                    Error *err) R1_MUST_CHECK;

/* fsyncs the folder `from` (its entries), renames it to `to` (which must not exist), syncs the parent folder. */
bool file_rename_durable(const char *from, const char *to, const char *failpoint, Error *err) R1_MUST_CHECK;
/* XXH3-128 of a file's bytes, as 32 hex digits. */
bool file_hash(const char *path, char hex[33], Error *err) R1_MUST_CHECK;

/* An exclusive lock held by this process on PATH (created if needed, holds the pid). false + ERROR_INPUT "locked by process
 * N" when another live process holds it. The lock goes when the process does. */
bool file_lock(const char *path, int *fd, Error *err) R1_MUST_CHECK;
void file_unlock(int fd);

/* Returns 0 or an errno to fail with; never returns when told to die. */
int failpoint(const char *name);
/* Fails (ERROR_USAGE) when R1_FAILPOINT is set and is not written as above or names no failpoint of the program. */
bool failpoint_check(Error *err) R1_MUST_CHECK;
/* All failpoints of the program, NULL-terminated: "stem.operation". */
const char *const *failpoint_names(void);

#endif
