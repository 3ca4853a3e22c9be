/* SPDX-License-Identifier: MIT */
/* The elementary functions keep the errors that num/math.h states, measured in units of the last place against long double. */
#include "num/bits.h"

#include "num/math.h"

static double ulp_f32(float got, long double want)
{
    const float rounded = (float)want;
    if (isinf(rounded) || rounded == 0.0f) return got == rounded ? 0.0 : INFINITY;
    int exponent;
    frexpl(want, &exponent);
    return (double)(fabsl((long double)got - want) / ldexpl(1.0L, (exponent < -125 ? -125 : exponent) - 24));
}

static double ulp_f64(double got, long double want)
{
    const double rounded = (double)want;
    if (isinf(rounded) || rounded == 0.0) return got == rounded ? 0.0 : INFINITY;
    int exponent;
    frexpl(want, &exponent);
    return (double)(fabsl((long double)got - want) / ldexpl(1.0L, (exponent < -1021 ? -1021 : exponent) - 53));
}

static void assert_ulp(double error, double limit, const char *function, double x)
{
    if (!(error <= limit)) fail_msg("%s(%.17g) is %.3f ulp off, %.1f are allowed", function, x, error, limit);
}

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Every 4,093rd float: all exponents, a million values. */
static void f32_functions_are_within_two_ulp(void **state)
{
    (void)state;
    enum { STRIDE = 4093 };
    for (uint64_t bits = 0; bits < 1ULL << 32; bits += STRIDE) {
        const float x = float_of((uint32_t)bits);
        if (isnan(x)) continue;
        if (x >= -87.33f && x <= 88.72f) {
            assert_ulp(ulp_f32(math_exp_f32(x), expl((long double)x)), 2.0, "math_exp_f32", (double)x);
            const long double sigmoid = 1.0L / (1.0L + expl(-(long double)x));
            assert_ulp(ulp_f32(math_sigmoid_f32(x), sigmoid), 2.0, "math_sigmoid_f32", (double)x);
        }
        if (x > 0.0f && !isinf(x))
            assert_ulp(ulp_f32(math_log_f32(x), logl((long double)x)), 2.0, "math_log_f32", (double)x);
    }
}

static void f32_functions_have_their_stated_edges(void **state)
{
    (void)state;
    assert_true(math_exp_f32(88.73f) == INFINITY && math_exp_f32(INFINITY) == INFINITY);
    assert_true(math_exp_f32(88.72f) < INFINITY);
    assert_true(math_exp_f32(-87.34f) == 0.0f && math_exp_f32(-INFINITY) == 0.0f);
    assert_true(math_exp_f32(-87.33f) >= 0x1p-126f);
    assert_true(math_exp_f32(0.0f) == 1.0f && math_exp_f32(-0.0f) == 1.0f);
    assert_true(isnan(math_exp_f32(NAN)) && isnan(math_log_f32(NAN)) && isnan(math_sigmoid_f32(NAN)));
    assert_true(math_log_f32(0.0f) == -INFINITY && math_log_f32(-0.0f) == -INFINITY);
    assert_true(isnan(math_log_f32(-1.0f)) && math_log_f32(INFINITY) == INFINITY && math_log_f32(1.0f) == 0.0f);
    assert_true(math_sigmoid_f32(0.0f) == 0.5f && math_sigmoid_f32(100.0f) == 1.0f &&
                math_sigmoid_f32(-100.0f) == 0.0f);
}

static double random_double(uint32_t *state, double low, double high)
{
    const double unit = (double)next_random(state) * 0x1p-32 + (double)next_random(state) * 0x1p-64;
    return low + (high - low) * unit;
}

static void f64_functions_are_within_two_ulp(void **state)
{
    (void)state;
    uint32_t seed = 12345;
    for (int i = 0; i < 100000; i++) {
        const double x = random_double(&seed, -708.0, 709.0), near = random_double(&seed, -1.0, 1.0);
        assert_ulp(ulp_f64(math_exp(x), expl((long double)x)), 2.0, "math_exp", x);
        assert_ulp(ulp_f64(math_exp(near), expl((long double)near)), 2.0, "math_exp", near);
        const double y = math_exp(x), z = 1.0 + 0.5 * near;
        assert_ulp(ulp_f64(math_log(y), logl((long double)y)), 2.0, "math_log", y);
        assert_ulp(ulp_f64(math_log(z), logl((long double)z)), 2.0, "math_log", z);
        const double angle = i % 2 ? random_double(&seed, -0x1p20, 0x1p20) : 10.0 * near;
        assert_ulp(ulp_f64(math_sin(angle), sinl((long double)angle)), 2.0, "math_sin", angle);
        assert_ulp(ulp_f64(math_cos(angle), cosl((long double)angle)), 2.0, "math_cos", angle);
    }
}

static void pow_is_within_four_ulp_where_schedules_and_tables_use_it(void **state)
{
    (void)state;
    uint32_t seed = 99;
    for (int i = 0; i < 100000; i++) {
        const double wide = math_exp(random_double(&seed, -20.0, 20.0)), y = random_double(&seed, -30.0, 30.0);
        assert_ulp(ulp_f64(math_pow(wide, y), powl((long double)wide, (long double)y)), 4.0, "math_pow of y", y);
        const double beta = random_double(&seed, 0.9, 1.1), step = random_double(&seed, -5000.0, 5000.0);
        assert_ulp(ulp_f64(math_pow(beta, step), powl((long double)beta, (long double)step)), 4.0, "math_pow of step",
                   step);
    }
    assert_true(math_pow(10000.0, 0.0) == 1.0 && math_pow(2.0, 10.0) == 1024.0 && math_pow(0.0, 2.0) == 0.0);
    assert_true(isnan(math_pow(-1.0, 2.0)));
}

static void f64_functions_have_their_stated_edges(void **state)
{
    (void)state;
    assert_true(math_exp(710.0) == INFINITY && math_exp(-746.0) == 0.0 && math_exp(0.0) == 1.0 && isnan(math_exp(NAN)));
    assert_true(math_exp(709.78) < INFINITY && math_exp(-744.0) > 0.0);
    assert_true(math_log(0.0) == -INFINITY && isnan(math_log(-1.0)) && math_log(INFINITY) == INFINITY &&
                math_log(1.0) == 0.0);
    assert_true(math_sin(0.0) == 0.0 && math_cos(0.0) == 1.0);
    assert_true(ulp_f64(math_log(0x1p-1074), logl(0x1p-1074L)) <= 2.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(f32_functions_are_within_two_ulp),
        cmocka_unit_test(f32_functions_have_their_stated_edges),
        cmocka_unit_test(f64_functions_are_within_two_ulp),
        cmocka_unit_test(pow_is_within_four_ulp_where_schedules_and_tables_use_it),
        cmocka_unit_test(f64_functions_have_their_stated_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
