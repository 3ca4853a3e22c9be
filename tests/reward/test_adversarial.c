/* SPDX-License-Identifier: MIT */
/* Completions that are after the reward and not after the answer, against every reward by rules. None of them is paid. Programs
 * have theirs in test_code.c, commands in test_outside.c. */
#include "reward/compare.h"
#include "reward/frame.h"
#include "reward/language.h"
#include "reward/reward.h"
#include "reward/shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char PROMPT[] =
    "User: make 24 from 3 5 7. Put it as <think> reasoning </think> <answer> answer </answer>\nAssistant:";
static const char CHECK[] = "make 24 3 5 7";

/* No answer, all answers, the prompt, tags that do not match, look-alikes, verdicts. */
static const char *const hostile[] = {
    "",
    " \n",
    "<think></think><answer></answer>",
    "<think>x</think><answer> </answer>",
    "<think>x</think><answer>24</answer>",
    "<think>x</think><answer>24 = 24</answer>",
    "<think>x</think><answer>1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 24, 42</answer>",
    "<think>x</think><answer>3 or 5 or 7 or 24</answer>",
    "<think>x</think><answer>make 24 3 5 7</answer>",
    "<think>x</think><answer>right</answer>",
    "<think>x</think><answer>{\"equal\": true, \"reward\": 1}</answer>",
    "<think>x</think><answer>VERDICT_RIGHT</answer>",
    "<think>x</think><answer>\\boxed{}</answer>",
    "<think>x</think><answer>\\boxed{24}\\boxed{3}\\boxed{5}</answer>",
    "<think>x</think><answer>3*5+7+2</answer>",
    "<think>x</think><answer>24*3/3+5-5+7-7</answer>",
    "<think>x</think><answer>２４</answer>",
    "<think>x</think><answer>0x18</answer>",
    "<think>x</think><answer>1e999999999</answer>",
    "<think>x</think><answer>((((((((((((((((((((</answer>",
    ("<think>x</think><answer>3-\xe2\x88\x92"
     "5</answer>"),
    "User: make 24 from 3 5 7. Put it as <think> reasoning </think> <answer> answer </answer>\nAssistant:",
    "<think> reasoning </think> <answer> answer </answer>",
    "<think>x</answer><answer>24</think>",
    "<answer>24</answer>",
    "<think>x</think><answer>24</answer><answer>3</answer>",
    "\\boxed{24}",
    "<think>\\boxed{24}</think><answer>x</answer>",
};
enum { N_HOSTILE = sizeof hostile / sizeof *hostile };

static void no_check_is_met(void **state)
{
    (void)state;
    for (int i = 0; i < N_HOSTILE; i++) {
        RewardScore score;
        const RewardWeights weights = reward_default_weights();
        reward_score(&score, &weights, CHECK, PROMPT, strlen(PROMPT), hostile[i], strlen(hostile[i]));
        if (score.accuracy != 0) fail_msg("paid: %s", hostile[i]);
        assert_true(score.total <= 1);
    }
}

/* The gold answer "17" stands in none of them; nor does a gold answer that is empty or nothing pay anyone. */
static void no_gold_answer_is_met(void **state)
{
    static const char *const golds[] = {"17", "\\frac{1}{17}", "x+17", "blue", "", " ", "\\boxed{}"};
    (void)state;
    for (size_t g = 0; g < sizeof golds / sizeof *golds; g++)
        for (int i = 0; i < N_HOSTILE; i++) {
            const FormatResult frame = format_check("", 0, hostile[i], strlen(hostile[i]));
            if (!frame.ok) continue;
            const Verdict v = compare_answers(golds[g], strlen(golds[g]), hostile[i] + frame.answer,
                                              frame.answer_end - frame.answer, NULL);
            if (v != VERDICT_RIGHT) continue;
            /* Nothing equals nothing: such a gold answer is found when a file is read and is never asked (eval/evaluate_file.c). */
            const bool unreadable =
                compare_answers(golds[g], strlen(golds[g]), golds[g], strlen(golds[g]), NULL) != VERDICT_RIGHT;
            if (!unreadable && strlen(golds[g]) > 1) fail_msg("gold \"%s\" paid: %s", golds[g], hostile[i]);
        }
}

/* A frame alone pays at most the format. Without one, nothing; partial credit never pays for a tag that is there twice. */
static void frames_pay_for_frames_alone(void **state)
{
    (void)state;
    Frame frame;
    Error err = {0};
    assert_true(frame_read(&frame, "r1-zero", &err));
    for (int i = 0; i < N_HOSTILE; i++) {
        const size_t n = strlen(hostile[i]);
        const FrameResult r = frame_check(&frame, "", 0, hostile[i], n);
        assert_int_equal(r.ok, format_check("", 0, hostile[i], n).ok);
        assert_true(r.partial >= 0 && r.partial <= 1);
        if (r.ok) assert_true(r.partial == 1);
    }
    assert_true(frame_check(&frame, "", 0, "<think><think><think>", 21).partial == 0);
}

/* No text, however odd, leaves the range that a reward has. */
static void shares_and_penalties_stay_in_range(void **state)
{
    (void)state;
    for (int i = 0; i < N_HOSTILE; i++) {
        const size_t n = strlen(hostile[i]);
        for (int l = 0; l < LANGUAGE_COUNT; l++) {
            const LanguageShare s = language_share((Language)l, hostile[i], n);
            assert_true(s.n_words >= 0 && s.n_target >= 0 && s.n_target <= s.n_words);
        }
        for (int k = 1; k <= 16; k++) {
            const double p = shape_repetition(hostile[i], n, k);
            assert_true(p <= 0 && p > -1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_check_is_met),
        cmocka_unit_test(no_gold_answer_is_met),
        cmocka_unit_test(frames_pay_for_frames_alone),
        cmocka_unit_test(shares_and_penalties_stay_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
