/* SPDX-License-Identifier: MIT */
/* model/decoder_distill.c: the head over blocks of rows beside a teacher's: where decoder_head.c asks a loss for the gradient by one
 * log-probability a row, here the gradient is by every logit, and comes from the teacher's block of the same rows. */
#include "model/decoder.h"

#include "model/decoder_rows.h"
#include "num/distill.h"
#include "num/head.h"

#include <string.h>

enum { DISTILL_ROW_GRAIN = 4 };

typedef struct DistillRegion {
    const Kernels *k;
    const DecoderWorkspace *w;
    const DecoderTeacher *teacher;
    int64_t V;
    float *divergences, *entropies; /* of this block */
    const float *weights;           /* of this block; NULL: forward only */
} DistillRegion;

static void distill_rows(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const DistillRegion *const r = context;
    const float beta = r->teacher->beta, t = r->teacher->inv_temperature;
    const DistillMode mode = distill_mode(beta);
    for (int64_t i = begin; i < end; i++) {
        float *const logits = r->w->logits + i * r->V;
        const float *const teacher_logits = r->teacher->workspace->logits + i * r->V;
        HeadRow student, teacher;
        DistillSums sums;
        r->k->head_row(&student, NULL, NULL, logits, r->V, t);
        r->k->head_row(&teacher, NULL, NULL, teacher_logits, r->V, t);
        const DistillScale scale = distill_scale(&student, &teacher, beta, t);
        r->k->distill_row(&sums, logits, teacher_logits, r->V, &scale, mode);
        r->divergences[i] = (float)distill_divergence(&sums, beta);
        r->entropies[i] = head_entropy(&student);
        if (r->weights)
            r->k->distill_row_backward(logits, teacher_logits, &sums, r->V, &scale, mode,
                                       distill_factor(beta, t, r->weights[i]));
    }
}

void decoder_head_distill(const Model *model, const Compute *compute, DecoderWorkspace *w, const DecoderBatch *batch,
                          const DecoderTeacher *teacher, float *divergences, float *entropies, const float *weights,
                          DecoderGradients *gradients)
{
    const int64_t D = model->config.hidden_size, V = model->config.vocab_size;
    const int64_t most = w->head_rows < teacher->workspace->head_rows ? w->head_rows : teacher->workspace->head_rows;
    if (weights) memset(w->d_hidden, 0, (size_t)(batch->n_backward_rows * D) * sizeof(float));
    for (int64_t first = 0; first < batch->n_targets; first += most) {
        const int64_t n = batch->n_targets - first < most ? batch->n_targets - first : most;
        head_block_logits(model, compute, w, batch, first, n);
        head_block_logits(teacher->model, compute, teacher->workspace, batch, first, n);
        DistillRegion region = {.k = compute->k,
                                .w = w,
                                .teacher = teacher,
                                .V = V,
                                .divergences = divergences + first,
                                .entropies = entropies ? entropies + first : w->head_entropy,
                                .weights = weights ? weights + first : NULL};
        compute_rows(compute, n, DISTILL_ROW_GRAIN, distill_rows, &region);
        if (weights) head_block_backward(model, compute, w, batch, first, n, gradients);
    }
}
