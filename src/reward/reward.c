/* SPDX-License-Identifier: MIT */
/* reward/reward.c: see reward.h. */
#include "reward/reward.h"

RewardWeights reward_default_weights(void)
{
    return (RewardWeights){.accuracy = 1, .format = 1};
}

FormatResult reward_format_of(const FrameResult *f)
{
    return (FormatResult){.ok = f->ok,
                          .failed_at = f->failed_at,
                          .reason = f->ok ? NULL : "the text is not of the frame that is asked for",
                          .answer = f->answer,
                          .answer_end = f->answer_end};
}

FormatResult reward_check_frame(const Frame *frame, const char *prompt, size_t prompt_length, const char *completion,
                                size_t length)
{
    if (!frame) return format_check(prompt, prompt_length, completion, length);
    const FrameResult f = frame_check(frame, prompt, prompt_length, completion, length);
    return reward_format_of(&f);
}

void reward_score(RewardScore *score, const RewardWeights *weights, const char *check, const char *prompt,
                  size_t prompt_length, const char *completion, size_t length)
{
    reward_score_framed(score, weights, NULL, check, prompt, prompt_length, completion, length);
}

void reward_score_framed(RewardScore *score, const RewardWeights *weights, const Frame *frame, const char *check,
                         const char *prompt, size_t prompt_length, const char *completion, size_t length)
{
    *score = (RewardScore){.frame = reward_check_frame(frame, prompt, prompt_length, completion, length)};
    score->verdict = accuracy_verdict(check, completion, &score->frame);
    score->accuracy = score->verdict == VERDICT_RIGHT;
    score->format = score->frame.ok;
    score->undecided = score->verdict == VERDICT_UNDECIDED;
    score->total = weights->accuracy * score->accuracy + weights->format * score->format;
}
