/* SPDX-License-Identifier: MIT */
/* cli/chat_view.c: an answer on its way to a person. White space is shown once something follows it, so that neither thinking nor answer
 * ends in blank lines. */
#include "cli/chat.h"

#include <string.h>

static const char DIM[] = "\033[2m", PLAIN[] = "\033[0m";

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static void open_thinking(ChatView *v)
{
    v->in_thinking = v->any_thinking = true;
    if (v->color)
        fputs(DIM, stdout);
    else
        fputs("<think>\n", stdout);
}

static void close_thinking(ChatView *v)
{
    if (!v->in_thinking) return;
    v->in_thinking = false;
    if (v->color)
        fputs(PLAIN, stdout);
    else
        fputs("\n</think>", stdout);
    fputs("\n\n", stdout);
}

static void show(void *context, bool thinking, const char *text, size_t length)
{
    ChatView *const v = context;
    if (v->silent || (thinking && !v->shows_thinking)) return;
    if (!thinking && v->in_thinking) {
        json_out_clear(&v->blanks);
        close_thinking(v);
    }
    size_t from = 0;
    bool begun = thinking ? v->in_thinking : v->any_answer;
    for (size_t i = 0; i < length; i++) {
        if (is_blank(text[i])) continue;
        if (!begun && thinking) open_thinking(v);
        if (!begun) json_out_clear(&v->blanks);
        if (v->blanks.length) fwrite(v->blanks.text, 1, v->blanks.length, stdout);
        json_out_clear(&v->blanks);
        size_t end = i;
        for (; end < length && !is_blank(text[end]);) end++;
        fwrite(text + (begun ? from : i), 1, end - (begun ? from : i), stdout);
        if (!thinking) v->any_answer = true;
        begun = true;
        from = i = end;
    }
    if (begun) json_out_raw_bytes(&v->blanks, text + from, length - from);
}

void chat_view_begin(ChatView *v, bool thinking)
{
    json_out_clear(&v->text);
    json_out_clear(&v->blanks);
    v->n_fed = 0;
    v->n_tokens = 0;
    v->stop_state = 0;
    v->in_thinking = v->any_thinking = v->any_answer = false;
    thinking_begin(&v->stream, thinking, show, v);
}

size_t chat_view_length(const ChatView *v)
{
    return v->stop && v->text.length ? stop_strings_cut(v->stop, v->text.text, v->text.length) : v->text.length;
}

static void add_token(ChatView *v, int32_t id)
{
    size_t length;
    const char *const bytes = token_bytes_get(v->token_bytes, id, &length);
    json_out_raw_bytes(&v->text, bytes, length);
    size_t shown = v->text.length;
    if (v->stop)
        shown = stop_strings_feed(v->stop, &v->stop_state, bytes, length)
                    ? chat_view_length(v)
                    : v->text.length - stop_strings_pending(v->stop, v->stop_state);
    if (shown <= v->n_fed) return;
    thinking_feed(&v->stream, v->text.text + v->n_fed, shown - v->n_fed);
    v->n_fed = shown;
}

bool chat_view_grow(void *context, const Completion *completion, Error *err)
{
    ChatView *const v = context;
    for (; v->n_tokens < completion->n_ids; v->n_tokens++) add_token(v, completion->ids[v->n_tokens]);
    if (v->silent || fflush(stdout) == 0) return true;
    return error_set(err, ERROR_SYSTEM, "cannot write output: %m");
}

void chat_view_end(ChatView *v)
{
    thinking_finish(&v->stream);
    if (v->silent) return;
    json_out_clear(&v->blanks);
    if (v->in_thinking)
        close_thinking(v);
    else
        fputs("\n", stdout);
    fflush(stdout);
}

void chat_view_free(ChatView *v)
{
    json_out_free(&v->text);
    json_out_free(&v->blanks);
}
