/* SPDX-License-Identifier: MIT */
/* reward/code_build.c: a source into what a sandbox can run: itself, or what a compiler makes of it in a sandbox of its own. */
#include "base/arena.h"
#include "base/utf8.h"
#include "reward/code_parts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void code_built_free(CodeBuilt *built)
{
    base_free(built->owned);
    if (built->program_fd >= 0) close(built->program_fd);
    built->owned = NULL;
    built->program_fd = -1;
}

void code_add_text(CodeBuilt *built, const char *text, bool before)
{
    const size_t n = strlen(text);
    char *const joined = base_alloc(built->length + n + 2, 1);
    memcpy(joined + (before ? n + 1 : 0), built->source, built->length);
    memcpy(joined + (before ? 0 : built->length + 1), text, n);
    joined[before ? n : built->length] = '\n';
    base_free(built->owned);
    built->source = built->owned = joined;
    built->length += n + 1;
}

SandboxFile code_built_file(const CodeBuilt *built)
{
    if (built->program_fd >= 0) return (SandboxFile){.path = CODE_PROGRAM, .fd = built->program_fd, .executable = true};
    return (SandboxFile){.path = built->language->file, .bytes = built->source, .length = built->length};
}

void code_say_absent(CodeResult *result, const char *language, const char *tool)
{
    result->verdict = CODE_FAULT;
    snprintf(result->reason, sizeof result->reason,
             "%s cannot be run here: there is no %s in /usr/local/bin, /usr/bin or /bin", language, tool);
}

/* The compiler's first line with an error in it, else its first line. */
static void say_first_mistake(CodeResult *result, const char *errors)
{
    const char *line = strstr(errors, "error:");
    while (line && line > errors && line[-1] != '\n') line--;
    if (!line) line = errors;
    snprintf(result->reason, sizeof result->reason, "%.*s", (int)strcspn(line, "\n"), line);
    result->reason[utf8_first_error(result->reason, strlen(result->reason))] = '\0';
    result->verdict = CODE_COMPILE_ERROR;
}

static void say_why_not(const CodeBuilt *built, const SandboxResult *run, CodeResult *result)
{
    const CodeLanguage *const l = built->language;
    if (run->not_executed)
        code_say_absent(result, l->names[0], l->compile[0]);
    else if (run->end == SANDBOX_EXITED && run->exit_status != 0)
        say_first_mistake(result, run->errors);
    else
        code_end_verdict(result, run);
    if (result->verdict != CODE_FAULT) result->verdict = CODE_COMPILE_ERROR;
}

bool code_build(const Sandbox *sandbox, CodeBuilt *built, CodeResult *result, const atomic_bool *cancel)
{
    if (!built->language->compile[0]) return true;
    SandboxLimits limits = sandbox_default_limits();
    limits.cpu_ms = 20000;
    limits.wall_ms = 600000;
    limits.memory_bytes = (int64_t)1 << 30;
    limits.file_bytes = 64 << 20;
    const SandboxProgram program = {
        .argv = built->language->compile, .files = {code_built_file(built)}, .n_files = 1, .keep = CODE_BUILT};
    SandboxResult run;
    sandbox_run(sandbox, &limits, &program, &run, cancel);
    result->cpu_us += run.cpu_us;
    built->program_fd = run.kept_fd;
    run.kept_fd = -1;
    if (built->program_fd < 0) say_why_not(built, &run, result);
    sandbox_result_free(&run);
    return built->program_fd >= 0;
}
