/* SPDX-License-Identifier: MIT */
/* eval/judge_model.h: a model folder (or GGUF file) as a judge (eval/judge.h). A prompt is one user's turn through the model's chat
 * template, or "User: ...\nAssistant:" where it has none; one that leaves no room for a reply gets none, and a reply that is cut off is none. May use everything up to
 * rollout/. */
#ifndef R1_EVAL_JUDGE_MODEL_H
#define R1_EVAL_JUDGE_MODEL_H

#include "eval/judge.h"
#include "num/compute.h"

typedef struct JudgeModelConfig {
    int64_t max_tokens; /* of a reply; 0: 512 */
    double temperature; /* 0: greedy, and the same prompt has the same reply */
    int64_t max_active; /* replies sampled at once; 0: 32. Moves no reply */
    uint64_t seed;      /* of orders and draws */
} JudgeModelConfig;

typedef struct JudgeModel JudgeModel;
bool judge_model_open(JudgeModel **model, const char *folder, const Compute *compute, const JudgeModelConfig *config,
                      Error *err) R1_MUST_CHECK;
void judge_model_close(JudgeModel *model); /* NULL is fine */
/* Lives as long as the model. One call at a time. */
const Judge *judge_model_judge(const JudgeModel *model);

#endif
