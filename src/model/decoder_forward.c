/* SPDX-License-Identifier: MIT */
/* model/decoder_forward.c: the layers of a packed batch, read straight down. */
#include "model/decoder.h"

#include "model/decoder_attention.h"
#include "model/decoder_layers.h"
#include "model/decoder_rows.h"
#include "model/lora.h"
#include "model/mla_block.h"
#include "model/moe_block.h"

#include <assert.h>

/* attended = attention(qkv(normed)) */
static void attention_forward(const Model *model, const Compute *compute, DecoderWorkspace *w,
                              const DecoderBatch *batch, int64_t l)
{
    const ModelConfig *c = &model->config;
    const LayerOffsets *o = &model->layout.layers[l];
    const LayerActivations *a = &w->layers[l];
    const int64_t T = batch->n_rows;
    rows_linear_at(model, compute, a->qkv, w->normed, model->layer_panels[l].qkv,
                   o->qkv_bias >= 0 ? model->weights + o->qkv_bias : NULL, T, model_qkv_size(c), c->hidden_size);
    lora_forward(model, compute, w, l, LORA_Q, LORA_V, w->normed, a->qkv, T);
    if (c->qk_norm) rows_head_norm(compute, model, a, l, T);
    rows_rope(compute, model, a->qkv, batch->positions, T, false);
    decoder_attention_forward(model, compute, w, batch, a, l);
}

/* The norm that reads the stream behind block l: the next layer's, the head's, a module's before the head. */
typedef struct NextNorm {
    float *normed, *rstd;
    int64_t weight;
} NextNorm;

static NextNorm next_norm(const Model *model, const DecoderWorkspace *w, int64_t l)
{
    const int64_t L = model->config.n_layers;
    const ParamLayout *const layout = &model->layout;
    if (l >= L) return (NextNorm){w->mtp[l - L].hidden, w->mtp[l - L].rstd, layout->mtp[l - L].norm};
    if (l + 1 == L) return (NextNorm){w->hidden, w->final_rstd, layout->final_norm};
    return (NextNorm){w->normed, w->layers[l + 1].rstd1, layout->layers[l + 1].input_norm};
}

/* From normed = norm(x) to normed = norm'(next), leaving the stream after the layer in `next`. */
void decoder_layer_forward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                           int64_t l, bool add_to_stream)
{
    const ModelConfig *c = &model->config;
    const LayerOffsets *o = &model->layout.layers[l];
    const LayerPanels *p = &model->layer_panels[l];
    const LayerActivations *a = &w->layers[l];
    const int64_t T = batch->n_rows, D = c->hidden_size, F = model_layer_ffn(c, l);
    const bool moe = model_layer_is_moe(c, l);
    const float *weights = model->weights;

    if (model_has_mla(c))
        mla_forward(model, compute, w, batch, l);
    else
        attention_forward(model, compute, w, batch, l);
    rows_linear_at(model, compute, w->projected, a->attended, p->o, o->o_bias >= 0 ? weights + o->o_bias : NULL, T, D,
                   model_attended_size(c));
    lora_forward(model, compute, w, l, LORA_O, LORA_O, a->attended, w->projected, T);
    rows_add_norm(compute, a->middle, w->x[layer_stream(c, l)], w->projected, w->normed, a->rstd2,
                  weights + o->post_norm, T, D, c->rms_norm_eps);
    /* The dense MLP, or what all tokens share of a layer of experts: F may be 0. */
    const LoraModule gate = moe ? LORA_SHARED_GATE : LORA_GATE, down = moe ? LORA_SHARED_DOWN : LORA_DOWN;
    rows_linear_at(model, compute, a->gate_up, w->normed, p->gate_up, NULL, T, 2 * F, D);
    lora_forward(model, compute, w, l, gate, gate + 1, w->normed, a->gate_up, T);
    if (moe) moe_route(model, compute, w, batch, l);
    if (!add_to_stream) return;
    rows_swiglu(compute, w->activated, a->gate_up, T, F);
    rows_linear_at(model, compute, w->projected, w->activated, p->down, NULL, T, D, F);
    lora_forward(model, compute, w, l, down, down, w->activated, w->projected, T);
    if (moe) moe_combine(model, compute, w, batch, l);
    const NextNorm next = next_norm(model, w, l);
    rows_add_norm(compute, w->x[layer_stream(c, l) + 1], a->middle, w->projected, next.normed, next.rstd,
                  weights + next.weight, T, D, c->rms_norm_eps);
}

void decoder_forward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch)
{
    const ModelConfig *c = &model->config;
    assert(batch->n_rows <= w->max_rows);
    rows_embed(compute, model, w->x[0], batch->ids, batch->n_rows);
    rows_add_norm(compute, w->x[0], w->x[0], NULL, w->normed, w->layers[0].rstd1,
                  model->weights + model->layout.layers[0].input_norm, batch->n_rows, c->hidden_size, c->rms_norm_eps);
    for (int64_t l = 0; l < c->n_layers; l++) decoder_layer_forward(model, compute, w, batch, l, true);
}
