/* SPDX-License-Identifier: MIT */
/* record/metrics_writer.c: metrics.jsonl on disk.
 *
 * Invariant: before and after each append the file is a sequence of whole lines in ascending steps, `length` bytes long. A
 * write that fails half-way is cut off again; a process that dies in one leaves a half line, which the next opening cuts. */
#include "record/metrics.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/json.h"
#include "format/tensorboard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { METRICS_MAX_FILE_BYTES = 1 << 30 };

struct MetricsWriter {
    char *path; /* owned */
    int fd;
    int64_t length; /* bytes of whole lines */
    int64_t last_step;
    JsonOut line;
    TensorboardWriter *events;
    TensorboardScalar *scalars; /* room for one row, owned */
    int64_t scalar_capacity;
};

/* The step of a whole line, -1 with err set when it is none. */
static int64_t step_of_line(const char *line, size_t length, const char *path, int64_t number, Error *err)
{
    int64_t step = -1;
    json_t *const value = json_read_text(line, length, path, number, err);
    if (!value) return -1;
    if (!json_is_object(value))
        error_set(err, ERROR_INPUT, "%s:%" PRId64 ": expected an object", path, number);
    else if (!json_require(value, "step", err) || !json_get_int(value, "step", 0, INT64_MAX, &step, err))
        error_in(err, "%s:%" PRId64, path, number);
    json_decref(value);
    return step;
}

/* Bytes of the whole lines with steps <= last_step; *newest is the last of those steps, -1 when there is none. */
static bool measure_kept(const char *path, int64_t last_step, int64_t *kept, int64_t *newest, Error *err)
{
    *kept = 0;
    *newest = -1;
    if (last_step < 0 || !file_exists(path)) return true;
    char *text = NULL;
    size_t length = 0;
    if (!file_read_all(path, METRICS_MAX_FILE_BYTES, &text, &length, err)) return false;
    bool ok = true;
    int64_t number = 0;
    for (const char *line = text, *end; (end = memchr(line, '\n', length - (size_t)(line - text))); line = end + 1) {
        const int64_t step = step_of_line(line, (size_t)(end - line), path, ++number, err);
        ok = step >= 0;
        if (!ok || step > last_step) break;
        *kept = end + 1 - text;
        *newest = step;
    }
    base_free(text);
    return ok;
}

static bool metrics_system_error(const MetricsWriter *writer, const char *doing, int number, Error *err)
{
    return error_set(err, ERROR_SYSTEM, "%s: %s: %s", writer->path, doing, strerror(number));
}

static double wall_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The file's name outlives a power cut only when its folder is synced, once. */
static int sync_folder(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    const int number = fsync(fd) == 0 || errno == EINVAL ? 0 : errno; /* EINVAL: a file system that cannot */
    close(fd);
    return number;
}

static bool open_events(MetricsWriter *writer, const char *folder, int64_t last_step, Error *err)
{
    char *const path = base_printf("%s/events.out.tfevents.r1", folder);
    const bool ok = tensorboard_open(&writer->events, path, last_step, wall_time(), err);
    base_free(path);
    return ok;
}

bool metrics_open(MetricsWriter **writer, const char *folder, int64_t last_step, Error *err)
{
    MetricsWriter *const opened = base_alloc(1, sizeof *opened);
    opened->path = base_printf("%s/metrics.jsonl", folder);
    opened->fd = -1;
    bool ok = measure_kept(opened->path, last_step, &opened->length, &opened->last_step, err);
    if (ok) {
        opened->fd = open(opened->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        ok = opened->fd >= 0 || metrics_system_error(opened, "open", errno, err);
    }
    if (ok && (ftruncate(opened->fd, opened->length) != 0 || fsync(opened->fd) != 0))
        ok = metrics_system_error(opened, "cut back", errno, err);
    const int number = ok ? sync_folder(folder) : 0;
    if (number != 0) ok = metrics_system_error(opened, "sync its folder", number, err);
    ok = ok && open_events(opened, folder, last_step, err);
    if (!ok) {
        metrics_close(opened);
        return false;
    }
    *writer = opened;
    return true;
}

static void write_line(JsonOut *out, const MetricsRow *row)
{
    json_out_clear(out);
    json_out_object(out);
    json_out_kv_int(out, "step", row->step);
    if (row->stage[0]) json_out_kv_string(out, "stage", row->stage);
    for (int64_t i = 0; i < row->n; i++) json_out_kv_double(out, row->items[i].name, row->items[i].value);
    json_out_object_end(out);
}

/* All of the bytes at offset, or an errno. */
static int write_at(int fd, const char *bytes, size_t length, int64_t offset)
{
    for (size_t done = 0; done < length;) {
        const ssize_t n = pwrite(fd, bytes + done, length - done, offset + (int64_t)done);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n < 0 ? errno : EIO;
        done += (size_t)n;
    }
    return 0;
}

/* TensorBoard has no null: what is not a number is left out. */
static bool append_events(MetricsWriter *writer, const MetricsRow *row, Error *err)
{
    if (row->n > writer->scalar_capacity) {
        writer->scalar_capacity = row->capacity;
        writer->scalars = base_realloc(writer->scalars, (size_t)row->capacity, sizeof *writer->scalars);
    }
    int64_t n = 0;
    for (int64_t i = 0; i < row->n; i++)
        if (isfinite(row->items[i].value))
            writer->scalars[n++] = (TensorboardScalar){.tag = row->items[i].name, .value = (float)row->items[i].value};
    tensorboard_add(writer->events, row->step, wall_time(), writer->scalars, n);
    return tensorboard_flush(writer->events, err);
}

bool metrics_append(MetricsWriter *writer, const MetricsRow *row, Error *err)
{
    if (row->step <= writer->last_step)
        return error_set(err, ERROR_BUG, "%s: step %" PRId64 " is appended after step %" PRId64, writer->path,
                         row->step, writer->last_step);
    write_line(&writer->line, row);
    const size_t length = writer->line.length;
    writer->line.text[length] =
        '\n'; /* takes the place of the final zero byte, which nobody reads before the next clear */
    int number = failpoint("metrics.write");
    if (number == 0) number = write_at(writer->fd, writer->line.text, length + 1, writer->length);
    if (number == 0) number = failpoint("metrics.sync");
    if (number == 0 && fdatasync(writer->fd) != 0) number = errno;
    if (number != 0) {
        (void)!ftruncate(writer->fd, writer->length);
        return metrics_system_error(writer, "write a line", number, err);
    }
    writer->length += (int64_t)length + 1;
    writer->last_step = row->step;
    return append_events(writer, row, err);
}

void metrics_close(MetricsWriter *writer)
{
    Error ignored = {0};
    if (!writer) return;
    (void)!tensorboard_close(writer->events, &ignored); /* each append has flushed: nothing is left to fail */
    base_free(writer->scalars);
    if (writer->fd >= 0) close(writer->fd);
    json_out_free(&writer->line);
    base_free(writer->path);
    base_free(writer);
}
