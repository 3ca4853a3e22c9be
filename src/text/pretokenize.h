/* SPDX-License-Identifier: MIT */
/* text/pretokenize.h: cuts a text into the pieces that merges never cross.
 *
 * The pre_tokenizer of tokenizer.json, whatever its nesting, becomes a flat list of three kinds of step: split by a pattern,
 * put a space in front of each piece, write bytes as characters. Each step works on the pieces the one before it left. */
#ifndef R1_TEXT_PRETOKENIZE_H
#define R1_TEXT_PRETOKENIZE_H

#include "base/error.h"
#include "text/regex.h"

#include <stdint.h>

typedef enum SplitBehavior {
    SPLIT_REMOVED,
    SPLIT_ISOLATED,
    SPLIT_MERGED_WITH_PREVIOUS,
    SPLIT_MERGED_WITH_NEXT,
    SPLIT_CONTIGUOUS,
} SplitBehavior;

typedef enum StepKind { STEP_SPLIT, STEP_PREFIX_SPACE, STEP_MAP_BYTES } StepKind;

typedef struct PretokenizeStep {
    StepKind kind;
    Regex *regex; /* STEP_SPLIT: owned */
    SplitBehavior behavior;
    bool invert; /* what lies between the matches counts as the match */
} PretokenizeStep;

typedef struct Pretokenizer {
    PretokenizeStep *steps; /* owned */
    int64_t n;
} Pretokenizer;

void pretokenizer_add(Pretokenizer *pretokenizer, PretokenizeStep step);
void pretokenizer_free(Pretokenizer *pretokenizer);

typedef struct Span {
    int32_t begin, end;
} Span;

/* Pieces of a text, and what making them needs. Zeroed is empty; reused from text to text. */
typedef struct Pieces {
    const char *text; /* what the spans point into: the caller's, or buffers[0] */
    Span *spans;      /* owned */
    int64_t n, capacity;
    Span *next_spans; /* owned: what the step in hand writes */
    int64_t n_next, next_capacity;
    char *buffers[2]; /* owned */
    RegexScratch *regex;
} Pieces;

void pieces_free(Pieces *pieces);
/* The pieces of text[0 .. length), well-formed UTF-8 of less than 2^30 bytes, none of them empty. */
bool pretokenize(const Pretokenizer *pretokenizer, Pieces *pieces, const char *text, size_t length,
                 Error *err) R1_MUST_CHECK;

#endif
