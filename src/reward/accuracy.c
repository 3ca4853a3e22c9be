/* SPDX-License-Identifier: MIT */
/* reward/accuracy.c: see accuracy.h. */
#include "reward/accuracy.h"

Verdict accuracy_verdict(const char *check, const char *completion, const FormatResult *frame)
{
    if (frame->ok) return task_check(check, completion + frame->answer, frame->answer_end - frame->answer);
    return task_check(check, "", 0) == VERDICT_UNDECIDED ? VERDICT_UNDECIDED : VERDICT_WRONG;
}
