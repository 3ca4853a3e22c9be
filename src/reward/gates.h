/* SPDX-License-Identifier: MIT */
/* reward/gates.h: a part of a reward that counts only where another one holds.
 *
 *   gates = gate { ";" gate }      gate = PART "if" condition { "and" condition }      condition = PART [ ">=" NUMBER ]
 *
 *   "accuracy if format"                     DeepSeek-R1's order: no answer counts outside the frame
 *   "command if accuracy; language if accuracy and format >= 0.5"
 *
 * PART is accuracy, format or the name of a term (reward/terms.h). Accuracy holds where the answer is right, format where the frame
 * is whole; the others, and partial credit for a format, say from which value on. A condition looks at the other part's own value,
 * before that part's gates and weight, so no order matters and circles are fine. */
#ifndef R1_REWARD_GATES_H
#define R1_REWARD_GATES_H

#include "base/error.h"
#include "reward/reward.h"

enum { REWARD_MAX_CONDITIONS = 32 };

/* accuracy, format, then the terms in their order. */
enum { PART_ACCURACY, PART_FORMAT, PART_TERMS, PART_COUNT = PART_TERMS + TERM_COUNT };
const char *reward_part_name(int part); /* in recipes, and in metrics: rewards/NAME/mean */
int reward_part_find(const char *name); /* -1: none */

typedef struct RewardCondition {
    int part, by;   /* part counts only where by holds */
    bool has_least; /* a value was given */
    double least;
} RewardCondition;

typedef struct RewardGates {
    RewardCondition conditions[REWARD_MAX_CONDITIONS];
    int n;
} RewardGates;

/* From a recipe's text; "" is none. ERROR_INPUT names the word that is wrong. */
bool reward_gates_read(RewardGates *gates, const char *text, Error *err) R1_MUST_CHECK;

/* A part is in some condition of another, so it has to be measured whatever it weighs. */
bool reward_gates_ask(const RewardGates *gates, int part);
bool reward_gates_close(const RewardGates *gates, int part); /* it has conditions of its own */

typedef enum GateState { GATE_OPEN, GATE_CLOSED, GATE_UNDECIDED } GateState;
/* values[PART_COUNT]: what each part is by itself; frame_ok: the frame is whole. One condition that fails closes a part, whatever is
 * undecided beside it; a part that was skipped, having nothing to say, does not hold. */
GateState reward_gate(const RewardGates *gates, int part, const TermValue *values, bool frame_ok);

#endif
