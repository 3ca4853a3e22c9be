/* SPDX-License-Identifier: MIT */
/* Rows of pairs and labels as ids: which part is scored, what is held out, and what is said about bad rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/file.h"
#include "data/preferences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BASE R1_SOURCE_DIR "/models/base"
#define TEMPLATE                                                                                                       \
    "{% for m in messages %}{{ m.role }}: {{ m.content.split(\"</think>\")[-1] }}\n{% endfor %}{% if "                 \
    "add_generation_prompt %}assistant: "                                                                              \
    "<think>\n{% endif %}"

static char folder[] = "/tmp/r1-preferences-XXXXXX";
static Tokenizer *tokenizer;
static PreferenceOptions options = {.max_length = 200, .scored = -1, .end = 0};

static bool take(Preferences *p, const char *text, Error *err)
{
    char *const path = base_printf("%s/rows.jsonl", folder);
    if (!file_write_all(path, "test", text, strlen(text), err)) fail_msg("%s", err->text);
    const bool ok = preferences_read(p, tokenizer, path, &options, err);
    base_free(path);
    return ok;
}

static void good(Preferences *p, const char *text)
{
    Error err = {0};
    if (!take(p, text, &err)) fail_msg("%s", err.text);
}

static void refused(const char *text, const char *words)
{
    Preferences p;
    Error err = {0};
    if (take(&p, text, &err)) fail_msg("%s is taken", text);
    if (!strstr(err.text, words)) fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_int_equal(err.kind, ERROR_INPUT);
}

/* The text of some ids of the list. */
static void is_text(const Preferences *p, int64_t first, int64_t n, const char *want)
{
    char *text;
    size_t length;
    Error err = {0};
    if (!tokenizer_decode(tokenizer, p->ids.ids + first, n, true, &text, &length, &err)) fail_msg("%s", err.text);
    assert_string_equal(text, want);
    base_free(text);
}

static void is_row(const Preferences *p, int64_t row, const char *prompt, const char *first, const char *second)
{
    const Preference *const item = &p->items[row];
    const char *const texts[] = {first, second};
    is_text(p, item->prompt, item->n_prompt, prompt);
    for (int i = 0; i < 2 && texts[i]; i++) {
        is_text(p, item->response[i], item->n_response[i], texts[i]);
        assert_int_equal(p->ids.ids[item->response[i] + item->n_response[i] - 1], options.end);
    }
}

static void pairs_are_scored_by_their_summaries(void **state)
{
    (void)state;
    Preferences p;
    good(&p,
         "{\"prompt\": \"2+2=\", \"chosen\": \"<think> easy </think>\\n 4\", \"rejected\": \" 5\", \"margin\": 1.5}\n"
         "{\"prompt\": \"2+2=\", \"chosen\": \"<think> a </think> b </think> 4\", \"rejected\": \"<think> 4\"}\n");
    assert_true(p.pairs && p.n == 2);
    is_row(&p, 0, "2+2=", " 4", " 5");
    is_row(&p, 1, "2+2=", " 4", ""); /* thinking that does not end has no summary */
    assert_true(p.items[0].margin == 1.5f && p.items[1].margin == 0.0f);
    preferences_free(&p);
    options.scored = SCORED_RESPONSE;
    good(&p, "{\"prompt\": \"2+2=\", \"chosen\": \"<think> easy </think> 4\", \"rejected\": \"5\"}\n");
    is_row(&p, 0, "2+2=", "<think> easy </think> 4", "5");
    preferences_free(&p);
    options.scored = -1;
}

static void labels_are_scored_whole(void **state)
{
    (void)state;
    Preferences p;
    good(&p, "{\"prompt\": \"hi\", \"completion\": \"<think> a </think> b\", \"label\": true}\n"
             "{\"prompt\": \"hi\", \"completion\": \"c\", \"label\": 0.25}\n{\"prompt\": \"hi\", \"completion\": \"\", "
             "\"label\": false}\n");
    assert_true(!p.pairs && p.n == 3);
    is_row(&p, 0, "hi", "<think> a </think> b", NULL);
    is_row(&p, 2, "hi", "", NULL);
    assert_true(p.items[0].label == 1.0f && p.items[1].label == 0.25f && p.items[2].label == 0.0f);
    preferences_free(&p);
}

static void conversations_go_through_the_template(void **state)
{
    (void)state;
    static const char prompt[] = "user: 2+2\nassistant: <think>\n";
    Preferences p;
    good(&p, "{\"prompt\": [{\"role\": \"user\", \"content\": \"2+2\"}], \"chosen\": [{\"role\": \"assistant\", "
             "\"content\": "
             "\"<think>\\nyes</think>4\"}], \"rejected\": \"no</think>5\"}\n"
             "{\"chosen\": [{\"role\": \"user\", \"content\": \"2+2\"}, {\"role\": \"assistant\", \"content\": "
             "\"a</think>4\"}], "
             "\"rejected\": [{\"role\": \"user\", \"content\": \"2+2\"}, {\"role\": \"assistant\", \"content\": "
             "\"open\"}]}\n");
    is_row(&p, 0, prompt, "4", "5");
    is_row(&p, 1, prompt, "4", ""); /* the prompt has begun to think */
    preferences_free(&p);
    good(&p, "{\"messages\": [{\"role\": \"user\", \"content\": \"2+2\"}, {\"role\": \"assistant\", \"content\": "
             "\"<think>\\nyes</think>4\"}], \"label\": 1}\n");
    is_row(&p, 0, prompt, "yes</think>4", NULL);
    preferences_free(&p);
}

static void rows_of_one_prompt_are_held_out_together(void **state)
{
    (void)state;
    JsonOut text = {0};
    Preferences p;
    for (int i = 0; i < 400; i++) {
        char line[120];
        snprintf(line, sizeof line, "{\"prompt\": \"%d?\", \"completion\": \"%d\", \"label\": %d}\n", i % 200, i,
                 i % 2);
        json_out_raw(&text, line);
        text.needs_comma = false;
    }
    options.held_out = 0.3;
    good(&p, text.text);
    for (int i = 0; i < 200; i++) assert_int_equal(p.items[i].held_out, p.items[200 + i].held_out);
    assert_true(p.n_held_out > 60 && p.n_held_out < 180);
    preferences_free(&p);
    options.held_out = 0.0;
    json_out_free(&text);
}

static void bad_rows_are_named(void **state)
{
    (void)state;
    refused("{\"prompt\": \"a\", \"chosen\": \"b\"}\n", "rows.jsonl:1: \"rejected\" must be a text or a list");
    refused("{\"prompt\": \"a\", \"completion\": \"b\"}\n", "expected \"prompt\", \"chosen\" and \"rejected\", or");
    refused("{\"prompt\": \"a\", \"completion\": \"b\", \"label\": 2}\n", "\"label\" must be true, false, or a number");
    refused("{\"prompt\": \"a\", \"completion\": \"b\", \"label\": \"yes\"}\n",
            "\"label\" must be true, false, or a number");
    refused("{\"completion\": \"b\", \"label\": true}\n", "\"prompt\" must be a text or a list of messages");
    refused("{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\", \"margin\": 1e9}\n",
            "\"margin\" 1e+09 is beyond 1e6");
    refused("{\"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}\n{\"prompt\": \"a\", \"completion\": \"b\", "
            "\"label\": true}\n",
            "rows.jsonl:2: a labelled response, but rows before it are pairs");
    refused("{\"chosen\": [{\"role\": \"user\", \"content\": \"x\"}, {\"role\": \"assistant\", \"content\": \"a\"}], "
            "\"rejected\": "
            "[{\"role\": \"user\", \"content\": \"y\"}, {\"role\": \"assistant\", \"content\": \"a\"}]}\n",
            "differ before their answers");
    refused("{\"chosen\": 3, \"rejected\": 4, \"prompt\": \"a\"}\n{\n", "(2 of 2 rows are bad");
    refused("\n", "no pair in it");
    options.max_length = 5;
    refused("{\"prompt\": \"a long question\", \"chosen\": \"b\", \"rejected\": \"c\"}\n", "longer than max_length 5");
    options.overlong_is_error = true;
    refused("{\"prompt\": \"a long question\", \"chosen\": \"b\", \"rejected\": \"c\"}\n", "tokens, max_length is 5");
    options.overlong_is_error = false;
    options.max_length = 200;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_scored_by_their_summaries),
        cmocka_unit_test(labels_are_scored_whole),
        cmocka_unit_test(conversations_go_through_the_template),
        cmocka_unit_test(rows_of_one_prompt_are_held_out_together),
        cmocka_unit_test(bad_rows_are_named),
    };
    Error err = {0};
    if (!mkdtemp(folder) || !tokenizer_open(&tokenizer, BASE, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    options.folder = folder;
    char *const path = base_printf("%s/chat_template.jinja", folder);
    int failed = file_write_all(path, "test", TEMPLATE, strlen(TEMPLATE), &err) ? 0 : 1;
    base_free(path);
    failed += cmocka_run_group_tests(tests, NULL, NULL);
    tokenizer_free(tokenizer);
    return file_remove_tree(folder, &err) ? failed : 1;
}
