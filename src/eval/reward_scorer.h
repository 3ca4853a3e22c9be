/* SPDX-License-Identifier: MIT */
/* eval/reward_scorer.h: a trained reward model (a folder with a scalar head) that scores responses: many in one packed forward, neighbours
 * under one prompt sharing it. A response's score depends on the weights, its prompt and itself alone, and is what training would compute. */
#ifndef R1_EVAL_REWARD_SCORER_H
#define R1_EVAL_REWARD_SCORER_H

#include "data/preferences.h"
#include "num/compute.h"

typedef struct RewardScorer RewardScorer;

/* compute must live as long. A folder that predicts tokens is ERROR_INPUT. */
bool reward_scorer_open(RewardScorer **scorer, const char *folder, const Compute *compute, Error *err) R1_MUST_CHECK;
void reward_scorer_close(RewardScorer *scorer); /* NULL is fine */

typedef struct ScoredText {
    const char *prompt, *response; /* texts; borrowed */
    size_t prompt_length, response_length;
    ScoredPart part;  /* what of the response is scored */
    bool rendered;    /* a chat template has written the prompt */
    bool too_long;    /* out: prompt and response have more tokens than the model positions; no reward then */
    double reward;    /* out: the score */
    int64_t n_tokens; /* out: of prompt and what is scored, the end included */
} ScoredText;

bool reward_scorer_score(RewardScorer *scorer, ScoredText *texts, int64_t n, Error *err) R1_MUST_CHECK;
/* The score of ids as they stand, on the last of them. Fails on ids beyond the vocabulary or the positions. */
bool reward_scorer_score_ids(RewardScorer *scorer, const int32_t *ids, int64_t n, double *reward,
                             Error *err) R1_MUST_CHECK;
/* Its chat template, for prompts that are lists of messages. */
ChatRows *reward_scorer_chat(RewardScorer *scorer);

#endif
