/* SPDX-License-Identifier: MIT */
/* Readers of base/ on text that chance has damaged: whatever comes out, it is a value or one line that names the text.
 * R1_TEST_LONG=1 makes it a hundred times as many. */
#include "base/arena.h"
#include "base/json.h"
#include "base/philox.h"
#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include <string.h>

static int n_rounds(void)
{
    const char *const text = getenv("R1_TEST_LONG");
    return text && *text ? 200000 : 2000;
}

/* A copy of text in which some bytes were changed, doubled, or left out; *length is its length. Structure is damaged more
 * often than by even chance, since brackets and quotes are what readers trip over. */
static char *damage(RngSequence *rng, const char *text, size_t *length)
{
    static const char favourites[] = "{}[]\",:\\u-#&*!|>%@`'\n\t \0\xFF\xED";
    const size_t n = strlen(text);
    char *const damaged = base_alloc(2 * n + 1, 1);
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        const int64_t choice = rng_next_below(rng, 60);
        if (choice == 0) continue;
        if (choice == 1) damaged[used++] = text[i];
        damaged[used++] = choice == 2   ? favourites[rng_next_below(rng, sizeof favourites - 1)]
                          : choice == 3 ? (char)rng_next_below(rng, 256)
                                        : text[i];
    }
    if (rng_next_below(rng, 3) == 0) used = (size_t)rng_next_below(rng, (int64_t)used + 1);
    char *const exact =
        base_strndup(damaged, used); /* no room behind it, so that a sanitizer sees every step too far */
    base_free(damaged);
    *length = used;
    return exact;
}

static void assert_names_text(const Error *err, const char *name)
{
    assert_int_equal(err->kind, ERROR_INPUT);
    if (strncmp(err->text, name, strlen(name)) != 0 || strchr(err->text, '\n'))
        fail_msg("not one line that names the text: %s", err->text);
}

static void json_is_read_or_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"ids\": [1, -2, 3.5e-7], \"t\": \"a\\u00e9\\ud83d\\ude00\\n\xC3\xA9\", \"o\": "
                               "{\"k\": null, \"b\": [true, false]}}";
    RngSequence rng = rng_sequence(11, RNG_TEST, 0, 0);
    for (int i = 0; i < n_rounds(); i++) {
        size_t length;
        char *const damaged = damage(&rng, text, &length);
        Error err = {0};
        json_t *const value = json_read_text(damaged, length, "damaged", 1, &err);
        if (!value) assert_names_text(&err, "damaged:");
        json_decref(value);
        base_free(damaged);
    }
}

static void yaml_is_read_or_refused(void **state)
{
    (void)state;
    static const char text[] = "seed: 1\nstages:\n  zero:\n    - &a {x: 1, y: [2, 'three']}\n    - *a\n  \"one\": |\n  "
                               "  text\n    more\n# end\nlast: \"q\\u00e9\"\n";
    RngSequence rng = rng_sequence(12, RNG_TEST, 0, 0);
    for (int i = 0; i < n_rounds(); i++) {
        size_t length;
        char *const damaged = damage(&rng, text, &length);
        Error err = {0};
        YamlDocument document;
        if (yaml_read_text(&document, "damaged", damaged, length, &err))
            yaml_free(&document);
        else
            assert_names_text(&err, "damaged:");
        base_free(damaged);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_is_read_or_refused),
        cmocka_unit_test(yaml_is_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
