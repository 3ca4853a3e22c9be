/* SPDX-License-Identifier: MIT */
/* reward/math_helper.h: proofs in a helper process (base/helper.h), so that a crash of a library is one undecided answer. */
#ifndef R1_REWARD_MATH_HELPER_H
#define R1_REWARD_MATH_HELPER_H

#include "reward/compare.h"
#include "reward/math_prove.h"

/* Two extracted answers, compared with everything there is. Undecided with RULE_CRASHED when the helper does not come back. */
Verdict math_helper_decide(AnswerRelation relation, const char *gold, size_t n_gold, const char *answer,
                           size_t n_answer, MathRule *rule);
/* The same in this process: what the helper runs, and what a fuzzer wants. can_prove false: no library is called, and
 * *needs_prover says whether one was wanted. */
Verdict math_decide(AnswerRelation relation, const char *gold, size_t n_gold, const char *answer, size_t n_answer,
                    bool can_prove, bool *needs_prover, MathRule *rule);

#endif
