/* SPDX-License-Identifier: MIT */
/* data/token_shards.h: a person's texts as token ids on disk, made once and mapped from then on.
 *
 *   FOLDER/train-00000.safetensors, ...       "ids" I32 [tokens], "ends" I64 [documents]: document d is ids[ends[d - 1] .. ends[d])
 *   FOLDER/held-out-00000.safetensors, ...    the same
 *   FOLDER/index.json                         counts, and where they came from
 *
 * Which side a document is on depends on its text alone (a hash of it), so equal texts are on one side, however many, and
 * adding files to a corpus moves none. The folder appears by one rename when it is whole. */
#ifndef R1_DATA_TOKEN_SHARDS_H
#define R1_DATA_TOKEN_SHARDS_H

#include "base/threads.h"
#include "text/tokenizer.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct TokenShardSettings {
    const char *path;      /* what data/text_reader.h reads */
    double held_out;       /* share of the documents */
    int64_t section_bytes; /* of a text file: a section is a document here */
    int32_t eos;           /* behind the end of a document; -1: nothing */
    int64_t vocab_size;    /* every id is below it */
} TokenShardSettings;

typedef enum TokenSplit { TOKENS_TRAIN, TOKENS_HELD_OUT, TOKEN_SPLITS } TokenSplit;

/* A document begins with what the tokenizer puts in front of a text. Threads encode documents; the files do not depend on how
 * many. Memory: a shard (64 MiB) and the documents in hand. */
bool token_shards_write(const char *folder, const TokenShardSettings *settings, const Tokenizer *tokenizer,
                        Threads *threads, Error *err) R1_MUST_CHECK;

/* n_rows inputs from ids on, each predicting the id after it: ids[0 .. n_rows] are mapped. */
typedef struct TokenWindow {
    const int32_t *ids;
    int64_t n_rows;
} TokenWindow;

typedef struct TokenWindows {
    TokenWindow *items; /* owned; in the order of the documents */
    int64_t n, n_rows;
} TokenWindows;

typedef struct TokenShards TokenShards;

/* Maps a folder and cuts its documents into windows of at most `context` rows: a window begins with the last id of the one
 * before it in its document, so every id but a document's first is predicted once. All ids are checked against vocab_size. */
bool token_shards_open(TokenShards **shards, const char *folder, int64_t context, int64_t vocab_size,
                       Error *err) R1_MUST_CHECK;
void token_shards_close(TokenShards *shards); /* NULL is fine */
const TokenWindows *token_shards_windows(const TokenShards *shards, TokenSplit split);

#endif
