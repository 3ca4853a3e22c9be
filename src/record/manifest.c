/* SPDX-License-Identifier: MIT */
/* record/manifest.c: see manifest.h. */
#include "record/manifest.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

enum { MANIFEST_FORMAT = 1, MANIFEST_MAX_FILES = 100000 };

void manifest_free(Manifest *manifest)
{
    for (int64_t i = 0; i < manifest->n_files; i++) base_free(manifest->files[i].name);
    base_free(manifest->files);
    *manifest = (Manifest){0};
}

static ManifestFile *find_file(const Manifest *manifest, const char *name)
{
    for (int64_t i = 0; i < manifest->n_files; i++)
        if (strcmp(manifest->files[i].name, name) == 0) return &manifest->files[i];
    return NULL;
}

const ManifestFile *manifest_find(const Manifest *manifest, const char *name)
{
    return find_file(manifest, name);
}

void manifest_set(Manifest *manifest, const char *name, int64_t bytes, const char hash[33])
{
    ManifestFile *file = find_file(manifest, name);
    if (!file) {
        if (manifest->n_files == manifest->capacity) {
            manifest->capacity = manifest->capacity ? 2 * manifest->capacity : 16;
            manifest->files = base_realloc(manifest->files, (size_t)manifest->capacity, sizeof *manifest->files);
        }
        file = &manifest->files[manifest->n_files++];
        file->name = base_strdup(name);
    }
    file->bytes = bytes;
    memcpy(file->hash, hash, sizeof file->hash);
}

/* XXH3-128 of the step and of the lines "name bytes hash\n": what tells a flip in the manifest from one in a file. */
static void hash_entries(const Manifest *manifest, char hex[33])
{
    XXH3_state_t *const state = XXH3_createState();
    XXH3_128bits_reset(state);
    char number[64];
    XXH3_128bits_update(state, number, (size_t)snprintf(number, sizeof number, "step %" PRId64 "\n", manifest->step));
    for (int64_t i = 0; i < manifest->n_files; i++) {
        const ManifestFile *const file = &manifest->files[i];
        XXH3_128bits_update(state, file->name, strlen(file->name));
        XXH3_128bits_update(state, number, (size_t)snprintf(number, sizeof number, " %" PRId64 " ", file->bytes));
        XXH3_128bits_update(state, file->hash, 32);
        XXH3_128bits_update(state, "\n", 1);
    }
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
    XXH3_freeState(state);
    for (int i = 0; i < 16; i++) snprintf(hex + 2 * i, 3, "%02x", (unsigned)canonical.digest[i]);
}

bool manifest_write(const Manifest *manifest, const char *folder, Error *err)
{
    char hash[33];
    hash_entries(manifest, hash);
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_int(&out, "format", MANIFEST_FORMAT);
    json_out_kv_int(&out, "step", manifest->step);
    json_out_key(&out, "files");
    json_out_array(&out);
    for (int64_t i = 0; i < manifest->n_files; i++) {
        json_out_object(&out);
        json_out_kv_string(&out, "name", manifest->files[i].name);
        json_out_kv_int(&out, "bytes", manifest->files[i].bytes);
        json_out_kv_string(&out, "xxh3_128", manifest->files[i].hash);
        json_out_object_end(&out);
    }
    json_out_array_end(&out);
    json_out_kv_string(&out, "xxh3_128", hash);
    json_out_object_end(&out);
    char *const path = base_printf("%s/manifest.json", folder);
    const bool ok = file_write_all(path, "checkpoint-manifest", out.text, out.length, err);
    base_free(path);
    json_out_free(&out);
    return ok;
}

/* ---- reading ---- */

static bool read_hash(const json_t *object, char hash[33], Error *err)
{
    const char *text = NULL;
    size_t length = 0;
    if (!json_require(object, "xxh3_128", err) || !json_get_string(object, "xxh3_128", &text, &length, err))
        return false;
    if (length != 32 || strspn(text, "0123456789abcdef") != 32)
        return error_set(err, ERROR_INPUT, "a checksum is not 32 hex digits");
    memcpy(hash, text, 33);
    return true;
}

static bool is_plain_name(const char *name, size_t length)
{
    return length > 0 && !memchr(name, '/', length) && !(length == 1 && name[0] == '.') &&
           !(length == 2 && name[0] == '.' && name[1] == '.');
}

/* A name that could leave the folder, or would read differently as a C string, was not written by us. */
static bool is_inner_name(const char *name, size_t length)
{
    const char *const slash = strchr(name, '/');
    if (strlen(name) != length) return false;
    if (!slash) return is_plain_name(name, length);
    return is_plain_name(name, (size_t)(slash - name)) && is_plain_name(slash + 1, strlen(slash + 1));
}

static bool read_file_entry(Manifest *manifest, const json_t *entry, Error *err)
{
    const char *name = NULL;
    size_t length = 0;
    int64_t bytes = 0;
    char hash[33];
    if (!json_is_object(entry)) return error_set(err, ERROR_INPUT, "an entry of \"files\" is not an object");
    if (!json_require(entry, "name", err) || !json_get_string(entry, "name", &name, &length, err) ||
        !json_require(entry, "bytes", err) || !json_get_int(entry, "bytes", 0, INT64_MAX, &bytes, err) ||
        !read_hash(entry, hash, err))
        return false;
    if (!is_inner_name(name, length))
        return error_set(err, ERROR_INPUT, "an entry of \"files\" is not the name of a file inside");
    if (find_file(manifest, name)) return error_set(err, ERROR_INPUT, "%s stands there twice", name);
    manifest_set(manifest, name, bytes, hash);
    return true;
}

static bool read_manifest(Manifest *manifest, const json_t *root, Error *err)
{
    int64_t format = 0;
    char written[33], computed[33];
    if (!json_is_object(root)) return error_set(err, ERROR_INPUT, "expected an object");
    if (!json_require(root, "format", err) || !json_get_int(root, "format", 0, INT64_MAX, &format, err)) return false;
    if (format != MANIFEST_FORMAT)
        return error_set(err, ERROR_INPUT, "has format %" PRId64 ", this program reads format %d", format,
                         MANIFEST_FORMAT);
    if (!json_require(root, "step", err) || !json_get_int(root, "step", 0, INT64_MAX, &manifest->step, err) ||
        !read_hash(root, written, err))
        return false;
    const json_t *const files = json_object_get(root, "files");
    if (!json_is_array(files) || json_array_size(files) > MANIFEST_MAX_FILES)
        return error_set(err, ERROR_INPUT, "\"files\" is not a list of files");
    for (size_t i = 0; i < json_array_size(files); i++)
        if (!read_file_entry(manifest, json_array_get(files, i), err)) return false;
    hash_entries(manifest, computed);
    return strcmp(written, computed) == 0 || error_set(err, ERROR_INPUT, "is damaged: its own checksum differs");
}

bool manifest_read(Manifest *manifest, const char *folder, Error *err)
{
    *manifest = (Manifest){0};
    char *const path = base_printf("%s/manifest.json", folder);
    json_t *const root = json_read_file(path, err);
    const bool ok = root && (read_manifest(manifest, root, err) || error_in(err, "%s", path));
    json_decref(root);
    base_free(path);
    if (!ok) manifest_free(manifest);
    return ok;
}

static bool check_file(const ManifestFile *file, const char *path, bool with_hash, Error *err)
{
    char hash[33];
    const int64_t bytes = file_size(path);
    if (bytes < 0) return error_set(err, ERROR_INPUT, "%s: is missing", path);
    if (bytes != file->bytes)
        return error_set(err, ERROR_INPUT, "%s: has %" PRId64 " bytes where its manifest says %" PRId64, path, bytes,
                         file->bytes);
    if (!with_hash) return true;
    if (!file_hash(path, hash, err)) return false;
    return strcmp(hash, file->hash) == 0 ||
           error_set(err, ERROR_INPUT, "%s: is damaged: its checksum differs from the manifest's", path);
}

bool manifest_check_files(const Manifest *manifest, const char *folder, bool with_hashes, Error *err)
{
    bool ok = true;
    for (int64_t i = 0; ok && i < manifest->n_files; i++) {
        char *const path = base_printf("%s/%s", folder, manifest->files[i].name);
        ok = check_file(&manifest->files[i], path, with_hashes, err);
        base_free(path);
    }
    return ok;
}
