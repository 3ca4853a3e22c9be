/* SPDX-License-Identifier: MIT */
/* tests/rollout/rolls.h: completions of a tiny model with and without guesses, compared to the bit: what the tests of speculation share. */
#ifndef R1_TESTS_ROLLOUT_ROLLS_H
#define R1_TESTS_ROLLOUT_ROLLS_H

#include "model/tiny.h"

#include "rollout/draft.h"
#include "rollout/engine.h"

enum { N_PROMPTS = 5, MAX_PER_PROMPT = 4, MAX_NEW = 60, MAX_PROMPT = 70 };

static const int64_t PROMPT_LENGTHS[N_PROMPTS] = {1, 5, 17, 40, MAX_PROMPT};

typedef struct Stored {
    int32_t ids[MAX_NEW];
    float logprobs[MAX_NEW], policy[MAX_NEW], sampled[MAX_NEW];
    int64_t n;
    FinishReason finish;
} Stored;

typedef struct Results {
    Stored of[N_PROMPTS][MAX_PER_PROMPT];
    int64_t n_done, n_grown;
    RolloutStats stats;
} Results;

static inline bool store(void *context, const Completion *c, Error *err)
{
    Results *r = context;
    Stored *s = &r->of[c->prompt][c->index];
    (void)err;
    s->n = c->n_ids;
    s->finish = c->finish;
    memcpy(s->ids, c->ids, (size_t)c->n_ids * sizeof *c->ids);
    memcpy(s->logprobs, c->logprobs, (size_t)c->n_ids * sizeof(float));
    memcpy(s->policy, c->policy_logprobs, (size_t)c->n_ids * sizeof(float));
    memcpy(s->sampled, c->sampled_logprobs, (size_t)c->n_ids * sizeof(float));
    r->n_done++;
    return true;
}

/* What a stream hears only ever grows, and ends as what is handed out. */
static inline bool hear(void *context, const Completion *c, Error *err)
{
    Results *r = context;
    Stored *s = &r->of[c->prompt][c->index];
    (void)err;
    assert_true(c->n_ids > s->n);
    assert_memory_equal(s->ids, c->ids, (size_t)s->n * sizeof *c->ids);
    s->n = c->n_ids;
    memcpy(s->ids, c->ids, (size_t)c->n_ids * sizeof *c->ids);
    r->n_grown++;
    return true;
}

typedef struct World {
    TinyCompute c;
    Model model;
    int32_t ids[N_PROMPTS][MAX_PROMPT];
    RolloutPrompt prompts[N_PROMPTS];
} World;

/* Prompts that repeat a few tokens: there is something to look up from the first step on. */
static inline void world_create(World *w, const ModelConfig *config, Isa isa, int n_threads)
{
    tiny_compute_create(&w->c, isa, n_threads);
    tiny_model_create(&w->model, config, &w->c.compute);
    for (int p = 0; p < N_PROMPTS; p++) {
        for (int64_t t = 0; t < PROMPT_LENGTHS[p]; t++)
            w->ids[p][t] = (int32_t)(rng_bits((Rng){9, RNG_TEST}, (uint64_t)p, 0, (uint64_t)(t % 11)) %
                                     (uint64_t)config->vocab_size);
        w->prompts[p] =
            (RolloutPrompt){.ids = w->ids[p], .n_ids = PROMPT_LENGTHS[p], .draw_a = 3, .draw_b = (uint32_t)p};
    }
}

static inline void world_free(World *w)
{
    model_free(&w->model);
    tiny_compute_free(&w->c);
}

static inline Results *roll(World *w, int64_t slots, int64_t n_completions, const SamplingParams *params, bool listen)
{
    Error err = {0};
    RolloutEngine *engine;
    Results *r = base_alloc(1, sizeof *r);
    ASSERT_OK(engine_create(&engine, &w->model, &w->c.compute, slots, MAX_PROMPT + MAX_NEW, &err), err);
    if (listen) engine_listen(engine, hear, r);
    ASSERT_OK(engine_run(engine, w->prompts, N_PROMPTS, n_completions, params, store, r, &r->stats, &err), err);
    engine_free(engine);
    assert_int_equal(r->n_done, N_PROMPTS * n_completions);
    return r;
}

static inline void assert_same_results(const Results *want, const Results *got, int64_t n_completions, const char *what)
{
    for (int p = 0; p < N_PROMPTS; p++)
        for (int64_t i = 0; i < n_completions; i++) {
            const Stored *a = &want->of[p][i], *b = &got->of[p][i];
            assert_int_equal(a->n, b->n);
            assert_int_equal(a->finish, b->finish);
            assert_memory_equal(a->ids, b->ids, (size_t)a->n * sizeof *a->ids);
            assert_bits(a->logprobs, b->logprobs, a->n, what);
            assert_bits(a->policy, b->policy, a->n, what);
            assert_bits(a->sampled, b->sampled, a->n, what);
        }
}

typedef struct Tally {
    int64_t drafted, accepted, plain_steps, steps;
    int64_t module_drafted, module_accepted;
} Tally;

static inline void compare(World *w, const SamplingParams *params, int64_t slots, int64_t n_completions, Tally *tally)
{
    SamplingParams plain = *params;
    plain.speculation = SPECULATION_OFF;
    Results *want = roll(w, slots, n_completions, &plain, false);
    Results *got = roll(w, slots, n_completions, params, true);
    assert_same_results(want, got, n_completions, "with speculation");
    assert_int_equal(want->stats.drafted_tokens, 0);
    assert_int_equal(want->stats.decode_tokens, got->stats.decode_tokens);
    assert_true(got->stats.accepted_tokens <= got->stats.drafted_tokens);
    tally->drafted += got->stats.drafted_tokens;
    tally->accepted += got->stats.accepted_tokens;
    tally->plain_steps += want->stats.decode_steps;
    tally->steps += got->stats.decode_steps;
    tally->module_drafted += got->stats.module_drafted;
    tally->module_accepted += got->stats.module_accepted;
    base_free(want);
    base_free(got);
}

/* ---- what grammars read ---- */

/* Ids spell two letters each. */
typedef struct Letters {
    char pool[2 * 71];
    int64_t offsets[72];
    TokenBytes bytes;
} Letters;

static inline void letters_create(Letters *l)
{
    for (int id = 0; id < 71; id++) {
        l->offsets[id] = 2 * id;
        l->pool[2 * id] = (char)('a' + id % 7);
        l->pool[2 * id + 1] = (char)('a' + id / 7);
    }
    l->offsets[71] = 2 * 71;
    l->bytes = (TokenBytes){l->pool, l->offsets, 71};
}

static inline Grammar *parse_grammar(const char *text)
{
    Grammar *g;
    Error err = {0};
    ASSERT_OK(grammar_parse(&g, text, strlen(text), "g", &err), err);
    return g;
}

#endif
