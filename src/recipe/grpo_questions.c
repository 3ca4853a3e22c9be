/* SPDX-License-Identifier: MIT */
/* recipe/grpo_questions.c: what a step asks: problems of the families' train split, drawn by the recipe's weights, or the rows
 * of a data file, each once an epoch in an order of that epoch. Either is a function of (seed, step, place in the step). */
#include "recipe/grpo_stage.h"

#include "base/philox.h"
#include "data/shuffle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Apart from the steps, which key the families' draws of the same stream. */
static const uint64_t EPOCH_DRAWS = (uint64_t)1 << 61;
/* Of rows that are asked once each, in order: apart from steps and from evaluations' keys. */
static const uint64_t ROW_DRAWS = (uint64_t)1 << 60;

/* ---- rows of a file ---- */

bool question_rows_read(QuestionRows *rows, const Tokenizer *tokenizer, const GrpoSettings *s, Error *err)
{
    const EvalConfig config = {.seed = (uint64_t)s->common.seed, .samples = 1, .sampling = {.temperature = 1.0}};
    *rows = (QuestionRows){0};
    if (!*s->data) return true;
    if (!eval_plan_file(&rows->plan, tokenizer, &config, s->data, err)) return false;
    for (int64_t i = 0; i < eval_plan_problems(rows->plan); i++) {
        const EvalProblem *const p = eval_plan_problem(rows->plan, i);
        if (p->instructions)
            return error_set(err, ERROR_INPUT,
                             "%s:%" PRId64 ": rows with instructions are for `r1 eval`; no reward reads them", s->data,
                             p->line);
    }
    return true;
}

void question_rows_warn(const QuestionRows *rows, Progress *progress, const char *path)
{
    enum { MAX_LISTED = 5 };
    int64_t n = 0;
    char line[512];
    for (int64_t i = 0; rows->plan && i < eval_plan_problems(rows->plan); i++) {
        const EvalProblem *const p = eval_plan_problem(rows->plan, i);
        if (!p->unreadable || ++n > MAX_LISTED) continue;
        snprintf(line, sizeof line, "%.300s:%" PRId64 ": %s cannot be read; no completion will be rewarded for it",
                 path, p->line, p->check ? "the check" : "the gold answer");
        progress_warning(progress, line);
    }
    if (n <= MAX_LISTED) return;
    snprintf(line, sizeof line, "%.300s: %" PRId64 " more such rows", path, n - MAX_LISTED);
    progress_warning(progress, line);
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

/* The family of one question, by the recipe's weights, and one of its trained levels, evenly. */
static void choose_cell(const GrpoSettings *s, int64_t step, int64_t question, int *task, int *level)
{
    RngSequence rng = rng_sequence((uint64_t)s->common.seed, RNG_SHUFFLE, (uint64_t)step, (uint32_t)question);
    double total = 0, running = 0;
    for (int t = 0; t < task_count(); t++) total += s->tasks[t];
    const double at = rng_next_uniform(&rng) * total;
    *task = -1;
    for (int t = 0; t < task_count(); t++) {
        running += s->tasks[t];
        if (s->tasks[t] > 0 && (*task < 0 || running - s->tasks[t] <= at)) *task = t;
    }
    *level = (int)rng_next_between(&rng, 1, task_train_levels(*task));
}

static void ask_family(Question *q, const GrpoSettings *s, int64_t step, int64_t place)
{
    Problem *const p = &q->problem;
    int task, level;
    choose_cell(s, step, place, &task, &level);
    task_problem(p, task, level, SPLIT_TRAIN, (uint64_t)s->common.seed, (uint64_t)(step * s->prompts_per_step + place));
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
