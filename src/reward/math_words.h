/* SPDX-License-Identifier: MIT */
/* reward/math_words.h: what is a word, what words are numbers, and what is a unit. Tables and nothing else. */
#ifndef R1_REWARD_MATH_WORDS_H
#define R1_REWARD_MATH_WORDS_H

#include "reward/math_lex.h"

/* The run of letters is one of these words, whatever its case; words: lower case, spaces between, a space at both ends. */
bool math_word_among(const Token *t, const char *words);

/* A run of letters is read as one word and not as a product of symbols: "apples", "no"; not "xy", "mn", "abc". */
bool math_is_wordy(const char *run, size_t length);

/* A number in English words from tokens[at]: "twelve", "minus twenty-one", "one hundred and five", "two thirds". *next: the
 * token behind it. false: none. */
bool math_word_number(const Tokens *tokens, int32_t at, int32_t *next, int64_t *num, int64_t *den);

/* A unit from tokens[at] up to `end`, all of it: "km/h", "square metres", "m/s^2", "apples". bare: it stands beside a number without a
 * space, so a single letter is a symbol. Writes the canonical spelling into the pool; false: no unit. */
bool math_unit(MathPool *pool, const Tokens *tokens, int32_t at, int32_t end, const char **unit, int32_t *n_unit);
bool math_is_currency(const Token *t);
/* Both units measure the same thing: *num / *den of the second make one of the first. Of single known units alone. */
bool math_unit_ratio(const char *a, size_t n_a, const char *b, size_t n_b, int64_t *num, int64_t *den);

#endif
