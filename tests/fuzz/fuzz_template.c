/* SPDX-License-Identifier: MIT */
/* Any bytes as a chat template, rendered with a conversation that has a bit of everything: a text or one line, and an end. */
#include "base/arena.h"
#include "text/template.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char conversation[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"S \\u00e9\"}, {\"role\": \"user\", \"content\": [{\"type\": "
    "\"text\", \"text\": \"q\"}]},"
    "{\"role\": \"assistant\", \"content\": \"<think>\\nt\\n</think>\\n\\na\", \"tool_calls\": [{\"function\": "
    "{\"name\": \"f\", \"arguments\":"
    "{\"x\": 1, \"y\": [1.5, null, true]}}}]}, {\"role\": \"tool\", \"content\": \"7\"}], \"tools\": [{\"type\": "
    "\"function\", \"function\":"
    "{\"name\": \"f\", \"parameters\": {\"type\": \"object\"}}}], \"add_generation_prompt\": true, \"bos_token\": "
    "\"<s>\","
    "\"s\": \"Hello, World\", \"n\": 7, \"f\": -2.5, \"l\": [3, 1, 2], \"d\": {\"k\": 1, \"b\": \"two\"}, \"o\": null}";

static void check_line(const Error *err)
{
    if (err->kind != ERROR_INPUT || !err->text[0] || strchr(err->text, '\n')) abort(); /* every refusal is one line */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Template *template;
    Error err = {0};
    char *text;
    size_t length;
    if (!template_parse(&template, "fuzz.jinja", size ? (const char *)data : "", size, &err)) {
        check_line(&err);
        return 0;
    }
    json_t *const variables = json_read_text(conversation, strlen(conversation), "fuzz", 1, &err);
    if (!variables) abort();
    const TemplateLimits limits = {.work = 300000, .memory_bytes = 8 << 20, .now = 1700000000};
    if (template_render(template, variables, &limits, &text, &length, &err))
        base_free(text);
    else
        check_line(&err);
    json_decref(variables);
    template_free(template);
    return 0;
}
