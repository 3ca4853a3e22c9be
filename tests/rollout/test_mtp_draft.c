/* SPDX-License-Identifier: MIT */
/* Guesses by the model's own module: the same ids and log-probabilities as without, to the bit, and half the steps where the module knows
 * what the model knows. */
#include "rollout/rolls.h"

static ModelConfig with_modules(const ModelConfig *shape, int64_t n)
{
    ModelConfig config = *shape;
    config.n_mtp = n;
    return config;
}

static void guesses_by_the_module_move_no_bit(void **state)
{
    (void)state;
    static const int64_t slots[] = {1, 3, 6, 20};
    const SamplingParams ways[] = {
        {.temperature = 1.0, .top_p = 1.0},
        {.temperature = 0.0, .top_p = 1.0},
        {.temperature = 0.5, .top_p = 0.8, .top_k = 20, .min_p = 0.02},
        {.temperature = 0.4, .top_p = 1.0, .repetition_penalty = 1.2, .frequency_penalty = -0.3, .ignore_eos = true},
    };
    const ModelConfig shapes[] = {with_modules(&TINY_DEEPSEEK, 2), with_modules(&TINY_QWEN2, 1)};
    for (int c = 0; c < 2; c++) {
        World w;
        Tally tally = {0};
        world_create(&w, &shapes[c], tiny_fastest(), 2 - c);
        for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
            for (uint64_t seed = 0; seed < 2; seed++) {
                SamplingParams params = ways[way];
                params.seed = seed;
                params.max_tokens = seed == 1 ? 7 : MAX_NEW;
                params.speculation = seed == 1 ? SPECULATION_ON : SPECULATION_UNTIMED;
                compare(&w, &params, slots[(way + seed) % 4], 1 + (int64_t)(seed + way) % 3, &tally);
            }
        print_message("%lld of %lld guesses by the module right\n", (long long)tally.module_accepted,
                      (long long)tally.module_drafted);
        assert_true(tally.module_drafted > 50 && tally.module_accepted > 0);
        world_free(&w);
    }
}

/* Blocks that add nothing: the model knows the last token alone, and the module, whose projection hands the token's embedding on, knows it
 * as well. */
static void make_alike(Model *model, const Compute *compute)
{
    const ParamLayout *const layout = &model->layout;
    const int64_t D = model->config.hidden_size;
    for (int64_t t = 0; t < layout->n_tensors; t++) {
        const ParamTensor *const p = &layout->tensors[t];
        float *const w = model->weights + p->offset;
        const bool into_stream = strstr(p->name, "o_proj.weight") || strstr(p->name, "down_proj.weight");
        const bool hands_on = strstr(p->name, "eh_proj") != NULL, plain = strstr(p->name, "enorm") != NULL;
        if (!into_stream && !hands_on && !plain) continue;
        for (int64_t i = 0; i < p->rows * p->columns; i++)
            w[i] = plain || (hands_on && i % p->columns == i / p->columns) ? 1.0f : 0.0f;
    }
    memcpy(model->weights + layout->mtp[0].norm, model->weights + layout->final_norm, (size_t)D * sizeof(float));
    model_pack(model, compute);
}

static void a_module_that_knows_as_much_halves_the_steps(void **state)
{
    (void)state;
    const ModelConfig config = with_modules(&TINY_QWEN2, 1);
    for (int way = 0; way < 2; way++) {
        World w;
        Tally tally = {0};
        world_create(&w, &config, tiny_fastest(), 1);
        make_alike(&w.model, &w.c.compute);
        const SamplingParams params = {.temperature = way == 0 ? 1.0 : 1.5,
                                       .top_p = way == 0 ? 1.0 : 0.95,
                                       .max_tokens = MAX_NEW,
                                       .seed = 5,
                                       .ignore_eos = true,
                                       .speculation = SPECULATION_UNTIMED};
        compare(&w, &params, 1, 1, &tally);
        print_message("%lld of %lld guesses by the module right; %lld steps for %lld\n",
                      (long long)tally.module_accepted, (long long)tally.module_drafted, (long long)tally.steps,
                      (long long)tally.plain_steps);
        assert_true(tally.module_drafted > 100);
        assert_true(tally.module_accepted * 10 >= tally.module_drafted * 9);
        assert_true(tally.steps * 2 < tally.plain_steps);
        world_free(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guesses_by_the_module_move_no_bit),
        cmocka_unit_test(a_module_that_knows_as_much_halves_the_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
