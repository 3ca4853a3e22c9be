/* SPDX-License-Identifier: MIT */
/* cli/main.c: finds the command, runs it, prints its error as one line and turns it into an exit status. */
#include "cli/cli.h"

#include "base/file.h"
#include "base/signals.h"

#include <errno.h>
#include <string.h>

static int exit_status(const Cli *cli, const Error *err)
{
    switch (err->kind) {
    case ERROR_NONE:
        return cli->status; /* --help */
    case ERROR_USAGE:
    case ERROR_INPUT:
        return 2;
    case ERROR_SYSTEM:
    case ERROR_BUG:
        return 3;
    case ERROR_INTERRUPTED:
        return 128 + (signals_pending() ? signals_pending() : 2);
    }
    return 3;
}

/* The command's name of its argv[0]: "help" stands for no name and for --help, "version" for --version. */
static const char *command_name(const char *word)
{
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return "help";
    if (strcmp(word, "--version") == 0) return "version";
    return word;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    if (!failpoint_check(err)) return false;
    if (argc < 2) return error_set(err, ERROR_USAGE, "no command given; `r1 help` lists them");
    if (argv[1][0] == '-' && command_name(argv[1]) == argv[1])
        return error_set(err, ERROR_USAGE,
                         "%s: the command comes first, as in `r1 doctor --json`; `r1 help` lists them", argv[1]);
    cli->command = cli_command(command_name(argv[1]), err);
    if (!cli->command) return false;
    if (cli->command->run(cli, argc - 2, argv + 2, err)) return true;
    /* Wrong use is a matter between the user and the command; a bad file speaks for itself. */
    if (err->kind == ERROR_USAGE) error_in(err, "%s", cli->command->name);
    return false;
}

int main(int argc, char **argv)
{
    Cli cli = {.program = argc > 0 ? argv[0] : "r1", .n_threads = threads_available()};
    Error err = {0};
    signals_install();
    threads_set_rounding();
    int status = run(&cli, argc, argv, &err) ? cli.status : exit_status(&cli, &err);
    if (err.kind != ERROR_NONE && status != 0) fprintf(stderr, "r1: %s\n", err.text);
    if ((fflush(stdout) != 0 || ferror(stdout)) && status < 3) {
        fprintf(stderr, "r1: cannot write output: %s\n", strerror(errno));
        status = 3;
    }
    cli_free(&cli);
    return status;
}
