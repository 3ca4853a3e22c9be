/* SPDX-License-Identifier: MIT */
/* Guesses by the model's own module: the same ids and log-probabilities as without, to the bit, and half the steps where the module knows
 * what the model knows. */
#include "rollout/rolls.h"

#include "rollout/mtp_draft.h"

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

/* A guess is drawn under the mask of the token itself, as far as the grammar has been walked; what it forbids is no guess. */
static void a_module_guesses_what_the_grammar_lets_through(void **state)
{
    (void)state;
    static const char *const grammars[] = {
        "root ::= ([a-c] [a-d])*",
        "root ::= ([a-c] [a-d] [d-g] [b-e])*",
    };
    const ModelConfig config = with_modules(&TINY_QWEN2, 1);
    World w;
    Letters letters;
    letters_create(&letters);
    world_create(&w, &config, tiny_fastest(), 1);
    make_alike(&w.model, &w.c.compute);
    for (int which = 0; which < 2; which++) {
        Tally tally = {0};
        Grammar *const g = parse_grammar(grammars[which]);
        grammar_bind(g, &letters.bytes, config.eos_ids, 0);
        const SamplingParams params = {.temperature = 1.0,
                                       .top_p = 1.0,
                                       .max_tokens = MAX_NEW,
                                       .seed = 2,
                                       .ignore_eos = true,
                                       .grammar = g,
                                       .token_bytes = &letters.bytes,
                                       .speculation = SPECULATION_UNTIMED};
        compare(&w, &params, 2, 1, &tally);
        print_message("%lld of %lld guesses by the module right\n", (long long)tally.module_accepted,
                      (long long)tally.module_drafted);
        assert_true(tally.module_drafted > 20 && tally.module_accepted * 10 >= tally.module_drafted * 9);
        grammar_free(g);
    }
    world_free(&w);
}

/* A grammar of one text, of tokens of two letters: it repeats itself and each time goes on otherwise, or it does not. It has been walked through,
 * so that all moves are known, and on, so that the masks of what will be drawn are forgotten. */
static Grammar *only_text(const Letters *letters, const ModelConfig *config, bool repeats)
{
    enum { N = 2 * MAX_NEW + 20 }; /* 64 masks are remembered */
    char text[2 * N + 16];
    Error err = {0};
    GrammarState at = GRAMMAR_START;
    GrammarMask mask;
    int n = snprintf(text, sizeof text, "root ::= \"");
    const int first = n;
    for (int i = 0; i < N; i++) {
        const int id = repeats ? (i % 4 < 3 ? i % 4 : 10 + i / 4) : i * 37 % 71;
        n += snprintf(text + n, sizeof text - (size_t)n, "%.2s", letters->pool + letters->offsets[id]);
    }
    snprintf(text + n, sizeof text - (size_t)n, "\"");
    Grammar *const g = parse_grammar(text);
    grammar_bind(g, &letters->bytes, config->eos_ids, 0);
    for (int i = 0; i < N; i++) {
        ASSERT_OK(grammar_allowed(g, at, &mask, &err), err);
        assert_int_equal(mask.n_allowed, 1);
        ASSERT_OK(grammar_advance(g, &at, text + first + 2 * i, 2, &err), err);
    }
    return g;
}

/* Where the grammar lets one text through, what it lets through is right: a wrong guess is one that it forbids. */
static void no_guess_is_one_that_the_grammar_forbids(void **state)
{
    (void)state;
    Letters letters;
    letters_create(&letters);
    for (int64_t n_modules = 0; n_modules < 2; n_modules++) {
        const ModelConfig config = with_modules(&TINY_QWEN2, n_modules);
        World w;
        world_create(&w, &config, tiny_fastest(), 1);
        Grammar *const g = only_text(&letters, &config, n_modules == 0);
        const SamplingParams params = {.temperature = 1.0,
                                       .top_p = 1.0,
                                       .max_tokens = MAX_NEW,
                                       .seed = 2,
                                       .ignore_eos = true,
                                       .grammar = g,
                                       .token_bytes = &letters.bytes,
                                       .speculation = SPECULATION_UNTIMED};
        Results *const r = roll(&w, 1, 1, &params, false);
        print_message("%lld modules: %lld of %lld guesses right, %lld of %lld by the module\n", (long long)n_modules,
                      (long long)r->stats.accepted_tokens, (long long)r->stats.drafted_tokens,
                      (long long)r->stats.module_accepted, (long long)r->stats.module_drafted);
        assert_true((n_modules ? r->stats.module_drafted : r->stats.drafted_tokens) > 50);
        assert_int_equal(r->stats.drafted_tokens, r->stats.accepted_tokens);
        assert_int_equal(r->stats.module_drafted, r->stats.module_accepted);
        base_free(r);
        grammar_free(g);
        world_free(&w);
    }
}

/* ---- whether it pays: steps that are said to take so long and to give so much ---- */

typedef struct Machine {
    double with, tokens; /* a step with the module takes and gives; one without: 1 and 1 */
    int64_t flattered;   /* the first so many steps with the module take 1 and give 2 */
} Machine;

/* Seconds beyond those of the better arm, over all; caches are cold at first. */
static double play(MtpDraft *d, Machine m, int64_t n_steps, int64_t *n_on)
{
    double seconds = 0.0, tokens = 0.0;
    *n_on = 0;
    for (int64_t i = 0; i < n_steps; i++) {
        const bool on = mtp_draft_wanted(d, 1);
        const bool timed = mtp_draft_trying(d, 1) || i % 8 == 0;
        const double noise = 1.0 + 0.1 * rng_uniform((Rng){4, RNG_TEST}, 0, 0, (uint64_t)i);
        const bool flattered = i < m.flattered;
        const double took = (on && !flattered ? m.with : 1.0) * noise,
                     cold = i < 2 && mtp_draft_trying(d, 1) ? 10.0 : 1.0;
        const double more = flattered ? 1.0 : m.tokens - 1.0;
        const int64_t gave = 1 + (on && rng_uniform((Rng){4, RNG_TEST}, 1, 0, (uint64_t)i) < more);
        mtp_draft_observe(d, 1, gave, timed ? took * cold : 0.0);
        seconds += took;
        tokens += (double)gave;
        *n_on += on;
    }
    const double best = m.tokens / m.with > 1.0 ? m.with / m.tokens : 1.0;
    return seconds / (tokens * best * 1.05) - 1.0;
}

static void the_arm_that_pays_is_found_at_little_cost(void **state)
{
    (void)state;
    static const Machine machines[] = {{1.5, 1.0, 0}, {1.3, 1.1, 0}, {1.2, 1.8, 0}, {1.05, 1.6, 0}, {2.5, 1.4, 0}};
    World w;
    Error err = {0};
    const ModelConfig config = with_modules(&TINY_QWEN2, 1);
    world_create(&w, &config, tiny_fastest(), 1);
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        const bool pays = machines[i].tokens > machines[i].with;
        MtpDraft *d;
        int64_t n_on;
        ASSERT_OK(mtp_draft_create(&d, &w.model, &w.c.compute, 1, 16, 64, &err), err);
        const double lost = play(d, machines[i], 6000, &n_on);
        print_message("module: %g times the time, %g times the tokens: on in %lld of 6000 steps, %.1f%% lost\n",
                      machines[i].with, machines[i].tokens, (long long)n_on, 100.0 * lost);
        assert_true(lost < 0.03);
        assert_true(pays ? n_on > 5500 : n_on < 600);
        assert_int_equal(mtp_draft_hopeful(d, 1), pays);
        /* The text changes: what has paid pays no more, and the other way round. */
        play(d, pays ? machines[0] : machines[2], 20000, &n_on);
        assert_true(pays ? n_on < 4000 : n_on > 10000);
        mtp_draft_free(d);
    }
    world_free(&w);
}

/* A trial that flattered the module is seen through long before its STAY is over, and what has long paid and then does not for a while is
 * tried again soon, not when the long STAY would have ended. */
static void an_arm_that_was_wrong_is_left_and_tried_again(void **state)
{
    (void)state;
    World w;
    Error err = {0};
    MtpDraft *d;
    int64_t n_on;
    const ModelConfig config = with_modules(&TINY_QWEN2, 1);
    const Machine flattering = {1.5, 1.0, 10}, good = {1.2, 1.8, 0}, bad = {1.5, 1.0, 0};
    world_create(&w, &config, tiny_fastest(), 1);
    ASSERT_OK(mtp_draft_create(&d, &w.model, &w.c.compute, 1, 16, 64, &err), err);
    assert_true(mtp_draft_hopeful(d, 1)); /* nothing is known */
    play(d, flattering, 320, &n_on);
    print_message("flattered: on in %lld of 320 steps\n", (long long)n_on);
    assert_true(n_on > 60 && n_on < 260 && !mtp_draft_wanted(d, 1)); /* believed, and no more */
    mtp_draft_free(d);

    ASSERT_OK(mtp_draft_create(&d, &w.model, &w.c.compute, 1, 16, 64, &err), err);
    play(d, good, 9000, &n_on); /* 512, 1024, 2048, 4096 and into 8192 steps without a trial */
    assert_true(n_on > 8900);
    play(d, bad, 400, &n_on);
    assert_true(n_on < 400 && !mtp_draft_wanted(d, 1) && !mtp_draft_hopeful(d, 1));
    play(d, good, 1000, &n_on);
    print_message("tried again: on in %lld of 1000 steps\n", (long long)n_on);
    assert_true(n_on > 500 && mtp_draft_hopeful(d, 1));
    /* A trial is hopeful also in the steps that it takes without. */
    bool second = false;
    for (int64_t i = 0; i < 1200 && !second; i++) {
        const bool on = mtp_draft_wanted(d, 1);
        second = mtp_draft_trying(d, 1) && !on;
        if (!second) mtp_draft_observe(d, 1, 1 + on, on ? 1.2 : 1.0);
    }
    assert_true(second && mtp_draft_hopeful(d, 1));
    mtp_draft_free(d);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guesses_by_the_module_move_no_bit),
        cmocka_unit_test(a_module_that_knows_as_much_halves_the_steps),
        cmocka_unit_test(a_module_guesses_what_the_grammar_lets_through),
        cmocka_unit_test(no_guess_is_one_that_the_grammar_forbids),
        cmocka_unit_test(the_arm_that_pays_is_found_at_little_cost),
        cmocka_unit_test(an_arm_that_was_wrong_is_left_and_tried_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
