/* SPDX-License-Identifier: MIT */
/* The known answers of Random123 (Salmon et al. 2011; its kat_vectors file) and what the draws promise. */
#include "base/philox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static void philox_has_the_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } cases[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t out[4];
        philox_4x32(out, cases[i].counter, cases[i].key);
        for (int j = 0; j < 4; j++) assert_int_equal(out[j], cases[i].answer[j]);
    }
}

static void a_draw_depends_on_each_part_of_its_key(void **state)
{
    (void)state;
    const Rng rng = {.seed = 7, .stream = RNG_TEST};
    const uint64_t draw = rng_bits(rng, 1, 2, 3);
    assert_true(draw == rng_bits(rng, 1, 2, 3));
    assert_true(draw != rng_bits((Rng){8, RNG_TEST}, 1, 2, 3));
    assert_true(draw != rng_bits((Rng){7, RNG_TOKEN}, 1, 2, 3));
    assert_true(draw != rng_bits(rng, 2, 2, 3));
    assert_true(draw != rng_bits(rng, 1, 3, 3));
    assert_true(draw != rng_bits(rng, 1, 2, 4));
    assert_true(draw != rng_bits(rng, 1, 2, (uint64_t)1 << 32 | 3));
    assert_true(draw != rng_bits(rng, (uint64_t)1 << 32 | 1, 2, 3));
}

static void uniforms_stay_below_one_and_fill_the_interval(void **state)
{
    (void)state;
    const Rng rng = {.seed = 1, .stream = RNG_TEST};
    double sum = 0, low = 1, high = 0;
    const int n = 100000;
    for (int i = 0; i < n; i++) {
        const double u = rng_uniform(rng, 0, 0, (uint64_t)i);
        assert_true(u >= 0 && u < 1);
        low = u < low ? u : low;
        high = u > high ? u : high;
        sum += u;
    }
    assert_true(low < 0.0002 && high > 0.9998);
    assert_true(sum / n > 0.495 && sum / n < 0.505); /* five standard errors are 0.0046 */
}

static void integers_are_even_over_their_range(void **state)
{
    (void)state;
    RngSequence sequence = rng_sequence(3, RNG_TEST, 0, 0);
    int counts[7] = {0};
    for (int i = 0; i < 70000; i++) {
        const int64_t x = rng_next_between(&sequence, -3, 3);
        assert_true(x >= -3 && x <= 3);
        counts[x + 3]++;
    }
    for (int i = 0; i < 7; i++) assert_true(counts[i] > 9500 && counts[i] < 10500);
    assert_int_equal(rng_next_below(&sequence, 1), 0);
    for (int i = 0; i < 100; i++) assert_true(rng_next_below(&sequence, INT64_MAX) >= 0);
}

static void a_copied_sequence_goes_on_alike(void **state)
{
    (void)state;
    RngSequence a = rng_sequence(9, RNG_TEST, 4, 5);
    (void)rng_next(&a);
    RngSequence b = a;
    for (int i = 0; i < 10; i++) assert_true(rng_next(&a) == rng_next(&b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_has_the_known_answers),
        cmocka_unit_test(a_draw_depends_on_each_part_of_its_key),
        cmocka_unit_test(uniforms_stay_below_one_and_fill_the_interval),
        cmocka_unit_test(integers_are_even_over_their_range),
        cmocka_unit_test(a_copied_sequence_goes_on_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
