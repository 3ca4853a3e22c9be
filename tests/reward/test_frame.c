/* SPDX-License-Identifier: MIT */
/* Frames by recipe: what is one, what is none, and where it stops being one. */
#include "reward/format.h"
#include "reward/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static Frame read_frame(const char *text)
{
    Frame frame;
    Error err = {0};
    if (!frame_read(&frame, text, &err)) fail_msg("%s: %s", text, err.text);
    return frame;
}

/* failed_at -1: it is a frame, with this answer. */
static void gives(const char *frame_text, const char *prompt, const char *text, int failed_at,
                  const char *answer_or_reason)
{
    const Frame frame = read_frame(frame_text);
    const FrameResult r = frame_check(&frame, prompt, strlen(prompt), text, strlen(text));
    if (r.ok != (failed_at < 0) || (!r.ok && (int)r.failed_at != failed_at))
        fail_msg("%s on \"%s\": ok %d, failed at %d (%s)", frame_text, text, r.ok, (int)r.failed_at, r.reason);
    if (r.ok) {
        assert_int_equal(r.answer_end - r.answer, strlen(answer_or_reason));
        assert_memory_equal(text + r.answer, answer_or_reason, r.answer_end - r.answer);
        assert_true(r.partial == 1.0);
    } else {
        assert_string_equal(r.reason, answer_or_reason);
    }
}

static const char ZERO[] = "r1-zero", R1[] = "r1";

static void r1_zeros_frame(void **state)
{
    (void)state;
    gives(ZERO, "", "<think>a</think><answer>b</answer>", -1, "b");
    gives(ZERO, "", " <think>a</think>\n <answer> b </answer>\n", -1, " b ");
    gives(ZERO, "x <think>", "a</think><answer>b</answer>", -1, "b");
    gives(ZERO, "x <think>\n", "a</think><answer>b</answer>", -1, "b");
    gives(ZERO, "x <think> y\n", "a</think><answer>b</answer>", 0, "expected <think>");
    gives(ZERO, "", "", 0, "expected <think>");
    gives(ZERO, "", "so <think>a</think><answer>b</answer>", 0, "expected <think>");
    gives(ZERO, "", "<think>a</think> so <answer>b</answer>", 17, "expected <answer>");
    gives(ZERO, "", "<think>a</think><answer>b</answer>.", 34, "text after </answer>");
    gives(ZERO, "", "<think>a<think>b</think><answer>c</answer>", 8, "another tag before </think>");
    gives(ZERO, "", "<think>a</think><answer>b</answer><answer>c</answer>", 34, "text after </answer>");
    gives(ZERO, "", "<think>a</think><answer>b", 25, "the text ends before </answer>");
    gives(ZERO, "", "<answer>b</answer><think>a</think>", 0, "expected <think>");
}

static void r1s_frame_opens_in_the_prompt(void **state)
{
    (void)state;
    gives(R1, "<think>\n", "a</think>\n\nb", -1, "\n\nb");
    gives(R1, "", "<think>a</think>b", -1, "b");
    gives(R1, "<think>\n", "<think>a</think>b", 0, "another tag before </think>");
    gives(R1, "<think>\n", "a</think>  ", 11, "nothing but white space after </think>");
    gives(R1, "<think>\n", "a</think>b</think>c", 10, "another tag after </think>");
    gives(R1, "<think>\n", "a b c", 5, "the text ends before </think>");
}

static void frames_of_a_recipe(void **state)
{
    (void)state;
    gives("[plan]...[/plan] [do]...[/do] [done]", "", "[plan]x[/plan]\n[do]y[/do] [done]\n", -1, "y");
    gives("[plan]...[/plan] [do]...[/do] [done]", "", "[plan]x[/plan]\n[do]y[/do]", 25, "the text ends before [done]");
    gives("Answer: ...", "", "Answer: 4", -1, " 4");
    gives("Answer: ...", "", "Answer: 4 Answer: 5", 10, "another tag after Answer:");
}

static void what_is_no_frame_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "...",
                                      "...<a>",
                                      "<a>...<a>",
                                      "<a>...<a>b</a>",
                                      "a...aa",
                                      " \n\t ",
                                      "<1>...<2><3><4><5><6><7><8><9>",
                                      "<a-tag-that-is-much-longer-than-any-tag>..."};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Frame frame;
        Error err = {0};
        if (frame_read(&frame, bad[i], &err)) fail_msg("taken: %s", bad[i]);
        assert_true(err.text[0] != '\0');
    }
}

static void partial_credit_counts_tags_that_stand_once(void **state)
{
    static const struct {
        const char *text;
        double partial;
    } cases[] = {{"", 0},
                 {"<think>", 0.25},
                 {"<think>a</think>", 0.5},
                 {"<think><think></think>", 0.25},
                 {"<answer></answer><think></think>", 0.5},
                 {"</answer><answer></think><think>", 0.25},
                 {"so <think>a</think><answer>b</answer>", 0.75},
                 {"<think><think></think></think><answer><answer></answer></answer>", 0}};
    (void)state;
    const Frame frame = read_frame(ZERO);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_true(frame_check(&frame, "", 0, cases[i].text, strlen(cases[i].text)).partial == cases[i].partial);
    assert_true(frame_check(&frame, "<think>", 7, "</think>", 8).partial == 0.5);
}

/* Look-alikes, echoes, everything at once. None is a frame, and the standard checker says so too. */
static void no_frame_is_faked(void **state)
{
    static const char *const texts[] = {
        "＜think＞a＜/think＞<answer>b</answer>",
        "<thinK>a</think><answer>b</answer>",
        "<think >a</think><answer>b</answer>",
        "<think>a</think><answer>b</answer><think>a</think><answer>b</answer>",
        "<think></answer><answer></think>",
        "<think><answer>b</answer></think>",
        "<think>a</think><answer>b<answer>c</answer></answer>",
        "&lt;think&gt;a&lt;/think&gt;",
        "<think>a</think>\xc2\xa0<answer>b</answer>",
        "<th\xe2\x80\x8bink>a</think><answer>b</answer>",
        "A conversation ... <think> reasoning process here </think> <answer> answer here </answer>.",
        "<think>a<\\/think>"};
    (void)state;
    const Frame frame = read_frame(ZERO);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const size_t n = strlen(texts[i]);
        if (frame_check(&frame, "", 0, texts[i], n).ok) fail_msg("a frame: %s", texts[i]);
        assert_false(format_check("", 0, texts[i], n).ok);
    }
}

/* The frame read from a recipe and the one that is compiled in are the same, also on nonsense. */
static void the_named_frame_is_the_standard_one(void **state)
{
    static const char *const pieces[] = {"<think>", "</think>", "<answer>", "</answer>", " ", "a"};
    (void)state;
    const Frame frame = read_frame(ZERO);
    for (int n = 0; n < 46656 * 6; n++) {
        char text[80] = "";
        for (int k = n, i = 0; i < 7; i++, k /= 6) strcat(text, pieces[k % 6]);
        const size_t length = strlen(text);
        const FrameResult a = frame_check(&frame, "", 0, text, length);
        const FormatResult b = format_check("", 0, text, length);
        if (a.ok != b.ok || (a.ok && (a.answer != b.answer || a.answer_end != b.answer_end)) ||
            (!a.ok && a.failed_at != b.failed_at))
            fail_msg("%s: %d at %d (%s), %d at %d (%s)", text, a.ok, (int)a.failed_at, a.reason, b.ok, (int)b.failed_at,
                     b.reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r1_zeros_frame),
        cmocka_unit_test(r1s_frame_opens_in_the_prompt),
        cmocka_unit_test(frames_of_a_recipe),
        cmocka_unit_test(what_is_no_frame_is_refused),
        cmocka_unit_test(partial_credit_counts_tags_that_stand_once),
        cmocka_unit_test(no_frame_is_faked),
        cmocka_unit_test(the_named_frame_is_the_standard_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
