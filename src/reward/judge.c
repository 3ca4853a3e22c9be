/* SPDX-License-Identifier: MIT */
/* reward/judge.c: see judge.h. */
#include "reward/judge.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/philox.h"
#include "text/thinking.h"

#include <string.h>

static const char *const PROMPTS[] = {
    [JUDGE_COMPARE] = "Two answers to one request are to be compared. Judge how well each of them does what is asked: "
                      "whether it is right, "
                      "helpful, complete and to the point. Which one comes first means "
                      "nothing.\n\n[request]\n{question}\n[answer A]\n{A}\n"
                      "[answer B]\n{B}\n[end]\n\nReply with JSON alone: {\"analysis\": \"a sentence\", \"verdict\": "
                      "V}, where V is one of "
                      "\"A>>B\", \"A>B\", \"A=B\", \"B>A\", \"B>>A\" (much better, better, equal).",
    [JUDGE_SCORE] = "An answer to a request is to be judged: whether it is right, helpful, complete and to the "
                    "point.\n\n[request]\n"
                    "{question}\n[answer]\n{A}\n[end]\n\nReply with JSON alone: {\"analysis\": \"a sentence\", "
                    "\"score\": N}, where N goes from 0 "
                    "(of no use) to 10 (nothing could be better).",
    [JUDGE_CORRECT] = "An answer to a question is to be compared with the reference answer, which is "
                      "right.\n\n[question]\n{question}\n"
                      "[reference]\n{B}\n[answer]\n{A}\n[end]\n\nReply with JSON alone: {\"analysis\": \"a sentence\", "
                      "\"correctness\": C}, where C "
                      "is \"correct\" or \"incorrect\".",
};

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

bool judge_swaps(uint64_t seed, const JudgeCase *item, int64_t i)
{
    const Rng rng = {seed, RNG_JUDGE};
    return rng_bits(rng, item->key_a, item->key_b, (uint64_t)i) & 1;
}

/* ---- what is asked ---- */

typedef struct Place {
    const char *name;
    JudgeText text;
} Place;

/* The template with its places filled, each from the template alone: a text that holds "{A}" stays as it is. */
static char *fill_prompt(const char *template, const Place places[3], size_t *length)
{
    size_t capacity = strlen(template) + 1;
    for (int i = 0; i < 3; i++)
        for (const char *at = template; (at = strstr(at, places[i].name)); at++) capacity += places[i].text.length;
    char *const out = base_alloc(capacity, 1);
    size_t n = 0;
    for (const char *at = template; *at;) {
        int found = -1;
        for (int i = 0; i < 3; i++)
            if (strncmp(at, places[i].name, strlen(places[i].name)) == 0) found = i;
        if (found < 0) {
            out[n++] = *at++;
            continue;
        }
        memcpy(out + n, places[found].text.text, places[found].text.length);
        n += places[found].text.length;
        at += strlen(places[found].name);
    }
    out[n] = 0;
    *length = n;
    return out;
}

static void make_ask(JudgeAsk *ask, const JudgeConfig *c, const JudgeCase *item, int64_t i)
{
    const bool swapped = c->form == JUDGE_COMPARE && judge_swaps(c->seed, item, i);
    const JudgeText none = {"", 0}, second = item->second.text ? item->second : none;
    const Place places[3] = {{"{question}", item->question},
                             {"{A}", swapped ? second : item->first},
                             {"{B}", swapped ? item->first : second}};
    *ask = (JudgeAsk){.draw_a = item->key_a, .draw_b = item->key_b << 8 | (uint32_t)i, .swapped = swapped};
    ask->text = fill_prompt(*c->prompt ? c->prompt : PROMPTS[c->form], places, &ask->length);
}

/* ---- what is answered ---- */

static bool verdict_value(const char *text, double *value)
{
    static const char *const VERDICTS[] = {"B>>A", "B>A", "A=B", "A>B", "A>>B"};
    for (int i = 0; text && i < 5; i++)
        if (strcmp(text, VERDICTS[i]) == 0) {
            *value = i - 2;
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
    *value = text && strcmp(text, "correct") == 0;
    return text && (*value > 0.0 || strcmp(text, "incorrect") == 0);
}

bool judge_read(JudgeForm form, const char *text, size_t length, double *value)
{
    enum { MAX_TRIES = 32, MAX_BYTES = 1 << 16 }; /* a hostile text costs no more */
    const char *const begin = thinking_end(text, length);
    const size_t n = length - (size_t)(begin - text);
    int tries = 0;
    for (size_t i = n; i-- > 0 && tries < MAX_TRIES && n - i <= MAX_BYTES;) {
        if (begin[i] != '{') continue;
        tries++;
        json_t *const object = json_loadb(begin + i, n - i, JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL, NULL);
        const bool found = json_is_object(object) && opinion_of(form, object, value);
        json_decref(object);
        if (found) return true;
    }
    *value = 0.0;
    return false;
}

static void take_opinion(JudgeResult *result, const JudgeConfig *c, const JudgeAsk *ask)
{
    double value;
    if (!ask->answer || !judge_read(c->form, ask->answer, ask->answer_length, &value)) return;
    result->n_readable++;
    result->value += ask->swapped ? -value : value;
}

bool judge_ask(const JudgeConfig *c, const JudgeCase *cases, int64_t n, JudgeResult *results, Error *err)
{
    JudgeAsk *const asks = base_alloc((size_t)(n * c->asks), sizeof *asks);
    for (int64_t i = 0; i < n * c->asks; i++) make_ask(&asks[i], c, &cases[i / c->asks], i % c->asks);
    const bool ok = c->generate(c->context, asks, n * c->asks, err);
    for (int64_t i = 0; i < n; i++) {
        results[i] = (JudgeResult){0};
        for (int64_t k = 0; ok && k < c->asks; k++) take_opinion(&results[i], c, &asks[i * c->asks + k]);
        if (results[i].n_readable > 0) results[i].value /= (double)results[i].n_readable;
    }
    for (int64_t i = 0; i < n * c->asks; i++) {
        base_free(asks[i].text);
        base_free(asks[i].answer);
    }
    base_free(asks);
    return ok;
}
