/* SPDX-License-Identifier: MIT */
/* text/train.h: which pairs to merge, learnt from counted words; for the files of text/ alone.
 *
 * A word is a piece of the pre-tokeniser and never crosses its border. The most frequent pair of neighbours becomes a token,
 * again and again; counts are integers and ties have one answer, so the result is a function of the text. */
#ifndef R1_TEXT_TRAIN_H
#define R1_TEXT_TRAIN_H

#include "base/error.h"
#include "text/string_table.h"

#include <stdint.h>

typedef struct TrainWords {
    StringTable table; /* a word's bytes (borrowed from the text) to its number */
    struct TrainWord {
        const char *bytes;
        int32_t length;
        int64_t count;
    } * words; /* owned, in order of first appearance */
    int64_t n, capacity;
} TrainWords;

void train_words_add(TrainWords *words, const char *bytes, size_t length);
void train_words_free(TrainWords *words);

/* Tokens 0 to 255 are the bytes; token 256 + i is made by merges[made_by[i]]. */
typedef struct TrainMerge {
    int32_t left, right, result;
} TrainMerge;

typedef struct TrainTokens {
    struct TrainToken {
        char *bytes; /* owned */
        int32_t length;
    } * tokens; /* owned */
    int64_t n;
    TrainMerge *merges; /* owned; more than n - 256 when two pairs give the same token */
    int64_t n_merges;
} TrainTokens;

/* Learns until there are n_tokens tokens or every word is one token. Fails only when interrupted. */
bool train_learn(TrainTokens *tokens, const TrainWords *words, int64_t n_tokens, Error *err) R1_MUST_CHECK;
void train_tokens_free(TrainTokens *tokens);

#endif
