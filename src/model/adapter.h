/* SPDX-License-Identifier: MIT */
/* model/adapter.h: adapters as a folder of PEFT's: adapter_config.json, which says what they are and of which model
 * ("base_model_name_or_path"), and adapter_model.safetensors with "base_model.model.<path>.lora_A.weight" and lora_B. */
#ifndef R1_MODEL_ADAPTER_H
#define R1_MODEL_ADAPTER_H

#include "model/model.h"
#include "text/tokenizer.h"

/* Whether the folder holds adapters and no model of its own. */
bool adapter_is_folder(const char *folder);
/* The folder or file of the model that the adapters of `folder` belong to, base_alloc'd: the path as it stands there, or, where nothing is
 * there, from `folder` on. What is no adapter folder is its own base; adapters of adapters are refused. */
bool adapter_base_folder(char **base, const char *folder, Error *err) R1_MUST_CHECK;
/* The tokenizer of the folder, or of its base where it has none of its own. */
bool adapter_tokenizer_open(Tokenizer **tokenizer, const char *folder, Error *err) R1_MUST_CHECK;

/* adapter_config.json. What would make the adapters another function than r1 computes is refused by name. */
bool adapter_config_read(LoraConfig *lora, const char *folder, Error *err) R1_MUST_CHECK;
bool adapter_config_parse(LoraConfig *lora, const json_t *json, const char *name, Error *err) R1_MUST_CHECK;

/* Names, shapes and dtypes of adapter_model.safetensors against config->lora, without reading a weight. */
bool adapter_check_weights(const ModelConfig *config, const char *folder, Error *err) R1_MUST_CHECK;
/* Its tensors into model->lora.weights, as exact and as careful as model_folder_read_weights. */
bool adapter_read_weights(Model *model, const char *folder, Error *err) R1_MUST_CHECK;
/* adapter_config.json, which names the absolute path of model->lora.base, and the tokenizer's files from tokenizer_folder (NULL: none). */
bool adapter_write_config(const char *folder, const Model *model, const char *tokenizer_folder,
                          Error *err) R1_MUST_CHECK;

/* W + scale * (B A) in place of the weights, for every map that has adapters: delta = chain over r ascending from +0,
 * W' = fma(scale, delta, W). What comes out is another function than the unmerged model, by rounding. Of a model that
 * model_open_rows has opened, or model_open (whose panels are not renewed). */
void adapter_merge(Model *model, const Compute *compute);

#endif
