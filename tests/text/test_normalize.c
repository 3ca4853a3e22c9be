/* SPDX-License-Identifier: MIT */
/* tests/text/test_normalize.c: normal forms do not depend on how a text is cut into stretches, nor on the version of utf8proc. */
#include "text/normalize.h"

#include "base/arena.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void becomes(NormalForm form, const char *text, const char *wanted)
{
    size_t length;
    char *const got = normalize(form, text, strlen(text), &length);
    assert_non_null(got);
    if (length != strlen(wanted) || memcmp(got, wanted, length) != 0)
        fail_msg("%s gives %s, not %s", text, got, wanted);
    base_free(got);
}

static void forms_are_unicodes(void **state)
{
    (void)state;
    becomes(NORMAL_NFC, "caf\x65\u0301 \u212B", "caf\u00E9 \u00C5");
    becomes(NORMAL_NFD, "\u00E9a", "e\u0301a");
    becomes(NORMAL_NFC, "q\u0307\u0323", "q\u0323\u0307"); /* marks in the order of their classes */
    becomes(NORMAL_NFC, "\u1112\u1161\u11AB", "\uD55C");
    becomes(NORMAL_NFKC, "x\uFB01y", "xfiy");
    size_t length;
    assert_null(normalize(NORMAL_NFC, "plain", 5, &length));
}

static void what_came_after_unicode_9_stays(void **state)
{
    (void)state;
    becomes(NORMAL_NFC, "a\u1DF6\u0301", "a\u1DF6\u0301");               /* class 232 since Unicode 10 */
    becomes(NORMAL_NFC, "\U00011935\U00011930", "\U00011935\U00011930"); /* composes since Unicode 13 */
    becomes(NORMAL_NFD, "\U00011938", "\U00011938");
    becomes(NORMAL_NFC, "\u110E\u1165\u11A7",
            "\uCC98\u11A7"); /* no final consonant, though utf8proc 2.8 takes it for one */
}

/* Stretches are cut where a character begins anew: a text of many of them is its parts one after the other. */
static void long_stretches_are_their_parts(void **state)
{
    (void)state;
    static const char *const parts[] = {"\u4E00\u0301", "\u304B\u3099", "\uAC00\u11A8", "\u0915\u093C"};
    enum { N = 60000 };
    char *const text = base_alloc(N, 8), *const wanted = base_alloc(N, 8);
    size_t n_text = 0, n_wanted = 0;
    for (int i = 0; i < N; i++) {
        const char *const part = parts[i % 100 * i % 7 % 4];
        size_t length;
        char *const form = normalize(NORMAL_NFC, part, strlen(part), &length);
        memcpy(text + n_text, part, strlen(part));
        memcpy(wanted + n_wanted, form, length);
        n_text += strlen(part);
        n_wanted += length;
        base_free(form);
    }
    size_t length;
    char *const got = normalize(NORMAL_NFC, text, n_text, &length);
    assert_int_equal(length, n_wanted);
    assert_memory_equal(got, wanted, length);
    base_free(got);
    base_free(text);
    base_free(wanted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_are_unicodes),
        cmocka_unit_test(what_came_after_unicode_9_stays),
        cmocka_unit_test(long_stretches_are_their_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
