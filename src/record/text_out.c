/* SPDX-License-Identifier: MIT */
/* record/text_out.c: see text_out.h. */
#include "record/text_out.h"

#include "base/arena.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void text_out_free(TextOut *out)
{
    base_free(out->text);
    *out = (TextOut){0};
}

static void reserve(TextOut *out, size_t more)
{
    if (out->capacity - out->length > more) return;
    out->capacity = (out->length + more + 1) * 2;
    out->text = base_realloc(out->text, out->capacity, 1);
}

void text_out_bytes(TextOut *out, const char *bytes, size_t length)
{
    reserve(out, length);
    if (length > 0) memcpy(out->text + out->length, bytes, length);
    out->length += length;
    out->text[out->length] = 0;
}

void text_out(TextOut *out, const char *text)
{
    text_out_bytes(out, text, strlen(text));
}

void text_out_printf(TextOut *out, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    const int needed = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (needed > 0) {
        reserve(out, (size_t)needed);
        vsnprintf(out->text + out->length, (size_t)needed + 1, format, again);
        out->length += (size_t)needed;
    }
    va_end(again);
}

void text_out_count(TextOut *out, int64_t value)
{
    char digits[24];
    const int n = snprintf(digits, sizeof digits, "%" PRId64, value);
    for (int i = 0; i < n; i++) {
        text_out_bytes(out, digits + i, 1);
        if (digits[i] != '-' && i + 1 < n && (n - 1 - i) % 3 == 0) text_out(out, ",");
    }
}

void text_out_duration(TextOut *out, double seconds)
{
    if (!(seconds >= 0) || seconds > 1e12) {
        text_out(out, "?");
        return;
    }
    const int64_t s = (int64_t)(seconds + 0.5);
    if (s < 60)
        text_out_printf(out, "%" PRId64 " s", s);
    else if (s < 3600)
        text_out_printf(out, "%" PRId64 ":%02" PRId64, s / 60, s % 60);
    else if (s < 86400)
        text_out_printf(out, "%" PRId64 ":%02" PRId64 ":%02" PRId64, s / 3600, s / 60 % 60, s % 60);
    else
        text_out_printf(out, "%" PRId64 " d %" PRId64 " h", s / 86400, s / 3600 % 24);
}

void text_out_number(TextOut *out, double value)
{
    const double size = fabs(value);
    if (isnan(value))
        text_out(out, "–");
    else if (isinf(value))
        text_out(out, value > 0 ? "∞" : "−∞");
    else if (size == 0)
        text_out(out, "0");
    else if (size >= 1e12 || size < 0.00095)
        text_out_printf(out, "%.1e", value);
    else if (size >= 999.5)
        text_out_count(out, (int64_t)rint(value));
    else if (size >= 99.95)
        text_out_printf(out, "%.0f", value);
    else if (size >= 9.995)
        text_out_printf(out, "%.1f", value);
    else if (size >= 0.0995)
        text_out_printf(out, "%.2f", value);
    else
        text_out_printf(out, "%.*f", size >= 0.00995 ? 3 : 4, value);
}

void text_out_percent(TextOut *out, double share)
{
    if (isnan(share))
        text_out(out, "–");
    else
        text_out_printf(out, "%.1f%%", 100 * share);
}
