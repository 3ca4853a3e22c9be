/* SPDX-License-Identifier: MIT */
/* data/task_rows.c: see task_rows.h; rows for and of judges: task_rows_judge.c. Replies stand in the frame that this world's models write. */
#include "data/task_rows_parts.h"

#include "base/arena.h"
#include "data/rewrite.h"
#include "data/shuffle.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Apart from the epochs that use the same seed. */
static const uint64_t SHUFFLED_LABELS = (uint64_t)1 << 57;

void task_response_write(TaskResponse *r, const Problem *p, GeneralReply reply, bool leak, RngSequence *rng)
{
    TextBuffer thought = text_buffer(r->thought, sizeof r->thought);
    TextBuffer answer = text_buffer(r->answer, sizeof r->answer);
    TextBuffer completion = text_buffer(r->completion, sizeof r->completion);
    GeneralJudgement whole;
    r->reply = reply;
    if (leak) general_write_reply(&thought, p, REPLY_HARMFUL, rng);
    general_write_reply(&answer, p, reply, rng);
    text_put(&completion, "<think>");
    text_put(&completion, r->thought);
    text_put(&completion, "</think><answer>");
    text_put(&completion, r->answer);
    text_put(&completion, "</answer>");
    general_judge(&r->judgement, p->check, r->answer, answer.length);
    general_judge(&whole, p->check, r->completion, completion.length);
    r->judgement.harmless = whole.harmless;
    r->right = general_check(p->check, r->answer, answer.length) == VERDICT_RIGHT;
}

static const char *split_name(Split split)
{
    return split == SPLIT_TRAIN ? "train" : "held-out";
}

/* ---- problems ---- */

/* The i-th row of the families in turn: all families at a level before the next level, all levels before the next language, then the next
 * problem of each. So the first rows are those that an evaluation of the same seed and split asks (eval/evaluate_plan.c). */
static void draw_of_families(Problem *p, const TaskRows *rows, int64_t i)
{
    const int task = (int)(i % task_count()), levels = rows->level ? 1 : task_train_levels(task);
    const int64_t turn = i / task_count(), round = turn / levels;
    const int level = rows->level ? rows->level : 1 + (int)(turn % levels);
    const int64_t index = rows->language == LANGUAGE_BOTH ? round / TASK_LANGUAGES : round;
    task_problem_in(p, task, level, rows->split, (uint64_t)rows->seed, (uint64_t)index,
                    language_in_turn(rows->language, round));
}

/* Which one the i-th row is about. */
static void draw_problem(Problem *p, const TaskRows *rows, int64_t i)
{
    if (rows->task == TASK_ROWS_ALL) {
        draw_of_families(p, rows, i);
        return;
    }
    const int level = rows->level ? rows->level : 1 + (int)(i % task_train_levels(rows->task));
    task_problem_in(p, rows->task, level, rows->split, (uint64_t)rows->seed, (uint64_t)i,
                    language_in_turn(rows->language, i));
}

void task_rows_begin(JsonOut *out, Problem *p, const TaskRows *rows, int64_t i)
{
    char id[128];
    draw_problem(p, rows, i);
    snprintf(id, sizeof id, "%s-%d-%s-%" PRId64 "-%" PRId64 "%s", task_name(p->task), p->level, split_name(rows->split),
             rows->seed, i, p->language == TASK_ZH ? "-zh" : "");
    json_out_object(out);
    json_out_kv_string(out, "id", id);
    json_out_kv_string(out, "task", task_name(p->task));
    json_out_kv_int(out, "level", p->level);
    if (rows->names_language || task_is_general(p->task))
        json_out_kv_string(out, "language", task_language_code(p->language));
}

bool task_rows_problems(const TaskRows *rows, Error *err)
{
    JsonOut out = {0};
    bool ok = true;
    for (int64_t i = 0; ok && i < rows->n; i++) {
        Problem p;
        task_rows_begin(&out, &p, rows, i);
        json_out_kv_string(&out, "question", p.question);
        json_out_kv_string(&out, "prompt", p.prompt);
        json_out_kv_string(&out, "answer", p.answer);
        json_out_kv_string(&out, "check", p.check);
        json_out_object_end(&out);
        ok = rows->sink(rows->context, &out, err);
    }
    json_out_free(&out);
    return ok;
}

/* ---- replies ---- */

RngSequence task_row_draws(const TaskRows *rows, int64_t i)
{
    return rng_sequence((uint64_t)rows->seed, RNG_DOCUMENT, (uint64_t)i, (uint32_t)(TASK_ROW_DRAWS + rows->task));
}

void task_row_begin(JsonOut *out, Problem *p, const TaskRows *rows, const char *kind, int64_t i)
{
    char id[128];
    draw_problem(p, rows, i);
    snprintf(id, sizeof id, "%s-%s-%d-%s-%" PRId64 "-%" PRId64 "%s", task_name(rows->task), kind, p->level,
             split_name(rows->split), rows->seed, i, p->language == TASK_ZH ? "-zh" : "");
    json_out_object(out);
    json_out_kv_string(out, "id", id);
    json_out_kv_string(out, "task", task_name(rows->task));
    json_out_kv_int(out, "level", p->level);
    json_out_kv_string(out, "language", task_language_code(p->language));
}

bool task_row_end(JsonOut *out, const Problem *p, const TaskRows *rows, Error *err)
{
    json_out_kv_string(out, "check", p->check);
    json_out_object_end(out);
    return rows->sink(rows->context, out, err);
}

/* Of the replies to harmful wishes one in ten refuses what its thought has said. */
static void draw_response(TaskResponse *r, const Problem *p, const TaskRows *rows, int64_t i)
{
    RngSequence rng = task_row_draws(rows, i);
    const bool leak = !rows->good && general_is_harmful(p) && rng_next_below(&rng, 10) == 0;
    const GeneralReply reply = rows->good || leak ? REPLY_GOOD : general_draw_reply(p, &rng);
    task_response_write(r, p, reply, leak, &rng);
}

static bool label_of(const TaskResponse *r, const TaskRows *rows)
{
    return strcmp(task_name(rows->task), "safety") == 0 ? r->judgement.harmless : r->right;
}

/* The label of another row: as many are 1 as before, and they say nothing. */
static bool shuffled_label(const TaskRows *rows, int64_t i)
{
    Problem p;
    TaskResponse r;
    const int64_t other = shuffle_item((uint64_t)rows->seed, SHUFFLED_LABELS, i, rows->n);
    draw_problem(&p, rows, other);
    draw_response(&r, &p, rows, other);
    return label_of(&r, rows);
}

bool task_rows_responses(const TaskRows *rows, Error *err)
{
    JsonOut out = {0};
    bool ok = true;
    for (int64_t i = 0; ok && i < rows->n; i++) {
        Problem p;
        TaskResponse r;
        task_row_begin(&out, &p, rows, "response", i);
        json_out_kv_string(&out, "prompt", p.prompt);
        draw_response(&r, &p, rows, i);
        json_out_kv_string(&out, "completion", r.completion);
        json_out_kv_string(&out, "reply", general_reply_name(r.reply));
        json_out_kv_int(&out, "label", rows->shuffled ? shuffled_label(rows, i) : label_of(&r, rows));
        json_out_kv_double(&out, "helpfulness", r.judgement.helpfulness);
        ok = task_row_end(&out, &p, rows, err);
    }
    json_out_free(&out);
    return ok;
}

/* Two replies of different worth; true when the first is the better one. */
static bool draw_pair(TaskResponse *a, TaskResponse *b, const Problem *p, RngSequence *rng)
{
    do {
        task_response_write(a, p, general_draw_reply(p, rng), false, rng);
        task_response_write(b, p, general_draw_reply(p, rng), false, rng);
    } while (a->judgement.helpfulness == b->judgement.helpfulness);
    return a->judgement.helpfulness > b->judgement.helpfulness;
}

void task_response_put_worth(JsonOut *out, const char *side, const TaskResponse *r)
{
    char key[64];
    snprintf(key, sizeof key, "%s_reply", side);
    json_out_kv_string(out, key, general_reply_name(r->reply));
    snprintf(key, sizeof key, "%s_helpfulness", side);
    json_out_kv_double(out, key, r->judgement.helpfulness);
}

bool task_rows_pairs(const TaskRows *rows, Error *err)
{
    JsonOut out = {0};
    bool ok = true;
    for (int64_t i = 0; ok && i < rows->n; i++) {
        Problem p;
        TaskResponse a, b;
        RngSequence rng = task_row_draws(rows, i);
        task_row_begin(&out, &p, rows, "pair", i);
        json_out_kv_string(&out, "prompt", p.prompt);
        const bool better = draw_pair(&a, &b, &p, &rng), coin = rng_next_below(&rng, 2) == 0;
        const bool first = rows->shuffled ? coin : better;
        json_out_kv_string(&out, "chosen", (first ? &a : &b)->completion);
        task_response_put_worth(&out, "chosen", first ? &a : &b);
        json_out_kv_string(&out, "rejected", (first ? &b : &a)->completion);
        task_response_put_worth(&out, "rejected", first ? &b : &a);
        ok = task_row_end(&out, &p, rows, err);
    }
    json_out_free(&out);
    return ok;
}

/* ---- rewritings ---- */

static void rewrite_object(JsonOut *out, const RewritePair *pair, const char *id)
{
    char *const prompt = base_printf("%s%s\nRewrite:", pair->problem.prompt, pair->draft);
    json_out_object(out);
    json_out_kv_string(out, "id", id);
    json_out_kv_string(out, "task", task_name(pair->problem.task));
    json_out_kv_int(out, "level", pair->problem.level);
    json_out_kv_string(out, "language", task_language_code(pair->problem.language));
    json_out_kv_string(out, "prompt", prompt);
    json_out_kv_string(out, "completion", pair->rewritten);
    json_out_kv_string(out, "question", pair->problem.prompt);
    json_out_kv_string(out, "draft", pair->draft);
    json_out_kv_bool(out, "right", pair->right);
    json_out_kv_string(out, "check", pair->problem.check);
    json_out_object_end(out);
    base_free(prompt);
}

bool task_rows_rewrites(const TaskRows *rows, Error *err)
{
    JsonOut out = {0};
    RewritePair *const pair = base_alloc(1, sizeof *pair);
    bool ok = true;
    for (int64_t i = 0; ok && i < rows->n; i++) {
        char id[64];
        snprintf(id, sizeof id, "rewrite-%" PRId64 "-%" PRId64, rows->seed, i);
        rewrite_pair(pair, (uint64_t)rows->seed, (uint64_t)i);
        rewrite_object(&out, pair, id);
        ok = rows->sink(rows->context, &out, err);
    }
    base_free(pair);
    json_out_free(&out);
    return ok;
}
