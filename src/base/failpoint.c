/* SPDX-License-Identifier: MIT */
/* base/failpoint.c: places where a test can make the program die or a system call fail.
 *
 * R1_FAILPOINT is read at each arrival: arrivals are writes of files, so the cost does not show, and a test may change it in
 * the middle. The count of arrivals is the only state; it belongs to the process as the environment does. */
#include "base/file.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Every failpoint of the program; tests/base/test_failpoints.sh holds the list against the source. */
#define OF_FILE(stem)   stem ".write", stem ".sync", stem ".rename", stem ".dirsync"
#define OF_FOLDER(stem) stem ".sync", stem ".rename", stem ".dirsync"
static const char *const names[] = {
    OF_FILE("config"),
    OF_FILE("tokenizer"),
    OF_FILE("recipe"),
    OF_FILE("checkpoint-model"),
    OF_FILE("checkpoint-optimizer"),
    OF_FILE("checkpoint-reference"),
    OF_FILE("checkpoint-value"),
    OF_FILE("checkpoint-value-optimizer"),
    OF_FILE("checkpoint-state"),
    OF_FILE("checkpoint-manifest"),
    OF_FOLDER("checkpoint"),
    "checkpoint.begin",
    "checkpoint.remove",
    OF_FILE("final-model"),
    OF_FOLDER("final"),
    OF_FILE("tokens"),
    OF_FILE("convert"), /* the folder's names are among these */
    OF_FILE("report"),
    OF_FILE("samples"),
    OF_FILE("teacher-samples"),
    OF_FILE("reference-logprobs"),
    OF_FILE("pairs"),
    OF_FILE("conversation"),
    OF_FILE("dump"),
    OF_FILE("graph"),
    OF_FILE("inputs"),
    OF_FOLDER("previous"),
    OF_FILE("rows"),
    OF_FILE("kept"),
    OF_FILE("dropped"),
    OF_FOLDER("data"),
    OF_FILE("results"),
    OF_FOLDER("results-folder"),
    "metrics.write",
    "metrics.sync",
    "tensorboard.write",
    "store.begin",
    "store.commit",
    "store.committed",
    OF_FILE("test"), /* of the tests of base/ */
    NULL,
};

typedef struct FailpointSpec {
    const char *name;
    size_t name_length;
    long arrival; /* 1-based */
    int number;   /* errno to fail with; -1: die */
} FailpointSpec;

static bool read_action(const char *text, int *number)
{
    static const struct {
        const char *name;
        int number;
    } actions[] = {{"kill", -1}, {"enospc", ENOSPC}, {"eio", EIO}, {"eacces", EACCES}};
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        if (strcmp(text, actions[i].name) == 0) {
            *number = actions[i].number;
            return true;
        }
    return false;
}

static bool read_spec(const char *text, FailpointSpec *spec)
{
    const char *const equals = strchr(text, '=');
    if (!equals || !read_action(equals + 1, &spec->number)) return false;
    const char *const at = memchr(text, '@', (size_t)(equals - text));
    spec->name = text;
    spec->name_length = (size_t)((at ? at : equals) - text);
    spec->arrival = 1;
    if (at) {
        char *end;
        spec->arrival = strtol(at + 1, &end, 10);
        if (end == at + 1 || end != equals || spec->arrival < 1) return false;
    }
    return true;
}

static bool spec_names(const FailpointSpec *spec, const char *name)
{
    return strlen(name) == spec->name_length && memcmp(name, spec->name, spec->name_length) == 0;
}

int failpoint(const char *name)
{
    static _Atomic long n_arrivals;
    const char *const text = getenv("R1_FAILPOINT");
    FailpointSpec spec;
    if (!text || !read_spec(text, &spec) || !spec_names(&spec, name)) return 0;
    if (atomic_fetch_add(&n_arrivals, 1) + 1 != spec.arrival) return 0;
    if (spec.number < 0) kill(getpid(), SIGKILL);
    return spec.number;
}

bool failpoint_check(Error *err)
{
    const char *const text = getenv("R1_FAILPOINT");
    FailpointSpec spec;
    if (!text || !*text) return true;
    if (!read_spec(text, &spec))
        return error_set(err, ERROR_USAGE, "R1_FAILPOINT=%s: expected name[@n]=kill|enospc|eio|eacces", text);
    for (const char *const *name = names; *name; name++)
        if (spec_names(&spec, *name)) return true;
    return error_set(err, ERROR_USAGE, "R1_FAILPOINT=%s: no such failpoint; `r1 doctor --failpoints` lists them", text);
}

const char *const *failpoint_names(void)
{
    return names;
}
