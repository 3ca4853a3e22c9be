/* SPDX-License-Identifier: MIT */
/* model/config_parts.h: the pieces of config.json that config.c leaves to files of their own. Private to model/. */
#ifndef R1_MODEL_CONFIG_PARTS_H
#define R1_MODEL_CONFIG_PARTS_H

#include "model/config.h"

/* DeepSeek-V2 and V3: latent attention and experts. parse: after the sizes that all decoders have. */
bool deepseek_parse(ModelConfig *c, const json_t *json, Error *err) R1_MUST_CHECK;
bool deepseek_check(const ModelConfig *c, Error *err) R1_MUST_CHECK;
void deepseek_write(const ModelConfig *c, JsonOut *out);
/* Weights of one layer and of its attention alone, norms and biases left out; bounded by deepseek_check. */
int64_t deepseek_layer_weights(const ModelConfig *c, int64_t layer);
int64_t deepseek_attention_weights(const ModelConfig *c);

/* The object of "rope_scaling" or "rope_parameters" whose type is yarn. */
bool yarn_parse(ModelConfig *c, const json_t *rope, Error *err) R1_MUST_CHECK;
bool yarn_check(const ModelConfig *c, Error *err) R1_MUST_CHECK;
void yarn_write(const ModelConfig *c, JsonOut *out); /* into the open object, but for what llama3 has too */

/* Adapters must stand on linear maps that the model has. */
bool config_lora_check(const ModelConfig *c, Error *err) R1_MUST_CHECK;

/* A number that always has a point or an exponent: transformers warns of a scaling factor that is an integer. */
void config_write_real(JsonOut *out, const char *key, double value);

#endif
