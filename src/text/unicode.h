/* SPDX-License-Identifier: MIT */
/* text/unicode.h: code points, the two classes of them that added tokens look at, and the byte alphabet of byte-level BPE.
 *
 * A byte-level tokenizer writes each byte as one printable character: bytes that print are themselves, the others are
 * U+0100, U+0101, ... in ascending order. A vocabulary is written in these characters. */
#ifndef R1_TEXT_UNICODE_H
#define R1_TEXT_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The code point of the well-formed sequence at text, its length to *length. */
uint32_t unicode_decode(const char *text, int *length);
/* Writes code_point as UTF-8; returns the length (1 to 4). */
int unicode_encode(uint32_t code_point, char out[4]);

bool unicode_is_space(uint32_t code_point); /* White_Space */
/* What a regular expression's \w means: Alphabetic, marks, decimal digits, connectors and the two joiners. */
bool unicode_is_word(uint32_t code_point);

/* Characters that Unicode 15 and 16 brought, in ascending order. PCRE2 10.42 does not know them, the patterns of tokenizer.json
 * mean them: token ids must not depend on the version of a library. */
typedef struct UnicodeNewer {
    uint32_t first, last;
    char category[3]; /* "Lo" */
} UnicodeNewer;
extern const UnicodeNewer unicode_newer[];
extern const int unicode_n_newer;
/* True for a mark or a composed character that came after Unicode 9, whose normal forms Hugging Face's tokenizers use: it neither
 * moves nor composes. */
bool unicode_is_unnormalised(uint32_t code_point);

uint32_t byte_level_char(unsigned char byte); /* U+0021 to U+0143 */
int byte_level_byte(uint32_t code_point);     /* -1: not a character of the byte alphabet */
/* Writes the characters of n bytes to out (at least 2 * n bytes); returns how many bytes were written. */
size_t byte_level_write(const char *bytes, size_t n, char *out);
/* The bytes that `text` (well-formed UTF-8) stands for, at most n of them; false when a character is none of the alphabet. */
bool byte_level_read(const char *text, size_t n, char *bytes, size_t *n_bytes);

#endif
