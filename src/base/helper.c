/* SPDX-License-Identifier: MIT */
/* base/helper.c: see helper.h. One SOCK_SEQPACKET pair a worker: a message is a request or a reply, an end is a death.
 *
 * The idle workers are the one thing here that the whole process shares; a worker in use belongs to its caller alone. */
#include "base/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    SERVED_FD = 3,
    MAX_IDLE = 64,
    DATA_BYTES = 64 << 20,
    /* Work is limited by counts. This is for a library that never comes back, which is as good as a crash; it is far beyond any
     * request's budget on any machine. Processor time, so a stopped or crowded machine does not count. */
    STUCK_SECONDS = 20,
};

extern char **environ;

/* Sanitizers map terabytes of shadow: no limit then. gcc says so by macros, clang by a feature. */
#if defined(__has_feature)
#define HELPER_IS_SANITIZED (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HELPER_IS_SANITIZED 1
#else
#define HELPER_IS_SANITIZED 0
#endif

/* ---- in the worker ---- */

static void limit(int resource, rlim_t most)
{
    struct rlimit now;
    if (getrlimit(resource, &now) != 0 || now.rlim_max < most) return;
    now.rlim_cur = now.rlim_max = most;
    setrlimit(resource, &now);
}

static void watch(time_t seconds)
{
    const struct itimerval timer = {.it_value = {.tv_sec = seconds}};
    setitimer(ITIMER_PROF, &timer, NULL);
}

void helper_serve_if(int argc, char **argv, const char *name, HelperWork work)
{
    static unsigned char request[HELPER_MAX_BYTES], reply[HELPER_MAX_BYTES];
    if (argc < 1 || strcmp(argv[0], name) != 0) return;
    limit(RLIMIT_CORE, 0);
    if (!HELPER_IS_SANITIZED) limit(RLIMIT_DATA, DATA_BYTES);
    signal(SIGINT, SIG_IGN); /* Ctrl-C is for the program; we go when it does */
    signal(SIGTERM, SIG_IGN);
    signal(SIGPROF, SIG_DFL);
    for (;;) {
        const ssize_t n = recv(SERVED_FD, request, sizeof request, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) _exit(0);
        watch(STUCK_SECONDS);
        const size_t length = work(request, (size_t)n, reply);
        watch(0);
        if (send(SERVED_FD, reply, length, MSG_NOSIGNAL) < 0) _exit(0);
    }
}

/* ---- in the program ---- */

typedef struct Worker {
    const char *name;
    pid_t pid;
    int socket;
    int requests;
} Worker;

static struct {
    pthread_mutex_t lock;
    Worker idle[MAX_IDLE];
    int n;
    pid_t owner; /* a process forked from us must not speak on our sockets */
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool start(Worker *w, const char *name)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawn_file_actions_adddup2(&actions, ends[1], SERVED_FD);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    char *const argv[] = {(char *)name, NULL};
    const bool ok = posix_spawn(&w->pid, "/proc/self/exe", &actions, &attributes, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    w->name = name;
    w->socket = ends[0];
    w->requests = 0;
    if (!ok) close(ends[0]);
    return ok;
}

static void end(Worker *w)
{
    close(w->socket);
    while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR) continue;
}

static bool take(Worker *w, const char *name)
{
    bool found = false;
    pthread_mutex_lock(&pool.lock);
    if (pool.owner != getpid()) {
        pool.owner = getpid();
        pool.n = 0;
    }
    for (int i = pool.n - 1; i >= 0 && !found; i--) {
        if (strcmp(pool.idle[i].name, name) != 0) continue;
        *w = pool.idle[i];
        pool.idle[i] = pool.idle[--pool.n];
        found = true;
    }
    pthread_mutex_unlock(&pool.lock);
    return found || start(w, name);
}

static void give_back(Worker *w)
{
    bool kept = false;
    if (++w->requests < HELPER_REQUESTS) {
        pthread_mutex_lock(&pool.lock);
        kept = pool.n < MAX_IDLE;
        if (kept) pool.idle[pool.n++] = *w;
        pthread_mutex_unlock(&pool.lock);
    }
    if (!kept) end(w);
}

static bool exchange(const Worker *w, const void *request, size_t n_request, void *reply, size_t n_reply)
{
    ssize_t n;
    do n = send(w->socket, request, n_request, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)n_request) return false;
    do n = recv(w->socket, reply, n_reply, 0);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)n_reply;
}

bool helper_call(const char *name, const void *request, size_t n_request, void *reply, size_t n_reply)
{
    for (int attempt = 0; attempt < 2; attempt++) {
        Worker w;
        if (!take(&w, name)) return false;
        if (exchange(&w, request, n_request, reply, n_reply)) {
            give_back(&w);
            return true;
        }
        end(&w);
    }
    return false;
}
