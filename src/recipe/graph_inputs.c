/* SPDX-License-Identifier: MIT */
/* recipe/graph_inputs.c: see graph_inputs.h. */
#include "recipe/graph_inputs.h"

#include "base/arena.h"
#include "base/file.h"
#include "recipe/input_digest.h"

#include <string.h>

static const char *path_of(const GraphInput *input)
{
    return *(const char *const *)recipe_field(input->settings, input->key);
}

bool graph_inputs_exist(const GraphStage *s, Error *err)
{
    for (int k = 0; k < s->n_inputs; k++) {
        const RecipeKey *const key = s->inputs[k].key;
        const char *const path = path_of(&s->inputs[k]);
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
        const char *const path = path_of(input);
        ok = input_digest(inputs->parts[k], path, err) || recipe_error_in(&s->recipe, input->key->name, err);
        if (ok) input_digest_add(&all, input->key->name, inputs->parts[k]);
    }
    if (ok) input_digest_of_lines(inputs->digest, &all);
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
        json_out_kv_string(&out, "path", path_of(&s->inputs[k]));
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
