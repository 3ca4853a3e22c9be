/* SPDX-License-Identifier: MIT */
/* Distillation of logits between two models of different shapes: divergences against double, the gradient against the loss it should
 * lower, and the same bits however a batch is run. */
#include "model/tiny.h"

#include "train/distill.h"

enum { MAX_TOKENS = 512 };

/* Llama's block with the vocabulary of TINY_QWEN2. */
static ModelConfig teacher_config(void)
{
    ModelConfig config = TINY_LLAMA;
    config.vocab_size = TINY_QWEN2.vocab_size;
    return config;
}

typedef struct Pair {
    TinyCompute compute;
    Model student, teacher;
    TinyBatch b;
    int64_t n_tokens;
    float weights[MAX_TOKENS];
} Pair;

static void pair_create(Pair *p, Isa isa, int n_threads)
{
    const ModelConfig config = teacher_config();
    tiny_compute_create(&p->compute, isa, n_threads);
    tiny_model_create(&p->student, &TINY_QWEN2, &p->compute.compute);
    tiny_model_create(&p->teacher, &config, &p->compute.compute);
    tiny_batch_create(&p->b, &TINY_QWEN2);
    p->n_tokens = train_batch_tokens(&p->b.batch);
    assert_in_range(p->n_tokens, 1, MAX_TOKENS);
    for (int64_t t = 0; t < p->n_tokens; t++)
        p->weights[t] = t % 5 == 0 ? 0.0f : 1.0f / (float)p->n_tokens; /* some are masked */
}

static void pair_free(Pair *p)
{
    model_free(&p->student);
    model_free(&p->teacher);
    tiny_compute_free(&p->compute);
}

/* One gradient as a TinyStep; its logprobs are the divergences. */
static TinyStep distill_step(Pair *p, TinyHow how, float beta, float inv_temperature)
{
    Error err = {0};
    Trainer trainer;
    Teacher teacher = {.model = &p->teacher};
    TinyStep step = {.n_floats = p->student.layout.n_floats, .n_tokens = p->n_tokens};
    step.gradients = base_alloc((size_t)step.n_floats, sizeof(float));
    step.logprobs = base_alloc((size_t)step.n_tokens, sizeof(float));
    step.entropies = base_alloc((size_t)step.n_tokens, sizeof(float));
    const DistillLoss loss = {beta, inv_temperature, p->weights, step.logprobs, step.entropies};
    ASSERT_OK(trainer_create(&trainer, &p->student, &p->compute.compute, how.micro_batch_tokens, how.shards,
                             how.recompute, &err),
              err);
    ASSERT_OK(distill_gradient(&trainer, &p->student, &teacher, &p->b.batch, &loss, &err), err);
    memcpy(step.gradients, trainer.gradients[0].flat, (size_t)step.n_floats * sizeof(float));
    teacher_free(&teacher);
    trainer_free(&trainer);
    return step;
}

static const TinyHow PLAIN = {.micro_batch_tokens = 4096, .shards = 1};

static void micro_batches_threads_and_isas_move_no_bit(void **state)
{
    (void)state;
    static Pair p;
    pair_create(&p, ISA_C, 1);
    for (float beta = 0.0f; beta <= 1.0f; beta += 0.5f) {
        TinyStep want = distill_step(&p, PLAIN, beta, 1.0f / 0.9f);
        for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++) {
            static Pair other;
            if (!cpu_has(isa)) continue;
            pair_create(&other, isa, isa == ISA_C ? 1 : 3);
            TinyStep got = distill_step(&other, (TinyHow){25, 1, true}, beta, 1.0f / 0.9f);
            assert_same_step(&p.student, &want, &got, cpu_isa_name(isa));
            tiny_step_free(&got);
            pair_free(&other);
        }
        tiny_step_free(&want);
    }
    pair_free(&p);
}

static void log_softmax(double *out, const float *logits, int64_t V, double inv_temperature)
{
    double sum = 0.0;
    for (int64_t i = 0; i < V; i++) sum += exp((double)logits[i] * inv_temperature);
    for (int64_t i = 0; i < V; i++) out[i] = (double)logits[i] * inv_temperature - log(sum);
}

/* All logits of one document's rows. */
static void logits_of(float *logits, Model *model, const Compute *compute, const TrainSequence *s)
{
    enum { MAX_ROWS = 64 };
    Error err = {0};
    DecoderWorkspace w;
    int32_t positions[MAX_ROWS];
    const DecoderSegment segment = {0, s->n_rows, 0};
    const int64_t none = -1;
    for (int32_t i = 0; i < (int32_t)s->n_rows; i++) positions[i] = i;
    const DecoderBatch batch = {.n_rows = s->n_rows,
                                .n_backward_rows = s->n_rows,
                                .ids = s->inputs,
                                .positions = positions,
                                .segments = &segment,
                                .n_segments = 1,
                                .prompt_of_segment = &none};
    ASSERT_OK(model_reserve_positions(model, s->n_rows, &err), err);
    ASSERT_OK(decoder_workspace_create(&w, &model->config, s->n_rows, s->n_rows, 1, false, false, &err), err);
    decoder_forward(model, compute, &w, &batch);
    decoder_logits(model, compute, &w, 0, s->n_rows, logits);
    decoder_workspace_free(&w);
}

static void divergences_are_those_of_whole_rows_of_logits(void **state)
{
    (void)state;
    enum { V = 71, ROWS = 40 };
    static Pair p;
    static float student[ROWS * V], teacher[ROWS * V];
    pair_create(&p, tiny_fastest(), 1);
    TinyStep step = distill_step(&p, PLAIN, 1.0f, 0.5f);
    const TrainSequence *const s =
        &p.b.sequences[3]; /* the masked document, behind three completions of 5, 1, 12 tokens */
    const int64_t before = 5 + 1 + 12;
    assert_true(s->n_rows == ROWS && TINY_QWEN2.vocab_size == V);
    logits_of(student, &p.student, &p.compute.compute, s);
    logits_of(teacher, &p.teacher, &p.compute.compute, s);
    for (int64_t i = s->first_target; i < ROWS; i++) {
        double ls[V], lt[V], reverse = 0.0;
        log_softmax(ls, student + i * V, V, 0.5);
        log_softmax(lt, teacher + i * V, V, 0.5);
        for (int v = 0; v < V; v++) reverse += exp(ls[v]) * (ls[v] - lt[v]);
        const double got = (double)step.logprobs[before + i - s->first_target];
        if (!(fabs(got - reverse) < 1e-5)) fail_msg("row %d: KL %.9g, in double %.9g", (int)i, got, reverse);
    }
    tiny_step_free(&step);
    pair_free(&p);
}

/* A small step against the gradient lowers the loss by the step times the squared norm. */
static void the_gradient_is_that_of_the_loss(void **state)
{
    (void)state;
    static Pair p;
    pair_create(&p, tiny_fastest(), 1);
    float *const keep = base_alloc((size_t)p.student.layout.n_floats, sizeof *keep);
    memcpy(keep, p.student.weights, (size_t)p.student.layout.n_floats * sizeof *keep);
    for (float beta = 0.0f; beta <= 1.0f; beta += 0.5f) {
        TinyStep step = distill_step(&p, PLAIN, beta, 1.0f);
        double squares = 0.0, loss[2];
        for (int64_t i = 0; i < step.n_floats; i++) squares += (double)step.gradients[i] * (double)step.gradients[i];
        const double h = 2e-3 / sqrt(squares);
        for (int side = 0; side < 2; side++) {
            for (int64_t i = 0; i < step.n_floats; i++)
                p.student.weights[i] = (float)((double)keep[i] + (side ? h : -h) * (double)step.gradients[i]);
            model_pack(&p.student, &p.compute.compute);
            TinyStep moved = distill_step(&p, PLAIN, beta, 1.0f);
            loss[side] = distill_loss_value(p.weights, moved.logprobs, moved.n_tokens);
            tiny_step_free(&moved);
        }
        const double measured = (loss[1] - loss[0]) / (2.0 * h);
        if (!(fabs(measured / squares - 1.0) < 2e-3))
            fail_msg("beta %g: the loss falls by %.6g, the gradient says %.6g", (double)beta, measured, squares);
        memcpy(p.student.weights, keep, (size_t)p.student.layout.n_floats * sizeof *keep);
        model_pack(&p.student, &p.compute.compute);
        tiny_step_free(&step);
    }
    base_free(keep);
    pair_free(&p);
}

static void the_teacher_itself_learns_nothing(void **state)
{
    (void)state;
    static Pair p;
    pair_create(&p, tiny_fastest(), 1);
    model_free(&p.teacher);
    tiny_model_create(&p.teacher, &TINY_QWEN2, &p.compute.compute);
    TinyStep step = distill_step(&p, PLAIN, 0.0f, 1.0f);
    for (int64_t t = 0; t < step.n_tokens; t++) assert_true(step.logprobs[t] == 0.0f);
    for (int64_t i = 0; i < step.n_floats; i++) assert_true(step.gradients[i] == 0.0f);
    tiny_step_free(&step);
    pair_free(&p);
}

static void another_vocabulary_is_refused(void **state)
{
    (void)state;
    static Pair p;
    Error err = {0};
    Trainer trainer;
    float divergences[MAX_TOKENS];
    pair_create(&p, tiny_fastest(), 1);
    model_free(&p.teacher);
    tiny_model_create(&p.teacher, &TINY_LLAMA, &p.compute.compute);
    Teacher teacher = {.model = &p.teacher};
    const DistillLoss loss = {0.5f, 1.0f, NULL, divergences, NULL};
    ASSERT_OK(trainer_create(&trainer, &p.student, &p.compute.compute, 64, 1, false, &err), err);
    assert_false(distill_gradient(&trainer, &p.student, &teacher, &p.b.batch, &loss, &err));
    assert_string_equal(err.text, "the teacher's vocabulary has 64 ids, the student's 71");
    teacher_free(&teacher);
    trainer_free(&trainer);
    pair_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(micro_batches_threads_and_isas_move_no_bit),
        cmocka_unit_test(divergences_are_those_of_whole_rows_of_logits),
        cmocka_unit_test(the_gradient_is_that_of_the_loss),
        cmocka_unit_test(the_teacher_itself_learns_nothing),
        cmocka_unit_test(another_vocabulary_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
