/* SPDX-License-Identifier: MIT */
/* text/stop_strings.h: finds the first of several strings in a text that arrives in pieces, across the borders of the pieces.
 *
 * An Aho-Corasick automaton over bytes: the state is one integer, so each completion of a batch carries its own. The first match is the one
 * that ends first; of those that end at the same byte, the longest. */
#ifndef R1_TEXT_STOP_STRINGS_H
#define R1_TEXT_STOP_STRINGS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

enum { STOP_MAX_BYTES = 1 << 16 /* of all strings together */ };

typedef struct StopStrings {
    int32_t (*next)[256]; /* [n_states]: owned; state 0 is the beginning */
    int32_t *match;       /* [n_states]: bytes of the longest string that ends here; 0: none; owned */
    int32_t *depth;       /* [n_states]: bytes from the root; owned */
    int64_t n_states;
} StopStrings;

/* strings [n], none empty. */
bool stop_strings_create(StopStrings *stop, const char *const *strings, int64_t n, Error *err) R1_MUST_CHECK;
void stop_strings_free(StopStrings *stop); /* a zeroed one is fine */

/* Goes on from *state over text[0 .. length). True when a string ended in it; *state is of no use then. */
bool stop_strings_feed(const StopStrings *stop, int32_t *state, const char *text, size_t length);
/* Where a whole text is cut: the offset at which the first match begins, `length` when there is none. */
size_t stop_strings_cut(const StopStrings *stop, const char *text, size_t length);
/* Bytes at the end of what was fed that may yet turn out to belong to a match: what a stream must hold back. */
size_t stop_strings_pending(const StopStrings *stop, int32_t state);

#endif
