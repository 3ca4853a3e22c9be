/* SPDX-License-Identifier: MIT */
/* tests/recipe/test_reject_judge.c: a judge is asked about what no rule decided and about nothing else, and its word counts. */
#include "recipe/reject.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N_QUESTIONS = 2, N_SAMPLES = 3 };

typedef struct Heard {
    int64_t n;
    const char *prompts[N_QUESTIONS * N_SAMPLES], *texts[N_QUESTIONS * N_SAMPLES];
    bool fails;
} Heard;

/* "yes" is right, "no" wrong, anything else stays undecided. */
static bool judge(void *context, const Question *const *questions, Sampled *const *samples, int64_t n, Error *err)
{
    Heard *const h = context;
    if (h->fails) return error_set(err, ERROR_SYSTEM, "the judge is asleep");
    for (int64_t i = 0; i < n; i++) {
        h->prompts[h->n] = questions[i]->prompt;
        h->texts[h->n++] = samples[i]->text;
        if (strcmp(samples[i]->text, "yes") == 0) samples[i]->score.verdict = VERDICT_RIGHT;
        if (strcmp(samples[i]->text, "no") == 0) samples[i]->score.verdict = VERDICT_WRONG;
    }
    return true;
}

static Sampled sampled(char *text, Verdict verdict, bool well_formed, bool stopped)
{
    return (Sampled){.text = text,
                     .text_length = strlen(text),
                     .stopped = stopped,
                     .score = {.verdict = verdict, .frame = {.ok = well_formed}, .format = well_formed}};
}

static void what_no_rule_decided_is_judged(void **state)
{
    (void)state;
    char yes[] = "yes", no[] = "no", perhaps[] = "perhaps", rest[] = "rest";
    Question questions[N_QUESTIONS] = {{.prompt = "first"}, {.prompt = "second"}};
    Sampled samples[N_QUESTIONS * N_SAMPLES] = {
        sampled(rest, VERDICT_RIGHT, true, true),      sampled(yes, VERDICT_UNDECIDED, true, true),
        sampled(rest, VERDICT_UNDECIDED, false, true), sampled(no, VERDICT_UNDECIDED, true, true),
        sampled(rest, VERDICT_UNDECIDED, true, false), sampled(perhaps, VERDICT_UNDECIDED, true, true),
    };
    const GrpoSettings settings = {.group_size = N_SAMPLES};
    Heard heard = {.n = 0};
    Error err = {0};
    Reject r = {.judge = judge, .judge_context = &heard};
    r.sampling = (GrpoStage){.settings = &settings,
                             .questions = questions,
                             .samples = samples,
                             .n_questions = N_QUESTIONS,
                             .n_samples = N_QUESTIONS * N_SAMPLES};
    assert_true(reject_ask_judge(&r, &err));
    assert_int_equal(heard.n, 3);
    assert_string_equal(heard.prompts[0], "first");
    assert_string_equal(heard.prompts[1], "second");
    assert_string_equal(heard.texts[2], "perhaps");
    static const RejectReason reasons[] = {REJECT_NONE,  REJECT_NONE,      REJECT_FORMAT,
                                           REJECT_WRONG, REJECT_TRUNCATED, REJECT_UNDECIDED};
    for (int i = 0; i < N_QUESTIONS * N_SAMPLES; i++) {
        const RejectCandidate c = {.prompt = "",
                                   .text = samples[i].text,
                                   .length = samples[i].text_length,
                                   .stopped = samples[i].stopped,
                                   .well_formed = samples[i].score.frame.ok,
                                   .verdict = (int)samples[i].score.verdict};
        r.limits.code_blocks = true;
        r.limits.repetition = 1;
        assert_string_equal(reject_reason_name(reject_check(&r, &c)), reject_reason_name(reasons[i]));
    }
    heard.fails = true;
    assert_false(reject_ask_judge(&r, &err));
    assert_non_null(strstr(err.text, "asleep"));
    r.judge = NULL;
    assert_true(reject_ask_judge(&r, &err)); /* nobody decides */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_no_rule_decided_is_judged)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
