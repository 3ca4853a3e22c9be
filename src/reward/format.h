/* SPDX-License-Identifier: MIT */
/* reward/format.h: is a completion one well-formed frame, and what answer stands in it?
 *
 *   frame = space "<think>" thought "</think>" space "<answer>" answer "</answer>" space
 *
 * space is white space or nothing; thought and answer hold none of the four tags. The frame is read over the tail of the prompt
 * and the completion together: when the last tag of the prompt is "<think>", with white space alone or no line break behind
 * it, the frame is already open there (generation prompts that end in "<think>\n", prefixes that force working). */
#ifndef R1_REWARD_FORMAT_H
#define R1_REWARD_FORMAT_H

#include <stdbool.h>
#include <stddef.h>

typedef struct FormatResult {
    bool ok;
    size_t failed_at;          /* !ok: offset in the completion of the first character that does not fit */
    const char *reason;        /* !ok: what was expected there; a static text. ok: NULL */
    size_t answer, answer_end; /* ok: completion[answer..answer_end) is the answer, white space at its ends included */
} FormatResult;

FormatResult format_check(const char *prompt, size_t prompt_length, const char *completion, size_t length);
/* The frame is open at the end of this prompt. */
bool format_prompt_is_open(const char *prompt, size_t length);

#endif
