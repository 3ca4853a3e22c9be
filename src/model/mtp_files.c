/* SPDX-License-Identifier: MIT */
#include "model/mtp_files.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char PREFIX[] = "model.layers.";
static const char *const COPIES[MTP_COPIES] = {"embed_tokens.weight", "shared_head.head.weight"};
static const char EMBEDDING[] = "model.embed_tokens.weight", HEAD[] = "lm_head.weight";

static bool is_in_index(const char *path, const char *name)
{
    Error ignored = {0};
    json_t *const index = json_read_file(path, &ignored);
    const bool is_in = json_object_get(json_object_get(index, "weight_map"), name) != NULL;
    json_decref(index);
    return is_in;
}

static bool is_in_file(const char *path, const char *name)
{
    ModelTensors tensors;
    Error ignored = {0};
    const bool is_in = model_tensors_open(&tensors, path, &ignored) && model_tensors_find(&tensors, name);
    model_tensors_close(&tensors);
    return is_in;
}

bool mtp_is_in_folder(const char *folder, const ModelConfig *config)
{
    char *const single = base_printf("%s/model.safetensors", folder);
    char *const index = base_printf("%s/model.safetensors.index.json", folder);
    char name[96];
    snprintf(name, sizeof name, "%s%" PRId64 ".eh_proj.weight", PREFIX, config->n_layers);
    const bool is_in = file_exists(single) ? is_in_file(single, name) : is_in_index(index, name);
    base_free(single);
    base_free(index);
    return is_in;
}

const char *mtp_copied_name(const char *name, const ModelConfig *config)
{
    const char *part;
    const int64_t layer = config->n_mtp > 0 ? param_layer_of(name, &part) : -1;
    if (layer < config->n_layers || layer >= model_blocks(config)) return NULL;
    if (strcmp(part, COPIES[0]) == 0) return EMBEDDING;
    return strcmp(part, COPIES[1]) == 0 ? (config->tied_head ? EMBEDDING : HEAD) : NULL;
}

const ParamTensor *mtp_copy(char name[96], const ParamLayout *layout, int64_t k, int i)
{
    snprintf(name, 96, "%s%" PRId64 ".%s", PREFIX, layout->n_layers + k, COPIES[i]);
    return param_layout_find(layout, i == 1 && layout->head != layout->embedding ? HEAD : EMBEDDING);
}

/* Row by row in f32: a copy may be stored as another dtype. */
static bool check_copy(const ModelTensors *m, const SafetensorsTensor *copy, const SafetensorsTensor *of, Error *err)
{
    if (!safetensors_check_shape(copy, of->rank, of->shape, err)) return false;
    if (copy->dtype == of->dtype && copy->dtype != DTYPE_F8_E4M3 && copy->n_bytes == of->n_bytes) { /* f8 has scales */
        if (memcmp(copy->data, of->data, (size_t)of->n_bytes) == 0) return true;
    } else {
        const size_t n = (size_t)of->n_elements;
        Arena memory;
        if (!arena_create(&memory, "a tensor", 2 * arena_piece_bytes(n, sizeof(float)), err)) return false;
        float *const a = ARENA_ARRAY(&memory, float, of->n_elements, 1), *const b = ARENA_ARRAY(&memory, float,
                                                                                                of->n_elements, 1);
        const bool read = model_tensors_read_f32(a, m, copy, err) && model_tensors_read_f32(b, m, of, err);
        const bool equal = read && memcmp(a, b, n * sizeof *a) == 0;
        arena_free(&memory);
        if (!read || equal) return read;
    }
    return error_set(
        err, ERROR_INPUT,
        "%s: tensor \"%.100s\" differs from \"%.60s\": r1 knows modules that share embedding and head with "
        "the model; leave the module's own out",
        copy->file->path, copy->name, of->name);
}

bool mtp_check_copies(const ModelTensors *m, const ModelConfig *config, Error *err)
{
    for (int64_t i = 0; config->n_mtp > 0 && i < m->n_tensors; i++) {
        const char *const name = mtp_copied_name(m->tensors[i]->name, config);
        const SafetensorsTensor *const of = name ? model_tensors_find(m, name) : NULL;
        if (of && !check_copy(m, m->tensors[i], of, err)) return false;
    }
    return true;
}
