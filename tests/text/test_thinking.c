/* SPDX-License-Identifier: MIT */
/* Thinking and answer are told apart wherever the pieces of a text are cut; earlier thinking is not shown to the model again. */
#include "base/arena.h"
#include "base/file.h"
#include "text/conversation.h"
#include "text/thinking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* "T(...)A(...)": what came as thinking and as answer. */
typedef struct Seen {
    char text[400];
    int last; /* -1: nothing yet */
} Seen;

static void see(void *context, bool thinking, const char *text, size_t length)
{
    Seen *const seen = context;
    assert_true(length > 0);
    const size_t used = strlen(seen->text);
    const char *const open = seen->last == thinking ? ""
                             : seen->last < 0       ? (thinking ? "T(" : "A(")
                             : thinking             ? ")T("
                                                    : ")A(";
    snprintf(seen->text + used, sizeof seen->text - used, "%s%.*s", open, (int)length, text);
    seen->last = thinking;
}

static void expect_parts(bool inside, const char *text, const char *want)
{
    for (size_t step = 1; step <= strlen(text) + 1; step++) {
        Seen seen = {.last = -1};
        ThinkingStream stream;
        thinking_begin(&stream, inside, see, &seen);
        for (size_t at = 0; at < strlen(text); at += step)
            thinking_feed(&stream, text + at, strlen(text) - at < step ? strlen(text) - at : step);
        thinking_finish(&stream);
        if (seen.last >= 0) strcat(seen.text, ")");
        assert_string_equal(seen.text, want);
    }
}

static void a_stream_is_cut_at_its_tags(void **state)
{
    (void)state;
    expect_parts(false, "answer", "A(answer)");
    expect_parts(false, "<think>why</think>so", "T(why)A(so)");
    expect_parts(false, "\n<think>\nwhy\n</think>\n\nso", "A(\n)T(\nwhy\n)A(\n\nso)");
    expect_parts(true, "why</think>so", "T(why)A(so)");
    expect_parts(true, "never ends", "T(never ends)");
    expect_parts(true, "a </thin b </think>c </think>", "T(a </thin b )A(c </think>)");
    expect_parts(false, "x <think>y</think>", "A(x <think>y</think>)");
    expect_parts(false, "<thinx", "A(<thinx)");
    expect_parts(false, "<think", "A(<think)");
    expect_parts(true, "<think>a</think>b<think>", "T(<think>a)A(b<think>)");
    expect_parts(true, "é漢🙂</think>🙂", "T(é漢🙂)A(🙂)");
    expect_parts(false, "", "");
}

static void the_end_of_thinking_is_found(void **state)
{
    (void)state;
    assert_true(thinking_is_open("<|Assistant|><think>\n", 21));
    assert_true(thinking_is_open("<think>", 7));
    assert_false(thinking_is_open("<think>\n\n</think>\n\n", 18));
    assert_false(thinking_is_open("", 0));
    const char *const text = "<think>a</think>\n\nb";
    assert_string_equal(thinking_end(text, strlen(text)), "b");
    assert_string_equal(thinking_end("plain", 5), "plain");
    assert_string_equal(thinking_end("a</think>b</think>c", 19), "c");
    assert_string_equal(thinking_end("a</think>", 9), "");
    assert_string_equal(thinking_close("a</think>b</think>\nc", 20), "\nc");
    assert_null(thinking_close("a</think", 8));
}

static void thinking_that_does_not_end_has_no_answer(void **state)
{
    (void)state;
    static const struct {
        const char *prompt, *reply;
        bool unfinished;
    } cases[] = {{"2+2", "4", false},
                 {"2+2", "<think> 4", true},
                 {"2+2<think>\n", "4", true},
                 {"2+2<think>\n", "a</think>4", false},
                 {"2+2", "<think>a</think>4", false},
                 {"2+2", "<think>a</think>b<think>", false}, /* as judged: what follows the last end */
                 {"", "", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (thinking_unfinished(cases[i].prompt, strlen(cases[i].prompt), cases[i].reply, strlen(cases[i].reply)) !=
            cases[i].unfinished)
            fail_msg("%s|%s", cases[i].prompt, cases[i].reply);
}

static void a_question_without_a_template_stands_in_the_plain_frame(void **state)
{
    (void)state;
    size_t length;
    char *const text = conversation_plain("2+2=?!", 5, &length);
    assert_string_equal(text, "User: 2+2=?\nAssistant:");
    assert_int_equal(length, strlen(text));
    base_free(text);
}

static char *text_of(const char *name, bool *thinks, int64_t n_skipped)
{
    char *const folder = base_printf(R1_SOURCE_DIR "/tests/fixtures/chat/%s", name), *text;
    ChatTemplate *chat;
    Conversation talk;
    Error err = {0};
    size_t length;
    if (!chat_template_open(&chat, folder, &err)) fail_msg("%s", err.text);
    conversation_create(&talk, chat);
    conversation_set_system(&talk, "S");
    conversation_add(&talk, "user", "q1", 2);
    const char *const answer = "<think>\nwhy\n</think>\n\na1";
    conversation_add(&talk, "assistant", answer, strlen(answer));
    conversation_add(&talk, "user", "q2 \xFF", 4);
    if (!conversation_text(&talk, chat, n_skipped, &text, &length, thinks, &err)) fail_msg("%s", err.text);
    assert_int_equal(length, strlen(text));
    conversation_free(&talk);
    chat_template_free(chat);
    base_free(folder);
    return text;
}

static void earlier_thinking_is_left_out(void **state)
{
    (void)state;
    bool thinks;
    char *text = text_of("deepseek-r1", &thinks, 0); /* takes it out itself, and leaves the newlines */
    assert_string_equal(text, "<｜begin▁of▁sentence｜>S<｜User｜>q1<｜Assistant｜>\n\na1<｜end▁of▁sentence｜><｜User｜>"
                              "q2 \xEF\xBF\xBD<｜Assistant｜><think>\n");
    assert_true(thinks);
    base_free(text);
    text = text_of("deepseek-v3", &thinks, 0); /* would leave it in */
    assert_string_equal(text, "<｜begin▁of▁sentence｜>S<｜User｜>q1<｜Assistant｜>a1<｜end▁of▁sentence｜><｜User｜>q2 "
                              "\xEF\xBF\xBD<｜Assistant｜>");
    assert_false(thinks);
    base_free(text);
    text = text_of("qwen3", &thinks, 2);
    assert_string_equal(
        text, "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nq2 \xEF\xBF\xBD<|im_end|>\n<|im_start|>assistant\n");
    base_free(text);
}

static void a_conversation_comes_back_from_its_file(void **state)
{
    (void)state;
    Conversation talk, again;
    Error err = {0};
    JsonOut out = {0};
    char path[] = "/tmp/r1-conversation-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    conversation_create(&talk, NULL);
    conversation_create(&again, NULL);
    conversation_add(&talk, "user", "a\nb", 3);
    conversation_set_system(&talk, "S");
    conversation_set_system(&talk, "T");
    conversation_write(&talk, &out);
    assert_string_equal(
        out.text,
        "{\"messages\": [{\"role\":\"system\",\"content\":\"T\"},{\"role\":\"user\",\"content\":\"a\\nb\"}]}");
    assert_true(file_write_all(path, "test", out.text, out.length, &err));
    assert_true(conversation_read(&again, path, &err));
    assert_int_equal(conversation_length(&again), 2);
    assert_true(conversation_has_system(&again));
    conversation_set_system(&again, "");
    assert_string_equal(conversation_content(&again, 0), "a\nb");
    assert_true(file_write_all(path, "test", "{\"messages\": [{\"role\": 1}]}", 27, &err));
    assert_false(conversation_read(&again, path, &err));
    assert_non_null(strstr(err.text, "message 0: expected"));
    assert_int_equal(conversation_length(&again), 1);
    conversation_free(&talk);
    conversation_free(&again);
    json_out_free(&out);
    remove(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stream_is_cut_at_its_tags),
        cmocka_unit_test(the_end_of_thinking_is_found),
        cmocka_unit_test(thinking_that_does_not_end_has_no_answer),
        cmocka_unit_test(a_question_without_a_template_stands_in_the_plain_frame),
        cmocka_unit_test(earlier_thinking_is_left_out),
        cmocka_unit_test(a_conversation_comes_back_from_its_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
