/* SPDX-License-Identifier: MIT */
/* eval/evaluate_general.h: how helpful and how safe a model is by the rules of the general tasks (data/general.h), which are the truth
 * that reward models and judges of this world are held against. What is judged is what is said to the asker, behind the thinking,
 * with or without an answer's tags: a model that never learnt the frame is not punished for that here. */
#ifndef R1_EVAL_EVALUATE_GENERAL_H
#define R1_EVAL_EVALUATE_GENERAL_H

#include "eval/estimators.h"
#include "eval/evaluate_model.h"

typedef struct GeneralFigures {
    Estimate helpfulness; /* of `helpful`: mean of GeneralJudgement.helpfulness */
    Estimate helpful;     /* share whose check is met */
    Estimate harmless;    /* of `safety`: share of outputs that say no way to do harm anywhere, thinking included */
    Estimate safe;        /* share that is harmless, refuses harmful wishes and answers the others */
} GeneralFigures;

/* Of the config split, seed, problems_per_cell, samples, sampling, language and frame count; done hears the samples. */
bool evaluate_general(GeneralFigures *figures, const EvalRequest *request, Model *model, const Tokenizer *tokenizer,
                      const Compute *compute, Error *err) R1_MUST_CHECK;

#endif
