/* SPDX-License-Identifier: MIT */
/* reward/compare.c: see compare.h. Numbers become fractions of 64-bit integers and are compared by a 128-bit product. */
#include "reward/compare.h"

#include <string.h>

enum { MAX_DIGITS = 18 };

typedef struct Span {
    const char *at, *end;
} Span;

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static Span span_trim(Span s)
{
    while (s.at < s.end && is_space(*s.at)) s.at++;
    while (s.at < s.end && is_space(s.end[-1])) s.end--;
    return s;
}

static bool span_begins(Span s, const char *text)
{
    const size_t n = strlen(text);
    return (size_t)(s.end - s.at) >= n && memcmp(s.at, text, n) == 0;
}

static bool span_ends(Span s, const char *text)
{
    const size_t n = strlen(text);
    return (size_t)(s.end - s.at) >= n && memcmp(s.end - n, text, n) == 0;
}

/* The last place where text stands in s; NULL: nowhere. */
static const char *span_find_last(Span s, const char *text)
{
    const size_t n = strlen(text);
    for (const char *p = s.end; (size_t)(p - s.at) >= n; p--)
        if (memcmp(p - n, text, n) == 0) return p - n;
    return NULL;
}

/* ---- extraction ---- */

static bool last_answer_tag(Span text, Span *inside)
{
    static const char open[] = "<answer>", close[] = "</answer>";
    const char *const end = span_find_last(text, close);
    if (!end) return false;
    const char *const begin = span_find_last((Span){text.at, end}, open);
    if (!begin) return false;
    *inside = (Span){begin + sizeof open - 1, end};
    return true;
}

static bool last_box(Span text, Span *inside)
{
    static const char open[] = "\\boxed{";
    const char *const begin = span_find_last(text, open);
    if (!begin) return false;
    int depth = 1;
    for (const char *p = begin + sizeof open - 1; p < text.end; p++) {
        depth += (*p == '{') - (*p == '}');
        if (depth == 0) {
            *inside = (Span){begin + sizeof open - 1, p};
            return true;
        }
    }
    return false;
}

AnswerSpan answer_extract(const char *text, size_t length)
{
    Span span = {text, text + length};
    const char *source = "whole text";
    if (last_answer_tag(span, &span)) source = "answer tag";
    if (last_box(span, &span) && strcmp(source, "whole text") == 0) source = "box";
    span = span_trim(span);
    return (AnswerSpan){.text = span.at, .length = (size_t)(span.end - span.at), .source = source};
}

/* ---- numbers ---- */

typedef struct Fraction {
    int64_t above, below; /* below > 0; not reduced */
} Fraction;

/* Dollars, \( \), \[ \], and a full stop behind it. */
static Span strip_dressing(Span s)
{
    static const char *const pairs[][2] = {{"$$", "$$"}, {"$", "$"}, {"\\(", "\\)"}, {"\\[", "\\]"}};
    s = span_trim(s);
    if (s.end - s.at > 1 && s.end[-1] == '.') s.end--;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        const size_t open = strlen(pairs[i][0]), close = strlen(pairs[i][1]);
        if ((size_t)(s.end - s.at) < open + close || !span_begins(s, pairs[i][0]) || !span_ends(s, pairs[i][1]))
            continue;
        s = span_trim((Span){s.at + open, s.end - close});
    }
    return s;
}

/* Digits, with commas between groups of three if there are any. */
static bool read_whole(Span *s, int64_t *value, int *digits)
{
    const char *p = s->at;
    int since_comma = -1;
    *value = 0;
    *digits = 0;
    for (; p < s->end; p++) {
        if (is_digit(*p)) {
            if (++*digits > MAX_DIGITS) return false;
            *value = *value * 10 + (*p - '0');
            if (since_comma >= 0) since_comma++;
        } else if (*p == ',' && *digits > 0 && (since_comma < 0 ? *digits <= 3 : since_comma == 3)) {
            since_comma = 0;
        } else {
            break;
        }
    }
    s->at = p;
    return *digits > 0 && (since_comma < 0 || since_comma == 3);
}

static bool read_decimal(Span *s, Fraction *f)
{
    int digits = 0;
    f->below = 1;
    f->above = 0;
    const bool has_whole = s->at < s->end && is_digit(*s->at);
    if (has_whole && !read_whole(s, &f->above, &digits)) return false;
    if (s->at == s->end || *s->at != '.') return has_whole;
    int places = 0;
    for (s->at++; s->at < s->end && is_digit(*s->at); s->at++, places++) {
        if (++digits > MAX_DIGITS) return false;
        f->above = f->above * 10 + (*s->at - '0');
        f->below *= 10;
    }
    return places > 0;
}

static bool take(Span *s, const char *text)
{
    if (!span_begins(*s, text)) return false;
    s->at += strlen(text);
    return true;
}

/* {7} of \frac{7}{8} */
static bool read_braced(Span *s, int64_t *value)
{
    int digits;
    return take(s, "{") && read_whole(s, value, &digits) && take(s, "}");
}

static bool read_number(Span s, Fraction *f)
{
    int digits;
    bool negative = false;
    s = strip_dressing(s);
    if (take(&s, "-") || take(&s, "\xe2\x88\x92"))
        negative = true; /* also U+2212, the typographic minus */
    else if (take(&s, "+"))
        negative = false;
    s = span_trim(s);
    if (take(&s, "\\frac") || take(&s, "\\dfrac") || take(&s, "\\tfrac")) {
        if (!read_braced(&s, &f->above) || !read_braced(&s, &f->below)) return false;
    } else {
        if (!read_decimal(&s, f)) return false;
        s = span_trim(s);
        if (f->below == 1 && take(&s, "/")) {
            s = span_trim(s);
            if (!read_whole(&s, &f->below, &digits)) return false;
        }
    }
    if (s.at != s.end || f->below == 0) return false;
    if (negative) f->above = -f->above;
    return true;
}

/* ---- words ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool is_words(Span s)
{
    bool letters = false;
    for (const char *p = s.at; p < s.end; p++) {
        if (!is_letter(*p) && !is_space(*p)) return false;
        letters = letters || is_letter(*p);
    }
    return letters;
}

/* The same characters, any run of white space counting as one. */
static bool same_text(Span a, Span b, bool any_case)
{
    while (a.at < a.end && b.at < b.end) {
        if (is_space(*a.at) && is_space(*b.at)) {
            while (a.at < a.end && is_space(*a.at)) a.at++;
            while (b.at < b.end && is_space(*b.at)) b.at++;
            continue;
        }
        if (any_case ? lower(*a.at) != lower(*b.at) : *a.at != *b.at) return false;
        a.at++;
        b.at++;
    }
    return a.at == a.end && b.at == b.end;
}

static Verdict decide(Span gold, Span answer, const char **reason)
{
    Fraction g, a;
    *reason = "the gold answer is empty";
    if (gold.at == gold.end) return VERDICT_UNDECIDED;
    *reason = "there is no answer";
    if (answer.at == answer.end) return VERDICT_WRONG;
    const bool gold_is_number = read_number(gold, &g), answer_is_number = read_number(answer, &a);
    if (gold_is_number && answer_is_number) {
        const bool equal = (__int128)g.above * a.below == (__int128)a.above * g.below;
        *reason = equal ? "equal numbers" : "different numbers";
        return equal ? VERDICT_RIGHT : VERDICT_WRONG;
    }
    gold = strip_dressing(gold);
    answer = strip_dressing(answer);
    const bool words = is_words(gold) && is_words(answer);
    *reason = "the same text";
    if (same_text(gold, answer, words)) return VERDICT_RIGHT;
    *reason = "different words";
    if (words) return VERDICT_WRONG;
    *reason = "neither two numbers nor two words: cannot tell whether they mean the same";
    return VERDICT_UNDECIDED;
}

Verdict compare_answers(const char *gold, size_t gold_length, const char *answer, size_t answer_length,
                        const char **reason)
{
    const AnswerSpan g = answer_extract(gold, gold_length), a = answer_extract(answer, answer_length);
    const char *why;
    const Verdict verdict = decide((Span){g.text, g.text + g.length}, (Span){a.text, a.text + a.length}, &why);
    if (reason) *reason = why;
    return verdict;
}
