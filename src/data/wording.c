/* SPDX-License-Identifier: MIT */
/* data/wording.c: see wording.h. */
#include "data/wording.h"

#include <stddef.h>
#include <string.h>

static const char *const words[TASK_LANGUAGES][WORD_COUNT] = {
    [TASK_EN] =
        {
            [WORD_TRY] = "try ",
            [WORD_STEP] = ", ",
            [WORD_THEN] = ", then ",
            [WORD_RIGHT] = " right",
            [WORD_NOT] = " not ",
            [WORD_WAIT] = ". wait, ",
            [WORD_CHECK] = ", check ",
            [WORD_MOD] = " mod ",
            [WORD_SO] = "so ",
            [WORD_END] = ". ",
            [WORD_STOP] = ".",
        },
    [TASK_ZH] =
        {
            [WORD_TRY] = "试",
            [WORD_STEP] = "，",
            [WORD_THEN] = "，再",
            [WORD_RIGHT] = "对",
            [WORD_NOT] = "不是",
            [WORD_WAIT] = "。等等，",
            [WORD_CHECK] = "，检查",
            [WORD_MOD] = "模",
            [WORD_SO] = "所以",
            [WORD_END] = "。",
            [WORD_STOP] = "。",
        },
};

const char *wording(TaskLanguage language, Word word)
{
    return words[language][word];
}

const char *task_language_code(TaskLanguage language)
{
    return language == TASK_ZH ? "zh" : "en";
}

const char *const *language_choices(void)
{
    static const char *const names[] = {"en", "zh", "both", NULL};
    return names;
}

LanguageChoice language_choice(const char *name)
{
    int choice = LANGUAGE_ONLY_EN;
    while (language_choices()[choice + 1] && strcmp(language_choices()[choice], name) != 0) choice++;
    return (LanguageChoice)choice;
}

bool language_chosen(LanguageChoice choice, TaskLanguage language)
{
    return choice == LANGUAGE_BOTH || (choice == LANGUAGE_ONLY_ZH) == (language == TASK_ZH);
}

TaskLanguage language_in_turn(LanguageChoice choice, long long i)
{
    if (choice == LANGUAGE_BOTH) return i % 2 == 0 ? TASK_EN : TASK_ZH;
    return choice == LANGUAGE_ONLY_ZH ? TASK_ZH : TASK_EN;
}
