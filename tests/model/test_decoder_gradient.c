/* SPDX-License-Identifier: MIT */
/* The whole model against itself in double: its log-probabilities and entropies, and its gradient against central differences of the
 * double: embedding, attention, gates, norms, biases, adapters, shared prompts, head, temperature and entropy at once. */
#include "model/reference.h"

static const TinyHow PLAIN = {.micro_batch_tokens = 24, .shards = 1};
enum { ENTRIES = 4, MAX_TOKENS = 128 };

/* A prompt longer than a block of keys that two completions share, and a document whose beginning is masked. */
static void small_batch(TinyBatch *b, const ModelConfig *config)
{
    *b = (TinyBatch){.vocab_size = config->vocab_size};
    tiny_add_group(b, 17, 2, (const int64_t[]){3, 6}, 0);
    tiny_add_group(b, 0, 1, (const int64_t[]){12}, 4);
    tiny_add_group(b, 1, 1, (const int64_t[]){2}, 0);
}

typedef struct Probe {
    Reference reference;
    const TrainBatch *batch;
    float inv_temperature;
    TinyLoss loss;
} Probe;

static double loss_of(const Probe *p)
{
    double logprobs[MAX_TOKENS], entropies[MAX_TOKENS], sum = 0.0;
    reference_batch(&p->reference, p->batch, (double)p->inv_temperature, logprobs, entropies);
    for (int64_t t = 0; t < train_batch_tokens(p->batch); t++) {
        sum += (double)(float)(p->loss.scale * (double)tiny_loss_a(t)) * logprobs[t];
        if (p->loss.entropy) sum += (double)(float)(p->loss.scale * (double)tiny_loss_b(t)) * entropies[t];
    }
    return sum;
}

static double finite_difference(const Probe *p, double *weight)
{
    const double h = 1e-5, keep = *weight;
    *weight = keep + h;
    const double above = loss_of(p);
    *weight = keep - h;
    const double below = loss_of(p);
    *weight = keep;
    return (above - below) / (2.0 * h);
}

/* The largest entry and some at random. `trained`: the reference's copy of what the gradient is of. */
static void check_tensor(const Probe *p, double *trained, const float *gradient, const ParamTensor *tensor)
{
    const int64_t n = tensor->rows * tensor->columns;
    int64_t largest = 0;
    for (int64_t i = 1; i < n; i++)
        if (fabsf(gradient[i]) > fabsf(gradient[largest])) largest = i;
    /* f32 against double; a bias of keys has (nearly) no gradient, since it moves a row's scores alike. */
    const double allowed = 2e-5 * fabs((double)gradient[largest]) + 2e-7;
    const int n_entries = strstr(tensor->name, ".experts.") ? 2 : ENTRIES; /* there are many of them */
    for (int e = 0; e < n_entries; e++) {
        const int64_t i =
            e == 0 ? largest
                   : (int64_t)(rng_bits((Rng){5, RNG_TEST}, (uint64_t)tensor->offset, 0, (uint64_t)e) % (uint64_t)n);
        const double want = finite_difference(p, trained + i);
        if (!(fabs(want - (double)gradient[i]) <= allowed))
            fail_msg("%s[%lld]: gradient %.9g, difference %.9g (largest entry %g)", tensor->name, (long long)i,
                     (double)gradient[i], want, (double)gradient[largest]);
    }
}

static void check_forward(const Probe *p, const TinyStep *step)
{
    double logprobs[MAX_TOKENS], entropies[MAX_TOKENS];
    reference_batch(&p->reference, p->batch, (double)p->inv_temperature, logprobs, entropies);
    for (int64_t t = 0; t < step->n_tokens; t++)
        if (!(fabs(logprobs[t] - (double)step->logprobs[t]) <= 2e-5 &&
              fabs(entropies[t] - (double)step->entropies[t]) <= 2e-5))
            fail_msg("token %lld: logprob %g, in double %g; entropy %g, in double %g", (long long)t,
                     (double)step->logprobs[t], logprobs[t], (double)step->entropies[t], entropies[t]);
}

static void check_model(const ModelConfig *shape, TinyLoss loss, float inv_temperature)
{
    ModelConfig fewer_heads = *shape;
    const ModelConfig *const config = &fewer_heads;
    if (model_has_mla(shape)) fewer_heads.n_heads = fewer_heads.n_kv_heads = 3; /* the double is slow */
    TinyCompute one;
    Model model;
    TinyBatch b;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, config, &one.compute);
    small_batch(&b, config);
    TinyStep step = tiny_step(&model, &one.compute, &b.batch, PLAIN, inv_temperature, loss);
    assert_true(step.n_tokens <= MAX_TOKENS);
    Probe p = {reference_create(&model), &b.batch, inv_temperature, loss};
    check_forward(&p, &step);
    const ParamLayout *layout = model_trained_layout(&model);
    double *trained = config->lora.rank > 0 ? p.reference.adapters : p.reference.weights;
    for (int64_t t = 0; t < layout->n_tensors; t++) {
        const int64_t at = layout->tensors[t].offset;
        check_tensor(&p, trained + at, step.gradients + at, &layout->tensors[t]);
    }
    reference_free(&p.reference);
    tiny_step_free(&step);
    model_free(&model);
    tiny_compute_free(&one);
}

static void gradient_of_log_probabilities_is_that_of_finite_differences(void **state)
{
    (void)state;
    for (int c = 0; c < N_TINY_CONFIGS; c++) check_model(TINY_CONFIGS[c], (TinyLoss){.scale = 0.05}, 1.0f);
}

static void gradient_with_entropy_and_temperature_is_that_of_finite_differences(void **state)
{
    (void)state;
    for (int c = 0; c < N_TINY_CONFIGS; c++)
        check_model(TINY_CONFIGS[c], (TinyLoss){.scale = 0.05, .entropy = true}, 1.0f / (0.7f + 0.3f * (float)c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradient_of_log_probabilities_is_that_of_finite_differences),
        cmocka_unit_test(gradient_with_entropy_and_temperature_is_that_of_finite_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
