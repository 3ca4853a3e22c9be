/* SPDX-License-Identifier: MIT */
/* text/json_schema_gbnf.c: the small pieces of GBNF: literals, ranges of integers, strings that are not in a list. */
#include "text/json_schema_parts.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void gbnf_free(Gbnf *out)
{
    base_free(out->text);
    *out = (Gbnf){.text = NULL};
}

void gbnf_append(Gbnf *out, const char *text, size_t length)
{
    if (out->length + length + 1 > out->capacity) {
        out->capacity = 2 * (out->length + length) + 64;
        out->text = base_realloc(out->text, out->capacity, 1);
    }
    memcpy(out->text + out->length, text, length);
    out->length += length;
    out->text[out->length] = 0;
}

void gbnf_add(Gbnf *out, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    gbnf_append(out, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
}

void gbnf_literal(Gbnf *out, const char *text, size_t length)
{
    gbnf_append(out, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            gbnf_add(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            gbnf_add(out, "\\x%02x", c);
        else
            gbnf_append(out, text + i, 1);
    }
    gbnf_append(out, "\"", 1);
}

void gbnf_class_character(Gbnf *out, uint32_t code)
{
    if ((code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z'))
        gbnf_add(out, "%c", (int)code);
    else
        gbnf_add(out, "\\U%08" PRIX32, code);
}

void gbnf_repeat(Gbnf *out, int64_t low, int64_t high)
{
    if (low == 1 && high == 1) return;
    if (high < 0)
        gbnf_add(out, low == 0 ? "*" : low == 1 ? "+" : "{%" PRId64 ",}", low);
    else
        gbnf_add(out, "{%" PRId64 ",%" PRId64 "}", low, high);
}

/* ---- integers ---- */

enum { MAX_DIGITS = 19 };

/* Numbers from low to high, both written with n digits. */
static void same_length(Gbnf *out, const char *low, const char *high, int n)
{
    static const char zeros[] = "0000000000000000000", nines[] = "9999999999999999999";
    if (n == 0) {
        gbnf_add(out, "\"\"");
    } else if (memcmp(low, zeros, (size_t)n) == 0 && memcmp(high, nines, (size_t)n) == 0) {
        gbnf_add(out, "[0-9]{%d}", n);
    } else if (low[0] == high[0]) {
        gbnf_add(out, "\"%c\" ", low[0]);
        same_length(out, low + 1, high + 1, n - 1);
    } else {
        gbnf_add(out, "(\"%c\" ", low[0]);
        same_length(out, low + 1, nines, n - 1);
        if (low[0] + 1 < high[0]) gbnf_add(out, " | [%c-%c] [0-9]{%d}", low[0] + 1, high[0] - 1, n - 1);
        gbnf_add(out, " | \"%c\" ", high[0]);
        same_length(out, zeros, high + 1, n - 1);
        gbnf_add(out, ")");
    }
}

/* 0 <= low <= high, by their numbers of digits. */
static void natural_range(Gbnf *out, uint64_t low, uint64_t high)
{
    bool first = true;
    uint64_t begin = 0; /* the least number with n digits */
    for (int n = 1; n <= MAX_DIGITS; n++) {
        const uint64_t next = n == 1 ? 10 : begin * 10, end = next - 1;
        const uint64_t from = low > begin ? low : begin, to = high < end ? high : end;
        if (from <= to) {
            char a[32], b[32];
            snprintf(a, sizeof a, "%0*" PRIu64, n, from);
            snprintf(b, sizeof b, "%0*" PRIu64, n, to);
            if (!first) gbnf_add(out, " | ");
            same_length(out, a, b, n);
            first = false;
        }
        begin = next;
    }
}

void gbnf_integers(Gbnf *out, const int64_t *low_given, const int64_t *high_given)
{
    static const int64_t most = 999999999999999999; /* 18 digits */
    const int64_t low = low_given && *low_given > -most ? *low_given : -most;
    const int64_t high = high_given && *high_given < most ? *high_given : most;
    if (!low_given && !high_given) {
        gbnf_add(out, "\"-\"? (\"0\" | [1-9] [0-9]{0,15})");
        return;
    }
    gbnf_add(out, "(");
    if (low < 0) {
        gbnf_add(out, "\"-\" (");
        natural_range(out, high < 0 ? (uint64_t)-high : 1, (uint64_t)-low);
        gbnf_add(out, ")%s", high >= 0 ? " | " : "");
    }
    if (high >= 0) natural_range(out, low > 0 ? (uint64_t)low : 0, (uint64_t)high);
    gbnf_add(out, ")");
}

/* ---- strings that are not in a list ---- */

enum { MAX_TOLD_APART = 200 }; /* bytes: a string that agrees with a name for longer is left out altogether */

static uint32_t decode(const char *text, size_t left, size_t *n)
{
    const int length = utf8_sequence(text, left);
    const unsigned char first = (unsigned char)text[0];
    *n = length > 0 ? (size_t)length : 1;
    uint32_t code = length <= 1 ? first : first & (0x7fu >> length);
    for (int i = 1; i < length; i++) code = code << 6 | ((unsigned char)text[i] & 0x3fu);
    return code;
}

/* Whether an earlier name goes on with the same character behind their common beginning. */
static bool is_repeated(const char *const *names, int64_t i, const char *prefix, size_t length, size_t n)
{
    for (int64_t j = 0; j < i; j++)
        if (strlen(names[j]) >= length + n && memcmp(names[j], prefix, length) == 0 &&
            memcmp(names[j] + length, names[i] + length, n) == 0)
            return true;
    return false;
}

/* What may follow behind `prefix`, a beginning of some of the names: another character than they go on with, and then anything; one of
 * theirs, and then not the rest; or the end, unless a name ends here. */
static void other_endings(Gbnf *out, const char *const *names, int64_t n_names, const char *prefix, size_t length)
{
    bool is_name = false;
    Gbnf others = {0};
    gbnf_add(out, "(");
    for (int64_t i = 0; i < n_names; i++) {
        size_t n;
        if (strncmp(names[i], prefix, length) != 0) continue;
        if (!names[i][length]) {
            is_name = true;
            continue;
        }
        const uint32_t code = decode(names[i] + length, strlen(names[i]) - length, &n);
        if (is_repeated(names, i, prefix, length, n)) continue;
        gbnf_class_character(&others, code);
        if (length >= MAX_TOLD_APART) continue;
        if (code == '"' || code == '\\' || code < 0x20) continue; /* written with an escape, which is left out here */
        gbnf_literal(out, names[i] + length, n);
        gbnf_add(out, " ");
        other_endings(out, names, n_names, names[i], length + n);
        gbnf_add(out, " | ");
    }
    gbnf_add(out, "[^\\\"\\\\\\x00-\\x1f\\x7f");
    gbnf_append(out, others.text ? others.text : "", others.length);
    gbnf_add(out, "] char*)%s", is_name ? "" : "?");
    gbnf_free(&others);
}

void gbnf_other_strings(Gbnf *out, const char *const *names, int64_t n)
{
    gbnf_add(out, "\"\\\"\" ");
    other_endings(out, names, n, "", 0);
    gbnf_add(out, " \"\\\"\"");
}
