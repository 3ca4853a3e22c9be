/* SPDX-License-Identifier: MIT */
/* model/moe_block.c: slots, and the experts' products over them, forward and backward. See moe_block.h. */
#include "model/moe_block.h"

#include "model/decoder_rows.h"
#include "model/lora.h"
#include "model/moe_balance.h"
#include "model/moe_gate.h"

#include <string.h>

enum { SLOT_GRAIN = 16 };

/* One layer in hand. D, E, F (of one expert), k (chosen a token) as everywhere. */
typedef struct MoeLayer {
    const Model *model;
    const Kernels *k;
    const MoeConfig *c;
    DecoderWorkspace *w;
    const MoeActivations *a;
    const MoeOffsets *o;
    const LayerPanels *p;
    int64_t layer;
    const float *bias; /* [E] or NULL */
    int64_t D, E, F, n_chosen;
    int64_t T;       /* rows that take part: all in the forward, those with a backward in the backward */
    int64_t n_slots; /* of all rows */
    bool balanced;   /* d_scores holds the balance loss's gradient */
} MoeLayer;

static MoeLayer layer_of(const Model *model, const Compute *compute, DecoderWorkspace *w, int64_t l, int64_t T,
                         int64_t n_rows)
{
    const MoeConfig *c = &model->config.moe;
    const MoeOffsets *o = &model->layout.layers[l].moe;
    return (MoeLayer){.model = model,
                      .k = compute->k,
                      .c = c,
                      .w = w,
                      .a = &w->layers[l].moe,
                      .o = o,
                      .p = &model->layer_panels[l],
                      .layer = l,
                      .bias = o->bias >= 0 ? model->weights + o->bias : NULL,
                      .D = model->config.hidden_size,
                      .E = c->n_experts,
                      .F = c->ffn_size,
                      .n_chosen = c->n_chosen,
                      .T = T,
                      .n_slots = n_rows * c->n_chosen};
}

/* ---- slots ---- */

static void gate_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MoeLayer *m = context;
    for (int64_t t = begin; t < end; t++) {
        float *scores = m->a->scores + t * m->E;
        int32_t *chosen = m->a->chosen + t * m->n_chosen;
        moe_gate_scores(m->c, scores);
        moe_gate_choose(m->c, chosen, scores, m->bias);
        moe_gate_weights(m->c, m->a->weights + t * m->n_chosen, scores, chosen);
    }
}

/* Counting sort by expert; rows ascend within one because they are met in order. */
static void assign_slots(const MoeLayer *m)
{
    int64_t *first = m->a->first, *next = m->w->expert_next;
    memset(first, 0, (size_t)(m->E + 1) * sizeof *first);
    for (int64_t i = 0; i < m->n_slots; i++) first[m->a->chosen[i] + 1]++;
    for (int64_t e = 0; e < m->E; e++) first[e + 1] += first[e];
    memcpy(next, first, (size_t)m->E * sizeof *next);
    for (int64_t i = 0; i < m->n_slots; i++) {
        const int64_t slot = next[m->a->chosen[i]]++;
        m->a->slots[i] = (int32_t)slot;
        m->a->rows[slot] = (int32_t)(i / m->n_chosen);
        m->w->slot_weights[slot] = m->a->weights[i];
    }
}

/* Slots of expert e that take part: its first ones, since its rows ascend. */
static int64_t expert_slots(const MoeLayer *m, int64_t e)
{
    int64_t low = m->a->first[e], high = m->a->first[e + 1];
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (m->a->rows[middle] < m->T)
            low = middle + 1;
        else
            high = middle;
    }
    return low - m->a->first[e];
}

/* The slots that adapters see: those that take part. The counts stand in an array that is free once slots are assigned. */
static LoraSlots adapter_slots(const MoeLayer *m)
{
    for (int64_t e = 0; e < m->E; e++) m->w->expert_next[e] = expert_slots(m, e);
    return (LoraSlots){m->a->first, m->w->expert_next, m->n_slots};
}

typedef struct Gather {
    const MoeLayer *m;
    float *to;         /* [slots, D] */
    const float *from; /* [T, D] */
} Gather;

static void gather_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const Gather *g = context;
    const int64_t D = g->m->D;
    for (int64_t slot = begin; slot < end; slot++)
        if (g->m->a->rows[slot] < g->m->T)
            memcpy(g->to + slot * D, g->from + g->m->a->rows[slot] * D, (size_t)D * sizeof(float));
}

static void gather(const MoeLayer *m, const Compute *compute, float *to, const float *from)
{
    Gather g = {m, to, from};
    compute_rows(compute, m->n_slots, SLOT_GRAIN, gather_part, &g);
}

static void scale_row(float *x, float by, int64_t n)
{
    for (int64_t i = 0; i < n; i++) x[i] *= by;
}

/* ---- forward ---- */

/* hidden = weight * swiglu(gate_up) */
static void hidden_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MoeLayer *m = context;
    float *hidden = m->w->expert_hidden + begin * m->F;
    m->k->swiglu(hidden, m->a->gate_up + begin * 2 * m->F, end - begin, m->F);
    for (int64_t slot = begin; slot < end; slot++, hidden += m->F) scale_row(hidden, m->w->slot_weights[slot], m->F);
}

/* projected = (y of the first chosen + y of the second ...) + projected; the sum stands in the first one's row. */
static void combine_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MoeLayer *m = context;
    const bool shared = m->c->n_shared > 0;
    for (int64_t t = begin; t < end; t++) {
        const int32_t *slots = m->a->slots + t * m->n_chosen;
        float *sum = m->w->expert_rows + slots[0] * m->D, *out = m->w->projected + t * m->D;
        for (int64_t i = 1; i < m->n_chosen; i++) m->k->add(sum, sum, m->w->expert_rows + slots[i] * m->D, m->D);
        if (shared)
            m->k->add(out, sum, out, m->D);
        else
            memcpy(out, sum, (size_t)m->D * sizeof *out);
    }
}

void moe_route(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, int64_t l)
{
    MoeLayer m = layer_of(model, compute, w, l, batch->n_rows, batch->n_rows);
    GemmTask *tasks = w->gemm_tasks;
    rows_linear_at(model, compute, m.a->scores, w->normed, m.p->router, NULL, m.T, m.E, m.D);
    compute_rows(compute, m.T, SLOT_GRAIN, gate_part, &m);
    assign_slots(&m);
    gather(&m, compute, w->expert_rows, w->normed);
    int64_t n_tasks = 0;
    for (int64_t e = 0; e < m.E; e++) {
        const int64_t first = m.a->first[e], n = m.a->first[e + 1] - first;
        n_tasks +=
            rows_tasks(model, &tasks[n_tasks], m.a->gate_up + first * 2 * m.F, 2 * m.F, w->expert_rows + first * m.D,
                       m.D, m.p->experts + e * m.p->expert_stride, n, 2 * m.F, m.D);
    }
    gemm_run_many(compute->k, compute->threads, tasks, n_tasks);
    const LoraSlots slots = adapter_slots(&m);
    lora_experts_forward(model, compute, w, l, LORA_EXPERT_GATE, LORA_EXPERT_UP, &slots, w->expert_rows, m.a->gate_up);
}

void moe_combine(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, int64_t l)
{
    MoeLayer m = layer_of(model, compute, w, l, batch->n_rows, batch->n_rows);
    GemmTask *tasks = w->gemm_tasks;
    compute_rows(compute, m.n_slots, SLOT_GRAIN, hidden_part, &m);
    for (int64_t e = 0; e < m.E; e++) {
        const int64_t first = m.a->first[e], n = m.a->first[e + 1] - first;
        rows_tasks(model, &tasks[e], w->expert_rows + first * m.D, m.D, w->expert_hidden + first * m.F, m.F,
                   m.p->experts + e * m.p->expert_stride + m.p->expert_down, n, m.D, m.F);
    }
    gemm_run_many(compute->k, compute->threads, tasks, m.E);
    const LoraSlots slots = adapter_slots(&m);
    lora_experts_forward(model, compute, w, l, LORA_EXPERT_DOWN, LORA_EXPERT_DOWN, &slots, w->expert_hidden,
                         w->expert_rows);
    compute_rows(compute, m.T, SLOT_GRAIN, combine_part, &m);
}

/* ---- backward ---- */

/* y = W_down (weight * h), h = swiglu(gate_up), with g = dy W_down in expert_hidden:
 * dweight = g . h;  dh = weight * g;  and weight * h in place of g, for W_down's gradient */
static void hidden_backward_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MoeLayer *m = context;
    for (int64_t slot = begin; slot < end; slot++) {
        if (m->a->rows[slot] >= m->T) continue;
        const float *gate_up = m->a->gate_up + slot * 2 * m->F;
        float *g = m->w->expert_hidden + slot * m->F, *d_gate_up = m->w->d_expert_gate_up + slot * 2 * m->F;
        const float weight = m->w->slot_weights[slot];
        m->k->swiglu(d_gate_up, gate_up, 1, m->F); /* room for h until d_gate_up itself comes */
        m->w->d_slot_weights[slot] = m->k->dot(g, d_gate_up, m->F);
        scale_row(g, weight, m->F);
        m->k->swiglu_backward(d_gate_up, g, gate_up, 1, m->F);
        scale_row(g, weight, m->F);
    }
}

/* d_normed += dx of each chosen expert, ascending; and the gate's d_logits in place of its scores' gradient. */
static void rows_backward_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MoeLayer *m = context;
    for (int64_t t = begin; t < end; t++) {
        const int32_t *slots = m->a->slots + t * m->n_chosen;
        float *d = m->w->d_normed + t * m->D, *d_weights = m->w->d_row_weights + t * m->n_chosen;
        float *d_scores = m->w->d_scores + t * m->E;
        for (int64_t i = 0; i < m->n_chosen; i++) {
            m->k->add(d, d, m->w->expert_rows + slots[i] * m->D, m->D);
            d_weights[i] = m->w->d_slot_weights[slots[i]];
        }
        if (!m->balanced) memset(d_scores, 0, (size_t)m->E * sizeof *d_scores);
        moe_gate_backward(m->c, d_scores, m->a->scores + t * m->E, m->a->chosen + t * m->n_chosen, d_weights);
    }
}

/* The slots' weights stand in an array that all layers share. */
static void weights_to_slots(const MoeLayer *m)
{
    for (int64_t i = 0; i < m->n_slots; i++) m->w->slot_weights[m->a->slots[i]] = m->a->weights[i];
}

/* g = dy W_down */
static void down_backward(const MoeLayer *m, const Compute *compute, const LoraSlots *slots)
{
    GemmTask *tasks = m->w->gemm_tasks;
    for (int64_t e = 0; e < m->E; e++) {
        const int64_t first = m->a->first[e];
        rows_task_input(m->model, &tasks[e], m->w->expert_hidden + first * m->F, m->F, m->w->expert_rows + first * m->D,
                        m->D, m->o->experts + e * m->o->expert_stride + m->o->expert_down,
                        m->p->experts + e * m->p->expert_stride + m->p->expert_down, 0, slots->counts[e], m->D, m->F);
    }
    gemm_run_many(compute->k, compute->threads, tasks, m->E);
    lora_experts_hidden(m->model, compute, m->w, m->layer, LORA_EXPERT_DOWN, LORA_EXPERT_DOWN, slots,
                        m->w->expert_rows);
    lora_experts_input(m->model, compute, m->w, m->layer, LORA_EXPERT_DOWN, LORA_EXPERT_DOWN, slots,
                       m->w->expert_hidden);
}

/* dW_down += dy^T (weight h) */
static void down_weight(const MoeLayer *m, const Compute *compute, float *grads)
{
    GemmTask *tasks = m->w->gemm_tasks;
    for (int64_t e = 0; e < m->E; e++) {
        const int64_t first = m->a->first[e];
        float *down = grads + m->o->experts + e * m->o->expert_stride + m->o->expert_down;
        tasks[e].gemm = gemm_by_weight(down, m->w->expert_rows + first * m->D, m->D, m->w->expert_hidden + first * m->F,
                                       m->F, expert_slots(m, e), m->D, m->F);
    }
    gemm_run_many(compute->k, compute->threads, tasks, m->E);
}

/* dW_gate_up += d_gate_up^T x */
static void gate_up_weight(const MoeLayer *m, const Compute *compute, float *grads)
{
    GemmTask *tasks = m->w->gemm_tasks;
    for (int64_t e = 0; e < m->E; e++) {
        const int64_t first = m->a->first[e];
        tasks[e].gemm =
            gemm_by_weight(grads + m->o->experts + e * m->o->expert_stride, m->w->d_expert_gate_up + first * 2 * m->F,
                           2 * m->F, m->w->expert_rows + first * m->D, m->D, expert_slots(m, e), 2 * m->F, m->D);
    }
    gemm_run_many(compute->k, compute->threads, tasks, m->E);
}

/* dx = d_gate_up W_gate_up in place of the gathered x */
static void gate_up_backward(const MoeLayer *m, const Compute *compute, const LoraSlots *slots)
{
    GemmTask *tasks = m->w->gemm_tasks;
    for (int part = 0; part < rows_parts(m->model, m->p->experts); part++) {
        for (int64_t e = 0; e < m->E; e++) {
            const int64_t first = m->a->first[e];
            rows_task_input(m->model, &tasks[e], m->w->expert_rows + first * m->D, m->D,
                            m->w->d_expert_gate_up + first * 2 * m->F, 2 * m->F,
                            m->o->experts + e * m->o->expert_stride, m->p->experts + e * m->p->expert_stride, part,
                            slots->counts[e], 2 * m->F, m->D);
        }
        gemm_run_many(compute->k, compute->threads, tasks, m->E);
    }
    lora_experts_input(m->model, compute, m->w, m->layer, LORA_EXPERT_GATE, LORA_EXPERT_UP, slots, m->w->expert_rows);
}

void moe_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, int64_t l,
                  DecoderGradients *gradients)
{
    MoeLayer m = layer_of(model, compute, w, l, batch->n_backward_rows, batch->n_rows);
    float *flat = gradients->flat, *grads = model->config.lora.rank > 0 ? NULL : flat;
    const LoraSlots slots = adapter_slots(&m);
    weights_to_slots(&m);
    gather(&m, compute, w->expert_rows, w->d_stream);
    down_backward(&m, compute, &slots);
    compute_rows(compute, m.n_slots, SLOT_GRAIN, hidden_backward_part, &m);
    if (grads) down_weight(&m, compute, grads);
    lora_experts_weights(model, compute, w, l, LORA_EXPERT_DOWN, LORA_EXPERT_DOWN, &slots, w->expert_hidden,
                         w->expert_rows, flat);
    gather(&m, compute, w->expert_rows, w->normed);
    if (grads) gate_up_weight(&m, compute, grads);
    lora_experts_hidden(model, compute, w, l, LORA_EXPERT_GATE, LORA_EXPERT_UP, &slots, w->d_expert_gate_up);
    lora_experts_weights(model, compute, w, l, LORA_EXPERT_GATE, LORA_EXPERT_UP, &slots, w->expert_rows,
                         w->d_expert_gate_up, flat);
    gate_up_backward(&m, compute, &slots);
    m.balanced = batch->balance_weight != 0.0f;
    if (m.balanced) moe_balance_gradient(model, compute, w, batch, l);
    compute_rows(compute, m.T, SLOT_GRAIN, rows_backward_part, &m);
    if (grads) rows_linear_weight(compute, grads + m.o->router, w->d_scores, w->normed, m.T, m.E, m.D);
    rows_linear_input_at(model, compute, w->d_normed, w->d_scores, m.o->router, m.p->router, m.T, m.E, m.D, true);
    for (int64_t e = 0; e < m.E; e++) gradients->loads[l * m.E + e] += expert_slots(&m, e);
}
