/* SPDX-License-Identifier: MIT */
/* base/clock.h: seconds for people and reports. No number of a run depends on a clock. */
#ifndef R1_BASE_CLOCK_H
#define R1_BASE_CLOCK_H

#include <time.h>

/* Seconds since some moment; never goes back. Some 30 ns a call. */
static inline double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Seconds that all threads of the process have computed, what they waited for each other included where they wait by spinning. */
static inline double clock_process_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds that the calling thread has computed: what is being interrupted does not count. A system call. */
static inline double clock_thread_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
