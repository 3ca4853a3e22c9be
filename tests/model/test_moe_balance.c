/* SPDX-License-Identifier: MIT */
/* Balancing of experts: the bias follows integer loads, the balance loss has its gradient, and neither knows how a batch is cut. */
#include "model/tiny.h"

#include "model/moe_balance.h"

static const double COEF = 0.3;

static void bias_follows_the_loads(void **state)
{
    (void)state;
    TinyCompute one;
    Model model;
    tiny_compute_create(&one, ISA_C, 1);
    tiny_model_create(&model, &TINY_DEEPSEEK, &one.compute);
    /* Layer 0 is dense. Means: 4 in layer 1, 1.5 in layer 2. */
    const int64_t loads[24] = {0, 0, 0, 0, 0, 0, 0, 0, 4, 5, 3, 4, 32 - 20, 0, 4, 0, 1, 2, 1, 2, 1, 2, 1, 2};
    static const int way[16] = {0, -1, 1, 0, -1, 1, 0, 1, 1, -1, 1, -1, 1, -1, 1, -1};
    const uint64_t version = model.version;
    float before[16], want[16], got[16];
    for (int i = 0; i < 16; i++) {
        before[i] = model.weights[model.layout.layers[1 + i / 8].moe.bias + i % 8];
        want[i] = way[i] > 0 ? before[i] + 0.125f : way[i] < 0 ? before[i] - 0.125f : before[i];
    }
    moe_update_bias(&model, loads, 0.125f);
    for (int i = 0; i < 16; i++) got[i] = model.weights[model.layout.layers[1 + i / 8].moe.bias + i % 8];
    assert_bits(want, got, 16, "correction bias");
    assert_true(model.version > version);
    model_free(&model);
    tiny_compute_free(&one);
}

typedef struct Step {
    Trainer trainer;
    float *logprobs, *entropies;
    TinyLoss loss;
} Step;

static void step_run(Step *s, Model *model, const Compute *compute, const TrainBatch *batch, TinyHow how, double scale)
{
    Error err = {0};
    const size_t n = (size_t)train_batch_tokens(batch);
    *s = (Step){.loss = {.scale = scale}};
    s->logprobs = base_alloc(n, sizeof(float));
    s->entropies = base_alloc(n, sizeof(float));
    ASSERT_OK(trainer_create(&s->trainer, model, compute, how.micro_batch_tokens, how.shards, how.recompute, &err),
              err);
    s->trainer.balance_coef = COEF;
    ASSERT_OK(trainer_gradient(&s->trainer, model, batch, 1.0f, tiny_loss, &s->loss, s->logprobs, s->entropies, &err),
              err);
}

static void step_free(Step *s)
{
    trainer_free(&s->trainer);
    base_free(s->logprobs);
    base_free(s->entropies);
}

/* sum_e f_e P_e of the rows [row, row + n). */
static double run_loss(const MoeConfig *c, const MoeActivations *a, int64_t row, int64_t n)
{
    double loss = 0.0;
    for (int64_t e = 0; e < c->n_experts; e++) {
        double f = 0.0, p = 0.0;
        for (int64_t t = row; t < row + n; t++) {
            double sum = 0.0;
            for (int64_t j = 0; j < c->n_experts; j++) sum += (double)a->scores[t * c->n_experts + j];
            p += (double)a->scores[t * c->n_experts + e] / sum;
            for (int64_t i = 0; i < c->n_chosen; i++) f += a->chosen[t * c->n_chosen + i] == e;
        }
        loss += f * (double)c->n_experts / (double)(c->n_chosen * n) * p / (double)n;
    }
    return loss;
}

/* Of the whole batch, from what a forward of all of it in one micro-batch has left. */
static double balance_loss(Step *s, Model *model, const Compute *compute, const TrainBatch *batch)
{
    Error err = {0};
    const ModelConfig *c = &model->config;
    double loss = 0.0;
    int64_t row = 0, n_runs = 0;
    model_pack(model, compute);
    ASSERT_OK(trainer_logprobs(&s->trainer, model, batch, 1.0f, s->logprobs, s->entropies, &err), err);
    for (int64_t g = 0; g < batch->n_groups; g++) {
        const TrainGroup *group = &batch->groups[g];
        for (int64_t i = 0; i <= group->n_sequences; i++) {
            const int64_t n =
                i < group->n_sequences ? batch->sequences[group->first_sequence + i].n_rows : group->n_prompt;
            if (n == 0) continue;
            for (int64_t l = c->moe.first_layer; l < c->n_layers; l++)
                loss += run_loss(&c->moe, &s->trainer.workspace.layers[l].moe, row, n);
            row += n;
            n_runs++;
        }
    }
    return COEF * loss / (double)n_runs;
}

static void check_gradient(bool softmax)
{
    ModelConfig config = TINY_DEEPSEEK;
    config.moe.softmax = softmax;
    TinyCompute one;
    Model model;
    TinyBatch b;
    Step s;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, &config, &one.compute);
    /* Biases whose sums lie further apart than scores choose: f must not jump. */
    for (int64_t l = 1; l < 3; l++)
        for (int64_t e = 0; e < 8; e++)
            model.weights[model.layout.layers[l].moe.bias + e] = (float)(3 << (5 * e + l) % 8);
    tiny_batch_create(&b, &config);
    step_run(&s, &model, &one.compute, &b.batch, (TinyHow){.micro_batch_tokens = 100000, .shards = 1}, 0.0);
    const float *gradient = s.trainer.gradients[0].flat;
    int64_t n_checked = 0;
    for (int64_t t = 0; t < model.layout.n_tensors; t++) {
        const ParamTensor *p = &model.layout.tensors[t];
        int64_t i = p->offset;
        for (int64_t j = p->offset; j < p->offset + p->rows * p->columns; j++)
            if (fabsf(gradient[j]) > fabsf(gradient[i])) i = j;
        if (gradient[i] == 0.0f) continue; /* behind the last gate */
        const float keep = model.weights[i], h = 0x1p-8f;
        double at[4];
        for (int k = 0; k < 4; k++) {
            model.weights[i] = keep + h * (float)(k < 2 ? k - 2 : k - 1);
            at[k] = balance_loss(&s, &model, &one.compute, &b.batch);
        }
        model.weights[i] = keep;
        const double want = (8.0 * (at[2] - at[1]) - (at[3] - at[0])) / (12.0 * (double)h);
        if (fabs(want - (double)gradient[i]) > 2e-3 * fabs(want) + 2e-5)
            fail_msg("%s[%lld]: gradient %g, finite difference %g", p->name, (long long)(i - p->offset),
                     (double)gradient[i], want);
        n_checked++;
    }
    assert_true(n_checked > 20);
    step_free(&s);
    model_free(&model);
    tiny_compute_free(&one);
}

static void balance_gradient_is_that_of_finite_differences(void **state)
{
    (void)state;
    check_gradient(false);
    check_gradient(true);
}

static void micro_batches_threads_shards_and_recomputing_move_neither_gradient_nor_loads(void **state)
{
    (void)state;
    TinyCompute one, three;
    Model model;
    TinyBatch b;
    Step want, got;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_compute_create(&three, ISA_C, 3);
    tiny_model_create(&model, &TINY_DEEPSEEK, &one.compute);
    tiny_batch_create(&b, &TINY_DEEPSEEK);
    step_run(&want, &model, &one.compute, &b.batch, (TinyHow){.micro_batch_tokens = 100000, .shards = 1}, 1.0);
    int64_t n_rows = 0;
    for (int64_t s = 0; s < b.batch.n_sequences; s++) n_rows += b.batch.sequences[s].n_rows;
    for (int64_t g = 0; g < b.batch.n_groups; g++) n_rows += b.batch.groups[g].n_prompt;
    for (int64_t l = 0; l < 3; l++) {
        int64_t total = 0;
        for (int64_t e = 0; e < 8; e++) total += want.trainer.gradients[0].loads[l * 8 + e];
        assert_int_equal(total, l == 0 ? 0 : n_rows * TINY_DEEPSEEK.moe.n_chosen); /* every row once, a prompt's too */
    }
    for (int i = 0; i < 4; i++) {
        const TinyHow how = {.micro_batch_tokens = i == 0 ? 1 : 20 * i, .shards = 1, .recompute = i % 2};
        step_run(&got, &model, i < 2 ? &one.compute : &three.compute, &b.batch, how, 1.0);
        assert_memory_equal(got.trainer.gradients[0].loads, want.trainer.gradients[0].loads, 24 * sizeof(int64_t));
        for (int64_t t = 0; t < model.layout.n_tensors; t++) {
            const ParamTensor *p = &model.layout.tensors[t];
            assert_bits(want.trainer.gradients[0].flat + p->offset, got.trainer.gradients[0].flat + p->offset,
                        p->rows * p->columns, p->name);
        }
        step_free(&got);
    }
    step_run(&got, &model, &one.compute, &b.batch, (TinyHow){.micro_batch_tokens = 30, .shards = 4}, 1.0);
    assert_memory_equal(got.trainer.gradients[0].loads, want.trainer.gradients[0].loads, 24 * sizeof(int64_t));
    step_free(&got);
    step_free(&want);
    model_free(&model);
    tiny_compute_free(&one);
    tiny_compute_free(&three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bias_follows_the_loads),
        cmocka_unit_test(balance_gradient_is_that_of_finite_differences),
        cmocka_unit_test(micro_batches_threads_shards_and_recomputing_move_neither_gradient_nor_loads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
