/* SPDX-License-Identifier: MIT */
/* recipe/input_digest.c: see input_digest.h. */
#include "recipe/input_digest.h"

#include "base/arena.h"
#include "base/file.h"
#include "model/adapter.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

void input_digest_of_lines(char hex[33], const JsonOut *lines)
{
    const XXH128_hash_t hash = XXH3_128bits(lines->text, lines->length);
    snprintf(hex, 33, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
}

void input_digest_add(JsonOut *lines, const char *name, const char *hex)
{
    json_out_raw_bytes(lines, name, strlen(name));
    json_out_raw_bytes(lines, " ", 1);
    json_out_raw_bytes(lines, hex, strlen(hex));
    json_out_raw_bytes(lines, "\n", 1);
}

static bool counts(const char *name)
{
    const size_t n = strlen(name);
    return name[0] != '.' && !strstr(name, ".tmp-") && !(n > 3 && strcmp(name + n - 3, ".md") == 0);
}

static bool hash_path(char hex[33], const char *path, Error *err);

static bool hash_folder(char hex[33], const char *path, Error *err)
{
    char **names;
    int64_t n_names;
    JsonOut list = {0};
    if (!file_list(path, &names, &n_names, err)) return false;
    bool ok = true;
    for (int64_t i = 0; ok && i < n_names; i++) {
        if (!counts(names[i])) continue;
        char of_file[33], *const file = base_printf("%s/%s", path, names[i]);
        ok = hash_path(of_file, file, err);
        if (ok) input_digest_add(&list, names[i], of_file);
        base_free(file);
    }
    if (ok) input_digest_of_lines(hex, &list);
    json_out_free(&list);
    file_names_free(names, n_names);
    return ok;
}

static bool hash_path(char hex[33], const char *path, Error *err)
{
    return file_is_folder(path) ? hash_folder(hex, path, err) : file_hash(path, hex, err);
}

bool input_digest(char hex[33], const char *path, Error *err)
{
    char *base, own[33], beneath[33];
    JsonOut both = {0};
    if (!file_is_folder(path) || !adapter_is_folder(path)) return hash_path(hex, path, err);
    if (!adapter_base_folder(&base, path, err)) return false;
    const bool ok = hash_path(own, path, err) && hash_path(beneath, base, err);
    if (ok) {
        input_digest_add(&both, own, beneath);
        input_digest_of_lines(hex, &both);
    }
    json_out_free(&both);
    base_free(base);
    return ok;
}
