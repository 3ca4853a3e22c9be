/* SPDX-License-Identifier: MIT */
/* data/jsonl.c: see jsonl.h. */
#include "data/jsonl.h"

#include "base/arena.h"
#include "base/file.h"

#include <inttypes.h>
#include <string.h>

static const size_t MAX_FILE_BYTES = (size_t)64 << 30;

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!memchr(" \t\r", text[i], 3)) return false;
    return true;
}

static bool read_line(const char *path, const char *text, size_t length, int64_t line, JsonlRow read, void *context,
                      Error *err)
{
    json_t *const row = json_read_text(text, length, path, line, err);
    if (!row) return false; /* the message names file and line */
    const bool ok =
        (json_is_object(row) ? read(context, row, line, err) : error_set(err, ERROR_INPUT, "expected a JSON object")) ||
        error_in(err, "%s:%" PRId64, path, line);
    json_decref(row);
    return ok;
}

bool jsonl_read(const char *path, int64_t limit, const char *what, JsonlRow read, void *context, Error *err)
{
    char *text;
    size_t length;
    int64_t line = 0, n_rows = 0, n_bad = 0;
    Error first = {0};
    if (!file_read_all(path, MAX_FILE_BYTES, &text, &length, err)) return false;
    for (size_t at = 0; at < length && n_rows < limit;) {
        const char *const newline = memchr(text + at, '\n', length - at);
        const size_t n = newline ? (size_t)(newline - (text + at)) : length - at;
        line++;
        if (!is_blank(text + at, n)) {
            Error problem = {0};
            n_rows++;
            if (!read_line(path, text + at, n, line, read, context, &problem) && n_bad++ == 0) first = problem;
        }
        at += n + 1;
    }
    base_free(text);
    if (n_rows == 0) return error_set(err, ERROR_INPUT, "%s: no %s in it; expected a JSON object a line", path, what);
    if (n_bad == 0) return true;
    *err = first;
    if (n_bad == 1) return false;
    return error_set(err, first.kind, "%s (%" PRId64 " of %" PRId64 " rows are bad, this is the first)", first.text,
                     n_bad, n_rows);
}
