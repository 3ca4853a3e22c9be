/* SPDX-License-Identifier: MIT */
/* recipe/sft_loop.h: a fine-tuning's data and loss within a Tuning, for the stages that train on examples: sft.c, which is nothing else,
 * and distill.c, which takes the same data and asks a teacher. */
#ifndef R1_RECIPE_SFT_LOOP_H
#define R1_RECIPE_SFT_LOOP_H

#include "recipe/sft_data.h"
#include "recipe/tuning.h"

typedef struct SftLoop {
    Tuning *tuning;
    const SftSettings *settings;
    SftData data;
    float *logprobs, *entropies; /* [the largest update's tokens] */
    Examples validation;         /* none: n is 0 */
} SftLoop;

/* Reads data and validation data for the tuning's model; says what was too long. */
bool sft_loop_open(SftLoop *loop, Tuning *tuning, const SftSettings *settings, Error *err) R1_MUST_CHECK;
void sft_loop_free(SftLoop *loop);
/* Passes over the data that are done after this 0-based step. */
double sft_loop_epoch(const SftLoop *loop, int64_t step);
/* For TuningSteps; context is the SftLoop. */
bool sft_loop_train(void *context, int64_t step, Error *err);
bool sft_loop_validate(void *context, Error *err);

#endif
