/* SPDX-License-Identifier: MIT */
/* reward/sandbox_parts.h: what the files reward/sandbox*.c share. Not for other files. */
#ifndef R1_REWARD_SANDBOX_PARTS_H
#define R1_REWARD_SANDBOX_PARTS_H

#include "reward/sandbox.h"

enum { SANDBOX_MAX_ARGUMENTS = 128 };

struct Sandbox {
    char *bwrap;                         /* path, owned */
    int filter_fd;                       /* the seccomp filter as bwrap reads it */
    int init_fd;                         /* the first process, an executable in memory */
    int library_cache_fd;                /* /etc/ld.so.cache; -1: there is none */
    int null_fd;                         /* /dev/null: bwrap's own stdin and stdout */
    bool is_root;                        /* become nobody before anything else */
    char *system[SANDBOX_MAX_ARGUMENTS]; /* bwrap's arguments for the read-only system; owned */
    int n_system;
};

/* A file in memory that holds the filter. */
bool sandbox_filter_create(int *fd, Error *err) R1_MUST_CHECK;
/* A file in memory; -1 with errno. Closed by exec. */
int sandbox_memory_file(const char *name, const void *bytes, size_t length);

/* A container that was started and waits for tasks (sandbox_protocol.h). */
typedef struct SandboxChild {
    int pid;    /* of bwrap */
    int socket; /* to the first process */
    int said;   /* read end: what bwrap has to say; it ends when the container is gone */
    int kept;   /* or -1 */
} SandboxChild;
/* False with errno when no process could be made. The caller waits for pid and closes the descriptors. */
bool sandbox_spawn(SandboxChild *child, const Sandbox *sandbox, const SandboxLimits *limits,
                   const SandboxProgram *program) R1_MUST_CHECK;

/* A run of the program in a container. */
typedef struct SandboxStreams {
    int output, errors; /* read ends; output -1 when the program writes to a descriptor of the caller */
} SandboxStreams;
/* False with errno: the caller closes the streams, which may be -1, in either case. */
bool sandbox_send_task(SandboxStreams *streams, const SandboxChild *child, const SandboxProgram *program,
                       bool last) R1_MUST_CHECK;

#endif
