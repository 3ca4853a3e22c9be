/* SPDX-License-Identifier: MIT */
/* The whole model's gradient against finite differences: embedding, attention, gates, norms, biases, shared prompts, head, temperature and
 * entropy at once.
 *
 * The forward is f32, so its noise (about 1e-7 of a log-probability) is divided by the step: steps must be large, and the four-point formula
 *   f'(x) = (8 (f(x + h) - f(x - h)) - (f(x + 2h) - f(x - 2h))) / 12 h + O(h^4)
 * allows that. Measured on both models: the error is below 4e-4 of the tensor's largest entry or below 2e-5. */
#include "model/tiny.h"

static const TinyHow PLAIN = {.micro_batch_tokens = 64, .shards = 1};
enum { ENTRIES = 5 };

typedef struct Probe {
    Model *model;
    const Compute *compute;
    const TrainBatch *batch;
    Trainer trainer;
    float inv_temperature;
    TinyLoss loss;
    float *logprobs, *entropies;
} Probe;

/* The loss with weight i moved by `by`, summed in f64. */
static double loss_at(Probe *p, int64_t i, float by)
{
    Error err = {0};
    const float keep = p->model->weights[i];
    p->model->weights[i] = keep + by;
    model_pack(p->model, p->compute);
    ASSERT_OK(trainer_logprobs(&p->trainer, p->model, p->batch, p->inv_temperature, p->logprobs, p->entropies, &err),
              err);
    p->model->weights[i] = keep;
    return tiny_loss_value(&p->loss, p->logprobs, p->entropies, train_batch_tokens(p->batch));
}

static double finite_difference(Probe *p, int64_t i)
{
    const float h = 0x1p-7f;
    const double near = loss_at(p, i, h) - loss_at(p, i, -h), far = loss_at(p, i, 2 * h) - loss_at(p, i, -2 * h);
    return (8.0 * near - far) / (12.0 * (double)h);
}

static void check_tensor(Probe *p, const TinyStep *step, const ParamTensor *tensor)
{
    const int64_t n = tensor->rows * tensor->columns;
    const float *gradient = step->gradients + tensor->offset;
    int64_t largest = 0;
    for (int64_t i = 1; i < n; i++)
        if (fabsf(gradient[i]) > fabsf(gradient[largest])) largest = i;
    /* Noise of the forward over the step; and a bias of keys has (nearly) no gradient, since it moves a row's scores alike. */
    const double allowed = 5e-4 * fabs((double)gradient[largest]) + 3e-5;
    for (int e = 0; e < ENTRIES; e++) {
        const int64_t i =
            e == 0 ? largest
                   : (int64_t)(rng_bits((Rng){5, RNG_TEST}, (uint64_t)tensor->offset, 0, (uint64_t)e) % (uint64_t)n);
        const double want = finite_difference(p, tensor->offset + i);
        if (!(fabs(want - (double)gradient[i]) <= allowed))
            fail_msg("%s[%lld]: gradient %g, finite difference %g (largest entry %g)", tensor->name, (long long)i,
                     (double)gradient[i], want, (double)gradient[largest]);
    }
}

static void check_model(const ModelConfig *config, TinyLoss loss, float inv_temperature)
{
    TinyCompute one;
    Model model;
    TinyBatch b;
    Error err = {0};
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, config, &one.compute);
    tiny_batch_create(&b, config);
    TinyStep step = tiny_step(&model, &one.compute, &b.batch, PLAIN, inv_temperature, loss);
    Probe p = {
        .model = &model, .compute = &one.compute, .batch = &b.batch, .inv_temperature = inv_temperature, .loss = loss};
    p.logprobs = base_alloc((size_t)step.n_tokens, sizeof(float));
    p.entropies = base_alloc((size_t)step.n_tokens, sizeof(float));
    ASSERT_OK(trainer_create(&p.trainer, &model, &one.compute, 100000, 1, false, &err), err);
    for (int64_t t = 0; t < model.layout.n_tensors; t++) check_tensor(&p, &step, &model.layout.tensors[t]);
    trainer_free(&p.trainer);
    base_free(p.logprobs);
    base_free(p.entropies);
    tiny_step_free(&step);
    model_free(&model);
    tiny_compute_free(&one);
}

static void gradient_of_log_probabilities_is_that_of_finite_differences(void **state)
{
    (void)state;
    check_model(&TINY_QWEN2, (TinyLoss){.scale = 0.05}, 1.0f);
    check_model(&TINY_LLAMA, (TinyLoss){.scale = 0.05}, 1.0f);
    check_model(&TINY_QWEN3, (TinyLoss){.scale = 0.05}, 1.0f);
}

static void gradient_with_entropy_and_temperature_is_that_of_finite_differences(void **state)
{
    (void)state;
    check_model(&TINY_QWEN2, (TinyLoss){.scale = 0.05, .entropy = true}, 1.0f / 0.7f);
    check_model(&TINY_LLAMA, (TinyLoss){.scale = 0.05, .entropy = true}, 1.0f / 1.6f);
    check_model(&TINY_QWEN3, (TinyLoss){.scale = 0.05, .entropy = true}, 1.0f / 0.9f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_of_log_probabilities_is_that_of_finite_differences),
        cmocka_unit_test(gradient_with_entropy_and_temperature_is_that_of_finite_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
