/* SPDX-License-Identifier: MIT */
/* eval/judge.c: see judge.h. The prompts, the two orders, and what can be read off a reply. */
#include "eval/judge.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/philox.h"

#include <string.h>
#include <strings.h>

/* ---- prompts ---- */

static char *fill(const char *const *parts, const JudgeText *texts, size_t *length)
{
    JsonOut out = {0};
    for (int i = 0; parts[i]; i++) {
        json_out_raw_bytes(&out, parts[i], strlen(parts[i]));
        if (parts[i + 1]) json_out_raw_bytes(&out, texts[i].text, texts[i].length);
    }
    *length = out.length;
    return out.text; /* base_alloc'd; its owner from here on */
}

/* The reference first, or the answer first. */
static char *correctness_prompt(const JudgeAnswer *a, bool swapped, size_t *length)
{
    static const char task[] = "Decide whether an answer to a question is correct. It is when it says what the "
                               "reference answer says; wording and length do "
                               "not count.\n\n[Question]\n";
    static const char reference[] = "\n\n[Reference answer]\n", answer[] = "\n\n[Answer to judge]\n";
    static const char form[] =
        "\n\nReply with one JSON object and nothing else: {\"analysis\": \"why, in a sentence\", "
        "\"correctness\": \"correct\" or \"incorrect\"}";
    const char *const parts[] = {task, swapped ? answer : reference, swapped ? reference : answer, form, NULL};
    const JudgeText texts[] = {a->question, swapped ? a->answer : a->reference, swapped ? a->reference : a->answer};
    return fill(parts, texts, length);
}

static char *preference_prompt(const JudgePair *p, bool swapped, size_t *length)
{
    static const char *const parts[] = {"Compare two replies to a user. First write your own reply. Then compare both "
                                        "with it: which helps more, keeps to the "
                                        "question, is concise; then which has ideas of its own and leaves nothing out. "
                                        "Length and order do not count.\n\n[User]\n",
                                        "\n\n[Reply A]\n", "\n\n[Reply B]\n",
                                        "\n\nEnd with one verdict: [[A>>B]] A is much better, [[A>B]] A is better, "
                                        "[[A=B]] equal, [[B>A]] B is better, [[B>>A]] B "
                                        "is much better.",
                                        NULL};
    const JudgeText texts[] = {p->question, swapped ? p->b : p->a, swapped ? p->a : p->b};
    return fill(parts, texts, length);
}

/* ---- asking ---- */

static bool draw_order(const Judge *judge, uint64_t key)
{
    return rng_bits((Rng){judge->seed, RNG_JUDGE}, key, 0, 0) & 1;
}

static uint64_t ask_key(const Judge *judge, uint64_t key, int ask)
{
    return rng_bits((Rng){judge->seed, RNG_JUDGE}, key, 1, (uint64_t)ask);
}

/* Replies to all, and the prompts freed. */
static bool ask(const Judge *judge, JudgePrompt *prompts, int64_t n, char **replies, Error *err)
{
    const bool ok = judge->generate(judge->context, prompts, n, replies, err);
    for (int64_t i = 0; i < n; i++) base_free((char *)(uintptr_t)prompts[i].text);
    base_free(prompts);
    return ok || error_in(err, "the judge");
}

static void free_replies(char **replies, int64_t n)
{
    for (int64_t i = 0; i < n; i++) base_free(replies[i]);
    base_free(replies);
}

bool judge_answers(const Judge *judge, const JudgeAnswer *answers, int64_t n, Verdict *verdicts, Error *err)
{
    JudgePrompt *const prompts = base_alloc(2 * (size_t)n + 1, sizeof *prompts);
    char **const replies = base_alloc(2 * (size_t)n + 1, sizeof *replies);
    for (int64_t i = 0; i < 2 * n; i++) {
        const JudgeAnswer *const a = &answers[i / 2];
        const bool swapped = draw_order(judge, a->key) != (i % 2 == 1);
        prompts[i].text = correctness_prompt(a, swapped, &prompts[i].length);
        prompts[i].key = ask_key(judge, a->key, (int)(i % 2));
    }
    const bool ok = ask(judge, prompts, 2 * n, replies, err);
    for (int64_t i = 0; ok && i < n; i++) {
        const Verdict first = judge_read_correctness(replies[2 * i]),
                      second = judge_read_correctness(replies[2 * i + 1]);
        verdicts[i] = first == second ? first : VERDICT_UNDECIDED;
    }
    free_replies(replies, ok ? 2 * n : 0);
    return ok;
}

static JudgePreference add_up(char **replies, int asked, bool first_swapped)
{
    JudgePreference p = {.verdict = VERDICT_UNDECIDED};
    int n_a = 0, n_b = 0;
    for (int k = 0; k < asked; k++) {
        double score;
        if (!judge_read_preference(replies[k], &score)) continue;
        if (first_swapped != (k % 2 == 1)) score = -score; /* it is of b as the first text */
        p.n_read++;
        p.score += score;
        n_a += score > 0;
        n_b += score < 0;
    }
    if (p.n_read > 0) p.score /= p.n_read;
    if (n_a == asked) p.verdict = VERDICT_RIGHT;
    if (n_b == asked) p.verdict = VERDICT_WRONG;
    return p;
}

bool judge_pairs(const Judge *judge, const JudgePair *pairs, int64_t n, int asked, JudgePreference *preferences,
                 Error *err)
{
    const int64_t n_prompts = n * asked;
    if (asked < 2 || asked % 2 != 0) return error_set(err, ERROR_BUG, "a judge that is asked %d times", asked);
    JudgePrompt *const prompts = base_alloc((size_t)n_prompts + 1, sizeof *prompts);
    char **const replies = base_alloc((size_t)n_prompts + 1, sizeof *replies);
    for (int64_t i = 0; i < n_prompts; i++) {
        const JudgePair *const p = &pairs[i / asked];
        const int k = (int)(i % asked);
        prompts[i].text = preference_prompt(p, draw_order(judge, p->key) != (k % 2 == 1), &prompts[i].length);
        prompts[i].key = ask_key(judge, p->key, k);
    }
    const bool ok = ask(judge, prompts, n_prompts, replies, err);
    for (int64_t i = 0; ok && i < n; i++)
        preferences[i] = add_up(replies + i * asked, asked, draw_order(judge, pairs[i].key));
    free_replies(replies, ok ? n_prompts : 0);
    return ok;
}

/* ---- reading ---- */

/* The end of the object that opens at text[0], behind its brace; 0: it does not close. */
static size_t object_end(const char *text)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; text[i]; i++) {
        if (quoted && text[i] == '\\' && text[i + 1])
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && text[i] == '{')
            depth++;
        else if (!quoted && text[i] == '}' && --depth == 0)
            return i + 1;
    }
    return 0;
}

static Verdict read_object(const char *text, size_t length)
{
    Error ignored = {0};
    json_t *const json = json_read_text(text, length, "reply", 1, &ignored);
    const char *const said = json_string_value(json_object_get(json, "correctness"));
    const Verdict verdict = said && strcasecmp(said, "correct") == 0     ? VERDICT_RIGHT
                            : said && strcasecmp(said, "incorrect") == 0 ? VERDICT_WRONG
                                                                         : VERDICT_UNDECIDED;
    json_decref(json);
    return verdict;
}

/* What was thought is no verdict. */
static const char *behind_thinking(const char *reply)
{
    static const char close[] = "</think>";
    const char *said = strstr(reply, "<think>") ? NULL : reply;
    for (const char *at = reply; (at = strstr(at, close)); at += sizeof close - 1) said = at + sizeof close - 1;
    return said ? said : "";
}

Verdict judge_read_correctness(const char *reply)
{
    enum { MAX_OBJECTS = 64 }; /* from the end; more braces than this are no verdict, and would take long */
    const char *const said = behind_thinking(reply);
    size_t at = strlen(said);
    for (int tried = 0; at > 0 && tried < MAX_OBJECTS;) {
        if (said[--at] != '{') continue;
        tried++;
        const size_t length = object_end(said + at);
        const Verdict verdict = length > 0 ? read_object(said + at, length) : VERDICT_UNDECIDED;
        if (verdict != VERDICT_UNDECIDED) return verdict;
    }
    return VERDICT_UNDECIDED;
}

bool judge_read_preference(const char *reply, double *score)
{
    static const struct {
        const char *text;
        double score;
    } verdicts[] = {{"[[A>>B]]", 2}, {"[[A>B]]", 1}, {"[[A=B]]", 0}, {"[[B>A]]", -1}, {"[[B>>A]]", -2}};
    const char *const said = behind_thinking(reply);
    const char *last = NULL;
    for (const char *at = said; (at = strstr(at, "[[")); at += 2)
        for (int i = 0; i < 5; i++)
            if (strncmp(at, verdicts[i].text, strlen(verdicts[i].text)) == 0) {
                last = at;
                *score = verdicts[i].score;
            }
    return last != NULL;
}
