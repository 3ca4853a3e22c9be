/* SPDX-License-Identifier: MIT */
/* cli/run.h: what `r1 run` shares with the commands that are recipes of one stage. */
#ifndef R1_CLI_RUN_H
#define R1_CLI_RUN_H

#include "cli/cli.h"
#include "recipe/graph.h"

/* `--threads` counts, else the recipe's `threads`, else all processors: call it before cli_parse, and cli_run_recipe after. */
void cli_expect_threads(Cli *cli);
/* Runs the recipe, or with dry_run tells what it would take. */
bool cli_run_recipe(Cli *cli, Recipe *recipe, const RunOptions *options, bool dry_run, Error *err) R1_MUST_CHECK;
/* A recipe of several stages; takes the document. */
bool cli_run_graph(Cli *cli, YamlDocument *document, const RunOptions *options, bool dry_run, Error *err) R1_MUST_CHECK;
/* Threads as --threads says, else as the recipe does. */
bool cli_make_compute(Cli *cli, int64_t threads, Compute *compute, Error *err) R1_MUST_CHECK;
/* "42 s", "3 min", "2.5 hours". */
void cli_duration(char text[32], double seconds);

#endif
