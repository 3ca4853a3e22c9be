/* SPDX-License-Identifier: MIT */
#include "model/model.h"

#include "model/config_parts.h"
#include "model/frozen.h"
#include "model/model_parts.h"
#include "model/rope_scaling.h"
#include "num/gemm.h"
#include "num/math.h"

#include <math.h>
#include <string.h>

static const double TWO_PI = 6.283185307179586;

static void plan_attention(LayerPanels *p, const ModelConfig *c, int64_t *next)
{
    const int64_t D = c->hidden_size, H = c->n_heads, R = c->mla.kv_lora_rank;
    p->qkv = p->mla_in = p->q_b = p->uk = p->uv = -1;
    if (!model_has_mla(c)) {
        p->qkv = panels_take(next, 1, model_qkv_size(c), D);
    } else {
        p->mla_in = panels_take(next, 1, mla_in_size(c), D);
        if (c->mla.q_lora_rank > 0) p->q_b = panels_take(next, 1, H * mla_head_size(c), c->mla.q_lora_rank);
        p->uk = panels_take(next, H, c->mla.nope_dim, R), p->uk_stride = panel_floats(c->mla.nope_dim, R);
        p->uv = panels_take(next, H, c->mla.v_dim, R), p->uv_stride = panel_floats(c->mla.v_dim, R);
    }
    p->o = panels_take(next, 1, D, model_attended_size(c));
}

static void plan_block(LayerPanels *p, const ModelConfig *c, int64_t l, int64_t *next)
{
    const int64_t D = c->hidden_size, F = model_layer_ffn(c, l);
    plan_attention(p, c, next);
    p->gate_up = panels_take(next, 1, 2 * F, D);
    p->down = panels_take(next, 1, D, F);
    p->router = p->experts = -1;
    if (!model_layer_is_moe(c, l)) return;
    p->router = panels_take(next, 1, c->moe.n_experts, D);
    p->expert_down = panel_floats(2 * c->moe.ffn_size, D);
    p->expert_stride = p->expert_down + panel_floats(D, c->moe.ffn_size);
    p->experts = *next;
    *next += c->moe.n_experts * p->expert_stride;
}

/* Lays the panels of every matrix out one after another; returns the total. */
static int64_t plan_panels(Model *model)
{
    const ModelConfig *c = &model->config;
    const int64_t D = c->hidden_size, L = c->n_layers;
    int64_t next = 0;
    model->layer_panels = base_alloc((size_t)model_blocks(c), sizeof *model->layer_panels);
    model->mtp_panels = base_alloc((size_t)c->n_mtp + 1, sizeof *model->mtp_panels);
    for (int64_t l = 0; l < L; l++) plan_block(&model->layer_panels[l], c, l, &next);
    model->head_panels = next;
    if (!c->scalar_head) panels_take(&next, 1, c->vocab_size, D);
    for (int64_t k = 0; k < c->n_mtp; k++) {
        model->mtp_panels[k] = panels_take(&next, 1, D, 2 * D);
        plan_block(&model->layer_panels[L + k], c, L + k, &next);
    }
    return next;
}

bool model_create_beside(Model *model, const Model *base, Error *err)
{
    *model = (Model){
        .config = base->config, .weights = base->weights, .panels = base->panels, .head_panels = base->head_panels};
    model->frozen = base->frozen;
    model->frozen_borrowed = true;
    if (!(base->frozen ? param_layout_create_vectors : param_layout_create)(&model->layout, &model->config, err))
        return false;
    plan_panels(model);
    if (model_lora_create(&model->lora, &model->config, err)) return true;
    model_free(model);
    return false;
}

bool model_create_room(Model *model, const ModelConfig *config, Room room, Error *err)
{
    *model = (Model){.config = *config};
    if (!model_config_check(config, err)) return false;
    if (!(room == ROOM_FOR_VECTORS ? param_layout_create_vectors : param_layout_create)(&model->layout, config, err))
        return false;
    const int64_t n = model->layout.n_floats, n_panels = plan_panels(model);
    size_t bytes = arena_piece_bytes((size_t)n, sizeof(float));
    if (room == ROOM_FOR_PANELS) bytes += arena_piece_bytes((size_t)n_panels, sizeof(float));
    if (!arena_create(&model->memory, "weights", bytes, err) || !model_lora_create(&model->lora, config, err)) {
        model_free(model);
        return false;
    }
    model->weights = ARENA_ARRAY(&model->memory, float, n, 1);
    if (room == ROOM_FOR_PANELS) model->panels = ARENA_ARRAY(&model->memory, float, n_panels, 1);
    return true;
}

bool model_create(Model *model, const ModelConfig *config, Error *err)
{
    return model_create_room(model, config, ROOM_FOR_PANELS, err);
}

bool model_create_frozen(Model *model, const ModelConfig *config, Error *err)
{
    return model_create_room(model, config, ROOM_FOR_VECTORS, err);
}

void model_free(Model *model)
{
    arena_free(&model->memory);
    arena_free(&model->rope_memory);
    model_lora_free(&model->lora);
    if (!model->frozen_borrowed) frozen_free(model->frozen);
    base_free(model->layer_panels);
    base_free(model->mtp_panels);
    param_layout_free(&model->layout);
    *model = (Model){0};
}

/* kv_b_proj comes apart here: W_UK and W_UV of each head have panels of their own. */
static void pack_latent_attention(Model *model, const Compute *compute, int64_t l)
{
    const ModelConfig *c = &model->config;
    const MlaOffsets *o = &model->layout.layers[l].mla;
    const LayerPanels *p = &model->layer_panels[l];
    const int64_t N = c->mla.nope_dim, W = c->mla.v_dim, R = c->mla.kv_lora_rank;
    const float *w = model->weights;
    gemm_pack(model->panels + p->mla_in, w + o->in, mla_in_size(c), c->hidden_size, compute->threads);
    if (o->q_b >= 0)
        gemm_pack(model->panels + p->q_b, w + o->q_b, c->n_heads * mla_head_size(c), c->mla.q_lora_rank,
                  compute->threads);
    for (int64_t h = 0; h < c->n_heads; h++) {
        const float *head = w + o->kv_b + h * (N + W) * R;
        gemm_pack(model->panels + p->uk + h * p->uk_stride, head, N, R, compute->threads);
        gemm_pack(model->panels + p->uv + h * p->uv_stride, head + N * R, W, R, compute->threads);
    }
}

static void pack_experts(Model *model, const Compute *compute, int64_t l)
{
    const ModelConfig *c = &model->config;
    const MoeOffsets *o = &model->layout.layers[l].moe;
    const LayerPanels *p = &model->layer_panels[l];
    const int64_t D = c->hidden_size, F = c->moe.ffn_size;
    gemm_pack(model->panels + p->router, model->weights + o->router, c->moe.n_experts, D, compute->threads);
    for (int64_t e = 0; e < c->moe.n_experts; e++) {
        const float *expert = model->weights + o->experts + e * o->expert_stride;
        float *panels = model->panels + p->experts + e * p->expert_stride;
        gemm_pack(panels, expert, 2 * F, D, compute->threads);
        gemm_pack(panels + p->expert_down, expert + o->expert_down, D, F, compute->threads);
    }
}

static void pack_block(Model *model, const Compute *compute, int64_t l)
{
    const ModelConfig *c = &model->config;
    const int64_t D = c->hidden_size;
    const float *w = model->weights;
    const LayerOffsets *o = &model->layout.layers[l];
    const LayerPanels *p = &model->layer_panels[l];
    const int64_t F = model_layer_ffn(c, l);
    if (model_has_mla(c))
        pack_latent_attention(model, compute, l);
    else
        gemm_pack(model->panels + p->qkv, w + o->qkv, model_qkv_size(c), D, compute->threads);
    gemm_pack(model->panels + p->o, w + o->o, D, model_attended_size(c), compute->threads);
    if (F > 0) {
        gemm_pack(model->panels + p->gate_up, w + o->gate_up, 2 * F, D, compute->threads);
        gemm_pack(model->panels + p->down, w + o->down, D, F, compute->threads);
    }
    if (model_layer_is_moe(c, l)) pack_experts(model, compute, l);
}

void model_pack(Model *model, const Compute *compute)
{
    const ModelConfig *c = &model->config;
    const int64_t D = c->hidden_size;
    const float *w = model->weights;
    for (int64_t l = 0; l < model_blocks(c); l++) pack_block(model, compute, l);
    for (int64_t k = 0; k < c->n_mtp; k++)
        gemm_pack(model->panels + model->mtp_panels[k], w + model->layout.mtp[k].eh_proj, D, 2 * D, compute->threads);
    if (!c->scalar_head)
        gemm_pack(model->panels + model->head_panels, w + model->layout.head, c->vocab_size, D, compute->threads);
    model_lora_pack(model, compute);
    model->version++;
}

void model_train_mtp(Model *model)
{
    model->config.train_mtp = true;
    for (int64_t i = 0; i < model->layout.n_tensors; i++) model->layout.tensors[i].untrained = false;
}

void model_pack_trained(Model *model, const Compute *compute)
{
    if (model->config.lora.rank == 0) {
        model_pack(model, compute);
        return;
    }
    model_lora_pack(model, compute);
    model->version++;
}

bool model_reserve_positions(Model *model, int64_t n, Error *err)
{
    if (n <= model->n_positions) return true;
    const ModelConfig *c = &model->config;
    if (n > c->max_positions)
        return error_set(err, ERROR_INPUT,
                         "a sequence of %lld tokens is longer than the model's max_position_embeddings %lld",
                         (long long)n, (long long)c->max_positions);
    /* Grown by doubling, so that a long run does not do this often. */
    int64_t reserved = 256;
    while (reserved < n) reserved *= 2;
    if (reserved > c->max_positions) reserved = c->max_positions;
    const int64_t half = c->head_dim / 2;
    Arena memory;
    if (!arena_create(&memory, "rotary tables", 2 * arena_piece_bytes((size_t)(reserved * half), sizeof(float)), err))
        return false;
    arena_free(&model->rope_memory);
    model->rope_memory = memory;
    model->rope_cos = ARENA_ARRAY(&model->rope_memory, float, reserved, half);
    model->rope_sin = ARENA_ARRAY(&model->rope_memory, float, reserved, half);
    model->n_positions = reserved;
    const double factor = rope_attention_factor(c);
    for (int64_t i = 0; i < half; i++) {
        /* The frequency and the angle are rounded to f32 where the reference implementations round them. */
        const float frequency = rope_frequency(c, i);
        for (int64_t position = 0; position < reserved; position++) {
            const float angle = (float)position * frequency;
            model->rope_cos[position * half + i] = (float)(math_cos((double)angle) * factor);
            model->rope_sin[position * half + i] = (float)(math_sin((double)angle) * factor);
        }
    }
    return true;
}

/* In place of a tensor's number: the head begins alike in every layout. */
static const int64_t SCORE_DRAWS = (int64_t)1 << 40;

/* A standard normal keyed by (tensor, element): Box-Muller, one of the pair. */
static double normal_draw(uint64_t seed, int64_t tensor, int64_t element)
{
    const Rng rng = {seed, RNG_INIT};
    const double u1 = rng_uniform(rng, (uint64_t)tensor, 0, (uint64_t)element);
    const double u2 = rng_uniform(rng, (uint64_t)tensor, 1, (uint64_t)element);
    return sqrt(-2.0 * math_log(1.0 - u1)) * math_cos(TWO_PI * u2);
}

static bool ends_with(const char *name, const char *end)
{
    const size_t n = strlen(name), m = strlen(end);
    return n >= m && strcmp(name + n - m, end) == 0;
}

void model_init(Model *model, uint64_t seed, double std)
{
    const double residual_std = std / sqrt(2.0 * (double)model->config.n_layers);
    for (int64_t t = 0; t < model->layout.n_tensors; t++) {
        const ParamTensor *tensor = &model->layout.tensors[t];
        float *w = model->weights + tensor->offset;
        const int64_t n = tensor->rows * tensor->columns;
        if (tensor->rank == 1) {
            const float value = ends_with(tensor->name, "norm.weight") ? 1.0f : 0.0f;
            for (int64_t i = 0; i < n; i++) w[i] = value;
            continue;
        }
        const bool into_residual =
            ends_with(tensor->name, "o_proj.weight") || ends_with(tensor->name, "down_proj.weight");
        for (int64_t i = 0; i < n; i++) w[i] = (float)((into_residual ? residual_std : std) * normal_draw(seed, t, i));
    }
}

void model_init_score(Model *model, uint64_t seed)
{
    const int64_t D = model->config.hidden_size;
    const double std = 1.0 / sqrt((double)(D + 1));
    float *const score = model_score(model);
    for (int64_t i = 0; i < D; i++) score[i] = (float)(std * normal_draw(seed, SCORE_DRAWS, i));
}

void model_init_adapters(Model *model, uint64_t seed)
{
    const Rng rng = {seed, RNG_INIT};
    const ParamLayout *layout = &model->lora.layout;
    for (int64_t t = 0; t < layout->n_tensors; t++) {
        const ParamTensor *tensor = &layout->tensors[t];
        const bool is_a = ends_with(tensor->name, "lora_A.weight");
        const double bound = is_a ? 1.0 / sqrt((double)tensor->columns) : 0.0;
        float *w = model->lora.weights + tensor->offset;
        if (tensor->one_row) continue; /* the scalar head begins as model_open_scalar says */
        for (int64_t i = 0; i < tensor->rows * tensor->columns; i++)
            w[i] = is_a ? (float)(bound * (2.0 * rng_uniform(rng, (uint64_t)t, 2, (uint64_t)i) - 1.0)) : 0.0f;
    }
}

/* Weights of layer l that one token meets in products. */
static int64_t layer_token_weights(const ModelConfig *c, int64_t l)
{
    const int64_t D = c->hidden_size, F = model_layer_ffn(c, l), QKV = model_qkv_size(c), HC = c->n_heads * c->head_dim;
    const int64_t attention = model_has_mla(c) ? deepseek_attention_weights(c) : QKV * D + D * HC;
    const int64_t experts =
        model_layer_is_moe(c, l) ? c->moe.n_experts * D + c->moe.n_chosen * 3 * c->moe.ffn_size * D : 0;
    return attention + 3 * F * D + experts;
}

int64_t model_parameters(const ModelConfig *c)
{
    const int64_t D = c->hidden_size, F = c->ffn_size, QKV = model_qkv_size(c), HC = c->n_heads * c->head_dim;
    const int64_t layer = QKV * D + D * HC + 3 * F * D + 2 * D + (c->qkv_bias ? QKV : 0) + (c->o_proj_bias ? D : 0) +
                          (c->qk_norm ? 2 * c->head_dim : 0);
    int64_t layers = model_blocks(c) * layer;
    if (model_has_mla(c)) {
        layers = model_blocks(c) * (2 * D + c->mla.q_lora_rank + c->mla.kv_lora_rank);
        for (int64_t l = 0; l < model_blocks(c); l++)
            layers += deepseek_layer_weights(c, l) +
                      (model_layer_is_moe(c, l) && c->moe.correction_bias ? c->moe.n_experts : 0);
    }
    layers += c->n_mtp * (2 * D * D + 3 * D);
    if (c->scalar_head) return layers + c->vocab_size * D + 2 * D;
    return layers + (c->tied_head ? 1 : 2) * c->vocab_size * D + D;
}

int64_t model_token_flops(const ModelConfig *c)
{
    int64_t weights = (c->scalar_head ? 1 : c->vocab_size) * c->hidden_size;
    for (int64_t l = 0; l < c->n_layers; l++) weights += layer_token_weights(c, l);
    return 2 * weights;
}
