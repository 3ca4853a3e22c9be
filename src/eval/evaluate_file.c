/* SPDX-License-Identifier: MIT */
/* eval/evaluate_file.c: problems from a JSONL file. Every row that is read is checked before the first token is sampled. */
#include "eval/evaluate_parts.h"

#include "base/arena.h"
#include "data/jsonl.h"
#include "reward/compare.h"

#include <inttypes.h>
#include <string.h>

/* Apart from all keys of procedural problems. */
static const uint64_t FILE_DRAWS = (uint64_t)3 << 61;

/* ---- one row ---- */

/* A string, or a number as it is written: many sets give their answers as numbers. *text (base_alloc'd) stays NULL when the key
 * is missing or null. */
static bool read_text(const json_t *row, const char *key, char **text, size_t *length, Error *err)
{
    const json_t *const field = json_object_get(row, key);
    if (!field || json_is_null(field)) return true;
    if (json_is_number(field)) {
        JsonOut written = {0};
        json_out_value(&written, field);
        *length = written.length;
        *text = written.text; /* its owner from here on */
        return true;
    }
    const char *borrowed = NULL;
    if (!json_get_string(row, key, &borrowed, length, err)) return false;
    *text = base_strndup(borrowed, *length);
    return true;
}

static bool read_prompt(const json_t *row, PlannedProblem *planned, Error *err)
{
    const char *prompt = NULL, *question = NULL;
    size_t question_length = 0;
    size_t *const length = &planned->problem.prompt_length;
    if (!json_get_string(row, "prompt", &prompt, length, err)) return false;
    if (!json_get_string(row, "question", &question, &question_length, err)) return false;
    if (prompt && *length == 0) return error_set(err, ERROR_INPUT, "\"prompt\" is empty");
    if (prompt) {
        planned->prompt = base_strndup(prompt, *length);
        return true;
    }
    if (!question) return error_set(err, ERROR_INPUT, "neither \"prompt\" nor \"question\" is given");
    static const char before[] = "User: ", after[] = "\nAssistant:";
    const size_t n_before = sizeof before - 1, n_after = sizeof after - 1;
    *length = n_before + question_length + n_after;
    planned->prompt = base_alloc(*length + 1, 1);
    memcpy(planned->prompt, before, n_before);
    memcpy(planned->prompt + n_before, question, question_length);
    memcpy(planned->prompt + n_before + question_length, after, n_after);
    return true;
}

static bool read_answer(const json_t *row, PlannedProblem *planned, Error *err)
{
    size_t check_length = 0;
    if (!read_text(row, "answer", &planned->answer, &planned->problem.answer_length, err)) return false;
    if (!read_text(row, "check", &planned->check, &check_length, err)) return false;
    if (planned->check && strlen(planned->check) != check_length)
        return error_set(err, ERROR_INPUT, "\"check\" holds a NUL character");
    const json_t *const tests = json_object_get(row, "tests");
    if (tests && !json_is_null(tests) && !code_tests_read(&planned->tests, tests, err)) return error_in(err, "tests");
    if (planned->tests && planned->check)
        return error_set(err, ERROR_INPUT, "\"check\" and \"tests\" are both given; one decides");
    if (!planned->answer && !planned->check && !planned->tests)
        return error_set(err, ERROR_INPUT, "none of \"answer\", \"check\" and \"tests\" is given");
    planned->problem.tests = planned->tests;
    if (!planned->answer) planned->answer = base_strdup("");
    return true;
}

static bool read_problem(EvalPlan *plan, const json_t *row, int64_t line, const Tokenizer *tokenizer, Error *err)
{
    PlannedProblem *const planned = plan_add(plan);
    EvalProblem *const p = &planned->problem;
    size_t id_length = 0;
    p->task = -1;
    p->task_name = plan->name;
    p->index = p->number;
    p->line = line;
    planned->draw_a = FILE_DRAWS;
    planned->draw_b = (uint32_t)p->number;
    if (!read_text(row, "id", &planned->id, &id_length, err)) return false;
    if (!planned->id) planned->id = base_printf("%" PRId64, line);
    if (!read_prompt(row, planned, err) || !read_answer(row, planned, err)) return false;
    /* What cannot be read, or has no value, can be told equal to nothing. */
    p->unreadable = planned->tests   ? false
                    : planned->check ? task_check(planned->check, "", 0) == VERDICT_UNDECIDED
                                     : !answer_is_usable(planned->answer, p->answer_length, NULL);
    return plan_finish_problem(plan, planned, tokenizer, err);
}

/* ---- the file ---- */

typedef struct FileReader {
    EvalPlan *plan;
    const Tokenizer *tokenizer;
} FileReader;

static bool read_row(void *context, const json_t *row, int64_t line, Error *err)
{
    const FileReader *const r = context;
    return read_problem(r->plan, row, line, r->tokenizer, err);
}

bool eval_plan_file(EvalPlan **out, const Tokenizer *tokenizer, const EvalConfig *config, const char *path, Error *err)
{
    *out = NULL;
    if (config->force_working)
        return error_set(err, ERROR_INPUT,
                         "%s: how the working of a problem from a file begins is not known; write it at the "
                         "end of its prompt",
                         path);
    EvalPlan *const plan = plan_create(config);
    plan->name = base_strdup(path);
    const int64_t limit = config->total_problems > 0 ? config->total_problems : INT64_MAX;
    if (!jsonl_read(path, limit, "problem", read_row, &(FileReader){plan, tokenizer}, err)) {
        eval_plan_free(plan);
        return false;
    }
    plan->n_cells = 1;
    plan->cells = base_alloc(1, sizeof *plan->cells);
    plan->cells[0] = (PlannedCell){.task = -1, .n = plan->n_problems};
    for (int64_t i = 0; i < plan->n_problems && !plan->sandbox; i++)
        if (plan->problems[i].tests && !sandbox_open(&plan->sandbox, err)) {
            eval_plan_free(plan);
            return error_in(err, "%s: its rows have tests", path);
        }
    if (!plan_check_size(plan, err)) {
        eval_plan_free(plan);
        return false;
    }
    *out = plan;
    return true;
}
