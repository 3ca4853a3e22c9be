/* SPDX-License-Identifier: MIT */
/* model/gguf_config.c: the metadata of a GGUF file as the config.json that it amounts to. */
#include "model/gguf_deepseek.h"
#include "model/gguf_model.h"

#include "num/math.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* Architectures that are read, and what Hugging Face calls them. */
static const struct {
    const char *gguf, *model_type;
} ARCHS[] = {{"llama", "llama"}, {"qwen2", "qwen2"}, {"qwen3", "qwen3"}, {GGUF_DEEPSEEK, NULL}};
enum { N_ARCHS = sizeof ARCHS / sizeof ARCHS[0], KEY_BYTES = 160 };

typedef GgufMetadata Metadata;

static void put(Metadata *m, const char *name, json_t *value)
{
    json_object_set_new(m->json, name, value);
}

static bool is_deepseek(const Metadata *m)
{
    return strcmp(m->arch, GGUF_DEEPSEEK) == 0;
}

/* An architecture's key: "llama.block_count". */
static const char *arch_key(char key[KEY_BYTES], const Metadata *m, const char *tail)
{
    snprintf(key, KEY_BYTES, "%s.%s", m->arch, tail);
    return key;
}

/* A required or (least < 1) optional size; *value keeps what it holds when the key is missing. */
static bool size_of(Metadata *m, const char *tail, bool required, int64_t *value)
{
    char key[KEY_BYTES];
    if (required && !gguf_value(m->file, arch_key(key, m, tail)))
        return error_set(m->err, ERROR_INPUT, "%s: key \"%s\" is missing", m->file->path, key);
    return gguf_get_int(m->file, arch_key(key, m, tail), 1, INT64_MAX, value, m->err);
}

static bool copy_size(Metadata *m, const char *tail, const char *name)
{
    int64_t value = 0;
    if (!size_of(m, tail, true, &value)) return false;
    put(m, name, json_integer(value));
    return true;
}

static bool put_heads(Metadata *m)
{
    int64_t head_dim = 0, rotated = 0, values = 0, kv_heads = 0;
    if (!size_of(m, "attention.head_count_kv", false, &kv_heads) ||
        !size_of(m, "attention.key_length", false, &head_dim) ||
        !size_of(m, "attention.value_length", false, &values) || !size_of(m, "rope.dimension_count", false, &rotated))
        return false;
    if (!head_dim) {
        const json_int_t D = json_integer_value(json_object_get(m->json, "hidden_size"));
        const json_int_t H = json_integer_value(json_object_get(m->json, "num_attention_heads"));
        if (D % H != 0)
            return error_set(m->err, ERROR_INPUT,
                             "%s: \"%s.embedding_length\" %" PRId64 " is not a multiple of the %" PRId64
                             " heads and \"attention.key_length\" is missing",
                             m->file->path, m->arch, (int64_t)D, (int64_t)H);
        head_dim = D / H;
    }
    if ((values && values != head_dim) || (rotated && rotated != head_dim))
        return error_set(m->err, ERROR_INPUT,
                         "%s: heads of %" PRId64 " channels with values of %" PRId64 " and %" PRId64
                         " turned ones: r1 turns whole heads, and keys are as long as values",
                         m->file->path, head_dim, values, rotated);
    put(m, "head_dim", json_integer(head_dim));
    if (kv_heads) put(m, "num_key_value_heads", json_integer(kv_heads));
    return true;
}

static bool put_sizes(Metadata *m)
{
    return copy_size(m, "embedding_length", "hidden_size") && copy_size(m, "block_count", "num_hidden_layers") &&
           copy_size(m, "feed_forward_length", "intermediate_size") &&
           copy_size(m, "attention.head_count", "num_attention_heads") &&
           copy_size(m, "context_length", "max_position_embeddings") &&
           (is_deepseek(m) ? gguf_deepseek_sizes(m) : put_heads(m));
}

/* The vocabulary is as long as the embedding: "vocab_size" may be missing or lag behind. */
static bool put_tensors_facts(Metadata *m)
{
    const GgufTensor *const embedding = gguf_tensor(m->file, "token_embd.weight");
    if (!embedding || embedding->rank != 2)
        return error_set(m->err, ERROR_INPUT, "%s: tensor \"token_embd.weight\" %s", m->file->path,
                         embedding ? "is no matrix" : "is missing");
    put(m, "vocab_size", json_integer(embedding->shape[0]));
    put(m, "tie_word_embeddings", json_boolean(!gguf_tensor(m->file, "output.weight")));
    put(m, "attention_bias", json_boolean(gguf_tensor(m->file, "blk.0.attn_output.bias") != NULL));
    return true;
}

/* ---- rotary positions ---- */

double gguf_llama3_factor(const ModelConfig *c, int64_t i)
{
    const double wavelength = 6.283185307179586 * math_pow(c->rope_theta, (double)(2 * i) / (double)c->head_dim);
    if (wavelength < c->rope_original_positions / c->rope_high_freq_factor) return 1.0;
    if (wavelength > c->rope_original_positions / c->rope_low_freq_factor) return c->rope_factor;
    const double smooth = (c->rope_original_positions / wavelength - c->rope_low_freq_factor) /
                          (c->rope_high_freq_factor - c->rope_low_freq_factor);
    return 1.0 / ((1.0 - smooth) / c->rope_factor + smooth);
}

enum { MAX_PAIRS = 512 };

static bool gives_factors(const ModelConfig *rule, const float *factors, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(gguf_llama3_factor(rule, i) - (double)factors[i]) <= 1e-5 * (double)factors[i])) return false;
    return true;
}

/* The settings that published models use, with the largest factor. */
static bool find_rule(ModelConfig *rule, const float *factors, int64_t n)
{
    static const double POSITIONS[] = {8192, 4096, 16384, 32768, 2048, 131072};
    rule->rope_low_freq_factor = 1.0;
    rule->rope_high_freq_factor = 4.0;
    rule->rope_factor = 1.0;
    for (int64_t i = 0; i < n; i++)
        if ((double)factors[i] > rule->rope_factor) rule->rope_factor = (double)factors[i];
    for (size_t p = 0; p < sizeof POSITIONS / sizeof *POSITIONS; p++) {
        rule->rope_original_positions = POSITIONS[p];
        if (gives_factors(rule, factors, n)) return true;
    }
    return false;
}

static bool read_rule(Metadata *m, ModelConfig *rule)
{
    return gguf_get_double(m->file, GGUF_LLAMA3_KEY "factor", &rule->rope_factor, m->err) &&
           gguf_get_double(m->file, GGUF_LLAMA3_KEY "low_freq_factor", &rule->rope_low_freq_factor, m->err) &&
           gguf_get_double(m->file, GGUF_LLAMA3_KEY "high_freq_factor", &rule->rope_high_freq_factor, m->err) &&
           gguf_get_double(m->file, GGUF_LLAMA3_KEY "original_positions", &rule->rope_original_positions, m->err);
}

/* The file has the rule's result, a factor for each pair of channels, but not the rule. It is found again and must give
 * every factor; so our angles are those of the rule, to the last bit. */
static bool put_llama3(Metadata *m, const GgufTensor *t, double theta)
{
    float factors[MAX_PAIRS];
    ModelConfig rule = {.rope_theta = theta, .head_dim = 2 * t->n_elements};
    if (t->type != QUANT_F32 || t->n_elements > MAX_PAIRS)
        return error_set(m->err, ERROR_INPUT, "%s: tensor \"rope_freqs.weight\" must be at most %d F32", m->file->path,
                         MAX_PAIRS);
    quant_dequantize(factors, t->type, t->data, t->n_elements);
    if (!read_rule(m, &rule)) return false;
    if (!gives_factors(&rule, factors, t->n_elements) && !find_rule(&rule, factors, t->n_elements))
        return error_set(m->err, ERROR_INPUT,
                         "%s: tensor \"rope_freqs.weight\" does not follow Llama 3's rule (frequency factors 1 and 4)",
                         m->file->path);
    put(m, "rope_scaling",
        json_pack("{s:s, s:f, s:f, s:f, s:f}", "rope_type", "llama3", "factor", rule.rope_factor, "low_freq_factor",
                  rule.rope_low_freq_factor, "high_freq_factor", rule.rope_high_freq_factor,
                  "original_max_position_embeddings", rule.rope_original_positions));
    return true;
}

static bool put_rope(Metadata *m)
{
    char key[KEY_BYTES];
    double theta = 10000.0;
    GgufText scaling = {"none", 4};
    if (!gguf_get_double(m->file, arch_key(key, m, "rope.freq_base"), &theta, m->err) ||
        !gguf_get_text(m->file, arch_key(key, m, "rope.scaling.type"), &scaling, m->err))
        return false;
    put(m, "rope_theta", json_real(theta));
    if (is_deepseek(m) && scaling.length == 4 && memcmp(scaling.bytes, "yarn", 4) == 0) return gguf_deepseek_yarn(m);
    const GgufTensor *const factors = gguf_tensor(m->file, "rope_freqs.weight");
    if (factors) return put_llama3(m, factors, theta);
    if (scaling.length == 4 && memcmp(scaling.bytes, "none", 4) == 0) return true;
    return error_set(m->err, ERROR_INPUT, "%s: rope scaling \"%s\" is not supported", m->file->path,
                     gguf_label(scaling).text);
}

/* ---- tokens and the whole ---- */

/* A turn may end with the end of text, of a turn or of a message. */
static bool put_ids(Metadata *m)
{
    static const char *const STOPS[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                        "tokenizer.ggml.eom_token_id"};
    json_t *const stops = json_array();
    put(m, "eos_token_id", stops);
    for (size_t i = 0; i < sizeof STOPS / sizeof *STOPS; i++) {
        int64_t id = -1;
        if (!gguf_get_int(m->file, STOPS[i], 0, INT32_MAX, &id, m->err)) return false;
        if (id >= 0) json_array_append_new(stops, json_integer(id));
    }
    int64_t bos = -1, pad = -1;
    if (!gguf_get_int(m->file, "tokenizer.ggml.bos_token_id", 0, INT32_MAX, &bos, m->err) ||
        !gguf_get_int(m->file, "tokenizer.ggml.padding_token_id", 0, INT32_MAX, &pad, m->err))
        return false;
    put(m, "bos_token_id", bos < 0 ? json_null() : json_integer(bos));
    put(m, "pad_token_id", pad < 0 ? json_null() : json_integer(pad));
    return true;
}

static bool put_norm(Metadata *m)
{
    char key[KEY_BYTES];
    double eps = 1e-5;
    if (!gguf_get_double(m->file, arch_key(key, m, "attention.layer_norm_rms_epsilon"), &eps, m->err)) return false;
    put(m, "rms_norm_eps", json_real(eps));
    return true;
}

static bool check_whole(const GgufFile *file, Error *err)
{
    int64_t n_files = 1;
    if (!gguf_get_int(file, "split.count", 0, INT64_MAX, &n_files, err)) return false;
    return n_files <= 1 || error_set(err, ERROR_INPUT,
                                     "%s: is one of %" PRId64 " parts of a model; merge them into one file first "
                                     "(llama-gguf-split --merge)",
                                     file->path, n_files);
}

static bool put_arch(Metadata *m)
{
    GgufText name = {0};
    if (!gguf_get_text(m->file, "general.architecture", &name, m->err)) return false;
    for (int i = 0; i < N_ARCHS; i++)
        if (name.length == strlen(ARCHS[i].gguf) && memcmp(name.bytes, ARCHS[i].gguf, name.length) == 0) {
            m->arch = ARCHS[i].gguf;
            if (ARCHS[i].model_type) put(m, "model_type", json_string(ARCHS[i].model_type));
            return true;
        }
    return error_set(m->err, ERROR_INPUT,
                     "%s: architecture \"%s\" is not supported; r1 reads llama, qwen2, qwen3 and deepseek2 from GGUF",
                     m->file->path, gguf_label(name).text);
}

bool gguf_model_config(ModelConfig *config, const GgufFile *file, Error *err)
{
    *config = (ModelConfig){0};
    Metadata m = {.file = file, .json = json_object(), .err = err};
    const bool ok = check_whole(file, err) && put_arch(&m) && put_sizes(&m) && put_tensors_facts(&m) && put_norm(&m) &&
                    put_rope(&m) && put_ids(&m) && model_config_parse(config, m.json, file->path, err);
    json_decref(m.json);
    return ok;
}
