/* SPDX-License-Identifier: MIT */
/* text/pretokenize.h: cuts a text into the pieces that merges never cross.
 *
 * The pre_tokenizer of tokenizer.json, whatever its nesting, becomes a flat list of three kinds of step: split by a pattern,
 * put a space in front of each piece, write bytes as characters. Each step works on the pieces the one before it left: a piece
 * goes through all later steps before the next one is cut out. */
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

/* Takes the step's regex; false when there are PRETOKENIZE_MAX_STEPS already. */
bool pretokenizer_add(Pretokenizer *pretokenizer, PretokenizeStep step, Error *err) R1_MUST_CHECK;
void pretokenizer_free(Pretokenizer *pretokenizer);

enum { PRETOKENIZE_MAX_STEPS = 16 }; /* published files have up to four; byte alphabets in a row double a piece each */

/* What cutting a text needs. Zeroed is empty; reused from text to text. */
typedef struct PretokenizeScratch {
    RegexScratch *regex;
    char *buffers[PRETOKENIZE_MAX_STEPS]; /* owned: the text that the step of this number wrote */
    size_t buffer_bytes[PRETOKENIZE_MAX_STEPS];
} PretokenizeScratch;

void pretokenize_scratch_free(PretokenizeScratch *scratch);

/* A piece, never empty; lives as long as the call. */
typedef bool TakePiece(void *context, const char *piece, size_t length);

/* Hands the pieces of text[0 .. length) (well-formed UTF-8) to `take` in order, each as soon as it is cut out, so that a long
 * text needs no list of them. Fails with err, or, when `take` returned false, without. */
bool pretokenize(const Pretokenizer *pretokenizer, PretokenizeScratch *scratch, const char *text, size_t length,
                 TakePiece *take, void *context, Error *err) R1_MUST_CHECK;

#endif
