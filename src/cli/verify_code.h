/* SPDX-License-Identifier: MIT */
/* cli/verify_code.h: `r1 verify --tests`: programs against tests, in the sandbox. */
#ifndef R1_CLI_VERIFY_CODE_H
#define R1_CLI_VERIFY_CODE_H

#include "cli/cli.h"

/* tests: a JSON file. Either answer (a completion; "@FILE": the text of a file) or input (rows {"id","answer"}) is given. */
bool verify_code(Cli *cli, const char *tests, const char *answer, const char *input, bool explain,
                 Error *err) R1_MUST_CHECK;

#endif
