/* SPDX-License-Identifier: MIT */
/* text/template.c: from source to nodes, from variables to text; names and places in messages. */
#include "text/template_builtin.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- names and messages ---- */

const Name *template_name(Template *template, const char *text, size_t length)
{
    const int32_t next = (int32_t) template->n_names;
    const int32_t known = string_table_find(&template->name_table, text, length);
    if (known >= 0) return template->names[known];
    if (template->n_names == template->capacity_names) {
        template->capacity_names = template->capacity_names ? 2 * template->capacity_names : 64;
        template->names = base_realloc(template->names, (size_t) template->capacity_names, sizeof *template->names);
    }
    Name *const name = POOL_NEW(&template->pool, Name);
    char *const copy = pool_take(&template->pool, length + 1);
    memcpy(copy, text, length);
    name->text = (String){copy, length, -1, NULL};
    string_chars(&name->text);
    string_table_add(&template->name_table, copy, length, next);
    template->names[template->n_names++] = name;
    return name;
}

bool name_is(const Name *name, const char *text)
{
    return string_is(&name->text, text);
}

static bool error_at(const Template *template, uint32_t at, Error *err, const char *format, va_list args)
{
    char text[sizeof err->text];
    vsnprintf(text, sizeof text, format, args);
    for (char *c = text; *c; c++) /* what a template says of itself (raise_exception) stays one line */
        if ((unsigned char)*c < 0x20 || *c == 0x7F) *c = ' ';
    int64_t line = 1, column = 1;
    for (size_t i = 0; i < at && i < template->length; i++) {
        if (template->source[i] == '\n')
            line++, column = 1;
        else if (((unsigned char)template->source[i] & 0xC0) != 0x80)
            column++;
    }
    return error_set(err, ERROR_INPUT, "%s:%" PRId64 ":%" PRId64 ": %s", template->name, line, column, text);
}

bool template_error(const Template *template, uint32_t at, Error *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_at(template, at, err, format, args);
    va_end(args);
    return false;
}

Value render_fail(Render *render, const char *format, ...)
{
    if (!render->failed) {
        va_list args;
        va_start(args, format);
        error_at(render->template, render->at, render->err, format, args);
        va_end(args);
    }
    render->failed = true;
    return value_undefined();
}

bool render_work(Render *render, int64_t units)
{
    render->work_left -= units;
    if (render->work_left < 0)
        render_fail(render, "the template does more work than a render may: it may loop for ever");
    else if (!pool_has_room(&render->pool, 0))
        render_fail(render, "the template needs more memory than a render may");
    return !render->failed;
}

/* ---- parsing ---- */

/* \r\n and \r become \n; one newline at the end goes. */
static void copy_source(Template *template, const char *source, size_t length)
{
    template->source = base_alloc(length + 1, 1);
    for (size_t i = 0; i < length; i++) {
        if (source[i] == '\r' && i + 1 < length && source[i + 1] == '\n') continue;
        template->source[template->length++] = source[i] == '\r' ? '\n' : source[i];
    }
    if (template->length > 0 && template->source[template->length - 1] == '\n') template->length--;
    template->source[template->length] = 0;
}

static bool parse(Template *template, Error *err)
{
    TokenList list = {0};
    bool ok = template_tokens(template, &list, err);
    if (ok) {
        Parser parser = {.template = template, .token = list.tokens, .err = err};
        ok = parser_template(&parser, &template->body);
    }
    base_free(list.tokens);
    return ok;
}

bool template_parse(Template **out, const char *name, const char *source, size_t length, Error *err)
{
    *out = NULL;
    if (length > TEMPLATE_MAX_BYTES)
        return error_set(err, ERROR_INPUT, "%s: a template of %zu bytes; at most %d are read", name, length,
                         TEMPLATE_MAX_BYTES);
    const size_t wrong = utf8_first_error(source, length);
    if (wrong < length) return error_set(err, ERROR_INPUT, "%s: byte %zu is not UTF-8", name, wrong);
    Template *const template = base_alloc(1, sizeof *template);
    template->name = base_strdup(name);
    copy_source(template, source, length);
    if (!parse(template, err)) {
        template_free(template);
        return false;
    }
    *out = template;
    return true;
}

void template_free(Template *template)
{
    if (!template) return;
    pool_free(&template->pool);
    string_table_free(&template->name_table);
    base_free(template->names);
    base_free(template->source);
    base_free(template->name);
    base_free(template);
}

/* ---- variables ---- */

static Value from_json(Render *render, const json_t *json);

static Value list_from_json(Render *render, const json_t *json)
{
    Sequence *const list = sequence_create(render, SEQUENCE_LIST);
    for (size_t i = 0; i < json_array_size(json) && !render->failed; i++)
        sequence_append(render, list, from_json(render, json_array_get(json, i)));
    return value_sequence(list);
}

static Value mapping_from_json(Render *render, const json_t *json)
{
    Mapping *const mapping = mapping_create(render);
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)(uintptr_t)json, key, item)
    {
        if (render->failed) break;
        mapping_set(render, mapping, value_cstring(render, key), from_json(render, item));
    }
    return value_mapping(mapping);
}

static Value from_json(Render *render, const json_t *json)
{
    Value value = value_none();
    switch (json_typeof(json)) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        if (++render->depth > RENDER_MAX_DEPTH)
            value = render_fail(render, "the variables are nested too deep");
        else
            value = json_is_object(json) ? mapping_from_json(render, json) : list_from_json(render, json);
        render->depth--;
        break;
    case JSON_STRING:
        value = value_string(render, json_string_value(json), json_string_length(json));
        break;
    case JSON_INTEGER:
        value = value_int(json_integer_value(json));
        break;
    case JSON_REAL:
        value = value_float(json_real_value(json));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        value = value_bool(json_is_true(json));
        break;
    case JSON_NULL:
        break;
    }
    return value;
}

/* Bytes of text in the variables and some for each value: what the limits grow by. */
static size_t input_bytes(const json_t *json)
{
    size_t bytes = 16;
    const char *key;
    json_t *item;
    if (json_is_string(json)) bytes += json_string_length(json);
    for (size_t i = 0; i < json_array_size(json); i++) bytes += input_bytes(json_array_get(json, i));
    if (json_is_object(json))
        json_object_foreach((json_t *)(uintptr_t)json, key, item) bytes += strlen(key) + input_bytes(item);
    return bytes;
}

/* ---- rendering ---- */

static void set_limits(Render *render, const TemplateLimits *limits, size_t input)
{
    enum { WORK = 50000000, MEMORY_BYTES = 1 << 28, EACH_INPUT_BYTE = 16 };
    const TemplateLimits given = limits ? *limits : (TemplateLimits){0};
    render->work_left = given.work ? given.work : WORK + EACH_INPUT_BYTE * (int64_t)input;
    render->pool.limit_bytes = given.memory_bytes ? given.memory_bytes : MEMORY_BYTES + EACH_INPUT_BYTE * input;
    render->now = given.now ? given.now : (int64_t)time(NULL);
}

static void set_variables(Render *render, const json_t *variables)
{
    const Template *const template = render->template;
    for (int64_t i = 0; i < template->n_names && !render->failed; i++) {
        const json_t *const json = json_object_get(variables, template->names[i]->text.bytes);
        if (json) scope_set(render, template->names[i], from_json(render, json));
    }
}

bool template_render(const Template *template, const json_t *variables, const TemplateLimits *limits, char **text,
                     size_t *length, Error *err)
{
    Render render = {.template = template, .err = err};
    set_limits(&render, limits, input_bytes(variables));
    StringBuilder out = {.render = &render};
    render.out = &out;
    /* The variables have a scope of their own: what the template sets at its top hides them, as it does in Jinja. */
    scope_enter(&render, NULL);
    set_variables(&render, variables);
    scope_enter(&render, render.scope);
    if (!render.failed) render_body(&render, &template->body);
    if (!render.failed) {
        *text = base_strndup(out.bytes ? out.bytes : "", 0);
        *text = base_realloc(*text, out.length + 1, 1);
        if (out.length) memcpy(*text, out.bytes, out.length);
        (*text)[out.length] = 0;
        *length = out.length;
    }
    pool_free(&render.pool);
    return !render.failed;
}
