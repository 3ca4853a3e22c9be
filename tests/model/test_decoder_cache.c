/* SPDX-License-Identifier: MIT */
/* The same token has the same bits however it was reached: in one forward without a cache, prefilled at once or in chunks, decoded one by
 * one, behind a fork, beside other sequences. And the cache keeps its promises under random use. */
#include "model/tiny.h"

#include "num/head.h"

enum { MAX_TOKENS = 80, MAX_SEQUENCES = 6, MAX_BLOCKS = MAX_TOKENS / KV_BLOCK + 1 };

typedef struct Fixture {
    TinyCompute c;
    Model model;
    DecoderWorkspace workspace;
    KvCache cache;
    KvSequence sequences[MAX_SEQUENCES];
    int32_t block_ids[MAX_SEQUENCES][MAX_BLOCKS];
    int32_t ids[MAX_SEQUENCES][MAX_TOKENS];
    float *hidden; /* [MAX_TOKENS, D]: of sequence 0 without a cache */
} Fixture;

static void fixture_create(Fixture *f, const ModelConfig *config, Isa isa, int n_threads)
{
    Error err = {0};
    tiny_compute_create(&f->c, isa, n_threads);
    tiny_model_create(&f->model, config, &f->c.compute);
    ASSERT_OK(model_reserve_positions(&f->model, MAX_TOKENS, &err), err);
    ASSERT_OK(decoder_workspace_create(&f->workspace, config, MAX_TOKENS * MAX_SEQUENCES, MAX_TOKENS, n_threads, false,
                                       false, &err),
              err);
    ASSERT_OK(kv_cache_create(&f->cache, &f->model.config, MAX_SEQUENCES * MAX_BLOCKS, &err), err);
    for (int s = 0; s < MAX_SEQUENCES; s++) {
        f->sequences[s] = (KvSequence){.block_ids = f->block_ids[s], .max_blocks = MAX_BLOCKS};
        for (int t = 0; t < MAX_TOKENS; t++)
            f->ids[s][t] =
                (int32_t)(rng_bits((Rng){2, RNG_TEST}, (uint64_t)s, 0, (uint64_t)t) % (uint64_t)config->vocab_size);
    }
    f->hidden = base_alloc((size_t)(MAX_TOKENS * config->hidden_size), sizeof(float));
}

static void fixture_free(Fixture *f)
{
    base_free(f->hidden);
    kv_cache_free(&f->cache);
    decoder_workspace_free(&f->workspace);
    model_free(&f->model);
    tiny_compute_free(&f->c);
}

/* What one forward is made of: n[s] more tokens of each sequence. */
typedef struct Piece {
    int sequence;
    const int32_t *ids;
    int64_t n;
} Piece;

/* Runs the pieces in one forward, each behind what its sequence holds; the hidden rows stand in the workspace in order. */
static void forward(Fixture *f, const Piece *pieces, int n_pieces, bool cached)
{
    int32_t ids[MAX_TOKENS * MAX_SEQUENCES], positions[MAX_TOKENS * MAX_SEQUENCES];
    DecoderSegment segments[MAX_SEQUENCES];
    KvSequence *sequences[MAX_SEQUENCES];
    int64_t no_prompt[MAX_SEQUENCES], n_rows = 0;
    for (int p = 0; p < n_pieces; p++) {
        KvSequence *sequence = &f->sequences[pieces[p].sequence];
        const int64_t first = cached ? sequence->n_tokens : 0;
        if (cached) assert_true(kv_sequence_reserve(&f->cache, sequence, pieces[p].n));
        segments[p] = (DecoderSegment){n_rows, pieces[p].n, first};
        sequences[p] = sequence;
        no_prompt[p] = -1;
        for (int64_t t = 0; t < pieces[p].n; t++, n_rows++) {
            ids[n_rows] = pieces[p].ids[t];
            positions[n_rows] = (int32_t)(first + t);
        }
    }
    const DecoderBatch batch = {.n_rows = n_rows,
                                .n_backward_rows = n_rows,
                                .ids = ids,
                                .positions = positions,
                                .segments = segments,
                                .n_segments = n_pieces,
                                .prompt_of_segment = no_prompt,
                                .cache = cached ? &f->cache : NULL,
                                .sequences = sequences};
    decoder_forward(&f->model, &f->c.compute, &f->workspace, &batch);
    if (cached)
        for (int p = 0; p < n_pieces; p++) sequences[p]->n_tokens += pieces[p].n;
}

static void reference(Fixture *f)
{
    forward(f, &(Piece){0, f->ids[0], MAX_TOKENS}, 1, false);
    memcpy(f->hidden, f->workspace.hidden, (size_t)(MAX_TOKENS * f->model.config.hidden_size) * sizeof(float));
}

static void chunks_of_any_size_give_the_bits_of_one_forward(void **state)
{
    (void)state;
    static const int64_t chunks[] = {1, 3, 15, 16, 17, 40, MAX_TOKENS};
    for (int c = 0; c < N_TINY_CONFIGS; c++)
        for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++) {
            if (!cpu_has(isa)) continue;
            Fixture f;
            fixture_create(&f, TINY_CONFIGS[c], isa, 1 + ((int)isa + c) % 3);
            reference(&f);
            const int64_t D = f.model.config.hidden_size;
            for (int k = 0; k < 7; k++) {
                for (int64_t t = 0; t < MAX_TOKENS; t += chunks[k]) {
                    const int64_t n = chunks[k] < MAX_TOKENS - t ? chunks[k] : MAX_TOKENS - t;
                    forward(&f, &(Piece){0, f.ids[0] + t, n}, 1, true);
                    char what[96];
                    snprintf(what, sizeof what, "config %d, %s, chunks of %lld, at token %lld", c, cpu_isa_name(isa),
                             (long long)chunks[k], (long long)t);
                    assert_bits(f.hidden + t * D, f.workspace.hidden, n * D, what);
                }
                kv_sequence_release(&f.cache, &f.sequences[0]);
            }
            fixture_free(&f);
        }
}

static void check_company(const ModelConfig *config, int n_threads)
{
    Fixture f;
    fixture_create(&f, config, tiny_fastest(), n_threads);
    reference(&f);
    const int64_t D = f.model.config.hidden_size;
    int64_t step = 0;
    for (int64_t t = 0; t < MAX_TOKENS; step++) {
        const int64_t n = step % 5 + 1 < MAX_TOKENS - t ? step % 5 + 1 : MAX_TOKENS - t;
        const int64_t beside = step % 3;
        Piece pieces[MAX_SEQUENCES];
        int n_pieces = 0;
        int64_t rows_before = 0;
        for (int s = 1; s <= beside; s++) {
            const int64_t more = (step + s) % 4 + 1, held = f.sequences[s].n_tokens;
            if (held + more > MAX_TOKENS) continue;
            pieces[n_pieces++] = (Piece){s, f.ids[s] + held, more};
            rows_before += more;
        }
        pieces[n_pieces++] = (Piece){0, f.ids[0] + t, n};
        forward(&f, pieces, n_pieces, true);
        assert_bits(f.hidden + t * D, f.workspace.hidden + rows_before * D, n * D, "beside others");
        t += n;
    }
    fixture_free(&f);
}

static void what_shares_the_forward_moves_no_bit(void **state)
{
    (void)state;
    for (int c = 0; c < N_TINY_CONFIGS; c++) check_company(TINY_CONFIGS[c], 1 + c % 3);
}

/* A fork at every length, on and off the edge of a block; both sides go on, with different tokens first, and neither feels the other. */
static void check_forks(const ModelConfig *config)
{
    Fixture f;
    fixture_create(&f, config, ISA_C, 1);
    const int64_t D = f.model.config.hidden_size;
    for (int64_t at = 1; at < 40; at += at % 16 >= 14 || at % 16 <= 1 ? 1 : 6) {
        int32_t other[MAX_TOKENS];
        memcpy(other, f.ids[0], sizeof other);
        memcpy(other + at, f.ids[1] + at, (size_t)(MAX_TOKENS - at) * sizeof *other);
        forward(&f, &(Piece){0, f.ids[0], at}, 1, true);
        assert_true(kv_sequence_fork(&f.cache, &f.sequences[1], &f.sequences[0]));
        const KvSequence *const both[] = {&f.sequences[0], &f.sequences[1]};
        assert_true(kv_cache_is_valid(&f.cache, both, 2));
        forward(&f, &(Piece){1, other + at, 20}, 1, true);
        float *forked = base_alloc((size_t)(20 * D), sizeof *forked),
              *kept = base_alloc((size_t)(20 * D), sizeof *kept);
        memcpy(forked, f.workspace.hidden, (size_t)(20 * D) * sizeof *forked);
        forward(&f, &(Piece){0, f.ids[0] + at, 20}, 1, true);
        memcpy(kept, f.workspace.hidden, (size_t)(20 * D) * sizeof *kept);
        assert_true(kv_cache_is_valid(&f.cache, both, 2));
        forward(&f, &(Piece){2, other, at + 20}, 1, false);
        assert_bits(f.workspace.hidden + at * D, forked, 20 * D, "the fork");
        forward(&f, &(Piece){2, f.ids[0], at + 20}, 1, false);
        assert_bits(f.workspace.hidden + at * D, kept, 20 * D, "what was forked from");
        base_free(forked);
        base_free(kept);
        kv_sequence_release(&f.cache, &f.sequences[0]);
        kv_sequence_release(&f.cache, &f.sequences[1]);
        assert_int_equal(f.cache.n_free, f.cache.n_blocks);
    }
    fixture_free(&f);
}

static void a_fork_goes_on_as_if_it_had_been_alone(void **state)
{
    (void)state;
    check_forks(&TINY_LLAMA);
    check_forks(&TINY_DEEPSEEK);
}

/* Logits of whole rows and the head's log-probabilities of the same rows are one number. */
static void logits_and_head_agree_to_the_bit(void **state)
{
    (void)state;
    Fixture f;
    Error err = {0};
    fixture_create(&f, &TINY_QWEN2, ISA_C, 1);
    const int64_t V = f.model.config.vocab_size;
    forward(&f, &(Piece){0, f.ids[0], MAX_TOKENS}, 1, false);
    float *logits = base_alloc((size_t)(MAX_TOKENS * V), sizeof *logits);
    decoder_logits(&f.model, &f.c.compute, &f.workspace, 0, MAX_TOKENS, logits);
    float want[MAX_TOKENS], got[MAX_TOKENS], entropies[MAX_TOKENS];
    for (int64_t t = 0; t + 1 < MAX_TOKENS; t++) {
        HeadRow row;
        f.c.kernels.head_row(&row, NULL, NULL, logits + t * V, V, 1.0f);
        want[t] = head_logprob(&row, logits + t * V, f.ids[0][t + 1], 1.0f);
    }
    Trainer trainer;
    const TrainSequence sequence = {f.ids[0], f.ids[0] + 1, MAX_TOKENS - 1, 0};
    const TrainGroup group = {.n_sequences = 1};
    ASSERT_OK(trainer_create(&trainer, &f.model, &f.c.compute, 10, 1, false, &err), err);
    ASSERT_OK(trainer_logprobs(&trainer, &f.model, &(TrainBatch){&group, 1, &sequence, 1}, 1.0f, got, entropies, &err),
              err);
    assert_bits(want, got, MAX_TOKENS - 1, "log-probabilities");
    for (int64_t t = 0; t + 1 < MAX_TOKENS; t++)
        assert_true(entropies[t] > 0.0f && (double)entropies[t] <= log((double)V) + 1e-5);
    trainer_free(&trainer);
    base_free(logits);
    fixture_free(&f);
}

/* ---- the cache alone ---- */

static void check_all(const KvCache *cache, const KvSequence *sequences, int64_t n)
{
    const KvSequence *all[32];
    for (int64_t i = 0; i < n; i++) all[i] = &sequences[i];
    assert_true(kv_cache_is_valid(cache, all, n));
}

static void random_forks_and_releases_keep_the_invariants(void **state)
{
    (void)state;
    enum { N = 12, BLOCKS = 24, MAX = 8 };
    KvCache cache;
    KvSequence sequences[N];
    int32_t ids[N][MAX];
    Error err = {0};
    int64_t refused = 0, forks = 0;
    ASSERT_OK(kv_cache_create(&cache, &TINY_QWEN2, BLOCKS, &err), err);
    for (int i = 0; i < N; i++) sequences[i] = (KvSequence){.block_ids = ids[i], .max_blocks = MAX};
    RngSequence rng = rng_sequence(4, RNG_TEST, 0, 0);
    for (int step = 0; step < 5000; step++) {
        KvSequence *s = &sequences[rng_next_below(&rng, N)], *other = &sequences[rng_next_below(&rng, N)];
        const int64_t what = rng_next_below(&rng, 4), free_before = cache.n_free, blocks_before = s->n_blocks;
        if (what <= 1) {
            const int64_t more = rng_next_between(&rng, 1, 20);
            if (kv_sequence_reserve(&cache, s, more))
                s->n_tokens += more;
            else {
                refused++;
                assert_int_equal(cache.n_free, free_before);
                assert_int_equal(s->n_blocks, blocks_before);
            }
        } else if (what == 2 && s->n_blocks == 0 && other != s) {
            if (kv_sequence_fork(&cache, s, other)) {
                forks++;
                assert_int_equal(s->n_tokens, other->n_tokens);
            } else {
                refused++;
                assert_int_equal(cache.n_free, free_before);
                assert_int_equal(s->n_blocks, 0);
            }
        } else if (what == 3) {
            kv_sequence_release(&cache, s);
        }
        check_all(&cache, sequences, N);
    }
    assert_true(refused > 20 && forks > 100);
    for (int i = 0; i < N; i++) kv_sequence_release(&cache, &sequences[i]);
    check_all(&cache, sequences, N);
    assert_int_equal(cache.n_free, BLOCKS);
    kv_cache_free(&cache);
}

static void a_broken_cache_is_called_broken(void **state)
{
    (void)state;
    KvCache cache;
    int32_t ids[2][4];
    KvSequence a = {.block_ids = ids[0], .max_blocks = 4}, b = {.block_ids = ids[1], .max_blocks = 4};
    const KvSequence *const both[] = {&a, &b};
    Error err = {0};
    ASSERT_OK(kv_cache_create(&cache, &TINY_QWEN2, 8, &err), err);
    assert_true(kv_sequence_reserve(&cache, &a, 20));
    a.n_tokens = 20;
    assert_true(kv_sequence_fork(&cache, &b, &a));
    assert_true(kv_cache_is_valid(&cache, both, 2));
    assert_false(kv_cache_is_valid(&cache, both, 1)); /* a sequence that nobody counts */
    cache.readers[ids[0][1]]++;
    assert_false(kv_cache_is_valid(&cache, both, 2)); /* a reader too many, on a block that is not full */
    cache.readers[ids[0][1]]--;
    b.n_tokens = 10;
    assert_false(kv_cache_is_valid(&cache, both, 2)); /* would write into a shared block */
    b.n_tokens = 20;
    cache.n_free--;
    assert_false(kv_cache_is_valid(&cache, both, 2)); /* a block that is neither free nor held */
    cache.n_free++;
    kv_cache_free(&cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_of_any_size_give_the_bits_of_one_forward),
        cmocka_unit_test(what_shares_the_forward_moves_no_bit),
        cmocka_unit_test(a_fork_goes_on_as_if_it_had_been_alone),
        cmocka_unit_test(logits_and_head_agree_to_the_bit),
        cmocka_unit_test(random_forks_and_releases_keep_the_invariants),
        cmocka_unit_test(a_broken_cache_is_called_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
