/* SPDX-License-Identifier: MIT */
/* train/distill.h: knowledge distillation of logits: the divergence between a teacher's and a student's distribution of the next
 * token, over the tokens that a batch predicts.
 *
 *   loss = sum_t w[t] D(teacher_t, student_t) / sum_t w[t],   both softmax(z / temperature)
 *   D: generalised Jensen-Shannon of num/distill.h: beta 0 KL(teacher || student), 1 KL(student || teacher)
 * Source: Hinton et al. (1503.02531); on-policy and generalised: GKD (2306.13649), MiniLLM (2306.08543). As in TRL's GKD, the gradient
 * is not scaled by temperature^2.
 *
 * The teacher is any decoder with the student's vocabulary: its own shape, its weights as its file has them. It runs forward over each
 * micro-batch beside the student, and the two heads meet block by block: no [T, V] tensor of either stands in memory. */
#ifndef R1_TRAIN_DISTILL_H
#define R1_TRAIN_DISTILL_H

#include "train/batch.h"

typedef struct Teacher {
    Model *model; /* borrowed */
    DecoderWorkspace workspace;
} Teacher;
/* A zeroed Teacher with its model set is ready. */
void teacher_free(Teacher *teacher);
/* Bytes of its workspace for batches of these shapes. */
size_t teacher_plan_bytes(const ModelConfig *config, int64_t micro_batch_tokens, int64_t longest_sequence,
                          int n_threads);

typedef struct DistillLoss {
    float beta, inv_temperature;
    const float *weights; /* [n_tokens] w[t] / sum w, counted over the whole batch; NULL: forward only */
    float *divergences;   /* [n_tokens] nats, overwritten */
    float *entropies;     /* [n_tokens] of the student, overwritten; NULL: not wanted */
} DistillLoss;

/* Divergences of the whole batch and, with weights, the loss's gradient in trainer->gradients[0].flat. Fails where memory or the
 * teacher's positions end; the vocabularies must be equal. */
bool distill_gradient(Trainer *trainer, Model *student, Teacher *teacher, const TrainBatch *batch,
                      const DistillLoss *loss, Error *err) R1_MUST_CHECK;
/* sum_t weights[t] * divergences[t]: f64 in token order. */
double distill_loss_value(const float *weights, const float *divergences, int64_t n_tokens);

#endif
