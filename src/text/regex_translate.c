/* SPDX-License-Identifier: MIT */
/* text/regex_translate.c: from Oniguruma's spelling (Ruby syntax, UTF-8) to PCRE2's. One pass over the pattern; it copies
 * what means the same to both and remembers where the last atom began, because {n,m}+ must wrap it. */
#include "text/regex.h"

#include "base/arena.h"
#include "text/unicode.h"

#include <stdio.h>
#include <string.h>

/* White_Space, as ranges for inside of a class; PCRE2's own \s also takes U+180E. */
#define SPACE_RANGES                                                                                                   \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
/* Alphabetic, marks, decimal digits and connectors; PCRE2's own \w leaves marks out. */
#define WORD_CLASS "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}"
/* Outside of a class Oniguruma's \w also takes the superscripts and fractions of Latin-1. */
#define WORD         WORD_CLASS "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define BEHIND_WORD  "(?<=[" WORD "])"
#define BEHIND_OTHER "(?<![" WORD "])"
#define AT_WORD      "(?=[" WORD "])"
#define AT_OTHER     "(?![" WORD "])"

enum { MAX_GROUP_DEPTH = 250 };

typedef struct Translation {
    const char *in;
    size_t n_in, at;
    char *out; /* owned */
    size_t n_out, capacity;
    size_t atom; /* where the last atom begins in out; SIZE_MAX: nothing that could be repeated */
    size_t groups[MAX_GROUP_DEPTH];
    int depth;
    bool newer; /* write the newer characters of a category out */
    Error *err;
} Translation;

static void put(Translation *t, const char *text, size_t n)
{
    if (t->n_out + n + 1 > t->capacity) {
        t->capacity = 2 * (t->n_out + n + 1);
        t->out = base_realloc(t->out, t->capacity, 1);
    }
    memcpy(t->out + t->n_out, text, n);
    t->n_out += n;
    t->out[t->n_out] = 0;
}

static void put_text(Translation *t, const char *text)
{
    put(t, text, strlen(text));
}

static bool refuse(Translation *t, const char *what)
{
    return error_set(t->err, ERROR_INPUT, "regular expression, byte %zu: %s", t->at, what);
}

static char peek(const Translation *t, size_t ahead)
{
    return t->at + ahead < t->n_in ? t->in[t->at + ahead] : 0;
}

/* Copies up to and with the next `last`; false when there is none. */
static bool copy_through(Translation *t, char last)
{
    const char *const found = memchr(t->in + t->at, last, t->n_in - t->at);
    if (!found) return false;
    const size_t n = (size_t)(found - (t->in + t->at)) + 1;
    put(t, t->in + t->at, n);
    t->at += n;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* At a [: inside of a class. */
static bool posix_class(Translation *t)
{
    static const char *const classes[][2] = {
        {"[:alnum:]", "\\p{Alphabetic}\\p{Nd}"},
        {"[:alpha:]", "\\p{Alphabetic}"},
        {"[:blank:]", "\\p{Zs}\\t"},
        {"[:cntrl:]", "\\p{Cc}"},
        {"[:digit:]", "\\p{Nd}"},
        {"[:lower:]", "\\p{Lowercase}"},
        {"[:punct:]", "\\p{P}\\p{S}"},
        {"[:space:]", SPACE_RANGES},
        {"[:upper:]", "\\p{Uppercase}"},
        {"[:word:]", WORD_CLASS},
        {"[:xdigit:]", "0-9a-fA-F"},
        {"[:^alpha:]", "\\P{Alphabetic}"},
        {"[:^digit:]", "\\P{Nd}"},
        {"[:^space:]", "\\P{White_Space}"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
        const size_t n = strlen(classes[i][0]);
        if (t->n_in - t->at < n || memcmp(t->in + t->at, classes[i][0], n) != 0) continue;
        put_text(t, classes[i][1]);
        t->at += n;
        return true;
    }
    return refuse(t, "this [:class:] is not supported");
}

/* The newer characters of a general category ("L", "Lu"), as ranges for inside of a class; returns how many ranges. */
static int put_newer(Translation *t, const char *category, size_t length)
{
    int n = 0;
    for (int i = 0; t->newer && length <= 2 && i < unicode_n_newer; i++) {
        const UnicodeNewer *const range = &unicode_newer[i];
        if (memcmp(range->category, category, length) != 0) continue;
        char text[40];
        put(t, text, (size_t)snprintf(text, sizeof text, "\\x{%x}-\\x{%x}", range->first, range->last));
        n++;
    }
    return n;
}

/* \p{name}, or with `negated` all others, and the newer characters with it. */
static void put_property(Translation *t, const char *name, size_t length, bool negated, bool in_class)
{
    const size_t begin = t->n_out;
    put_text(t, in_class ? "" : negated ? "[^" : "[");
    put_text(t, negated && in_class ? "\\P{" : "\\p{");
    put(t, name, length);
    put_text(t, "}");
    if (negated && in_class) return; /* a class cannot take them out again */
    if (put_newer(t, name, length) == 0 && !in_class) {
        t->n_out = begin; /* plain: PCRE2 is quicker with it than with a class of one */
        put_text(t, negated ? "\\P{" : "\\p{");
        put(t, name, length);
        put_text(t, "}");
    } else if (!in_class) {
        put_text(t, "]");
    }
}

/* \p{Name} at t->at. Both know general categories by one or two letters; the long names are Oniguruma's alone, and a script is
 * to PCRE2 also what else is used with it (U+3001 with Han), unless sc: stands before its name. */
static bool property(Translation *t, bool in_class)
{
    static const char *const long_names[][2] = {
        {"Letter", "L"},
        {"Uppercase_Letter", "Lu"},
        {"Lowercase_Letter", "Ll"},
        {"Titlecase_Letter", "Lt"},
        {"Mark", "M"},
        {"Modifier_Letter", "Lm"},
        {"Other_Letter", "Lo"},
        {"Nonspacing_Mark", "Mn"},
        {"Number", "N"},
        {"Decimal_Number", "Nd"},
        {"Letter_Number", "Nl"},
        {"Other_Number", "No"},
        {"Separator", "Z"},
        {"Space_Separator", "Zs"},
        {"Line_Separator", "Zl"},
        {"Paragraph_Separator", "Zp"},
        {"Symbol", "S"},
        {"Math_Symbol", "Sm"},
        {"Currency_Symbol", "Sc"},
        {"Other_Symbol", "So"},
        {"Other", "C"},
        {"Punctuation", "P"},
        {"Punct", "P"},
        {"Control", "Cc"},
        {"Digit", "Nd"},
        {"Upper", "Uppercase"},
        {"Lower", "Lowercase"},
    };
    const char *const name = t->in + t->at + 3;
    const char *const close = peek(t, 2) == '{' ? memchr(name, '}', t->n_in - t->at - 3) : NULL;
    if (!close) return refuse(t, "\\p and \\P take a name in {}");
    const bool caret = *name == '^', negated = caret != (peek(t, 1) == 'P');
    const char *bare = name + caret;
    size_t length = (size_t)(close - bare);
    t->at += 3 + (size_t)(close - name) + 1;
    for (size_t i = 0; i < sizeof long_names / sizeof *long_names; i++) {
        if (strlen(long_names[i][0]) != length || memcmp(long_names[i][0], bare, length) != 0) continue;
        bare = long_names[i][1];
        length = strlen(bare);
        break;
    }
    char *const script = regex_is_script(bare, length) ? base_printf("sc:%.*s", (int)length, bare) : NULL;
    put_property(t, script ? script : bare, script ? length + 3 : length, negated, in_class);
    base_free(script);
    return true;
}

/* At a backslash. What an escape means inside of a class has no brackets of its own. */
static bool escape(Translation *t, bool in_class)
{
    const char c = peek(t, 1);
    if (t->at + 1 >= t->n_in) return refuse(t, "a backslash at the end");
    switch (c) {
    case 's':
        put_text(t, in_class ? SPACE_RANGES : "[" SPACE_RANGES "]");
        break;
    case 'S':
        put_text(t, in_class ? "\\P{White_Space}" : "[^" SPACE_RANGES "]");
        break;
    case 'w':
        put_text(t, in_class ? WORD_CLASS : "[" WORD "]");
        break;
    case 'W':
        if (in_class) return refuse(t, "\\W inside of [...] is not supported");
        put_text(t, "[^" WORD "]");
        break;
    case 'b': /* inside of a class a backspace, to both */
        put_text(t, in_class ? "\\b" : "(?:" BEHIND_WORD AT_OTHER "|" BEHIND_OTHER AT_WORD ")");
        break;
    case 'B':
        put_text(t, "(?:" BEHIND_WORD AT_WORD "|" BEHIND_OTHER AT_OTHER ")");
        break;
    case 'h':
        put_text(t, in_class ? "0-9a-fA-F" : "[0-9a-fA-F]");
        break;
    case 'H':
        if (in_class) return refuse(t, "\\H inside of [...] is not supported");
        put_text(t, "[^0-9a-fA-F]");
        break;
    case 'u':
        for (size_t i = 2; i < 6; i++)
            if (!is_hex(peek(t, i))) return refuse(t, "\\u takes four hexadecimal digits");
        put_text(t, "\\x{");
        put(t, t->in + t->at + 2, 4);
        put_text(t, "}");
        t->at += 4;
        break;
    case 'p':
    case 'P':
        return property(t, in_class);
    case 'x':
    case 'o':
    case 'k':
    case 'g':
        put(t, t->in + t->at, 2);
        t->at += 2;
        if (peek(t, 0) == '{') return copy_through(t, '}') || refuse(t, "a { without its }");
        if (peek(t, 0) == '<' && (c == 'k' || c == 'g')) return copy_through(t, '>') || refuse(t, "a < without its >");
        return true;
    case 'Q':
    case 'E':
        return refuse(t, "\\Q and \\E are not supported");
    default:
        put(t, t->in + t->at, 2); /* a character of several bytes goes on as ordinary text */
        break;
    }
    t->at += 2;
    return true;
}

/* At a [. */
static bool character_class(Translation *t)
{
    put_text(t, "[");
    t->at++;
    if (peek(t, 0) == '^') {
        put_text(t, "^");
        t->at++;
    }
    for (bool first = true;; first = false) {
        if (t->at >= t->n_in) return refuse(t, "a [ without its ]");
        const char c = t->in[t->at];
        if (c == ']' && !first) break;
        if (c == '\\') {
            if (!escape(t, true)) return false;
        } else if (c == '[' && peek(t, 1) == ':') {
            if (!posix_class(t)) return false;
        } else if (c == '[') {
            return refuse(t, "a class inside of a class is not supported; a plain [ is written \\[");
        } else if (c == '&' && peek(t, 1) == '&') {
            return refuse(t, "&& inside of [...] is not supported");
        } else {
            put(t, &c, 1);
            t->at++;
        }
    }
    put_text(t, "]");
    t->at++;
    return true;
}

/* At a (. Ruby's (?m) lets the dot match newlines, which PCRE2 calls (?s). */
static bool open_group(Translation *t)
{
    if (peek(t, 1) == '*') return refuse(t, "(* begins nothing");
    if (t->depth == MAX_GROUP_DEPTH) return refuse(t, "groups are nested too deeply");
    t->groups[t->depth++] = t->n_out;
    put_text(t, "(");
    t->at++;
    t->atom = SIZE_MAX;
    if (peek(t, 0) != '?') return true;
    if (peek(t, 1) == '#') {
        t->depth--;
        return copy_through(t, ')') || refuse(t, "a comment without its )");
    }
    put_text(t, "?");
    t->at++;
    if (peek(t, 0) == '<' || peek(t, 0) == 'P' || peek(t, 0) == '\'' || peek(t, 0) == 'C') {
        if (peek(t, 0) == 'C') return refuse(t, "callouts are not supported");
        return true;
    }
    for (;; t->at++) {
        const char c = peek(t, 0);
        if (c == 'm')
            put_text(t, "s");
        else if (c == 'i' || c == 'x' || c == '-')
            put(t, &c, 1);
        else
            break;
    }
    return true;
}

static bool close_group(Translation *t)
{
    if (t->depth == 0) return refuse(t, "a ) without its (");
    t->atom = t->groups[--t->depth];
    put_text(t, ")");
    t->at++;
    return true;
}

/* The length of {n}, {n,}, {n,m} or {,m} at t->at, or 0 when the brace is a plain one. */
static size_t interval_length(const Translation *t)
{
    size_t i = 1, digits = 0;
    for (; peek(t, i) >= '0' && peek(t, i) <= '9'; i++) digits++;
    if (peek(t, i) == ',')
        for (i++; peek(t, i) >= '0' && peek(t, i) <= '9'; i++) digits++;
    return digits > 0 && peek(t, i) == '}' ? i + 1 : 0;
}

/* At a {. X{n,m}+ is possessive to PCRE2, and one or more of X{n,m} to Oniguruma. */
static bool interval(Translation *t, size_t length)
{
    if (t->atom == SIZE_MAX) return refuse(t, "nothing to repeat");
    const bool repeated = peek(t, length) == '+';
    if (repeated) {
        put_text(t, "    ");
        memmove(t->out + t->atom + 3, t->out + t->atom, t->n_out - 4 - t->atom);
        memcpy(t->out + t->atom, "(?:", 3);
        t->n_out--;
    }
    put_text(t, "{");
    if (peek(t, 1) == ',') put_text(t, "0");
    put(t, t->in + t->at + 1, length - 1);
    if (repeated) put_text(t, ")");
    t->at += length;
    return true;
}

static bool step(Translation *t)
{
    const char c = t->in[t->at];
    const size_t begin = t->n_out;
    switch (c) {
    case '\\':
        if (!escape(t, false)) return false;
        t->atom = begin;
        return true;
    case '[':
        if (!character_class(t)) return false;
        t->atom = begin;
        return true;
    case '(':
        return open_group(t);
    case ')':
        return close_group(t);
    case '{':
        if (interval_length(t)) return interval(t, interval_length(t));
        break;
    case '*':
    case '+':
    case '?':
    case '|':
        put(t, &c, 1);
        t->at++;
        if (c == '|') t->atom = SIZE_MAX;
        return true;
    default:
        break;
    }
    put(t, &c, 1);
    t->at++;
    if (((unsigned char)c & 0xC0) != 0x80) t->atom = begin; /* a continuation byte belongs to the atom before it */
    return true;
}

bool regex_translate(const char *pattern, size_t length, bool newer, char **translated, size_t *translated_length,
                     Error *err)
{
    Translation t = {.in = pattern, .n_in = length, .atom = SIZE_MAX, .newer = newer, .err = err};
    put_text(&t, "");
    while (t.at < t.n_in) {
        if (!step(&t)) {
            base_free(t.out);
            return false;
        }
    }
    *translated = t.out;
    *translated_length = t.n_out;
    return true;
}
