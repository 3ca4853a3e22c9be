/* SPDX-License-Identifier: MIT */
/* reward/scripts.c: see scripts.h. Ranges of Unicode 15's Scripts.txt, blocks rather than single characters; letters of other
 * scripts by utf8proc's categories would depend on its version, so what is no range here and lies past U+0370 is "other". */
#include "reward/scripts.h"

#include <stddef.h>

typedef struct Range {
    uint32_t first, last;
    Script script;
} Range;

static const Range ranges[] = {
    {'A', 'Z', SCRIPT_LATIN},
    {'a', 'z', SCRIPT_LATIN},
    {0xaa, 0xaa, SCRIPT_LATIN},
    {0xba, 0xba, SCRIPT_LATIN},
    {0xc0, 0xd6, SCRIPT_LATIN},
    {0xd8, 0xf6, SCRIPT_LATIN},
    {0xf8, 0x2af, SCRIPT_LATIN},
    {0x2b0, 0x36f, SCRIPT_NONE}, /* modifiers, combining marks */
    {0x370, 0x3ff, SCRIPT_NONE}, /* Greek letters are mostly mathematics */
    {0x400, 0x52f, SCRIPT_CYRILLIC},
    {0x530, 0x5ff, SCRIPT_OTHER},
    {0x600, 0x605, SCRIPT_NONE},
    {0x606, 0x61f, SCRIPT_NONE},
    {0x620, 0x65f, SCRIPT_ARABIC},
    {0x660, 0x66d, SCRIPT_NONE},
    {0x66e, 0x6ff, SCRIPT_ARABIC},
    {0x700, 0x74f, SCRIPT_OTHER},
    {0x750, 0x77f, SCRIPT_ARABIC},
    {0x780, 0x8ff, SCRIPT_OTHER},
    {0x900, 0x963, SCRIPT_DEVANAGARI},
    {0x964, 0x96f, SCRIPT_NONE},
    {0x970, 0x97f, SCRIPT_DEVANAGARI},
    {0x980, 0x10ff, SCRIPT_OTHER},
    {0x1100, 0x11ff, SCRIPT_HANGUL},
    {0x1200, 0x1dff, SCRIPT_OTHER},
    {0x1e00, 0x1eff, SCRIPT_LATIN},
    {0x1f00, 0x2bff, SCRIPT_NONE}, /* Greek, punctuation, symbols, arrows, operators */
    {0x2c60, 0x2c7f, SCRIPT_LATIN},
    {0x2e80, 0x2fdf, SCRIPT_HAN},
    {0x3005, 0x3007, SCRIPT_HAN},
    {0x3040, 0x30ff, SCRIPT_KANA},
    {0x3130, 0x318f, SCRIPT_HANGUL},
    {0x31f0, 0x31ff, SCRIPT_KANA},
    {0x3400, 0x4dbf, SCRIPT_HAN},
    {0x4e00, 0x9fff, SCRIPT_HAN},
    {0xa000, 0xa6ff, SCRIPT_OTHER},
    {0xac00, 0xd7ff, SCRIPT_HANGUL},
    {0xf900, 0xfaff, SCRIPT_HAN},
    {0xfb00, 0xfb06, SCRIPT_LATIN},
    {0xfb50, 0xfdff, SCRIPT_ARABIC},
    {0xfe70, 0xfefe, SCRIPT_ARABIC},
    {0xff21, 0xff3a, SCRIPT_LATIN},
    {0xff41, 0xff5a, SCRIPT_LATIN},
    {0xff66, 0xff9f, SCRIPT_KANA},
    {0x20000, 0x3ffff, SCRIPT_HAN},
};

Script script_of(uint32_t code_point)
{
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (code_point <= ranges[i].last) return code_point >= ranges[i].first ? ranges[i].script : SCRIPT_NONE;
    return SCRIPT_NONE;
}

bool script_is_cjk(uint32_t code_point)
{
    const Script script = code_point < 0x1100 ? SCRIPT_NONE : script_of(code_point);
    return script == SCRIPT_HAN || script == SCRIPT_KANA || script == SCRIPT_HANGUL;
}

uint32_t script_code_point(const char *text, int n)
{
    const unsigned char *const b = (const unsigned char *)text;
    switch (n) {
    case 1:
        return b[0];
    case 2:
        return (uint32_t)(b[0] & 0x1f) << 6 | (b[1] & 0x3f);
    case 3:
        return (uint32_t)(b[0] & 0x0f) << 12 | (uint32_t)(b[1] & 0x3f) << 6 | (b[2] & 0x3f);
    default:
        return (uint32_t)(b[0] & 0x07) << 18 | (uint32_t)(b[1] & 0x3f) << 12 | (uint32_t)(b[2] & 0x3f) << 6 |
               (b[3] & 0x3f);
    }
}
