/* SPDX-License-Identifier: MIT */
/* recipe/dpo_data.h: preference pairs as batches, and what the reference says of them. An epoch goes through all pairs once in an order of
 * its own, batch_size at a time, the last update with what is left: a function of (data, seed, step). A pair is a group: its two
 * completions share the prompt. */
#ifndef R1_RECIPE_DPO_DATA_H
#define R1_RECIPE_DPO_DATA_H

#include "data/pairs.h"
#include "recipe/stage.h"

/* The pairs of a file, and room for a batch of them. */
typedef struct PairSet {
    Pairs pairs;
    double *reference; /* [2 n]: log-probability of each side under the reference, summed over tokens */
    int64_t capacity;  /* pairs of the largest batch */
    /* The batch in hand. */
    TrainBatch batch;
    TrainGroup *groups;
    TrainSequence *sequences;
    int64_t *sequence_start;                 /* [2 capacity + 1] token numbers */
    double *ref_logprobs;                    /* [2 capacity] of its sequences */
    float *logprobs, *dlogprobs, *entropies; /* [tokens] */
} PairSet;

bool pair_set_open(PairSet *set, const DpoSettings *settings, const char *path, const Tokenizer *tokenizer,
                   const ModelConfig *config, int64_t capacity, Error *err) R1_MUST_CHECK;
void pair_set_free(PairSet *set);
int64_t pair_set_steps_per_epoch(const PairSet *set);

/* The update of a 0-based step, or n pairs from `first` on in the order of the file: into set->batch. */
void pair_set_take_step(PairSet *set, uint64_t seed, int64_t step);
void pair_set_take_range(PairSet *set, int64_t first, int64_t n);
DpoBatch pair_set_dpo_batch(const PairSet *set);

/* Fills set->reference by this model, the start of the run. */
bool pair_set_compute_reference(PairSet *set, Trainer *trainer, Model *model, Progress *progress,
                                Error *err) R1_MUST_CHECK;
/* FOLDER/reference-logprobs.safetensors: what a run computed once, for its resumptions. `validation` may hold no pairs. */
bool dpo_reference_write(const char *folder, const PairSet *train, const PairSet *validation, Error *err) R1_MUST_CHECK;
/* Fails, naming the file, where it is missing, damaged, or of other data. */
bool dpo_reference_read(const char *folder, PairSet *train, PairSet *validation, Error *err) R1_MUST_CHECK;

#endif
