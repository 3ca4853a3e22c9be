/* SPDX-License-Identifier: MIT */
/* base/threads.h: a pool of threads that split outputs, never sums.
 *
 * threads_run(pool, n, fn, context) calls fn(context, i, thread) once for each i in [0, n), on any thread in any order, and
 * returns when all are done. Since every item owns its outputs, the schedule cannot reach a number. The caller is thread 0
 * and works too. Every thread runs with MXCSR at round-to-nearest, no FTZ/DAZ (contract 7).
 *
 * The environment's R1_THREADS=reversed makes pools that run a region on the caller, from its last item to its first and dealt to the
 * threads' scratch in turn: an item that leans on an earlier one then fails every time, not once in a hundred runs. */
#ifndef R1_BASE_THREADS_H
#define R1_BASE_THREADS_H

#include "base/error.h"

#include <stdint.h>

typedef struct Threads Threads;
typedef void (*ThreadsItem)(void *context, int64_t item, int thread);

/* n_threads >= 1, the caller's included. */
bool threads_create(Threads **pool, int n_threads, Error *err) R1_MUST_CHECK;
void threads_free(Threads *pool); /* NULL is fine */
int threads_count(const Threads *pool);
/* Not reentrant: an item may not call threads_run on the same pool. pool may be NULL: one thread. */
void threads_run(Threads *pool, int64_t n_items, ThreadsItem item, void *context);

/* The range [begin, end) of part `part` when n is cut into n_parts nearly equal contiguous parts, each a multiple of
 * `grain` but the last. */
void threads_split(int64_t n, int64_t grain, int64_t part, int64_t n_parts, int64_t *begin, int64_t *end);

/* The number of processors this process may use. */
int threads_available(void);
/* Sets round-to-nearest and clears FTZ and DAZ in the calling thread; true if they had been so already. */
bool threads_set_rounding(void);

#endif
