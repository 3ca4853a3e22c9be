/* SPDX-License-Identifier: MIT */
/* reward/jobs.h: work that waits for others (programs under test, reward commands), done by threads of its own while the engine
 * goes on sampling, and collected in the order in which it was submitted.
 *
 * A job is a function and a context that the caller owns until the job is collected. Who is done first cannot be seen. Submit and
 * collect from one thread. */
#ifndef R1_REWARD_JOBS_H
#define R1_REWARD_JOBS_H

#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>

typedef struct Jobs Jobs;
/* worker: 0 .. n_workers - 1. cancel turns true when the pool is given up: the job ends as soon as it can. */
typedef void (*Job)(void *context, int worker, const atomic_bool *cancel);

bool jobs_create(Jobs **jobs, int n_workers, Error *err) R1_MUST_CHECK;
/* Cancels what has not ended, waits for the workers; nothing that was not collected may be used. NULL is fine. */
void jobs_free(Jobs *jobs);

void jobs_submit(Jobs *jobs, Job job, void *context);
int64_t jobs_pending(const Jobs *jobs); /* submitted and not collected */
/* Waits for the oldest job that was not collected and returns its context; NULL when there is none. False with
 * ERROR_INTERRUPTED when a signal comes meanwhile. */
bool jobs_collect(Jobs *jobs, void **context, Error *err) R1_MUST_CHECK;
/* The same without waiting: *context is NULL when it is not done. */
bool jobs_collect_done(Jobs *jobs, void **context);

#endif
