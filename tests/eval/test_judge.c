/* SPDX-License-Identifier: MIT */
/* eval/judge.c with judges that are made up: fair ones, those that favour a place, and those that cannot be read; and
 * eval/paired.c. */
#include "eval/judge.h"

#include "base/arena.h"
#include "eval/paired.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- asking ---- */

typedef enum Manner { FAIR, FIRST_PLACE, SILENT, NO_ROOM, BROKEN } Manner;

typedef struct MadeUp {
    Manner manner;
    int64_t n_asked, n_reference_first;
    int64_t n_began_with_reference; /* of calls: the first prompt */
} MadeUp;

static bool made_up(void *context, const JudgePrompt *prompts, int64_t n, char **replies, Error *err)
{
    MadeUp *const m = context;
    if (m->manner == BROKEN) return error_set(err, ERROR_SYSTEM, "no power");
    for (int64_t i = 0; i < n; i++) {
        char *const text = base_strndup(prompts[i].text, prompts[i].length);
        const bool reference_first = strstr(text, "[Reference answer]") < strstr(text, "[Answer to judge]");
        const int64_t before = m->n_reference_first;
        m->n_asked++;
        m->n_reference_first += reference_first;
        m->n_began_with_reference += i == 0 && m->n_reference_first > before;
        replies[i] = m->manner == SILENT ? base_strdup("I would rather not say.")
                     : m->manner == NO_ROOM
                         ? NULL
                         : base_printf("{\"correctness\": \"%s\"}",
                                       (m->manner == FIRST_PLACE ? reference_first : strstr(text, "good") != NULL)
                                           ? "correct"
                                           : "incorrect");
        base_free(text);
    }
    return true;
}

enum { N = 64 };

static void ask_answers(MadeUp *m, Verdict verdicts[N])
{
    JudgeAnswer answers[N];
    Error err = {0};
    const Judge judge = {.generate = made_up, .context = m, .seed = 3};
    for (int i = 0; i < N; i++)
        answers[i] = (JudgeAnswer){.question = {"Why?", 4},
                                   .reference = {"because", 7},
                                   .answer = {i % 2 ? "a good one" : "a weak one", 10},
                                   .key = (uint64_t)i};
    if (!judge_answers(&judge, answers, N, verdicts, &err)) fail_msg("%s", err.text);
}

static void an_answer_is_judged_in_both_orders(void **state)
{
    (void)state;
    Verdict verdicts[N];
    MadeUp fair = {.manner = FAIR}, partial = {.manner = FIRST_PLACE}, silent = {.manner = SILENT},
           full = {.manner = NO_ROOM};
    ask_answers(&fair, verdicts);
    for (int i = 0; i < N; i++) assert_int_equal(verdicts[i], i % 2 ? VERDICT_RIGHT : VERDICT_WRONG);
    assert_int_equal(fair.n_asked, 2 * N);
    assert_int_equal(fair.n_reference_first, N);
    ask_answers(&partial, verdicts);
    for (int i = 0; i < N; i++) assert_int_equal(verdicts[i], VERDICT_UNDECIDED);
    ask_answers(&silent, verdicts);
    for (int i = 0; i < N; i++) assert_int_equal(verdicts[i], VERDICT_UNDECIDED);
    ask_answers(&full, verdicts);
    for (int i = 0; i < N; i++) assert_int_equal(verdicts[i], VERDICT_UNDECIDED);
}

/* Which order comes first is drawn: about half of the pairs begin either way, each the same again. */
static void the_seed_draws_the_first_order(void **state)
{
    (void)state;
    MadeUp once = {.manner = FAIR};
    const Judge judge = {.generate = made_up, .context = &once, .seed = 11};
    int64_t n_began[2] = {0};
    for (int pass = 0; pass < 2; pass++) {
        const int64_t before = once.n_began_with_reference;
        for (uint64_t key = 0; key < 200; key++) {
            const JudgeAnswer answer = {.question = {"?", 1}, .reference = {"r", 1}, .answer = {"a", 1}, .key = key};
            Verdict verdict;
            Error err = {0};
            assert_true(judge_answers(&judge, &answer, 1, &verdict, &err));
        }
        n_began[pass] = once.n_began_with_reference - before;
    }
    assert_in_range(n_began[0], 70, 130);
    assert_int_equal(n_began[0], n_began[1]);
}

static void a_judge_that_fails_says_so(void **state)
{
    (void)state;
    MadeUp broken = {.manner = BROKEN};
    const Judge judge = {.generate = made_up, .context = &broken};
    const JudgeAnswer answer = {.question = {"?", 1}, .reference = {"r", 1}, .answer = {"a", 1}};
    Verdict verdict;
    Error err = {0};
    assert_false(judge_answers(&judge, &answer, 1, &verdict, &err));
    assert_string_equal(err.text, "the judge: no power");
}

/* ---- two models ---- */

static const char path[] = R1_BINARY_DIR "/test_paired.jsonl";

static void write_file(const char *text)
{
    FILE *const file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void samples_are_paired_by_problem(void **state)
{
    (void)state;
    EvalMeans a = {0}, b = {0};
    EvalComparison c;
    Error err = {0};
    write_file("{\"id\": \"x\", \"problem\": 0, \"accuracy\": 1}\n{\"id\": \"x\", \"problem\": 0, \"accuracy\": 0}\n"
               "{\"id\": \"y\", \"problem\": 1, \"accuracy\": 1}\n{\"id\": \"y\", \"problem\": 1, \"accuracy\": 1}\n"
               "{\"id\": \"z\", \"problem\": 2, \"accuracy\": 0}\n{\"id\": \"z\", \"problem\": 2, \"accuracy\": 0}\n");
    assert_true(eval_means_read(&a, path, &err));
    write_file("{\"id\": \"x\", \"problem\": 0, \"accuracy\": 0}\n{\"id\": \"y\", \"problem\": 1, \"accuracy\": 0}\n"
               "{\"id\": \"z\", \"problem\": 2, \"accuracy\": 0}\n");
    assert_true(eval_means_read(&b, path, &err));
    assert_true(eval_compare(&c, &a, &b, &err));
    assert_int_equal(c.wins, 2);
    assert_int_equal(c.losses, 0);
    assert_int_equal(c.ties, 1);
    /* differences 1/2, 1, 0: mean 1/2, std 1/2, error 1/(2 sqrt 3); z = sqrt 3 */
    assert_true(fabs(c.test.difference - 0.5) < 1e-15 && fabs(c.test.t - sqrt(3)) < 1e-14);
    assert_true(c.sign_p == 0.5);
    base_free(b.ids[2]);
    b.ids[2] = base_strdup("w");
    assert_false(eval_compare(&c, &a, &b, &err));
    assert_non_null(strstr(err.text, "problem 2 is z for one and w for the other"));
    b.n = 2;
    assert_false(eval_compare(&c, &a, &b, &err));
    assert_non_null(strstr(err.text, "3 problems and 2"));
    b.n = 3;
    eval_means_free(&a);
    eval_means_free(&b);
    write_file("{\"id\": \"x\", \"problem\": 0, \"accuracy\": 0}\n{\"id\": \"y\", \"problem\": 3, \"accuracy\": 0}\n");
    assert_false(eval_means_read(&a, path, &err));
    assert_non_null(strstr(err.text, ":2: problem 3 comes behind problem 0"));
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_judged_in_both_orders),
        cmocka_unit_test(the_seed_draws_the_first_order),
        cmocka_unit_test(a_judge_that_fails_says_so),
        cmocka_unit_test(samples_are_paired_by_problem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
