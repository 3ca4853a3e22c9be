/* SPDX-License-Identifier: MIT */
/* reward/answer_rules.c: see answer_rules.h. */
#include "reward/answer_rules.h"

#include <string.h>

static const char *const names[ANSWER_RULE_COUNT] = {"tag",       "box",  "boxed",     "fbox",
                                                     "answer_is", "bold", "last_line", "whole"};

AnswerRules answer_rules_default(void)
{
    return (AnswerRules){.rules = {ANSWER_BY_TAG, ANSWER_BY_BOX, ANSWER_BY_WORDS, ANSWER_BY_BOLD, ANSWER_BY_WHOLE},
                         .n = 5};
}

static int find_rule(const char *text, size_t length)
{
    for (int i = 0; i < ANSWER_RULE_COUNT; i++)
        if (strlen(names[i]) == length && memcmp(names[i], text, length) == 0) return i;
    return -1;
}

static bool add_rule(AnswerRules *rules, const char *text, size_t length, Error *err)
{
    const int rule = find_rule(text, length);
    if (rule < 0)
        return error_set(err, ERROR_INPUT,
                         "\"%.*s\" is none of tag, box, boxed, fbox, answer_is, bold, last_line, whole",
                         (int)(length < 40 ? length : 40), text);
    for (int i = 0; i < rules->n; i++)
        if (rules->rules[i] == (AnswerRule)rule)
            return error_set(err, ERROR_INPUT, "\"%s\" stands there twice", names[rule]);
    rules->rules[rules->n++] = (AnswerRule)rule;
    return true;
}

bool answer_rules_read(AnswerRules *rules, const char *text, Error *err)
{
    *rules = (AnswerRules){.n = 0};
    for (;;) {
        text += strspn(text, " \t");
        const size_t length = strcspn(text, ", \t");
        if (!add_rule(rules, text, length, err)) return false;
        text += length + strspn(text + length, " \t");
        if (!*text) return true;
        if (*text != ',') return error_set(err, ERROR_INPUT, "a comma is missing before \"%.40s\"", text);
        text++;
    }
}
