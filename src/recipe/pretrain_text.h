/* SPDX-License-Identifier: MIT */
/* recipe/pretrain_text.h: pretraining on a person's texts: `data` of the recipe as token shards in RUN/tokens, made at the start of a
 * run and only mapped when it goes on; windows in a shuffled order, each once an epoch; the loss on held-out documents. */
#ifndef R1_RECIPE_PRETRAIN_TEXT_H
#define R1_RECIPE_PRETRAIN_TEXT_H

#include "data/token_shards.h"
#include "recipe/stage.h"

typedef struct PretrainText {
    TokenShards *shards;
    const TokenWindows *train, *held_out;
    uint64_t seed;
    int64_t eval_rows; /* of the held-out windows, the first that have so many rows are scored */
} PretrainText;

/* The first documents of `data`, for a tokenizer of their own: base_alloc'd; at most 64 MiB. */
bool pretrain_text_sample(const PretrainSettings *settings, char **text, size_t *length, Error *err) R1_MUST_CHECK;
/* Rows of a training window: text.context, or what the model has. */
int64_t pretrain_text_context(const PretrainSettings *settings, const ModelConfig *config);
bool pretrain_text_open(PretrainText *text, const StageRun *run, const PretrainSettings *settings,
                        const Tokenizer *tokenizer, const ModelConfig *config, Error *err) R1_MUST_CHECK;
void pretrain_text_close(PretrainText *text); /* a zeroed one is fine */

/* Training window number `number`, counted over all epochs. */
const TokenWindow *pretrain_text_window(const PretrainText *text, int64_t number);
/* eval_loss (nats a token) and eval_perplexity; nothing when no document is held out. */
bool pretrain_text_evaluate(const PretrainText *text, Trainer *trainer, Model *model, MetricsRow *row,
                            Error *err) R1_MUST_CHECK;

#endif
