/* SPDX-License-Identifier: MIT */
/* reward/math_extract.c: where in a completion its answer stands. See compare.h.
 *
 * Each search is one pass over the text, so a megabyte of hostile text takes milliseconds. */
#include "reward/compare.h"

#include "text/thinking.h"

#include <string.h>

typedef struct Span {
    const char *at, *end;
} Span;

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static bool begins(Span s, const char *text)
{
    const size_t n = strlen(text);
    return (size_t)(s.end - s.at) >= n && memcmp(s.at, text, n) == 0;
}

static bool begins_any_case(Span s, const char *text)
{
    for (const char *p = s.at; *text; p++, text++)
        if (p == s.end || lower(*p) != *text) return false;
    return true;
}

static Span trim(Span s)
{
    while (s.at < s.end && is_space(*s.at)) s.at++;
    while (s.at < s.end && is_space(s.end[-1])) s.end--;
    return s;
}

/* The last place where text stands in s; NULL: nowhere. */
static const char *find_last(Span s, const char *text)
{
    const size_t n = strlen(text);
    for (const char *p = s.end; (size_t)(p - s.at) >= n; p--)
        if (p[-1] == text[n - 1] && memcmp(p - n, text, n) == 0) return p - n;
    return NULL;
}

/* ---- the final part ---- */

static bool last_answer_tag(Span text, Span *inside)
{
    static const char open[] = "<answer>", close[] = "</answer>";
    const char *const end = find_last(text, close);
    if (!end) return false;
    const char *const begin = find_last((Span){text.at, end}, open);
    if (!begin) return false;
    *inside = (Span){begin + sizeof open - 1, end};
    return true;
}

/* ---- boxes ---- */

/* The brace that closes the one behind which p stands; NULL: none. Escaped braces do not count. */
static const char *closing_brace(const char *p, const char *end)
{
    int64_t depth = 1;
    for (; p < end; p++) {
        if (*p == '\\') {
            p++;
            continue;
        }
        depth += (*p == '{') - (*p == '}');
        if (depth == 0) return p;
    }
    return NULL;
}

/* \boxed 3, \boxed\pi: one token. */
static Span unbraced(const char *p, const char *end)
{
    Span s = {p, p};
    if (p < end && *p == '\\') {
        s.end++;
        while (s.end < end && is_letter(*s.end)) s.end++;
    } else {
        while (s.end < end && !is_space(*s.end) && !strchr("$\\{}", *s.end)) s.end++;
    }
    while (s.end > s.at && strchr(".,;", s.end[-1])) s.end--;
    return s;
}

/* What follows \boxed or \fbox at s.at; NULL: none of the kind stands there. */
static const char *box_behind(Span s, AnswerRule kind)
{
    const char *p = kind != ANSWER_BY_FBOX && begins(s, "\\boxed")   ? s.at + 6
                    : kind != ANSWER_BY_BOXED && begins(s, "\\fbox") ? s.at + 5
                                                                     : NULL;
    if (!p || (p < s.end && is_letter(*p))) return NULL;
    while (p < s.end && is_space(*p)) p++;
    return p;
}

/* Boxes from the last one back. A box that is not closed leaves every box around it unclosed too, and those before it are
 * closed only if they close before it begins: `limit` keeps the search linear. */
static bool last_box(Span text, AnswerRule kind, Span *inside, bool *unclosed)
{
    const char *limit = text.end;
    *unclosed = false;
    for (const char *p = text.end; p-- > text.at;) {
        if (*p != '\\') continue;
        const char *const content = box_behind((Span){p, text.end}, kind);
        if (!content) continue;
        if (content < text.end && *content == '{') {
            const char *const close = closing_brace(content + 1, limit);
            if (close) {
                *inside = (Span){content + 1, close};
                return true;
            }
            limit = p;
            *unclosed = true;
        } else if (content < text.end && content > p) {
            *inside = unbraced(content, text.end);
            if (inside->end > inside->at) return true;
        }
    }
    return false;
}

/* ---- sentences ---- */

/* Behind the last "answer is", "answer:" and the like. */
static const char *behind_answer(Span s)
{
    static const char *const links[] = {" is:",      " is",      ":",        " =",        " are",
                                        " would be", " will be", " must be", " should be"};
    for (const char *p = s.end - 6; s.end - s.at >= 6 && p >= s.at; p--) {
        if (lower(*p) != 'a' || !begins_any_case((Span){p, s.end}, "answer")) continue;
        if (p > s.at && is_letter(p[-1])) continue;
        Span after = {p + 6, s.end};
        while (after.at < s.end && *after.at == '*') after.at++; /* **Answer**: 5 */
        for (size_t i = 0; i < sizeof links / sizeof *links; i++)
            if (begins_any_case(after, links[i])) {
                const char *q = after.at + strlen(links[i]);
                if (q < s.end && is_letter(*q) && links[i][strlen(links[i]) - 1] != ':') continue;
                while (q < s.end && (is_space(*q) || *q == ':' || *q == '*')) q++;
                return q;
            }
    }
    return NULL;
}

/* Up to where the sentence ends: a line break, or a full stop with a space behind it. */
static Span sentence(const char *p, const char *end)
{
    static const char *const more[] = {" because ", ", because ", " since ", ", since ",
                                       ", which ",  " so that ",  ", where "};
    Span s = {p, p};
    for (; s.end < end && *s.end != '\n' && *s.end != '\r'; s.end++) {
        if (*s.end == '.' && (s.end + 1 == end || is_space(s.end[1]))) break;
        if (*s.end != ' ' && *s.end != ',') continue;
        for (size_t i = 0; i < sizeof more / sizeof *more; i++)
            if (begins((Span){s.end, end}, more[i])) return s;
    }
    return s;
}

/* The last **...** on one line. */
static bool last_bold(Span text, Span *inside)
{
    const char *close = find_last(text, "**");
    while (close) {
        const char *const open = find_last((Span){text.at, close}, "**");
        if (!open) return false;
        if (close > open + 2 && !memchr(open, '\n', (size_t)(close - open))) {
            *inside = (Span){open + 2, close};
            return true;
        }
        close = open;
    }
    return false;
}

static Span undress(Span s)
{
    s = trim(s);
    while (s.end - s.at >= 2 && begins(s, "**")) s.at += 2;
    while (s.end - s.at >= 2 && s.end[-1] == '*' && s.end[-2] == '*') s.end -= 2;
    while (s.at < s.end && *s.at == '`') s.at++;
    while (s.at < s.end && s.end[-1] == '`') s.end--;
    return trim(s);
}

static Span last_line(Span s)
{
    s = trim(s);
    const char *p = s.end;
    while (p > s.at && p[-1] != '\n') p--;
    return (Span){p, s.end};
}

static AnswerSpan found(Span s, const char *source, bool marked)
{
    s = undress(s);
    return (AnswerSpan){.text = s.at, .length = (size_t)(s.end - s.at), .source = source, .marked = marked};
}

static AnswerSpan none(const char *end, const char *why)
{
    return found((Span){end, end}, why, false);
}

/* ---- rules ---- */

/* What one rule but the tag's finds in a part; false: nothing, the next one looks. tagged: the part is the inside of a tag. */
static bool apply(AnswerRule rule, Span part, bool tagged, const char *whole_source, AnswerSpan *answer)
{
    Span inside;
    bool unclosed = false;
    const char *behind = NULL;
    switch (rule) {
    case ANSWER_BY_BOX:
    case ANSWER_BY_BOXED:
    case ANSWER_BY_FBOX:
        if (last_box(part, rule, &inside, &unclosed))
            *answer = found(inside, "box", true);
        else if (unclosed)
            *answer = none(part.end, "unclosed box");
        return answer->source != NULL;
    case ANSWER_BY_WORDS:
        if (!(behind = behind_answer(part))) return false;
        inside = sentence(behind, part.end);
        *answer = last_bold(inside, &inside) ? found(inside, "bold", true) : found(inside, "answer is", true);
        return true;
    case ANSWER_BY_BOLD:
        if (!last_bold(part, &inside)) return false;
        *answer = found(inside, "bold", true);
        return true;
    case ANSWER_BY_LAST_LINE:
        *answer = found(last_line(part), "last line", tagged);
        return true;
    default:
        *answer = found(part, whole_source, tagged);
        return true;
    }
}

AnswerSpan answer_extract_by(const AnswerRules *rules, const char *text, size_t length)
{
    Span part = {text, text + length};
    const char *source = "whole text";
    const char *const thought_end = thinking_close(text, length);
    bool tagged = false, open = !thought_end && begins(trim(part), "<think>");
    AnswerSpan answer = {0};
    if (thought_end) {
        part.at = thought_end;
        source = "after the thought";
    }
    for (int i = 0; i < rules->n; i++) {
        if (rules->rules[i] == ANSWER_BY_TAG) {
            if (!last_answer_tag(part, &part)) continue;
            source = "answer tag";
            tagged = true;
            open = false;
            continue;
        }
        if (open) return none(part.end, "unclosed thought");
        if (apply(rules->rules[i], part, tagged, source, &answer)) return answer;
    }
    if (open) return none(part.end, "unclosed thought");
    return tagged ? found(part, source, true) : none(part.end, "no mark of an answer");
}

AnswerSpan answer_extract(const char *text, size_t length)
{
    const AnswerRules rules = answer_rules_default();
    return answer_extract_by(&rules, text, length);
}
