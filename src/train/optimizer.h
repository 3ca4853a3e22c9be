/* SPDX-License-Identifier: MIT */
/* train/optimizer.h: AdamW with decoupled weight decay (arXiv 1711.05101) and clipping by the global norm, over flat buffers in the layout of the
 * parameters. */
#ifndef R1_TRAIN_OPTIMIZER_H
#define R1_TRAIN_OPTIMIZER_H

#include "model/model.h"

typedef struct OptimizerConfig {
    double beta1, beta2, eps;
    double weight_decay;  /* on tensors of two dimensions only */
    double max_grad_norm; /* 0: no clipping */
} OptimizerConfig;

typedef struct Optimizer {
    OptimizerConfig config;
    Arena memory;
    float *m, *v;  /* [n_floats of the trained layout] first and second moments */
    int64_t step;  /* updates done */
    void *scratch; /* for the norm */
} Optimizer;

bool optimizer_create(Optimizer *optimizer, const OptimizerConfig *config, const Model *model,
                      Error *err) R1_MUST_CHECK;
void optimizer_free(Optimizer *optimizer);

/* One update of what is trained (model_trained_weights) from the gradients in its layout, then model_pack_trained. *grad_norm: the global L2 norm before clipping. A norm that is
 * not finite stops with ERROR_BUG naming the first tensor that holds one; nothing has been changed then. */
bool optimizer_update(Optimizer *optimizer, Model *model, const float *gradients, double learning_rate,
                      const Compute *compute, double *grad_norm, Error *err) R1_MUST_CHECK;

/* The norm alone. */
double optimizer_grad_norm(Optimizer *optimizer, const Model *model, const float *gradients, const Compute *compute);

/* Learning-rate schedules, in f64 with the project's own cosine. step counts from 0. Warm-up: base * (step + 1) / warmup_steps while step <
 * warmup_steps. */
typedef enum ScheduleKind { SCHEDULE_CONSTANT, SCHEDULE_COSINE, SCHEDULE_LINEAR } ScheduleKind;
typedef struct Schedule {
    ScheduleKind kind;
    double base;        /* peak learning rate */
    double final_ratio; /* of the peak, at the last step: cosine and linear */
    int64_t warmup_steps, total_steps;
} Schedule;
double schedule_rate(const Schedule *schedule, int64_t step);

#endif
