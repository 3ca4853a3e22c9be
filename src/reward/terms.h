/* SPDX-License-Identifier: MIT */
/* reward/terms.h: the rewards that a recipe may add to accuracy and format, and how all of them become one number.
 *
 *   total = w_accuracy * accuracy + w_format * format + sum over terms, in their order, of w_term * value
 *
 * in f64. A term whose weight is 0 does not exist. A skipped one adds nothing. One that is undecided makes the completion
 * undecided: it leaves its group's statistics; so does an answer, where accuracy or the cosine length reward has a weight. With gate_format everything but the format counts only where the frame holds. */
#ifndef R1_REWARD_TERMS_H
#define R1_REWARD_TERMS_H

#include "reward/language.h"
#include "reward/outside.h"
#include "reward/reward.h"

typedef struct TermConfig {
    RewardWeights weights;
    double term_weights[TERM_COUNT];
    bool gate_format;
    bool has_language; /* of the recipe; else the prompt's is detected */
    Language language;
    int64_t max_tokens, overlong_tokens;
    int repetition_ngram;
} TermConfig;

const char *reward_term_name(RewardTerm term); /* in metrics: rewards/NAME/mean */

/* Language, lengths and repetition; the verdict in `score` must stand. Terms of weight 0 are left alone. */
void reward_terms_of_text(RewardScore *score, const TermConfig *config, const OutsideInput *input);
/* What a command or a plug-in said. */
void reward_term_set(RewardScore *score, RewardTerm term, const OutsideResult *result);
/* accuracy, format and total, and the verdict of the whole, from verdict, frame and terms. format: 0 to 1. */
void reward_total(RewardScore *score, const TermConfig *config, double format);

#endif
