/* SPDX-License-Identifier: MIT */
/* Every rule of IFEval on replies that keep it and replies that do not; strict and loose. */
#include "eval/instructions.h"

#include "base/arena.h"
#include "data/jsonl.h"
#include "eval/instructions_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static json_t *json_of(const char *text)
{
    Error err = {0};
    json_t *const json = json_read_text(text, strlen(text), "test", 1, &err);
    if (!json) fail_msg("%s: %s", text, err.text);
    return json;
}

static bool read_one(Instructions **instructions, const char *name, const char *kwargs, Error *err)
{
    char *const ids = base_printf("[\"%s\"]", name), *const list = base_printf("[%s]", kwargs);
    json_t *const id_json = json_of(ids), *const list_json = json_of(list);
    const bool ok = instructions_read(instructions, id_json, list_json, err);
    json_decref(id_json);
    json_decref(list_json);
    base_free(ids);
    base_free(list);
    return ok;
}

typedef struct Case {
    const char *name, *kwargs, *reply;
    Verdict verdict;
} Case;

#define YES     VERDICT_RIGHT
#define NO      VERDICT_WRONG
#define UNKNOWN VERDICT_UNDECIDED

static const Case cases[] = {
    {"keywords:existence", "{\"keywords\": [\"river\", \"Sea\"]}", "The RIVERS run to the sea.", YES},
    {"keywords:existence", "{\"keywords\": [\"river\", \"lake\"]}", "The rivers run to the sea.", NO},
    {"keywords:frequency", "{\"keyword\": \"ab\", \"frequency\": 2, \"relation\": \"at least\"}", "Ab abba", YES},
    {"keywords:frequency", "{\"keyword\": \"ab\", \"frequency\": 2, \"relation\": \"less than\"}", "Ab abba", NO},
    {"keywords:forbidden_words", "{\"forbidden_words\": [\"rain\"]}", "The train is late.", YES},
    {"keywords:forbidden_words", "{\"forbidden_words\": [\"rain\"]}", "Train or Rain?", NO},
    {"keywords:letter_frequency", "{\"letter\": \"Q\", \"let_frequency\": 3, \"let_relation\": \"less than\"}", "Qq",
     YES},
    {"keywords:letter_frequency", "{\"letter\": \"q\", \"let_frequency\": 3, \"let_relation\": \"at least\"}", "Qq",
     NO},
    {"language:response_language", "{\"language\": \"de\"}",
     "Der Hund ist nicht in dem Haus und wir sind es auch nicht.", YES},
    {"language:response_language", "{\"language\": \"ru\"}", "The dog is not in the house.", NO},
    {"language:response_language", "{\"language\": \"th\"}", "สวัสดีครับ ผมสบายดี", YES},
    {"language:response_language", "{\"language\": \"uk\"}", "The dog is not in the house.", NO},
    {"language:response_language", "{\"language\": \"it\"}", "Il cane non in casa", UNKNOWN},
    {"length_constraints:number_sentences", "{\"num_sentences\": 3, \"relation\": \"at least\"}",
     "Dr. Ada paid $3.50. Why? \"Because!\" she said", YES},
    {"length_constraints:number_sentences", "{\"num_sentences\": 3, \"relation\": \"less than\"}", "One. Two. Three.",
     NO},
    {"length_constraints:number_paragraphs", "{\"num_paragraphs\": 2}", "One\n\n***\n\nTwo\n***\n", YES},
    {"length_constraints:number_paragraphs", "{\"num_paragraphs\": 2}", "One\n***\n\n***\nTwo", NO},
    {"length_constraints:number_words", "{\"num_words\": 4, \"relation\": \"less than\"}", "It's two-", YES},
    {"length_constraints:number_words", "{\"num_words\": 4, \"relation\": \"at least\"}", "It's two-", NO},
    {"length_constraints:nth_paragraph_first_word",
     "{\"num_paragraphs\": 2, \"nth_paragraph\": 2, \"first_word\": \"Weeks\"}", "One two\n\n\"Weeks, they say\"", YES},
    {"length_constraints:nth_paragraph_first_word",
     "{\"num_paragraphs\": 2, \"nth_paragraph\": 2, \"first_word\": \"weeks\"}", "One\n\nWeeksend\n\nThree", NO},
    {"detectable_content:number_placeholders", "{\"num_placeholders\": 2}", "[name] lives in [city]", YES},
    {"detectable_content:number_placeholders", "{\"num_placeholders\": 2}", "[name] lives in [the\ncity]", NO},
    {"detectable_content:postscript", "{\"postscript_marker\": \"P.S.\"}", "Bye.\n\np. s. I forgot", YES},
    {"detectable_content:postscript", "{\"postscript_marker\": \"P.P.S\"}", "Bye.\nP.S. I forgot", NO},
    {"detectable_content:postscript", "{\"postscript_marker\": \"P.P.S\"}", "P.P.S. one more", YES},
    {"detectable_format:number_bullet_lists", "{\"num_bullets\": 2}", "List:\n* one\n  - two\n**bold**", YES},
    {"detectable_format:number_bullet_lists", "{\"num_bullets\": 2}", "* one\n- two\n- three", NO},
    {"detectable_format:constrained_response", "{}", "Well. My answer is maybe. ", YES},
    {"detectable_format:constrained_response", "{}", "my answer is maybe", NO},
    {"detectable_format:number_highlighted_sections", "{\"num_highlights\": 3}", "*a* and *b* and **c**", YES},
    {"detectable_format:number_highlighted_sections", "{\"num_highlights\": 1}", "2 * 3\nand 4, ** **", NO},
    {"detectable_format:multiple_sections", "{\"section_spliter\": \"SECTION\", \"num_sections\": 2}",
     "SECTION 1\nx\nSECTION2\ny", YES},
    {"detectable_format:multiple_sections", "{\"section_spliter\": \"SECTION\", \"num_sections\": 2}",
     "SECTION 1\nx\nSection 2\ny", NO},
    {"detectable_format:json_format", "{}", "```json\n{\"a\": [1, 2]}\n```", YES},
    {"detectable_format:json_format", "{}", "Here: {\"a\": 1}", NO},
    {"detectable_format:title", "{}", "<<poem of joy>>\nla", YES},
    {"detectable_format:title", "{}", "<< >> <<a\nb>>", NO},
    {"combination:two_responses", "{}", "One way\n******\nAnother", YES},
    {"combination:two_responses", "{}", "One way\n******\nOne way\n", NO},
    {"combination:two_responses", "{}", "One\n******\n\n******\nTwo", NO},
    {"combination:repeat_prompt", "{\"prompt_to_repeat\": \"Say it.\"}", " say it. It.", YES},
    {"combination:repeat_prompt", "{\"prompt_to_repeat\": \"Say it.\"}", "I say it.", NO},
    {"startend:end_checker", "{\"end_phrase\": \"That is all\"}", "So it is. \"That is ALL\"", YES},
    {"startend:end_checker", "{\"end_phrase\": \"That is all\"}", "That is all!", NO},
    {"startend:quotation", "{}", " \"All of it\"\n", YES},
    {"startend:quotation", "{}", "\"", NO},
    {"change_case:capital_word_frequency", "{\"capital_frequency\": 2, \"capital_relation\": \"at least\"}",
     "NASA and the X-RAY are Good", YES},
    {"change_case:capital_word_frequency", "{\"capital_frequency\": 2, \"capital_relation\": \"less than\"}",
     "NASA and the X-RAY are Good", NO},
    {"change_case:english_capital", "{}", "THIS IS THE END, 42!", YES},
    {"change_case:english_capital", "{}", "THIS IS THE END of it", NO},
    {"change_case:english_lowercase", "{}", "this is the end, 42!", YES},
    {"change_case:english_lowercase", "{}", "das ist nicht das ende und wir sind es auch nicht", NO},
    {"punctuation:no_comma", "{}", "No sign here; none.", YES},
    {"punctuation:no_comma", "{}", "One, two", NO},
};

static void every_rule_has_replies_that_keep_it_and_that_do_not(void **state)
{
    (void)state;
    int n_rules = 0;
    for (; instruction_rule_name(n_rules); n_rules++) {
        int seen[3] = {0};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            if (strcmp(cases[i].name, instruction_rule_name(n_rules)) == 0) seen[cases[i].verdict]++;
        if (!seen[YES] || !seen[NO]) fail_msg("%s has no case of each", instruction_rule_name(n_rules));
    }
    assert_int_equal(n_rules, 25);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Instructions *one;
        Error err = {0};
        if (!read_one(&one, cases[i].name, cases[i].kwargs, &err)) fail_msg("%s: %s", cases[i].name, err.text);
        const Verdict verdict = instructions_check_one(one, 0, cases[i].reply, strlen(cases[i].reply));
        if (verdict != cases[i].verdict)
            fail_msg("%s: \"%s\" is %d, not %d", cases[i].name, cases[i].reply, verdict, cases[i].verdict);
        assert_int_equal(instructions_check_one(one, 0, " \n ", 3), VERDICT_WRONG);
        instructions_free(one);
    }
}

static void sentences_are_told_by_their_ends(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int n;
    } texts[] = {{"", 0},
                 {"No end", 1},
                 {"One. Two! Three? Four... five", 5},
                 {"Mr. A. B. Smith, e.g. in the U.S. of 3.14, came.", 1},
                 {"\"Stop!\" (He did.) Then?!", 3},
                 {"第一句。第二句！", 2},
                 {"...", 0}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (span_sentences(span_of(texts[i].text)) != texts[i].n)
            fail_msg("\"%s\" has %d", texts[i].text, (int)span_sentences(span_of(texts[i].text)));
}

/* "Sure:" before, a line after, stars around: loosely that is not the reply. */
static void loose_looks_past_first_and_last_line_and_stars(void **state)
{
    (void)state;
    json_t *const ids = json_of("[\"startend:end_checker\", \"punctuation:no_comma\", \"detectable_format:title\"]");
    json_t *const kwargs = json_of("[{\"end_phrase\": \"the end\", \"relation\": null}, {}, {}]");
    Instructions *all;
    Error err = {0};
    assert_true(instructions_read(&all, ids, kwargs, &err));
    static const char reply[] = "Sure, here it is:\n<<T>> It was *the end*\nAnything else?";
    InstructionsResult r;
    instructions_check(all, reply, sizeof reply - 1, &r);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.n_strict, 1);
    assert_int_equal(r.n_loose, 3);
    assert_int_equal(r.strict, VERDICT_WRONG);
    assert_int_equal(r.loose, VERDICT_RIGHT);
    instructions_check(all, "", 0, &r);
    assert_int_equal(r.n_loose, 0);
    assert_int_equal(r.loose, VERDICT_WRONG);
    instructions_free(all);
    json_decref(ids);
    json_decref(kwargs);
}

static void undecided_is_neither_kept_nor_broken(void **state)
{
    (void)state;
    json_t *const ids = json_of("[\"language:response_language\", \"punctuation:no_comma\"]");
    json_t *const kwargs = json_of("[{\"language\": \"pl\"}, {}]");
    Instructions *both;
    Error err = {0};
    assert_true(instructions_read(&both, ids, kwargs, &err));
    InstructionsResult r;
    instructions_check(both, "nie wiem", 8, &r);
    assert_int_equal(r.strict, VERDICT_UNDECIDED);
    assert_int_equal(r.n_strict_undecided, 1);
    instructions_check(both, "nie, wiem", 9, &r);
    assert_int_equal(r.strict, VERDICT_WRONG);
    instructions_free(both);
    json_decref(ids);
    json_decref(kwargs);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *name, *kwargs, *says;
    } bad[] = {{"punctuation:no_coma", "{}", "did you mean punctuation:no_comma?"},
               {"keywords:existence", "{}", "keywords:existence: \"keywords\" is missing"},
               {"keywords:existence", "{\"keywords\": null}", "is missing"},
               {"keywords:existence", "{\"keywords\": [1]}", "array of texts"},
               {"length_constraints:number_words", "{\"num_words\": \"4\", \"relation\": \"at least\"}", "an integer"},
               {"length_constraints:number_words", "{\"num_words\": 4, \"relation\": \"about\"}", "\"less than\" or"},
               {"startend:end_checker", "{\"end_phrase\": \"\"}", "must be a text"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Instructions *none;
        Error err = {0};
        assert_false(read_one(&none, bad[i].name, bad[i].kwargs, &err));
        if (!strstr(err.text, bad[i].says)) fail_msg("\"%s\" lacks \"%s\"", err.text, bad[i].says);
    }
    Instructions *none;
    Error err = {0};
    json_t *const ids = json_of("[\"punctuation:no_comma\", 3]"), *const kwargs = json_of("[{}]");
    assert_false(instructions_read(&none, ids, kwargs, &err));
    assert_false(instructions_read(&none, NULL, kwargs, &err));
    json_decref(ids);
    json_decref(kwargs);
}

static bool golden_row(void *context, const json_t *row, int64_t line, Error *err)
{
    int *const n = context;
    const json_t *const text = json_object_get(row, "text");
    Instructions *one;
    InstructionsResult r;
    (void)line;
    if (!instructions_read(&one, json_object_get(row, "instruction_id_list"), json_object_get(row, "kwargs"), err))
        return false;
    instructions_check(one, json_string_value(text), json_string_length(text), &r);
    instructions_free(one);
    ++*n;
    const bool same = (r.strict == VERDICT_RIGHT) == json_is_true(json_object_get(row, "strict")) &&
                      (r.loose == VERDICT_RIGHT) == json_is_true(json_object_get(row, "loose"));
    return same || error_set(err, ERROR_INPUT, "strict %d, loose %d is not what the original says", r.strict, r.loose);
}

/* What the published checkers say, where those ask no language model (tools/ifeval_golden.py). */
static void rules_agree_with_the_originals(void **state)
{
    (void)state;
    Error err = {0};
    int n = 0;
    if (!jsonl_read(R1_SOURCE_DIR "/tests/fixtures/ifeval/cases.jsonl", INT64_MAX, "a case", golden_row, &n, &err))
        fail_msg("%s", err.text);
    assert_int_equal(n, 600);
}

/* Bytes that are no UTF-8, of every length: nothing is read past the end (ASan watches). */
static void any_bytes_are_fine(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Instructions *one;
        Error err = {0};
        assert_true(read_one(&one, cases[i].name, cases[i].kwargs, &err));
        const size_t length = strlen(cases[i].reply);
        for (size_t n = 0; n <= length; n++) {
            char *const bytes = base_alloc(n + 1, 1);
            memcpy(bytes, cases[i].reply + length - n, n);
            if (n > 0) bytes[n / 2] = (char)0xe2;
            char *const exact = base_strndup(bytes, n);
            InstructionsResult r;
            instructions_check(one, exact, n, &r);
            assert_true(r.n == 1);
            base_free(exact);
            base_free(bytes);
        }
        instructions_free(one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rule_has_replies_that_keep_it_and_that_do_not),
        cmocka_unit_test(rules_agree_with_the_originals),
        cmocka_unit_test(sentences_are_told_by_their_ends),
        cmocka_unit_test(loose_looks_past_first_and_last_line_and_stars),
        cmocka_unit_test(undecided_is_neither_kept_nor_broken),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(any_bytes_are_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
