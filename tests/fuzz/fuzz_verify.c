/* SPDX-License-Identifier: MIT */
/* Any bytes as gold answer and answer (a line feed between them): decided without harm, in this process, libraries and all; never
 * right the one way and wrong the other. */
#include "reward/math_helper.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Verdict decide(AnswerRelation relation, AnswerSpan gold, AnswerSpan answer)
{
    bool needs_prover;
    MathRule rule;
    const Verdict here =
        math_decide(relation, gold.text, gold.length, answer.text, answer.length, false, &needs_prover, &rule);
    const Verdict proved =
        math_decide(relation, gold.text, gold.length, answer.text, answer.length, true, &needs_prover, &rule);
    if (here != VERDICT_UNDECIDED && here != proved) abort(); /* proofs only settle what was open */
    return proved;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *const text = (const char *)data, *const cut = memchr(text, '\n', size);
    const size_t n_gold = cut ? (size_t)(cut - text) : size, n_answer = cut ? size - n_gold - 1 : 0;
    const AnswerSpan gold = answer_extract(text, n_gold), answer = answer_extract(cut ? cut + 1 : text, n_answer);
    const Verdict v = decide(ANSWER_EQUAL, gold, answer);
    const Verdict w = gold.length > 0 && answer.length > 0 ? decide(ANSWER_EQUAL, answer, gold) : v;
    if ((v == VERDICT_RIGHT && w == VERDICT_WRONG) || (v == VERDICT_WRONG && w == VERDICT_RIGHT)) abort();
    (void)decide(ANSWER_SAME, gold, answer);
    return 0;
}
