/* SPDX-License-Identifier: MIT */
/* reward/jobs.c: see jobs.h. A queue under one lock: jobs take milliseconds at least, so the lock is never felt.
 *
 *   submitted --(a worker takes it)--> taken --(it returns)--> done --(jobs_collect, oldest first)--> gone */
#include "reward/jobs.h"

#include "base/arena.h"
#include "base/signals.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

typedef struct QueuedJob {
    Job job;
    void *context;
    bool done;
} QueuedJob;

typedef struct Worker {
    Jobs *jobs;
    int number;
    pthread_t thread;
} Worker;

struct Jobs {
    pthread_mutex_t lock;
    pthread_cond_t submitted, ended;
    QueuedJob *queue;                    /* a ring of `capacity`, a power of two */
    int64_t capacity, first, next, last; /* oldest not collected, next to be taken, end; these only grow */
    atomic_bool cancel;
    bool closed;
    Worker *workers;
    int n_workers;
};

static QueuedJob *slot(Jobs *jobs, int64_t i)
{
    return &jobs->queue[i & (jobs->capacity - 1)];
}

static void *work(void *context)
{
    const Worker *const worker = context;
    Jobs *const jobs = worker->jobs;
    pthread_mutex_lock(&jobs->lock);
    for (;;) {
        while (!jobs->closed && jobs->next == jobs->last) pthread_cond_wait(&jobs->submitted, &jobs->lock);
        if (jobs->closed) break;
        const int64_t taken = jobs->next++;
        const QueuedJob job = *slot(jobs, taken);
        pthread_mutex_unlock(&jobs->lock);
        job.job(job.context, worker->number, &jobs->cancel);
        pthread_mutex_lock(&jobs->lock);
        slot(jobs, taken)->done = true;
        pthread_cond_broadcast(&jobs->ended);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

bool jobs_create(Jobs **out, int n_workers, Error *err)
{
    Jobs *const jobs = base_alloc(1, sizeof *jobs);
    pthread_condattr_t monotonic;
    *out = jobs;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&jobs->submitted, NULL);
    pthread_cond_init(&jobs->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    jobs->capacity = 64;
    jobs->queue = base_alloc((size_t)jobs->capacity, sizeof *jobs->queue);
    jobs->workers = base_alloc((size_t)n_workers, sizeof *jobs->workers);
    for (int i = 0; i < n_workers; i++) {
        Worker *const worker = &jobs->workers[i];
        *worker = (Worker){.jobs = jobs, .number = i};
        const int code = pthread_create(&worker->thread, NULL, work, worker);
        if (code != 0) {
            jobs_free(jobs);
            *out = NULL;
            return error_set(err, ERROR_SYSTEM, "cannot start a thread for rewards: %s", strerror(code));
        }
        jobs->n_workers++;
    }
    return true;
}

void jobs_free(Jobs *jobs)
{
    if (!jobs) return;
    atomic_store(&jobs->cancel, true);
    pthread_mutex_lock(&jobs->lock);
    jobs->closed = true;
    pthread_cond_broadcast(&jobs->submitted);
    pthread_mutex_unlock(&jobs->lock);
    for (int i = 0; i < jobs->n_workers; i++) pthread_join(jobs->workers[i].thread, NULL);
    pthread_cond_destroy(&jobs->submitted);
    pthread_cond_destroy(&jobs->ended);
    pthread_mutex_destroy(&jobs->lock);
    base_free(jobs->workers);
    base_free(jobs->queue);
    base_free(jobs);
}

static void grow(Jobs *jobs)
{
    QueuedJob *const queue = base_alloc(2 * (size_t)jobs->capacity, sizeof *queue);
    for (int64_t i = jobs->first; i < jobs->last; i++) queue[i & (2 * jobs->capacity - 1)] = *slot(jobs, i);
    base_free(jobs->queue);
    jobs->queue = queue;
    jobs->capacity *= 2;
}

void jobs_submit(Jobs *jobs, Job job, void *context)
{
    pthread_mutex_lock(&jobs->lock);
    if (jobs->last - jobs->first == jobs->capacity) grow(jobs);
    *slot(jobs, jobs->last++) = (QueuedJob){.job = job, .context = context};
    pthread_cond_signal(&jobs->submitted);
    pthread_mutex_unlock(&jobs->lock);
}

int64_t jobs_pending(const Jobs *jobs)
{
    return jobs->last - jobs->first; /* only the caller's thread changes these */
}

bool jobs_collect_done(Jobs *jobs, void **context)
{
    *context = NULL;
    pthread_mutex_lock(&jobs->lock);
    const bool done = jobs->first < jobs->last && slot(jobs, jobs->first)->done;
    if (done) *context = slot(jobs, jobs->first++)->context;
    pthread_mutex_unlock(&jobs->lock);
    return done;
}

bool jobs_collect(Jobs *jobs, void **context, Error *err)
{
    enum { LOOK_AGAIN_NS = 100000000 };
    while (!jobs_collect_done(jobs, context)) {
        if (jobs_pending(jobs) == 0) return true;
        if (!signals_check(err)) return false;
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += LOOK_AGAIN_NS;
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        pthread_mutex_lock(&jobs->lock);
        if (!slot(jobs, jobs->first)->done) pthread_cond_timedwait(&jobs->ended, &jobs->lock, &until);
        pthread_mutex_unlock(&jobs->lock);
    }
    return true;
}
