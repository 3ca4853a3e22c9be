/* SPDX-License-Identifier: MIT */
/* train/mtp.h: cross-entropy of the model and of its modules that predict further tokens (DeepSeek-V3, arXiv 2412.19437, eq. 24-25):
 *
 *   loss = loss_main + weight / M * sum over the M modules of loss_k
 *   loss_k = -sum of w[i] log p_k[i] / sum of all w,   i over the tokens that module k predicts: in each sequence all but the first k + 1
 *
 * w and its sum are the model's own (train/sft.h), so every depth is divided by the same number, as in the paper. */
#ifndef R1_TRAIN_MTP_H
#define R1_TRAIN_MTP_H

#include "train/batch.h"
#include "train/sft.h"

/* trainer_gradient of the sum above; the model's modules have to be trained (model_train_mtp before the trainer was made). Groups without
 * prompts only. logprobs, entropies (may be NULL): of the model, as trainer_gradient gives them. mtp_loss: the mean of loss_k over modules, f64
 * sums in token order. */
bool trainer_mtp_gradient(Trainer *trainer, Model *model, const TrainBatch *batch, const SftLoss *loss, double weight,
                          float *logprobs, float *entropies, double *mtp_loss, Error *err) R1_MUST_CHECK;

/* Bytes of the lists that the modules' rows need beside the trainer's, for micro-batches of at most max_rows rows. */
size_t trainer_mtp_bytes(const ModelConfig *config, int64_t max_rows);

#endif
