/* SPDX-License-Identifier: MIT */
/* reward/compare.c: see compare.h. Extract, read, compare here; ask the helper only when a proof is wanted. */
#include "reward/compare.h"

#include "reward/math_compare.h"
#include "reward/math_helper.h"
#include "reward/math_parse.h"
#include "reward/math_small.h"

#include <stdio.h>
#include <string.h>

/* What one comparison works in: some hundred kilobytes, of which a short answer touches a few. */
typedef struct Desk {
    MathPool pool;
    Tokens tokens;
} Desk;

static bool same_but_for_space(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t i = 0, k = 0;
    for (;;) {
        while (i < n_a && math_is_space(a[i])) i++;
        while (k < n_b && math_is_space(b[k])) k++;
        if (i == n_a || k == n_b) return i == n_a && k == n_b;
        if (a[i++] != b[k++]) return false;
    }
}

Verdict math_decide(AnswerRelation relation, const char *gold, size_t n_gold, const char *answer, size_t n_answer,
                    bool can_prove, bool *needs_prover, MathRule *rule)
{
    Desk desk;
    *needs_prover = false;
    math_pool_init(&desk.pool);
    const MathReading g = math_read(&desk.pool, &desk.tokens, gold, n_gold);
    *rule = g.empty ? RULE_NO_GOLD : RULE_UNREADABLE_GOLD;
    if (g.empty && relation == ANSWER_EQUAL) return VERDICT_UNDECIDED;
    desk.pool.full =
        false; /* an unreadable gold answer may have filled it; below only a readable one is gone on with */
    const MathReading a = g.node || relation == ANSWER_SAME ? math_read(&desk.pool, &desk.tokens, answer, n_answer) : g;
    if (!g.node || !a.node) {
        if (relation == ANSWER_SAME && !g.node && !a.node && same_but_for_space(gold, n_gold, answer, n_answer)) {
            *rule = RULE_SAME_TEXT;
            return VERDICT_RIGHT;
        }
        if (!g.node) return VERDICT_UNDECIDED;
        *rule = a.empty ? RULE_NO_ANSWER : RULE_UNREADABLE_ANSWER;
        return a.empty ? VERDICT_WRONG : VERDICT_UNDECIDED;
    }
    MathComparison c = {.pool = &desk.pool, .relation = relation, .can_prove = can_prove, .work = MATH_WORK};
    const Verdict v = math_compare(&c, g.node, a.node);
    *needs_prover = c.needs_prover && v == VERDICT_UNDECIDED;
    *rule = c.rule;
    return v;
}

/* More than a bare answer would be. */
static bool is_long(AnswerSpan s)
{
    enum { BARE_BYTES = 300 };
    return s.length > BARE_BYTES || memchr(s.text, '\n', s.length) != NULL;
}

static Verdict decide(AnswerRelation relation, AnswerSpan gold, AnswerSpan answer, MathRule *rule, bool *proved)
{
    bool needs_prover;
    *proved = false;
    if (answer.length > MATH_MAX_ANSWER_BYTES && strcmp(answer.source, "box") != 0) {
        *rule = gold.length == 0 ? RULE_NO_GOLD : RULE_PROSE;
        return gold.length == 0 || relation == ANSWER_SAME ? VERDICT_UNDECIDED : VERDICT_WRONG;
    }
    const Verdict here =
        math_decide(relation, gold.text, gold.length, answer.text, answer.length, false, &needs_prover, rule);
    if (relation == ANSWER_EQUAL && *rule == RULE_UNREADABLE_ANSWER && !answer.marked && is_long(answer)) {
        *rule = RULE_PROSE; /* a text that never says its answer is wrong, not a puzzle */
        return VERDICT_WRONG;
    }
    if (!needs_prover) return here;
    *proved = true;
    return math_helper_decide(relation, gold.text, gold.length, answer.text, answer.length, rule);
}

Verdict compare_extracted(const char *gold, size_t gold_length, AnswerSpan answer, const char **reason)
{
    MathRule rule;
    bool proved;
    const Verdict v = decide(ANSWER_EQUAL, answer_extract(gold, gold_length), answer, &rule, &proved);
    if (reason) *reason = math_rule_text(rule);
    return v;
}

Verdict compare_answers(const char *gold, size_t gold_length, const char *answer, size_t answer_length,
                        const char **reason)
{
    return compare_extracted(gold, gold_length, answer_extract(answer, answer_length), reason);
}

bool same_answers(const char *a, size_t a_length, const char *b, size_t b_length)
{
    MathRule rule;
    bool proved;
    const AnswerSpan x = {.text = a, .length = a_length, .source = "box"},
                     y = {.text = b, .length = b_length, .source = "box"};
    return same_but_for_space(a, a_length, b, b_length) || decide(ANSWER_SAME, x, y, &rule, &proved) == VERDICT_RIGHT;
}

bool answer_is_usable(const char *gold, size_t length, const char **reason)
{
    const AnswerSpan span = answer_extract(gold, length);
    return compare_answers(span.text, span.length, span.text, span.length, reason) == VERDICT_RIGHT;
}

/* ---- for people ---- */

static const char *describe(Desk *desk, AnswerSpan span, char *text, size_t capacity)
{
    math_pool_init(&desk->pool);
    const MathReading r = math_read(&desk->pool, &desk->tokens, span.text, span.length);
    if (!r.node) {
        snprintf(text, capacity, "not read: %s", r.why);
        return r.empty ? "nothing" : "unreadable";
    }
    const char *const kind = math_kind_name((MathKind)r.node->kind);
    const int n = snprintf(text, capacity, "%s: ", kind);
    math_print(&desk->pool, r.node, text + n, capacity - (size_t)n);
    return kind;
}

void explain_answers(AnswerExplanation *e, const char *gold, size_t gold_length, AnswerSpan answer,
                     AnswerRelation relation)
{
    Desk desk;
    MathRule rule;
    e->gold = answer_extract(gold, gold_length);
    e->answer = answer;
    e->verdict = decide(relation, e->gold, e->answer, &rule, &e->proved);
    e->reason = math_rule_text(rule);
    e->gold_kind = describe(&desk, e->gold, e->gold_read, sizeof e->gold_read);
    e->answer_kind = describe(&desk, e->answer, e->answer_read, sizeof e->answer_read);
}
