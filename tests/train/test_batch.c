/* SPDX-License-Identifier: MIT */
/* How a batch is cut, split over threads, sharded or computed cannot move a bit of its gradient; what the gradient is, is held by finite
 * differences in tests/model/test_decoder_gradient.c. */
#include "model/tiny.h"

static const TinyHow PLAIN = {.micro_batch_tokens = 100000, .shards = 1};
static const TinyLoss LOSS = {.scale = 0.01, .entropy = true};

static void micro_batches_threads_and_recomputation_move_no_bit(void **state)
{
    (void)state;
    static const int64_t limits[] = {1, 7, 64, 100000};
    for (int c = 0; c < N_TINY_CONFIGS; c++) {
        TinyCompute one;
        Model model;
        TinyBatch b;
        tiny_compute_create(&one, ISA_C, 1);
        tiny_model_create(&model, TINY_CONFIGS[c], &one.compute);
        tiny_batch_create(&b, TINY_CONFIGS[c]);
        TinyStep want = tiny_step(&model, &one.compute, &b.batch, PLAIN, 1.25f, LOSS);
        for (int threads = 1; threads <= 3; threads++) {
            TinyCompute many;
            tiny_compute_create(&many, ISA_C, threads);
            for (int m = 0; m < 4; m++)
                for (int recompute = 0; recompute < 2; recompute++) {
                    TinyStep got =
                        tiny_step(&model, &many.compute, &b.batch, (TinyHow){limits[m], 1, recompute}, 1.25f, LOSS);
                    char what[128];
                    snprintf(what, sizeof what, "config %d, %d threads, micro-batches of %lld, recompute %d", c,
                             threads, (long long)limits[m], recompute);
                    assert_same_step(&model, &want, &got, what);
                    tiny_step_free(&got);
                }
            tiny_compute_free(&many);
        }
        tiny_step_free(&want);
        model_free(&model);
        tiny_compute_free(&one);
    }
}

/* A micro-batch may end one group and begin the next: whichever of the two is done first, the prompt gradient that the first
 * group was carrying is not the second's. */
static void groups_of_one_micro_batch_may_be_done_in_any_order(void **state)
{
    (void)state;
    TinyCompute forwards, backwards;
    Model model;
    TinyBatch b;
    tiny_compute_create(&forwards, ISA_C, 1);
    setenv("R1_THREADS", "reversed", 1);
    tiny_compute_create(&backwards, ISA_C, 2);
    unsetenv("R1_THREADS");
    tiny_model_create(&model, &TINY_QWEN2, &forwards.compute);
    tiny_batch_create(&b, &TINY_QWEN2);
    TinyStep want = tiny_step(&model, &forwards.compute, &b.batch, PLAIN, 1.25f, LOSS);
    for (int64_t limit = 1; limit <= 160; limit++) {
        TinyStep got = tiny_step(&model, &backwards.compute, &b.batch, (TinyHow){limit, 1, false}, 1.25f, LOSS);
        char what[64];
        snprintf(what, sizeof what, "micro-batches of %lld, in reverse", (long long)limit);
        assert_same_step(&model, &want, &got, what);
        tiny_step_free(&got);
    }
    tiny_step_free(&want);
    model_free(&model);
    tiny_compute_free(&backwards);
    tiny_compute_free(&forwards);
}

static void every_isa_gives_the_bits_of_plain_c(void **state)
{
    (void)state;
    for (int c = 0; c < N_TINY_CONFIGS; c++) {
        TinyCompute plain;
        Model model;
        TinyBatch b;
        tiny_compute_create(&plain, ISA_C, 1);
        tiny_model_create(&model, TINY_CONFIGS[c], &plain.compute);
        tiny_batch_create(&b, TINY_CONFIGS[c]);
        TinyStep want = tiny_step(&model, &plain.compute, &b.batch, PLAIN, 0.8f, LOSS);
        for (Isa isa = ISA_AVX2; isa <= ISA_AVX512; isa++) {
            if (!cpu_has(isa)) {
                print_message("skipped: this machine has no %s\n", cpu_isa_name(isa));
                continue;
            }
            TinyCompute other;
            tiny_compute_create(&other, isa, 2);
            TinyStep got = tiny_step(&model, &other.compute, &b.batch, (TinyHow){50, 1, false}, 0.8f, LOSS);
            assert_same_step(&model, &want, &got, cpu_isa_name(isa));
            tiny_step_free(&got);
            tiny_compute_free(&other);
        }
        tiny_step_free(&want);
        model_free(&model);
        tiny_compute_free(&plain);
    }
}

/* A group alone in its batch, cut after each completion: the prompt's dK, dV are carried from piece to piece. */
static void a_group_may_be_cut_between_any_two_completions(void **state)
{
    (void)state;
    TinyCompute one;
    Model model;
    TinyBatch b = {.vocab_size = TINY_QWEN2.vocab_size};
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, &TINY_QWEN2, &one.compute);
    tiny_add_group(&b, 21, 5, (const int64_t[]){7, 2, 18, 1, 5}, 0);
    TinyStep want = tiny_step(&model, &one.compute, &b.batch, PLAIN, 1.0f, LOSS);
    for (int64_t limit = 1; limit < 60; limit += 3) {
        TinyStep got = tiny_step(&model, &one.compute, &b.batch, (TinyHow){limit, 1, false}, 1.0f, LOSS);
        char what[64];
        snprintf(what, sizeof what, "micro-batches of %lld", (long long)limit);
        assert_same_step(&model, &want, &got, what);
        tiny_step_free(&got);
    }
    tiny_step_free(&want);
    model_free(&model);
    tiny_compute_free(&one);
}

/* The batch made of groups [first, end) alone, and the number of tokens before them. */
static TrainBatch part_of(const TrainBatch *batch, int64_t first, int64_t end, TrainGroup *groups,
                          int64_t *tokens_before)
{
    const int64_t begin = batch->groups[first].first_sequence;
    const TrainBatch before = {batch->groups, first, batch->sequences, begin};
    *tokens_before = train_batch_tokens(&before);
    for (int64_t g = first; g < end; g++) {
        groups[g - first] = batch->groups[g];
        groups[g - first].first_sequence -= begin;
    }
    const int64_t stop = end < batch->n_groups ? batch->groups[end].first_sequence : batch->n_sequences;
    return (TrainBatch){groups, end - first, batch->sequences + begin, stop - begin};
}

/* gradients of shards [first, first + n) by the definition: the two halves' sums added. */
static TinyStep sharded(Model *model, const Compute *compute, const TrainBatch *batch, int64_t shards, int64_t first,
                        int64_t n)
{
    if (n == 1) {
        int64_t begin, end;
        threads_split(batch->n_groups, 1, first, shards, &begin, &end);
        TrainGroup groups[TINY_MAX_GROUPS];
        TinyLoss loss = LOSS;
        if (begin == end) return (TinyStep){.gradients = base_alloc((size_t)model->layout.n_floats, sizeof(float))};
        const TrainBatch part = part_of(batch, begin, end, groups, &loss.first_token);
        return tiny_step(model, compute, &part, PLAIN, 1.0f, loss);
    }
    TinyStep a = sharded(model, compute, batch, shards, first, n / 2),
             b = sharded(model, compute, batch, shards, first + n / 2, n / 2);
    for (int64_t i = 0; i < model->layout.n_floats; i++) a.gradients[i] += b.gradients[i];
    tiny_step_free(&b);
    return a;
}

static void shards_combine_in_the_fixed_tree_whatever_the_threads(void **state)
{
    (void)state;
    TinyCompute one, three;
    Model model;
    TinyBatch b;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_compute_create(&three, tiny_fastest(), 3);
    tiny_model_create(&model, &TINY_QWEN2, &one.compute);
    tiny_batch_create(&b, &TINY_QWEN2);
    /* 8 shards of 6 groups: two are empty. */
    for (int64_t shards = 1; shards <= 8; shards *= 2) {
        TinyStep want = sharded(&model, &one.compute, &b.batch, shards, 0, shards);
        for (int way = 0; way < 3; way++) {
            TinyStep got = tiny_step(&model, way == 1 ? &three.compute : &one.compute, &b.batch,
                                     (TinyHow){way == 2 ? 7 : 100000, shards, false}, 1.0f, LOSS);
            assert_bits(want.gradients, got.gradients, model.layout.n_floats, "sharded gradient");
            tiny_step_free(&got);
        }
        tiny_step_free(&want);
    }
    model_free(&model);
    tiny_compute_free(&one);
    tiny_compute_free(&three);
}

/* What each group's tokens are does not depend on where the group stands. */
static void check_order_of_groups(const ModelConfig *config)
{
    TinyCompute one;
    Model model;
    TinyBatch b;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, config, &one.compute);
    tiny_batch_create(&b, config);
    TinyStep all = tiny_step(&model, &one.compute, &b.batch, PLAIN, 1.0f, LOSS);
    for (int64_t g = 0; g < b.batch.n_groups; g++) {
        TrainGroup groups[TINY_MAX_GROUPS];
        int64_t before;
        const TrainBatch alone = part_of(&b.batch, g, g + 1, groups, &before);
        TinyStep got = tiny_step(&model, &one.compute, &alone, PLAIN, 1.0f, LOSS);
        assert_bits(all.logprobs + before, got.logprobs, got.n_tokens, "log-probabilities of a group alone");
        assert_bits(all.entropies + before, got.entropies, got.n_tokens, "entropies of a group alone");
        tiny_step_free(&got);
    }
    tiny_step_free(&all);
    model_free(&model);
    tiny_compute_free(&one);
}

static void log_probabilities_do_not_know_the_order_of_groups(void **state)
{
    (void)state;
    for (int c = 0; c < N_TINY_CONFIGS; c++) check_order_of_groups(TINY_CONFIGS[c]);
}

/* Every completion with its whole prompt in front, as a document whose prompt is masked. */
static void unshare(TinyBatch *to, const TinyBatch *from)
{
    *to = (TinyBatch){.vocab_size = from->vocab_size};
    for (int64_t g = 0; g < from->batch.n_groups; g++) {
        const TrainGroup *group = &from->groups[g];
        for (int64_t s = group->first_sequence; s < group->first_sequence + group->n_sequences; s++) {
            const TrainSequence *q = &from->sequences[s];
            int32_t *inputs = to->ids + to->n_ids, *targets = inputs + group->n_prompt + q->n_rows;
            to->n_ids += 2 * (group->n_prompt + q->n_rows);
            assert_true(to->n_ids <= TINY_IDS);
            memcpy(inputs, group->prompt ? group->prompt : inputs, (size_t)group->n_prompt * sizeof *inputs);
            memcpy(inputs + group->n_prompt, q->inputs, (size_t)q->n_rows * sizeof *inputs);
            memcpy(targets + group->n_prompt, q->targets, (size_t)q->n_rows * sizeof *inputs);
            to->sequences[s] =
                (TrainSequence){inputs, targets, group->n_prompt + q->n_rows, group->n_prompt + q->first_target};
            to->groups[s] = (TrainGroup){.first_sequence = s, .n_sequences = 1};
        }
    }
    to->batch = (TrainBatch){to->groups, from->batch.n_sequences, to->sequences, from->batch.n_sequences};
}

static void a_shared_prompt_gives_the_log_probabilities_and_the_gradient_of_copies(void **state)
{
    (void)state;
    for (int c = 0; c < N_TINY_CONFIGS; c++) {
        TinyCompute one;
        Model model;
        TinyBatch shared, copies;
        tiny_compute_create(&one, tiny_fastest(), 1);
        tiny_model_create(&model, TINY_CONFIGS[c], &one.compute);
        tiny_batch_create(&shared, TINY_CONFIGS[c]);
        unshare(&copies, &shared);
        TinyStep a = tiny_step(&model, &one.compute, &shared.batch, PLAIN, 1.0f, LOSS);
        TinyStep b = tiny_step(&model, &one.compute, &copies.batch, PLAIN, 1.0f, LOSS);
        assert_int_equal(a.n_tokens, b.n_tokens);
        assert_bits(a.logprobs, b.logprobs, a.n_tokens, "log-probabilities");
        assert_bits(a.entropies, b.entropies, a.n_tokens, "entropies");
        /* The sums are other chains, so f32 rounding differs: measured, 3e-6 of the largest entry. */
        const ParamLayout *layout = model_trained_layout(&model);
        for (int64_t t = 0; t < layout->n_tensors; t++) {
            const ParamTensor *p = &layout->tensors[t];
            double largest = 0.0, difference = 0.0;
            for (int64_t i = p->offset; i < p->offset + p->rows * p->columns; i++) {
                largest = fmax(largest, fabs((double)a.gradients[i]));
                difference = fmax(difference, fabs((double)a.gradients[i] - (double)b.gradients[i]));
            }
            assert_true(largest > 0.0 || p->moved_by_rule);
            if (difference > 3e-5 * largest) fail_msg("gradient of %s: off by %g of %g", p->name, difference, largest);
        }
        tiny_step_free(&a);
        tiny_step_free(&b);
        model_free(&model);
        tiny_compute_free(&one);
    }
}

/* One trainer over batches that grow and shrink, forward and backward: nothing of one batch is left in the next. */
static void a_trainer_may_be_used_again_for_other_batches(void **state)
{
    (void)state;
    TinyCompute one;
    Model model;
    TinyBatch small = {.vocab_size = TINY_QWEN2.vocab_size}, large;
    Error err = {0};
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, &TINY_QWEN2, &one.compute);
    tiny_add_group(&small, 3, 2, (const int64_t[]){2, 4}, 0);
    tiny_batch_create(&large, &TINY_QWEN2);
    TinyStep want_small = tiny_step(&model, &one.compute, &small.batch, PLAIN, 1.0f, LOSS);
    TinyStep want_large = tiny_step(&model, &one.compute, &large.batch, PLAIN, 1.0f, LOSS);
    Trainer trainer;
    float logprobs[1024], entropies[1024];
    TinyLoss loss = LOSS;
    ASSERT_OK(trainer_create(&trainer, &model, &one.compute, 16, 1, false, &err), err);
    for (int round = 0; round < 2; round++) {
        ASSERT_OK(trainer_logprobs(&trainer, &model, &small.batch, 1.0f, logprobs, NULL, &err), err);
        assert_bits(want_small.logprobs, logprobs, want_small.n_tokens, "small, forward alone");
        ASSERT_OK(trainer_gradient(&trainer, &model, &small.batch, 1.0f, tiny_loss, &loss, logprobs, entropies, &err),
                  err);
        assert_bits(want_small.gradients, trainer.gradients[0].flat, want_small.n_floats, "small");
        ASSERT_OK(trainer_logprobs(&trainer, &model, &large.batch, 1.0f, logprobs, entropies, &err), err);
        assert_bits(want_large.logprobs, logprobs, want_large.n_tokens, "large, forward alone");
        assert_bits(want_large.entropies, entropies, want_large.n_tokens, "large, forward alone");
        ASSERT_OK(trainer_gradient(&trainer, &model, &large.batch, 1.0f, tiny_loss, &loss, logprobs, NULL, &err), err);
        assert_bits(want_large.gradients, trainer.gradients[0].flat, want_large.n_floats, "large");
    }
    trainer_free(&trainer);
    tiny_step_free(&want_small);
    tiny_step_free(&want_large);
    model_free(&model);
    tiny_compute_free(&one);
}

/* Groups that lost all their sequences (dropped as dead) may stand anywhere in the list. */
static void empty_groups_change_nothing(void **state)
{
    (void)state;
    TinyCompute one;
    Model model;
    TinyBatch b;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, &TINY_QWEN2, &one.compute);
    tiny_batch_create(&b, &TINY_QWEN2);
    TinyStep want = tiny_step(&model, &one.compute, &b.batch, PLAIN, 1.0f, LOSS);
    TrainGroup groups[2 * TINY_MAX_GROUPS + 1];
    int64_t n = 0;
    for (int64_t g = 0; g <= b.batch.n_groups; g++) {
        const int64_t next = g < b.batch.n_groups ? b.groups[g].first_sequence : b.batch.n_sequences;
        groups[n++] = (TrainGroup){.prompt = b.ids, .n_prompt = 5, .first_sequence = next};
        if (g < b.batch.n_groups) groups[n++] = b.groups[g];
    }
    const TrainBatch with_empty = {groups, n, b.sequences, b.batch.n_sequences};
    for (int64_t limit = 1; limit < 200; limit += 23) {
        TinyStep got = tiny_step(&model, &one.compute, &with_empty, (TinyHow){limit, 1, false}, 1.0f, LOSS);
        assert_same_step(&model, &want, &got, "with empty groups");
        tiny_step_free(&got);
    }
    tiny_step_free(&want);
    model_free(&model);
    tiny_compute_free(&one);
}

/* Zero gradient on every token of every second group. */
static void loss_with_dead_groups(void *context, int64_t first, int64_t n, const float *logprobs,
                                  const float *entropies, float *dlogprobs, float *dentropies)
{
    const bool *live = context; /* by token */
    TinyLoss loss = {.scale = 0.01};
    tiny_loss(&loss, first, n, logprobs, entropies, dlogprobs, dentropies);
    for (int64_t i = 0; i < n; i++)
        if (!live[first + i]) dlogprobs[i] = i % 2 ? 0.0f : -0.0f;
}

typedef struct Renumbered {
    int64_t token_of[1024]; /* in the whole batch */
} Renumbered;

static void renumbered_loss(void *context, int64_t first, int64_t n, const float *logprobs, const float *entropies,
                            float *dlogprobs, float *dentropies)
{
    const Renumbered *r = context;
    for (int64_t i = 0; i < n; i++) {
        TinyLoss loss = {.scale = 0.01, .first_token = r->token_of[first + i]};
        tiny_loss(&loss, 0, 1, logprobs, entropies, dlogprobs + i, dentropies + i);
    }
}

static void a_group_whose_gradient_is_zero_may_be_left_out(void **state)
{
    (void)state;
    TinyCompute one;
    Model model;
    TinyBatch all, live = {.vocab_size = TINY_QWEN2.vocab_size};
    Trainer trainer;
    Error err = {0};
    bool is_live[1024];
    float logprobs[1024];
    static Renumbered r;
    int64_t token = 0, live_token = 0;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, &TINY_QWEN2, &one.compute);
    tiny_batch_create(&all, &TINY_QWEN2);
    for (int64_t g = 0; g < all.batch.n_groups; g++) {
        const TrainGroup *group = &all.groups[g];
        if (g % 2 == 1)
            live.groups[live.batch.n_groups++] =
                (TrainGroup){group->prompt, group->n_prompt, live.batch.n_sequences, group->n_sequences};
        for (int64_t s = group->first_sequence; s < group->first_sequence + group->n_sequences; s++) {
            if (g % 2 == 1) live.sequences[live.batch.n_sequences++] = all.sequences[s];
            for (int64_t i = all.sequences[s].first_target; i < all.sequences[s].n_rows; i++, token++) {
                is_live[token] = g % 2 == 1;
                if (g % 2 == 1) r.token_of[live_token++] = token;
            }
        }
    }
    live.batch.groups = live.groups;
    live.batch.sequences = live.sequences;
    ASSERT_OK(trainer_create(&trainer, &model, &one.compute, 30, 1, false, &err), err);
    ASSERT_OK(
        trainer_gradient(&trainer, &model, &all.batch, 1.0f, loss_with_dead_groups, is_live, logprobs, NULL, &err),
        err);
    float *want = base_alloc((size_t)model.layout.n_floats, sizeof *want);
    memcpy(want, trainer.gradients[0].flat, (size_t)model.layout.n_floats * sizeof *want);
    ASSERT_OK(trainer_gradient(&trainer, &model, &live.batch, 1.0f, renumbered_loss, &r, logprobs, NULL, &err), err);
    assert_bits(want, trainer.gradients[0].flat, model.layout.n_floats, "without the dead groups");
    base_free(want);
    trainer_free(&trainer);
    model_free(&model);
    tiny_compute_free(&one);
}

static void a_sequence_longer_than_the_model_is_refused(void **state)
{
    (void)state;
    TinyCompute one;
    Model model;
    TinyBatch b = {.vocab_size = TINY_QWEN2.vocab_size};
    ModelConfig config = TINY_QWEN2;
    Error err = {0};
    Trainer trainer;
    float logprobs[64];
    config.max_positions = 20;
    tiny_compute_create(&one, tiny_fastest(), 1);
    tiny_model_create(&model, &config, &one.compute);
    tiny_add_group(&b, 10, 1, (const int64_t[]){11}, 0);
    ASSERT_OK(trainer_create(&trainer, &model, &one.compute, 16, 1, false, &err), err);
    assert_false(trainer_logprobs(&trainer, &model, &b.batch, 1.0f, logprobs, NULL, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_non_null(strstr(err.text, "max_position_embeddings 20"));
    trainer_free(&trainer);
    assert_false(trainer_create(&trainer, &model, &one.compute, 16, 3, false, &err));
    assert_non_null(strstr(err.text, "power of two"));
    model_free(&model);
    tiny_compute_free(&one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(micro_batches_threads_and_recomputation_move_no_bit),
        cmocka_unit_test(groups_of_one_micro_batch_may_be_done_in_any_order),
        cmocka_unit_test(every_isa_gives_the_bits_of_plain_c),
        cmocka_unit_test(a_group_may_be_cut_between_any_two_completions),
        cmocka_unit_test(shards_combine_in_the_fixed_tree_whatever_the_threads),
        cmocka_unit_test(log_probabilities_do_not_know_the_order_of_groups),
        cmocka_unit_test(a_shared_prompt_gives_the_log_probabilities_and_the_gradient_of_copies),
        cmocka_unit_test(a_trainer_may_be_used_again_for_other_batches),
        cmocka_unit_test(empty_groups_change_nothing),
        cmocka_unit_test(a_group_whose_gradient_is_zero_may_be_left_out),
        cmocka_unit_test(a_sequence_longer_than_the_model_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
