/* SPDX-License-Identifier: MIT */
/* train/batch.h: an optimiser batch as an ordered list of groups, cut into micro-batches that fit in memory, and its gradient.
 *
 * How the batch is cut cannot move a bit: every weight gradient is one FMA chain over rows, carried on from micro-batch to micro-batch, and the caller
 * counts its normalisers over the whole batch before it calls. A micro-batch is whole sequences; a group may be cut between two completions.
 *
 * The same batches train a model with a scalar head (trainer_values, trainer_value_gradient): a value stands after each row from first_target on,
 * a function of the row's token and what came before it. A reward model has one a sequence, first_target = n_rows - 1; a value function one a token. */
#ifndef R1_TRAIN_BATCH_H
#define R1_TRAIN_BATCH_H

#include "model/decoder.h"

/* n rows of input, each predicting its target. For a completion o_1..o_n: inputs are the prompt's last token, o_1 .. o_(n-1), targets o_1 .. o_n. For a
 * document: all but the last token, all but the first. */
typedef struct TrainSequence {
    const int32_t *inputs, *targets; /* [n_rows], borrowed; without targets where values are computed: then NULL */
    int64_t n_rows;
    int64_t first_target; /* rows before this one predict nothing that is trained (a masked prompt) */
} TrainSequence;

typedef struct TrainGroup {
    const int32_t *prompt; /* [n_prompt]: the shared prompt WITHOUT its last token; NULL if n_prompt == 0 */
    int64_t n_prompt;
    int64_t first_sequence, n_sequences;
} TrainGroup;

typedef struct TrainBatch {
    const TrainGroup *groups;
    int64_t n_groups;
    const TrainSequence *sequences;
    int64_t n_sequences;
} TrainBatch;

/* Number of predicted tokens: the length of logprobs and entropies. Token numbers run over sequences in order, from each one's first_target. */
int64_t train_batch_tokens(const TrainBatch *batch);

/* A trainer owns gradients and the workspace; it grows when a batch needs more, never inside a step. */
typedef struct Trainer {
    const ModelConfig *config;
    const Compute *compute;
    int64_t micro_batch_tokens;
    bool recompute;
    int64_t shards;
    double
        balance_coef; /* alpha of the experts' balance loss, a mean over runs of rows (model/moe_balance.h); 0 at first */
    bool whole_groups; /* cut between groups alone: a value loss sees all of one (a pair) at once; false at first */
    Arena gradient_memory[33];      /* one, or log2(shards) + 1 */
    DecoderGradients gradients[33]; /* [0] holds the result */
    int64_t n_gradients;
    DecoderWorkspace workspace;
    Arena lists; /* ids, positions, segments, groups, targets of one micro-batch */
    int64_t max_list_rows;
    Arena mtp_lists; /* train/mtp.h: the same of each module */
    int64_t max_mtp_rows;
} Trainer;

bool trainer_create(Trainer *trainer, const Model *model, const Compute *compute, int64_t micro_batch_tokens,
                    int64_t shards, bool recompute, Error *err) R1_MUST_CHECK;
void trainer_free(Trainer *trainer);
/* Memory the trainer would take for batches of these shapes, in bytes. */
size_t trainer_plan_bytes(const ModelConfig *config, const ParamLayout *layout, int64_t micro_batch_tokens,
                          int64_t longest_sequence, int64_t shards, int n_threads, bool recompute);

/* What stands between a micro-batch's forward and its backward: makes the head's gradient and d_hidden of the final norm's output in
 * `workspace`. token: the number of the micro-batch's first target in the whole batch. gradients NULL: forward only. */
typedef void (*TrainHead)(void *context, const Model *model, const Compute *compute, DecoderWorkspace *workspace,
                          const DecoderBatch *batch, int64_t token, DecoderGradients *gradients);
/* Room for the batch, as trainer_run makes it: workspace, lists and, with a backward, gradients. */
bool trainer_reserve(Trainer *trainer, Model *model, const TrainBatch *batch, bool backward, Error *err) R1_MUST_CHECK;
/* The whole batch, micro-batch by micro-batch, through this head; with a backward the gradient goes into trainer->gradients[0].flat
 * (zeroed first). */
bool trainer_run(Trainer *trainer, Model *model, const TrainBatch *batch, TrainHead head, void *context, bool backward,
                 Error *err) R1_MUST_CHECK;

/* Both below: trainer_run through decoder_head. Forward only: logprobs[train_batch_tokens], entropies (may be NULL). */
bool trainer_logprobs(Trainer *trainer, Model *model, const TrainBatch *batch, float inv_temperature, float *logprobs,
                      float *entropies, Error *err) R1_MUST_CHECK;
/* Gradient of the loss over the whole batch into trainer->gradients[0].flat (zeroed first), and logprobs, entropies as above. The loss is called with
 * token numbers of the whole batch. */
bool trainer_gradient(Trainer *trainer, Model *model, const TrainBatch *batch, float inv_temperature, DecoderLoss loss,
                      void *loss_context, float *logprobs, float *entropies, Error *err) R1_MUST_CHECK;

/* The same two of a model with a scalar head: values[train_batch_tokens], numbered as logprobs are; one that is not finite fails. The loss is called once a micro-batch, so
 * with trainer->whole_groups it sees all of a group's values together. */
bool trainer_values(Trainer *trainer, Model *model, const TrainBatch *batch, float *values, Error *err) R1_MUST_CHECK;
bool trainer_value_gradient(Trainer *trainer, Model *model, const TrainBatch *batch, DecoderValueLoss loss,
                            void *loss_context, float *values, Error *err) R1_MUST_CHECK;

#endif
