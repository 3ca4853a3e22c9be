/* SPDX-License-Identifier: MIT */
/* text/conversation.h: messages in turns, as the text that a model goes on from.
 *
 * What an assistant thought in earlier turns is not shown to the model again (DeepSeek-R1, section "usage"; Qwen3): where the template
 * does not take it out itself, it is taken out here. */
#ifndef R1_TEXT_CONVERSATION_H
#define R1_TEXT_CONVERSATION_H

#include "text/chat_template.h"

#include <stdbool.h>

typedef struct Conversation {
    json_t *messages;     /* [{"role", "content"}, ...]; owned */
    bool template_strips; /* the template takes earlier thinking out by itself */
} Conversation;

/* chat: what conversation_text will be called with; NULL: none. */
void conversation_create(Conversation *conversation, const ChatTemplate *chat);
void conversation_free(Conversation *conversation); /* a zeroed one is fine */

int64_t conversation_length(const Conversation *conversation);
void conversation_add(Conversation *conversation, const char *role, const char *content, size_t length);
void conversation_cut(Conversation *conversation, int64_t n); /* keeps the first n messages */
const char *conversation_role(const Conversation *conversation, int64_t i);
const char *conversation_content(const Conversation *conversation, int64_t i);
/* The system message is the first one; NULL or "" takes it out. */
void conversation_set_system(Conversation *conversation, const char *content);
bool conversation_has_system(const Conversation *conversation);

/* {"messages": [...]}, or the array alone. */
bool conversation_read(Conversation *conversation, const char *path, Error *err) R1_MUST_CHECK;
void conversation_write(const Conversation *conversation, JsonOut *out);

/* A question without a template, in the frame of R1-Zero, as the procedural problems are put: these before and behind it. */
#define CONVERSATION_PLAIN_BEFORE "User: "
#define CONVERSATION_PLAIN_AFTER  "\nAssistant:"
/* base_alloc'd, zero-terminated; text_length may be NULL. */
char *conversation_plain(const char *question, size_t length, size_t *text_length);

/* The text up to where an answer begins, without the first n_skipped messages behind the system message. base_alloc'd.
 * *thinks: the text ends inside <think>, so the answer begins with thinking. */
bool conversation_text(const Conversation *conversation, const ChatTemplate *chat, int64_t n_skipped, char **text,
                       size_t *length, bool *thinks, Error *err) R1_MUST_CHECK;

#endif
