/* SPDX-License-Identifier: MIT */
#include "text/thinking.h"

#include "base/utf8.h"

#include <string.h>

static const char OPEN[] = "<think>", CLOSE[] = "</think>";

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

bool thinking_is_open(const char *text, size_t length)
{
    while (length > 0 && is_blank(text[length - 1])) length--;
    const size_t n = strlen(OPEN);
    return length >= n && memcmp(text + length - n, OPEN, n) == 0;
}

const char *thinking_close(const char *text, size_t length)
{
    const char *last = NULL, *at = text, *const end = text + length;
    while ((at = memmem(at, (size_t)(end - at), CLOSE, strlen(CLOSE)))) last = at += strlen(CLOSE);
    return last;
}

bool thinking_unfinished(const char *prompt, size_t prompt_length, const char *reply, size_t length)
{
    return !thinking_close(reply, length) &&
           (thinking_is_open(prompt, prompt_length) || memmem(reply, length, OPEN, strlen(OPEN)));
}

const char *thinking_end(const char *text, size_t length)
{
    const char *answer = thinking_close(text, length), *const end = text + length;
    if (!answer) return text;
    while (answer < end && (*answer == '\n' || *answer == '\r')) answer++;
    return answer;
}

void thinking_begin(ThinkingStream *s, bool thinking, ThinkingPart part, void *context)
{
    *s = (ThinkingStream){.part = part, .context = context, .thinking = thinking, .begun = thinking};
}

/* How many bytes of the tag stand at text: all of them, some at the very end (*cut), or 0. */
static size_t tag_at(const char *text, size_t length, const char *tag, bool *cut)
{
    const size_t n = strlen(tag), compared = length < n ? length : n;
    if (memcmp(text, tag, compared) != 0) return 0;
    *cut = compared < n;
    return compared;
}

/* Bytes of the character at text; 0: it is cut at the end. A byte that is no UTF-8 is passed as it is. */
static size_t character_at(const char *text, size_t length)
{
    const int n = utf8_sequence(text, length);
    if (n > 0) return (size_t)n;
    const unsigned char lead = (unsigned char)text[0];
    const size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    return (size_t)-n == length && length < wanted ? 0 : (size_t)-n;
}

/* Hands on the text up to the first tag, or up to what may become one; returns how many bytes are done with. */
static size_t feed_some(ThinkingStream *s, const char *text, size_t length)
{
    size_t at = 0;
    bool cut = false;
    while (at < length) {
        const char *const tag = s->thinking ? CLOSE : OPEN;
        const bool counts = s->thinking || !s->begun;
        const size_t n_tag = counts ? tag_at(text + at, length - at, tag, &cut) : 0;
        if (n_tag > 0) {
            if (at > 0) s->part(s->context, s->thinking, text, at);
            if (cut) return at;
            s->thinking = !s->thinking;
            s->begun = true;
            return at + n_tag;
        }
        const size_t n = character_at(text + at, length - at);
        if (n == 0) break;
        if (!is_blank(text[at])) s->begun = true;
        at += n;
    }
    if (at > 0) s->part(s->context, s->thinking, text, at);
    return at;
}

/* A byte at a time: what is held is then never more than one byte short of a tag or a character. */
void thinking_feed(ThinkingStream *s, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        s->held[s->n_held++] = text[i];
        size_t done = 0;
        for (size_t n; done < s->n_held && (n = feed_some(s, s->held + done, s->n_held - done)) > 0;) done += n;
        memmove(s->held, s->held + done, s->n_held - done);
        s->n_held -= done;
    }
}

void thinking_finish(ThinkingStream *s)
{
    if (s->n_held > 0) s->part(s->context, s->thinking, s->held, s->n_held);
    s->n_held = 0;
}
