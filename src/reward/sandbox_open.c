/* SPDX-License-Identifier: MIT */
/* reward/sandbox_open.c: what every container gets (the system's folders, the filter, the first process), and whether it holds here. */
#include "base/arena.h"
#include "base/file.h"
#include "reward/sandbox_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The first process, built beside this library (CMakeLists.txt). */
extern const unsigned char sandbox_init_image[], sandbox_init_image_end[];
__asm__(".section .rodata\n"
        ".global sandbox_init_image, sandbox_init_image_end\n"
        "sandbox_init_image: .incbin \"" R1_SANDBOX_INIT "\"\n"
        "sandbox_init_image_end: .byte 0\n"
        ".previous\n");

static void add(Sandbox *s, const char *text)
{
    if (s->n_system < SANDBOX_MAX_ARGUMENTS) s->system[s->n_system++] = base_strdup(text);
}

static void add_3(Sandbox *s, const char *option, const char *from, const char *to)
{
    add(s, option);
    add(s, from);
    add(s, to);
}

/* /bin, /lib and so on are links into /usr on most systems, folders on some. */
static void add_folder(Sandbox *s, const char *path)
{
    struct stat info;
    char target[256];
    if (lstat(path, &info) != 0) return;
    const ssize_t n = S_ISLNK(info.st_mode) ? readlink(path, target, sizeof target - 1) : -1;
    if (n > 0) {
        target[n] = '\0';
        add_3(s, "--symlink", target, path);
    } else {
        add_3(s, "--ro-bind", path, path);
    }
}

/* Programs and libraries, a few device nodes, nothing else of the host. Each mount costs a tenth of a millisecond or two, so what
 * can be a link or a copy is one. */
static void describe_system(Sandbox *s)
{
    static const char *const folders[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", NULL};
    static const char *const devices[] = {"/dev/null", "/dev/zero", "/dev/urandom", NULL};
    for (int i = 0; folders[i]; i++) add_folder(s, folders[i]);
    for (int i = 0; devices[i]; i++) add_3(s, "--dev-bind", devices[i], devices[i]);
    add(s, "--proc");
    add(s, "/proc");
    add_3(s, "--symlink", "/dev/urandom", "/dev/random");
    add_3(s, "--symlink", "/proc/self/fd", "/dev/fd");
    add_3(s, "--symlink", "/proc/self/fd/0", "/dev/stdin");
    add_3(s, "--symlink", "/proc/self/fd/1", "/dev/stdout");
    add_3(s, "--symlink", "/proc/self/fd/2", "/dev/stderr");
    add_3(s, "--symlink", "/tmp", "/dev/shm");
}

/* Where libraries are; without it those in unusual folders are not found. */
static void copy_library_cache(Sandbox *s)
{
    char *text;
    size_t length;
    Error none_there = {0};
    if (!file_read_all("/etc/ld.so.cache", 16 << 20, &text, &length, &none_there)) return;
    s->library_cache_fd = sandbox_memory_file("r1-libraries", text, length);
    base_free(text);
}

static bool find_bwrap(Sandbox *s, Error *err)
{
    static const char *const paths[] = {"/usr/bin/bwrap", "/usr/local/bin/bwrap", "/bin/bwrap", NULL};
    for (int i = 0; paths[i]; i++)
        if (access(paths[i], X_OK) == 0) {
            s->bwrap = base_strdup(paths[i]);
            return true;
        }
    return error_set(err, ERROR_SYSTEM,
                     "sandbox: bwrap is not there; install the package bubblewrap (tools/setup.sh does)");
}

static bool make_files(Sandbox *s, Error *err)
{
    if (!sandbox_filter_create(&s->filter_fd, err)) return false;
    s->init_fd =
        sandbox_memory_file("r1-init", sandbox_init_image, (size_t)(sandbox_init_image_end - sandbox_init_image));
    if (s->init_fd < 0) return error_set(err, ERROR_SYSTEM, "sandbox: no file in memory: %s", strerror(errno));
    s->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return s->null_fd >= 0 || error_set(err, ERROR_SYSTEM, "sandbox: /dev/null: %s", strerror(errno));
}

/* What a run of a shell inside must and must not see. It prints "held" when all is as it should be. */
static const char probe_script[] =
    "test ! -e /root && test ! -e /home && test ! -e /etc/passwd && ! (: > /usr/r1) 2>/dev/null && "
    "! (: > /r1) 2>/dev/null && test \"$(id -u)\" = 1000 && "
    "test -z \"$(tail -n +3 /proc/net/dev | grep -v '^ *lo:')\" && "
    "! (read x < /proc/1/environ) 2>/dev/null && "
    "grep -Eq '^Max processes +64 ' /proc/self/limits && : > /tmp/x && grep -q '^Seccomp:.*2' /proc/self/status && "
    "printf held";

static bool probe(const Sandbox *s, Error *err)
{
    static const char *const argv[] = {"sh", "-c", probe_script, NULL};
    const SandboxProgram program = {.argv = argv};
    const SandboxLimits limits = sandbox_default_limits();
    SandboxResult result;
    sandbox_run(s, &limits, &program, &result, NULL);
    const bool held = result.end == SANDBOX_EXITED && strcmp(result.output, "held") == 0;
    if (result.end == SANDBOX_FAULT)
        error_set(
            err, ERROR_SYSTEM,
            "sandbox: %.300s; programs run only where bubblewrap may make user namespaces (in a container: one that "
            "allows them; see docs/sandbox.md)",
            result.errors);
    else if (!held)
        error_set(err, ERROR_SYSTEM,
                  "sandbox: it does not hold here: a program inside sees or may do what it must not "
                  "(see docs/sandbox.md)");
    sandbox_result_free(&result);
    return held;
}

bool sandbox_open(Sandbox **out, Error *err)
{
    Sandbox *const s = base_alloc(1, sizeof *s);
    s->filter_fd = s->init_fd = s->library_cache_fd = s->null_fd = -1;
    s->is_root = geteuid() == 0;
    describe_system(s);
    copy_library_cache(s);
    const bool ok = find_bwrap(s, err) && make_files(s, err) && probe(s, err);
    *out = ok ? s : NULL;
    if (!ok) sandbox_close(s);
    return ok;
}

void sandbox_close(Sandbox *s)
{
    if (!s) return;
    if (s->filter_fd >= 0) close(s->filter_fd);
    if (s->init_fd >= 0) close(s->init_fd);
    if (s->library_cache_fd >= 0) close(s->library_cache_fd);
    if (s->null_fd >= 0) close(s->null_fd);
    for (int i = 0; i < s->n_system; i++) base_free(s->system[i]);
    base_free(s->bwrap);
    base_free(s);
}

bool sandbox_has(const Sandbox *sandbox, const char *name)
{
    const char *const argv[] = {"sh", "-c", "command -v \"$0\" >/dev/null", name, NULL};
    const SandboxProgram program = {.argv = argv};
    const SandboxLimits limits = sandbox_default_limits();
    SandboxResult result;
    sandbox_run(sandbox, &limits, &program, &result, NULL);
    const bool has = result.end == SANDBOX_EXITED && result.exit_status == 0;
    sandbox_result_free(&result);
    return has;
}
