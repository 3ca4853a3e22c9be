/* SPDX-License-Identifier: MIT */
/* reward/code_judge.c: compiles a completion's program, runs it on one test after the other, compares outside. */
#include "base/arena.h"
#include "base/utf8.h"
#include "reward/code_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char *code_verdict_name(CodeVerdict verdict)
{
    static const char *const names[] = {"accepted",      "wrong answer", "runtime error",
                                        "time limit",    "memory limit", "output limit",
                                        "compile error", "no program",   "sandbox fault"};
    return names[verdict];
}

static void give(CodeResult *result, CodeVerdict verdict, const char *reason)
{
    result->verdict = verdict;
    snprintf(result->reason, sizeof result->reason, "%.390s", reason);
}

/* The last line of stderr that is not empty: where Python and most others say what went wrong. */
static void say_last_line(CodeResult *result, const char *before, const char *errors)
{
    size_t end = strlen(errors);
    while (end > 0 && strchr("\n\r \t", errors[end - 1])) end--;
    size_t begin = end;
    while (begin > 0 && errors[begin - 1] != '\n') begin--;
    snprintf(result->reason, sizeof result->reason, "%s%s%.*s", before, end > begin ? ": " : "", (int)(end - begin),
             errors + begin);
    result->reason[utf8_first_error(result->reason, strlen(result->reason))] =
        '\0'; /* may have been cut inside a letter */
}

void code_end_verdict(CodeResult *result, const SandboxResult *run)
{
    char text[80];
    switch (run->end) {
    case SANDBOX_EXITED:
        result->verdict = CODE_RUNTIME_ERROR;
        snprintf(text, sizeof text, "exit status %d", run->exit_status);
        say_last_line(result, text, run->errors);
        break;
    case SANDBOX_SIGNALED:
        result->verdict = CODE_RUNTIME_ERROR;
        snprintf(text, sizeof text, "ended by signal %d (%s)", run->signal_number, strsignal(run->signal_number));
        say_last_line(result, text, run->errors);
        break;
    case SANDBOX_TIME:
        give(result, CODE_TIME, run->idle ? "it slept too long" : "it used more processor time than it may");
        break;
    case SANDBOX_MEMORY:
        give(result, CODE_MEMORY, "it used more memory than it may");
        break;
    case SANDBOX_OUTPUT:
        give(result, CODE_OUTPUT, "it wrote more than it may");
        break;
    case SANDBOX_FAULT:
        result->verdict = CODE_FAULT;
        say_last_line(result, "the sandbox could not run it", run->errors);
        break;
    }
}

/* ---- running ---- */

static SandboxProgram program_of(const CodeTests *tests, const CodeBuilt *built, const char **argv)
{
    SandboxProgram p = {.argv = argv, .n_files = 1};
    if (tests->function) {
        const char *const call[] = {"python3", "-s", "/box/call.py", tests->function, NULL};
        memcpy(argv, call, sizeof call);
        p.files[0] = (SandboxFile){.path = "/box/solution.py", .bytes = built->source, .length = built->length};
        p.files[1] =
            (SandboxFile){.path = "/box/call.py", .bytes = code_driver_call, .length = strlen(code_driver_call)};
        p.n_files = 2;
        return p;
    }
    memcpy(argv, built->language->run, sizeof built->language->run);
    p.files[0] = code_built_file(built);
    return p;
}

static bool has_expected_output(const CodeTests *tests, const CodeTest *test, const SandboxResult *run)
{
    if (!tests->function)
        return code_output_equal(tests->compare, tests->tolerance, test->output, test->output_length, run->output,
                                 run->output_length);
    Error ignored = {0};
    json_t *const value = json_read_text(run->output, run->output_length, "value", 1, &ignored);
    const bool equal = value && code_value_equal(test->value, value, tests->tolerance);
    json_decref(value);
    return equal;
}

/* Fills the result when it is not. */
static bool is_right(const Sandbox *sandbox, const CodeTests *tests, const CodeTest *test, const SandboxResult *run,
                     CodeResult *result, const atomic_bool *cancel)
{
    if (tests->checker) return code_check(sandbox, tests, test, run->output, run->output_length, result, cancel);
    if (has_expected_output(tests, test, run)) return true;
    give(result, CODE_WRONG_ANSWER, tests->function ? "it returned another value" : "its output is another");
    return false;
}

/* True when the test is passed. */
static bool run_test(const Sandbox *sandbox, SandboxSession *session, const CodeTests *tests, int64_t i,
                     const CodeBuilt *built, CodeResult *result, const atomic_bool *cancel)
{
    const CodeTest *const test = &tests->tests[i];
    const int64_t twice = 2 * (int64_t)test->output_length, most = tests->limits.output_bytes;
    SandboxResult run;
    sandbox_session_run(session, test->input, test->input_length, twice > most ? twice : most, i + 1 == tests->n, &run,
                        cancel);
    result->cpu_us += run.cpu_us;
    const bool ended_well = run.end == SANDBOX_EXITED && run.exit_status == 0,
               right = ended_well && is_right(sandbox, tests, test, &run, result, cancel);
    if (run.not_executed && built->program_fd >= 0) /* what it had compiled is nothing that runs */
        give(result, CODE_RUNTIME_ERROR, run.errors);
    else if (run.not_executed)
        code_say_absent(result, built->language->names[0], built->language->run[0]);
    else if (!ended_well)
        code_end_verdict(result, &run);
    sandbox_result_free(&run);
    return right;
}

static void run_tests(const Sandbox *sandbox, const CodeTests *tests, const CodeBuilt *built, CodeResult *result,
                      const atomic_bool *cancel)
{
    const char *argv[CODE_MAX_ARGUMENTS + 1] = {NULL};
    const SandboxProgram program = program_of(tests, built, argv);
    SandboxSession *session;
    sandbox_session_begin(&session, sandbox, &tests->limits, &program);
    while (result->n_passed < tests->n && run_test(sandbox, session, tests, result->n_passed, built, result, cancel))
        result->n_passed++;
    sandbox_session_end(session);
    if (result->n_passed < tests->n)
        result->test = result->n_passed;
    else
        give(result, CODE_ACCEPTED, "every test is passed");
}

/* ---- */

static bool find_language(const CodeTests *tests, const CodeBlock *block, CodeBuilt *built, CodeResult *result)
{
    const char *name = block->language;
    size_t length = block->language_length;
    if (length == 0) {
        name = tests->language ? tests->language : "python";
        length = strlen(name);
    }
    built->language = code_language_find(name, length);
    const bool needs_python = tests->function || tests->asserts;
    char reason[120];
    if (!built->language)
        snprintf(reason, sizeof reason, "the block's language \"%.*s\" is not one that can be run",
                 (int)(length < 40 ? length : 40), name);
    else if (needs_python && strcmp(built->language->names[0], "python") != 0)
        snprintf(reason, sizeof reason, "the tests call a Python function, the block is %s", built->language->names[0]);
    else {
        snprintf(result->language, sizeof result->language, "%s", built->language->names[0]);
        return true;
    }
    give(result, CODE_NO_PROGRAM, reason);
    return false;
}

void code_judge(const Sandbox *sandbox, const CodeTests *tests, const char *completion, size_t length,
                CodeResult *result, const atomic_bool *cancel)
{
    CodeBlock block;
    const char *reason = "";
    *result = (CodeResult){.verdict = CODE_ACCEPTED, .test = -1};
    if (!code_block_find(&block, completion, length, &reason)) {
        give(result, CODE_NO_PROGRAM, reason);
        return;
    }
    CodeBuilt built = {.source = block.text, .length = block.length, .program_fd = -1};
    if (!find_language(tests, &block, &built, result)) return;
    if (tests->harness) code_add_text(&built, tests->harness, false);
    if (tests->prelude) code_add_text(&built, tests->prelude, true);
    if (!code_build(sandbox, &built, result, cancel)) {
        code_built_free(&built);
        return;
    }
    if (tests->asserts)
        code_judge_asserts(sandbox, tests, built.source, built.length, result, cancel);
    else
        run_tests(sandbox, tests, &built, result, cancel);
    code_built_free(&built);
}
