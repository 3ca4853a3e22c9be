/* SPDX-License-Identifier: MIT */
/* Chat templates: the text that Jinja2 gives (tests/text/templates.jsonl and tests/fixtures/chat; tools/template_differential.py
 * made the first), places in messages, and an end to templates that have none. */
#include "base/arena.h"
#include "base/file.h"
#include "text/chat_template.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* The text of a template, or "error: ..."; the caller base_frees. */
static char *rendered(const char *source, size_t source_length, const json_t *variables, const TemplateLimits *limits,
                      size_t *length)
{
    Template *template;
    Error err = {0};
    char *text = NULL;
    if (template_parse(&template, "t", source, source_length, &err)) {
        if (!template_render(template, variables, limits, &text, length, &err)) text = NULL;
        template_free(template);
    }
    if (text) return text;
    assert_int_equal(err.kind, ERROR_INPUT);
    text = base_printf("error: %s", err.text);
    *length = strlen(text);
    return text;
}

/* Calls check for each line of a JSONL file; returns how many there were. */
static int each_line(const char *path, void (*check)(const json_t *row, int line, void *context), void *context)
{
    char *text, *at;
    size_t length;
    Error err = {0};
    int n = 0;
    if (!file_read_all(path, 1 << 24, &text, &length, &err)) fail_msg("%s", err.text);
    at = text;
    for (char *line; (line = strsep(&at, "\n"));) {
        if (!*line) continue;
        json_t *const row = json_read_text(line, strlen(line), path, ++n, &err);
        if (!row) fail_msg("%s", err.text);
        check(row, n, context);
        json_decref(row);
    }
    base_free(text);
    return n;
}

static void check_row(const json_t *row, int line, void *context)
{
    int *const n_wrong = context;
    const json_t *const source = json_object_get(row, "template"), *const want = json_object_get(row, "text");
    size_t length;
    char *const text = rendered(json_string_value(source), json_string_length(source),
                                json_object_get(row, "variables"), NULL, &length);
    const bool failed = strncmp(text, "error: ", 7) == 0;
    const bool same =
        want ? !failed && length == json_string_length(want) && memcmp(text, json_string_value(want), length) == 0
             : failed;
    if (!same) {
        print_error("line %d: %s\n  want %s\n  have %s\n", line, json_string_value(source),
                    want ? json_string_value(want) : "an error", text);
        ++*n_wrong;
    }
    base_free(text);
}

static void templates_give_what_jinja_gives(void **state)
{
    (void)state;
    int n_wrong = 0;
    assert_true(each_line(R1_SOURCE_DIR "/tests/text/templates.jsonl", check_row, &n_wrong) > 150);
    assert_int_equal(n_wrong, 0);
}

static void check_chat(const json_t *row, int line, void *context)
{
    char *text;
    size_t length;
    Error err = {0};
    const json_t *const want = json_object_get(row, "text");
    if (!chat_template_render(context, row, NULL, &text, &length, &err)) fail_msg("line %d: %s", line, err.text);
    if (length != json_string_length(want) || memcmp(text, json_string_value(want), length) != 0)
        fail_msg("line %d: want\n%s\nhave\n%s", line, json_string_value(want), text);
    base_free(text);
}

static void published_templates_are_exact(void **state)
{
    (void)state;
    static const char *const names[] = {"deepseek-r1", "deepseek-v3", "llama31", "qwen3"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *const folder = base_printf(R1_SOURCE_DIR "/tests/fixtures/chat/%s", names[i]);
        char *const golden = base_printf("%s/golden.jsonl", folder);
        ChatTemplate *chat;
        Error err = {0};
        if (!chat_template_open(&chat, folder, &err)) fail_msg("%s", err.text);
        assert_int_equal(each_line(golden, check_chat, chat), 24);
        chat_template_free(chat);
        base_free(golden);
        base_free(folder);
    }
}

/* ---- messages ---- */

static void expect(const char *source, const char *variables, const char *want)
{
    Error err = {0};
    json_t *const json = json_read_text(variables, strlen(variables), "test", 1, &err);
    assert_non_null(json);
    size_t length;
    char *const text = rendered(source, strlen(source), json, NULL, &length);
    assert_string_equal(text, want);
    base_free(text);
    json_decref(json);
}

static void mistakes_name_line_and_column(void **state)
{
    (void)state;
    expect("a\nb {{ x.y }}", "{}", "error: t:2:7: 'x' is undefined");
    expect("é{{ x.y.z }}", "{\"x\":{}}", "error: t:1:8: dict has no attribute 'y'");
    expect("{{ x[3].y }}", "{\"x\":[]}", "error: t:1:8: list has no element 3");
    expect("\r\n\r\n  {{ 1 + 'a' }}", "{}", "error: t:3:8: unsupported operand types for +: 'int' and 'str'");
    expect("{% if true %}\nx", "{}", "error: t:2:2: the template ends inside {% if %}: {% endif %} is missing");
    expect("{% for x in y %}{% foo %}", "{}",
           "error: t:1:20: unknown tag foo, inside {% for %}, which waits for its end");
    expect("{{ raise_exception('Roles must\nalternate') }}", "{}", "error: t:1:19: Roles must alternate");
    expect("{{ 'abc }}", "{}", "error: t:1:4: a string that does not end: a ' is missing");
    expect("{{ x|nope }}", "{}", "error: t:1:6: there is no filter named nope");
    expect("{% include 'x' %}", "{}", "error: t:1:4: include: a chat template cannot load another template");
    expect("{{ [].append(1) }}", "{}",
           "error: t:1:13: append would change a value of the template, which its sandbox does not allow");
}

static void today_is_what_it_is_told(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    const TemplateLimits limits = {.now = 1709210096};
    const char *const source =
        "{{ strftime_now('%d %b %Y') }}|{{ strftime_now('%Y-%m-%d %H:%M:%S') }}|{{ strftime_now('') }}";
    json_t *const variables = json_object();
    size_t length;
    char *const text = rendered(source, strlen(source), variables, &limits, &length);
    assert_string_equal(text, "29 Feb 2024|2024-02-29 12:34:56|");
    base_free(text);
    json_decref(variables);
}

/* ---- hostile templates ---- */

static void ends(const char *source)
{
    json_t *const variables = json_object();
    size_t length;

    char *const text = rendered(source, strlen(source), variables, NULL, &length);
    if (strncmp(text, "error: t:", 9) != 0) fail_msg("%.200s gave %.200s", source, text);
    assert_null(strchr(text, '\n'));
    base_free(text);
    json_decref(variables);
}

static char *repeated(const char *before, const char *piece, int n, const char *after)
{
    const size_t length = strlen(piece);
    char *const text = base_alloc(strlen(before) + (size_t)n * length + strlen(after) + 1, 1);
    char *at = stpcpy(text, before);
    for (int i = 0; i < n; i++) at = stpcpy(at, piece);
    strcpy(at, after);
    return text;
}

static void templates_without_an_end_are_ended(void **state)
{
    (void)state;
    ends("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}");
    ends("{{ range(10**12) | list }}");
    ends("{{ 'x' * 10**12 }}");
    ends("{{ [1] * 10**12 }}");
    ends("{{ 2 ** 10**10 }}");
    ends("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}");
    ends("{% macro f(a) %}{{ caller() }}{% endmacro %}{% macro g() %}{% call f(1) %}{{ g() }}{% endcall %}{% endmacro "
         "%}{{ g() }}");
    ends("{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}");
    ends("{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}");
    ends("{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}");
    ends("{% set ns = namespace() %}{% set ns.l = [ns] %}{{ ns }}");
    ends("{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}");
    ends("{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l | tojson "
         "}}");
    ends("{% set ns = namespace(a=[], b=[]) %}{% for i in range(9999) %}{% set ns.a = [ns.a] %}{% set ns.b = [ns.b] "
         "%}{% endfor %}{{ ns.a == ns.b }}");
    ends("{{ '%999999999d' % 1 }}");
    ends("{{ '{:999999999}'.format(1) }}");
    ends("{{ 'a'.center(10**15) }}");
    ends("{{ ('a' * 1000000).replace('', 'b' * 1000000) }}");
    ends("{{ range(99999) | map('string') | join('x' * 100000) }}");
    ends("{% for i in range(99999) %}{{ 'x' * 100000 }}{% endfor %}");
    ends("{% set x = range(99999) | list %}{% for i in x %}{{ i in x }}{% endfor %}");
    ends("{% set x = 'a' * 10000000 %}{% for i in range(99999) %}{{ x.find('b') }}{% endfor %}");
    ends("{% set x = 'a' * 10000000 %}{% for i in range(99999) %}{{ x[9999999] }}{% endfor %}");
    ends("{{ 1 | batch(10**15, 0) | list }}");
    ends("{{ [1] | batch(10**15, 0) | list }}");
    ends("{{ [1] | slice(10**15) | list }}");
    ends("{{ 'a\n' | indent(10**15) }}");
    ends("{{ [1] | tojson(indent=10**15) }}");
    ends("{{ 9223372036854775807 + 1 }}");
    ends("{{ (-9223372036854775807 - 1) // -1 }}");
    ends("{{ 99999999999999999999 }}");
    ends("{{ [1][::9223372036854775807][::-9223372036854775807].x.y }}");
    char *const deep[] = {
        repeated("{{ ", "(", 100000, "1"),
        repeated("{{ ", "[", 100000, "1"),
        repeated("{{ ", "not ", 99999, ")"),
        repeated("{{ ", "-", 100000, "1 }}"),
        repeated("", "{% if 1 %}", 9999, ""),
        repeated("{{ 1", "+1", 100000, " }}"),
        repeated("{{ 1", "|abs", 9999, " }}"),
        repeated("{{ x", ".y", 9999, " }}"),
        repeated("{{ 1", " if 0 else 1", 9999, " }}"),
        repeated("{{ ", "{1:", 100000, "1 }}"),
        repeated("{{ 1", " is true", 9999, " }}"),
        repeated("{{ 1", " and 1", 9999, " }}"),
    };
    for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
        ends(deep[i]);
        base_free(deep[i]);
    }
}

static void growing_a_long_text_is_linear(void **state)
{
    (void)state;
    const char *const source =
        "{% set ns = namespace(s='') %}{% for i in range(99999) %}{% set ns.s = ns.s + 'twenty bytes of text' %}"
        "{% endfor %}{{ ns.s | length }}";
    json_t *const variables = json_object();
    const TemplateLimits limits = {.memory_bytes = 64 << 20};
    size_t length;
    char *const text = rendered(source, strlen(source), variables, &limits, &length);
    assert_string_equal(text, "1999980");
    base_free(text);
    json_decref(variables);
}

/* ---- folders ---- */

static void write_text(const char *folder, const char *name, const char *text)
{
    char *const path = base_printf("%s/%s", folder, name);
    FILE *const file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    base_free(path);
}

static void expect_chat(const char *folder, const char *variables, const char *want)
{
    Error err = {0};
    ChatTemplate *chat;
    json_t *const json = json_loads(variables, 0, NULL);
    if (!chat_template_open(&chat, folder, &err)) fail_msg("%s", err.text);
    char *text;
    size_t length;
    if (!chat_template_render(chat, json, NULL, &text, &length, &err)) fail_msg("%s", err.text);
    assert_string_equal(text, want);
    base_free(text);
    json_decref(json);
    chat_template_free(chat);
}

static void a_folder_names_its_templates_and_tokens(void **state)
{
    (void)state;
    char folder[] = "/tmp/r1-template-XXXXXX";
    assert_non_null(mkdtemp(folder));
    Error err = {0};
    ChatTemplate *chat;
    assert_false(chat_template_open(&chat, folder, &err));
    assert_non_null(strstr(err.text, "no chat template"));
    write_text(folder, "tokenizer_config.json",
               "{\"bos_token\": {\"content\": \"<b>\"}, \"eos_token\": \"<e>\", \"chat_template\": [{\"name\": "
               "\"default\", \"template\": "
               "\"D{{ bos_token }}{{ eos_token }}{{ tools is none }}\"}, {\"name\": \"tool_use\", \"template\": \"T{{ "
               "tools|length }}\"}]}");
    expect_chat(folder, "{}", "D<b><e>True");
    expect_chat(folder, "{\"bos_token\": \"x\", \"tools\": [1, 2]}", "T2");
    expect_chat(folder, "{\"bos_token\": \"x\", \"tools\": null}", "Dx<e>True");
    write_text(folder, "chat_template.jinja", "file {{ bos_token }}");
    expect_chat(folder, "{}", "file <b>");
    expect_chat(folder, "{\"tools\": [1]}", "T1");
    write_text(folder, "chat_template.jinja", "{{ x }");
    assert_false(chat_template_open(&chat, folder, &err));
    assert_non_null(strstr(err.text, "chat_template.jinja:1:6: unexpected"));
    assert_true(file_remove_tree(folder, &err));
}

/* ---- training ---- */

static ChatPrefix prefix_of(const char *name)
{
    char *const folder = base_printf(R1_SOURCE_DIR "/tests/fixtures/chat/%s", name);
    Error err = {0};
    ChatTemplate *chat;
    ChatPrefix prefix = CHAT_BREAKS_PREFIX;
    if (!chat_template_open(&chat, folder, &err) || !chat_template_prefix(chat, &prefix, &err))
        fail_msg("%s", err.text);
    assert_true(chat_template_check_training(chat, 1, &err) == (prefix != CHAT_BREAKS_PREFIX));
    assert_true(chat_template_check_training(chat, 3, &err) == (prefix == CHAT_KEEPS_PREFIX));
    chat_template_free(chat);
    base_free(folder);
    return prefix;
}

static void templates_that_strip_thinking_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(prefix_of("deepseek-v3"), CHAT_KEEPS_PREFIX);
    assert_int_equal(prefix_of("llama31"), CHAT_KEEPS_PREFIX);
    assert_int_equal(prefix_of("deepseek-r1"), CHAT_STRIPS_THINKING);
    assert_int_equal(prefix_of("qwen3"), CHAT_STRIPS_THINKING);
}

static void a_template_that_counts_its_turns_breaks_the_prefix(void **state)
{
    (void)state;
    char folder[] = "/tmp/r1-template-XXXXXX";
    assert_non_null(mkdtemp(folder));
    write_text(folder, "chat_template.jinja",
               "{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}");
    ChatTemplate *chat;
    ChatPrefix prefix = CHAT_BREAKS_PREFIX;
    Error err = {0};
    if (!chat_template_open(&chat, folder, &err) || !chat_template_prefix(chat, &prefix, &err))
        fail_msg("%s", err.text);
    assert_int_equal(prefix, CHAT_BREAKS_PREFIX);
    assert_false(chat_template_check_training(chat, 1, &err));
    assert_non_null(strstr(err.text, "not prefix-preserving"));
    chat_template_free(chat);
    assert_true(file_remove_tree(folder, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(templates_give_what_jinja_gives),
        cmocka_unit_test(published_templates_are_exact),
        cmocka_unit_test(mistakes_name_line_and_column),
        cmocka_unit_test(today_is_what_it_is_told),
        cmocka_unit_test(templates_without_an_end_are_ended),
        cmocka_unit_test(growing_a_long_text_is_linear),
        cmocka_unit_test(a_folder_names_its_templates_and_tokens),
        cmocka_unit_test(templates_that_strip_thinking_are_told_apart),
        cmocka_unit_test(a_template_that_counts_its_turns_breaks_the_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
