/* SPDX-License-Identifier: MIT */
/* Weights that keep their stored type: every instruction set takes a panel apart into the bits of the definition, those are
 * the dequantised values, and a product with them has the bits of the product with the dequantised matrix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/philox.h"
#include "num/gemm.h"
#include "num/half.h"
#include "num/panels.h"
#include "num/variants.h"

#include <string.h>

enum { MAX_OUT = 67, MAX_IN = 1280, MAX_M = 9 };

static const int64_t OUTS[] = {1, 31, 32, 33, 67}, STEPS[] = {256, 512, 768, 1280};

/* Any bytes are codes; what is read as a float must be finite, so the high byte of every f16 stays below infinity. Rows of random
 * blocks are made by quantising where that is written, else by random bytes with halves put in. */
static void fill_blocks(unsigned char *bytes, QuantType type, int64_t n, uint64_t seed)
{
    const QuantTraits *const t = quant_traits(type);
    const Rng rng = {seed, RNG_INIT};
    for (int64_t i = 0; i < n / t->block; i++, bytes += t->block_bytes) {
        for (int64_t b = 0; b < t->block_bytes; b++)
            bytes[b] = (unsigned char)(256.0 * rng_uniform(rng, (uint32_t)type, (uint32_t)i, (uint32_t)b));
        if (type == QUANT_F32) {
            const float x = (float)rng_uniform(rng, 99, (uint32_t)i, 0) - 0.5f;
            memcpy(bytes, &x, 4);
        }
        static const int HALVES[N_QUANT_TYPES][2] = {
            [QUANT_F32] = {-1, -1},   [QUANT_F16] = {0, -1},    [QUANT_BF16] = {0, -1},   [QUANT_Q4_0] = {0, -1},
            [QUANT_Q4_1] = {0, 2},    [QUANT_Q5_0] = {0, -1},   [QUANT_Q5_1] = {0, 2},    [QUANT_Q8_0] = {0, -1},
            [QUANT_Q2_K] = {80, 82},  [QUANT_Q3_K] = {108, -1}, [QUANT_Q4_K] = {0, 2},    [QUANT_Q5_K] = {0, 2},
            [QUANT_Q6_K] = {208, -1}, [QUANT_IQ4_NL] = {0, -1}, [QUANT_IQ4_XS] = {0, -1}, [QUANT_F8_E4M3] = {-1, -1},
        };
        if (type == QUANT_F8_E4M3) {
            const float scale = (float)rng_uniform(rng, 98, (uint32_t)i, 0) - 0.5f;
            memcpy(bytes, &scale, 4);
            for (int b = 4; b < t->block_bytes; b++)
                if ((bytes[b] & 0x7F) == 0x7F) bytes[b] ^= 1; /* no NaN */
        }
        for (int h = 0; h < 2 && HALVES[type][h] >= 0; h++) bytes[HALVES[type][h] + 1] &= 0xB7;
    }
}

typedef struct Rows {
    const unsigned char *bytes;
    int64_t row_bytes;
} Rows;

static const unsigned char *row_at(const void *context, int64_t row)
{
    const Rows *const rows = context;
    return rows->bytes + row * rows->row_bytes;
}

/* dX = dY W, from the panels and from W; a chain that goes on from what dX holds. */
static void check_by_input(const Kernels *k, const char *isa, const Panels *p, const float *w, const float *dy,
                           int64_t m)
{
    static float want[MAX_M * MAX_IN], dx[MAX_M * MAX_IN];
    for (int accumulate = 0; accumulate < 2; accumulate++) {
        for (int64_t i = 0; i < MAX_M * MAX_IN; i++) dx[i] = want[i] = (float)(i % 7) - 3.0f;
        const Gemm of_f32 = gemm_by_input(want, p->n_in, dy, p->n_out, w, m, p->n_out, p->n_in, accumulate);
        const Gemm of_blocks = panels_by_input(dx, p->n_in, dy, p->n_out, p, m, accumulate);
        gemm_run(k, NULL, &of_f32);
        gemm_run(k, NULL, &of_blocks);
        if (memcmp(dx, want, sizeof dx) != 0)
            fail_msg("%s on %s: %d rows by input with [%d, %d] differ", quant_traits(p->type)->name, isa, (int)m,
                     (int)p->n_out, (int)p->n_in);
    }
}

/* Many threads cut it into pieces; the bits do not know. */
static void pieces_of_a_product_by_input_have_its_bits(void **state)
{
    (void)state;
    enum { OUT = 200, IN = 1280, M = 150 };
    Error err = {0};
    Threads *threads;
    assert_true(threads_create(&threads, 3, &err));
    const Kernels k = kernels_for(cpu_has(ISA_AVX2) ? ISA_AVX2 : ISA_C);
    static float w[OUT * IN], dy[M * OUT], want[M * IN], dx[M * IN];
    static _Alignas(64) unsigned char data[(OUT + 31) / 32 * 32 * IN * 2], bytes[OUT * IN * 2];
    for (int t = 0; t < 2; t++) {
        const QuantType type = t == 0 ? QUANT_BF16 : QUANT_Q6_K;
        const QuantTraits *const q = quant_traits(type);
        fill_blocks(bytes, type, OUT * IN, 5);
        quant_dequantize(w, type, bytes, OUT * IN);
        const Rows rows = {bytes, IN / q->block * q->block_bytes};
        assert_true(panels_pack(data, type, OUT, IN, row_at, &rows, NULL));
        for (int i = 0; i < M * OUT; i++) dy[i] = (float)rng_uniform((Rng){8, RNG_INIT}, 1, 2, (uint32_t)i) - 0.5f;
        const Panels panels = {type, OUT, IN, data};
        const Gemm of_f32 = gemm_by_input(want, IN, dy, OUT, w, M, OUT, IN, false);
        const Gemm of_blocks = panels_by_input(dx, IN, dy, OUT, &panels, M, false);
        gemm_run(&k, NULL, &of_f32);
        gemm_run(&k, threads, &of_blocks);
        assert_memory_equal(want, dx, sizeof dx);
    }
    threads_free(threads);
}

static void check(QuantType type, int64_t n_out, int64_t n_in, const Variant *list, int n_variants)
{
    const QuantTraits *const t = quant_traits(type);
    const int64_t row_bytes = n_in / t->block * t->block_bytes;
    unsigned char *const bytes = base_alloc((size_t)(n_out * row_bytes), 1);
    fill_blocks(bytes, type, n_out * n_in, (uint64_t)(n_out * 10000 + n_in));
    float *const w = base_alloc((size_t)(n_out * n_in), sizeof *w);
    quant_dequantize(w, type, bytes, n_out * n_in);

    Arena arena;
    Error err = {0};
    const size_t panel_bytes = (size_t)panels_bytes(type, n_out, n_in);
    assert_true(arena_create(&arena, "panels",
                             2 * arena_piece_bytes(panel_bytes, 1) +
                                 2 * arena_piece_bytes((size_t)gemm_packed_floats(n_out, n_in), 4),
                             &err));
    unsigned char *const data = ARENA_ARRAY(&arena, unsigned char, panel_bytes, 1);
    float *const packed = ARENA_ARRAY(&arena, float, gemm_packed_floats(n_out, n_in), 1);
    float *const taken = ARENA_ARRAY(&arena, float, gemm_packed_floats(n_out, n_in), 1);
    const Rows rows = {bytes, row_bytes};
    panels_pack(data, type, n_out, n_in, row_at, &rows, NULL);
    gemm_pack(packed, w, n_out, n_in, NULL);
    const Panels panels = {type, n_out, n_in, data};

    float row[MAX_IN];
    for (int64_t r = 0; r < n_out; r++) {
        panels_row(row, &panels, r);
        if (memcmp(row, w + r * n_in, (size_t)n_in * sizeof *row) != 0) fail_msg("%s: row %d", t->name, (int)r);
    }
    float x[MAX_M * MAX_IN], want[MAX_M * MAX_OUT], y[MAX_M * MAX_OUT];
    for (int64_t i = 0; i < MAX_M * n_in; i++) x[i] = (float)rng_uniform((Rng){7, RNG_INIT}, 1, 2, (uint32_t)i) - 0.5f;
    for (int v = 0; v < n_variants; v++) {
        const Kernels *const k = &list[v].kernels;
        memset(taken, 0xFF, (size_t)gemm_packed_floats(n_out, n_in) * sizeof *taken);
        for (int64_t p = 0; p < (n_out + 31) / 32; p++)
            k->dequantize_panel(taken + p * 32 * n_in, type, data + p * panels_panel_bytes(type, n_in), n_in);
        for (int64_t i = 0; i < gemm_packed_floats(n_out, n_in); i++)
            if (memcmp(&taken[i], &packed[i], 4) != 0 && (taken[i] != 0.0f || packed[i] != 0.0f)) /* pads may be -0 */
                fail_msg("%s on %s: [%d, %d], element %d: %g, not %g", t->name, list[v].name, (int)n_out, (int)n_in,
                         (int)i, (double)taken[i], (double)packed[i]);
        for (int64_t m = 1; m <= MAX_M; m += 4) {
            const Gemm of_f32 = gemm_forward(want, n_out, x, n_in, packed, w, m, n_out, n_in);
            const Gemm of_blocks = panels_forward(y, n_out, x, n_in, &panels, w, m);
            gemm_run(k, NULL, &of_f32);
            memset(y, 0xFF, sizeof y);
            gemm_run(k, NULL, &of_blocks);
            if (memcmp(y, want, (size_t)(m * n_out) * sizeof *y) != 0)
                fail_msg("%s on %s: the product of %d rows with [%d, %d] differs", t->name, list[v].name, (int)m,
                         (int)n_out, (int)n_in);
            check_by_input(k, list[v].name, &panels, w, x, m);
        }
    }
    arena_free(&arena);
    base_free(w);
    base_free(bytes);
}

static void panels_of_every_type_have_the_bits_of_the_dequantised_matrix(void **state)
{
    (void)state;
    Variant list[MAX_VARIANTS + 1];
    int n = variants(list);
    list[n++] = (Variant){"definition", kernels_for(ISA_C)};
    for (int type = 0; type < N_QUANT_TYPES; type++)
        for (size_t o = 0; o < sizeof OUTS / sizeof *OUTS; o++)
            for (size_t s = 0; s < sizeof STEPS / sizeof *STEPS; s++)
                check((QuantType)type, OUTS[o], STEPS[s], list, n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panels_of_every_type_have_the_bits_of_the_dequantised_matrix),
        cmocka_unit_test(pieces_of_a_product_by_input_have_its_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
