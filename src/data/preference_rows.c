/* SPDX-License-Identifier: MIT */
/* data/preference_rows.c: see preference_rows.h. */
#include "data/preference_rows.h"

#include "base/arena.h"

#include <string.h>

void preference_row_free(PreferenceRow *row)
{
    base_free(row->prompt);
    *row = (PreferenceRow){0};
}

/* ---- prompts ---- */

static bool read_text(PreferenceRow *out, const json_t *text)
{
    out->rendered = false;
    out->prompt_length = json_string_length(text);
    out->prompt = base_strndup(json_string_value(text), out->prompt_length);
    return true;
}

static bool read_turns(PreferenceRow *out, ChatRows *chat, const json_t *row, json_t *turns, Error *err)
{
    out->rendered = true;
    return chat_rows_prompt(chat, row, turns, &out->prompt, &out->prompt_length, err);
}

static bool ends_with_answer(const json_t *messages)
{
    const size_t n = json_array_size(messages);
    const char *const role = json_string_value(json_object_get(json_array_get(messages, n > 0 ? n - 1 : 0), "role"));
    return role && strcmp(role, "assistant") == 0;
}

static bool not_a_prompt(Error *err)
{
    return error_set(err, ERROR_INPUT, "\"prompt\" must be a text or a list of messages");
}

/* ---- responses ---- */

/* A text, or messages that end with an answer: the turns before it (the caller's), of a text NULL. */
static bool read_answer(PreferenceRow *out, int i, const json_t *row, const char *key, json_t **before, Error *err)
{
    const json_t *const value = json_object_get(row, key);
    *before = NULL;
    if (json_is_string(value)) {
        out->responses[i] = json_string_value(value);
        out->lengths[i] = json_string_length(value);
        return true;
    }
    if (!json_is_array(value)) return error_set(err, ERROR_INPUT, "\"%s\" must be a text or a list of messages", key);
    return chat_rows_take_answer(value, key, before, &out->responses[i], &out->lengths[i], err);
}

static bool has_turns(const json_t *before)
{
    return json_array_size(before) > 0;
}

static void skip_opened(PreferenceRow *out, int n)
{
    for (int i = 0; out->rendered && i < n; i++) {
        const size_t skipped =
            chat_rows_skip_opened(out->prompt, out->prompt_length, out->responses[i], out->lengths[i]);
        out->responses[i] += skipped;
        out->lengths[i] -= skipped;
    }
}

/* ---- rows ---- */

static bool read_prompt_of_pair(PreferenceRow *out, ChatRows *chat, const json_t *row, json_t *before, Error *err)
{
    const json_t *const prompt = json_object_get(row, "prompt"), *const given =
                                                                     prompt ? prompt : json_object_get(row, "messages");
    if (prompt && json_is_string(prompt))
        return has_turns(before)
                   ? error_set(err, ERROR_INPUT, "\"chosen\" has turns before its answer, and the prompt is a text")
                   : read_text(out, prompt);
    if (!given) return before ? read_turns(out, chat, row, before, err) : not_a_prompt(err);
    if (!json_is_array(given)) return not_a_prompt(err);
    if (!prompt && ends_with_answer(given))
        return error_set(err, ERROR_INPUT, "\"messages\" of a pair must end before the answers");
    json_t *const turns = json_copy((json_t *)(uintptr_t)given);
    if (before) json_array_extend(turns, before);
    const bool ok = read_turns(out, chat, row, turns, err) || error_in(err, "\"%s\"", prompt ? "prompt" : "messages");
    json_decref(turns);
    return ok;
}

bool preference_row_read_pair(PreferenceRow *out, ChatRows *chat, const json_t *row, Error *err)
{
    json_t *before[2] = {NULL, NULL};
    *out = (PreferenceRow){0};
    bool ok =
        read_answer(out, 0, row, "chosen", &before[0], err) && read_answer(out, 1, row, "rejected", &before[1], err);
    if (ok && (has_turns(before[0]) || has_turns(before[1])) && !json_equal(before[0], before[1]))
        ok = error_set(err, ERROR_INPUT, "\"chosen\" and \"rejected\" differ before their answers");
    ok = ok && read_prompt_of_pair(out, chat, row, before[0], err);
    if (ok) skip_opened(out, 2);
    json_decref(before[0]);
    json_decref(before[1]);
    return ok;
}

static bool read_conversation(PreferenceRow *out, ChatRows *chat, const json_t *row, const json_t *messages, Error *err)
{
    json_t *before;
    if (!chat_rows_take_answer(messages, "messages", &before, &out->responses[0], &out->lengths[0], err)) return false;
    const bool ok = read_turns(out, chat, row, before, err);
    json_decref(before);
    return ok;
}

static bool read_completion(PreferenceRow *out, ChatRows *chat, const json_t *row, Error *err)
{
    json_t *const prompt = json_object_get(row, "prompt"), *const given =
                                                               prompt ? prompt : json_object_get(row, "messages");
    json_t *before;
    if (prompt && json_is_string(prompt))
        read_text(out, prompt);
    else if (!json_is_array(given))
        return not_a_prompt(err);
    else if (!read_turns(out, chat, row, given, err))
        return error_in(err, "\"%s\"", prompt ? "prompt" : "messages");
    if (!read_answer(out, 0, row, "completion", &before, err)) return false;
    const bool alone = !has_turns(before);
    json_decref(before);
    return alone || error_set(err, ERROR_INPUT, "\"completion\" has turns before its answer, and the row a prompt");
}

bool preference_row_read_response(PreferenceRow *out, ChatRows *chat, const json_t *row, Error *err)
{
    const json_t *const messages = json_object_get(row, "messages");
    *out = (PreferenceRow){0};
    const bool whole = !json_object_get(row, "prompt") && json_is_array(messages) && ends_with_answer(messages);
    const bool ok = whole ? read_conversation(out, chat, row, messages, err) : read_completion(out, chat, row, err);
    if (ok) skip_opened(out, 1);
    return ok;
}
