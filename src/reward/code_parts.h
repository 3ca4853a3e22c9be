/* SPDX-License-Identifier: MIT */
/* reward/code_parts.h: what the files reward/code_*.c share. Not for other files. */
#ifndef R1_REWARD_CODE_PARTS_H
#define R1_REWARD_CODE_PARTS_H

#include "reward/code_reward.h"

typedef enum CodeCompare { CODE_LINES, CODE_TOKENS, CODE_FLOATS, CODE_EXACT } CodeCompare;

typedef struct CodeTest {
    const char *input, *output; /* in the JSON; a function's args as text are owned by `args` */
    size_t input_length, output_length;
    char *args;          /* owned; NULL: stdin and stdout */
    const json_t *value; /* what the function must return */
} CodeTest;

struct CodeTests {
    json_t *json; /* keeps what the fields below point to */
    CodeTest *tests;
    int64_t n;
    const char *language, *function, *asserts, *harness, *prelude; /* NULL: not given */
    CodeCompare compare;
    double tolerance;
    SandboxLimits limits;
    char version[64];
};

enum { CODE_MAX_ARGUMENTS = 10 };

typedef struct CodeLanguage {
    const char *names[6]; /* as fences write them; the first is the language's name */
    const char *file;     /* where the source stands inside */
    const char *compile[CODE_MAX_ARGUMENTS], *run[CODE_MAX_ARGUMENTS]; /* compile[0] NULL: not compiled */
} CodeLanguage;
/* NULL: not in the table. */
const CodeLanguage *code_language_find(const char *name, size_t length);
/* What a compiler leaves, and where it then stands. */
extern const char CODE_BUILT[], CODE_PROGRAM[];

/* Python of our own that calls a function of /box/solution.py (code_drivers.c). */
extern const char code_python_start[]; /* runs /box/main.py */
extern const char code_driver_call[], code_driver_serve[], code_driver_asserts[];
enum { CODE_EXIT_ASSERT = 81, CODE_EXIT_RAISED = 82, CODE_EXIT_BROKEN_TESTS = 83, CODE_EXIT_LOST = 84 };

bool code_output_equal(CodeCompare compare, double tolerance, const char *expected, size_t n_expected, const char *got,
                       size_t n_got);
/* Numbers by value, within the tolerance where one of them is not an integer; everything else exactly. */
bool code_value_equal(const json_t *expected, const json_t *got, double tolerance);

/* code_judge of asserts: the program in one container, the tests in another. */
void code_judge_asserts(const Sandbox *sandbox, const CodeTests *tests, const char *source, size_t length,
                        CodeResult *result, const atomic_bool *cancel);
/* The verdict on how a program's run ended, when that is not by exit status 0; fills reason. */
void code_end_verdict(CodeResult *result, const SandboxResult *run);

#endif
