/* SPDX-License-Identifier: MIT */
/* model/lora_latent.c: adapters on kv_b_proj, whose matrix is never applied as a whole: see lora.h for what becomes of them in the
 * absorbed form. Rows of r channels stand for (token, head), heads of a token side by side. */
#include "model/lora.h"

#include "model/decoder_rows.h"

enum { COLUMN_GRAIN = 32 };

/* Sizes as in mla_block.h, and where things stand. */
typedef struct Latent {
    const LoraLatent *l;
    DecoderWorkspace *w;
    const LayerActivations *a;
    const AdapterOffsets *o;
    const AdapterPanels *p;
    const float *weights, *panels;
    int64_t H, N, P, W, R, key, r, T;
} Latent;

static Latent latent_of(const LoraLatent *l)
{
    const ModelConfig *const c = &l->model->config;
    const int64_t i = l->layer * LORA_MODULES + LORA_KV_B;
    return (Latent){.l = l,
                    .w = l->workspace,
                    .a = &l->workspace->layers[l->layer],
                    .o = &l->model->lora.layout.adapters[i],
                    .p = &l->model->lora.adapter_panels[i],
                    .weights = l->model->lora.weights,
                    .panels = l->model->lora.panels,
                    .H = c->n_heads,
                    .N = c->mla.nope_dim,
                    .P = c->mla.rope_dim,
                    .W = c->mla.v_dim,
                    .R = c->mla.kv_lora_rank,
                    .key = mla_key_size(c),
                    .r = c->lora.rank,
                    .T = l->T};
}

bool lora_latent_has(const Model *model, int64_t layer)
{
    return lora_adapts(model, layer) && lora_has(&model->config, layer, LORA_KV_B);
}

/* B_UK and B_UV of head h, row-major: [N, r] and [W, r]. */
static int64_t uk_at(const Latent *m, int64_t h)
{
    return m->o->b + h * (m->N + m->W) * m->r;
}
static int64_t uv_at(const Latent *m, int64_t h)
{
    return uk_at(m, h) + m->N * m->r;
}

static void run_heads(const Latent *m)
{
    gemm_run_many(m->l->compute->k, m->l->compute->threads, m->w->gemm_tasks, m->H);
}

static void run_one(const Latent *m, const Gemm *g)
{
    gemm_run(m->l->compute->k, m->l->compute->threads, g);
}

static void scale(const Latent *m, float *x)
{
    lora_scale_rows(m->l->model, m->l->compute, x, m->T * m->H);
}

/* t = (B_UK^T q_nope) * scale */
static void hidden_of_queries(const Latent *m)
{
    for (int64_t h = 0; h < m->H; h++)
        m->w->gemm_tasks[h].gemm = gemm_by_input(m->w->lora_hidden + h * m->r, m->H * m->r, m->l->q + h * (m->N + m->P),
                                                 m->l->q_row, m->weights + uk_at(m, h), m->T, m->N, m->r, false);
    run_heads(m);
    scale(m, m->w->lora_hidden);
}

/* h = (A latent) * scale */
static void hidden_of_values(const Latent *m)
{
    const Gemm g = gemm_forward(m->w->lora_hidden, m->r, m->a->mla.latents, m->R, m->panels + m->p->a, NULL,
                                m->T * m->H, m->r, m->R);
    run_one(m, &g);
    scale(m, m->w->lora_hidden);
}

/* query += A^T t */
void lora_latent_queries(const LoraLatent *l)
{
    const Latent m = latent_of(l);
    hidden_of_queries(&m);
    const Gemm g =
        gemm_by_input(m.w->mla_queries, m.key, m.w->lora_hidden, m.r, m.weights + m.o->a, m.T * m.H, m.r, m.R, true);
    run_one(&m, &g);
}

/* out += B_UV h */
void lora_latent_values(const LoraLatent *l)
{
    const Latent m = latent_of(l);
    hidden_of_values(&m);
    for (int64_t h = 0; h < m.H; h++) {
        Gemm *const g = &m.w->gemm_tasks[h].gemm;
        *g = gemm_forward(m.a->attended + h * m.W, m.H * m.W, m.w->lora_hidden + h * m.r, m.H * m.r,
                          m.panels + m.p->uv + h * m.p->uv_stride, NULL, m.T, m.W, m.r);
        g->accumulate = true;
    }
    run_heads(&m);
}

/* out += B_UV h, h = (A latent) * scale:  d = (B_UV^T dout) * scale, dlatent += A^T d, dB_UV += dout h^T */
void lora_latent_values_backward(const LoraLatent *l, float *gradients)
{
    const Latent m = latent_of(l);
    float *const d = m.w->lora_d_hidden;
    for (int64_t h = 0; h < m.H; h++)
        m.w->gemm_tasks[h].gemm = gemm_by_input(d + h * m.r, m.H * m.r, m.w->d_attended + h * m.W, m.H * m.W,
                                                m.weights + uv_at(&m, h), m.T, m.W, m.r, false);
    run_heads(&m);
    scale(&m, d);
    const Gemm by_latent =
        gemm_by_input(m.w->d_mla_latents, m.R, d, m.r, m.weights + m.o->a, m.T * m.H, m.r, m.R, true);
    run_one(&m, &by_latent);
    hidden_of_values(&m);
    for (int64_t h = 0; h < m.H; h++)
        m.w->gemm_tasks[h].gemm = gemm_by_weight(gradients + uv_at(&m, h), m.w->d_attended + h * m.W, m.H * m.W,
                                                 m.w->lora_hidden + h * m.r, m.H * m.r, m.T, m.W, m.r);
    run_heads(&m);
}

typedef struct ByA {
    const Latent *m;
    const float *d; /* of the values; lora_hidden holds t */
    float *da;
} ByA;

/* Columns [begin, end) of dA: its chain goes on over the heads of one token, d^T x. */
static void heads_by_a(const ByA *r, const float *d, const float *x, int64_t x_row, int64_t begin, int64_t end)
{
    const Latent *const m = r->m;
    Gemm g = gemm_by_weight(r->da + begin, d, m->r, x + begin, x_row, m->H, m->r, m->R);
    g.n = end - begin;
    m->l->compute->k->gemm(&g);
}

static void by_a_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const ByA *const r = context;
    const Latent *const m = r->m;
    for (int64_t t = 0; t < m->T; t++) {
        const int64_t row = t * m->H;
        heads_by_a(r, r->d + row * m->r, m->a->mla.latents + row * m->R, m->R, begin, end);
        heads_by_a(r, m->w->lora_hidden + row * m->r, m->w->d_mla_queries + row * m->key, m->key, begin, end);
    }
}

/* query += A^T t, t = (B_UK^T q) * scale:  d = (A dquery) * scale, dB_UK += q d^T, dq += B_UK d;  dA, the values' part too */
void lora_latent_queries_backward(const LoraLatent *l, float *d_q, float *gradients)
{
    const Latent m = latent_of(l);
    const int64_t head = m.N + m.P;
    float *const d_values = m.w->lora_d_hidden, *const d = d_values + m.T * m.H * m.r;
    const Gemm by_hidden =
        gemm_forward(d, m.r, m.w->d_mla_queries, m.key, m.panels + m.p->a, NULL, m.T * m.H, m.r, m.R);
    run_one(&m, &by_hidden);
    scale(&m, d);
    for (int64_t h = 0; h < m.H; h++)
        m.w->gemm_tasks[h].gemm =
            gemm_by_weight(gradients + uk_at(&m, h), l->q + h * head, l->q_row, d + h * m.r, m.H * m.r, m.T, m.N, m.r);
    run_heads(&m);
    for (int64_t h = 0; h < m.H; h++) {
        Gemm *const g = &m.w->gemm_tasks[h].gemm;
        *g = gemm_forward(d_q + h * head, l->q_row, d + h * m.r, m.H * m.r, m.panels + m.p->b + h * m.p->stride, NULL,
                          m.T, m.N, m.r);
        g->accumulate = true;
    }
    run_heads(&m);
    hidden_of_queries(&m);
    ByA by_a = {&m, d_values, gradients + m.o->a};
    compute_rows(l->compute, m.R, COLUMN_GRAIN, by_a_part, &by_a);
}
