/* SPDX-License-Identifier: MIT */
/* tests/reward/test_reward.c: accuracy and format of whole completions, and how they add up. */
#include "reward/reward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static RewardScore score_text(const char *check, const char *completion)
{
    static const char prompt[] = "User: 1+2=?\nAssistant:";
    const RewardWeights weights = reward_default_weights();
    RewardScore score;
    reward_score(&score, &weights, check, prompt, sizeof prompt - 1, completion, strlen(completion));
    return score;
}

static void right_in_a_frame_earns_both(void **state)
{
    (void)state;
    const RewardScore s = score_text("sum 1 2", "<think>1+2=3</think><answer>3</answer>");
    assert_true(s.accuracy == 1 && s.format == 1 && s.total == 2);
    assert_int_equal(s.verdict, VERDICT_RIGHT);
}

static void wrong_in_a_frame_earns_format_alone(void **state)
{
    (void)state;
    const char *const wrong[] = {"<think></think><answer>4</answer>", "<think>3</think><answer></answer>",
                                 "<think></think><answer>3 or 4</answer>",
                                 "<think></think><answer>the answer is 3</answer>"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const RewardScore s = score_text("sum 1 2", wrong[i]);
        assert_true(s.accuracy == 0 && s.format == 1 && s.total == 1);
        assert_int_equal(s.verdict, VERDICT_WRONG);
    }
}

static void a_right_answer_without_a_frame_earns_nothing(void **state)
{
    (void)state;
    const char *const loose[] = {" 3.",
                                 "3",
                                 "<answer>3</answer>",
                                 "<think></think>3",
                                 "<think></think><answer>3</answer>3",
                                 "<think></think><answer>3</answer><answer>4</answer>",
                                 ""};
    for (size_t i = 0; i < sizeof loose / sizeof *loose; i++) {
        const RewardScore s = score_text("sum 1 2", loose[i]);
        assert_true(s.accuracy == 0 && s.format == 0 && s.total == 0);
        assert_int_equal(s.verdict, VERDICT_WRONG);
        assert_non_null(s.frame.reason);
    }
}

static void an_unreadable_check_is_undecided_in_a_frame_or_without(void **state)
{
    (void)state;
    RewardScore s = score_text("no-such-family 1 2", "<think></think><answer>3</answer>");
    assert_int_equal(s.verdict, VERDICT_UNDECIDED);
    assert_true(s.accuracy == 0 && s.format == 1);
    s = score_text("sum one two", "3");
    assert_int_equal(s.verdict, VERDICT_UNDECIDED);
}

static void weights_scale_the_two_parts(void **state)
{
    (void)state;
    const RewardWeights weights = {.accuracy = 1, .format = 0.25};
    RewardScore s;
    const char *text = "<think></think><answer>3</answer>";
    reward_score(&s, &weights, "sum 1 2", "", 0, text, strlen(text));
    assert_true(s.total == 1.25);
    reward_score(&s, &weights, "sum 1 3", "", 0, text, strlen(text));
    assert_true(s.total == 0.25);
}

/* The opening tag in the prompt, as generation prompts and forced prefixes have it. */
static void a_frame_opened_in_the_prompt_counts(void **state)
{
    (void)state;
    const RewardWeights weights = reward_default_weights();
    RewardScore s;
    const char *prompt = "User: 1+2=?\nAssistant:<think>1", *text = "+2=3</think><answer>3</answer>";
    reward_score(&s, &weights, "sum 1 2", prompt, strlen(prompt), text, strlen(text));
    assert_true(s.total == 2);
}

/* A summary between thinking and answer: of the frame that asks for one, not of R1-Zero's. */
static void another_frame_has_its_own_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double zero, summary; /* totals in the two frames */
    } cases[] = {
        {"<think>1+2=3</think>so 1+2=3. <answer>3</answer>", 0, 2},
        {"<think>1+2=3</think>so 1+2=4. <answer>4</answer>", 0, 1},
        {"<think>1+2=3</think><answer>3</answer>", 2, 2},
        {"<think>1+2=3</think>so 3 <answer>3</answer> or <answer>4</answer>", 0, 0},
        {"so <answer>3</answer>", 0, 0},
    };
    const RewardWeights weights = reward_default_weights();
    Frame frame;
    Error err = {0};
    RewardScore s;
    assert_true(frame_read(&frame, "<think>...</think>...<answer>...</answer>", &err));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t n = strlen(cases[i].text);
        reward_score(&s, &weights, "sum 1 2", "", 0, cases[i].text, n);
        assert_true(s.total == cases[i].zero);
        reward_score_framed(&s, &weights, &frame, "sum 1 2", "", 0, cases[i].text, n);
        if (s.total != cases[i].summary) fail_msg("%s: %g", cases[i].text, s.total);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_in_a_frame_earns_both),
        cmocka_unit_test(wrong_in_a_frame_earns_format_alone),
        cmocka_unit_test(a_right_answer_without_a_frame_earns_nothing),
        cmocka_unit_test(an_unreadable_check_is_undecided_in_a_frame_or_without),
        cmocka_unit_test(weights_scale_the_two_parts),
        cmocka_unit_test(a_frame_opened_in_the_prompt_counts),
        cmocka_unit_test(another_frame_has_its_own_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
