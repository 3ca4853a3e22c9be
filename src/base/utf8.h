/* SPDX-License-Identifier: MIT */
/* base/utf8.h: where one UTF-8 sequence ends, and whether it is one. Nothing here knows what a code point means. */
#ifndef R1_BASE_UTF8_H
#define R1_BASE_UTF8_H

#include <stddef.h>

/* Length (1 to 4) of the well-formed sequence at text, or minus the number of bytes (1 to 3) that one U+FFFD stands for when
 * there is none (the longest part that could have begun one: Unicode 15, section 3.9, best practice). length >= 1. */
int utf8_sequence(const char *text, size_t length);
/* Offset of the first byte that does not begin a well-formed sequence; `length` when all is well. */
size_t utf8_first_error(const char *text, size_t length);

#endif
