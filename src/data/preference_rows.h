/* SPDX-License-Identifier: MIT */
/* data/preference_rows.h: a row of preference data as texts: a prompt, and the two responses to it or the one. What preferences.h and
 * pairs.h read, and who scores rows as training would. */
#ifndef R1_DATA_PREFERENCE_ROWS_H
#define R1_DATA_PREFERENCE_ROWS_H

#include "data/chat_rows.h"

typedef struct PreferenceRow {
    char *prompt; /* owned */
    size_t prompt_length;
    bool rendered;            /* the chat template has written the prompt, special tokens and all */
    const char *responses[2]; /* chosen and rejected, or the one; point into the row. Where the prompt has opened the */
    size_t lengths[2];        /* thinking already, what stands behind that */
} PreferenceRow;

/* {"prompt", "chosen", "rejected"}: "prompt" is a text or a list of messages, for which "messages" may stand; chosen and rejected are
 * texts, or messages that end with an answer. Turns before those answers must be the same, and go on the prompt's messages; without
 * a prompt they are it. A failed row is to be freed too. */
bool preference_row_read_pair(PreferenceRow *out, ChatRows *chat, const json_t *row, Error *err) R1_MUST_CHECK;
/* {"prompt", "completion"}, of the same forms, or {"messages"} that end with the answer. */
bool preference_row_read_response(PreferenceRow *out, ChatRows *chat, const json_t *row, Error *err) R1_MUST_CHECK;
void preference_row_free(PreferenceRow *row);

#endif
