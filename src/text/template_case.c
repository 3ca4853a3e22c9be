/* SPDX-License-Identifier: MIT */
/* text/template_case.c: upper, lower and title case, and stripping: what both filters and methods of strings do. */
#include "text/template_string.h"

#include "text/unicode.h"

#include <string.h>
#include <utf8proc.h>

static bool is_cased(uint32_t c)
{
    const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
    return category == UTF8PROC_CATEGORY_LU || category == UTF8PROC_CATEGORY_LL || category == UTF8PROC_CATEGORY_LT;
}

/* The one letter in wide use whose capitals are two. */
enum { SHARP_S = 0xDF };

static void add_upper(StringBuilder *out, uint32_t c)
{
    if (c == SHARP_S)
        builder_add_cstring(out, "SS");
    else
        builder_add_code_point(out, (uint32_t)utf8proc_toupper((utf8proc_int32_t)c));
}

static void add_title(StringBuilder *out, uint32_t c)
{
    if (c == SHARP_S)
        builder_add_cstring(out, "Ss");
    else
        builder_add_code_point(out, (uint32_t)utf8proc_totitle((utf8proc_int32_t)c));
}

/* A sigma that ends a word has a form of its own. */
static uint32_t lower_sigma(const String *string, size_t at)
{
    size_t before = at, after = at + 2;
    int n;
    if (before == 0) return 0x3C3;
    do before--;
    while (before > 0 && ((unsigned char)string->bytes[before] & 0xC0) == 0x80);
    if (!is_cased(unicode_decode(string->bytes + before, &n))) return 0x3C3;
    return after < string->length && is_cased(unicode_decode(string->bytes + after, &n)) ? 0x3C3 : 0x3C2;
}

static void add_lower(StringBuilder *out, const String *string, size_t at, uint32_t c)
{
    builder_add_code_point(out, c == 0x3A3 ? lower_sigma(string, at) : (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
}

Value string_to_case(Render *r, const String *string, StringCase to)
{
    StringBuilder out = {.render = r};
    bool in_word = false;
    for (size_t at = 0; at < string->length && !r->failed;) {
        int n;
        const uint32_t c = unicode_decode(string->bytes + at, &n);
        if (to == CASE_UPPER)
            add_upper(&out, c);
        else if (to == CASE_LOWER || (to == CASE_CAPITALIZE && at > 0) || (to == CASE_TITLE && in_word))
            add_lower(&out, string, at, c);
        else
            add_title(&out, c);
        in_word = is_cased(c);
        at += (size_t)n;
    }
    return builder_string(&out);
}

bool string_is_case(const String *string, StringCase which)
{
    bool any = false;
    for (size_t at = 0; at < string->length;) {
        int n;
        const uint32_t c = unicode_decode(string->bytes + at, &n);
        const utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)c);
        if (category == UTF8PROC_CATEGORY_LT ||
            category == (which == CASE_UPPER ? UTF8PROC_CATEGORY_LL : UTF8PROC_CATEGORY_LU))
            return false;
        any = any || is_cased(c);
        at += (size_t)n;
    }
    return any;
}

/* ---- stripping ---- */

static bool is_stripped(uint32_t c, const String *chars)
{
    if (!chars) return python_is_space(c);
    for (size_t at = 0; at < chars->length;) {
        int n;
        if (unicode_decode(chars->bytes + at, &n) == c) return true;
        at += (size_t)n;
    }
    return false;
}

Value string_strip(Render *r, const String *string, const String *chars, bool left, bool right)
{
    size_t from = 0, to = string->length;
    int n;
    while (left && from < to && is_stripped(unicode_decode(string->bytes + from, &n), chars)) from += (size_t)n;
    while (right && to > from) {
        size_t at = to - 1;
        while (at > from && ((unsigned char)string->bytes[at] & 0xC0) == 0x80) at--;
        if (!is_stripped(unicode_decode(string->bytes + at, &n), chars)) break;
        to = at;
    }
    render_work(r, (int64_t)((string->length - (to - from)) * (chars ? chars->length + 1 : 1)));
    return string_part(r, string, from, to);
}

Value string_replace(Render *r, const String *string, const String *old, const String *new, int64_t count)
{
    StringBuilder out = {.render = r};
    size_t at = 0;
    for (int64_t i = 0; (count < 0 || i < count) && render_work(r, 1); i++) {
        /* An empty piece stands before every character and at the end. */
        const size_t from = old->length == 0 && i > 0 ? at + 1 : at;
        size_t found = from;
        if (old->length == 0)
            while (i > 0 && found < string->length && ((unsigned char)string->bytes[found] & 0xC0) == 0x80) found++;
        if (old->length == 0 && found > string->length) break;
        if (old->length > 0) {
            const int64_t place = string_find(string, old, at);
            if (place < 0) break;
            found = (size_t)place;
        }
        builder_add(&out, string->bytes + at, found - at);
        builder_add_string(&out, new);
        at = found + old->length;
    }
    builder_add(&out, string->bytes + at, string->length - at);
    return builder_string(&out);
}
