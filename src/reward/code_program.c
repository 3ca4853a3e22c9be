/* SPDX-License-Identifier: MIT */
/* reward/code_program.c: the program in a completion, and the table of languages. A language more is a row more. */
#include "reward/code_parts.h"

#include "text/thinking.h"

#include <string.h>

const char CODE_BUILT[] = "/tmp/program", CODE_PROGRAM[] = "/box/program";

/* clang-format off */
static const CodeLanguage languages[] = {
    {{"python", "py", "python3"}, "/box/main.py", {NULL}, {"python3", "-s", "-S", "-c", code_python_start}},
    {{"c"}, "/box/main.c", {"gcc", "-std=gnu17", "-O2", "-w", "-o", CODE_BUILT, "/box/main.c", "-lm"}, {CODE_PROGRAM}},
    {{"c++", "cpp", "cxx", "cc"}, "/box/main.cc", {"g++", "-std=gnu++17", "-O2", "-w", "-o", CODE_BUILT, "/box/main.cc"},
     {CODE_PROGRAM}},
    {{"bash", "sh", "shell"}, "/box/main.sh", {NULL}, {"bash", "/box/main.sh"}},
    {{"perl", "pl"}, "/box/main.pl", {NULL}, {"perl", "/box/main.pl"}},
    {{"javascript", "js", "node"}, "/box/main.js", {NULL}, {"node", "/box/main.js"}},
    {{"ruby", "rb"}, "/box/main.rb", {NULL}, {"ruby", "/box/main.rb"}},
    {{"lua"}, "/box/main.lua", {NULL}, {"lua", "/box/main.lua"}},
};
/* clang-format on */

enum { N_LANGUAGES = sizeof languages / sizeof *languages };

const CodeLanguage *code_language_find(const char *name, size_t length)
{
    for (int i = 0; i < N_LANGUAGES; i++)
        for (int j = 0; j < 6 && languages[i].names[j]; j++)
            if (strlen(languages[i].names[j]) == length && strncasecmp(languages[i].names[j], name, length) == 0)
                return &languages[i];
    return NULL;
}

const char *code_language(int i, const char **program)
{
    if (i < 0 || i >= N_LANGUAGES) return NULL;
    *program = languages[i].compile[0] ? languages[i].compile[0] : languages[i].run[0];
    return languages[i].names[0];
}

/* ---- fences ---- */

typedef struct Fence {
    char mark; /* '`' or '~'; 0: this line is none */
    int64_t n;
    const char *info; /* what stands behind the marks */
    size_t info_length;
} Fence;

/* At most three spaces, at least three marks (CommonMark); info strings of backtick fences hold no backtick. */
static Fence read_fence(const char *line, size_t length)
{
    size_t at = 0;
    while (at < length && at < 4 && line[at] == ' ') at++;
    if (at == 4 || at == length || (line[at] != '`' && line[at] != '~')) return (Fence){0};
    Fence fence = {.mark = line[at]};
    while (at < length && line[at] == fence.mark) at++, fence.n++;
    while (at < length && (line[at] == ' ' || line[at] == '\t')) at++;
    while (length > at && strchr(" \t\r", line[length - 1])) length--;
    fence.info = line + at;
    fence.info_length = length - at;
    if (fence.n < 3 || (fence.mark == '`' && memchr(fence.info, '`', fence.info_length))) return (Fence){0};
    return fence;
}

/* The first word of an info string, without what some write around it: "python", "{.python}", "python title=x". */
static void read_language(CodeBlock *block, const Fence *fence)
{
    const char *at = fence->info, *const end = fence->info + fence->info_length;
    while (at < end && strchr("{. ", *at)) at++;
    const char *stop = at;
    while (stop < end && !strchr(" \t,:}", *stop)) stop++;
    block->language = at;
    block->language_length = (size_t)(stop - at);
}

bool code_block_find(CodeBlock *block, const char *completion, size_t length, const char **reason)
{
    const char *const answer = thinking_close(completion, length), *const end = completion + length;
    const char *at = answer ? answer : completion;
    Fence open = {0};
    CodeBlock reading = {0};
    bool found = false;
    while (at < end) {
        const char *const newline = memchr(at, '\n', (size_t)(end - at)), *const next = newline ? newline + 1 : end;
        const Fence fence = read_fence(at, (size_t)((newline ? newline : end) - at));
        if (!open.mark && fence.mark) {
            open = fence;
            reading = (CodeBlock){.text = next};
            read_language(&reading, &fence);
        } else if (open.mark && fence.mark == open.mark && fence.n >= open.n && fence.info_length == 0) {
            reading.length = (size_t)(at - reading.text);
            *block = reading;
            found = true;
            open.mark = 0;
        }
        at = next;
    }
    /* A last block that was cut off is the answer that was not finished; the one before it is not the answer. */
    if (found && !open.mark) return true;
    *reason = open.mark ? "the last fenced block is not closed" : "there is no fenced block";
    return false;
}
