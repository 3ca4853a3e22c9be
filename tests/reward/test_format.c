/* SPDX-License-Identifier: MIT */
/* tests/reward/test_format.c: the frame, character by character. */
#include "base/philox.h"
#include "reward/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static FormatResult check(const char *prompt, const char *completion)
{
    return format_check(prompt, strlen(prompt), completion, strlen(completion));
}

typedef struct Case {
    const char *prompt, *completion;
    const char *answer; /* NULL: not a frame */
    size_t failed_at;
} Case;

static const char plain[] = "User: 1+1=?\nAssistant:";

static const Case cases[] = {
    {plain, "<think></think><answer>2</answer>", "2", 0},
    {plain, " <think> 1+1=2 </think> <answer> 2 </answer>\n", " 2 ", 0},
    {plain, "<think>a < b</think>\n\n<answer></answer>", "", 0},
    {"", "<think>x</think><answer>y</answer>", "y", 0},
    {plain, "", NULL, 0},
    {plain, " 2.", NULL, 1},
    {plain, "x<think></think><answer>2</answer>", NULL, 0},
    {plain, "<answer>2</answer>", NULL, 0},
    {plain, "<think", NULL, 0},
    {plain, "<think>1+1=2", NULL, 12},
    {plain, "<think>1+1=2<answer>2</answer>", NULL, 12},
    {plain, "<think>a<think>b</think><answer>2</answer>", NULL, 8},
    {plain, "<think>a</think>", NULL, 16},
    {plain, "<think>a</think> 2.", NULL, 17},
    {plain, "<think>a</think>2</answer>", NULL, 16},
    {plain, "<think>a</think></think><answer>2</answer>", NULL, 16},
    {plain, "<think>a</think><answer>2", NULL, 25},
    {plain, "<think>a</think><answer>2<answer>3</answer>", NULL, 25},
    {plain, "<think>a</think><answer>2</think></answer>", NULL, 25},
    {plain, "<think>a</think><answer>2</answer>.", NULL, 34},
    {plain, "<think>a</think><answer>2</answer><answer>2</answer>", NULL, 34},
    {plain, "<think>a</think><answer>2</answer> <think>", NULL, 35},
    {plain, "<THINK>a</THINK><answer>2</answer>", NULL, 0},
    /* the frame opened by the prompt */
    {"User: 1+1=?\nAssistant:<think>", "1+1=2</think><answer>2</answer>", "2", 0},
    {"User: 1+1=?\nAssistant: <think>\n", "1+1=2</think><answer>2</answer>", "2", 0},
    {"User: 1+1=?\nAssistant:<think>try", " 1+1=2</think><answer>2</answer>", "2", 0},
    {"User: 1+1=?\nAssistant:<think>", "<think>1+1=2</think><answer>2</answer>", NULL, 0},
    {"Assistant:<think>a</think>", "<think></think><answer>2</answer>", "2", 0},
    {"What is <think>?\nAssistant:", "<think></think><answer>2</answer>", "2", 0},
    {"in <think> thought </think> <answer> answer </answer> tags. User: 1\nAssistant:",
     "<think></think><answer>2</answer>", "2", 0},
};

static void frames_are_taken_and_broken_ones_name_the_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const Case *c = &cases[i];
        const FormatResult r = check(c->prompt, c->completion);
        if (r.ok != (c->answer != NULL))
            fail_msg("\"%s\": ok is %d (%s)", c->completion, r.ok, r.reason ? r.reason : "");
        if (r.ok) {
            assert_int_equal(r.answer_end - r.answer, strlen(c->answer));
            assert_memory_equal(c->completion + r.answer, c->answer, strlen(c->answer));
            assert_null(r.reason);
        } else {
            if (r.failed_at != c->failed_at) fail_msg("\"%s\" fails at %zu: %s", c->completion, r.failed_at, r.reason);
            assert_true(strlen(r.reason) > 0);
        }
    }
}

/* Any text made of tags and filling: accepted iff it is the one good sequence. */
static void no_order_of_tags_but_the_right_one_passes(void **state)
{
    (void)state;
    static const char *const pieces[] = {"<think>", "</think>", "<answer>", "</answer>", "x", " "};
    RngSequence rng = rng_sequence(1, RNG_TEST, 3, 4);
    for (int i = 0; i < 100000; i++) {
        char text[128] = "", shape[16] = "";
        const int n = (int)rng_next_below(&rng, 8);
        for (int k = 0; k < n; k++) {
            const int piece = (int)rng_next_below(&rng, 6);
            strcat(text, pieces[piece]);
            strcat(shape, (const char[]){"TtAax "[piece], 0});
        }
        /* Outside thought and answer no x; inside anything but tags. */
        bool good = true;
        int at = 0;
        for (const char *c = shape; *c; c++) {
            if (*c == ' ') continue;
            if (*c == 'x')
                good = good && (at == 1 || at == 3);
            else if (*c == "TtAa"[at < 4 ? at : 0] && at < 4)
                at++;
            else
                good = false;
        }
        good = good && at == 4;
        assert_int_equal(check("", text).ok, good);
    }
}

static void nothing_beyond_the_given_length_is_read(void **state)
{
    (void)state;
    const char *text = "<think></think><answer>2</answer>";
    for (size_t n = 0; n < strlen(text); n++) {
        const FormatResult r = format_check("", 0, text, n);
        assert_false(r.ok);
        assert_true(r.failed_at <= n);
    }
    assert_true(format_check(NULL, 0, text, strlen(text)).ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_taken_and_broken_ones_name_the_place),
        cmocka_unit_test(no_order_of_tags_but_the_right_one_passes),
        cmocka_unit_test(nothing_beyond_the_given_length_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
