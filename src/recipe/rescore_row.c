/* SPDX-License-Identifier: MIT */
/* recipe/rescore_row.c: rows of JSON, scored one at a time. See rescore.h. */
#include "recipe/rescore_parts.h"

#include "reward/compare.h"
#include "text/conversation.h"

#include <math.h>
#include <string.h>

/* ---- the bench ---- */

bool rescore_bench_ready(RescoreBench *b, bool with_sandbox, Error *err)
{
    if (b->rewards && (!with_sandbox || b->sandbox)) return true;
    grpo_rewards_free(b->rewards);
    b->rewards = NULL;
    if (with_sandbox && !sandbox_open(&b->sandbox, err)) return false;
    const GrpoRewardsPlace place = {.store = b->store,
                                    .sandbox = b->sandbox,
                                    .n_slots = b->n_slots,
                                    .n_threads = b->n_threads,
                                    .compute = b->compute};
    if (grpo_rewards_open(&b->rewards, &place, b->settings, err)) return true;
    grpo_rewards_free(b->rewards); /* the next row must not find it half open */
    b->rewards = NULL;
    return false;
}

void rescore_bench_close(RescoreBench *b)
{
    grpo_rewards_free(b->rewards); /* first: its workers use the sandbox */
    sandbox_close(b->sandbox);
    *b = (RescoreBench){0};
}

void rescore_look_at_gold(Question *q)
{
    q->unreadable = q->tests    ? false
                    : q->check  ? task_check(q->check, "", 0) == VERDICT_UNDECIDED
                    : q->answer ? !answer_is_usable(q->answer, q->answer_length, NULL)
                                : false;
}

/* ---- a row ---- */

struct RowRescorer {
    GrpoSettings settings;
    RescoreBench bench;
};

RowRescorer *row_rescorer_create(const GrpoSettings *settings, const Compute *compute)
{
    RowRescorer *const r = base_alloc(1, sizeof *r);
    r->settings = *settings;
    r->settings.reward_workers = 1; /* one row at a time */
    r->bench = (RescoreBench){.settings = &r->settings, .n_slots = 1, .n_threads = 1, .compute = compute};
    return r;
}

void row_rescorer_free(RowRescorer *r)
{
    if (!r) return;
    rescore_bench_close(&r->bench);
    base_free(r);
}

/* What a row borrows lives as long as the row; what is owned is freed by free_row. */
typedef struct Row {
    Question question;
    Sampled sampled;
    char *prompt, *number; /* owned */
    CodeTests *tests;      /* owned */
    bool has_n_tokens;
} Row;

static void free_row(Row *row)
{
    base_free(row->prompt);
    base_free(row->number);
    code_tests_free(row->tests);
}

static bool read_prompt(Row *row, const json_t *json, Error *err)
{
    const char *question = NULL;
    size_t length = 0;
    Question *const q = &row->question;
    if (!json_get_string(json, "prompt", &q->prompt, &q->prompt_length, err) ||
        !json_get_string(json, "question", &question, &length, err))
        return false;
    if (q->prompt || !question) return true;
    /* as eval and grpo put a question */
    row->prompt = conversation_plain(question, length, &q->prompt_length);
    q->prompt = row->prompt;
    return true;
}

/* A string, or a number as it is written. */
static bool read_answer(Row *row, const json_t *json, Error *err)
{
    const json_t *const answer = json_object_get(json, "answer");
    Question *const q = &row->question;
    if (!json_is_number(answer)) return json_get_string(json, "answer", &q->answer, &q->answer_length, err);
    JsonOut written = {0};
    json_out_value(&written, answer);
    q->answer = row->number = written.text; /* its owner from here on */
    q->answer_length = written.length;
    return true;
}

static bool read_gold(Row *row, const json_t *json, Error *err)
{
    Question *const q = &row->question;
    const json_t *const tests = json_object_get(json, "tests");
    size_t check_length = 0;
    if (!read_answer(row, json, err) || !json_get_string(json, "check", &q->check, &check_length, err)) return false;
    if (q->check && strlen(q->check) != check_length)
        return error_set(err, ERROR_INPUT, "\"check\" holds a NUL character");
    if (!tests || json_is_null(tests)) return true;
    if (q->check) return error_set(err, ERROR_INPUT, "\"check\" and \"tests\" are both given; one decides");
    if (!code_tests_read(&row->tests, tests, err)) return error_in(err, "tests");
    q->tests = row->tests;
    return true;
}

/* As it names itself, or the route that asks its task. */
static bool read_route(Row *row, const json_t *json, const Routes *routes, Error *err)
{
    const char *name = NULL;
    size_t length = 0;
    char known[400];
    if (!json_get_string(json, "route", &name, &length, err)) return false;
    row->question.route = name ? routes_find(routes, name) : routes_of_source(routes, row->question.task);
    return !name || routes->head.n == 0 || row->question.route > 0 ||
           error_set(err, ERROR_INPUT, "route: \"%.40s\" is none of the recipe's: %s", name,
                     routes_list(routes, known, sizeof known));
}

static bool read_row(Row *row, const json_t *json, double *old_reward, Error *err)
{
    const char *task = "rows", *completion = NULL;
    size_t task_length = 0, length = 0;
    bool truncated = false;
    *row = (Row){.sampled = {.n = -1}};
    row->has_n_tokens = json_is_integer(json_object_get(json, "n_tokens"));
    if (!json_require(json, "completion", err) || !json_get_string(json, "completion", &completion, &length, err) ||
        !json_get_string(json, "task", &task, &task_length, err) ||
        !json_get_int(json, "n_tokens", 0, INT64_MAX, &row->sampled.n, err) ||
        !json_get_bool(json, "truncated", &truncated, err) || !json_get_double(json, "reward", old_reward, err) ||
        !read_prompt(row, json, err) || !read_gold(row, json, err))
        return false;
    if (!row->question.prompt) row->question.prompt = "";
    row->question.task = task;
    row->question.id = "";
    row->sampled.text = (char *)(uintptr_t)completion; /* read alone */
    row->sampled.text_length = length;
    row->sampled.stopped = !truncated;
    rescore_look_at_gold(&row->question);
    return true;
}

/* Rewards for length do not guess at it. */
static bool check_length(const Row *row, const TermConfig *config, Error *err)
{
    static const RewardTerm of_length[] = {TERM_OVERLONG, TERM_COSINE};
    for (size_t i = 0; !row->has_n_tokens && i < sizeof of_length / sizeof *of_length; i++)
        if (reward_part_wanted(config, PART_TERMS + (int)of_length[i]))
            return error_set(err, ERROR_INPUT, "\"n_tokens\" is missing, and reward.%s goes by it",
                             reward_term_name(of_length[i]));
    return true;
}

bool rescore_row(RowRescorer *r, const json_t *json, Rescored *rescored, Error *err)
{
    Row row;
    *rescored = (Rescored){.old_reward = (double)NAN, .old_verdict = -1};
    bool ok = read_row(&row, json, &rescored->old_reward, err) && read_route(&row, json, &r->settings.routes, err) &&
              rescore_bench_ready(&r->bench, row.tests != NULL, err) &&
              check_length(&row, grpo_rewards_route(r->bench.rewards, row.question.route), err) &&
              grpo_rewards_take(r->bench.rewards, 0, &row.question, &row.sampled, err) &&
              grpo_rewards_finish(r->bench.rewards, 1, false, err);
    if (ok) {
        rescored->score = row.sampled.score;
        rescored->config = grpo_rewards_route(r->bench.rewards, row.question.route);
        rescored->unreadable = row.question.unreadable;
    }
    free_row(&row);
    return ok;
}
