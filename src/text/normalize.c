/* SPDX-License-Identifier: MIT */
#include "text/normalize.h"

#include "base/arena.h"
#include "text/unicode.h"

#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

static bool is_ascii(const char *text, size_t length)
{
    unsigned char any = 0;
    for (size_t i = 0; i < length; i++) any |= (unsigned char)text[i];
    return any < 0x80;
}

/* The stretch in hand: code points and room to sort them, kept from stretch to stretch. */
typedef struct CodePoints {
    utf8proc_int32_t *items, *scratch; /* owned */
    size_t n, capacity, scratch_capacity;
} CodePoints;

/* The text that comes out. */
typedef struct Output {
    char *text; /* owned */
    size_t n, capacity;
} Output;

static void reserve(Output *out, size_t more)
{
    if (out->capacity - out->n > more) return;
    out->capacity = out->capacity + out->capacity / 2 + more + 1;
    out->text = base_realloc(out->text, out->capacity, 1);
}

static void decompose(CodePoints *c, const char *text, size_t length, utf8proc_option_t options)
{
    enum { MOST_PARTS = 32 }; /* U+FDFA, the longest, has 18 */
    c->n = 0;
    for (size_t i = 0; i < length;) {
        if (c->capacity - c->n < MOST_PARTS) {
            c->capacity = 2 * c->capacity + 8 * MOST_PARTS;
            c->items = base_realloc(c->items, c->capacity, sizeof *c->items);
        }
        int step;
        const uint32_t code_point = unicode_decode(text + i, &step);
        i += (size_t)step;
        if (unicode_is_unnormalised(code_point)) {
            c->items[c->n++] = (utf8proc_int32_t)code_point;
            continue;
        }
        int boundary = 0;
        const utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)code_point, c->items + c->n,
                                                           (utf8proc_ssize_t)(c->capacity - c->n), options, &boundary);
        if (n > 0) c->n += (size_t)n;
    }
}

static int combining_class(utf8proc_int32_t code_point)
{
    const int class = utf8proc_get_property(code_point)->combining_class;
    return class == 0 || unicode_is_unnormalised((uint32_t)code_point) ? 0 : class;
}

/* Sorts marks[0 .. n) by combining class, equals in their order: a merge sort from below. */
static void sort_marks(utf8proc_int32_t *marks, utf8proc_int32_t *scratch, size_t n)
{
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t low = 0; low < n; low += 2 * width) {
            const size_t middle = low + width < n ? low + width : n, high = low + 2 * width < n ? low + 2 * width : n;
            size_t left = low, right = middle;
            for (size_t out = low; out < high; out++) {
                const bool take_left =
                    left < middle && (right >= high || combining_class(marks[left]) <= combining_class(marks[right]));
                scratch[out] = take_left ? marks[left++] : marks[right++];
            }
        }
        memcpy(marks, scratch, n * sizeof *marks);
    }
}

/* Canonical ordering: each run of marks between two starters (class 0) is sorted. */
static void order_marks(CodePoints *c)
{
    for (size_t begin = 0; begin < c->n;) {
        size_t end = begin;
        bool sorted = true;
        for (int last = 0; end < c->n; end++) {
            const int class = combining_class(c->items[end]);
            if (class == 0) break;
            sorted = sorted && class >= last;
            last = class;
        }
        if (!sorted) {
            if (end - begin > c->scratch_capacity) {
                c->scratch_capacity = 2 * (end - begin);
                c->scratch = base_realloc(c->scratch, c->scratch_capacity, sizeof *c->scratch);
            }
            sort_marks(c->items + begin, c->scratch, end - begin);
        }
        begin = end + 1;
    }
}

/* Composes between the characters that compose with nothing, and writes all of it. */
static void compose_and_write(CodePoints *c, bool compose, utf8proc_option_t options, Output *out)
{
    reserve(out, 4 * c->n);
    for (size_t begin = 0; begin < c->n;) {
        size_t end = begin + 1;
        while (end < c->n && !unicode_is_unnormalised((uint32_t)c->items[end])) end++;
        size_t n = end - begin;
        if (compose && n > 1) {
            const size_t skip = unicode_is_unnormalised((uint32_t)c->items[begin]);
            const utf8proc_ssize_t left =
                utf8proc_normalize_utf32(c->items + begin + skip, (utf8proc_ssize_t)(n - skip), options);
            if (left >= 0) n = (size_t)left + skip;
        }
        for (size_t i = begin; i < begin + n; i++)
            out->n += (size_t)unicode_encode((uint32_t)c->items[i], out->text + out->n);
        begin = end;
    }
}

/* Characters before which a text may be cut, whatever the form: starters that are never the second of a composition and whose
 * own first part is one. ASCII is the other such kind. */
static bool begins_anew(uint32_t c)
{
    return (c >= 0x3041 && c <= 0x3096) || (c >= 0x30A1 && c <= 0x30FA) || (c >= 0x3400 && c <= 0x9FFF) ||
           (c >= 0xAC00 && c <= 0xD7A3);
}

/* Where the stretch of other than ASCII that begins at `at` ends: at the next ASCII character, or, so that a text without any does
 * not become one array of code points, at a character that begins anew once it is long. */
static size_t stretch_end(const char *text, size_t length, size_t at)
{
    enum { LONG_BYTES = 1 << 16 };
    const size_t begin = at;
    while (at < length && (unsigned char)text[at] >= 0x80) {
        int step;
        const uint32_t code_point = unicode_decode(text + at, &step);
        if (at - begin >= LONG_BYTES && begins_anew(code_point)) break;
        at += (size_t)step;
    }
    return at;
}

char *normalize(NormalForm form, const char *text, size_t length, size_t *normalized_length)
{
    if (is_ascii(text, length)) return NULL;
    const bool compatible = form == NORMAL_NFKC || form == NORMAL_NFKD;
    const bool compose = form == NORMAL_NFC || form == NORMAL_NFKC;
    const utf8proc_option_t kind = compatible ? UTF8PROC_COMPAT : (utf8proc_option_t)0;
    CodePoints c = {0};
    Output out = {0};
    reserve(&out, length + 64);
    for (size_t at = 0; at < length;) {
        size_t plain = at;
        while (plain < length && (unsigned char)text[plain] < 0x80) plain++;
        /* The last ASCII character before the others may be the base of their marks. */
        const size_t begin = plain > at && plain < length ? plain - 1 : plain, end = stretch_end(text, length, plain);
        reserve(&out, begin - at);
        memcpy(out.text + out.n, text + at, begin - at);
        out.n += begin - at;
        decompose(&c, text + begin, end - begin, (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | kind));
        order_marks(&c);
        compose_and_write(&c, compose, (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE | kind), &out);
        at = end;
    }
    out.text[out.n] = 0;
    base_free(c.items);
    base_free(c.scratch);
    *normalized_length = out.n;
    return out.text;
}
