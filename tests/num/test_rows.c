/* SPDX-License-Identifier: MIT */
/* Row and elementwise kernels have the bits of their definitions on every instruction set, at lengths around a vector. */
#include "num/variants.h"

static const int64_t lengths[] = {1, 2, 15, 16, 17, 31, 32, 33, 47, 48, 100, 1023, 1024, 1025, 2048, 4099};
enum { N_LENGTHS = sizeof lengths / sizeof *lengths, ROWS = 3 };

typedef void (*Check)(const Kernels *definition, const Kernels *variant, int64_t n, uint32_t seed, const char *what);

static void check_everywhere(Check check, const char *name)
{
    Variant list[MAX_VARIANTS];
    const int n_variants = variants(list);
    const Kernels definition = kernels_for(ISA_C);
    for (int v = 0; v < n_variants; v++)
        for (int i = 0; i < N_LENGTHS; i++) {
            char what[128];
            snprintf(what, sizeof what, "%s of %lld on %s, seed %d", name, (long long)lengths[i], list[v].name, i + 1);
            check(&definition, &list[v].kernels, lengths[i], (uint32_t)i + 1, what);
        }
}

/* Compares `got` with `want`, checks the fence of `got`, frees both. */
static void settle(float *want, float *got, int64_t n, const char *what)
{
    assert_same_bits(want, got, n, what);
    assert_fence_whole(got, n, what);
    fenced_free(want);
    fenced_free(got);
}

static void check_rms_norm(const Kernels *c, const Kernels *k, int64_t D, uint32_t seed, const char *what)
{
    const int64_t n = ROWS * D;
    float *x = fenced_fill(n, seed, -2, 2), *w = fenced_fill(D, seed + 1, 0.5f, 1.5f),
          *dy = fenced_fill(n, seed + 2, -1, 1);
    float *y = fenced(n), *y2 = fenced(n), *rstd = fenced(ROWS), *rstd2 = fenced(ROWS);
    c->rms_norm(y, rstd, x, w, ROWS, D, 1e-6f);
    k->rms_norm(y2, rstd2, x, w, ROWS, D, 1e-6f);
    settle(y, y2, n, what);
    assert_same_bits(rstd, rstd2, ROWS, what);
    y2 = fenced(n);
    k->rms_norm(y2, NULL, x, w, ROWS, D, 1e-6f);
    assert_fence_whole(y2, n, what);
    fenced_free(y2);

    float *dx = fenced_fill(n, seed + 3, -1, 1), *dx2 = fenced_fill(n, seed + 3, -1, 1);
    c->rms_norm_backward(dx, dy, x, rstd, w, ROWS, D);
    k->rms_norm_backward(dx2, dy, x, rstd, w, ROWS, D);
    settle(dx, dx2, n, what);

    const int64_t part = D > 3 ? D - 3 : D; /* some columns of wider rows: how threads split them */
    float *dw = fenced_fill(part, seed + 4, -1, 1), *dw2 = fenced_fill(part, seed + 4, -1, 1);
    c->rms_norm_backward_weight(dw, dy, x, rstd, ROWS, part, D);
    k->rms_norm_backward_weight(dw2, dy, x, rstd, ROWS, part, D);
    settle(dw, dw2, part, what);
    dw = fenced_fill(part, seed + 4, -1, 1), dw2 = fenced_fill(part, seed + 4, -1, 1);
    c->sum_rows(dw, x, ROWS, part, D);
    k->sum_rows(dw2, x, ROWS, part, D);
    settle(dw, dw2, part, what);
    fenced_free(x), fenced_free(w), fenced_free(dy), fenced_free(rstd), fenced_free(rstd2);
}

static void check_rope(const Kernels *c, const Kernels *k, int64_t n, uint32_t seed, const char *what)
{
    enum { HEADS = 2, POSITIONS = 5 };
    const int64_t half = n > 100 ? 100 : n, C = 2 * half, row = HEADS * C + 5, floats = (ROWS - 1) * row + HEADS * C;
    const int32_t position[ROWS] = {4, 0, 2};
    float *cos = fenced_fill(POSITIONS * half, seed, -1, 1), *sin = fenced_fill(POSITIONS * half, seed + 1, -1, 1);
    for (int inverse = 0; inverse < 2; inverse++) {
        float *x = fenced_fill(floats, seed + 2, -1, 1), *x2 = fenced_fill(floats, seed + 2, -1, 1);
        c->rope(x, cos, sin, position, ROWS, HEADS, C, row, inverse);
        k->rope(x2, cos, sin, position, ROWS, HEADS, C, row, inverse);
        settle(x, x2, floats, what);
    }
    fenced_free(cos), fenced_free(sin);
}

/* Neighbours are halves in another order, to the bit; what stands between heads stays. */
static void check_rope_neighbours(const Kernels *c, const Kernels *k, int64_t n, uint32_t seed, const char *what)
{
    enum { HEADS = 2, POSITIONS = 5, GAP = 3 };
    const int64_t half = n > 100 ? 100 : n, C = 2 * half, head = C + GAP, row = HEADS * head + 5;
    const int64_t floats = (ROWS - 1) * row + HEADS * head;
    const int32_t position[ROWS] = {4, 0, 2};
    float *cos = fenced_fill(POSITIONS * half, seed, -1, 1), *sin = fenced_fill(POSITIONS * half, seed + 1, -1, 1);
    for (int inverse = 0; inverse < 2; inverse++) {
        float *x = fenced_fill(floats, seed + 2, -1, 1), *x2 = fenced_fill(floats, seed + 2, -1, 1);
        for (int t = 0; t < ROWS; t++)
            for (int h = 0; h < HEADS; h++) {
                float *pairs = x + t * row + h * head, halves[200];
                for (int64_t i = 0; i < C; i++) halves[i % 2 * half + i / 2] = pairs[i];
                c->rope(halves, cos, sin, position + t, 1, 1, C, C, inverse);
                for (int64_t i = 0; i < C; i++) pairs[i] = halves[i % 2 * half + i / 2];
            }
        k->rope_neighbours(x2, cos, sin, position, ROWS, HEADS, head, C, row, inverse);
        settle(x, x2, floats, what);
    }
    fenced_free(cos), fenced_free(sin);
}

static void check_dot(const Kernels *c, const Kernels *k, int64_t n, uint32_t seed, const char *what)
{
    float *x = fenced_fill(n, seed, -1, 1), *y = fenced_fill(n, seed + 1, -1, 1);
    float *want = fenced(1), *got = fenced(1);
    *want = c->dot(x, y, n);
    *got = k->dot(x, y, n);
    settle(want, got, 1, what);
    fenced_free(x), fenced_free(y);
}

static void check_swiglu(const Kernels *c, const Kernels *k, int64_t F, uint32_t seed, const char *what)
{
    const int64_t n = ROWS * F;
    float *gate_up = fenced_fill(2 * n, seed, -100, 100), *dh = fenced_fill(n, seed + 1, -1, 1);
    fill(gate_up, n, seed + 2, -8, 8);
    float *h = fenced(n), *h2 = fenced(n), *h3 = fenced(n), *d = fenced(2 * n), *d2 = fenced(2 * n);
    float *dh2 = fenced_fill(n, seed + 1, -1, 1);
    c->swiglu(h, gate_up, ROWS, F);
    c->swiglu(h3, gate_up, ROWS, F);
    k->swiglu(h2, gate_up, ROWS, F);
    settle(h, h2, n, what);
    c->swiglu_backward(d, dh, gate_up, ROWS, F);
    k->swiglu_backward(d2, dh2, gate_up, ROWS, F);
    settle(d, d2, 2 * n, what);
    assert_memory_equal(dh2, h3, (size_t)n * sizeof(float)); /* the forward's output, in place */
    settle(dh, dh2, n, what);
    fenced_free(gate_up), fenced_free(h3);
}

static void check_add(const Kernels *c, const Kernels *k, int64_t n, uint32_t seed, const char *what)
{
    float *a = fenced_fill(n, seed, -1, 1), *b = fenced_fill(n, seed + 1, -1, 1), *y = fenced(n);
    c->add(y, a, b, n);
    k->add(a, a, b, n); /* in place */
    settle(y, a, n, what);
    fenced_free(b);
}

static void check_functions(const Kernels *c, const Kernels *k, int64_t n, uint32_t seed, const char *what)
{
    float *x = fenced_fill(n, seed, -120, 120), *y = fenced(n), *y2 = fenced(n);
    static const float edges[] = {0.0f,     -0.0f,     88.72f, 88.7201f,  -87.33f,  -87.34f,
                                  INFINITY, -INFINITY, 1.0f,   0x1p-149f, 0x1p-126f};
    for (int64_t i = 0; i < n && n > 40 && i < (int64_t)(sizeof edges / sizeof *edges); i++) x[i] = edges[i];
    c->exp_f32(y, x, n);
    k->exp_f32(y2, x, n);
    settle(y, y2, n, what);
    y = fenced(n), y2 = fenced(n);
    for (int64_t i = 0; i < n; i++) x[i] = fabsf(x[i]);
    c->log_f32(y, x, n);
    k->log_f32(y2, x, n);
    settle(y, y2, n, what);
    fenced_free(x);
}

static void check_adamw(const Kernels *c, const Kernels *k, int64_t n, uint32_t seed, const char *what)
{
    const AdamwStep step = {0.7f, 0.9995f, 0.9f, 0.1f, 0.95f, 0.05f, 1.7f, 1e-8f, 3e-4f};
    float *g = fenced_fill(n, seed, -1, 1);
    float *p = fenced_fill(n, seed + 1, -1, 1), *m = fenced_fill(n, seed + 2, -1, 1),
          *v = fenced_fill(n, seed + 3, 0, 1);
    float *p2 = fenced_fill(n, seed + 1, -1, 1), *m2 = fenced_fill(n, seed + 2, -1, 1),
          *v2 = fenced_fill(n, seed + 3, 0, 1);
    c->adamw(p, m, v, g, n, &step);
    k->adamw(p2, m2, v2, g, n, &step);
    settle(p, p2, n, what);
    settle(m, m2, n, what);
    settle(v, v2, n, what);
    fenced_free(g);
}

static void check_row_squares(const Kernels *c, const Kernels *k, int64_t n, uint32_t seed, const char *what)
{
    for (int64_t rows = 1; rows <= 19; rows += 6) {
        float *x = fenced_fill(rows * n, seed, -1, 1), *y = fenced(rows), *y2 = fenced(rows);
        c->row_squares(y, x, rows, n);
        k->row_squares(y2, x, rows, n);
        settle(y, y2, rows, what);
        fenced_free(x);
    }
}

static void assert_same_row(const HeadRow *a, const HeadRow *b, const char *what)
{
    if (memcmp(&a->y_max, &b->y_max, sizeof a->y_max) || memcmp(&a->sum, &b->sum, sizeof a->sum) ||
        memcmp(&a->sum_mass_y, &b->sum_mass_y, sizeof a->sum_mass_y))
        fail_msg("%s: max %a sum %a entropy sum %a, its definition says %a %a %a", what, (double)b->y_max, b->sum,
                 b->sum_mass_y, (double)a->y_max, a->sum, a->sum_mass_y);
}

static void check_head(const Kernels *c, const Kernels *k, int64_t V, uint32_t seed, const char *what)
{
    const int64_t blocks = (V + HEAD_BLOCK - 1) / HEAD_BLOCK;
    float *z = fenced_fill(V, seed, -60, 60), *masses = fenced(V), *masses2 = fenced(V);
    double *sums = calloc((size_t)blocks, sizeof *sums), *sums2 = calloc((size_t)blocks, sizeof *sums2);
    HeadRow row, row2;
    c->head_row(&row, masses, sums, z, V, 0.8f);
    k->head_row(&row2, masses2, sums2, z, V, 0.8f);
    settle(masses, masses2, V, what);
    assert_same_row(&row, &row2, what);
    assert_memory_equal(sums, sums2, (size_t)blocks * sizeof *sums);
    k->head_row(&row2, NULL, NULL, z, V, 0.8f);
    assert_same_row(&row, &row2, what);
    for (int with_entropy = 0; with_entropy < 2; with_entropy++) {
        float *dz = fenced(V), *dz2 = fenced(V);
        memcpy(dz, z, (size_t)V * sizeof *z);
        memcpy(dz2, z, (size_t)V * sizeof *z);
        const int32_t target = (int32_t)((uint64_t)seed * 7919 % (uint64_t)V);
        c->head_row_backward(dz, &row, V, target, 0.37f, with_entropy ? 0.02f : 0.0f, 0.8f);
        k->head_row_backward(dz2, &row, V, target, 0.37f, with_entropy ? 0.02f : 0.0f, 0.8f);
        settle(dz, dz2, V, what);
    }
    fenced_free(z);
    free(sums), free(sums2);
}

static void check_distill(const Kernels *c, const Kernels *k, int64_t V, uint32_t seed, const char *what)
{
    float *z = fenced_fill(V, seed, -60, 60), *q = fenced_fill(V, seed + 1, -9, 9);
    HeadRow student, teacher;
    c->head_row(&student, NULL, NULL, z, V, 0.8f);
    c->head_row(&teacher, NULL, NULL, q, V, 0.8f);
    for (float beta = 0.0f; beta <= 1.0f; beta += 0.25f) {
        const DistillScale scale = distill_scale(&student, &teacher, beta, 0.8f);
        const DistillMode mode = distill_mode(beta);
        DistillSums sums = {NAN, NAN}, sums2 = {NAN, NAN};
        c->distill_row(&sums, z, q, V, &scale, mode);
        k->distill_row(&sums2, z, q, V, &scale, mode);
        if (memcmp(&sums, &sums2, sizeof sums))
            fail_msg("%s, beta %g: sums %a %a, its definition says %a %a", what, (double)beta, sums2.teacher,
                     sums2.student, sums.teacher, sums.student);
        float *dz = fenced(V), *dz2 = fenced(V);
        memcpy(dz, z, (size_t)V * sizeof *z);
        memcpy(dz2, z, (size_t)V * sizeof *z);
        c->distill_row_backward(dz, q, &sums, V, &scale, mode, 0.37f);
        k->distill_row_backward(dz2, q, &sums, V, &scale, mode, 0.37f);
        settle(dz, dz2, V, what);
    }
    fenced_free(z), fenced_free(q);
}

static void norms_and_row_sums_have_the_bits_of_their_definitions(void **s)
{
    (void)s, check_everywhere(check_rms_norm, "rms_norm");
}
static void rope_has_the_bits_of_its_definition(void **s)
{
    (void)s, check_everywhere(check_rope, "rope");
}
static void swiglu_has_the_bits_of_its_definition(void **s)
{
    (void)s, check_everywhere(check_swiglu, "swiglu");
}
static void rope_of_neighbours_has_the_bits_of_rope_of_halves(void **s)
{
    (void)s, check_everywhere(check_rope_neighbours, "rope_neighbours");
}
static void dot_has_the_bits_of_its_definition(void **s)
{
    (void)s, check_everywhere(check_dot, "dot");
}
static void add_has_the_bits_of_its_definition(void **s)
{
    (void)s, check_everywhere(check_add, "add");
}
static void exp_and_log_have_the_bits_of_their_definitions(void **s)
{
    (void)s, check_everywhere(check_functions, "exp, log");
}
static void adamw_has_the_bits_of_its_definition(void **s)
{
    (void)s, check_everywhere(check_adamw, "adamw");
}
static void row_squares_have_the_bits_of_their_definition(void **s)
{
    (void)s, check_everywhere(check_row_squares, "row_squares");
}
static void head_has_the_bits_of_its_definition(void **s)
{
    (void)s, check_everywhere(check_head, "head");
}
static void distill_has_the_bits_of_its_definition(void **s)
{
    (void)s, check_everywhere(check_distill, "distill");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(norms_and_row_sums_have_the_bits_of_their_definitions),
        cmocka_unit_test(rope_has_the_bits_of_its_definition),
        cmocka_unit_test(swiglu_has_the_bits_of_its_definition),
        cmocka_unit_test(rope_of_neighbours_has_the_bits_of_rope_of_halves),
        cmocka_unit_test(dot_has_the_bits_of_its_definition),
        cmocka_unit_test(add_has_the_bits_of_its_definition),
        cmocka_unit_test(exp_and_log_have_the_bits_of_their_definitions),
        cmocka_unit_test(adamw_has_the_bits_of_its_definition),
        cmocka_unit_test(row_squares_have_the_bits_of_their_definition),
        cmocka_unit_test(head_has_the_bits_of_its_definition),
        cmocka_unit_test(distill_has_the_bits_of_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
