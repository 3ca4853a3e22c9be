/* SPDX-License-Identifier: MIT */
/* text/template_string.c: strings of a template: counted in code points as Python counts them, kept as UTF-8. */
#include "text/template_value.h"

#include "text/unicode.h"

#include <string.h>

/* What joined strings share: `used` bytes are written, the string that ends there may be made longer in place. */
typedef struct StringBuffer {
    char *bytes;
    size_t used, capacity;
} StringBuffer;

static Value new_string(Render *render, const char *bytes, size_t length, int64_t n_chars, StringBuffer *buffer)
{
    String *const string = POOL_NEW(&render->pool, String);
    *string = (String){bytes, length, n_chars, buffer};
    return (Value){.kind = VALUE_STRING, .string = string};
}

Value value_string(Render *render, const char *bytes, size_t length)
{
    return new_string(render, bytes, length, -1, NULL);
}

Value value_cstring(Render *render, const char *text)
{
    return value_string(render, text, strlen(text));
}

Value string_part(Render *render, const String *string, size_t from, size_t to)
{
    const bool ascii = string->n_chars == (int64_t)string->length;
    return new_string(render, string->bytes + from, to - from, ascii ? (int64_t)(to - from) : -1, NULL);
}

/* Room for `length` bytes and, where a string grows a second time, for as many again: then n appends copy O(n) bytes. */
static StringBuffer *new_buffer(Render *render, size_t length, bool grows)
{
    const size_t capacity = grows ? 2 * length : length;
    if (!pool_has_room(&render->pool, capacity)) {
        render_fail(render, "a string of %zu bytes is more than the template's memory holds", length);
        return NULL;
    }
    StringBuffer *const buffer = POOL_NEW(&render->pool, StringBuffer);
    *buffer = (StringBuffer){pool_take(&render->pool, capacity), 0, capacity};
    return buffer;
}

Value string_join(Render *render, const String *left, const String *right)
{
    const size_t length = left->length + right->length;
    StringBuffer *buffer = left->buffer;
    size_t copied = right->length;
    const bool at_end = buffer && left->bytes + left->length == buffer->bytes + buffer->used;
    if (!at_end || right->length > buffer->capacity - buffer->used) {
        StringBuffer *const larger = new_buffer(render, length, buffer != NULL);
        if (!larger) return value_undefined();
        memcpy(larger->bytes, left->bytes, left->length);
        larger->used = left->length;
        buffer = larger;
        copied = length;
    }
    const char *const bytes = buffer->bytes + buffer->used - left->length;
    memcpy(buffer->bytes + buffer->used, right->bytes, right->length);
    buffer->used += right->length;
    render_work(render, (int64_t)(copied / 16) + 1);
    const bool counted = left->n_chars >= 0 && right->n_chars >= 0;
    return new_string(render, bytes, length, counted ? left->n_chars + right->n_chars : -1, buffer);
}

int64_t string_chars(const String *string)
{
    if (string->n_chars >= 0) return string->n_chars;
    int64_t n = 0;
    for (size_t i = 0; i < string->length; i++) n += ((unsigned char)string->bytes[i] & 0xC0) != 0x80;
    /* Strings of the parsed template have been counted there, so this one belongs to one render alone. */
    ((String *)(uintptr_t)string)->n_chars = n;
    return n;
}

size_t string_offset(const String *string, int64_t index)
{
    if (index >= string_chars(string)) return string->length;
    if (string->n_chars == (int64_t)string->length) return (size_t)index;
    size_t at = 0;
    for (int64_t i = 0; i < index; i++) {
        int n;
        unicode_decode(string->bytes + at, &n);
        at += (size_t)n;
    }
    return at;
}

bool string_equal(const String *a, const String *b)
{
    return a->length == b->length && memcmp(a->bytes, b->bytes, a->length) == 0;
}

bool string_is(const String *string, const char *text)
{
    return string->length == strlen(text) && memcmp(string->bytes, text, string->length) == 0;
}

int64_t string_find(const String *text, const String *needle, size_t from)
{
    if (from > text->length) return -1;
    if (needle->length == 0) return (int64_t)from;
    const char *const found = memmem(text->bytes + from, text->length - from, needle->bytes, needle->length);
    return found ? found - text->bytes : -1;
}

bool python_is_space(uint32_t code_point)
{
    return unicode_is_space(code_point) || (code_point >= 0x1C && code_point <= 0x1F);
}

/* ---- building ---- */

static bool builder_reserve(StringBuilder *builder, size_t length)
{
    if (length <= builder->capacity - builder->length) return true;
    Render *const render = builder->render;
    if (render->failed) return false;
    const size_t capacity = 2 * (builder->length + length) + 32;
    if (!pool_has_room(&render->pool, capacity)) {
        render_fail(render, "a text of more than %zu bytes is more than the template's memory holds", builder->length);
        return false;
    }
    char *const bytes = pool_take(&render->pool, capacity);
    if (builder->length) memcpy(bytes, builder->bytes, builder->length);
    render_work(render, (int64_t)(builder->length / 16));
    builder->bytes = bytes;
    builder->capacity = capacity;
    return true;
}

void builder_add(StringBuilder *builder, const char *bytes, size_t length)
{
    if (length == 0 || !builder_reserve(builder, length)) return;
    memcpy(builder->bytes + builder->length, bytes, length);
    builder->length += length;
    render_work(builder->render, (int64_t)(length / 16));
}

void builder_add_cstring(StringBuilder *builder, const char *text)
{
    builder_add(builder, text, strlen(text));
}

void builder_add_char(StringBuilder *builder, char c)
{
    builder_add(builder, &c, 1);
}

void builder_add_code_point(StringBuilder *builder, uint32_t code_point)
{
    char utf8[4];
    builder_add(builder, utf8, (size_t)unicode_encode(code_point, utf8));
}

void builder_add_string(StringBuilder *builder, const String *string)
{
    builder_add(builder, string->bytes, string->length);
}

Value builder_string(StringBuilder *builder)
{
    const Value string = value_string(builder->render, builder->bytes ? builder->bytes : "", builder->length);
    *builder = (StringBuilder){.render = builder->render};
    return string;
}
