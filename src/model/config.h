/* SPDX-License-Identifier: MIT */
/* model/config.h: the shape of a decoder, read from and written as Hugging Face's config.json. HF's keys appear in
 * config*.c alone. Everything is checked here, once: later code may trust every field. */
#ifndef R1_MODEL_CONFIG_H
#define R1_MODEL_CONFIG_H

#include "base/error.h"
#include "base/json.h"
#include "model/lora_config.h"

#include <stdbool.h>
#include <stdint.h>

enum { MODEL_MAX_EOS = 8 };

typedef enum ModelArch {
    MODEL_QWEN2,
    MODEL_LLAMA,
    MODEL_QWEN3,
    MODEL_MISTRAL,
    MODEL_DEEPSEEK_V2,
    MODEL_DEEPSEEK_V3
} ModelArch;
typedef enum RopeScalingKind { ROPE_PLAIN, ROPE_LLAMA3, ROPE_YARN } RopeScalingKind;

/* YaRN (arXiv 2309.00071) in transformers' words. */
typedef struct YarnConfig {
    double beta_fast, beta_slow;
    double mscale, mscale_all_dim; /* 0: not given */
    double attention_factor;       /* 0: follows from the others */
    bool truncate;                 /* the ramp begins and ends at whole channels */
} YarnConfig;

/* Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1). kv_lora_rank 0: the model has GQA instead. */
typedef struct MlaConfig {
    int64_t q_lora_rank;               /* channels of the queries' latent; 0: queries are projected at once */
    int64_t kv_lora_rank;              /* R: channels of c, the latent that keys and values are made of */
    int64_t nope_dim, rope_dim, v_dim; /* N, P, W: channels of a head's key without position, of the rotated key that
                                          all heads share, of a head's value */
    bool neighbours;                   /* rotary pairs are (2i, 2i + 1), else (i, i + P / 2) */
} MlaConfig;

/* Mixture of experts (DeepSeekMoE, arXiv 2401.06066; the gate of DeepSeek-V3, 2412.19437, section 2.1.2). */
typedef struct MoeConfig {
    int64_t n_experts;   /* E; 0: every layer has one dense MLP */
    int64_t n_chosen;    /* experts that a token goes to */
    int64_t n_shared;    /* experts that every token goes to: one MLP of n_shared * ffn_size channels */
    int64_t ffn_size;    /* of one expert */
    int64_t first_layer; /* the layers before it are dense */
    int64_t n_groups, n_groups_chosen;
    float routed_scaling;
    bool softmax;         /* gate scores; else sigmoid */
    bool correction_bias; /* e_score_correction_bias moves the choice, and the two best score a group; else the best */
    bool normalise;       /* weights of the chosen are divided by their sum */
} MoeConfig;

typedef struct ModelConfig {
    ModelArch arch;
    int64_t hidden_size; /* D */
    int64_t n_layers;    /* L */
    int64_t n_mtp;       /* modules that predict further tokens (model/mtp.h), behind the layers; 0: none */
    int64_t n_heads;     /* H */
    int64_t n_kv_heads;  /* K, divides H */
    int64_t head_dim;    /* C, even */
    int64_t ffn_size;    /* F */
    int64_t vocab_size;  /* V */
    int64_t max_positions;
    float rms_norm_eps;
    double rope_theta;
    RopeScalingKind rope_scaling;
    double rope_factor, rope_original_positions;        /* llama3 and yarn */
    double rope_low_freq_factor, rope_high_freq_factor; /* llama3 */
    YarnConfig yarn;
    MlaConfig mla; /* with it head_dim is mla.rope_dim */
    MoeConfig moe;
    bool qkv_bias; /* Qwen2: always; Llama and Qwen3: attention_bias (then o_proj_bias too) */
    bool o_proj_bias;
    bool qk_norm; /* Qwen3: RMSNorm over each head of q and of k, before the rotation */
    bool tied_head;
    bool
        scalar_head; /* one score a token in place of the vocabulary's head (transformers' ...ForSequenceClassification, one label):
                         reward models, value functions */
    int32_t eos_ids[MODEL_MAX_EOS]; /* stop ids: generation_config.json's if present, else config.json's */
    int n_eos;
    int32_t bos_id, pad_id; /* -1: none */
    LoraConfig lora;        /* adapters beside the weights; in no config.json */
    bool train_mtp;         /* the modules' loss is part of training; in no config.json */
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
const char *rope_scaling_name(RopeScalingKind kind);

/* Inputs and outputs of a linear map; outputs are 0 where no layer of the model has it. */
int64_t lora_module_inputs(const ModelConfig *config, LoraModule module);
int64_t lora_module_outputs(const ModelConfig *config, LoraModule module);
bool lora_module_in(const ModelConfig *config, int64_t layer, LoraModule module); /* whether this layer has it */

int64_t model_qkv_size(const ModelConfig *config); /* (H + 2K) * C: rows of the fused q, k, v projection */

/* Whether the head is the embedding's matrix. */
static inline bool model_head_is_embedding(const ModelConfig *config)
{
    return config->tied_head && !config->scalar_head;
}
/* Blocks of attention and MLP: the layers, then one a module that predicts further tokens. */
static inline int64_t model_blocks(const ModelConfig *config)
{
    return config->n_layers + config->n_mtp;
}
static inline bool model_has_mla(const ModelConfig *config)
{
    return config->mla.kv_lora_rank > 0;
}
static inline bool lora_has(const ModelConfig *config, int64_t layer, LoraModule module) /* adapters there */
{
    return config->lora.rank > 0 && (config->lora.targets >> module & 1) && lora_module_in(config, layer, module);
}
static inline bool model_layer_is_moe(const ModelConfig *config, int64_t layer)
{
    return config->moe.n_experts > 0 && layer >= config->moe.first_layer;
}
/* Channels of the MLP that every token of a layer goes through: the dense one, or the shared experts (0: none). */
static inline int64_t model_layer_ffn(const ModelConfig *config, int64_t layer)
{
    return model_layer_is_moe(config, layer) ? config->moe.n_shared * config->moe.ffn_size : config->ffn_size;
}
/* Rows of MLA's matrices: of a head in the queries (N + P), of the queries' latent or the queries themselves, of keys
 * (R + P), of the fused projection from the stream, of all heads' values. */
static inline int64_t mla_head_size(const ModelConfig *c)
{
    return c->mla.nope_dim + c->mla.rope_dim;
}
static inline int64_t mla_query_size(const ModelConfig *c)
{
    return c->mla.q_lora_rank > 0 ? c->mla.q_lora_rank : c->n_heads * mla_head_size(c);
}
static inline int64_t mla_key_size(const ModelConfig *c)
{
    return c->mla.kv_lora_rank + c->mla.rope_dim;
}
static inline int64_t mla_in_size(const ModelConfig *c)
{
    return mla_query_size(c) + mla_key_size(c);
}
/* What attention keeps of a token and layer in the cache, in floats. */
int64_t model_cache_floats(const ModelConfig *config);
/* Channels that come out of attention, all heads: what o_proj reads. */
int64_t model_attended_size(const ModelConfig *config);
/* Multiplications of one (query, key) pair in one layer, all heads. */
int64_t model_pair_macs(const ModelConfig *config);

#endif
