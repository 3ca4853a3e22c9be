/* SPDX-License-Identifier: MIT */
/* text/chat_template.c: finding a model's templates and giving them their variables. */
#include "text/chat_template.h"

#include "base/arena.h"
#include "base/file.h"
#include "text/gguf_tokenizer.h"

#include <inttypes.h>
#include <string.h>

typedef struct Named {
    char *name;
    Template *template;
} Named;

struct ChatTemplate {
    Named *named; /* [n] */
    int64_t n;
    int64_t chosen;  /* -1: by the tools */
    json_t *special; /* name of a special token -> its text; NULL: none */
    bool tools_none; /* tools and documents are none when they are not given */
    char *where;     /* for messages */
};

enum { MAX_CONFIG_BYTES = 64 << 20 };

/* ---- reading ---- */

static ChatTemplate *new_chat(const char *where)
{
    ChatTemplate *const chat = base_alloc(1, sizeof *chat);
    chat->chosen = -1;
    chat->where = base_strdup(where);
    return chat;
}

static int64_t find(const ChatTemplate *chat, const char *name)
{
    for (int64_t i = 0; i < chat->n; i++)
        if (strcmp(chat->named[i].name, name) == 0) return i;
    return -1;
}

/* Adds a template unless one of that name is there; `place` stands for it in messages. */
static bool add(ChatTemplate *chat, const char *name, const char *place, const char *source, size_t length, Error *err)
{
    if (find(chat, name) >= 0) return true;
    Template *template;
    if (!template_parse(&template, place, source, length, err)) return false;
    chat->named = base_realloc(chat->named, (size_t)chat->n + 1, sizeof *chat->named);
    chat->named[chat->n++] = (Named){base_strdup(name), template};
    return true;
}

static bool add_file(ChatTemplate *chat, const char *name, const char *path, Error *err)
{
    char *text;
    size_t length;
    if (!file_read_all(path, TEMPLATE_MAX_BYTES, &text, &length, err)) return false;
    const bool ok = add(chat, name, path, text, length, err);
    base_free(text);
    return ok;
}

static bool add_additional(ChatTemplate *chat, const char *folder, Error *err)
{
    char *const path = base_printf("%s/additional_chat_templates", folder);
    char **names = NULL;
    int64_t n = 0;
    bool ok = !file_is_folder(path) || file_list(path, &names, &n, err);
    for (int64_t i = 0; ok && i < n; i++) {
        const size_t length = strlen(names[i]), end = strlen(".jinja");
        if (length <= end || strcmp(names[i] + length - end, ".jinja") != 0) continue;
        char *const file = base_printf("%s/%s", path, names[i]), *const name = base_strndup(names[i], length - end);
        ok = add_file(chat, name, file, err);
        base_free(name);
        base_free(file);
    }
    file_names_free(names, n);
    base_free(path);
    return ok;
}

/* The "chat_template" of a JSON file: a string, or a list of {"name","template"}. */
static bool add_json(ChatTemplate *chat, const json_t *value, const char *path, Error *err)
{
    char *const place = base_printf("%s: chat_template", path);
    bool ok = true;
    if (json_is_string(value))
        ok = add(chat, "default", place, json_string_value(value), json_string_length(value), err);
    else if (value && !json_is_array(value) && !json_is_null(value))
        ok = error_set(err, ERROR_INPUT, "%s: expected a string or a list", place);
    for (size_t i = 0; ok && i < json_array_size(value); i++) {
        const json_t *const entry = json_array_get(value, i);
        const json_t *const name = json_object_get(entry, "name"), *const text = json_object_get(entry, "template");
        if (!json_is_string(name) || !json_is_string(text)) {
            ok = error_set(err, ERROR_INPUT, "%s[%zu]: expected {\"name\", \"template\"}", place, i);
            break;
        }
        char *const named = base_printf("%s[%zu]", place, i);
        ok = add(chat, json_string_value(name), named, json_string_value(text), json_string_length(text), err);
        base_free(named);
    }
    base_free(place);
    return ok;
}

/* "..._token": a string or an added token's object. */
static void add_special_tokens(ChatTemplate *chat, const json_t *config)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)config, key, value)
    {
        const size_t length = strlen(key);
        const bool names_token = length > 6 && strcmp(key + length - 6, "_token") == 0;
        json_t *const text = json_is_object(value) ? json_object_get(value, "content") : value;
        if (names_token && json_is_string(text) && !json_object_get(chat->special, key))
            json_object_set(chat->special, key, text);
    }
}

/* One JSON file of the folder, if it is there: its template and, from tokenizer_config.json, its special tokens. */
static bool add_config(ChatTemplate *chat, const char *folder, const char *file, bool tokens, Error *err)
{
    char *const path = base_printf("%s/%s", folder, file);
    bool ok = true;
    if (file_exists(path)) {
        json_t *const config = json_read_file(path, err);
        ok = config && (json_is_object(config) || error_set(err, ERROR_INPUT, "%s: expected an object", path)) &&
             add_json(chat, json_object_get(config, "chat_template"), path, err);
        if (ok && tokens) add_special_tokens(chat, config);
        json_decref(config);
    }
    base_free(path);
    return ok;
}

static bool none_there(const ChatTemplate *chat, Error *err)
{
    return error_set(err, ERROR_INPUT,
                     "%s: no chat template: neither chat_template.jinja nor \"chat_template\" in tokenizer_config.json",
                     chat->where);
}

static bool add_folder(ChatTemplate *chat, const char *folder, Error *err)
{
    char *const path = base_printf("%s/chat_template.jinja", folder);
    bool ok = !file_exists(path) || add_file(chat, "default", path, err);
    base_free(path);
    ok = ok && add_additional(chat, folder, err) && add_config(chat, folder, "tokenizer_config.json", true, err) &&
         add_config(chat, folder, "chat_template.json", false, err) &&
         add_config(chat, folder, "special_tokens_map.json", true, err);
    if (ok && chat->n == 0) return none_there(chat, err);
    return ok;
}

static bool add_gguf(ChatTemplate *chat, const char *path, Error *err)
{
    GgufFile file;
    JsonOut text = {0}, config = {0};
    if (!gguf_open(&file, path, err)) return false;
    json_t *json = NULL;
    const bool ok = gguf_tokenizer_texts(&text, &config, &file, err) &&
                    (json = json_read_text(config.text, config.length, path, 1, err)) &&
                    add_json(chat, json_object_get(json, "chat_template"), path, err);
    if (ok) add_special_tokens(chat, json);
    json_decref(json);
    json_out_free(&text);
    json_out_free(&config);
    gguf_close(&file);
    if (ok && chat->n == 0)
        return error_set(err, ERROR_INPUT, "%s: no chat template: there is no tokenizer.chat_template in its metadata",
                         path);
    return ok;
}

bool chat_template_open(ChatTemplate **out, const char *folder, Error *err)
{
    *out = NULL;
    ChatTemplate *const chat = new_chat(folder);
    chat->special = json_object();
    chat->tools_none = true;
    if (!(gguf_is(folder) ? add_gguf(chat, folder, err) : add_folder(chat, folder, err))) {
        chat_template_free(chat);
        return false;
    }
    *out = chat;
    return true;
}

bool chat_template_open_file(ChatTemplate **out, const char *path, Error *err)
{
    *out = NULL;
    ChatTemplate *const chat = new_chat(path);
    if (!add_file(chat, "default", path, err)) {
        chat_template_free(chat);
        return false;
    }
    *out = chat;
    return true;
}

void chat_template_free(ChatTemplate *chat)
{
    if (!chat) return;
    for (int64_t i = 0; i < chat->n; i++) {
        base_free(chat->named[i].name);
        template_free(chat->named[i].template);
    }
    base_free(chat->named);
    base_free(chat->where);
    json_decref(chat->special);
    base_free(chat);
}

/* ---- rendering ---- */

static bool not_there(const ChatTemplate *chat, const char *name, Error *err)
{
    JsonOut all = {0};
    json_out_array(&all);
    for (int64_t i = 0; i < chat->n; i++) json_out_cstring(&all, chat->named[i].name);
    json_out_array_end(&all);
    error_set(err, ERROR_INPUT, "%s: there is no chat template named \"%s\"; there are %.300s", chat->where, name,
              all.text);
    json_out_free(&all);
    return false;
}

bool chat_template_choose(ChatTemplate *chat, const char *name, Error *err)
{
    chat->chosen = find(chat, name);
    return chat->chosen >= 0 || not_there(chat, name, err);
}

static const Template *choose(const ChatTemplate *chat, const json_t *variables, Error *err)
{
    if (chat->chosen >= 0) return chat->named[chat->chosen].template;
    if (chat->n == 1) return chat->named[0].template;
    const json_t *const tools = json_object_get(variables, "tools");
    const int64_t with_tools = tools && !json_is_null(tools) ? find(chat, "tool_use") : -1;
    const int64_t chosen = with_tools >= 0 ? with_tools : find(chat, "default");
    if (chosen >= 0) return chat->named[chosen].template;
    not_there(chat, "default", err);
    return NULL;
}

bool chat_template_render(const ChatTemplate *chat, const json_t *variables, const TemplateLimits *limits, char **text,
                          size_t *length, Error *err)
{
    const Template *const template = choose(chat, variables, err);
    if (!template) return false;
    json_t *const all = chat->special ? json_copy(chat->special) : json_object();
    if (chat->tools_none) {
        json_object_set_new(all, "tools", json_null());
        json_object_set_new(all, "documents", json_null());
    }
    json_object_update(all, (json_t *)(uintptr_t)variables);
    const bool ok = template_render(template, all, limits, text, length, err);
    json_decref(all);
    return ok;
}
