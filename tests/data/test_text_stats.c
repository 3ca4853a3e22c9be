/* SPDX-License-Identifier: MIT */
/* tests/data/test_text_stats.c: reflective words, styles and audits of hand-written completions. */
#include "base/philox.h"
#include "data/text_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int words(const char *text)
{
    return text_reflective_words(text, strlen(text));
}

static TextStyle style(const char *text)
{
    return text_style(text, strlen(text));
}

static TaskAudit audit(const char *check, const char *text)
{
    return task_audit(check, text, strlen(text));
}

static void whole_words_count_in_either_case(void **state)
{
    (void)state;
    assert_int_equal(words("Wait, WAIT. wait"), 3);
    assert_int_equal(words("waiter await rebut button checked wrongly"), 0);
    assert_int_equal(words("but however mistake retry error verify wrong evaluate check wait"), 10);
    assert_int_equal(words("check3 check_ (check)"), 3);
    assert_int_equal(words("w\xc3\xa4it b\xc3\xbctbut \xc3\xa9"
                           "but"),
                     0);
    assert_int_equal(words(""), 0);
    assert_int_equal(text_count_word("wait, check. wait", 17, "wait"), 2);
    int n = 0;
    while (text_reflective_word(n)) n++;
    assert_int_equal(n, 10);
    assert_null(text_reflective_word(-1));
}

static void chinese_words_count_wherever_they_stand(void **state)
{
    (void)state;
    assert_int_equal(words("等等，再试一次。检查：错误！"), 3);
    assert_int_equal(words("15不是24。等等，试3+7=10对"), 1);
    assert_int_equal(words("wait等等wait，check检查"), 5);
    assert_int_equal(words("但是不对，然而验证之后评估，重试"), 6);
    assert_int_equal(words("等 等 检 查 北京 日本語 wa等it"), 0);
    assert_int_equal(words("\xe7\xad"), 0);    /* a character cut off */
    assert_int_equal(words("but\xe7\xad"), 0); /* bytes of no character go on with the word */
    assert_int_equal(style("<think>试3+7=10，再10*5=50对</think>"), TEXT_WORKED);
    assert_int_equal(style("<think>61模6=1。等等，61模6=1</think>"), TEXT_CHECKED);
    const TaskAudit a = audit("pick 2 29 6 14 23 30 31", "<think>试31+6=37不是29。等等，试6+23=29对</think>");
    assert_int_equal(a.tries, 2);
    assert_true(a.first_missed && a.corrected_miss);
    const TaskAudit b = audit("pick 2 29 6 14 23 30 31", "<think>try 31+6=37不是29. wait, 试6+23=29 right</think>");
    assert_true(b.tries == 2 && b.first_missed && b.corrected_miss);
}

static void style_is_read_off_the_text(void **state)
{
    (void)state;
    assert_int_equal(style("<think></think><answer>(3+7)*5</answer>"), TEXT_DIRECT);
    assert_int_equal(style(" 84."), TEXT_DIRECT);
    assert_int_equal(style("<think>3+7=10</think><answer>10</answer>"), TEXT_WORKED);
    assert_int_equal(style("<think>61 mod 6=1</think>"), TEXT_WORKED);
    assert_int_equal(style("<think>try 3+7=10 not 9. wait, try 4+5=9 right</think>"), TEXT_CHECKED);
}

static void a_slip_that_is_put_right_is_seen(void **state)
{
    (void)state;
    TaskAudit a = audit("sum 20 21 3",
                        "<think>21+20=51, check 21+20=41 not 51. wait, 21+20=41, 41+3=44</think><answer>44</answer>");
    assert_int_equal(a.steps, 4);
    assert_int_equal(a.wrong_steps, 1);
    assert_true(a.corrected_step && task_audit_corrected(&a));
    a = audit("sum 20 21 3", "<think>21+20=51, 51+3=54</think><answer>54</answer>");
    assert_int_equal(a.wrong_steps, 1);
    assert_false(task_audit_corrected(&a));
    a = audit("sum 20 21 3", "<think>21+20=41, check 21+20=41 right, 41+3=44</think><answer>44</answer>");
    assert_int_equal(a.steps, 3);
    assert_int_equal(a.wrong_steps, 0);
    assert_false(task_audit_corrected(&a));
    assert_int_equal(a.tries, 0);
}

static void a_miss_that_is_followed_by_a_hit_is_seen(void **state)
{
    (void)state;
    TaskAudit a = audit("pick 2 29 6 14 23 30 31",
                        "<think>try 31+6=37 not 29. wait, try 6+23=29 right</think><answer>6 23</answer>");
    assert_int_equal(a.tries, 2);
    assert_int_equal(a.misses, 1);
    assert_true(a.first_missed && a.corrected_miss);
    a = audit("pick 2 29 6 14 23 30 31", "<think>try 31+6=37 not 29</think><answer>31 6</answer>");
    assert_true(a.first_missed && !a.corrected_miss);
    a = audit("pick 2 29 6 14 23 30 31", "<think>try 23+6=29 right</think><answer>23 6</answer>");
    assert_true(!a.first_missed && !a.corrected_miss && a.misses == 0);
    a = audit("pick 2 29 6 14 23 30 31",
              "<think>try 31+6=37 not 29. wait, try 30+14=44 not 29</think><answer>30 14</answer>");
    assert_int_equal(a.misses, 2);
    assert_false(task_audit_corrected(&a));
    a = audit("residue 3 7 4 1 9",
              "<think>try 7*4=28, 28+4=32, 32 mod 9=5 not 3. wait, try 7*5=35, 35+4=39, 39 mod 9=3 right");
    assert_true(a.first_missed && a.corrected_miss);
    a = audit("garbage", "<think>try 7*4=28 not 3");
    assert_int_equal(a.tries, 0);
    assert_int_equal(a.steps, 1);
}

static void wrong_steps_of_every_operation_are_seen(void **state)
{
    (void)state;
    assert_int_equal(audit("sum 1", "3+4=8, 9-4=4, 3*4=13, 9/3=2, 9 mod 4=2").wrong_steps, 5);
    assert_int_equal(audit("sum 1", "3+4=7, 9-4=5, 3*4=12, 9/3=3, 9 mod 4=1").wrong_steps, 0);
    assert_int_equal(audit("sum 1", "9/0=0, 9 mod 0=0, 9/2=4").wrong_steps, 3);
    assert_int_equal(audit("sum 1", "4-9=-5, -5+9=4").wrong_steps, 0);
    assert_int_equal(audit("sum 1", "4-9=-5, -5+9=4").steps, 2);
    assert_int_equal(audit("sum 1", "123456+1=2, 1+1=123456, x1+1=3").steps, 0);
}

static void any_bytes_are_read_without_harm(void **state)
{
    (void)state;
    static const char *const pieces[] = {"try ",  "1", "99",   "+",  "-",       "*",    "/",
                                         " mod ", "=", "wait", ", ", "<think>", "\xff", "check"};
    RngSequence rng = rng_sequence(1, RNG_TEST, 2, 3);
    for (int i = 0; i < 20000; i++) {
        char text[400] = "";
        for (int n = (int)rng_next_below(&rng, 40); n > 0; n--)
            strcat(text, pieces[rng_next_below(&rng, sizeof pieces / sizeof *pieces)]);
        const size_t length = strlen(text);
        const TaskAudit a = task_audit("pick 2 31 9 15 16", text, length);
        assert_true(a.misses <= a.tries && a.wrong_steps <= a.steps);
        assert_true(style(text) != TEXT_CHECKED || words(text) > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_words_count_in_either_case),
        cmocka_unit_test(chinese_words_count_wherever_they_stand),
        cmocka_unit_test(style_is_read_off_the_text),
        cmocka_unit_test(a_slip_that_is_put_right_is_seen),
        cmocka_unit_test(a_miss_that_is_followed_by_a_hit_is_seen),
        cmocka_unit_test(wrong_steps_of_every_operation_are_seen),
        cmocka_unit_test(any_bytes_are_read_without_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
