/* SPDX-License-Identifier: MIT */
/* reward/inside/init.c: the first process inside a sandbox, a program of its own (static, embedded in r1, started by bwrap).
 *
 * It is process 1 of its PID namespace: the kernel keeps the signals of its children from it and gives it every orphan. It sets
 * the limits, starts the program, adds up processor time and memory of all processes by looking into /proc, kills when a limit is
 * passed, and tells r1 how it ended (sandbox_protocol.h). It is not dumpable, so the program, though of the same user, can neither
 * read its memory nor its descriptors. It trusts nothing that comes from the program. Nothing here is shared with the rest of
 * r1 but the protocol. */
#include "reward/inside/look.h"
#include "reward/sandbox_protocol.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct Init {
    int socket, keep;
    const char *keep_path;
    int64_t limits[INIT_PROGRAM]; /* by InitArgument */
    char **program;
    int64_t ticks_a_second;
    int streams[INIT_STREAMS]; /* of the next run; -1 */
    bool last;                 /* it is the last */
    mode_t tmp_mode;           /* of /tmp before the first */
    pid_t child;
    bool child_ended;
    int64_t start_us, looked_us, idle_us;
    int64_t seen_cpu_us;      /* at the last look */
    int64_t reaped_before_us; /* processor time of all that had been waited for when the run began */
    long newest_before;       /* and the number of the newest process */
    InitReport report;
} Init;

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void say(const Init *init, InitState state)
{
    InitReport report = init->report;
    report.state = state;
    while (send(init->socket, &report, sizeof report, MSG_NOSIGNAL) < 0 && errno == EINTR) {}
}

/* ---- starting the program ---- */

/* Never above what this process may have itself. */
static bool set_limit(int which, int64_t value)
{
    struct rlimit limit;
    if (getrlimit(which, &limit) != 0) return false;
    if (limit.rlim_max == RLIM_INFINITY || (int64_t)limit.rlim_max > value) limit.rlim_max = (rlim_t)value;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(which, &limit) == 0;
}

/* The processor's limit is for one process and only a second fence: the sum is watched. */
static bool set_limits(const Init *init)
{
    enum { STACK_BYTES = 64 << 20 };
    const int64_t *const l = init->limits;
    return set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_CPU, l[INIT_CPU_MS] / 1000 + 2) &&
           set_limit(RLIMIT_AS, l[INIT_ADDRESSES]) && set_limit(RLIMIT_STACK, STACK_BYTES) &&
           set_limit(RLIMIT_FSIZE, l[INIT_FILE_BYTES]) && set_limit(RLIMIT_NOFILE, l[INIT_OPEN_FILES]) &&
           set_limit(RLIMIT_MEMLOCK, 0) && set_limit(RLIMIT_MSGQUEUE, 0) && set_limit(RLIMIT_NPROC, l[INIT_PROCESSES]);
}

static void close_all_from(int first)
{
#ifdef SYS_close_range
    if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
    for (int fd = first; fd < 4096; fd++) close(fd);
}

/* In the child. Does not return. A failure comes back as its errno through `failed`, which exec closes. */
static void become_program(const Init *init, int failed)
{
    sigset_t none;
    sigemptyset(&none);
    for (int i = 0; i < INIT_STREAMS; i++) dup2(init->streams[i], i);
    dup2(failed, 3);
    fcntl(3, F_SETFD, FD_CLOEXEC);
    close_all_from(4);
    setsid();
    for (int i = 1; i < NSIG; i++) signal(i, SIG_DFL); /* what r1 ignores the program need not */
    sigprocmask(SIG_SETMASK, &none, NULL);
    errno = EPERM;
    if (set_limits(init)) execvp(init->program[0], init->program);
    const int32_t code = errno;
    (void)!write(3, &code, sizeof code);
    _exit(127);
}

static void close_streams(Init *init)
{
    for (int i = 0; i < INIT_STREAMS; i++) {
        if (init->streams[i] >= 0) close(init->streams[i]);
        init->streams[i] = -1;
    }
}

/* False with the reason and its errno in the report when the program does not run. */
static bool start_program(Init *init)
{
    int failed[2];
    int32_t code = 0;
    init->report.end = INIT_FAULT;
    if (pipe2(failed, O_CLOEXEC) != 0) code = errno;
    if (!code && (init->child = fork()) == 0) become_program(init, failed[1]);
    if (!code && init->child < 0) code = errno;
    close_streams(init); /* the program's alone: their end is seen when its last process lets go */
    if (!code) {
        close(failed[1]);
        if (read(failed[0], &code, sizeof code) != sizeof code) code = 0;
        close(failed[0]);
        init->report.end = code ? INIT_NOT_EXECUTED : INIT_EXITED;
    }
    init->report.wait_status = code;
    return code == 0;
}

/* ---- limits ---- */

/* A run that was given no processor in all that time is nobody's fault; one that made processes by the thousand, each too short
 * to be seen, was hiding. */
static InitEnd end_over_wall(const Init *init)
{
    enum { MANY_PROCESSES = 1000 };
    return look_newest_process() - init->newest_before > MANY_PROCESSES ? INIT_OVER_CPU : INIT_OVER_WALL;
}

/* Time counts as idle when nobody ran in it and nobody waited to: a machine that is busy with others costs a program nothing.
 * Processor time is what each look finds more than the one before: so it also holds what processes used whose parents refuse
 * to hear of their end, and which nobody's sum would ever hold. */
static bool within_limits(Init *init)
{
    const int64_t *const l = init->limits, now = now_us(), interval = now - init->looked_us;
    Look look;
    look_around(&look, init->ticks_a_second, init->reaped_before_us);
    const int64_t grown = look.cpu_us > init->seen_cpu_us ? look.cpu_us - init->seen_cpu_us : 0;
    const int64_t busy = look.wants ? interval : grown;
    if (busy < interval) init->idle_us += interval - busy;
    init->looked_us = now;
    init->seen_cpu_us = look.cpu_us;
    init->report.cpu_us += grown;
    if (look.bytes > init->report.peak_bytes) init->report.peak_bytes = look.bytes;
    init->report.end = look.bytes > l[INIT_MEMORY]                     ? INIT_OVER_MEMORY
                       : init->report.cpu_us > l[INIT_CPU_MS] * 1000   ? INIT_OVER_CPU
                       : init->idle_us > l[INIT_IDLE_MS] * 1000        ? INIT_OVER_IDLE
                       : now - init->start_us > l[INIT_WALL_MS] * 1000 ? end_over_wall(init)
                                                                       : INIT_EXITED;
    return init->report.end == INIT_EXITED;
}

/* ---- waiting ---- */

static void reap(Init *init)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid != init->child) continue;
        init->child_ended = true;
        init->report.wait_status = status;
    }
}

static void on_child(int signal_number)
{
    (void)signal_number; /* it only ends ppoll */
}

/* Until the program ends, a limit is passed, or r1 closes its side. */
static void watch(Init *init, const sigset_t *while_waiting)
{
    enum { LOOK_EVERY_NS = 20000000 };
    for (;;) {
        struct pollfd r1 = {.fd = init->socket, .events = POLLIN | POLLRDHUP};
        const struct timespec wait = {.tv_nsec = LOOK_EVERY_NS};
        const int n = ppoll(&r1, 1, &wait, while_waiting);
        reap(init);
        if (init->child_ended) return;
        if (n > 0) {
            init->report.end = INIT_STOPPED;
            return;
        }
        if (!within_limits(init)) return;
    }
}

/* All processes but this one, whatever they start meanwhile. */
static void kill_all(Init *init)
{
    for (;;) {
        kill(-1, SIGKILL);
        int status;
        const pid_t pid = waitpid(-1, &status, 0);
        if (pid < 0 && errno == ECHILD) return;
        if (pid == init->child) {
            init->child_ended = true;
            init->report.wait_status = status;
        }
    }
}

/* ---- what a compiler made ---- */

static bool copy_kept(const Init *init)
{
    char buffer[65536];
    const int fd = open(init->keep_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) return false;
    int64_t left = init->limits[INIT_FILE_BYTES];
    ssize_t n;
    while ((n = read(fd, buffer, sizeof buffer)) > 0 && (left -= n) >= 0)
        if (write(init->keep, buffer, (size_t)n) != n) break;
    close(fd);
    return n == 0;
}

/* ---- */

/* When the machine runs out of memory, the sandbox goes, not the run. */
static void volunteer_for_oom(void)
{
    const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    (void)!write(fd, "1000", 4);
    close(fd);
}

static bool read_arguments(Init *init, int argc, char **argv)
{
    if (argc <= INIT_PROGRAM) return false;
    for (int i = INIT_SOCKET; i < INIT_PROGRAM; i++) init->limits[i] = strtoll(argv[i], NULL, 10);
    init->socket = (int)init->limits[INIT_SOCKET];
    init->keep = (int)init->limits[INIT_KEEP];
    init->keep_path = argv[INIT_KEEP_PATH];
    init->program = argv + INIT_PROGRAM;
    init->ticks_a_second = sysconf(_SC_CLK_TCK);
    return true;
}

/* Waits for it. False: r1 wants no other. */
static bool receive_task(Init *init)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof init->streams)];
    } control;
    InitTask task = {0};
    struct iovec into = {.iov_base = &task, .iov_len = sizeof task};
    struct msghdr message = {
        .msg_iov = &into, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n;
    while ((n = recvmsg(init->socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {}
    const struct cmsghdr *const header = CMSG_FIRSTHDR(&message);
    if (n != sizeof task || !header || header->cmsg_type != SCM_RIGHTS ||
        header->cmsg_len != CMSG_LEN(sizeof init->streams))
        return false;
    memcpy(init->streams, CMSG_DATA(header), sizeof init->streams);
    init->last = task.last != 0;
    return true;
}

/* As the first run found it: what a program can change in here is /tmp and processes, and those are dead. */
static bool is_clean(const Init *init)
{
    struct stat info;
    if (stat("/tmp", &info) != 0 || info.st_mode != init->tmp_mode) return false;
    DIR *const folder = opendir("/tmp");
    if (!folder) return false;
    int n = 0;
    while (readdir(folder)) n++;
    closedir(folder);
    return n == 2;
}

static void begin(Init *init)
{
    init->report = (InitReport){0};
    init->child = -1;
    init->child_ended = false;
    init->idle_us = init->seen_cpu_us = 0;
    init->reaped_before_us = look_reaped_us();
    init->newest_before = look_newest_process();
    init->start_us = init->looked_us = now_us();
}

/* One run of the program. False: there can be no other in here. */
static bool run(Init *init, const sigset_t *while_waiting)
{
    begin(init);
    say(init, INIT_STARTED);
    const bool started = start_program(init);
    if (started) watch(init, while_waiting);
    const int32_t code = init->report.wait_status;
    kill_all(init);
    if (!started) init->report.wait_status = code;
    const int64_t cpu = look_reaped_us() - init->reaped_before_us;
    if (cpu > init->report.cpu_us) init->report.cpu_us = cpu;
    if (init->report.end == INIT_EXITED && init->report.cpu_us > init->limits[INIT_CPU_MS] * 1000)
        init->report.end = INIT_OVER_CPU;
    init->report.wall_us = now_us() - init->start_us;
    if (init->keep >= 0 && init->report.end == INIT_EXITED && init->report.wait_status == 0)
        init->report.kept = copy_kept(init);
    init->report.clean = !init->last && init->report.end == INIT_EXITED && is_clean(init);
    const bool again = init->report.clean;
    say(init, INIT_ENDED);
    return again;
}

int main(int argc, char **argv)
{
    Init init = {.streams = {-1, -1, -1}};
    sigset_t blocked, while_waiting;
    const struct sigaction act = {.sa_handler = on_child};
    volunteer_for_oom();
    if (prctl(PR_SET_DUMPABLE, 0) != 0 || getpid() != 1 || !read_arguments(&init, argc, argv)) return 2;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGCHLD);
    sigprocmask(SIG_BLOCK, &blocked, &while_waiting);
    sigdelset(&while_waiting, SIGCHLD);
    sigaction(SIGCHLD, &act, NULL);
    struct stat tmp = {0};
    (void)!stat("/tmp", &tmp);
    init.tmp_mode = tmp.st_mode;
    while (receive_task(&init) && run(&init, &while_waiting)) {}
    return 0;
}
