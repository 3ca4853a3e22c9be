/* SPDX-License-Identifier: MIT */
/* model/folder.h: a model as a Hugging Face folder: config.json, generation_config.json, model.safetensors (or shards with
 * model.safetensors.index.json), tokenizer.json and friends. */
#ifndef R1_MODEL_FOLDER_H
#define R1_MODEL_FOLDER_H

#include "base/error.h"
#include "model/config.h"
#include "model/params.h"

/* Reads every tensor of `layout` from the folder into weights[layout->n_floats] (pads zeroed). f32, f16 and bf16 are widened
 * exactly. A missing tensor, a wrong shape or dtype, a truncated file: one line with file and tensor. Unknown tensors are an
 * error too, but "lm_head.weight" of a tied model and "*.rotary_emb.inv_freq" are let pass. */
bool model_folder_read_weights(float *weights, const ParamLayout *layout, const ModelConfig *config, const char *folder, Error *err)
    R1_MUST_CHECK;

/* Writes model.safetensors (f32) into an existing folder, durably. failpoint: the stem of its failpoints. The 32 hex digits of
 * XXH3-128 over the file's bytes go to `hex` (may be NULL), for a manifest. */
bool model_folder_write_weights(const char *folder, const char *file_name, const float *weights, const ParamLayout *layout,
                                const char *failpoint, char hex[33], Error *err) R1_MUST_CHECK;

/* Writes config.json and generation_config.json, and copies tokenizer.json, tokenizer_config.json, special_tokens_map.json,
 * chat_template.jinja from `tokenizer_folder` where they exist there. */
bool model_folder_write_config(const char *folder, const ModelConfig *config, const char *tokenizer_folder, Error *err) R1_MUST_CHECK;

/* The contract's digest (XXH3-128 over name, dtype, shape, row-major little-endian bytes, in name order) of a safetensors file
 * or a folder (its model files); optimizer is that of optimizer.safetensors beside it, "" if none. */
bool model_digest(const char *path, char digest[33], char optimizer_digest[33], Error *err) R1_MUST_CHECK;

#endif
