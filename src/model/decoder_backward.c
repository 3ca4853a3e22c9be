/* SPDX-License-Identifier: MIT */
/* model/decoder_backward.c: the layers in reverse. Each block quotes the forward line it differentiates.
 *
 * d_stream is dL/dx of the residual stream at the point reached; a branch adds its part to it. What the forward can rebuild cheaply from
 * stored numbers (norms, swiglu) is rebuilt with the forward's own kernels, so with the forward's bits.
 *
 * `grads` is where the weights' gradients go, NULL when adapters alone are trained: the weights are passed through then. */
#include "model/decoder.h"

#include "model/decoder_attention.h"
#include "model/decoder_layers.h"
#include "model/decoder_rows.h"
#include "model/lora.h"
#include "model/mla_block.h"
#include "model/moe_block.h"

#include <string.h>

enum { COLUMN_GRAIN = 32 };

typedef struct NormBackward {
    const Kernels *k;
    const NormGradient *g;
} NormBackward;

static void norm_input_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const NormBackward *r = context;
    const NormGradient *g = r->g;
    const int64_t at = begin * g->D;
    r->k->rms_norm_backward(g->dx + at, g->dy + at, g->x + at, g->rstd + begin, g->w, end - begin, g->D);
}

static void norm_weight_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const NormBackward *r = context;
    const NormGradient *g = r->g;
    r->k->rms_norm_backward_weight(g->dw + begin, g->dy + begin, g->x + begin, g->rstd, g->T, end - begin, g->D);
}

void decoder_norm_backward(const Compute *compute, const NormGradient *g)
{
    NormBackward r = {compute->k, g};
    compute_rows(compute, g->T, ROWS_GRAIN, norm_input_part, &r);
    if (g->dw) compute_rows(compute, g->D, COLUMN_GRAIN, norm_weight_part, &r);
}

/* Where a tensor's gradient goes; NULL: it is not trained. */
static float *of(float *grads, int64_t offset)
{
    return grads ? grads + offset : NULL;
}

/* y = W x:  dW += dy x^T, if W is trained. */
static void weight_backward(const Compute *compute, float *dw, const float *dy, const float *x, int64_t T, int64_t N,
                            int64_t K)
{
    if (dw) rows_linear_weight(compute, dw, dy, x, T, N, K);
}

/* y = norm(x) * w:  dx += ..., dw chain over rows (dw NULL: w is not trained). */
static void norm_backward(const Compute *compute, float *dx, float *dw, const float *dy, const float *x,
                          const float *rstd, const float *w, int64_t T, int64_t D)
{
    decoder_norm_backward(compute, &(NormGradient){dx, dw, dy, x, rstd, w, T, D});
}

typedef struct ColumnSum {
    const Kernels *k;
    float *sum;
    const float *x;
    int64_t T, row;
} ColumnSum;

static void column_sum_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const ColumnSum *r = context;
    r->k->sum_rows(r->sum + begin, r->x + begin, r->T, end - begin, r->row);
}

/* y = ... + bias:  dbias += sum over rows of dy. */
static void bias_backward(const Compute *compute, float *dbias, const float *dy, int64_t T, int64_t n)
{
    ColumnSum r = {compute->k, dbias, dy, T, n};
    if (dbias) compute_rows(compute, n, COLUMN_GRAIN, column_sum_part, &r);
}

/* The weights' gradients: none of them when adapters are what is trained. */
static float *base_gradients(const Model *model, float *flat)
{
    return model->config.lora.rank > 0 ? NULL : flat;
}

typedef struct SwigluBackward {
    const Kernels *k;
    float *d_gate_up, *d_activated;
    const float *gate_up;
    int64_t F;
} SwigluBackward;

static void swiglu_backward_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const SwigluBackward *r = context;
    r->k->swiglu_backward(r->d_gate_up + begin * 2 * r->F, r->d_activated + begin * r->F, r->gate_up + begin * 2 * r->F,
                          end - begin, r->F);
}

/* x' = middle + down(swiglu(gate_up(norm(middle)))), and in a layer of experts + routed(norm(middle)) */
static void mlp_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                         int64_t l, DecoderGradients *gradients)
{
    const ModelConfig *c = &model->config;
    const LayerOffsets *o = &model->layout.layers[l];
    const LayerActivations *a = &w->layers[l];
    const int64_t T = batch->n_backward_rows, D = c->hidden_size, F = model_layer_ffn(c, l);
    const LayerPanels *p = &model->layer_panels[l];
    const bool moe = model_layer_is_moe(c, l);
    const LoraModule gate = moe ? LORA_SHARED_GATE : LORA_GATE, down = moe ? LORA_SHARED_DOWN : LORA_DOWN;
    float *flat = gradients->flat, *grads = base_gradients(model, flat);
    rows_linear_input_at(model, compute, w->d_activated, w->d_stream, o->down, p->down, T, D, F, false);
    lora_backward_input(model, compute, w, l, down, down, w->d_stream, w->d_activated, T);
    SwigluBackward r = {compute->k, w->d_gate_up, w->d_activated, a->gate_up, F};
    compute_rows(compute, T, ROWS_GRAIN, swiglu_backward_part, &r);
    /* d_activated holds the forward's activated now. */
    weight_backward(compute, of(grads, o->down), w->d_stream, w->d_activated, T, D, F);
    lora_backward_weights(model, compute, w, l, down, down, w->d_activated, w->d_stream, flat, T);
    rows_add_norm(compute, NULL, a->middle, NULL, w->normed, NULL, model->weights + o->post_norm, T, D,
                  c->rms_norm_eps);
    weight_backward(compute, of(grads, o->gate_up), w->d_gate_up, w->normed, T, 2 * F, D);
    rows_linear_input_at(model, compute, w->d_normed, w->d_gate_up, o->gate_up, p->gate_up, T, 2 * F, D, false);
    lora_backward_input(model, compute, w, l, gate, gate + 1, w->d_gate_up, w->d_normed, T);
    lora_backward_weights(model, compute, w, l, gate, gate + 1, w->normed, w->d_gate_up, flat, T);
    if (moe) moe_backward(model, compute, w, batch, l, gradients);
    norm_backward(compute, w->d_stream, of(grads, o->post_norm), w->d_normed, a->middle, a->rstd2,
                  model->weights + o->post_norm, T, D);
}

typedef struct HeadNormBackward {
    const Kernels *k;
    const ModelConfig *c;
    const LayerActivations *a;
    const DecoderWorkspace *w;
    const float *q_norm, *k_norm;
    float *dq_norm, *dk_norm;
    int64_t T;
} HeadNormBackward;

/* Moves the gradient of the normed heads out of d_qkv and puts that of the raw heads there. */
static void head_norm_input_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const HeadNormBackward *r = context;
    const int64_t H = r->c->n_heads, K = r->c->n_kv_heads, C = r->c->head_dim;
    const size_t bytes = (size_t)((H + K) * C) * sizeof(float);
    for (int64_t t = begin; t < end; t++) {
        float *dx = r->w->d_qkv + t * (H + 2 * K) * C, *dy = r->w->d_heads + t * (H + K) * C;
        const float *x = r->a->raw_heads + t * (H + K) * C, *rstd = r->a->head_rstd + t * (H + K);
        memcpy(dy, dx, bytes);
        memset(dx, 0, bytes);
        r->k->rms_norm_backward(dx, dy, x, rstd, r->q_norm, H, C);
        r->k->rms_norm_backward(dx + H * C, dy + H * C, x + H * C, rstd + H, r->k_norm, K, C);
    }
}

/* Channels [begin, end) of both weights: one chain over rows ascending, in each row over heads ascending. */
static void head_norm_weight_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const HeadNormBackward *r = context;
    const int64_t H = r->c->n_heads, K = r->c->n_kv_heads, C = r->c->head_dim;
    for (int64_t t = 0; t < r->T; t++) {
        const float *dy = r->w->d_heads + t * (H + K) * C + begin, *x = r->a->raw_heads + t * (H + K) * C + begin;
        const float *rstd = r->a->head_rstd + t * (H + K);
        r->k->rms_norm_backward_weight(r->dq_norm + begin, dy, x, rstd, H, end - begin, C);
        r->k->rms_norm_backward_weight(r->dk_norm + begin, dy + H * C, x + H * C, rstd + H, K, end - begin, C);
    }
}

/* q, k = norm over each head (raw) */
static void head_norm_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t T, int64_t l,
                               float *grads)
{
    const LayerOffsets *o = &model->layout.layers[l];
    HeadNormBackward r = {compute->k,
                          &model->config,
                          &w->layers[l],
                          w,
                          model->weights + o->q_norm,
                          model->weights + o->k_norm,
                          of(grads, o->q_norm),
                          of(grads, o->k_norm),
                          T};
    compute_rows(compute, T, ROWS_GRAIN, head_norm_input_part, &r);
    if (grads) compute_rows(compute, model->config.head_dim, COLUMN_GRAIN, head_norm_weight_part, &r);
}

/* attention(rope(head_norm(qkv))) */
static void qkv_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                         int64_t l, DecoderGradients *gradients)
{
    const int64_t T = batch->n_backward_rows;
    decoder_attention_backward(model, compute, w, batch, &w->layers[l], l, gradients);
    rows_rope(compute, model, w->d_qkv, batch->positions, T, true);
    if (model->config.qk_norm) head_norm_backward(model, compute, w, T, l, base_gradients(model, gradients->flat));
}

/* middle = x + o(attention(rope(head_norm(qkv(norm(x)))))) */
static void attention_block_backward(const Model *model, const Compute *compute, DecoderWorkspace *w,
                                     const DecoderBatch *batch, int64_t l, DecoderGradients *gradients)
{
    const ModelConfig *c = &model->config;
    const LayerOffsets *o = &model->layout.layers[l];
    const LayerActivations *a = &w->layers[l];
    const int64_t T = batch->n_backward_rows, D = c->hidden_size, HC = model_attended_size(c);
    const bool mla = model_has_mla(c);
    /* The fused projection from the stream: q, k, v, or what latent attention reads. */
    const LayerPanels *p = &model->layer_panels[l];
    const int64_t in = mla ? o->mla.in : o->qkv, n_in = mla ? mla_in_size(c) : model_qkv_size(c);
    const LoraModule last_in = mla ? LORA_KV_A : LORA_V;
    const float *const d_in = mla ? w->d_mla_in : w->d_qkv;
    float *grads = base_gradients(model, gradients->flat);
    weight_backward(compute, of(grads, o->o), w->d_stream, a->attended, T, D, HC);
    if (o->o_bias >= 0) bias_backward(compute, of(grads, o->o_bias), w->d_stream, T, D);
    rows_linear_input_at(model, compute, w->d_attended, w->d_stream, o->o, p->o, T, D, HC, false);
    lora_backward_input(model, compute, w, l, LORA_O, LORA_O, w->d_stream, w->d_attended, T);
    lora_backward_weights(model, compute, w, l, LORA_O, LORA_O, a->attended, w->d_stream, gradients->flat, T);
    if (mla)
        mla_backward(model, compute, w, batch, l, gradients);
    else
        qkv_backward(model, compute, w, batch, l, gradients);
    if (o->qkv_bias >= 0) bias_backward(compute, of(grads, o->qkv_bias), d_in, T, n_in);
    rows_add_norm(compute, NULL, w->x[layer_stream(c, l)], NULL, w->normed, NULL, model->weights + o->input_norm, T, D,
                  c->rms_norm_eps);
    weight_backward(compute, of(grads, in), d_in, w->normed, T, n_in, D);
    rows_linear_input_at(model, compute, w->d_normed, d_in, in, mla ? p->mla_in : p->qkv, T, n_in, D, false);
    lora_backward_input(model, compute, w, l, LORA_Q, last_in, d_in, w->d_normed, T);
    lora_backward_weights(model, compute, w, l, LORA_Q, last_in, w->normed, d_in, gradients->flat, T);
    norm_backward(compute, w->d_stream, of(grads, o->input_norm), w->d_normed, w->x[layer_stream(c, l)], a->rstd1,
                  model->weights + o->input_norm, T, D);
}

typedef struct LookupBackward {
    float *table;
    const float *dx;
    const int32_t *ids;
    int64_t T, D;
} LookupBackward;

/* Columns are split over threads, rows stay in order: an id's gradient is one chain over its rows. */
static void lookup_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const LookupBackward *r = context;
    for (int64_t t = 0; t < r->T; t++) {
        float *row = r->table + r->ids[t] * r->D;
        const float *dx = r->dx + t * r->D;
        for (int64_t i = begin; i < end; i++) row[i] += dx[i];
    }
}

void decoder_lookup_backward(const Compute *compute, float *table, const float *dx, const int32_t *ids, int64_t T,
                             int64_t D)
{
    LookupBackward lookup = {table, dx, ids, T, D};
    compute_rows(compute, D, COLUMN_GRAIN, lookup_part, &lookup);
}

void decoder_layer_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                            int64_t l, DecoderGradients *gradients)
{
    const ModelConfig *c = &model->config;
    if (w->recompute) {
        rows_add_norm(compute, NULL, w->x[layer_stream(c, l)], NULL, w->normed, w->layers[l].rstd1,
                      model->weights + model->layout.layers[l].input_norm, batch->n_rows, c->hidden_size,
                      c->rms_norm_eps);
        decoder_layer_forward(model, compute, w, batch, l, false);
    }
    mlp_backward(model, compute, w, batch, l, gradients);
    attention_block_backward(model, compute, w, batch, l, gradients);
}

void decoder_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                      DecoderGradients *gradients)
{
    const ModelConfig *c = &model->config;
    const int64_t T = batch->n_backward_rows, D = c->hidden_size;
    float *grads = base_gradients(model, gradients->flat);
    memset(w->d_stream, 0, (size_t)(T * D) * sizeof(float));
    norm_backward(compute, w->d_stream, of(grads, model->layout.final_norm), w->d_hidden, w->x[c->n_layers],
                  w->final_rstd, model->weights + model->layout.final_norm, T, D);
    for (int64_t l = c->n_layers - 1; l >= 0; l--) decoder_layer_backward(model, compute, w, batch, l, gradients);
    float *const table = gradients->lookup ? gradients->lookup : of(grads, model->layout.embedding);
    if (table) decoder_lookup_backward(compute, table, w->d_stream, batch->ids, T, D);
    float *const left = gradients->carry[1];
    gradients->carry[1] = gradients->carry[0];
    gradients->carry[0] = left;
}
