/* SPDX-License-Identifier: MIT */
/* model/config.h: the shape of a decoder, read from and written as Hugging Face's config.json. HF's keys appear in config.c
 * alone. Everything is checked here, once: later code may trust every field. */
#ifndef R1_MODEL_CONFIG_H
#define R1_MODEL_CONFIG_H

#include "base/error.h"
#include "base/json.h"
#include "model/lora_config.h"

#include <stdbool.h>
#include <stdint.h>

enum { MODEL_MAX_EOS = 8 };

typedef enum ModelArch { MODEL_QWEN2, MODEL_LLAMA, MODEL_QWEN3, MODEL_MISTRAL } ModelArch;
typedef enum RopeScalingKind { ROPE_PLAIN, ROPE_LLAMA3 } RopeScalingKind;

typedef struct ModelConfig {
    ModelArch arch;
    int64_t hidden_size; /* D */
    int64_t n_layers;    /* L */
    int64_t n_heads;     /* H */
    int64_t n_kv_heads;  /* K, divides H */
    int64_t head_dim;    /* C, even */
    int64_t ffn_size;    /* F */
    int64_t vocab_size;  /* V */
    int64_t max_positions;
    float rms_norm_eps;
    double rope_theta;
    RopeScalingKind rope_scaling;
    double rope_factor, rope_low_freq_factor, rope_high_freq_factor, rope_original_positions; /* llama3 only */
    bool qkv_bias; /* Qwen2: always; Llama and Qwen3: attention_bias (then o_proj_bias too) */
    bool o_proj_bias;
    bool qk_norm; /* Qwen3: RMSNorm over each head of q and of k, before the rotation */
    bool tied_head;
    int32_t eos_ids[MODEL_MAX_EOS]; /* stop ids: generation_config.json's if present, else config.json's */
    int n_eos;
    int32_t bos_id, pad_id; /* -1: none */
    LoraConfig lora;        /* adapters beside the weights; in no config.json */
    bool f16_on_disk;       /* the same, float16 */
    bool bf16_on_disk;      /* torch_dtype / dtype says bfloat16: what a saved copy uses unless told otherwise */
} ModelConfig;

/* folder/config.json and, if there, folder/generation_config.json; or the metadata of a GGUF file. Messages name the file and the key. */
bool model_config_read(ModelConfig *config, const char *folder, Error *err) R1_MUST_CHECK;
/* From the text of a config.json (tests, fuzzing); `name` stands for the file. */
bool model_config_parse(ModelConfig *config, const json_t *json, const char *name, Error *err) R1_MUST_CHECK;
/* Takes the stop ids of a generation_config.json, where it has them, in place of config.json's. */
bool model_generation_config_parse(ModelConfig *config, const json_t *json, const char *name, Error *err) R1_MUST_CHECK;
/* Every constraint between fields; for configs that recipes describe. */
bool model_config_check(const ModelConfig *config, Error *err) R1_MUST_CHECK;
/* The config.json and generation_config.json that transformers, vLLM and llama.cpp's converter read. */
void model_config_write(const ModelConfig *config, JsonOut *out);
void model_generation_config_write(const ModelConfig *config, JsonOut *out);
/* A published or test shape by name ("tiny-5m", "smollm2-135m", "qwen2.5-0.5b", "qwen2.5-1.5b"); false if unknown. */
bool model_config_named(ModelConfig *config, const char *name);
const char *const *model_config_names(void); /* NULL-terminated */

/* "qwen2": as config.json's model_type spells it. */
const char *model_arch_name(ModelArch arch);

/* Inputs and outputs of a linear map. */
int64_t lora_module_inputs(const ModelConfig *config, LoraModule module);
int64_t lora_module_outputs(const ModelConfig *config, LoraModule module);

int64_t model_qkv_size(const ModelConfig *config); /* (H + 2K) * C: rows of the fused q, k, v projection */

#endif
