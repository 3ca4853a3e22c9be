/* SPDX-License-Identifier: MIT */
/* eval/evaluate_text.c: windows are gathered until they fill a batch; the log-probabilities of a batch are added up before the
 * next one is gathered, so memory does not grow with the text. */
#include "eval/evaluate_text.h"

#include "base/arena.h"
#include "base/signals.h"
#include "num/math.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>

enum { BATCH_TOKENS = 1 << 14 };

typedef struct Batch {
    TrainSequence *sequences;
    TrainGroup *groups;
    int64_t n, capacity; /* windows */
    int64_t n_rows, n_targets;
    float *logprobs;
    int64_t max_targets;
} Batch;

typedef struct TextRun {
    Trainer *trainer;
    Model *model;
    int64_t context, stride;
    Batch batch;
    EvalText *result;
} TextRun;

static bool flush(TextRun *run, Error *err)
{
    Batch *const b = &run->batch;
    if (b->n == 0) return true;
    if (b->n_targets > b->max_targets) {
        b->max_targets = b->n_targets;
        b->logprobs = base_realloc(b->logprobs, (size_t)b->max_targets, sizeof *b->logprobs);
    }
    const TrainBatch batch = {.groups = b->groups, .n_groups = b->n, .sequences = b->sequences, .n_sequences = b->n};
    if (!trainer_logprobs(run->trainer, run->model, &batch, 1.0f, b->logprobs, NULL, err)) return false;
    for (int64_t i = 0; i < b->n_targets; i++) run->result->nats -= (double)b->logprobs[i];
    run->result->n_windows += b->n;
    b->n = b->n_rows = b->n_targets = 0;
    return signals_check(err);
}

static void add_window(Batch *b, const int32_t *ids, int64_t n_rows, int64_t first_target)
{
    if (b->n == b->capacity) {
        b->capacity = b->capacity ? 2 * b->capacity : 64;
        b->sequences = base_realloc(b->sequences, (size_t)b->capacity, sizeof *b->sequences);
        b->groups = base_realloc(b->groups, (size_t)b->capacity, sizeof *b->groups);
    }
    b->sequences[b->n] =
        (TrainSequence){.inputs = ids, .targets = ids + 1, .n_rows = n_rows, .first_target = first_target};
    b->groups[b->n] = (TrainGroup){.first_sequence = b->n, .n_sequences = 1};
    b->n++;
    b->n_rows += n_rows;
    b->n_targets += n_rows - first_target;
}

/* Row i of a document reads ids[i] and predicts ids[i + 1]. */
static bool add_document(TextRun *run, const int32_t *ids, int64_t n_ids, Error *err)
{
    const int64_t n_rows = n_ids - 1;
    int64_t scored = 0;
    for (int64_t begin = 0; scored < n_rows; begin += run->stride) {
        const int64_t end = begin + run->context < n_rows ? begin + run->context : n_rows;
        if (run->batch.n > 0 && run->batch.n_rows + (end - begin) > BATCH_TOKENS && !flush(run, err)) return false;
        add_window(&run->batch, ids + begin, end - begin, scored - begin);
        scored = end;
    }
    return true;
}

static bool check_ids(const TextRun *run, const int32_t *ids, int64_t n, Error *err)
{
    const int64_t vocab_size = run->model->config.vocab_size;
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= vocab_size)
            return error_set(err, ERROR_INPUT,
                             "the tokenizer gives id %" PRId32 ", the model has a vocabulary of %" PRId64
                             ": they do not belong together",
                             ids[i], vocab_size);
    return true;
}

/* The bytes of a document that are scored: all, or, where no BOS stands in front, those after its first token. */
static bool scored_bytes(const Tokenizer *tokenizer, const TextDocument *document, int32_t first_id, int64_t *n,
                         Error *err)
{
    char *first;
    size_t length;
    if (!tokenizer_decode(tokenizer, &first_id, 1, true, &first, &length, err)) return false;
    base_free(first);
    *n = (int64_t)(length < document->length ? document->length - length : 0);
    return true;
}

/* All documents as ids, one after the other; document d is ids[ends[d - 1] .. ends[d]). Windows point into the ids, so all
 * are there before the first is gathered: four bytes a token. */
static bool encode_documents(TextRun *run, const Tokenizer *tokenizer, const TextDocument *documents, TokenIds *ids,
                             int64_t *ends, Error *err)
{
    EvalText *const result = run->result;
    for (int64_t d = 0; d < result->n_documents; d++) {
        const int64_t begin = ids->n;
        int64_t n_bytes = 0;
        if (!tokenizer_encode(tokenizer, documents[d].text, documents[d].length, true, ids, err)) return false;
        if (!check_ids(run, ids->ids + begin, ids->n - begin, err)) return false;
        ends[d] = ids->n;
        if (ids->n - begin < 2) continue;
        if (!scored_bytes(tokenizer, &documents[d], ids->ids[begin], &n_bytes, err)) return false;
        result->n_bytes += n_bytes;
        result->n_tokens += ids->n - begin - 1;
    }
    return result->n_tokens > 0 || error_set(err, ERROR_INPUT, "nothing to predict: a text needs at least two tokens");
}

static bool run_documents(TextRun *run, const TokenIds *ids, const int64_t *ends, Error *err)
{
    int64_t begin = 0;
    for (int64_t d = 0; d < run->result->n_documents; begin = ends[d], d++)
        if (!add_document(run, ids->ids + begin, ends[d] - begin, err)) return false;
    return flush(run, err);
}

bool evaluate_text(Trainer *trainer, Model *model, const Tokenizer *tokenizer, const TextDocument *documents,
                   int64_t n_documents, int64_t context, int64_t stride, EvalText *result, Error *err)
{
    assert(stride >= 1 && stride <= context);
    *result = (EvalText){.n_documents = n_documents};
    TextRun run = {.trainer = trainer, .model = model, .context = context, .stride = stride, .result = result};
    TokenIds ids = {.ids = NULL};
    int64_t *const ends = base_alloc((size_t)n_documents, sizeof *ends);
    const bool ok =
        encode_documents(&run, tokenizer, documents, &ids, ends, err) && run_documents(&run, &ids, ends, err);
    token_ids_free(&ids);
    base_free(ends);
    base_free(run.batch.sequences);
    base_free(run.batch.groups);
    base_free(run.batch.logprobs);
    if (!ok) return false;
    if (!isfinite(result->nats))
        return error_set(err, ERROR_INPUT, "the model gives log-probabilities that are not finite");
    result->perplexity = math_exp(result->nats / (double)result->n_tokens);
    result->bits_per_byte = result->nats / (math_log(2.0) * (double)result->n_bytes);
    return true;
}
