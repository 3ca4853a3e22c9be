/* SPDX-License-Identifier: MIT */
/* text/chat_template.h: the chat template of a model: where it stands, which of several, and what it sees.
 *
 * A folder has chat_template.jinja, or "chat_template" in tokenizer_config.json (a string, or a list of {"name","template"}), or
 * in chat_template.json; further ones stand in additional_chat_templates/NAME.jinja. Of several, "tool_use" is taken when there
 * are tools, else "default". A GGUF file has one in its metadata. */
#ifndef R1_TEXT_CHAT_TEMPLATE_H
#define R1_TEXT_CHAT_TEMPLATE_H

#include "text/template.h"

typedef struct ChatTemplate ChatTemplate;

/* Of a folder or a GGUF file; one without a template is ERROR_INPUT. */
bool chat_template_open(ChatTemplate **chat, const char *folder, Error *err) R1_MUST_CHECK;
/* One file: special tokens, tools and documents are what the variables say, or undefined. */
bool chat_template_open_file(ChatTemplate **chat, const char *path, Error *err) R1_MUST_CHECK;
void chat_template_free(ChatTemplate *chat);

/* From now on this one, whatever the tools. */
bool chat_template_choose(ChatTemplate *chat, const char *name, Error *err) R1_MUST_CHECK;

/* variables: {"messages":[...],"add_generation_prompt":...} and whatever else the template is to see. Any thread. */
bool chat_template_render(const ChatTemplate *chat, const json_t *variables, const TemplateLimits *limits, char **text,
                          size_t *length, Error *err) R1_MUST_CHECK;

/* Whether the text of a conversation begins with the text of its beginning, which training relies on: what is trained must be what the
 * model sees in use. Tried on two turns, with thinking (<think>...</think> in the answer) and without.
 * CHAT_KEEPS_PREFIX: it does, generation prompt included.
 * CHAT_STRIPS_THINKING: thinking goes from turns that are rendered, as DeepSeek-R1 (from all) and Qwen3 (from earlier ones) have it.
 *   The text up to a question stays what it was, so the last turn may be trained, as the prompt's text and the answer behind it.
 * ERROR_INPUT when the template fails on plain conversations. */
typedef enum ChatPrefix { CHAT_KEEPS_PREFIX, CHAT_STRIPS_THINKING, CHAT_BREAKS_PREFIX } ChatPrefix;
bool chat_template_prefix(const ChatTemplate *chat, ChatPrefix *prefix, Error *err) R1_MUST_CHECK;
/* ERROR_INPUT, with what to do, unless the template keeps the prefix of conversations of n_turns trained answers. */
bool chat_template_check_training(const ChatTemplate *chat, int64_t n_turns, Error *err) R1_MUST_CHECK;

#endif
