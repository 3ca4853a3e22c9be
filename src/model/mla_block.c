/* SPDX-License-Identifier: MIT */
/* model/mla_block.c: what stands around the attention over latents, forward and backward. See mla_block.h for the equations.
 *
 * The products with W_UK and W_UV are one a head; their bits do not know how many run in a region. */
#include "model/mla_block.h"

#include "model/decoder_rows.h"
#include "model/lora.h"
#include "model/mla_attention.h"

#include <string.h>

enum { COLUMN_GRAIN = 32 };

/* One layer in hand: sizes as in the header, and where things stand. */
typedef struct MlaLayer {
    const Model *model;
    const Kernels *k;
    DecoderWorkspace *w;
    const LayerActivations *a;
    const MlaOffsets *o;
    const LayerPanels *p;
    const int32_t *positions;
    int64_t layer;
    int64_t H, N, P, W, R, Q, key, in_row;
    int64_t q_row; /* of q and d_q: without a latent they are the first channels of `in` */
    float *d_q;
    float *grads; /* flat; NULL in the forward, and where adapters alone are trained */
    float eps;
} MlaLayer;

static MlaLayer layer_of(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                         int64_t l)
{
    const ModelConfig *c = &model->config;
    const bool latent = c->mla.q_lora_rank > 0;
    return (MlaLayer){.model = model,
                      .k = compute->k,
                      .w = w,
                      .a = &w->layers[l],
                      .o = &model->layout.layers[l].mla,
                      .p = &model->layer_panels[l],
                      .positions = batch->positions,
                      .layer = l,
                      .H = c->n_heads,
                      .N = c->mla.nope_dim,
                      .P = c->mla.rope_dim,
                      .W = c->mla.v_dim,
                      .R = c->mla.kv_lora_rank,
                      .Q = mla_query_size(c),
                      .key = mla_key_size(c),
                      .in_row = mla_in_size(c),
                      .q_row = latent ? c->n_heads * mla_head_size(c) : mla_in_size(c),
                      .d_q = latent ? w->d_mla_q : w->d_mla_in,
                      .eps = c->rms_norm_eps};
}

/* Turns n_heads heads of P channels, `head` floats apart, of one row. */
static void rotate(const MlaLayer *m, float *x, int64_t row, int64_t n_heads, int64_t head, bool inverse)
{
    const float *cos = m->model->rope_cos, *sin = m->model->rope_sin;
    if (m->model->config.mla.neighbours) {
        m->k->rope_neighbours(x, cos, sin, m->positions + row, 1, n_heads, head, m->P, 0, inverse);
        return;
    }
    for (int64_t h = 0; h < n_heads; h++)
        m->k->rope(x + h * head, cos, sin, m->positions + row, 1, 1, m->P, 0, inverse);
}

/* W_UK and W_UV of head h, row-major: [N, R] and [W, R]. */
static int64_t uk_at(const MlaLayer *m, int64_t h)
{
    return m->o->kv_b + h * (m->N + m->W) * m->R;
}
static int64_t uv_at(const MlaLayer *m, int64_t h)
{
    return uk_at(m, h) + m->N * m->R;
}
static int64_t uk_panels(const MlaLayer *m, int64_t h)
{
    return m->p->uk + h * m->p->uk_stride;
}
static int64_t uv_panels(const MlaLayer *m, int64_t h)
{
    return m->p->uv + h * m->p->uv_stride;
}

/* ---- forward ---- */

/* in -> norm(q_a), key */
static void latent_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MlaLayer *m = context;
    const float *weights = m->model->weights;
    for (int64_t t = begin; t < end; t++) {
        const float *in = m->a->mla.in + t * m->in_row;
        float *key = m->a->mla.keys + t * m->key;
        if (m->o->q_b >= 0)
            m->k->rms_norm(m->w->mla_q_normed + t * m->Q, m->a->mla.q_rstd + t, in, weights + m->o->q_a_norm, 1, m->Q,
                           m->eps);
        m->k->rms_norm(key, m->a->mla.kv_rstd + t, in + m->Q, weights + m->o->kv_norm, 1, m->R, m->eps);
        memcpy(key + m->R, in + m->Q + m->R, (size_t)m->P * sizeof *key);
        rotate(m, key + m->R, t, 1, m->P, false);
    }
}

static void rotate_queries_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MlaLayer *m = context;
    for (int64_t t = begin; t < end; t++) rotate(m, m->a->mla.q + t * m->q_row + m->N, t, m->H, m->N + m->P, false);
}

/* query[R ..] = q_rope */
static void copy_rotated_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MlaLayer *m = context;
    for (int64_t t = begin; t < end; t++)
        for (int64_t h = 0; h < m->H; h++)
            memcpy(m->w->mla_queries + (t * m->H + h) * m->key + m->R,
                   m->a->mla.q + t * m->q_row + h * (m->N + m->P) + m->N, (size_t)m->P * sizeof(float));
}

static LoraLatent adapters_of(const MlaLayer *m, const Compute *compute, int64_t T)
{
    return (LoraLatent){m->model, compute, m->w, m->layer, T, m->a->mla.q, m->q_row};
}

/* query = [W_UK q_nope ; q_rope], from rotated q */
static void absorb_queries(const MlaLayer *m, const Compute *compute, int64_t T)
{
    GemmTask *tasks = m->w->gemm_tasks;
    compute_rows(compute, T, ROWS_GRAIN, copy_rotated_part, (void *)(uintptr_t)m);
    for (int64_t h = 0; h < m->H; h++)
        rows_task_input(m->model, &tasks[h], m->w->mla_queries + h * m->key, m->H * m->key,
                        m->a->mla.q + h * (m->N + m->P), m->q_row, uk_at(m, h), uk_panels(m, h), 0, T, m->N, m->R);
    gemm_run_many(compute->k, compute->threads, tasks, m->H);
    const LoraLatent adapters = adapters_of(m, compute, T);
    if (lora_latent_has(m->model, m->layer)) lora_latent_queries(&adapters);
}

/* out = W_UV latent */
static void expand_values(const MlaLayer *m, const Compute *compute, int64_t T)
{
    GemmTask *tasks = m->w->gemm_tasks;
    for (int64_t h = 0; h < m->H; h++)
        rows_tasks(m->model, &tasks[h], m->a->attended + h * m->W, m->H * m->W, m->a->mla.latents + h * m->R,
                   m->H * m->R, uv_panels(m, h), T, m->W, m->R);
    gemm_run_many(compute->k, compute->threads, tasks, m->H);
    const LoraLatent adapters = adapters_of(m, compute, T);
    if (lora_latent_has(m->model, m->layer)) lora_latent_values(&adapters);
}

void mla_forward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, int64_t l)
{
    MlaLayer m = layer_of(model, compute, w, batch, l);
    const int64_t T = batch->n_rows;
    rows_linear_at(model, compute, m.a->mla.in, w->normed, m.p->mla_in, NULL, T, m.in_row, model->config.hidden_size);
    lora_forward(model, compute, w, l, LORA_Q, LORA_KV_A, w->normed, m.a->mla.in, T);
    compute_rows(compute, T, ROWS_GRAIN, latent_part, &m);
    if (m.o->q_b >= 0) {
        rows_linear_at(model, compute, m.a->mla.q, w->mla_q_normed, m.p->q_b, NULL, T, m.q_row, m.Q);
        lora_forward(model, compute, w, l, LORA_Q_B, LORA_Q_B, w->mla_q_normed, m.a->mla.q, T);
    }
    compute_rows(compute, T, ROWS_GRAIN, rotate_queries_part, &m);
    absorb_queries(&m, compute, T);
    mla_attention_forward(model, compute, w, batch, m.a, l);
    expand_values(&m, compute, T);
}

/* ---- backward ---- */

/* out = W_UV latent:  dW_UV chain over rows */
static void expand_values_weight(const MlaLayer *m, const Compute *compute, int64_t T)
{
    GemmTask *tasks = m->w->gemm_tasks;
    for (int64_t h = 0; h < m->H; h++)
        tasks[h].gemm = gemm_by_weight(m->grads + uv_at(m, h), m->w->d_attended + h * m->W, m->H * m->W,
                                       m->a->mla.latents + h * m->R, m->H * m->R, T, m->W, m->R);
    gemm_run_many(compute->k, compute->threads, tasks, m->H);
}

/* out = W_UV latent:  dlatent */
static void expand_values_backward(const MlaLayer *m, const Compute *compute, int64_t T, float *gradients)
{
    GemmTask *tasks = m->w->gemm_tasks;
    if (m->grads) expand_values_weight(m, compute, T);
    for (int64_t h = 0; h < m->H; h++)
        rows_task_input(m->model, &tasks[h], m->w->d_mla_latents + h * m->R, m->H * m->R, m->w->d_attended + h * m->W,
                        m->H * m->W, uv_at(m, h), uv_panels(m, h), 0, T, m->W, m->R);
    gemm_run_many(compute->k, compute->threads, tasks, m->H);
    const LoraLatent adapters = adapters_of(m, compute, T);
    if (lora_latent_has(m->model, m->layer)) lora_latent_values_backward(&adapters, gradients);
}

/* query[R ..] = rotated q_rope */
static void rotated_backward_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MlaLayer *m = context;
    for (int64_t t = begin; t < end; t++) {
        float *d_rope = m->d_q + t * m->q_row + m->N;
        for (int64_t h = 0; h < m->H; h++)
            memcpy(d_rope + h * (m->N + m->P), m->w->d_mla_queries + (t * m->H + h) * m->key + m->R,
                   (size_t)m->P * sizeof(float));
        rotate(m, d_rope, t, m->H, m->N + m->P, true);
    }
}

/* query = [W_UK q_nope ; q_rope]:  dW_UK chain over rows */
static void absorb_queries_weight(const MlaLayer *m, const Compute *compute, int64_t T)
{
    GemmTask *tasks = m->w->gemm_tasks;
    for (int64_t h = 0; h < m->H; h++)
        tasks[h].gemm = gemm_by_weight(m->grads + uk_at(m, h), m->a->mla.q + h * (m->N + m->P), m->q_row,
                                       m->w->d_mla_queries + h * m->key, m->H * m->key, T, m->N, m->R);
    gemm_run_many(compute->k, compute->threads, tasks, m->H);
}

/* query = [W_UK q_nope ; q_rope]:  dq */
static void absorb_queries_backward(const MlaLayer *m, const Compute *compute, int64_t T, float *gradients)
{
    GemmTask *tasks = m->w->gemm_tasks;
    if (m->grads) absorb_queries_weight(m, compute, T);
    for (int64_t h = 0; h < m->H; h++)
        rows_tasks(m->model, &tasks[h], m->d_q + h * (m->N + m->P), m->q_row, m->w->d_mla_queries + h * m->key,
                   m->H * m->key, uk_panels(m, h), T, m->N, m->R);
    gemm_run_many(compute->k, compute->threads, tasks, m->H);
    const LoraLatent adapters = adapters_of(m, compute, T);
    if (lora_latent_has(m->model, m->layer)) lora_latent_queries_backward(&adapters, m->d_q, gradients);
    compute_rows(compute, T, ROWS_GRAIN, rotated_backward_part, (void *)(uintptr_t)m);
}

/* key = [norm(c') ; rotated k'] */
static void key_backward_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MlaLayer *m = context;
    for (int64_t t = begin; t < end; t++) {
        const float *d_key = m->w->d_mla_keys + t * m->key;
        float *d_in = m->w->d_mla_in + t * m->in_row + m->Q;
        memset(d_in, 0, (size_t)m->R * sizeof *d_in);
        m->k->rms_norm_backward(d_in, d_key, m->a->mla.in + t * m->in_row + m->Q, m->a->mla.kv_rstd + t,
                                m->model->weights + m->o->kv_norm, 1, m->R);
        memcpy(d_in + m->R, d_key + m->R, (size_t)m->P * sizeof *d_in);
        rotate(m, d_in + m->R, t, 1, m->P, true);
    }
}

/* norm(q_a) */
static void q_norm_backward_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MlaLayer *m = context;
    for (int64_t t = begin; t < end; t++) {
        float *d_in = m->w->d_mla_in + t * m->in_row;
        memset(d_in, 0, (size_t)m->Q * sizeof *d_in);
        m->k->rms_norm_backward(d_in, m->w->d_mla_q_normed + t * m->Q, m->a->mla.in + t * m->in_row,
                                m->a->mla.q_rstd + t, m->model->weights + m->o->q_a_norm, 1, m->Q);
    }
}

/* Gradient of a norm's weight whose rows are parts of longer ones: one chain over rows for each column. */
typedef struct NormWeight {
    const Kernels *k;
    float *dw;
    const float *dy, *x, *rstd;
    int64_t T, dy_row, x_row;
} NormWeight;

static void norm_weight_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const NormWeight *n = context;
    for (int64_t t = 0; t < n->T; t++)
        n->k->rms_norm_backward_weight(n->dw + begin, n->dy + t * n->dy_row + begin, n->x + t * n->x_row + begin,
                                       n->rstd + t, 1, end - begin, end - begin);
}

static void norm_again_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MlaLayer *m = context;
    for (int64_t t = begin; t < end; t++)
        m->k->rms_norm(m->w->mla_q_normed + t * m->Q, NULL, m->a->mla.in + t * m->in_row,
                       m->model->weights + m->o->q_a_norm, 1, m->Q, m->eps);
}

/* q = W_qb norm(q_a) */
static void latent_queries_backward(const MlaLayer *m, const Compute *compute, int64_t T, float *gradients)
{
    DecoderWorkspace *const w = m->w;
    compute_rows(compute, T, ROWS_GRAIN, norm_again_part, (void *)(uintptr_t)m);
    if (m->grads) rows_linear_weight(compute, m->grads + m->o->q_b, m->d_q, w->mla_q_normed, T, m->q_row, m->Q);
    rows_linear_input_at(m->model, compute, w->d_mla_q_normed, m->d_q, m->o->q_b, m->p->q_b, T, m->q_row, m->Q, false);
    lora_backward_input(m->model, compute, w, m->layer, LORA_Q_B, LORA_Q_B, m->d_q, w->d_mla_q_normed, T);
    lora_backward_weights(m->model, compute, w, m->layer, LORA_Q_B, LORA_Q_B, w->mla_q_normed, m->d_q, gradients, T);
    if (m->grads) {
        NormWeight norm = {
            m->k, m->grads + m->o->q_a_norm, w->d_mla_q_normed, m->a->mla.in, m->a->mla.q_rstd, T, m->Q, m->in_row};
        compute_rows(compute, m->Q, COLUMN_GRAIN, norm_weight_part, &norm);
    }
    compute_rows(compute, T, ROWS_GRAIN, q_norm_backward_part, (void *)(uintptr_t)m);
}

void mla_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, int64_t l,
                  DecoderGradients *gradients)
{
    MlaLayer m = layer_of(model, compute, w, batch, l);
    const int64_t T = batch->n_backward_rows;
    m.grads = model->config.lora.rank > 0 ? NULL : gradients->flat;
    expand_values_backward(&m, compute, T, gradients->flat);
    absorb_queries(&m, compute, T); /* too wide to keep for every layer */
    mla_attention_backward(model, compute, w, batch, m.a, l, gradients);
    absorb_queries_backward(&m, compute, T, gradients->flat);
    if (m.grads) {
        NormWeight norm = {
            m.k, m.grads + m.o->kv_norm, w->d_mla_keys, m.a->mla.in + m.Q, m.a->mla.kv_rstd, T, m.key, m.in_row};
        compute_rows(compute, m.R, COLUMN_GRAIN, norm_weight_part, &norm);
    }
    compute_rows(compute, T, ROWS_GRAIN, key_backward_part, &m);
    if (m.o->q_b >= 0) latent_queries_backward(&m, compute, T, gradients->flat);
}
