/* SPDX-License-Identifier: MIT */
/* reward/code_asserts.c: unit tests that the program under test cannot decide.
 *
 *   container of the tests  -- calls, a line each -->  container of the program
 *                           <-- values, a line each --
 *
 * In one process a program could replace assert, return objects that equal everything, or leave with status 0 before the first
 * test. Here its only way to the tests is a pipe of plain values. The status that counts is that of the tests' container. */
#include "base/arena.h"
#include "reward/code_parts.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Side {
    const Sandbox *sandbox;
    SandboxLimits limits;
    SandboxProgram program;
    SandboxResult run;
    const atomic_bool *cancel;
} Side;

static void *run_side(void *context)
{
    Side *const side = context;
    sandbox_run(side->sandbox, &side->limits, &side->program, &side->run, side->cancel);
    return NULL;
}

static bool exited_with(const Side *side, int status)
{
    return side->run.end == SANDBOX_EXITED && side->run.exit_status == status;
}

static void copy_reason(CodeResult *result, const SandboxResult *run, const char *otherwise)
{
    const size_t n = strcspn(run->errors, "\n");
    if (n > 0)
        snprintf(result->reason, sizeof result->reason, "%.*s", (int)(n < 390 ? n : 390), run->errors);
    else
        snprintf(result->reason, sizeof result->reason, "%s", otherwise);
}

static void decide(CodeResult *result, const Side *tests, const Side *program)
{
    const SandboxResult *const t = &tests->run, *const p = &program->run;
    result->cpu_us += p->cpu_us;
    if (exited_with(tests, 0)) {
        result->verdict = CODE_ACCEPTED;
        result->n_passed = 1;
        snprintf(result->reason, sizeof result->reason, "every assertion holds");
        return;
    }
    result->test = 0;
    if (exited_with(tests, CODE_EXIT_ASSERT)) {
        result->verdict = CODE_WRONG_ANSWER;
        copy_reason(result, t, "an assertion does not hold");
    } else if (exited_with(tests, CODE_EXIT_RAISED)) {
        result->verdict = CODE_RUNTIME_ERROR;
        copy_reason(result, t, "it raised");
    } else if (exited_with(tests, CODE_EXIT_LOST) || (p->end != SANDBOX_EXITED && p->end != SANDBOX_FAULT)) {
        code_end_verdict(result, p); /* the program ended before the tests did */
    } else if (exited_with(tests, CODE_EXIT_BROKEN_TESTS)) {
        result->verdict = CODE_FAULT;
        copy_reason(result, t, "the tests cannot be read");
    } else {
        code_end_verdict(result, t);
    }
}

static void close_pipe(const int ends[2])
{
    if (ends[0] >= 0) close(ends[0]);
    if (ends[1] >= 0) close(ends[1]);
}

void code_judge_asserts(const Sandbox *sandbox, const CodeTests *tests, const char *source, size_t length,
                        CodeResult *result, const atomic_bool *cancel)
{
    static const char *const serve[] = {"python3", "-s", "/box/serve.py", NULL};
    const char *const asserts[] = {"python3", "-s", "/box/tests.py", tests->function ? tests->function : "", NULL};
    int calls[2] = {-1, -1}, values[2] = {-1, -1};
    atomic_bool done = false;
    pthread_t thread;
    result->verdict = CODE_FAULT;
    snprintf(result->reason, sizeof result->reason, "no pipe or thread for the tests");
    if (pipe2(calls, O_CLOEXEC) != 0 || pipe2(values, O_CLOEXEC) != 0) {
        close_pipe(calls);
        return;
    }
    Side program = {.sandbox = sandbox, .limits = tests->limits, .cancel = &done};
    program.program = (SandboxProgram){
        .argv = serve,
        .files = {{.path = "/box/solution.py", .bytes = source, .length = length},
                  {.path = "/box/serve.py", .bytes = code_driver_serve, .length = strlen(code_driver_serve)}},
        .n_files = 2,
        .input_fd = calls[0],
        .output_fd = values[1]};
    Side judge = {.sandbox = sandbox, .limits = tests->limits, .cancel = cancel};
    /* It waits for the program: that one's limits are the ones that count. */
    judge.limits.idle_ms = judge.limits.wall_ms;
    judge.limits.cpu_ms *= 2;
    judge.program = (SandboxProgram){
        .argv = asserts,
        .files = {{.path = "/box/asserts.py", .bytes = tests->asserts, .length = strlen(tests->asserts)},
                  {.path = "/box/tests.py", .bytes = code_driver_asserts, .length = strlen(code_driver_asserts)}},
        .n_files = 2,
        .input_fd = values[0],
        .output_fd = calls[1]};
    if (pthread_create(&thread, NULL, run_side, &program) != 0) {
        close_pipe(calls);
        close_pipe(values);
        return;
    }
    run_side(&judge);
    /* What the program does after the last assertion is of no interest; how it ended before it, is. */
    if (!exited_with(&judge, CODE_EXIT_LOST)) atomic_store(&done, true);
    pthread_join(thread, NULL);
    decide(result, &judge, &program);
    sandbox_result_free(&judge.run);
    sandbox_result_free(&program.run);
}
