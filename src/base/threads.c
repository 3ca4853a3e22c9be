/* SPDX-License-Identifier: MIT */
/* base/threads.c: workers spin for a short while, then sleep on a futex-backed condition.
 *
 * A decode step issues some forty small parallel regions; a worker that went to sleep between two of them would cost more
 * than the region. SPIN_ROUNDS pause instructions are some 50 microseconds: longer than the gap between two regions, short
 * enough not to matter on a busy machine. Own code rather than OpenMP because clang has no libgomp and its libomp is one
 * more package, and because a region here needs no team, no reduction and no schedule (docs/decisions.md). */
#include "base/threads.h"

#include "base/arena.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <xmmintrin.h>

enum { SPIN_ROUNDS = 4000, MAX_THREADS = 1024 };

struct Threads {
    int n_threads;
    bool reversed;      /* no workers: the caller takes every item, the last one first */
    pthread_t *handles; /* [n_threads - 1] */
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int n_asleep; /* under lock */

    ThreadsItem item; /* the region in hand: written before `generation` is raised */
    void *context;
    int64_t n_items;
    _Atomic int64_t next_item;
    _Atomic int n_running;       /* workers that have not finished the region */
    _Atomic uint64_t generation; /* raised once a region */
    _Atomic bool stopping;
};

typedef struct WorkerStart {
    Threads *pool;
    int thread;
} WorkerStart;

enum { MXCSR_CONTROL = 0xFFC0, MXCSR_DEFAULT = 0x1F80 };

bool threads_set_rounding(void)
{
    const unsigned before = _mm_getcsr();
    if ((before & MXCSR_CONTROL) == MXCSR_DEFAULT) return true;
    _mm_setcsr(MXCSR_DEFAULT);
    return false;
}

int threads_available(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    const int n = CPU_COUNT(&set);
    return n < 1 ? 1 : n;
}

static void take_items(Threads *pool, int thread)
{
    const int64_t n_items = pool->n_items;
    for (;;) {
        const int64_t i = atomic_fetch_add_explicit(&pool->next_item, 1, memory_order_relaxed);
        if (i >= n_items) return;
        pool->item(pool->context, i, thread);
    }
}

/* Waits until the generation differs from `seen`; returns it. */
static uint64_t wait_for_region(Threads *pool, uint64_t seen)
{
    for (int spin = 0; spin < SPIN_ROUNDS; spin++) {
        const uint64_t now = atomic_load_explicit(&pool->generation, memory_order_acquire);
        if (now != seen) return now;
        _mm_pause();
    }
    pthread_mutex_lock(&pool->lock);
    pool->n_asleep++;
    uint64_t now;
    while ((now = atomic_load(&pool->generation)) == seen) pthread_cond_wait(&pool->wake, &pool->lock);
    pool->n_asleep--;
    pthread_mutex_unlock(&pool->lock);
    return now;
}

static void *worker_main(void *argument)
{
    const WorkerStart start = *(WorkerStart *)argument;
    base_free(argument);
    threads_set_rounding();
    uint64_t seen = 0;
    for (;;) {
        seen = wait_for_region(start.pool, seen);
        if (atomic_load(&start.pool->stopping)) return NULL;
        take_items(start.pool, start.thread);
        atomic_fetch_sub_explicit(&start.pool->n_running, 1, memory_order_release);
    }
}

static void publish_region(Threads *pool)
{
    atomic_fetch_add(&pool->generation, 1);
    pthread_mutex_lock(&pool->lock);
    if (pool->n_asleep > 0) pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

bool threads_create(Threads **out, int n_threads, Error *err)
{
    *out = NULL;
    if (n_threads < 1 || n_threads > MAX_THREADS)
        return error_set(err, ERROR_USAGE, "--threads %d: give a number from 1 to %d", n_threads, MAX_THREADS);
    threads_set_rounding();
    Threads *pool = base_alloc(1, sizeof *pool);
    const char *order = getenv("R1_THREADS");
    pool->reversed = order && strcmp(order, "reversed") == 0;
    pool->n_threads = pool->reversed ? n_threads : 1;
    pool->handles = base_alloc((size_t)n_threads, sizeof *pool->handles);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (int t = 1; t < n_threads && !pool->reversed; t++) {
        WorkerStart *start = base_alloc(1, sizeof *start);
        *start = (WorkerStart){pool, t};
        const int status = pthread_create(&pool->handles[t - 1], NULL, worker_main, start);
        if (status != 0) {
            base_free(start);
            threads_free(pool);
            return error_set(err, ERROR_SYSTEM, "cannot start thread %d of %d: %s", t, n_threads, strerror(status));
        }
        pool->n_threads = t + 1;
    }
    *out = pool;
    return true;
}

void threads_free(Threads *pool)
{
    if (!pool) return;
    atomic_store(&pool->stopping, true);
    publish_region(pool);
    for (int t = 1; t < pool->n_threads && !pool->reversed; t++) pthread_join(pool->handles[t - 1], NULL);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->wake);
    base_free(pool->handles);
    base_free(pool);
}

int threads_count(const Threads *pool)
{
    return pool ? pool->n_threads : 1;
}

void threads_run(Threads *pool, int64_t n_items, ThreadsItem item, void *context)
{
    if (pool && pool->reversed) {
        for (int64_t i = n_items - 1; i >= 0; i--) item(context, i, (int)(i % pool->n_threads));
        return;
    }
    if (threads_count(pool) == 1 || n_items <= 1) {
        for (int64_t i = 0; i < n_items; i++) item(context, i, 0);
        return;
    }
    pool->item = item;
    pool->context = context;
    pool->n_items = n_items;
    atomic_store_explicit(&pool->next_item, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->n_running, pool->n_threads - 1, memory_order_relaxed);
    publish_region(pool);
    take_items(pool, 0);
    for (int spin = 0; atomic_load_explicit(&pool->n_running, memory_order_acquire) > 0; spin++) {
        _mm_pause();
        /* On a machine with more runnable threads than cores, spinning would keep the worker off the core it needs. */
        if (spin > SPIN_ROUNDS) sched_yield();
    }
}

void threads_split(int64_t n, int64_t grain, int64_t part, int64_t n_parts, int64_t *begin, int64_t *end)
{
    const int64_t grains = (n + grain - 1) / grain;
    const int64_t first = grains * part / n_parts * grain;
    const int64_t last = grains * (part + 1) / n_parts * grain;
    *begin = first < n ? first : n;
    *end = last < n ? last : n;
}
