/* SPDX-License-Identifier: MIT */
/* base/json.c: reading is jansson's, after one pass over the text that jansson cannot do: it refuses lone surrogates, which
 * Python and JavaScript write without a word, and its complaint about bad UTF-8 does not say where. A lone \uD800 becomes
 * \uFFFD, which is as long, so that every position stays true. */
#include "base/json.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { JSON_MAX_FILE_BYTES = 1 << 30 };

/* ---- reading ---- */

/* The value of \uXXXX at text, or -1 when there is none. */
static int escaped_unit(const char *text, size_t length)
{
    if (length < 6 || text[0] != '\\' || text[1] != 'u') return -1;
    int unit = 0;
    for (int i = 2; i < 6; i++) {
        const char c = text[i];
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool is_high(int unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}
static bool is_low(int unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* The text with lone surrogates replaced: a copy in *copy when there was one (the caller frees), else text itself. A
 * backslash begins an escape wherever it stands: outside of strings the text is wrong anyway. */
static const char *without_lone_surrogates(const char *text, size_t length, char **copy)
{
    *copy = NULL;
    for (size_t at = 0; at < length; at++) {
        const char *const backslash = memchr(text + at, '\\', length - at);
        if (!backslash) break;
        at = (size_t)(backslash - text);
        const int unit = escaped_unit(text + at, length - at);
        if (unit < 0) {
            at++; /* the escaped character, so that the second of two backslashes begins nothing */
        } else if (is_high(unit) && is_low(escaped_unit(text + at + 6, length - at - 6))) {
            at += 11;
        } else {
            if (is_high(unit) || is_low(unit)) {
                if (!*copy) *copy = base_strndup(text, length);
                memcpy(*copy + at + 2, "FFFD", 4);
            }
            at += 5;
        }
    }
    return *copy ? *copy : text;
}

static void *json_error_at(Error *err, const char *name, int64_t line, int64_t column, const char *what)
{
    char text[200];
    size_t n = 0;
    for (; what[n] && n + 1 < sizeof text; n++) text[n] = (unsigned char)what[n] < 0x20 ? ' ' : what[n];
    text[n] = 0;
    error_set(err, ERROR_INPUT, "%s:%" PRId64 ":%" PRId64 ": %s", name, line, column, text);
    return NULL;
}

static void *utf8_error_at(Error *err, const char *text, size_t offset, const char *name, int64_t first_line)
{
    int64_t line = first_line, column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) {
            column++;
        }
    }
    char what[80];
    snprintf(what, sizeof what, "byte 0x%02x is not valid UTF-8; the text must be saved as UTF-8",
             (unsigned)(unsigned char)text[offset]);
    return json_error_at(err, name, line, column, what);
}

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!memchr(" \t\r\n", text[i], 4)) return false;
    return true;
}

static json_t *read_text(const char *text, size_t length, const char *name, int64_t first_line, size_t flags,
                         Error *err)
{
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3; /* a byte order mark, which some editors put in front */
        length -= 3;
    }
    const size_t bad = utf8_first_error(text, length);
    if (bad < length) return utf8_error_at(err, text, bad, name, first_line);
    if (is_blank(text, length)) return json_error_at(err, name, first_line, 1, "expected a JSON value, found nothing");

    char *copy;
    const char *const clean = without_lone_surrogates(text, length, &copy);
    json_error_t problem;
    flags |= JSON_DECODE_ANY | JSON_ALLOW_NUL;
    json_t *value = json_loadb(clean, length, flags, &problem);
    /* Hugging Face writes "model_max_length": 1000000000000000019884624838656. Only such a file's integers become reals. */
    if (!value && json_error_code(&problem) == json_error_numeric_overflow)
        value = json_loadb(clean, length, flags | JSON_DECODE_INT_AS_REAL, &problem);
    base_free(copy);
    if (!value)
        json_error_at(err, name, first_line + problem.line - 1, problem.column < 1 ? 1 : problem.column, problem.text);
    return value;
}

json_t *json_read_text(const char *text, size_t length, const char *name, int64_t first_line, Error *err)
{
    return read_text(text, length, name, first_line, 0, err);
}

static json_t *read_file(const char *path, size_t flags, Error *err)
{
    char *text;
    size_t length;
    if (!file_read_all(path, JSON_MAX_FILE_BYTES, &text, &length, err)) return NULL;
    json_t *const value = read_text(text, length, path, 1, flags, err);
    base_free(text);
    return value;
}

json_t *json_read_file(const char *path, Error *err)
{
    return read_file(path, 0, err);
}

json_t *json_read_file_unique(const char *path, Error *err)
{
    return read_file(path, JSON_REJECT_DUPLICATES, err);
}

static const char *type_name(const json_t *value)
{
    if (!value) return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "null";
    }
    return "something else";
}

/* The field in *field (NULL when it is missing or null). False only when `object` is no object. */
static bool find_field(const json_t *object, const char *key, const json_t **field, Error *err)
{
    if (!json_is_object(object))
        return error_set(err, ERROR_INPUT, "expected an object with \"%s\", found %s", key, type_name(object));
    *field = json_object_get(object, key);
    if (json_is_null(*field)) *field = NULL;
    return true;
}

static bool wrong_type(Error *err, const char *key, const char *expected, const json_t *found)
{
    return error_set(err, ERROR_INPUT, "\"%s\": expected %s, found %s", key, expected, type_name(found));
}

bool json_get_int(const json_t *object, const char *key, int64_t low, int64_t high, int64_t *value, Error *err)
{
    const json_t *field = NULL;
    if (!find_field(object, key, &field, err)) return false;
    if (!field) return true;
    int64_t found;
    if (json_is_integer(field)) {
        found = json_integer_value(field);
    } else if (json_is_real(field) && fabs(json_real_value(field)) <= 0x1p53 &&
               json_real_value(field) == rint(json_real_value(field))) {
        found = (int64_t)json_real_value(field); /* 1e6 and 2048.0 are integers to whoever wrote them */
    } else {
        return wrong_type(err, key, "an integer", field);
    }
    if (found < low || found > high)
        return error_set(err, ERROR_INPUT, "\"%s\" is %" PRId64 ", allowed are %" PRId64 " to %" PRId64, key, found,
                         low, high);
    *value = found;
    return true;
}

bool json_get_double(const json_t *object, const char *key, double *value, Error *err)
{
    const json_t *field = NULL;
    if (!find_field(object, key, &field, err)) return false;
    if (!field) return true;
    if (!json_is_number(field)) return wrong_type(err, key, "a number", field);
    *value = json_number_value(field);
    return true;
}

bool json_get_bool(const json_t *object, const char *key, bool *value, Error *err)
{
    const json_t *field = NULL;
    if (!find_field(object, key, &field, err)) return false;
    if (!field) return true;
    if (!json_is_boolean(field)) return wrong_type(err, key, "true or false", field);
    *value = json_is_true(field);
    return true;
}

bool json_get_string(const json_t *object, const char *key, const char **value, size_t *length, Error *err)
{
    const json_t *field = NULL;
    if (!find_field(object, key, &field, err)) return false;
    if (!field) return true;
    if (!json_is_string(field)) return wrong_type(err, key, "a string", field);
    *value = json_string_value(field);
    if (length) *length = json_string_length(field);
    return true;
}

bool json_require(const json_t *object, const char *key, Error *err)
{
    const json_t *field = NULL;
    if (!find_field(object, key, &field, err)) return false;
    return field != NULL || error_set(err, ERROR_INPUT, "\"%s\" is missing", key);
}

/* ---- writing ---- */

static void append(JsonOut *out, const char *text, size_t length)
{
    if (out->capacity - out->length < length + 1) {
        size_t capacity = out->capacity ? out->capacity : 256;
        while (capacity - out->length < length + 1) capacity *= 2;
        out->text = base_realloc(out->text, capacity, 1);
        out->capacity = capacity;
    }
    memcpy(out->text + out->length, text, length);
    out->length += length;
    out->text[out->length] = 0;
}

static void append_text(JsonOut *out, const char *text)
{
    append(out, text, strlen(text));
}

/* Every value and key begins here. */
static void separate(JsonOut *out)
{
    if (out->needs_comma) append(out, ", ", 2);
    out->needs_comma = false;
}

static void append_value(JsonOut *out, const char *text, size_t length)
{
    separate(out);
    append(out, text, length);
    out->needs_comma = true;
}

void json_out_free(JsonOut *out)
{
    base_free(out->text);
    *out = (JsonOut){0};
}

void json_out_clear(JsonOut *out)
{
    out->length = 0;
    out->needs_comma = false;
    if (out->text) out->text[0] = 0;
}

static void open_bracket(JsonOut *out, const char *bracket)
{
    separate(out);
    append(out, bracket, 1);
}

static void close_bracket(JsonOut *out, const char *bracket)
{
    append(out, bracket, 1);
    out->needs_comma = true;
}

void json_out_object(JsonOut *out)
{
    open_bracket(out, "{");
}
void json_out_object_end(JsonOut *out)
{
    close_bracket(out, "}");
}
void json_out_array(JsonOut *out)
{
    open_bracket(out, "[");
}
void json_out_array_end(JsonOut *out)
{
    close_bracket(out, "]");
}

/* U+0085, U+2028, U+2029: legal in a JSON string as they are, but readers that cut text by Unicode's rules (Python's splitlines)
 * would see a line end inside a row. 0: none of them. */
static unsigned line_end(const char *text, int sequence)
{
    if (sequence == 2 && memcmp(text, "\xC2\x85", 2) == 0) return 0x85;
    if (sequence == 3 && memcmp(text, "\xE2\x80\xA8", 3) == 0) return 0x2028;
    if (sequence == 3 && memcmp(text, "\xE2\x80\xA9", 3) == 0) return 0x2029;
    return 0;
}

/* Length of the piece at text that can stand in a JSON string as it is. */
static size_t plain_length(const char *text, size_t length)
{
    size_t n = 0;
    while (n < length) {
        const unsigned char c = (unsigned char)text[n];
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7F) break;
        const int sequence = c < 0x80 ? 1 : utf8_sequence(text + n, length - n);
        if (sequence < 0 || line_end(text + n, sequence) != 0) break;
        n += (size_t)sequence;
    }
    return n;
}

/* Appends what stands for the character at text, which cannot stand as it is; returns how many bytes it took. */
static size_t append_escape(JsonOut *out, const char *text, size_t length)
{
    const unsigned char c = (unsigned char)text[0];
    static const char letters[] = "\"\"\\\\\nn\tt\rr\bb\ff";
    for (size_t i = 0; i + 1 < sizeof letters; i += 2)
        if (c == (unsigned char)letters[i]) {
            append(out, (const char[2]){'\\', letters[i + 1]}, 2);
            return 1;
        }
    const int sequence = c < 0x80 ? 1 : utf8_sequence(text, length);
    const unsigned code = c < 0x80 ? c : line_end(text, sequence);
    if (code != 0 || c == 0) {
        char escape[16];
        snprintf(escape, sizeof escape, "\\u%04x", code);
        append_text(out, escape);
        return (size_t)sequence;
    }
    append_text(out, "\xEF\xBF\xBD");
    return (size_t)-sequence;
}

static void append_quoted(JsonOut *out, const char *text, size_t length)
{
    append(out, "\"", 1);
    for (size_t at = 0; at < length;) {
        const size_t plain = plain_length(text + at, length - at);
        append(out, text + at, plain);
        at += plain;
        if (at < length) at += append_escape(out, text + at, length - at);
    }
    append(out, "\"", 1);
}

void json_out_key(JsonOut *out, const char *key)
{
    separate(out);
    append_quoted(out, key, strlen(key));
    append(out, ": ", 2);
}

void json_out_string(JsonOut *out, const char *text, size_t length)
{
    separate(out);
    append_quoted(out, text, length);
    out->needs_comma = true;
}

void json_out_cstring(JsonOut *out, const char *text)
{
    if (text)
        json_out_string(out, text, strlen(text));
    else
        json_out_null(out);
}

void json_out_int(JsonOut *out, int64_t value)
{
    char text[32];
    const int n = snprintf(text, sizeof text, "%" PRId64, value);
    append_value(out, text, (size_t)n);
}

void json_out_double(JsonOut *out, double value)
{
    if (!isfinite(value)) {
        json_out_null(out);
        return;
    }
    char text[40];
    int n = 0;
    for (int digits = 15; digits <= 17; digits++) {
        n = snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    append_value(out, text, (size_t)n);
}

void json_out_float(JsonOut *out, float value)
{
    if (!isfinite(value)) {
        json_out_null(out);
        return;
    }
    char text[40];
    int n = 0;
    for (int digits = 6; digits <= 9; digits++) {
        n = snprintf(text, sizeof text, "%.*g", digits, (double)value);
        /* Both ways a reader may take: straight to f32, and through a double, where rounding twice can differ. */
        if (strtof(text, NULL) == value && (float)strtod(text, NULL) == value) break;
    }
    append_value(out, text, (size_t)n);
}

void json_out_bool(JsonOut *out, bool value)
{
    append_value(out, value ? "true" : "false", value ? 4 : 5);
}
void json_out_null(JsonOut *out)
{
    append_value(out, "null", 4);
}
void json_out_raw(JsonOut *out, const char *json)
{
    append_value(out, json, strlen(json));
}

void json_out_raw_bytes(JsonOut *out, const char *bytes, size_t length)
{
    append(out, bytes, length);
}

void json_out_value(JsonOut *out, const json_t *value)
{
    const size_t flags = JSON_ENCODE_ANY | JSON_COMPACT, length = json_dumpb(value, NULL, 0, flags);
    char *const text = base_alloc(length + 1, 1);
    json_dumpb(value, text, length, flags);
    append_value(out, text, length);
    base_free(text);
}

void json_out_kv_string(JsonOut *out, const char *key, const char *text)
{
    json_out_key(out, key);
    json_out_cstring(out, text);
}

void json_out_kv_int(JsonOut *out, const char *key, int64_t value)
{
    json_out_key(out, key);
    json_out_int(out, value);
}

void json_out_kv_double(JsonOut *out, const char *key, double value)
{
    json_out_key(out, key);
    json_out_double(out, value);
}

void json_out_kv_bool(JsonOut *out, const char *key, bool value)
{
    json_out_key(out, key);
    json_out_bool(out, value);
}

bool json_out_line(JsonOut *out, FILE *file, Error *err)
{
    append(out, "\n", 1);
    const bool written = fwrite(out->text, 1, out->length, file) == out->length && fflush(file) == 0;
    json_out_clear(out);
    return written || error_set(err, ERROR_SYSTEM, "cannot write output: %m");
}
