/* SPDX-License-Identifier: MIT */
/* model/mtp.h: modules that predict further tokens (multi-token prediction: DeepSeek-V3, arXiv 2412.19437, section 2.2, eq. 21-25),
 * trained beside the model and used to guess ahead (rollout/mtp_draft.h). What the model itself computes does not depend on them.
 *
 * Module k (from 0; depth k + 1) has for the token t a row that reads what depth k says of t and the embedding of token t + k + 1, and
 * predicts token t + k + 2:
 *
 *   x      = eh_proj [ norm(embedding[id of t + k + 1]) * enorm ; norm(h) * hnorm ]     embedding first, as published weights have it
 *   h'     = block(x)                 a layer like the model's, with keys and values of its own, at the positions of t
 *   logits = W_head (norm(h') * shared_head.norm)
 *
 * h is the final norm's output for module 0, h' of the module before for the others. Embedding and head are the model's.
 * A module's rows are a batch of their own, since the last rows of a sequence have no token t + k + 1: segments, targets, cache as in
 * any DecoderBatch; ids are the tokens t + k + 1, positions those of t, rows[i] the row of the depth before that row i reads.
 *
 * Gradients: the head's and the lookup's have a chain of their own in each module (gradients->mtp), added by decoder_finish_gradients;
 * all others are one chain over rows, as everywhere. */
#ifndef R1_MODEL_MTP_H
#define R1_MODEL_MTP_H

#include "model/decoder.h"

/* What module k reads of the depth before after that depth's forward: [rows of that depth, D]. */
const float *mtp_previous(const Model *model, const DecoderWorkspace *workspace, int64_t k);
/* What depth k + 1 says of its rows: h', [rows, D]. */
const float *mtp_stream(const Model *model, const DecoderWorkspace *workspace, int64_t k);

/* previous: as mtp_previous gives it, or any [.., D] that no later forward has overwritten (mtp_stream of the module itself included). */
void mtp_forward(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t k,
                 const float *previous, const int64_t *rows, const DecoderBatch *batch);
/* All logits of rows[0 .. n) (n <= workspace->head_rows) of the module's last forward, one product, into workspace->logits [n, V]. */
void mtp_block_logits(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t k,
                      const int64_t *rows, int64_t n);
/* All logits of rows [first, first + n) of the module's last forward into logits [n, V]. */
void mtp_logits(const Model *model, const Compute *compute, const DecoderWorkspace *workspace, int64_t k, int64_t first,
                int64_t n, float *logits);

/* decoder_head over a module's rows; gradients->mtp must be there with a loss. */
void mtp_head(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t k,
              const DecoderBatch *batch, float inv_temperature, float *logprobs, DecoderLoss loss, void *loss_context,
              DecoderGradients *gradients);
/* After mtp_head of the same module, modules descending, before decoder_backward: the module's gradients, and dL/dh for what stands
 * before it: module 0 adds to d_hidden, which the model's head has filled. n_previous: rows of the depth before. */
void mtp_backward(const Model *model, const Compute *compute, DecoderWorkspace *workspace, int64_t k,
                  const int64_t *rows, int64_t n_previous, const DecoderBatch *batch, DecoderGradients *gradients);

#endif
