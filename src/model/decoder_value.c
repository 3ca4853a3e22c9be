/* SPDX-License-Identifier: MIT */
/* model/decoder_value.c: the scalar head: one number a target row, of a reward model or of a value function. */
#include "model/decoder.h"

#include "model/decoder_rows.h"

#include <string.h>

typedef struct ValueRegion {
    const Kernels *k;
    const int64_t *rows; /* target rows, ascending */
    const float *hidden, *score;
    float *values;         /* [targets] */
    const float *d_values; /* [targets] */
    float *d_hidden;       /* [T, D] */
    int64_t D;
} ValueRegion;

static void value_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const ValueRegion *r = context;
    for (int64_t i = begin; i < end; i++) r->values[i] = r->k->dot(r->score, r->hidden + r->rows[i] * r->D, r->D);
}

/* value = score . hidden:  dhidden = dvalue * score */
static void input_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const ValueRegion *r = context;
    for (int64_t i = begin; i < end; i++) {
        float *const dx = r->d_hidden + r->rows[i] * r->D;
        for (int64_t d = 0; d < r->D; d++) dx[d] = r->d_values[i] * r->score[d];
    }
}

/* value = score . hidden:  dscore += chain over rows of dvalue * hidden */
static void weight_backward(const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch, float *d_score,
                            int64_t D)
{
    for (int64_t first = 0; first < batch->n_targets; first += w->head_rows) {
        const int64_t n = batch->n_targets - first < w->head_rows ? batch->n_targets - first : w->head_rows;
        for (int64_t i = 0; i < n; i++)
            memcpy(w->head_input + i * D, w->hidden + batch->target_rows[first + i] * D, (size_t)D * sizeof(float));
        rows_linear_weight(compute, d_score, w->d_values + first, w->head_input, n, 1, D);
    }
}

void decoder_values(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                    float *values, DecoderValueLoss loss, void *loss_context, DecoderGradients *gradients)
{
    const int64_t D = model->config.hidden_size;
    ValueRegion r = {.k = compute->k,
                     .rows = batch->target_rows,
                     .hidden = w->hidden,
                     .score = model_score(model),
                     .values = values,
                     .d_values = w->d_values,
                     .d_hidden = w->d_hidden,
                     .D = D};
    compute_rows(compute, batch->n_targets, ROWS_GRAIN, value_part, &r);
    if (!loss) return;
    memset(w->d_hidden, 0, (size_t)(batch->n_backward_rows * D) * sizeof(float));
    loss(loss_context, 0, batch->n_targets, values, w->d_values);
    compute_rows(compute, batch->n_targets, ROWS_GRAIN, input_part, &r);
    weight_backward(compute, w, batch, gradients->flat + model_trained_layout(model)->score, D);
}
