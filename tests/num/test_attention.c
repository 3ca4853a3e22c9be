/* SPDX-License-Identifier: MIT */
/* Attention: the bits of its definition on every instruction set, and the same bits however a sequence is cut into calls. */
#include "num/attention_case.h"

static const AttentionShape shapes[] = {
    {1, 0, 1, 32, 0},     {2, 0, 2, 16, 0},    {15, 0, 3, 64, 0},   {16, 0, 2, 48, 0},    {17, 0, 1, 33, 0},
    {33, 5, 2, 32, 0},    {100, 0, 2, 64, 0},  {130, 37, 4, 8, 0},  {257, 256, 2, 64, 0}, {40, 39, 20, 32, 0},
    {300, 150, 2, 20, 0}, {96, 32, 7, 128, 0}, {81, 79, 5, 1, 0},   {64, 63, 1, 64, 0},   {50, 0, 4, 48, 32},
    {70, 69, 9, 40, 24},  {90, 40, 3, 21, 5},  {33, 17, 2, 80, 64},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

typedef struct Outputs {
    float *out, *row_max, *row_sum, *dq, *dk, *dv;
} Outputs;

static Outputs outputs_for(const AttentionCase *t, uint32_t seed)
{
    return (Outputs){fenced_fill(t->out_floats, seed, -1, 1),  fenced_fill(t->stat_floats, seed, -1, 1),
                     fenced_fill(t->stat_floats, seed, -1, 1), fenced_fill(t->q_floats, seed, -1, 1),
                     fenced_fill(t->kv_floats, seed, -1, 1),   fenced_fill(t->kv_floats, seed + 9, -1, 1)};
}

static void outputs_free(Outputs *o)
{
    fenced_free(o->out), fenced_free(o->row_max), fenced_free(o->row_sum);
    fenced_free(o->dq), fenced_free(o->dk), fenced_free(o->dv);
}

static void assert_same_forward(const AttentionCase *t, const Outputs *want, const Outputs *got, const char *what)
{
    assert_same_bits(want->row_max, got->row_max, t->stat_floats, what);
    assert_same_bits(want->row_sum, got->row_sum, t->stat_floats, what);
    assert_same_bits(want->out, got->out, t->out_floats, what);
    assert_fence_whole(got->out, t->out_floats, what);
    assert_fence_whole(got->row_max, t->stat_floats, what);
    assert_fence_whole(got->row_sum, t->stat_floats, what);
}

static void assert_same_backward(const AttentionCase *t, const Outputs *want, const Outputs *got, const char *what)
{
    assert_same_bits(want->dq, got->dq, t->q_floats, what);
    assert_same_bits(want->dv, got->dv, t->kv_floats, what);
    assert_same_bits(want->dk, got->dk, t->kv_floats, what);
    assert_fence_whole(got->dq, t->q_floats, what);
    assert_fence_whole(got->dk, t->kv_floats, what);
    assert_fence_whole(got->dv, t->kv_floats, what);
}

static void attention_has_the_bits_of_its_definition_on_every_isa(void **state)
{
    (void)state;
    Variant list[MAX_VARIANTS];
    const int n_variants = variants(list);
    const Kernels definition = kernels_for(ISA_C);
    for (int i = 0; i < N_SHAPES; i++) {
        AttentionCase t;
        attention_case_build(&t, shapes[i], (uint32_t)i + 1);
        Outputs want = outputs_for(&t, 3);
        attention_case_forward(&t, &definition, 0, t.n_queries, want.out, want.row_max, want.row_sum);
        attention_case_backward(&t, &definition, 0, t.n_queries, want.out, want.row_max, want.row_sum, want.dq, want.dk,
                                want.dv);
        for (int v = 0; v < n_variants; v++) {
            char what[128];
            snprintf(what, sizeof what, "attention over %lld keys from %lld, %lld heads of %lld, on %s",
                     (long long)shapes[i].n_keys, (long long)shapes[i].first_position, (long long)shapes[i].n_heads,
                     (long long)shapes[i].head_dim, list[v].name);
            const Kernels *k = &list[v].kernels;
            Outputs got = outputs_for(&t, 3);
            attention_case_forward(&t, k, 0, t.n_queries, got.out, got.row_max, got.row_sum);
            assert_same_forward(&t, &want, &got, what);
            attention_case_backward(&t, k, 0, t.n_queries, got.out, got.row_max, got.row_sum, got.dq, got.dk, got.dv);
            assert_same_backward(&t, &want, &got, what);
            outputs_free(&got);
        }
        outputs_free(&want);
        attention_case_free(&t);
    }
}

/* Prefill, prefill in chunks, one token at a time; and the backward in chunks, with dK and dV carried on. */
static void attention_has_the_same_bits_however_a_sequence_is_cut(void **state)
{
    (void)state;
    static const AttentionShape one_head[] = {{75, 0, 1, 32, 0}, {140, 21, 1, 64, 0}, {50, 0, 1, 20, 0}};
    static const int64_t chunks[] = {1, 3, 16, 37, 0};
    Variant list[MAX_VARIANTS];
    const int n_variants = variants(list);
    for (int v = 0; v < n_variants; v++)
        for (int i = 0; i < 3; i++) {
            AttentionCase t;
            attention_case_build(&t, one_head[i], 40);
            const Kernels *k = &list[v].kernels;
            Outputs want = outputs_for(&t, 3);
            attention_case_forward(&t, k, 0, t.n_queries, want.out, want.row_max, want.row_sum);
            attention_case_backward(&t, k, 0, t.n_queries, want.out, want.row_max, want.row_sum, want.dq, want.dk,
                                    want.dv);
            for (int c = 0; c < 4; c++) {
                Outputs got = outputs_for(&t, 3);
                for (int64_t begin = 0; begin < t.n_queries; begin += chunks[c]) {
                    const int64_t end = begin + chunks[c] < t.n_queries ? begin + chunks[c] : t.n_queries;
                    attention_case_forward(&t, k, begin, end, got.out, got.row_max, got.row_sum);
                }
                assert_same_forward(&t, &want, &got, "chunked prefill");
                for (int64_t begin = 0; begin < t.n_queries; begin += chunks[c]) {
                    const int64_t end = begin + chunks[c] < t.n_queries ? begin + chunks[c] : t.n_queries;
                    attention_case_backward(&t, k, begin, end, got.out, got.row_max, got.row_sum, got.dq, got.dk,
                                            got.dv);
                }
                assert_same_backward(&t, &want, &got, "chunked backward");
                outputs_free(&got);
            }
            outputs_free(&want);
            attention_case_free(&t);
        }
}

static void unused_columns_of_the_last_block_do_not_matter(void **state)
{
    (void)state;
    Variant list[MAX_VARIANTS];
    const int n_variants = variants(list);
    for (int v = 0; v < n_variants; v++) {
        AttentionCase t;
        attention_case_build(&t, (AttentionShape){21, 0, 2, 32, 0}, 8);
        Outputs want = outputs_for(&t, 3), got = outputs_for(&t, 3);
        attention_case_forward(&t, &list[v].kernels, 0, t.n_queries, want.out, want.row_max, want.row_sum);
        attention_case_blocks(&t, 3e4f);
        for (int64_t i = 21 * t.channels; i < t.kv_floats; i++) t.v[i] = -7e3f;
        attention_case_forward(&t, &list[v].kernels, 0, t.n_queries, got.out, got.row_max, got.row_sum);
        assert_same_forward(&t, &want, &got, "unused columns");
        outputs_free(&want), outputs_free(&got);
        attention_case_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attention_has_the_bits_of_its_definition_on_every_isa),
        cmocka_unit_test(attention_has_the_same_bits_however_a_sequence_is_cut),
        cmocka_unit_test(unused_columns_of_the_last_block_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
