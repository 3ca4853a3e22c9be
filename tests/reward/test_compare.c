/* SPDX-License-Identifier: MIT */
/* tests/reward/test_compare.c: answers against gold answers. */
#include "base/philox.h"
#include "reward/compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static Verdict compare(const char *gold, const char *answer)
{
    return compare_answers(gold, strlen(gold), answer, strlen(answer), NULL);
}

typedef struct Case {
    const char *gold, *answer;
    Verdict verdict;
} Case;

static const Case cases[] = {
    {"42", "42", VERDICT_RIGHT},
    {"42", " 42. ", VERDICT_RIGHT},
    {"42", "+42", VERDICT_RIGHT},
    {"42", "042", VERDICT_RIGHT},
    {"42", "42.0", VERDICT_RIGHT},
    {"42", "43", VERDICT_WRONG},
    {"-7",
     "\xe2\x88\x92"
     "7",
     VERDICT_RIGHT},
    {"-7", "7", VERDICT_WRONG},
    {"0", "-0", VERDICT_RIGHT},
    {"0.5", "1/2", VERDICT_RIGHT},
    {"0.5", ".5", VERDICT_RIGHT},
    {"1/2", "\\frac{1}{2}", VERDICT_RIGHT},
    {"1/2", "\\dfrac{2}{4}", VERDICT_RIGHT},
    {"-1/2", "-\\frac{1}{2}", VERDICT_RIGHT},
    {"1/3", "0.333", VERDICT_WRONG},
    {"1234", "1,234", VERDICT_RIGHT},
    {"1234", "12,34", VERDICT_UNDECIDED},
    {"1/0", "2", VERDICT_UNDECIDED},
    {"3", "$3$", VERDICT_RIGHT},
    {"3", "\\(3\\)", VERDICT_RIGHT},
    {"3", "\\boxed{3}", VERDICT_RIGHT},
    {"3", "first \\boxed{2}, no: \\boxed{3}", VERDICT_RIGHT},
    {"3", "<think>4</think><answer>3</answer>", VERDICT_RIGHT},
    {"3", "<think>\\boxed{4}</think><answer>\\boxed{3}</answer>", VERDICT_RIGHT},
    {"3", "<answer>4</answer><answer>3</answer>", VERDICT_RIGHT},
    {"1/2", "\\boxed{\\frac{1}{2}}", VERDICT_RIGHT},
    {"999999999999999999", "999999999999999998", VERDICT_WRONG},
    {"9999999999999999999", "9999999999999999999", VERDICT_RIGHT},
    {"9999999999999999999", "9999999999999999998", VERDICT_UNDECIDED},
    {"Tuesday", "tuesday", VERDICT_RIGHT},
    {"New  York", "new york", VERDICT_RIGHT},
    {"Tuesday", "Wednesday", VERDICT_WRONG},
    {"x+1", "x+1", VERDICT_RIGHT},
    {"x+1", "1+x", VERDICT_UNDECIDED},
    {"2", "two", VERDICT_UNDECIDED},
    {"2", "", VERDICT_WRONG},
    {"2", "<answer> </answer>", VERDICT_WRONG},
    {"", "2", VERDICT_UNDECIDED},
};

static void the_table_is_met(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (compare(cases[i].gold, cases[i].answer) != cases[i].verdict)
            fail_msg("gold %s, answer %s: %d", cases[i].gold, cases[i].answer, compare(cases[i].gold, cases[i].answer));
}

static void comparison_is_symmetric_and_reflexive(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const Case *c = &cases[i];
        if (!*c->gold || !*c->answer || strstr(c->answer, "> <")) continue;
        assert_int_equal(compare(c->gold, c->answer), compare(c->answer, c->gold));
        assert_int_equal(compare(c->answer, c->answer), VERDICT_RIGHT);
    }
}

static void extraction_says_where_it_looked(void **state)
{
    (void)state;
    const char *text = "a \\boxed{b{c}d} e";
    AnswerSpan s = answer_extract(text, strlen(text));
    assert_int_equal(s.length, 5);
    assert_memory_equal(s.text, "b{c}d", 5);
    assert_string_equal(s.source, "box");
    text = "a \\boxed{b{c}d";
    s = answer_extract(text, strlen(text));
    assert_int_equal(s.length, strlen(text));
    assert_string_equal(s.source, "whole text");
    text = "</answer><answer>x";
    assert_string_equal(answer_extract(text, strlen(text)).source, "whole text");
}

static void any_bytes_are_decided_without_harm(void **state)
{
    (void)state;
    static const char *const pieces[] = {"1", "9",        ",",        ".",         "/", "-", "\\frac", "{",   "}",
                                         "$", "\\boxed{", "<answer>", "</answer>", " ", "a", "\xe2",   "\\(", "\\)"};
    RngSequence rng = rng_sequence(1, RNG_TEST, 5, 6);
    for (int i = 0; i < 50000; i++) {
        char text[2][256] = {"", ""};
        for (int k = 0; k < 2; k++)
            for (int n = (int)rng_next_below(&rng, 16); n > 0; n--)
                strcat(text[k], pieces[rng_next_below(&rng, sizeof pieces / sizeof *pieces)]);
        (void)compare(text[0], text[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_met),
        cmocka_unit_test(comparison_is_symmetric_and_reflexive),
        cmocka_unit_test(extraction_says_where_it_looked),
        cmocka_unit_test(any_bytes_are_decided_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
