/* SPDX-License-Identifier: MIT */
/* reward/code_reward.h: does the program in a completion pass its tests?
 *
 * The program is the last fenced block after the thinking. Its tests run in containers that it shares with no other program, each
 * test in one that is as the first test found it (sandbox.h), so none can leave anything for the next. What counts as right stays
 * outside: a program gets an input and gives bytes, and the comparison is made here; whatever it prints, returns or exits with, it
 * cannot say "accepted". Unit tests (asserts) run in a second container that the program under test can only send plain values
 * to, a checker in one that the program never was in.
 *
 * Tests are a JSON object (or an array, short for {"tests": [...]}):
 *   "tests": [{"input": TEXT, "output": TEXT}, ...]              stdin and stdout, any language
 *   "inputs": [...], "outputs": [...]                            the same, as two arrays
 *   "function": NAME, "tests": [{"args": [...], "output": VALUE}]  a call of a Python function each; values as JSON has them
 *   "function": NAME, "asserts": TEXT                            Python asserts (or a `check(candidate)`) over functions
 *   "checker": TEXT     a program that decides, called with the paths of input, output and expected output (which may be left out):
 *                       exit status 0 right, 1 or 2 wrong, anything else undecided; "checker_language": NAME, default python
 *   "language": NAME    of blocks that do not name theirs; default python
 *   "harness": TEXT     appended to the program: a main() for a function that is asked for
 *   "prelude": TEXT     put before it: what the place of the contest has imported already
 *   "compare": "lines" (white space at line ends and empty lines at the end do not count; default), "tokens", "floats", "exact"
 *   "tolerance": T      of floats and function values: |a - b| <= T * max(1, |b|); default 1e-6 (floats), 1e-9 (functions)
 *   "limits": {"seconds", "memory_mb", "processes", "output_mb"} a test
 * or the fields that MBPP, HumanEval, APPS, TACO and LiveCodeBench are published with (code_formats.c).
 * May use base/. */
#ifndef R1_REWARD_CODE_REWARD_H
#define R1_REWARD_CODE_REWARD_H

#include "base/json.h"
#include "reward/sandbox.h"

typedef enum CodeVerdict {
    CODE_ACCEPTED,
    CODE_WRONG_ANSWER,
    CODE_RUNTIME_ERROR,
    CODE_TIME,
    CODE_MEMORY,
    CODE_OUTPUT,
    CODE_COMPILE_ERROR,
    CODE_NO_PROGRAM, /* no closed fenced block, or of a language that is not in the table */
    CODE_FAULT       /* says nothing about the program: undecided */
} CodeVerdict;
const char *code_verdict_name(CodeVerdict verdict); /* "accepted", "wrong answer", ... */

typedef struct CodeTests CodeTests;
/* Mistakes are ERROR_INPUT that names the key. */
bool code_tests_read(CodeTests **tests, const json_t *json, Error *err) R1_MUST_CHECK;
void code_tests_free(CodeTests *tests); /* NULL is fine */
int64_t code_tests_count(const CodeTests *tests);
/* What verdicts by these tests are stored under: a version of this file's rules and a hash of the tests. Lives as long. */
const char *code_tests_version(const CodeTests *tests);

/* The program inside a completion. */
typedef struct CodeBlock {
    const char *text, *language; /* inside the completion; language of length 0: not named */
    size_t length, language_length;
} CodeBlock;
/* The last fenced block (``` or ~~~) that is closed, after the last </think>. False with a static reason when there is none. */
bool code_block_find(CodeBlock *block, const char *completion, size_t length, const char **reason);

typedef struct CodeResult {
    CodeVerdict verdict;
    int64_t test;     /* the first that failed, from 0; -1: none, or not a matter of one test */
    int64_t n_passed; /* before it */
    int64_t cpu_us;   /* of all runs */
    char language[16];
    char reason[400]; /* one line for people */
} CodeResult;

/* Stops at the first test that is not passed. Safe to call from many threads at once. Takes as long as the program may;
 * cancel (may be NULL) ends it early as CODE_FAULT. */
void code_judge(const Sandbox *sandbox, const CodeTests *tests, const char *completion, size_t length,
                CodeResult *result, const atomic_bool *cancel);

/* Names of the languages that could run here, for `r1 doctor`: the i-th and the program it needs; NULL past the end. */
const char *code_language(int i, const char **program);

#endif
