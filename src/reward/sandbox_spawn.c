/* SPDX-License-Identifier: MIT */
/* reward/sandbox_spawn.c: starts one container.
 *
 * Everything that a child needs is made before it is there. The child is made by vfork, since copying the page tables of a
 * process that holds a model costs more than the whole container; until exec it shares the parent's memory, so it makes system
 * calls and nothing else (raw ones where libc's would tell all threads). Files go in as descriptors of files in memory, so a run
 * leaves nothing on a disk. */
#include "reward/sandbox_parts.h"
#include "reward/sandbox_protocol.h"

#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NOBODY = 65534, MAX_PASSED = SANDBOX_MAX_FILES + 5 /* cache, filter, first process, socket, kept */ };

/* What one container gets. Descriptors are all closed by exec; the child opens the gate for those in `passed`. */
typedef struct Launch {
    const char *argv[2 * SANDBOX_MAX_ARGUMENTS];
    int n;
    char numbers[48][24]; /* texts of numbers among the arguments */
    int n_numbers;
    int passed[MAX_PASSED];
    int n_passed;
    int null, said; /* bwrap's 0 and 1, and its 2 */
    bool failed;
    bool is_root;
    const char *bwrap;
} Launch;

static void add(Launch *l, const char *text)
{
    if (l->n + 1 == (int)(sizeof l->argv / sizeof *l->argv))
        l->failed = true;
    else
        l->argv[l->n++] = text;
}

static void add_number(Launch *l, int64_t value)
{
    if (l->n_numbers == 48) {
        l->failed = true;
        return;
    }
    char *const text = l->numbers[l->n_numbers++];
    snprintf(text, sizeof l->numbers[0], "%" PRId64, value);
    add(l, text);
}

static void add_fd(Launch *l, int fd)
{
    if (fd < 0 || l->n_passed == MAX_PASSED) {
        l->failed = true;
        return;
    }
    l->passed[l->n_passed++] = fd;
    add_number(l, fd);
}

int sandbox_memory_file(const char *name, const void *bytes, size_t length)
{
    const int fd = memfd_create(name, MFD_CLOEXEC);
    if (fd < 0) return -1;
    for (size_t at = 0; at < length;) {
        const ssize_t n = write(fd, (const char *)bytes + at, length - at);
        if (n > 0) at += (size_t)n;
        if (n > 0 || (n < 0 && errno == EINTR)) continue;
        close(fd);
        return -1;
    }
    return lseek(fd, 0, SEEK_SET) == 0 ? fd : -1;
}

/* Read-only and with an offset of its own: several containers read the same file at once. */
static int reopen(int fd)
{
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static int memory_input(const char *bytes, size_t length)
{
    const int writable = sandbox_memory_file("r1-input", bytes, length);
    if (writable < 0) return -1;
    const int fd = reopen(writable);
    close(writable);
    return fd;
}

/* ---- arguments ---- */

/* Copied into the root, which is read-only once the container is made. */
static void add_file(Launch *l, const char *path, const char *mode, int fd)
{
    add(l, "--perms");
    add(l, mode);
    add(l, "--file");
    add_fd(l, fd);
    add(l, path);
}

static void add_files(Launch *l, const Sandbox *s, const SandboxProgram *program)
{
    if (s->library_cache_fd >= 0) add_file(l, "/etc/ld.so.cache", "0444", reopen(s->library_cache_fd));
    for (int i = 0; i < program->n_files; i++) {
        const SandboxFile *const f = &program->files[i];
        add_file(l, f->path, f->executable ? "0555" : "0444",
                 f->bytes ? memory_input(f->bytes, f->length) : reopen(f->fd));
    }
}

static void add_limits(Launch *l, const SandboxLimits *limits, const char *keep_path)
{
    add(l, keep_path ? keep_path : "");
    add_number(l, limits->cpu_ms);
    add_number(l, limits->idle_ms);
    add_number(l, limits->wall_ms);
    add_number(l, limits->memory_bytes);
    add_number(l, 4 * limits->memory_bytes); /* address space: what is only reserved costs nobody anything */
    add_number(l, limits->processes);
    add_number(l, limits->file_bytes);
    add_number(l, limits->open_files);
}

static void add_arguments(Launch *l, const Sandbox *s, const SandboxLimits *limits, const SandboxProgram *program,
                          int socket, int kept)
{
    static const char *const before[] = {"--unshare-user", "--unshare-pid", "--unshare-net",
                                         "--unshare-ipc",  "--unshare-uts", "--uid",
                                         "1000",           "--gid",         "1000",
                                         "--hostname",     "sandbox",       "--die-with-parent",
                                         "--as-pid-1",     "--new-session", NULL};
    add(l, s->bwrap);
    for (int i = 0; before[i]; i++) add(l, before[i]);
    for (int i = 0; i < s->n_system; i++) add(l, s->system[i]);
    add(l, "--size");
    add_number(l, limits->tmp_bytes);
    add(l, "--tmpfs");
    add(l, "/tmp");
    add_files(l, s, program);
    add(l, "--remount-ro");
    add(l, "/");
    add(l, "--chdir");
    add(l, "/tmp");
    add(l, "--seccomp");
    add_fd(l, reopen(s->filter_fd));
    /* The first process, by its descriptor: no path of the host leads to it. */
    const int init = reopen(s->init_fd);
    char *const path = l->numbers[l->n_numbers++];
    snprintf(path, sizeof l->numbers[0], "/proc/self/fd/%d", init);
    add(l, "--");
    add(l, path);
    if (init < 0)
        l->failed = true;
    else
        l->passed[l->n_passed++] = init;
    add_fd(l, socket);
    if (kept >= 0)
        add_fd(l, kept);
    else
        add_number(l, -1);
    add_limits(l, limits, program->keep);
    for (int i = 0; program->argv[i]; i++) add(l, program->argv[i]);
    l->argv[l->n] = NULL;
}

/* ---- the child ---- */

/* Between vfork and exec. */
static void become_bwrap(const Launch *l, const sigset_t *no_signals)
{
    static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                              "HOME=/tmp",
                                              "TMPDIR=/tmp",
                                              "LANG=C.UTF-8",
                                              "PYTHONDONTWRITEBYTECODE=1",
                                              "PYTHONHASHSEED=0",
                                              "OMP_NUM_THREADS=1",
                                              "OPENBLAS_NUM_THREADS=1",
                                              NULL};
    for (int i = 0; i < l->n_passed; i++) fcntl(l->passed[i], F_SETFD, 0);
    dup2(l->null, 0);
    dup2(l->null, 1);
    dup2(l->said, 2);
    if (l->is_root) {
        const gid_t none = 0;
        if (syscall(SYS_setgroups, 0, &none) != 0 || syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY) != 0 ||
            syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY) != 0) {
            static const char why[] = "root cannot become nobody (65534) here";
            (void)!write(2, why, sizeof why - 1);
            syscall(SYS_exit_group, 126);
        }
    }
    sigprocmask(SIG_SETMASK, no_signals, NULL);
    execve(l->bwrap, (char *const *)(uintptr_t)l->argv, (char *const *)(uintptr_t)environment);
    syscall(SYS_exit_group, 127);
}

static int start(const Launch *l)
{
    sigset_t all, none, before;
    sigfillset(&all);
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const pid_t pid = vfork();
    if (pid == 0) become_bwrap(l, &none);
    const int code = errno;
    /* Changing user marks the memory that both shared as not to be looked at; it is still ours. */
    if (l->is_root) prctl(PR_SET_DUMPABLE, 1);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = code;
    return pid;
}

static void close_fd(int fd)
{
    if (fd >= 0) close(fd);
}

bool sandbox_spawn(SandboxChild *child, const Sandbox *sandbox, const SandboxLimits *limits,
                   const SandboxProgram *program)
{
    int sockets[2] = {-1, -1}, said[2] = {-1, -1};
    Launch *const l = base_alloc(1, sizeof *l);
    *child = (SandboxChild){.pid = -1, .socket = -1, .said = -1, .kept = -1};
    bool ok = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0 && pipe2(said, O_CLOEXEC) == 0;
    if (ok && program->keep) ok = (child->kept = sandbox_memory_file("r1-kept", NULL, 0)) >= 0;
    l->is_root = sandbox->is_root;
    l->bwrap = sandbox->bwrap;
    l->null = sandbox->null_fd;
    l->said = said[1];
    if (ok) add_arguments(l, sandbox, limits, program, sockets[1], child->kept);
    ok = ok && !l->failed && (child->pid = start(l)) > 0;
    const int code = errno;
    for (int i = 0; i < l->n_passed; i++)
        if (l->passed[i] != child->kept) close_fd(l->passed[i]);
    if (l->n_passed == 0) close_fd(sockets[1]);
    close_fd(said[1]);
    base_free(l);
    child->socket = sockets[0];
    child->said = said[0];
    if (!ok) {
        close_fd(child->socket);
        close_fd(child->said);
        close_fd(child->kept);
        *child = (SandboxChild){.pid = -1, .socket = -1, .said = -1, .kept = -1};
        errno = code;
    }
    return ok;
}

/* ---- a run ---- */

static bool send_streams(int socket, const int streams[INIT_STREAMS], bool last)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(INIT_STREAMS * sizeof *streams)];
    } control = {0};
    InitTask task = {.last = last};
    struct iovec from = {.iov_base = &task, .iov_len = sizeof task};
    struct msghdr message = {
        .msg_iov = &from, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    struct cmsghdr *const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(INIT_STREAMS * sizeof *streams);
    memcpy(CMSG_DATA(header), streams, INIT_STREAMS * sizeof *streams);
    ssize_t n;
    while ((n = sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) {}
    return n == sizeof task;
}

bool sandbox_send_task(SandboxStreams *streams, const SandboxChild *child, const SandboxProgram *program, bool last)
{
    int out[2] = {-1, -1}, errors[2] = {-1, -1};
    const int input = program->input_fd > 0 ? program->input_fd : memory_input(program->input, program->input_length);
    bool ok = input >= 0 && pipe2(errors, O_CLOEXEC) == 0 && (program->output_fd > 0 || pipe2(out, O_CLOEXEC) == 0);
    const int passed[INIT_STREAMS] = {input, program->output_fd > 0 ? program->output_fd : out[1], errors[1]};
    ok = ok && send_streams(child->socket, passed, last);
    const int code = errno;
    if (program->input_fd <= 0) close_fd(input);
    close_fd(out[1]);
    close_fd(errors[1]);
    *streams = (SandboxStreams){.output = out[0], .errors = errors[0]};
    errno = code;
    return ok;
}
