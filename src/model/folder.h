/* SPDX-License-Identifier: MIT */
/* model/folder.h: a model as a Hugging Face folder: config.json, generation_config.json, model.safetensors (or shards with
 * model.safetensors.index.json), tokenizer.json and friends. */
#ifndef R1_MODEL_FOLDER_H
#define R1_MODEL_FOLDER_H

#include "base/error.h"
#include "format/safetensors.h"
#include "model/config.h"
#include "model/params.h"
#include "text/tokenizer.h"

/* All tensors of a model, wherever they stand: a .safetensors file, or a folder's model.safetensors, or, without one, the
 * shards that its model.safetensors.index.json lists; of a folder of adapters, adapter_model.safetensors. Every file is mapped and checked; a tensor that is missing from its
 * shard, or in two, is an error. */
typedef struct ModelTensors {
    SafetensorsFile *files; /* [n_files]; owned */
    int64_t n_files;
    const SafetensorsTensor **tensors; /* [n_tensors], sorted bytewise by name; they live in files */
    int64_t n_tensors;
} ModelTensors;
bool model_tensors_open(ModelTensors *tensors, const char *path, Error *err) R1_MUST_CHECK;
void model_tensors_close(ModelTensors *tensors);                                            /* a zeroed one is fine */
const SafetensorsTensor *model_tensors_find(const ModelTensors *tensors, const char *name); /* NULL: none */

/* All elements of an F32, F16, BF16 or F8_E4M3 tensor as f32, to out[n_elements]. The first three are widened exactly. An F8_E4M3
 * matrix NAME has a scale a block of 128 x 128 (the last ones may be cut short) in the tensor NAME_scale_inv, F32, F16 or BF16:
 * value * scale, rounded once (num/fp8.h). */
bool model_tensors_read_f32(float *out, const ModelTensors *tensors, const SafetensorsTensor *tensor,
                            Error *err) R1_MUST_CHECK;
/* Whether the tensor holds the scales of an F8_E4M3 one, so that it is no parameter of its own. */
bool model_tensors_is_scale(const ModelTensors *tensors, const SafetensorsTensor *tensor);

/* The tensor with the scales of an F8_E4M3 one; NULL: none. */
const SafetensorsTensor *model_tensors_scale(const ModelTensors *tensors, const SafetensorsTensor *tensor);

/* Every tensor of `layout`, which model_tensors_check has found to be theirs, into weights[layout->n_floats], pads zeroed. A value that is not
 * finite is refused by file, tensor and element. */
bool model_tensors_read_all(float *weights, const ModelTensors *tensors, const ParamLayout *layout,
                            Error *err) R1_MUST_CHECK;

/* Whether they are exactly the model that `layout` and `config` describe: see model_folder_read_weights for what is let pass.
 * `folder` stands in messages for the file of a tensor that is in none. Looks at names, shapes and dtypes alone. */
bool model_tensors_check(const ModelTensors *tensors, const ParamLayout *layout, const ModelConfig *config,
                         const char *folder, Error *err) R1_MUST_CHECK;

/* Names, shapes and dtypes of all tensors of the folder (of adapters: and of the model beneath), .safetensors or GGUF file against its config, and that no file is cut: without reading the weights, and before
 * anything of the size that the config claims is reserved. */
bool model_folder_check(const char *path, const ModelConfig *config, Error *err) R1_MUST_CHECK;

/* Reads every tensor of `layout` from the folder or GGUF file into weights[layout->n_floats] (pads zeroed) by model_tensors_read_f32. A missing tensor, a wrong shape or dtype, a truncated file, a value that is not finite: one line with file and
 * tensor. Unknown tensors are an error too, but "lm_head.weight" of a tied model, "*.rotary_emb.inv_freq" and
 * DeepSeek's prediction layers beyond those that the config counts are let pass; a module's copies of embedding and head must be equal
 * to them (model/mtp_files.h). */
bool model_folder_read_weights(float *weights, const ParamLayout *layout, const ModelConfig *config, const char *folder,
                               Error *err) R1_MUST_CHECK;

/* Writes model.safetensors (f32) into an existing folder, durably. failpoint: the stem of its failpoints. The 32 hex digits of
 * XXH3-128 over the file's bytes go to `hex` (may be NULL), for a manifest. */
bool model_folder_write_weights(const char *folder, const char *file_name, const float *weights,
                                const ParamLayout *layout, const char *failpoint, char hex[33],
                                Error *err) R1_MUST_CHECK;

/* Writes config.json (which says float32, as model_folder_write_weights writes) and generation_config.json, and copies
 * tokenizer.json, tokenizer_config.json, special_tokens_map.json, chat_template.jinja from `tokenizer_folder` (NULL: none)
 * where they exist there; of a GGUF file the same is made from its metadata. */
bool model_folder_write_config(const char *folder, const ModelConfig *config, const char *tokenizer_folder,
                               Error *err) R1_MUST_CHECK;

/* A JSON file of the folder, laid out for people. */
bool model_folder_write_json(const char *folder, const char *name, const JsonOut *json, Error *err) R1_MUST_CHECK;
/* The tokenizer's files as model_folder_write_config copies them. */
bool model_folder_copy_tokenizer(const char *folder, const char *tokenizer_folder, Error *err) R1_MUST_CHECK;
/* The same two in f32, f16 or bf16, rounded to nearest, ties to even. A value that would be an infinity is an error. */
bool model_folder_write_weights_as(const char *folder, const char *file_name, const float *weights,
                                   const ParamLayout *layout, TensorDtype dtype, const char *failpoint, char hex[33],
                                   Error *err) R1_MUST_CHECK;
bool model_folder_write_config_as(const char *folder, const ModelConfig *config, TensorDtype dtype,
                                  const char *tokenizer_folder, Error *err) R1_MUST_CHECK;

/* The end-of-text id of a model's folder: its tokenizer's, else its config's first stop id. */
bool model_end_token(int32_t *end, const Tokenizer *tokenizer, const ModelConfig *config, const char *folder,
                     Error *err) R1_MUST_CHECK;

/* The contract's digest of the tensors of a safetensors file, a folder or a GGUF file (with its own names, types and blocks),
 * as 32 hex digits: XXH3-128 (seed 0) over, for each tensor in bytewise order of names:
 *   u64 length of the name, the name | u64 length of the dtype's name, the dtype's name ("F32") | u64 rank | i64 each
 *   dimension | the elements' bytes, row-major
 * integers little-endian. The lengths keep two different tables from giving the same stream. Sharding, the order inside a
 * file and metadata do not enter. optimizer_digest is the same of optimizer.safetensors in the folder (or beside the file),
 * "" if there is none. */
bool model_digest(const char *path, char digest[33], char optimizer_digest[33], Error *err) R1_MUST_CHECK;

#endif
