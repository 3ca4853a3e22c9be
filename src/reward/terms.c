/* SPDX-License-Identifier: MIT */
/* reward/terms.c: see terms.h. */
#include "reward/terms.h"

#include "reward/shape.h"

static const char *const names[TERM_COUNT] = {"language", "overlong", "cosine", "repetition",
                                              "command",  "plugin",   "model",  "judge"};

const char *reward_term_name(RewardTerm term)
{
    return names[term];
}

static void measure_language(TermValue *term, const TermConfig *config, const OutsideInput *in)
{
    Language target = config->language;
    *term = (TermValue){.skipped = true};
    if (!config->has_language && !language_detect(&target, in->prompt, in->prompt_length)) return;
    const LanguageShare share = language_share(target, in->completion, in->completion_length);
    if (share.n_words == 0) return;
    *term = (TermValue){.value = (double)share.n_target / (double)share.n_words};
}

void reward_terms_of_text(RewardScore *score, const TermConfig *c, const OutsideInput *in)
{
    TermValue *const t = score->terms;
    if (c->term_weights[TERM_LANGUAGE] != 0) measure_language(&t[TERM_LANGUAGE], c, in);
    if (c->term_weights[TERM_OVERLONG] != 0)
        t[TERM_OVERLONG].value = shape_soft_overlong(in->n_tokens, c->max_tokens, c->overlong_tokens);
    if (c->term_weights[TERM_COSINE] != 0)
        t[TERM_COSINE].value = shape_cosine_length(in->n_tokens, c->max_tokens, score->verdict == VERDICT_RIGHT);
    if (c->term_weights[TERM_REPETITION] != 0)
        t[TERM_REPETITION].value = shape_repetition(in->completion, in->completion_length, c->repetition_ngram);
}

void reward_term_set(RewardScore *score, RewardTerm term, const OutsideResult *result)
{
    score->terms[term] = (TermValue){.value = result->reward,
                                     .skipped = result->state == OUTSIDE_SKIPPED,
                                     .undecided = result->state == OUTSIDE_UNDECIDED};
}

void reward_total(RewardScore *score, const TermConfig *c, double format)
{
    const bool closed = c->gate_format && !score->frame.ok;
    score->accuracy = score->verdict == VERDICT_RIGHT && !closed;
    score->format = format;
    score->total = c->weights.accuracy * score->accuracy + c->weights.format * score->format;
    /* Where the verdict enters no number, it does not matter whether there is one: prompts that a reward model alone decides. */
    const bool asks_verdict = c->weights.accuracy != 0 || c->term_weights[TERM_COSINE] != 0;
    score->undecided = asks_verdict && score->verdict == VERDICT_UNDECIDED;
    for (int i = 0; i < TERM_COUNT; i++) {
        const TermValue *const t = &score->terms[i];
        if (c->term_weights[i] == 0) continue;
        score->undecided = score->undecided || t->undecided;
        if (!t->skipped && !t->undecided && !closed) score->total += c->term_weights[i] * t->value;
    }
}
