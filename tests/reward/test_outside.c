/* SPDX-License-Identifier: MIT */
/* Reward commands that behave, die, hang, chatter and lie; and how everything becomes one total. */
#include "base/arena.h"
#include "base/clock.h"
#include "reward/terms.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

/* A shell that answers each request: %s sees the request's id as $id. */
#define ANSWER(body)  "while IFS= read -r line; do id=${line#*'\"id\": '}; id=${id%%,*}; " body "; done"
#define REWARD(value) "echo \"{\\\"id\\\": $id, \\\"reward\\\": " value "}\""

static const OutsideInput input = {.task = "t",
                                   .prompt = "p\n\"\\",
                                   .completion = "c\0d",
                                   .answer = "42",
                                   .prompt_length = 4,
                                   .completion_length = 3,
                                   .answer_length = 2,
                                   .n_tokens = 7};

static OutsideResult ask_n(const char *text, double seconds, int n)
{
    CommandReward *const command = command_reward_create(text, 1, seconds);
    OutsideResult result = {0};
    for (int i = 0; i < n; i++) command_reward_ask(command, 0, &input, &result, NULL);
    command_reward_free(command);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    return result;
}

static void undecided(const char *text, const char *why)
{
    const OutsideResult r = ask_n(text, 2, 2);
    if (r.state != OUTSIDE_UNDECIDED || !strstr(r.reason, why)) fail_msg("%s: %d, %s", text, r.state, r.reason);
    assert_true(r.reward == 0);
}

static void a_command_is_asked_again_and_again(void **state)
{
    (void)state;
    const OutsideResult r = ask_n(ANSWER(REWARD("0.25")), 10, 50);
    assert_int_equal(r.state, OUTSIDE_OK);
    assert_true(r.reward == 0.25);
    assert_int_equal(ask_n(ANSWER(REWARD("null")), 10, 3).state, OUTSIDE_SKIPPED);
    undecided(ANSWER(REWARD("\\\"undecided\\\"")), "cannot tell");
}

static void what_is_no_answer_is_undecided(void **state)
{
    (void)state;
    undecided("exit 0", "it ended");
    undecided("read x; exit 3", "it ended");
    undecided("no-such-command 2>/dev/null", "it ended");
    undecided(ANSWER("echo hello"), "no answer");
    undecided(ANSWER("echo '{\"id\": 99, \"reward\": 1}'"), "no answer");
    undecided(ANSWER("echo '{\"reward\": 1}'"), "no answer");
    undecided(ANSWER(REWARD("\\\"1\\\"")), "no answer");
    undecided(ANSWER(REWARD("NaN")), "no answer");
    undecided(ANSWER(REWARD("1e999")), "no answer");
    undecided(ANSWER(REWARD("true")), "no answer");
    undecided("yes | tr -d '\\n'", "it ended"); /* an endless line */
}

static void one_that_hangs_is_replaced(void **state)
{
    (void)state;
    const double start = clock_seconds();
    const OutsideResult r = ask_n("sleep 1000", 0.1, 2);
    assert_int_equal(r.state, OUTSIDE_UNDECIDED);
    assert_non_null(strstr(r.reason, "too long"));
    assert_true(clock_seconds() - start < 30);
}

/* It dies at every second request: the one that was lost is asked once more. */
static void one_that_dies_is_started_again(void **state)
{
    (void)state;
    const OutsideResult r = ask_n("IFS= read -r line; " REWARD("1") "; read x; exit 1", 10, 1);
    assert_int_equal(r.state, OUTSIDE_UNDECIDED); /* no id was read: not its answer */
    const OutsideResult s = ask_n("n=0; " ANSWER("n=$((n + 1)); [ $n -le 2 ] || exit 1; " REWARD("0.5")), 10, 9);
    assert_int_equal(s.state, OUTSIDE_OK);
}

/* ---- totals ---- */

static void the_total_is_the_sum_that_is_written(void **state)
{
    (void)state;
    TermConfig c = {.weights = {1, 0.5}, .max_tokens = 100, .overlong_tokens = 10, .repetition_ngram = 1};
    RewardScore s = {.verdict = VERDICT_RIGHT, .frame = {.ok = true}};
    reward_total(&s, &c, 1);
    assert_true(s.total == 1.5 && s.accuracy == 1 && !s.undecided);
    const OutsideResult ok = {.state = OUTSIDE_OK, .reward = 0.25}, skipped = {.state = OUTSIDE_SKIPPED},
                        cannot = {.state = OUTSIDE_UNDECIDED};
    reward_term_set(&s, TERM_COMMAND, &ok);
    reward_total(&s, &c, 1);
    assert_true(s.total == 1.5); /* of weight 0: not there */
    c.term_weights[TERM_COMMAND] = 2;
    reward_total(&s, &c, 0.5);
    assert_true(s.total == 1.75 && s.format == 0.5);
    reward_term_set(&s, TERM_COMMAND, &skipped);
    reward_total(&s, &c, 1);
    assert_true(s.total == 1.5 && !s.undecided);
    reward_term_set(&s, TERM_COMMAND, &cannot);
    reward_total(&s, &c, 1);
    assert_true(s.total == 1.5 && s.undecided);
    const OutsideResult huge = {.state = OUTSIDE_OK, .reward = -1e300};
    reward_term_set(&s, TERM_COMMAND, &huge);
    reward_total(&s, &c, 1);
    assert_true(s.total == 1.5 && s.undecided);
    c.term_weights[TERM_COMMAND] = 0;
    reward_total(&s, &c, 1);
    assert_false(s.undecided);
}

static void an_answer_that_no_weight_asks_for_need_not_be_decided(void **state)
{
    (void)state;
    TermConfig c = {.weights = {0, 0}};
    RewardScore s = {.verdict = VERDICT_UNDECIDED, .frame = {.ok = true}};
    c.term_weights[TERM_MODEL] = 2;
    s.terms[TERM_MODEL].value = -1.5;
    reward_total(&s, &c, 0);
    assert_true(s.total == -3 && !s.undecided);
    c.weights.accuracy = 1;
    reward_total(&s, &c, 0);
    assert_true(s.undecided);
    c.weights.accuracy = 0;
    c.term_weights[TERM_COSINE] = 1; /* depends on the verdict */
    reward_terms_of_text(&s, &c, &(OutsideInput){.prompt = "", .completion = "", .n_tokens = 1});
    reward_total(&s, &c, 0);
    assert_true(s.undecided);
    c.term_weights[TERM_COSINE] = 0;
    s.terms[TERM_MODEL].undecided = true;
    reward_total(&s, &c, 0);
    assert_true(s.total == 0 && s.undecided);
}

static void a_gate_closes_all_but_the_format(void **state)
{
    (void)state;
    TermConfig c = {.weights = {1, 0.5}, .gate_format = true};
    RewardScore s = {.verdict = VERDICT_RIGHT, .frame = {.ok = false}};
    c.term_weights[TERM_PLUGIN] = 1;
    s.terms[TERM_PLUGIN].value = 3;
    reward_total(&s, &c, 0.5);
    assert_true(s.total == 0.25 && s.accuracy == 0);
    s.frame.ok = true;
    reward_total(&s, &c, 1);
    assert_true(s.total == 4.5);
}

static void terms_of_text_are_measured_when_they_weigh(void **state)
{
    (void)state;
    static const char text[] = "one two 三 four";
    TermConfig c = {.max_tokens = 8, .overlong_tokens = 4, .repetition_ngram = 1};
    const OutsideInput in = {.task = "",
                             .prompt = "what is it?",
                             .prompt_length = 11,
                             .completion = text,
                             .completion_length = sizeof text - 1,
                             .n_tokens = 7};
    RewardScore s = {.verdict = VERDICT_WRONG};
    reward_terms_of_text(&s, &c, &in);
    for (int t = 0; t < TERM_COUNT; t++) assert_true(s.terms[t].value == 0 && !s.terms[t].skipped);
    for (int t = 0; t < TERM_COMMAND; t++) c.term_weights[t] = 1;
    reward_terms_of_text(&s, &c, &in);
    assert_true(s.terms[TERM_LANGUAGE].value == 0.75);
    assert_true(s.terms[TERM_OVERLONG].value == -0.75);
    assert_true(s.terms[TERM_REPETITION].value == 0);
    assert_true(s.terms[TERM_COSINE].value < -0.5 && s.terms[TERM_COSINE].value > -0.6);
    c.has_language = true;
    c.language = LANGUAGE_ZH;
    reward_terms_of_text(&s, &c, &in);
    assert_true(s.terms[TERM_LANGUAGE].value == 0.25);
    const OutsideInput empty = {.task = "", .prompt = "", .completion = "", .n_tokens = 1};
    reward_terms_of_text(&s, &c, &empty);
    assert_true(s.terms[TERM_LANGUAGE].skipped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_asked_again_and_again),
        cmocka_unit_test(what_is_no_answer_is_undecided),
        cmocka_unit_test(one_that_hangs_is_replaced),
        cmocka_unit_test(one_that_dies_is_started_again),
        cmocka_unit_test(the_total_is_the_sum_that_is_written),
        cmocka_unit_test(an_answer_that_no_weight_asks_for_need_not_be_decided),
        cmocka_unit_test(a_gate_closes_all_but_the_format),
        cmocka_unit_test(terms_of_text_are_measured_when_they_weigh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
