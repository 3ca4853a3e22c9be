/* SPDX-License-Identifier: MIT */
/* reward/frame.c: see frame.h. */
#include "reward/frame.h"

#include <stdio.h>
#include <string.h>

/* ---- reading a frame ---- */

static const struct {
    const char *name, *text;
} named[] = {{"r1-zero", "<think>...</think><answer>...</answer>"}, {"r1", "<think>...</think>..."}};

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Tags end at white space, at "...", and where a new '<' follows a '>'. */
static size_t tag_length(const char *text)
{
    size_t n = 0;
    while (text[n] && !is_space(text[n]) && strncmp(text + n, "...", 3) != 0) {
        n++;
        if (text[n] == '<' && text[n - 1] == '>') break;
    }
    return n;
}

static bool add_tag(Frame *f, const char *text, size_t length, bool free_before, Error *err)
{
    if (f->n_tags == FRAME_MAX_TAGS) return error_set(err, ERROR_INPUT, "a frame has at most %d tags", FRAME_MAX_TAGS);
    if (length >= sizeof f->tags[0].text)
        return error_set(err, ERROR_INPUT, "the tag \"%.40s\" is longer than %d bytes", text,
                         (int)sizeof f->tags[0].text - 1);
    memcpy(f->tags[f->n_tags].text, text, length);
    f->tags[f->n_tags].length = length;
    f->tags[f->n_tags].free_before = free_before;
    f->n_tags++;
    return true;
}

static bool check_tags(const Frame *f, Error *err)
{
    if (f->n_tags == 0) return error_set(err, ERROR_INPUT, "a frame needs a tag, as in \"<think>...</think>...\"");
    if (f->tags[0].free_before)
        return error_set(err, ERROR_INPUT, "a frame begins with a tag: nothing may stand before it");
    for (int i = 0; i < f->n_tags; i++)
        for (int j = 0; j < f->n_tags; j++)
            if (i != j && strstr(f->tags[i].text, f->tags[j].text))
                return error_set(err, ERROR_INPUT, "the tag \"%s\" stands inside \"%s\" or is there twice",
                                 f->tags[j].text, f->tags[i].text);
    return true;
}

bool frame_read(Frame *frame, const char *text, Error *err)
{
    bool is_free = false;
    *frame = (Frame){.n_tags = 0};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (strcmp(named[i].name, text) == 0) text = named[i].text;
    while (*text) {
        if (is_space(*text)) {
            text++;
        } else if (strncmp(text, "...", 3) == 0) {
            is_free = true;
            text += 3;
        } else {
            const size_t n = tag_length(text);
            if (!add_tag(frame, text, n, is_free, err)) return false;
            is_free = false;
            text += n;
        }
    }
    frame->free_at_end = is_free;
    return check_tags(frame, err);
}

/* ---- checking a text ---- */

typedef struct Place {
    int tag; /* n_tags: none */
    size_t at;
} Place;

static Place next_tag(const Frame *f, const char *text, size_t length, size_t from)
{
    Place first = {f->n_tags, length};
    for (int i = 0; i < f->n_tags; i++) {
        const char *const found = memmem(text + from, first.at - from, f->tags[i].text, f->tags[i].length);
        if (found) first = (Place){i, (size_t)(found - text)};
    }
    return first;
}

static bool is_blank(const char *text, size_t from, size_t to)
{
    while (from < to && is_space(text[from])) from++;
    return from == to;
}

/* The prompt's last tag is the frame's first, with white space or no line break behind it. */
static bool is_open(const Frame *f, const char *prompt, size_t length)
{
    Place last = {f->n_tags, 0};
    size_t after = 0;
    for (Place p = next_tag(f, prompt, length, 0); p.tag < f->n_tags; p = next_tag(f, prompt, length, after)) {
        last = p;
        after = p.at + f->tags[p.tag].length;
    }
    return last.tag == 0 && (is_blank(prompt, after, length) || !memchr(prompt + after, '\n', length - after));
}

/* How many tags stand exactly once, each behind those before it that do. */
static int count_tags(const Frame *f, bool open, const char *text, size_t length)
{
    int n[FRAME_MAX_TAGS] = {open}, in_order = 0;
    size_t places[FRAME_MAX_TAGS] = {0}, at = 0, behind = 0;
    for (Place p; (p = next_tag(f, text, length, at)).tag < f->n_tags; at = p.at + f->tags[p.tag].length) {
        n[p.tag]++;
        places[p.tag] = p.at + 1; /* 0: in the prompt */
    }
    for (int i = 0; i < f->n_tags; i++) {
        if (n[i] != 1 || places[i] < behind) continue;
        behind = places[i];
        in_order++;
    }
    return in_order;
}

static bool failed(FrameResult *r, size_t at, const char *before, const char *tag)
{
    r->failed_at = at;
    snprintf(r->reason, sizeof r->reason, "%s%s", before, tag);
    return false;
}

static size_t skip_spaces(const char *text, size_t at, size_t length)
{
    while (at < length && is_space(text[at])) at++;
    return at;
}

/* From the end of tag `next - 1` at `at` to behind tag `next`. */
static bool take_tag(const Frame *f, FrameResult *r, int next, const char *text, size_t length, size_t *at)
{
    const size_t begin = skip_spaces(text, *at, length);
    const Place p = next_tag(f, text, length, *at);
    if (!f->tags[next].free_before && p.tag == next && p.at > begin)
        return failed(r, begin, "expected ", f->tags[next].text);
    if (p.tag == f->n_tags) {
        const bool ends = next > 0 && (f->tags[next].free_before || begin == length);
        return failed(r, ends ? length : begin, ends ? "the text ends before " : "expected ", f->tags[next].text);
    }
    if (p.tag != next)
        return failed(r, f->tags[next].free_before ? p.at : begin,
                      f->tags[next].free_before ? "another tag before " : "expected ", f->tags[next].text);
    if (f->tags[next].free_before) {
        if (r->answer_end == 0 && r->thought_end == 0) r->thought = *at, r->thought_end = p.at;
        r->answer = *at;
        r->answer_end = p.at;
    }
    *at = p.at + f->tags[next].length;
    return true;
}

static bool take_end(const Frame *f, FrameResult *r, const char *text, size_t length, size_t at)
{
    const Place p = next_tag(f, text, length, at);
    const size_t begin = skip_spaces(text, at, length);
    if (!f->free_at_end) return begin == length || failed(r, begin, "text after ", f->tags[f->n_tags - 1].text);
    if (p.tag < f->n_tags) return failed(r, p.at, "another tag after ", f->tags[f->n_tags - 1].text);
    if (begin == length) return failed(r, length, "nothing but white space after ", f->tags[f->n_tags - 1].text);
    if (r->thought_end == 0) r->thought = at, r->thought_end = length;
    r->answer = at;
    r->answer_end = length;
    return true;
}

FrameResult frame_check(const Frame *f, const char *prompt, size_t prompt_length, const char *completion, size_t length)
{
    const bool open = is_open(f, prompt, prompt_length);
    const int n_tags = count_tags(f, open, completion, length);
    FrameResult r = {0};
    size_t at = 0;
    bool ok = true;
    for (int i = open; ok && i < f->n_tags; i++) ok = take_tag(f, &r, i, completion, length, &at);
    r.ok = ok && take_end(f, &r, completion, length, at);
    /* all of the credit is for the whole frame: tags alone, with text around them, leave one out */
    r.partial = (double)(r.ok || n_tags < f->n_tags ? n_tags : n_tags - 1) / f->n_tags;
    return r;
}
