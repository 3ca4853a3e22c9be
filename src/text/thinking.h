/* SPDX-License-Identifier: MIT */
/* text/thinking.h: <think> and </think> in what a model writes: a text that arrives in pieces, cut into thinking and answer. */
#ifndef R1_TEXT_THINKING_H
#define R1_TEXT_THINKING_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the text ends behind a <think> (and white space): an answer that follows begins with thinking. */
bool thinking_is_open(const char *text, size_t length);
/* The byte behind the last </think>; NULL when there is none. */
const char *thinking_close(const char *text, size_t length);
/* Whether thinking has begun, in the prompt or in the reply to it, and no </think> ends it: then nothing of the reply is an answer. */
bool thinking_unfinished(const char *prompt, size_t prompt_length, const char *reply, size_t length);
/* What stands behind the last </think>, without the newlines before it; the whole text when there is none. Zero-terminated as text is. */
const char *thinking_end(const char *text, size_t length);

/* Takes a piece: thinking or answer, never empty, whole UTF-8 sequences, often one character. */
typedef void (*ThinkingPart)(void *context, bool thinking, const char *text, size_t length);

enum { THINKING_HELD_BYTES = 16 };
typedef struct ThinkingStream {
    ThinkingPart part;
    void *context;
    bool thinking;
    bool begun;                     /* something other than white space came: a <think> behind it is text */
    char held[THINKING_HELD_BYTES]; /* the beginning of a tag or of a UTF-8 sequence */
    size_t n_held;
} ThinkingStream;

/* thinking: it begins inside <think>. */
void thinking_begin(ThinkingStream *stream, bool thinking, ThinkingPart part, void *context);
void thinking_feed(ThinkingStream *stream, const char *text, size_t length);
void thinking_finish(ThinkingStream *stream); /* what was held back is text after all */

#endif
