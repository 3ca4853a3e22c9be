/* SPDX-License-Identifier: MIT */
/* cli/rows.c: a line in, a line out.
 *
 * Lines are taken as read() delivers them: all that have arrived form a batch, which is answered before the next read. So a
 * file is answered in large batches, and a program at the other end of a pipe gets its answer before it has to ask again. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 18, MAX_BATCH = 1024 };

typedef struct Line {
    const char *text;
    size_t length;
    int64_t number;
} Line;

typedef struct Answer {
    JsonOut out;
    Error err;
    bool ok;
} Answer;

typedef struct Rows {
    Cli *cli;
    const char *name; /* of the input, for messages */
    CliRow row;
    void *context;
    Threads *threads; /* NULL: one thread */

    char *buffer;
    size_t capacity, n_bytes;
    int64_t n_lines; /* taken from the input so far */

    Line lines[MAX_BATCH];
    Answer answers[MAX_BATCH];
    int64_t n_batch;

    int64_t n_rows, n_failed, first_failed_line;
    Error first_error;
} Rows;

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (text[i] != ' ' && text[i] != '\t' && text[i] != '\r') return false;
    return true;
}

static void add_line(Rows *r, const char *text, size_t length)
{
    r->n_lines++;
    if (is_blank(text, length)) return;
    r->lines[r->n_batch++] = (Line){text, length, r->n_lines};
}

/* ---- answering ---- */

static void echo_id(JsonOut *out, const json_t *row)
{
    const json_t *const id = json_object_get(row, "id");
    if (!id) return;
    json_out_key(out, "id");
    json_out_value(out, id);
}

static bool answer_row(const Rows *r, const Line *line, const json_t *row, Answer *answer, int thread)
{
    if (!json_is_object(row))
        return error_set(&answer->err, ERROR_INPUT, "%s:%" PRId64 ": expected a JSON object", r->name, line->number);
    return r->row(r->context, row, &answer->out, thread, &answer->err);
}

static void begin_answer(JsonOut *out, const json_t *row)
{
    json_out_clear(out);
    json_out_object(out);
    if (json_is_object(row)) echo_id(out, row);
}

static void answer_line(void *context, int64_t item, int thread)
{
    Rows *const r = context;
    const Line *const line = &r->lines[item];
    Answer *const answer = &r->answers[item];
    json_t *const row = json_read_text(line->text, line->length, r->name, line->number, &answer->err);
    begin_answer(&answer->out, row);
    answer->ok = row && answer_row(r, line, row, answer, thread);
    if (!answer->ok) {
        begin_answer(&answer->out, row);
        json_out_kv_string(&answer->out, "error", answer->err.text);
    }
    json_out_object_end(&answer->out);
    json_decref(row);
}

static bool write_answer(Rows *r, int64_t i, Error *err)
{
    Answer *const answer = &r->answers[i];
    if (!answer->ok && answer->err.kind != ERROR_INPUT && answer->err.kind != ERROR_USAGE) {
        *err = answer->err;
        return error_in(err, "%s:%" PRId64, r->name, r->lines[i].number);
    }
    r->n_rows++;
    if (!answer->ok && r->n_failed++ == 0) {
        r->first_failed_line = r->lines[i].number;
        r->first_error = answer->err;
    }
    JsonOut *const out = &answer->out;
    if (fwrite(out->text, 1, out->length, stdout) == out->length && fputc('\n', stdout) == '\n') return true;
    return error_set(err, ERROR_SYSTEM, "cannot write output: %s", strerror(errno));
}

static bool answer_batch(Rows *r, Error *err)
{
    if (r->threads) threads_run(r->threads, r->n_batch, answer_line, r);
    bool ok = true;
    for (int64_t i = 0; ok && i < r->n_batch; i++) {
        if (!r->threads) answer_line(r, i, 0);
        ok = write_answer(r, i, err) && signals_check(err);
    }
    r->n_batch = 0;
    return ok;
}

/* ---- reading ---- */

/* Takes every whole line out of the buffer and answers them; at the end of the input also the last one without a newline. */
static bool take_lines(Rows *r, bool at_end, Error *err)
{
    size_t begin = 0;
    for (;;) {
        const char *const newline = begin < r->n_bytes ? memchr(r->buffer + begin, '\n', r->n_bytes - begin) : NULL;
        if (!newline) break;
        const size_t end = (size_t)(newline - r->buffer);
        add_line(r, r->buffer + begin, end - begin);
        begin = end + 1;
        if (r->n_batch == MAX_BATCH && !answer_batch(r, err)) return false;
    }
    if (at_end && begin < r->n_bytes) {
        add_line(r, r->buffer + begin, r->n_bytes - begin);
        begin = r->n_bytes;
    }
    if (!answer_batch(r, err)) return false;
    r->n_bytes -= begin;
    memmove(r->buffer, r->buffer + begin, r->n_bytes);
    return fflush(stdout) == 0 || error_set(err, ERROR_SYSTEM, "cannot write output: %s", strerror(errno));
}

/* Waits for input or a signal. A signal that comes just before read() would not wake it, so nobody waits in there: poll()
 * comes back now and then to look. */
static bool wait_for_input(int fd, Error *err)
{
    enum { LOOK_AGAIN_MS = 100 };
    struct pollfd input = {.fd = fd, .events = POLLIN};
    while (signals_check(err))
        if (poll(&input, 1, LOOK_AGAIN_MS) > 0) return true;
    return false;
}

static bool read_rows(Rows *r, int fd, Error *err)
{
    for (;;) {
        if (r->capacity - r->n_bytes < READ_BYTES) {
            r->capacity = 2 * r->capacity + READ_BYTES;
            r->buffer = base_realloc(r->buffer, r->capacity, 1);
        }
        if (!wait_for_input(fd, err)) return false;
        const ssize_t n = read(fd, r->buffer + r->n_bytes, r->capacity - r->n_bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return error_set(err, errno == EISDIR ? ERROR_INPUT : ERROR_SYSTEM, "%s: %s", r->name, strerror(errno));
        r->n_bytes += (size_t)n;
        /* A line longer than one read is looked at again from its start: the doubling buffer keeps that linear. */
        if (!take_lines(r, n == 0, err)) return false;
        if (n == 0) return true;
    }
}

bool cli_rows(Cli *cli, const char *input, bool parallel, CliRow row, void *context, Error *err)
{
    const bool is_stdin = strcmp(input, "-") == 0;
    Rows *const r = base_alloc(1, sizeof *r);
    *r = (Rows){.cli = cli, .name = is_stdin ? "stdin" : input, .row = row, .context = context};
    const int fd = is_stdin ? STDIN_FILENO : open(input, O_RDONLY | O_CLOEXEC);
    bool ok = fd >= 0 || error_set(err, ERROR_INPUT, "%s: %s", input, strerror(errno));
    ok = ok && (!parallel || cli_threads(cli, &r->threads, err));
    ok = ok && read_rows(r, fd, err);
    if (!ok) fflush(stdout); /* the answers before the fault stand */
    if (fd >= 0 && !is_stdin) close(fd);
    if (ok && r->n_failed > 0)
        ok = error_set(err, ERROR_INPUT, "%s: %" PRId64 " of %" PRId64 " rows failed, first line %" PRId64 ": %s",
                       r->name, r->n_failed, r->n_rows, r->first_failed_line, r->first_error.text);
    for (int i = 0; i < MAX_BATCH; i++) json_out_free(&r->answers[i].out);
    base_free(r->buffer);
    base_free(r);
    return ok;
}
