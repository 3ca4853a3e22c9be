/* SPDX-License-Identifier: MIT */
/* Rows of published formats: what is asked, what decides, what is refused. */
#include "eval/benchmark.h"

#include "base/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static bool read_text(BenchmarkRow *row, EvalFormat format, const char *text, uint64_t seed, int64_t number, Error *err)
{
    json_t *const json = json_read_text(text, strlen(text), "row", 1, err);
    if (!json) fail_msg("%s", err->text);
    const bool ok = benchmark_row_read(row, format, json, seed, number, err);
    json_decref(json);
    return ok;
}

static BenchmarkRow row_of(const char *text)
{
    BenchmarkRow row;
    Error err = {0};
    if (!read_text(&row, EVAL_FORMAT_AUTO, text, 0, 0, &err)) fail_msg("%s: %s", text, err.text);
    return row;
}

static void expect_answer(const char *text, EvalFormat format, const char *answer)
{
    BenchmarkRow row = row_of(text);
    assert_int_equal(row.format, format);
    assert_string_equal(row.answer.text, answer);
    assert_int_equal(row.answer.length, strlen(answer));
    benchmark_row_free(&row);
}

static void answers_are_found_where_each_set_has_them(void **state)
{
    (void)state;
    expect_answer("{\"Problem\": \"p\", \"Answer\": 204}", EVAL_FORMAT_MATH, "204");
    expect_answer("{\"problem\": \"p\", \"answer\": \"033\", \"solution\": \"\\\\boxed{33}\"}", EVAL_FORMAT_MATH,
                  "033");
    expect_answer("{\"problem\": \"p\", \"solution\": \"So \\\\boxed{\\\\frac{1}{2}}.\"}", EVAL_FORMAT_MATH,
                  "\\frac{1}{2}");
    expect_answer("{\"question\": \"q\", \"answer\": \"2 #### 3\\n#### -1,234 \\n\"}", EVAL_FORMAT_GSM8K, "-1234");
    expect_answer("{\"question\": \"q\", \"answer\": \"4\"}", EVAL_FORMAT_ROWS, "4");
    expect_answer("{\"prompt\": \"p\", \"answer\": 4.5}", EVAL_FORMAT_ROWS, "4.5");
    expect_answer("{\"question\": \"q\", \"choices\": [\"a\", \"b\", \"c\"], \"answer\": 2}", EVAL_FORMAT_CHOICES, "C");
    expect_answer("{\"question\": \"q\", \"options\": [\"a\", \"b\", \"c\"], \"answer\": \"B\"}", EVAL_FORMAT_CHOICES,
                  "B");
    expect_answer("{\"question\": \"q\", \"options\": [\"1\", \"2\"], \"answer\": \"1\"}", EVAL_FORMAT_CHOICES, "A");
    expect_answer("{\"question\": \"q\", \"options\": [\"1\", \"2\"], \"answer\": 1}", EVAL_FORMAT_CHOICES, "B");
    expect_answer("{\"question\": \"q\", \"A\": \"x\", \"B\": \"y\", \"answer\": \"B\"}", EVAL_FORMAT_CHOICES, "B");
    expect_answer("{\"Question\": \"q\", \"A\": 1, \"B\": 2, \"Answer\": \"A\"}", EVAL_FORMAT_CHOICES, "A");
    expect_answer("{\"question\": \"q\", \"choices\": {\"text\": [\"a\", \"b\"], \"label\": [\"1\", \"2\"]}, "
                  "\"answerKey\": \"2\"}",
                  EVAL_FORMAT_CHOICES, "B");
}

static void levels_and_subjects_are_kept(void **state)
{
    (void)state;
    BenchmarkRow row = row_of("{\"problem\": \"p\", \"answer\": \"1\", \"level\": \"Level 5\", \"type\": \"Algebra\"}");
    assert_string_equal(row.level.text, "5");
    assert_string_equal(row.subject.text, "Algebra");
    assert_non_null(strstr(row.question.text, "\\boxed{}"));
    benchmark_row_free(&row);
    row =
        row_of("{\"unique_id\": \"u\", \"problem\": \"p\", \"answer\": \"1\", \"level\": 5, \"subject\": \"Algebra\"}");
    assert_string_equal(row.level.text, "5");
    assert_string_equal(row.id.text, "u");
    benchmark_row_free(&row);
}

/* The right answer of GPQA stands first in the file: over rows it comes under every letter, and again under the same. */
static void choices_of_gpqa_are_dealt_by_the_seed(void **state)
{
    (void)state;
    static const char text[] =
        "{\"Question\": \"q\", \"Correct Answer\": \"right\\n\", \"Incorrect Answer 1\": \"w1\", "
        "\"Incorrect Answer 2\": \"w2\", \"Incorrect Answer 3\": \"w3\"}";
    int seen[4] = {0}, moved = 0;
    for (int64_t number = 0; number < 64; number++) {
        BenchmarkRow row, again, other;
        Error err = {0};
        assert_true(read_text(&row, EVAL_FORMAT_AUTO, text, 7, number, &err));
        assert_true(read_text(&again, EVAL_FORMAT_GPQA, text, 7, number, &err));
        assert_true(read_text(&other, EVAL_FORMAT_GPQA, text, 8, number, &err));
        const int letter = row.answer.text[0] - 'A';
        assert_in_range(letter, 0, 3);
        assert_string_equal(row.choices[letter].text, "right");
        assert_string_equal(row.question.text, again.question.text);
        seen[letter]++;
        moved += other.answer.text[0] != row.answer.text[0];
        benchmark_row_free(&row);
        benchmark_row_free(&again);
        benchmark_row_free(&other);
    }
    for (int i = 0; i < 4; i++) assert_in_range(seen[i], 6, 30);
    assert_in_range(moved, 32, 64);
}

static void expect_choice(char letter, const char *text)
{
    BenchmarkText choices[] = {{"Kinetic energy", 14}, {"Heat", 4}, {"A gas", 5}, {"42", 2}};
    const char chosen = benchmark_choice(choices, 4, text, strlen(text));
    if (chosen != letter) fail_msg("\"%s\": %c, not %c", text, chosen ? chosen : '-', letter ? letter : '-');
}

static void the_letter_of_a_completion(void **state)
{
    (void)state;
    expect_choice('B', "It is hot, so A is out.\n\nANSWER: B");
    expect_choice('B', "Answer: (b)");
    expect_choice('C', "<think>B? No.</think>The answer is \\boxed{C}.");
    expect_choice('D', "<think>hm</think><answer>D) 42</answer>");
    expect_choice('A', "**A. Kinetic energy**");
    expect_choice('D', "Answer: $D$");
    expect_choice('D', "\\boxed{\\text{D}}");
    expect_choice('C', "Some thoughts\nC");
    expect_choice('A', "<answer>kinetic energy</answer>");
    expect_choice('D', "So \\boxed{42}");
    expect_choice('C', "<answer>a gas</answer>"); /* a word, not the letter A */
    expect_choice(0, "ANSWER: E");
    expect_choice(0, "It could be any of them");
    expect_choice(0, "<think>ANSWER: B");
    expect_choice(0, "");
}

/* What LiveCodeBench publishes: JSON in a string; private tests as base64(zlib(pickle(that string))). Made by
 *   base64.b64encode(zlib.compress(pickle.dumps('[{"input": "1\\n", "output": "1\\n", "testtype": "stdin"}]'))) */
static const char packed[] = "eJxrYJlqwwABPRbR1UqZeQWlJUpWCkqGMXlKOgpK+aUlqAIlqcUlJZUFqSCh4pKUzDyl2tgpegCU7BRF";

static void programs_come_with_public_and_private_tests(void **state)
{
    (void)state;
    BenchmarkRow row = row_of(
        "{\"question_content\": \"Echo.\", \"question_id\": \"x\", \"difficulty\": \"easy\", \"public_test_cases\": "
        "\"[{\\\"input\\\": \\\"2\\\", \\\"output\\\": \\\"2\\\", \\\"testtype\\\": \\\"stdin\\\"}]\", "
        "\"private_test_cases\": \"[]\", \"metadata\": \"{}\"}");
    assert_int_equal(row.format, EVAL_FORMAT_LIVECODEBENCH);
    assert_int_equal(code_tests_count(row.tests), 1);
    assert_string_equal(row.level.text, "easy");
    benchmark_row_free(&row);
    row = row_of(
        "{\"question_content\": \"Add.\", \"starter_code\": \"class Solution:\", \"metadata\": \"{\\\"func_name\\\": "
        "\\\"add\\\"}\", \"public_test_cases\": [{\"input\": \"1\\n[2, 3]\", \"output\": \"6\", \"testtype\": "
        "\"functional\"}, "
        "{\"input\": \"\\\"a\\\"\", \"output\": \"null\", \"testtype\": \"functional\"}]}");
    assert_int_equal(code_tests_count(row.tests), 2);
    assert_non_null(strstr(row.question.text, "class Solution:"));
    benchmark_row_free(&row);
    char *const text = base_printf("{\"question_content\": \"Echo.\", \"private_test_cases\": \"%s\"}", packed);
    Error err = {0};
    if (!read_text(&row, EVAL_FORMAT_AUTO, text, 0, 0, &err)) fail_msg("%s", err.text);
    assert_int_equal(code_tests_count(row.tests), 1);
    benchmark_row_free(&row);
    /* Cut anywhere it is a row error. */
    const char *const end = strstr(text, packed) + strlen(packed) - 12;
    for (char *at = strstr(text, packed); at < end; at++) {
        char *const cut = base_printf("%.*s\"}", (int)(at - text), text);
        assert_false(read_text(&row, EVAL_FORMAT_AUTO, cut, 0, 0, &err));
        base_free(cut);
    }
    base_free(text);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        EvalFormat format;
        const char *text, *says;
    } bad[] = {
        {EVAL_FORMAT_AUTO, "{\"problem\": \"p\"}", "no answer"},
        {EVAL_FORMAT_AUTO, "{\"problem\": \"p\", \"solution\": \"no box\"}", "no answer"},
        {EVAL_FORMAT_MATH, "{\"answer\": \"4\"}", "\"problem\" is missing"},
        {EVAL_FORMAT_MATH, "{\"problem\": [1], \"answer\": \"4\"}", "problem"},
        {EVAL_FORMAT_GSM8K, "{\"question\": \"q\", \"answer\": \"4\"}", "#### "},
        {EVAL_FORMAT_AUTO, "{\"question\": \"q\", \"answer\": \"4 ####\"}", "nothing stands behind"},
        {EVAL_FORMAT_AUTO, "{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answer\": 2}",
         "none of the 2 choices"},
        {EVAL_FORMAT_AUTO, "{\"question\": \"q\", \"choices\": [\"a\", \"b\"], \"answer\": \"C\"}",
         "none of the 2 choices"},
        {EVAL_FORMAT_AUTO, "{\"question\": \"q\", \"choices\": [\"a\", \"b\"]}", "\"answer\" is missing"},
        {EVAL_FORMAT_AUTO, "{\"question\": \"q\", \"choices\": [\"a\"], \"answer\": 0}", "fewer than two"},
        {EVAL_FORMAT_AUTO, "{\"question\": \"q\", \"choices\": [\"a\", 2], \"answer\": 0}", "choice B is no string"},
        {EVAL_FORMAT_AUTO, "{\"question\": \"q\", \"choices\": [\"a\", \" \"], \"answer\": 0}", "choice B is empty"},
        {EVAL_FORMAT_AUTO, "{\"question\": \"q\", \"choices\": \"ab\", \"answer\": 0}", "must be an array"},
        {EVAL_FORMAT_AUTO, "{\"Question\": \"q\", \"Correct Answer\": \"a\"}", "\"Incorrect Answer "},
        {EVAL_FORMAT_AUTO, "{\"prompt\": \"p\", \"instruction_id_list\": []}", "instruction_id_list"},
        {EVAL_FORMAT_AUTO, "{\"question_content\": \"c\", \"public_test_cases\": \"[]\"}", "no test"},
        {EVAL_FORMAT_AUTO, "{\"question_content\": \"c\", \"public_test_cases\": \"[{\"}", "\"public_test_cases\""},
        {EVAL_FORMAT_AUTO, "{\"question_content\": \"c\", \"public_test_cases\": [{\"input\": \"\"}]}", "case 0"},
        {EVAL_FORMAT_AUTO, "{\"question_content\": \"c\", \"private_test_cases\": \"!!!\"}", "pickle"},
        {EVAL_FORMAT_AUTO,
         "{\"question_content\": \"c\", \"metadata\": {\"func_name\": \"f\"}, \"public_test_cases\": [{\"input\": "
         "\"[1\", \"output\": "
         "\"1\"}]}",
         "case 0"},
        {EVAL_FORMAT_OPEN, "{\"question\": \"q\"}", "\"answer\" is missing"},
        {EVAL_FORMAT_ROWS, "{\"question\": \"q\"}", "none of"},
        {EVAL_FORMAT_ROWS, "{\"answer\": \"q\"}", "neither"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        BenchmarkRow row;
        Error err = {0};
        if (read_text(&row, bad[i].format, bad[i].text, 0, 0, &err)) fail_msg("%s was read", bad[i].text);
        if (!strstr(err.text, bad[i].says)) fail_msg("%s: \"%s\" lacks \"%s\"", bad[i].text, err.text, bad[i].says);
        assert_int_equal(err.kind, ERROR_INPUT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_found_where_each_set_has_them),   cmocka_unit_test(levels_and_subjects_are_kept),
        cmocka_unit_test(choices_of_gpqa_are_dealt_by_the_seed),       cmocka_unit_test(the_letter_of_a_completion),
        cmocka_unit_test(programs_come_with_public_and_private_tests), cmocka_unit_test(mistakes_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
