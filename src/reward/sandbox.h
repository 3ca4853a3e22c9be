/* SPDX-License-Identifier: MIT */
/* reward/sandbox.h: runs a program that nobody trusts, and says how it ended.
 *
 * Each run is a bubblewrap container of its own: user, mount, PID, network, IPC and host name namespaces, the system's programs
 * read-only, nothing of the user's files, an own /tmp in memory, no network, and a seccomp filter that knows only harmless system
 * calls. Inside, a process of ours (reward/inside/init.c) watches processor time, memory and sleep of all processes together and
 * kills them all at the end. A caller that is root becomes nobody first. docs/sandbox.md says what holds and what does not.
 *
 * Processor time decides, not the clock: a program that waits while others run has lost nothing. What is no fault of the program
 * (no memory for a process, a machine so busy that it never ran) is SANDBOX_FAULT.
 * Linux 5.14 or newer (limits of processes are then counted in each container), bubblewrap 0.5 or newer, libseccomp. */
#ifndef R1_REWARD_SANDBOX_H
#define R1_REWARD_SANDBOX_H

#include "base/error.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct SandboxLimits {
    int64_t cpu_ms;       /* of all processes together */
    int64_t idle_ms;      /* asleep, while nobody runs and nobody waits for a processor */
    int64_t wall_ms;      /* from start to end whatever happens: past it the run is a fault, not a verdict */
    int64_t memory_bytes; /* of all processes together, files in /tmp included */
    int64_t tmp_bytes;    /* of /tmp */
    int64_t file_bytes;   /* of one file */
    int64_t output_bytes; /* stdout and stderr together */
    int64_t processes;    /* and threads, at once */
    int64_t open_files;   /* of one process */
} SandboxLimits;
SandboxLimits sandbox_default_limits(void); /* 4 s, 5 s, 120 s, 512 MB, 64 MB, 16 MB, 4 MB, 64, 64 */

typedef struct Sandbox Sandbox;
/* Finds bubblewrap, builds the filter, and runs one program to see that it all holds here. ERROR_SYSTEM says what does not, and
 * what to do. A Sandbox is read-only afterwards: any number of threads may run programs by it at once. */
bool sandbox_open(Sandbox **sandbox, Error *err) R1_MUST_CHECK;
void sandbox_close(Sandbox *sandbox); /* NULL is fine */

/* A read-only file at an absolute path inside: of `length` bytes, or (bytes NULL) of a descriptor that can be reopened. */
typedef struct SandboxFile {
    const char *path;
    const char *bytes;
    size_t length;
    int fd;
    bool executable;
} SandboxFile;

enum { SANDBOX_MAX_FILES = 4 };

typedef struct SandboxProgram {
    const char *const
        *argv; /* NULL-terminated; argv[0] is looked for in /usr/local/bin:/usr/bin:/bin. It runs in /tmp */
    SandboxFile files[SANDBOX_MAX_FILES];
    int n_files;
    const char *input; /* stdin */
    size_t input_length;
    int input_fd, output_fd; /* above 0: stdin and stdout instead; taken: closed as soon as the program has them */
    const char *keep;        /* a file that it makes, taken along when it ends well; NULL: none */
} SandboxProgram;

typedef enum SandboxEnd {
    SANDBOX_EXITED,   /* exit_status holds */
    SANDBOX_SIGNALED, /* signal_number holds */
    SANDBOX_TIME,     /* of processors, or asleep too long */
    SANDBOX_MEMORY,
    SANDBOX_OUTPUT,
    SANDBOX_FAULT /* says nothing about the program; `errors` says why */
} SandboxEnd;
const char *sandbox_end_name(SandboxEnd end); /* "exited", ... */

typedef struct SandboxResult {
    SandboxEnd end;
    int exit_status, signal_number;
    bool idle;         /* SANDBOX_TIME: it slept */
    bool not_executed; /* SANDBOX_FAULT: the system refused to execute it */
    int64_t cpu_us, wall_us, peak_bytes;
    char *output; /* stdout, at most limits.output_bytes; owned, zero-terminated */
    size_t output_length;
    char errors[2048]; /* the beginning of stderr, or why there was a fault */
    int kept_fd;       /* -1, or the file asked for: the caller closes */
} SandboxResult;
void sandbox_result_free(SandboxResult *result);

/* Fills *result, which is always to be freed. cancel (may be NULL): once true, the run ends soon as SANDBOX_FAULT.
 * When it returns, nothing of the run is left: no process, no file, no descriptor. */
void sandbox_run(const Sandbox *sandbox, const SandboxLimits *limits, const SandboxProgram *program,
                 SandboxResult *result, const atomic_bool *cancel);

/* Runs of one program, one after the other. A container serves several of them, as long as each leaves it as it found it (every
 * process dead, nothing in /tmp); after any other the next run gets a fresh one. So a run costs a start of the program, not of a
 * container, and still finds nothing of those before it. `program` and what it points to must live until the end. */
typedef struct SandboxSession SandboxSession;
void sandbox_session_begin(SandboxSession **session, const Sandbox *sandbox, const SandboxLimits *limits,
                           const SandboxProgram *program);
/* As sandbox_run, with this input and at most output_bytes of output. last: no run comes after it. */
void sandbox_session_run(SandboxSession *session, const char *input, size_t input_length, int64_t output_bytes,
                         bool last, SandboxResult *result, const atomic_bool *cancel);
/* When it returns, nothing is left. NULL is fine. */
void sandbox_session_end(SandboxSession *session);

/* A program of this name can be started inside. */
bool sandbox_has(const Sandbox *sandbox, const char *program);

#endif
