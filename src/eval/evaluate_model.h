/* SPDX-License-Identifier: MIT */
/* eval/evaluate_model.h: one evaluation of one model, from a request to a report: what `r1 eval` and a recipe's stage ask for. */
#ifndef R1_EVAL_EVALUATE_MODEL_H
#define R1_EVAL_EVALUATE_MODEL_H

#include "eval/evaluate.h"

typedef struct EvalRequest {
    const char *data;   /* a file of problems; NULL: procedural ones, as config says */
    const char *chat;   /* the folder whose chat template puts a file's questions; NULL: "User: ...\nAssistant:" */
    const char *judge;  /* a model folder or GGUF file that decides open answers, greedily; NULL: none */
    EvalConfig config;  /* chat and judge in it are set here */
    int64_t max_active; /* completions sampled at once; moves no figure */
    /* Told the problems before the first is asked; may be NULL. */
    bool (*planned)(void *context, const EvalPlan *plan, Error *err);
    EvalSampleDone done; /* may be NULL */
    void *context;
} EvalRequest;

typedef struct EvalReport {
    EvalPlan *plan; /* owned */
    EvalResult result;
} EvalReport;
void eval_report_free(EvalReport *report); /* a zeroed one is fine */

/* Errors name the file and line of a bad row, or say which prompt is too long. */
bool evaluate_model(EvalReport *report, const EvalRequest *request, Model *model, const Tokenizer *tokenizer,
                    const Compute *compute, Error *err) R1_MUST_CHECK;
/* The same for a model that is not open yet: a folder or a GGUF file. */
bool evaluate_folder(EvalReport *report, const EvalRequest *request, const char *folder, const Compute *compute,
                     Error *err) R1_MUST_CHECK;

#endif
