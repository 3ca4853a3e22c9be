/* SPDX-License-Identifier: MIT */
/* data/chat_rows.c: see chat_rows.h. */
#include "data/chat_rows.h"

#include <string.h>

/* A template may ask what day it is; training asks nothing of the clock. The day that R1 was published. */
static const int64_t TRAINING_TIME = 1737331200;

void chat_rows_free(ChatRows *rows)
{
    chat_template_free(rows->chat);
    rows->chat = NULL;
}

static bool open_template(ChatRows *rows, Error *err)
{
    if (rows->chat) return true;
    if (!chat_template_open(&rows->chat, rows->folder, err)) return error_in(err, "\"messages\"");
    if (chat_template_check_training(rows->chat, 1, err)) return true;
    chat_rows_free(rows);
    return false;
}

bool chat_rows_prompt(ChatRows *rows, const json_t *row, json_t *messages, char **text, size_t *length, Error *err)
{
    if (!open_template(rows, err)) return false;
    json_t *const variables = json_copy((json_t *)(uintptr_t)row);
    json_object_set(variables, "messages", messages);
    json_object_set_new(variables, "add_generation_prompt", json_true());
    const bool ok =
        chat_template_render(rows->chat, variables, &(TemplateLimits){.now = TRAINING_TIME}, text, length, err);
    json_decref(variables);
    return ok;
}

size_t chat_rows_skip_opened(const char *prompt, size_t prompt_length, const char *answer, size_t length)
{
    static const char tag[] = "<think>";
    const size_t n = sizeof tag - 1;
    size_t end = prompt_length, at = n;
    while (end > 0 && strchr(" \n", prompt[end - 1])) end--;
    if (end < n || memcmp(prompt + end - n, tag, n) != 0 || length < n || memcmp(answer, tag, n) != 0) return 0;
    for (; end < prompt_length && at < length && answer[at] == prompt[end]; end++) at++;
    return at;
}

bool chat_rows_take_answer(const json_t *messages, const char *key, json_t **before, const char **answer,
                           size_t *length, Error *err)
{
    const size_t n = json_is_array(messages) ? json_array_size(messages) : 0;
    const json_t *const last = n > 0 ? json_array_get(messages, n - 1) : NULL;
    const char *role = NULL;
    size_t role_length = 0;
    *answer = NULL;
    if (!json_is_object(last) || !json_get_string(last, "role", &role, &role_length, err) ||
        !json_get_string(last, "content", answer, length, err) || !role || strcmp(role, "assistant") != 0 || !*answer)
        return error_set(err, ERROR_INPUT,
                         "\"%s\" must end with {\"role\": \"assistant\", \"content\": TEXT}: what is trained", key);
    *before = json_copy((json_t *)(uintptr_t)messages);
    json_array_remove(*before, n - 1);
    return true;
}
