/* SPDX-License-Identifier: MIT */
/* eval/benchmark.c: which format a row is of, and the formats whose answer the verifier compares. */
#include "eval/benchmark_parts.h"

#include "base/arena.h"
#include "reward/compare.h"

#include <string.h>

const char *const eval_format_names[] = {"auto", "rows",   "math",          "gsm8k", "choices",
                                         "gpqa", "ifeval", "livecodebench", "open",  NULL};

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- texts ---- */

BenchmarkText benchmark_copy(const char *text, size_t length)
{
    return (BenchmarkText){.text = base_strndup(text, length), .length = length};
}

void benchmark_append(BenchmarkText *out, const char *text)
{
    const size_t n = strlen(text);
    out->text = base_realloc(out->text, out->length + n + 1, 1);
    memcpy(out->text + out->length, text, n + 1);
    out->length += n;
}

bool benchmark_text(const json_t *json, const char *const *keys, BenchmarkText *out, Error *err)
{
    const json_t *field = NULL;
    const char *key = NULL, *text = NULL;
    for (; *keys && !(field && !json_is_null(field)); keys++) field = json_object_get(json, key = *keys);
    if (!field || json_is_null(field)) return true;
    if (json_is_number(field)) {
        JsonOut written = {0};
        json_out_value(&written, field);
        *out = (BenchmarkText){.text = written.text, .length = written.length}; /* its owner from here on */
        return true;
    }
    size_t length = 0;
    if (!json_get_string(json, key, &text, &length, err)) return false;
    *out = benchmark_copy(text, length);
    return true;
}

bool benchmark_require(const json_t *json, const char *const *keys, BenchmarkText *out, Error *err)
{
    if (!benchmark_text(json, keys, out, err)) return false;
    if (out->length > 0) return true;
    error_set(err, ERROR_INPUT, "\"%s\" is %s", keys[0], out->text ? "empty" : "missing");
    base_free(out->text);
    *out = (BenchmarkText){.text = NULL};
    return false;
}

/* ---- own rows ---- */

static bool read_own_answer(BenchmarkRow *row, const json_t *json, Error *err)
{
    if (!benchmark_text(json, KEYS("answer"), &row->answer, err) ||
        !benchmark_text(json, KEYS("check"), &row->check, err))
        return false;
    if (row->check.text && strlen(row->check.text) != row->check.length)
        return error_set(err, ERROR_INPUT, "\"check\" holds a NUL character");
    const json_t *const tests = json_object_get(json, "tests");
    if (tests && !json_is_null(tests) && !code_tests_read(&row->tests, tests, err)) return error_in(err, "tests");
    if (row->tests && row->check.text)
        return error_set(err, ERROR_INPUT, "\"check\" and \"tests\" are both given; one decides");
    return row->answer.text || row->check.text || row->tests ||
           error_set(err, ERROR_INPUT, "none of \"answer\", \"check\" and \"tests\" is given");
}

static bool read_own(BenchmarkRow *row, const json_t *json, Error *err)
{
    if (!json_is_null(json_object_get(json, "prompt")) && json_object_get(json, "prompt") &&
        !json_is_string(json_object_get(json, "prompt")))
        return error_set(err, ERROR_INPUT, "\"prompt\" must be a string");
    if (!benchmark_text(json, KEYS("prompt"), &row->prompt, err) ||
        !benchmark_text(json, KEYS("question"), &row->question, err))
        return false;
    if (row->prompt.text && row->prompt.length == 0) return error_set(err, ERROR_INPUT, "\"prompt\" is empty");
    if (!row->prompt.text && !row->question.text)
        return error_set(err, ERROR_INPUT, "neither \"prompt\" nor \"question\" is given");
    return read_own_answer(row, json, err);
}

/* ---- mathematics ---- */

static const char step_by_step[] = "\nPlease reason step by step, and put your final answer within \\boxed{}.";

static bool read_math(BenchmarkRow *row, const json_t *json, Error *err)
{
    BenchmarkText solution = {0};
    if (!benchmark_require(json, KEYS("problem", "Problem", "question", "Question"), &row->question, err) ||
        !benchmark_text(json, KEYS("answer", "Answer", "expected_answer", "final_answer"), &row->answer, err))
        return false;
    benchmark_append(&row->question, step_by_step);
    if (row->answer.text) return true;
    if (!benchmark_text(json, KEYS("solution", "Solution"), &solution, err)) return false;
    const AnswerSpan box = answer_extract(solution.text ? solution.text : "", solution.length);
    const bool ok =
        (box.length > 0 && box.marked) ||
        error_set(err, ERROR_INPUT, "no answer: neither \"answer\" nor a \"solution\" with a \\boxed{...} is given");
    if (ok) row->answer = benchmark_copy(box.text, box.length);
    base_free(solution.text);
    return ok;
}

/* What stands behind the last "####", without the commas of thousands. */
static const char *gsm8k_answer(const json_t *json)
{
    const char *const answer = json_string_value(json_object_get(json, "answer"));
    const char *last = NULL;
    for (const char *at = answer; at && (at = strstr(at, "####")); at += 4) last = at + 4;
    return last;
}

static bool read_gsm8k(BenchmarkRow *row, const json_t *json, Error *err)
{
    const char *const answer = gsm8k_answer(json);
    if (!benchmark_require(json, KEYS("question"), &row->question, err)) return false;
    if (!answer) return error_set(err, ERROR_INPUT, "\"answer\" has no \"#### \" before its number");
    benchmark_append(&row->question, step_by_step);
    row->answer = benchmark_copy("", 0);
    for (const char *c = answer; *c; c++) {
        const char one[2] = {*c, 0};
        if (!strchr(", \t\r\n", *c)) benchmark_append(&row->answer, one);
    }
    return row->answer.length > 0 || error_set(err, ERROR_INPUT, "nothing stands behind \"####\" in \"answer\"");
}

/* ---- instructions and open questions ---- */

static bool read_ifeval(BenchmarkRow *row, const json_t *json, Error *err)
{
    return benchmark_require(json, KEYS("prompt"), &row->question, err) &&
           instructions_read(&row->instructions, json_object_get(json, "instruction_id_list"),
                             json_object_get(json, "kwargs"), err);
}

static bool read_open(BenchmarkRow *row, const json_t *json, Error *err)
{
    return benchmark_require(json, KEYS("question", "problem", "prompt", "Question", "Problem", "Prompt"),
                             &row->question, err) &&
           benchmark_require(json, KEYS("answer", "Answer", "reference", "solution", "Solution"), &row->answer, err);
}

/* ---- any row ---- */

static bool has(const json_t *json, const char *key)
{
    const json_t *const field = json_object_get(json, key);
    return field && !json_is_null(field);
}

static EvalFormat detect(const json_t *json)
{
    if (has(json, "instruction_id_list")) return EVAL_FORMAT_IFEVAL;
    if (has(json, "public_test_cases") || has(json, "private_test_cases")) return EVAL_FORMAT_LIVECODEBENCH;
    if (has(json, "Correct Answer")) return EVAL_FORMAT_GPQA;
    if (has(json, "choices") || has(json, "options") || benchmark_has_columns(json)) return EVAL_FORMAT_CHOICES;
    if (has(json, "prompt") || has(json, "check") || has(json, "tests")) return EVAL_FORMAT_ROWS;
    if (has(json, "problem") || has(json, "Problem")) return EVAL_FORMAT_MATH;
    return gsm8k_answer(json) ? EVAL_FORMAT_GSM8K : EVAL_FORMAT_ROWS;
}

static bool read_row(BenchmarkRow *row, const json_t *json, uint64_t seed, int64_t number, Error *err)
{
    switch (row->format) {
    case EVAL_FORMAT_AUTO:
    case EVAL_FORMAT_ROWS:
        return read_own(row, json, err);
    case EVAL_FORMAT_MATH:
        return read_math(row, json, err);
    case EVAL_FORMAT_GSM8K:
        return read_gsm8k(row, json, err);
    case EVAL_FORMAT_CHOICES:
        return benchmark_read_choices(row, json, err);
    case EVAL_FORMAT_GPQA:
        return benchmark_read_gpqa(row, json, seed, number, err);
    case EVAL_FORMAT_IFEVAL:
        return read_ifeval(row, json, err);
    case EVAL_FORMAT_LIVECODEBENCH:
        return benchmark_read_livecodebench(row, json, err);
    case EVAL_FORMAT_OPEN:
        return read_open(row, json, err);
    }
    return error_set(err, ERROR_BUG, "a format of number %d", (int)row->format);
}

/* "Level 5" and 5 are one level. */
static void shorten_level(BenchmarkText *level)
{
    if (!level->text || strncmp(level->text, "Level ", 6) != 0) return;
    const BenchmarkText rest = benchmark_copy(level->text + 6, level->length - 6);
    base_free(level->text);
    *level = rest;
}

bool benchmark_row_read(BenchmarkRow *row, EvalFormat format, const json_t *json, uint64_t seed, int64_t number,
                        Error *err)
{
    *row = (BenchmarkRow){.format = format == EVAL_FORMAT_AUTO ? detect(json) : format};
    const bool ok =
        read_row(row, json, seed, number, err) &&
        benchmark_text(json, KEYS("id", "ID", "unique_id", "question_id", "Record ID", "key"), &row->id, err) &&
        benchmark_text(json, KEYS("level", "difficulty"), &row->level, err) &&
        benchmark_text(json, KEYS("subject", "High-level domain", "category", "type", "platform", "task"),
                       &row->subject, err) &&
        benchmark_text(json, KEYS("route"), &row->route, err);
    shorten_level(&row->level);
    if (!ok) benchmark_row_free(row);
    return ok;
}

void benchmark_row_free(BenchmarkRow *row)
{
    BenchmarkText *const texts[] = {&row->prompt, &row->question, &row->id,      &row->answer,
                                    &row->check,  &row->level,    &row->subject, &row->route};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) base_free(texts[i]->text);
    for (int i = 0; i < row->n_choices; i++) base_free(row->choices[i].text);
    base_free(row->choices);
    code_tests_free(row->tests);
    instructions_free(row->instructions);
    *row = (BenchmarkRow){.choices = NULL};
}
