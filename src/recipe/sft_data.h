/* SPDX-License-Identifier: MIT */
/* recipe/sft_data.h: the examples of a fine-tuning, put into packs, and which of them each update takes. An epoch goes through
 * all packs once in an order of its own, batch_size at a time, the last update with what is left; so an update's examples are a
 * function of (data, seed, step), and a resumed run needs no cursor. */
#ifndef R1_RECIPE_SFT_DATA_H
#define R1_RECIPE_SFT_DATA_H

#include "data/examples.h"
#include "model/config.h"
#include "recipe/settings.h"
#include "train/batch.h"

typedef struct SftData {
    Examples examples;
    int64_t n_packs;
    int64_t *pack_start; /* [n_packs + 1] into members */
    int64_t *members;    /* [n examples], pack by pack */
    int64_t seed, batch_size;
    /* The update in hand; room for the largest one. */
    TrainGroup *groups;
    TrainSequence *sequences;
    const Example **taken; /* [n_sequences]: whose they are */
    float *weights;        /* [tokens]; NULL when every trained token weighs 1 */
    int64_t max_tokens, max_sequences;
    float prompt_weight;
} SftData;

/* The data of `settings` for a model of this config and tokenizer. */
bool sft_data_open(SftData *data, const SftSettings *settings, const Tokenizer *tokenizer, const ModelConfig *config,
                   Error *err) R1_MUST_CHECK;
void sft_data_free(SftData *data);
int64_t sft_steps_per_epoch(const SftData *data);
/* The update of a 0-based step; valid until the next call. Its weights stand in data->weights. */
TrainBatch sft_data_batch(SftData *data, int64_t step);
/* How the rows of a file of examples are read for this model. */
bool sft_example_options(ExampleOptions *options, const SftSettings *settings, const Tokenizer *tokenizer,
                         const ModelConfig *config, Error *err) R1_MUST_CHECK;
/* One sequence of an example: prompt tokens are not predicted, unless they have a weight. */
TrainSequence sft_sequence(const Examples *examples, const Example *example, bool predicts_prompt);

#endif
