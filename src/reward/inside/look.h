/* SPDX-License-Identifier: MIT */
/* reward/inside/look.h: what all processes of this namespace use, as /proc tells. For the first process, which is 1. */
#ifndef R1_REWARD_INSIDE_LOOK_H
#define R1_REWARD_INSIDE_LOOK_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Look {
    int64_t cpu_us; /* of those that live and of those that were waited for since reaped_before_us */
    int64_t bytes;  /* of their memory and of the files in /tmp */
    bool wants;     /* a process runs, waits for a processor or for a disk */
} Look;
void look_around(Look *look, int64_t ticks_a_second, int64_t reaped_before_us);

/* Processor time of all processes that this one has waited for. */
int64_t look_reaped_us(void);
/* The number of the newest process in this namespace: the last field of /proc/loadavg. */
long look_newest_process(void);

#endif
