/* SPDX-License-Identifier: MIT */
/* reward/frame.h: frames that a recipe chooses: literal tags in order, free text where the frame says "...".
 *
 *   "<think>...</think><answer>...</answer>"   R1-Zero's (also named "r1-zero")
 *   "<think>...</think>..."                    R1's: thinking, then the answer without a tag (also named "r1")
 *
 * A text is of the frame when each literal stands in it exactly once, in order; between two literals with "..." between them is any
 * text, elsewhere white space or nothing. A free text at the end holds more than white space. When the prompt ends with the first
 * literal (and white space alone, or no line break, behind it), the frame is open there and the completion goes on inside.
 * May use nothing but libc. */
#ifndef R1_REWARD_FRAME_H
#define R1_REWARD_FRAME_H

#include "base/error.h"

#include <stddef.h>

enum { FRAME_MAX_TAGS = 8 };

typedef struct Frame {
    struct {
        char text[32];
        size_t length;
        bool free_before; /* any text may stand between the tag before and this one */
    } tags[FRAME_MAX_TAGS];
    int n_tags;
    bool free_at_end;
} Frame;

/* From a recipe's text. ERROR_INPUT when it is none: no tag, a tag twice, a tag inside another, text before the first. */
bool frame_read(Frame *frame, const char *text, Error *err) R1_MUST_CHECK;

typedef struct FrameResult {
    bool ok;
    size_t failed_at; /* !ok: the first character of the completion that does not fit */
    char reason[96];  /* !ok: what was expected there */
    double
        partial; /* share of the tags that stand exactly once, in order, in prompt's end and completion; 1 only when ok */
    size_t answer, answer_end;   /* ok: the last free text of the completion */
    size_t thought, thought_end; /* ok: the first one; the same when there is but one */
} FrameResult;
FrameResult frame_check(const Frame *frame, const char *prompt, size_t prompt_length, const char *completion,
                        size_t length);

#endif
