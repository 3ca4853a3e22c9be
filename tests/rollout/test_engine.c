/* SPDX-License-Identifier: MIT */
/* A completion is a function of weights, prompt, settings, draw key and its own number: of nothing that shares the engine with it. And its
 * log-probabilities are the trainer's, to the bit. */
#include "model/tiny.h"

#include "rollout/engine.h"
#include "train/optimizer.h"

enum { N_PROMPTS = 7, MAX_PER_PROMPT = 5, MAX_NEW = 40, MAX_PROMPT = 530 };

/* Lengths around a block of keys, a single token, and one longer than a prefill's rows. */
static const int64_t PROMPT_LENGTHS[N_PROMPTS] = {1, 5, 16, 17, 33, MAX_PROMPT, 2};
static const SamplingParams PLAIN = {.temperature = 1.0, .top_p = 1.0, .max_tokens = MAX_NEW, .seed = 5};

typedef struct Stored {
    bool done;
    int32_t ids[MAX_NEW];
    float logprobs[MAX_NEW], policy[MAX_NEW], sampled[MAX_NEW];
    int64_t n;
    FinishReason finish;
} Stored;

typedef struct Results {
    Stored of[N_PROMPTS][MAX_PER_PROMPT];
    int64_t first_prompt, fail_after, n_done;
} Results;

static bool store(void *context, const Completion *c, Error *err)
{
    Results *r = context;
    Stored *s = &r->of[r->first_prompt + c->prompt][c->index];
    assert_false(s->done);
    assert_in_range(c->n_ids, 1, MAX_NEW);
    s->done = true;
    s->n = c->n_ids;
    s->finish = c->finish;
    memcpy(s->ids, c->ids, (size_t)c->n_ids * sizeof *c->ids);
    memcpy(s->logprobs, c->logprobs, (size_t)c->n_ids * sizeof(float));
    memcpy(s->policy, c->policy_logprobs, (size_t)c->n_ids * sizeof(float));
    memcpy(s->sampled, c->sampled_logprobs, (size_t)c->n_ids * sizeof(float));
    r->n_done++;
    if (r->fail_after && r->n_done == r->fail_after) return error_set(err, ERROR_SYSTEM, "the callback's own failure");
    return true;
}

typedef struct World {
    TinyCompute c;
    Model model;
    int32_t ids[N_PROMPTS][MAX_PROMPT];
    RolloutPrompt prompts[N_PROMPTS];
} World;

static void world_create(World *w, const ModelConfig *config, Isa isa, int n_threads)
{
    tiny_compute_create(&w->c, isa, n_threads);
    tiny_model_create(&w->model, config, &w->c.compute);
    for (int p = 0; p < N_PROMPTS; p++) {
        for (int64_t t = 0; t < PROMPT_LENGTHS[p]; t++)
            w->ids[p][t] =
                (int32_t)(rng_bits((Rng){9, RNG_TEST}, (uint64_t)p, 0, (uint64_t)t) % (uint64_t)config->vocab_size);
        w->prompts[p] =
            (RolloutPrompt){.ids = w->ids[p], .n_ids = PROMPT_LENGTHS[p], .draw_a = 3, .draw_b = (uint32_t)p};
    }
}

static void world_free(World *w)
{
    model_free(&w->model);
    tiny_compute_free(&w->c);
}

static Results *roll(World *w, int64_t slots, int64_t n_completions, const SamplingParams *params, RolloutStats *stats)
{
    Error err = {0};
    RolloutEngine *engine;
    Results *r = base_alloc(1, sizeof *r);
    ASSERT_OK(engine_create(&engine, &w->model, &w->c.compute, slots, MAX_PROMPT + MAX_NEW, &err), err);
    ASSERT_OK(engine_run(engine, w->prompts, N_PROMPTS, n_completions, params, store, r, stats, &err), err);
    engine_free(engine);
    assert_int_equal(r->n_done, N_PROMPTS * n_completions);
    return r;
}

static void assert_same_completion(const Stored *want, const Stored *got, const char *what)
{
    assert_true(want->done && got->done);
    assert_int_equal(want->n, got->n);
    assert_int_equal(want->finish, got->finish);
    assert_memory_equal(want->ids, got->ids, (size_t)want->n * sizeof *want->ids);
    assert_bits(want->logprobs, got->logprobs, want->n, what);
    assert_bits(want->policy, got->policy, want->n, what);
    assert_bits(want->sampled, got->sampled, want->n, what);
}

static void assert_same_results(const Results *want, const Results *got, int64_t n_completions, const char *what)
{
    for (int p = 0; p < N_PROMPTS; p++)
        for (int64_t i = 0; i < n_completions; i++) assert_same_completion(&want->of[p][i], &got->of[p][i], what);
}

static void slots_threads_and_isa_move_no_bit(void **state)
{
    (void)state;
    static const int64_t slots[] = {1, 2, 5, 64};
    World w;
    world_create(&w, &TINY_QWEN2, ISA_C, 1);
    Results *want = roll(&w, 3, 3, &PLAIN, NULL);
    for (int s = 0; s < 4; s++) {
        Results *got = roll(&w, slots[s], 3, &PLAIN, NULL);
        assert_same_results(want, got, 3, "slots");
        base_free(got);
    }
    world_free(&w);
    for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++) {
        if (!cpu_has(isa)) {
            print_message("skipped: this machine has no %s\n", cpu_isa_name(isa));
            continue;
        }
        world_create(&w, &TINY_QWEN2, isa, 2);
        Results *got = roll(&w, 5, 3, &PLAIN, NULL);
        assert_same_results(want, got, 3, cpu_isa_name(isa));
        base_free(got);
        world_free(&w);
    }
    /* Not all alike: the draws did something. */
    assert_true(memcmp(want->of[5][0].ids, want->of[5][1].ids, sizeof(int32_t)) != 0 ||
                want->of[5][0].n != want->of[5][1].n ||
                memcmp(want->of[5][0].ids, want->of[5][2].ids, sizeof(int32_t)) != 0);
    base_free(want);
}

static void a_completion_knows_neither_how_many_there_are_nor_its_neighbours(void **state)
{
    (void)state;
    World w;
    Error err = {0};
    RolloutEngine *engine;
    world_create(&w, &TINY_LLAMA, tiny_fastest(), 1);
    Results *want = roll(&w, 4, MAX_PER_PROMPT, &PLAIN, NULL);
    for (int64_t n = 1; n < MAX_PER_PROMPT; n++) {
        Results *got = roll(&w, 4, n, &PLAIN, NULL);
        assert_same_results(want, got, n, "fewer completions");
        base_free(got);
    }
    /* Each prompt alone, in one engine used again and again. */
    ASSERT_OK(engine_create(&engine, &w.model, &w.c.compute, 2, MAX_PROMPT + MAX_NEW, &err), err);
    Results *alone = base_alloc(1, sizeof *alone);
    for (int p = N_PROMPTS - 1; p >= 0; p--) {
        alone->first_prompt = p;
        ASSERT_OK(engine_run(engine, &w.prompts[p], 1, MAX_PER_PROMPT, &PLAIN, store, alone, NULL, &err), err);
    }
    assert_same_results(want, alone, MAX_PER_PROMPT, "alone");
    engine_free(engine);
    base_free(alone);
    base_free(want);
    world_free(&w);
}

/* The trainer's log-probabilities of what was sampled, at this temperature. */
static void check_against_trainer(World *w, const Results *r, int64_t n_completions, float inv_temperature, bool policy)
{
    Error err = {0};
    Trainer trainer;
    TrainGroup groups[N_PROMPTS];
    TrainSequence sequences[N_PROMPTS * MAX_PER_PROMPT];
    static int32_t inputs[N_PROMPTS * MAX_PER_PROMPT][MAX_NEW];
    int64_t n = 0;
    for (int p = 0; p < N_PROMPTS; p++) {
        groups[p] = (TrainGroup){w->ids[p], PROMPT_LENGTHS[p] - 1, n, n_completions};
        for (int64_t i = 0; i < n_completions; i++, n++) {
            const Stored *s = &r->of[p][i];
            inputs[n][0] = w->ids[p][PROMPT_LENGTHS[p] - 1];
            memcpy(inputs[n] + 1, s->ids, (size_t)(s->n - 1) * sizeof *s->ids);
            sequences[n] = (TrainSequence){inputs[n], s->ids, s->n, 0};
        }
    }
    const TrainBatch batch = {groups, N_PROMPTS, sequences, n};
    float *logprobs = base_alloc((size_t)train_batch_tokens(&batch), sizeof *logprobs);
    ASSERT_OK(trainer_create(&trainer, &w->model, &w->c.compute, 64, 1, false, &err), err);
    ASSERT_OK(trainer_logprobs(&trainer, &w->model, &batch, inv_temperature, logprobs, NULL, &err), err);
    int64_t t = 0;
    for (int p = 0; p < N_PROMPTS; p++)
        for (int64_t i = 0; i < n_completions; i++) {
            const Stored *s = &r->of[p][i];
            assert_bits(logprobs + t, policy ? s->policy : s->logprobs, s->n, "sampler beside trainer");
            t += s->n;
        }
    trainer_free(&trainer);
    base_free(logprobs);
}

static void log_probabilities_of_a_rollout_are_the_trainers(void **state)
{
    (void)state;
    for (int c = 0; c < N_TINY_CONFIGS; c++) {
        World w;
        world_create(&w, TINY_CONFIGS[c], c == 0 ? ISA_C : tiny_fastest(), 2);
        Results *r = roll(&w, 5, 4, &PLAIN, NULL);
        check_against_trainer(&w, r, 4, 1.0f, true);
        check_against_trainer(&w, r, 4, 1.0f, false);
        base_free(r);
        SamplingParams warm = PLAIN;
        warm.temperature = 0.7;
        r = roll(&w, 5, 4, &warm, NULL);
        check_against_trainer(&w, r, 4, (float)(1.0 / 0.7), true);
        check_against_trainer(&w, r, 4, 1.0f, false);
        base_free(r);
        warm.top_k = 5; /* truncation moves the draws and sampled_logprobs, not the policy's */
        r = roll(&w, 5, 4, &warm, NULL);
        check_against_trainer(&w, r, 4, (float)(1.0 / 0.7), true);
        check_against_trainer(&w, r, 4, 1.0f, false);
        for (int64_t t = 0; t < r->of[1][0].n; t++) assert_true(r->of[1][0].sampled[t] >= r->of[1][0].policy[t]);
        base_free(r);
        world_free(&w);
    }
}

/* After an update the cache of the old weights must not be read. */
static void new_weights_are_what_the_next_run_samples_from(void **state)
{
    (void)state;
    World w;
    Error err = {0};
    RolloutEngine *engine;
    Optimizer optimizer;
    world_create(&w, &TINY_QWEN2, tiny_fastest(), 1);
    ASSERT_OK(engine_create(&engine, &w.model, &w.c.compute, 4, MAX_PROMPT + MAX_NEW, &err), err);
    Results *before = base_alloc(1, sizeof *before), *after = base_alloc(1, sizeof *after);
    ASSERT_OK(engine_run(engine, w.prompts, N_PROMPTS, 2, &PLAIN, store, before, NULL, &err), err);
    float *gradients = base_alloc((size_t)w.model.layout.n_floats, sizeof *gradients);
    for (int64_t i = 0; i < w.model.layout.n_floats; i++) gradients[i] = tiny_uniform(1, 9, i, -1.0f, 1.0f);
    double norm;
    ASSERT_OK(
        optimizer_create(&optimizer, &(OptimizerConfig){.beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8}, &w.model, &err),
        err);
    ASSERT_OK(optimizer_update(&optimizer, &w.model, gradients, 0.01, &w.c.compute, &norm, &err), err);
    ASSERT_OK(engine_run(engine, w.prompts, N_PROMPTS, 2, &PLAIN, store, after, NULL, &err), err);
    check_against_trainer(&w, after, 2, 1.0f, true);
    assert_memory_not_equal(before->of[5][0].logprobs, after->of[5][0].logprobs, sizeof(float));
    optimizer_free(&optimizer);
    engine_free(engine);
    base_free(gradients);
    base_free(before);
    base_free(after);
    world_free(&w);
}

static bool is_stop(const ModelConfig *c, int32_t id)
{
    for (int i = 0; i < c->n_eos; i++)
        if (c->eos_ids[i] == id) return true;
    return false;
}

static void every_stop_id_ends_a_completion_and_stays_in_it(void **state)
{
    (void)state;
    World w;
    world_create(&w, &TINY_QWEN2, tiny_fastest(), 1);
    int64_t stops[2] = {0};
    for (uint64_t seed = 0; seed < 4; seed++) {
        SamplingParams params = PLAIN;
        params.seed = seed;
        Results *r = roll(&w, 8, 5, &params, NULL);
        for (int p = 0; p < N_PROMPTS; p++)
            for (int i = 0; i < 5; i++) {
                const Stored *s = &r->of[p][i];
                for (int64_t t = 0; t + 1 < s->n; t++) assert_false(is_stop(&w.model.config, s->ids[t]));
                const bool stopped = is_stop(&w.model.config, s->ids[s->n - 1]);
                assert_int_equal(s->finish, stopped ? FINISH_STOP : FINISH_LENGTH);
                if (!stopped)
                    assert_int_equal(s->n, MAX_NEW);
                else
                    stops[s->ids[s->n - 1] == w.model.config.eos_ids[1]]++;
            }
        base_free(r);
    }
    assert_true(stops[0] > 0 && stops[1] > 0);
    SamplingParams on = PLAIN;
    on.ignore_eos = true;
    Results *r = roll(&w, 8, 3, &on, NULL);
    for (int p = 0; p < N_PROMPTS; p++)
        for (int i = 0; i < 3; i++) {
            assert_int_equal(r->of[p][i].n, MAX_NEW);
            assert_int_equal(r->of[p][i].finish, FINISH_LENGTH);
        }
    base_free(r);
    world_free(&w);
}

/* A prompt is prefilled once for all its completions, but for its last token, which each decodes. */
static void a_prompt_is_prefilled_once(void **state)
{
    (void)state;
    World w;
    RolloutStats stats;
    int64_t prompt_tokens = 0, new_tokens = 0;
    world_create(&w, &TINY_QWEN2, tiny_fastest(), 1);
    for (int p = 0; p < N_PROMPTS; p++) prompt_tokens += PROMPT_LENGTHS[p] - 1;
    for (int64_t slots = 1; slots <= 64; slots *= 4) {
        Results *r = roll(&w, slots, 5, &PLAIN, &stats);
        new_tokens = 0;
        for (int p = 0; p < N_PROMPTS; p++)
            for (int i = 0; i < 5; i++) new_tokens += r->of[p][i].n;
        assert_int_equal(stats.prefill_tokens, prompt_tokens);
        assert_int_equal(stats.decode_tokens, new_tokens);
        assert_true(stats.decode_steps * slots + stats.accepted_tokens >= new_tokens);
        base_free(r);
    }
    world_free(&w);
}

typedef struct Ids {
    int32_t first[150];
    int64_t n_done;
} Ids;

static bool keep_first_id(void *context, const Completion *c, Error *err)
{
    Ids *ids = context;
    (void)err;
    ids->first[c->prompt] = c->ids[0];
    ids->n_done++;
    return true;
}

/* 150 prompts for 100 slots: prefills come in several forwards, and slots free up while a prefill's prompts wait. */
static void many_prompts_at_once_give_what_few_give(void **state)
{
    (void)state;
    enum { MANY = 150 };
    World w;
    Error err = {0};
    RolloutEngine *engine;
    RolloutPrompt prompts[MANY];
    Ids many = {0}, few = {0};
    SamplingParams params = PLAIN;
    params.max_tokens = 3;
    world_create(&w, &TINY_QWEN2, tiny_fastest(), 1);
    for (int p = 0; p < MANY; p++) {
        prompts[p] = w.prompts[p % 5];
        prompts[p].draw_b = (uint32_t)p;
    }
    ASSERT_OK(engine_create(&engine, &w.model, &w.c.compute, 100, 64, &err), err);
    ASSERT_OK(engine_run(engine, prompts, MANY, 1, &params, keep_first_id, &many, NULL, &err), err);
    engine_free(engine);
    ASSERT_OK(engine_create(&engine, &w.model, &w.c.compute, 3, 64, &err), err);
    ASSERT_OK(engine_run(engine, prompts, MANY, 1, &params, keep_first_id, &few, NULL, &err), err);
    engine_free(engine);
    assert_int_equal(many.n_done, MANY);
    assert_memory_equal(many.first, few.first, sizeof many.first);
    world_free(&w);
}

static void bad_prompts_and_failures_are_told(void **state)
{
    (void)state;
    World w;
    Error err = {0};
    RolloutEngine *engine;
    Results *r = base_alloc(1, sizeof *r);
    world_create(&w, &TINY_QWEN2, tiny_fastest(), 1);
    ASSERT_OK(engine_create(&engine, &w.model, &w.c.compute, 2, 60, &err), err);
    int32_t ids[30] = {0};
    RolloutPrompt prompt = {.ids = ids, .n_ids = 0};
    assert_false(engine_run(engine, &prompt, 1, 1, &PLAIN, store, r, NULL, &err));
    assert_non_null(strstr(err.text, "prompt 0 is empty"));
    prompt.n_ids = 21;
    assert_false(engine_run(engine, &prompt, 1, 1, &PLAIN, store, r, NULL, &err));
    assert_non_null(strstr(err.text, "longer than 60"));
    prompt.n_ids = 3;
    ids[2] = (int32_t)TINY_QWEN2.vocab_size;
    assert_false(engine_run(engine, &prompt, 1, 1, &PLAIN, store, r, NULL, &err));
    assert_non_null(strstr(err.text, "token id 71 at place 2"));
    ids[2] = -1;
    assert_false(engine_run(engine, &prompt, 1, 1, &PLAIN, store, r, NULL, &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    ids[2] = 4;
    /* A callback that fails leaves an engine that can go on. */
    r->fail_after = 2;
    assert_false(engine_run(engine, &prompt, 1, 5, &PLAIN, store, r, NULL, &err));
    assert_string_equal(err.text, "the callback's own failure");
    Results *again = base_alloc(1, sizeof *again);
    ASSERT_OK(engine_run(engine, &prompt, 1, 5, &PLAIN, store, again, NULL, &err), err);
    for (int i = 0; i < 5; i++)
        if (r->of[0][i].done) assert_same_completion(&r->of[0][i], &again->of[0][i], "after a failure");
    ASSERT_OK(engine_run(engine, NULL, 0, 5, &PLAIN, store, again, NULL, &err), err);
    engine_free(engine);
    assert_false(engine_create(&engine, &w.model, &w.c.compute, 2, 2000, &err));
    assert_null(engine);
    base_free(again);
    base_free(r);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_threads_and_isa_move_no_bit),
        cmocka_unit_test(a_completion_knows_neither_how_many_there_are_nor_its_neighbours),
        cmocka_unit_test(log_probabilities_of_a_rollout_are_the_trainers),
        cmocka_unit_test(new_weights_are_what_the_next_run_samples_from),
        cmocka_unit_test(every_stop_id_ends_a_completion_and_stays_in_it),
        cmocka_unit_test(a_prompt_is_prefilled_once),
        cmocka_unit_test(many_prompts_at_once_give_what_few_give),
        cmocka_unit_test(bad_prompts_and_failures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
