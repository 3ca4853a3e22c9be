/* SPDX-License-Identifier: MIT */
/* eval/benchmark.h: rows of published evaluation sets, read into one form: what is asked, and what decides the answer.
 *
 *   format          rows (as on Hugging Face)                                        asked with              decided by
 *   rows            {"prompt" | "question", "answer" | "check" | "tests"}            nothing added           check, tests, or verifier
 *   math            {"problem" | "Problem", "answer" | "Answer" | "solution", ...}   steps and \boxed{}      verifier
 *                   AIME, MATH-500, MATH (the box of the solution is the answer), CNMO
 *   gsm8k           {"question", "answer": "... #### 72"}                            steps and \boxed{}      verifier
 *   choices         {"question", "choices" | "options" | "A", "B", ..., "answer"}    last line ANSWER: X     the letter
 *                   MMLU (index), MMLU-Pro (letter), C-Eval, CMMLU (columns), ARC ("answerKey")
 *   gpqa            {"Question", "Correct Answer", "Incorrect Answer 1", ...}        the same, shuffled      the letter
 *   ifeval          {"prompt", "instruction_id_list", "kwargs"}                      nothing added           its instructions
 *   livecodebench   {"question_content", "public_test_cases", "private_test_cases"}  one code block          all tests, in the sandbox
 *   open            a question and a reference answer under any of the names above   nothing added           a judge (eval/judge.h)
 *
 * A row that cannot be read is an error that names the key; nothing of it is guessed. May use everything up to reward/. */
#ifndef R1_EVAL_BENCHMARK_H
#define R1_EVAL_BENCHMARK_H

#include "base/json.h"
#include "eval/instructions.h"
#include "reward/code_reward.h"

typedef enum EvalFormat {
    EVAL_FORMAT_AUTO, /* each row by its keys; never open */
    EVAL_FORMAT_ROWS,
    EVAL_FORMAT_MATH,
    EVAL_FORMAT_GSM8K,
    EVAL_FORMAT_CHOICES,
    EVAL_FORMAT_GPQA,
    EVAL_FORMAT_IFEVAL,
    EVAL_FORMAT_LIVECODEBENCH,
    EVAL_FORMAT_OPEN
} EvalFormat;
/* "auto", "rows", "math", ...; NULL-terminated, in the order of the enum. */
extern const char *const eval_format_names[];

enum { BENCHMARK_MAX_CHOICES = 26 };

typedef struct BenchmarkText {
    char *text; /* owned, zero-terminated; NULL: there is none */
    size_t length;
} BenchmarkText;

typedef struct BenchmarkRow {
    EvalFormat format;               /* never AUTO */
    BenchmarkText prompt;            /* sampled from as it stands; or */
    BenchmarkText question;          /* put to the model as a user's turn */
    BenchmarkText id, answer, check; /* answer: the gold answer; of choices its letter */
    BenchmarkText level, subject;    /* what tables are made by */
    BenchmarkText route;             /* of a recipe that rewards questions of several kinds apart */
    BenchmarkText *choices;          /* [n_choices], in the order of their letters; owned */
    int n_choices;                   /* 0: no choices */
    CodeTests *tests;                /* owned */
    Instructions *instructions;      /* owned */
} BenchmarkRow;

/* seed and number (the row's place in its file) key the order of GPQA's choices. On failure there is nothing to free. */
bool benchmark_row_read(BenchmarkRow *row, EvalFormat format, const json_t *json, uint64_t seed, int64_t number,
                        Error *err) R1_MUST_CHECK;
void benchmark_row_free(BenchmarkRow *row);

/* The letter that a completion chose: what the verifier takes for its answer is a letter, alone or before a choice's text, or is
 * the text of one choice. 0: none. */
char benchmark_choice(const BenchmarkText *choices, int n_choices, const char *text, size_t length);

#endif
