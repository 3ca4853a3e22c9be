/* SPDX-License-Identifier: MIT */
/* reward/outside_command.c: rewards of a command that speaks JSON lines. See outside.h.
 *
 *   none --(start)--> idle --(line written)--> asked --(line read)--> idle
 *                      asked --(end of file, no answer in time, not an answer)--> none */
#include "base/arena.h"
#include "base/clock.h"
#include "base/json.h"
#include "reward/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xxhash.h>

enum { MAX_ANSWER_BYTES = 1 << 20 };

extern char **environ;

typedef struct Process {
    pid_t pid; /* 0: none; also its process group */
    int fd;    /* a socket that is its stdin and stdout: no signal when it is gone */
    int64_t n_asked;
    char *buffer; /* bytes of the answer */
    size_t length, capacity;
} Process;

struct CommandReward {
    char *command, *version;
    double seconds;
    Process *processes;
    int n_processes;
};

CommandReward *command_reward_create(const char *command, int n_processes, double seconds)
{
    CommandReward *const c = base_alloc(1, sizeof *c);
    const XXH128_hash_t hash = XXH3_128bits(command, strlen(command));
    c->command = base_strdup(command);
    c->version = base_printf("command/%016" PRIx64 "%016" PRIx64, hash.high64, hash.low64);
    c->seconds = seconds;
    c->n_processes = n_processes;
    c->processes = base_alloc((size_t)n_processes, sizeof *c->processes);
    return c;
}

const char *command_reward_version(const CommandReward *command)
{
    return command->version;
}

/* ---- processes ---- */

static bool start(const CommandReward *c, Process *p)
{
    char *const argv[] = {(char[]){"sh"}, (char[]){"-c"}, c->command, NULL};
    int ends[2];
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return false;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    posix_spawnattr_init(&attributes);
    /* A group of its own: Ctrl-C is r1's to handle, and whatever the shell starts can be ended with it. */
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    const int code = posix_spawn(&p->pid, "/bin/sh", &actions, &attributes, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    if (code != 0) {
        close(ends[0]);
        p->pid = 0;
        return false;
    }
    p->fd = ends[0];
    p->length = 0;
    return true;
}

/* patience: seconds that it may take to end by itself once its input has ended. */
static void end(Process *p, double patience)
{
    if (!p->pid) return;
    shutdown(p->fd, SHUT_WR);
    const double until = clock_seconds() + patience;
    while (waitpid(p->pid, NULL, WNOHANG) == 0) {
        if (clock_seconds() < until) {
            usleep(5000);
            continue;
        }
        kill(-p->pid, SIGKILL);
        waitpid(p->pid, NULL, 0);
        break;
    }
    kill(-p->pid, SIGKILL); /* what the shell left */
    close(p->fd);
    p->pid = 0;
}

void command_reward_free(CommandReward *c)
{
    if (!c) return;
    for (int i = 0; i < c->n_processes; i++)
        if (c->processes[i].pid) shutdown(c->processes[i].fd, SHUT_WR);
    for (int i = 0; i < c->n_processes; i++) {
        end(&c->processes[i], 1.0);
        base_free(c->processes[i].buffer);
    }
    base_free(c->processes);
    base_free(c->command);
    base_free(c->version);
    base_free(c);
}

/* ---- a request ---- */

static void write_request(JsonOut *out, int64_t id, const OutsideInput *in)
{
    json_out_object(out);
    json_out_kv_int(out, "id", id);
    json_out_kv_string(out, "task", in->task);
    json_out_key(out, "prompt");
    json_out_string(out, in->prompt, in->prompt_length);
    json_out_key(out, "completion");
    json_out_string(out, in->completion, in->completion_length);
    json_out_key(out, "answer");
    if (in->answer)
        json_out_string(out, in->answer, in->answer_length);
    else
        json_out_null(out);
    json_out_kv_int(out, "n_tokens", in->n_tokens);
    json_out_kv_bool(out, "truncated", in->truncated);
    json_out_object_end(out);
    out->needs_comma = false; /* the newline is no value */
    json_out_raw(out, "\n");
}

typedef enum Exchange { ANSWERED, LOST, LATE, CALLED_OFF } Exchange;

/* Writes the request and reads up to the first newline, in turns: a command that answers before it has read all does not hang. */
static Exchange exchange(Process *p, const char *text, size_t length, double until, const atomic_bool *cancel)
{
    size_t written = 0;
    p->length = 0;
    for (;;) {
        struct pollfd fd = {.fd = p->fd, .events = (short)(POLLIN | (written < length ? POLLOUT : 0))};
        const int n = poll(&fd, 1, 100);
        if (cancel && atomic_load(cancel)) return CALLED_OFF;
        if (clock_seconds() > until) return LATE;
        if (n <= 0) continue;
        if (fd.revents & POLLOUT) {
            const ssize_t sent = send(p->fd, text + written, length - written, MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent > 0) written += (size_t)sent;
            if (sent < 0 && errno != EAGAIN && errno != EINTR) return LOST;
        }
        if (!(fd.revents & (POLLIN | POLLHUP | POLLERR))) continue;
        if (p->capacity - p->length < 4096) {
            p->capacity = 2 * p->capacity + 8192;
            p->buffer = base_realloc(p->buffer, p->capacity, 1);
        }
        const ssize_t got = recv(p->fd, p->buffer + p->length, p->capacity - p->length, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return LOST;
        if (got > 0) p->length += (size_t)got;
        if (memchr(p->buffer, '\n', p->length)) return ANSWERED;
        if (p->length > MAX_ANSWER_BYTES) return LOST;
    }
}

/* One line with this id and a reward; nothing behind it. */
static bool read_answer(const Process *p, int64_t id, OutsideResult *result)
{
    const char *const newline = memchr(p->buffer, '\n', p->length);
    Error ignored = {0};
    int64_t answered = -1;
    if ((size_t)(newline - p->buffer) + 1 != p->length) return false;
    json_t *const json = json_read_text(p->buffer, p->length, "answer", 1, &ignored);
    const json_t *const reward = json_object_get(json, "reward");
    bool ok =
        json_is_object(json) && reward && json_get_int(json, "id", 0, INT64_MAX, &answered, &ignored) && answered == id;
    if (ok && json_is_number(reward) && isfinite(json_number_value(reward))) {
        result->state = OUTSIDE_OK;
        result->reward = json_number_value(reward);
    } else if (ok && json_is_null(reward)) {
        result->state = OUTSIDE_SKIPPED;
    } else if (ok && json_is_string(reward) && strcmp(json_string_value(reward), "undecided") == 0) {
        snprintf(result->reason, sizeof result->reason, "the command cannot tell");
    } else {
        ok = false;
    }
    json_decref(json);
    return ok;
}

static bool ask_once(CommandReward *c, Process *p, const OutsideInput *input, OutsideResult *result,
                     const atomic_bool *cancel, bool *again)
{
    static const char *const whys[] = {"it answered what is no answer", "it ended", "it took too long", "called off"};
    JsonOut request = {0};
    *again = false;
    if (!p->pid && !start(c, p)) {
        snprintf(result->reason, sizeof result->reason, "the command cannot be started: %s", strerror(errno));
        return false;
    }
    const int64_t id = p->n_asked++;
    write_request(&request, id, input);
    const Exchange how = exchange(p, request.text, request.length, clock_seconds() + c->seconds, cancel);
    json_out_free(&request);
    if (how == ANSWERED && read_answer(p, id, result)) return true;
    snprintf(result->reason, sizeof result->reason, "reward command: %s", whys[how]);
    *again = how == ANSWERED || how == LOST;
    end(p, 0);
    return false;
}

void command_reward_ask(CommandReward *c, int process, const OutsideInput *input, OutsideResult *result,
                        const atomic_bool *cancel)
{
    bool again;
    *result = (OutsideResult){.state = OUTSIDE_UNDECIDED};
    if (!ask_once(c, &c->processes[process], input, result, cancel, &again) && again)
        (void)ask_once(c, &c->processes[process], input, result, cancel, &again);
}
