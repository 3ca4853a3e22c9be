/* SPDX-License-Identifier: MIT */
/* recipe/reward_model_data.h: the rows of a reward model's data, apart into those it learns from and those held out, and which of them each
 * update takes: an epoch goes once through all, in an order of its own, batch_size at a time, the last update with what is left. So an
 * update is a function of (data, seed, step), and a resumed run needs no cursor. */
#ifndef R1_RECIPE_REWARD_MODEL_DATA_H
#define R1_RECIPE_REWARD_MODEL_DATA_H

#include "data/preferences.h"
#include "model/config.h"
#include "recipe/settings.h"
#include "train/batch.h"
#include "train/reward_model.h"

/* Rows as the trainer takes them: a group a row, its prompt shared by the responses; room for `capacity` rows. */
typedef struct RewardBatch {
    TrainGroup *groups;
    TrainSequence *sequences;
    float *targets;   /* a margin a pair, or a label a response */
    int64_t *lengths; /* of the responses, in tokens */
    float *scores;    /* where the trainer writes */
    int64_t n_rows, n_scores, capacity;
} RewardBatch;

typedef struct RewardModelData {
    Preferences rows, validation; /* validation: of its own file, if the recipe names one */
    int64_t *trained, *held_out;  /* [n_...]: numbers of rows */
    int64_t n_trained, n_held_out;
    int64_t seed, batch_size;
    RewardBatch batch; /* the update in hand */
} RewardModelData;

bool reward_model_data_open(RewardModelData *data, const RewardModelSettings *settings, const Tokenizer *tokenizer,
                            const ModelConfig *config, Error *err) R1_MUST_CHECK;
void reward_model_data_free(RewardModelData *data);
int64_t reward_model_steps_per_epoch(const RewardModelData *data);
/* The update of a 0-based step into data->batch. */
void reward_model_data_take(RewardModelData *data, int64_t step);
/* The rows that evaluations score: of the validation file, or held out; what `i` counts to. */
int64_t reward_model_n_evaluated(const RewardModelData *data);

void reward_batch_create(RewardBatch *batch, int64_t capacity);
void reward_batch_free(RewardBatch *batch);
void reward_batch_clear(RewardBatch *batch);
void reward_batch_add(RewardBatch *batch, const Preferences *rows, int64_t row);
/* Row i of those that evaluations score. */
void reward_batch_add_evaluated(RewardBatch *batch, const RewardModelData *data, int64_t i);
TrainBatch reward_batch_view(const RewardBatch *batch);
RewardModelLoss reward_batch_loss(const RewardBatch *batch, bool pairs);

/* How rows are read for a model. */
bool reward_model_options(PreferenceOptions *options, const RewardModelSettings *settings, const Tokenizer *tokenizer,
                          const ModelConfig *config, Error *err) R1_MUST_CHECK;

#endif
