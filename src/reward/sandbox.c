/* SPDX-License-Identifier: MIT */
/* reward/sandbox.c: following runs, one or a session of them. See sandbox.h. */
#include "reward/sandbox.h"

#include "base/arena.h"
#include "base/clock.h"
#include "reward/sandbox_parts.h"
#include "reward/sandbox_protocol.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

SandboxLimits sandbox_default_limits(void)
{
    return (SandboxLimits){.cpu_ms = 4000,
                           .idle_ms = 5000,
                           .wall_ms = 120000,
                           .memory_bytes = (int64_t)512 << 20,
                           .tmp_bytes = 64 << 20,
                           .file_bytes = 16 << 20,
                           .output_bytes = 4 << 20,
                           .processes = 64,
                           .open_files = 64};
}

const char *sandbox_end_name(SandboxEnd end)
{
    static const char *const names[] = {"exited", "signalled", "time", "memory", "output", "fault"};
    return names[end];
}

void sandbox_result_free(SandboxResult *result)
{
    base_free(result->output);
    if (result->kept_fd >= 0) close(result->kept_fd);
    *result = (SandboxResult){.kept_fd = -1};
}

/* ---- one run ---- */

struct SandboxSession {
    const Sandbox *sandbox;
    SandboxLimits limits;
    SandboxProgram program;
    SandboxChild child; /* pid -1: there is no container */
    char said[400];     /* by bwrap */
    size_t n_said;
    int status; /* of bwrap, once it has been waited for */
};

typedef struct Run {
    SandboxSession *session;
    SandboxResult *result;
    SandboxChild *child;
    SandboxStreams streams;
    InitReport report;
    size_t capacity, n_errors;
    int64_t n_output, max_output; /* bytes of stdout and stderr, also those that were not kept */
    bool stopped, over_output, cancelled, late;
    double deadline;
} Run;

static void stop(Run *run)
{
    if (!run->stopped && run->child->socket >= 0) shutdown(run->child->socket, SHUT_WR);
    run->stopped = true;
}

static void keep_output(Run *run, const char *bytes, size_t n)
{
    SandboxResult *const r = run->result;
    const size_t room = (size_t)run->max_output - r->output_length;
    if (n > room) n = room;
    if (r->output_length + n + 1 > run->capacity) {
        run->capacity = 2 * run->capacity + n + 4096;
        r->output = base_realloc(r->output, run->capacity, 1);
    }
    memcpy(r->output + r->output_length, bytes, n);
    r->output_length += n;
    r->output[r->output_length] = '\0';
}

static void keep_errors(Run *run, const char *bytes, size_t n)
{
    const size_t room = sizeof run->result->errors - 1 - run->n_errors;
    if (n > room) n = room;
    memcpy(run->result->errors + run->n_errors, bytes, n);
    run->n_errors += n;
}

/* Closes *fd at its end. */
static void read_stream(Run *run, int *fd, bool is_output)
{
    char buffer[65536];
    const ssize_t n = read(*fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) {
        close(*fd);
        *fd = -1;
        return;
    }
    run->n_output += n;
    if (run->n_output > run->max_output) {
        run->over_output = true;
        stop(run);
    }
    if (is_output)
        keep_output(run, buffer, (size_t)n);
    else
        keep_errors(run, buffer, (size_t)n);
}

static void read_report(Run *run)
{
    InitReport report;
    const ssize_t n = recv(run->child->socket, &report, sizeof report, 0);
    if (n < 0 && errno == EINTR) return;
    if (n == sizeof report) {
        run->report = report;
        return;
    }
    close(run->child->socket);
    run->child->socket = -1;
}

static void read_said(Run *run)
{
    char buffer[512];
    SandboxSession *const s = run->session;
    const ssize_t n = read(run->child->said, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) {
        close(run->child->said);
        run->child->said = -1;
        return;
    }
    const size_t room = sizeof s->said - 1 - s->n_said, take = (size_t)n < room ? (size_t)n : room;
    memcpy(s->said + s->n_said, buffer, take);
    s->n_said += take;
    s->said[s->n_said] = '\0';
}

/* The run is over, and the container waits for another. */
static bool may_go_on(const Run *run)
{
    return run->report.state == INIT_ENDED && run->report.clean && !run->stopped;
}

/* Until both streams have ended and either the run is over and left the container clean, or the container is gone. The first
 * process keeps the limits; from here comes only what it cannot see: too much output, a run that was called off, and a deadline
 * for itself. */
static void follow(Run *run, const atomic_bool *cancel)
{
    SandboxChild *const c = run->child;
    SandboxStreams *const s = &run->streams;
    while (s->output >= 0 || s->errors >= 0 || ((c->socket >= 0 || c->said >= 0) && !may_go_on(run))) {
        struct pollfd fds[] = {
            {c->socket, POLLIN, 0}, {s->output, POLLIN, 0}, {s->errors, POLLIN, 0}, {c->said, POLLIN, 0}};
        const int n = poll(fds, 4, 100);
        if (cancel && atomic_load(cancel)) run->cancelled = true;
        if (run->cancelled) stop(run);
        if (clock_seconds() > run->deadline) {
            run->late = true;
            kill(c->pid, SIGKILL); /* everything inside dies with it */
            run->deadline += 1e9;
        }
        if (n <= 0) continue;
        if (fds[1].revents) read_stream(run, &s->output, true);
        if (fds[2].revents) read_stream(run, &s->errors, false);
        if (fds[3].revents) read_said(run);
        if (fds[0].revents) read_report(run);
    }
}

static void fault(SandboxResult *result, const char *why)
{
    char said[400];
    snprintf(said, sizeof said, "%.*s", (int)strcspn(result->errors, "\n"), result->errors);
    result->end = SANDBOX_FAULT;
    snprintf(result->errors, sizeof result->errors, "%s%s%s", why, *said ? ": " : "", said);
}

static bool says(const SandboxResult *result, const char *word)
{
    return strstr(result->errors, word) != NULL;
}

/* How it ended, when it ended by itself. A program that was refused memory usually says so and exits. */
static void read_status(SandboxResult *result, int status)
{
    result->end = SANDBOX_EXITED;
    if (WIFEXITED(status)) {
        result->exit_status = WEXITSTATUS(status);
    } else {
        result->end = SANDBOX_SIGNALED;
        result->signal_number = WTERMSIG(status);
    }
    if (result->signal_number == SIGXCPU) result->end = SANDBOX_TIME;
    if (result->signal_number == SIGXFSZ) result->end = SANDBOX_OUTPUT;
    if (status != 0 && (says(result, "MemoryError") || says(result, "std::bad_alloc"))) result->end = SANDBOX_MEMORY;
}

static void read_end(Run *run)
{
    SandboxResult *const r = run->result;
    const InitReport *const report = &run->report;
    switch ((InitEnd)report->end) {
    case INIT_EXITED:
        read_status(r, report->wait_status);
        break;
    case INIT_OVER_CPU:
    case INIT_OVER_IDLE:
        r->end = SANDBOX_TIME;
        r->idle = report->end == INIT_OVER_IDLE;
        break;
    case INIT_OVER_MEMORY:
        r->end = SANDBOX_MEMORY;
        break;
    case INIT_OVER_WALL:
        fault(r, "the machine was too busy to run it");
        break;
    case INIT_STOPPED:
        fault(r, "called off");
        break;
    case INIT_NOT_EXECUTED:
    case INIT_FAULT:
        r->not_executed = report->end == INIT_NOT_EXECUTED;
        fault(r, strerror(report->wait_status));
        break;
    }
}

static void container_failed(Run *run)
{
    SandboxResult *const r = run->result;
    if (!r->errors[0]) snprintf(r->errors, sizeof r->errors, "%s", run->session->said);
    const int status = run->session->status;
    fault(r, run->late                                         ? "the container did not end in time"
             : run->report.state == INIT_STARTED               ? "the container was killed from outside"
             : WIFEXITED(status) && WEXITSTATUS(status) == 127 ? "bwrap cannot be started"
                                                               : "no container could be made");
}

static void conclude(Run *run)
{
    SandboxResult *const r = run->result;
    const InitReport *const report = &run->report;
    r->errors[run->n_errors] = '\0';
    r->cpu_us = report->cpu_us;
    r->wall_us = report->wall_us;
    r->peak_bytes = report->peak_bytes;
    if (run->over_output)
        r->end = SANDBOX_OUTPUT;
    else if (report->state == INIT_ENDED)
        read_end(run);
    else
        container_failed(run);
    if (report->kept && r->end == SANDBOX_EXITED && r->exit_status == 0) {
        r->kept_fd = run->child->kept;
        run->child->kept = -1;
    }
}

/* ---- runs ---- */

static const SandboxChild no_child = {.pid = -1, .socket = -1, .said = -1, .kept = -1};

static void wait_for_container(SandboxSession *s)
{
    while (s->child.pid > 0 && waitpid(s->child.pid, &s->status, 0) < 0 && errno == EINTR) {}
    s->child.pid = -1;
}

static void close_container(SandboxSession *s)
{
    SandboxChild *const c = &s->child;
    if (c->socket >= 0) close(c->socket); /* the first process sees that no task will come, and leaves */
    if (c->said >= 0) close(c->said);
    if (c->kept >= 0) close(c->kept);
    wait_for_container(s);
    *c = no_child;
}

static bool open_container(SandboxSession *s)
{
    if (s->child.pid > 0) return true;
    s->n_said = 0;
    s->said[0] = '\0';
    return sandbox_spawn(&s->child, s->sandbox, &s->limits, &s->program);
}

/* What the program reads and writes is its own from now on: both sides see when the other lets go. */
static void let_go(SandboxProgram *p)
{
    if (p->input_fd > 0) close(p->input_fd);
    if (p->output_fd > 0) close(p->output_fd);
    p->input_fd = p->output_fd = 0;
}

static void run_task(SandboxSession *session, bool last, SandboxResult *result, const atomic_bool *cancel)
{
    enum { GRACE_SECONDS = 20 };
    if (!open_container(session)) {
        let_go(&session->program);
        fault(result, strerror(errno));
        return;
    }
    Run *const run = base_alloc(1, sizeof *run);
    run->session = session;
    run->result = result;
    run->child = &session->child;
    run->max_output = session->limits.output_bytes;
    run->deadline = clock_seconds() + 1e-3 * (double)session->limits.wall_ms + GRACE_SECONDS;
    if (!sandbox_send_task(&run->streams, &session->child, &session->program, last)) stop(run);
    let_go(&session->program);
    follow(run, cancel);
    if (!may_go_on(run)) wait_for_container(session);
    conclude(run);
    if (session->child.pid < 0) close_container(session);
    base_free(run);
}

void sandbox_session_begin(SandboxSession **out, const Sandbox *sandbox, const SandboxLimits *limits,
                           const SandboxProgram *program)
{
    SandboxSession *const s = base_alloc(1, sizeof *s);
    *s = (SandboxSession){.sandbox = sandbox, .limits = *limits, .program = *program, .child = no_child};
    *out = s;
}

void sandbox_session_run(SandboxSession *session, const char *input, size_t input_length, int64_t output_bytes,
                         bool last, SandboxResult *result, const atomic_bool *cancel)
{
    *result = (SandboxResult){.kept_fd = -1};
    session->program.input = input;
    session->program.input_length = input_length;
    session->limits.output_bytes = output_bytes;
    run_task(session, last, result, cancel);
    if (!result->output) result->output = base_strdup("");
}

void sandbox_session_end(SandboxSession *session)
{
    if (!session) return;
    close_container(session);
    base_free(session);
}

void sandbox_run(const Sandbox *sandbox, const SandboxLimits *limits, const SandboxProgram *program,
                 SandboxResult *result, const atomic_bool *cancel)
{
    SandboxSession *session;
    sandbox_session_begin(&session, sandbox, limits, program);
    sandbox_session_run(session, program->input, program->input_length, limits->output_bytes, true, result, cancel);
    sandbox_session_end(session);
}
