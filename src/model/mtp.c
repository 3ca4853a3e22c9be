/* SPDX-License-Identifier: MIT */
#include "model/mtp.h"

#include "model/decoder_layers.h"
#include "model/decoder_rows.h"

#include <assert.h>
#include <string.h>

enum { HALVES = 2, SCATTER_GRAIN = 32 };

const float *mtp_stream(const Model *model, const DecoderWorkspace *w, int64_t k)
{
    return w->x[layer_stream(&model->config, model->config.n_layers + k) + 1];
}

const float *mtp_previous(const Model *model, const DecoderWorkspace *w, int64_t k)
{
    return k == 0 ? w->hidden : mtp_stream(model, w, k - 1);
}

/* ---- x = eh_proj [norm(embedding) ; norm(h)] ---- */

typedef struct Join {
    const Kernels *k;
    float *joined; /* [T, 2D] */
    const MtpActivations *a;
    const float *embedded; /* [T, D] */
    const float *enorm, *hnorm;
    int64_t D;
    float eps;
} Join;

static void join_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const Join *j = context;
    for (int64_t t = begin; t < end; t++) {
        float *const row = j->joined + t * HALVES * j->D;
        j->k->rms_norm(row, j->a->enorm_rstd + t, j->embedded + t * j->D, j->enorm, 1, j->D, j->eps);
        j->k->rms_norm(row + j->D, j->a->hnorm_rstd + t, j->a->previous + t * j->D, j->hnorm, 1, j->D, j->eps);
    }
}

/* w->mtp_joined; leaves the embeddings in w->projected. */
static void join(const Model *model, const Compute *compute, const DecoderWorkspace *w, int64_t k,
                 const DecoderBatch *batch)
{
    const MtpOffsets *const o = &model->layout.mtp[k];
    rows_embed(compute, model, w->projected, batch->ids, batch->n_rows);
    Join j = {compute->k,
              w->mtp_joined,
              &w->mtp[k],
              w->projected,
              model->weights + o->enorm,
              model->weights + o->hnorm,
              model->config.hidden_size,
              model->config.rms_norm_eps};
    compute_rows(compute, batch->n_rows, ROWS_GRAIN, join_part, &j);
}

void mtp_forward(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t k, const float *previous,
                 const int64_t *rows, const DecoderBatch *batch)
{
    const ModelConfig *c = &model->config;
    const int64_t T = batch->n_rows, D = c->hidden_size, l = c->n_layers + k;
    float *const x = w->x[layer_stream(c, l)];
    assert(T <= w->max_rows);
    for (int64_t t = 0; t < T; t++)
        memcpy(w->mtp[k].previous + t * D, previous + rows[t] * D, (size_t)D * sizeof(float));
    join(model, compute, w, k, batch);
    rows_linear_at(model, compute, x, w->mtp_joined, model->mtp_panels[k], NULL, T, D, HALVES * D);
    rows_add_norm(compute, x, x, NULL, w->normed, w->layers[l].rstd1,
                  model->weights + model->layout.layers[l].input_norm, T, D, c->rms_norm_eps);
    decoder_layer_forward(model, compute, w, batch, l, true);
}

/* ---- the head ---- */

/* The workspace as the head of this module sees it. */
static DecoderWorkspace view_of(const DecoderWorkspace *w, int64_t k)
{
    DecoderWorkspace view = *w;
    view.hidden = w->mtp[k].hidden;
    view.d_hidden = w->d_mtp_hidden;
    return view;
}

/* The module's chain of the gradient of the head (lookup: of the embedding) [V, D]. */
static float *shared_gradient(const Model *model, const DecoderGradients *gradients, int64_t k, bool lookup)
{
    return gradients->mtp + (2 * k + lookup) * model->config.vocab_size * model->config.hidden_size;
}

void mtp_block_logits(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t k, const int64_t *rows,
                      int64_t n)
{
    DecoderWorkspace view = view_of(w, k);
    const DecoderBatch batch = {.target_rows = rows, .n_targets = n};
    assert(n <= w->head_rows);
    head_block_logits(model, compute, &view, &batch, 0, n);
}

void mtp_logits(const Model *model, const Compute *compute, const DecoderWorkspace *w, int64_t k, int64_t first,
                int64_t n, float *logits)
{
    const DecoderWorkspace view = view_of(w, k);
    decoder_logits(model, compute, &view, first, n, logits);
}

void mtp_head(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t k, const DecoderBatch *batch,
              float inv_temperature, float *logprobs, DecoderLoss loss, void *loss_context, DecoderGradients *gradients)
{
    DecoderWorkspace view = view_of(w, k);
    DecoderGradients own = {0};
    if (gradients) {
        own = *gradients;
        own.head = shared_gradient(model, gradients, k, false);
    }
    decoder_head(model, compute, &view, batch, inv_temperature, logprobs, NULL, loss, loss_context, &own);
}

/* ---- backward ---- */

typedef struct Scatter {
    float *to;
    const float *from;
    const int64_t *rows;
    int64_t T, D;
} Scatter;

/* Columns are split over threads, rows stay in order. */
static void scatter_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const Scatter *s = context;
    for (int64_t t = 0; t < s->T; t++) {
        float *const to = s->to + s->rows[t] * s->D;
        const float *const from = s->from + t * s->D;
        for (int64_t i = begin; i < end; i++) to[i] += from[i];
    }
}

/* d_normed = one half of d_mtp_joined, and d_mtp_x = 0: what a norm's backward starts from. */
static void take_half(const DecoderWorkspace *w, int half, int64_t T, int64_t D)
{
    const size_t bytes = (size_t)D * sizeof(float);
    for (int64_t t = 0; t < T; t++) memcpy(w->d_normed + t * D, w->d_mtp_joined + (HALVES * t + half) * D, bytes);
    memset(w->d_mtp_x, 0, (size_t)T * bytes);
}

/* joined = [norm(embedding[id]) * enorm ; norm(previous) * hnorm]: the first half goes to the lookup, d_mtp_x gets the second. */
static void join_backward(const Model *model, const Compute *compute, const DecoderWorkspace *w, int64_t k,
                          const DecoderBatch *batch, DecoderGradients *gradients)
{
    const MtpOffsets *const o = &model->layout.mtp[k];
    const MtpActivations *const a = &w->mtp[k];
    const int64_t T = batch->n_rows, D = model->config.hidden_size;
    const float *weights = model->weights;
    float *grads = gradients->flat;
    take_half(w, 0, T, D);
    decoder_norm_backward(compute, &(NormGradient){w->d_mtp_x, grads + o->enorm, w->d_normed, w->projected,
                                                   a->enorm_rstd, weights + o->enorm, T, D});
    decoder_lookup_backward(compute, shared_gradient(model, gradients, k, true), w->d_mtp_x, batch->ids, T, D);
    take_half(w, 1, T, D);
    decoder_norm_backward(compute, &(NormGradient){w->d_mtp_x, grads + o->hnorm, w->d_normed, a->previous,
                                                   a->hnorm_rstd, weights + o->hnorm, T, D});
}

void mtp_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t k, const int64_t *rows,
                  int64_t n_previous, const DecoderBatch *batch, DecoderGradients *gradients)
{
    const ModelConfig *c = &model->config;
    const MtpOffsets *const o = &model->layout.mtp[k];
    const MtpActivations *const a = &w->mtp[k];
    const int64_t T = batch->n_rows, D = c->hidden_size, l = c->n_layers + k;
    const size_t row = (size_t)D * sizeof(float);
    float *grads = gradients->flat;
    assert(c->lora.rank == 0 && batch->n_backward_rows == T);
    /* h' goes to the head and, but for the last module's, to the module behind, which has left its gradient here. */
    if (k + 1 < c->n_mtp)
        memcpy(w->d_stream, w->d_mtp_stream, (size_t)T * row);
    else
        memset(w->d_stream, 0, (size_t)T * row);
    decoder_norm_backward(compute, &(NormGradient){w->d_stream, grads + o->norm, w->d_mtp_hidden,
                                                   mtp_stream(model, w, k), a->rstd, model->weights + o->norm, T, D});
    decoder_layer_backward(model, compute, w, batch, l, gradients);
    join(model, compute, w, k, batch);
    rows_linear_weight(compute, grads + o->eh_proj, w->d_stream, w->mtp_joined, T, D, HALVES * D);
    rows_linear_input_at(model, compute, w->d_mtp_joined, w->d_stream, o->eh_proj, model->mtp_panels[k], T, D,
                         HALVES * D, false);
    join_backward(model, compute, w, k, batch, gradients);
    if (k > 0) memset(w->d_mtp_stream, 0, (size_t)n_previous * row);
    Scatter scatter = {k == 0 ? w->d_hidden : w->d_mtp_stream, w->d_mtp_x, rows, T, D};
    compute_rows(compute, D, SCATTER_GRAIN, scatter_part, &scatter);
}
