/* SPDX-License-Identifier: MIT */
/* tests/data/test_near_duplicates.c: rows are alike by prompt and completion, in their order, and by no chance collision. */
#include "data/near_duplicates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int64_t add(NearDuplicates *n, const char *prompt, const char *completion)
{
    return near_duplicates_add(n, prompt, strlen(prompt), completion, strlen(completion));
}

static void rows_alike_in_prompt_and_completion_are_one(void **state)
{
    (void)state;
    NearDuplicates *const n = near_duplicates_create(0.6);
    const char *const text = "one two three four five six seven eight nine ten eleven twelve";
    assert_int_equal(add(n, "what is it?", text), -1);
    assert_int_equal(add(n, "what is it?", text), 0);
    assert_int_equal(add(n, "What  is it?", "One two three four\nfive six seven eight nine ten eleven TWELVE"), 0);
    assert_int_equal(add(n, "what is it?", "one two three four five six seven eight nine ten eleven thirteen"), 0);
    assert_int_equal(add(n, "what is it now?", text), -1); /* the same working for another problem */
    assert_int_equal(add(n, "what is it?", "twelve eleven ten nine eight seven six five four three two one"), -1);
    assert_int_equal(add(n, "what is it?", "1+2=3 and 3+4=7"), -1);
    assert_int_equal(add(n, "what is it?", "1-2=3 and 3*4=7"), -1); /* signs are words */
    assert_int_equal(add(n, "what is it?", ""), -1);
    assert_int_equal(add(n, "what is it?", "  \n"), 5);
    near_duplicates_free(n);
    near_duplicates_free(NULL);
}

static void the_threshold_is_jaccards(void **state)
{
    (void)state;
    /* 8 words: 4 shingles; the last word differs: 3 of 5 are shared */
    const char *const a = "a b c d e f g h", *const b = "a b c d e f g x";
    NearDuplicates *n = near_duplicates_create(0.6);
    assert_int_equal(add(n, "p", a), -1);
    assert_int_equal(add(n, "p", b), 0);
    near_duplicates_free(n);
    n = near_duplicates_create(0.601);
    assert_int_equal(add(n, "p", a), -1);
    assert_int_equal(add(n, "p", b), -1);
    near_duplicates_free(n);
}

static void of_many_rows_the_first_twin_is_named(void **state)
{
    (void)state;
    enum { N = 3000 };
    NearDuplicates *const n = near_duplicates_create(0.9);
    char text[160];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < N; i++) {
            snprintf(text, sizeof text, "we take %d and add %d to it, which makes %d in all", i, 7 * i, 8 * i);
            assert_int_equal(add(n, "sum", text), round == 0 ? -1 : i);
        }
    near_duplicates_free(n);
}

static void bytes_that_are_no_text_are_words_too(void **state)
{
    (void)state;
    NearDuplicates *const n = near_duplicates_create(1.0);
    assert_int_equal(near_duplicates_add(n, "\xff\0x", 3, "\xe4\xb8\xad\xe6\x96\x87\xc3", 7), -1);
    assert_int_equal(near_duplicates_add(n, "\xff\0x", 3, "\xe4\xb8\xad\xe6\x96\x87\xc3", 7), 0);
    assert_int_equal(near_duplicates_add(n, "\xff\0x", 3, "\xe4\xb8\xad\xe6\x96\x87", 6), -1);
    near_duplicates_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_alike_in_prompt_and_completion_are_one),
        cmocka_unit_test(the_threshold_is_jaccards),
        cmocka_unit_test(of_many_rows_the_first_twin_is_named),
        cmocka_unit_test(bytes_that_are_no_text_are_words_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
