/* SPDX-License-Identifier: MIT */
/* model/config_deepseek.c: the keys of DeepSeek-V2 and V3 (arXiv 2405.04434, 2412.19437) that no other decoder has.
 *
 * V3's class in transformers knows one gate (sigmoid, a correction bias, groups scored by their two best); "scoring_func" and
 * "topk_method" stand in the published files and are read here, V2's values (softmax, greedy, group_limited_greedy) in either.
 * What a missing key means follows transformers; sizes must be there. */
#include "model/config_parts.h"

#include <inttypes.h>
#include <string.h>

static const int64_t MAX_RANK = 1 << 16, MAX_CHANNELS = 1 << 12, MAX_EXPERTS = 1 << 12, MAX_EXPERT_FFN = 1 << 20;

static bool is_v3(const ModelConfig *c)
{
    return c->arch == MODEL_DEEPSEEK_V3;
}

static bool parse_size(const json_t *json, const char *key, int64_t high, int64_t *value, Error *err)
{
    return json_require(json, key, err) && json_get_int(json, key, 1, high, value, err);
}

static bool parse_attention(MlaConfig *m, const json_t *json, Error *err)
{
    bool bias = false;
    m->neighbours = true;
    /* null is a model without; a missing key is not, since transformers then takes 1536. */
    if (!json_object_get(json, "q_lora_rank"))
        return error_set(err, ERROR_INPUT, "\"q_lora_rank\" is missing (null: no latent for queries)");
    if (!json_get_int(json, "q_lora_rank", 1, MAX_RANK, &m->q_lora_rank, err) ||
        !parse_size(json, "kv_lora_rank", MAX_RANK, &m->kv_lora_rank, err) ||
        !parse_size(json, "qk_nope_head_dim", MAX_CHANNELS, &m->nope_dim, err) ||
        !parse_size(json, "qk_rope_head_dim", MAX_CHANNELS, &m->rope_dim, err) ||
        !parse_size(json, "v_head_dim", MAX_CHANNELS, &m->v_dim, err) ||
        !json_get_bool(json, "rope_interleave", &m->neighbours, err) ||
        !json_get_bool(json, "attention_bias", &bias, err))
        return false;
    if (m->rope_dim % 2 != 0)
        return error_set(err, ERROR_INPUT,
                         "qk_rope_head_dim is %" PRId64 ", must be even (rotary positions turn pairs)", m->rope_dim);
    return !bias || error_set(err, ERROR_INPUT, "\"attention_bias\" true is not supported with latent attention");
}

/* "noaux_tc": the two best of a group with the bias; "group_limited_greedy": the best; "greedy": no groups. */
static bool parse_method(MoeConfig *m, const json_t *json, bool v3, Error *err)
{
    const char *method = v3 ? "noaux_tc" : "greedy", *scoring = v3 ? "sigmoid" : "softmax";
    size_t length;
    if (!json_get_string(json, "topk_method", &method, &length, err) ||
        !json_get_string(json, "scoring_func", &scoring, &length, err))
        return false;
    m->softmax = strcmp(scoring, "softmax") == 0;
    if (!m->softmax && strcmp(scoring, "sigmoid") != 0)
        return error_set(err, ERROR_INPUT, "\"scoring_func\" %.40s is not supported; r1 reads sigmoid and softmax",
                         scoring);
    m->correction_bias = strcmp(method, "noaux_tc") == 0;
    if (strcmp(method, "greedy") == 0)
        m->n_groups = m->n_groups_chosen = 1;
    else if (!m->correction_bias && strcmp(method, "group_limited_greedy") != 0)
        return error_set(err, ERROR_INPUT,
                         "\"topk_method\" %.40s is not supported; r1 reads noaux_tc, group_limited_greedy and greedy",
                         method);
    return true;
}

static bool parse_experts(ModelConfig *c, const json_t *json, Error *err)
{
    MoeConfig *const m = &c->moe;
    const bool v3 = is_v3(c);
    int64_t every = 1;
    double scaling = v3 ? 2.5 : 1.0;
    m->n_shared = v3 ? 1 : 2;
    m->first_layer = v3 ? 3 : 0;
    m->n_groups = v3 ? 8 : 1;
    m->n_groups_chosen = v3 ? 4 : 1;
    m->normalise = v3;
    if (json_is_null(json_object_get(json, "n_shared_experts"))) m->n_shared = 0;
    if (!parse_size(json, "n_routed_experts", MAX_EXPERTS, &m->n_experts, err) ||
        !parse_size(json, "num_experts_per_tok", MAX_EXPERTS, &m->n_chosen, err) ||
        !parse_size(json, "moe_intermediate_size", MAX_EXPERT_FFN, &m->ffn_size, err) ||
        !json_get_int(json, "n_shared_experts", 0, MAX_EXPERTS, &m->n_shared, err) ||
        !json_get_int(json, "first_k_dense_replace", 0, INT32_MAX, &m->first_layer, err) ||
        !json_get_int(json, "n_group", 1, MAX_EXPERTS, &m->n_groups, err) ||
        !json_get_int(json, "topk_group", 1, MAX_EXPERTS, &m->n_groups_chosen, err) ||
        !json_get_int(json, "moe_layer_freq", 1, INT32_MAX, &every, err) ||
        !json_get_double(json, "routed_scaling_factor", &scaling, err) ||
        !json_get_bool(json, "norm_topk_prob", &m->normalise, err) || !parse_method(m, json, v3, err))
        return false;
    m->routed_scaling = (float)scaling;
    return every == 1 ||
           error_set(err, ERROR_INPUT, "\"moe_layer_freq\" %" PRId64 " is not supported; r1 reads 1", every);
}

bool deepseek_parse(ModelConfig *c, const json_t *json, Error *err)
{
    if (!parse_attention(&c->mla, json, err) || !parse_experts(c, json, err)) return false;
    c->head_dim = c->mla.rope_dim;
    return true;
}

static bool in_range(const char *what, int64_t value, int64_t low, int64_t high, Error *err)
{
    if (value >= low && value <= high) return true;
    return error_set(err, ERROR_INPUT, "%s is %" PRId64 ", must be %" PRId64 " to %" PRId64, what, value, low, high);
}

static bool check_attention(const ModelConfig *c, Error *err)
{
    const MlaConfig *const m = &c->mla;
    if (!in_range("q_lora_rank", m->q_lora_rank, 0, MAX_RANK, err) ||
        !in_range("kv_lora_rank", m->kv_lora_rank, 1, MAX_RANK, err) ||
        !in_range("qk_nope_head_dim", m->nope_dim, 1, MAX_CHANNELS, err) ||
        !in_range("qk_rope_head_dim", m->rope_dim, 2, MAX_CHANNELS, err) ||
        !in_range("v_head_dim", m->v_dim, 1, MAX_CHANNELS, err))
        return false;
    if (c->head_dim != m->rope_dim)
        return error_set(err, ERROR_INPUT, "head_dim %" PRId64 " differs from qk_rope_head_dim %" PRId64, c->head_dim,
                         m->rope_dim);
    if (c->n_kv_heads != c->n_heads)
        return error_set(err, ERROR_INPUT,
                         "num_key_value_heads %" PRId64 " differs from num_attention_heads %" PRId64
                         ", which latent attention does not know",
                         c->n_kv_heads, c->n_heads);
    return true;
}

static bool check_experts(const MoeConfig *m, Error *err)
{
    if (!in_range("n_routed_experts", m->n_experts, 1, MAX_EXPERTS, err) ||
        !in_range("moe_intermediate_size", m->ffn_size, 1, MAX_EXPERT_FFN, err) ||
        !in_range("n_shared_experts", m->n_shared, 0, MAX_EXPERTS, err) ||
        !in_range("first_k_dense_replace", m->first_layer, 0, INT32_MAX, err) ||
        !in_range("n_group", m->n_groups, 1, m->n_experts, err) ||
        !in_range("topk_group", m->n_groups_chosen, 1, m->n_groups, err))
        return false;
    if (m->n_experts % m->n_groups != 0)
        return error_set(err, ERROR_INPUT, "n_routed_experts %" PRId64 " is not a multiple of n_group %" PRId64,
                         m->n_experts, m->n_groups);
    if (!(m->routed_scaling > 0.0f && m->routed_scaling <= 1e6f))
        return error_set(err, ERROR_INPUT, "routed_scaling_factor is %g, must be above 0 and at most 1e6",
                         (double)m->routed_scaling);
    return in_range("num_experts_per_tok", m->n_chosen, 1, m->n_experts / m->n_groups * m->n_groups_chosen, err);
}

bool deepseek_check(const ModelConfig *c, Error *err)
{
    if (!check_attention(c, err) || !check_experts(&c->moe, err)) return false;
    if (c->qkv_bias || c->o_proj_bias) return error_set(err, ERROR_INPUT, "latent attention has no bias");
    if (!is_v3(c) && c->moe.normalise)
        return error_set(err, ERROR_INPUT,
                         "deepseek_v2 with norm_topk_prob true is not supported: its readers disagree "
                         "on whether the scaling factor then applies");
    return true;
}

int64_t deepseek_attention_weights(const ModelConfig *c)
{
    const MlaConfig *const m = &c->mla;
    const int64_t H = c->n_heads, D = c->hidden_size;
    return mla_in_size(c) * D + m->q_lora_rank * H * mla_head_size(c) + H * (m->nope_dim + m->v_dim) * m->kv_lora_rank +
           D * H * m->v_dim;
}

int64_t deepseek_layer_weights(const ModelConfig *c, int64_t layer)
{
    const int64_t D = c->hidden_size, mlp = 3 * D * model_layer_ffn(c, layer);
    const int64_t experts = model_layer_is_moe(c, layer) ? c->moe.n_experts * (3 * D * c->moe.ffn_size + D) : 0;
    return deepseek_attention_weights(c) + mlp + experts;
}

void deepseek_write(const ModelConfig *c, JsonOut *out)
{
    const MlaConfig *const a = &c->mla;
    const MoeConfig *const m = &c->moe;
    json_out_kv_bool(out, "attention_bias", false);
    json_out_kv_int(out, "first_k_dense_replace", m->first_layer);
    json_out_kv_int(out, "kv_lora_rank", a->kv_lora_rank);
    json_out_kv_int(out, "moe_intermediate_size", m->ffn_size);
    json_out_kv_int(out, "moe_layer_freq", 1);
    json_out_kv_int(out, "n_group", m->n_groups);
    json_out_kv_int(out, "n_routed_experts", m->n_experts);
    json_out_kv_int(out, "n_shared_experts", m->n_shared);
    json_out_kv_bool(out, "norm_topk_prob", m->normalise);
    json_out_kv_int(out, "num_experts_per_tok", m->n_chosen);
    json_out_key(out, "q_lora_rank");
    if (a->q_lora_rank > 0)
        json_out_int(out, a->q_lora_rank);
    else
        json_out_null(out);
    json_out_kv_int(out, "qk_nope_head_dim", a->nope_dim);
    json_out_kv_int(out, "qk_rope_head_dim", a->rope_dim);
    json_out_kv_bool(out, "rope_interleave", a->neighbours);
    config_write_real(out, "routed_scaling_factor", (double)m->routed_scaling);
    json_out_kv_string(out, "scoring_func", m->softmax ? "softmax" : "sigmoid");
    json_out_kv_int(out, "topk_group", m->n_groups_chosen);
    json_out_kv_string(out, "topk_method",
                       m->correction_bias ? "noaux_tc"
                       : m->n_groups > 1  ? "group_limited_greedy"
                                          : "greedy");
    json_out_kv_int(out, "v_head_dim", a->v_dim);
}
