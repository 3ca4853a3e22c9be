/* SPDX-License-Identifier: MIT */
/* Event files, read back by a decoder of the test's own: its crc is bit by bit and its protobuf reader knows only what
 * TensorBoard's schema says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "format/tensorboard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t crc_bit_by_bit(const unsigned char *bytes, size_t n)
{
    uint32_t crc = 0xFFFFFFFF;
    for (size_t i = 0; i < n; i++)
        for (int bit = 0; bit < 8; bit++) {
            const uint32_t out = (crc ^ (uint32_t)(bytes[i] >> bit)) & 1;
            crc = crc >> 1 ^ (out ? 0x82F63B78 : 0);
        }
    return ~crc;
}

static uint32_t masked(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xA282EAD8;
}

typedef struct Scalar {
    int64_t step;
    double wall_time;
    char tag[64];
    float value;
} Scalar;

typedef struct Events {
    char version[32];
    Scalar scalars[64];
    int n_scalars, n_records;
} Events;

static uint64_t varint(const unsigned char **at)
{
    uint64_t value = 0;
    int shift = 0;
    while (**at & 0x80) {
        value |= (uint64_t)(*(*at)++ & 0x7F) << shift;
        shift += 7;
    }
    return value | (uint64_t) * (*at)++ << shift;
}

static void decode_value(Scalar *scalar, const unsigned char *at, const unsigned char *end)
{
    while (at < end) {
        const uint64_t key = varint(&at);
        if (key == (1 << 3 | 2)) {
            const size_t n = (size_t)varint(&at);
            assert_true(n < sizeof scalar->tag);
            memcpy(scalar->tag, at, n);
            at += n;
        } else {
            assert_int_equal(key, 2 << 3 | 5);
            memcpy(&scalar->value, at, 4);
            at += 4;
        }
    }
    assert_ptr_equal(at, end);
}

static void decode_event(Events *events, const unsigned char *at, const unsigned char *end)
{
    double wall_time = 0;
    int64_t step = 0;
    while (at < end) {
        const uint64_t key = varint(&at);
        if (key == (1 << 3 | 1)) {
            memcpy(&wall_time, at, 8);
            at += 8;
        } else if (key == (2 << 3 | 0)) {
            step = (int64_t)varint(&at);
        } else {
            const size_t n = (size_t)varint(&at);
            const unsigned char *const message_end = at + n;
            if (key == (3 << 3 | 2)) {
                memcpy(events->version, at, n);
                at += n;
            } else {
                assert_int_equal(key, 5 << 3 | 2);
                while (at < message_end) {
                    assert_int_equal(varint(&at), 1 << 3 | 2);
                    const size_t length = (size_t)varint(&at);
                    Scalar *const scalar = &events->scalars[events->n_scalars++];
                    *scalar = (Scalar){.step = step, .wall_time = wall_time};
                    decode_value(scalar, at, at + length);
                    at += length;
                }
            }
        }
    }
    assert_ptr_equal(at, end);
}

static Events decode_file(const char *path)
{
    Events events = {0};
    char *text;
    size_t size;
    Error err = {0};
    if (!file_read_all(path, 1 << 20, &text, &size, &err)) fail_msg("%s", err.text);
    const unsigned char *at = (const unsigned char *)text, *const end = at + size;
    while (at < end) {
        uint64_t n;
        uint32_t crc;
        memcpy(&n, at, 8);
        memcpy(&crc, at + 8, 4);
        assert_int_equal(crc, masked(crc_bit_by_bit(at, 8)));
        memcpy(&crc, at + 12 + n, 4);
        assert_int_equal(crc, masked(crc_bit_by_bit(at + 12, n)));
        decode_event(&events, at + 12, at + 12 + n);
        events.n_records++;
        at += 16 + n;
    }
    assert_ptr_equal(at, end);
    base_free(text);
    return events;
}

static char *temporary_path(void)
{
    char path[] = "/tmp/r1-events-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    remove(path);
    return base_strdup(path);
}

static void write_steps(const char *path, int64_t last_step, int64_t from, int64_t to)
{
    TensorboardWriter *w;
    Error err = {0};
    if (!tensorboard_open(&w, path, last_step, 1e9, &err)) fail_msg("%s", err.text);
    for (int64_t step = from; step <= to; step++) {
        const TensorboardScalar scalars[] = {{"reward/mean", (float)step + 0.5f}, {"loss", -1e-3f}};
        tensorboard_add(w, step, 1e9 + (double)step, scalars, 2);
        assert_true(tensorboard_flush(w, &err));
    }
    assert_true(tensorboard_close(w, &err));
}

static void crc32c_has_its_known_values(void **state)
{
    (void)state;
    assert_int_equal(crc_bit_by_bit((const unsigned char *)"123456789", 9),
                     0xE3069283); /* the catalogue's check value */
    unsigned char bytes[300];
    for (int i = 0; i < 300; i++) bytes[i] = (unsigned char)(i * 31 + i / 7);
    for (size_t n = 0; n <= sizeof bytes; n++)
        assert_int_equal(tensorboard_masked_crc(bytes, n), masked(crc_bit_by_bit(bytes, n)));
}

static void scalars_read_back(void **state)
{
    (void)state;
    char *const path = temporary_path();
    write_steps(path, INT64_MAX, 1, 300);
    remove(path);
    write_steps(path, INT64_MAX, 126, 130); /* steps of one and two varint bytes */
    const Events events = decode_file(path);
    assert_string_equal(events.version, "brain.Event:2");
    assert_int_equal(events.n_records, 6);
    assert_int_equal(events.n_scalars, 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(events.scalars[i].step, 126 + i / 2);
        assert_true(events.scalars[i].wall_time == 1e9 + 126 + i / 2);
        assert_string_equal(events.scalars[i].tag, i % 2 ? "loss" : "reward/mean");
        assert_true(events.scalars[i].value == (i % 2 ? -1e-3f : 126.5f + (float)(i / 2)));
    }
    remove(path);
    base_free(path);
}

static void resuming_writes_later_steps_once(void **state)
{
    (void)state;
    char *const path = temporary_path();
    write_steps(path, INT64_MAX, 1, 6);
    write_steps(path, 4, 5, 8); /* the checkpoint was at step 4: 5 and 6 are done again */
    Events events = decode_file(path);
    assert_int_equal(events.n_records, 9);
    for (int i = 0; i < events.n_scalars; i++) assert_int_equal(events.scalars[i].step, 1 + i / 2);
    write_steps(path, INT64_MAX, 9, 9);
    events = decode_file(path);
    assert_int_equal(events.n_records, 10);
    write_steps(path, 0, 1, 1);
    events = decode_file(path);
    assert_int_equal(events.n_records, 2);
    assert_string_equal(events.version, "brain.Event:2");
    remove(path);
    base_free(path);
}

/* Cut at every byte, and with every byte flipped: what is kept are the whole records before the damage. */
static void damage_keeps_the_whole_records_before_it(void **state)
{
    (void)state;
    char *const path = temporary_path();
    write_steps(path, INT64_MAX, 1, 3);
    char *text;
    size_t size;
    Error err = {0};
    assert_true(file_read_all(path, 1 << 20, &text, &size, &err));
    remove(path);
    base_free(path);
    unsigned char *const bytes = (unsigned char *)text;
    int64_t ends[5] = {0};
    for (int r = 0; r < 4; r++) {
        uint64_t n;
        memcpy(&n, bytes + ends[r], 8);
        ends[r + 1] = ends[r] + 16 + (int64_t)n;
    }
    assert_int_equal(ends[4], size);
    for (size_t at = 0; at <= size; at++) {
        int r = 0;
        while (r < 4 && ends[r + 1] <= (int64_t)at) r++;
        unsigned char *const exact = base_alloc(at, 1);
        memcpy(exact, bytes, at);
        assert_int_equal(tensorboard_kept_bytes(exact, at, INT64_MAX), ends[r]);
        base_free(exact);
        if (at == size) break;
        bytes[at] ^= 0x10;
        assert_int_equal(tensorboard_kept_bytes(bytes, size, INT64_MAX), r == 0 ? -1 : ends[r]);
        bytes[at] ^= 0x10;
    }
    for (int r = 0; r < 4; r++) assert_int_equal(tensorboard_kept_bytes(bytes, size, r), ends[r + 1]);
    base_free(text);
}

static void another_file_is_left_alone(void **state)
{
    (void)state;
    char *const path = temporary_path();
    static const char TEXT[] =
        "Dear diary, today I was nearly overwritten by a training run that mistook me for its own.\n";
    Error err = {0};
    assert_true(file_write_all(path, "test", TEXT, strlen(TEXT), &err));
    TensorboardWriter *w;
    assert_false(tensorboard_open(&w, path, 0, 0, &err));
    assert_null(w);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(file_size(path), strlen(TEXT));
    remove(path);
    base_free(path);
    assert_false(tensorboard_open(&w, "/nonexistent/events", 0, 0, &err));
    assert_true(tensorboard_close(NULL, &err));
}

static void a_full_disk_loses_nothing_that_was_whole(void **state)
{
    (void)state;
    char *const path = temporary_path();
    write_steps(path, INT64_MAX, 1, 2);
    const int64_t before = file_size(path);
    TensorboardWriter *w;
    Error err = {0};
    assert_true(tensorboard_open(&w, path, INT64_MAX, 0, &err));
    tensorboard_add(w, 3, 0, &(TensorboardScalar){"loss", 1}, 1);
    setenv("R1_FAILPOINT", "tensorboard.write=enospc", 1);
    assert_false(tensorboard_flush(w, &err));
    assert_true(err.kind == ERROR_SYSTEM && strstr(err.text, "No space"));
    assert_int_equal(file_size(path), before);
    unsetenv("R1_FAILPOINT");
    assert_true(tensorboard_close(w, &err));
    const Events events = decode_file(path);
    assert_int_equal(events.n_records, 4);
    assert_int_equal(events.scalars[4].step, 3);
    remove(path);
    base_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_has_its_known_values),      cmocka_unit_test(scalars_read_back),
        cmocka_unit_test(resuming_writes_later_steps_once), cmocka_unit_test(damage_keeps_the_whole_records_before_it),
        cmocka_unit_test(another_file_is_left_alone),       cmocka_unit_test(a_full_disk_loses_nothing_that_was_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
