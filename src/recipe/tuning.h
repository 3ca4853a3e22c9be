/* SPDX-License-Identifier: MIT */
/* recipe/tuning.h: what the stages that train one model on a file have in common (sft, distill, dpo, reward-model): the model and all that trains it,
 * the end of an update, validation and evaluation, checkpoints, the way from the first step to the last. A stage adds its data and its
 * loss. */
#ifndef R1_RECIPE_TUNING_H
#define R1_RECIPE_TUNING_H

#include "recipe/stage.h"

typedef struct Tuning {
    const StageRun *run;
    const CommonSettings *common;
    const char *stage; /* as metrics name it */
    char *
        folder; /* owned; where tokenizer and config come from: the start model, then the newest checkpoint, so that a run goes
                        * on as it began whatever happens to the start model meanwhile */
    Tokenizer *tokenizer;
    Model model;
    Optimizer optimizer;
    Trainer trainer;
    RolloutEngine *engine; /* of evaluations, and of stages that sample; may be NULL */
    StageState state;
    MetricsRow row; /* of the step in hand */
} Tuning;

/* Model and tokenizer of the checkpoint to go on from, else of `start`. A zeroed Tuning may be freed. */
bool tuning_open(Tuning *tuning, const StageRun *run, const CommonSettings *common, const char *stage,
                 const char *start, Error *err) R1_MUST_CHECK;
/* The same with a scalar head, a new one where `start` predicts tokens. */
bool tuning_open_scalar(Tuning *tuning, const StageRun *run, const CommonSettings *common, const char *stage,
                        const char *start, Error *err) R1_MUST_CHECK;
/* The same for a model of fresh weights: `tokenizer_folder` stands for its start. A checkpoint goes before both. */
bool tuning_open_fresh(Tuning *tuning, const StageRun *run, const CommonSettings *common, const char *stage,
                       const ModelConfig *config, double init_std, const char *tokenizer_folder,
                       Error *err) R1_MUST_CHECK;
/* Optimiser, trainer, engine; and the state of a checkpoint. A stage that samples asks for room for max_active completions in sequences
 * of max_sequence tokens; 0: evaluations alone. */
bool tuning_prepare(Tuning *tuning, int64_t max_active, int64_t max_sequence, Error *err) R1_MUST_CHECK;
void tuning_free(Tuning *tuning);

/* Ends an update: what trainer->gradients holds goes into the weights at the step's learning rate; grad_norm, learning_rate, epoch,
 * num_tokens, step_time, tokens_per_second into the row. start: clock_seconds() when the step began. */
bool tuning_update(Tuning *tuning, int64_t step, int64_t n_tokens, double epoch, double start,
                   Error *err) R1_MUST_CHECK;

/* A stage's own part of the loop. */
typedef struct TuningSteps {
    void *context;
    bool (*train)(void *context, int64_t step, Error *err); /* 0-based; ends with tuning_update */
    bool (*validate)(void *context, Error *err);            /* figures into the row; NULL: no validation */
    int64_t validation_every;                               /* steps; also at the last */
} TuningSteps;
/* From state.step to the last: trains, validates, evaluates, records, saves; then FOLDER/model. */
bool tuning_run(Tuning *tuning, const TuningSteps *steps, Error *err) R1_MUST_CHECK;

/* f64 sum in order over n; 0 of none. */
double tuning_mean(const float *values, int64_t n);

#endif
