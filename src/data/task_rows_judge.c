/* SPDX-License-Identifier: MIT */
/* data/task_rows_judge.c: rows for judges: replies that one is to compare, and comparisons that one learns from. See task_rows.h. */
#include "data/task_rows_parts.h"

#include "base/arena.h"
#include "data/judge_prompt.h"
#include "data/preferences.h"
#include "text/conversation.h"

#include <string.h>

/* Draws after which what a request cannot give is no longer waited for: "goodbye Ann." is never longer than "I do not know." */
enum { MAX_TRIES = 64, MOST_TRIES = 1024 };

/* By the rules, how much better the first reply is. */
static int verdict_of(const TaskResponse *a, const TaskResponse *b)
{
    if (a->right != b->right) return a->right ? 2 : -2;
    if (a->right || a->judgement.helpfulness == b->judgement.helpfulness) return 0;
    return a->judgement.helpfulness > b->judgement.helpfulness ? 1 : -1;
}

static void draw_response(TaskResponse *r, const Problem *p, RngSequence *rng)
{
    task_response_write(r, p, general_draw_reply(p, rng), false, rng);
}

/* Whether the better one of a pair is longer, if that is what is wanted; equal lengths and equal worth serve both. */
static bool has_length(const TaskResponse *a, const TaskResponse *b, int verdict, bool better_longer)
{
    const size_t x = strlen(a->answer), y = strlen(b->answer);
    return verdict == 0 || x == y || ((x > y) == (verdict > 0)) == better_longer;
}

/* ---- candidates ---- */

/* A reply that is right, or one that is not and, as far as the request allows, longer or shorter than one that is. */
static void draw_candidate(TaskResponse *r, const Problem *p, bool right, const TaskResponse *good, RngSequence *rng)
{
    const bool good_longer = rng_next_below(rng, 2) == 0;
    int tries = 0;
    do {
        draw_response(r, p, rng);
        tries++;
    } while (tries < MOST_TRIES &&
             (r->right != right || (!right && tries < MAX_TRIES && !has_length(good, r, 2, good_longer))));
}

/* Two that are right and two that are not, in drawn order: two in three neighbours are a pair that a judge can decide. */
static void put_candidates(JsonOut *out, const Problem *p, RngSequence *rng)
{
    enum { K = TASK_CANDIDATES };
    TaskResponse replies[K];
    int order[K];
    for (int k = 0; k < K; k++) {
        const int at = (int)rng_next_below(rng, k + 1);
        order[k] = order[at];
        order[at] = k;
        draw_candidate(&replies[k], p, k < K / 2, &replies[0], rng);
    }
    json_out_key(out, "completions");
    json_out_array(out);
    for (int k = 0; k < K; k++)
        json_out_string(out, replies[order[k]].completion, strlen(replies[order[k]].completion));
    json_out_array_end(out);
}

bool task_rows_candidates(const TaskRows *rows, Error *err)
{
    JsonOut out = {0};
    bool ok = true;
    for (int64_t i = 0; ok && i < rows->n; i++) {
        Problem p;
        RngSequence rng = task_row_draws(rows, i);
        task_row_begin(&out, &p, rows, "candidates", i);
        json_out_kv_string(&out, "prompt", p.prompt);
        put_candidates(&out, &p, &rng);
        ok = task_row_end(&out, &p, rows, err);
    }
    json_out_free(&out);
    return ok;
}

/* ---- judgements ---- */

/* Three in five are much better or worse, a quarter equal, the rest better or worse without being right; then a pair like that. Where one is
 * right the other is, two times in three, of the kind that only its content tells from it. Returns the verdict. */
static int draw_judged(TaskResponse *a, TaskResponse *b, const Problem *p, RngSequence *rng)
{
    const int share = (int)rng_next_below(rng, 20), wanted = share < 12 ? 2 : share < 15 ? 1 : 0;
    const bool better_longer = rng_next_below(rng, 2) == 0, by_content = share < 8;
    int verdict = 0;
    for (int tries = 0; tries < MAX_TRIES; tries++) {
        draw_response(a, p, rng);
        draw_response(b, p, rng);
        verdict = verdict_of(a, b);
        if (verdict != wanted && verdict != -wanted) continue;
        if (tries >= MAX_TRIES / 2) break;
        if (by_content && a->reply != REPLY_WRONG && b->reply != REPLY_WRONG) continue;
        if (has_length(a, b, verdict, better_longer)) break;
    }
    return verdict;
}

static JudgeText summary_of(const Problem *p, const TaskResponse *r)
{
    JudgeText summary;
    summary.text = preference_scored(SCORED_SUMMARY, p->prompt, strlen(p->prompt), r->completion, strlen(r->completion),
                                     &summary.length);
    return summary;
}

static void put_question(JsonOut *out, const char *template, const Problem *p, const TaskResponse *a,
                         const TaskResponse *b)
{
    JsonOut asked = {0};
    size_t length;
    judge_prompt_fill(&asked, template && *template ? template : judge_compare_prompt,
                      (JudgeText){p->prompt, strlen(p->prompt)}, summary_of(p, a), summary_of(p, b));
    char *const turn = conversation_plain(asked.text ? asked.text : "", asked.length, &length);
    json_out_key(out, "prompt");
    json_out_string(out, turn, length);
    json_out_free(&asked);
    base_free(turn);
}

/* The good reply, what each of the two is, and the verdict, which then follows: a small model can take each of these steps, and not all
 * at once. */
static void put_reply(JsonOut *out, const Problem *p, const TaskResponse *a, const TaskResponse *b, int verdict,
                      RngSequence *rng)
{
    char text[TASK_MAX_TEXT + 64];
    TextBuffer analysis = text_buffer(text, sizeof text);
    JsonOut reply = {0};
    general_write_reply(&analysis, p, REPLY_GOOD, rng);
    text_put(&analysis, " A ");
    text_put(&analysis, general_reply_name(a->reply));
    text_put(&analysis, ", B ");
    text_put(&analysis, general_reply_name(b->reply));
    json_out_raw_bytes(&reply, " ", 1);
    json_out_object(&reply);
    json_out_kv_string(&reply, "analysis", text);
    json_out_kv_string(&reply, "verdict", judge_verdict_text(verdict));
    json_out_object_end(&reply);
    json_out_key(out, "completion");
    json_out_string(out, reply.text, reply.length);
    json_out_free(&reply);
}

bool task_rows_judgements(const TaskRows *rows, Error *err)
{
    JsonOut out = {0};
    bool ok = true;
    for (int64_t i = 0; ok && i < rows->n; i++) {
        Problem p;
        TaskResponse a, b;
        RngSequence rng = task_row_draws(rows, i);
        task_row_begin(&out, &p, rows, "judgement", i);
        const int verdict = draw_judged(&a, &b, &p, &rng);
        put_question(&out, rows->judge_prompt, &p, &a, &b);
        put_reply(&out, &p, &a, &b, verdict, &rng);
        task_response_put_worth(&out, "A", &a);
        task_response_put_worth(&out, "B", &b);
        ok = task_row_end(&out, &p, rows, err);
    }
    json_out_free(&out);
    return ok;
}
