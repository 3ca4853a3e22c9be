/* SPDX-License-Identifier: MIT */
/* recipe/graph_inputs.c: see graph_inputs.h. */
#include "recipe/graph_inputs.h"

#include "base/arena.h"
#include "base/file.h"
#include "model/adapter.h"

#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

static void hash_text(char hex[33], const JsonOut *text)
{
    const XXH128_hash_t hash = XXH3_128bits(text->text, text->length);
    snprintf(hex, 33, "%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
}

static void add_line(JsonOut *out, const char *name, const char *value)
{
    json_out_raw_bytes(out, name, strlen(name));
    json_out_raw_bytes(out, " ", 1);
    json_out_raw_bytes(out, value, strlen(value));
    json_out_raw_bytes(out, "\n", 1);
}

/* ---- files and folders ---- */

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
        if (ok) add_line(&list, names[i], of_file);
        base_free(file);
    }
    if (ok) hash_text(hex, &list);
    json_out_free(&list);
    file_names_free(names, n_names);
    return ok;
}

static bool hash_path(char hex[33], const char *path, Error *err)
{
    return file_is_folder(path) ? hash_folder(hex, path, err) : file_hash(path, hex, err);
}

/* Adapters are a function of the model beneath them as well. */
static bool hash_model(char hex[33], const char *path, Error *err)
{
    char *base, own[33], beneath[33];
    JsonOut both = {0};
    if (!file_is_folder(path) || !adapter_is_folder(path)) return hash_path(hex, path, err);
    if (!adapter_base_folder(&base, path, err)) return false;
    const bool ok = hash_path(own, path, err) && hash_path(beneath, base, err);
    if (ok) {
        add_line(&both, own, beneath);
        hash_text(hex, &both);
    }
    json_out_free(&both);
    base_free(base);
    return ok;
}

/* ---- a stage ---- */

static const char *path_of(const GraphStage *s, const GraphInput *input)
{
    return *(const char *const *)recipe_field(recipe_settings(&s->recipe), input->key);
}

bool graph_inputs_exist(const GraphStage *s, Error *err)
{
    for (int k = 0; k < s->n_inputs; k++) {
        const RecipeKey *const key = s->inputs[k].key;
        const char *const path = path_of(s, &s->inputs[k]);
        if (s->inputs[k].from < 0 && !file_exists(path))
            return recipe_error(&s->recipe, key->name, err, "%s: %s: there is no such %s", key->name, path,
                                key->kind == KEY_MODEL ? "model" : "file");
    }
    return true;
}

bool graph_inputs_read(StageInputs *inputs, const GraphStage *s, Error *err)
{
    JsonOut all = {0};
    bool ok = true;
    json_out_raw_bytes(&all, s->lasting, strlen(s->lasting));
    for (int k = 0; ok && k < s->n_inputs; k++) {
        const GraphInput *const input = &s->inputs[k];
        const char *const path = path_of(s, input);
        ok = (input->key->kind == KEY_MODEL ? hash_model(inputs->parts[k], path, err)
                                            : hash_path(inputs->parts[k], path, err)) ||
             recipe_error_in(&s->recipe, input->key->name, err);
        if (ok) add_line(&all, input->key->name, inputs->parts[k]);
    }
    if (ok) hash_text(inputs->digest, &all);
    json_out_free(&all);
    return ok;
}

bool graph_inputs_stored(char digest[33], const char *folder, Error *err)
{
    char *const path = base_printf("%s/inputs.json", folder);
    const char *text = NULL;
    size_t length = 0;
    digest[0] = '\0';
    json_t *const json = file_exists(path) ? json_read_file(path, err) : NULL;
    bool ok = json != NULL || !file_exists(path);
    if (json) {
        ok = json_get_string(json, "digest", &text, &length, err) &&
             ((text && length == 32) || error_set(err, ERROR_INPUT, "holds no digest"));
        if (ok) memcpy(digest, text, 33);
        if (!ok) error_in(err, "%s", path);
    }
    if (!ok) error_in(err, "remove %s to do this stage again", folder);
    json_decref(json);
    base_free(path);
    return ok;
}

bool graph_inputs_store(const StageInputs *inputs, const GraphStage *s, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_int(&out, "format", 1);
    json_out_kv_string(&out, "digest", inputs->digest);
    json_out_key(&out, "inputs");
    json_out_array(&out);
    for (int k = 0; k < s->n_inputs; k++) {
        json_out_object(&out);
        json_out_kv_string(&out, "key", s->inputs[k].key->name);
        json_out_kv_string(&out, "path", path_of(s, &s->inputs[k]));
        json_out_kv_string(&out, "digest", inputs->parts[k]);
        json_out_object_end(&out);
    }
    json_out_array_end(&out);
    json_out_object_end(&out);
    char *const path = base_printf("%s/inputs.json", s->folder);
    const bool ok = file_make_folders(s->folder, err) && file_write_all(path, "inputs", out.text, out.length, err);
    base_free(path);
    json_out_free(&out);
    return ok;
}
