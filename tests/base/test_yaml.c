/* SPDX-License-Identifier: MIT */
/* Recipes' YAML: positions, strict scalars, setting, and complaints that name the place. */
#include "base/yaml.h"

#include "base/arena.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

static YamlDocument read_text(const char *text)
{
    Error err = {0};
    YamlDocument document;
    if (!yaml_read_text(&document, "r.yaml", text, strlen(text), &err)) fail_msg("%s", err.text);
    return document;
}

static void assert_fails(const char *text, const char *expected)
{
    Error err = {0};
    YamlDocument document;
    assert_false(yaml_read_text(&document, "r.yaml", text, strlen(text), &err));
    assert_int_equal(err.kind, ERROR_INPUT);
    if (strncmp(err.text, expected, strlen(expected)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", err.text, expected);
    assert_null(document.root);
}

static void assert_at(const YamlNode *node, int line, int column)
{
    assert_non_null(node);
    assert_int_equal(node->line, line);
    assert_int_equal(node->column, column);
}

static void every_node_knows_where_it_stands(void **state)
{
    (void)state;
    YamlDocument d = read_text("# a recipe\n"
                               "seed: 1\n"
                               "checkpoint:\n"
                               "  every: 10  # steps\n"
                               "  keep:\n"
                               "list:\n"
                               "  - 'q'\n"
                               "  - {a: \xC3\xA9, b: x}\n"
                               "text: |\n"
                               "  two\n"
                               "  lines\n");
    assert_at(d.root, 2, 1);
    assert_at(yaml_get(d.root, "seed"), 2, 7);
    const YamlNode *const checkpoint = yaml_get(d.root, "checkpoint");
    assert_at(yaml_get(checkpoint, "every"), 4, 10);
    assert_at(yaml_get(checkpoint, "keep"), 5, 3); /* not written: at its key */
    assert_int_equal(yaml_get(checkpoint, "keep")->kind, YAML_NULL);
    assert_int_equal(checkpoint->key_lines[1], 5);
    assert_int_equal(checkpoint->key_columns[1], 3);
    const YamlNode *const list = yaml_get(d.root, "list");
    assert_int_equal(list->kind, YAML_LIST);
    assert_true(list->items[0]->quoted);
    assert_at(list->items[0], 7, 5);
    assert_at(yaml_get(list->items[1], "a"), 8, 9);
    assert_at(yaml_get(list->items[1], "b"), 8, 15); /* columns count characters, not bytes */
    assert_string_equal(yaml_get(d.root, "text")->text, "two\nlines\n");
    assert_true(yaml_get(d.root, "text")->quoted);
    assert_null(yaml_get(d.root, "absent"));
    assert_null(yaml_get(list, "seed"));
    yaml_free(&d);
}

static void an_empty_document_is_null(void **state)
{
    (void)state;
    static const char *const texts[] = {"", "\n", "# nothing\n", "---\n", "null\n", "~"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        YamlDocument d = read_text(texts[i]);
        assert_int_equal(d.root->kind, YAML_NULL);
        yaml_free(&d);
    }
}

static void an_alias_is_a_copy(void **state)
{
    (void)state;
    YamlDocument d = read_text("a: &x {p: [1, 2]}\nb: *x\n");
    const YamlNode *const b = yaml_get(d.root, "b");
    assert_ptr_not_equal(b, yaml_get(d.root, "a"));
    assert_string_equal(yaml_get(b, "p")->items[1]->text, "2");
    yaml_free(&d);
}

static void mistakes_name_the_place(void **state)
{
    (void)state;
    assert_fails("a: 1\nb: 2\na: 3\n", "r.yaml:3:1: key \"a\" was given already on line 1");
    assert_fails("m:\n  x: {k: 1, k: 2}\n", "r.yaml:2:13: key \"k\" was given already on line 2");
    assert_fails("a: *b\n", "r.yaml:1:4: alias *b");
    assert_fails("a: &a [*a]\n", "r.yaml:1:8: alias *a");
    assert_fails("a: !!str 5\n", "r.yaml:1:");
    assert_fails("a: 1\n---\nb: 2\n", "r.yaml:2:1: a second document");
    assert_fails("? [a, b]\n: c\n", "r.yaml:1:3: a key must be a plain word");
    assert_fails("a: \"unterminated\n", "r.yaml:1:5:");
    assert_fails("a: {b: 1\n", "r.yaml:2:1:");
    assert_fails("a: b: c\n", "r.yaml:1:");
    assert_fails("ok: 1\nname: \xFF\n", "r.yaml:2:7: byte 0xff is not text");
    Error err = {0};
    YamlDocument d;
    assert_false(yaml_read_text(&d, "r.yaml", "a: \0b", 5, &err));
    assert_ptr_equal(strstr(err.text, "r.yaml:1:4: byte 0x00"), err.text);
}

static void aliases_of_aliases_do_not_eat_the_machine(void **state)
{
    (void)state;
    char text[4096] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    for (int i = 1; i < 20; i++) {
        const size_t used = strlen(text);
        const int p = i - 1;
        snprintf(text + used, sizeof text - used, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n",
                 i, i, p, p, p, p, p, p, p, p, p);
    }
    Error err = {0};
    YamlDocument d;
    assert_false(yaml_read_text(&d, "bomb.yaml", text, strlen(text), &err));
    assert_non_null(strstr(err.text, "too many values"));
    char deep[400];
    memset(deep, '[', sizeof deep);
    assert_false(yaml_read_text(&d, "deep.yaml", deep, sizeof deep, &err));
}

static void integers_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},         {"-7", -7},      {"+7", 7},    {"1_000", 1000},
                {"1e6", 1000000}, {"2.5e3", 2500}, {"64.0", 64}, {"9223372036854775807", INT64_MAX}};
    static const char *const bad[] = {"1.5",  "1e-3", "9223372036854775808",
                                      "1e30", "0x10", "1__0",
                                      "_1",   "1_",   "abc",
                                      "true", "'5'",  "[1]",
                                      "",     "1 2",  "inf",
                                      "nan",  "1e"};
    YamlDocument d = read_text("{}");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        Error err = {0};
        int64_t value = -1;
        assert_true(yaml_set(&d, "k", good[i].text, &err));
        if (!yaml_as_int(&d, yaml_get(d.root, "k"), INT64_MIN, INT64_MAX, &value, &err)) fail_msg("%s", err.text);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Error err = {0};
        int64_t value = -1;
        assert_true(yaml_set(&d, "k", bad[i], &err));
        if (yaml_as_int(&d, yaml_get(d.root, "k"), INT64_MIN, INT64_MAX, &value, &err))
            fail_msg("%s was read as %ld", bad[i], (long)value);
        assert_ptr_equal(strstr(err.text, "--set k: expected an integer, found "), err.text);
        assert_true(value == -1);
    }
    yaml_free(&d);
}

static void a_wrong_type_names_what_was_found(void **state)
{
    (void)state;
    YamlDocument d = read_text("steps: ten\nlr: 1e-5\non: yes\nname: 5\nlist: [1]\nbig: 2\ntruth: true\ninf: .inf\n");
    Error err = {0};
    int64_t i;
    double x;
    bool b;
    const char *s;
    assert_false(yaml_as_int(&d, yaml_get(d.root, "steps"), 1, INT64_MAX, &i, &err));
    assert_string_equal(err.text, "r.yaml:1:8: expected an integer of 1 or more, found the text ten");
    assert_false(yaml_as_int(&d, yaml_get(d.root, "list"), 0, 9, &i, &err));
    assert_string_equal(err.text, "r.yaml:5:7: expected an integer from 0 to 9, found a list");
    assert_true(yaml_as_double(&d, yaml_get(d.root, "lr"), 0, 1, &x, &err) && x == 1e-5);
    assert_false(yaml_as_double(&d, yaml_get(d.root, "big"), 0, 1, &x, &err));
    assert_string_equal(err.text, "r.yaml:6:6: expected a number from 0 to 1, found the number 2");
    assert_true(yaml_as_double(&d, yaml_get(d.root, "inf"), 0, (double)INFINITY, &x, &err) && isinf(x));
    assert_false(yaml_as_bool(&d, yaml_get(d.root, "on"), &b, &err));
    assert_string_equal(err.text, "r.yaml:3:5: expected true or false, found the text yes");
    assert_true(yaml_as_bool(&d, yaml_get(d.root, "truth"), &b, &err) && b);
    assert_false(yaml_as_string(&d, yaml_get(d.root, "name"), &s, &err));
    assert_string_equal(err.text, "r.yaml:4:7: expected a text (put it in quotes), found the number 5");
    assert_true(yaml_as_string(&d, yaml_get(d.root, "on"), &s, &err));
    assert_string_equal(s, "yes");
    yaml_free(&d);
}

static void set_makes_maps_on_the_way(void **state)
{
    (void)state;
    YamlDocument d = read_text("a: {b: 1}\nlist: [x, y]\n");
    Error err = {0};
    int64_t value = 0;
    assert_true(yaml_set(&d, "a.c.d", "5", &err));
    assert_true(yaml_set(&d, "a.b", "[1, {z: 2}]", &err));
    assert_true(yaml_set(&d, "list.1", "\"5\"", &err));
    assert_true(yaml_as_int(&d, yaml_get(yaml_get(yaml_get(d.root, "a"), "c"), "d"), 0, 9, &value, &err) && value == 5);
    assert_int_equal(yaml_get(yaml_get(d.root, "a"), "b")->kind, YAML_LIST);
    assert_true(yaml_get(d.root, "list")->items[1]->quoted);

    assert_false(yaml_set(&d, "a.c.d.e", "1", &err));
    assert_string_equal(err.text, "cannot set a.c.d.e: a.c.d is not a map");
    assert_false(yaml_set(&d, "list.7", "1", &err));
    static const char *const bad_keys[] = {"", ".", "a.", ".a", "a..b"};
    for (size_t i = 0; i < sizeof bad_keys / sizeof *bad_keys; i++) assert_false(yaml_set(&d, bad_keys[i], "1", &err));
    assert_false(yaml_set(&d, "a.x", "[1", &err));
    assert_ptr_equal(strstr(err.text, "--set a.x:"), err.text);

    const YamlNode *const z = yaml_get(yaml_get(yaml_get(d.root, "a"), "b")->items[1], "z");
    assert_false(yaml_error(&d, z, &err, "no such %s", "thing"));
    assert_string_equal(err.text, "--set a.b.1.z: no such thing");
    yaml_free(&d);
}

static void the_nearest_name_is_found(void **state)
{
    (void)state;
    static const char *const names[] = {"learning_rate", "steps", "seed", "kl_coef", "group_size", NULL};
    assert_string_equal(yaml_nearest("learing_rate", names), "learning_rate");
    assert_string_equal(yaml_nearest("Steps", names), "steps");
    assert_string_equal(yaml_nearest("sede", names), "seed");
    assert_string_equal(yaml_nearest("group-size", names), "group_size");
    assert_string_equal(yaml_nearest("klcoef", names), "kl_coef");
    assert_null(yaml_nearest("temperature", names));
    assert_null(yaml_nearest("x", names));
    assert_null(yaml_nearest("", names));
    char endless[300];
    memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    assert_null(yaml_nearest(endless, names));
}

static void damaged_text_is_an_error_and_no_crash(void **state)
{
    (void)state;
    static const char text[] =
        "a: &x {b: [1, 'two', \"th\\u00e9\"]}\nc: *x\n# end\nd: |\n  text\n  - \xC3\xA9\n? k\n: v\n";
    const size_t length = sizeof text - 1;
    for (size_t n = 0; n <= length; n++)
        for (int bit = -1; bit < 8; bit++) {
            char *const damaged = base_strndup(text, n);
            if (bit >= 0 && n > 0) damaged[n - 1] = (char)(damaged[n - 1] ^ (1 << bit));
            Error err = {0};
            YamlDocument d;
            if (yaml_read_text(&d, "damaged", damaged, n, &err)) yaml_free(&d);
            base_free(damaged);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_node_knows_where_it_stands),
        cmocka_unit_test(an_empty_document_is_null),
        cmocka_unit_test(an_alias_is_a_copy),
        cmocka_unit_test(mistakes_name_the_place),
        cmocka_unit_test(aliases_of_aliases_do_not_eat_the_machine),
        cmocka_unit_test(integers_are_exact),
        cmocka_unit_test(a_wrong_type_names_what_was_found),
        cmocka_unit_test(set_makes_maps_on_the_way),
        cmocka_unit_test(the_nearest_name_is_found),
        cmocka_unit_test(damaged_text_is_an_error_and_no_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
