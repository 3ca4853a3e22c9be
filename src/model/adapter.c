/* SPDX-License-Identifier: MIT */
#include "model/adapter.h"

#include "base/file.h"
#include "model/folder.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char CONFIG[] = "adapter_config.json", WEIGHTS[] = "adapter_model.safetensors";

static bool has_file(const char *folder, const char *name)
{
    char *const path = base_printf("%s/%s", folder, name);
    const bool there = file_exists(path);
    base_free(path);
    return there;
}

bool adapter_is_folder(const char *folder)
{
    return has_file(folder, CONFIG) && !has_file(folder, "config.json");
}

/* ---- adapter_config.json ---- */

static bool refused(const char *key, const char *what, Error *err)
{
    return error_set(err, ERROR_INPUT, "\"%s\" %s", key, what);
}

static bool is_empty(const json_t *value)
{
    return !value || json_is_null(value) || json_is_false(value) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

/* Keys that must be missing, null, false or empty: anything else is another kind of adapter. */
static bool check_unused(const json_t *json, Error *err)
{
    static const char *const KEYS[] = {
        "fan_in_fan_out",
        "use_dora",
        "layers_to_transform",
        "rank_pattern",
        "alpha_pattern",
        "exclude_modules",
        "use_qalora",
        "target_parameters",
        "lora_bias",
        "layer_replication",
        "trainable_token_indices",
        "alora_invocation_tokens",
    };
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
        if (!is_empty(json_object_get(json, KEYS[i])))
            return refused(KEYS[i], "is set, which r1 does not compute", err);
    }
    return true;
}

/* Of a classifier PEFT saves the head whole: the scalar head, which must be all that it saves so. */
static bool parse_saved(LoraConfig *lora, const json_t *json, Error *err)
{
    const json_t *const saved = json_object_get(json, "modules_to_save");
    const char *task = "CAUSAL_LM";
    size_t length;
    if (!json_get_string(json, "task_type", &task, &length, err)) return false;
    lora->score = strcmp(task, "SEQ_CLS") == 0;
    if (!lora->score)
        return is_empty(saved) || refused("modules_to_save", "is set, which r1 reads of SEQ_CLS alone", err);
    bool has_score = false;
    for (size_t i = 0; i < json_array_size(saved); i++) {
        const char *const name = json_string_value(json_array_get(saved, i));
        if (!name || (strcmp(name, "score") != 0 && strcmp(name, "classifier") != 0))
            return refused("modules_to_save", "names more than \"score\", the scalar head", err);
        has_score = has_score || strcmp(name, "score") == 0;
    }
    return has_score || refused("modules_to_save", "must name \"score\", the scalar head that SEQ_CLS has", err);
}

/* "q_proj" or a path that ends in "self_attn.q_proj", of all layers. */
static bool parse_target(LoraConfig *lora, const json_t *value, Error *err)
{
    const char *const text = json_string_value(value);
    for (int m = 0; text && m < LORA_MODULES; m++) {
        if (strcmp(text, lora_module_name((LoraModule)m)) != 0 && strcmp(text, lora_module_path((LoraModule)m)) != 0)
            continue;
        lora->targets |= 1u << m;
        return true;
    }
    return error_set(err, ERROR_INPUT, "\"target_modules\": \"%.60s\" is no linear map of a block's that r1 adapts",
                     text ? text : "");
}

static bool parse_targets(LoraConfig *lora, const json_t *json, Error *err)
{
    const json_t *const list = json_object_get(json, "target_modules");
    if (json_is_string(list) && strcmp(json_string_value(list), "all-linear") == 0) {
        lora->targets = LORA_ALL;
        return true;
    }
    if (!json_is_array(list) || json_array_size(list) == 0)
        return refused("target_modules", "must be a list of names or \"all-linear\"", err);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!parse_target(lora, json_array_get(list, i), err)) return false;
    return true;
}

static bool parse_config(LoraConfig *lora, const json_t *json, Error *err)
{
    if (!json_is_object(json)) return error_set(err, ERROR_INPUT, "must be a JSON object");
    const char *type = "", *bias = "none";
    size_t length;
    lora->alpha = 8.0; /* PEFT's default */
    if (!json_get_string(json, "peft_type", &type, &length, err) ||
        !json_get_string(json, "bias", &bias, &length, err) || !json_require(json, "r", err) ||
        !json_get_int(json, "r", 1, 1 << 12, &lora->rank, err) ||
        !json_get_double(json, "lora_alpha", &lora->alpha, err) ||
        !json_get_bool(json, "use_rslora", &lora->rslora, err))
        return false;
    if (strcmp(type, "LORA") != 0)
        return error_set(err, ERROR_INPUT, "\"peft_type\" is \"%.40s\"; r1 reads LORA", type);
    if (strcmp(bias, "none") != 0) return refused("bias", "must be \"none\"", err);
    return check_unused(json, err) && parse_saved(lora, json, err) && parse_targets(lora, json, err);
}

bool adapter_config_parse(LoraConfig *lora, const json_t *json, const char *name, Error *err)
{
    *lora = (LoraConfig){0};
    return parse_config(lora, json, err) || error_in(err, "%s", name);
}

bool adapter_config_read(LoraConfig *lora, const char *folder, Error *err)
{
    char *const path = base_printf("%s/%s", folder, CONFIG);
    json_t *const json = json_read_file(path, err);
    const bool ok = json && adapter_config_parse(lora, json, path, err);
    json_decref(json);
    base_free(path);
    return ok;
}

/* ---- the model that they belong to ---- */

static bool base_of(char **base, const json_t *json, const char *folder, const char *config_path, Error *err)
{
    const char *name = NULL;
    size_t length;
    if (!json_is_object(json) || !json_get_string(json, "base_model_name_or_path", &name, &length, err) || !name ||
        !*name)
        return error_set(err, ERROR_INPUT, "%s: \"base_model_name_or_path\" must name the model's folder", config_path);
    *base = file_exists(name) ? base_strdup(name) : base_printf("%s/%s", folder, name);
    if (file_exists(*base) && !adapter_is_folder(*base)) return true;
    const bool there = file_exists(*base);
    base_free(*base);
    *base = NULL;
    return error_set(err, ERROR_INPUT, "%s: \"base_model_name_or_path\": %.200s %s", config_path, name,
                     there ? "holds adapters itself" : "is not here: set it to the folder of the model");
}

bool adapter_base_folder(char **base, const char *folder, Error *err)
{
    *base = NULL;
    if (!adapter_is_folder(folder)) {
        *base = base_strdup(folder);
        return true;
    }
    char *const path = base_printf("%s/%s", folder, CONFIG);
    json_t *const json = json_read_file(path, err);
    const bool ok = json && base_of(base, json, folder, path, err);
    json_decref(json);
    base_free(path);
    return ok;
}

bool adapter_tokenizer_open(Tokenizer **tokenizer, const char *folder, Error *err)
{
    char *base;
    if (!adapter_is_folder(folder) || has_file(folder, "tokenizer.json")) return tokenizer_open(tokenizer, folder, err);
    if (!adapter_base_folder(&base, folder, err)) return false;
    const bool ok = tokenizer_open(tokenizer, base, err);
    base_free(base);
    return ok;
}

/* ---- weights ---- */

static bool check_and_read(float *weights, const ParamLayout *layout, const ModelConfig *config, const char *folder,
                           Error *err)
{
    char *const path = base_printf("%s/%s", folder, WEIGHTS);
    ModelTensors tensors;
    bool ok = model_tensors_open(&tensors, path, err);
    if (ok) {
        ok = model_tensors_check(&tensors, layout, config, path, err) &&
             (!weights || model_tensors_read_all(weights, &tensors, layout, err));
        model_tensors_close(&tensors);
    }
    base_free(path);
    return ok;
}

bool adapter_check_weights(const ModelConfig *config, const char *folder, Error *err)
{
    ParamLayout layout;
    if (!param_layout_create_adapters(&layout, config, err)) return false;
    const bool ok = check_and_read(NULL, &layout, config, folder, err);
    param_layout_free(&layout);
    return ok;
}

bool adapter_read_weights(Model *model, const char *folder, Error *err)
{
    return check_and_read(model->lora.weights, &model->lora.layout, &model->config, folder, err);
}

/* ---- writing ---- */

static void write_config(JsonOut *out, const LoraConfig *lora, bool scalar_head, const char *base)
{
    json_out_object(out);
    json_out_kv_string(out, "base_model_name_or_path", base);
    json_out_kv_string(out, "bias", "none");
    json_out_kv_bool(out, "fan_in_fan_out", false);
    json_out_kv_bool(out, "inference_mode", true);
    json_out_kv_bool(out, "init_lora_weights", true);
    json_out_kv_double(out, "lora_alpha", lora->alpha);
    json_out_kv_double(out, "lora_dropout", 0.0);
    if (scalar_head) {
        json_out_key(out, "modules_to_save");
        json_out_array(out);
        json_out_cstring(out, "score");
        json_out_array_end(out);
    }
    json_out_kv_string(out, "peft_type", "LORA");
    json_out_kv_int(out, "r", lora->rank);
    json_out_key(out, "target_modules");
    json_out_array(out);
    for (int m = 0; m < LORA_MODULES; m++)
        if (lora->targets >> m & 1) json_out_cstring(out, lora_module_name((LoraModule)m));
    json_out_array_end(out);
    json_out_kv_string(out, "task_type", scalar_head ? "SEQ_CLS" : "CAUSAL_LM");
    json_out_kv_bool(out, "use_dora", false);
    json_out_kv_bool(out, "use_rslora", lora->rslora);
    json_out_object_end(out);
}

bool adapter_write_config(const char *folder, const Model *model, const char *tokenizer_folder, Error *err)
{
    char absolute[PATH_MAX];
    JsonOut out = {0};
    write_config(&out, &model->config.lora, model->config.scalar_head,
                 realpath(model->lora.base, absolute) ? absolute : model->lora.base);
    const bool ok = model_folder_write_json(folder, CONFIG, &out, err);
    json_out_free(&out);
    return ok && (!tokenizer_folder || model_folder_copy_tokenizer(folder, tokenizer_folder, err));
}

/* ---- merging ---- */

static void merge_one(float *w, const float *a, const float *b, float scale, int64_t N, int64_t K, int64_t r)
{
    for (int64_t n = 0; n < N; n++)
        for (int64_t i = 0; i < K; i++) {
            float delta = 0.0f;
            for (int64_t k = 0; k < r; k++) delta = fmaf(b[n * r + k], a[k * K + i], delta);
            w[n * K + i] = fmaf(scale, delta, w[n * K + i]);
        }
}

void adapter_merge(Model *model)
{
    const ModelConfig *c = &model->config;
    const Lora *lora = &model->lora;
    for (int64_t l = 0; c->lora.rank > 0 && l < c->n_layers; l++)
        for (int m = 0; m < LORA_MODULES; m++) {
            const AdapterOffsets *o = &lora->layout.adapters[l * LORA_MODULES + m];
            char name[96];
            if (o->a < 0) continue;
            snprintf(name, sizeof name, "model.layers.%" PRId64 ".%s.weight", l, lora_module_path((LoraModule)m));
            const ParamTensor *p = param_layout_find(&model->layout, name);
            merge_one(model->weights + p->offset, lora->weights + o->a, lora->weights + o->b, lora->scale, p->rows,
                      p->columns, c->lora.rank);
        }
}
