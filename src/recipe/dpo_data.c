/* SPDX-License-Identifier: MIT */
/* recipe/dpo_data.c: see dpo_data.h. */
#include "recipe/dpo_data.h"

#include "base/arena.h"
#include "data/shuffle.h"
#include "recipe/sft_data.h"

/* ---- pairs ---- */

void pair_set_free(PairSet *s)
{
    pairs_free(&s->pairs);
    base_free(s->reference);
    base_free(s->groups);
    base_free(s->sequences);
    base_free(s->sequence_start);
    base_free(s->ref_logprobs);
    base_free(s->logprobs);
    base_free(s->dlogprobs);
    base_free(s->entropies);
    *s = (PairSet){0};
}

/* Completion tokens of the longest pair, both sides. */
static int64_t longest_pair(const Pairs *p)
{
    int64_t longest = 0;
    for (int64_t i = 0; i < p->n; i++) {
        const Example *const a = &p->sides.items[2 * i], *const b = a + 1;
        const int64_t n = a->n_ids + b->n_ids - 2 * a->n_prompt;
        if (n > longest) longest = n;
    }
    return longest;
}

bool pair_set_open(PairSet *s, const DpoSettings *settings, const char *path, const Tokenizer *tokenizer,
                   const ModelConfig *config, int64_t capacity, Error *err)
{
    ExampleOptions options;
    *s = (PairSet){.capacity = capacity};
    if (!sft_example_options(&options, &settings->sft, tokenizer, config, err) ||
        !pairs_read(&s->pairs, tokenizer, path, &options, err))
        return false;
    if (s->capacity > s->pairs.n) s->capacity = s->pairs.n;
    const size_t n = (size_t)s->capacity, tokens = n * (size_t)longest_pair(&s->pairs);
    s->reference = base_alloc(2 * (size_t)s->pairs.n, sizeof *s->reference);
    s->groups = base_alloc(n, sizeof *s->groups);
    s->sequences = base_alloc(2 * n, sizeof *s->sequences);
    s->sequence_start = base_alloc(2 * n + 1, sizeof *s->sequence_start);
    s->ref_logprobs = base_alloc(2 * n, sizeof *s->ref_logprobs);
    s->logprobs = base_alloc(tokens, sizeof *s->logprobs);
    s->dlogprobs = base_alloc(tokens, sizeof *s->dlogprobs);
    s->entropies = base_alloc(tokens, sizeof *s->entropies);
    return true;
}

int64_t pair_set_steps_per_epoch(const PairSet *s)
{
    return (s->pairs.n + s->capacity - 1) / s->capacity;
}

/* ---- batches ---- */

static void begin(PairSet *s)
{
    s->batch = (TrainBatch){.groups = s->groups, .sequences = s->sequences};
}

static void add_pair(PairSet *s, int64_t pair)
{
    const Example *const sides = &s->pairs.sides.items[2 * pair];
    const int32_t *const all = s->pairs.sides.ids.ids;
    TrainBatch *const b = &s->batch;
    s->groups[b->n_groups++] = (TrainGroup){.prompt = all + sides->first,
                                            .n_prompt = sides->n_prompt - 1,
                                            .first_sequence = b->n_sequences,
                                            .n_sequences = 2};
    for (int side = 0; side < 2; side++) {
        const Example *const e = &sides[side];
        const int32_t *const last = all + e->first + e->n_prompt - 1; /* of the prompt */
        const int64_t at = b->n_sequences++;
        s->sequences[at] = (TrainSequence){.inputs = last, .targets = last + 1, .n_rows = e->n_ids - e->n_prompt};
        s->sequence_start[at + 1] = s->sequence_start[at] + s->sequences[at].n_rows;
        s->ref_logprobs[at] = s->reference[2 * pair + side];
    }
}

void pair_set_take_step(PairSet *s, uint64_t seed, int64_t step)
{
    const int64_t per_epoch = pair_set_steps_per_epoch(s), first = step % per_epoch * s->capacity;
    begin(s);
    for (int64_t i = first; i < first + s->capacity && i < s->pairs.n; i++)
        add_pair(s, shuffle_item(seed, (uint64_t)(step / per_epoch), i, s->pairs.n));
}

void pair_set_take_range(PairSet *s, int64_t first, int64_t n)
{
    begin(s);
    for (int64_t i = first; i < first + n; i++) add_pair(s, i);
}

DpoBatch pair_set_dpo_batch(const PairSet *s)
{
    return (DpoBatch){
        .n_pairs = s->batch.n_groups, .sequence_start = s->sequence_start, .ref_logprobs = s->ref_logprobs};
}

/* ---- the reference ---- */

bool pair_set_compute_reference(PairSet *s, Trainer *trainer, Model *model, Progress *progress, Error *err)
{
    for (int64_t first = 0; first < s->pairs.n; first += s->capacity) {
        const int64_t left = s->pairs.n - first, n = left < s->capacity ? left : s->capacity;
        progress_activity(progress, "reference", (double)first / (double)s->pairs.n);
        pair_set_take_range(s, first, n);
        if (!trainer_logprobs(trainer, model, &s->batch, 1.0f, s->logprobs, NULL, err)) return false;
        for (int64_t q = 0; q < 2 * n; q++)
            s->reference[2 * first + q] =
                dpo_sum(s->logprobs + s->sequence_start[q], s->sequence_start[q + 1] - s->sequence_start[q]);
    }
    return true;
}
