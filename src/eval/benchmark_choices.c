/* SPDX-License-Identifier: MIT */
/* eval/benchmark_choices.c: multiple choice: MMLU and its kin, GPQA; the letter that a completion chose. */
#include "eval/benchmark_parts.h"

#include "base/arena.h"
#include "data/shuffle.h"
#include "reward/compare.h"

#include <string.h>

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- the question ---- */

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void trim(BenchmarkText *text)
{
    size_t begin = 0;
    while (begin < text->length && strchr(" \t\r\n", text->text[begin])) begin++;
    while (text->length > begin && strchr(" \t\r\n", text->text[text->length - 1])) text->length--;
    memmove(text->text, text->text + begin, text->length - begin);
    text->length -= begin;
    text->text[text->length] = 0;
}

/* The question as it is put: what the last line must be, the question, a line a choice. */
static void put_question(BenchmarkRow *row)
{
    char *const head =
        base_printf("Answer this multiple choice question. Think step by step; the last line of your reply "
                    "must be \"ANSWER: LETTER\" with one of the letters A to %c.\n\n",
                    'A' + row->n_choices - 1);
    BenchmarkText put = {0};
    benchmark_append(&put, head);
    benchmark_append(&put, row->question.text);
    benchmark_append(&put, "\n");
    for (int i = 0; i < row->n_choices; i++) {
        char *const letter = base_printf("\n%c) ", 'A' + i);
        benchmark_append(&put, letter);
        benchmark_append(&put, row->choices[i].text);
        base_free(letter);
    }
    base_free(head);
    base_free(row->question.text);
    row->question = put;
}

static bool add_choice(BenchmarkRow *row, BenchmarkText choice, Error *err)
{
    row->choices = base_realloc(row->choices, (size_t)row->n_choices + 1, sizeof *row->choices);
    row->choices[row->n_choices++] = choice;
    trim(&choice);
    row->choices[row->n_choices - 1] = choice;
    return choice.length > 0 || error_set(err, ERROR_INPUT, "choice %c is empty", 'A' + row->n_choices - 1);
}

/* ---- MMLU and its kin ---- */

bool benchmark_has_columns(const json_t *json)
{
    return json_object_get(json, "A") && json_object_get(json, "B");
}

static bool read_columns(BenchmarkRow *row, const json_t *json, Error *err)
{
    for (char letter = 'A'; letter <= 'Z'; letter++) {
        const char key[2] = {letter, 0};
        BenchmarkText choice = {0};
        if (!benchmark_text(json, KEYS(key), &choice, err)) return false;
        if (!choice.text) break;
        if (!add_choice(row, choice, err)) return false;
    }
    return true;
}

static bool read_list(BenchmarkRow *row, const json_t *list, Error *err)
{
    if (!json_is_array(list) || json_array_size(list) > BENCHMARK_MAX_CHOICES)
        return error_set(err, ERROR_INPUT, "the choices must be an array of at most %d texts", BENCHMARK_MAX_CHOICES);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *const item = json_array_get(list, i);
        if (!json_is_string(item)) return error_set(err, ERROR_INPUT, "choice %c is no string", 'A' + (int)i);
        if (!add_choice(row, benchmark_copy(json_string_value(item), json_string_length(item)), err)) return false;
    }
    return true;
}

/* ARC labels its choices itself, with letters or with 1 to 4. */
static bool answer_of_labels(const json_t *labels, const BenchmarkText *answer, int *index)
{
    for (size_t i = 0; i < json_array_size(labels); i++) {
        const char *const label = json_string_value(json_array_get(labels, i));
        if (label && strcmp(label, answer->text) == 0) {
            *index = (int)i;
            return true;
        }
    }
    return false;
}

static bool is_number(const json_t *json)
{
    return json_is_number(json_object_get(json, "answer")) || json_is_number(json_object_get(json, "Answer"));
}

/* The one choice that says this. */
static bool answer_of_text(const BenchmarkRow *row, const BenchmarkText *answer, int *index)
{
    int n = 0;
    for (int i = 0; i < row->n_choices; i++) {
        if (strcmp(row->choices[i].text, answer->text) != 0) continue;
        *index = i;
        n++;
    }
    return n == 1;
}

/* A letter, a choice's text, or a number from 0. */
static bool answer_index(const BenchmarkRow *row, const json_t *json, const BenchmarkText *answer, int *index)
{
    const json_t *const labels = json_object_get(json_object_get(json, "choices"), "label");
    *index = -1;
    if (labels) return answer_of_labels(labels, answer, index) && *index < row->n_choices;
    if (answer->length == 1 && is_letter(answer->text[0])) {
        *index = (answer->text[0] & ~0x20) - 'A';
        if (*index < row->n_choices) return true;
    }
    if (!is_number(json) && answer_of_text(row, answer, index)) return true;
    if (answer->length > 2 || strspn(answer->text, "0123456789") != answer->length) return false;
    *index = 0;
    for (size_t i = 0; i < answer->length; i++) *index = 10 * *index + (answer->text[i] - '0');
    return *index < row->n_choices;
}

bool benchmark_read_choices(BenchmarkRow *row, const json_t *json, Error *err)
{
    const json_t *list = json_object_get(json, "choices");
    if (!list || json_is_null(list)) list = json_object_get(json, "options");
    if (json_is_object(list)) list = json_object_get(list, "text");
    BenchmarkText answer = {0};
    int index;
    if (!benchmark_require(json, KEYS("question", "Question", "prompt"), &row->question, err) ||
        !(list ? read_list(row, list, err) : read_columns(row, json, err)))
        return false;
    if (row->n_choices < 2) return error_set(err, ERROR_INPUT, "there are fewer than two choices");
    if (!benchmark_require(json, KEYS("answer", "answerKey", "Answer"), &answer, err)) return false;
    const bool ok = answer_index(row, json, &answer, &index) ||
                    error_set(err, ERROR_INPUT,
                              "\"answer\": \"%.20s\" is none of the %d choices: a letter, a text, or a number from 0",
                              answer.text, row->n_choices);
    base_free(answer.text);
    if (!ok) return false;
    const char letter[2] = {(char)('A' + index), 0};
    row->answer = benchmark_copy(letter, 1);
    put_question(row);
    return true;
}

/* ---- GPQA ---- */

bool benchmark_read_gpqa(BenchmarkRow *row, const json_t *json, uint64_t seed, int64_t number, Error *err)
{
    static const char *const keys[] = {"Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2",
                                       "Incorrect Answer 3"};
    enum { N = 4 };
    if (!benchmark_require(json, KEYS("Question"), &row->question, err)) return false;
    for (int i = 0; i < N; i++) {
        /* The right answer stands first in the file: where each comes is drawn. */
        const int which = (int)shuffle_item(seed, (uint64_t)number, i, N);
        BenchmarkText choice = {0};
        if (!benchmark_require(json, KEYS(keys[which]), &choice, err) || !add_choice(row, choice, err)) return false;
        const char letter[2] = {(char)('A' + i), 0};
        if (which == 0) row->answer = benchmark_copy(letter, 1);
    }
    put_question(row);
    return true;
}

/* ---- what a completion chose ---- */

/* "B", "(B)", "B.", "B) hydrogen": a letter that no other letter or digit follows at once. A word such as "A gas" is told from it
 * by the sign behind the letter. */
static char leading_letter(const char *text, size_t length, int n_choices)
{
    size_t i = 0;
    while (i < length && strchr("([{*$ \"'", text[i])) i++;
    if (i == length || !is_letter(text[i])) return 0;
    const char letter = (char)(text[i] & ~0x20);
    const size_t rest = i + 1;
    const bool alone = rest == length || strchr(")]}.:,*$\"'\n", text[rest]);
    return alone && letter - 'A' < n_choices ? letter : 0;
}

char benchmark_choice(const BenchmarkText *choices, int n_choices, const char *text, size_t length)
{
    static const AnswerRules by_last_line = {.rules = {ANSWER_BY_TAG, ANSWER_BY_LAST_LINE}, .n = 2};
    AnswerSpan span = answer_extract(text, length);
    if (span.length == 0) return 0;
    if (!span.marked) span = answer_extract_by(&by_last_line, text, length);
    const char letter = leading_letter(span.text, span.length, n_choices);
    if (letter) return letter;
    for (int i = 0; i < n_choices; i++) { /* \text{B} and the like: what the verifier reads as a letter */
        const char one[2] = {(char)('A' + i), 0};
        if (same_answers(one, 1, span.text, span.length)) return one[0];
    }
    char chosen = 0;
    for (int i = 0; i < n_choices; i++) {
        if (!same_answers(choices[i].text, choices[i].length, span.text, span.length)) continue;
        if (chosen) return 0; /* two choices that say the same */
        chosen = (char)('A' + i);
    }
    return chosen;
}
