/* SPDX-License-Identifier: MIT */
/* recipe/grpo_questions.c: what a step asks: problems of the families' train split, drawn by the recipe's weights, or the rows
 * of a data file, each once an epoch in an order of that epoch. Either is a function of (seed, step, place in the step). */
#include "recipe/grpo_stage.h"

#include "base/philox.h"
#include "data/shuffle.h"

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

bool question_rows_check_ids(const QuestionRows *rows, const char *path, Error *err)
{
    const EvalPlan *const plan = rows->plan;
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

bool question_rows_read(QuestionRows *rows, const Tokenizer *tokenizer, const GrpoSettings *s, Error *err)
{
    const EvalConfig config = {
        .seed = (uint64_t)s->common.seed, .samples = 1, .sampling = {.temperature = 1.0}, .rewarded = true};
    *rows = (QuestionRows){0};
    if (!*s->data) return true;
    return eval_plan_file(&rows->plan, tokenizer, &config, s->data, err);
}

void question_rows_free(QuestionRows *rows)
{
    eval_plan_free(rows->plan);
    *rows = (QuestionRows){0};
}

static void take_row(Question *q, const QuestionRows *rows, int64_t row)
{
    const EvalProblem *const p = eval_plan_problem(rows->plan, row);
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
}

static void ask_row(Question *q, const QuestionRows *rows, uint64_t seed, int64_t index)
{
    const int64_t n = eval_plan_problems(rows->plan);
    take_row(q, rows, shuffle_item(seed, (uint64_t)(index / n) | EPOCH_DRAWS, index % n, n));
}

/* ---- families ---- */

/* The family of one question, by the recipe's weights, one of its trained levels, evenly, and a language. */
static void choose_cell(const GrpoSettings *s, int64_t step, int64_t question, int *task, int *level,
                        TaskLanguage *language)
{
    RngSequence rng = rng_sequence((uint64_t)s->common.seed, RNG_SHUFFLE, (uint64_t)step, (uint32_t)question);
    double total = 0, running = 0;
    for (int t = 0; t < task_count_all(); t++) total += s->tasks[t];
    const double at = rng_next_uniform(&rng) * total;
    *task = -1;
    for (int t = 0; t < task_count_all(); t++) {
        running += s->tasks[t];
        if (s->tasks[t] > 0 && (*task < 0 || running - s->tasks[t] <= at)) *task = t;
    }
    *level = (int)rng_next_between(&rng, 1, task_train_levels(*task));
    const LanguageChoice choice = (LanguageChoice)s->common.task_language;
    *language = language_in_turn(choice, choice == LANGUAGE_BOTH ? rng_next_below(&rng, 2) : 0);
}

static void ask_family(Question *q, const GrpoSettings *s, int64_t step, int64_t place)
{
    Problem *const p = &q->problem;
    int task, level;
    TaskLanguage language;
    choose_cell(s, step, place, &task, &level, &language);
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
    for (int64_t i = 0; i < g->n_questions; i++) {
        Question *const q = &g->questions[i];
        if (g->rows.plan)
            ask_row(q, &g->rows, (uint64_t)g->settings->common.seed, step * g->n_questions + i);
        else
            ask_family(q, g->settings, step, i);
        if (!encode(g, i, (uint64_t)step, (uint32_t)i, err)) return false;
    }
    return true;
}

bool grpo_stage_ask_rows(GrpoStage *g, int64_t first, Error *err)
{
    for (int64_t i = 0; i < g->n_questions; i++) {
        take_row(&g->questions[i], &g->rows, first + i);
        g->questions[i].row = first + i + 1;
        if (!encode(g, i, ROW_DRAWS | (uint64_t)(first + i), 0, err)) return false;
    }
    return true;
}
