/* SPDX-License-Identifier: MIT */
/* reward/language.h: how much of a text is in one language (DeepSeek-R1, arXiv 2501.12948, 2.3.2: the share of words of the target
 * language in the chain of thought).
 *
 * A word is a run of letters; a character of Chinese or Japanese is a word by itself, a run of Hangul is one. Words of the target's
 * script are of the target, but for words that only another language of the same script has (its articles, prepositions,
 * pronouns: a list a language). Left out, of no language: code between backticks and in fences, mathematics between $ or \( \) or
 * \[ \], \commands, <tags>, links, digits, and single Latin letters. Prose that hides in code, formulas or tags counts: letters of
 * other scripts, and function words. Tested on ten languages: English, German, French, Spanish,
 * Portuguese, Russian, Arabic, Chinese, Japanese, Korean; Hindi as far as its script goes.
 *
 * What it cannot see: English words inside German text that are no function words, Chinese in Japanese text without kana. */
#ifndef R1_REWARD_LANGUAGE_H
#define R1_REWARD_LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum Language {
    LANGUAGE_EN,
    LANGUAGE_DE,
    LANGUAGE_FR,
    LANGUAGE_ES,
    LANGUAGE_PT,
    LANGUAGE_RU,
    LANGUAGE_AR,
    LANGUAGE_HI,
    LANGUAGE_ZH,
    LANGUAGE_JA,
    LANGUAGE_KO,
    LANGUAGE_COUNT
} Language;
const char *language_code(Language language); /* "en" */
bool language_find(Language *language, const char *code);

/* What a text is mostly written in; false when it holds no word. */
bool language_detect(Language *language, const char *text, size_t length);

typedef struct LanguageShare {
    int64_t n_words, n_target;
} LanguageShare;
/* Of the thinking: up to the last </think> when the text has one, else of the whole text. The share is
 * n_target / n_words; a text without words has none. */
LanguageShare language_share(Language target, const char *completion, size_t length);
/* The share of the prompt's language, as it is detected; NaN when the prompt or the thinking has no word. */
double language_consistency(const char *prompt, size_t prompt_length, const char *completion, size_t length);

#endif
