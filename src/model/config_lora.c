/* SPDX-License-Identifier: MIT */
/* model/config_lora.c: which linear maps a model has for adapters to stand on, and their sizes. */
#include "model/config_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const int64_t MAX_LORA_RANK = 1 << 12;

int64_t lora_module_inputs(const ModelConfig *c, LoraModule module)
{
    switch (module) {
    case LORA_Q_B:
        return c->mla.q_lora_rank;
    case LORA_KV_B:
        return c->mla.kv_lora_rank;
    case LORA_O:
        return model_attended_size(c);
    case LORA_DOWN:
        return c->ffn_size;
    case LORA_SHARED_DOWN:
        return c->moe.n_shared * c->moe.ffn_size;
    case LORA_EXPERT_DOWN:
        return c->moe.ffn_size;
    default:
        return c->hidden_size;
    }
}

static int64_t attention_outputs(const ModelConfig *c, LoraModule module)
{
    const bool mla = model_has_mla(c), latent_queries = c->mla.q_lora_rank > 0;
    switch (module) {
    case LORA_Q:
        return !mla ? c->n_heads * c->head_dim : latent_queries ? 0 : c->n_heads * mla_head_size(c);
    case LORA_K:
    case LORA_V:
        return mla ? 0 : c->n_kv_heads * c->head_dim;
    case LORA_Q_A:
        return mla ? c->mla.q_lora_rank : 0;
    case LORA_KV_A:
        return mla ? mla_key_size(c) : 0;
    case LORA_Q_B:
        return mla && latent_queries ? c->n_heads * mla_head_size(c) : 0;
    case LORA_KV_B:
        return mla ? c->n_heads * (c->mla.nope_dim + c->mla.v_dim) : 0;
    default:
        return c->hidden_size;
    }
}

int64_t lora_module_outputs(const ModelConfig *c, LoraModule module)
{
    const bool experts = c->moe.n_experts > 0 && c->moe.first_layer < c->n_layers;
    const bool dense = c->moe.n_experts == 0 || c->moe.first_layer > 0, shared = experts && c->moe.n_shared > 0;
    switch (module) {
    case LORA_GATE:
    case LORA_UP:
        return dense ? c->ffn_size : 0;
    case LORA_DOWN:
        return dense ? c->hidden_size : 0;
    case LORA_SHARED_GATE:
    case LORA_SHARED_UP:
        return shared ? c->moe.n_shared * c->moe.ffn_size : 0;
    case LORA_SHARED_DOWN:
        return shared ? c->hidden_size : 0;
    case LORA_EXPERT_GATE:
    case LORA_EXPERT_UP:
        return experts ? c->moe.ffn_size : 0;
    case LORA_EXPERT_DOWN:
        return experts ? c->hidden_size : 0;
    default:
        return attention_outputs(c, module);
    }
}

bool lora_module_in(const ModelConfig *c, int64_t layer, LoraModule module)
{
    if (lora_module_outputs(c, module) == 0) return false;
    return module < LORA_GATE || (module >= LORA_SHARED_GATE) == model_layer_is_moe(c, layer);
}

/* "q_a_proj, kv_b_proj, ..." of the model, each name once. */
static void list_names(char *text, size_t size, const ModelConfig *c)
{
    size_t n = 0;
    text[0] = 0;
    for (int m = 0; m < LORA_SHARED_GATE; m++) {
        const bool there = lora_module_outputs(c, (LoraModule)m) > 0 || (m >= LORA_GATE && c->moe.n_experts > 0);
        if (there && n < size)
            n += (size_t)snprintf(text + n, size - n, "%s%s", n ? ", " : "", lora_module_name((LoraModule)m));
    }
}

/* Every map that is asked for by name is there; of a name that several maps share, one. */
static bool check_targets(const ModelConfig *c, Error *err)
{
    const unsigned targets = c->lora.targets;
    for (int m = 0; targets != LORA_ALL && m < LORA_MODULES; m++) {
        if (!(targets >> m & 1)) continue;
        const char *const name = lora_module_name((LoraModule)m);
        const unsigned same = lora_modules_named(name, strlen(name)) & targets;
        bool there = false;
        for (int i = 0; i < LORA_MODULES; i++) there |= (same >> i & 1) && lora_module_outputs(c, (LoraModule)i) > 0;
        char names[160];
        list_names(names, sizeof names, c);
        if (!there)
            return error_set(err, ERROR_INPUT, "adapters on %s: the model has none; it has %s",
                             lora_module_path((LoraModule)m), names);
    }
    return true;
}

bool config_lora_check(const ModelConfig *c, Error *err)
{
    const LoraConfig *const l = &c->lora;
    if (l->rank == 0) return true;
    if (l->rank < 0 || l->rank > MAX_LORA_RANK)
        return error_set(err, ERROR_INPUT, "the adapters' rank is %" PRId64 ", must be 1 to %" PRId64, l->rank,
                         MAX_LORA_RANK);
    if (!(l->alpha > 0.0 && l->alpha <= 1e6))
        return error_set(err, ERROR_INPUT, "the adapters' alpha is %g, must be above 0 and at most 1e6", l->alpha);
    if (l->targets == 0 || l->targets > LORA_ALL)
        return error_set(err, ERROR_INPUT, "the adapters have no linear map to stand on");
    return check_targets(c, err);
}
