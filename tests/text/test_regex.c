/* SPDX-License-Identifier: MIT */
/* tests/text/test_regex.c: patterns mean to PCRE2 what they mean to Oniguruma, and bad ones are refused. The meaning of whole
 * patterns inside of tokenizers is held against Hugging Face in test_tokenizer. */
#include "text/regex.h"

#include "base/arena.h"
#include "text/unicode.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* All matches of a pattern as "[match][match]". */
static const char *matches(const char *pattern, const char *text)
{
    static char out[400];
    Regex *regex;
    Error err = {0};
    if (!regex_compile(&regex, pattern, strlen(pattern), &err)) fail_msg("%s: %s", pattern, err.text);
    RegexScratch *const scratch = regex_scratch_create();
    regex_scratch_look(scratch, text, strlen(text));
    size_t used = 0, begin, end;
    bool found;
    for (size_t at = 0; at<strlen(text); at = end> at ? end : at + 1) {
        if (!regex_find(regex, scratch, text, strlen(text), at, &found, &begin, &end, &err)) fail_msg("%s", err.text);
        if (!found) break;
        used += (size_t)snprintf(out + used, sizeof out - used, "[%.*s]", (int)(end - begin), text + begin);
    }
    out[used] = 0;
    regex_scratch_free(scratch);
    regex_free(regex);
    return out;
}

static void spellings_that_differ_are_rewritten(void **state)
{
    (void)state;
    assert_string_equal(matches("\\p{N}{2}+", "12345"), "[1234]"); /* one or more pairs, not a possessive pair */
    assert_string_equal(matches("(?:ab|c){1,2}+", "abccab x"), "[abccab]");
    assert_string_equal(matches("\xC3\xA9{2}+", "\xC3\xA9\xC3\xA9\xC3\xA9"), "[\xC3\xA9\xC3\xA9]");
    assert_string_equal(matches("a{,2}b", "aaab"), "[aab]");
    assert_string_equal(matches("a{b", "a{b"), "[a{b]");
    assert_string_equal(matches("\\h+", "fffg09"), "[fff][09]");
    assert_string_equal(matches("\\u0061", "ab"), "[a]");
    assert_string_equal(matches("(?m:a.)", "a\n"), "[a\n]");
    assert_string_equal(matches("^b", "a\nb"), "[b]");
    assert_string_equal(matches("(?#a comment)b", "ab"), "[b]");
    assert_string_equal(matches("[]a]+", "a]b"), "[a]]");
    assert_string_equal(matches("(?<=a)b|(?i:C)", "abC"), "[b][C]");
    assert_string_equal(matches("(?<first>a)\\k<first>", "aab"), "[aa]");
    assert_string_equal(matches("\\p{^L}+", "ab12"), "[12]");
    assert_string_equal(matches("\\p{Letter}+", "ab12"), "[ab]");
}

static bool matches_one(const char *pattern, uint32_t code_point)
{
    char text[5] = {0};
    unicode_encode(code_point, text);
    return matches(pattern, text)[0] != 0;
}

static void classes_hold_what_they_hold_to_oniguruma(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        uint32_t code_point;
        bool in;
    } cases[] = {
        {"\\s", 0x180E, false},         {"\\s", 0x85, true},         {"\\s", 0x3000, true},
        {"[^\\s]", 0x180E, true},       {"\\S", 0x180E, true},       {"[\\S]", 0x20, false},
        {"\\w", 0x301, true},           {"\\w", 0xBD, true},         {"[\\w]", 0xBD, false},
        {"\\w", 0x203F, true},          {"\\W", 0xB2, false},        {"\\d", 0x663, true},
        {"\\p{Han}", 0x3001, false},    {"\\p{Han}", 0x4E00, true},  {"[[:punct:]]", 0x20AC, true},
        {"\\p{S}", 0x1FA75, true},      {"\\p{Sc}", 0x1FA75, false}, {"\\P{S}", 0x1FA75, false},
        {"[^\\p{L}]", 0x31350, false},  {"\\p{^L}", 0x31350, false}, {"[a\\p{Nd}]", 0x11F50, true},
        {"\\p{Letter}", 0x31350, true}, {"\\p{L}", 0x323B0, false},  {"[[:space:]]", 0x180E, false},
        {"(?i:s)", 0x17F, true},        {"(?i:k)", 0x212A, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (matches_one(cases[i].pattern, cases[i].code_point) != cases[i].in)
            fail_msg("%s and U+%04X", cases[i].pattern, (unsigned)cases[i].code_point);
}

static void bad_patterns_are_refused_with_a_reason(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(a",       "a)",     "[a",      "a\\",     "*a",       "(?<a", "\\p{Nonsense}",
        "\\p",      "[a[b]]", "[a&&b]",  "(*UTF)a", "[\\W]",    "\\C",  "(?C1)a",
        "\\u12",    "\\x{",   "\\Qa\\E", "a{3,2}",  "(?<=a+)b", "{2}",  "[[:nonsense:]]",
        "[[:alpha", "(?#",    "\\k<a",
    };
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        Regex *regex;
        Error err = {0};
        if (regex_compile(&regex, patterns[i], strlen(patterns[i]), &err)) fail_msg("%s was taken", patterns[i]);
        assert_null(regex);
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_non_null(strstr(err.text, "regular expression"));
    }
}

static void deep_and_long_patterns_are_refused(void **state)
{
    (void)state;
    char *const pattern = base_alloc(200000, 1);
    Regex *regex;
    Error err = {0};
    memset(pattern, '(', 100000);
    memset(pattern + 100000, ')', 100000);
    assert_false(regex_compile(&regex, pattern, 200000, &err));
    assert_false(regex_compile(&regex, pattern + 99000, 2000, &err));
    base_free(pattern);
}

static void a_pattern_that_explodes_is_stopped(void **state)
{
    (void)state;
    static const char pattern[] = "(?:a|aa|a?)+(?:a|a)+(?:a|aa)+b";
    char text[60];
    memset(text, 'a', sizeof text);
    Regex *regex;
    Error err = {0};
    assert_true(regex_compile(&regex, pattern, strlen(pattern), &err));
    RegexScratch *const scratch = regex_scratch_create();
    bool found;
    size_t begin, end;
    if (regex_find(regex, scratch, text, sizeof text, 0, &found, &begin, &end, &err)) assert_false(found);
    regex_scratch_free(scratch);
    regex_free(regex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spellings_that_differ_are_rewritten),
        cmocka_unit_test(classes_hold_what_they_hold_to_oniguruma),
        cmocka_unit_test(bad_patterns_are_refused_with_a_reason),
        cmocka_unit_test(deep_and_long_patterns_are_refused),
        cmocka_unit_test(a_pattern_that_explodes_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
