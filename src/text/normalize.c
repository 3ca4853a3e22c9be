/* SPDX-License-Identifier: MIT */
#include "text/normalize.h"

#include "base/arena.h"
#include "text/unicode.h"

#include <stdint.h>
#include <string.h>
#include <utf8proc.h>

typedef struct CodePoints {
    utf8proc_int32_t *items; /* owned */
    size_t n, capacity;
} CodePoints;

static bool is_ascii(const char *text, size_t length)
{
    unsigned char any = 0;
    for (size_t i = 0; i < length; i++) any |= (unsigned char)text[i];
    return any < 0x80;
}

static CodePoints decompose(const char *text, size_t length, utf8proc_option_t options)
{
    enum { MOST_PARTS = 32 }; /* U+FDFA, the longest, has 18 */
    CodePoints c = {0};
    for (size_t i = 0; i < length;) {
        if (c.capacity - c.n < MOST_PARTS) {
            c.capacity = 2 * c.capacity + length + MOST_PARTS;
            c.items = base_realloc(c.items, c.capacity, sizeof *c.items);
        }
        int step;
        const uint32_t code_point = unicode_decode(text + i, &step);
        int boundary = 0;
        const utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)code_point, c.items + c.n,
                                                           (utf8proc_ssize_t)(c.capacity - c.n), options, &boundary);
        if (n > 0) c.n += (size_t)n;
        i += (size_t)step;
    }
    return c;
}

static int combining_class(utf8proc_int32_t code_point)
{
    return utf8proc_get_property(code_point)->combining_class;
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
    utf8proc_int32_t *scratch = NULL;
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
            if (!scratch) scratch = base_alloc(c->n, sizeof *scratch);
            sort_marks(c->items + begin, scratch, end - begin);
        }
        begin = end + 1;
    }
    base_free(scratch);
}

char *normalize(NormalForm form, const char *text, size_t length, size_t *normalized_length)
{
    if (is_ascii(text, length)) return NULL;
    const bool compatible = form == NORMAL_NFKC || form == NORMAL_NFKD;
    const bool compose = form == NORMAL_NFC || form == NORMAL_NFKC;
    const utf8proc_option_t kind = compatible ? UTF8PROC_COMPAT : (utf8proc_option_t)0;
    CodePoints c = decompose(text, length, (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | kind));
    order_marks(&c);
    if (compose) {
        const utf8proc_option_t options = (utf8proc_option_t)(UTF8PROC_STABLE | UTF8PROC_COMPOSE | kind);
        const utf8proc_ssize_t n = utf8proc_normalize_utf32(c.items, (utf8proc_ssize_t)c.n, options);
        if (n >= 0) c.n = (size_t)n;
    }
    char *const out = base_alloc(4 * c.n + 1, 1);
    size_t used = 0;
    for (size_t i = 0; i < c.n; i++) used += (size_t)unicode_encode((uint32_t)c.items[i], out + used);
    out[used] = 0;
    base_free(c.items);
    *normalized_length = used;
    return out;
}
