/* SPDX-License-Identifier: MIT */
/* eval/paired.h: is one model better than another on the same problems? Problem by problem: what the problems themselves
 * contribute to the spread falls out. */
#ifndef R1_EVAL_PAIRED_H
#define R1_EVAL_PAIRED_H

#include "eval/estimators.h"
#include "eval/evaluate.h"

/* The accuracy of each problem, and which problem it was. */
typedef struct EvalMeans {
    char **ids;    /* [n]; owned, as is each */
    double *means; /* [n]; owned */
    int64_t n;
} EvalMeans;
void eval_means_of(EvalMeans *means, const EvalPlan *plan, const EvalResult *result);
/* Of a file that `r1 eval --samples-out` wrote: a row {"id", "problem", "accuracy", ...} a sample. */
bool eval_means_read(EvalMeans *means, const char *path, Error *err) R1_MUST_CHECK;
void eval_means_free(EvalMeans *means); /* a zeroed one is fine */

typedef struct EvalComparison {
    PairedTest test;            /* of a - b; its t is also known as z */
    int64_t wins, losses, ties; /* problems where a's mean is higher, lower, the same */
    double sign_p;              /* estimate_sign_two_sided */
} EvalComparison;
/* ERROR_INPUT names the first problem that only one of the two was asked. */
bool eval_compare(EvalComparison *comparison, const EvalMeans *a, const EvalMeans *b, Error *err) R1_MUST_CHECK;

#endif
