/* SPDX-License-Identifier: MIT */
/* e4m3 by its definition, and blocks of 128 x 128 whose last ones are cut short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "num/fp8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void every_e4m3_is_its_definition(void **state)
{
    (void)state;
    for (int bits = 0; bits < 256; bits++) {
        const int exponent = bits >> 3 & 15, fraction = bits & 7;
        const float value = f32_from_f8_e4m3((uint8_t)bits);
        if ((bits & 0x7F) == 0x7F) {
            assert_true(isnan(value));
            continue;
        }
        double expected = exponent == 0 ? ldexp(fraction, -9) : ldexp(8 + fraction, exponent - 10);
        if (bits & 0x80) expected = -expected;
        if ((double)value != expected || !!signbit(value) != !!(bits & 0x80))
            fail_msg("e4m3 %02x is %g, should be %g", (unsigned)bits, (double)value, expected);
    }
    assert_true(f32_from_f8_e4m3(0x7E) == 448.0f);
}

static void blocks_at_the_edges_are_cut_short(void **state)
{
    (void)state;
    static const int64_t SIZES[] = {1, 127, 128, 129, 256, 300};
    enum { N_SIZES = sizeof SIZES / sizeof SIZES[0] };
    for (int a = 0; a < N_SIZES; a++)
        for (int b = 0; b < N_SIZES; b++) {
            const int64_t rows = SIZES[a], columns = SIZES[b], across = fp8_blocks(columns);
            uint8_t *bits = calloc((size_t)(rows * columns), 1);
            float *scales = calloc((size_t)(fp8_blocks(rows) * across), sizeof *scales);
            float *w = calloc((size_t)(rows * columns + 1), sizeof *w);
            for (int64_t i = 0; i < rows * columns; i++) bits[i] = (uint8_t)(i * 37 % 127);
            for (int64_t i = 0; i < fp8_blocks(rows) * across; i++) scales[i] = 0.3f + 0.01f * (float)i;
            w[rows * columns] = -5.0f;
            fp8_dequantize(w, bits, scales, rows, columns);
            assert_true(w[rows * columns] == -5.0f);
            for (int64_t r = 0; r < rows; r++)
                for (int64_t c = 0; c < columns; c++) {
                    const float expected = f32_from_f8_e4m3(bits[r * columns + c]) * scales[r / 128 * across + c / 128];
                    if (memcmp(&w[r * columns + c], &expected, sizeof expected) != 0)
                        fail_msg("[%lld, %lld] of [%lld, %lld]", (long long)r, (long long)c, (long long)rows,
                                 (long long)columns);
                }
            free(bits), free(scales), free(w);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_e4m3_is_its_definition),
        cmocka_unit_test(blocks_at_the_edges_are_cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
