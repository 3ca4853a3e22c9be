# SPDX-License-Identifier: MIT
"""Makes src/text/unicode_newer.c: where the libraries that r1 is built on and Hugging Face's tokenizers know different
versions of Unicode.

    pip install tokenizers==0.23.3 unicodedata2==16.0.0
    python3.11 tools/unicode_newer.py    # Python 3.11 knows Unicode 14, as the oldest PCRE2 that r1 builds with

The categories are those of Unicode 16, which the patterns of tokenizers 0.23 use; its normalisation is older (Unicode 9), and
which characters it leaves alone is asked of itself.
"""
import pathlib
import unicodedata

import unicodedata2
from tokenizers import normalizers

assert unicodedata.unidata_version == "14.0.0" and unicodedata2.unidata_version == "16.0.0"
OUT = pathlib.Path(__file__).resolve().parent.parent / "src" / "text" / "unicode_newer.c"
CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(values):
    """(first, last, value) of neighbours with the same value other than None."""
    found = []
    for c, value in values:
        if value is None:
            continue
        if found and found[-1][1] == c - 1 and found[-1][2] == value:
            found[-1][1] = c
        else:
            found.append([c, c, value])
    return found


def newer_category(c):
    old, new = unicodedata.category(chr(c)), unicodedata2.category(chr(c))
    return new if old == "Cn" and new != "Cn" else None


def is_unnormalised(c, nfd):
    char = chr(c)
    if c == 0x11A7:  # one below the first final consonant of Hangul: utf8proc 2.8 composes it away
        return True
    if char in newer_firsts or nfd(char) != unicodedata2.normalize("NFD", char):
        return True
    # U+0345 has the highest combining class: a mark that is known to be one goes before it.
    return 0 < unicodedata2.combining(char) < 240 and nfd("\u0345" + char) == "\u0345" + char


def rows(texts):
    lines, line = [], "   "
    for text in texts:
        if len(line) + len(text) > 118:
            lines.append(line)
            line = "   "
        line += " " + text
    return "\n".join(lines + [line])


nfd = normalizers.NFD().normalize_str
# The first part of a character that composes only since then composes with nothing either.
newer_firsts = {unicodedata2.normalize("NFD", chr(c))[0] for c in CODE_POINTS
                if nfd(chr(c)) == chr(c) != unicodedata2.normalize("NFD", chr(c))}
newer = ranges((c, newer_category(c)) for c in CODE_POINTS)
unnormalised = ranges((c, True if is_unnormalised(c, nfd) else None) for c in CODE_POINTS)
OUT.write_text(f"""/* SPDX-License-Identifier: MIT */
/* text/unicode_newer.c: made by tools/unicode_newer.py. */
#include "text/unicode.h"

/* clang-format off */
const UnicodeNewer unicode_newer[] = {{
{rows(f'{{0x{a:X}, 0x{b:X}, "{k}"}},' for a, b, k in newer)}
}};
const int unicode_n_newer = sizeof unicode_newer / sizeof *unicode_newer;

static const uint32_t unnormalised[][2] = {{
{rows(f'{{0x{a:X}, 0x{b:X}}},' for a, b, _ in unnormalised)}
}};
/* clang-format on */

bool unicode_is_unnormalised(uint32_t c)
{{
    int low = 0, high = sizeof unnormalised / sizeof *unnormalised;
    while (low < high) {{ /* the first range that ends at or after c */
        const int middle = (low + high) / 2;
        if (unnormalised[middle][1] < c)
            low = middle + 1;
        else
            high = middle;
    }}
    return low < (int)(sizeof unnormalised / sizeof *unnormalised) && unnormalised[low][0] <= c;
}}
""")
