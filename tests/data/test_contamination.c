/* SPDX-License-Identifier: MIT */
#include "base/arena.h"
#include "data/contamination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char question[] = "Every morning Aya goes for a 9-kilometer walk and stops at a coffee shop afterwards.";

static bool found(const Contamination *c, const char *text, ContaminationHit *hit)
{
    return contamination_find(c, text, strlen(text), hit);
}

static Contamination *of(const char *text, const ContaminationConfig *config)
{
    Contamination *const c = contamination_create(config);
    contamination_add_item(c, "item 1");
    contamination_add_text(c, text, strlen(text));
    return c;
}

static void ten_words_in_a_row_are_an_overlap_and_nine_are_none(void **state)
{
    (void)state;
    ContaminationHit hit;
    Contamination *const c = of(question, &(ContaminationConfig){0});
    static const char ten[] = "So: MORNING,  aya goes for a\n9-kilometer walk (and) ... then";
    assert_true(found(c, ten, &hit));
    assert_string_equal(hit.item, "item 1");
    assert_int_equal(hit.begin, strstr(ten, "MORNING") - ten);
    assert_int_equal(hit.end, strstr(ten, ") ...") - ten);
    assert_false(found(c, "So: aya goes for a 9-kilometer walk and then", NULL));
    assert_true(found(c, "so aya goes for a 9-kilometer walk and stops at home", NULL));
    assert_false(found(c, "", NULL));
    contamination_free(c);
}

static void short_texts_are_found_whole(void **state)
{
    (void)state;
    Contamination *const c = of("What is 3+4?", &(ContaminationConfig){0});
    assert_true(found(c, "User: what is 3 + 4?\nAssistant:", NULL));
    assert_false(found(c, "User: what is 3 * 4?\nAssistant:", NULL));
    assert_false(found(c, "what is 3", NULL));
    contamination_add_item(c, "item 2");
    contamination_add_text(c, "Prove it.", 9);
    assert_true(found(c, "prove it", NULL));
    assert_false(found(c, "Can you prove it to me?", NULL)); /* two words stand anywhere */
    contamination_free(c);
}

static void characters_of_chinese_are_words(void **state)
{
    (void)state;
    Contamination *const c = of("小明有三个苹果，妈妈又给了他五个苹果。", &(ContaminationConfig){0});
    assert_true(found(c, "题目：有三个苹果,妈妈又给了他。", NULL));
    assert_false(found(c, "题目：有三个苹果,爸爸又给了他。", NULL));
    contamination_free(c);
}

static void wording_of_many_items_is_passed_over(void **state)
{
    (void)state;
    static const char template[] = "Please reason step by step, and put your final answer within a box: ";
    Contamination *const c = contamination_create(&(ContaminationConfig){.max_items = 2});
    for (int i = 0; i < 3; i++) {
        char *const text = base_printf("%s how many legs have %d spiders on %d chairs in a room", template, i, i + 1);
        contamination_add_item(c, text);
        contamination_add_text(c, text, strlen(text));
        contamination_add_text(c, text, strlen(text)); /* twice in one item is one item */
        assert_true(found(c, template, NULL) == (i < 2));
        base_free(text);
    }
    ContaminationHit hit;
    assert_true(found(c, "how many legs have 1 spiders on 2 chairs in a room", &hit));
    assert_non_null(strstr(hit.item, "have 1 spiders"));
    contamination_free(c);
}

/* A thousand random items: every one is found, and their words in another order are not. */
static void many_items_fit_and_are_told_apart(void **state)
{
    (void)state;
    Contamination *const c = contamination_create(&(ContaminationConfig){0});
    char text[256];
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < 1000; i++) {
            int n = 0;
            for (int k = 0; k < 12; k++)
                n += snprintf(text + n, sizeof text - (size_t)n, "w%d ", (i * 37 + k * k) % 5003);
            ContaminationHit hit;
            char name[16];
            snprintf(name, sizeof name, "%d", i);
            if (pass == 0) {
                contamination_add_item(c, name);
                contamination_add_text(c, text, strlen(text));
            } else {
                assert_true(found(c, text, &hit));
                assert_string_equal(hit.item, name);
                text[1]++; /* the first word is another; words 2 to 11 still are the item's */
                assert_true(found(c, text, &hit));
                char *const middle = strstr(text + 10, " ");
                *middle = 'x'; /* two words grow together: no ten are left */
                assert_false(found(c, text, NULL));
            }
        }
    assert_int_equal(contamination_items(c), 1000);
    contamination_free(c);
}

static void files_of_items_and_rows_of_json(void **state)
{
    (void)state;
    char path[] = "/tmp/r1-contamination-XXXXXX";
    const int fd = mkstemp(path);
    FILE *const file = fdopen(fd, "w");
    fprintf(file, "{\"Problem\": \"%s\", \"Solution\": \"Short.\", \"Answer\": 204}\n\n{\"answer\": \"%s\"}\n",
            question, question);
    fclose(file);
    Error err = {0};
    Contamination *const c = contamination_create(&(ContaminationConfig){0});
    assert_false(contamination_add_file(c, path, &err));
    assert_non_null(strstr(err.text, ":3: no question in it"));
    char *const row = base_printf("{\"id\": 1, \"messages\": [{\"role\": \"user\", \"content\": \"%s\"}]}", question);
    json_t *const json = json_read_text(row, strlen(row), "row", 1, &err);
    const char *text = NULL;
    ContaminationHit hit;
    assert_true(contamination_find_json(c, json, &text, &hit));
    assert_string_equal(text, question);
    assert_non_null(strstr(hit.item, ":1"));
    json_decref(json);
    base_free(row);
    contamination_free(c);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_words_in_a_row_are_an_overlap_and_nine_are_none),
        cmocka_unit_test(short_texts_are_found_whole),
        cmocka_unit_test(characters_of_chinese_are_words),
        cmocka_unit_test(wording_of_many_items_is_passed_over),
        cmocka_unit_test(many_items_fit_and_are_told_apart),
        cmocka_unit_test(files_of_items_and_rows_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
