/* SPDX-License-Identifier: MIT */
/* model/folder.c: a Hugging Face folder in and out. See folder.h. */
#include "model/folder.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "model/adapter.h"
#include "model/gguf_model.h"
#include "model/mtp_files.h"
#include "num/fp8.h"
#include "text/gguf_tokenizer.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* ---- the tensors, wherever they stand ---- */

enum { MAX_SHARDS = 4096 };

static int text_order(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The files that an index names, each once, sorted. The names come from a file: they must stay in the folder. */
static bool shard_names(const json_t *index, const char ***names, int64_t *n_names, Error *err)
{
    const json_t *const map = json_object_get(index, "weight_map");
    if (json_object_size(map) == 0) return error_set(err, ERROR_INPUT, "has no \"weight_map\"");
    *names = base_alloc(json_object_size(map), sizeof **names);
    *n_names = 0;
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *)map, tensor, value) /* jansson's iterator has no const form */
    {
        const char *const file = json_string_value(value);
        if (!file || !*file || strchr(file, '/'))
            return error_set(err, ERROR_INPUT, "\"weight_map\": \"%.80s\" must name a file of this folder", tensor);
        (*names)[(*n_names)++] = file;
    }
    qsort(*names, (size_t)*n_names, sizeof **names, text_order);
    int64_t kept = 0;
    for (int64_t i = 0; i < *n_names; i++)
        if (i == 0 || strcmp((*names)[kept - 1], (*names)[i]) != 0) (*names)[kept++] = (*names)[i];
    *n_names = kept;
    return kept <= MAX_SHARDS || error_set(err, ERROR_INPUT, "\"weight_map\" names %" PRId64 " files", kept);
}

static bool open_file(ModelTensors *m, const char *path, Error *err)
{
    m->files = base_alloc(1, sizeof *m->files);
    if (!safetensors_open(&m->files[0], path, err)) return false;
    m->n_files = 1;
    return true;
}

static bool open_shards(ModelTensors *m, const json_t *index, const char *folder, Error *err)
{
    const char **names = NULL;
    int64_t n_names = 0;
    bool ok = shard_names(index, &names, &n_names, err) || error_in(err, "%s/model.safetensors.index.json", folder);
    m->files = base_alloc((size_t)n_names, sizeof *m->files);
    for (int64_t i = 0; ok && i < n_names; i++) {
        char *const path = base_printf("%s/%s", folder, names[i]);
        ok = safetensors_open(&m->files[i], path, err);
        m->n_files += ok;
        base_free(path);
    }
    base_free(names);
    return ok;
}

static int tensor_order(const void *a, const void *b)
{
    return strcmp((*(const SafetensorsTensor *const *)a)->name, (*(const SafetensorsTensor *const *)b)->name);
}

static bool gather(ModelTensors *m, Error *err)
{
    int64_t total = 0;
    for (int64_t f = 0; f < m->n_files; f++) total += m->files[f].n_tensors;
    m->tensors = base_alloc((size_t)total, sizeof *m->tensors);
    for (int64_t f = 0; f < m->n_files; f++)
        for (int64_t i = 0; i < m->files[f].n_tensors; i++) m->tensors[m->n_tensors++] = &m->files[f].tensors[i];
    qsort(m->tensors, (size_t)total, sizeof *m->tensors, tensor_order);
    for (int64_t i = 1; i < total; i++)
        if (strcmp(m->tensors[i - 1]->name, m->tensors[i]->name) == 0)
            return error_set(err, ERROR_INPUT, "%s: tensor \"%.100s\" is also in %s", m->tensors[i]->file->path,
                             m->tensors[i]->name, m->tensors[i - 1]->file->path);
    return true;
}

/* Each entry of the index is where the index says. */
static bool check_index(const ModelTensors *m, const json_t *index, const char *folder, Error *err)
{
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(index, "weight_map"), name, value)
    {
        const char *const file = json_string_value(value);
        const SafetensorsTensor *const t = model_tensors_find(m, name);
        const char *const slash = t ? strrchr(t->file->path, '/') : NULL;
        if (!t || strcmp(slash ? slash + 1 : t->file->path, file) != 0)
            return error_set(err, ERROR_INPUT, "%s/%.200s: tensor \"%.100s\" is missing, which the index places here",
                             folder, file, name);
    }
    return true;
}

static bool open_folder(ModelTensors *m, const char *folder, Error *err)
{
    char *const single = base_printf("%s/model.safetensors", folder);
    char *const index_path = base_printf("%s/model.safetensors.index.json", folder);
    bool ok = false;
    if (file_exists(single)) {
        ok = open_file(m, single, err) && gather(m, err);
    } else if (file_exists(index_path)) {
        json_t *const index = json_read_file_unique(index_path, err);
        ok = index && open_shards(m, index, folder, err) && gather(m, err) && check_index(m, index, folder, err);
        json_decref(index);
    } else if (adapter_is_folder(folder)) {
        char *const adapters = base_printf("%s/adapter_model.safetensors", folder);
        ok = open_file(m, adapters, err) && gather(m, err);
        base_free(adapters);
    } else {
        error_set(err, ERROR_INPUT, "%s: neither model.safetensors nor model.safetensors.index.json is here", folder);
    }
    base_free(single);
    base_free(index_path);
    return ok;
}

bool model_tensors_open(ModelTensors *tensors, const char *path, Error *err)
{
    *tensors = (ModelTensors){0};
    const bool ok =
        file_is_folder(path) ? open_folder(tensors, path, err) : open_file(tensors, path, err) && gather(tensors, err);
    if (!ok) model_tensors_close(tensors);
    return ok;
}

void model_tensors_close(ModelTensors *tensors)
{
    for (int64_t f = 0; f < tensors->n_files; f++) safetensors_close(&tensors->files[f]);
    base_free(tensors->files);
    base_free(tensors->tensors);
    *tensors = (ModelTensors){0};
}

const SafetensorsTensor *model_tensors_find(const ModelTensors *m, const char *name)
{
    if (m->n_tensors == 0) return NULL;
    const SafetensorsTensor key = {.name = name}, *const key_pointer = &key;
    const SafetensorsTensor *const *const found =
        bsearch(&key_pointer, m->tensors, (size_t)m->n_tensors, sizeof *m->tensors, tensor_order);
    return found ? *found : NULL;
}

/* ---- elements, whatever they are stored as ---- */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

#define SCALE_SUFFIX "_scale_inv"

const SafetensorsTensor *model_tensors_scale(const ModelTensors *m, const SafetensorsTensor *t)
{
    char *const name = base_printf("%s" SCALE_SUFFIX, t->name);
    const SafetensorsTensor *const scale = model_tensors_find(m, name);
    base_free(name);
    return scale;
}

bool model_tensors_is_scale(const ModelTensors *m, const SafetensorsTensor *t)
{
    if (!ends_with(t->name, SCALE_SUFFIX)) return false;
    char *const name = base_strndup(t->name, strlen(t->name) - strlen(SCALE_SUFFIX));
    const SafetensorsTensor *const scaled = model_tensors_find(m, name);
    base_free(name);
    return scaled && scaled->dtype == DTYPE_F8_E4M3;
}

static bool check_f8(const ModelTensors *m, const SafetensorsTensor *t, Error *err)
{
    const SafetensorsTensor *const scale = model_tensors_scale(m, t);
    if (!scale)
        return error_set(err, ERROR_INPUT,
                         "%s: tensor \"%.100s\" is F8_E4M3, but its scales \"%.100s" SCALE_SUFFIX "\" are missing",
                         t->file->path, t->name, t->name);
    if (t->rank != 2)
        return error_set(err, ERROR_INPUT, "%s: tensor \"%.100s\" is F8_E4M3, which only a matrix may be",
                         t->file->path, t->name);
    const int64_t blocks[2] = {fp8_blocks(t->shape[0]), fp8_blocks(t->shape[1])};
    return safetensors_check_shape(scale, 2, blocks, err) && safetensors_check_f32(scale, err);
}

static bool check_elements(const ModelTensors *m, const SafetensorsTensor *t, Error *err)
{
    return t->dtype == DTYPE_F8_E4M3 ? check_f8(m, t, err) : safetensors_check_f32(t, err);
}

bool model_tensors_read_f32(float *out, const ModelTensors *m, const SafetensorsTensor *t, Error *err)
{
    if (!check_elements(m, t, err)) return false;
    if (t->dtype != DTYPE_F8_E4M3) return safetensors_read_f32(out, t, err);
    const SafetensorsTensor *const scale = model_tensors_scale(m, t);
    float *const scales = base_alloc((size_t)scale->n_elements, sizeof *scales);
    const bool ok = safetensors_read_f32(scales, scale, err);
    if (ok) fp8_dequantize(out, t->data, scales, t->shape[0], t->shape[1]);
    base_free(scales);
    return ok;
}

/* ---- weights ---- */

/* Layers behind the last are modules that predict further tokens (model/mtp.h). A DeepSeek model whose config counts none does without
 * them, and so does one with a scalar head. */
static bool is_prediction_layer(const char *name, const ModelConfig *config)
{
    return (model_has_mla(config) || config->scalar_head) && param_layer_of(name, NULL) >= model_blocks(config);
}

/* Stored by some writers, but no parameter: a second name of the embedding, a head that a scalar one took the place of, and a
 * table that follows from the config. */
static bool is_redundant(const char *name, const ModelConfig *config)
{
    const bool no_head = config->tied_head || config->scalar_head;
    /* Adapters have a scalar head of their own beside them, and do without the one beneath. */
    if (config->scalar_head && config->lora.rank > 0 && strcmp(name, "score.weight") == 0) return true;
    return (no_head && strcmp(name, "lm_head.weight") == 0) || ends_with(name, ".rotary_emb.inv_freq") ||
           is_prediction_layer(name, config) || mtp_copied_name(name, config);
}

static bool check_unknown(const ModelTensors *m, const ParamLayout *layout, const ModelConfig *config, Error *err)
{
    for (int64_t i = 0; i < m->n_tensors; i++) {
        const SafetensorsTensor *const t = m->tensors[i];
        if (param_layout_find(layout, t->name) || is_redundant(t->name, config) || model_tensors_is_scale(m, t))
            continue;
        return error_set(err, ERROR_INPUT, "%s: tensor \"%.100s\" has no place in the model that config.json describes",
                         t->file->path, t->name);
    }
    return true;
}

static bool check_tensor(const ModelTensors *m, const ParamTensor *p, const char *folder, Error *err)
{
    const SafetensorsTensor *const t = model_tensors_find(m, p->name);
    if (!t) {
        const char *const where = m->n_files == 1 ? m->files[0].path : folder;
        return error_set(err, ERROR_INPUT, "%s: tensor \"%s\" is missing", where, p->name);
    }
    const int64_t shape[2] = {p->rank == 1 ? p->columns : p->rows, p->columns};
    return safetensors_check_shape(t, p->rank, shape, err) && check_elements(m, t, err);
}

bool model_tensors_check(const ModelTensors *m, const ParamLayout *layout, const ModelConfig *config,
                         const char *folder, Error *err)
{
    for (int64_t i = 0; i < layout->n_tensors; i++)
        if (!check_tensor(m, &layout->tensors[i], folder, err)) return false;
    return check_unknown(m, layout, config, err);
}

/* A NaN or an infinity in one weight is in every number that the model gives. */
static bool check_finite(const float *values, const SafetensorsTensor *t, Error *err)
{
    for (int64_t i = 0; i < t->n_elements; i++)
        if (!isfinite(values[i]))
            return error_set(err, ERROR_INPUT, "%s: tensor \"%.100s\": element %" PRId64 " is not a finite number",
                             t->file->path, t->name, i);
    return true;
}

static bool check_base(const char *path, const ModelConfig *config, Error *err)
{
    ModelTensors m = {0};
    GgufFile file = {0};
    ParamLayout layout = {0};
    bool ok = param_layout_create(&layout, config, err);
    if (ok && gguf_is(path))
        ok = gguf_open(&file, path, err) && gguf_model_check(&file, &layout, config, err);
    else if (ok)
        ok = model_tensors_open(&m, path, err) && model_tensors_check(&m, &layout, config, path, err);
    param_layout_free(&layout);
    model_tensors_close(&m);
    gguf_close(&file);
    return ok;
}

bool model_folder_check(const char *path, const ModelConfig *config, Error *err)
{
    char *base;
    if (!adapter_base_folder(&base, path, err)) return false;
    const bool ok =
        check_base(base, config, err) && (!adapter_is_folder(path) || adapter_check_weights(config, path, err));
    base_free(base);
    return ok;
}

static bool read_gguf(float *weights, const ParamLayout *layout, const ModelConfig *config, const char *path,
                      Error *err)
{
    GgufFile file;
    if (!gguf_open(&file, path, err)) return false;
    const bool ok = gguf_model_read_weights(weights, layout, config, &file, err);
    gguf_close(&file);
    return ok;
}

bool model_tensors_read_all(float *weights, const ModelTensors *m, const ParamLayout *layout, Error *err)
{
    memset(weights, 0, (size_t)layout->n_floats * sizeof *weights);
    for (int64_t i = 0; i < layout->n_tensors; i++) {
        const ParamTensor *const p = &layout->tensors[i];
        const SafetensorsTensor *const t = model_tensors_find(m, p->name);
        if (!model_tensors_read_f32(weights + p->offset, m, t, err) || !check_finite(weights + p->offset, t, err))
            return false;
    }
    return true;
}

bool model_folder_read_weights(float *weights, const ParamLayout *layout, const ModelConfig *config, const char *folder,
                               Error *err)
{
    if (gguf_is(folder)) return read_gguf(weights, layout, config, folder, err);
    ModelTensors m;
    if (!model_tensors_open(&m, folder, err)) return false;
    const bool ok = model_tensors_check(&m, layout, config, folder, err) && mtp_check_copies(&m, config, err) &&
                    model_tensors_read_all(weights, &m, layout, err);
    model_tensors_close(&m);
    return ok;
}

bool model_folder_write_weights(const char *folder, const char *file_name, const float *weights,
                                const ParamLayout *layout, const char *failpoint, char hex[33], Error *err)
{
    return model_folder_write_weights_as(folder, file_name, weights, layout, DTYPE_F32, failpoint, hex, err);
}

/* One tensor in another dtype, in memory of the arena. An f32 beyond the f16s is refused: an infinity is in every number that
 * the model gives. */
static bool narrow_tensor(const void **data, Arena *arena, const float *x, const ParamTensor *p, TensorDtype dtype,
                          Error *err)
{
    const int64_t n = p->rows * p->columns;
    uint16_t *const half = ARENA_ARRAY(arena, uint16_t, p->rows, p->columns);
    *data = half;
    for (int64_t i = 0; i < n; i++) {
        half[i] = dtype == DTYPE_BF16 ? bf16_from_f32(x[i]) : f16_from_f32(x[i]);
        if (!isfinite(dtype == DTYPE_BF16 ? f32_from_bf16(half[i]) : f32_from_f16(half[i])))
            return error_set(err, ERROR_INPUT, "tensor \"%s\": element %" PRId64 " is %g, too large for %s", p->name, i,
                             (double)x[i], tensor_dtype_name(dtype));
    }
    return true;
}

static size_t narrowed_bytes(const ParamLayout *layout)
{
    size_t bytes = 0;
    for (int64_t i = 0; i < layout->n_tensors; i++)
        bytes += arena_piece_bytes((size_t)(layout->tensors[i].rows * layout->tensors[i].columns), sizeof(uint16_t));
    return bytes;
}

bool model_folder_write_weights_as(const char *folder, const char *file_name, const float *weights,
                                   const ParamLayout *layout, TensorDtype dtype, const char *failpoint, char hex[33],
                                   Error *err)
{
    Arena narrowed = {0};
    if (dtype != DTYPE_F32 && !arena_create(&narrowed, "narrowed weights", narrowed_bytes(layout), err)) return false;
    const int64_t n_copies = MTP_COPIES * layout->n_mtp;
    SafetensorsItem *const items = base_alloc((size_t)(layout->n_tensors + n_copies), sizeof *items);
    char(*const names)[96] = base_alloc((size_t)n_copies + 1, sizeof *names);
    bool ok = true;
    for (int64_t i = 0; ok && i < layout->n_tensors; i++) {
        const ParamTensor *const p = &layout->tensors[i];
        /* The experts' correction bias stays f32, as published: rounding it would change who is chosen. */
        const bool narrow = dtype != DTYPE_F32 && !p->moved_by_rule;
        items[i] = (SafetensorsItem){
            .name = p->name, .dtype = narrow ? dtype : DTYPE_F32, .rank = p->rank, .data = weights + p->offset};
        items[i].shape[0] = p->rank == 1 ? p->columns : p->rows;
        items[i].shape[1] = p->columns;
        if (narrow) ok = narrow_tensor(&items[i].data, &narrowed, weights + p->offset, p, dtype, err);
    }
    for (int64_t i = 0; i < n_copies; i++) {
        const ParamTensor *const of = mtp_copy(names[i], layout, i / MTP_COPIES, (int)(i % MTP_COPIES));
        items[layout->n_tensors + i] = items[of - layout->tensors];
        items[layout->n_tensors + i].name = names[i];
    }
    char *const path = base_printf("%s/%s", folder, file_name);
    ok = ok && safetensors_write(path, items, layout->n_tensors + n_copies, failpoint, hex, err);
    base_free(path);
    base_free(names);
    base_free(items);
    arena_free(&narrowed);
    return ok;
}

/* ---- config and tokenizer files ---- */

static char *new_line(char *to, int depth)
{
    *to++ = '\n';
    memset(to, ' ', 2 * (size_t)depth);
    return to + 2 * depth;
}

/* What JsonOut wrote on one line, laid out for people: an entry a line, two spaces a level. The caller frees. */
static char *json_laid_out(const char *text)
{
    enum { MAX_DEPTH = 8 }; /* a config has three levels */
    char *const out = base_alloc(strlen(text) + 2, 2 * MAX_DEPTH + 2), *to = out;
    int depth = 0;
    bool in_string = false;
    for (const char *p = text; *p; p++) {
        if (in_string) {
            const bool escape = *p == '\\';
            if (escape) *to++ = *p++;
            in_string = escape || *p != '"';
            *to++ = *p;
        } else if (*p == '}' || *p == ']') {
            to = new_line(to, --depth);
            *to++ = *p;
        } else if (*p != ' ') {
            in_string = *p == '"';
            *to++ = *p;
            if (*p == ':') *to++ = ' ';
            if (*p == '{' || *p == '[') depth++;
            if (*p == '{' || *p == '[' || *p == ',') to = new_line(to, depth);
        }
    }
    memcpy(to, "\n", 2);
    return out;
}

bool model_folder_write_json(const char *folder, const char *name, const JsonOut *json, Error *err)
{
    char *const path = base_printf("%s/%s", folder, name);
    char *const text = json_laid_out(json->text);
    const bool ok = file_write_all(path, "config", text, strlen(text), err);
    base_free(text);
    base_free(path);
    return ok;
}

static bool copy_if_there(const char *from_folder, const char *to_folder, const char *name, Error *err)
{
    static const size_t MAX_BYTES = (size_t)256 << 20;
    char *const from = base_printf("%s/%s", from_folder, name), *const to = base_printf("%s/%s", to_folder, name);
    char *text = NULL;
    size_t length = 0;
    const bool ok = !file_exists(from) || (file_read_all(from, MAX_BYTES, &text, &length, err) &&
                                           file_write_all(to, "tokenizer", text, length, err));
    base_free(text);
    base_free(from);
    base_free(to);
    return ok;
}

/* A tokenizer that stands in a GGUF file, as the files that Hugging Face has. */
static bool write_gguf_tokenizer(const char *folder, const char *gguf, Error *err)
{
    GgufFile file;
    JsonOut tokenizer = {0}, config = {0};
    if (!gguf_open(&file, gguf, err)) return false;
    bool ok = true;
    if (gguf_has_tokenizer(&file)) {
        char *const path = base_printf("%s/tokenizer.json", folder);
        ok = gguf_tokenizer_texts(&tokenizer, &config, &file, err) &&
             file_write_all(path, "tokenizer", tokenizer.text, tokenizer.length, err) &&
             model_folder_write_json(folder, "tokenizer_config.json", &config, err);
        base_free(path);
    }
    json_out_free(&tokenizer);
    json_out_free(&config);
    gguf_close(&file);
    return ok;
}

bool model_folder_copy_tokenizer(const char *folder, const char *tokenizer_folder, Error *err)
{
    static const char *const COPIED[] = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
                                         "chat_template.jinja"};
    if (gguf_is(tokenizer_folder)) return write_gguf_tokenizer(folder, tokenizer_folder, err);
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof COPIED / sizeof COPIED[0]; i++)
        ok = copy_if_there(tokenizer_folder, folder, COPIED[i], err);
    return ok;
}

bool model_folder_write_config(const char *folder, const ModelConfig *config, const char *tokenizer_folder, Error *err)
{
    return model_folder_write_config_as(folder, config, DTYPE_F32, tokenizer_folder, err);
}

bool model_folder_write_config_as(const char *folder, const ModelConfig *config, TensorDtype dtype,
                                  const char *tokenizer_folder, Error *err)
{
    ModelConfig on_disk = *config;
    on_disk.bf16_on_disk = dtype == DTYPE_BF16;
    on_disk.f16_on_disk = dtype == DTYPE_F16;
    JsonOut json = {0};
    model_config_write(&on_disk, &json);
    bool ok = model_folder_write_json(folder, "config.json", &json, err);
    json_out_clear(&json);
    model_generation_config_write(&on_disk, &json);
    ok = ok && model_folder_write_json(folder, "generation_config.json", &json, err);
    json_out_free(&json);
    return ok && (!tokenizer_folder || model_folder_copy_tokenizer(folder, tokenizer_folder, err));
}

bool model_end_token(int32_t *end, const Tokenizer *tokenizer, const ModelConfig *config, const char *folder,
                     Error *err)
{
    *end = tokenizer_eos(tokenizer);
    if (*end < 0 && config->n_eos > 0) *end = config->eos_ids[0];
    if (*end >= 0 && *end < config->vocab_size) return true;
    return error_set(err, ERROR_INPUT,
                     "%s: neither its tokenizer_config.json nor its config.json names an end-of-text token", folder);
}

/* ---- digest ---- */

static void hash_u64(XXH3_state_t *state, uint64_t value)
{
    XXH3_128bits_update(state, &value, sizeof value);
}

static void hash_text(XXH3_state_t *state, const char *text)
{
    hash_u64(state, strlen(text));
    XXH3_128bits_update(state, text, strlen(text));
}

static void hash_tensor(XXH3_state_t *state, const char *name, const char *dtype, int rank, const int64_t *shape,
                        const void *data, int64_t n_bytes)
{
    hash_text(state, name);
    hash_text(state, dtype);
    hash_u64(state, (uint64_t)rank);
    for (int d = 0; d < rank; d++) hash_u64(state, (uint64_t)shape[d]);
    XXH3_128bits_update(state, data, (size_t)n_bytes);
}

static bool hash_folder(XXH3_state_t *state, const char *path, Error *err)
{
    ModelTensors m;
    if (!model_tensors_open(&m, path, err)) return false;
    for (int64_t i = 0; i < m.n_tensors; i++) {
        const SafetensorsTensor *const t = m.tensors[i];
        hash_tensor(state, t->name, tensor_dtype_name(t->dtype), t->rank, t->shape, t->data, t->n_bytes);
    }
    model_tensors_close(&m);
    return true;
}

static bool hash_gguf(XXH3_state_t *state, const char *path, Error *err)
{
    GgufFile file;
    if (!gguf_open(&file, path, err)) return false;
    for (int64_t i = 0; i < file.n_tensors; i++) {
        const GgufTensor *const t = &file.tensors[i];
        hash_tensor(state, t->name, quant_traits(t->type)->name, t->rank, t->shape, t->data, t->n_bytes);
    }
    gguf_close(&file);
    return true;
}

static bool digest_of(const char *path, char digest[33], Error *err)
{
    XXH3_state_t *const state = XXH3_createState();
    XXH3_128bits_reset(state);
    const bool ok = gguf_is(path) ? hash_gguf(state, path, err) : hash_folder(state, path, err);
    const XXH128_hash_t hash = XXH3_128bits_digest(state);
    if (ok) snprintf(digest, 33, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
    XXH3_freeState(state);
    return ok;
}

/* optimizer.safetensors in the folder `path`, or in the folder of the file `path`. The caller frees. */
static char *optimizer_path(const char *path)
{
    if (file_is_folder(path)) return base_printf("%s/optimizer.safetensors", path);
    const char *const slash = strrchr(path, '/');
    const int folder_length = slash ? (int)(slash + 1 - path) : 0;
    return base_printf("%.*soptimizer.safetensors", folder_length, path);
}

bool model_digest(const char *path, char digest[33], char optimizer_digest[33], Error *err)
{
    optimizer_digest[0] = 0;
    if (!digest_of(path, digest, err)) return false;
    char *const beside = optimizer_path(path);
    const bool ok = strcmp(beside, path) == 0 || !file_exists(beside) || digest_of(beside, optimizer_digest, err);
    base_free(beside);
    return ok;
}
