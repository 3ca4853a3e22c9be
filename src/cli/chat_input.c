/* SPDX-License-Identifier: MIT */
/* cli/chat_input.c: turns from a terminal or a pipe. Lines are read as they come, without a line editor of our own: the terminal has one,
 * and whoever wants history and arrows has rlwrap. */
#include "cli/chat.h"

#include "base/arena.h"
#include "base/signals.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16, MAX_TURN_BYTES = 1 << 26 };

typedef enum Line { LINE_READ, LINE_END, LINE_INTERRUPTED, LINE_FAILED } Line;

/* A signal that comes just before read() would not wake it, so poll() comes back now and then to look. */
static Line wait_for_input(Error *err)
{
    enum { LOOK_AGAIN_MS = 100 };
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        if (!signals_check(err)) return LINE_INTERRUPTED;
        if (poll(&input, 1, LOOK_AGAIN_MS) > 0) return LINE_READ;
    }
}

static Line read_more(ChatInput *in, Error *err)
{
    const Line waited = wait_for_input(err);
    if (waited != LINE_READ) return waited;
    if (in->n_bytes > MAX_TURN_BYTES) {
        error_set(err, ERROR_INPUT, "stdin: a line of more than %d bytes", MAX_TURN_BYTES);
        return LINE_FAILED;
    }
    if (in->capacity - in->n_bytes < READ_BYTES) {
        in->capacity = 2 * in->capacity + READ_BYTES;
        in->buffer = base_realloc(in->buffer, in->capacity, 1);
    }
    const ssize_t n = read(STDIN_FILENO, in->buffer + in->n_bytes, READ_BYTES);
    if (n < 0 && errno == EINTR) return read_more(in, err);
    if (n < 0) {
        error_set(err, ERROR_SYSTEM, "stdin: %s", strerror(errno));
        return LINE_FAILED;
    }
    in->ended = n == 0;
    in->n_bytes += (size_t)n;
    return LINE_READ;
}

/* Appends the next line to `line`, without its newline. */
static Line read_line(ChatInput *in, JsonOut *line, Error *err)
{
    for (;;) {
        const char *const newline = in->n_bytes ? memchr(in->buffer, '\n', in->n_bytes) : NULL;
        if (!newline && !in->ended) {
            const Line more = read_more(in, err);
            if (more != LINE_READ) return more;
            continue;
        }
        if (!newline && in->n_bytes == 0) return LINE_END;
        size_t length = newline ? (size_t)(newline - in->buffer) : in->n_bytes;
        const size_t taken = newline ? length + 1 : length;
        if (length > 0 && in->buffer[length - 1] == '\r') length--;
        json_out_raw_bytes(line, in->buffer, length);
        in->n_bytes -= taken;
        memmove(in->buffer, in->buffer + taken, in->n_bytes);
        return LINE_READ;
    }
}

static void show_prompt(const ChatInput *in, bool first)
{
    if (!in->terminal) return;
    fputs(first ? "> " : ". ", stdout);
    fflush(stdout);
}

static bool is_quotes(const char *text, size_t length)
{
    while (length > 0 && text[length - 1] == ' ') length--;
    return length == 3 && memcmp(text, "\"\"\"", 3) == 0;
}

/* The lines up to one of """. */
static Line read_block(ChatInput *in, JsonOut *turn, Error *err)
{
    json_out_clear(turn);
    for (bool first = true;; first = false) {
        JsonOut line = {0};
        show_prompt(in, false);
        const Line read = read_line(in, &line, err);
        const bool ends = read == LINE_END || (read == LINE_READ && line.text && is_quotes(line.text, line.length));
        if (read == LINE_READ && !ends) {
            if (!first) json_out_raw_bytes(turn, "\n", 1);
            json_out_raw_bytes(turn, line.text ? line.text : "", line.length);
        }
        json_out_free(&line);
        if (ends) return LINE_READ;
        if (read != LINE_READ) return read;
    }
}

static Line read_turn(ChatInput *in, JsonOut *turn, Error *err)
{
    show_prompt(in, true);
    Line read = read_line(in, turn, err);
    if (read == LINE_READ && turn->text && is_quotes(turn->text, turn->length)) return read_block(in, turn, err);
    while (read == LINE_READ && turn->length > 0 && turn->text[turn->length - 1] == '\\') {
        turn->text[turn->length - 1] = '\n';
        show_prompt(in, false);
        read = read_line(in, turn, err);
        if (read == LINE_END) return LINE_READ;
    }
    return read;
}

static bool is_blank(const JsonOut *turn)
{
    for (size_t i = 0; i < turn->length; i++)
        if (!strchr(" \t\n", turn->text[i])) return false;
    return true;
}

ChatRead chat_input_turn(ChatInput *in, char **turn, Error *err)
{
    JsonOut text = {0};
    Line read;
    do {
        json_out_clear(&text);
        read = read_turn(in, &text, err);
    } while (read == LINE_READ && is_blank(&text));
    *turn = read == LINE_READ ? text.text : NULL;
    if (read == LINE_READ) return CHAT_TURN;
    json_out_free(&text);
    if (read == LINE_INTERRUPTED) in->n_bytes = 0;
    return read == LINE_END ? CHAT_END : read == LINE_INTERRUPTED ? CHAT_INTERRUPTED : CHAT_FAILED;
}

void chat_input_free(ChatInput *in)
{
    base_free(in->buffer);
    *in = (ChatInput){0};
}
