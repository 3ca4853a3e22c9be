/* SPDX-License-Identifier: MIT */
#include "eval/reward_scorer.h"

#include "base/arena.h"
#include "model/adapter.h"
#include "model/folder.h"
#include "model/frozen.h"
#include "train/batch.h"

#include <inttypes.h>
#include <string.h>

enum { MICRO_BATCH_TOKENS = 2048 };

struct RewardScorer {
    char *folder;
    Tokenizer *tokenizer;
    ChatRows chat;
    int32_t end;
    Model model;
    Trainer trainer;
};

/* Texts give ids of the tokenizer, and each must have a row of the embedding. */
static bool check_vocabulary(const RewardScorer *s, Error *err)
{
    const int64_t n = tokenizer_vocab_size(s->tokenizer), has = s->model.config.vocab_size;
    return n <= has ||
           error_set(err, ERROR_INPUT, "%s: the tokenizer has ids up to %lld, the model a vocabulary of %lld",
                     s->folder, (long long)n - 1, (long long)has);
}

bool reward_scorer_open(RewardScorer **scorer, const char *folder, const Compute *compute, Error *err)
{
    RewardScorer *const s = *scorer = base_alloc(1, sizeof *s);
    s->folder = base_strdup(folder);
    s->chat.folder = s->folder;
    if (adapter_tokenizer_open(&s->tokenizer, folder, err) &&
        model_open_frozen_scalar(&s->model, folder, WEIGHTS_STORED, compute, err) && check_vocabulary(s, err) &&
        model_end_token(&s->end, s->tokenizer, &s->model.config, folder, err) &&
        trainer_create(&s->trainer, &s->model, compute, MICRO_BATCH_TOKENS, 1, false, err))
        return true;
    reward_scorer_close(s);
    *scorer = NULL;
    return false;
}

void reward_scorer_close(RewardScorer *s)
{
    if (!s) return;
    trainer_free(&s->trainer);
    model_free(&s->model);
    chat_rows_free(&s->chat);
    tokenizer_free(s->tokenizer);
    base_free(s->folder);
    base_free(s);
}

ChatRows *reward_scorer_chat(RewardScorer *s)
{
    return &s->chat;
}

/* ---- a batch of texts ---- */

typedef struct TextBatch {
    TokenIds ids;
    int64_t *first, *n_prompt, *n_response; /* [texts] places in ids */
    TrainGroup *groups;
    TrainSequence *sequences;
    int64_t *text_of; /* [sequences] */
    float *scores;
    int64_t n_groups, n_sequences;
} TextBatch;

static TextBatch batch_create(int64_t n)
{
    const size_t count = (size_t)n;
    return (TextBatch){.first = base_alloc(count, sizeof(int64_t)),
                       .n_prompt = base_alloc(count, sizeof(int64_t)),
                       .n_response = base_alloc(count, sizeof(int64_t)),
                       .groups = base_alloc(count, sizeof(TrainGroup)),
                       .sequences = base_alloc(count, sizeof(TrainSequence)),
                       .text_of = base_alloc(count, sizeof(int64_t)),
                       .scores = base_alloc(count, sizeof(float))};
}

static void batch_free(TextBatch *b)
{
    token_ids_free(&b->ids);
    base_free(b->first);
    base_free(b->n_prompt);
    base_free(b->n_response);
    base_free(b->groups);
    base_free(b->sequences);
    base_free(b->text_of);
    base_free(b->scores);
}

/* The ids of a text at the end of the list; what is too long for the model is taken back. */
static bool add_text(TextBatch *b, const RewardScorer *s, ScoredText *text, int64_t i, Error *err)
{
    size_t length;
    const char *const scored = preference_scored(text->part, text->prompt, text->prompt_length, text->response,
                                                 text->response_length, &length);
    b->first[i] = b->ids.n;
    if (!preference_encode(&b->ids, &b->n_prompt[i], s->tokenizer, s->end, text->rendered, text->prompt,
                           text->prompt_length, scored, length, err))
        return false;
    text->n_tokens = b->ids.n - b->first[i];
    b->n_response[i] = text->n_tokens - b->n_prompt[i];
    text->too_long = text->n_tokens > s->model.config.max_positions;
    if (text->too_long) b->ids.n = b->first[i];
    return true;
}

static bool same_prompt(const ScoredText *a, const ScoredText *b)
{
    return a->rendered == b->rendered && a->prompt_length == b->prompt_length &&
           memcmp(a->prompt, b->prompt, a->prompt_length) == 0;
}

/* Neighbours with one prompt are one group. Ids do not move any more. */
static void make_groups(TextBatch *b, const ScoredText *texts, int64_t n)
{
    int64_t before = -1;
    for (int64_t i = 0; i < n; i++) {
        if (texts[i].too_long) continue;
        const int32_t *const ids = b->ids.ids + b->first[i];
        if (before < 0 || !same_prompt(&texts[before], &texts[i]))
            b->groups[b->n_groups++] =
                (TrainGroup){.prompt = ids, .n_prompt = b->n_prompt[i], .first_sequence = b->n_sequences};
        b->groups[b->n_groups - 1].n_sequences++;
        b->text_of[b->n_sequences] = i;
        b->sequences[b->n_sequences++] = (TrainSequence){
            .inputs = ids + b->n_prompt[i], .n_rows = b->n_response[i], .first_target = b->n_response[i] - 1};
        before = i;
    }
}

bool reward_scorer_score(RewardScorer *s, ScoredText *texts, int64_t n, Error *err)
{
    TextBatch b = batch_create(n);
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++) {
        texts[i].reward = 0.0;
        ok = add_text(&b, s, &texts[i], i, err);
    }
    if (ok) {
        make_groups(&b, texts, n);
        const TrainBatch batch = {
            .groups = b.groups, .n_groups = b.n_groups, .sequences = b.sequences, .n_sequences = b.n_sequences};
        ok = trainer_values(&s->trainer, &s->model, &batch, b.scores, err);
    }
    for (int64_t k = 0; ok && k < b.n_sequences; k++) texts[b.text_of[k]].reward = (double)b.scores[k];
    batch_free(&b);
    return ok;
}

bool reward_scorer_score_ids(RewardScorer *s, const int32_t *ids, int64_t n, double *reward, Error *err)
{
    const int64_t V = s->model.config.vocab_size;
    float score;
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= V)
            return error_set(err, ERROR_INPUT, "\"ids\": element %" PRId64 " is not a token id from 0 to %" PRId64, i,
                             V - 1);
    const TrainSequence sequence = {.inputs = ids, .n_rows = n, .first_target = n - 1};
    const TrainGroup group = {.n_sequences = 1};
    const TrainBatch batch = {&group, 1, &sequence, 1};
    if (!trainer_values(&s->trainer, &s->model, &batch, &score, err)) return false;
    *reward = (double)score;
    return true;
}
