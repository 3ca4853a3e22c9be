/* SPDX-License-Identifier: MIT */
/* reward/accuracy.h: the answer of a framed completion, decided by the problem's check. */
#ifndef R1_REWARD_ACCURACY_H
#define R1_REWARD_ACCURACY_H

#include "data/tasks.h"
#include "reward/format.h"

/* A completion without a frame has no answer and is wrong. `frame` is format_check's result for this completion. A check that
 * is malformed or of an unknown family is VERDICT_UNDECIDED, whatever the completion. */
Verdict accuracy_verdict(const char *check, const char *completion, const FormatResult *frame);

#endif
