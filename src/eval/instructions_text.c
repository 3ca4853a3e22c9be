/* SPDX-License-Identifier: MIT */
/* eval/instructions_text.c: see instructions_text.h. */
#include "eval/instructions_text.h"

#include "base/arena.h"
#include "base/utf8.h"
#include "text/unicode.h"

#include <string.h>
#include <utf8proc.h>

/* ---- characters ---- */

/* The character at *at, which moves behind it; U+FFFD for bytes that are none. */
static uint32_t next_char(Span s, size_t *at)
{
    int n = utf8_sequence(s.text + *at, s.length - *at);
    const uint32_t c = n > 0 ? unicode_decode(s.text + *at, &n) : 0xfffd;
    *at += (size_t)(n > 0 ? n : -n);
    return c;
}

/* The character that ends before `at`. */
static uint32_t char_before(Span s, size_t at)
{
    size_t begin = at - 1;
    while (begin > 0 && at - begin < 4 && ((unsigned char)s.text[begin] & 0xc0) == 0x80) begin--;
    return next_char((Span){s.text, at}, &begin);
}

static bool is_upper(uint32_t c)
{
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LT;
}

static bool is_lower(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_LL;
}

/* ---- spans ---- */

Span span_of(const char *text)
{
    return (Span){text, strlen(text)};
}

Span span_strip(Span s)
{
    for (size_t at = 0; s.length > 0 && unicode_is_space(next_char(s, &at)); at = 0) {
        s.text += at;
        s.length -= at;
    }
    while (s.length > 0 && unicode_is_space(char_before(s, s.length))) {
        s.length--;
        while (s.length > 0 && ((unsigned char)s.text[s.length] & 0xc0) == 0x80) s.length--;
    }
    return s;
}

Span span_strip_char(Span s, char c)
{
    while (s.length > 0 && s.text[0] == c) s = (Span){s.text + 1, s.length - 1};
    while (s.length > 0 && s.text[s.length - 1] == c) s.length--;
    return s;
}

bool span_equal(Span a, Span b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

bool span_starts(Span s, Span with)
{
    return s.length >= with.length && memcmp(s.text, with.text, with.length) == 0;
}

bool span_ends(Span s, Span with)
{
    return s.length >= with.length && memcmp(s.text + s.length - with.length, with.text, with.length) == 0;
}

char *span_lower(Span s, size_t *length)
{
    /* A lower-case letter takes at most one byte more than its capital (U+023A, U+023E); bytes that are none, two. */
    char *const lower = base_alloc(3 * s.length + 1, 1);
    *length = 0;
    for (size_t at = 0; at < s.length;)
        *length +=
            (size_t)unicode_encode((uint32_t)utf8proc_tolower((utf8proc_int32_t)next_char(s, &at)), lower + *length);
    return lower;
}

size_t span_find(Span s, Span what, size_t from)
{
    if (what.length == 0 || from > s.length) return s.length;
    const char *const found = memmem(s.text + from, s.length - from, what.text, what.length);
    return found ? (size_t)(found - s.text) : s.length;
}

static bool is_whole(Span s, size_t begin, size_t end)
{
    size_t at = end;
    return (begin == 0 || !unicode_is_word(char_before(s, begin))) &&
           (end == s.length || !unicode_is_word(next_char(s, &at)));
}

int64_t span_count(Span s, Span what, bool whole_word)
{
    int64_t n = 0;
    for (size_t at = span_find(s, what, 0); at < s.length;) {
        const bool counts = !whole_word || is_whole(s, at, at + what.length);
        n += counts;
        at = span_find(s, what, counts ? at + what.length : at + 1);
    }
    return n;
}

bool span_piece(Span s, Span separator, size_t *at, Span *piece)
{
    if (*at > s.length) return false;
    const size_t end = span_find(s, separator, *at);
    *piece = (Span){s.text + *at, end - *at};
    /* Behind the last piece stands nothing, not even an empty one. */
    *at = end == s.length ? s.length + 1 : end + separator.length;
    return true;
}

bool span_line(Span s, size_t *at, Span *line)
{
    return span_piece(s, (Span){"\n", 1}, at, line);
}

/* ---- counting ---- */

int64_t span_words(Span s)
{
    int64_t n = 0;
    bool inside = false;
    for (size_t at = 0; at < s.length;) {
        const bool word = unicode_is_word(next_char(s, &at));
        n += word && !inside;
        inside = word;
    }
    return n;
}

int64_t span_capital_words(Span s)
{
    int64_t n = 0;
    for (size_t at = 0; at < s.length;) {
        bool upper = false, lower = false;
        for (bool inside = true; inside && at < s.length;) {
            const uint32_t c = next_char(s, &at);
            inside = unicode_is_word(c) || c == '-' || c == '\'';
            upper = upper || is_upper(c);
            lower = lower || is_lower(c);
        }
        n += upper && !lower;
    }
    return n;
}

bool span_is_upper(Span s)
{
    bool any = false;
    for (size_t at = 0; at < s.length;) {
        const uint32_t c = next_char(s, &at);
        if (is_lower(c)) return false;
        any = any || is_upper(c);
    }
    return any;
}

bool span_is_lower(Span s)
{
    bool any = false;
    for (size_t at = 0; at < s.length;) {
        const uint32_t c = next_char(s, &at);
        if (is_upper(c)) return false;
        any = any || is_lower(c);
    }
    return any;
}

double span_script_share(Span s, uint32_t first, uint32_t last)
{
    int64_t n = 0, inside = 0;
    for (size_t at = 0; at < s.length;) {
        const uint32_t c = next_char(s, &at);
        if (!unicode_is_word(c) || c == '_' || (c >= '0' && c <= '9')) continue;
        n++;
        inside += c >= first && c <= last;
    }
    return n > 0 ? (double)inside / (double)n : 0;
}

/* ---- sentences ---- */

/* Behind these a full stop ends no sentence. */
static bool is_abbreviation(Span word)
{
    static const char *const known[] = {"mr",  "mrs", "ms", "dr",   "prof", "st",  "jr",  "sr",
                                        "vs",  "etc", "eg", "ie",   "e.g",  "i.e", "u.s", "no",
                                        "inc", "ltd", "co", "dept", "fig",  "al",  NULL};
    size_t length, at = 0;
    if (word.length == 1) return is_upper(next_char(word, &at)); /* an initial */
    char *const lower = span_lower(word, &length);
    bool found = false;
    for (int i = 0; known[i] && !found; i++) found = strcmp(lower, known[i]) == 0;
    base_free(lower);
    return found;
}

static bool ends_sentence(uint32_t c)
{
    return c == '.' || c == '!' || c == '?' || c == 0x2026 || c == 0x3002 || c == 0xff01 || c == 0xff1f || c == 0x0964;
}

static bool closes(uint32_t c)
{
    return c == '"' || c == '\'' || c == ')' || c == ']' || c == '*' || c == 0x201d || c == 0x2019;
}

int64_t span_sentences(Span s)
{
    int64_t n = 0;
    size_t word = 0;   /* where the last run without white space began */
    bool open = false; /* letters since the last end */
    s = span_strip(s);
    for (size_t at = 0; at < s.length;) {
        const size_t begin = at;
        const uint32_t c = next_char(s, &at);
        if (unicode_is_space(c)) {
            word = at;
        } else if (!ends_sentence(c)) {
            open = open || unicode_is_word(c);
        } else if (open) {
            const bool full_stop = c == '.' && is_abbreviation((Span){s.text + word, begin - word});
            size_t next = at;
            uint32_t following = ' ';
            while (next < s.length && (ends_sentence(following = next_char(s, &next)) || closes(following))) {
                at = next;
                following = ' ';
            }
            /* Scripts without spaces go on at once behind their full stop. */
            const bool ends = !full_stop && (unicode_is_space(following) || c >= 0x3000);
            n += ends;
            open = !ends;
        }
    }
    return n + open;
}
