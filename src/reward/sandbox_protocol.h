/* SPDX-License-Identifier: MIT */
/* reward/sandbox_protocol.h: what r1 and the first process inside a sandbox (reward/inside/init.c) say to each other.
 *
 * The first process gets its limits as arguments, in the order of InitArgument, then the program's argv. Over one socket r1 sends
 * an InitTask with three descriptors (stdin, stdout, stderr) for each run of the program. For each the first process sends an
 * InitReport with state INIT_STARTED just before the program runs, and one with INIT_ENDED when the program and all that it
 * started are dead. It waits for another task only after a report that says `clean`; otherwise, and after a task that is the last,
 * it leaves. When r1 shuts its side of the socket down, the first process kills everything, reports and leaves. The program under
 * test holds none of this: not the socket, and no way to reach into the first process. */
#ifndef R1_REWARD_SANDBOX_PROTOCOL_H
#define R1_REWARD_SANDBOX_PROTOCOL_H

#include <stdint.h>

/* argv of the first process; argv[INIT_PROGRAM] and on is the program's. */
enum InitArgument {
    INIT_SOCKET = 1, /* descriptor */
    INIT_KEEP,       /* descriptor that a file is copied into when the program ends well, -1: none */
    INIT_KEEP_PATH,  /* that file */
    INIT_CPU_MS,     /* of all processes together */
    INIT_IDLE_MS,    /* in which no process ran or wanted to */
    INIT_WALL_MS,    /* whatever happened in it */
    INIT_MEMORY,     /* bytes of all processes together */
    INIT_ADDRESSES,  /* bytes of address space of each */
    INIT_PROCESSES,  /* and threads */
    INIT_FILE_BYTES, /* of one file */
    INIT_OPEN_FILES, /* of one process */
    INIT_PROGRAM
};

/* Comes with the descriptors of INIT_STREAMS in its control message. */
typedef struct InitTask {
    int32_t last; /* no task comes after it */
} InitTask;

enum { INIT_STREAMS = 3 };

typedef enum InitState { INIT_NOTHING, INIT_STARTED, INIT_ENDED } InitState;

/* Why the program came to its end. */
typedef enum InitEnd {
    INIT_EXITED,       /* by itself: exit or signal */
    INIT_OVER_CPU,     /* killed */
    INIT_OVER_IDLE,    /* killed: it slept */
    INIT_OVER_WALL,    /* killed: it was given no processor in all that time, or hid its use of it */
    INIT_OVER_MEMORY,  /* killed */
    INIT_STOPPED,      /* killed because r1 said so */
    INIT_NOT_EXECUTED, /* exec refused the program */
    INIT_FAULT         /* there was no process for it */
} InitEnd;

typedef struct InitReport {
    int32_t state;       /* InitState */
    int32_t end;         /* InitEnd */
    int32_t wait_status; /* as waitpid gives it; the last two: errno */
    int32_t kept;        /* the file was copied whole */
    int32_t clean;       /* the run left nothing behind: another one finds what it found */
    int32_t unused;
    int64_t cpu_us, wall_us, peak_bytes;
} InitReport;

#endif
