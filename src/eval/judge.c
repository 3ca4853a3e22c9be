/* SPDX-License-Identifier: MIT */
/* eval/judge.c: see judge.h. */
#include "eval/judge_opinion.h"

#include "base/arena.h"
#include "base/json.h"
#include "base/philox.h"

/* ---- prompts ---- */

void judge_fill(JudgePrompt *prompt, const char *template, JudgeText question, JudgeText a, JudgeText b)
{
    JsonOut out = {0};
    judge_prompt_fill(&out, template, question, a, b);
    prompt->length = out.length;
    prompt->text = out.text ? out.text : base_strdup(""); /* its owner from here on */
}

#define CORRECTNESS_TASK                                                                                               \
    "Decide whether an answer to a question is correct. It is when it says what the reference answer says; wording "   \
    "and length do not count.\n\n[Question]\n{question}"
#define CORRECTNESS_REFERENCE "\n\n[Reference answer]\n{A}"
#define CORRECTNESS_ANSWER    "\n\n[Answer to judge]\n{B}"
#define CORRECTNESS_FORM                                                                                               \
    "\n\nReply with one JSON object and nothing else: {\"analysis\": \"why, in a sentence\", \"correctness\": "        \
    "\"correct\" or \"incorrect\"}"

/* ---- asking ---- */

static bool draw_order(const Judge *judge, uint64_t key)
{
    return rng_bits((Rng){judge->seed, RNG_JUDGE}, key, 0, 0) & 1;
}

uint64_t judge_ask_key(const Judge *judge, uint64_t key, int64_t ask)
{
    return rng_bits((Rng){judge->seed, RNG_JUDGE}, key, 1, (uint64_t)ask);
}

bool judge_generate(const Judge *judge, JudgePrompt *prompts, int64_t n, char **replies, Error *err)
{
    const bool ok = judge->generate(judge->context, prompts, n, replies, err);
    for (int64_t i = 0; i < n; i++) {
        base_free((char *)(uintptr_t)prompts[i].text);
        prompts[i].text = NULL;
    }
    return ok || error_in(err, "the judge");
}

static Verdict verdict_of(const char *reply)
{
    double correct;
    if (!reply || !judge_read(JUDGE_CORRECT, reply, &correct)) return VERDICT_UNDECIDED;
    return correct > 0 ? VERDICT_RIGHT : VERDICT_WRONG;
}

bool judge_answers(const Judge *judge, const JudgeAnswer *answers, int64_t n, Verdict *verdicts, Error *err)
{
    /* The reference first, or the answer first. */
    static const char *const templates[] = {CORRECTNESS_TASK CORRECTNESS_REFERENCE CORRECTNESS_ANSWER CORRECTNESS_FORM,
                                            CORRECTNESS_TASK CORRECTNESS_ANSWER CORRECTNESS_REFERENCE CORRECTNESS_FORM};
    JudgePrompt *const prompts = base_alloc(2 * (size_t)n + 1, sizeof *prompts);
    char **const replies = base_alloc(2 * (size_t)n + 1, sizeof *replies);
    for (int64_t i = 0; i < 2 * n; i++) {
        const JudgeAnswer *const a = &answers[i / 2];
        const bool swapped = draw_order(judge, a->key) != (i % 2 == 1);
        judge_fill(&prompts[i], templates[swapped], a->question, a->reference, a->answer);
        prompts[i].key = judge_ask_key(judge, a->key, i % 2);
    }
    const bool ok = judge_generate(judge, prompts, 2 * n, replies, err);
    for (int64_t i = 0; ok && i < n; i++) {
        const Verdict first = verdict_of(replies[2 * i]), second = verdict_of(replies[2 * i + 1]);
        verdicts[i] = first == second ? first : VERDICT_UNDECIDED;
    }
    for (int64_t i = 0; ok && i < 2 * n; i++) base_free(replies[i]);
    base_free(replies);
    base_free(prompts);
    return ok;
}
