/* SPDX-License-Identifier: MIT */
/* reward/math_helper.c: see math_helper.h. The helper gets the two texts and reads them itself: it shares no memory with us. */
#include "reward/math_helper.h"

#include "base/helper.h"
#include "reward/math_lex.h"

#include <string.h>

static const char helper_name[] = "r1-math-helper";

typedef struct Request {
    int32_t relation, n_gold, n_answer;
    char text[2 * MATH_MAX_ANSWER_BYTES];
} Request;

typedef struct Reply {
    int32_t verdict, rule;
} Reply;

static size_t serve(const void *request, size_t length, void *reply)
{
    const Request *const r = request;
    Reply *const out = reply;
    MathRule rule = RULE_NONE;
    bool needs_prover;
    *out = (Reply){VERDICT_UNDECIDED, RULE_CRASHED};
    if (length < offsetof(Request, text) || length != offsetof(Request, text) + (size_t)r->n_gold + (size_t)r->n_answer)
        return sizeof *out;
    out->verdict = (int32_t)math_decide((AnswerRelation)r->relation, r->text, (size_t)r->n_gold, r->text + r->n_gold,
                                        (size_t)r->n_answer, true, &needs_prover, &rule);
    out->rule = (int32_t)rule;
    return sizeof *out;
}

__attribute__((constructor)) static void serve_if_asked(int argc, char **argv)
{
    helper_serve_if(argc, argv, helper_name, serve);
}

Verdict math_helper_decide(AnswerRelation relation, const char *gold, size_t n_gold, const char *answer,
                           size_t n_answer, MathRule *rule)
{
    Request request = {.relation = (int32_t)relation, .n_gold = (int32_t)n_gold, .n_answer = (int32_t)n_answer};
    Reply reply;
    *rule = RULE_TOO_LARGE;
    if (n_gold > MATH_MAX_ANSWER_BYTES || n_answer > MATH_MAX_ANSWER_BYTES) return VERDICT_UNDECIDED;
    memcpy(request.text, gold, n_gold);
    memcpy(request.text + n_gold, answer, n_answer);
    *rule = RULE_CRASHED;
    if (!helper_call(helper_name, &request, offsetof(Request, text) + n_gold + n_answer, &reply, sizeof reply))
        return VERDICT_UNDECIDED;
    *rule = (MathRule)reply.rule;
    return (Verdict)reply.verdict;
}
