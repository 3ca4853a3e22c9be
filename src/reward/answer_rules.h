/* SPDX-License-Identifier: MIT */
/* reward/answer_rules.h: which marks of an answer count, and in which order they are looked for (reward/compare.h).
 *
 *   tag        the inside of the last <answer>...</answer>; the rules behind it look in there alone, and without any of them all of
 *              it is the answer
 *   box        the last closed \boxed{...} or \fbox{...}; boxed, fbox: of this kind alone. A box that is not closed ends the search
 *   answer_is  what follows the last "answer is", "Answer:" and the like in its sentence
 *   bold       the last **bold** text
 *   last_line  the last line that is not empty
 *   whole      all of the part
 *
 * Whatever the rules, what stands before the last </think> is no part of it, and a thought that is not closed has no answer. */
#ifndef R1_REWARD_ANSWER_RULES_H
#define R1_REWARD_ANSWER_RULES_H

#include "base/error.h"

typedef enum AnswerRule {
    ANSWER_BY_TAG,
    ANSWER_BY_BOX,
    ANSWER_BY_BOXED,
    ANSWER_BY_FBOX,
    ANSWER_BY_WORDS,
    ANSWER_BY_BOLD,
    ANSWER_BY_LAST_LINE,
    ANSWER_BY_WHOLE,
    ANSWER_RULE_COUNT
} AnswerRule;

typedef struct AnswerRules {
    AnswerRule rules[ANSWER_RULE_COUNT];
    int n;
} AnswerRules;

#define ANSWER_RULES_DEFAULT "tag,box,answer_is,bold,whole"
AnswerRules answer_rules_default(void);
/* Names with commas between, each at most once. ERROR_INPUT names the word that is wrong. */
bool answer_rules_read(AnswerRules *rules, const char *text, Error *err) R1_MUST_CHECK;

#endif
