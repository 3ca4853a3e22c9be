/* SPDX-License-Identifier: MIT */
/* tests/data/test_tasks.c: every family's problems, checks and splits. */
#include "base/arena.h"
#include "base/philox.h"
#include "data/tasks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { PROBLEMS_A_LEVEL = 3000 };

static Verdict check(const char *text, const char *answer)
{
    return task_check(text, answer, strlen(answer));
}

static void families_are_named_and_their_levels_are_in_order(void **state)
{
    (void)state;
    assert_true(task_count() >= 10);
    int searches = 0;
    for (int task = 0; task < task_count(); task++) {
        assert_int_equal(task_find(task_name(task)), task);
        assert_true(strlen(task_summary(task)) > 0);
        assert_true(task_corpus_levels(task) >= 1);
        assert_true(task_corpus_levels(task) <= task_train_levels(task));
        assert_true(task_train_levels(task) < task_levels(task));
        assert_true(task_levels(task) <= TASK_MAX_LEVELS);
        searches += task_is_search(task);
    }
    assert_int_equal(2 * searches, task_count());
    assert_int_equal(task_find("no such family"), -1);
    assert_int_equal(task_find(""), -1);
}

static void the_answer_of_every_problem_meets_its_check(void **state)
{
    (void)state;
    Problem p;
    for (int task = 0; task < task_count(); task++)
        for (int level = 1; level <= task_levels(task); level++)
            for (int i = 0; i < PROBLEMS_A_LEVEL; i++) {
                const Split split = i % 4 == 0 ? SPLIT_HELD_OUT : SPLIT_TRAIN;
                task_problem(&p, task, level, split, 5, (uint64_t)i);
                if (check(p.check, p.answer) != VERDICT_RIGHT) fail_msg("%s: %s is not right", p.check, p.answer);
                if (task_split(p.check) != split) fail_msg("%s is in the wrong split", p.check);
                assert_int_equal(p.task, task);
                assert_int_equal(p.level, level);
                char prompt[TASK_MAX_TEXT + 32];
                snprintf(prompt, sizeof prompt, "User: %s\nAssistant:", p.question);
                assert_string_equal(prompt, p.prompt);
            }
}

static void other_answers_are_wrong(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", " ", "-1", "x", "0 0", "7 7 7 7 7 7", "(1+1", "99:99", "1:1:1", "right"};
    Problem p;
    for (int task = 0; task < task_count(); task++)
        for (int level = 1; level <= task_levels(task); level++)
            for (int i = 0; i < 50; i++) {
                task_problem(&p, task, level, SPLIT_TRAIN, 6, (uint64_t)i);
                for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++)
                    if (check(p.check, wrong[w]) != VERDICT_WRONG) fail_msg("%s takes \"%s\"", p.check, wrong[w]);
            }
}

static void a_problem_is_a_function_of_its_arguments(void **state)
{
    (void)state;
    Problem a, b, c, d;
    for (int task = 0; task < task_count(); task++) {
        task_problem(&a, task, 2, SPLIT_TRAIN, 9, 17);
        task_problem(&c, task, 2, SPLIT_TRAIN, 10, 17);
        task_problem(&d, task, 2, SPLIT_TRAIN, 9, 18);
        task_problem(&b, task, 2, SPLIT_TRAIN, 9, 17);
        assert_memory_equal(&a, &b, sizeof a);
        assert_true(strcmp(a.check, c.check) != 0 || strcmp(a.check, d.check) != 0);
    }
}

static int compare_checks(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* A check of one level never turns up in another: what is unseen stays unseen. Order must not matter for that, and does not,
 * because a check is in canonical order. */
static void levels_of_a_family_share_no_problem(void **state)
{
    (void)state;
    typedef char Check[TASK_MAX_TEXT];
    Check *seen = base_alloc((size_t)TASK_MAX_LEVELS * PROBLEMS_A_LEVEL, sizeof(Check));
    Problem p;
    for (int task = 0; task < task_count(); task++) {
        size_t n = 0;
        for (int level = 1; level <= task_levels(task); level++) {
            const size_t below = n;
            for (int i = 0; i < PROBLEMS_A_LEVEL; i++) {
                task_problem(&p, task, level, SPLIT_TRAIN, 11, (uint64_t)i);
                if (bsearch(p.check, seen, below, sizeof(Check), compare_checks))
                    fail_msg("%s is in two levels", p.check);
                memcpy(seen[n++], p.check, sizeof(Check));
            }
            qsort(seen, n, sizeof(Check), compare_checks);
        }
    }
    base_free(seen);
}

/* Whether two checks of a family can be twins is decided by the check alone; here the twins are made by hand. */
static void permuted_twins_have_one_check(void **state)
{
    (void)state;
    Problem p;
    for (int i = 0; i < 2000; i++) {
        task_problem(&p, task_find("sum"), 1 + i % 4, i % 2 ? SPLIT_TRAIN : SPLIT_HELD_OUT, 12, (uint64_t)i);
        for (int k = 1; k < p.n_values; k++) {
            char needle[16];
            snprintf(needle, sizeof needle, " %d", p.values[k]);
            assert_non_null(strstr(p.check, needle));
        }
        int previous = 0, value, n = 0;
        for (const char *at = p.check + strlen("sum"); sscanf(at, " %d%n", &value, &n) == 1; at += n) {
            assert_true(value >= previous);
            previous = value;
        }
    }
    for (int i = 0; i < 2000; i++) {
        task_problem(&p, task_find("pick"), 1 + i % 4, SPLIT_TRAIN, 12, (uint64_t)i);
        int previous = 0, value, n = 0, skip;
        assert_int_equal(sscanf(p.check, "pick %d %d%n", &skip, &value, &n), 2);
        for (const char *at = p.check + n; sscanf(at, " %d%n", &value, &n) == 1; at += n) {
            assert_true(value > previous);
            previous = value;
        }
    }
}

static void held_out_is_about_an_eighth(void **state)
{
    (void)state;
    Problem p;
    for (int task = 0; task < task_count(); task++) {
        /* Checks drawn without regard to the split: both splits' streams, by their natural weights, are hard to see from
         * outside, so hash made-up checks of the family's own form. */
        int held_out = 0;
        for (int i = 0; i < 8000; i++) {
            char text[64];
            snprintf(text, sizeof text, "%s %d %d %d", task_name(task), i % 97, i % 89, i);
            held_out += task_split(text) == SPLIT_HELD_OUT;
        }
        assert_in_range(held_out, 880, 1120);
    }
    task_problem(&p, 0, 1, SPLIT_HELD_OUT, 1, 1);
    assert_int_equal(task_split(p.check), SPLIT_HELD_OUT);
}

typedef struct Case {
    const char *check, *answer;
    Verdict verdict;
} Case;

static const Case cases[] = {
    {"sum 1 2 3", "6", VERDICT_RIGHT},
    {"sum 1 2 3", " 6 ", VERDICT_RIGHT},
    {"sum 1 2 3", "06", VERDICT_RIGHT},
    {"sum 1 2 3", "6.0", VERDICT_WRONG},
    {"sum 1 2 3", "7", VERDICT_WRONG},
    {"sum 1 2 3", "6 6", VERDICT_WRONG},
    {"sum", "6", VERDICT_UNDECIDED},
    {"sum ", "6", VERDICT_UNDECIDED},
    {"sum 1 x", "6", VERDICT_UNDECIDED},
    {"sum 1234567890", "6", VERDICT_UNDECIDED},
    {"expr (6+2-3)*12", "60", VERDICT_RIGHT},
    {"expr 6+2*3", "12", VERDICT_RIGHT},
    {"expr 6+2*3", "24", VERDICT_WRONG},
    {"expr 6+", "6", VERDICT_UNDECIDED},
    {"expr (6", "6", VERDICT_UNDECIDED},
    {"mod 6 (7*8+5)*4", "4", VERDICT_RIGHT},
    {"mod 6 (7*8+5)*4", "10", VERDICT_WRONG},
    {"mod 0 7*8", "0", VERDICT_UNDECIDED},
    {"mod 6", "0", VERDICT_UNDECIDED},
    {"line 7 0 4 5 0 20", "5", VERDICT_RIGHT},
    {"line 7 0 4 5 0 20", "4", VERDICT_WRONG},
    {"line 3 4 2 5 0 20", "3", VERDICT_RIGHT},
    {"line 4 0 4 5 0 20", "5", VERDICT_UNDECIDED},
    {"line 7 0 4 5 0 21", "5", VERDICT_UNDECIDED},
    {"line 4 0 0 -30 0 26", "14", VERDICT_RIGHT},
    {"line 4 0 0", "5", VERDICT_UNDECIDED},
    {"clock 9:50 1:25", "11:15", VERDICT_RIGHT},
    {"clock 9:50 1:25", "11:5", VERDICT_WRONG},
    {"clock 9:50 1:15", "11:05", VERDICT_RIGHT},
    {"clock 9:50 1:15", "11:5", VERDICT_RIGHT},
    {"clock 23:50 1:15", "1:05", VERDICT_RIGHT},
    {"clock 23:50 1:15", "25:05", VERDICT_WRONG},
    {"clock 9:50 1:15", "11 05", VERDICT_WRONG},
    {"clock 9:50 1", "11:05", VERDICT_UNDECIDED},
    {"make 24 3 5 7", "(3+5)*7", VERDICT_WRONG},
    {"make 56 3 5 7", "(3+5)*7", VERDICT_RIGHT},
    {"make 56 3 5 7", "7*(5+3)", VERDICT_RIGHT},
    {"make 56 3 5 7", " 7 * ( 5 + 3 ) ", VERDICT_RIGHT},
    {"make 56 3 5 7", "(3+5)*7+0", VERDICT_WRONG},
    {"make 56 3 5 7", "56", VERDICT_WRONG},
    {"make 56 3 5 7", "35+(3*7)", VERDICT_WRONG},
    {"make 56 3 5 7", "(3+5)*7=56", VERDICT_WRONG},
    {"make 56 3 5 7", "(3+5)*(7)", VERDICT_RIGHT},
    {"make 56 3 5 7", "-3", VERDICT_WRONG},
    {"make 6 3 3 3", "3+3*3", VERDICT_WRONG},
    {"make 12 3 3 3", "3+3*3", VERDICT_RIGHT},
    {"make 56", "56", VERDICT_UNDECIDED},
    {"pick 2 31 9 15 21 22", "9 22", VERDICT_RIGHT},
    {"pick 2 31 9 15 21 22", "22, 9", VERDICT_RIGHT},
    {"pick 2 31 9 15 21 22", "22 10", VERDICT_WRONG},
    {"pick 2 31 9 15 21 22", "16 15", VERDICT_WRONG},
    {"pick 2 30 9 15 21 22", "15 15", VERDICT_WRONG},
    {"pick 2 30 9 15 15 22", "15 15", VERDICT_RIGHT},
    {"pick 3 45 9 15 21 22", "9 15 21", VERDICT_RIGHT},
    {"pick 3 45 9 15 21 22", "9 36", VERDICT_WRONG},
    {"pick 7 45 9 15", "9 36", VERDICT_UNDECIDED},
    {"gap 2 6 9 15 33", "15 9", VERDICT_RIGHT},
    {"gap 2 6 9 15 33", "9 15", VERDICT_RIGHT},
    {"gap 2 6 9 15 33", "33 27", VERDICT_WRONG},
    {"gap 2 6 9 15 33", "15 9 33", VERDICT_WRONG},
    {"gap 3 6 9 15 33", "15 9", VERDICT_UNDECIDED},
    {"pay 58 5 7", "6 4", VERDICT_RIGHT},
    {"pay 58 5 7", "4 6", VERDICT_WRONG},
    {"pay 35 5 7", "7 0", VERDICT_RIGHT},
    {"pay 35 5 7", "0 5", VERDICT_RIGHT},
    {"pay 58 5 7", "-1 9", VERDICT_WRONG},
    {"pay 58 5 7", "6", VERDICT_WRONG},
    {"pay 58", "6", VERDICT_UNDECIDED},
    {"residue 3 7 4 1 9", "5", VERDICT_RIGHT},
    {"residue 3 7 4 1 9", "14", VERDICT_RIGHT},
    {"residue 3 7 4 1 9", "4", VERDICT_WRONG},
    {"residue 3 7 4 1 9", "-4", VERDICT_WRONG},
    {"residue 3 7 4 1 0", "4", VERDICT_UNDECIDED},
    {"", "1", VERDICT_UNDECIDED},
    {"nothing 1 2", "1", VERDICT_UNDECIDED},
    {"summ 1 2", "3", VERDICT_UNDECIDED},
};

static void checks_decide_as_the_table_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (check(cases[i].check, cases[i].answer) != cases[i].verdict)
            fail_msg("%s with \"%s\" gives %d, not %d", cases[i].check, cases[i].answer,
                     check(cases[i].check, cases[i].answer), cases[i].verdict);
}

/* Bytes of all kinds, many of them such that parsers look twice. */
static size_t random_text(RngSequence *rng, char *text, size_t capacity)
{
    static const char alphabet[] = "0123456789 ,:+-*/()=x<>\n\t";
    const size_t length = (size_t)rng_next_below(rng, (int64_t)capacity);
    const bool any = rng_next_below(rng, 4) == 0;
    for (size_t i = 0; i < length; i++)
        text[i] = any ? (char)rng_next_below(rng, 256) : alphabet[rng_next_below(rng, sizeof alphabet - 1)];
    text[length] = '\0';
    return length;
}

static void any_bytes_are_decided_without_harm(void **state)
{
    (void)state;
    RngSequence rng = rng_sequence(3, RNG_TEST, 1, 2);
    char answer[200], text[200], canonical[32];
    Problem p;
    for (int i = 0; i < 60000; i++) {
        const int task = i % task_count();
        task_problem(&p, task, 1 + i % task_levels(task), SPLIT_TRAIN, 8, (uint64_t)i);
        size_t length = random_text(&rng, answer, sizeof answer);
        if (i % 3 == 0) { /* a right answer with one byte changed */
            length = strlen(p.answer);
            memcpy(answer, p.answer, length);
            answer[rng_next_below(&rng, (int64_t)length)] = (char)rng_next_below(&rng, 256);
        }
        const Verdict verdict = task_check(p.check, answer, length);
        assert_true(verdict == VERDICT_RIGHT || verdict == VERDICT_WRONG);
        (void)task_canonical(p.check, answer, length, canonical, sizeof canonical);
        const size_t name = strlen(task_name(task));
        memcpy(text, p.check, name);
        text[name] = ' ';
        random_text(&rng, text + name + 1, sizeof text - name - 1);
        (void)task_check(text, answer, length);
        (void)task_canonical(text, answer, length, canonical, sizeof canonical);
    }
}

/* The nesting limit is what stands between a long answer and the stack. */
static void deep_parentheses_are_wrong_not_fatal(void **state)
{
    (void)state;
    enum { DEEP = 1 << 20 };
    char *answer = base_alloc(DEEP, 1);
    memset(answer, '(', DEEP);
    assert_int_equal(task_check("make 24 3 5 7", answer, DEEP), VERDICT_WRONG);
    base_free(answer);
}

static bool same_vote(const char *text, const char *a, const char *b)
{
    char first[TASK_MAX_TEXT], second[TASK_MAX_TEXT];
    return task_canonical(text, a, strlen(a), first, sizeof first) &&
           task_canonical(text, b, strlen(b), second, sizeof second) && strcmp(first, second) == 0;
}

static void votes_are_counted_by_meaning(void **state)
{
    (void)state;
    char out[TASK_MAX_TEXT];
    assert_true(same_vote("sum 1 2", "3", " 03 "));
    assert_false(same_vote("sum 1 2", "3", "4"));
    assert_true(same_vote("pick 2 31 9 22 1", "9 22", "22, 9"));
    assert_false(same_vote("pay 24 5 7", "1 2", "2 1"));
    assert_true(same_vote("clock 9:50 1:15", "11:05", "11:5"));
    assert_true(same_vote("make 56 3 5 7", "(3+5)*7", "(3 + 5) * 7"));
    assert_false(task_canonical("sum 1 2", "", 0, out, sizeof out));
    assert_false(task_canonical("sum 1 2", "three", 5, out, sizeof out));
    assert_false(task_canonical("sum 1 2", "12345", 5, out, 5));
    assert_false(task_canonical("nothing 1", "1", 1, out, sizeof out));
}

static void a_try_is_compared_with_the_target_of_the_check(void **state)
{
    (void)state;
    Problem p;
    int target;
    for (int task = 0; task < task_count(); task++)
        for (int level = 1; level <= task_levels(task); level++) {
            task_problem(&p, task, level, SPLIT_TRAIN, 4, 2);
            assert_int_equal(task_target(p.check, &target), task_is_search(task));
            if (task_is_search(task)) assert_int_equal(target, p.target);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(families_are_named_and_their_levels_are_in_order),
        cmocka_unit_test(the_answer_of_every_problem_meets_its_check),
        cmocka_unit_test(other_answers_are_wrong),
        cmocka_unit_test(a_problem_is_a_function_of_its_arguments),
        cmocka_unit_test(levels_of_a_family_share_no_problem),
        cmocka_unit_test(permuted_twins_have_one_check),
        cmocka_unit_test(held_out_is_about_an_eighth),
        cmocka_unit_test(checks_decide_as_the_table_says),
        cmocka_unit_test(any_bytes_are_decided_without_harm),
        cmocka_unit_test(deep_parentheses_are_wrong_not_fatal),
        cmocka_unit_test(votes_are_counted_by_meaning),
        cmocka_unit_test(a_try_is_compared_with_the_target_of_the_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
