/* SPDX-License-Identifier: MIT */
/* cli/commands.c: the table of commands and what all of them share. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/yaml.h"

#include <stdarg.h>
#include <string.h>

/* In the order of `r1 help`, a line each. */
/* clang-format off */
#define COMMANDS(X) \
    X(run) \
    X(pretrain) \
    X(sft) \
    X(grpo) \
    X(ppo) \
    X(reject) \
    X(reward_model) \
    X(distill) \
    X(dpo) \
    X(pairs) \
    X(tokenize) \
    X(template) \
    X(sample) \
    X(chat) \
    X(score) \
    X(score_rewards) \
    X(eval) \
    X(contamination) \
    X(tasks) \
    X(verify) \
    X(parity) \
    X(digest) \
    X(inspect) \
    X(merge) \
    X(convert) \
    X(report) \
    X(compare) \
    X(replay) \
    X(bench) \
    X(doctor) \
    X(help) \
    X(version)
/* clang-format on */

#define DECLARE(name) extern const Command command_##name;
#define ADDRESS(name) &command_##name,
COMMANDS(DECLARE)

static const Command *const commands[] = {COMMANDS(ADDRESS) NULL};

const Command *const *cli_commands(void)
{
    return commands;
}

const Command *cli_command(const char *name, Error *err)
{
    const char *names[sizeof commands / sizeof *commands];
    int n = 0;
    for (; commands[n]; n++) {
        if (strcmp(commands[n]->name, name) == 0) return commands[n];
        names[n] = commands[n]->name;
    }
    names[n] = NULL;
    const char *const nearest = yaml_nearest(name, names);
    error_set(err, ERROR_USAGE, "unknown command \"%s\"%s%s%s; `r1 help` lists them", name,
              nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
    return NULL;
}

void cli_free(Cli *cli)
{
    threads_free(cli->threads);
    for (int64_t i = 0; i < cli->n_owned; i++) base_free(cli->owned[i]);
    base_free(cli->owned);
    *cli = (Cli){0};
}

bool cli_threads(Cli *cli, Threads **threads, Error *err)
{
    if (!cli->threads && !threads_create(&cli->threads, (int)cli->n_threads, err)) return false;
    *threads = cli->threads;
    return true;
}

bool cli_kernels(Cli *cli, const Kernels **kernels, Error *err)
{
    if (!cli->has_kernels) {
        Isa isa;
        if (!cpu_choose(&isa, err)) return false;
        cli->kernels = kernels_for(isa);
        cli->has_kernels = true;
    }
    *kernels = &cli->kernels;
    return true;
}

FILE *cli_people(const Cli *cli)
{
    return cli->json ? stderr : stdout;
}

void cli_print(const Cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(cli_people(cli), format, args);
    va_end(args);
}

void cli_note(const Cli *cli, const char *format, ...)
{
    if (cli->quiet) return;
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

void cli_print_example(const Cli *cli, const char *example)
{
    static const char written[] = "build/release/r1";
    FILE *const file = cli_people(cli);
    const char *found;
    while ((found = strstr(example, written))) {
        fwrite(example, 1, (size_t)(found - example), file);
        fputs(cli->program ? cli->program : written, file);
        example = found + sizeof written - 1;
    }
    fprintf(file, "%s\n", example);
}
