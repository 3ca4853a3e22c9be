/* SPDX-License-Identifier: MIT */
/* text/json_schema_pattern.c: a regular expression of a schema as GBNF over the characters of a JSON string.
 *
 * Understood: characters, escapes, classes, \d \w \s and their opposites, groups, alternatives, * + ? {m,n}, ^ at the beginning and $ at the end.
 * What JSON writes with a backslash (the quote, the backslash, control characters) is written so wherever the expression has it. */
#include "text/json_schema_parts.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 50, MAX_RANGES = 256 };

typedef struct Range {
    uint32_t low, high;
} Range;

typedef struct Class {
    Range ranges[MAX_RANGES];
    int n;
    bool negated;
} Class;

typedef struct Pattern {
    const char *text;
    size_t length, at;
    Gbnf *out;
    int depth;
    Error *err;
} Pattern;

static bool refuse(const Pattern *p, const char *what)
{
    return error_set(p->err, ERROR_INPUT, "pattern, character %zu: %s", p->at + 1, what);
}

static char now(const Pattern *p)
{
    return p->at < p->length ? p->text[p->at] : 0;
}

/* ---- characters as JSON writes them ---- */

static const char ESCAPED[] = "\"\\\b\f\n\r\t", LETTERS[] = "\"\\bfnrt";

static bool is_special(uint32_t code)
{
    return code < 0x20 || code == '"' || code == '\\' || code == 0x7f;
}

static bool write_character(Pattern *p, uint32_t code)
{
    if (!is_special(code)) {
        gbnf_add(p->out, "[");
        gbnf_class_character(p->out, code);
        gbnf_add(p->out, "] ");
        return true;
    }
    const char *const found = code ? strchr(ESCAPED, (int)code) : NULL;
    if (!found) return refuse(p, "this control character cannot be written");
    gbnf_add(p->out, "\"\\\\");
    gbnf_add(p->out, LETTERS[found - ESCAPED] == '"' || LETTERS[found - ESCAPED] == '\\' ? "\\%c\" " : "%c\" ",
             LETTERS[found - ESCAPED]);
    return true;
}

static bool class_has(const Class *c, uint32_t code)
{
    for (int i = 0; i < c->n; i++)
        if (code >= c->ranges[i].low && code <= c->ranges[i].high) return !c->negated;
    return c->negated;
}

static void write_range(Gbnf *out, uint32_t low, uint32_t high)
{
    gbnf_class_character(out, low);
    gbnf_add(out, "-");
    gbnf_class_character(out, high);
}

/* The part of a range that needs no backslash. */
static bool write_plain_part(Gbnf *out, Range range)
{
    static const Range plain[] = {{0x20, 0x21}, {0x23, 0x5b}, {0x5d, 0x7e}, {0x80, 0xd7ff}, {0xe000, 0x10ffff}};
    bool any = false;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        const uint32_t low = range.low > plain[i].low ? range.low : plain[i].low;
        const uint32_t high = range.high < plain[i].high ? range.high : plain[i].high;
        if (low <= high) write_range(out, low, high), any = true;
    }
    return any;
}

static bool write_class(Pattern *p, const Class *c)
{
    Gbnf plain = {0};
    bool any = c->negated, first = true;
    gbnf_add(&plain, c->negated ? "[^\\\"\\\\\\x00-\\x1f\\x7f" : "[");
    for (int i = 0; i < c->n; i++) {
        if (c->negated)
            write_range(&plain, c->ranges[i].low, c->ranges[i].high);
        else
            any |= write_plain_part(&plain, c->ranges[i]);
    }
    gbnf_add(&plain, "]");
    gbnf_add(p->out, "(");
    if (any) gbnf_append(p->out, plain.text, plain.length), first = false;
    gbnf_free(&plain);
    for (size_t i = 0; ESCAPED[i]; i++) {
        if (!class_has(c, (uint32_t)ESCAPED[i])) continue;
        if (!first) gbnf_add(p->out, " | ");
        first = false;
        if (!write_character(p, (uint32_t)ESCAPED[i])) return false;
    }
    gbnf_add(p->out, ") ");
    return !first || refuse(p, "no character that JSON can hold is in this class");
}

/* ---- reading ---- */

static bool add_range(Pattern *p, Class *c, uint32_t low, uint32_t high)
{
    if (low > high) return refuse(p, "the range runs backwards");
    if (c->n == MAX_RANGES) return refuse(p, "the class is too long");
    c->ranges[c->n++] = (Range){low, high};
    return true;
}

/* \d, \w, \s: true if `letter` is one (in either case) and it fits. */
static bool add_named(Pattern *p, Class *c, char letter)
{
    static const Range digits[] = {{'0', '9'}}, words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
                       spaces[] = {{'\t', '\r'}, {' ', ' '}, {0xa0, 0xa0}, {0x2028, 0x2029}, {0xfeff, 0xfeff}};
    const char lower = (char)(letter | 0x20);
    const Range *const ranges = lower == 'd' ? digits : lower == 'w' ? words : spaces;
    const int n = lower == 'd' ? 1 : lower == 'w' ? 4 : 5;
    for (int i = 0; i < n; i++)
        if (!add_range(p, c, ranges[i].low, ranges[i].high)) return false;
    return true;
}

static bool read_hex(Pattern *p, int n_digits, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < n_digits; i++, p->at++) {
        const char c = now(p), lower = (char)(c | 0x20);
        const int digit = c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
        if (digit < 0) return refuse(p, "expected a hex digit");
        *code = *code << 4 | (uint32_t)digit;
    }
    return (*code < 0xd800 || *code > 0xdfff) || refuse(p, "surrogates are not read");
}

/* A character that may be escaped; *named is d, w, s, D, W or S instead when it is such a class. */
static bool read_character(Pattern *p, uint32_t *code, char *named)
{
    static const char letters[] = "nrtfv0", meant[] = "\n\r\t\f\v";
    *named = 0;
    if (now(p) != '\\') {
        const int n = utf8_sequence(p->text + p->at, p->length - p->at);
        if (n < 0) return refuse(p, "this is not UTF-8");
        const unsigned char first = (unsigned char)p->text[p->at];
        *code = n == 1 ? first : first & (0x7fu >> n);
        for (int i = 1; i < n; i++) *code = *code << 6 | ((unsigned char)p->text[p->at + (size_t)i] & 0x3fu);
        p->at += (size_t)n;
        return true;
    }
    p->at++;
    const char c = now(p);
    p->at++;
    const char *const letter = c ? strchr(letters, c) : NULL;
    if (c == 'x') return read_hex(p, 2, code);
    if (c == 'u') return read_hex(p, 4, code);
    if (c && strchr("dwsDWS", c)) {
        *named = c;
        return true;
    }
    *code = letter ? (uint32_t)(unsigned char)meant[letter - letters] : (uint32_t)(unsigned char)c;
    if (letter || (c > 0x20 && c < 0x7f && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && !(c >= '0' && c <= '9')))
        return true;
    p->at--;
    return refuse(p, "this escape is not understood");
}

static bool read_class(Pattern *p)
{
    Class c = {.n = 0};
    p->at++;
    if (now(p) == '^') c.negated = true, p->at++;
    while (now(p) != ']') {
        uint32_t low, high;
        char named;
        if (!now(p)) return refuse(p, "the class is not closed");
        if (!read_character(p, &low, &named)) return false;
        if (named) {
            if (named < 'a') return refuse(p, "\\D, \\W and \\S inside [ ] are not understood");
            if (!add_named(p, &c, named)) return false;
            continue;
        }
        high = low;
        if (now(p) == '-' && p->at + 1 < p->length && p->text[p->at + 1] != ']') {
            p->at++;
            if (!read_character(p, &high, &named)) return false;
            if (named) return refuse(p, "a range ends with a class");
        }
        if (!add_range(p, &c, low, high)) return false;
    }
    p->at++;
    return write_class(p, &c);
}

static bool read_alternatives(Pattern *p, int *n);

static bool read_group(Pattern *p)
{
    int n;
    p->at++;
    if (now(p) == '?') {
        if (p->at + 1 >= p->length || p->text[p->at + 1] != ':')
            return refuse(p, "of groups with ? only (?: is understood");
        p->at += 2;
    }
    if (++p->depth > MAX_DEPTH) return refuse(p, "groups are nested too deeply");
    gbnf_add(p->out, "(");
    if (!read_alternatives(p, &n)) return false;
    if (now(p) != ')') return refuse(p, "expected )");
    p->at++;
    p->depth--;
    gbnf_add(p->out, ") ");
    return true;
}

static bool read_atom(Pattern *p)
{
    const char c = now(p);
    uint32_t code;
    char named;
    if (c == '(') return read_group(p);
    if (c == '[') return read_class(p);
    if (c == '.') {
        const Class any = {.ranges = {{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}, .n = 3, .negated = true};
        p->at++;
        return write_class(p, &any);
    }
    if (c == '^' || c == '$')
        return refuse(p, "^ is understood at the beginning and $ at the end alone; write ^(a|b)$");
    if (c == '*' || c == '+' || c == '?' || c == '{') return refuse(p, "nothing stands before this to be repeated");
    if (!read_character(p, &code, &named)) return false;
    if (!named) return write_character(p, code);
    Class class = {.negated = named < 'a'};
    return add_named(p, &class, named) && write_class(p, &class);
}

static bool read_quantifier(Pattern *p)
{
    const char c = now(p);
    if (c == '*' || c == '+' || c == '?') {
        gbnf_add(p->out, "%c ", c);
        p->at++;
    } else if (c == '{') {
        const size_t n = strspn(p->text + p->at + 1, "0123456789,");
        if (n == 0 || n > 20 || p->text[p->at + 1 + n] != '}') return refuse(p, "expected {m}, {m,} or {m,n}");
        gbnf_append(p->out, p->text + p->at, n + 2);
        gbnf_add(p->out, " ");
        p->at += n + 2;
    } else {
        return true;
    }
    if (now(p) == '?') p->at++; /* lazy: the same texts */
    return true;
}

static bool read_alternatives(Pattern *p, int *n)
{
    bool empty = true;
    *n = 1;
    while (now(p) && now(p) != ')') {
        if (now(p) == '$' && p->at + 1 == p->length && p->depth == 0) break;
        if (now(p) == '|') {
            gbnf_add(p->out, empty ? "\"\" | " : "| ");
            p->at++;
            ++*n;
            empty = true;
            continue;
        }
        if (!read_atom(p) || !read_quantifier(p)) return false;
        empty = false;
    }
    if (empty) gbnf_add(p->out, "\"\"");
    return true;
}

bool gbnf_pattern(Gbnf *out, const char *pattern, size_t length, Error *err)
{
    Pattern p = {.text = pattern, .length = length, .out = out, .err = err};
    int n;
    if (memchr(pattern, 0, length)) return refuse(&p, "NUL is not understood");
    const bool from_start = now(&p) == '^';
    p.at += from_start;
    gbnf_add(out, from_start ? "(" : "char* (");
    if (!read_alternatives(&p, &n)) return false;
    const bool to_end = now(&p) == '$';
    if (now(&p) == ')') return refuse(&p, "there is no ( before this");
    if (n > 1 && (from_start || to_end)) return refuse(&p, "write ^(a|b)$ for alternatives between ^ and $");
    gbnf_add(out, to_end ? ")" : ") char*");
    return true;
}
