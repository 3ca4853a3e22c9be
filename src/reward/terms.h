/* SPDX-License-Identifier: MIT */
/* reward/terms.h: the rewards that a recipe may add to accuracy and format, and how all of them become one number.
 *
 *   total = w_accuracy * accuracy + w_format * format + sum over terms, in their order, of w_term * value
 *
 * in f64. What weighs 0, is no gate, is not the true metric and is not watched does not exist. A skipped part adds nothing. One that is undecided
 * makes the completion undecided: it leaves its group's statistics. A part whose gate is closed adds nothing, and whether it is
 * undecided does not matter; one whose gate is undecided is undecided. gate_format: everything but the format if the format. */
#ifndef R1_REWARD_TERMS_H
#define R1_REWARD_TERMS_H

#include "reward/gates.h"
#include "reward/language.h"
#include "reward/outside.h"
#include "reward/reward.h"

typedef struct TermConfig {
    RewardWeights weights;
    double term_weights[TERM_COUNT];
    bool gate_format;
    RewardGates gates;
    int true_part;              /* the true metric: measured and logged whatever it weighs */
    bool watched[PART_COUNT];   /* the same of others: rewards that do not count yet */
    bool elsewhere[PART_COUNT]; /* rewards of other questions than these: skipped here */
    bool has_language;          /* of the recipe; else the prompt's is detected */
    Language language;
    int64_t max_tokens, overlong_tokens;
    int repetition_ngram;
} TermConfig;

const char *reward_term_name(RewardTerm term); /* in metrics: rewards/NAME/mean */
double reward_part_weight(const TermConfig *config, int part);
void reward_part_set_weight(TermConfig *config, int part, double weight);
/* Somebody's opinion, learnt or programmed (a command, a plug-in, and what stands behind them in RewardTerm), and no rule of this
 * program: a proxy that a policy may learn to please without doing what it stands for. */
bool reward_part_is_opinion(int part);

/* Something needs this part's value: it weighs, closes another, is the true metric, or is watched. */
bool reward_part_wanted(const TermConfig *config, int part);
/* A total depends on whether the answer is right; the true metric does not count. */
bool reward_needs_verdict(const TermConfig *config);
/* What a part of a total is by itself, before gates and weights. */
TermValue reward_part_value(const RewardScore *score, int part);
/* The same after its gates: `gated`, and 0, where one is closed. */
TermValue reward_part_counted(const RewardScore *score, int part);

/* Language, lengths and repetition; the verdict in `score` must stand. Terms that nobody wants are left alone. */
void reward_terms_of_text(RewardScore *score, const TermConfig *config, const OutsideInput *input);
/* What a command or a plug-in said. A number beyond 1e30 is no reward: undecided, or its square would not be a number. */
void reward_term_set(RewardScore *score, RewardTerm term, const OutsideResult *result);
/* accuracy, format and total, what is gated, and whether the whole is undecided, from verdict, frame and terms. format: 0 to 1.
 * Idempotent: the terms' values stay what they are by themselves. */
void reward_total(RewardScore *score, const TermConfig *config, double format);

#endif
