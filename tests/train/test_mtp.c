/* SPDX-License-Identifier: MIT */
/* Training of modules that predict further tokens: their loss and gradient against the model in double, the same bits however the batch is
 * cut and run, and modules whose loss is not asked for stay as they are. */
#include "model/reference.h"

#include "train/mtp.h"
#include "train/optimizer.h"

enum { MAX_TOKENS = 64, N_SHAPES = 2 };
static const double WEIGHT = 0.3;

/* Two modules of experts behind an untied head, one dense with a tied one. */
static ModelConfig shape_of(int i)
{
    ModelConfig config = i == 0 ? TINY_DEEPSEEK : TINY_QWEN2;
    config.n_mtp = i == 0 ? 2 : 1;
    config.train_mtp = true;
    if (i == 0) config.n_heads = config.n_kv_heads = 3; /* the double is slow */
    return config;
}

/* Sequences so short that modules have one row or none of them, and one whose beginning is masked. */
static void documents(TinyBatch *b, const ModelConfig *config)
{
    *b = (TinyBatch){.vocab_size = config->vocab_size};
    tiny_add_group(b, 0, 1, (const int64_t[]){13}, 4);
    tiny_add_group(b, 0, 1, (const int64_t[]){1}, 0);
    tiny_add_group(b, 0, 2, (const int64_t[]){2, 19}, 0);
    tiny_add_group(b, 0, 1, (const int64_t[]){3}, 2);
}

typedef struct Losses {
    float weights[MAX_TOKENS];
    SftLoss loss;
} Losses;

static void losses_of(Losses *l, const TrainBatch *batch)
{
    const int64_t n = train_batch_tokens(batch);
    assert_true(n <= MAX_TOKENS);
    for (int64_t t = 0; t < n; t++) l->weights[t] = tiny_uniform(4, 1, t, 0.2f, 1.0f);
    l->loss = (SftLoss){l->weights, sft_inv_total(l->weights, n)};
}

/* ---- in double ---- */

static double sequence_loss(const Reference *r, const TrainSequence *s, const SftLoss *loss, int64_t token,
                            double *further)
{
    const ModelConfig *c = &r->model->config;
    const int64_t D = c->hidden_size, T = s->n_rows;
    double *hidden = base_alloc((size_t)(T * D), sizeof *hidden), *x = base_alloc((size_t)(T * D), sizeof *x),
           *previous = base_alloc((size_t)(T * D), sizeof *previous), sum = 0.0, logprob, entropy;
    reference_forward(r, hidden, s->inputs, T);
    memcpy(previous, hidden, (size_t)(T * D) * sizeof *x);
    for (int64_t depth = 0; depth <= c->n_mtp && depth < T; depth++) {
        if (depth > 0) {
            reference_module(r, x, hidden, previous, s->inputs, T - depth, depth - 1);
            memcpy(previous, x, (size_t)((T - depth) * D) * sizeof *x);
        }
        for (int64_t i = depth > s->first_target ? depth : s->first_target; i < T; i++) {
            const double w = (double)loss->weights[token + i - s->first_target] * loss->inv_total;
            reference_head(r, hidden + (i - depth) * D, s->targets[i], 1.0, &logprob, &entropy);
            sum -= w * logprob * (depth > 0 ? WEIGHT / (double)c->n_mtp : 1.0);
            if (depth > 0) *further -= w * logprob / (double)c->n_mtp;
        }
    }
    base_free(hidden), base_free(x), base_free(previous);
    return sum;
}

static double loss_in_double(const Reference *r, const TrainBatch *batch, const SftLoss *loss, double *further)
{
    double sum = 0.0;
    int64_t token = 0;
    *further = 0.0;
    for (int64_t s = 0; s < batch->n_sequences; s++) {
        sum += sequence_loss(r, &batch->sequences[s], loss, token, further);
        token += batch->sequences[s].n_rows - batch->sequences[s].first_target;
    }
    return sum;
}

/* ---- in f32 ---- */

typedef struct Step {
    float *gradients;
    float logprobs[MAX_TOKENS], entropies[MAX_TOKENS];
    double mtp_loss;
} Step;

static Step step_of(Model *model, const Compute *compute, const TrainBatch *batch, const SftLoss *loss, TinyHow how)
{
    Error err = {0};
    Trainer trainer;
    Step step = {.gradients = base_alloc((size_t)model->layout.n_floats, sizeof(float))};
    ASSERT_OK(trainer_create(&trainer, model, compute, how.micro_batch_tokens, how.shards, how.recompute, &err), err);
    for (int again = 0; again < 2; again++) /* the second time lists and gradients have been used */
        ASSERT_OK(trainer_mtp_gradient(&trainer, model, batch, loss, WEIGHT, step.logprobs, step.entropies,
                                       &step.mtp_loss, &err),
                  err);
    memcpy(step.gradients, trainer.gradients[0].flat, (size_t)model->layout.n_floats * sizeof(float));
    trainer_free(&trainer);
    return step;
}

static void check_tensor(const Reference *r, const TrainBatch *batch, const SftLoss *loss, const ParamTensor *tensor,
                         const float *gradient)
{
    const double h = 1e-5;
    const int64_t n = tensor->rows * tensor->columns;
    int64_t largest = 0;
    double ignored;
    for (int64_t i = 1; i < n; i++)
        if (fabsf(gradient[i]) > fabsf(gradient[largest])) largest = i;
    for (int e = 0; e < (strstr(tensor->name, ".experts.") ? 1 : 2); e++) {
        const int64_t i =
            e == 0 ? largest : (int64_t)(rng_bits((Rng){5, RNG_TEST}, (uint64_t)tensor->offset, 0, 1) % (uint64_t)n);
        double *const weight = r->weights + tensor->offset + i, keep = *weight;
        *weight = keep + h;
        const double above = loss_in_double(r, batch, loss, &ignored);
        *weight = keep - h;
        const double below = loss_in_double(r, batch, loss, &ignored), want = (above - below) / (2.0 * h);
        *weight = keep;
        if (!(fabs(want - (double)gradient[i]) <= 2e-5 * fabs((double)gradient[largest]) + 2e-7))
            fail_msg("%s[%lld]: gradient %.9g, difference %.9g (largest entry %g)", tensor->name, (long long)i,
                     (double)gradient[i], want, (double)gradient[largest]);
    }
}

static void loss_and_gradient_are_those_of_the_double(void **state)
{
    (void)state;
    for (int s = 0; s < N_SHAPES; s++) {
        const ModelConfig config = shape_of(s);
        TinyCompute one;
        Model model;
        TinyBatch b;
        Losses l;
        double further;
        tiny_compute_create(&one, tiny_fastest(), 1);
        tiny_model_create(&model, &config, &one.compute);
        documents(&b, &config);
        losses_of(&l, &b.batch);
        Step step = step_of(&model, &one.compute, &b.batch, &l.loss, (TinyHow){.micro_batch_tokens = 16, .shards = 1});
        Reference r = reference_create(&model);
        (void)loss_in_double(&r, &b.batch, &l.loss, &further);
        assert_true(further > 0.1 && fabs(further - step.mtp_loss) <= 1e-5);
        for (int64_t t = 0; t < model.layout.n_tensors; t++) {
            const ParamTensor *p = &model.layout.tensors[t];
            check_tensor(&r, &b.batch, &l.loss, p, step.gradients + p->offset);
        }
        reference_free(&r);
        base_free(step.gradients);
        model_free(&model);
        tiny_compute_free(&one);
    }
}

typedef struct Way {
    Isa isa;
    int n_threads;
    TinyHow how;
} Way;

static void bits_depend_on_neither_cuts_nor_threads_nor_isa(void **state)
{
    (void)state;
    static const Way WAYS[] = {
        {ISA_C, 1, {.micro_batch_tokens = 1000, .shards = 1}},
        {ISA_C, 1, {.micro_batch_tokens = 1, .shards = 1}},
        {ISA_C, 3, {.micro_batch_tokens = 20, .shards = 1}},
        {ISA_C, 2, {.micro_batch_tokens = 20, .shards = 1, .recompute = true}},
        {ISA_AVX2, 2, {.micro_batch_tokens = 7, .shards = 1}},
        {ISA_AVX512, 1, {.micro_batch_tokens = 30, .shards = 1, .recompute = true}},
    };
    for (int s = 0; s < N_SHAPES; s++) {
        const ModelConfig config = shape_of(s);
        Step first = {0};
        for (size_t i = 0; i < sizeof WAYS / sizeof *WAYS; i++) {
            const Way *way = &WAYS[i];
            TinyCompute c;
            Model model;
            TinyBatch b;
            Losses l;
            char what[80];
            if (!cpu_has(way->isa)) continue;
            snprintf(what, sizeof what, "shape %d, way %zu", s, i);
            tiny_compute_create(&c, way->isa, way->n_threads);
            tiny_model_create(&model, &config, &c.compute);
            documents(&b, &config);
            losses_of(&l, &b.batch);
            Step step = step_of(&model, &c.compute, &b.batch, &l.loss, way->how);
            if (i == 0) {
                first = step;
            } else {
                assert_bits(first.logprobs, step.logprobs, train_batch_tokens(&b.batch), what);
                assert_bits(first.gradients, step.gradients, model.layout.n_floats, what);
                assert_true(first.mtp_loss == step.mtp_loss);
                base_free(step.gradients);
            }
            model_free(&model);
            tiny_compute_free(&c);
        }
        base_free(first.gradients);
    }
}

/* The model's own numbers are those of a model without modules, and untrained modules are not even decayed. */
static void modules_without_a_loss_change_nothing_and_stay(void **state)
{
    (void)state;
    ModelConfig config = shape_of(0);
    config.train_mtp = false;
    TinyCompute one;
    Model model;
    TinyBatch b;
    Losses l;
    Error err = {0};
    Optimizer optimizer;
    double norm;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, &config, &one.compute);
    documents(&b, &config);
    losses_of(&l, &b.batch);
    const TinyHow how = {.micro_batch_tokens = 16, .shards = 1};
    TinyStep plain = tiny_step(&model, &one.compute, &b.batch, how, 1.0f, (TinyLoss){.scale = 0.1});
    float *const before = base_alloc((size_t)model.layout.n_floats, sizeof *before);
    memcpy(before, model.weights, (size_t)model.layout.n_floats * sizeof *before);
    ASSERT_OK(optimizer_create(&optimizer,
                               &(OptimizerConfig){.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1},
                               &model, &err),
              err);
    ASSERT_OK(optimizer_update(&optimizer, &model, plain.gradients, 0.01, &one.compute, &norm, &err), err);
    for (int64_t t = 0; t < model.layout.n_tensors; t++) {
        const ParamTensor *p = &model.layout.tensors[t];
        const bool moved =
            memcmp(before + p->offset, model.weights + p->offset, (size_t)(p->rows * p->columns) * sizeof *before) != 0;
        const bool of_module =
            strncmp(p->name, "model.layers.3.", 15) == 0 || strncmp(p->name, "model.layers.4.", 15) == 0;
        assert_int_equal(moved, !of_module && !p->moved_by_rule);
    }
    model_train_mtp(&model);
    memcpy(model.weights, before, (size_t)model.layout.n_floats * sizeof *before);
    model_pack(&model, &one.compute);
    Step trained = step_of(&model, &one.compute, &b.batch, &l.loss, how);
    assert_bits(plain.logprobs, trained.logprobs, plain.n_tokens, "the model's log-probabilities");
    base_free(trained.gradients);
    base_free(before);
    optimizer_free(&optimizer);
    tiny_step_free(&plain);
    model_free(&model);
    tiny_compute_free(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loss_and_gradient_are_those_of_the_double),
        cmocka_unit_test(bits_depend_on_neither_cuts_nor_threads_nor_isa),
        cmocka_unit_test(modules_without_a_loss_change_nothing_and_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
