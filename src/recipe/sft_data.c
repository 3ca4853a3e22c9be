/* SPDX-License-Identifier: MIT */
/* recipe/sft_data.c: see sft_data.h. */
#include "recipe/sft_data.h"

#include "base/arena.h"
#include "data/packing.h"
#include "data/shuffle.h"
#include "model/folder.h"

#include <stdlib.h>

bool sft_example_options(ExampleOptions *o, const SftSettings *s, const Tokenizer *tokenizer, const ModelConfig *config,
                         Error *err)
{
    *o = (ExampleOptions){.max_length = s->max_length < config->max_positions ? s->max_length : config->max_positions,
                          .overlong = (OverlongRows)s->overlong,
                          .vocab_size = config->vocab_size,
                          .folder = s->common.model};
    return model_end_token(&o->end, tokenizer, config, s->common.model, err);
}

void sft_data_free(SftData *d)
{
    examples_free(&d->examples);
    base_free(d->pack_start);
    base_free(d->members);
    base_free(d->groups);
    base_free(d->sequences);
    base_free(d->taken);
    base_free(d->weights);
    *d = (SftData){0};
}

/* Members pack by pack, in the order of the file inside each. */
static void fill_packs(SftData *d, const int64_t *pack_of)
{
    const int64_t n = d->examples.n;
    d->pack_start = base_alloc((size_t)d->n_packs + 2, sizeof *d->pack_start); /* zeroed */
    d->members = base_alloc((size_t)n, sizeof *d->members);
    for (int64_t i = 0; i < n; i++) d->pack_start[pack_of[i] + 2]++;
    for (int64_t p = 0; p < d->n_packs; p++) d->pack_start[p + 2] += d->pack_start[p + 1];
    for (int64_t i = 0; i < n; i++) d->members[d->pack_start[pack_of[i] + 1]++] = i;
}

static void make_packs(SftData *d, bool best_fit, int64_t capacity)
{
    const int64_t n = d->examples.n;
    int64_t *const lengths = base_alloc((size_t)n, sizeof *lengths), *const pack_of =
                                                                         base_alloc((size_t)n, sizeof *pack_of);
    for (int64_t i = 0; i < n; i++) {
        lengths[i] = d->examples.items[i].n_ids;
        pack_of[i] = i;
    }
    d->n_packs = best_fit ? packing_best_fit(pack_of, lengths, n, capacity) : n;
    fill_packs(d, pack_of);
    base_free(lengths);
    base_free(pack_of);
}

static int larger_first(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* The sum of the batch_size largest values: no update can hold more. */
static int64_t largest_batch(const SftData *d, int64_t *values)
{
    qsort(values, (size_t)d->n_packs, sizeof *values, larger_first);
    int64_t sum = 0;
    for (int64_t p = 0; p < d->n_packs && p < d->batch_size; p++) sum += values[p];
    return sum;
}

static void reserve_batch(SftData *d)
{
    int64_t *const counts = base_alloc((size_t)d->n_packs, sizeof *counts);
    int64_t *const tokens = base_alloc((size_t)d->n_packs, sizeof *tokens);
    for (int64_t p = 0; p < d->n_packs; p++) {
        counts[p] = d->pack_start[p + 1] - d->pack_start[p];
        for (int64_t i = d->pack_start[p]; i < d->pack_start[p + 1]; i++)
            tokens[p] += d->examples.items[d->members[i]].n_ids;
    }
    const int64_t n = d->max_sequences = largest_batch(d, counts);
    d->max_tokens = largest_batch(d, tokens);
    d->groups = base_alloc((size_t)n, sizeof *d->groups);
    d->sequences = base_alloc((size_t)n, sizeof *d->sequences);
    d->taken = base_alloc((size_t)n, sizeof *d->taken);
    if (d->prompt_weight > 0.0f) d->weights = base_alloc((size_t)d->max_tokens, sizeof *d->weights);
    base_free(counts);
    base_free(tokens);
}

bool sft_data_open(SftData *d, const SftSettings *s, const Tokenizer *tokenizer, const ModelConfig *config, Error *err)
{
    ExampleOptions options;
    *d = (SftData){.seed = s->common.seed, .batch_size = s->batch_size, .prompt_weight = (float)s->prompt_weight};
    if (!sft_example_options(&options, s, tokenizer, config, err) ||
        !examples_read(&d->examples, tokenizer, s->data, &options, err))
        return false;
    make_packs(d, s->packing == SFT_PACKING_BEST_FIT, options.max_length);
    reserve_batch(d);
    return true;
}

int64_t sft_steps_per_epoch(const SftData *d)
{
    return (d->n_packs + d->batch_size - 1) / d->batch_size;
}

TrainSequence sft_sequence(const Examples *examples, const Example *example, bool predicts_prompt)
{
    const int32_t *const ids = examples->ids.ids + example->first;
    return (TrainSequence){.inputs = ids,
                           .targets = ids + 1,
                           .n_rows = example->n_ids - 1,
                           .first_target = example->n_prompt > 0 && !predicts_prompt ? example->n_prompt - 1 : 0};
}

static void add_example(SftData *d, TrainBatch *batch, int64_t *n_tokens, const Example *example)
{
    const TrainSequence sequence = sft_sequence(&d->examples, example, d->weights != NULL);
    d->groups[batch->n_groups++] = (TrainGroup){.first_sequence = batch->n_sequences, .n_sequences = 1};
    d->taken[batch->n_sequences] = example;
    d->sequences[batch->n_sequences++] = sequence;
    if (!d->weights) return;
    for (int64_t i = sequence.first_target; i < sequence.n_rows; i++)
        d->weights[(*n_tokens)++] = i + 1 < example->n_prompt ? d->prompt_weight : 1.0f;
}

TrainBatch sft_data_batch(SftData *d, int64_t step)
{
    const int64_t per_epoch = sft_steps_per_epoch(d), epoch = step / per_epoch;
    const int64_t begin = step % per_epoch * d->batch_size;
    const int64_t end = begin + d->batch_size < d->n_packs ? begin + d->batch_size : d->n_packs;
    TrainBatch batch = {.groups = d->groups, .sequences = d->sequences};
    int64_t n_tokens = 0;
    for (int64_t p = begin; p < end; p++) {
        const int64_t pack = shuffle_item((uint64_t)d->seed, (uint64_t)epoch, p, d->n_packs);
        for (int64_t i = d->pack_start[pack]; i < d->pack_start[pack + 1]; i++)
            add_example(d, &batch, &n_tokens, &d->examples.items[d->members[i]]);
    }
    return batch;
}
