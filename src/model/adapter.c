/* SPDX-License-Identifier: MIT */
#include "model/adapter.h"

#include "base/file.h"
#include "model/folder.h"
#include "num/gemm.h"

#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
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

/* "q_proj" or more of a path that ends so, "self_attn.q_proj": of all layers. */
static bool parse_target(LoraConfig *lora, const json_t *value, Error *err)
{
    const char *const text = json_string_value(value);
    const unsigned named = text ? lora_modules_named(text, strlen(text)) : 0;
    lora->targets |= named;
    if (named) return true;
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

static bool is_target(const ModelConfig *c, int module)
{
    return (c->lora.targets >> module & 1) && lora_module_outputs(c, (LoraModule)module) > 0;
}

/* As PEFT reads them: an end of a path. "gate_proj" is those of all MLPs, experts' too. */
static void write_targets(JsonOut *out, const ModelConfig *c)
{
    json_out_array(out);
    for (int m = 0; m < LORA_GATE; m++)
        if (is_target(c, m)) json_out_cstring(out, lora_module_name((LoraModule)m));
    for (int i = 0; i <= LORA_DOWN - LORA_GATE; i++) {
        const char *const name = lora_module_name((LoraModule)(LORA_GATE + i));
        const bool dense = is_target(c, LORA_GATE + i), shared = is_target(c, LORA_SHARED_GATE + i);
        char longer[LORA_NAME_BYTES];
        if (is_target(c, LORA_EXPERT_GATE + i) || (dense && c->moe.n_experts == 0)) {
            json_out_cstring(out, name);
            continue;
        }
        snprintf(longer, sizeof longer, "mlp.%s", name);
        if (dense) json_out_cstring(out, longer);
        snprintf(longer, sizeof longer, "shared_experts.%s", name);
        if (shared) json_out_cstring(out, longer);
    }
    json_out_array_end(out);
}

static void write_config(JsonOut *out, const ModelConfig *config, const char *base)
{
    const LoraConfig *const lora = &config->lora;
    json_out_object(out);
    json_out_kv_string(out, "base_model_name_or_path", base);
    json_out_kv_string(out, "bias", "none");
    json_out_kv_bool(out, "fan_in_fan_out", false);
    json_out_kv_bool(out, "inference_mode", true);
    json_out_kv_bool(out, "init_lora_weights", true);
    json_out_kv_double(out, "lora_alpha", lora->alpha);
    json_out_kv_double(out, "lora_dropout", 0.0);
    if (config->scalar_head) {
        json_out_key(out, "modules_to_save");
        json_out_array(out);
        json_out_cstring(out, "score");
        json_out_array_end(out);
    }
    json_out_kv_string(out, "peft_type", "LORA");
    json_out_kv_int(out, "r", lora->rank);
    json_out_key(out, "target_modules");
    write_targets(out, config);
    json_out_kv_string(out, "task_type", config->scalar_head ? "SEQ_CLS" : "CAUSAL_LM");
    json_out_kv_bool(out, "use_dora", false);
    json_out_kv_bool(out, "use_rslora", lora->rslora);
    json_out_object_end(out);
}

bool adapter_write_config(const char *folder, const Model *model, const char *tokenizer_folder, Error *err)
{
    char absolute[PATH_MAX];
    JsonOut out = {0};
    write_config(&out, &model->config, realpath(model->lora.base, absolute) ? absolute : model->lora.base);
    const bool ok = model_folder_write_json(folder, CONFIG, &out, err);
    json_out_free(&out);
    return ok && (!tokenizer_folder || model_folder_copy_tokenizer(folder, tokenizer_folder, err));
}

/* ---- merging ---- */

enum { MERGE_ROWS = 256 };

/* delta [rows, K]: room for MERGE_ROWS of them. */
static void merge_one(float *w, const float *a, const float *b, float *delta, float scale, int64_t N, int64_t K,
                      int64_t r, const Compute *compute)
{
    for (int64_t first = 0; first < N; first += MERGE_ROWS) {
        const int64_t rows = N - first < MERGE_ROWS ? N - first : MERGE_ROWS;
        const Gemm g = gemm_by_input(delta, K, b + first * r, r, a, rows, r, K, false);
        gemm_run(compute->k, compute->threads, &g);
        float *const to = w + first * K;
        for (int64_t i = 0; i < rows * K; i++) to[i] = fmaf(scale, delta[i], to[i]);
    }
}

static void merge_module(Model *model, int64_t l, LoraModule module, const Compute *compute)
{
    const ModelConfig *const c = &model->config;
    const Lora *const lora = &model->lora;
    const AdapterOffsets *const o = &lora->layout.adapters[l * LORA_MODULES + module];
    const int64_t K = lora_module_inputs(c, module), n = lora_is_expert(module) ? c->moe.n_experts : 1;
    float *const delta = base_alloc((size_t)(MERGE_ROWS * K), sizeof *delta);
    for (int64_t e = 0; e < n; e++) {
        char path[LORA_NAME_BYTES], name[LORA_NAME_BYTES + 48];
        lora_module_tensor(path, module, e);
        snprintf(name, sizeof name, "model.layers.%" PRId64 ".%s.weight", l, path);
        const ParamTensor *const p = param_layout_find(&model->layout, name);
        merge_one(model->weights + p->offset, lora->weights + o->a + e * o->stride,
                  lora->weights + o->b + e * o->stride, delta, lora->scale, p->rows, K, c->lora.rank, compute);
    }
    base_free(delta);
}

void adapter_merge(Model *model, const Compute *compute)
{
    const ModelConfig *const c = &model->config;
    for (int64_t l = 0; l < c->n_layers; l++)
        for (int m = 0; m < LORA_MODULES; m++)
            if (lora_has(c, l, (LoraModule)m)) merge_module(model, l, (LoraModule)m, compute);
}
