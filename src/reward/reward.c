/* SPDX-License-Identifier: MIT */
/* reward/reward.c: see reward.h. */
#include "reward/reward.h"

RewardWeights reward_default_weights(void)
{
    return (RewardWeights){.accuracy = 1, .format = 1};
}

void reward_score(RewardScore *score, const RewardWeights *weights, const char *check, const char *prompt,
                  size_t prompt_length, const char *completion, size_t length)
{
    *score = (RewardScore){.frame = format_check(prompt, prompt_length, completion, length)};
    score->verdict = accuracy_verdict(check, completion, &score->frame);
    score->accuracy = score->verdict == VERDICT_RIGHT;
    score->format = score->frame.ok;
    score->undecided = score->verdict == VERDICT_UNDECIDED;
    score->total = weights->accuracy * score->accuracy + weights->format * score->format;
}
