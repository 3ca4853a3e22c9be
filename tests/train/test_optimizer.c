/* SPDX-License-Identifier: MIT */
/* AdamW against a plain f64 reading of the paper, the global norm, what a gradient that is not finite does, and the schedules. */
#include "model/tiny.h"

#include "train/optimizer.h"

static const OptimizerConfig CONFIG = {
    .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1, .max_grad_norm = 0.5};

/* Gradients that differ by tensor and step, with pads poisoned: they are no parameters. */
static void fill_gradients(const Model *model, float *gradients, int64_t step, float size)
{
    for (int64_t i = 0; i < model->layout.n_floats; i++) gradients[i] = NAN;
    for (int64_t t = 0; t < model->layout.n_tensors; t++) {
        const ParamTensor *p = &model->layout.tensors[t];
        for (int64_t i = 0; i < p->rows * p->columns; i++)
            gradients[p->offset + i] = tiny_uniform(21, (uint64_t)(100 * step + t), i, -size, size);
    }
}

static double plain_norm(const Model *model, const float *gradients)
{
    double sum = 0.0;
    for (int64_t t = 0; t < model->layout.n_tensors; t++) {
        const ParamTensor *p = &model->layout.tensors[t];
        for (int64_t i = p->offset; i < p->offset + p->rows * p->columns; i++)
            sum += (double)gradients[i] * (double)gradients[i];
    }
    return sqrt(sum);
}

typedef struct Reference {
    double *p, *m, *v;
} Reference;

/* Loshchilov & Hutter: decay first, then the step with both biases corrected. */
static void plain_step(Reference *r, const Model *model, const OptimizerConfig *c, const float *gradients, double rate,
                       int64_t step)
{
    const double norm = plain_norm(model, gradients);
    const double clip = c->max_grad_norm > 0 ? fmin(1.0, c->max_grad_norm / (norm + 1e-6)) : 1.0;
    for (int64_t t = 0; t < model->layout.n_tensors; t++) {
        const ParamTensor *p = &model->layout.tensors[t];
        for (int64_t i = p->offset; i < p->offset + p->rows * p->columns; i++) {
            const double g = (double)gradients[i] * clip;
            if (p->rank == 2) r->p[i] -= rate * c->weight_decay * r->p[i];
            r->m[i] = c->beta1 * r->m[i] + (1 - c->beta1) * g;
            r->v[i] = c->beta2 * r->v[i] + (1 - c->beta2) * g * g;
            const double m = r->m[i] / (1 - pow(c->beta1, (double)step)),
                         v = r->v[i] / (1 - pow(c->beta2, (double)step));
            r->p[i] -= rate * m / (sqrt(v) + c->eps);
        }
    }
}

static void check_reference(const Reference *r, const Model *model, int64_t step)
{
    for (int64_t t = 0; t < model->layout.n_tensors; t++) {
        const ParamTensor *p = &model->layout.tensors[t];
        for (int64_t i = p->offset; i < p->offset + p->rows * p->columns; i++)
            if (fabs((double)model->weights[i] - r->p[i]) > 1e-6)
                fail_msg("step %lld, %s[%lld]: %.9g, expected %.9g", (long long)step, p->name,
                         (long long)(i - p->offset), (double)model->weights[i], r->p[i]);
    }
}

static void check_updates(const ModelConfig *shape, const OptimizerConfig *config, float size)
{
    TinyCompute one;
    Model model;
    Optimizer optimizer;
    Error err = {0};
    tiny_compute_create(&one, ISA_C, 1);
    tiny_model_create(&model, shape, &one.compute);
    ASSERT_OK(optimizer_create(&optimizer, config, &model, &err), err);
    const size_t n = (size_t)model.layout.n_floats;
    float *gradients = base_alloc(n, sizeof *gradients);
    Reference r = {base_alloc(n, sizeof(double)), base_alloc(n, sizeof(double)), base_alloc(n, sizeof(double))};
    for (size_t i = 0; i < n; i++) r.p[i] = (double)model.weights[i];
    for (int64_t step = 1; step <= 8; step++) {
        const double rate = 1e-3 * (double)step;
        double norm;
        const uint64_t version = model.version;
        fill_gradients(&model, gradients, step, size);
        ASSERT_OK(optimizer_update(&optimizer, &model, gradients, rate, &one.compute, &norm, &err), err);
        assert_int_equal(optimizer.step, step);
        assert_true(model.version > version);
        assert_true(fabs(norm / plain_norm(&model, gradients) - 1) < 1e-6);
        plain_step(&r, &model, config, gradients, rate, step);
        check_reference(&r, &model, step);
    }
    base_free(r.p);
    base_free(r.m);
    base_free(r.v);
    base_free(gradients);
    optimizer_free(&optimizer);
    model_free(&model);
    tiny_compute_free(&one);
}

static void updates_are_those_of_the_paper(void **state)
{
    (void)state;
    check_updates(&TINY_QWEN2, &CONFIG, 0.5f);  /* clipped hard */
    check_updates(&TINY_LLAMA, &CONFIG, 1e-3f); /* under the bound */
    OptimizerConfig free_running = CONFIG;
    free_running.max_grad_norm = 0.0;
    free_running.weight_decay = 0.0;
    check_updates(&TINY_QWEN2, &free_running, 3.0f);
}

/* Ten steps of training, everything varied that may not matter; the trainer's own gradients. */
static void train(Model *model, const ModelConfig *shape, Isa isa, int n_threads, int64_t micro_batch_tokens,
                  bool recompute)
{
    TinyCompute c;
    TinyBatch b;
    Trainer trainer;
    Optimizer optimizer;
    Error err = {0};
    float logprobs[1024];
    tiny_compute_create(&c, isa, n_threads);
    tiny_model_create(model, shape, &c.compute);
    tiny_batch_create(&b, shape);
    ASSERT_OK(trainer_create(&trainer, model, &c.compute, micro_batch_tokens, 2, recompute, &err), err);
    ASSERT_OK(optimizer_create(&optimizer, &CONFIG, model, &err), err);
    TinyLoss loss = {.scale = -0.01, .entropy = true};
    for (int step = 0; step < 10; step++) {
        double norm;
        ASSERT_OK(trainer_gradient(&trainer, model, &b.batch, 1.0f, tiny_loss, &loss, logprobs, NULL, &err), err);
        ASSERT_OK(optimizer_update(&optimizer, model, trainer.gradients[0].flat, 1e-2, &c.compute, &norm, &err), err);
    }
    optimizer_free(&optimizer);
    trainer_free(&trainer);
    tiny_compute_free(&c);
}

static void ten_steps_end_in_the_same_weights_everywhere(void **state)
{
    (void)state;
    static const ModelConfig *const shapes[] = {&TINY_LLAMA, &TINY_QWEN3, &TINY_LORA};
    for (int s = 0; s < 3; s++) {
        Model want;
        train(&want, shapes[s], ISA_C, 1, 100000, false);
        for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++) {
            if (!cpu_has(isa)) {
                print_message("skipped: this machine has no %s\n", cpu_isa_name(isa));
                continue;
            }
            Model got;
            train(&got, shapes[s], isa, 1 + (int)isa, 30, isa == ISA_AVX2);
            assert_bits(want.weights, got.weights, want.layout.n_floats, cpu_isa_name(isa));
            assert_bits(want.lora.weights, got.lora.weights, want.lora.layout.n_floats, cpu_isa_name(isa));
            model_free(&got);
        }
        model_free(&want);
    }
}

static void the_panels_follow_the_weights(void **state)
{
    (void)state;
    TinyCompute one;
    Model model;
    Optimizer optimizer;
    Error err = {0};
    double norm;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, &TINY_QWEN2, &one.compute);
    ASSERT_OK(optimizer_create(&optimizer, &CONFIG, &model, &err), err);
    float *gradients = base_alloc((size_t)model.layout.n_floats, sizeof *gradients);
    fill_gradients(&model, gradients, 1, 1.0f);
    ASSERT_OK(optimizer_update(&optimizer, &model, gradients, 0.01, &one.compute, &norm, &err), err);
    const size_t panels = (size_t)(model.memory.used_bytes / sizeof(float)) -
                          (size_t)(model.panels - (float *)(void *)model.memory.memory);
    float *before = base_alloc(panels, sizeof *before);
    memcpy(before, model.panels, panels * sizeof *before);
    model_pack(&model, &one.compute);
    assert_memory_equal(before, model.panels, panels * sizeof *before);
    base_free(before);
    base_free(gradients);
    optimizer_free(&optimizer);
    model_free(&model);
    tiny_compute_free(&one);
}

static void a_gradient_that_is_not_finite_changes_nothing_and_is_named(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
    TinyCompute one;
    Model model;
    Optimizer optimizer;
    double norm;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, &TINY_QWEN2, &one.compute);
    Error err = {0};
    ASSERT_OK(optimizer_create(&optimizer, &CONFIG, &model, &err), err);
    const size_t n = (size_t)model.layout.n_floats;
    float *gradients = base_alloc(n, sizeof *gradients), *keep = base_alloc(n, sizeof *keep);
    memcpy(keep, model.weights, n * sizeof *keep);
    const ParamTensor *tensor = param_layout_find(&model.layout, "model.layers.1.mlp.up_proj.weight");
    for (int b = 0; b < 4; b++) {
        fill_gradients(&model, gradients, 1, 1.0f);
        gradients[tensor->offset + 77] = bad[b];
        const uint64_t version = model.version;
        assert_false(optimizer_update(&optimizer, &model, gradients, 0.01, &one.compute, &norm, &err));
        assert_int_equal(err.kind, ERROR_BUG);
        if (b < 3) {
            assert_non_null(strstr(err.text, "model.layers.1.mlp.up_proj.weight"));
            assert_non_null(strstr(err.text, "element 77"));
        } else {
            assert_non_null(strstr(err.text, "overflow"));
        }
        assert_int_equal(optimizer.step, 0);
        assert_int_equal(model.version, version);
        assert_memory_equal(keep, model.weights, n * sizeof *keep);
        for (size_t i = 0; i < n; i++) assert_true(optimizer.m[i] == 0.0f && optimizer.v[i] == 0.0f);
    }
    base_free(keep);
    base_free(gradients);
    optimizer_free(&optimizer);
    model_free(&model);
    tiny_compute_free(&one);
}

static void assert_rate(const Schedule *s, int64_t step, double want)
{
    const double got = schedule_rate(s, step);
    if (fabs(got - want) > 1e-12 * fmax(fabs(want), s->base))
        fail_msg("rate at step %lld is %.17g, expected %.17g", (long long)step, got, want);
}

static void schedules_warm_up_and_come_down(void **state)
{
    (void)state;
    const Schedule constant = {.kind = SCHEDULE_CONSTANT, .base = 3e-6, .warmup_steps = 4, .total_steps = 10};
    assert_rate(&constant, 0, 0.75e-6);
    assert_rate(&constant, 3, 3e-6);
    assert_rate(&constant, 4, 3e-6);
    assert_rate(&constant, 1000, 3e-6);
    /* The paper's SFT: cosine from 5e-5 to 5e-6. */
    const Schedule cosine = {.kind = SCHEDULE_COSINE, .base = 5e-5, .final_ratio = 0.1, .total_steps = 101};
    assert_rate(&cosine, 0, 5e-5);
    assert_rate(&cosine, 50, 2.75e-5);
    assert_rate(&cosine, 100, 5e-6);
    assert_rate(&cosine, 200, 5e-6);
    assert_rate(&cosine, 25, 5e-5 * (0.1 + 0.9 * 0.5 * (1 + sqrt(0.5))));
    const Schedule linear = {
        .kind = SCHEDULE_LINEAR, .base = 1.0, .final_ratio = 0.0, .warmup_steps = 10, .total_steps = 21};
    assert_rate(&linear, 9, 1.0);
    assert_rate(&linear, 10, 1.0);
    assert_rate(&linear, 15, 0.5);
    assert_rate(&linear, 20, 0.0);
    /* Runs too short to come down in. */
    const Schedule brief = {.kind = SCHEDULE_COSINE, .base = 1.0, .warmup_steps = 2, .total_steps = 3};
    assert_rate(&brief, 0, 0.5);
    assert_rate(&brief, 2, 1.0);
    const Schedule single = {.kind = SCHEDULE_LINEAR, .base = 1.0, .total_steps = 1};
    assert_rate(&single, 0, 1.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(updates_are_those_of_the_paper),
        cmocka_unit_test(ten_steps_end_in_the_same_weights_everywhere),
        cmocka_unit_test(the_panels_follow_the_weights),
        cmocka_unit_test(a_gradient_that_is_not_finite_changes_nothing_and_is_named),
        cmocka_unit_test(schedules_warm_up_and_come_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
