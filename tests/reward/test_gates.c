/* SPDX-License-Identifier: MIT */
/* Gates: how they are written, when they close, and that an undecided part of any kind takes its completion out of the group. */
#include "recipe/reward_tally.h"
#include "train/grpo.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static RewardGates gates_of(const char *text)
{
    RewardGates gates;
    Error err = {0};
    if (!reward_gates_read(&gates, text, &err)) fail_msg("%s: %s", text, err.text);
    return gates;
}

static void what_is_no_gate_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"accuracy",
                                        "if format",
                                        "accuracy if",
                                        "accuracy if format and",
                                        "accuracy if format format",
                                        "accuracy if accuracy",
                                        "accuracy if language",
                                        "accuracy if language >=",
                                        "accuracy if language >= nan",
                                        "accuracy if language >= 1e999",
                                        "accuracy if language > 1",
                                        "Accuracy if format",
                                        "accuracy if format;; format if accuracy",
                                        "; accuracy if format",
                                        "accuracyifformat"};
    RewardGates gates;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Error err = {0};
        if (reward_gates_read(&gates, wrong[i], &err)) fail_msg("taken: %s", wrong[i]);
        assert_int_equal(err.kind, ERROR_INPUT);
    }
    char many[2000] = "accuracy if format";
    for (int i = 0; i < REWARD_MAX_CONDITIONS; i++) strcat(many, " and format");
    Error err = {0};
    assert_false(reward_gates_read(&gates, many, &err));
    assert_int_equal(gates_of("").n, 0);
    assert_int_equal(gates_of(" accuracy if format and language>=0.5 ; plugin if command >= -1;").n, 3);
}

static double total(const TermConfig *c, RewardScore s, RewardScore *out)
{
    reward_total(&s, c, s.frame.ok);
    if (out) *out = s;
    return s.total;
}

static void a_part_counts_where_its_gate_holds(void **state)
{
    (void)state;
    TermConfig c = {.weights = {1, 0.5},
                    .gates = gates_of("command if accuracy and language >= 0.5; accuracy if format")};
    RewardScore s = {.verdict = VERDICT_RIGHT, .frame = {.ok = true}}, out;
    c.term_weights[TERM_COMMAND] = 2;
    s.terms[TERM_COMMAND].value = 3;
    s.terms[TERM_LANGUAGE].value = 0.5; /* weighs nothing and closes all the same */
    assert_true(reward_part_wanted(&c, PART_TERMS + TERM_LANGUAGE) &&
                !reward_part_wanted(&c, PART_TERMS + TERM_COSINE));
    assert_true(total(&c, s, NULL) == 7.5);
    s.terms[TERM_LANGUAGE].value = 0.4999;
    assert_true(total(&c, s, &out) == 1.5 && out.terms[TERM_COMMAND].gated && !out.undecided);
    assert_true(out.terms[TERM_COMMAND].value == 3 && reward_part_counted(&out, PART_TERMS + TERM_COMMAND).value == 0);
    s.terms[TERM_LANGUAGE] = (TermValue){.skipped = true}; /* nothing to say: does not hold */
    assert_true(total(&c, s, NULL) == 1.5);
    s.terms[TERM_LANGUAGE] = (TermValue){.value = 1};
    s.frame.ok = false; /* closes accuracy; the command's gate looks at the answer itself */
    assert_true(total(&c, s, &out) == 6 && out.accuracy == 0 && out.accuracy_gated);
    s.verdict = VERDICT_WRONG;
    assert_true(total(&c, s, NULL) == 0);
}

static void gates_may_look_at_each_other(void **state)
{
    (void)state;
    TermConfig c = {.weights = {1, 1}, .gates = gates_of("accuracy if format; format if accuracy")};
    RewardScore s = {.verdict = VERDICT_RIGHT, .frame = {.ok = true}}, out;
    assert_true(total(&c, s, NULL) == 2);
    s.verdict = VERDICT_WRONG;
    assert_true(total(&c, s, &out) == 0 && out.format_gated && out.own_format == 1);
}

/* Partial credit may be complete where the frame is not whole: text outside of it. */
static void a_whole_frame_is_more_than_all_of_its_tags(void **state)
{
    (void)state;
    TermConfig c = {.weights = {1, 0}, .gates = gates_of("accuracy if format")};
    RewardScore s = {.verdict = VERDICT_RIGHT, .frame = {.ok = false}};
    reward_total(&s, &c, 1);
    assert_true(s.total == 0);
    c.gates = gates_of("accuracy if format >= 0.75");
    reward_total(&s, &c, 1);
    assert_true(s.total == 1);
}

/* ---- undecided ---- */

/* Makes this part of a score undecided. */
static void unsettle(RewardScore *s, int part)
{
    if (part == PART_ACCURACY)
        s->verdict = VERDICT_UNDECIDED;
    else
        s->terms[part - PART_TERMS] = (TermValue){.undecided = true};
}

static void an_undecided_part_of_any_kind_leaves_the_group(void **state)
{
    (void)state;
    for (int p = 0; p < PART_COUNT; p++) {
        if (p == PART_FORMAT) continue; /* always decided */
        TermConfig c = {.weights = {1, 1}};
        for (int t = 0; t < TERM_COUNT; t++) c.term_weights[t] = 1;
        RewardScore group[4];
        double rewards[4];
        bool counted[4];
        float advantages[4];
        for (int i = 0; i < 4; i++) {
            group[i] = (RewardScore){.verdict = i % 2 ? VERDICT_RIGHT : VERDICT_WRONG, .frame = {.ok = true}};
            if (i == 3) unsettle(&group[i], p);
            reward_total(&group[i], &c, 1);
            rewards[i] = group[i].total;
            counted[i] = !group[i].undecided;
        }
        assert_true(counted[0] && counted[1] && counted[2] && !counted[3]);
        assert_true(grpo_advantages(advantages, rewards, counted, 4, SCALE_GROUP_STD, 0));
        assert_true(advantages[3] == 0 && advantages[1] > 0 && advantages[0] < 0);
        /* What weighs nothing cannot make it undecided. */
        if (p == PART_ACCURACY)
            c.weights.accuracy = 0;
        else
            c.term_weights[p - PART_TERMS] = 0;
        reward_total(&group[3], &c, 1);
        assert_false(group[3].undecided);
        for (int i = 0; i < 4; i++) assert_int_equal(reward_part_value(&group[i], p).undecided, i == 3);
    }
}

static void a_closed_gate_decides_what_stands_behind_it(void **state)
{
    (void)state;
    TermConfig c = {.weights = {1, 1}, .gates = gates_of("command if accuracy")};
    RewardScore s = {.verdict = VERDICT_WRONG, .frame = {.ok = true}}, out;
    c.term_weights[TERM_COMMAND] = 1;
    s.terms[TERM_COMMAND].undecided = true;
    assert_true(total(&c, s, &out) == 1 && !out.undecided && out.terms[TERM_COMMAND].gated);
    s.verdict = VERDICT_RIGHT;
    (void)total(&c, s, &out);
    assert_true(out.undecided);
    /* An undecided gate is no closed one, unless another one is. */
    s = (RewardScore){.verdict = VERDICT_UNDECIDED, .frame = {.ok = true}};
    c.weights.accuracy = 0;
    s.terms[TERM_COMMAND].value = 1;
    (void)total(&c, s, &out);
    assert_true(out.undecided && !out.terms[TERM_COMMAND].gated);
    c.gates = gates_of("command if accuracy and format");
    s.frame.ok = false;
    (void)total(&c, s, &out);
    assert_true(!out.undecided && out.terms[TERM_COMMAND].gated);
}

static void an_undecided_answer_has_no_cosine(void **state)
{
    (void)state;
    TermConfig c = {.max_tokens = 8, .overlong_tokens = 4, .repetition_ngram = 1};
    const OutsideInput in = {.task = "", .prompt = "", .completion = "a", .completion_length = 1, .n_tokens = 2};
    RewardScore s = {.verdict = VERDICT_UNDECIDED};
    c.term_weights[TERM_COSINE] = 1;
    reward_terms_of_text(&s, &c, &in);
    reward_total(&s, &c, 0);
    assert_true(s.terms[TERM_COSINE].undecided && s.undecided);
    s = (RewardScore){.verdict = VERDICT_UNDECIDED, .unasked = true};
    reward_terms_of_text(&s, &c, &in);
    reward_total(&s, &c, 0);
    assert_true(s.terms[TERM_COSINE].skipped && !s.undecided);
}

/* ---- figures ---- */

static void figures_leave_out_what_is_undecided_or_skipped(void **state)
{
    (void)state;
    TermConfig c = {.weights = {1, 0}, .gates = gates_of("accuracy if format"), .true_part = PART_ACCURACY};
    RewardTally tally = {0};
    MetricsRow row = {0};
    const struct {
        Verdict verdict;
        bool frame, unasked;
    } samples[] = {{VERDICT_RIGHT, true, false},
                   {VERDICT_RIGHT, false, false},
                   {VERDICT_WRONG, true, false},
                   {VERDICT_UNDECIDED, true, false},
                   {VERDICT_UNDECIDED, true, true}};
    for (int i = 0; i < 5; i++) {
        RewardScore s = {
            .verdict = samples[i].verdict, .frame = {.ok = samples[i].frame}, .unasked = samples[i].unasked};
        reward_total(&s, &c, samples[i].frame);
        reward_tally_add(&tally, &s);
    }
    reward_tally_measure(&tally, &c, "", &row);
    assert_true(metrics_get(&row, "rewards/accuracy/mean") == 1.0 / 3);
    assert_true(metrics_get(&row, "rewards/accuracy/frac_gated") == 0.2);
    assert_true(metrics_get(&row, "rewards/accuracy/frac_undecided") == 0.2);
    assert_true(metrics_get(&row, "rewards/accuracy/frac_skipped") == 0.2);
    assert_true(metrics_get(&row, "rewards/true/mean") == 2.0 / 3); /* no gate reaches it */
    assert_true(metrics_get(&row, "frac_undecided") == 0.2);
    assert_true(metrics_get(&row, "reward") == 0.25);
    assert_true(isnan(metrics_get(&row, "rewards/command/mean")));
    metrics_row_free(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_gate_is_refused),
        cmocka_unit_test(a_part_counts_where_its_gate_holds),
        cmocka_unit_test(gates_may_look_at_each_other),
        cmocka_unit_test(a_whole_frame_is_more_than_all_of_its_tags),
        cmocka_unit_test(an_undecided_part_of_any_kind_leaves_the_group),
        cmocka_unit_test(a_closed_gate_decides_what_stands_behind_it),
        cmocka_unit_test(an_undecided_answer_has_no_cosine),
        cmocka_unit_test(figures_leave_out_what_is_undecided_or_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
