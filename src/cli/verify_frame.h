/* SPDX-License-Identifier: MIT */
/* cli/verify_frame.h: `r1 verify --frame`: is a completion of a frame, and where does it stop being one? */
#ifndef R1_CLI_VERIFY_FRAME_H
#define R1_CLI_VERIFY_FRAME_H

#include "cli/cli.h"

/* frame: "r1-zero", "r1" or a frame's text (reward/frame.h). prompt may be NULL. */
bool verify_frame(Cli *cli, const char *frame, const char *prompt, const char *answer, bool explain,
                  Error *err) R1_MUST_CHECK;

#endif
