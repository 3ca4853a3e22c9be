/* SPDX-License-Identifier: MIT */
/* data/buffer.c: see buffer.h. */
#include "data/buffer.h"

TextBuffer text_buffer(char *text, size_t capacity)
{
    text[0] = '\0';
    return (TextBuffer){.text = text, .capacity = capacity};
}

void text_put_char(TextBuffer *buffer, char c)
{
    if (buffer->length + 1 >= buffer->capacity) {
        buffer->full = true;
        return;
    }
    buffer->text[buffer->length++] = c;
    buffer->text[buffer->length] = '\0';
}

void text_put(TextBuffer *buffer, const char *text)
{
    for (; *text; text++) text_put_char(buffer, *text);
}

void text_put_int(TextBuffer *buffer, int64_t value)
{
    char digits[24];
    int n = 0;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    if (value < 0) text_put_char(buffer, '-');
    do {
        digits[n++] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude > 0);
    while (n > 0) text_put_char(buffer, digits[--n]);
}

void text_put_two_digits(TextBuffer *buffer, int64_t value)
{
    if (value >= 0 && value < 10) text_put_char(buffer, '0');
    text_put_int(buffer, value);
}
