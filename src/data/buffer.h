/* SPDX-License-Identifier: MIT */
/* data/buffer.h: appending to a text of fixed room, without allocation and without printf (documents are made by the million).
 *
 * The text is always zero-terminated. What does not fit is dropped and `full` says so. */
#ifndef R1_DATA_BUFFER_H
#define R1_DATA_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct TextBuffer {
    char *text; /* borrowed */
    size_t capacity, length;
    bool full;
} TextBuffer;

/* An empty text in `capacity` >= 1 bytes. */
TextBuffer text_buffer(char *text, size_t capacity);
void text_put(TextBuffer *buffer, const char *text);
void text_put_char(TextBuffer *buffer, char c);
void text_put_int(TextBuffer *buffer, int64_t value);
/* At least two digits, as minutes are written: 5 -> "05". */
void text_put_two_digits(TextBuffer *buffer, int64_t value);

#endif
