/* SPDX-License-Identifier: MIT */
/* base/signals.c: the flag belongs to the process as signals do, so it is the one variable here that is nobody's. */
#include "base/signals.h"

#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

static _Atomic int pending;

static void on_signal(int number)
{
    int none = 0;
    atomic_compare_exchange_strong(&pending, &none, number); /* lock-free, hence async-signal-safe */
}

static void listen_to(int number)
{
    /* No SA_RESTART: a read from a terminal or a pipe must return. SA_RESETHAND: the second signal is the system's. */
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, NULL);
}

void signals_install(void)
{
    listen_to(SIGINT);
    listen_to(SIGTERM);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
}

void signals_forget_interrupt(void)
{
    int interrupt = SIGINT;
    atomic_compare_exchange_strong(&pending, &interrupt, 0);
    listen_to(SIGINT);
}

int signals_pending(void)
{
    return atomic_load_explicit(&pending, memory_order_relaxed);
}

bool signals_check(Error *err)
{
    const int number = signals_pending();
    if (number == 0) return true;
    return error_set(err, ERROR_INTERRUPTED, "interrupted by %s", number == SIGINT ? "SIGINT" : "SIGTERM");
}
