/* SPDX-License-Identifier: MIT */
/* cli/tasks_chat.h: questions of a task as a user's turn through a model's chat template. */
#ifndef R1_CLI_TASKS_CHAT_H
#define R1_CLI_TASKS_CHAT_H

#include "data/tasks.h"
#include "text/chat_template.h"

/* The prompt of this question, up to where the answer begins; system (NULL: none) stands in front. base_alloc'd. */
bool tasks_chat_prompt(char **text, size_t *length, const ChatTemplate *chat, const char *system, const char *question,
                       Error *err) R1_MUST_CHECK;
/* Chat rows are compared with their answer, so there must be but one. */
bool tasks_chat_fits(int task, Error *err) R1_MUST_CHECK;

#endif
