/* SPDX-License-Identifier: MIT */
/* data/chat_rows.h: conversations in rows of training data, as the texts that the model's chat template makes of them. */
#ifndef R1_DATA_CHAT_ROWS_H
#define R1_DATA_CHAT_ROWS_H

#include "base/json.h"
#include "text/chat_template.h"

/* The template of a model, opened by the first row that needs it. */
typedef struct ChatRows {
    const char *folder; /* of the model */
    ChatTemplate *chat;
} ChatRows;
void chat_rows_free(ChatRows *rows);

/* The text up to where the answer begins: `messages` (the turns before it) with the row's other keys as variables and the generation prompt. The
 * template is checked for training once. *text is base_alloc'd. */
bool chat_rows_prompt(ChatRows *rows, const json_t *row, json_t *messages, char **text, size_t *length,
                      Error *err) R1_MUST_CHECK;
/* Where an answer goes on: behind its "<think>" and white space when the prompt ends with just that. */
size_t chat_rows_skip_opened(const char *prompt, size_t prompt_length, const char *answer, size_t length);
/* The answer that a list of messages ends with, and a new list (the caller's) of those before it. */
bool chat_rows_take_answer(const json_t *messages, const char *key, json_t **before, const char **answer,
                           size_t *length, Error *err) R1_MUST_CHECK;

#endif
