/* SPDX-License-Identifier: MIT */
/* model/params.c: the layout of the flat parameter buffer. See params.h for the picture. */
#include "model/params.h"

#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 16 floats are one cache line and one f32x16: groups begin there so that kernels load aligned rows of even widths. */
enum { GROUP_FLOATS = 16 };

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
    if (rank == 1 || !b->vectors_only) b->next += rows * columns;
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

static void layer_add(LayoutBuilder *b, const ModelConfig *c, int64_t l)
{
    LayerOffsets *const at = &b->layout->layers[l];
    const int64_t D = c->hidden_size, F = c->ffn_size;
    const int64_t q_size = c->n_heads * c->head_dim, kv_size = c->n_kv_heads * c->head_dim;
    at->input_norm = vector_add(b, l, "input_layernorm.weight", D);
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
    at->post_norm = vector_add(b, l, "post_attention_layernorm.weight", D);
    at->gate_up = matrix_add(b, l, "mlp.gate_proj.weight", F, D);
    tensor_add(b, l, "mlp.up_proj.weight", 2, F, D);
    at->down = matrix_add(b, l, "mlp.down_proj.weight", D, F);
}

static int tensor_order(const void *a, const void *b)
{
    return strcmp(((const ParamTensor *)a)->name, ((const ParamTensor *)b)->name);
}

static bool layout_create(ParamLayout *layout, const ModelConfig *config, bool vectors_only, Error *err)
{
    *layout = (ParamLayout){0};
    if (!model_config_check(config, err)) return false; /* bounds every product below */
    const int64_t per_layer =
        9 + (config->qkv_bias ? 3 : 0) + (config->o_proj_bias ? 1 : 0) + (config->qk_norm ? 2 : 0);
    layout->tensors = base_alloc((size_t)(config->n_layers * per_layer + 3), sizeof *layout->tensors);
    layout->layers = base_alloc((size_t)config->n_layers, sizeof *layout->layers);
    LayoutBuilder b = {.layout = layout, .prefix = "", .vectors_only = vectors_only};
    layout->embedding = matrix_add(&b, -1, "model.embed_tokens.weight", config->vocab_size, config->hidden_size);
    for (int64_t l = 0; l < config->n_layers; l++) layer_add(&b, config, l);
    layout->final_norm = vector_add(&b, -1, "model.norm.weight", config->hidden_size);
    layout->head = layout->embedding;
    if (!config->tied_head)
        layout->head = matrix_add(&b, -1, "lm_head.weight", config->vocab_size, config->hidden_size);
    layout->n_floats = group_begin(&b);
    qsort(layout->tensors, (size_t)layout->n_tensors, sizeof *layout->tensors, tensor_order);
    return true;
}

static void adapter_add(LayoutBuilder *b, const ModelConfig *c, int64_t l, LoraModule module)
{
    AdapterOffsets *const at = &b->layout->adapters[l * LORA_MODULES + module];
    char name[64];
    *at = (AdapterOffsets){-1, -1};
    if (!(c->lora.targets >> module & 1)) return;
    snprintf(name, sizeof name, "%s.lora_A.weight", lora_module_path(module));
    at->a = matrix_add(b, l, name, c->lora.rank, lora_module_inputs(c, module));
    snprintf(name, sizeof name, "%s.lora_B.weight", lora_module_path(module));
    at->b = matrix_add(b, l, name, lora_module_outputs(c, module), c->lora.rank);
}

bool param_layout_create_adapters(ParamLayout *layout, const ModelConfig *config, Error *err)
{
    *layout = (ParamLayout){.embedding = -1, .final_norm = -1, .head = -1};
    if (!model_config_check(config, err)) return false;
    layout->tensors = base_alloc((size_t)(config->n_layers * 2 * LORA_MODULES), sizeof *layout->tensors);
    layout->adapters = base_alloc((size_t)(config->n_layers * LORA_MODULES), sizeof *layout->adapters);
    LayoutBuilder b = {.layout = layout, .prefix = "base_model.model."};
    for (int64_t l = 0; l < config->n_layers; l++)
        for (int m = 0; m < LORA_MODULES; m++) adapter_add(&b, config, l, (LoraModule)m);
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
    *layout = (ParamLayout){0};
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
