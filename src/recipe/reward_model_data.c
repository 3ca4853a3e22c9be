/* SPDX-License-Identifier: MIT */
/* recipe/reward_model_data.c: see reward_model_data.h. */
#include "recipe/reward_model_data.h"

#include "base/arena.h"
#include "data/shuffle.h"
#include "model/folder.h"

/* ---- batches ---- */

void reward_batch_create(RewardBatch *b, int64_t capacity)
{
    const size_t n = (size_t)capacity;
    *b = (RewardBatch){.groups = base_alloc(n, sizeof *b->groups),
                       .sequences = base_alloc(2 * n, sizeof *b->sequences),
                       .targets = base_alloc(n, sizeof *b->targets),
                       .lengths = base_alloc(2 * n, sizeof *b->lengths),
                       .scores = base_alloc(2 * n, sizeof *b->scores),
                       .capacity = capacity};
}

void reward_batch_free(RewardBatch *b)
{
    base_free(b->groups);
    base_free(b->sequences);
    base_free(b->targets);
    base_free(b->lengths);
    base_free(b->scores);
    *b = (RewardBatch){0};
}

void reward_batch_clear(RewardBatch *b)
{
    b->n_rows = b->n_scores = 0;
}

void reward_batch_add(RewardBatch *b, const Preferences *rows, int64_t row)
{
    const Preference *const p = &rows->items[row];
    const int n = rows->pairs ? 2 : 1;
    const int32_t *const ids = rows->ids.ids;
    b->groups[b->n_rows] = (TrainGroup){
        .prompt = ids + p->prompt, .n_prompt = p->n_prompt, .first_sequence = b->n_scores, .n_sequences = n};
    b->targets[b->n_rows++] = rows->pairs ? p->margin : p->label;
    for (int i = 0; i < n; i++) {
        b->lengths[b->n_scores] = p->n_response[i];
        b->sequences[b->n_scores++] = (TrainSequence){
            .inputs = ids + p->response[i], .n_rows = p->n_response[i], .first_target = p->n_response[i] - 1};
    }
}

TrainBatch reward_batch_view(const RewardBatch *b)
{
    return (TrainBatch){
        .groups = b->groups, .n_groups = b->n_rows, .sequences = b->sequences, .n_sequences = b->n_scores};
}

RewardModelLoss reward_batch_loss(const RewardBatch *b, bool pairs)
{
    return (RewardModelLoss){.pairwise = pairs,
                             .margins = pairs ? b->targets : NULL,
                             .labels = pairs ? NULL : b->targets,
                             .inv_total = reward_model_inv_total(pairs, b->n_scores)};
}

/* ---- rows ---- */

bool reward_model_options(PreferenceOptions *o, const RewardModelSettings *s, const Tokenizer *tokenizer,
                          const ModelConfig *config, Error *err)
{
    *o = (PreferenceOptions){.max_length =
                                 s->sft.max_length < config->max_positions ? s->sft.max_length : config->max_positions,
                             .overlong_is_error = s->overlong == REWARD_OVERLONG_ERROR,
                             .scored = s->scored - 1, /* "auto" comes first */
                             .folder = s->sft.common.model,
                             .margin = s->margin,
                             .held_out = *s->sft.validation_data ? 0.0 : s->held_out,
                             .seed = (uint64_t)s->sft.common.seed};
    return model_end_token(&o->end, tokenizer, config, s->sft.common.model, err);
}

static void split(RewardModelData *d)
{
    d->trained = base_alloc((size_t)d->rows.n, sizeof *d->trained);
    d->held_out = base_alloc((size_t)d->rows.n, sizeof *d->held_out);
    for (int64_t i = 0; i < d->rows.n; i++)
        if (d->rows.items[i].held_out)
            d->held_out[d->n_held_out++] = i;
        else
            d->trained[d->n_trained++] = i;
}

static bool read_validation(RewardModelData *d, const RewardModelSettings *s, const Tokenizer *tokenizer,
                            const PreferenceOptions *options, Error *err)
{
    if (!*s->sft.validation_data) return true;
    if (!preferences_read(&d->validation, tokenizer, s->sft.validation_data, options, err)) return false;
    return d->validation.pairs == d->rows.pairs ||
           error_set(err, ERROR_INPUT, "%s: its rows are %s, those of %s are %s", s->sft.validation_data,
                     d->validation.pairs ? "pairs" : "labelled", s->sft.data, d->rows.pairs ? "pairs" : "labelled");
}

bool reward_model_data_open(RewardModelData *d, const RewardModelSettings *s, const Tokenizer *tokenizer,
                            const ModelConfig *config, Error *err)
{
    PreferenceOptions options;
    *d = (RewardModelData){.seed = s->sft.common.seed, .batch_size = s->sft.batch_size};
    if (!reward_model_options(&options, s, tokenizer, config, err) ||
        !preferences_read(&d->rows, tokenizer, s->sft.data, &options, err) ||
        !read_validation(d, s, tokenizer, &options, err))
        return false;
    split(d);
    if (d->n_trained == 0)
        return error_set(err, ERROR_INPUT, "%s: held_out %g leaves none of its %lld rows to learn from", s->sft.data,
                         s->held_out, (long long)d->rows.n);
    reward_batch_create(&d->batch, d->batch_size < d->n_trained ? d->batch_size : d->n_trained);
    return true;
}

void reward_model_data_free(RewardModelData *d)
{
    preferences_free(&d->rows);
    preferences_free(&d->validation);
    base_free(d->trained);
    base_free(d->held_out);
    reward_batch_free(&d->batch);
    *d = (RewardModelData){0};
}

int64_t reward_model_steps_per_epoch(const RewardModelData *d)
{
    return (d->n_trained + d->batch_size - 1) / d->batch_size;
}

void reward_model_data_take(RewardModelData *d, int64_t step)
{
    const int64_t per_epoch = reward_model_steps_per_epoch(d), epoch = step / per_epoch;
    const int64_t begin = step % per_epoch * d->batch_size;
    const int64_t end = begin + d->batch_size < d->n_trained ? begin + d->batch_size : d->n_trained;
    reward_batch_clear(&d->batch);
    for (int64_t i = begin; i < end; i++)
        reward_batch_add(&d->batch, &d->rows,
                         d->trained[shuffle_item((uint64_t)d->seed, (uint64_t)epoch, i, d->n_trained)]);
}

int64_t reward_model_n_evaluated(const RewardModelData *d)
{
    return d->validation.n > 0 ? d->validation.n : d->n_held_out;
}

void reward_batch_add_evaluated(RewardBatch *b, const RewardModelData *d, int64_t i)
{
    if (d->validation.n > 0)
        reward_batch_add(b, &d->validation, i);
    else
        reward_batch_add(b, &d->rows, d->held_out[i]);
}
