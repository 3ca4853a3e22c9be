/* SPDX-License-Identifier: MIT */
/* reward/code_checker.c: a problem's own judge, where several outputs are right.
 *
 * A checker is a program of the problem, called as checkers of programming contests are: with the paths of the input, of the
 * output in question and of the expected output. Exit status 0 is right, 1 (wrong answer) and 2 (not of the form) are wrong; any
 * other end says nothing about the output: undecided. It runs in a container of its own in which the program never was; the
 * output is a file of bytes to it. Compiled once for all completions that it judges. */
#include "base/arena.h"
#include "reward/code_parts.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

struct CodeChecker {
    pthread_mutex_t lock; /* around `tried` and what it stands for */
    bool tried;           /* built, or why it could not be */
    CodeBuilt built;
    CodeResult failure;
    bool failed;
};

CodeChecker *code_checker_create(const char *source, const CodeLanguage *language)
{
    CodeChecker *const c = base_alloc(1, sizeof *c);
    pthread_mutex_init(&c->lock, NULL);
    c->built = (CodeBuilt){.language = language, .source = source, .length = strlen(source), .program_fd = -1};
    return c;
}

void code_checker_free(CodeChecker *c)
{
    if (!c) return;
    code_built_free(&c->built);
    pthread_mutex_destroy(&c->lock);
    base_free(c);
}

/* A build that was called off is tried again by the next who asks. */
static bool build(CodeChecker *c, const Sandbox *sandbox, CodeResult *result, const atomic_bool *cancel)
{
    pthread_mutex_lock(&c->lock);
    if (!c->tried) {
        c->failure = (CodeResult){.verdict = CODE_FAULT};
        c->failed = !code_build(sandbox, &c->built, &c->failure, cancel);
        c->tried = !c->failed || c->failure.verdict != CODE_FAULT;
    }
    const bool ok = !c->failed;
    if (!ok) {
        result->verdict = CODE_FAULT;
        snprintf(result->reason, sizeof result->reason, "the checker cannot be built: %.340s", c->failure.reason);
    }
    pthread_mutex_unlock(&c->lock);
    return ok;
}

static bool decide(const CodeChecker *c, const SandboxResult *run, CodeResult *result)
{
    if (run->end == SANDBOX_EXITED && run->exit_status == 0) return true;
    const bool wrong = run->end == SANDBOX_EXITED && (run->exit_status == 1 || run->exit_status == 2);
    if (run->not_executed && c->built.program_fd < 0) {
        code_say_absent(result, c->built.language->names[0], c->built.language->run[0]);
    } else {
        CodeResult said = {.verdict = CODE_FAULT};
        code_end_verdict(&said, run);
        result->verdict = wrong ? CODE_WRONG_ANSWER : CODE_FAULT;
        snprintf(result->reason, sizeof result->reason, "the checker %s: %.350s", wrong ? "says no" : "does not decide",
                 said.reason);
    }
    return false;
}

bool code_check(const Sandbox *sandbox, const CodeTests *tests, const CodeTest *test, const char *output, size_t length,
                CodeResult *result, const atomic_bool *cancel)
{
    CodeChecker *const c = tests->checker;
    const char *argv[CODE_MAX_ARGUMENTS + 4] = {NULL};
    int n = 0;
    if (!build(c, sandbox, result, cancel)) return false;
    while (n < CODE_MAX_ARGUMENTS && c->built.language->run[n]) {
        argv[n] = c->built.language->run[n];
        n++;
    }
    argv[n++] = "/box/input.txt";
    argv[n++] = "/box/output.txt";
    argv[n] = "/box/answer.txt";
    const SandboxProgram program = {
        .argv = argv,
        .files = {code_built_file(&c->built),
                  {.path = "/box/input.txt", .bytes = test->input, .length = test->input_length},
                  {.path = "/box/output.txt", .bytes = output, .length = length},
                  {.path = "/box/answer.txt", .bytes = test->output, .length = test->output_length}},
        .n_files = 4};
    SandboxLimits limits = sandbox_default_limits();
    limits.cpu_ms = 10000;
    SandboxResult run;
    sandbox_run(sandbox, &limits, &program, &run, cancel);
    const bool right = decide(c, &run, result);
    sandbox_result_free(&run);
    return right;
}
