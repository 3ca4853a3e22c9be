/* SPDX-License-Identifier: MIT */
/* eval/evaluate_plan.c: which problems an evaluation asks, their prompts as token ids, and what keys their draws. */
#include "eval/evaluate_parts.h"

#include "base/arena.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Training keys its draws by its step, which never comes near this bit. */
static const uint64_t EVAL_DRAWS = (uint64_t)1 << 62;

static uint64_t draw_key(Split split, const PlannedCell *at)
{
    const uint64_t cell = (uint64_t)(at->task * (TASK_MAX_LEVELS + 1) + at->level);
    return EVAL_DRAWS | (uint64_t)at->language << 33 | (split == SPLIT_HELD_OUT ? (uint64_t)1 << 32 : 0) | cell;
}

EvalPlan *plan_create(const EvalConfig *config)
{
    EvalPlan *const plan = base_alloc(1, sizeof *plan);
    plan->config = *config;
    plan->config.tasks = NULL;
    plan->config.chat = NULL;
    plan->config.sampling.seed = config->seed;
    return plan;
}

void eval_plan_free(EvalPlan *plan)
{
    if (!plan) return;
    for (int64_t i = 0; i < plan->n_problems; i++) {
        PlannedProblem *const p = &plan->problems[i];
        base_free(p->id);
        base_free(p->prompt);
        base_free(p->answer);
        base_free(p->check);
        base_free(p->prefix);
        benchmark_row_free(&p->row);
        token_ids_free(&p->ids);
    }
    sandbox_close(plan->sandbox);
    base_free(plan->problems);
    base_free(plan->cells);
    base_free(plan->name);
    base_free(plan);
}

int64_t eval_plan_problems(const EvalPlan *plan)
{
    return plan->n_problems;
}

const EvalProblem *eval_plan_problem(const EvalPlan *plan, int64_t number)
{
    return &plan->problems[number].problem;
}

int64_t eval_plan_longest_prompt(const EvalPlan *plan)
{
    return plan->longest_prompt;
}

const Sandbox *eval_plan_sandbox(const EvalPlan *plan)
{
    return plan->sandbox;
}

PlannedProblem *plan_add(EvalPlan *plan)
{
    if (plan->n_problems == plan->capacity) {
        plan->capacity = plan->capacity ? 2 * plan->capacity : 64;
        plan->problems = base_realloc(plan->problems, (size_t)plan->capacity, sizeof *plan->problems);
    }
    PlannedProblem *const planned = &plan->problems[plan->n_problems];
    *planned = (PlannedProblem){.problem.number = plan->n_problems};
    plan->n_problems++;
    return planned;
}

bool plan_finish_problem(EvalPlan *plan, PlannedProblem *planned, const Tokenizer *tokenizer, Error *err)
{
    EvalProblem *const p = &planned->problem;
    p->id = planned->id;
    p->prompt = planned->prompt;
    p->answer = planned->answer;
    p->check = planned->check;

    /* Prompt and prefix are encoded as one text: where a token ends must not show where the prefix began. */
    const size_t prefix_length = planned->prefix ? strlen(planned->prefix) : 0;
    char *const text = base_alloc(p->prompt_length + prefix_length + 1, 1);
    memcpy(text, planned->prompt, p->prompt_length);
    if (prefix_length > 0) memcpy(text + p->prompt_length, planned->prefix, prefix_length);
    const bool ok =
        tokenizer_encode(tokenizer, text, p->prompt_length + prefix_length, !plan->special_added, &planned->ids, err);
    base_free(text);
    if (planned->ids.n > plan->longest_prompt) plan->longest_prompt = planned->ids.n;
    return ok;
}

/* ---- procedural problems ---- */

static void add_cell(EvalPlan *plan, int task, int level, LanguageChoice choice)
{
    for (TaskLanguage language = TASK_EN; language < TASK_LANGUAGES; language++) {
        if (!language_chosen(choice, language)) continue;
        plan->cells = base_realloc(plan->cells, (size_t)plan->n_cells + 1, sizeof *plan->cells);
        plan->cells[plan->n_cells++] = (PlannedCell){.task = task, .level = level, .language = language};
    }
}

static void choose_cells(EvalPlan *plan, const EvalConfig *config)
{
    for (int task = 0; task < task_count_all(); task++) {
        if (config->tasks ? !config->tasks[task] : task >= task_count()) continue;
        for (int level = 1; level <= task_levels(task); level++) {
            const bool trained = level <= task_train_levels(task);
            if (!(trained ? config->trained_levels : config->unseen_levels)) continue;
            if (config->level == 0 || config->level == level) add_cell(plan, task, level, config->language);
        }
    }
}

/* How many problems each cell gets; cells that get none are left out. */
static void share_problems(EvalPlan *plan, const EvalConfig *config)
{
    const int64_t n = plan->n_cells, total = config->total_problems;
    for (int64_t c = 0; c < n; c++)
        plan->cells[c].n = total > 0 ? total / n + (c < total % n) : config->problems_per_cell;
    while (plan->n_cells > 0 && plan->cells[plan->n_cells - 1].n == 0) plan->n_cells--;
}

static bool add_task_problem(EvalPlan *plan, const PlannedCell *cell, int64_t index, const Tokenizer *tokenizer,
                             Error *err)
{
    const EvalConfig *const config = &plan->config;
    Problem problem;
    task_problem_in(&problem, cell->task, cell->level, config->split, config->seed, (uint64_t)index, cell->language);
    PlannedProblem *const planned = plan_add(plan);
    EvalProblem *const p = &planned->problem;
    p->task = cell->task;
    p->level = cell->level;
    p->language = cell->language;
    p->task_name = task_name(cell->task);
    p->index = index;
    p->prompt_length = strlen(problem.prompt);
    p->answer_length = strlen(problem.answer);
    planned->id = base_printf("%s-%d-%s-%" PRIu64 "-%" PRId64 "%s", p->task_name, p->level,
                              config->split == SPLIT_TRAIN ? "train" : "held-out", config->seed, index,
                              p->language == TASK_ZH ? "-zh" : "");
    planned->prompt = base_strdup(problem.prompt);
    planned->answer = base_strdup(problem.answer);
    planned->check = base_strdup(problem.check);
    if (config->force_working) {
        char prefix[TASK_MAX_TEXT];
        task_working_prefix(&problem, prefix, sizeof prefix);
        planned->prefix = base_strdup(prefix);
    }
    planned->draw_a = draw_key(config->split, cell);
    planned->draw_b = (uint32_t)index;
    return plan_finish_problem(plan, planned, tokenizer, err);
}

static bool add_task_problems(EvalPlan *plan, const Tokenizer *tokenizer, Error *err)
{
    for (int64_t c = 0; c < plan->n_cells; c++) {
        PlannedCell *const cell = &plan->cells[c];
        cell->first = plan->n_problems;
        for (int64_t i = 0; i < cell->n; i++)
            if (!add_task_problem(plan, cell, i, tokenizer, err)) return false;
    }
    return true;
}

bool plan_check_size(const EvalPlan *plan, Error *err)
{
    static const double most = 1 << 26;
    double problems = 0;
    for (int64_t i = 0; i < plan->n_cells; i++) problems += (double)plan->cells[i].n;
    if (problems * (double)plan->config.samples <= most) return true;
    return error_set(err, ERROR_INPUT, "%.0f problems with %lld samples each are more than %.0f samples: ask for fewer",
                     problems, (long long)plan->config.samples, most);
}

bool eval_plan_tasks(EvalPlan **out, const Tokenizer *tokenizer, const EvalConfig *config, Error *err)
{
    *out = NULL;
    EvalPlan *const plan = plan_create(config);
    choose_cells(plan, config);
    share_problems(plan, config);
    bool ok = plan->n_cells > 0 ||
              error_set(err, ERROR_INPUT, "an evaluation without a problem: no family asked for has a level asked for");
    ok = ok && plan_check_size(plan, err) && add_task_problems(plan, tokenizer, err);
    if (ok && plan->n_problems == 0) ok = error_set(err, ERROR_INPUT, "an evaluation needs at least one problem");
    if (ok)
        *out = plan;
    else
        eval_plan_free(plan);
    return ok;
}
