/* SPDX-License-Identifier: MIT */
/* A conversation whose keys stay from turn to turn has the ids and log-probabilities of fresh prefills, to the bit, whatever is edited; and
 * so have the keys of its module, which guesses the same. */
#include "rollout/rolls.h"

enum { ROOM = 200, TURNS = 40 };

typedef struct Talk {
    TinyCompute c;
    Model model;
    RolloutEngine *engine; /* keeps */
    SamplingParams params;
    int32_t ids[ROOM]; /* prompt and answer of the last turn */
    int64_t n_prompt, n;
    uint64_t n_turns;
    int64_t n_reused, stop_after; /* stop_after: tokens after which the answer is given up, 0: none */
    bool exact;                   /* all that is in common is reused */
    bool module_runs;             /* in every step */
    int64_t n_accepted;           /* of its guesses */
} Talk;

static bool give_up(void *context, const Completion *c, Error *err)
{
    const Talk *const t = context;
    return t->stop_after == 0 || c->n_ids < t->stop_after || error_set(err, ERROR_INPUT, "given up");
}

static float *tensor_at(const Model *model, const char *name)
{
    const ParamTensor *const p = param_layout_find(&model->layout, name);
    return p ? model->weights + p->offset : NULL;
}

static void normalise_row(float *x, int64_t n)
{
    float sum = 0.0f;
    for (int64_t i = 0; i < n; i++) sum += x[i] * x[i];
    for (int64_t i = 0; i < n; i++) x[i] *= sqrtf((float)n / sum);
}

/* The model is its last block over embeddings, and so is the module, whose projection hands the token's embedding on: it knows what the
 * model knows as long as it has the keys of the whole text. The block's attention is loud, so that it does not where they are missing. */
static void make_alike(Model *model, const Compute *compute)
{
    static const float loud = 30.0f, soft = 0.3f;
    const ModelConfig *const c = &model->config;
    const int64_t D = c->hidden_size;
    for (int64_t i = 0; i < c->vocab_size; i++) normalise_row(model->weights + model->layout.embedding + i * D, D);
    for (int64_t t = 0; t < model->layout.n_tensors; t++) {
        const ParamTensor *const p = &model->layout.tensors[t];
        const char *part;
        const int64_t layer = param_layer_of(p->name, &part), n = p->rows * p->columns;
        float *const w = model->weights + p->offset;
        const bool into_stream = strstr(p->name, "o_proj.weight") || strstr(p->name, "down_proj.weight");
        const bool hands_on = strstr(p->name, "eh_proj") != NULL, plain = strstr(p->name, "enorm") != NULL;
        if (layer >= 0 && layer < c->n_layers - 1 && into_stream) memset(w, 0, (size_t)n * sizeof *w);
        if (layer == c->n_layers - 1 && strstr(p->name, "o_proj.weight"))
            for (int64_t i = 0; i < n; i++) w[i] *= loud;
        if (hands_on || plain)
            for (int64_t i = 0; i < n; i++) w[i] = plain || i % p->columns == i / p->columns ? 1.0f : 0.0f;
        if (layer < c->n_layers) continue;
        char name[128];
        snprintf(name, sizeof name, "model.layers.%d.%s", (int)c->n_layers - 1, part);
        const float *const of = tensor_at(model, name);
        if (of) memcpy(w, of, (size_t)n * sizeof *w);
    }
    for (int64_t i = 0; i < D; i++) model->weights[model->layout.final_norm + i] = soft;
    memcpy(model->weights + model->layout.mtp[0].norm, model->weights + model->layout.final_norm,
           (size_t)D * sizeof(float));
    model_pack(model, compute);
}

static void talk_create(Talk *t, const ModelConfig *config, int64_t n_modules, Speculation speculation, int n_threads)
{
    Error err = {0};
    ModelConfig with = *config;
    with.n_mtp = n_modules;
    *t =
        (Talk){.params = {.temperature = 0.7, .top_p = 0.95, .seed = 3, .ignore_eos = true, .speculation = speculation},
               .exact = n_modules == 0,
               .module_runs = n_modules > 0 && speculation == SPECULATION_UNTIMED};
    tiny_compute_create(&t->c, tiny_fastest(), n_threads);
    tiny_model_create(&t->model, &with, &t->c.compute);
    if (n_modules > 0) make_alike(&t->model, &t->c.compute);
    ASSERT_OK(engine_create(&t->engine, &t->model, &t->c.compute, 2, ROOM, &err), err);
    engine_keep_text(t->engine, true);
    engine_listen(t->engine, give_up, t);
}

static void talk_free(Talk *t)
{
    engine_free(t->engine);
    model_free(&t->model);
    tiny_compute_free(&t->c);
}

static bool take(void *context, const Completion *c, Error *err)
{
    (void)err;
    Stored *const s = &((Results *)context)->of[c->prompt][c->index];
    s->n = c->n_ids;
    memcpy(s->ids, c->ids, (size_t)c->n_ids * sizeof *c->ids);
    memcpy(s->logprobs, c->logprobs, (size_t)c->n_ids * sizeof *c->logprobs);
    memcpy(s->sampled, c->sampled_logprobs, (size_t)c->n_ids * sizeof *c->sampled_logprobs);
    return true;
}

/* The last heard of an answer that was given up. */
static bool take_and_give_up(void *context, const Completion *c, Error *err)
{
    (void)err;
    Talk *const t = context;
    memcpy(t->ids + t->n_prompt, c->ids, (size_t)c->n_ids * sizeof *c->ids);
    t->n = t->n_prompt + c->n_ids;
    return give_up(t, c, err);
}

/* The module has every key that it would have: it guesses the same. */
static void assert_guesses_of_a_fresh_engine(Talk *t, const RolloutStats *fresh, const RolloutStats *kept)
{
    assert_int_equal(fresh->decode_steps, kept->decode_steps);
    assert_int_equal(fresh->module_drafted, kept->module_drafted);
    assert_int_equal(fresh->module_accepted, kept->module_accepted);
    t->n_accepted += kept->module_accepted;
}

/* The prompt stands in t->ids; its answer, by an engine that never saw another, must be the same. */
static void answer(Talk *t, int64_t n_prompt, int64_t max_tokens)
{
    Error err = {0};
    RolloutEngine *fresh;
    RolloutStats stats = {0}, fresh_stats = {0};
    Results *const want = base_alloc(1, sizeof *want), *const got = base_alloc(1, sizeof *got);
    int32_t prompt_ids[ROOM];
    memcpy(prompt_ids, t->ids, sizeof prompt_ids);
    t->n_prompt = n_prompt;
    t->params.max_tokens = max_tokens;
    const RolloutPrompt prompt = {.ids = prompt_ids, .n_ids = n_prompt, .draw_a = t->n_turns++};
    ASSERT_OK(engine_create(&fresh, &t->model, &t->c.compute, 1, ROOM, &err), err);
    ASSERT_OK(engine_run(fresh, &prompt, 1, 1, &t->params, take, want, &fresh_stats, &err), err);
    engine_free(fresh);
    engine_listen(t->engine, take_and_give_up, t);
    if (engine_run(t->engine, &prompt, 1, 1, &t->params, take, got, &stats, &err)) {
        const Stored *const a = &want->of[0][0], *const b = &got->of[0][0];
        assert_int_equal(a->n, b->n);
        assert_memory_equal(a->ids, b->ids, (size_t)a->n * sizeof *a->ids);
        assert_bits(a->logprobs, b->logprobs, a->n, "logprobs of a turn");
        assert_bits(a->sampled, b->sampled, a->n, "sampled_logprobs of a turn");
        memcpy(t->ids + n_prompt, b->ids, (size_t)b->n * sizeof *b->ids);
        t->n = n_prompt + b->n;
        if (t->module_runs) assert_guesses_of_a_fresh_engine(t, &fresh_stats, &stats);
    } else {
        assert_string_equal(err.text, "given up");
        assert_memory_equal(want->of[0][0].ids, t->ids + n_prompt, (size_t)(t->n - n_prompt) * sizeof *t->ids);
    }
    assert_int_equal(stats.reused_tokens + stats.prefill_tokens, n_prompt - 1);
    t->n_reused = stats.reused_tokens;
    base_free(want);
    base_free(got);
}

/* The first n tokens are in common; an edit (or the next token to draw) ends them within what the last run has put through the module. */
static void assert_reused(const Talk *t, int64_t n)
{
    if (t->exact)
        assert_int_equal(t->n_reused, n);
    else if (t->module_runs) /* the row of the last one reads the token behind it */
        assert_int_equal(t->n_reused, n - 1);
    else
        assert_true(t->n_reused <= n && t->n_reused >= n - DRAFT_MAX_ROWS);
}

/* They end where the answer did, whose last step no module has run over. */
static void assert_all_reused(const Talk *t, int64_t n)
{
    if (t->exact)
        assert_int_equal(t->n_reused, n);
    else
        assert_true(t->n_reused <= n && t->n_reused >= n - (t->module_runs ? 1 + DRAFT_MAX : DRAFT_MAX_ROWS));
}

static int64_t add(Talk *t, int64_t from, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        t->ids[from + i] = (int32_t)(rng_bits((Rng){5, RNG_TEST}, t->n_turns, 0, (uint64_t)i) % 60);
    return from + n;
}

static void converse(Talk *t)
{
    answer(t, add(t, 0, 20), 12);
    assert_int_equal(t->n_reused, 0);
    const int64_t first = t->n;
    answer(t, add(t, t->n, 7), 25); /* the next turn; the last token's keys were never needed */
    assert_all_reused(t, first - 1);
    answer(t, first + 7, 9); /* again, by other draws */
    assert_reused(t, first + 6);
    answer(t, add(t, first + 3, 5), 10); /* a message taken back within an answer */
    assert_reused(t, first + 3);
    const int32_t old = t->ids[24];
    memmove(t->ids + 24, t->ids + 29, (size_t)(t->n - 29) * sizeof *t->ids); /* what was thought is taken out */
    t->ids[24] = (old + 1) % 60;
    const int64_t stripped = t->n - 5;
    answer(t, add(t, stripped, 5), 10);
    assert_reused(t, 24);
    t->ids[0] = (t->ids[0] + 1) % 60; /* another system message */
    answer(t, t->n, 5);
    assert_int_equal(t->n_reused, 0);
    answer(t, add(t, t->n, ROOM - 3 - t->n), 3); /* the last place of the context */
    answer(t, ROOM - 3, 3);
    assert_reused(t, ROOM - 4);
    answer(t, 1, 4); /* nothing to prefill */
    assert_int_equal(t->n_reused, 0);
    answer(t, add(t, t->n, 6), 4);
    assert_all_reused(t, 4);
}

/* Given up, dropped by another kind of run, of other weights. */
static void interrupt(Talk *t)
{
    Error err = {0};
    Results *const others = base_alloc(1, sizeof *others);
    t->stop_after = 6;
    answer(t, add(t, 0, 30), 20);
    assert_true(t->n >= 36 && t->n < 50);
    t->stop_after = 0;
    const int64_t n = t->n;
    answer(t, add(t, n, 4), 8);
    assert_all_reused(t, n - 1);
    const RolloutPrompt prompt = {.ids = t->ids, .n_ids = 10};
    t->params.max_tokens = 5;
    engine_listen(t->engine, NULL, NULL);
    ASSERT_OK(engine_run(t->engine, &prompt, 1, 3, &t->params, take, others, NULL, &err), err);
    answer(t, t->n, 8);
    assert_int_equal(t->n_reused, 0);
    for (int64_t i = 0; i < t->model.layout.n_floats; i += 7) t->model.weights[i] *= 0.9f;
    if (t->model.config.n_mtp > 0) make_alike(&t->model, &t->c.compute);
    model_pack(&t->model, &t->c.compute);
    answer(t, t->n, 8);
    assert_int_equal(t->n_reused, 0);
    base_free(others);
}

/* No block is lost: edits of all kinds, more turns than the pool would stand a leak. */
static void edit_at_random(Talk *t)
{
    int64_t n_reused = 0;
    for (uint64_t turn = 0; turn < TURNS; turn++) {
        const Rng rng = {8, RNG_TEST};
        const int64_t keep = (int64_t)(rng_bits(rng, turn, 1, 0) % (uint64_t)(t->n < 150 ? t->n : 150));
        const int64_t more = 1 + (int64_t)(rng_bits(rng, turn, 1, 1) % 20);
        t->stop_after = turn % 5 == 2 ? 3 : 0;
        answer(t, add(t, keep, more), 1 + (int64_t)(rng_bits(rng, turn, 1, 2) % 25));
        n_reused += t->n_reused;
    }
    assert_true(n_reused > 10 * TURNS);
}

static void turns_that_keep_their_keys_have_the_bits_of_fresh_ones(void **state)
{
    (void)state;
    static const struct {
        const ModelConfig *config;
        int64_t n_modules;
    } shapes[] = {{&TINY_QWEN2, 0}, {&TINY_LLAMA, 0}, {&TINY_DEEPSEEK, 0}, {&TINY_QWEN2, 1}, {&TINY_DEEPSEEK, 1}};
    static const Speculation ways[] = {SPECULATION_OFF, SPECULATION_UNTIMED, SPECULATION_ON};
    for (int shape = 0; shape < 5; shape++)
        for (int way = 0; way < 3; way++) {
            Talk t;
            talk_create(&t, shapes[shape].config, shapes[shape].n_modules, ways[way], 1 + way % 2);
            converse(&t);
            interrupt(&t);
            edit_at_random(&t);
            if (t.module_runs) assert_true(t.n_accepted > 200);
            talk_free(&t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_that_keep_their_keys_have_the_bits_of_fresh_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
