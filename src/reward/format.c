/* SPDX-License-Identifier: MIT */
/* reward/format.c: see format.h. Every tag is found by one left-to-right scan. */
#include "reward/format.h"

#include <string.h>

typedef enum Tag { TAG_THINK, TAG_THINK_END, TAG_ANSWER, TAG_ANSWER_END, TAG_NONE } Tag;

static const char *const tag_texts[] = {"<think>", "</think>", "<answer>", "</answer>"};

typedef struct Scanner {
    const char *text;
    size_t length, at;
} Scanner;

static Tag tag_at(const Scanner *s, size_t at)
{
    if (s->text[at] != '<') return TAG_NONE;
    for (int tag = 0; tag < TAG_NONE; tag++) {
        const size_t n = strlen(tag_texts[tag]);
        if (s->length - at >= n && memcmp(s->text + at, tag_texts[tag], n) == 0) return (Tag)tag;
    }
    return TAG_NONE;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void skip_spaces(Scanner *s)
{
    while (s->at < s->length && is_space(s->text[s->at])) s->at++;
}

/* Moves to the next tag of any kind, or to the end. */
static Tag find_tag(Scanner *s)
{
    for (; s->at < s->length; s->at++) {
        const Tag tag = tag_at(s, s->at);
        if (tag != TAG_NONE) return tag;
    }
    return TAG_NONE;
}

static bool take_tag(Scanner *s, Tag tag)
{
    if (s->at == s->length || tag_at(s, s->at) != tag) return false;
    s->at += strlen(tag_texts[tag]);
    return true;
}

static FormatResult failed(const Scanner *s, const char *reason)
{
    return (FormatResult){.failed_at = s->at, .reason = reason};
}

bool format_prompt_is_open(const char *prompt, size_t length)
{
    Scanner s = {.text = prompt, .length = length};
    Tag last = TAG_NONE;
    size_t after = 0;
    for (Tag tag; (tag = find_tag(&s)) != TAG_NONE; last = tag) after = s.at += strlen(tag_texts[tag]);
    if (last != TAG_THINK) return false;
    s.at = after;
    skip_spaces(&s);
    return s.at == length || !memchr(prompt + after, '\n', length - after);
}

FormatResult format_check(const char *prompt, size_t prompt_length, const char *completion, size_t length)
{
    Scanner s = {.text = completion, .length = length};
    if (!format_prompt_is_open(prompt, prompt_length)) {
        skip_spaces(&s);
        if (!take_tag(&s, TAG_THINK)) return failed(&s, "expected <think>");
    }
    const Tag after_thought = find_tag(&s);
    if (after_thought == TAG_NONE) return failed(&s, "the text ends before </think>");
    if (!take_tag(&s, TAG_THINK_END)) return failed(&s, "another tag inside the thought, before </think>");
    skip_spaces(&s);
    if (s.at == length) return failed(&s, "the text ends before <answer>");
    if (!take_tag(&s, TAG_ANSWER)) return failed(&s, "expected <answer> right after </think>");
    FormatResult result = {.answer = s.at};
    const Tag after_answer = find_tag(&s);
    if (after_answer == TAG_NONE) return failed(&s, "the text ends before </answer>");
    result.answer_end = s.at;
    if (!take_tag(&s, TAG_ANSWER_END)) return failed(&s, "another tag inside the answer, before </answer>");
    skip_spaces(&s);
    if (s.at != length) return failed(&s, "text after </answer>");
    result.ok = true;
    return result;
}
