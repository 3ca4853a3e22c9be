/* SPDX-License-Identifier: MIT */
/* cli/help.c: `r1 help` and `r1 version`. */
#include "cli/cli.h"

static bool run_help(Cli *cli, int argc, char **argv, Error *err)
{
    CliArguments names = {0};
    if (!cli_parse(cli, (const CliOption[]){CLI_END}, argc, argv, &names, 0, 1, err)) return false;
    if (names.n_items == 1) {
        const Command *const asked = cli_command(names.items[0], err);
        if (!asked) return false;
        char help[] = "--help";
        cli->command = asked;
        return asked->run(cli, 1, (char *[]){help}, err);
    }
    cli_print(cli, "r1: reinforcement learning that teaches a language model to reason, on the machine you have.\n\n"
                   "usage: r1 COMMAND [ARGUMENT]... [--threads N] [--json] [--quiet] [--help]\n\n");
    for (const Command *const *command = cli_commands(); *command; command++) {
        cli_print(cli, "  %-14s %s\n", (*command)->name, (*command)->summary);
        if (!(*command)->example) continue;
        cli_print(cli, "  %14s   ", "");
        cli_print_example(cli, (*command)->example);
    }
    cli_print(
        cli,
        "\n`r1 COMMAND --help` says more. Exit status: 0 ok, 1 the answer is no, 2 wrong use or input, 3 a fault,\n"
        "130 or 143 interrupted. R1_ISA=c|avx2|avx512 chooses the kernels.\n");
    return true;
}

const Command command_help = {
    .name = "help",
    .summary = "what the commands are",
    .usage = "r1 help [COMMAND]",
    .example = "build/release/r1 help doctor",
    .run = run_help,
};

static bool run_version(Cli *cli, int argc, char **argv, Error *err)
{
    if (!cli_parse(cli, (const CliOption[]){CLI_END}, argc, argv, NULL, 0, 0, err)) return false;
    cli_print(cli, "r1 " R1_VERSION "\n");
    if (!cli->json) return true;
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "version", R1_VERSION);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

const Command command_version = {
    .name = "version",
    .summary = "the version of this program",
    .usage = "r1 version",
    .example = "build/release/r1 version",
    .run = run_version,
};
