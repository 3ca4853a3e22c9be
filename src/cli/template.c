/* SPDX-License-Identifier: MIT */
/* cli/template.c: `r1 template`: messages through a model's chat template, a line in, a line out. */
#include "cli/cli.h"

#include "base/arena.h"
#include "text/chat_template.h"

#include <string.h>

static bool render_row(void *context, const json_t *row, JsonOut *out, int thread, Error *err)
{
    (void)thread;
    char *text;
    size_t length;
    if (!chat_template_render(context, row, NULL, &text, &length, err)) return false;
    json_out_key(out, "text");
    json_out_string(out, text, length);
    base_free(text);
    return true;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    const char *folder = NULL, *file = NULL, *input = "-", *name = NULL;
    const CliOption options[] = {
        CLI_STRING("--model", "DIR", &folder, "a Hugging Face folder or a GGUF file: its template and special tokens"),
        CLI_STRING("--template", "F.jinja", &file, "a template alone: it sees what the line says and nothing else"),
        CLI_STRING("--name", "NAME", &name, "--model: one of several templates [tool_use with tools, else default]"),
        CLI_STRING("--input", "F.jsonl", &input, "lines {\"messages\",\"add_generation_prompt\",...} [-: stdin]"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err)) return false;
    if (!folder == !file)
        return error_set(err, ERROR_USAGE, "give the template as either --model DIR or --template F.jinja");
    if (name && file) return error_set(err, ERROR_USAGE, "--name goes with --model");
    ChatTemplate *template;
    if (!(folder ? chat_template_open(&template, folder, err) : chat_template_open_file(&template, file, err)))
        return false;
    const bool ok =
        (!name || chat_template_choose(template, name, err)) && cli_rows(cli, input, true, render_row, template, err);
    chat_template_free(template);
    return ok;
}

const Command command_template = {
    .name = "template",
    .summary = "messages as the text that a model is given",
    .usage = "r1 template --model DIR [--name NAME] [--input F.jsonl]\n"
             "r1 template --template F.jinja [--input F.jsonl]",
    .details =
        "Answers {\"messages\",\"add_generation_prompt\",...} with {\"text\"}. Every key of a line is a variable of "
        "the\n"
        "template: tools, documents, bos_token, enable_thinking and what else it asks for. With --model, special\n"
        "tokens come from the folder where the line has none, and tools and documents are none where it has none,\n"
        "as transformers does it. A mistake is told with its line and column; raise_exception is one.",
    .example = "echo '{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}],\"add_generation_prompt\":true}' |\n"
               "    build/release/r1 template --template tests/fixtures/chat/qwen3/chat_template.jinja",
    .run = run,
};
