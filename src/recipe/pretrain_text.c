/* SPDX-License-Identifier: MIT */
#include "recipe/pretrain_text.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/signals.h"
#include "data/shuffle.h"
#include "data/text_reader.h"
#include "num/math.h"

#include <math.h>
#include <string.h>

bool pretrain_text_sample(const PretrainSettings *settings, char **text, size_t *length, Error *err)
{
    enum { MOST_BYTES = 64 << 20 };
    TextReader *reader;
    if (!text_reader_open(&reader, settings->data, settings->section_bytes, err)) return false;
    size_t capacity = 0;
    *text = NULL;
    *length = 0;
    bool ok = true;
    for (int64_t i = 0; ok && i < settings->tokenizer_documents && *length < MOST_BYTES; i++) {
        TextPart part;
        ok = text_reader_next(reader, &part, err);
        if (!ok || !part.text) break;
        const size_t n = part.length < MOST_BYTES - *length ? part.length : MOST_BYTES - *length;
        if (*length + n + 1 > capacity) *text = base_realloc(*text, capacity = 2 * capacity + n + 1, 1);
        memcpy(*text + *length, part.text, n);
        *length += n;
        (*text)[(*length)++] = '\n';
    }
    text_reader_close(reader);
    if (ok && *length == 0) ok = error_set(err, ERROR_INPUT, "%s: holds no text", settings->data);
    if (ok) return true;
    base_free(*text);
    *text = NULL;
    return false;
}

int64_t pretrain_text_context(const PretrainSettings *settings, const ModelConfig *config)
{
    enum { DEFAULT_CONTEXT = 1024 };
    if (settings->context > 0) return settings->context;
    return config->max_positions < DEFAULT_CONTEXT ? config->max_positions : DEFAULT_CONTEXT;
}

static bool make_shards(const char *folder, const StageRun *run, const PretrainSettings *s, const Tokenizer *tokenizer,
                        const ModelConfig *config, Error *err)
{
    if (file_is_folder(folder)) return true;
    const int32_t named = tokenizer_eos(tokenizer);
    const TokenShardSettings settings = {.path = s->data,
                                         .held_out = s->held_out,
                                         .section_bytes = s->section_bytes,
                                         .eos = named >= 0          ? named
                                                : config->n_eos > 0 ? config->eos_ids[0]
                                                                    : -1,
                                         .vocab_size = config->vocab_size};
    return token_shards_write(folder, &settings, tokenizer, run->compute.threads, err);
}

bool pretrain_text_open(PretrainText *text, const StageRun *run, const PretrainSettings *settings,
                        const Tokenizer *tokenizer, const ModelConfig *config, Error *err)
{
    *text = (PretrainText){.seed = (uint64_t)settings->common.seed, .eval_rows = settings->eval_tokens};
    char *const folder = base_printf("%s/tokens", run->folder);
    const bool ok =
        make_shards(folder, run, settings, tokenizer, config, err) &&
        token_shards_open(&text->shards, folder, pretrain_text_context(settings, config), config->vocab_size, err);
    base_free(folder);
    if (!ok) return false;
    text->train = token_shards_windows(text->shards, TOKENS_TRAIN);
    text->held_out = token_shards_windows(text->shards, TOKENS_HELD_OUT);
    if (settings->common.eval_every > 0 && text->held_out->n == 0)
        progress_warning(run->progress,
                         "no document is held out, so eval_loss is not measured: raise text.held_out, or "
                         "lower text.section_bytes");
    return true;
}

void pretrain_text_close(PretrainText *text)
{
    token_shards_close(text->shards);
    *text = (PretrainText){.shards = NULL};
}

const TokenWindow *pretrain_text_window(const PretrainText *text, int64_t number)
{
    const int64_t n = text->train->n;
    return &text->train->items[shuffle_item(text->seed, (uint64_t)(number / n), number % n, n)];
}

/* ---- held-out loss ---- */

/* Adds the log-probabilities of windows [first, first + n). */
static bool score(const PretrainText *text, Trainer *trainer, Model *model, int64_t first, int64_t n, double *nats,
                  int64_t *n_tokens, Error *err)
{
    TrainSequence *const sequences = base_alloc((size_t)n, sizeof *sequences);
    TrainGroup *const groups = base_alloc((size_t)n, sizeof *groups);
    for (int64_t i = 0; i < n; i++) {
        const TokenWindow *const w = &text->held_out->items[first + i];
        sequences[i] = (TrainSequence){.inputs = w->ids, .targets = w->ids + 1, .n_rows = w->n_rows};
        groups[i] = (TrainGroup){.first_sequence = i, .n_sequences = 1};
    }
    const TrainBatch batch = {.groups = groups, .n_groups = n, .sequences = sequences, .n_sequences = n};
    const int64_t n_rows = train_batch_tokens(&batch);
    float *const logprobs = base_alloc((size_t)n_rows, sizeof *logprobs);
    const bool ok = trainer_logprobs(trainer, model, &batch, 1.0f, logprobs, NULL, err);
    for (int64_t i = 0; ok && i < n_rows; i++) *nats -= (double)logprobs[i];
    *n_tokens += n_rows;
    base_free(sequences);
    base_free(groups);
    base_free(logprobs);
    return ok;
}

bool pretrain_text_evaluate(const PretrainText *text, Trainer *trainer, Model *model, MetricsRow *row, Error *err)
{
    enum { BATCH_ROWS = 1 << 14 };
    double nats = 0;
    int64_t n_tokens = 0;
    for (int64_t first = 0; first < text->held_out->n && n_tokens < text->eval_rows;) {
        int64_t n = 0, rows = 0;
        while (first + n < text->held_out->n && rows < BATCH_ROWS && n_tokens + rows < text->eval_rows)
            rows += text->held_out->items[first + n++].n_rows;
        if (!score(text, trainer, model, first, n, &nats, &n_tokens, err) || !signals_check(err)) return false;
        first += n;
    }
    if (n_tokens == 0) return true;
    metrics_set(row, "eval_loss", nats / (double)n_tokens);
    metrics_set(row, "eval_perplexity", math_exp(nats / (double)n_tokens));
    return true;
}
