/* SPDX-License-Identifier: MIT */
#include "text/conversation.h"

#include "base/arena.h"
#include "base/utf8.h"
#include "text/thinking.h"

#include <inttypes.h>
#include <string.h>

void conversation_create(Conversation *c, const ChatTemplate *chat)
{
    ChatPrefix prefix;
    Error ignored = {0};
    *c = (Conversation){.messages = json_array()};
    c->template_strips = chat && chat_template_prefix(chat, &prefix, &ignored) && prefix == CHAT_STRIPS_THINKING;
}

void conversation_free(Conversation *c)
{
    json_decref(c->messages);
    *c = (Conversation){0};
}

int64_t conversation_length(const Conversation *c)
{
    return (int64_t)json_array_size(c->messages);
}

/* What a person typed or a model wrote may be no UTF-8; what a template sees is. */
static json_t *valid_string(const char *text, size_t length)
{
    char *const copy = base_alloc(3 * length + 1, 1);
    size_t used = 0;
    for (size_t at = 0; at < length;) {
        const int n = utf8_sequence(text + at, length - at);
        memcpy(copy + used, n > 0 ? text + at : "\xEF\xBF\xBD", n > 0 ? (size_t)n : 3);
        used += n > 0 ? (size_t)n : 3;
        at += (size_t)(n > 0 ? n : -n);
    }
    json_t *const string = json_stringn(copy, used);
    base_free(copy);
    return string;
}

static json_t *new_message(const char *role, const char *content, size_t length)
{
    json_t *const message = json_object();
    json_object_set_new(message, "role", json_string(role));
    json_object_set_new(message, "content", valid_string(content, length));
    return message;
}

void conversation_add(Conversation *c, const char *role, const char *content, size_t length)
{
    json_array_append_new(c->messages, new_message(role, content, length));
}

void conversation_cut(Conversation *c, int64_t n)
{
    while (conversation_length(c) > n) json_array_remove(c->messages, json_array_size(c->messages) - 1);
}

static const char *field(const Conversation *c, int64_t i, const char *key)
{
    return json_string_value(json_object_get(json_array_get(c->messages, (size_t)i), key));
}

const char *conversation_role(const Conversation *c, int64_t i)
{
    return field(c, i, "role");
}

const char *conversation_content(const Conversation *c, int64_t i)
{
    return field(c, i, "content");
}

bool conversation_has_system(const Conversation *c)
{
    return conversation_length(c) > 0 && strcmp(conversation_role(c, 0), "system") == 0;
}

void conversation_set_system(Conversation *c, const char *content)
{
    if (conversation_has_system(c)) json_array_remove(c->messages, 0);
    if (content && *content) json_array_insert_new(c->messages, 0, new_message("system", content, strlen(content)));
}

/* ---- files ---- */

static bool check_messages(const json_t *messages, const char *path, Error *err)
{
    if (!json_is_array(messages)) return error_set(err, ERROR_INPUT, "%s: expected {\"messages\": [...]}", path);
    for (size_t i = 0; i < json_array_size(messages); i++) {
        const json_t *const message = json_array_get(messages, i);
        if (!json_is_string(json_object_get(message, "role")) || !json_is_string(json_object_get(message, "content")))
            return error_set(err, ERROR_INPUT, "%s: message %zu: expected {\"role\", \"content\"}, both strings", path,
                             i);
    }
    return true;
}

bool conversation_read(Conversation *c, const char *path, Error *err)
{
    json_t *const json = json_read_file(path, err);
    if (!json) return false;
    json_t *const messages = json_is_object(json) ? json_object_get(json, "messages") : json;
    const bool ok = check_messages(messages, path, err);
    if (ok) {
        json_decref(c->messages);
        c->messages = json_incref(messages);
    }
    json_decref(json);
    return ok;
}

void conversation_write(const Conversation *c, JsonOut *out)
{
    json_out_object(out);
    json_out_key(out, "messages");
    json_out_value(out, c->messages);
    json_out_object_end(out);
}

/* ---- the text of it ---- */

static json_t *visible_message(const Conversation *c, int64_t i)
{
    json_t *const message = json_array_get(c->messages, (size_t)i);
    const char *const content = conversation_content(c, i);
    if (c->template_strips || strcmp(conversation_role(c, i), "assistant") != 0) return json_incref(message);
    const char *const answer = thinking_end(content, strlen(content));
    return new_message("assistant", answer, strlen(answer));
}

char *conversation_plain(const char *question, size_t length, size_t *text_length)
{
    static const char before[] = CONVERSATION_PLAIN_BEFORE, after[] = CONVERSATION_PLAIN_AFTER;
    const size_t n_before = sizeof before - 1, n_after = sizeof after - 1;
    char *const text = base_alloc(n_before + length + n_after + 1, 1);
    memcpy(text, before, n_before);
    memcpy(text + n_before, question, length);
    memcpy(text + n_before + length, after, n_after);
    if (text_length) *text_length = n_before + length + n_after;
    return text;
}

bool conversation_text(const Conversation *c, const ChatTemplate *chat, int64_t n_skipped, char **text, size_t *length,
                       bool *thinks, Error *err)
{
    json_t *const variables = json_object(), *const messages = json_array();
    const int64_t n_system = conversation_has_system(c);
    if (n_system) json_array_append(messages, json_array_get(c->messages, 0));
    for (int64_t i = n_system + n_skipped; i < conversation_length(c); i++)
        json_array_append_new(messages, visible_message(c, i));
    json_object_set_new(variables, "messages", messages);
    json_object_set_new(variables, "add_generation_prompt", json_true());
    const bool ok = chat_template_render(chat, variables, NULL, text, length, err);
    json_decref(variables);
    if (ok) *thinks = thinking_is_open(*text, *length);
    return ok;
}
