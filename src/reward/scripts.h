/* SPDX-License-Identifier: MIT */
/* reward/scripts.h: which script a letter is of, as far as the ten languages of reward/language.h need it. */
#ifndef R1_REWARD_SCRIPTS_H
#define R1_REWARD_SCRIPTS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum Script {
    SCRIPT_NONE, /* digits, punctuation, symbols, marks: of no language */
    SCRIPT_LATIN,
    SCRIPT_CYRILLIC,
    SCRIPT_ARABIC,
    SCRIPT_DEVANAGARI,
    SCRIPT_HAN,
    SCRIPT_KANA,
    SCRIPT_HANGUL,
    SCRIPT_OTHER, /* letters of any other script */
    SCRIPT_COUNT
} Script;

Script script_of(uint32_t code_point);
/* Written without spaces, a character a word: Han, kana, Hangul. */
bool script_is_cjk(uint32_t code_point);
/* The code point of a well-formed sequence of n bytes (base/utf8.h). */
uint32_t script_code_point(const char *text, int n);

#endif
