/* SPDX-License-Identifier: MIT */
/* data/wording.h: the two surface languages of this world: the words of a working, English and Chinese.
 *
 * A problem is the same in both: the same numbers, check, split and answer; its question and the words around the steps differ. */
#ifndef R1_DATA_WORDING_H
#define R1_DATA_WORDING_H

#include <stdbool.h>

typedef enum TaskLanguage { TASK_EN, TASK_ZH, TASK_LANGUAGES } TaskLanguage;
const char *task_language_code(TaskLanguage language); /* "en", "zh" */

/* Which languages problems are asked in. BOTH: half of them in each. */
typedef enum LanguageChoice { LANGUAGE_ONLY_EN, LANGUAGE_ONLY_ZH, LANGUAGE_BOTH } LanguageChoice;
const char *const *language_choices(void);        /* NULL-terminated, by LanguageChoice */
LanguageChoice language_choice(const char *name); /* one of these names */
bool language_chosen(LanguageChoice choice, TaskLanguage language);
/* Of the i-th of several problems: the one that is chosen, or the two in turn. */
TaskLanguage language_in_turn(LanguageChoice choice, long long i);

typedef enum Word {
    WORD_TRY,   /* "try 3+7=10": begins a candidate */
    WORD_STEP,  /* a mark between steps */
    WORD_THEN,  /* a word between steps */
    WORD_RIGHT, /* a verdict: what was written is what it should be */
    WORD_NOT,   /* a verdict: "not 24" */
    WORD_WAIT,  /* goes on after a miss or a slip */
    WORD_CHECK, /* recomputes a step */
    WORD_MOD,   /* 61 mod 6 */
    WORD_SO,    /* begins a summary */
    WORD_END,   /* ends a sentence in front of the answer */
    WORD_STOP,  /* ends an answer without a frame */
    WORD_COUNT
} Word;
/* With the spaces and marks that belong to it. */
const char *wording(TaskLanguage language, Word word);

#endif
