/* SPDX-License-Identifier: MIT */
/* model/config.c: Hugging Face's config.json to ModelConfig and back: the one place that knows its keys.
 *
 * Two generations of files are read. Until transformers 4: "rope_theta" and "rope_scaling" ({"type" or "rope_type": ...}),
 * "torch_dtype". From 5 on: "rope_parameters" (which holds rope_theta too) and "dtype". What is written is the older
 * spelling, which both generations, vLLM and llama.cpp's converter read. What a key means when it is missing follows
 * transformers; a key that would make the weights another function than r1 computes is refused by name. */
#include "model/config_parts.h"

#include "base/arena.h"
#include "base/file.h"
#include "model/adapter.h"
#include "model/gguf_model.h"
#include "model/mtp_files.h"
#include "num/fp8.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Far above any decoder that fits one machine, and small enough that no product of two or three of them overflows. */
static const int64_t MAX_HIDDEN = 1 << 20, MAX_FFN = 1 << 22, MAX_VOCAB = 1 << 24, MAX_LAYERS = 1 << 12, MAX_MTP = 16;
static const int64_t MAX_HEADS = 1 << 14, MAX_HEAD_DIM = 1 << 12, MAX_POSITIONS = 1 << 30;
static const int64_t MAX_PARAMETERS = (int64_t)1 << 40; /* 4 TiB of f32 */

/* What the architectures differ in; everything else is read from the file. Defaults are those of transformers' config classes. */
typedef struct ArchFacts {
    const char *type, *class_name; /* "model_type", and "architectures" without CAUSAL or CLASSIFIER */
    int64_t head_dim;              /* where "head_dim" is missing; 0: hidden_size / num_attention_heads */
    int64_t n_kv_heads;            /* where "num_key_value_heads" is missing; 0: num_attention_heads */
    int64_t max_positions;
    bool qkv_bias;       /* whatever the file says */
    bool attention_bias; /* the file may put a bias on q, k, v and o */
    bool qk_norm;
    bool windows_by_flag;  /* "use_sliding_window" switches them on */
    bool windows_always;   /* "sliding_window" alone does, and is 4096 where it is missing */
    bool latent_attention; /* and experts: config_deepseek.c */
    int32_t bos_id, eos_id;
} ArchFacts;
static const ArchFacts ARCHS[] = {
    [MODEL_QWEN2] = {.type = "qwen2",
                     .class_name = "Qwen2",
                     .max_positions = 32768,
                     .qkv_bias = true,
                     .windows_by_flag = true,
                     .bos_id = -1,
                     .eos_id = -1},
    [MODEL_LLAMA] = {.type = "llama",
                     .class_name = "Llama",
                     .max_positions = 2048,
                     .attention_bias = true,
                     .bos_id = 1,
                     .eos_id = 2},
    [MODEL_QWEN3] = {.type = "qwen3",
                     .class_name = "Qwen3",
                     .head_dim = 128,
                     .max_positions = 32768,
                     .attention_bias = true,
                     .qk_norm = true,
                     .windows_by_flag = true,
                     .bos_id = -1,
                     .eos_id = -1},
    [MODEL_MISTRAL] = {.type = "mistral",
                       .class_name = "Mistral",
                       .n_kv_heads = 8,
                       .max_positions = 131072,
                       .windows_always = true,
                       .bos_id = 1,
                       .eos_id = 2},
    [MODEL_DEEPSEEK_V2] = {.type = "deepseek_v2",
                           .class_name = "DeepseekV2",
                           .max_positions = 2048,
                           .latent_attention = true,
                           .bos_id = 1,
                           .eos_id = 2},
    [MODEL_DEEPSEEK_V3] = {.type = "deepseek_v3",
                           .class_name = "DeepseekV3",
                           .max_positions = 4096,
                           .latent_attention = true,
                           .bos_id = 0,
                           .eos_id = 1},
};
enum { N_ARCHS = sizeof ARCHS / sizeof ARCHS[0] };

const char *model_arch_name(ModelArch arch)
{
    return ARCHS[arch].type;
}

static const ModelConfig NAMED_tiny_5m = {
    .arch = MODEL_QWEN2,
    .hidden_size = 256,
    .n_layers = 6,
    .n_heads = 4,
    .n_kv_heads = 2,
    .head_dim = 64,
    .ffn_size = 768,
    .vocab_size = 2048,
    .max_positions = 2048,
    .rms_norm_eps = 1e-6f,
    .rope_theta = 10000.0,
    .qkv_bias = true,
    .tied_head = true,
    .eos_ids = {0},
    .n_eos = 1,
    .bos_id = -1,
    .pad_id = -1,
};
static const ModelConfig NAMED_smollm2_135m = {
    .arch = MODEL_LLAMA,
    .hidden_size = 576,
    .n_layers = 30,
    .n_heads = 9,
    .n_kv_heads = 3,
    .head_dim = 64,
    .ffn_size = 1536,
    .vocab_size = 49152,
    .max_positions = 8192,
    .rms_norm_eps = 1e-5f,
    .rope_theta = 100000.0,
    .tied_head = true,
    .eos_ids = {2},
    .n_eos = 1,
    .bos_id = 1,
    .pad_id = 2,
    .bf16_on_disk = true,
};
static const ModelConfig NAMED_qwen25_05b = {
    .arch = MODEL_QWEN2,
    .hidden_size = 896,
    .n_layers = 24,
    .n_heads = 14,
    .n_kv_heads = 2,
    .head_dim = 64,
    .ffn_size = 4864,
    .vocab_size = 151936,
    .max_positions = 32768,
    .rms_norm_eps = 1e-6f,
    .rope_theta = 1000000.0,
    .qkv_bias = true,
    .tied_head = true,
    .eos_ids = {151643},
    .n_eos = 1,
    .bos_id = 151643,
    .pad_id = -1,
    .bf16_on_disk = true,
};
static const ModelConfig NAMED_qwen25_15b = {
    .arch = MODEL_QWEN2,
    .hidden_size = 1536,
    .n_layers = 28,
    .n_heads = 12,
    .n_kv_heads = 2,
    .head_dim = 128,
    .ffn_size = 8960,
    .vocab_size = 151936,
    .max_positions = 131072,
    .rms_norm_eps = 1e-6f,
    .rope_theta = 1000000.0,
    .qkv_bias = true,
    .tied_head = true,
    .eos_ids = {151643},
    .n_eos = 1,
    .bos_id = 151643,
    .pad_id = -1,
    .bf16_on_disk = true,
};
/* DeepSeek-V3 in small: everything it has, at widths that keep the kernels busy. */
static const ModelConfig NAMED_deepseek_tiny = {
    .arch = MODEL_DEEPSEEK_V3,
    .hidden_size = 512,
    .n_layers = 4,
    .n_heads = 8,
    .n_kv_heads = 8,
    .head_dim = 32,
    .ffn_size = 1408,
    .vocab_size = 4096,
    .max_positions = 4096,
    .rms_norm_eps = 1e-6f,
    .rope_theta = 10000.0,
    .mla = {.q_lora_rank = 192, .kv_lora_rank = 128, .nope_dim = 64, .rope_dim = 32, .v_dim = 64, .neighbours = true},
    .moe = {.n_experts = 16,
            .n_chosen = 4,
            .n_shared = 1,
            .ffn_size = 256,
            .first_layer = 1,
            .n_groups = 4,
            .n_groups_chosen = 2,
            .routed_scaling = 2.5f,
            .correction_bias = true,
            .normalise = true},
    .eos_ids = {1},
    .n_eos = 1,
    .bos_id = 0,
    .pad_id = -1,
};
static const struct {
    const char *name;
    const ModelConfig *config;
} NAMED[] = {
    {"tiny-5m", &NAMED_tiny_5m},         {"smollm2-135m", &NAMED_smollm2_135m},   {"qwen2.5-0.5b", &NAMED_qwen25_05b},
    {"qwen2.5-1.5b", &NAMED_qwen25_15b}, {"deepseek-tiny", &NAMED_deepseek_tiny},
};
enum { N_NAMED = sizeof NAMED / sizeof NAMED[0] };
static const char *const NAMED_names[] = {"tiny-5m",      "smollm2-135m",  "qwen2.5-0.5b",
                                          "qwen2.5-1.5b", "deepseek-tiny", NULL};

bool model_config_named(ModelConfig *config, const char *name)
{
    for (int i = 0; i < N_NAMED; i++) {
        if (strcmp(name, NAMED[i].name) != 0) continue;
        *config = *NAMED[i].config;
        return true;
    }
    return false;
}

const char *const *model_config_names(void)
{
    return NAMED_names;
}

const char *rope_scaling_name(RopeScalingKind kind)
{
    static const char *const NAMES[] = {[ROPE_PLAIN] = "default", [ROPE_LLAMA3] = "llama3", [ROPE_YARN] = "yarn"};
    return NAMES[kind];
}

int64_t model_cache_floats(const ModelConfig *config)
{
    return model_has_mla(config) ? mla_key_size(config) : 2 * config->n_kv_heads * config->head_dim;
}

int64_t model_attended_size(const ModelConfig *config)
{
    return config->n_heads * (model_has_mla(config) ? config->mla.v_dim : config->head_dim);
}

int64_t model_pair_macs(const ModelConfig *config)
{
    const int64_t channels =
        model_has_mla(config) ? mla_key_size(config) + config->mla.kv_lora_rank : 2 * config->head_dim;
    return config->n_heads * channels;
}

int64_t model_qkv_size(const ModelConfig *config)
{
    return (config->n_heads + 2 * config->n_kv_heads) * config->head_dim;
}

/* ---- constraints ---- */

static bool in_range(const char *what, int64_t value, int64_t high, Error *err)
{
    if (value >= 1 && value <= high) return true;
    return error_set(err, ERROR_INPUT, "%s is %" PRId64 ", must be 1 to %" PRId64, what, value, high);
}

static bool token_in_vocabulary(const char *what, int64_t id, const ModelConfig *c, Error *err)
{
    if (id >= 0 && id < c->vocab_size) return true;
    return error_set(err, ERROR_INPUT, "%s is %" PRId64 ", but vocab_size is %" PRId64, what, id, c->vocab_size);
}

static bool rope_check(const ModelConfig *c, Error *err)
{
    if (!(c->rope_theta >= 1.0 && c->rope_theta <= 1e12)) /* written so that a NaN fails */
        return error_set(err, ERROR_INPUT, "rope_theta is %g, must be 1 to 1e12", c->rope_theta);
    if (c->rope_scaling == ROPE_PLAIN) return true;
    if (c->rope_scaling == ROPE_YARN && !yarn_check(c, err)) return false;
    if (!(c->rope_factor >= 1.0 && c->rope_factor <= 1e6))
        return error_set(err, ERROR_INPUT, "rope scaling: factor is %g, must be 1 to 1e6", c->rope_factor);
    if (c->rope_scaling == ROPE_LLAMA3 &&
        !(c->rope_low_freq_factor > 0.0 && c->rope_high_freq_factor > c->rope_low_freq_factor &&
          c->rope_high_freq_factor <= 1e6))
        return error_set(err, ERROR_INPUT,
                         "rope scaling: low_freq_factor %g and high_freq_factor %g must be above 0 and ascending",
                         c->rope_low_freq_factor, c->rope_high_freq_factor);
    if (!(c->rope_original_positions >= 1.0 && c->rope_original_positions <= (double)MAX_POSITIONS))
        return error_set(err, ERROR_INPUT,
                         "rope scaling: original_max_position_embeddings is %g, must be 1 to %" PRId64,
                         c->rope_original_positions, MAX_POSITIONS);
    return true;
}

/* The bounds above keep each term below 2^61; the sum over layers is what may overflow. */
static bool parameters_check(const ModelConfig *c, Error *err)
{
    const int64_t D = c->hidden_size;
    const int64_t attention = 2 * D * c->head_dim * (c->n_heads + c->n_kv_heads);
    int64_t layer = attention + 3 * D * c->ffn_size, total;
    if (model_has_mla(c)) {
        const int64_t routed = deepseek_layer_weights(c, c->n_layers - 1);
        if (routed > layer) layer = routed;
    }
    if (c->n_mtp > 0) layer += 2 * D * D; /* eh_proj; each term stays far below 2^63 */
    if (__builtin_mul_overflow(layer, model_blocks(c), &total) ||
        __builtin_add_overflow(total, 2 * D * c->vocab_size, &total) || total > MAX_PARAMETERS)
        return error_set(err, ERROR_INPUT,
                         "%" PRId64 " layers of hidden_size %" PRId64 " and intermediate_size %" PRId64
                         " with vocab_size %" PRId64 " are more than 2^40 parameters",
                         c->n_layers, D, c->ffn_size, c->vocab_size);
    return true;
}

/* Biases and norms are what the architecture has: a file with others is of another architecture. */
static bool block_check(const ModelConfig *c, Error *err)
{
    const ArchFacts *const a = &ARCHS[c->arch];
    if (a->qkv_bias && (!c->qkv_bias || c->o_proj_bias))
        return error_set(err, ERROR_INPUT, "%s has a bias on q, k and v, and none on o", a->type);
    if (a->attention_bias && c->qkv_bias != c->o_proj_bias)
        return error_set(err, ERROR_INPUT, "%s has a bias on q, k, v and o or on none (attention_bias)", a->type);
    if (!a->qkv_bias && !a->attention_bias && (c->qkv_bias || c->o_proj_bias))
        return error_set(err, ERROR_INPUT, "%s has no bias in attention", a->type);
    if (a->qk_norm != c->qk_norm)
        return error_set(err, ERROR_INPUT, "%s has %s norm on the heads of q and k", a->type, a->qk_norm ? "a" : "no");
    return true;
}

static bool mtp_check(const ModelConfig *c, Error *err)
{
    if (c->n_mtp < 0 || c->n_mtp > MAX_MTP)
        return error_set(err, ERROR_INPUT, "num_nextn_predict_layers is %" PRId64 ", must be 0 to %" PRId64, c->n_mtp,
                         MAX_MTP);
    return !(c->scalar_head && c->n_mtp > 0) ||
           error_set(err, ERROR_INPUT, "a model with a scalar head predicts no tokens, further ones neither");
}

bool model_config_check(const ModelConfig *c, Error *err)
{
    if ((int)c->arch < 0 || (int)c->arch >= N_ARCHS)
        return error_set(err, ERROR_INPUT, "architecture number %d is unknown", (int)c->arch);
    if (!in_range("hidden_size", c->hidden_size, MAX_HIDDEN, err) ||
        !in_range("num_hidden_layers", c->n_layers, MAX_LAYERS, err) || !mtp_check(c, err) ||
        !in_range("num_attention_heads", c->n_heads, MAX_HEADS, err) ||
        !in_range("num_key_value_heads", c->n_kv_heads, MAX_HEADS, err) ||
        !in_range("head_dim", c->head_dim, MAX_HEAD_DIM, err) ||
        !in_range("intermediate_size", c->ffn_size, MAX_FFN, err) ||
        !in_range("vocab_size", c->vocab_size, MAX_VOCAB, err) ||
        !in_range("max_position_embeddings", c->max_positions, MAX_POSITIONS, err))
        return false;
    if (c->n_heads % c->n_kv_heads != 0)
        return error_set(err, ERROR_INPUT,
                         "num_attention_heads %" PRId64 " is not a multiple of num_key_value_heads %" PRId64,
                         c->n_heads, c->n_kv_heads);
    if (c->head_dim % 2 != 0)
        return error_set(err, ERROR_INPUT, "head_dim is %" PRId64 ", must be even (rotary positions turn pairs)",
                         c->head_dim);
    if (!(c->rms_norm_eps > 0.0f && c->rms_norm_eps <= 1.0f))
        return error_set(err, ERROR_INPUT, "rms_norm_eps is %g, must be above 0 and at most 1",
                         (double)c->rms_norm_eps);
    if (!block_check(c, err)) return false;
    if (ARCHS[c->arch].latent_attention && !deepseek_check(c, err)) return false;
    if (!ARCHS[c->arch].latent_attention && (model_has_mla(c) || c->moe.n_experts > 0))
        return error_set(err, ERROR_INPUT, "%s has neither latent attention nor experts", ARCHS[c->arch].type);
    if (c->n_eos < 0 || c->n_eos > MODEL_MAX_EOS)
        return error_set(err, ERROR_INPUT, "%d stop ids, at most %d are read", c->n_eos, MODEL_MAX_EOS);
    for (int i = 0; i < c->n_eos; i++)
        if (!token_in_vocabulary("eos_token_id", c->eos_ids[i], c, err)) return false;
    if (c->bos_id != -1 && !token_in_vocabulary("bos_token_id", c->bos_id, c, err)) return false;
    if (c->pad_id != -1 && !token_in_vocabulary("pad_token_id", c->pad_id, c, err)) return false;
    return rope_check(c, err) && parameters_check(c, err) && config_lora_check(c, err);
}

/* ---- reading ---- */

/* NULL for a missing key and for null, which mean the same but for token ids. */
static const json_t *value_of(const json_t *object, const char *key)
{
    const json_t *const value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static bool arch_unsupported(const char *name, Error *err)
{
    char known[160];
    int n = 0;
    for (int i = 0; i < N_ARCHS; i++)
        n += snprintf(known + n, sizeof known - (size_t)n, "%s%s",
                      i == 0            ? ""
                      : i + 1 < N_ARCHS ? ", "
                                        : " and ",
                      ARCHS[i].type);
    return error_set(err, ERROR_INPUT, "architecture %.60s is not supported; r1 reads %s", name, known);
}

/* What follows the architecture in the name of a class: a head over the vocabulary, or over labels (r1 reads one). */
static const char CAUSAL[] = "ForCausalLM", CLASSIFIER[] = "ForSequenceClassification";

/* The number of the architecture with this "model_type"; -1: none. */
static int arch_of_type(const char *type)
{
    for (int i = 0; i < N_ARCHS; i++)
        if (type && strcmp(type, ARCHS[i].type) == 0) return i;
    return -1;
}

/* The same of a class, and which head it has. */
static int arch_of_class(const char *name, bool *scalar_head)
{
    *scalar_head = false;
    for (int i = 0; name && i < N_ARCHS; i++) {
        const size_t n = strlen(ARCHS[i].class_name);
        if (strncmp(name, ARCHS[i].class_name, n) != 0) continue;
        *scalar_head = strcmp(name + n, CLASSIFIER) == 0;
        if (*scalar_head || strcmp(name + n, CAUSAL) == 0) return i;
    }
    return -1;
}

/* transformers writes the labels' names and takes two where they are missing. */
static bool parse_labels(const json_t *json, Error *err)
{
    const json_t *const names = value_of(json, "id2label");
    int64_t n = names ? (int64_t)json_object_size(names) : 2;
    if (!json_get_int(json, "num_labels", 0, INT64_MAX, &n, err)) return false;
    return n == 1 || error_set(err, ERROR_INPUT,
                               "\"id2label\" (or \"num_labels\"): a head of %" PRId64
                               " labels is not supported; r1 reads scalar heads, of one label",
                               n);
}

/* "architectures" says what the weights are, "model_type" what the config is; either may be missing, both must agree. */
static bool parse_arch(ModelConfig *c, const json_t *json, Error *err)
{
    const json_t *const list = value_of(json, "architectures");
    if (list && !json_is_array(list)) return error_set(err, ERROR_INPUT, "\"architectures\" must be a list");
    const char *const class_name = json_string_value(json_array_get(list, 0));
    const char *type = NULL;
    size_t length;
    if (!json_get_string(json, "model_type", &type, &length, err)) return false;
    if (!class_name && !type)
        return error_set(err, ERROR_INPUT, "neither \"architectures\" nor \"model_type\" says what model this is");
    const int by_class = arch_of_class(class_name, &c->scalar_head), by_type = arch_of_type(type);
    if (class_name && by_class < 0) return arch_unsupported(class_name, err);
    if (type && by_type < 0) return arch_unsupported(type, err);
    if (class_name && type && by_class != by_type)
        return error_set(err, ERROR_INPUT, "\"architectures\" says %.60s but \"model_type\" says %.60s", class_name,
                         type);
    c->arch = (ModelArch)(type ? by_type : by_class);
    return !c->scalar_head || parse_labels(json, err);
}

static bool parse_size(const json_t *json, const char *key, int64_t high, int64_t *value, Error *err)
{
    if (!value_of(json, key)) return error_set(err, ERROR_INPUT, "\"%s\" is missing", key);
    return json_get_int(json, key, 1, high, value, err);
}

static bool parse_sizes(ModelConfig *c, const json_t *json, Error *err)
{
    if (!parse_size(json, "hidden_size", MAX_HIDDEN, &c->hidden_size, err) ||
        !parse_size(json, "num_hidden_layers", MAX_LAYERS, &c->n_layers, err) ||
        !parse_size(json, "num_attention_heads", MAX_HEADS, &c->n_heads, err) ||
        !parse_size(json, "intermediate_size", MAX_FFN, &c->ffn_size, err) ||
        !parse_size(json, "vocab_size", MAX_VOCAB, &c->vocab_size, err) ||
        !json_get_int(json, "num_nextn_predict_layers", 0, MAX_MTP, &c->n_mtp, err))
        return false;
    if (c->scalar_head) c->n_mtp = 0;
    const ArchFacts *const arch = &ARCHS[c->arch];
    c->n_kv_heads = arch->n_kv_heads && !json_object_get(json, "num_key_value_heads") ? arch->n_kv_heads : c->n_heads;
    if (!json_get_int(json, "num_key_value_heads", 1, MAX_HEADS, &c->n_kv_heads, err)) return false;
    c->max_positions = arch->max_positions;
    if (!json_get_int(json, "max_position_embeddings", 1, MAX_POSITIONS, &c->max_positions, err)) return false;
    if (arch->latent_attention) return deepseek_parse(c, json, err);
    if (value_of(json, "head_dim")) return json_get_int(json, "head_dim", 1, MAX_HEAD_DIM, &c->head_dim, err);
    c->head_dim = arch->head_dim;
    if (c->head_dim) return true;
    if (c->hidden_size % c->n_heads != 0)
        return error_set(err, ERROR_INPUT,
                         "hidden_size %" PRId64 " is not a multiple of num_attention_heads %" PRId64
                         " and \"head_dim\" is missing",
                         c->hidden_size, c->n_heads);
    c->head_dim = c->hidden_size / c->n_heads;
    return true;
}

static bool parse_rope_kind(ModelConfig *c, const json_t *rope, Error *err)
{
    const char *kind = NULL;
    size_t length;
    if (!json_get_string(rope, "type", &kind, &length, err)) return false;
    if (!json_get_string(rope, "rope_type", &kind, &length, err)) return false; /* the newer name wins */
    if (!kind || strcmp(kind, "default") == 0) {
        if (!kind && value_of(rope, "factor"))
            return error_set(err, ERROR_INPUT, "rope scaling has a \"factor\" but no \"rope_type\"");
        c->rope_scaling = ROPE_PLAIN;
        return true;
    }
    if (strcmp(kind, "yarn") == 0) return yarn_parse(c, rope, err);
    if (strcmp(kind, "llama3") != 0)
        return error_set(err, ERROR_INPUT, "rope scaling \"%.40s\" is not supported; r1 reads default, llama3 and yarn",
                         kind);
    c->rope_scaling = ROPE_LLAMA3;
    if (!json_require(rope, "factor", err) || !json_require(rope, "low_freq_factor", err) ||
        !json_require(rope, "high_freq_factor", err))
        return false;
    return json_get_double(rope, "factor", &c->rope_factor, err) &&
           json_get_double(rope, "low_freq_factor", &c->rope_low_freq_factor, err) &&
           json_get_double(rope, "high_freq_factor", &c->rope_high_freq_factor, err);
}

/* rope_scaling, where it is set, stands before rope_parameters, and a rope_theta inside before the one outside. */
static bool parse_rope(ModelConfig *c, const json_t *json, Error *err)
{
    c->rope_theta = 10000.0;
    double partial = 1.0;
    if (!json_get_double(json, "rope_theta", &c->rope_theta, err) ||
        !json_get_double(json, "partial_rotary_factor", &partial, err))
        return false;
    const char *key = "rope_scaling";
    const json_t *rope = value_of(json, key);
    if (!rope || (json_is_object(rope) && json_object_size(rope) == 0)) rope = value_of(json, key = "rope_parameters");
    if (rope) {
        if (!json_is_object(rope)) return error_set(err, ERROR_INPUT, "\"%s\" must be an object or null", key);
        c->rope_original_positions = (double)c->max_positions;
        if (!json_get_double(rope, "rope_theta", &c->rope_theta, err) ||
            !json_get_double(rope, "partial_rotary_factor", &partial, err) ||
            !json_get_double(json, "original_max_position_embeddings", &c->rope_original_positions, err) ||
            !json_get_double(rope, "original_max_position_embeddings", &c->rope_original_positions, err) ||
            !parse_rope_kind(c, rope, err))
            return error_in(err, "\"%s\"", key);
        if (c->rope_scaling == ROPE_PLAIN) c->rope_original_positions = 0.0;
    }
    if (partial < 1.0 || partial > 1.0)
        return error_set(err, ERROR_INPUT, "\"partial_rotary_factor\" %g is not supported; r1 turns whole heads",
                         partial);
    return true;
}

static bool parse_layer_types(const json_t *json, Error *err)
{
    const json_t *const types = value_of(json, "layer_types");
    if (types && !json_is_array(types)) return error_set(err, ERROR_INPUT, "\"layer_types\" must be a list");
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *const type = json_string_value(json_array_get(types, i));
        if (!type || strcmp(type, "full_attention") != 0)
            return error_set(err, ERROR_INPUT,
                             "\"layer_types\": layer %zu is not full_attention, which is all r1 computes", i);
    }
    return true;
}

/* A window is harmless where no layer uses it or no position can lie outside it. */
static bool parse_window(const ModelConfig *c, const json_t *json, Error *err)
{
    const ArchFacts *const arch = &ARCHS[c->arch];
    bool used = arch->windows_always;
    int64_t window = 4096, first_layer = arch->windows_always ? 0 : 28; /* transformers' defaults */
    if (!parse_layer_types(json, err)) return false;
    if (arch->windows_by_flag && !json_get_bool(json, "use_sliding_window", &used, err)) return false;
    if (!used || json_is_null(json_object_get(json, "sliding_window"))) return true;
    if (!json_get_int(json, "sliding_window", 0, INT64_MAX, &window, err) ||
        (arch->windows_by_flag && !json_get_int(json, "max_window_layers", 0, INT64_MAX, &first_layer, err)))
        return false;
    if (window >= c->max_positions || first_layer >= c->n_layers) return true;
    return error_set(err, ERROR_INPUT,
                     "\"sliding_window\": windows of %" PRId64 " tokens from layer %" PRId64
                     " on are not supported; r1 attends to the whole context",
                     window, first_layer);
}

/* f8 e4m3 with a scale a block of 128 x 128, as DeepSeek-V3 and Qwen3 publish it; the dtypes of the tensors say the rest. */
static bool parse_quantization(const json_t *json, Error *err)
{
    const json_t *const q = value_of(json, "quantization_config");
    if (!q) return true;
    if (!json_is_object(q)) return error_set(err, ERROR_INPUT, "\"quantization_config\" must be an object or null");
    const char *method = "", *format = "e4m3";
    size_t length;
    if (!json_get_string(q, "quant_method", &method, &length, err) || !json_get_string(q, "fmt", &format, &length, err))
        return error_in(err, "\"quantization_config\"");
    const json_t *const block = json_object_get(q, "weight_block_size");
    const bool blocks_of_128 = json_array_size(block) == 2 &&
                               json_integer_value(json_array_get(block, 0)) == FP8_BLOCK &&
                               json_integer_value(json_array_get(block, 1)) == FP8_BLOCK;
    if (strcmp(method, "fp8") == 0 && strcmp(format, "e4m3") == 0 && blocks_of_128) return true;
    return error_set(err, ERROR_INPUT,
                     "\"quantization_config\": weights quantised by \"%.40s\" are not supported; r1 reads fp8 e4m3 in "
                     "blocks of 128 x 128; use a copy in f32, f16 or bf16",
                     method);
}

/* Keys whose other values would make the weights mean something else. */
static bool parse_fixed(const ModelConfig *c, const json_t *json, Error *err)
{
    const char *act = "silu";
    size_t length;
    bool mlp_bias = false;
    if (!json_get_string(json, "hidden_act", &act, &length, err) || !json_get_bool(json, "mlp_bias", &mlp_bias, err))
        return false;
    if (strcmp(act, "silu") != 0 && strcmp(act, "swish") != 0)
        return error_set(err, ERROR_INPUT, "\"hidden_act\" %.40s is not supported; r1 computes silu", act);
    if (mlp_bias) return error_set(err, ERROR_INPUT, "\"mlp_bias\" true is not supported");
    return parse_quantization(json, err) && parse_window(c, json, err);
}

static bool parse_one_id(const json_t *value, const char *key, int32_t *id, Error *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) >= MAX_VOCAB)
        return error_set(err, ERROR_INPUT, "\"%s\" must be a token id", key);
    *id = (int32_t)json_integer_value(value);
    return true;
}

/* Missing leaves *id; null is none, and so is the -1 that some converters write. */
static bool parse_id(const json_t *json, const char *key, int32_t *id, Error *err)
{
    const json_t *const value = json_object_get(json, key);
    if (!value) return true;
    if (json_is_null(value) || (json_is_integer(value) && json_integer_value(value) == -1)) {
        *id = -1;
        return true;
    }
    return parse_one_id(value, key, id, err);
}

/* One id or a list; a missing key leaves what is there, null empties it. A repeated id counts once. */
static bool parse_eos(ModelConfig *c, const json_t *json, Error *err)
{
    const json_t *const value = json_object_get(json, "eos_token_id");
    if (!value) return true;
    c->n_eos = 0;
    if (json_is_null(value)) return true;
    const size_t n = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t i = 0; i < n; i++) {
        int32_t id;
        if (!parse_one_id(json_is_array(value) ? json_array_get(value, i) : value, "eos_token_id", &id, err))
            return false;
        bool seen = false;
        for (int k = 0; k < c->n_eos; k++) seen = seen || c->eos_ids[k] == id;
        if (seen) continue;
        if (c->n_eos == MODEL_MAX_EOS)
            return error_set(err, ERROR_INPUT, "\"eos_token_id\" lists more than %d ids", MODEL_MAX_EOS);
        c->eos_ids[c->n_eos++] = id;
    }
    return true;
}

static bool parse_ids(ModelConfig *c, const json_t *json, Error *err)
{
    c->pad_id = -1;
    c->bos_id = ARCHS[c->arch].bos_id;
    c->eos_ids[0] = ARCHS[c->arch].eos_id;
    c->n_eos = c->eos_ids[0] >= 0;
    return parse_id(json, "bos_token_id", &c->bos_id, err) && parse_id(json, "pad_token_id", &c->pad_id, err) &&
           parse_eos(c, json, err);
}

static bool parse_dtype(ModelConfig *c, const json_t *json, Error *err)
{
    const char *dtype = "float32";
    size_t length;
    if (!json_get_string(json, "torch_dtype", &dtype, &length, err) ||
        !json_get_string(json, "dtype", &dtype, &length, err))
        return false;
    c->bf16_on_disk = strcmp(dtype, "bfloat16") == 0;
    c->f16_on_disk = strcmp(dtype, "float16") == 0;
    return true;
}

static bool parse_all(ModelConfig *c, const json_t *json, Error *err)
{
    if (!json_is_object(json)) return error_set(err, ERROR_INPUT, "must be a JSON object");
    if (!parse_arch(c, json, err) || !parse_sizes(c, json, err)) return false;
    double eps = 1e-6;
    bool attention_bias = false;
    if (!json_get_double(json, "rms_norm_eps", &eps, err) ||
        !json_get_bool(json, "tie_word_embeddings", &c->tied_head, err) ||
        !json_get_bool(json, "attention_bias", &attention_bias, err))
        return false;
    c->rms_norm_eps = eps > 0.0 && eps <= 1.0 ? (float)eps : 0.0f; /* a 0 is refused by model_config_check */
    c->qkv_bias = ARCHS[c->arch].qkv_bias || (ARCHS[c->arch].attention_bias && attention_bias);
    c->o_proj_bias = ARCHS[c->arch].attention_bias && attention_bias;
    c->qk_norm = ARCHS[c->arch].qk_norm;
    return parse_rope(c, json, err) && parse_fixed(c, json, err) && parse_ids(c, json, err) &&
           parse_dtype(c, json, err) && model_config_check(c, err);
}

bool model_config_parse(ModelConfig *config, const json_t *json, const char *name, Error *err)
{
    *config = (ModelConfig){0};
    return parse_all(config, json, err) || error_in(err, "%s", name);
}

/* Stop ids of generation_config.json win: chat models end a turn with ids that config.json does not list. */
bool model_generation_config_parse(ModelConfig *config, const json_t *json, const char *name, Error *err)
{
    bool ok = json_is_object(json) || error_set(err, ERROR_INPUT, "must be a JSON object");
    if (ok && value_of(json, "eos_token_id")) ok = parse_eos(config, json, err) && model_config_check(config, err);
    return ok || error_in(err, "%s", name);
}

static bool read_generation_config(ModelConfig *config, const char *path, Error *err)
{
    json_t *const json = json_read_file(path, err);
    const bool ok = json && model_generation_config_parse(config, json, path, err);
    json_decref(json);
    return ok;
}

static bool read_gguf_config(ModelConfig *config, const char *path, Error *err)
{
    GgufFile file;
    if (!gguf_open(&file, path, err)) return false;
    const bool ok = gguf_model_config(config, &file, err);
    gguf_close(&file);
    return ok;
}

/* The config of the model beneath, and the adapters on it. */
static bool read_adapted_config(ModelConfig *config, const char *folder, Error *err)
{
    char *base;
    if (!adapter_base_folder(&base, folder, err)) return false;
    bool ok = model_config_read(config, base, err) && adapter_config_read(&config->lora, folder, err);
    if (ok && config->lora.score) config->scalar_head = true, config->n_mtp = 0;
    if (ok && !model_config_check(config, err)) ok = error_in(err, "%s/adapter_config.json", folder);
    base_free(base);
    return ok;
}

bool model_config_read(ModelConfig *config, const char *folder, Error *err)
{
    if (gguf_is(folder)) return read_gguf_config(config, folder, err);
    if (adapter_is_folder(folder)) return read_adapted_config(config, folder, err);
    char *const path = base_printf("%s/config.json", folder);
    char *const generation_path = base_printf("%s/generation_config.json", folder);
    json_t *const json = json_read_file(path, err);
    bool ok = json && model_config_parse(config, json, path, err);
    json_decref(json);
    if (ok && file_exists(generation_path)) ok = read_generation_config(config, generation_path, err);
    /* Many copies of a model with such modules are without them, and their config still counts them. */
    if (ok && config->n_mtp > 0 && !mtp_is_in_folder(folder, config)) config->n_mtp = 0;
    base_free(path);
    base_free(generation_path);
    return ok;
}

/* ---- writing ---- */

static void write_eos(const ModelConfig *c, JsonOut *out)
{
    json_out_key(out, "eos_token_id");
    if (c->n_eos == 0) {
        json_out_null(out);
    } else if (c->n_eos == 1) {
        json_out_int(out, c->eos_ids[0]);
    } else {
        json_out_array(out);
        for (int i = 0; i < c->n_eos; i++) json_out_int(out, c->eos_ids[i]);
        json_out_array_end(out);
    }
}

static void write_id(JsonOut *out, const char *key, int32_t id)
{
    json_out_key(out, key);
    if (id < 0)
        json_out_null(out);
    else
        json_out_int(out, id);
}

void config_write_real(JsonOut *out, const char *key, double value)
{
    char text[40];
    int digits = 15;
    do snprintf(text, sizeof text, "%.*g", digits, value);
    while (digits++ < 17 && strtod(text, NULL) != value);
    if (!strpbrk(text, ".e")) strcat(text, ".0");
    json_out_key(out, key);
    json_out_raw(out, text);
}

static void write_rope(const ModelConfig *c, JsonOut *out)
{
    json_out_key(out, "rope_scaling");
    if (c->rope_scaling == ROPE_PLAIN) {
        json_out_null(out);
    } else {
        json_out_object(out);
        config_write_real(out, "factor", c->rope_factor);
        if (c->rope_scaling == ROPE_LLAMA3) {
            config_write_real(out, "high_freq_factor", c->rope_high_freq_factor);
            config_write_real(out, "low_freq_factor", c->rope_low_freq_factor);
        } else {
            yarn_write(c, out);
        }
        json_out_kv_int(out, "original_max_position_embeddings", (int64_t)c->rope_original_positions);
        json_out_kv_string(out, "rope_type", rope_scaling_name(c->rope_scaling));
        json_out_object_end(out);
    }
    config_write_real(out, "rope_theta", c->rope_theta);
}

/* The one label of a scalar head, in transformers' words. */
static void write_label(JsonOut *out)
{
    json_out_key(out, "id2label");
    json_out_object(out);
    json_out_kv_string(out, "0", "LABEL_0");
    json_out_object_end(out);
    json_out_key(out, "label2id");
    json_out_object(out);
    json_out_kv_int(out, "LABEL_0", 0);
    json_out_object_end(out);
}

void model_config_write(const ModelConfig *c, JsonOut *out)
{
    const ArchFacts *const arch = &ARCHS[c->arch];
    const bool usual_head_dim = c->head_dim * c->n_heads == c->hidden_size;
    json_out_object(out);
    json_out_key(out, "architectures");
    json_out_array(out);
    char class_name[64];
    snprintf(class_name, sizeof class_name, "%s%s", arch->class_name, c->scalar_head ? CLASSIFIER : CAUSAL);
    json_out_cstring(out, class_name);
    json_out_array_end(out);
    if (arch->attention_bias) json_out_kv_bool(out, "attention_bias", c->qkv_bias);
    config_write_real(out, "attention_dropout", 0.0);
    write_id(out, "bos_token_id", c->bos_id);
    write_eos(c, out);
    if (c->arch != MODEL_QWEN2 || !usual_head_dim) json_out_kv_int(out, "head_dim", c->head_dim);
    json_out_kv_string(out, "hidden_act", "silu");
    json_out_kv_int(out, "hidden_size", c->hidden_size);
    if (c->scalar_head) write_label(out);
    config_write_real(out, "initializer_range", 0.02);
    json_out_kv_int(out, "intermediate_size", c->ffn_size);
    json_out_kv_int(out, "max_position_embeddings", c->max_positions);
    if (c->arch == MODEL_LLAMA) json_out_kv_bool(out, "mlp_bias", false);
    json_out_kv_string(out, "model_type", arch->type);
    json_out_kv_int(out, "num_attention_heads", c->n_heads);
    json_out_kv_int(out, "num_hidden_layers", c->n_layers);
    json_out_kv_int(out, "num_key_value_heads", c->n_kv_heads);
    write_id(out, "pad_token_id", c->pad_id);
    json_out_key(out, "rms_norm_eps");
    json_out_float(out, c->rms_norm_eps);
    write_rope(c, out);
    if (arch->latent_attention) deepseek_write(c, out);
    if (arch->latent_attention || c->n_mtp > 0) json_out_kv_int(out, "num_nextn_predict_layers", c->n_mtp);
    if (arch->windows_always) write_id(out, "sliding_window", -1);
    json_out_kv_bool(out, "tie_word_embeddings", c->tied_head);
    json_out_kv_string(out, "torch_dtype", c->bf16_on_disk ? "bfloat16" : c->f16_on_disk ? "float16" : "float32");
    json_out_kv_bool(out, "use_cache", true);
    if (arch->windows_by_flag) json_out_kv_bool(out, "use_sliding_window", false);
    json_out_kv_int(out, "vocab_size", c->vocab_size);
    json_out_object_end(out);
}

void model_generation_config_write(const ModelConfig *config, JsonOut *out)
{
    json_out_object(out);
    write_id(out, "bos_token_id", config->bos_id);
    json_out_kv_bool(out, "do_sample", true);
    write_eos(config, out);
    write_id(out, "pad_token_id", config->pad_id);
    json_out_object_end(out);
}
