/* SPDX-License-Identifier: MIT */
/* cli/tasks_chat.c: see tasks_chat.h. */
#include "cli/tasks_chat.h"

#include "text/conversation.h"

#include <string.h>

bool tasks_chat_prompt(char **text, size_t *length, const ChatTemplate *chat, const char *system, const char *question,
                       Error *err)
{
    Conversation conversation;
    bool thinks;
    conversation_create(&conversation, chat);
    if (system) conversation_add(&conversation, "system", system, strlen(system));
    conversation_add(&conversation, "user", question, strlen(question));
    const bool ok = conversation_text(&conversation, chat, 0, text, length, &thinks, err);
    conversation_free(&conversation);
    return ok;
}

bool tasks_chat_fits(int task, Error *err)
{
    if (!task_is_general(task) && !task_is_search(task)) return true;
    return error_set(err, ERROR_USAGE,
                     "--chat goes with tasks of one right answer; %s has several, which a frame and a check decide",
                     task_name(task));
}
