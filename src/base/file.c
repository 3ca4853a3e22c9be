/* SPDX-License-Identifier: MIT */
/* base/file.c: reading whole files, folders, and names that appear only when what they name is whole. */
#include "base/file.h"

#include "base/arena.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

enum { WRITE_BUFFER_BYTES = 1 << 18, READ_CHUNK_BYTES = 1 << 16 };

/* A path that is wrong is the user's to mend; anything else is the machine's. */
static bool file_error(Error *err, const char *path, int number)
{
    const bool wrong_path = number == ENOENT || number == ENOTDIR || number == EISDIR || number == ELOOP ||
                            number == ENAMETOOLONG || number == EEXIST;
    return error_set(err, wrong_path ? ERROR_INPUT : ERROR_SYSTEM, "%s: %s", path, strerror(number));
}

static int open_retry(const char *path, int flags, mode_t mode)
{
    int fd;
    do fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/* The folder a path stands in; the caller frees. */
static char *parent_folder(const char *path)
{
    size_t length = strlen(path);
    while (length > 1 && path[length - 1] == '/') length--;
    while (length > 0 && path[length - 1] != '/') length--;
    while (length > 1 && path[length - 1] == '/') length--;
    return length == 0 ? base_strdup(".") : base_strndup(path, length);
}

/* ---- reading ---- */

/* Reads up to `wanted` bytes; fewer only at the end of the file. -1 with errno on failure. */
static ssize_t read_fully(int fd, char *into, size_t wanted)
{
    size_t got = 0;
    while (got < wanted) {
        const ssize_t n = read(fd, into + got, wanted - got);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        if (n == 0) break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* Pipes have no size and a file may grow while it is read, so the size is only a first guess. */
static bool read_to_end(int fd, const char *path, size_t guess, size_t max_bytes, char **text, size_t *length,
                        Error *err)
{
    size_t capacity = (guess < max_bytes ? guess : max_bytes) + 2;
    char *buffer = base_alloc(capacity, 1);
    size_t used = 0;
    for (;;) {
        const ssize_t n = read_fully(fd, buffer + used, capacity - 1 - used);
        if (n < 0) {
            base_free(buffer);
            return file_error(err, path, errno);
        }
        used += (size_t)n;
        if (used > max_bytes) {
            base_free(buffer);
            return error_set(err, ERROR_INPUT, "%s: larger than %zu bytes", path, max_bytes);
        }
        if (used < capacity - 1) break;
        capacity += capacity / 2 + READ_CHUNK_BYTES;
        buffer = base_realloc(buffer, capacity, 1);
    }
    buffer[used] = 0;
    *text = buffer;
    *length = used;
    return true;
}

bool file_read_all(const char *path, size_t max_bytes, char **text, size_t *length, Error *err)
{
    *text = NULL;
    *length = 0;
    const int fd = open_retry(path, O_RDONLY, 0);
    if (fd < 0) return file_error(err, path, errno);
    struct stat info;
    bool ok;
    if (fstat(fd, &info) != 0)
        ok = file_error(err, path, errno);
    else if (S_ISDIR(info.st_mode))
        ok = error_set(err, ERROR_INPUT, "%s: is a folder, expected a file", path);
    else if (info.st_size > 0 && (size_t)info.st_size > max_bytes)
        ok = error_set(err, ERROR_INPUT, "%s: larger than %zu bytes", path, max_bytes);
    else
        ok = read_to_end(fd, path, (size_t)info.st_size, max_bytes, text, length, err);
    close(fd);
    return ok;
}

bool file_map(FileMap *map, const char *path, Error *err)
{
    *map = (FileMap){0};
    const int fd = open_retry(path, O_RDONLY, 0);
    if (fd < 0) return file_error(err, path, errno);
    struct stat info;
    bool ok = true;
    if (fstat(fd, &info) != 0) {
        ok = file_error(err, path, errno);
    } else if (!S_ISREG(info.st_mode)) {
        ok = error_set(err, ERROR_INPUT, "%s: is not a file", path);
    } else if (info.st_size > 0) {
        void *const bytes = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (bytes == MAP_FAILED)
            ok = file_error(err, path, errno);
        else
            *map = (FileMap){.bytes = bytes, .size_bytes = (size_t)info.st_size};
    }
    close(fd);
    return ok;
}

void file_unmap(FileMap *map)
{
    if (map->bytes) munmap((void *)map->bytes, map->size_bytes);
    *map = (FileMap){0};
}

static void hash_hex(XXH128_hash_t hash, char hex[33])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, hash);
    for (int i = 0; i < 16; i++) snprintf(hex + 2 * i, 3, "%02x", (unsigned)canonical.digest[i]);
}

bool file_hash(const char *path, char hex[33], Error *err)
{
    FileMap map;
    if (!file_map(&map, path, err)) return false;
    hash_hex(XXH3_128bits(map.bytes ? map.bytes : (const unsigned char *)"", map.size_bytes), hex);
    file_unmap(&map);
    return true;
}

/* ---- folders ---- */

/* Syncs what a folder lists, so that a new name outlives a power cut. */
static int sync_folder(const char *path)
{
    const int fd = open_retry(path, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0) return errno;
    /* Some network file systems cannot sync a folder and say EINVAL: they promise nothing, so there is nothing to wait for. */
    const int number = fsync(fd) == 0 || errno == EINVAL ? 0 : errno;
    close(fd);
    return number;
}

bool file_exists(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

bool file_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int64_t file_size(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) ? info.st_size : -1;
}

/* A new folder's name is synced too: files that are durable inside a folder that a power cut takes away are not. */
static bool make_folder(const char *path, Error *err)
{
    if (mkdir(path, 0777) == 0) {
        char *const parent = parent_folder(path);
        const int unsynced = sync_folder(parent);
        base_free(parent);
        /* A parent that may be written but not read cannot be opened to be synced. */
        return unsynced == 0 || unsynced == EACCES || file_error(err, path, unsynced);
    }
    const int number = errno; /* of mkdir; the look at what is there overwrites it */
    if (file_is_folder(path)) return true;
    if (number == EEXIST) return error_set(err, ERROR_INPUT, "%s: is a file, expected a folder", path);
    return file_error(err, path, number);
}

bool file_make_folders(const char *path, Error *err)
{
    char *const partial = base_strdup(path);
    bool ok = *path != 0 || error_set(err, ERROR_INPUT, "the name of a folder is empty");
    for (char *p = partial; ok && *p; p++) {
        if (*p != '/' || p == partial) continue;
        *p = 0;
        ok = make_folder(partial, err);
        *p = '/';
    }
    ok = ok && make_folder(path, err);
    base_free(partial);
    return ok;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool list_open_folder(DIR *folder, char ***names, int64_t *n_names)
{
    int64_t capacity = 0;
    for (;;) {
        errno = 0;
        const struct dirent *const entry = readdir(folder);
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (*n_names == capacity) {
            capacity = capacity ? 2 * capacity : 32;
            *names = base_realloc(*names, (size_t)capacity, sizeof **names);
        }
        (*names)[(*n_names)++] = base_strdup(entry->d_name);
    }
    if (errno != 0) return false;
    if (*n_names > 1) qsort(*names, (size_t)*n_names, sizeof **names, compare_names);
    return true;
}

bool file_list(const char *path, char ***names, int64_t *n_names, Error *err)
{
    *names = NULL;
    *n_names = 0;
    DIR *const folder = opendir(path);
    if (!folder) return file_error(err, path, errno);
    const bool ok = list_open_folder(folder, names, n_names);
    const int number = errno;
    closedir(folder);
    if (ok) return true;
    file_names_free(*names, *n_names);
    *names = NULL;
    *n_names = 0;
    return file_error(err, path, number);
}

void file_names_free(char **names, int64_t n_names)
{
    for (int64_t i = 0; i < n_names; i++) base_free(names[i]);
    base_free(names);
}

bool file_remove_tree(const char *path, Error *err)
{
    struct stat info;
    if (lstat(path, &info) != 0) return errno == ENOENT || file_error(err, path, errno);
    if (!S_ISDIR(info.st_mode)) return unlink(path) == 0 || errno == ENOENT || file_error(err, path, errno);
    char **names;
    int64_t n_names;
    if (!file_list(path, &names, &n_names, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < n_names; i++) {
        char *const inner = base_printf("%s/%s", path, names[i]);
        ok = file_remove_tree(inner, err);
        base_free(inner);
    }
    file_names_free(names, n_names);
    return ok && (rmdir(path) == 0 || errno == ENOENT || file_error(err, path, errno));
}

bool file_remove_leftovers(const char *folder, Error *err)
{
    char **names;
    int64_t n_names;
    if (!file_list(folder, &names, &n_names, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < n_names; i++) {
        if (!strstr(names[i], ".tmp-")) continue;
        char *const path = base_printf("%s/%s", folder, names[i]);
        ok = file_remove_tree(path, err);
        base_free(path);
    }
    file_names_free(names, n_names);
    return ok;
}

/* ---- durable writing ---- */

struct FileWriter {
    int fd;
    char *path, *temporary;
    char *stem; /* of the failpoints */
    unsigned char *buffer;
    size_t n_buffered;
    XXH3_state_t *hash;
};

/* failpoint("<stem>.<operation>") */
static int failpoint_of(const char *stem, const char *operation)
{
    char name[96];
    snprintf(name, sizeof name, "%s.%s", stem, operation);
    return failpoint(name);
}

static int sync_parent(const char *path, const char *stem)
{
    int number = failpoint_of(stem, "dirsync");
    if (number != 0) return number;
    char *const folder = parent_folder(path);
    number = sync_folder(folder);
    base_free(folder);
    return number;
}

static void writer_free(FileWriter *writer)
{
    if (writer->fd >= 0) close(writer->fd);
    XXH3_freeState(writer->hash);
    base_free(writer->path);
    base_free(writer->temporary);
    base_free(writer->stem);
    base_free(writer->buffer);
    base_free(writer);
}

bool file_writer_open(FileWriter **out, const char *path, const char *stem, Error *err)
{
    *out = NULL;
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
        return error_set(err, ERROR_INPUT, "%s: is %s, a file would take its place: give another name", path,
                         S_ISDIR(info.st_mode) ? "a folder" : "not a plain file");
    char *const temporary = base_printf("%s.tmp-%ld", path, (long)getpid());
    const int fd = open_retry(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        const int number = errno;
        base_free(temporary);
        return file_error(err, path, number);
    }
    FileWriter *const writer = base_alloc(1, sizeof *writer);
    *writer = (FileWriter){.fd = fd, .path = base_strdup(path), .temporary = temporary, .stem = base_strdup(stem)};
    writer->buffer = base_alloc(WRITE_BUFFER_BYTES, 1);
    writer->hash = XXH3_createState();
    if (!writer->hash) {
        file_writer_abandon(writer);
        return error_set(err, ERROR_SYSTEM, "%s: no memory for a checksum", path);
    }
    XXH3_128bits_reset(writer->hash);
    *out = writer;
    return true;
}

static bool write_out(FileWriter *writer, const unsigned char *bytes, size_t n_bytes, Error *err)
{
    const int told = failpoint_of(writer->stem, "write");
    if (told != 0) return file_error(err, writer->path, told);
    while (n_bytes > 0) {
        const ssize_t n = write(writer->fd, bytes, n_bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return file_error(err, writer->path, errno);
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

static bool flush_buffer(FileWriter *writer, Error *err)
{
    const size_t n = writer->n_buffered;
    writer->n_buffered = 0;
    return n == 0 || write_out(writer, writer->buffer, n, err);
}

bool file_writer_write(FileWriter *writer, const void *bytes, size_t n_bytes, Error *err)
{
    if (n_bytes == 0) return true;
    XXH3_128bits_update(writer->hash, bytes, n_bytes);
    if (n_bytes > WRITE_BUFFER_BYTES - writer->n_buffered && !flush_buffer(writer, err)) return false;
    if (n_bytes >= WRITE_BUFFER_BYTES) return write_out(writer, bytes, n_bytes, err);
    memcpy(writer->buffer + writer->n_buffered, bytes, n_bytes);
    writer->n_buffered += n_bytes;
    return true;
}

void file_writer_hash(const FileWriter *writer, char hex[33])
{
    hash_hex(XXH3_128bits_digest(writer->hash), hex);
}

static int sync_and_close(FileWriter *writer)
{
    const int told = failpoint_of(writer->stem, "sync");
    if (told != 0) return told;
    if (fsync(writer->fd) != 0) return errno;
    const int fd = writer->fd;
    writer->fd = -1;
    return close(fd) == 0 ? 0 : errno;
}

static int rename_over(const FileWriter *writer)
{
    const int told = failpoint_of(writer->stem, "rename");
    if (told != 0) return told;
    return rename(writer->temporary, writer->path) == 0 ? 0 : errno;
}

bool file_writer_commit(FileWriter *writer, Error *err)
{
    bool ok = flush_buffer(writer, err);
    int number = ok ? sync_and_close(writer) : 0;
    if (number == 0 && ok) number = rename_over(writer);
    if (!ok || number != 0) {
        if (number != 0) file_error(err, writer->path, number);
        file_writer_abandon(writer);
        return false;
    }
    /* The name is in place from here on: a failing sync of the folder is reported, but there is nothing to take back. */
    number = sync_parent(writer->path, writer->stem);
    ok = number == 0 || file_error(err, writer->path, number);
    writer_free(writer);
    return ok;
}

void file_writer_abandon(FileWriter *writer)
{
    if (!writer) return;
    unlink(writer->temporary);
    writer_free(writer);
}

bool file_write_all(const char *path, const char *stem, const void *bytes, size_t n_bytes, Error *err)
{
    FileWriter *writer;
    if (!file_writer_open(&writer, path, stem, err)) return false;
    if (file_writer_write(writer, bytes, n_bytes, err)) return file_writer_commit(writer, err);
    file_writer_abandon(writer);
    return false;
}

/* rename that never replaces. Where the file system does not know the flag, a look before has to do. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL && errno != ENOSYS) return errno;
    if (file_exists(to)) return EEXIST;
    return rename(from, to) == 0 ? 0 : errno;
}

bool file_rename_durable(const char *from, const char *to, const char *stem, Error *err)
{
    int number = failpoint_of(stem, "sync");
    if (number == 0) number = sync_folder(from);
    if (number != 0) return file_error(err, from, number);
    number = failpoint_of(stem, "rename");
    if (number == 0) number = rename_new(from, to);
    if (number == 0) number = sync_parent(to, stem);
    return number == 0 || file_error(err, to, number);
}

/* ---- locks ---- */

static long locking_process(int fd)
{
    char text[32];
    const ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    return strtol(text, NULL, 10);
}

bool file_lock(const char *path, int *out, Error *err)
{
    *out = -1;
    const int fd = open_retry(path, O_RDWR | O_CREAT, 0666);
    if (fd < 0) return file_error(err, path, errno);
    int status;
    do status = flock(fd, LOCK_EX | LOCK_NB);
    while (status != 0 && errno == EINTR);
    if (status != 0) {
        const int number = errno;
        const long process = locking_process(fd);
        close(fd);
        if (number != EWOULDBLOCK) return file_error(err, path, number);
        if (process <= 0) return error_set(err, ERROR_INPUT, "%s: locked by another process", path);
        return error_set(err, ERROR_INPUT, "%s: locked by process %ld", path, process);
    }
    char text[32];
    const int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n) {
        const int number = errno;
        close(fd);
        return file_error(err, path, number);
    }
    *out = fd;
    return true;
}

void file_unlock(int fd)
{
    if (fd >= 0) close(fd);
}
