/* SPDX-License-Identifier: MIT */
#include "text/unicode.h"

#include <utf8proc.h>

uint32_t unicode_decode(const char *text, int *length)
{
    const unsigned char *const b = (const unsigned char *)text;
    if (b[0] < 0x80) {
        *length = 1;
        return b[0];
    }
    if (b[0] < 0xE0) {
        *length = 2;
        return (b[0] & 0x1FU) << 6 | (b[1] & 0x3FU);
    }
    if (b[0] < 0xF0) {
        *length = 3;
        return (b[0] & 0x0FU) << 12 | (b[1] & 0x3FU) << 6 | (b[2] & 0x3FU);
    }
    *length = 4;
    return (b[0] & 0x07U) << 18 | (b[1] & 0x3FU) << 12 | (b[2] & 0x3FU) << 6 | (b[3] & 0x3FU);
}

int unicode_encode(uint32_t code_point, char out[4])
{
    if (code_point < 0x80) {
        out[0] = (char)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (char)(0xC0 | code_point >> 6);
        out[1] = (char)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (char)(0xE0 | code_point >> 12);
        out[1] = (char)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (char)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | code_point >> 18);
    out[1] = (char)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (char)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (char)(0x80 | (code_point & 0x3F));
    return 4;
}

bool unicode_is_space(uint32_t c)
{
    return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool unicode_is_word(uint32_t c)
{
    switch (utf8proc_category((utf8proc_int32_t)c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
        return true;
    default:
        /* The joiners, and the circled and squared Latin letters, which are symbols and yet Alphabetic. */
        return c == 0x200C || c == 0x200D || (c >= 0x24B6 && c <= 0x24E9) || (c >= 0x1F130 && c <= 0x1F149) ||
               (c >= 0x1F150 && c <= 0x1F169) || (c >= 0x1F170 && c <= 0x1F189);
    }
}

/* Bytes that stand for themselves: '!' to '~', and Latin-1 from U+00A1 on but for the soft hyphen U+00AD. */
static bool is_printable(uint32_t c)
{
    return (c >= 0x21 && c <= 0x7E) || (c >= 0xA1 && c <= 0xFF && c != 0xAD);
}

uint32_t byte_level_char(unsigned char byte)
{
    if (is_printable(byte)) return byte;
    if (byte <= 0x20) return 0x100U + byte;            /* 33 of them */
    if (byte <= 0xA0) return 0x100U + 33 + byte - 127; /* 34 of them */
    return 0x100 + 33 + 34;
}

int byte_level_byte(uint32_t c)
{
    if (c < 0x100) return is_printable(c) ? (int)c : -1;
    if (c < 0x100 + 33) return (int)c - 0x100;
    if (c < 0x100 + 33 + 34) return (int)c - 0x100 - 33 + 127;
    return c == 0x100 + 33 + 34 ? 0xAD : -1;
}

size_t byte_level_write(const char *bytes, size_t n, char *out)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        char utf8[4];
        const int length = unicode_encode(byte_level_char((unsigned char)bytes[i]), utf8);
        for (int k = 0; k < length; k++) out[used++] = utf8[k];
    }
    return used;
}

bool byte_level_read(const char *text, size_t n, char *bytes, size_t *n_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < n;) {
        int length;
        const int byte = byte_level_byte(unicode_decode(text + i, &length));
        if (byte < 0) return false;
        bytes[used++] = (char)byte;
        i += (size_t)length;
    }
    *n_bytes = used;
    return true;
}
