/* SPDX-License-Identifier: MIT */
/* Length and repetition: the values of the papers' formulas at points that can be worked out by hand. */
#include "reward/shape.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void is_near(double got, double expected)
{
    if (fabs(got - expected) > 1e-12) fail_msg("%.17g, expected %.17g", got, expected);
}

static void soft_overlong_is_dapos(void **state)
{
    (void)state;
    is_near(shape_soft_overlong(0, 20480, 4096), 0);
    is_near(shape_soft_overlong(16384, 20480, 4096), 0);
    is_near(shape_soft_overlong(17408, 20480, 4096), -0.25);
    is_near(shape_soft_overlong(20480, 20480, 4096), -1);
    is_near(shape_soft_overlong(20481, 20480, 4096), -1);
    is_near(shape_soft_overlong(INT64_MAX, 20480, 4096), -1);
    is_near(shape_soft_overlong(10, 10, 1), -1);
    is_near(shape_soft_overlong(9, 10, 1), 0);
}

static void cosine_pays_short_right_and_long_wrong_answers(void **state)
{
    (void)state;
    is_near(shape_cosine_length(0, 1000, true), 1);
    is_near(shape_cosine_length(500, 1000, true), 0.75);
    is_near(shape_cosine_length(1000, 1000, true), 0.5);
    is_near(shape_cosine_length(5000, 1000, true), 0.5);
    is_near(shape_cosine_length(0, 1000, false), -1);
    is_near(shape_cosine_length(500, 1000, false), -0.75);
    is_near(shape_cosine_length(1000, 1000, false), -0.5);
    is_near(shape_cosine_length(250, 1000, true), 0.5 + 0.25 * (1 + sqrt(0.5)));
}

static void repeats(const char *text, int n, double expected)
{
    is_near(shape_repetition(text, strlen(text), n), expected);
}

static void repetition_counts_ngrams(void **state)
{
    (void)state;
    repeats("", 3, 0);
    repeats("a b", 3, 0);
    repeats("a b c", 3, 0);
    repeats("a b c a b c", 3, -0.25);   /* abc bca cab abc */
    repeats("a a a a a a", 3, -0.75);   /* one of four */
    repeats("A b\nC  a B c", 3, -0.25); /* case and white space do not count */
    repeats("a b c", 1, 0);
    repeats("a a b", 1, -1.0 / 3.0);
    repeats("你好你好你好", 2, -0.6); /* each character a word: 2 of 5 pairs */
    repeats("\xff\xff \xff\xff", 1, -0.5);
    is_near(shape_repetition("a\0a b\0b a\0a", 11, 1), -2.0 / 3.0); /* by its letters: a a b b a a */
}

/* The same words again, dressed up: no less is taken off than for the plain text, but for rounding of the edges. */
static void repetition_is_seen_through(void **state)
{
    (void)state;
    static const char *const dressed[] = {"wait, wait. wait! wait? wait; wait: wait - wait ... wait wait",
                                          "wait\u00a0wait\u2003wait\u3000wait wait\u00a0wait wait wait wait wait",
                                          "w\u200bait wa\u200bit wai\u2060t wait w\u00adait wait wait wait wait wait",
                                          "WAIT Wait wAIT waIT waiT wait WAit wait wait wait",
                                          "waitwaitwaitwaitwaitwaitwaitwaitwaitwaitwaitwaitwaitwaitwaitwaitwait",
                                          "!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?!?"};
    for (size_t i = 0; i < sizeof dressed / sizeof *dressed; i++) {
        const double p = shape_repetition(dressed[i], strlen(dressed[i]), 3);
        if (p > -0.7) fail_msg("%g for: %s", p, dressed[i]);
    }
    repeats("First we add the numbers; then we divide, carefully. It is 3.5, I think.", 3, 0);
    repeats("3 + 4 = 7, 7 + 5 = 12, 12 - 2 = 10", 3, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(soft_overlong_is_dapos),
        cmocka_unit_test(cosine_pays_short_right_and_long_wrong_answers),
        cmocka_unit_test(repetition_counts_ngrams),
        cmocka_unit_test(repetition_is_seen_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
