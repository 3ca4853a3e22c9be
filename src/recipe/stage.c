/* SPDX-License-Identifier: MIT */
/* recipe/stage.c: see stage.h. */
#include "recipe/stage.h"

#include "base/arena.h"
#include "base/file.h"
#include "format/safetensors.h"
#include "model/adapter.h"
#include "model/folder.h"
#include "model/moe_balance.h"
#include "record/checkpoint.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool stage_lora(LoraConfig *lora, const CommonSettings *c, Error *err)
{
    *lora = (LoraConfig){.rank = c->lora_rank, .alpha = c->lora_alpha};
    return c->lora_rank == 0 || lora_targets_parse(&lora->targets, c->lora_targets, err);
}

bool stage_open_model(const StageRun *run, const CommonSettings *c, const char *folder, Model *model,
                      Tokenizer **tokenizer, Error *err)
{
    LoraConfig lora;
    if (!stage_lora(&lora, c, err) || !adapter_tokenizer_open(tokenizer, folder, err)) return false;
    return model_open_adapted(model, folder, run->resume_path ? NULL : &lora, (uint64_t)c->seed, &run->compute, err);
}

bool stage_open_scalar_model(const StageRun *run, const CommonSettings *c, const char *folder, Model *model,
                             Tokenizer **tokenizer, Error *err)
{
    LoraConfig lora;
    if (!stage_lora(&lora, c, err) || !adapter_tokenizer_open(tokenizer, folder, err)) return false;
    return model_open_scalar(model, folder, run->resume_path ? NULL : &lora, (uint64_t)c->seed, &run->compute, err);
}

void stage_balance_experts(const CommonSettings *common, const Trainer *trainer, Model *model)
{
    if (common->expert_bias_rate > 0.0)
        moe_update_bias(model, trainer->gradients[0].loads, (float)common->expert_bias_rate);
}

OptimizerConfig stage_optimizer(const CommonSettings *c)
{
    return (OptimizerConfig){.beta1 = c->beta1,
                             .beta2 = c->beta2,
                             .eps = c->adam_eps,
                             .weight_decay = c->weight_decay,
                             .max_grad_norm = c->max_grad_norm};
}

int64_t stage_schedule_steps(const CommonSettings *c)
{
    return c->schedule_steps > 0 ? c->schedule_steps : c->steps;
}

Schedule stage_schedule(const CommonSettings *c)
{
    return (Schedule){.kind = (ScheduleKind)c->schedule,
                      .base = c->learning_rate,
                      .final_ratio = c->final_rate,
                      .warmup_steps = c->warmup_steps,
                      .total_steps = stage_schedule_steps(c)};
}

bool stage_evaluates(const CommonSettings *c, int64_t step)
{
    return c->eval_every > 0 && (step % c->eval_every == 0 || step == c->steps);
}
bool stage_saves(const CommonSettings *c, int64_t step)
{
    return step % c->checkpoint_every == 0 || step == c->steps;
}

int64_t stage_max_sequence(const ModelConfig *config, int64_t max_tokens)
{
    /* A prompt's text has fewer than TASK_MAX_TEXT bytes, and a token has at least one. */
    const int64_t n = TASK_MAX_TEXT + max_tokens;
    return n < config->max_positions ? n : config->max_positions;
}

ModelConfig stage_shape(const ShapeSettings *s, int64_t vocab_size, int32_t eos)
{
    return (ModelConfig){.arch = (ModelArch)s->arch,
                         .hidden_size = s->hidden_size,
                         .n_layers = s->n_layers,
                         .n_mtp = s->n_mtp,
                         .n_heads = s->n_heads,
                         .n_kv_heads = s->n_kv_heads,
                         .head_dim = s->head_dim,
                         .ffn_size = s->ffn_size,
                         .vocab_size = (vocab_size + 31) / 32 * 32,
                         .max_positions = s->max_positions,
                         .rms_norm_eps = 1e-6f,
                         .rope_theta = s->rope_theta,
                         .qkv_bias = s->arch == MODEL_QWEN2,
                         .qk_norm = s->arch == MODEL_QWEN3,
                         .tied_head = true,
                         .eos_ids = {eos},
                         .n_eos = 1,
                         .bos_id = -1,
                         .pad_id = eos};
}

/* ---- checkpoints ---- */

static bool write_optimizer(const char *folder, const Optimizer *o, const ParamLayout *layout,
                            const char *failpoint_stem, char hex[33], Error *err)
{
    const int64_t n = layout->n_tensors;
    SafetensorsItem *items = base_alloc((size_t)(2 * n), sizeof *items);
    char **names = base_alloc((size_t)(2 * n), sizeof *names);
    for (int64_t i = 0; i < 2 * n; i++) {
        const ParamTensor *t = &layout->tensors[i % n];
        names[i] = base_printf("%s.%s", i < n ? "exp_avg" : "exp_avg_sq", t->name);
        items[i] = (SafetensorsItem){
            .name = names[i], .dtype = DTYPE_F32, .rank = t->rank, .data = (i < n ? o->m : o->v) + t->offset};
        items[i].shape[0] = t->rank == 1 ? t->columns : t->rows;
        items[i].shape[1] = t->columns;
    }
    char *path = base_printf("%s/optimizer.safetensors", folder);
    const bool ok = safetensors_write(path, items, 2 * n, failpoint_stem, hex, err);
    for (int64_t i = 0; i < 2 * n; i++) base_free(names[i]);
    base_free(names);
    base_free(items);
    base_free(path);
    return ok;
}

static bool write_state(const char *folder, const StageState *s, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_int(&out, "step", s->step);
    json_out_kv_int(&out, "next_document", s->next_document);
    json_out_kv_int(&out, "num_tokens", s->num_tokens);
    json_out_kv_int(&out, "optimizer_steps", s->optimizer_steps);
    json_out_object_end(&out);
    char *path = base_printf("%s/state.json", folder);
    const bool ok = file_write_all(path, "checkpoint-state", out.text, out.length, err);
    base_free(path);
    json_out_free(&out);
    return ok;
}

/* What training changes is what is written. */
static const char *weights_file(const Model *model)
{
    return model->config.lora.rank > 0 ? "adapter_model.safetensors" : "model.safetensors";
}

static bool write_config(const char *folder, const Model *model, const char *tokenizer_folder, Error *err)
{
    return model->config.lora.rank > 0 ? adapter_write_config(folder, model, tokenizer_folder, err)
                                       : model_folder_write_config(folder, &model->config, tokenizer_folder, err);
}

/* Checksums of what is written; of the failpoints the stems of both files. */
typedef struct TrainedFiles {
    char weights[33], moments[33];
} TrainedFiles;

static bool write_trained(TrainedFiles *sums, const char *folder, const Model *model, const Optimizer *optimizer,
                          const char *const failpoints[2], Error *err)
{
    const ParamLayout *const layout = model_trained_layout(model);
    return model_folder_write_weights(folder, weights_file(model), model_trained_weights(model), layout, failpoints[0],
                                      sums->weights, err) &&
           write_optimizer(folder, optimizer, layout, failpoints[1], sums->moments, err);
}

static bool write_model(CheckpointWriter *writer, const Model *model, const Optimizer *optimizer, Error *err)
{
    static const char *const failpoints[] = {"checkpoint-model", "checkpoint-optimizer"};
    TrainedFiles sums;
    return write_trained(&sums, checkpoint_folder(writer), model, optimizer, failpoints, err) &&
           checkpoint_add(writer, weights_file(model), sums.weights, err) &&
           checkpoint_add(writer, "optimizer.safetensors", sums.moments, err);
}

/* Its files are read again for their checksums. */
static bool write_value(const char *checkpoint, const StageValue *value, Error *err)
{
    static const char *const failpoints[] = {"checkpoint-value", "checkpoint-value-optimizer"};
    char *const folder = base_printf("%s/value", checkpoint);
    TrainedFiles sums;
    const bool ok = file_make_folders(folder, err) &&
                    write_trained(&sums, folder, value->model, value->optimizer, failpoints, err) &&
                    write_config(folder, value->model, value->tokenizer_folder, err);
    base_free(folder);
    return ok;
}

static bool fill_checkpoint(CheckpointWriter *writer, const Model *model, const Optimizer *optimizer,
                            const Model *reference, const StageValue *value, const char *tokenizer_folder,
                            const StageState *state, Error *err)
{
    const char *folder = checkpoint_folder(writer);
    char hex[33];
    if (!write_model(writer, model, optimizer, err)) return false;
    if (reference && (!model_folder_write_weights(folder, "reference.safetensors", model_trained_weights(reference),
                                                  model_trained_layout(model), "checkpoint-reference", hex, err) ||
                      !checkpoint_add(writer, "reference.safetensors", hex, err)))
        return false;
    return (!value || write_value(folder, value, err)) && write_config(folder, model, tokenizer_folder, err) &&
           write_state(folder, state, err) && checkpoint_add_rest(writer, err);
}

bool stage_save(const StageRun *run, const CommonSettings *common, const Model *model, const Optimizer *optimizer,
                const Model *reference, const char *tokenizer_folder, const StageState *state, Error *err)
{
    return stage_save_with_value(run, common, model, optimizer, reference, NULL, tokenizer_folder, state, err);
}

bool stage_save_with_value(const StageRun *run, const CommonSettings *common, const Model *model,
                           const Optimizer *optimizer, const Model *reference, const StageValue *value,
                           const char *tokenizer_folder, const StageState *state, Error *err)
{
    CheckpointWriter *writer;
    if (!checkpoint_begin(&writer, run->folder, state->step, err)) return false;
    if (!fill_checkpoint(writer, model, optimizer, reference, value, tokenizer_folder, state, err)) {
        checkpoint_abandon(writer);
        return error_in(err, "checkpoint of step %lld", (long long)state->step);
    }
    return checkpoint_commit(writer, err) && checkpoint_rotate(run->folder, common->checkpoint_keep, NULL, 0, err);
}

/* One f32 tensor of a parameter's shape, into its place. */
static bool read_tensor(float *flat, const ParamTensor *t, const SafetensorsFile *file, const char *prefix, Error *err)
{
    char *const name = base_printf("%s%s", prefix, t->name);
    const SafetensorsTensor *const tensor = safetensors_find(file, name);
    const int64_t shape[2] = {t->rank == 1 ? t->columns : t->rows, t->columns};
    const bool ok = tensor ? safetensors_check_shape(tensor, t->rank, shape, err) &&
                                 safetensors_read_f32(flat + t->offset, tensor, err)
                           : error_set(err, ERROR_INPUT, "%s: tensor \"%s\" is missing", file->path, name);
    base_free(name);
    return ok;
}

bool stage_restore_moments(Optimizer *o, const Model *model, const char *folder, Error *err)
{
    const ParamLayout *const layout = model_trained_layout(model);
    char *const path = base_printf("%s/optimizer.safetensors", folder);
    SafetensorsFile file = {0};
    bool ok = safetensors_open(&file, path, err);
    for (int64_t i = 0; ok && i < layout->n_tensors; i++)
        ok = read_tensor(o->m, &layout->tensors[i], &file, "exp_avg.", err) &&
             read_tensor(o->v, &layout->tensors[i], &file, "exp_avg_sq.", err);
    safetensors_close(&file);
    base_free(path);
    return ok;
}

static bool read_count(const json_t *json, const char *key, int64_t *value, Error *err)
{
    return json_require(json, key, err) && json_get_int(json, key, 0, INT64_MAX, value, err);
}

static bool read_state(StageState *s, const char *folder, Error *err)
{
    char *const path = base_printf("%s/state.json", folder);
    json_t *const json = json_read_file(path, err);
    bool ok = json != NULL; /* the message names the file */
    if (ok && !(read_count(json, "step", &s->step, err) && read_count(json, "next_document", &s->next_document, err) &&
                read_count(json, "num_tokens", &s->num_tokens, err) &&
                read_count(json, "optimizer_steps", &s->optimizer_steps, err)))
        ok = error_in(err, "%s", path);
    json_decref(json);
    base_free(path);
    return ok;
}

/* A model_folder_read_weights of one named file: the reference's weights stand beside the model's. */
static bool read_reference(Model *reference, const char *folder, const Compute *compute, Error *err)
{
    char *path = base_printf("%s/reference.safetensors", folder);
    SafetensorsFile file = {0};
    bool ok = safetensors_open(&file, path, err);
    const ParamLayout *const layout = model_trained_layout(reference);
    for (int64_t i = 0; ok && i < layout->n_tensors; i++)
        ok = read_tensor(model_trained_weights(reference), &layout->tensors[i], &file, "", err);
    safetensors_close(&file);
    base_free(path);
    if (ok) model_pack_trained(reference, compute);
    return ok;
}

bool stage_restore(const StageRun *run, Model *model, Optimizer *optimizer, Model *reference, StageState *state,
                   Error *err)
{
    const bool adapted = model->config.lora.rank > 0;
    if (!(adapted ? adapter_read_weights(model, run->resume_path, err)
                  : model_folder_read_weights(model->weights, &model->layout, &model->config, run->resume_path, err)))
        return false;
    model_pack_trained(model, &run->compute);
    if (!stage_restore_moments(optimizer, model, run->resume_path, err) || !read_state(state, run->resume_path, err))
        return false;
    if (state->step != run->resume_step)
        return error_set(err, ERROR_INPUT, "%s: holds the state of step %lld", run->resume_path,
                         (long long)state->step);
    optimizer->step = state->optimizer_steps;
    return !reference || read_reference(reference, run->resume_path, &run->compute, err);
}

bool stage_drop(const char *folder, const char *name, Error *err)
{
    char *const final = base_printf("%s/%s", folder, name), *const gone = base_printf("%s/%s.tmp-gone", folder, name);
    bool ok = file_remove_tree(gone, err);
    if (ok && file_exists(final) && rename(final, gone) != 0)
        ok = error_set(err, ERROR_SYSTEM, "%s: %s", final, strerror(errno));
    ok = ok && file_remove_tree(gone, err);
    base_free(final);
    base_free(gone);
    return ok;
}

bool stage_save_final(const StageRun *run, const Model *model, const char *tokenizer_folder, Error *err)
{
    StageFolder final;
    const bool ok = stage_folder_begin(&final, run, "model", err) &&
                    model_folder_write_weights(final.path, weights_file(model), model_trained_weights(model),
                                               model_trained_layout(model), "final-model", NULL, err) &&
                    write_config(final.path, model, tokenizer_folder, err);
    return stage_folder_end(&final, ok, "final", err);
}
