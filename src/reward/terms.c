/* SPDX-License-Identifier: MIT */
/* reward/terms.c: see terms.h. */
#include "reward/terms.h"

#include "reward/shape.h"

#include <math.h>
#include <string.h>

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

_Static_assert(sizeof(((RewardScore *)NULL)->elsewhere) == sizeof(((TermConfig *)NULL)->elsewhere),
               "a flag a part in both");

static double *weight_of(TermConfig *c, int part)
{
    return part == PART_ACCURACY ? &c->weights.accuracy
           : part == PART_FORMAT ? &c->weights.format
                                 : &c->term_weights[part - PART_TERMS];
}

double reward_part_weight(const TermConfig *c, int part)
{
    return *weight_of((TermConfig *)(uintptr_t)c, part);
}

void reward_part_set_weight(TermConfig *c, int part, double weight)
{
    *weight_of(c, part) = weight;
}

bool reward_part_is_opinion(int part)
{
    return part >= PART_TERMS + TERM_COMMAND;
}

bool reward_part_wanted(const TermConfig *c, int part)
{
    return reward_part_weight(c, part) != 0 || c->true_part == part || c->watched[part] ||
           reward_gates_ask(&c->gates, part);
}

bool reward_needs_verdict(const TermConfig *c)
{
    return c->weights.accuracy != 0 || c->term_weights[TERM_COSINE] != 0 || reward_gates_ask(&c->gates, PART_ACCURACY);
}

static bool wanted(const TermConfig *c, RewardTerm term)
{
    return reward_part_wanted(c, PART_TERMS + (int)term);
}

void reward_terms_of_text(RewardScore *score, const TermConfig *c, const OutsideInput *in)
{
    TermValue *const t = score->terms;
    if (wanted(c, TERM_LANGUAGE)) measure_language(&t[TERM_LANGUAGE], c, in);
    if (wanted(c, TERM_OVERLONG))
        t[TERM_OVERLONG].value = shape_soft_overlong(in->n_tokens, c->max_tokens, c->overlong_tokens);
    if (wanted(c, TERM_COSINE)) {
        t[TERM_COSINE] =
            (TermValue){.skipped = score->unasked, .undecided = !score->unasked && score->verdict == VERDICT_UNDECIDED};
        if (!t[TERM_COSINE].skipped && !t[TERM_COSINE].undecided)
            t[TERM_COSINE].value = shape_cosine_length(in->n_tokens, c->max_tokens, score->verdict == VERDICT_RIGHT);
    }
    if (wanted(c, TERM_REPETITION))
        t[TERM_REPETITION].value = shape_repetition(in->completion, in->completion_length, c->repetition_ngram);
}

void reward_term_set(RewardScore *score, RewardTerm term, const OutsideResult *result)
{
    static const double LARGEST = 1e30;
    const bool is_reward = fabs(result->reward) <= LARGEST;
    score->terms[term] = (TermValue){.value = is_reward ? result->reward : 0,
                                     .skipped = result->state == OUTSIDE_SKIPPED,
                                     .undecided = result->state == OUTSIDE_UNDECIDED || !is_reward};
}

/* ---- the total ---- */

TermValue reward_part_value(const RewardScore *score, int part)
{
    if (part == PART_ACCURACY)
        return (TermValue){.value = !score->unasked && score->verdict == VERDICT_RIGHT,
                           .skipped = score->unasked,
                           .undecided = !score->unasked && score->verdict == VERDICT_UNDECIDED};
    if (part == PART_FORMAT) return (TermValue){.value = score->own_format};
    TermValue own = score->terms[part - PART_TERMS];
    own.gated = false;
    return own;
}

TermValue reward_part_counted(const RewardScore *score, int part)
{
    if (score->elsewhere[part]) return (TermValue){.skipped = true};
    TermValue v = reward_part_value(score, part);
    v.gated = part == PART_ACCURACY ? score->accuracy_gated
              : part == PART_FORMAT ? score->format_gated
                                    : score->terms[part - PART_TERMS].gated;
    if (v.gated) v = (TermValue){.gated = true};
    return v;
}

/* What a part adds before its weight; whether it is gated, and whether it leaves the whole undecided. */
static double counted(const TermConfig *c, int part, const TermValue *values, bool frame_ok, bool *gated,
                      bool *undecided)
{
    const TermValue *const v = &values[part];
    GateState gate = reward_gate(&c->gates, part, values, frame_ok);
    if (c->gate_format && part != PART_FORMAT && !frame_ok) gate = GATE_CLOSED;
    *gated = gate == GATE_CLOSED && !v->skipped;
    *undecided = !v->skipped && (gate == GATE_UNDECIDED || (gate == GATE_OPEN && v->undecided));
    return gate == GATE_OPEN && !v->skipped && !v->undecided ? v->value : 0;
}

void reward_total(RewardScore *score, const TermConfig *c, double format)
{
    const bool frame_ok = score->frame.ok;
    bool undecided;
    TermValue values[PART_COUNT];
    score->own_format = format;
    score->true_part = c->true_part;
    memcpy(score->elsewhere, c->elsewhere, sizeof score->elsewhere);
    for (int p = 0; p < PART_COUNT; p++) values[p] = reward_part_value(score, p);
    score->accuracy = counted(c, PART_ACCURACY, values, frame_ok, &score->accuracy_gated, &undecided);
    score->undecided = undecided && c->weights.accuracy != 0;
    score->format = counted(c, PART_FORMAT, values, frame_ok, &score->format_gated, &undecided);
    score->undecided = score->undecided || (undecided && c->weights.format != 0);
    score->total = c->weights.accuracy * score->accuracy + c->weights.format * score->format;
    for (int i = 0; i < TERM_COUNT; i++) {
        TermValue *const t = &score->terms[i];
        const double value = counted(c, PART_TERMS + i, values, frame_ok, &t->gated, &undecided);
        if (c->term_weights[i] == 0) continue;
        score->undecided = score->undecided || undecided;
        score->total += c->term_weights[i] * value; /* 0 of what does not count */
    }
}
