/* SPDX-License-Identifier: MIT */
/* eval/evaluate_file.c: problems from a JSONL file. Every row that is read is checked before the first token is sampled. */
#include "eval/evaluate_parts.h"

#include "base/arena.h"
#include "data/jsonl.h"
#include "reward/compare.h"
#include "text/conversation.h"

#include <inttypes.h>
#include <string.h>

/* Apart from all keys of procedural problems. */
static const uint64_t FILE_DRAWS = (uint64_t)3 << 61;

typedef struct FileReader {
    EvalPlan *plan;
    const Tokenizer *tokenizer;
    const ChatTemplate *chat; /* NULL: none */
} FileReader;

/* ---- one row ---- */

/* One user's turn through the model's template. */
static bool put_through_template(PlannedProblem *planned, const ChatTemplate *chat, Error *err)
{
    const BenchmarkText *const question = &planned->row.question;
    Conversation conversation;
    bool thinks;
    conversation_create(&conversation, NULL);
    conversation_add(&conversation, "user", question->text, question->length);
    const bool ok =
        conversation_text(&conversation, chat, 0, &planned->prompt, &planned->problem.prompt_length, &thinks, err);
    conversation_free(&conversation);
    return ok;
}

static bool make_prompt(PlannedProblem *planned, const FileReader *r, Error *err)
{
    BenchmarkRow *const row = &planned->row;
    if (r->chat && !row->question.text)
        return error_set(err, ERROR_INPUT,
                         "\"prompt\" is sampled from as it stands; with a chat template a row has a \"question\"");
    if (row->prompt.text && !r->chat) {
        planned->prompt = row->prompt.text;
        planned->problem.prompt_length = row->prompt.length;
        row->prompt = (BenchmarkText){.text = NULL};
        return true;
    }
    if (r->chat) return put_through_template(planned, r->chat, err);
    planned->prompt = conversation_plain(row->question.text, row->question.length, &planned->problem.prompt_length);
    return true;
}

/* What cannot be read, or has no value, can be told equal to nothing. */
static bool is_unreadable(const PlannedProblem *planned)
{
    const EvalProblem *const p = &planned->problem;
    if (p->tests || p->instructions || p->open || p->n_choices > 0) return false;
    if (planned->check) return task_check(planned->check, "", 0) == VERDICT_UNDECIDED;
    return !answer_is_usable(planned->answer, p->answer_length, NULL);
}

static void take_row(PlannedProblem *planned)
{
    EvalProblem *const p = &planned->problem;
    BenchmarkRow *const row = &planned->row;
    planned->id = row->id.text ? row->id.text : base_printf("%" PRId64, p->line);
    planned->answer = row->answer.text ? row->answer.text : base_strdup("");
    p->answer_length = row->answer.length;
    planned->check = row->check.text;
    row->id = row->answer = row->check = (BenchmarkText){.text = NULL};
    p->tests = row->tests;
    p->instructions = row->instructions;
    p->choices = row->choices;
    p->n_choices = row->n_choices;
    p->open = row->format == EVAL_FORMAT_OPEN;
    p->question = row->question.text;
    p->level_name = row->level.text;
    p->subject = row->subject.text;
    p->route = row->route.text;
}

static bool read_row(void *context, const json_t *json, int64_t line, Error *err)
{
    const FileReader *const r = context;
    const EvalConfig *const config = &r->plan->config;
    PlannedProblem *const planned = plan_add(r->plan);
    EvalProblem *const p = &planned->problem;
    p->task = -1;
    p->task_name = r->plan->name;
    p->index = p->number;
    p->line = line;
    planned->draw_a = FILE_DRAWS;
    planned->draw_b = (uint32_t)p->number;
    if (!benchmark_row_read(&planned->row, config->format, json, config->seed, p->number, err)) return false;
    if (config->rewarded && (planned->row.instructions || planned->row.format == EVAL_FORMAT_OPEN))
        return error_set(err, ERROR_INPUT, "a row with instructions is for `r1 eval`: no reward reads its verdict");
    if (!make_prompt(planned, r, err)) return false;
    take_row(planned);
    p->unreadable = is_unreadable(planned);
    return plan_finish_problem(r->plan, planned, r->tokenizer, err);
}

/* ---- the file ---- */

static bool open_sandbox(EvalPlan *plan, Error *err)
{
    for (int64_t i = 0; i < plan->n_problems; i++)
        if (plan->problems[i].problem.tests)
            return sandbox_open(&plan->sandbox, err) || error_in(err, "%s: its rows have tests", plan->name);
    return true;
}

static bool read_file(EvalPlan *plan, const Tokenizer *tokenizer, const EvalConfig *config, Error *err)
{
    FileReader reader = {plan, tokenizer, config->chat};
    const int64_t limit = config->total_problems > 0 ? config->total_problems : INT64_MAX;
    if (!jsonl_read(plan->name, limit, "problem", read_row, &reader, err)) return false;
    plan->n_cells = 1;
    plan->cells = base_alloc(1, sizeof *plan->cells);
    plan->cells[0] = (PlannedCell){.task = -1, .n = plan->n_problems};
    return open_sandbox(plan, err) && plan_check_size(plan, err);
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
    plan->special_added = config->chat != NULL;
    if (!read_file(plan, tokenizer, config, err)) {
        eval_plan_free(plan);
        return false;
    }
    *out = plan;
    return true;
}
