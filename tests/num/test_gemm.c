/* SPDX-License-Identifier: MIT */
/* Every GEMM has the bits of its definition: each instruction set, operand layout, edge, start of the chains, thread count. */
#include "num/variants.h"

#include "num/gemm.h"

typedef struct Shape {
    int64_t m, n, k;
} Shape;

static const Shape shapes[] = {
    {1, 1, 1},    {1, 32, 7},   {1, 33, 64},  {2, 31, 5},    {3, 64, 16},   {4, 15, 33},   {5, 17, 31},   {6, 32, 32},
    {7, 16, 1},   {8, 96, 100}, {9, 1, 40},   {12, 65, 3},   {13, 40, 129}, {17, 100, 50}, {31, 63, 65},  {97, 33, 20},
    {100, 95, 9}, {8, 64, 769}, {3, 20, 801}, {2, 37, 4099}, {1, 5, 1600},  {33, 32, 0},   {200, 70, 70},
};

typedef enum Layout { PACKED, ROW_MAJOR, BY_WEIGHT, N_LAYOUTS } Layout;
static const char *const layout_names[] = {"packed", "row-major B", "column-wise A"};
typedef enum Start { FROM_ZERO, FROM_BIAS, FROM_C, N_STARTS } Start;
static const char *const start_names[] = {"from zero", "from a bias", "carried on"};

typedef struct Case {
    Gemm g;
    float *a, *b, *bias, *want, *got;
    int64_t c_floats;
    char name[160];
} Case;

/* Strides are wider than the matrices, so that a kernel that confuses the two is seen; the gaps of C must stay as they were. */
static void case_build(Case *t, Shape s, Layout layout, Start start, uint32_t seed)
{
    const int64_t gap = 3, a_row = layout == BY_WEIGHT ? 1 : s.k + gap, a_col = layout == BY_WEIGHT ? s.m + gap : 1;
    const int64_t panels = (s.n + GEMM_PANEL - 1) / GEMM_PANEL, b_row = layout == PACKED ? GEMM_PANEL : s.n + gap;
    const int64_t c_row = s.n + gap;
    const int64_t b_floats = layout == PACKED ? panels * GEMM_PANEL * s.k : s.k * b_row - (s.k > 0 ? gap : 0);
    t->c_floats = (s.m - 1) * c_row + s.n;
    t->a = fenced_fill((s.m + gap) * (s.k + gap), seed, -1.0f, 1.0f);
    t->b = fenced_fill(b_floats, seed + 1, -1.0f, 1.0f);
    t->bias = fenced_fill(s.n, seed + 2, -1.0f, 1.0f);
    t->want = fenced_fill(t->c_floats, seed + 3, -1.0f, 1.0f);
    t->got = fenced_fill(t->c_floats, seed + 3, -1.0f, 1.0f);
    t->g = (Gemm){.m = s.m, .n = s.n, .k = s.k, .a = t->a, .a_row = a_row, .a_col = a_col, .b = t->b, .b_row = b_row};
    t->g.b_panel = layout == PACKED ? GEMM_PANEL * s.k : GEMM_PANEL;
    t->g.c_row = c_row;
    t->g.bias = start == FROM_BIAS ? t->bias : NULL;
    t->g.accumulate = start == FROM_C;
    snprintf(t->name, sizeof t->name, "gemm %lld x %lld x %lld, %s, %s", (long long)s.m, (long long)s.n, (long long)s.k,
             layout_names[layout], start_names[start]);
}

static void case_free(Case *t)
{
    fenced_free(t->a);
    fenced_free(t->b);
    fenced_free(t->bias);
    fenced_free(t->want);
    fenced_free(t->got);
}

static void gemm_has_the_bits_of_its_definition_on_every_isa(void **state)
{
    (void)state;
    Variant list[MAX_VARIANTS];
    const int n_variants = variants(list);
    const Kernels definition = kernels_for(ISA_C);
    for (int v = 0; v < n_variants; v++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (int layout = 0; layout < N_LAYOUTS; layout++)
                for (int start = 0; start < N_STARTS; start++) {
                    Case t;
                    case_build(&t, shapes[i], (Layout)layout, (Start)start, (uint32_t)i + 1);
                    char what[200];
                    snprintf(what, sizeof what, "%s on %s", t.name, list[v].name);
                    Gemm want = t.g, got = t.g;
                    want.c = t.want;
                    got.c = t.got;
                    definition.gemm(&want);
                    list[v].kernels.gemm(&got);
                    assert_same_bits(t.want, t.got, t.c_floats, what);
                    assert_fence_whole(t.got, t.c_floats, what);
                    case_free(&t);
                }
}

/* The definition itself against the plainest loop there is. */
static void gemm_definition_is_one_chain_over_k(void **state)
{
    (void)state;
    Case t;
    case_build(&t, (Shape){5, 37, 19}, ROW_MAJOR, FROM_BIAS, 7);
    t.g.c = t.got;
    kernels_for(ISA_C).gemm(&t.g);
    for (int64_t i = 0; i < 5; i++)
        for (int64_t j = 0; j < 37; j++) {
            float sum = t.bias[j];
            for (int64_t k = 0; k < 19; k++) sum = fmaf(t.a[i * t.g.a_row + k], t.b[k * t.g.b_row + j], sum);
            t.want[i * t.g.c_row + j] = sum;
        }
    assert_same_bits(t.want, t.got, t.c_floats, "gemm definition");
    case_free(&t);
}

static void gemm_has_the_same_bits_on_any_number_of_threads(void **state)
{
    (void)state;
    static const Shape big[] = {{1, 5000, 128}, {300, 260, 100}, {70, 2048, 33}, {1000, 40, 64}, {49, 97, 200}};
    const Kernels k = kernels_for(cpu_has(ISA_AVX2) ? ISA_AVX2 : ISA_C);
    for (int n_threads = 1; n_threads <= 5; n_threads++) {
        Error err;
        Threads *threads;
        assert_true(threads_create(&threads, n_threads, &err));
        for (size_t i = 0; i < sizeof big / sizeof *big; i++)
            for (int layout = 0; layout < N_LAYOUTS; layout++) {
                Case t;
                case_build(&t, big[i], (Layout)layout, FROM_BIAS, (uint32_t)i + 50);
                Gemm want = t.g, got = t.g;
                want.c = t.want;
                got.c = t.got;
                k.gemm(&want);
                gemm_run(&k, threads, &got);
                assert_same_bits(t.want, t.got, t.c_floats, t.name);
                assert_fence_whole(t.got, t.c_floats, t.name);
                case_free(&t);
            }
        threads_free(threads);
    }
}

/* Tasks of every size, some empty, in one region. */
static void many_products_in_one_region_have_the_bits_of_each_alone(void **state)
{
    (void)state;
    enum { N = 9 };
    static const Shape list[N] = {{0, 64, 32},   {1, 700, 96}, {300, 64, 64},  {0, 5, 5}, {0, 5, 5},
                                  {49, 97, 200}, {3, 33, 1},   {120, 400, 50}, {0, 1, 1}};
    const Kernels k = kernels_for(cpu_has(ISA_AVX2) ? ISA_AVX2 : ISA_C);
    for (int n_threads = 1; n_threads <= 4; n_threads++) {
        Error err;
        Threads *threads;
        Case cases[N];
        GemmTask tasks[N];
        assert_true(threads_create(&threads, n_threads, &err));
        for (int i = 0; i < N; i++) {
            const Shape shape = {list[i].m > 0 ? list[i].m : 1, list[i].n, list[i].k};
            case_build(&cases[i], shape, (Layout)(i % N_LAYOUTS), FROM_BIAS, (uint32_t)i + 90);
            Gemm want = cases[i].g;
            want.c = cases[i].want;
            tasks[i].gemm = cases[i].g;
            tasks[i].gemm.c = cases[i].got;
            want.m = tasks[i].gemm.m = list[i].m;
            if (want.m > 0) k.gemm(&want);
        }
        gemm_run_many(&k, threads, tasks, N);
        for (int i = 0; i < N; i++) {
            assert_same_bits(cases[i].want, cases[i].got, cases[i].c_floats, cases[i].name);
            assert_fence_whole(cases[i].got, cases[i].c_floats, cases[i].name);
            case_free(&cases[i]);
        }
        threads_free(threads);
    }
}

static void packing_and_unpacking_give_the_matrix_back_and_pad_with_zeros(void **state)
{
    (void)state;
    static const Shape sizes[] = {{0, 1, 1}, {0, 31, 17}, {0, 64, 16}, {0, 1000, 33}, {0, 513, 700}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const int64_t n_out = sizes[i].n, n_in = sizes[i].k, packed = gemm_packed_floats(n_out, n_in);
        float *w = fenced_fill(n_out * n_in, 3, -1.0f, 1.0f), *panels = fenced(packed), *back = fenced(n_out * n_in);
        gemm_pack(panels, w, n_out, n_in, NULL);
        gemm_unpack(back, panels, n_out, n_in);
        assert_same_bits(w, back, n_out * n_in, "unpacked");
        for (int64_t j = n_out; j < (n_out + 31) / 32 * 32; j++)
            for (int64_t k = 0; k < n_in; k++) assert_true(panels[(j / 32 * n_in + k) * 32 + j % 32] == 0.0f);
        assert_fence_whole(panels, packed, "panels");
        fenced_free(w);
        fenced_free(panels);
        fenced_free(back);
    }
}

/* Cutting the rows of a batch in two and carrying dW on gives what one pass gives: micro-batches cannot move a bit. */
static void weight_gradient_carried_over_micro_batches_has_the_bits_of_one_pass(void **state)
{
    (void)state;
    enum { M = 70, N = 45, K = 50 };
    const Kernels k = kernels_for(cpu_has(ISA_AVX2) ? ISA_AVX2 : ISA_C);
    float *dy = fenced_fill(M * N, 1, -1, 1), *x = fenced_fill(M * K, 2, -1, 1);
    float *once = fenced_fill(N * K, 3, -1, 1), *pieces = fenced_fill(N * K, 3, -1, 1);
    Gemm g = gemm_by_weight(once, dy, N, x, K, M, N, K);
    gemm_run(&k, NULL, &g);
    static const int cuts[] = {0, 1, 17, 50, M};
    for (int i = 0; i < 4; i++) {
        g = gemm_by_weight(pieces, dy + cuts[i] * N, N, x + cuts[i] * K, K, cuts[i + 1] - cuts[i], N, K);
        gemm_run(&k, NULL, &g);
    }
    assert_same_bits(once, pieces, N * K, "dW");
    fenced_free(dy);
    fenced_free(x);
    fenced_free(once);
    fenced_free(pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_definition_is_one_chain_over_k),
        cmocka_unit_test(gemm_has_the_bits_of_its_definition_on_every_isa),
        cmocka_unit_test(gemm_has_the_same_bits_on_any_number_of_threads),
        cmocka_unit_test(many_products_in_one_region_have_the_bits_of_each_alone),
        cmocka_unit_test(packing_and_unpacking_give_the_matrix_back_and_pad_with_zeros),
        cmocka_unit_test(weight_gradient_carried_over_micro_batches_has_the_bits_of_one_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
