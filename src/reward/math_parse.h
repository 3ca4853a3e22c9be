/* SPDX-License-Identifier: MIT */
/* reward/math_parse.h: an extracted answer, LaTeX or plain text, as a tree.
 *
 * Precedence, loosest first: lists (commas, "and", "or"); relations, membership, ratios; union and intersection; sums; products,
 * also those without a sign; minus; powers, indices and what stands behind a number (! % degrees). What has two common
 * readings (x/2y, sin^{-2}) is not guessed: it is unreadable, and so is anything too large or too deep. docs/verifier.md has the list. */
#ifndef R1_REWARD_MATH_PARSE_H
#define R1_REWARD_MATH_PARSE_H

#include "reward/math_lex.h"

typedef struct MathReading {
    MathNode *node;  /* NULL: unreadable */
    const char *why; /* unreadable: a static text */
    bool empty;      /* nothing but space */
} MathReading;

/* tokens: scratch, left with the tokens of this text. */
MathReading math_read(MathPool *pool, Tokens *tokens, const char *text, size_t length);

#endif
