/* SPDX-License-Identifier: MIT */
/* reward/shape.h: rewards for the length of a completion and for not repeating itself. Numbers of texts and counts alone. */
#ifndef R1_REWARD_SHAPE_H
#define R1_REWARD_SHAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* DAPO's soft overlong punishment (arXiv 2503.14476, eq. 13): 0 up to max - cache tokens, then down to -1 at max, -1 beyond.
 * cache >= 1. */
double shape_soft_overlong(int64_t n_tokens, int64_t max_tokens, int64_t cache_tokens);

/* The cosine length reward (arXiv 2502.03373): with x = min(n / max, 1) and c = (1 + cos(pi x)) / 2
 *   right: 0.5 + 0.5 c   from 1 (short) to 0.5 (long)
 *   wrong: -0.5 - 0.5 c  from -1 (short) to -0.5 (long): a wrong answer is worth more thought */
double shape_cosine_length(int64_t n_tokens, int64_t max_tokens, bool right);

/* The n-gram penalty of the same paper: -(1 - distinct n-grams / n-grams), 0 for fewer than n words. A word is what stands between
 * white space, in lower case (ASCII's letters); a character of Chinese, Japanese or Korean is a word by itself. n from 1 to 16.
 * Against evasion the text is read a second time by its letters and digits alone, without punctuation and invisible characters, what
 * has no white space for 32 bytes is cut into pieces, and the stronger penalty counts. A text that counts up as it repeats itself
 * ("wait 1 wait 2 wait 3") gets away: so does arithmetic. */
double shape_repetition(const char *text, size_t length, int n);

#endif
