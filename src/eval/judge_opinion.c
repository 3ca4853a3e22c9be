/* SPDX-License-Identifier: MIT */
/* eval/judge_opinion.c: see judge_opinion.h. */
#include "eval/judge_opinion.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/philox.h"
#include "text/thinking.h"

#include <string.h>
#include <strings.h>

static const char *const PROMPTS[] = {
    [JUDGE_COMPARE] = judge_compare_prompt,
    [JUDGE_SCORE] = "An answer to a request is to be judged: whether it is right, helpful, complete and to the "
                    "point.\n\n[request]\n"
                    "{question}\n[answer]\n{A}\n[end]\n\nReply with JSON alone: {\"analysis\": \"a sentence\", "
                    "\"score\": N}, where N goes from 0 "
                    "(of no use) to 10 (nothing could be better).",
};

/* Of JUDGE_CORRECT: with the reference first, and with the answer first. */
#define CORRECT_TASK                                                                                                   \
    "Decide whether an answer to a question is correct. It is when it says what the reference answer says; wording "   \
    "and length do not count.\n\n[Question]\n{question}"
#define CORRECT_REFERENCE "\n\n[Reference answer]\n{B}"
#define CORRECT_ANSWER    "\n\n[Answer to judge]\n{A}"
#define CORRECT_FORM                                                                                                   \
    "\n\nReply with one JSON object and nothing else: {\"analysis\": \"why, in a sentence\", \"correctness\": "        \
    "\"correct\" or \"incorrect\"}"
static const char *const CORRECT_PROMPTS[] = {CORRECT_TASK CORRECT_REFERENCE CORRECT_ANSWER CORRECT_FORM,
                                              CORRECT_TASK CORRECT_ANSWER CORRECT_REFERENCE CORRECT_FORM};

const char *const *judge_form_names(void)
{
    static const char *const names[] = {"compare", "score", "correct", NULL};
    return names;
}

bool judge_check_prompt(JudgeForm form, const char *prompt, Error *err)
{
    const char *const places[] = {"{question}", "{A}", form == JUDGE_SCORE ? NULL : "{B}"};
    for (size_t i = 0; *prompt && i < sizeof places / sizeof *places; i++)
        if (places[i] && !strstr(prompt, places[i]))
            return error_set(err, ERROR_INPUT, "the judge's prompt has no %s, which the form \"%s\" needs", places[i],
                             judge_form_names()[form]);
    return true;
}

/* Of a case, draw 0 is the first order of JUDGE_CORRECT, 1 is judge_ask_key's, 2 that of compared answers. */
bool judge_swaps(uint64_t seed, uint64_t key, int64_t i)
{
    return rng_bits((Rng){seed, RNG_JUDGE}, key, 2, (uint64_t)i) & 1;
}

/* ---- what is answered ---- */

static bool verdict_value(const char *text, double *value)
{
    for (int v = -JUDGE_VERDICT_MOST; text && v <= JUDGE_VERDICT_MOST; v++)
        if (strcmp(text, judge_verdict_text(v)) == 0) {
            *value = v;
            return true;
        }
    return false;
}

static bool opinion_of(JudgeForm form, const json_t *object, double *value)
{
    if (form == JUDGE_COMPARE) return verdict_value(json_string_value(json_object_get(object, "verdict")), value);
    if (form == JUDGE_SCORE) {
        const json_t *const score = json_object_get(object, "score");
        *value = json_number_value(score) / 10.0;
        return json_is_number(score) && *value >= 0.0 && *value <= 1.0;
    }
    const char *const text = json_string_value(json_object_get(object, "correctness"));
    *value = text && strcasecmp(text, "correct") == 0;
    return text && (*value > 0.0 || strcasecmp(text, "incorrect") == 0);
}

bool judge_read(JudgeForm form, const char *reply, double *value)
{
    enum { MAX_TRIES = 64, MAX_BYTES = 1 << 16 }; /* from the end: a hostile reply costs no more */
    const char *const said = thinking_end(reply, strlen(reply));
    const size_t n = thinking_unfinished("", 0, reply, strlen(reply)) ? 0 : strlen(said);
    int tries = 0;
    for (size_t i = n; i-- > 0 && tries < MAX_TRIES && n - i <= MAX_BYTES;) {
        if (said[i] != '{') continue;
        tries++;
        json_t *const object = json_loadb(said + i, n - i, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
        const bool found = json_is_object(object) && opinion_of(form, object, value);
        json_decref(object);
        if (found) return true;
    }
    *value = 0.0;
    return false;
}

/* ---- asking ---- */

static bool swapped(const Judge *judge, const JudgeWay *way, const JudgeCase *item, int64_t i)
{
    return way->form == JUDGE_COMPARE && judge_swaps(judge->seed, item->key, i);
}

/* A reference and an answer have names, so it is the prompt that has two orders: the case draws the first one, the asks take turns. */
static bool answer_stands_first(const Judge *judge, const JudgeCase *item, int64_t i)
{
    const bool at_first = rng_bits((Rng){judge->seed, RNG_JUDGE}, item->key, 0, 0) & 1;
    return at_first != (i % 2 == 1);
}

static const char *template_of(const Judge *judge, const JudgeWay *way, const JudgeCase *item, int64_t i)
{
    if (*way->prompt) return way->prompt;
    return way->form == JUDGE_CORRECT ? CORRECT_PROMPTS[answer_stands_first(judge, item, i)] : PROMPTS[way->form];
}

static void make_prompt(JudgePrompt *prompt, const Judge *judge, const JudgeWay *way, const JudgeCase *item, int64_t i)
{
    const JudgeText none = {"", 0}, second = item->second.text ? item->second : none;
    const bool turned = swapped(judge, way, item, i);
    judge_fill(prompt, template_of(judge, way, item, i), item->question, turned ? second : item->first,
               turned ? item->first : second);
    prompt->key = judge_ask_key(judge, item->key, i);
}

/* What reply `i` of all says; adds it to its case's opinion. */
static bool take_reply(const Judge *judge, const JudgeWay *way, const JudgeCase *item, const char *text, int64_t i,
                       JudgeOpinion *o, Error *err)
{
    JudgeReply reply = {.of = i / way->asks, .ask = i % way->asks, .text = text};
    if (reply.ask == 0) *o = (JudgeOpinion){0};
    reply.readable = text && judge_read(way->form, text, &reply.value);
    if (reply.readable && swapped(judge, way, item, reply.ask)) reply.value = -reply.value;
    o->n_readable += reply.readable;
    o->value += reply.value;
    if (reply.ask == way->asks - 1 && o->n_readable > 0) o->value /= (double)o->n_readable;
    return !way->heard || way->heard(way->context, &reply, err);
}

bool judge_ask(const Judge *judge, const JudgeWay *way, const JudgeCase *cases, int64_t n, JudgeOpinion *opinions,
               Error *err)
{
    const int64_t n_prompts = n * way->asks;
    JudgePrompt *const prompts = base_alloc((size_t)n_prompts + 1, sizeof *prompts);
    char **const replies = base_alloc((size_t)n_prompts + 1, sizeof *replies);
    for (int64_t i = 0; i < n_prompts; i++) make_prompt(&prompts[i], judge, way, &cases[i / way->asks], i % way->asks);
    bool ok = judge_generate(judge, prompts, n_prompts, replies, err);
    for (int64_t i = 0; i < n_prompts; i++) {
        ok = ok && take_reply(judge, way, &cases[i / way->asks], replies[i], i, &opinions[i / way->asks], err);
        base_free(replies[i]);
    }
    base_free(prompts);
    base_free(replies);
    return ok;
}
