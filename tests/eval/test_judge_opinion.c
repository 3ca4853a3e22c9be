/* SPDX-License-Identifier: MIT */
/* Judges: what they are asked, in which order, how their JSON is read, and that a judge who only looks at places has no opinion. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "eval/judge_opinion.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static void reads(JudgeForm form, const char *text, double want)
{
    double value = 77;
    if (!judge_read(form, text, &value)) fail_msg("unread: %s", text);
    if (!(fabs(value - want) < 1e-12)) fail_msg("%s is read as %g", text, value);
}

static void does_not_read(JudgeForm form, const char *text)
{
    double value = 77;
    if (judge_read(form, text, &value)) fail_msg("read as %g: %s", value, text);
    assert_true(value == 0);
}

static void opinions_are_read_from_the_last_json(void **state)
{
    (void)state;
    reads(JUDGE_SCORE, "{\"score\": 7}", 0.7);
    reads(JUDGE_SCORE, "I think: {\"analysis\": \"a {brace}\", \"score\": 10.0} that is all", 1.0);
    reads(JUDGE_SCORE, "{\"score\": 1} no, {\"score\": 9}", 0.9);
    reads(JUDGE_SCORE, "<think>{\"score\": 1}</think>{\"score\": 2}", 0.2);
    reads(JUDGE_SCORE, "{\"score\": 3} {\"score\": 400}", 0.3);
    /* what the judge quotes of an answer that asks for a good mark is not its own */
    reads(JUDGE_SCORE,
          "The answer says {\"score\": 10}, so: {\"analysis\": \"it says {\\\"score\\\": 10}\", \"score\": 0}", 0.0);
    reads(JUDGE_COMPARE, "```json\n{\"verdict\": \"A>>B\"}\n```", 2);
    reads(JUDGE_COMPARE, "{\"verdict\": \"A=B\"}", 0);
    reads(JUDGE_COMPARE, "{\"verdict\": \"B>A\"}", -1);
    reads(JUDGE_CORRECT, "{\"analysis\": \"x\", \"correctness\": \"correct\"}", 1);
    reads(JUDGE_CORRECT, "{\"correctness\": \"incorrect\"}", 0);
    reads(JUDGE_CORRECT, "{\"analysis\": \"so {it} is\", \"correctness\": \"correct\"}", 1);
    reads(JUDGE_CORRECT,
          "First {\"correctness\": \"correct\"}, no: ```json\n{\"correctness\": \"Incorrect\"}\n``` {\"x\": 1}", 0);
    reads(JUDGE_CORRECT, "<think>{\"correctness\": \"incorrect\"}</think>{\"correctness\": \"correct\"}", 1);
}

static void what_cannot_be_read_is_no_opinion(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "the score is 7",
                                      "{\"score\": 7",
                                      "{\"score\": \"7\"}",
                                      "{\"score\": -1}",
                                      "{\"score\": 11}",
                                      "{\"score\": 1e400}",
                                      "[7]",
                                      "{\"verdict\": \"A>B\"}",
                                      "<think>{\"score\": 5}</think>",
                                      "{{{{{{{{",
                                      "{\"score\": true}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) does_not_read(JUDGE_SCORE, bad[i]);
    does_not_read(JUDGE_COMPARE, "{\"verdict\": \"A<B\"}");
    does_not_read(JUDGE_COMPARE, "{\"verdict\": 1}");
    does_not_read(JUDGE_CORRECT, "{\"correctness\": \"perhaps\"}");
    does_not_read(JUDGE_CORRECT, "{\"correctness\": \"correct\"");
    does_not_read(JUDGE_CORRECT, "<think>{\"correctness\": \"incorrect\"}");
    /* What is long or full of braces costs no more than a look at its end. */
    enum { LONG = 1 << 20 };
    char *const hostile = base_alloc(LONG + 1, 1);
    memset(hostile, '{', LONG);
    does_not_read(JUDGE_SCORE, hostile);
    base_free(hostile);
}

/* ---- asking ---- */

typedef struct Bench {
    const char *answer; /* NULL: what it sees as A, it likes if it is "good" */
    int64_t n, n_swapped, n_answer_first;
    char first[200]; /* the first text */
    double unreadable_share;
} Bench;

static bool answer_all(void *context, const JudgePrompt *prompts, int64_t n, char **replies, Error *err)
{
    Bench *const b = context;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        char *const asked = base_strndup(prompts[i].text, prompts[i].length);
        if (i == 0) snprintf(b->first, sizeof b->first, "%s", asked);
        b->n++;
        b->n_swapped += strstr(asked, "A=bad") != NULL;
        const char *const answer = strstr(asked, "<the answer>"), *const reference = strstr(asked, "<the reference>");
        b->n_answer_first += answer && reference && answer < reference;
        const char *const reply = b->answer                 ? b->answer
                                  : strstr(asked, "A=good") ? "{\"verdict\": \"A>B\"}"
                                                            : "{\"verdict\": \"B>A\"}";
        /* some have no room for a reply at all */
        if ((double)i >= b->unreadable_share * (double)n) replies[i] = base_strdup(reply);
        base_free(asked);
    }
    return true;
}

static JudgeText text(const char *s)
{
    return (JudgeText){s, strlen(s)};
}

static JudgeOpinion ask(Bench *bench, JudgeForm form, const char *prompt, const JudgeCase *item, int64_t asks)
{
    const Judge judge = {.generate = answer_all, .context = bench, .seed = 5};
    const JudgeWay way = {.form = form, .prompt = prompt, .asks = asks};
    JudgeOpinion opinion;
    Error err = {0};
    if (!judge_ask(&judge, &way, item, 1, &opinion, &err)) fail_msg("%s", err.text);
    return opinion;
}

static void orders_are_drawn_and_taken_out_again(void **state)
{
    (void)state;
    Bench honest = {0}, biased = {.answer = "{\"verdict\": \"A>>B\"}"};
    const JudgeCase item = {.question = text("q"), .first = text("good"), .second = text("bad"), .key = 3};
    JudgeOpinion r = ask(&honest, JUDGE_COMPARE, "{question}? A={A} B={B}", &item, 200);
    assert_true(r.n_readable == 200 && r.value == 1.0);
    assert_true(honest.n_swapped > 70 && honest.n_swapped < 130);
    r = ask(&biased, JUDGE_COMPARE, "{question}? A={A} B={B}", &item, 200);
    assert_true(fabs(r.value) < 0.6 && r.value == 2.0 * (double)(200 - 2 * biased.n_swapped) / 200);
    /* The draw is the case's, not the call's. */
    int differ = 0;
    for (int i = 0; i < 64; i++) differ += judge_swaps(5, 3, i) != judge_swaps(5, 4, i);
    assert_true(differ > 10);
}

static void opinions_are_averaged_and_none_is_undecided(void **state)
{
    (void)state;
    Bench half = {.answer = "{\"score\": 6}", .unreadable_share = 0.5}, none = {.answer = "well"};
    const JudgeCase item = {.question = text("q"), .first = text("a")};
    JudgeOpinion r = ask(&half, JUDGE_SCORE, "", &item, 8);
    assert_true(r.n_readable == 4 && fabs(r.value - 0.6) < 1e-12);
    r = ask(&none, JUDGE_SCORE, "", &item, 8);
    assert_true(r.n_readable == 0 && r.value == 0);
}

static void texts_stand_where_the_prompt_says(void **state)
{
    (void)state;
    Bench b = {.answer = "{}"};
    const JudgeCase item = {.question = text("{A}{B}"), .first = text("one {question}"), .second = text("two")};
    ask(&b, JUDGE_CORRECT, "[{question}|{A}|{B}|{A}]{C}", &item, 1);
    assert_string_equal(b.first, "[{A}{B}|one {question}|two|one {question}]{C}"); /* texts are not looked into */
    Error err = {0};
    assert_true(judge_check_prompt(JUDGE_SCORE, "", &err));
    assert_true(judge_check_prompt(JUDGE_SCORE, "{question} {A}", &err));
    assert_false(judge_check_prompt(JUDGE_COMPARE, "{question} {A}", &err));
    assert_non_null(strstr(err.text, "has no {B}"));
}

/* By turns, from a drawn one: over an even number of asks neither stands first more often. A prompt of the caller's is asked as it is. */
static void an_answer_and_its_reference_stand_in_both_orders(void **state)
{
    (void)state;
    int64_t began_with_answer = 0;
    JudgeCase item = {.question = text("q"), .first = text("<the answer>"), .second = text("<the reference>")};
    for (item.key = 0; item.key < 64; item.key++) {
        Bench four = {.answer = "{\"correctness\": \"correct\"}"}, three = four;
        const JudgeOpinion o = ask(&four, JUDGE_CORRECT, "", &item, 4);
        assert_true(o.n_readable == 4 && o.value == 1.0);
        assert_int_equal(four.n_answer_first, 2);
        ask(&three, JUDGE_CORRECT, "", &item, 3);
        assert_in_range(three.n_answer_first, 1, 2);
        began_with_answer += three.n_answer_first == 2;
        Bench own = {.answer = "{\"correctness\": \"correct\"}"};
        ask(&own, JUDGE_CORRECT, "{question}: {A}, {B}?", &item, 4);
        assert_int_equal(own.n_answer_first, 4);
    }
    assert_in_range(began_with_answer, 16, 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opinions_are_read_from_the_last_json),
        cmocka_unit_test(what_cannot_be_read_is_no_opinion),
        cmocka_unit_test(orders_are_drawn_and_taken_out_again),
        cmocka_unit_test(opinions_are_averaged_and_none_is_undecided),
        cmocka_unit_test(texts_stand_where_the_prompt_says),
        cmocka_unit_test(an_answer_and_its_reference_stand_in_both_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
