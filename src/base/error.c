/* SPDX-License-Identifier: MIT */
/* base/error.c: texts are cut at the end when they grow too long; an error never allocates. Names from files may hold anything: a control
 * character becomes a question mark, so that a message stays one line and steers no terminal. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void replace_controls(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F) *text = '?';
}

bool error_set(Error *err, ErrorKind kind, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    err->kind = kind;
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    replace_controls(err->text);
    return false;
}

bool error_in(Error *err, const char *format, ...)
{
    char context[sizeof err->text];
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    replace_controls(context);
    memcpy(text, err->text, sizeof text);
    /* A long context may push the end of the text out; the beginning says where, which matters most. */
    size_t used = strlen(context);
    if (used > sizeof err->text - 3) used = sizeof err->text - 3;
    memcpy(err->text, context, used);
    memcpy(err->text + used, ": ", 2);
    const size_t room = sizeof err->text - used - 3, length = strnlen(text, room);
    memcpy(err->text + used + 2, text, length);
    err->text[used + 2 + length] = 0;
    return false;
}
