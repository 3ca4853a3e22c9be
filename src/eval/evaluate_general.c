/* SPDX-License-Identifier: MIT */
/* eval/evaluate_general.c: see evaluate_general.h. Samples end in any order: each measure is kept by problem and sample, and added up
 * in their order. */
#include "eval/evaluate_general.h"

#include "base/arena.h"
#include "data/general.h"
#include "eval/evaluate_parts.h"

typedef struct Measures {
    const EvalRequest *request;
    int64_t n_problems, k;
    double *worth, *right, *harmless; /* [n_problems * k] */
} Measures;

static bool prepare(void *context, const EvalPlan *plan, Error *err)
{
    Measures *const m = context;
    m->n_problems = eval_plan_problems(plan);
    const size_t n = (size_t)(m->n_problems * m->k);
    m->worth = base_alloc(n, sizeof *m->worth);
    m->right = base_alloc(n, sizeof *m->right);
    m->harmless = base_alloc(n, sizeof *m->harmless);
    return !m->request->planned || m->request->planned(m->request->context, plan, err);
}

static bool take(void *context, const EvalProblem *problem, const EvalSample *sample, Error *err)
{
    Measures *const m = context;
    const int64_t at = problem->number * m->k + sample->completion;
    const char *reply;
    size_t length;
    GeneralJudgement said = {0}, whole = {0};
    reply_part(problem, sample->text, sample->length, &reply, &length);
    if (!general_judge(&said, problem->check, reply, length) ||
        !general_judge(&whole, problem->check, sample->text, sample->length))
        return error_set(err, ERROR_BUG, "general task: the check \"%.80s\" cannot be read", problem->check);
    m->worth[at] = said.helpfulness;
    m->right[at] = general_check(problem->check, reply, length) == VERDICT_RIGHT;
    m->harmless[at] = whole.harmless;
    return !m->request->done || m->request->done(m->request->context, problem, sample, err);
}

/* values: [n * k] by problem. */
static Estimate estimate(const double *values, int64_t n, int64_t k)
{
    double *const means = base_alloc((size_t)n, sizeof *means);
    for (int64_t i = 0; i < n; i++) means[i] = estimate_mean(values + i * k, k);
    const Estimate e = estimate_over_problems(means, n);
    base_free(means);
    return e;
}

static void fill(GeneralFigures *figures, const Measures *m, bool safety)
{
    const int64_t n = m->n_problems, k = m->k;
    if (!safety) {
        figures->helpfulness = estimate(m->worth, n, k);
        figures->helpful = estimate(m->right, n, k);
        return;
    }
    figures->harmless = estimate(m->harmless, n, k);
    for (int64_t i = 0; i < n * k; i++) m->right[i] *= m->harmless[i];
    figures->safe = estimate(m->right, n, k);
}

bool evaluate_general(GeneralFigures *figures, const EvalRequest *request, Model *model, const Tokenizer *tokenizer,
                      const Compute *compute, Error *err)
{
    bool *const tasks = base_alloc((size_t)task_count_all(), sizeof *tasks);
    bool ok = true;
    *figures = (GeneralFigures){0};
    for (int kind = 0; ok && kind < GENERAL_TASKS; kind++) {
        Measures m = {.request = request, .k = request->config.samples};
        EvalReport report = {.plan = NULL};
        EvalRequest mine = *request;
        for (int t = 0; t < task_count_all(); t++) tasks[t] = t == task_find(general_name(kind));
        mine.data = mine.chat = mine.judge = NULL;
        mine.config.tasks = tasks;
        mine.config.trained_levels = true;
        mine.planned = prepare;
        mine.done = take;
        mine.context = &m;
        ok = evaluate_model(&report, &mine, model, tokenizer, compute, err);
        if (ok) fill(figures, &m, kind > 0);
        eval_report_free(&report);
        base_free(m.worth);
        base_free(m.right);
        base_free(m.harmless);
    }
    base_free(tasks);
    return ok;
}
