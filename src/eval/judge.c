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

/* ---- asking ---- */

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

bool judge_answers(const Judge *judge, const JudgeAnswer *answers, int64_t n, Verdict *verdicts, Error *err)
{
    const JudgeWay way = {.form = JUDGE_CORRECT, .prompt = "", .asks = 2}; /* once in each order */
    JudgeCase *const cases = base_alloc((size_t)n + 1, sizeof *cases);
    JudgeOpinion *const opinions = base_alloc((size_t)n + 1, sizeof *opinions);
    for (int64_t i = 0; i < n; i++)
        cases[i] = (JudgeCase){.question = answers[i].question,
                               .first = answers[i].answer,
                               .second = answers[i].reference,
                               .key = answers[i].key};
    const bool ok = judge_ask(judge, &way, cases, n, opinions, err);
    for (int64_t i = 0; ok && i < n; i++) {
        const JudgeOpinion *const o = &opinions[i];
        verdicts[i] = o->n_readable < 2 ? VERDICT_UNDECIDED
                      : o->value == 1.0 ? VERDICT_RIGHT
                      : o->value == 0.0 ? VERDICT_WRONG
                                        : VERDICT_UNDECIDED;
    }
    base_free(cases);
    base_free(opinions);
    return ok;
}
