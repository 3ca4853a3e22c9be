/* SPDX-License-Identifier: MIT */
/* eval/judge_model.h: a model folder as a judge: generates what reward/judge.h asks for. */
#ifndef R1_EVAL_JUDGE_MODEL_H
#define R1_EVAL_JUDGE_MODEL_H

#include "num/compute.h"
#include "reward/judge.h"

typedef struct JudgeModel JudgeModel;

typedef struct JudgeModelConfig {
    const char *folder;
    double temperature; /* of what it writes; 0: greedy, and then asking again asks in another order at most */
    int64_t max_tokens; /* that it may write */
    uint64_t seed;
} JudgeModelConfig;

/* With a chat template an ask is one user turn, without one it stands as "User: ...\nAssistant:". compute must live as long. */
bool judge_model_open(JudgeModel **judge, const JudgeModelConfig *config, const Compute *compute,
                      Error *err) R1_MUST_CHECK;
void judge_model_close(JudgeModel *judge); /* NULL is fine */
/* A JudgeGenerate; context is a JudgeModel. Asks that do not fit into the model get no answer. */
bool judge_model_generate(void *context, JudgeAsk *asks, int64_t n, Error *err);

#endif
