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

/* A checker program, built when it is first asked (code_checker.c). */
typedef struct CodeChecker CodeChecker;

struct CodeTests {
    json_t *json; /* keeps what the fields below point to */
    CodeTest *tests;
    int64_t n;
    const char *language, *function, *asserts, *harness, *prelude; /* NULL: not given */
    CodeChecker *checker;                                          /* owned; NULL: outputs are compared */
    CodeCompare compare;
    double tolerance;
    SandboxLimits limits;
    char version[64];
};

/* Tests as they are published (code_formats.c) in the form of code_reward.h. A new reference; NULL with ERROR_INPUT. */
json_t *code_tests_normal(const json_t *json, Error *err);

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

/* A source that can be run. */
typedef struct CodeBuilt {
    const CodeLanguage *language;
    const char *source;
    size_t length;
    char *owned;    /* the source with a prelude or a harness; NULL */
    int program_fd; /* of a compiled language; -1 */
} CodeBuilt;
/* Joins `text` to the source by a line end: in front of it (`before`) or behind. */
void code_add_text(CodeBuilt *built, const char *text, bool before);
/* Compiles it if its language is compiled. False: the result says why. */
bool code_build(const Sandbox *sandbox, CodeBuilt *built, CodeResult *result, const atomic_bool *cancel);
SandboxFile code_built_file(const CodeBuilt *built); /* what stands inside; borrows */
void code_built_free(CodeBuilt *built);
/* Undecided: the machine lacks the tool. */
void code_say_absent(CodeResult *result, const char *language, const char *tool);

CodeChecker *code_checker_create(const char *source, const CodeLanguage *language); /* borrows source */
void code_checker_free(CodeChecker *checker);                                       /* NULL is fine */
/* Asks tests->checker about an output; true: it is right. Otherwise fills the result: wrong, or a fault of the checker. */
bool code_check(const Sandbox *sandbox, const CodeTests *tests, const CodeTest *test, const char *output, size_t length,
                CodeResult *result, const atomic_bool *cancel);

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
