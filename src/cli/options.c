/* SPDX-License-Identifier: MIT */
/* cli/options.c: one table of options a command gives both what it accepts and what its --help says. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/yaml.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OPTIONS = 64, MAX_THREADS_OPTION = 1024, HELP_COLUMN = 28 };

typedef struct Parser {
    Cli *cli;
    CliOption options[MAX_OPTIONS + 1]; /* the command's, then the global ones, CLI_KIND_END */
    bool seen[MAX_OPTIONS];
    int n_own, n_options;
    bool help;
} Parser;

static void parser_init(Parser *p, Cli *cli, const CliOption *options)
{
    *p = (Parser){.cli = cli};
    const CliOption global[] = {
        CLI_INT("--threads", "N", &cli->n_threads, 1, MAX_THREADS_OPTION, "threads to use [all processors]"),
        CLI_FLAG("--json", &cli->json, "stdout holds JSON lines only; text for people goes to stderr"),
        CLI_FLAG("--quiet", &cli->quiet, "no notes and no progress"),
        CLI_FLAG("--help", &p->help, "this text"),
        CLI_END,
    };
    const int n_global = sizeof global / sizeof *global;
    while (options[p->n_own].kind != CLI_KIND_END && p->n_own < MAX_OPTIONS - n_global) {
        p->options[p->n_own] = options[p->n_own];
        p->n_own++;
    }
    memcpy(p->options + p->n_own, global, sizeof global);
    p->n_options = p->n_own + n_global - 1;
}

/* ---- help ---- */

static void print_option(FILE *file, const CliOption *option)
{
    char left[160];
    int n = snprintf(left, sizeof left, "  %s", option->name);
    if (option->value_name && n < (int)sizeof left)
        n += snprintf(left + n, sizeof left - (size_t)n, " %s", option->value_name);
    for (int i = 0; option->kind == CLI_KIND_CHOICE && option->choices[i] && n < (int)sizeof left; i++)
        n += snprintf(left + n, sizeof left - (size_t)n, "%s%s", i ? "|" : " ", option->choices[i]);
    const bool wraps = n >= HELP_COLUMN - 1;
    fprintf(file, "%s%s%*s%s%s\n", left, wraps ? "\n" : "", wraps ? HELP_COLUMN : HELP_COLUMN - n, "", option->help,
            option->required                ? " (needed)"
            : option->kind == CLI_KIND_LIST ? " (may be given again)"
                                            : "");
}

static void print_help(const Parser *p)
{
    const Command *const command = p->cli->command;
    FILE *const file = cli_people(p->cli);
    fprintf(file, "%s: %s\n\nusage: ", command->name, command->summary);
    for (const char *c = command->usage; *c; c++) {
        fputc(*c, file);
        if (*c == '\n') fputs("       ", file);
    }
    fputs("\n", file);
    if (command->details) fprintf(file, "\n%s\n", command->details);
    if (p->n_own > 0) fputs("\noptions:\n", file);
    for (int i = 0; i < p->n_own; i++) print_option(file, &p->options[i]);
    fputs("\nin every command:\n", file);
    for (int i = p->n_own; i < p->n_options; i++) print_option(file, &p->options[i]);
    if (command->example) {
        fputs("\nexample:\n  ", file);
        cli_print_example(p->cli, command->example);
    }
}

/* ---- values ---- */

static bool wrong_value(const CliOption *option, const char *text, Error *err)
{
    if (option->kind == CLI_KIND_INT && option->high_int == INT64_MAX)
        return error_set(err, ERROR_USAGE, "%s %s: expected an integer of %" PRId64 " or more", option->name, text,
                         option->low_int);
    if (option->kind == CLI_KIND_INT)
        return error_set(err, ERROR_USAGE, "%s %s: expected an integer from %" PRId64 " to %" PRId64, option->name,
                         text, option->low_int, option->high_int);
    if (isinf(option->high))
        return error_set(err, ERROR_USAGE, "%s %s: expected a number of %g or more", option->name, text, option->low);
    return error_set(err, ERROR_USAGE, "%s %s: expected a number from %g to %g", option->name, text, option->low,
                     option->high);
}

static bool set_int(const CliOption *option, const char *text, Error *err)
{
    char *end;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (end == text || *end || errno || value < option->low_int || value > option->high_int)
        return wrong_value(option, text, err);
    *(int64_t *)option->value = value;
    return true;
}

static bool set_double(const CliOption *option, const char *text, Error *err)
{
    char *end;
    const double value = strtod(text, &end);
    if (end == text || *end || !(value >= option->low && value <= option->high)) return wrong_value(option, text, err);
    *(double *)option->value = value;
    return true;
}

static bool set_choice(const CliOption *option, const char *text, Error *err)
{
    for (const char *const *choice = option->choices; *choice; choice++)
        if (strcmp(*choice, text) == 0) {
            *(const char **)option->value = *choice;
            return true;
        }
    char all[300] = "";
    for (const char *const *choice = option->choices; *choice; choice++) {
        const size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", *choice);
    }
    return error_set(err, ERROR_USAGE, "%s %s: expected one of %s", option->name, text, all);
}

static void append(CliArguments *list, const char *text)
{
    list->items = base_realloc(list->items, (size_t)list->n_items + 1, sizeof *list->items);
    list->items[list->n_items++] = text;
}

static bool set_value(const CliOption *option, const char *text, Error *err)
{
    switch (option->kind) {
    case CLI_KIND_INT:
        return set_int(option, text, err);
    case CLI_KIND_DOUBLE:
        return set_double(option, text, err);
    case CLI_KIND_CHOICE:
        return set_choice(option, text, err);
    case CLI_KIND_LIST:
        append(option->value, text);
        return true;
    case CLI_KIND_STRING:
        *(const char **)option->value = text;
        return true;
    case CLI_KIND_FLAG:
    case CLI_KIND_END:
        break;
    }
    return error_set(err, ERROR_BUG, "%s has no value", option->name);
}

/* ---- the command line ---- */

/* Index of the option that argument names ("--name" or "--name=..."), -1 when none does. */
static int find_option(const Parser *p, const char *argument)
{
    if (strcmp(argument, "-h") == 0) argument = "--help";
    const size_t length = strcspn(argument, "=");
    for (int i = 0; i < p->n_options; i++)
        if (strncmp(p->options[i].name, argument, length) == 0 && p->options[i].name[length] == 0) return i;
    return -1;
}

static bool unknown_option(const Parser *p, const char *argument, Error *err)
{
    const char *names[MAX_OPTIONS + 1];
    for (int i = 0; i < p->n_options; i++) names[i] = p->options[i].name;
    names[p->n_options] = NULL;
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(argument, "="), argument);
    const char *const nearest = yaml_nearest(word, names);
    return error_set(err, ERROR_USAGE, "unknown option %s%s%s%s; `r1 %s --help` lists them", word,
                     nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "",
                     p->cli->command->name);
}

/* Reads the option at argv[*i]; leaves *i at the last argument it used. */
static bool read_option(Parser *p, int argc, char **argv, int *i, Error *err)
{
    const char *const argument = argv[*i];
    const int which = find_option(p, argument);
    if (which < 0) return unknown_option(p, argument, err);
    const CliOption *const option = &p->options[which];
    const char *const equals = strchr(argument, '=');
    p->seen[which] = true;
    if (option->kind == CLI_KIND_FLAG) {
        if (equals) return error_set(err, ERROR_USAGE, "%s takes no value", option->name);
        *(bool *)option->value = true;
        return true;
    }
    if (equals) return set_value(option, equals + 1, err);
    /* An option's name in the place of a value is a forgotten value far more often than a text. */
    if (*i + 1 >= argc || (strncmp(argv[*i + 1], "--", 2) == 0 && find_option(p, argv[*i + 1]) >= 0))
        return error_set(err, ERROR_USAGE, "%s needs a value (%s)", option->name,
                         option->value_name ? option->value_name : "one of its words");
    return set_value(option, argv[++*i], err);
}

static bool check_given(const Parser *p, const CliArguments *rest, int min, int max, Error *err)
{
    const char *const name = p->cli->command->name;
    for (int i = 0; i < p->n_own; i++)
        if (p->options[i].required && !p->seen[i])
            return error_set(err, ERROR_USAGE, "%s %s is needed; `r1 %s --help` says more", p->options[i].name,
                             p->options[i].value_name ? p->options[i].value_name : "", name);
    if (rest->n_items > max)
        return error_set(err, ERROR_USAGE, "one argument too many: %s; `r1 %s --help` says more", rest->items[max],
                         name);
    if (rest->n_items < min)
        return error_set(err, ERROR_USAGE, "something is missing; usage: %s", p->cli->command->usage);
    return true;
}

static void keep(Cli *cli, void *memory)
{
    if (!memory) return;
    cli->owned = base_realloc(cli->owned, (size_t)cli->n_owned + 1, sizeof *cli->owned);
    cli->owned[cli->n_owned++] = memory;
}

bool cli_parse(Cli *cli, const CliOption *options, int argc, char **argv, CliArguments *rest, int min, int max,
               Error *err)
{
    Parser parser;
    CliArguments arguments = {0};
    parser_init(&parser, cli, options);
    bool options_end = false, ok = true;
    for (int i = 0; ok && i < argc; i++) {
        if (!options_end && strcmp(argv[i], "--") == 0)
            options_end = true;
        else if (!options_end && argv[i][0] == '-' && argv[i][1])
            ok = read_option(&parser, argc, argv, &i, err);
        else
            append(&arguments, argv[i]);
    }
    if (parser.help) {
        print_help(&parser);
        err->kind = ERROR_NONE;
        ok = false;
    }
    keep(cli, arguments.items);
    for (int i = 0; i < parser.n_own; i++)
        if (parser.options[i].kind == CLI_KIND_LIST) keep(cli, ((CliArguments *)parser.options[i].value)->items);
    if (rest) *rest = arguments;
    return ok && check_given(&parser, &arguments, min, max, err);
}

bool cli_parse_ids(const char *name, const char *text, int32_t **ids, int64_t *n_ids, Error *err)
{
    int64_t n = 0;
    int32_t *const found = base_alloc(strlen(text) / 2 + 1, sizeof *found);
    for (const char *p = text; *p;) {
        char *end;
        errno = 0;
        const long long id = strtoll(p, &end, 10);
        if (end == p || errno || id < 0 || id > INT32_MAX || (*end && *end != ',') || (*end == ',' && !end[1])) {
            base_free(found);
            return error_set(err, ERROR_USAGE, "%s %s: expected token ids such as 1,2,3", name, text);
        }
        found[n++] = (int32_t)id;
        p = *end ? end + 1 : end;
    }
    *ids = found;
    *n_ids = n;
    return true;
}
