/* SPDX-License-Identifier: MIT */
/* eval/evaluate_model.h as a stage uses it: a request in, a report out, of the embedded model on files of each format. */
#include "eval/evaluate_model.h"

#include "num/cpu.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char model[] = R1_SOURCE_DIR "/models/base";

typedef struct Heard {
    int64_t n_planned, n_samples, n_undecided;
} Heard;

static bool planned(void *context, const EvalPlan *plan, Error *err)
{
    Heard *const heard = context;
    (void)err;
    heard->n_planned = eval_plan_problems(plan);
    return true;
}

static bool hear(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    Heard *const heard = context;
    (void)err;
    assert_int_equal(problem->task, -1);
    heard->n_samples++;
    heard->n_undecided += sample->verdict == VERDICT_UNDECIDED;
    return true;
}

static EvalRequest request_of(const char *data, Heard *heard)
{
    *heard = (Heard){0};
    return (EvalRequest){
        .data = data,
        .config = {.samples = 2, .seed = 5, .sampling = {.temperature = 0.6, .top_p = 0.95, .max_tokens = 12}},
        .max_active = 8,
        .planned = planned,
        .done = hear,
        .context = heard};
}

static void a_request_gives_a_report_with_its_groups(void **state)
{
    (void)state;
    const Kernels kernels = kernels_for(ISA_C);
    const Compute compute = {.k = &kernels};
    Heard heard;
    EvalReport report;
    Error err = {0};
    const EvalRequest request = request_of(R1_SOURCE_DIR "/tests/data/evaluation/math500.jsonl", &heard);
    if (!evaluate_folder(&report, &request, model, &compute, &err)) fail_msg("%s", err.text);
    assert_int_equal(heard.n_planned, 3);
    assert_int_equal(heard.n_samples, 6);
    assert_int_equal(report.result.total.n_problems, 3);
    assert_int_equal(report.result.n_problems, 3);
    assert_int_equal(report.result.n_groups, 4);
    assert_string_equal(report.result.groups[0].by, "level");
    assert_string_equal(report.result.groups[1].name, "2");
    assert_int_equal(report.result.groups[1].cell.n_problems, 2);
    assert_string_equal(report.result.groups[2].name, "Algebra");
    assert_true(isnan(report.result.total.prompts_loose));
    eval_report_free(&report);
}

static void a_judge_is_asked_where_rules_end(void **state)
{
    (void)state;
    const Kernels kernels = kernels_for(ISA_C);
    const Compute compute = {.k = &kernels};
    Heard heard;
    EvalReport report;
    Error err = {0};
    EvalRequest request = request_of(R1_SOURCE_DIR "/tests/data/evaluation/open.jsonl", &heard);
    request.config.format = EVAL_FORMAT_OPEN;
    if (!evaluate_folder(&report, &request, model, &compute, &err)) fail_msg("%s", err.text);
    assert_int_equal(heard.n_undecided, 4); /* nobody decides */
    assert_true(isnan(report.result.total.cons_at_k));
    eval_report_free(&report);
    request.judge = model;
    if (!evaluate_folder(&report, &request, model, &compute, &err)) fail_msg("%s", err.text);
    assert_int_equal(heard.n_samples, 8);
    eval_report_free(&report);
    request.judge = R1_SOURCE_DIR "/tests";
    assert_false(evaluate_folder(&report, &request, model, &compute, &err));
    assert_null(report.plan);
    request.judge = NULL;
    request.data = R1_SOURCE_DIR "/tests/none.jsonl";
    assert_false(evaluate_folder(&report, &request, model, &compute, &err));
    request.data = R1_SOURCE_DIR "/tests/data/evaluation/open.jsonl";
    request.chat = model; /* which has no template */
    assert_false(evaluate_folder(&report, &request, model, &compute, &err));
    assert_non_null(strstr(err.text, "no chat template"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_gives_a_report_with_its_groups),
        cmocka_unit_test(a_judge_is_asked_where_rules_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
