/* SPDX-License-Identifier: MIT */
/* A stop string is found where it first ends, however the text is cut into pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "text/stop_strings.h"

#include <string.h>

static void check_cut(const char *const *strings, int64_t n, const char *text, size_t cut)
{
    StopStrings stop;
    Error err = {0};
    const size_t length = strlen(text);
    assert_true(stop_strings_create(&stop, strings, n, &err));
    assert_int_equal(stop_strings_cut(&stop, text, length), cut);
    /* In two pieces, cut anywhere. */
    for (size_t border = 0; border <= length; border++) {
        int32_t state = 0;
        const bool first = stop_strings_feed(&stop, &state, text, border);
        const bool found = first || stop_strings_feed(&stop, &state, text + border, length - border);
        assert_int_equal(found, cut < length || strstr(text, strings[0]) != NULL);
        if (!first && border < length) assert_true(stop_strings_pending(&stop, state) <= length);
    }
    stop_strings_free(&stop);
}

static void the_first_to_end_wins_and_of_those_the_longest(void **state)
{
    (void)state;
    check_cut((const char *[]){"END"}, 1, "no end", 6);
    check_cut((const char *[]){"END"}, 1, "the END of", 4);
    check_cut((const char *[]){"END"}, 1, "ENEND", 2);
    check_cut((const char *[]){"aab"}, 1, "aaaab", 2);
    check_cut((const char *[]){"b", "ab"}, 2, "xab", 1);
    check_cut((const char *[]){"abcd", "c"}, 2, "abcd", 2);
    check_cut((const char *[]){"cde", "abcdx"}, 2, "abcde", 2);
    check_cut((const char *[]){"\n\n", "</answer>"}, 2, "x</answer>\n\n", 1);
    check_cut((const char *[]){"\xc3\xb6"}, 1, "sch\xc3\xb6n", 3);
}

static void what_may_belong_to_a_match_is_pending(void **state)
{
    (void)state;
    StopStrings stop;
    Error err = {0};
    int32_t at = 0;
    assert_true(stop_strings_create(&stop, (const char *[]){"User:", "</s>"}, 2, &err));
    assert_false(stop_strings_feed(&stop, &at, "Hello Us", 8));
    assert_int_equal(stop_strings_pending(&stop, at), 2);
    assert_false(stop_strings_feed(&stop, &at, "e</", 3));
    assert_int_equal(stop_strings_pending(&stop, at), 2);
    assert_false(stop_strings_feed(&stop, &at, "x", 1));
    assert_int_equal(stop_strings_pending(&stop, at), 0);
    stop_strings_free(&stop);
}

static void an_empty_string_is_refused(void **state)
{
    (void)state;
    StopStrings stop;
    Error err = {0};
    assert_false(stop_strings_create(&stop, (const char *[]){"a", ""}, 2, &err));
    assert_non_null(strstr(err.text, "empty"));
    stop_strings_free(&stop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_to_end_wins_and_of_those_the_longest),
        cmocka_unit_test(what_may_belong_to_a_match_is_pending),
        cmocka_unit_test(an_empty_string_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
