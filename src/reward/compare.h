/* SPDX-License-Identifier: MIT */
/* reward/compare.h: is an answer the gold answer? Exact for integers, decimals, fractions and plain words; what it cannot read
 * it does not guess: undecided.
 *
 * Numbers: 42, -3.50, 1,234, 7/8, \frac{7}{8}, with $ or \( \) around them; 0.5 equals 1/2. At most 18 digits. Texts of other
 * kinds are equal when they are the same but for white space and, for plain words, case. Two different words are unequal. */
#ifndef R1_REWARD_COMPARE_H
#define R1_REWARD_COMPARE_H

#include "data/tasks.h"

typedef struct AnswerSpan {
    const char *text; /* inside the text it was taken from */
    size_t length;
    const char *source; /* how it was found: "answer tag", "box", "whole text" */
} AnswerSpan;
/* The last <answer>...</answer>; without one the last \boxed{...}; without either the whole text. A box inside the answer is
 * opened. White space at the ends is cut off. */
AnswerSpan answer_extract(const char *text, size_t length);

/* gold and answer are extracted first. *reason (may be NULL): one static text that says why. */
Verdict compare_answers(const char *gold, size_t gold_length, const char *answer, size_t answer_length,
                        const char **reason);

#endif
