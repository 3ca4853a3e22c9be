/* SPDX-License-Identifier: MIT */
/* reward/readable.c: see readable.h. */
#include "reward/readable.h"

#include "base/utf8.h"
#include "reward/scripts.h"
#include "reward/shape.h"
#include "text/thinking.h"

#include <string.h>

static bool find(const char *text, size_t length, const char *word, size_t *at)
{
    const char *const found = memmem(text, length, word, strlen(word));
    if (found) *at = (size_t)(found - text);
    return found != NULL;
}

static void thinking_of(const char **text, size_t *length)
{
    static const char OPEN[] = "<think>", CLOSE[] = "</think>";
    const char *const close = thinking_close(*text, *length);
    size_t at;
    if (!close) return;
    *length =
        (size_t)(close - *text) - strlen(CLOSE); /* the last one: an early one would hide what is thought behind it */
    if (!find(*text, *length, OPEN, &at)) return;
    *text += at + strlen(OPEN);
    *length -= at + strlen(OPEN);
}

static bool is_one_language(const ReadableLimits *limits, const char *prompt, size_t prompt_length, const char *text,
                            size_t length)
{
    Language target = limits->target;
    if (limits->language <= 0) return true;
    if (!limits->has_target && !language_detect(&target, prompt, prompt_length) &&
        !language_detect(&target, text, length))
        return true; /* not a word in it */
    const LanguageShare share = language_share(target, text, length);
    return share.n_words == 0 || (double)share.n_target >= limits->language * (double)share.n_words;
}

/* Words of the longest paragraph. */
static int64_t longest_paragraph(const char *text, size_t length)
{
    int64_t longest = 0, n = 0;
    bool inside = false;
    for (size_t at = 0; at < length;) {
        const int step = utf8_sequence(text + at, length - at);
        const bool alone = step > 1 && script_is_cjk(script_code_point(text + at, step));
        const bool space = text[at] == ' ' || (text[at] >= '\t' && text[at] <= '\r');
        if (text[at] == '\n' || text[at] == '\r') n = 0;
        n += alone || (!space && !inside);
        inside = !alone && !space;
        if (n > longest) longest = n;
        at += (size_t)(step > 0 ? step : -step);
    }
    return longest;
}

ReadableLimits readable_limits(void)
{
    return (ReadableLimits){.language = 0.9, .paragraph_words = 200, .repetition = 0.5, .repetition_ngram = 4};
}

Readable readable_check(const ReadableLimits *limits, const char *prompt, size_t prompt_length, const char *text,
                        size_t length)
{
    const char *thinking = text;
    size_t n = length, at;
    thinking_of(&thinking, &n);
    if (!is_one_language(limits, prompt, prompt_length, text, length)) return UNREADABLE_LANGUAGE;
    if (limits->paragraph_words > 0 && longest_paragraph(thinking, n) > limits->paragraph_words)
        return UNREADABLE_PARAGRAPH;
    if (!limits->code_blocks && (find(thinking, n, "```", &at) || find(thinking, n, "~~~", &at)))
        return UNREADABLE_CODE_BLOCK;
    if (limits->repetition < 1 && -shape_repetition(text, length, limits->repetition_ngram) > limits->repetition)
        return UNREADABLE_REPETITION;
    return READABLE;
}
