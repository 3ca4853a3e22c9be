/* SPDX-License-Identifier: MIT */
/* data/token_shards.c: documents are gathered into a batch, encoded by all threads, and appended in their order. */
#include "data/token_shards.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "data/text_reader.h"
#include "format/safetensors.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

enum { SHARD_TOKENS = 1 << 24, BATCH_BYTES = 1 << 22 };

static const char *const split_names[TOKEN_SPLITS] = {"train", "held-out"};

/* ---- writing ---- */

/* A shard that is being filled. */
typedef struct Filling {
    TokenIds ids;
    int64_t *ends; /* owned */
    int64_t n_documents, capacity;
    int64_t n_shards, all_documents, all_tokens;
} Filling;

/* A document, or a section of one, and its ids. */
typedef struct Pending {
    char *text; /* owned */
    size_t length;
    bool begins, ends;
    TokenIds ids;
    Error err;
} Pending;

typedef struct Writer {
    const TokenShardSettings *settings;
    const Tokenizer *tokenizer;
    Threads *threads;
    char *folder; /* the temporary one */
    Filling splits[TOKEN_SPLITS];
    Pending *batch; /* owned */
    int64_t n_batch, batch_capacity;
    size_t batch_bytes;
    int64_t n_bytes;
} Writer;

static bool write_shard(const Writer *w, TokenSplit split, Error *err)
{
    const Filling *const f = &w->splits[split];
    char *const path = base_printf("%s/%s-%05" PRId64 ".safetensors", w->folder, split_names[split], f->n_shards);
    const SafetensorsItem items[] = {
        {.name = "ends", .dtype = DTYPE_I64, .rank = 1, .shape = {f->n_documents}, .data = f->ends},
        {.name = "ids", .dtype = DTYPE_I32, .rank = 1, .shape = {f->ids.n}, .data = f->ids.ids},
    };
    const bool ok = safetensors_write(path, items, 2, "tokens", NULL, err);
    base_free(path);
    return ok;
}

static bool end_shard(Writer *w, TokenSplit split, Error *err)
{
    Filling *const f = &w->splits[split];
    if (f->n_documents == 0) return true;
    if (!write_shard(w, split, err)) return false;
    f->n_shards++;
    f->n_documents = f->ids.n = 0;
    return true;
}

static bool append(Writer *w, const Pending *p, Error *err)
{
    const double place = (double)(XXH3_64bits(p->text, p->length) >> 11) * 0x1p-53;
    const TokenSplit split = place < w->settings->held_out ? TOKENS_HELD_OUT : TOKENS_TRAIN;
    Filling *const f = &w->splits[split];
    if (f->ids.n > 0 && f->ids.n + p->ids.n > SHARD_TOKENS && !end_shard(w, split, err)) return false;
    for (int64_t i = 0; i < p->ids.n; i++) token_ids_append(&f->ids, p->ids.ids[i]);
    if (f->n_documents == f->capacity) {
        f->capacity = 2 * f->capacity + 256;
        f->ends = base_realloc(f->ends, (size_t)f->capacity, sizeof *f->ends);
    }
    f->ends[f->n_documents++] = f->ids.n;
    f->all_documents++;
    f->all_tokens += p->ids.n;
    return true;
}

/* What stands in front of a text stands in front of a document's first section alone, and eos behind its last. */
static void encode(void *context, int64_t item, int thread)
{
    (void)thread;
    const Writer *const w = context;
    Pending *const p = &w->batch[item];
    if (!tokenizer_encode(w->tokenizer, p->text, p->length, p->begins, &p->ids, &p->err)) return;
    if (p->ends && w->settings->eos >= 0 && (p->ids.n == 0 || p->ids.ids[p->ids.n - 1] != w->settings->eos))
        token_ids_append(&p->ids, w->settings->eos);
    for (int64_t i = 0; i < p->ids.n; i++)
        if (p->ids.ids[i] >= w->settings->vocab_size) {
            error_set(&p->err, ERROR_INPUT,
                      "the tokenizer gives id %" PRId32 ", the model has a vocabulary of %" PRId64
                      ": they do not belong together",
                      p->ids.ids[i], w->settings->vocab_size);
            return;
        }
}

static bool take_batch(Writer *w, Error *err)
{
    threads_run(w->threads, w->n_batch, encode, w);
    bool ok = true;
    for (int64_t i = 0; i < w->n_batch; i++) {
        Pending *const p = &w->batch[i];
        if (ok && p->err.kind != ERROR_NONE) {
            *err = p->err;
            ok = error_in(err, "%s", w->settings->path);
        }
        ok = ok && append(w, p, err);
        base_free(p->text);
        token_ids_free(&p->ids);
    }
    w->n_batch = 0;
    w->batch_bytes = 0;
    return ok;
}

static bool add_part(Writer *w, const TextPart *part, Error *err)
{
    if (w->n_batch == w->batch_capacity) {
        w->batch_capacity = 2 * w->batch_capacity + 64;
        w->batch = base_realloc(w->batch, (size_t)w->batch_capacity, sizeof *w->batch);
    }
    w->batch[w->n_batch++] = (Pending){.text = base_strndup(part->text, part->length),
                                       .length = part->length,
                                       .begins = part->begins,
                                       .ends = part->ends};
    w->batch_bytes += part->length;
    w->n_bytes += (int64_t)part->length;
    return w->batch_bytes < BATCH_BYTES || take_batch(w, err);
}

static bool write_index(const Writer *w, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "source", w->settings->path);
    json_out_kv_int(&out, "bytes", w->n_bytes);
    for (int split = 0; split < TOKEN_SPLITS; split++) {
        json_out_key(&out, split_names[split]);
        json_out_object(&out);
        json_out_kv_int(&out, "shards", w->splits[split].n_shards);
        json_out_kv_int(&out, "documents", w->splits[split].all_documents);
        json_out_kv_int(&out, "tokens", w->splits[split].all_tokens);
        json_out_object_end(&out);
    }
    json_out_object_end(&out);
    char *const path = base_printf("%s/index.json", w->folder);
    const bool ok = file_write_all(path, "tokens", out.text, out.length, err);
    base_free(path);
    json_out_free(&out);
    return ok;
}

static bool write_all(Writer *w, Error *err)
{
    TextReader *reader;
    if (!text_reader_open(&reader, w->settings->path, w->settings->section_bytes, err)) return false;
    bool ok;
    for (TextPart part; (ok = text_reader_next(reader, &part, err)) && part.text;)
        if (!(ok = add_part(w, &part, err))) break;
    text_reader_close(reader);
    ok = ok && take_batch(w, err);
    for (int split = 0; split < TOKEN_SPLITS; split++) ok = ok && end_shard(w, (TokenSplit)split, err);
    if (ok && w->splits[TOKENS_TRAIN].all_documents == 0)
        ok = error_set(err, ERROR_INPUT,
                       "%s: no document to train on, %" PRId64 " are held out: hold fewer out, or cut smaller sections",
                       w->settings->path, w->splits[TOKENS_HELD_OUT].all_documents);
    return ok && write_index(w, err);
}

bool token_shards_write(const char *folder, const TokenShardSettings *settings, const Tokenizer *tokenizer,
                        Threads *threads, Error *err)
{
    Writer w = {.settings = settings,
                .tokenizer = tokenizer,
                .threads = threads,
                .folder = base_printf("%s.tmp-%d", folder, (int)getpid())};
    bool ok = file_remove_tree(w.folder, err) && file_make_folders(w.folder, err) && write_all(&w, err) &&
              file_remove_tree(folder, err) && file_rename_durable(w.folder, folder, "tokens", err);
    Error ignored = {0};
    if (!ok) (void)!file_remove_tree(w.folder, &ignored);
    for (int64_t i = 0; i < w.n_batch; i++) base_free(w.batch[i].text);
    for (int split = 0; split < TOKEN_SPLITS; split++) {
        token_ids_free(&w.splits[split].ids);
        base_free(w.splits[split].ends);
    }
    base_free(w.batch);
    base_free(w.folder);
    return ok;
}

/* ---- reading ---- */

typedef struct Shard {
    SafetensorsFile file;
    const int32_t *ids;
    int64_t n_ids;
    int64_t *ends; /* owned */
    int64_t n_documents;
} Shard;

struct TokenShards {
    Shard *shards[TOKEN_SPLITS]; /* owned */
    int64_t n_shards[TOKEN_SPLITS];
    TokenWindows windows[TOKEN_SPLITS];
};

static bool open_shard(Shard *s, const char *path, int64_t vocab_size, Error *err)
{
    if (!safetensors_open(&s->file, path, err)) return false;
    const SafetensorsTensor *const ids = safetensors_find(&s->file, "ids"), *const ends =
                                                                                safetensors_find(&s->file, "ends");
    if (!ids || !ends || ids->dtype != DTYPE_I32 || ends->dtype != DTYPE_I64 || ids->rank != 1 || ends->rank != 1 ||
        (uintptr_t)ids->data % sizeof(int32_t) != 0)
        return error_set(err, ERROR_INPUT,
                         "%s: not a token shard (\"ids\" I32 and \"ends\" I64); remove its folder and "
                         "it is made again",
                         path);
    s->ids = (const int32_t *)(const void *)ids->data;
    s->n_ids = ids->n_elements;
    s->n_documents = ends->n_elements;
    s->ends = base_alloc((size_t)s->n_documents + 1, sizeof *s->ends);
    if (s->n_documents > 0) memcpy(s->ends, ends->data, (size_t)s->n_documents * sizeof *s->ends);
    int64_t last = 0;
    for (int64_t d = 0; d < s->n_documents; last = s->ends[d++])
        if (s->ends[d] < last || s->ends[d] > s->n_ids)
            return error_set(err, ERROR_INPUT, "%s: \"ends\"[%" PRId64 "] is out of order", path, d);
    for (int64_t i = 0; i < s->n_ids; i++)
        if (s->ids[i] < 0 || s->ids[i] >= vocab_size)
            return error_set(err, ERROR_INPUT, "%s: \"ids\"[%" PRId64 "] is %" PRId32 ", the vocabulary has %" PRId64,
                             path, i, s->ids[i], vocab_size);
    return true;
}

static void add_windows(TokenWindows *windows, int64_t *capacity, const int32_t *ids, int64_t n_ids, int64_t context)
{
    for (int64_t begin = 0; begin + 1 < n_ids; begin += context) {
        if (windows->n == *capacity) {
            *capacity = 2 * *capacity + 256;
            windows->items = base_realloc(windows->items, (size_t)*capacity, sizeof *windows->items);
        }
        const int64_t left = n_ids - 1 - begin, n_rows = left < context ? left : context;
        windows->items[windows->n++] = (TokenWindow){.ids = ids + begin, .n_rows = n_rows};
        windows->n_rows += n_rows;
    }
}

static bool open_split(TokenShards *t, TokenSplit split, const char *folder, const json_t *index, int64_t context,
                       int64_t vocab_size, Error *err)
{
    int64_t n = 0, capacity = 0;
    const json_t *const counts = json_object_get(index, split_names[split]);
    if (!json_require(counts, "shards", err) || !json_get_int(counts, "shards", 0, 99999, &n, err)) return false;
    t->shards[split] = base_alloc((size_t)n + 1, sizeof **t->shards);
    for (int64_t i = 0; i < n; i++) {
        Shard *const shard = &t->shards[split][t->n_shards[split]++];
        char *const path = base_printf("%s/%s-%05" PRId64 ".safetensors", folder, split_names[split], i);
        const bool ok = open_shard(shard, path, vocab_size, err);
        base_free(path);
        if (!ok) return false;
        int64_t begin = 0;
        for (int64_t d = 0; d < shard->n_documents; begin = shard->ends[d++])
            add_windows(&t->windows[split], &capacity, shard->ids + begin, shard->ends[d] - begin, context);
    }
    return true;
}

bool token_shards_open(TokenShards **shards, const char *folder, int64_t context, int64_t vocab_size, Error *err)
{
    assert(context > 0);
    TokenShards *const t = *shards = base_alloc(1, sizeof *t);
    char *const path = base_printf("%s/index.json", folder);
    json_t *const index = json_read_file(path, err);
    bool ok = index != NULL;
    for (int split = 0; ok && split < TOKEN_SPLITS; split++)
        ok = open_split(t, (TokenSplit)split, folder, index, context, vocab_size, err);
    if (ok && t->windows[TOKENS_TRAIN].n == 0)
        ok = error_set(err, ERROR_INPUT, "%s: nothing to predict: a document needs at least two tokens", folder);
    json_decref(index);
    base_free(path);
    if (ok) return true;
    token_shards_close(t);
    *shards = NULL;
    return false;
}

void token_shards_close(TokenShards *shards)
{
    if (!shards) return;
    for (int split = 0; split < TOKEN_SPLITS; split++) {
        for (int64_t i = 0; i < shards->n_shards[split]; i++) {
            safetensors_close(&shards->shards[split][i].file);
            base_free(shards->shards[split][i].ends);
        }
        base_free(shards->shards[split]);
        base_free(shards->windows[split].items);
    }
    base_free(shards);
}

const TokenWindows *token_shards_windows(const TokenShards *shards, TokenSplit split)
{
    return &shards->windows[split];
}
