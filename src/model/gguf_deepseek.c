/* SPDX-License-Identifier: MIT */
/* model/gguf_deepseek.c: see gguf_deepseek.h. */
#include "model/gguf_deepseek.h"

#include "model/gguf_model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY(tail) GGUF_DEEPSEEK "." tail

enum { GATE_SOFTMAX = 1, GATE_SIGMOID = 2 }; /* expert_gating_func */

/* Published before the file format had keys for groups of experts: DeepSeek-V3 and R1, the only ones with so many experts. */
enum { V3_EXPERTS = 256, V3_GROUPS = 8, V3_GROUPS_CHOSEN = 4 };

static void put(GgufMetadata *m, const char *name, json_t *value)
{
    json_object_set_new(m->json, name, value);
}

/* ---- reading ---- */

static bool required(GgufMetadata *m, const char *key, int64_t *value)
{
    if (!gguf_value(m->file, key))
        return error_set(m->err, ERROR_INPUT, "%s: key \"%s\" is missing", m->file->path, key);
    return gguf_get_int(m->file, key, 1, INT32_MAX, value, m->err);
}

static bool optional(GgufMetadata *m, const char *key, int64_t *value)
{
    return gguf_get_int(m->file, key, 0, INT32_MAX, value, m->err);
}

/* The decimal number that was meant: the shortest that rounds to this f32. */
static double decimal(double value)
{
    char text[32];
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if ((float)strtod(text, NULL) == (float)value) break;
    }
    return strtod(text, NULL);
}

static bool put_attention(GgufMetadata *m)
{
    int64_t q_rank = 0, kv_rank = 0, rotated = 0, key = 0, value = 0, key_mla = 0, value_mla = 0;
    if (!required(m, KEY("attention.kv_lora_rank"), &kv_rank) || !required(m, KEY("rope.dimension_count"), &rotated) ||
        !required(m, KEY("attention.key_length"), &key) || !required(m, KEY("attention.value_length"), &value) ||
        !optional(m, KEY("attention.q_lora_rank"), &q_rank) ||
        !optional(m, KEY("attention.key_length_mla"), &key_mla) ||
        !optional(m, KEY("attention.value_length_mla"), &value_mla))
        return false;
    if (key_mla > 0) key = key_mla;
    if (value_mla > 0) value = value_mla;
    if (key <= rotated)
        return error_set(m->err, ERROR_INPUT,
                         "%s: heads of %" PRId64 " channels cannot have %" PRId64 " rotated ones and others",
                         m->file->path, key, rotated);
    put(m, "q_lora_rank", q_rank > 0 ? json_integer(q_rank) : json_null());
    put(m, "kv_lora_rank", json_integer(kv_rank));
    put(m, "qk_nope_head_dim", json_integer(key - rotated));
    put(m, "qk_rope_head_dim", json_integer(rotated));
    put(m, "v_head_dim", json_integer(value));
    put(m, "rope_interleave", json_true());
    put(m, "num_key_value_heads", json_incref(json_object_get(m->json, "num_attention_heads")));
    return true;
}

static bool put_counts(GgufMetadata *m, bool sigmoid)
{
    int64_t experts = 0, chosen = 0, ffn = 0, shared = 0, dense = 0, groups = 0, groups_chosen = 0;
    if (!required(m, KEY("expert_count"), &experts) || !required(m, KEY("expert_used_count"), &chosen) ||
        !required(m, KEY("expert_feed_forward_length"), &ffn) || !optional(m, KEY("expert_shared_count"), &shared) ||
        !optional(m, KEY("leading_dense_block_count"), &dense) || !optional(m, KEY("expert_group_count"), &groups) ||
        !optional(m, KEY("expert_group_used_count"), &groups_chosen))
        return false;
    const bool as_v3 = sigmoid && experts == V3_EXPERTS && !gguf_value(m->file, KEY("expert_group_count"));
    put(m, "n_routed_experts", json_integer(experts));
    put(m, "num_experts_per_tok", json_integer(chosen));
    put(m, "moe_intermediate_size", json_integer(ffn));
    put(m, "n_shared_experts", json_integer(shared));
    put(m, "first_k_dense_replace", json_integer(dense));
    put(m, "n_group", json_integer(as_v3 ? V3_GROUPS : groups > 0 ? groups : 1));
    put(m, "topk_group", json_integer(as_v3 ? V3_GROUPS_CHOSEN : groups_chosen > 0 ? groups_chosen : 1));
    return true;
}

/* A bias of the choice stands in every layer of experts or in none. */
static bool has_bias(const GgufMetadata *m)
{
    static const char END[] = ".exp_probs_b.bias";
    for (int64_t i = 0; i < m->file->n_tensors; i++) {
        const size_t n = strlen(m->file->tensors[i].name), n_end = sizeof END - 1;
        if (n > n_end && strcmp(m->file->tensors[i].name + n - n_end, END) == 0) return true;
    }
    return false;
}

static bool put_gate(GgufMetadata *m)
{
    int64_t gate = GATE_SOFTMAX;
    double scale = 1.0;
    bool normalise = false;
    const bool bias = has_bias(m);
    if (!optional(m, KEY("expert_gating_func"), &gate) ||
        !gguf_get_double(m->file, KEY("expert_weights_scale"), &scale, m->err) ||
        !gguf_get_bool(m->file, KEY("expert_weights_norm"), &normalise, m->err))
        return false;
    if (!isfinite(scale) || scale < 0.0)
        return error_set(m->err, ERROR_INPUT, "%s: \"" KEY("expert_weights_scale") "\" is %g", m->file->path, scale);
    if (gate == 0) gate = GATE_SOFTMAX;
    if (gate != GATE_SOFTMAX && gate != GATE_SIGMOID)
        return error_set(m->err, ERROR_INPUT,
                         "%s: \"" KEY("expert_gating_func") "\" is %" PRId64 ", r1 reads 1 (softmax) and 2 (sigmoid)",
                         m->file->path, gate);
    const bool sigmoid = gate == GATE_SIGMOID, v3 = sigmoid || bias || normalise;
    if (!put_counts(m, sigmoid)) return false;
    const bool grouped = json_integer_value(json_object_get(m->json, "n_group")) > 1;
    put(m, "model_type", json_string(v3 ? "deepseek_v3" : "deepseek_v2"));
    put(m, "scoring_func", json_string(sigmoid ? "sigmoid" : "softmax"));
    put(m, "topk_method", json_string(bias ? "noaux_tc" : grouped ? "group_limited_greedy" : "greedy"));
    put(m, "norm_topk_prob", json_boolean(normalise));
    put(m, "routed_scaling_factor", json_real(scale > 0.0 ? decimal(scale) : 1.0)); /* 0: the key of a file without */
    return true;
}

static bool has_block(const GgufMetadata *m, int64_t block, const char *part)
{
    char name[64];
    snprintf(name, sizeof name, "blk.%" PRId64 ".%s.weight", block, part);
    return gguf_tensor(m->file, name) != NULL;
}

/* num_nextn_predict_layers. "block_count" counts the modules too; that of a file converted without them may or may not. */
static bool put_modules(GgufMetadata *m)
{
    static const char MODULE[] = "nextn.eh_proj";
    const int64_t blocks = json_integer_value(json_object_get(m->json, "num_hidden_layers"));
    int64_t n = 0;
    if (!optional(m, KEY("nextn_predict_layers"), &n)) return false;
    if (n == 0) return true;
    const bool counted = n < blocks && (has_block(m, blocks - n, MODULE) || !has_block(m, blocks - 1, "attn_norm"));
    const int64_t n_layers = counted ? blocks - n : blocks;
    put(m, "num_hidden_layers", json_integer(n_layers));
    put(m, "num_nextn_predict_layers", json_integer(has_block(m, n_layers, MODULE) ? n : 0));
    return true;
}

bool gguf_deepseek_sizes(GgufMetadata *m)
{
    return put_modules(m) && put_attention(m) && put_gate(m);
}

/* "yarn_log_multiplier" is 0.1 mscale_all_dim; mscale is the same unless r1 wrote another. Without either, llama.cpp turns
 * unscaled. */
bool gguf_deepseek_yarn(GgufMetadata *m)
{
    double factor = 1.0, original = 0.0, log_multiplier = 0.0, fast = 32.0, slow = 1.0, attention = 0.0;
    bool truncate = true;
    const json_t *const positions = json_object_get(m->json, "max_position_embeddings");
    original = (double)json_integer_value(positions);
    if (!gguf_get_double(m->file, KEY("rope.scaling.factor"), &factor, m->err) ||
        !gguf_get_double(m->file, KEY("rope.scaling.original_context_length"), &original, m->err) ||
        !gguf_get_double(m->file, KEY("rope.scaling.yarn_log_multiplier"), &log_multiplier, m->err) ||
        !gguf_get_double(m->file, KEY("rope.scaling.yarn_beta_fast"), &fast, m->err) ||
        !gguf_get_double(m->file, KEY("rope.scaling.yarn_beta_slow"), &slow, m->err) ||
        !gguf_get_double(m->file, GGUF_YARN_KEY "attention_factor", &attention, m->err) ||
        !gguf_get_bool(m->file, GGUF_YARN_KEY "truncate", &truncate, m->err))
        return false;
    double all_dim = decimal(10.0 * decimal(log_multiplier));
    double mscale = all_dim;
    if (!gguf_get_double(m->file, GGUF_YARN_KEY "mscale", &mscale, m->err)) return false;
    if (log_multiplier == 0.0 && attention == 0.0 && !gguf_value(m->file, GGUF_YARN_KEY "mscale")) attention = 1.0;
    json_t *const rope =
        json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:f, s:b}", "rope_type", "yarn", "factor", decimal(factor),
                  "original_max_position_embeddings", original, "beta_fast", decimal(fast), "beta_slow", decimal(slow),
                  "mscale", decimal(mscale), "mscale_all_dim", all_dim, "truncate", truncate);
    if (rope && attention > 0.0) json_object_set_new(rope, "attention_factor", json_real(decimal(attention)));
    if (!rope) return error_set(m->err, ERROR_INPUT, "%s: rope scaling has a number that is not finite", m->file->path);
    put(m, "rope_scaling", rope);
    return true;
}

/* ---- writing ---- */

bool gguf_deepseek_check(const ModelConfig *c, Error *err)
{
    return c->mla.neighbours ||
           error_set(err, ERROR_INPUT,
                     "\"rope_interleave\" false has no place in a GGUF file, whose rotary pairs are neighbours");
}

static void put_yarn(GgufValues *v, const ModelConfig *c)
{
    const YarnConfig *const y = &c->yarn;
    gguf_put_text(v, KEY("rope.scaling.type"), "yarn", 4);
    gguf_put_f32(v, KEY("rope.scaling.factor"), (float)c->rope_factor);
    gguf_put_u32(v, KEY("rope.scaling.original_context_length"), (uint32_t)c->rope_original_positions);
    gguf_put_f32(v, KEY("rope.scaling.yarn_log_multiplier"), (float)(0.1 * y->mscale_all_dim));
    if (y->beta_fast != 32.0) gguf_put_f32(v, KEY("rope.scaling.yarn_beta_fast"), (float)y->beta_fast);
    if (y->beta_slow != 1.0) gguf_put_f32(v, KEY("rope.scaling.yarn_beta_slow"), (float)y->beta_slow);
    if (y->mscale != y->mscale_all_dim || y->mscale_all_dim == 0.0)
        gguf_put_f32(v, GGUF_YARN_KEY "mscale", (float)y->mscale);
    if (y->attention_factor > 0.0) gguf_put_f32(v, GGUF_YARN_KEY "attention_factor", (float)y->attention_factor);
    if (!y->truncate) gguf_put_bool(v, GGUF_YARN_KEY "truncate", false);
}

static void put_experts(GgufValues *v, const MoeConfig *m)
{
    gguf_put_u32(v, KEY("leading_dense_block_count"), (uint32_t)m->first_layer);
    gguf_put_u32(v, KEY("expert_count"), (uint32_t)m->n_experts);
    gguf_put_u32(v, KEY("expert_used_count"), (uint32_t)m->n_chosen);
    gguf_put_u32(v, KEY("expert_shared_count"), (uint32_t)m->n_shared);
    gguf_put_u32(v, KEY("expert_feed_forward_length"), (uint32_t)m->ffn_size);
    gguf_put_u32(v, KEY("expert_group_count"), (uint32_t)m->n_groups);
    gguf_put_u32(v, KEY("expert_group_used_count"), (uint32_t)m->n_groups_chosen);
    gguf_put_f32(v, KEY("expert_weights_scale"), m->routed_scaling);
    gguf_put_bool(v, KEY("expert_weights_norm"), m->normalise);
    gguf_put_u32(v, KEY("expert_gating_func"), m->softmax ? GATE_SOFTMAX : GATE_SIGMOID);
}

void gguf_deepseek_put(GgufValues *v, const ModelConfig *c)
{
    const MlaConfig *const a = &c->mla;
    gguf_put_u32(v, KEY("attention.head_count_kv"), 1);
    if (a->q_lora_rank > 0) gguf_put_u32(v, KEY("attention.q_lora_rank"), (uint32_t)a->q_lora_rank);
    gguf_put_u32(v, KEY("attention.kv_lora_rank"), (uint32_t)a->kv_lora_rank);
    gguf_put_u32(v, KEY("attention.key_length"), (uint32_t)(a->kv_lora_rank + a->rope_dim));
    gguf_put_u32(v, KEY("attention.value_length"), (uint32_t)a->kv_lora_rank);
    gguf_put_u32(v, KEY("attention.key_length_mla"), (uint32_t)(a->nope_dim + a->rope_dim));
    gguf_put_u32(v, KEY("attention.value_length_mla"), (uint32_t)a->v_dim);
    put_experts(v, &c->moe);
    if (c->n_mtp > 0) gguf_put_u32(v, KEY("nextn_predict_layers"), (uint32_t)c->n_mtp);
    if (c->rope_scaling == ROPE_YARN) put_yarn(v, c);
}
