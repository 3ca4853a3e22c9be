/* SPDX-License-Identifier: MIT */
/* Speculation is exact: with and without it the same ids and log-probabilities, to the bit, whatever is drawn and whoever shares the batch;
 * and where a text repeats itself, in fewer steps. */
#include "rollout/rolls.h"

/* So large a vocabulary that the rows of one step do not fit one block of logits. */
static const ModelConfig WIDE = {.arch = MODEL_QWEN2,
                                 .hidden_size = 16,
                                 .n_layers = 1,
                                 .n_heads = 2,
                                 .n_kv_heads = 1,
                                 .head_dim = 8,
                                 .ffn_size = 16,
                                 .vocab_size = 40000,
                                 .max_positions = 1024,
                                 .rms_norm_eps = 1e-6f,
                                 .rope_theta = 10000.0,
                                 .qkv_bias = true,
                                 .tied_head = true,
                                 .bos_id = -1,
                                 .pad_id = -1};

static void speculation_moves_no_bit(void **state)
{
    (void)state;
    static const int64_t slots[] = {1, 2, 4, 6, 20};
    const LogitBias biases[] = {{5, 2.5f}, {9, -3.0f}};
    const SamplingParams ways[] = {
        {.temperature = 1.0, .top_p = 1.0},
        {.temperature = 0.0, .top_p = 1.0},
        {.temperature = 0.2, .top_p = 1.0},
        {.temperature = 0.5, .top_p = 0.8, .top_k = 20, .min_p = 0.02},
        {.temperature = 0.4, .top_p = 1.0, .repetition_penalty = 1.2},
        {.temperature = 0.3, .top_p = 1.0, .frequency_penalty = -0.3, .presence_penalty = 0.4},
        {.temperature = 0.3, .top_p = 0.9, .biases = biases, .n_biases = 2, .ignore_eos = true},
    };
    World w;
    for (int c = 0; c < 2; c++) {
        Tally tally = {0};
        world_create(&w, c == 0 ? &TINY_QWEN2 : &TINY_LLAMA, tiny_fastest(), c == 0 ? 2 : 1);
        for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
            for (uint64_t seed = 0; seed < 3; seed++) {
                SamplingParams params = ways[way];
                params.seed = seed;
                params.max_tokens = seed == 2 ? 7 : MAX_NEW;
                params.speculation = seed == 1 ? SPECULATION_ON : SPECULATION_UNTIMED;
                compare(&w, &params, slots[(way + seed) % 5], 1 + (int64_t)(seed + way) % MAX_PER_PROMPT, &tally);
            }
        print_message("%lld of %lld guesses right; %lld steps for %lld\n", (long long)tally.accepted,
                      (long long)tally.drafted, (long long)tally.steps, (long long)tally.plain_steps);
        assert_true(tally.accepted > 100 && tally.drafted > tally.accepted);
        assert_true(tally.steps < tally.plain_steps);
        world_free(&w);
    }
}

static void rows_beyond_a_block_of_logits_are_drawn_in_order(void **state)
{
    (void)state;
    World w;
    Tally tally = {0};
    world_create(&w, &WIDE, tiny_fastest(), 2);
    for (int64_t slots = 3; slots <= 5; slots++) {
        SamplingParams params = {
            .temperature = 0.05, .top_p = 1.0, .max_tokens = MAX_NEW, .seed = 1, .speculation = SPECULATION_UNTIMED};
        compare(&w, &params, slots, 2, &tally);
    }
    assert_true(tally.accepted > 50);
    world_free(&w);
}

static void every_isa_speculates_to_the_same_bits(void **state)
{
    (void)state;
    const SamplingParams params = {.temperature = 0.2, .top_p = 0.95, .max_tokens = MAX_NEW, .seed = 4};
    World w;
    world_create(&w, &TINY_QWEN2, ISA_C, 1);
    SamplingParams plain = params;
    plain.speculation = SPECULATION_OFF;
    Results *want = roll(&w, 3, 2, &plain, false);
    world_free(&w);
    for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++) {
        if (!cpu_has(isa)) {
            print_message("skipped: this machine has no %s\n", cpu_isa_name(isa));
            continue;
        }
        world_create(&w, &TINY_QWEN2, isa, 2);
        Results *got = roll(&w, 3, 2, &params, false);
        assert_same_results(want, got, 2, cpu_isa_name(isa));
        base_free(got);
        world_free(&w);
    }
    base_free(want);
}

static size_t spell(const Letters *l, const int32_t *ids, int64_t n, char *text)
{
    for (int64_t t = 0; t < n; t++) memcpy(text + 2 * t, l->pool + 2 * ids[t], 2);
    return (size_t)(2 * n);
}

/* Some completions must end in the middle of a draft. */
static void stop_strings_end_the_same_completions(void **state)
{
    (void)state;
    World w;
    Error err = {0};
    Letters letters;
    letters_create(&letters);
    world_create(&w, &TINY_QWEN2, tiny_fastest(), 1);
    StopStrings stop;
    ASSERT_OK(stop_strings_create(&stop, (const char *const[]){"ab", "cdc", "ffgg"}, 3, &err), err);
    Tally tally = {0};
    int64_t n_stopped = 0;
    for (uint64_t seed = 0; seed < 4; seed++) {
        const SamplingParams params = {.temperature = 0.3,
                                       .top_p = 1.0,
                                       .max_tokens = MAX_NEW,
                                       .seed = seed,
                                       .ignore_eos = true,
                                       .stop = &stop,
                                       .token_bytes = &letters.bytes};
        compare(&w, &params, 1 + (int64_t)seed, 3, &tally);
        Results *r = roll(&w, 4, 3, &params, false);
        for (int p = 0; p < N_PROMPTS; p++)
            for (int i = 0; i < 3; i++) {
                const Stored *s = &r->of[p][i];
                char text[2 * MAX_NEW];
                spell(&letters, s->ids, s->n, text);
                const bool stopped = s->finish == FINISH_TEXT;
                n_stopped += stopped;
                assert_int_equal(stop_strings_cut(&stop, text, (size_t)(2 * s->n)) < (size_t)(2 * s->n), stopped);
                /* Without its last token there was no reason to stop. */
                assert_int_equal(stop_strings_cut(&stop, text, (size_t)(2 * s->n - 2)), 2 * s->n - 2);
            }
        base_free(r);
    }
    assert_true(n_stopped > 5 && n_stopped < 4 * N_PROMPTS * 3);
    stop_strings_free(&stop);
    world_free(&w);
}

/* Completions stay within the grammar, end where it ends, and are the same with guesses. */
static void a_grammar_is_kept_whatever_is_guessed(void **state)
{
    (void)state;
    static const char *const grammars[] = {
        "root ::= ([a-c] [a-d])* \"gg\"?",
        "root ::= item (\"bb\" item){2,9}\nitem ::= [d-f] [^j] | \"gagb\"",
        "root ::= \"ca\" root \"cb\" | \"cc\" [a-g] .",
    };
    World w;
    Letters letters;
    int64_t n_ended = 0;
    Tally tally = {0};
    letters_create(&letters);
    world_create(&w, &TINY_QWEN2, tiny_fastest(), 2);
    for (int which = 0; which < 3; which++)
        for (uint64_t seed = 0; seed < 4; seed++) {
            Grammar *const g = parse_grammar(grammars[which]);
            const bool ignore_eos = seed % 2;
            grammar_bind(g, &letters.bytes, TINY_QWEN2.eos_ids, ignore_eos ? 0 : TINY_QWEN2.n_eos);
            const SamplingParams params = {.temperature = seed == 0 ? 0.0 : 0.3 * (double)seed,
                                           .top_p = 1.0,
                                           .max_tokens = MAX_NEW,
                                           .seed = seed,
                                           .ignore_eos = ignore_eos,
                                           .repetition_penalty = seed == 3 ? 1.1 : 0.0,
                                           .grammar = g,
                                           .token_bytes = &letters.bytes,
                                           .speculation = SPECULATION_UNTIMED};
            compare(&w, &params, 1 + (int64_t)seed, 2, &tally);
            Results *r = roll(&w, 3, 2, &params, false);
            for (int p = 0; p < N_PROMPTS; p++)
                for (int i = 0; i < 2; i++) {
                    const Stored *s = &r->of[p][i];
                    char text[2 * MAX_NEW];
                    Error err = {0};
                    GrammarState at = GRAMMAR_START;
                    const size_t length = spell(&letters, s->ids, s->n - (s->finish == FINISH_STOP), text);
                    ASSERT_OK(grammar_advance(g, &at, text, length, &err), err);
                    assert_int_not_equal(at, GRAMMAR_DEAD);
                    assert_int_equal(s->finish == FINISH_STOP && ignore_eos, false);
                    if (s->finish == FINISH_LENGTH) continue;
                    assert_true(grammar_may_end(g, at));
                    n_ended++;
                }
            base_free(r);
            grammar_free(g);
        }
    print_message("%lld of %lld guesses right, %lld completions ended\n", (long long)tally.accepted,
                  (long long)tally.drafted, (long long)n_ended);
    assert_true(tally.accepted > 20 && n_ended > 20);
    world_free(&w);
}

/* What the vocabulary cannot spell. */
static void a_grammar_without_a_token_is_told(void **state)
{
    (void)state;
    World w;
    Letters letters;
    Error err = {0};
    RolloutEngine *engine;
    Results *r = base_alloc(1, sizeof *r);
    Grammar *const g = parse_grammar("root ::= \"aazz\"");
    letters_create(&letters);
    world_create(&w, &TINY_QWEN2, tiny_fastest(), 1);
    grammar_bind(g, &letters.bytes, TINY_QWEN2.eos_ids, TINY_QWEN2.n_eos);
    const SamplingParams params = {.max_tokens = 5, .top_p = 1.0, .grammar = g, .token_bytes = &letters.bytes};
    ASSERT_OK(engine_create(&engine, &w.model, &w.c.compute, 2, MAX_PROMPT + MAX_NEW, &err), err);
    assert_false(engine_run(engine, w.prompts, 1, 1, &params, store, r, NULL, &err));
    assert_non_null(strstr(err.text, "the grammar leaves no token of this vocabulary behind 1 new tokens"));
    engine_free(engine);
    grammar_free(g);
    base_free(r);
    world_free(&w);
}

/* ---- the guesses themselves ---- */

static const DraftCosts UNKNOWN = {{0}};

static void a_periodic_text_is_guessed_and_a_random_one_is_not(void **state)
{
    (void)state;
    enum { N = 400 };
    static int32_t ids[N + DRAFT_MAX];
    for (int random = 0; random < 2; random++) {
        DraftIndex index = {.capacity = draft_index_capacity(N)};
        DraftRates rates;
        int64_t n_drafted = 0, n_right = 0;
        index.places = base_alloc((size_t)index.capacity, sizeof *index.places);
        draft_index_reset(&index);
        draft_rates_reset(&rates);
        for (int64_t i = 0; i < N; i++)
            ids[i] = random ? (int32_t)(rng_bits((Rng){1, RNG_TEST}, 0, 0, (uint64_t)i) % 40) : (int32_t)(i % 9);
        for (int64_t n = 1; n < N - DRAFT_MAX; n++) {
            int32_t guesses[N + DRAFT_MAX];
            DraftBudget budget = {1.0, 1};
            const DraftText text = {NULL, ids, 0, n};
            draft_observe(&index, &rates, &text);
            const int64_t n_guesses = draft_propose(&index, &rates, &UNKNOWN, &text, guesses, DRAFT_MAX, &budget);
            assert_int_equal(budget.rows, 1 + n_guesses);
            n_drafted += n_guesses;
            for (int64_t g = 0; g < n_guesses && guesses[g] == ids[n + g]; g++) n_right++;
        }
        if (random)
            assert_in_range(n_drafted, 0, N / 2);
        else
            assert_true(n_right == n_drafted && n_drafted > 10 * N);
        base_free(index.places);
    }
}

/* Steps that were measured decide: where each row costs as much as the first, nothing is guessed; where rows are free, all of them run. */
static void measured_steps_decide_how_much_is_guessed(void **state)
{
    (void)state;
    DraftCosts costs = {{0}};
    for (int64_t rows = 1; rows <= 16; rows++) {
        draft_costs_observe(&costs, rows, rows == 6 ? 1.1 : (double)rows);
        draft_costs_observe(&costs, rows, 1000.0); /* interrupted */
        draft_costs_observe(&costs, rows, rows == 6 ? 1.1 : (double)rows);
    }
    int32_t ids[64], guesses[DRAFT_MAX];
    for (int i = 0; i < 64; i++) ids[i] = i % 3;
    DraftIndex index = {.capacity = draft_index_capacity(64)};
    DraftRates rates;
    index.places = base_alloc((size_t)index.capacity, sizeof *index.places);
    draft_index_reset(&index);
    draft_rates_reset(&rates);
    const DraftText text = {ids, ids + 20, 20, 64};
    draft_observe(&index, &rates, &text);
    assert_int_equal(draft_propose(&index, &rates, &costs, &text, guesses, 4, &(DraftBudget){1.0, 1}), 0);
    assert_int_equal(draft_propose(&index, &rates, &costs, &text, guesses, 15, &(DraftBudget){1.0, 1}), 5);
    draft_costs_observe(&costs, 16, 0.5);
    assert_int_equal(draft_propose(&index, &rates, &costs, &text, guesses, 15, &(DraftBudget){1.0, 1}), 15);
    base_free(index.places);
}

static void nothing_is_guessed_past_the_end_or_where_rows_are_dear(void **state)
{
    (void)state;
    int32_t ids[64], guesses[DRAFT_MAX];
    for (int i = 0; i < 64; i++) ids[i] = i % 3;
    DraftIndex index = {.capacity = draft_index_capacity(64)};
    DraftRates rates;
    index.places = base_alloc((size_t)index.capacity, sizeof *index.places);
    draft_index_reset(&index);
    draft_rates_reset(&rates);
    const DraftText text = {ids, ids + 20, 20, 64};
    draft_observe(&index, &rates, &text);
    assert_int_equal(draft_propose(&index, &rates, &UNKNOWN, &text, guesses, 0, &(DraftBudget){1.0, 1}), 0);
    assert_int_equal(draft_propose(&index, &rates, &UNKNOWN, &text, guesses, 3, &(DraftBudget){1.0, 1}), 3);
    assert_int_equal(draft_propose(&index, &rates, &UNKNOWN, &text, guesses, DRAFT_MAX, &(DraftBudget){32.0, 32}), 0);
    base_free(index.places);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(speculation_moves_no_bit),
        cmocka_unit_test(rows_beyond_a_block_of_logits_are_drawn_in_order),
        cmocka_unit_test(every_isa_speculates_to_the_same_bits),
        cmocka_unit_test(stop_strings_end_the_same_completions),
        cmocka_unit_test(a_grammar_is_kept_whatever_is_guessed),
        cmocka_unit_test(a_grammar_without_a_token_is_told),
        cmocka_unit_test(a_periodic_text_is_guessed_and_a_random_one_is_not),
        cmocka_unit_test(measured_steps_decide_how_much_is_guessed),
        cmocka_unit_test(nothing_is_guessed_past_the_end_or_where_rows_are_dear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
