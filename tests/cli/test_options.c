/* SPDX-License-Identifier: MIT */
/* cli_parse: every kind of option, from a table. */
#include "cli/cli.h"

#include "base/arena.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

static const Command command = {.name = "try", .usage = "r1 try FILE", .summary = "tries"};

typedef struct Values {
    bool flag;
    int64_t n;
    double x;
    const char *text, *split;
    CliArguments set, rest;
} Values;

/* Parses words (NULL-terminated); the values in *v, which hold their defaults. */
static bool parse(Cli *cli, Values *v, const char *const *words, Error *err)
{
    static const char *const splits[] = {"train", "held-out", NULL};
    *cli = (Cli){.command = &command, .n_threads = 7};
    *v = (Values){.n = 1, .x = 0.5, .text = "none", .split = splits[0]};
    const CliOption options[] = {
        CLI_FLAG("--flag", &v->flag, "a flag"),
        CLI_INT("--n", "N", &v->n, -5, 100, "a number"),
        CLI_DOUBLE("--x", "X", &v->x, 0, (double)INFINITY, "a number"),
        CLI_STRING("--text", "TEXT", &v->text, "a text"),
        CLI_CHOICE("--split", &v->split, splits, "a choice"),
        CLI_LIST("--set", "K=V", &v->set, "more than one"),
        CLI_END,
    };
    int argc = 0;
    char *argv[32];
    for (; words[argc]; argc++) argv[argc] = (char *)words[argc];
    return cli_parse(cli, options, argc, argv, &v->rest, 1, 2, err);
}

#define PARSE(...) parse(&cli, &v, (const char *const[]){__VA_ARGS__, NULL}, &err)

static void every_kind_is_read_anywhere(void **state)
{
    (void)state;
    Cli cli;
    Values v;
    Error err = {0};
    assert_true(PARSE("a", "--set", "k=--n", "--n", "-3", "--json", "--x=1e-3", "b", "--flag", "--set=q", "--text", "-",
                      "--split", "held-out", "--threads", "2", "--quiet"));
    assert_true(v.flag && v.n == -3 && v.x == 1e-3 && cli.json && cli.quiet && cli.n_threads == 2);
    assert_string_equal(v.text, "-");
    assert_string_equal(v.split, "held-out");
    assert_int_equal(v.set.n_items, 2);
    assert_string_equal(v.set.items[0], "k=--n");
    assert_string_equal(v.set.items[1], "q");
    assert_int_equal(v.rest.n_items, 2);
    assert_string_equal(v.rest.items[1], "b");
    cli_free(&cli);

    assert_true(PARSE("-", "--", "--n"));
    assert_string_equal(v.rest.items[0], "-");
    assert_string_equal(v.rest.items[1], "--n");
    assert_true(v.n == 1 && v.x == 0.5 && !v.flag && cli.n_threads == 7);
    cli_free(&cli);
}

static void wrong_use_says_what_is_right(void **state)
{
    (void)state;
    static const struct {
        const char *words[4], *text;
    } cases[] = {
        {{"a", "--n", "101"}, "--n 101: expected an integer from -5 to 100"},
        {{"a", "--n", "1x"}, "--n 1x: expected an integer from -5 to 100"},
        {{"a", "--n", ""}, "--n : expected an integer from -5 to 100"},
        {{"a", "--n", "99999999999999999999"}, "--n 99999999999999999999: expected an integer from -5 to 100"},
        {{"a", "--x", "-1"}, "--x -1: expected a number of 0 or more"},
        {{"a", "--x", "nan"}, "--x nan: expected a number of 0 or more"},
        {{"a", "--split", "test"}, "--split test: expected one of train, held-out"},
        {{"a", "--spilt", "train"}, "unknown option --spilt (did you mean --split?); `r1 try --help` lists them"},
        {{"a", "--text"}, "--text needs a value (TEXT)"},
        {{"a", "--text", "--n"}, "--text needs a value (TEXT)"},
        {{"--flag"}, "something is missing; usage: r1 try FILE"},
        {{"a", "b", "c"}, "one argument too many: c; `r1 try --help` says more"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Cli cli;
        Values v;
        Error err = {0};
        assert_false(parse(&cli, &v, cases[i].words, &err));
        assert_int_equal(err.kind, ERROR_USAGE);
        assert_string_equal(err.text, cases[i].text);
        cli_free(&cli);
    }
}

static void what_is_needed_is_asked_for(void **state)
{
    (void)state;
    Cli cli = {.command = &command};
    Error err = {0};
    const char *model = NULL;
    const CliOption options[] = {CLI_STRING_REQUIRED("--model", "DIR", &model, "a model"), CLI_END};
    assert_false(cli_parse(&cli, options, 0, NULL, NULL, 0, 0, &err));
    assert_string_equal(err.text, "--model DIR is needed; `r1 try --help` says more");
    char *words[] = {(char *)"--model=x"};
    assert_true(cli_parse(&cli, options, 1, words, NULL, 0, 0, &err));
    assert_string_equal(model, "x");
    cli_free(&cli);
}

static void ids_are_numbers_and_commas(void **state)
{
    (void)state;
    Error err = {0};
    int32_t *ids;
    int64_t n;
    assert_true(cli_parse_ids("--ids", "1,20,2147483647", &ids, &n, &err));
    assert_int_equal(n, 3);
    assert_int_equal(ids[2], INT32_MAX);
    base_free(ids);
    assert_true(cli_parse_ids("--ids", "", &ids, &n, &err));
    assert_int_equal(n, 0);
    base_free(ids);
    static const char *const bad[] = {"1,", ",1", "1,,2", "1 2", "-1", "2147483648", "a", "1;2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(cli_parse_ids("--ids", bad[i], &ids, &n, &err));
        assert_int_equal(err.kind, ERROR_USAGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read_anywhere),
        cmocka_unit_test(wrong_use_says_what_is_right),
        cmocka_unit_test(what_is_needed_is_asked_for),
        cmocka_unit_test(ids_are_numbers_and_commas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
