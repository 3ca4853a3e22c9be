/* SPDX-License-Identifier: MIT */
/* model/params.c: the layout of the flat parameter buffer. See params.h for the picture. */
#include "model/params.h"

#include "base/arena.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 16 floats are one cache line and one f32x16: groups begin there so that kernels load aligned rows of even widths. */
enum { GROUP_FLOATS = 16 };

static const char SCORE[] = "score.weight"; /* the scalar head */

/* The layout while it grows. */
typedef struct LayoutBuilder {
    ParamLayout *layout;
    int64_t next;       /* first float not yet given out */
    const char *prefix; /* of every name */
    bool vectors_only;
} LayoutBuilder;

static int64_t group_begin(LayoutBuilder *b)
{
    b->next = (b->next + GROUP_FLOATS - 1) / GROUP_FLOATS * GROUP_FLOATS;
    return b->next;
}

/* rank 1: a vector of `columns`. layer < 0: the name stands alone. */
static void tensor_add(LayoutBuilder *b, int64_t layer, const char *name, int rank, int64_t rows, int64_t columns)
{
    ParamTensor *const t = &b->layout->tensors[b->layout->n_tensors++];
    *t = (ParamTensor){.rank = rank, .rows = rows, .columns = columns, .offset = b->next};
    if (layer < 0)
        snprintf(t->name, sizeof t->name, "%s%s", b->prefix, name);
    else
        snprintf(t->name, sizeof t->name, "%smodel.layers.%lld.%s", b->prefix, (long long)layer, name);
    t->one_row = strcmp(name, SCORE) == 0;
    if (param_is_vector(t) || !b->vectors_only) b->next += rows * columns;
    b->layout->n_parameters += rows * columns;
}

static int64_t vector_add(LayoutBuilder *b, int64_t layer, const char *name, int64_t n)
{
    const int64_t begin = group_begin(b);
    tensor_add(b, layer, name, 1, 1, n);
    return begin;
}

static int64_t matrix_add(LayoutBuilder *b, int64_t layer, const char *name, int64_t rows, int64_t columns)
{
    const int64_t begin = group_begin(b);
    tensor_add(b, layer, name, 2, rows, columns);
    return begin;
}

static void attention_add(LayoutBuilder *b, const ModelConfig *c, int64_t l)
{
    LayerOffsets *const at = &b->layout->layers[l];
    const int64_t D = c->hidden_size;
    const int64_t q_size = c->n_heads * c->head_dim, kv_size = c->n_kv_heads * c->head_dim;
    at->qkv = matrix_add(b, l, "self_attn.q_proj.weight", q_size, D);
    tensor_add(b, l, "self_attn.k_proj.weight", 2, kv_size, D);
    tensor_add(b, l, "self_attn.v_proj.weight", 2, kv_size, D);
    at->qkv_bias = -1;
    if (c->qkv_bias) {
        at->qkv_bias = vector_add(b, l, "self_attn.q_proj.bias", q_size);
        tensor_add(b, l, "self_attn.k_proj.bias", 1, 1, kv_size);
        tensor_add(b, l, "self_attn.v_proj.bias", 1, 1, kv_size);
    }
    at->q_norm = c->qk_norm ? vector_add(b, l, "self_attn.q_norm.weight", c->head_dim) : -1;
    at->k_norm = c->qk_norm ? vector_add(b, l, "self_attn.k_norm.weight", c->head_dim) : -1;
    at->o = matrix_add(b, l, "self_attn.o_proj.weight", D, q_size);
    at->o_bias = c->o_proj_bias ? vector_add(b, l, "self_attn.o_proj.bias", D) : -1;
}

static void latent_attention_add(LayoutBuilder *b, const ModelConfig *c, int64_t l)
{
    LayerOffsets *const at = &b->layout->layers[l];
    MlaOffsets *const m = &at->mla;
    const int64_t D = c->hidden_size, Q = mla_query_size(c), R = c->mla.kv_lora_rank, H = c->n_heads;
    const bool latent_queries = c->mla.q_lora_rank > 0;
    at->qkv = at->qkv_bias = at->o_bias = at->q_norm = at->k_norm = m->q_a_norm = m->q_b = -1;
    m->in = matrix_add(b, l, latent_queries ? "self_attn.q_a_proj.weight" : "self_attn.q_proj.weight", Q, D);
    tensor_add(b, l, "self_attn.kv_a_proj_with_mqa.weight", 2, mla_key_size(c), D);
    if (latent_queries) {
        m->q_a_norm = vector_add(b, l, "self_attn.q_a_layernorm.weight", Q);
        m->q_b = matrix_add(b, l, "self_attn.q_b_proj.weight", H * mla_head_size(c), Q);
    }
    m->kv_norm = vector_add(b, l, "self_attn.kv_a_layernorm.weight", R);
    m->kv_b = matrix_add(b, l, "self_attn.kv_b_proj.weight", H * (c->mla.nope_dim + c->mla.v_dim), R);
    at->o = matrix_add(b, l, "self_attn.o_proj.weight", D, model_attended_size(c));
}

/* gate_proj and up_proj as one matrix, then down_proj, of "PREFIX." */
static void mlp_add(LayoutBuilder *b, const char *prefix, int64_t l, int64_t D, int64_t F, int64_t *gate_up,
                    int64_t *down)
{
    char name[64];
    snprintf(name, sizeof name, "%s.gate_proj.weight", prefix);
    *gate_up = matrix_add(b, l, name, F, D);
    snprintf(name, sizeof name, "%s.up_proj.weight", prefix);
    tensor_add(b, l, name, 2, F, D);
    snprintf(name, sizeof name, "%s.down_proj.weight", prefix);
    *down = matrix_add(b, l, name, D, F);
}

static void experts_add(LayoutBuilder *b, const ModelConfig *c, int64_t l)
{
    MoeOffsets *const m = &b->layout->layers[l].moe;
    const int64_t D = c->hidden_size, E = c->moe.n_experts;
    m->router = matrix_add(b, l, "mlp.gate.weight", E, D);
    m->bias = -1;
    if (c->moe.correction_bias) {
        m->bias = vector_add(b, l, "mlp.gate.e_score_correction_bias", E);
        b->layout->tensors[b->layout->n_tensors - 1].moved_by_rule = true;
    }
    for (int64_t e = 0; e < E; e++) {
        char prefix[40];
        int64_t gate_up, down;
        snprintf(prefix, sizeof prefix, "mlp.experts.%lld", (long long)e);
        mlp_add(b, prefix, l, D, c->moe.ffn_size, &gate_up, &down);
        if (e == 0) m->experts = gate_up, m->expert_down = down - gate_up;
        if (e == 1)
            m->expert_stride = gate_up - m->experts; /* each expert begins at a multiple of 16, so all are alike */
    }
}

static void layer_add(LayoutBuilder *b, const ModelConfig *c, int64_t l)
{
    LayerOffsets *const at = &b->layout->layers[l];
    const int64_t D = c->hidden_size, F = model_layer_ffn(c, l);
    const bool moe = model_layer_is_moe(c, l);
    at->input_norm = vector_add(b, l, "input_layernorm.weight", D);
    if (model_has_mla(c))
        latent_attention_add(b, c, l);
    else
        attention_add(b, c, l);
    at->post_norm = vector_add(b, l, "post_attention_layernorm.weight", D);
    at->moe.router = -1;
    at->gate_up = at->down = group_begin(b); /* of no size where nothing is shared: a place all the same */
    if (F > 0) mlp_add(b, moe ? "mlp.shared_experts" : "mlp", l, D, F, &at->gate_up, &at->down);
    if (moe) experts_add(b, c, l);
}

/* Module k: its block is layer L + k, and what stands around the block has names of that layer. */
static void mtp_add(LayoutBuilder *b, const ModelConfig *c, int64_t k)
{
    ParamLayout *const layout = b->layout;
    MtpOffsets *const at = &layout->mtp[k];
    const int64_t l = c->n_layers + k, D = c->hidden_size, first = layout->n_tensors;
    at->enorm = vector_add(b, l, "enorm.weight", D);
    at->hnorm = vector_add(b, l, "hnorm.weight", D);
    at->eh_proj = matrix_add(b, l, "eh_proj.weight", D, 2 * D);
    layer_add(b, c, l);
    at->norm = vector_add(b, l, "shared_head.norm.weight", D);
    for (int64_t i = first; i < layout->n_tensors; i++) layout->tensors[i].untrained = !c->train_mtp;
}

static int64_t tensors_of_layer(const ModelConfig *c, int64_t l)
{
    const int64_t attention = model_has_mla(c)
                                  ? (c->mla.q_lora_rank > 0 ? 7 : 5)
                                  : 4 + (c->qkv_bias ? 3 : 0) + (c->o_proj_bias ? 1 : 0) + (c->qk_norm ? 2 : 0);
    const int64_t mlp = model_layer_ffn(c, l) > 0 ? 3 : 0;
    const int64_t experts = model_layer_is_moe(c, l) ? 1 + (c->moe.correction_bias ? 1 : 0) + 3 * c->moe.n_experts : 0;
    return 2 + attention + mlp + experts;
}

static int tensor_order(const void *a, const void *b)
{
    return strcmp(((const ParamTensor *)a)->name, ((const ParamTensor *)b)->name);
}

static bool layout_create(ParamLayout *layout, const ModelConfig *config, bool vectors_only, Error *err)
{
    *layout = (ParamLayout){0};
    if (!model_config_check(config, err)) return false; /* bounds every product below */
    int64_t n_tensors = 3;
    for (int64_t l = 0; l < model_blocks(config); l++) n_tensors += tensors_of_layer(config, l);
    n_tensors += 4 * config->n_mtp;
    layout->tensors = base_alloc((size_t)n_tensors, sizeof *layout->tensors);
    layout->layers = base_alloc((size_t)model_blocks(config), sizeof *layout->layers);
    layout->mtp = base_alloc((size_t)config->n_mtp + 1, sizeof *layout->mtp);
    layout->n_layers = config->n_layers;
    layout->n_mtp = config->n_mtp;
    LayoutBuilder b = {.layout = layout, .prefix = "", .vectors_only = vectors_only};
    layout->embedding = matrix_add(&b, -1, "model.embed_tokens.weight", config->vocab_size, config->hidden_size);
    for (int64_t l = 0; l < config->n_layers; l++) layer_add(&b, config, l);
    layout->final_norm = vector_add(&b, -1, "model.norm.weight", config->hidden_size);
    layout->head = config->scalar_head ? -1 : layout->embedding;
    layout->score = -1;
    if (config->scalar_head && config->lora.rank == 0)
        layout->score = matrix_add(&b, -1, SCORE, 1, config->hidden_size);
    if (!config->scalar_head && !config->tied_head)
        layout->head = matrix_add(&b, -1, "lm_head.weight", config->vocab_size, config->hidden_size);
    for (int64_t k = 0; k < config->n_mtp; k++) mtp_add(&b, config, k);
    layout->n_floats = group_begin(&b);
    qsort(layout->tensors, (size_t)layout->n_tensors, sizeof *layout->tensors, tensor_order);
    return true;
}

static void adapter_add(LayoutBuilder *b, const ModelConfig *c, int64_t l, LoraModule module)
{
    AdapterOffsets *const at = &b->layout->adapters[l * LORA_MODULES + module];
    *at = (AdapterOffsets){-1, -1, 0};
    if (!lora_has(c, l, module)) return;
    const int64_t n = lora_is_expert(module) ? c->moe.n_experts : 1;
    for (int64_t e = 0; e < n; e++) {
        char path[LORA_NAME_BYTES], name[LORA_NAME_BYTES + 16];
        lora_module_tensor(path, module, e);
        snprintf(name, sizeof name, "%s.lora_A.weight", path);
        const int64_t first = matrix_add(b, l, name, c->lora.rank, lora_module_inputs(c, module));
        snprintf(name, sizeof name, "%s.lora_B.weight", path);
        const int64_t second = matrix_add(b, l, name, lora_module_outputs(c, module), c->lora.rank);
        if (e == 0) *at = (AdapterOffsets){first, second, 0};
        if (e == 1) at->stride = first - at->a; /* each begins at a multiple of 16, so all are alike */
    }
}

static int64_t adapter_tensors(const ModelConfig *c)
{
    int64_t n = 0;
    for (int64_t l = 0; l < c->n_layers; l++)
        for (int m = 0; m < LORA_MODULES; m++)
            if (lora_has(c, l, (LoraModule)m)) n += 2 * (lora_is_expert((LoraModule)m) ? c->moe.n_experts : 1);
    return n;
}

bool param_layout_create_adapters(ParamLayout *layout, const ModelConfig *config, Error *err)
{
    *layout = (ParamLayout){.embedding = -1, .final_norm = -1, .head = -1, .score = -1};
    if (!model_config_check(config, err)) return false;
    layout->tensors = base_alloc((size_t)adapter_tensors(config) + 1, sizeof *layout->tensors);
    layout->adapters = base_alloc((size_t)(config->n_layers * LORA_MODULES), sizeof *layout->adapters);
    LayoutBuilder b = {.layout = layout, .prefix = "base_model.model."};
    for (int64_t l = 0; l < config->n_layers; l++)
        for (int m = 0; m < LORA_MODULES; m++) adapter_add(&b, config, l, (LoraModule)m);
    if (config->scalar_head) layout->score = matrix_add(&b, -1, SCORE, 1, config->hidden_size);
    layout->n_floats = group_begin(&b);
    qsort(layout->tensors, (size_t)layout->n_tensors, sizeof *layout->tensors, tensor_order);
    return true;
}

bool param_layout_create(ParamLayout *layout, const ModelConfig *config, Error *err)
{
    return layout_create(layout, config, false, err);
}

bool param_layout_create_vectors(ParamLayout *layout, const ModelConfig *config, Error *err)
{
    return layout_create(layout, config, true, err);
}

void param_layout_free(ParamLayout *layout)
{
    base_free(layout->adapters);
    base_free(layout->tensors);
    base_free(layout->layers);
    base_free(layout->mtp);
    *layout = (ParamLayout){0};
}

int64_t param_layer_of(const char *name, const char **rest)
{
    static const char PREFIX[] = "model.layers.";
    const char *const number = name + sizeof PREFIX - 1;
    if (strncmp(name, PREFIX, sizeof PREFIX - 1) != 0 || *number < '0' || *number > '9') return -1;
    char *end;
    errno = 0;
    const long layer = strtol(number, &end, 10);
    if (errno || *end != '.') return -1;
    if (rest) *rest = end + 1;
    return layer;
}

const ParamTensor *param_layout_find(const ParamLayout *layout, const char *name)
{
    int64_t low = 0, high = layout->n_tensors;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        const int order = strcmp(name, layout->tensors[middle].name);
        if (order == 0) return &layout->tensors[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}
