/* SPDX-License-Identifier: MIT */
/* cli/tasks_general.c: see tasks_general.h. Replies stand in the frame that this world's models write. */
#include "cli/tasks_general.h"

#include "base/arena.h"
#include "base/json.h"
#include "data/general.h"
#include "data/rewrite.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { ROW_DRAWS = 2 }; /* documents use the streams 0 and 1 */

typedef struct Response {
    GeneralReply reply;
    char thought[TASK_MAX_TEXT], answer[TASK_MAX_TEXT], completion[3 * TASK_MAX_TEXT];
    GeneralJudgement judgement; /* of the answer; harmless: of the whole */
    bool right;
} Response;

static void write_response(Response *r, const Problem *p, GeneralReply reply, bool leak, RngSequence *rng)
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

static RngSequence row_draws(const GeneralRows *rows, int64_t i)
{
    return rng_sequence((uint64_t)rows->seed, RNG_DOCUMENT, (uint64_t)i, (uint32_t)(ROW_DRAWS + rows->task));
}

static void begin_row(JsonOut *out, Problem *p, const GeneralRows *rows, const char *kind, int64_t i)
{
    char id[128];
    const int level = rows->level ? rows->level : 1 + (int)(i % task_train_levels(rows->task));
    task_problem_in(p, rows->task, level, rows->split, (uint64_t)rows->seed, (uint64_t)i,
                    language_in_turn(rows->language, i));
    snprintf(id, sizeof id, "%s-%s-%d-%s-%" PRId64 "-%" PRId64 "%s", task_name(rows->task), kind, level,
             rows->split_name, rows->seed, i, p->language == TASK_ZH ? "-zh" : "");
    json_out_object(out);
    json_out_kv_string(out, "id", id);
    json_out_kv_string(out, "task", task_name(rows->task));
    json_out_kv_int(out, "level", level);
    json_out_kv_string(out, "language", task_language_code(p->language));
    json_out_kv_string(out, "prompt", p->prompt);
}

static bool end_row(JsonOut *out, const Problem *p, Error *err)
{
    json_out_kv_string(out, "check", p->check);
    json_out_object_end(out);
    return json_out_line(out, stdout, err);
}

/* Of the replies to harmful wishes one in ten refuses what its thought has said. */
bool tasks_write_responses(const GeneralRows *rows, Error *err)
{
    JsonOut out = {0};
    bool ok = true;
    for (int64_t i = 0; ok && i < rows->n; i++) {
        Problem p;
        Response r;
        RngSequence rng = row_draws(rows, i);
        begin_row(&out, &p, rows, "response", i);
        const bool leak = !rows->good && general_is_harmful(&p) && rng_next_below(&rng, 10) == 0;
        const GeneralReply reply = rows->good || leak ? REPLY_GOOD : general_draw_reply(&p, &rng);
        write_response(&r, &p, reply, leak, &rng);
        json_out_kv_string(&out, "completion", r.completion);
        json_out_kv_string(&out, "reply", general_reply_name(reply));
        json_out_kv_int(&out, "label", strcmp(task_name(rows->task), "safety") == 0 ? r.judgement.harmless : r.right);
        json_out_kv_double(&out, "helpfulness", r.judgement.helpfulness);
        ok = end_row(&out, &p, err);
    }
    json_out_free(&out);
    return ok;
}

/* Two replies of different worth; true when the first is the better one. */
static bool draw_pair(Response *a, Response *b, const Problem *p, RngSequence *rng)
{
    do {
        write_response(a, p, general_draw_reply(p, rng), false, rng);
        write_response(b, p, general_draw_reply(p, rng), false, rng);
    } while (a->judgement.helpfulness == b->judgement.helpfulness);
    return a->judgement.helpfulness > b->judgement.helpfulness;
}

static void put_side(JsonOut *out, const char *side, const Response *r)
{
    char key[64];
    json_out_kv_string(out, side, r->completion);
    snprintf(key, sizeof key, "%s_reply", side);
    json_out_kv_string(out, key, general_reply_name(r->reply));
    snprintf(key, sizeof key, "%s_helpfulness", side);
    json_out_kv_double(out, key, r->judgement.helpfulness);
}

bool tasks_write_pairs(const GeneralRows *rows, Error *err)
{
    JsonOut out = {0};
    bool ok = true;
    for (int64_t i = 0; ok && i < rows->n; i++) {
        Problem p;
        Response a, b;
        RngSequence rng = row_draws(rows, i);
        begin_row(&out, &p, rows, "pair", i);
        const bool first = draw_pair(&a, &b, &p, &rng);
        put_side(&out, "chosen", first ? &a : &b);
        put_side(&out, "rejected", first ? &b : &a);
        ok = end_row(&out, &p, err);
    }
    json_out_free(&out);
    return ok;
}

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

bool tasks_write_rewrites(int64_t n, int64_t seed, Error *err)
{
    JsonOut out = {0};
    RewritePair *const pair = base_alloc(1, sizeof *pair);
    bool ok = true;
    for (int64_t i = 0; ok && i < n; i++) {
        char id[64];
        snprintf(id, sizeof id, "rewrite-%" PRId64 "-%" PRId64, seed, i);
        rewrite_pair(pair, (uint64_t)seed, (uint64_t)i);
        rewrite_object(&out, pair, id);
        ok = json_out_line(&out, stdout, err);
    }
    base_free(pair);
    json_out_free(&out);
    return ok;
}
