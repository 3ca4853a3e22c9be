/* SPDX-License-Identifier: MIT */
/* cli/cli.h: what a subcommand is and what it gets. One file a subcommand, cli/<name>.c, defines `const Command command_<name>`;
 * its line in the table of cli/commands.c makes it known to `r1 help` and to main().
 *
 *   static bool run(Cli *cli, int argc, char **argv, Error *err)
 *   {
 *       const char *model = NULL;
 *       int64_t n = 1;
 *       const CliOption options[] = {
 *           CLI_STRING_REQUIRED("--model", "DIR", &model, "a Hugging Face folder or a GGUF file"),
 *           CLI_INT("--n", "N", &n, 1, 1000, "how many [1]"),
 *           CLI_END,
 *       };
 *       CliArguments paths;
 *       if (!cli_parse(cli, options, argc, argv, &paths, 0, 1, err)) return false;
 *       ...
 *       cli->status = found ? 0 : 1;
 *       return true;
 *   }
 *
 * Exit status: true gives cli->status (0 ok, 1 the answer is no); false prints "r1: <error>" and gives 2 for ERROR_USAGE and
 * ERROR_INPUT, 3 for ERROR_SYSTEM and ERROR_BUG, 130 or 143 for ERROR_INTERRUPTED. May use everything. */
#ifndef R1_CLI_CLI_H
#define R1_CLI_CLI_H

#include "base/error.h"
#include "base/json.h"
#include "base/threads.h"
#include "num/kernels.h"

#include <stdint.h>
#include <stdio.h>

typedef struct Command Command;

typedef struct Cli {
    const char *program; /* as it was called: what examples in --help begin with */
    const Command *command;
    int status;        /* exit status when the command returns true */
    int64_t n_threads; /* --threads; default: the processors this process may use */
    bool json;         /* --json: stdout holds JSON lines only, people's text goes to stderr */
    bool quiet;        /* --quiet: no notes and no progress */

    /* Made at first use by cli_threads, cli_kernels and cli_parse; main() frees. */
    Threads *threads;
    Kernels kernels;
    bool has_kernels;
    void **owned; /* the arrays of CliArguments */
    int64_t n_owned;
} Cli;

struct Command {
    const char *name;
    const char *summary; /* one line, no full stop */
    const char *usage;   /* lines after "usage: ", each beginning with "r1 <name>" */
    const char *details; /* what to know beyond the options; NULL when there is nothing */
    /* A command line that works when pasted in a checkout; build/release/r1 in it is shown as the program was called. */
    const char *example;
    /* argv holds what follows the name. */
    bool (*run)(Cli *cli, int argc, char **argv, Error *err);
};

/* All commands in the order of `r1 help`, NULL-terminated. */
const Command *const *cli_commands(void);
/* NULL with err set (and the nearest name in it) when there is none. */
const Command *cli_command(const char *name, Error *err);

void cli_free(Cli *cli);

/* The pool and the kernels of this process. A CPU without FMA or an R1_ISA that does not exist is an error here. */
bool cli_threads(Cli *cli, Threads **threads, Error *err) R1_MUST_CHECK;
bool cli_kernels(Cli *cli, const Kernels **kernels, Error *err) R1_MUST_CHECK;

/* Results for people: stdout, or stderr with --json. */
void cli_print(const Cli *cli, const char *format, ...) R1_PRINTF(2, 3);
/* Remarks for people: stderr, unless --quiet. */
void cli_note(const Cli *cli, const char *format, ...) R1_PRINTF(2, 3);
void cli_print_example(const Cli *cli, const char *example); /* and a newline */
FILE *cli_people(const Cli *cli);                            /* where cli_print prints */

/* ---- options ---- */

typedef enum CliKind {
    CLI_KIND_END,
    CLI_KIND_FLAG,
    CLI_KIND_INT,
    CLI_KIND_DOUBLE,
    CLI_KIND_STRING,
    CLI_KIND_CHOICE,
    CLI_KIND_LIST
} CliKind;

/* Texts from the command line: borrowed from argv; the array lives as long as Cli. */
typedef struct CliArguments {
    const char **items;
    int64_t n_items;
} CliArguments;

typedef struct CliOption {
    const char *name;       /* "--name" */
    const char *value_name; /* "N", "DIR"; NULL for flags */
    CliKind kind;
    void *value; /* bool, int64_t, double, const char *, const char *, CliArguments */
    int64_t low_int, high_int;
    double low, high;
    const char *const *choices; /* NULL-terminated */
    const char *help;           /* one line; a default stands at its end in [brackets] */
    bool required;
} CliOption;

/* Values keep what they hold when the option is not given. */
#define CLI_FLAG(name_, value_, help_)                                                                                 \
    {                                                                                                                  \
        .name = name_, .kind = CLI_KIND_FLAG, .value = value_, .help = help_                                           \
    }
#define CLI_INT(name_, unit_, value_, low_, high_, help_)                                                              \
    {                                                                                                                  \
        .name = name_, .value_name = unit_, .kind = CLI_KIND_INT, .value = value_, .low_int = low_, .high_int = high_, \
        .help = help_                                                                                                  \
    }
#define CLI_DOUBLE(name_, unit_, value_, low_, high_, help_)                                                           \
    {                                                                                                                  \
        .name = name_, .value_name = unit_, .kind = CLI_KIND_DOUBLE, .value = value_, .low = low_, .high = high_,      \
        .help = help_                                                                                                  \
    }
#define CLI_STRING(name_, unit_, value_, help_)                                                                        \
    {                                                                                                                  \
        .name = name_, .value_name = unit_, .kind = CLI_KIND_STRING, .value = value_, .help = help_                    \
    }
#define CLI_STRING_REQUIRED(name_, unit_, value_, help_)                                                               \
    {                                                                                                                  \
        .name = name_, .value_name = unit_, .kind = CLI_KIND_STRING, .value = value_, .help = help_, .required = true  \
    }
#define CLI_CHOICE(name_, value_, choices_, help_)                                                                     \
    {                                                                                                                  \
        .name = name_, .kind = CLI_KIND_CHOICE, .value = value_, .choices = choices_, .help = help_                    \
    }
#define CLI_LIST(name_, unit_, value_, help_)                                                                          \
    {                                                                                                                  \
        .name = name_, .value_name = unit_, .kind = CLI_KIND_LIST, .value = value_, .help = help_                      \
    }
#define CLI_END                                                                                                        \
    {                                                                                                                  \
        .kind = CLI_KIND_END                                                                                           \
    }

/* Reads argv: the command's options ("--name VALUE" or "--name=VALUE"), the global ones, and from min to max other arguments
 * into *rest (NULL when max is 0). "--" ends the options, "-" is an argument. --help prints the command's help and returns
 * false with err->kind ERROR_NONE: the command returns false, the exit status is 0. */
bool cli_parse(Cli *cli, const CliOption *options, int argc, char **argv, CliArguments *rest, int min, int max,
               Error *err) R1_MUST_CHECK;

/* "1,2,3" as numbers: --ids. The caller base_frees. */
bool cli_parse_ids(const char *name, const char *text, int32_t **ids, int64_t *n_ids, Error *err) R1_MUST_CHECK;

/* ---- commands that answer line by line ---- */

/* Answers one row: adds keys to the object that `out` holds open. On failure what it added is dropped and the line says
 * {"error": ...}. thread: 0 .. n_threads - 1, for scratch memory. */
typedef bool (*CliRow)(void *context, const json_t *row, JsonOut *out, int thread, Error *err);

/* Reads JSON objects, one a line, from a file ("-": stdin) and prints exactly one line for each line that is not blank, in
 * order, "id" echoed where it is given. parallel: rows that have arrived together are answered by all threads at once, so
 * `row` must be safe for that; else all run on the caller's thread. Answers never wait for input that has not arrived.
 * ERROR_INPUT when a row failed, after all are answered; a row that fails with another kind of error stops the run. */
bool cli_rows(Cli *cli, const char *input, bool parallel, CliRow row, void *context, Error *err) R1_MUST_CHECK;

#endif
