/* SPDX-License-Identifier: MIT */
/* text/chat_prefix.c: is what a template writes for a longer conversation the text of the shorter one and more? */
#include "text/chat_template.h"

#include "base/arena.h"

#include <inttypes.h>
#include <string.h>

/* Texts that no template has in itself, so that what was rendered of them can be told. */
#define QUESTION_1 "qkz1 first question"
#define ANSWER_1   "akz1 first answer"
#define QUESTION_2 "qkz2 second question"
#define ANSWER_2   "akz2 second answer"
#define THINKING   "tkz thinking of a turn"

static void add_message(json_t *messages, const char *role, const char *content)
{
    json_t *const message = json_object();
    json_object_set_new(message, "role", json_string(role));
    json_object_set_new(message, "content", json_string(content));
    json_array_append_new(messages, message);
}

/* The text of the first n messages of a conversation of two turns. */
static bool render(const ChatTemplate *chat, int n, bool thinking, bool prompt, char **text, size_t *length, Error *err)
{
    json_t *const variables = json_object(), *const messages = json_array();
    add_message(messages, "user", QUESTION_1);
    if (n > 1) add_message(messages, "assistant", thinking ? "<think>\n" THINKING "\n</think>\n\n" ANSWER_1 : ANSWER_1);
    if (n > 2) add_message(messages, "user", QUESTION_2);
    if (n > 3) add_message(messages, "assistant", thinking ? "<think>\n" THINKING "\n</think>\n\n" ANSWER_2 : ANSWER_2);
    json_object_set_new(variables, "messages", messages);
    json_object_set_new(variables, "add_generation_prompt", json_boolean(prompt));
    const bool ok = chat_template_render(chat, variables, NULL, text, length, err);
    json_decref(variables);
    return ok;
}

/* Whether the text of n messages (with the generation prompt behind it: prompt) begins the text of n_whole; *kept only goes down. */
static bool keeps(const ChatTemplate *chat, int n, bool prompt, int n_whole, bool thinking, bool *kept, Error *err)
{
    char *part = NULL, *whole = NULL;
    size_t part_length = 0, whole_length = 0;
    const bool ok = render(chat, n, thinking, prompt, &part, &part_length, err) &&
                    render(chat, n_whole, thinking, false, &whole, &whole_length, err);
    if (ok) *kept = *kept && part_length <= whole_length && memcmp(part, whole, part_length) == 0;
    base_free(part);
    base_free(whole);
    return ok;
}

/* Whether the thinking of the first turn is gone from the text of both. */
static bool strips(const ChatTemplate *chat, bool *stripped, Error *err)
{
    char *text;
    size_t length;
    if (!render(chat, 4, true, false, &text, &length, err)) return false;
    const char *const first = strstr(text, THINKING), *const answer = strstr(text, ANSWER_1);
    *stripped = !first || (answer && first > answer);
    base_free(text);
    return true;
}

bool chat_template_prefix(const ChatTemplate *chat, ChatPrefix *prefix, Error *err)
{
    bool all = true, last_turn = true, stripped = false;
    for (int thinking = 0; thinking < 2; thinking++) {
        for (int n = 1; n < 4; n++)
            if (!keeps(chat, n, false, 4, thinking, &all, err)) return false;
        for (int n = 1; n < 4; n += 2)
            if (!keeps(chat, n, true, n + 1, thinking, &all, err) ||
                !keeps(chat, n, false, n + 1, thinking, &last_turn, err))
                return false;
    }
    if (!strips(chat, &stripped, err)) return false;
    *prefix = all ? CHAT_KEEPS_PREFIX : last_turn && stripped ? CHAT_STRIPS_THINKING : CHAT_BREAKS_PREFIX;
    return true;
}

bool chat_template_check_training(const ChatTemplate *chat, int64_t n_turns, Error *err)
{
    ChatPrefix prefix;
    if (!chat_template_prefix(chat, &prefix, err))
        return error_in(err, "the chat template cannot be checked for training");
    if (prefix == CHAT_KEEPS_PREFIX || (prefix == CHAT_STRIPS_THINKING && n_turns <= 1)) return true;
    if (prefix == CHAT_STRIPS_THINKING)
        return error_set(err, ERROR_INPUT,
                         "the chat template takes the thinking of earlier turns out: train on the last turn alone (one "
                         "example a turn: the prompt's text, then the answer), or use a template that keeps it");
    return error_set(
        err, ERROR_INPUT,
        "the chat template is not prefix-preserving: the text of a conversation does not begin with the text "
        "of its first turns; what is trained would not be what is used");
}
