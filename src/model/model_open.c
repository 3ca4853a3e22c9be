/* SPDX-License-Identifier: MIT */
/* model/model_open.c: models from their files: with matrices in f32 to be trained, or as they are stored; with the adapters of a folder or
 * with new ones; with the head that the files have or with a new scalar one. */
#include "model/adapter.h"
#include "model/folder.h"
#include "model/frozen.h"
#include "model/model_parts.h"

/* What is asked for. */
typedef struct Wanted {
    const char *folder;
    const LoraConfig *lora; /* new adapters; NULL or rank 0: none */
    uint64_t seed;          /* of all that is new */
    bool scalar_head;
} Wanted;

/* What the files lack of it; borrows_score: new adapters go on from the scalar head of the model beneath. */
typedef struct Fresh {
    bool adapters, score, borrows_score;
} Fresh;

bool model_head_check(const ModelConfig *config, bool scalar_head, const char *folder, Error *err)
{
    if (!config->scalar_head || scalar_head) return true;
    return error_set(err, ERROR_INPUT,
                     "%s: has a scalar head: it scores texts and predicts no tokens; give a model that does", folder);
}

/* Config and files of the folder are found to fit, what is new is put into the config, and the model is created. */
static bool prepare(Model *model, Fresh *fresh, const Wanted *wanted, Room room, Error *err)
{
    *model = (Model){0};
    ModelConfig config;
    if (!model_config_read(&config, wanted->folder, err) ||
        !model_head_check(&config, wanted->scalar_head, wanted->folder, err))
        return false;
    const bool adapters = wanted->lora && wanted->lora->rank > 0;
    *fresh = (Fresh){.adapters = adapters,
                     .score = wanted->scalar_head && !config.scalar_head,
                     .borrows_score = adapters && config.scalar_head};
    if (fresh->adapters && config.lora.rank > 0)
        return error_set(err, ERROR_INPUT, "%s: holds adapters already; new ones need the model beneath them",
                         wanted->folder);
    if (!model_folder_check(wanted->folder, &config, err)) return false;
    config.scalar_head = wanted->scalar_head;
    if (config.scalar_head) config.n_mtp = 0;
    if (fresh->adapters) config.lora = *wanted->lora;
    return model_create_room(model, &config, room, err) || error_in(err, "%s", wanted->folder);
}

/* Every tensor of the layout but a scalar head that no file has yet. */
static bool read_rows(Model *model, const Fresh *fresh, Error *err)
{
    ParamLayout there = model->layout; /* borrows */
    ParamTensor *const tensors = base_alloc((size_t)there.n_tensors, sizeof *tensors);
    there.tensors = tensors, there.n_tensors = 0;
    for (int64_t i = 0; i < model->layout.n_tensors; i++)
        if (!fresh->score || !model->layout.tensors[i].one_row) tensors[there.n_tensors++] = model->layout.tensors[i];
    const bool ok = model_folder_read_weights(model->weights, &there, &model->config, model->lora.base, err);
    base_free(tensors);
    return ok;
}

static bool read_base_score(Model *model, Error *err)
{
    ModelTensors tensors;
    if (!model_tensors_open(&tensors, model->lora.base, err)) return false;
    const SafetensorsTensor *const t = model_tensors_find(&tensors, "score.weight");
    const bool ok = model_tensors_read_f32(model_score(model), &tensors, t, err);
    model_tensors_close(&tensors);
    return ok;
}

/* Behind the weights: the adapters that the folder holds, and what is new. */
static bool finish(Model *model, const Fresh *fresh, const Wanted *wanted, Error *err)
{
    if (adapter_is_folder(wanted->folder) && !adapter_read_weights(model, wanted->folder, err)) return false;
    if (fresh->borrows_score && !read_base_score(model, err)) return false;
    if (fresh->adapters) model_init_adapters(model, wanted->seed);
    if (fresh->score) model_init_score(model, wanted->seed);
    return true;
}

static bool open_in_f32(Model *model, const Wanted *wanted, Room room, Error *err)
{
    Fresh fresh;
    if (!prepare(model, &fresh, wanted, room, err)) return false;
    if (adapter_base_folder(&model->lora.base, wanted->folder, err) && read_rows(model, &fresh, err) &&
        finish(model, &fresh, wanted, err))
        return true;
    model_free(model);
    return false;
}

static bool open_stored(Model *model, const Wanted *wanted, ModelWeights weights, const Compute *compute, Error *err)
{
    Fresh fresh;
    if (!prepare(model, &fresh, wanted, ROOM_FOR_VECTORS, err)) return false;
    if (!adapter_base_folder(&model->lora.base, wanted->folder, err) ||
        !frozen_load(model, model->lora.base, weights, compute, err) || !finish(model, &fresh, wanted, err)) {
        model_free(model);
        return false;
    }
    model_lora_pack(model, compute);
    model->version++;
    return true;
}

static bool open_as(Model *model, const Wanted *wanted, ModelWeights weights, const Compute *compute, Error *err)
{
    if (weights != WEIGHTS_F32) return open_stored(model, wanted, weights, compute, err);
    if (!open_in_f32(model, wanted, ROOM_FOR_PANELS, err)) return false;
    model_pack(model, compute);
    return true;
}

/* To be trained: in f32, unless adapters are what is trained. */
static bool open_to_train(Model *model, const Wanted *wanted, const Compute *compute, Error *err)
{
    const bool adapters = (wanted->lora && wanted->lora->rank > 0) || adapter_is_folder(wanted->folder);
    return open_as(model, wanted, adapters ? WEIGHTS_STORED : WEIGHTS_F32, compute, err);
}

bool model_open_rows(Model *model, const char *folder, Error *err)
{
    const Wanted wanted = {.folder = folder};
    return open_in_f32(model, &wanted, ROOM_FOR_ROWS, err);
}

bool model_open(Model *model, const char *folder, const Compute *compute, Error *err)
{
    const Wanted wanted = {.folder = folder};
    return open_as(model, &wanted, WEIGHTS_F32, compute, err);
}

bool model_open_stored(Model *model, const char *folder, const LoraConfig *lora, uint64_t seed, bool bf16,
                       const Compute *compute, Error *err)
{
    const Wanted wanted = {.folder = folder, .lora = lora, .seed = seed};
    return open_stored(model, &wanted, bf16 ? WEIGHTS_BF16 : WEIGHTS_STORED, compute, err);
}

bool model_open_adapted(Model *model, const char *folder, const LoraConfig *lora, uint64_t seed, const Compute *compute,
                        Error *err)
{
    const Wanted wanted = {.folder = folder, .lora = lora, .seed = seed};
    return open_to_train(model, &wanted, compute, err);
}

bool model_open_scalar(Model *model, const char *folder, const LoraConfig *lora, uint64_t seed, const Compute *compute,
                       Error *err)
{
    const Wanted wanted = {.folder = folder, .lora = lora, .seed = seed, .scalar_head = true};
    return open_to_train(model, &wanted, compute, err);
}

bool model_open_frozen(Model *model, const char *path, ModelWeights weights, const Compute *compute, Error *err)
{
    const Wanted wanted = {.folder = path};
    return open_as(model, &wanted, weights, compute, err);
}

bool model_open_frozen_scalar(Model *model, const char *path, ModelWeights weights, const Compute *compute, Error *err)
{
    const Wanted wanted = {.folder = path, .scalar_head = true};
    ModelConfig config;
    *model = (Model){0};
    if (!model_config_read(&config, path, err)) return false;
    if (!config.scalar_head)
        return error_set(err, ERROR_INPUT,
                         "%s: predicts tokens and has no scalar head: give a reward model (r1 reward-model makes one)",
                         path);
    return open_as(model, &wanted, weights, compute, err);
}
