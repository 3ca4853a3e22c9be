/* SPDX-License-Identifier: MIT */
/* base/error.h: one error value, filled where it happens, given context on the way up, printed once by cli/main.c.
 *
 * A function that can fail returns bool (R1_MUST_CHECK) and fills the caller's Error. Nothing below cli/ prints or exits.
 * May use libc alone. */
#ifndef R1_BASE_ERROR_H
#define R1_BASE_ERROR_H

#include <stdbool.h>

#define R1_MUST_CHECK                      __attribute__((warn_unused_result))
#define R1_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))

typedef enum ErrorKind {
    ERROR_NONE,
    ERROR_USAGE,       /* wrong use of a command: exit status 2 */
    ERROR_INPUT,       /* a bad file, recipe, prompt: exit status 2 */
    ERROR_SYSTEM,      /* the machine refused (disk full, no memory, no permission): exit status 3 */
    ERROR_BUG,         /* our own fault, e.g. a NaN or a replay that differs: exit status 3 */
    ERROR_INTERRUPTED, /* SIGINT or SIGTERM was seen: exit status 130 or 143 */
} ErrorKind;

typedef struct Error {
    ErrorKind kind;
    char text[768];
} Error;

/* Sets kind and text. Always false, so that a check is one line: return error_set(err, ...). err may not be NULL. */
bool error_set(Error *err, ErrorKind kind, const char *format, ...) R1_PRINTF(3, 4);
/* Puts "context: " in front of the text that a callee left. Always false. */
bool error_in(Error *err, const char *format, ...) R1_PRINTF(2, 3);

#endif
