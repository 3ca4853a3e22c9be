/* SPDX-License-Identifier: MIT */
/* tests/reward/test_readable.c: what a person would not want to read, by each rule and no other. */
#include "reward/readable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const ReadableLimits LIMITS = {.language = 0.9, .paragraph_words = 8, .repetition = 0.5, .repetition_ngram = 2};

static Readable check(const ReadableLimits *limits, const char *prompt, const char *text)
{
    return readable_check(limits, prompt, strlen(prompt), text, strlen(text));
}

static void each_rule_has_its_texts(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        Readable expected;
    } rows[] = {
        {"<think>We add two and three.</think><answer>5</answer>", READABLE},
        {"<think></think><answer>5</answer>", READABLE},
        {"", READABLE},
        {"<think>We add \xe4\xba\x8c\xe5\x92\x8c\xe4\xb8\x89 then.</think>5", UNREADABLE_LANGUAGE},
        {"<think>Wir haben die Summe und der Rest ist nicht null.</think>5", UNREADABLE_LANGUAGE},
        {"<think>One two three four five six seven eight nine.</think>5", UNREADABLE_PARAGRAPH},
        {"<think>One two three four five\nsix seven eight nine ten.</think>5", READABLE},
        {"</think><think>One two three four five six seven eight nine.</think>5", UNREADABLE_PARAGRAPH},
        {"<think>Short.</think>But here one two three four five six seven eight nine ten.", READABLE},
        {"<think>See\n```\nx = 1\n```\n</think>5", UNREADABLE_CODE_BLOCK},
        {"<think>See\n~~~\nx = 1\n~~~\n</think>5", UNREADABLE_CODE_BLOCK},
        {"<think>See below.</think>\n```\nx = 1\n```\n", READABLE},
        {"<think>so we\nso we\nso we\nso we\nso we\n</think>5", UNREADABLE_REPETITION},
        {"so it goes\nwith ```code```", UNREADABLE_CODE_BLOCK}, /* no </think>: all of it is thinking */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (check(&LIMITS, "What is two and three?", rows[i].text) != rows[i].expected)
            fail_msg("%s: %d, expected %d", rows[i].text, (int)check(&LIMITS, "What is two and three?", rows[i].text),
                     (int)rows[i].expected);
}

static void rules_can_be_put_aside(void **state)
{
    (void)state;
    const ReadableLimits none = {
        .language = 0, .paragraph_words = 0, .code_blocks = true, .repetition = 1, .repetition_ngram = 1};
    assert_int_equal(
        check(&none, "What?", "<think>so so so so so so so so so so so so \xe4\xba\x8c\xe5\x92\x8c ```x```</think>"),
        READABLE);
    ReadableLimits chinese = LIMITS;
    chinese.has_target = true;
    chinese.target = LANGUAGE_ZH;
    assert_int_equal(check(&chinese, "What is it?", "<think>\xe4\xba\x8c\xe5\x92\x8c\xe4\xb8\x89</think>5"), READABLE);
    assert_int_equal(check(&chinese, "What is it?", "<think>We add them.</think>5"), UNREADABLE_LANGUAGE);
    /* the prompt's language, where none is named */
    assert_int_equal(check(&LIMITS, "\xe4\xba\x8c\xe5\x92\x8c\xe4\xb8\x89", "<think>We add them.</think>5"),
                     UNREADABLE_LANGUAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_has_its_texts),
        cmocka_unit_test(rules_can_be_put_aside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
