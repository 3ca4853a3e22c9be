/* SPDX-License-Identifier: MIT */
/* eval/instructions_format.c: rules about how a reply is laid out. */
#include "eval/instructions_rules.h"

#include "base/arena.h"

#include <string.h>

/* Pieces between separators; those at the ends may be blank and do not count, a blank one between two others is false. */
static bool count_pieces(Span reply, Span separator, int64_t *n)
{
    size_t at = 0;
    Span piece;
    bool first = true, blank_before = false;
    *n = 0;
    while (span_piece(reply, separator, &at, &piece)) {
        if (blank_before && !first) return false;
        const bool blank = span_strip(piece).length == 0;
        *n += !blank;
        blank_before = blank && !first;
        first = false;
    }
    return true;
}

Verdict rule_number_paragraphs(const json_t *kwargs, Span reply)
{
    int64_t n;
    return rule_verdict(count_pieces(reply, span_of("***"), &n) && n == rule_count(kwargs, "num_paragraphs"));
}

/* Up to the first sign; quotes before it do not count. */
static Span first_word(Span paragraph)
{
    Span word = span_strip(paragraph);
    size_t n = 0;
    while (word.length > 0 && word.text[0] == '\'') word = (Span){word.text + 1, word.length - 1};
    while (word.length > 0 && word.text[0] == '"') word = (Span){word.text + 1, word.length - 1};
    while (n < word.length && !strchr(".,?!'\" \t\r\n", word.text[n])) n++;
    word.length = n;
    return word;
}

Verdict rule_nth_paragraph_first_word(const json_t *kwargs, Span reply)
{
    const int64_t nth = rule_count(kwargs, "nth_paragraph");
    int64_t n = 0, index = 0;
    size_t at = 0;
    Span piece, wanted_piece = {"", 0};
    while (span_piece(reply, span_of("\n\n"), &at, &piece)) {
        n += span_strip(piece).length > 0;
        if (++index == nth) wanted_piece = piece;
    }
    if (n != rule_count(kwargs, "num_paragraphs") || nth < 1 || nth > n) return VERDICT_WRONG;
    size_t n_word, n_wanted;
    char *const word = span_lower(first_word(wanted_piece), &n_word), *const wanted = span_lower(
                                                                          rule_text(kwargs, "first_word"), &n_wanted);
    const bool same = n_word > 0 && span_equal((Span){word, n_word}, (Span){wanted, n_wanted});
    base_free(word);
    base_free(wanted);
    return rule_verdict(same);
}

/* [something] on one line. */
Verdict rule_number_placeholders(const json_t *kwargs, Span reply)
{
    int64_t n = 0;
    for (size_t i = 0; i < reply.length; i++) {
        if (reply.text[i] != '[') continue;
        size_t end = i + 1;
        while (end < reply.length && reply.text[end] != ']' && reply.text[end] != '\n') end++;
        if (end == reply.length || reply.text[end] == '\n') continue;
        n++;
        i = end;
    }
    return rule_verdict(n >= rule_count(kwargs, "num_placeholders"));
}

/* The signs of `marker` one after the other, in lower case, white space allowed behind full stops (but the last). */
static bool finds_spaced(Span s, const char *marker)
{
    for (size_t i = 0; i < s.length; i++) {
        size_t at = i, k = 0;
        for (; marker[k] && at < s.length && s.text[at] == marker[k]; k++) {
            at++;
            if (marker[k] == '.' && marker[k + 1] && at < s.length && strchr(" \t\r\n", s.text[at])) at++;
        }
        if (!marker[k]) return true;
    }
    return false;
}

Verdict rule_postscript(const json_t *kwargs, Span reply)
{
    const Span marker = span_strip(rule_text(kwargs, "postscript_marker"));
    size_t n, n_marker;
    char *const lower = span_lower(reply, &n), *const wanted = span_lower(marker, &n_marker);
    const Span text = {lower, n};
    const bool found = span_equal(marker, span_of("P.P.S"))  ? finds_spaced(text, "p.p.s")
                       : span_equal(marker, span_of("P.S.")) ? finds_spaced(text, "p.s.")
                                                             : span_find(text, (Span){wanted, n_marker}, 0) < n;
    base_free(lower);
    base_free(wanted);
    return rule_verdict(found);
}

/* Lines that begin with "-". */
static int64_t count_dashes(Span reply)
{
    int64_t n = 0;
    Span line;
    for (size_t at = 0; span_line(reply, &at, &line);) {
        const Span s = span_strip(line);
        n += s.length > 0 && s.text[0] == '-';
    }
    return n;
}

/* Lines that begin with one "*" and have something behind it, be it the end of the line: that one then takes the next line in. */
static int64_t count_stars(Span reply)
{
    int64_t n = 0;
    for (size_t at = 0; at < reply.length;) {
        while (at < reply.length && strchr(" \t\r\n\v\f", reply.text[at])) at++;
        const bool bullet = at + 1 < reply.length && reply.text[at] == '*' && reply.text[at + 1] != '*';
        n += bullet;
        at += bullet ? 2 : 0;
        while (at < reply.length && reply.text[at] != '\n') at++;
    }
    return n;
}

Verdict rule_number_bullets(const json_t *kwargs, Span reply)
{
    return rule_verdict(count_stars(reply) + count_dashes(reply) == rule_count(kwargs, "num_bullets"));
}

/* Stretches between `mark`s on one line that hold something. */
static int64_t count_marked(Span line, Span mark)
{
    int64_t n = 0;
    for (size_t at = span_find(line, mark, 0); at < line.length;) {
        const size_t begin = at + mark.length;
        size_t end = begin;
        while (end < line.length && line.text[end] != '*') end++;
        const bool closed = end < line.length && span_starts((Span){line.text + end, line.length - end}, mark);
        n += closed && span_strip((Span){line.text + begin, end - begin}).length > 0;
        at = span_find(line, mark, closed ? end + mark.length : at + 1);
    }
    return n;
}

Verdict rule_number_highlights(const json_t *kwargs, Span reply)
{
    int64_t n = 0;
    Span line;
    for (size_t at = 0; span_line(reply, &at, &line);)
        n += count_marked(line, span_of("*")) + count_marked(line, span_of("**"));
    return rule_verdict(n >= rule_count(kwargs, "num_highlights"));
}

/* The splitter and a number behind it. */
Verdict rule_multiple_sections(const json_t *kwargs, Span reply)
{
    const Span splitter = span_strip(rule_text(kwargs, "section_spliter"));
    int64_t n = 0;
    for (size_t at = span_find(reply, splitter, 0); at < reply.length; at = span_find(reply, splitter, at)) {
        at += splitter.length;
        const size_t digit = at < reply.length && strchr(" \t\n", reply.text[at]) ? at + 1 : at;
        n += digit < reply.length && reply.text[digit] >= '0' && reply.text[digit] <= '9';
    }
    return rule_verdict(n >= rule_count(kwargs, "num_sections"));
}

Verdict rule_json_format(const json_t *kwargs, Span reply)
{
    static const char *const fences[] = {"```json", "```Json", "```JSON", "```"};
    (void)kwargs;
    Span s = span_strip(reply);
    for (int i = 0; i < 4; i++)
        if (span_starts(s, span_of(fences[i]))) s = (Span){s.text + strlen(fences[i]), s.length - strlen(fences[i])};
    if (span_ends(s, span_of("```"))) s.length -= 3;
    s = span_strip(s);
    Error ignored = {0};
    json_t *const value = json_read_text(s.text, s.length, "reply", 1, &ignored);
    json_decref(value);
    return rule_verdict(value != NULL);
}

Verdict rule_title(const json_t *kwargs, Span reply)
{
    (void)kwargs;
    Span line;
    for (size_t at = 0; span_line(reply, &at, &line);) {
        const size_t begin = span_find(line, span_of("<<"), 0);
        size_t end = line.length;
        while (end >= 2 && memcmp(line.text + end - 2, ">>", 2) != 0) end--;
        if (begin == line.length || end < begin + 5) continue; /* << and >> around one character at least */
        Span title = {line.text + begin, end - begin};
        while (title.length > 0 && title.text[0] == '<') title = (Span){title.text + 1, title.length - 1};
        while (title.length > 0 && title.text[title.length - 1] == '>') title.length--;
        if (span_strip(title).length > 0) return VERDICT_RIGHT;
    }
    return VERDICT_WRONG;
}

Verdict rule_two_responses(const json_t *kwargs, Span reply)
{
    (void)kwargs;
    const Span separator = span_of("******");
    int64_t n;
    if (!count_pieces(reply, separator, &n) || n != 2) return VERDICT_WRONG;
    Span answers[2], piece;
    n = 0;
    for (size_t at = 0; span_piece(reply, separator, &at, &piece);)
        if (span_strip(piece).length > 0) answers[n++] = span_strip(piece);
    return rule_verdict(!span_equal(answers[0], answers[1]));
}
