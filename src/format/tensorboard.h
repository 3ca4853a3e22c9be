/* SPDX-License-Identifier: MIT */
/* format/tensorboard.h: scalars as TensorBoard event files.
 *
 * A file is a row of TFRecords, integers little-endian:
 *   u64 n | u32 masked crc32c of these 8 bytes | n bytes: an Event | u32 masked crc32c of the Event
 * An Event is a protobuf message: 1 double wall_time, 2 int64 step, 3 string file_version (the first record alone), 5 Summary;
 * a Summary repeats 1 Value; a Value has 1 string tag, 2 float simple_value. TensorBoard finds files by ".tfevents." in
 * their name. May use base/ alone. */
#ifndef R1_FORMAT_TENSORBOARD_H
#define R1_FORMAT_TENSORBOARD_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct TensorboardWriter TensorboardWriter;

typedef struct TensorboardScalar {
    const char *tag; /* UTF-8; a slash makes a section: "reward/accuracy" */
    float value;
} TensorboardScalar;

/* Opens PATH to append, creating it. A run that resumes after `last_step` passes that step: records of later steps, which
 * the run will write again, and a record that was cut by a crash are taken off the end of the file. INT64_MAX keeps every
 * whole record. A file that holds something else is refused and left alone. wall_time: seconds since 1970. */
bool tensorboard_open(TensorboardWriter **writer, const char *path, int64_t last_step, double wall_time,
                      Error *err) R1_MUST_CHECK;
/* One event with all the scalars of a step; kept in memory until tensorboard_flush. */
void tensorboard_add(TensorboardWriter *writer, int64_t step, double wall_time, const TensorboardScalar *scalars,
                     int64_t n);
/* Hands what was added to the system in one write, so that a viewer sees whole steps; fails when the disk does. After a
 * failure the file ends with its last whole flush, and what was not written is kept for the next flush. */
bool tensorboard_flush(TensorboardWriter *writer, Error *err) R1_MUST_CHECK;
/* Flushes and frees, also on failure. NULL is fine. */
bool tensorboard_close(TensorboardWriter *writer, Error *err) R1_MUST_CHECK;

/* Where [bytes, bytes + size) would be cut for last_step: the length of the longest run of whole records, from the start, of
 * steps up to last_step. -1: the first record is whole but no event file's, or damaged (see tensorboard.c). */
int64_t tensorboard_kept_bytes(const unsigned char *bytes, size_t size, int64_t last_step);
/* CRC-32C (Castagnoli), as TFRecords mask it. */
uint32_t tensorboard_masked_crc(const unsigned char *bytes, size_t n);

#endif
