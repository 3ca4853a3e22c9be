/* SPDX-License-Identifier: MIT */
/* base/json.h: jansson behind our errors, and a buffer that writes JSON lines.
 *
 * Reading gives jansson values (json_t); a mistake names file, line and column. Lone surrogates become U+FFFD, "\u0000" is
 * legal, duplicate keys keep the last. Writing goes through JsonOut: f32 and f64 round-trip, NaN and infinities are null. */
#ifndef R1_BASE_JSON_H
#define R1_BASE_JSON_H

#include "base/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The whole file or text as one JSON value (any type). NULL with err set on a mistake. The caller json_decrefs. */
json_t *json_read_file(const char *path, Error *err);
/* The same, but two equal keys in one object are a mistake: where the first would be lost unseen. */
json_t *json_read_file_unique(const char *path, Error *err);
/* `name` stands for the text in messages; first_line is the line number of its first line. */
json_t *json_read_text(const char *text, size_t length, const char *name, int64_t first_line, Error *err);

/* Field readers for objects from outside. `what` names the object in messages. Each fails when the type is wrong; a missing
 * key (or null) leaves *value as it is and succeeds, so a default is set before the call; json_require fails on missing. */
bool json_get_int(const json_t *object, const char *key, int64_t low, int64_t high, int64_t *value,
                  Error *err) R1_MUST_CHECK;
bool json_get_double(const json_t *object, const char *key, double *value, Error *err) R1_MUST_CHECK;
bool json_get_bool(const json_t *object, const char *key, bool *value, Error *err) R1_MUST_CHECK;
/* Borrowed: lives as long as the object. */
bool json_get_string(const json_t *object, const char *key, const char **value, size_t *length,
                     Error *err) R1_MUST_CHECK;
bool json_require(const json_t *object, const char *key, Error *err) R1_MUST_CHECK;

/* A growing text. Zeroed is empty. */
typedef struct JsonOut {
    char *text; /* owned, zero-terminated when not NULL */
    size_t length, capacity;
    bool needs_comma;
} JsonOut;
void json_out_free(JsonOut *out);
void json_out_clear(JsonOut *out);
/* Structure: keys inside objects, values inside arrays; commas are put in by themselves. */
void json_out_object(JsonOut *out);
void json_out_object_end(JsonOut *out);
void json_out_array(JsonOut *out);
void json_out_array_end(JsonOut *out);
void json_out_key(JsonOut *out, const char *key);
void json_out_string(JsonOut *out, const char *text, size_t length); /* invalid UTF-8 becomes U+FFFD */
void json_out_cstring(JsonOut *out, const char *text);               /* NULL is null */
void json_out_int(JsonOut *out, int64_t value);
void json_out_double(JsonOut *out, double value); /* shortest of %.15g, %.16g, %.17g that reads back the same */
void json_out_float(JsonOut *out, float value);   /* shortest of %.6g .. %.9g that reads back the same as f32 */
void json_out_bool(JsonOut *out, bool value);
void json_out_null(JsonOut *out);
void json_out_raw(JsonOut *out, const char *json);      /* a value that is already JSON */
void json_out_value(JsonOut *out, const json_t *value); /* a value as it was read */
void json_out_raw_bytes(JsonOut *out, const char *bytes,
                        size_t length); /* as they are, no comma: the buffer as a plain text */
/* Shorthands for "key": value. */
void json_out_kv_string(JsonOut *out, const char *key, const char *text);
void json_out_kv_int(JsonOut *out, const char *key, int64_t value);
void json_out_kv_double(JsonOut *out, const char *key, double value);
void json_out_kv_bool(JsonOut *out, const char *key, bool value);
/* Writes the text and a newline, flushes, and empties the buffer. */
bool json_out_line(JsonOut *out, FILE *file, Error *err) R1_MUST_CHECK;

#endif
