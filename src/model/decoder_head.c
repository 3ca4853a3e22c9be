/* SPDX-License-Identifier: MIT */
/* model/decoder_head.c: the head over blocks of rows. A block's logits become log-probabilities, the loss answers with their gradient, and
 * the same floats become the gradient by the logits: [head_rows, V] is all that ever stands. */
#include "model/decoder.h"

#include "model/decoder_rows.h"
#include "num/head.h"

#include <string.h>

enum { HEAD_ROW_GRAIN = 4 };

typedef struct HeadRegion {
    const Kernels *k;
    const DecoderWorkspace *w;
    int64_t V;
    float inv_temperature;
    const int32_t *targets; /* of this block */
    float *logprobs, *entropies;
} HeadRegion;

static void summarise_rows(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const HeadRegion *r = context;
    for (int64_t i = begin; i < end; i++) {
        const float *logits = r->w->logits + i * r->V;
        HeadRow *row = &r->w->head_summaries[i];
        r->k->head_row(row, NULL, NULL, logits, r->V, r->inv_temperature);
        r->logprobs[i] = head_logprob(row, logits, r->targets[i], r->inv_temperature);
        r->entropies[i] = head_entropy(row);
    }
}

static void differentiate_rows(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const HeadRegion *r = context;
    for (int64_t i = begin; i < end; i++)
        r->k->head_row_backward(r->w->logits + i * r->V, &r->w->head_summaries[i], r->V, r->targets[i],
                                r->w->head_dlogprob[i], r->w->head_dentropy[i], r->inv_temperature);
}

static void gather_rows(float *to, const float *from, const int64_t *rows, int64_t n, int64_t D)
{
    for (int64_t i = 0; i < n; i++) memcpy(to + i * D, from + rows[i] * D, (size_t)D * sizeof(float));
}

static void scatter_rows(float *to, const float *from, const int64_t *rows, int64_t n, int64_t D)
{
    for (int64_t i = 0; i < n; i++) memcpy(to + rows[i] * D, from + i * D, (size_t)D * sizeof(float));
}

void head_block_logits(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                       int64_t first, int64_t n)
{
    gather_rows(w->head_input, w->hidden, batch->target_rows + first, n, model->config.hidden_size);
    rows_linear_at(model, compute, w->logits, w->head_input, model->head_panels, NULL, n, model->config.vocab_size,
                   model->config.hidden_size);
}

void head_block_backward(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                         int64_t first, int64_t n, DecoderGradients *gradients)
{
    const int64_t D = model->config.hidden_size, V = model->config.vocab_size;
    if (model->config.lora.rank == 0)
        rows_linear_weight(compute, gradients->head ? gradients->head : gradients->flat + model->layout.head, w->logits,
                           w->head_input, n, V, D);
    rows_linear_input_at(model, compute, w->head_gradient, w->logits, model->layout.head, model->head_panels, n, V, D,
                         false);
    scatter_rows(w->d_hidden, w->head_gradient, batch->target_rows + first, n, D);
}

void decoder_head(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                  float inv_temperature, float *logprobs, float *entropies, DecoderLoss loss, void *loss_context,
                  DecoderGradients *gradients)
{
    const int64_t D = model->config.hidden_size, V = model->config.vocab_size;
    if (loss) memset(w->d_hidden, 0, (size_t)(batch->n_backward_rows * D) * sizeof(float));
    for (int64_t first = 0; first < batch->n_targets; first += w->head_rows) {
        const int64_t n = batch->n_targets - first < w->head_rows ? batch->n_targets - first : w->head_rows;
        float *block_entropies = entropies ? entropies + first : w->head_entropy;
        head_block_logits(model, compute, w, batch, first, n);
        HeadRegion region = {compute->k,     w, V, inv_temperature, batch->targets + first, logprobs + first,
                             block_entropies};
        compute_rows(compute, n, HEAD_ROW_GRAIN, summarise_rows, &region);
        if (!loss) continue;
        loss(loss_context, first, n, logprobs + first, block_entropies, w->head_dlogprob, w->head_dentropy);
        compute_rows(compute, n, HEAD_ROW_GRAIN, differentiate_rows, &region);
        head_block_backward(model, compute, w, batch, first, n, gradients);
    }
}

void decoder_logits(const Model *model, const Compute *compute, const DecoderWorkspace *w, int64_t first, int64_t n,
                    float *logits)
{
    const int64_t D = model->config.hidden_size;
    rows_linear_at(model, compute, logits, w->hidden + first * D, model->head_panels, NULL, n, model->config.vocab_size,
                   D);
}
