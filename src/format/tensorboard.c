/* SPDX-License-Identifier: MIT */
/* format/tensorboard.c: see tensorboard.h for the bytes.
 *
 * Event files are for looking at: they are appended to and not synced, and no number of a run is read back from them. A crash
 * leaves a cut record at the end at worst, which the next open takes off. */
#include "format/tensorboard.h"

#include "base/arena.h"
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "integers are written as they stand in memory");

enum { RECORD_HEAD = 12, RECORD_TAIL = 4, FIRST_RECORD_MAX = 64 };
static const char FILE_VERSION[] = "brain.Event:2";

/* ---- bytes ---- */

typedef struct Bytes {
    unsigned char *data;
    size_t n, capacity;
} Bytes;

static void put(Bytes *b, const void *bytes, size_t n)
{
    if (n > b->capacity - b->n) {
        b->capacity = 2 * (b->n + n) + 256;
        b->data = base_realloc(b->data, b->capacity, 1);
    }
    if (n) memcpy(b->data + b->n, bytes, n);
    b->n += n;
}

static void put_varint(Bytes *b, uint64_t value)
{
    for (; value >= 0x80; value >>= 7) put(b, &(unsigned char){(unsigned char)(value | 0x80)}, 1);
    put(b, &(unsigned char){(unsigned char)value}, 1);
}

/* Field number and wire type: 0 varint, 1 eight bytes, 2 a length and as many bytes, 5 four bytes. */
static void put_key(Bytes *b, unsigned field, unsigned wire)
{
    put_varint(b, field << 3 | wire);
}

static void put_text(Bytes *b, unsigned field, const void *text, size_t n)
{
    put_key(b, field, 2);
    put_varint(b, n);
    put(b, text, n);
}

/* Four bits at a time: a table of 16 entries fits the eye, and a step writes a few kilobytes. */
uint32_t tensorboard_masked_crc(const unsigned char *bytes, size_t n)
{
    static const uint32_t TABLE[16] = {
        0x00000000, 0x105EC76F, 0x20BD8EDE, 0x30E349B1, 0x417B1DBC, 0x5125DAD3, 0x61C69362, 0x7198540D,
        0x82F63B78, 0x92A8FC17, 0xA24BB5A6, 0xB21572C9, 0xC38D26C4, 0xD3D3E1AB, 0xE330A81A, 0xF36E6F75,
    };
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        crc = crc >> 4 ^ TABLE[crc & 15];
        crc = crc >> 4 ^ TABLE[crc & 15];
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xA282EAD8; /* so that a crc over bytes that hold a crc stays strong */
}

static void put_record(Bytes *b, const Bytes *event)
{
    const uint64_t n = event->n;
    unsigned char length[8];
    memcpy(length, &n, sizeof length);
    const uint32_t length_crc = tensorboard_masked_crc(length, sizeof length);
    const uint32_t event_crc = tensorboard_masked_crc(event->data, event->n);
    put(b, length, sizeof length);
    put(b, &length_crc, sizeof length_crc);
    put(b, event->data, event->n);
    put(b, &event_crc, sizeof event_crc);
}

static void put_event_head(Bytes *event, double wall_time, int64_t step)
{
    put_key(event, 1, 1);
    put(event, &wall_time, sizeof wall_time);
    put_key(event, 2, 0);
    put_varint(event, (uint64_t)step);
}

/* ---- reading back, to resume ---- */

static bool take_varint(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
    *value = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        const unsigned char byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

/* What of an event a resume needs. False: no protobuf message. */
static bool read_event(const unsigned char *at, const unsigned char *end, int64_t *step, bool *is_version)
{
    *step = 0;
    *is_version = false;
    while (at < end) {
        uint64_t key, value, length = 0;
        if (!take_varint(&at, end, &key)) return false;
        switch (key & 7) {
        case 0:
            if (!take_varint(&at, end, &value)) return false;
            if (key >> 3 == 2) *step = (int64_t)value;
            break;
        case 1:
            length = 8;
            break;
        case 2:
            if (!take_varint(&at, end, &length)) return false;
            break;
        case 5:
            length = 4;
            break;
        default:
            return false;
        }
        if (length > (uint64_t)(end - at)) return false;
        if (key == (3 << 3 | 2))
            *is_version = length == strlen(FILE_VERSION) && memcmp(at, FILE_VERSION, (size_t)length) == 0;
        at += length;
    }
    return true;
}

/* The length of the whole record at bytes, or 0; its event in *event, *n. */
static size_t whole_record(const unsigned char *bytes, size_t size, const unsigned char **event, size_t *n)
{
    uint64_t length;
    uint32_t crc;
    if (size < RECORD_HEAD + RECORD_TAIL) return 0;
    memcpy(&length, bytes, sizeof length);
    memcpy(&crc, bytes + 8, sizeof crc);
    if (crc != tensorboard_masked_crc(bytes, 8) || length > size - RECORD_HEAD - RECORD_TAIL) return 0;
    *event = bytes + RECORD_HEAD;
    *n = (size_t)length;
    memcpy(&crc, *event + *n, sizeof crc);
    return crc == tensorboard_masked_crc(*event, *n) ? RECORD_HEAD + *n + RECORD_TAIL : 0;
}

int64_t tensorboard_kept_bytes(const unsigned char *bytes, size_t size, int64_t last_step)
{
    size_t kept = 0;
    while (kept < size) {
        const unsigned char *event;
        size_t n;
        int64_t step;
        bool is_version;
        const size_t record = whole_record(bytes + kept, size - kept, &event, &n);
        const bool whole = record != 0 && read_event(event, event + n, &step, &is_version);
        /* A short file whose first record is cut was born in a crash; a longer one is somebody else's. */
        if (kept == 0 && !(whole && is_version)) return size < FIRST_RECORD_MAX && !whole ? 0 : -1;
        if (!whole || step > last_step) break;
        kept += record;
    }
    return (int64_t)kept;
}

/* ---- the writer ---- */

struct TensorboardWriter {
    int fd;
    char *path;
    int64_t file_bytes; /* whole records handed to the system */
    Bytes pending, event, summary, value;
};

static bool system_error(Error *err, const char *path, int number)
{
    return error_set(err, ERROR_SYSTEM, "%s: %s", path, strerror(number));
}

/* How much of the file stays; 0 when there is none. */
static bool kept_of_file(const char *path, int64_t last_step, int64_t *kept, Error *err)
{
    *kept = 0;
    if (!file_exists(path)) return true;
    FileMap map;
    if (!file_map(&map, path, err)) return false;
    *kept = map.size_bytes ? tensorboard_kept_bytes(map.bytes, map.size_bytes, last_step) : 0;
    file_unmap(&map);
    return *kept >= 0 ||
           error_set(err, ERROR_INPUT, "%s: does not begin as a TensorBoard event file; move it away", path);
}

static void writer_free(TensorboardWriter *w)
{
    if (w->fd >= 0) close(w->fd);
    base_free(w->path);
    base_free(w->pending.data);
    base_free(w->event.data);
    base_free(w->summary.data);
    base_free(w->value.data);
    base_free(w);
}

bool tensorboard_open(TensorboardWriter **writer, const char *path, int64_t last_step, double wall_time, Error *err)
{
    *writer = NULL;
    int64_t kept;
    if (!kept_of_file(path, last_step, &kept, err)) return false;
    const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) return system_error(err, path, errno);
    TensorboardWriter *const w = base_alloc(1, sizeof *w);
    *w = (TensorboardWriter){.fd = fd, .path = base_strdup(path), .file_bytes = kept};
    if (ftruncate(fd, kept) != 0) {
        system_error(err, path, errno);
        writer_free(w);
        return false;
    }
    if (kept == 0) {
        put_event_head(&w->event, wall_time, 0);
        put_text(&w->event, 3, FILE_VERSION, strlen(FILE_VERSION));
        put_record(&w->pending, &w->event);
    }
    *writer = w;
    return true;
}

void tensorboard_add(TensorboardWriter *w, int64_t step, double wall_time, const TensorboardScalar *scalars, int64_t n)
{
    w->summary.n = w->event.n = 0;
    for (int64_t i = 0; i < n; i++) {
        w->value.n = 0;
        put_text(&w->value, 1, scalars[i].tag, strlen(scalars[i].tag));
        put_key(&w->value, 2, 5);
        put(&w->value, &scalars[i].value, sizeof scalars[i].value);
        put_text(&w->summary, 1, w->value.data, w->value.n);
    }
    put_event_head(&w->event, wall_time, step);
    put_text(&w->event, 5, w->summary.data, w->summary.n);
    put_record(&w->pending, &w->event);
}

/* 0 or an errno. */
static int write_at(int fd, const unsigned char *bytes, size_t n, int64_t at)
{
    const int told = failpoint("tensorboard.write");
    if (told != 0) return told;
    while (n > 0) {
        const ssize_t wrote = pwrite(fd, bytes, n, at);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return errno;
        bytes += wrote;
        at += wrote;
        n -= (size_t)wrote;
    }
    return 0;
}

bool tensorboard_flush(TensorboardWriter *w, Error *err)
{
    const int number = write_at(w->fd, w->pending.data, w->pending.n, w->file_bytes);
    if (number != 0) {
        /* Takes a part that was written back. Should that fail too, the next open finds the cut record. */
        if (ftruncate(w->fd, w->file_bytes) != 0) return system_error(err, w->path, errno);
        return system_error(err, w->path, number);
    }
    w->file_bytes += (int64_t)w->pending.n;
    w->pending.n = 0;
    return true;
}

bool tensorboard_close(TensorboardWriter *w, Error *err)
{
    if (!w) return true;
    const bool ok = tensorboard_flush(w, err);
    writer_free(w);
    return ok;
}
