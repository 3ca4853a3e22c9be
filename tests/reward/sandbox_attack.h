/* SPDX-License-Identifier: MIT */
/* Programs in Python that attack the sandbox: how the escape suite starts them and what it looks for behind them. Each prints ESCAPED when
 * it gets what it wants. Where no sandbox can be made nothing of this is true or false: the test is skipped, and says so. */
#ifndef R1_TESTS_SANDBOX_ATTACK_H
#define R1_TESTS_SANDBOX_ATTACK_H

#include "base/arena.h"
#include "base/file.h"
#include "reward/sandbox.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SKIPPED = 77 };

static Sandbox *sandbox;
static char folder[] = "/tmp/r1-escape-XXXXXX"; /* a file of the host that a program must not see */
static char token[64];                          /* in the command line of everything that a test starts */
static int port;

static inline int count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 1024; fd++) n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Processes of this machine that carry the token. */
static inline int count_processes(void)
{
    char **names;
    int64_t n_names;
    int n = 0;
    Error err = {0};
    assert_true(file_list("/proc", &names, &n_names, &err));
    for (int64_t i = 0; i < n_names; i++) {
        char path[300], *text;
        size_t length;
        if (!isdigit((unsigned char)names[i][0])) continue;
        snprintf(path, sizeof path, "/proc/%s/cmdline", names[i]);
        if (!file_read_all(path, 1 << 20, &text, &length, &err)) continue;
        n += memmem(text, length, token, strlen(token)) != NULL;
        base_free(text);
    }
    file_names_free(names, n_names);
    return n;
}

static const char prologue[] = "import os, sys, ctypes, socket, signal, time\n"
                               "libc = ctypes.CDLL(None, use_errno=True)\n"
                               "def sys_call(*a): return libc.syscall(*a)\n"
                               "def escaped(what): print('ESCAPED', what, flush=True)\n"
                               "def tries(what, f):\n"
                               "    try: f()\n"
                               "    except BaseException: return\n"
                               "    escaped(what)\n"
                               "SECRET, PORT, HOST_PID = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])\n";

static inline void run_python(const char *source, const SandboxLimits *limits, SandboxResult *result)
{
    char *const text = base_printf("%s%s", prologue, source), port_text[16],
                pid_text[16], *const secret = base_printf("%s/secret", folder);
    snprintf(port_text, sizeof port_text, "%d", port);
    snprintf(pid_text, sizeof pid_text, "%d", (int)getpid());
    const char *const argv[] = {"python3", "-s", "/box/main.py", token, secret, port_text, pid_text, NULL};
    const SandboxProgram program = {.argv = argv,
                                    .files = {{.path = "/box/main.py", .bytes = text, .length = strlen(text)}},
                                    .n_files = 1,
                                    .input = "",
                                    .input_length = 0};
    const int n_fds = count_fds();
    sandbox_run(sandbox, limits, &program, result, NULL);
    assert_int_equal(count_fds() - (result->kept_fd >= 0), n_fds);
    assert_int_equal(count_processes(), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    base_free(text);
    base_free(secret);
}

static inline void print_result(const SandboxResult *r)
{
    print_message("%s, exit %d, signal %d, %.2f s of processor, %.2f s, peak %.0f MB\nout: %.600s\nerr: %.600s\n",
                  sandbox_end_name(r->end), r->exit_status, r->signal_number, 1e-6 * (double)r->cpu_us,
                  1e-6 * (double)r->wall_us, 1e-6 * (double)r->peak_bytes, r->output, r->errors);
}

static inline SandboxLimits small_limits(void)
{
    SandboxLimits limits = sandbox_default_limits();
    limits.cpu_ms = 1000;
    limits.memory_bytes = 128 << 20;
    limits.processes = 32;
    return limits;
}

/* It tries, gets nothing, and ends as any program does. */
static inline void contained(const char *source)
{
    SandboxLimits limits = sandbox_default_limits();
    SandboxResult r;
    char *const text = base_printf("%s\nprint('the end')\n", source);
    run_python(text, &limits, &r);
    if (strstr(r.output, "ESCAPED") || !strstr(r.output, "the end") || r.end != SANDBOX_EXITED || r.exit_status != 0) {
        print_result(&r);
        fail();
    }
    sandbox_result_free(&r);
    base_free(text);
}

static inline void ends_by(SandboxEnd end, const SandboxLimits *limits, const char *source)
{
    SandboxResult r;
    run_python(source, limits, &r);
    if (strstr(r.output, "ESCAPED") || r.end != end) {
        print_result(&r);
        fail_msg("expected the end to be \"%s\"", sandbox_end_name(end));
    }
    sandbox_result_free(&r);
}

/* ---- what a program would like to reach ---- */

static inline int listen_somewhere(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return 1;
    port = ntohs(address.sin_port);
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    const int n = snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "r1-escape-%d", (int)getpid());
    const int local = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return bind(local, (struct sockaddr *)&name, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n)) !=
               0 ||
           listen(local, 8) != 0;
}

/* 0: there is a sandbox to attack, and something outside it to get at; else what the program ends with. */
static inline int attack_begin(void)
{
    Error err = {0};
    if (!sandbox_open(&sandbox, &err)) {
        printf("skipped: %s\n", err.text);
        return SKIPPED;
    }
    if (!sandbox_has(sandbox, "python3")) {
        printf("skipped: there is no python3 in /usr/local/bin:/usr/bin:/bin to attack with\n");
        return SKIPPED;
    }
    snprintf(token, sizeof token, "r1-token-%d", (int)getpid());
    if (!mkdtemp(folder) || chmod(folder, 0755) != 0 || listen_somewhere() != 0) return 1;
    char *const secret = base_printf("%s/secret", folder);
    const bool ok = file_write_all(secret, "test", "secret", 6, &err);
    base_free(secret);
    return ok ? 0 : 1;
}

static inline int attack_end(int status)
{
    Error err = {0};
    sandbox_close(sandbox);
    return file_remove_tree(folder, &err) ? status : 1;
}

#endif
