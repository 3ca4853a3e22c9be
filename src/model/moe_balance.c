/* SPDX-License-Identifier: MIT */
#include "model/moe_balance.h"

#include <string.h>

enum { MAX_EXPERTS = 1 << 12 }; /* as config_deepseek.c checks */

void moe_update_bias(Model *model, const int64_t *loads, float rate)
{
    const ModelConfig *c = &model->config;
    const int64_t E = c->moe.n_experts;
    if (!c->moe.correction_bias) return;
    for (int64_t l = c->moe.first_layer; l < model_blocks(c); l++) {
        const int64_t *load = loads + l * E;
        float *bias = model->weights + model->layout.layers[l].moe.bias;
        int64_t total = 0;
        for (int64_t e = 0; e < E; e++) total += load[e];
        for (int64_t e = 0; e < E; e++) {
            if (load[e] * E < total) bias[e] += rate;
            if (load[e] * E > total) bias[e] -= rate;
        }
    }
    model->version++; /* the bias is in no panel, but what a cache holds is of the old one */
}

typedef struct Balance {
    const MoeConfig *c;
    const DecoderWorkspace *w;
    const DecoderBatch *batch;
    const MoeActivations *a;
} Balance;

static void row_gradient(const MoeConfig *c, float *d, const float *scores, const float *g)
{
    float sum = 0.0f, along = 0.0f;
    for (int64_t e = 0; e < c->n_experts; e++) sum += scores[e];
    for (int64_t e = 0; e < c->n_experts; e++) along += g[e] * (scores[e] / sum);
    for (int64_t e = 0; e < c->n_experts; e++) d[e] = (g[e] - along) / sum;
}

static void run_gradient(void *context, int64_t item, int thread)
{
    (void)thread;
    const Balance *b = context;
    const DecoderSegment *segment = &b->batch->segments[item];
    const int64_t E = b->c->n_experts, k = b->c->n_chosen, T = segment->n_rows;
    int64_t counts[MAX_EXPERTS];
    float g[MAX_EXPERTS];
    if (segment->row >= b->batch->n_backward_rows) return; /* a prompt whose turn comes in a later batch */
    memset(counts, 0, (size_t)E * sizeof *counts);
    for (int64_t i = segment->row * k; i < (segment->row + T) * k; i++) counts[b->a->chosen[i]]++;
    for (int64_t e = 0; e < E; e++)
        g[e] = (float)((double)b->batch->balance_weight * (double)(E * counts[e]) / ((double)(k * T) * (double)T));
    for (int64_t t = segment->row; t < segment->row + T; t++)
        row_gradient(b->c, b->w->d_scores + t * E, b->a->scores + t * E, g);
}

void moe_balance_gradient(const Model *model, const Compute *compute, const DecoderWorkspace *w,
                          const DecoderBatch *batch, int64_t layer)
{
    Balance b = {&model->config.moe, w, batch, &w->layers[layer].moe};
    threads_run(compute->threads, batch->n_segments, run_gradient, &b);
}
