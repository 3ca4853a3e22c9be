/* SPDX-License-Identifier: MIT */
/* record/text_out.h: a text that grows, and numbers as people read them. Used for the terminal and for pages. */
#ifndef R1_RECORD_TEXT_OUT_H
#define R1_RECORD_TEXT_OUT_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* The smaller and the larger of two; of a NaN and a number the number when the NaN comes second. Not libm's: what the program
 * may call from there is a short list (contract of numbers), and a test reads it off the binary. */
static inline double lesser(double a, double b)
{
    return b < a ? b : a;
}
static inline double greater(double a, double b)
{
    return b > a ? b : a;
}

/* Zeroed is empty. */
typedef struct TextOut {
    char *text; /* owned, zero-terminated when not NULL */
    size_t length, capacity;
} TextOut;

void text_out_free(TextOut *out);
void text_out_bytes(TextOut *out, const char *bytes, size_t length);
void text_out(TextOut *out, const char *text);
void text_out_printf(TextOut *out, const char *format, ...) R1_PRINTF(2, 3);
/* 1234567 -> "1,234,567". */
void text_out_count(TextOut *out, int64_t value);
/* Seconds as "42 s", "3:07", "1:02:33", "2 d 3 h". */
void text_out_duration(TextOut *out, double seconds);
/* Three significant digits without exponent where that can be read: "0.034", "1.57", "412", "12,300", else "1.2e-07". */
void text_out_number(TextOut *out, double value);
/* 0.6234 -> "62.3%". */
void text_out_percent(TextOut *out, double share);

#endif
