/* SPDX-License-Identifier: MIT */
#include "base/utf8.h"

/* Table 3-7 of the Unicode standard: what may follow a lead byte. The second byte's range is what keeps out overlong forms,
 * surrogates and everything above U+10FFFF; further bytes are always 80..BF. */
static int sequence_shape(unsigned char lead, unsigned char *low, unsigned char *high)
{
    *low = 0x80;
    *high = 0xBF;
    if (lead < 0x80) return 1;
    if (lead >= 0xC2 && lead <= 0xDF) return 2;
    if (lead >= 0xE0 && lead <= 0xEF) {
        if (lead == 0xE0) *low = 0xA0;
        if (lead == 0xED) *high = 0x9F;
        return 3;
    }
    if (lead >= 0xF0 && lead <= 0xF4) {
        if (lead == 0xF0) *low = 0x90;
        if (lead == 0xF4) *high = 0x8F;
        return 4;
    }
    return 0;
}

int utf8_sequence(const char *text, size_t length)
{
    const unsigned char *const bytes = (const unsigned char *)text;
    unsigned char low, high;
    const int wanted = sequence_shape(bytes[0], &low, &high);
    if (wanted == 0) return -1;
    for (int i = 1; i < wanted; i++) {
        if ((size_t)i >= length || bytes[i] < low || bytes[i] > high) return -i;
        low = 0x80;
        high = 0xBF;
    }
    return wanted;
}

size_t utf8_first_error(const char *text, size_t length)
{
    size_t at = 0;
    while (at < length) {
        const int n = utf8_sequence(text + at, length - at);
        if (n < 0) return at;
        at += (size_t)n;
    }
    return length;
}
