/* SPDX-License-Identifier: MIT */
/* base/signals.h: SIGINT and SIGTERM as a flag that long work looks at between two steps.
 *
 * Work that sees the flag abandons the step in hand and returns ERROR_INTERRUPTED; what is saved is whole. A second signal of
 * the same kind ends the process at once, in case a step never comes to its end. */
#ifndef R1_BASE_SIGNALS_H
#define R1_BASE_SIGNALS_H

#include "base/error.h"

/* Called once by main(). Blocking calls return EINTR when a signal comes. SIGPIPE is ignored: a closed pipe is an error of
 * the write. */
void signals_install(void);
/* SIGINT or SIGTERM once it has come, else 0. Cheap; any thread may call it. */
int signals_pending(void);
/* A SIGINT that has come is dealt with: the next one is seen again. For `chat`, where it ends an answer. SIGTERM stays. */
void signals_forget_interrupt(void);
/* True while no signal has come; else false and ERROR_INTERRUPTED. */
bool signals_check(Error *err) R1_MUST_CHECK;

#endif
