/* SPDX-License-Identifier: MIT */
/* recipe/grpo_questions.c: what a step asks: problems of the families' train split, drawn by the recipe's weights, or the rows
 * of a data file, each once an epoch in an order of that epoch; or both, by the recipe's routes. All of it is a function of (seed, step,
 * place in the step). */
#include "recipe/grpo_stage.h"

#include "base/philox.h"
#include "data/shuffle.h"
#include "recipe/route_draw.h"

#include <stdlib.h>
#include <string.h>

/* Apart from the steps, which key the families' draws of the same stream. */
static const uint64_t EPOCH_DRAWS = (uint64_t)1 << 61;
/* Of rows that are asked once each, in order: apart from steps and from evaluations' keys. */
static const uint64_t ROW_DRAWS = (uint64_t)1 << 60;

/* ---- rows of a file ---- */

static int by_id(const void *a, const void *b)
{
    const EvalProblem *const x = *(const EvalProblem *const *)a, *const y = *(const EvalProblem *const *)b;
    const int order = strcmp(x->id, y->id);
    return order != 0 ? order : (x->line > y->line) - (x->line < y->line);
}

/* Two rows of one id would share what is stored by it. */
static bool check_ids(const EvalPlan *plan, Error *err)
{
    const char *const path = plan ? eval_plan_problem(plan, 0)->task_name : "";
    const int64_t n = plan ? eval_plan_problems(plan) : 0;
    const EvalProblem **const sorted = base_alloc((size_t)n, sizeof *sorted);
    bool ok = true;
    for (int64_t i = 0; i < n; i++) sorted[i] = eval_plan_problem(plan, i);
    qsort(sorted, (size_t)n, sizeof *sorted, by_id);
    for (int64_t i = 1; ok && i < n; i++)
        if (strcmp(sorted[i - 1]->id, sorted[i]->id) == 0)
            ok = error_set(err, ERROR_INPUT,
                           "%s:%lld: its id \"%.60s\" is also that of line %lld (a row without one is called by its "
                           "line); give each row an id of its own",
                           path, (long long)sorted[i]->line, sorted[i]->id, (long long)sorted[i - 1]->line);
    base_free(sorted);
    return ok;
}

static bool check_row_routes(const EvalPlan *plan, const Routes *routes, const char *path, Error *err)
{
    char known[400];
    for (int64_t i = 0; routes->head.n > 0 && i < eval_plan_problems(plan); i++) {
        const EvalProblem *const p = eval_plan_problem(plan, i);
        if (p->route && routes_find(routes, p->route) == 0)
            return error_set(err, ERROR_INPUT, "%s:%lld: its route \"%.40s\" is none of the recipe's: %s", path,
                             (long long)p->line, p->route, routes_list(routes, known, sizeof known));
    }
    return true;
}

static bool read_file(EvalPlan **plan, const Tokenizer *tokenizer, const GrpoSettings *s, const char *path, Error *err)
{
    const EvalConfig config = {
        .seed = (uint64_t)s->common.seed, .samples = 1, .sampling = {.temperature = 1.0}, .rewarded = true};
    return eval_plan_file(plan, tokenizer, &config, path, err) && check_row_routes(*plan, &s->routes, path, err);
}

bool question_rows_read(QuestionRows *rows, const Tokenizer *tokenizer, const GrpoSettings *s, Error *err)
{
    *rows = (QuestionRows){0};
    for (int64_t r = 0; r < s->routes.head.n; r++) {
        const RouteSettings *const route = &s->routes.items[r];
        if (route_asks(route) && *route->data && !read_file(&rows->routes[r], tokenizer, s, route->data, err))
            return error_in(err, "routes.%s", route->name);
    }
    return !*s->data || read_file(&rows->plan, tokenizer, s, s->data, err);
}

void question_rows_free(QuestionRows *rows)
{
    eval_plan_free(rows->plan);
    for (int r = 0; r < MAX_ROUTES; r++) eval_plan_free(rows->routes[r]);
    *rows = (QuestionRows){0};
}

/* All files; i from 0 while one is left. */
static const EvalPlan *plan_at(const QuestionRows *rows, int i)
{
    return i < MAX_ROUTES ? rows->routes[i] : rows->plan;
}

bool question_rows_check_ids(const QuestionRows *rows, Error *err)
{
    for (int i = 0; i <= MAX_ROUTES; i++)
        if (!check_ids(plan_at(rows, i), err)) return false;
    return true;
}

int64_t question_rows_longest(const QuestionRows *rows)
{
    int64_t longest = 0;
    for (int i = 0; i <= MAX_ROUTES; i++) {
        const int64_t n = plan_at(rows, i) ? eval_plan_longest_prompt(plan_at(rows, i)) : 0;
        if (n > longest) longest = n;
    }
    return longest;
}

const Sandbox *question_rows_sandbox(const QuestionRows *rows)
{
    for (int i = 0; i <= MAX_ROUTES; i++)
        if (plan_at(rows, i) && eval_plan_sandbox(plan_at(rows, i))) return eval_plan_sandbox(plan_at(rows, i));
    return NULL;
}

void question_rows_warn(const QuestionRows *rows, Progress *progress, bool needs_answers)
{
    for (int i = 0; i <= MAX_ROUTES; i++) {
        const EvalPlan *const plan = plan_at(rows, i);
        if (plan) stage_warn_unreadable(plan, progress, eval_plan_problem(plan, 0)->task_name, needs_answers);
    }
}

static void take_row(Question *q, const EvalPlan *plan, const Routes *routes, int64_t row)
{
    const EvalProblem *const p = eval_plan_problem(plan, row);
    q->task = p->task_name;
    q->level = 0;
    q->row = 0;
    q->id = p->id;
    q->prompt = p->prompt;
    q->prompt_length = p->prompt_length;
    q->answer = p->answer;
    q->answer_length = p->answer_length;
    q->check = p->check;
    q->tests = p->tests;
    q->unreadable = p->unreadable;
    if (p->route) q->route = routes_find(routes, p->route);
}

/* The index-th row that is asked of this file; epochs: apart from those of other files. */
static void ask_row(Question *q, const EvalPlan *plan, const Routes *routes, uint64_t seed, uint64_t epochs,
                    int64_t index)
{
    const int64_t n = eval_plan_problems(plan);
    take_row(q, plan, routes, shuffle_item(seed, (uint64_t)(index / n) | EPOCH_DRAWS | epochs, index % n, n));
}

/* ---- families ---- */

/* The family of one question, by these weights, one of its trained levels, evenly, and a language. */
static void choose_cell(const GrpoSettings *s, const double *tasks, int64_t step, int64_t question, int *task,
                        int *level, TaskLanguage *language)
{
    RngSequence rng = rng_sequence((uint64_t)s->common.seed, RNG_SHUFFLE, (uint64_t)step, (uint32_t)question);
    double total = 0, running = 0;
    for (int t = 0; t < task_count_all(); t++) total += tasks[t];
    const double at = rng_next_uniform(&rng) * total;
    *task = -1;
    for (int t = 0; t < task_count_all(); t++) {
        running += tasks[t];
        if (tasks[t] > 0 && (*task < 0 || running - tasks[t] <= at)) *task = t;
    }
    *level = (int)rng_next_between(&rng, 1, task_train_levels(*task));
    const LanguageChoice choice = (LanguageChoice)s->common.task_language;
    *language = language_in_turn(choice, choice == LANGUAGE_BOTH ? rng_next_below(&rng, 2) : 0);
}

static void ask_family(Question *q, const GrpoSettings *s, const double *tasks, int64_t step, int64_t place)
{
    Problem *const p = &q->problem;
    int task, level;
    TaskLanguage language;
    choose_cell(s, tasks, step, place, &task, &level, &language);
    task_problem_in(p, task, level, SPLIT_TRAIN, (uint64_t)s->common.seed,
                    (uint64_t)(step * s->prompts_per_step + place), language);
    q->task = task_name(task);
    q->row = 0;
    q->level = level;
    q->id = NULL;
    q->prompt = p->prompt;
    q->prompt_length = strlen(p->prompt);
    q->answer = p->answer;
    q->answer_length = strlen(p->answer);
    q->check = p->check;
    q->tests = NULL;
    q->unreadable = false;
}

/* ---- routes ---- */

/* rows->asked: how many questions each route had before this step. */
static void count_asked(QuestionRows *rows, const GrpoSettings *s, int64_t step)
{
    if (rows->n_counted > step) {
        memset(rows->asked, 0, sizeof rows->asked);
        rows->n_counted = 0;
    }
    for (; rows->n_counted < step; rows->n_counted++) {
        const RouteDraw draw =
            route_draw_begin(&s->routes, (uint64_t)s->common.seed, rows->n_counted, s->prompts_per_step);
        route_draw_count(&draw, rows->asked);
    }
}

/* taken[MAX_ROUTES]: of this step, so far. */
static void ask_route(GrpoStage *g, Question *q, const RouteDraw *draw, int64_t *taken, int64_t place)
{
    const GrpoSettings *const s = g->settings;
    const int r = route_draw(draw, place);
    const RouteSettings *const route = &s->routes.items[r];
    const int64_t index = g->rows.asked[r] + taken[r]++;
    q->route = 1 + r;
    if (g->rows.routes[r])
        ask_row(q, g->rows.routes[r], &s->routes, (uint64_t)s->common.seed, (uint64_t)(1 + r) << 48, index);
    else
        ask_family(q, s, route->tasks, draw->step, place);
}

/* ---- a step ---- */

static bool encode(GrpoStage *g, int64_t i, uint64_t draw_a, uint32_t draw_b, Error *err)
{
    Question *const q = &g->questions[i];
    q->ids.n = 0;
    if (!tokenizer_encode(g->tokenizer, q->prompt, q->prompt_length, true, &q->ids, err)) return false;
    g->prompts[i] = (RolloutPrompt){q->ids.ids, q->ids.n, draw_a, draw_b};
    return true;
}

bool grpo_stage_ask(GrpoStage *g, int64_t step, Error *err)
{
    const GrpoSettings *const s = g->settings;
    const bool routed = routes_ask(&s->routes);
    int64_t taken[MAX_ROUTES] = {0};
    RouteDraw draw = {0};
    if (routed) {
        count_asked(&g->rows, s, step);
        draw = route_draw_begin(&s->routes, (uint64_t)s->common.seed, step, g->n_questions);
    }
    if (g->rewards) grpo_rewards_at(g->rewards, step + 1, false); /* a rewriting has none */
    for (int64_t i = 0; i < g->n_questions; i++) {
        Question *const q = &g->questions[i];
        q->route = 0;
        if (routed)
            ask_route(g, q, &draw, taken, i);
        else if (g->rows.plan)
            ask_row(q, g->rows.plan, &s->routes, (uint64_t)s->common.seed, 0, step * g->n_questions + i);
        else
            ask_family(q, s, s->tasks, step, i);
        if (!encode(g, i, (uint64_t)step, (uint32_t)i, err)) return false;
    }
    return true;
}

bool grpo_stage_ask_rows(GrpoStage *g, int64_t first, Error *err)
{
    for (int64_t i = 0; i < g->n_questions; i++) {
        g->questions[i].route = 0;
        take_row(&g->questions[i], g->rows.plan, &g->settings->routes, first + i);
        g->questions[i].row = first + i + 1;
        if (!encode(g, i, ROW_DRAWS | (uint64_t)(first + i), 0, err)) return false;
    }
    return true;
}
