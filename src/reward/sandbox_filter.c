/* SPDX-License-Identifier: MIT */
/* reward/sandbox_filter.c: which system calls a program under test may make.
 *
 * What is on the list works, everything else is "not implemented" (ENOSYS): so a call that a later kernel brings is closed until
 * somebody opens it. Left out on purpose: ptrace and reading other processes' memory; new namespaces, mounts, chroot; sockets
 * (pairs work); files outside any file system (memfd, System V and POSIX shared memory, message queues), which no limit would
 * count; io_uring, bpf, perf, userfaultfd, keys, modules, clocks, swap; clone3, whose flags a filter cannot see. What a process may
 * do to another of its user (limits, priority, processors) it may do to itself alone: the first process is of that user too. */
#include "reward/sandbox_parts.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* clang-format off */
static const char *const allowed[] = {
    /* files */
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2", "pwritev2", "open", "openat",
    "openat2", "creat", "close", "close_range", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "lseek",
    "access", "faccessat", "faccessat2", "dup", "dup2", "dup3", "fcntl", "flock", "fsync", "fdatasync", "sync_file_range",
    "truncate", "ftruncate", "fallocate", "fadvise64", "readahead", "getdents", "getdents64", "getcwd", "chdir", "fchdir",
    "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "link", "linkat", "unlink", "unlinkat", "symlink",
    "symlinkat", "readlink", "readlinkat", "chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "umask",
    "utime", "utimes", "utimensat", "futimesat", "sendfile", "copy_file_range", "splice", "tee", "pipe", "pipe2",
    "getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr", "inotify_init1", "inotify_add_watch",
    "inotify_rm_watch",
    /* memory */
    "mmap", "munmap", "mprotect", "mremap", "madvise", "brk", "msync", "mincore", "mlock", "munlock", "membarrier",
    "get_mempolicy", "pkey_alloc", "pkey_free", "pkey_mprotect",
    /* processes and threads */
    "clone", "fork", "vfork", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "kill", "tgkill", "tkill",
    "getpid", "getppid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "getpgid",
    "getpgrp", "setpgid", "getsid", "setsid", "getpriority", "setpriority", "prctl", "arch_prctl", "set_tid_address",
    "set_robust_list", "get_robust_list", "rseq", "futex", "futex_waitv", "sched_yield", "sched_getaffinity", "sched_setaffinity",
    "sched_getparam", "sched_getscheduler", "sched_get_priority_max", "sched_get_priority_min", "getcpu", "getrlimit",
    "setrlimit", "prlimit64", "getrusage", "times", "capget", "pidfd_open", "pidfd_send_signal",
    /* signals */
    "rt_sigaction", "rt_sigprocmask", "rt_sigpending", "rt_sigtimedwait", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
    "rt_sigreturn", "rt_sigsuspend", "sigaltstack", "restart_syscall", "pause", "signalfd", "signalfd4",
    /* time */
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "alarm", "getitimer", "setitimer",
    "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "timerfd_create", "timerfd_settime",
    "timerfd_gettime",
    /* waiting */
    "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait",
    "epoll_pwait2", "eventfd", "eventfd2",
    /* pairs of sockets */
    "socketpair", "sendto", "recvfrom", "sendmsg", "recvmsg", "shutdown", "getsockopt", "setsockopt", "getsockname",
    "getpeername",
    /* the system */
    "uname", "sysinfo", "getrandom",
};
/* clang-format on */

/* Kept apart from the list: what depends on arguments. */
static const uint64_t NEW_NAMESPACES =
    CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;

/* Whose first argument is a process, and which may be 0 alone: the caller. */
static bool is_of_a_process(const char *name)
{
    static const char *const names[] = {"prlimit64", "sched_setaffinity", NULL};
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static int allow_by_name(scmp_filter_ctx filter, const char *name)
{
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) return 0; /* libseccomp is older than the call: it stays closed */
    if (strcmp(name, "clone") == 0)
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1, SCMP_A0(SCMP_CMP_MASKED_EQ, NEW_NAMESPACES, 0));
    if (strcmp(name, "socketpair") == 0)
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1, SCMP_A0(SCMP_CMP_EQ, 1, 0));
    if (is_of_a_process(name))
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 1, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffU, 0));
    if (strcmp(name, "setpriority") == 0) /* of which, who: a process, the caller */
        return seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 2, SCMP_A0(SCMP_CMP_MASKED_EQ, 0xffffffffU, 0),
                                SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, 0));
    const int code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
    return code == -EDOM ? 0 : code; /* a call that this architecture has not */
}

static int fill(scmp_filter_ctx filter)
{
    static const unsigned requests[] = {TCGETS, FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TIOCGWINSZ, TIOCGPGRP};
    int code = 0;
    for (size_t i = 0; code == 0 && i < sizeof allowed / sizeof *allowed; i++) code = allow_by_name(filter, allowed[i]);
    for (size_t i = 0; code == 0 && i < sizeof requests / sizeof *requests; i++)
        code = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                                SCMP_A1(SCMP_CMP_MASKED_EQ, 0xffffffffU, requests[i]));
    if (code == 0) code = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    return code == -EINVAL || code == -EOPNOTSUPP ? 0 : code; /* a search tree is only faster */
}

bool sandbox_filter_create(int *fd, Error *err)
{
    const scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int code = filter ? fill(filter) : -ENOMEM;
    *fd = sandbox_memory_file("r1-filter", NULL, 0);
    if (code == 0 && *fd < 0) code = -errno;
    if (code == 0) code = seccomp_export_bpf(filter, *fd);
    seccomp_release(filter);
    if (code == 0) return true;
    if (*fd >= 0) close(*fd);
    *fd = -1;
    return error_set(err, ERROR_SYSTEM, "sandbox: the seccomp filter cannot be made: %s", strerror(-code));
}
