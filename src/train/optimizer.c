/* SPDX-License-Identifier: MIT */
#include "train/optimizer.h"

#include "num/gemm.h"
#include "num/math.h"

#include <math.h>

bool optimizer_create(Optimizer *o, const OptimizerConfig *config, const Model *model, Error *err)
{
    *o = (Optimizer){.config = *config};
    const ParamLayout *const layout = model_trained_layout(model);
    int64_t max_rows = 1;
    for (int64_t t = 0; t < layout->n_tensors; t++)
        if (layout->tensors[t].rows > max_rows) max_rows = layout->tensors[t].rows;
    const size_t n = (size_t)layout->n_floats, scratch = (size_t)num_sum_squares_scratch_bytes(max_rows);
    const size_t bytes = 2 * arena_piece_bytes(n, sizeof(float)) + arena_piece_bytes(scratch, 1);
    if (!arena_create(&o->memory, "optimizer", bytes, err)) return false;
    o->m = ARENA_ARRAY(&o->memory, float, n, 1);
    o->v = ARENA_ARRAY(&o->memory, float, n, 1);
    o->scratch = arena_take(&o->memory, scratch, 1);
    return true;
}

void optimizer_free(Optimizer *o)
{
    arena_free(&o->memory);
    *o = (Optimizer){0};
}

double optimizer_grad_norm(Optimizer *o, const Model *model, const float *gradients, const Compute *compute)
{
    double sum = 0.0;
    const ParamLayout *const layout = model_trained_layout(model);
    for (int64_t t = 0; t < layout->n_tensors; t++) {
        const ParamTensor *p = &layout->tensors[t];
        const SquaresTensor squares = {gradients + p->offset, p->rows, p->columns};
        sum += num_sum_squares(compute->k, compute->threads, &squares, 1, o->scratch);
    }
    return sqrt(sum);
}

static bool name_not_finite(const Model *model, const float *gradients, Error *err)
{
    const ParamLayout *const layout = model_trained_layout(model);
    for (int64_t t = 0; t < layout->n_tensors; t++) {
        const ParamTensor *p = &layout->tensors[t];
        for (int64_t i = 0; i < p->rows * p->columns; i++)
            if (!isfinite(gradients[p->offset + i]))
                return error_set(err, ERROR_BUG,
                                 "the gradient of \"%s\" is not finite at element %lld: lower the learning rate or "
                                 "look at the batch",
                                 p->name, (long long)i);
    }
    return error_set(err, ERROR_BUG, "the gradient norm overflows: lower the learning rate");
}

typedef struct UpdateRegion {
    const Optimizer *o;
    const Kernels *k;
    float *weights;
    const float *gradients;
    AdamwStep step;
} UpdateRegion;

static void update_part(void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const UpdateRegion *r = context;
    r->k->adamw(r->weights + begin, r->o->m + begin, r->o->v + begin, r->gradients + begin, end - begin, &r->step);
}

bool optimizer_update(Optimizer *o, Model *model, const float *gradients, double learning_rate, const Compute *compute,
                      double *grad_norm, Error *err)
{
    enum { UPDATE_GRAIN = 1 << 14 };
    const OptimizerConfig *c = &o->config;
    const ParamLayout *const layout = model_trained_layout(model);
    *grad_norm = optimizer_grad_norm(o, model, gradients, compute);
    if (!isfinite(*grad_norm)) return name_not_finite(model, gradients, err);
    o->step++;
    const double ratio = c->max_grad_norm > 0 ? c->max_grad_norm / (*grad_norm + 1e-6) : 1.0;
    const double bias1 = 1.0 - math_pow(c->beta1, (double)o->step), bias2 = 1.0 - math_pow(c->beta2, (double)o->step);
    AdamwStep step = {.grad_scale = (float)(ratio < 1.0 ? ratio : 1.0),
                      .beta1 = (float)c->beta1,
                      .one_minus_beta1 = (float)(1.0 - c->beta1),
                      .beta2 = (float)c->beta2,
                      .one_minus_beta2 = (float)(1.0 - c->beta2),
                      .inv_sqrt_bias2 = (float)(1.0 / sqrt(bias2)),
                      .eps = (float)c->eps,
                      .step_size = (float)(learning_rate / bias1)};
    for (int64_t t = 0; t < layout->n_tensors; t++) {
        const ParamTensor *p = &layout->tensors[t];
        if (p->moved_by_rule || p->untrained) continue;
        step.decay = (float)(1.0 - learning_rate * (p->rank == 2 ? c->weight_decay : 0.0));
        UpdateRegion region = {o, compute->k, model_trained_weights(model), gradients, step};
        /* The tensor as a range of the flat buffers; elements are independent. */
        region.weights += p->offset;
        region.gradients += p->offset;
        Optimizer moments = *o;
        moments.m += p->offset;
        moments.v += p->offset;
        region.o = &moments;
        compute_rows(compute, p->rows * p->columns, UPDATE_GRAIN, update_part, &region);
    }
    model_pack_trained(model, compute);
    return true;
}

double schedule_rate(const Schedule *s, int64_t step)
{
    if (step < s->warmup_steps) return s->base * (double)(step + 1) / (double)s->warmup_steps;
    if (s->kind == SCHEDULE_CONSTANT || s->total_steps <= s->warmup_steps + 1) return s->base;
    double at = (double)(step - s->warmup_steps) / (double)(s->total_steps - 1 - s->warmup_steps);
    if (at > 1.0) at = 1.0;
    const double left = s->kind == SCHEDULE_LINEAR ? 1.0 - at : 0.5 * (1.0 + math_cos(3.141592653589793 * at));
    return s->base * (s->final_ratio + (1.0 - s->final_ratio) * left);
}
