/* SPDX-License-Identifier: MIT */
/* reward/math_lex.c: see math_lex.h. */
#include "reward/math_lex.h"

#include "base/utf8.h"

#include <string.h>

/* ---- spelling out ---- */

typedef struct Speller {
    MathPool *pool;
    const char *at, *end;
    char *out;
    size_t n, capacity;
    bool money; /* a single dollar is an amount's, two are delimiters */
    bool full;
} Speller;

static void put(Speller *s, const char *text, size_t length)
{
    if (length > s->capacity - s->n) {
        s->full = true;
        return;
    }
    memcpy(s->out + s->n, text, length);
    s->n += length;
}

static void put_text(Speller *s, const char *text)
{
    put(s, text, strlen(text));
}

static uint32_t code_point(const char *text, int length)
{
    const unsigned char *const u = (const unsigned char *)text;
    if (length == 2) return (uint32_t)(u[0] & 0x1f) << 6 | (u[1] & 0x3f);
    if (length == 3) return (uint32_t)(u[0] & 0x0f) << 12 | (uint32_t)(u[1] & 0x3f) << 6 | (u[2] & 0x3f);
    return (uint32_t)(u[0] & 0x07) << 18 | (uint32_t)(u[1] & 0x3f) << 12 | (uint32_t)(u[2] & 0x3f) << 6 | (u[3] & 0x3f);
}

typedef struct Spelling {
    uint32_t code;
    const char *ascii;
} Spelling;

static const Spelling spellings[] = {
    /* ascending */
    {0xa0, " "},
    {0xa2, "\\text{cents}"},
    {0xa3, "\\text{pounds}"},
    {0xa5, "\\text{yen}"},
    {0xb0, "^\\circ "},
    {0xb1, "\\pm "},
    {0xb5, "\\mu "},
    {0xb7, "\\cdot "},
    {0xbc, "\\frac{1}{4}"},
    {0xbd, "\\frac{1}{2}"},
    {0xbe, "\\frac{3}{4}"},
    {0xd7, "\\times "},
    {0xf7, "\\div "},
    {0x391, "A"},
    {0x393, "\\Gamma "},
    {0x394, "\\Delta "},
    {0x398, "\\Theta "},
    {0x39b, "\\Lambda "},
    {0x3a3, "\\Sigma "},
    {0x3a6, "\\Phi "},
    {0x3a9, "\\Omega "},
    {0x3b1, "\\alpha "},
    {0x3b2, "\\beta "},
    {0x3b3, "\\gamma "},
    {0x3b4, "\\delta "},
    {0x3b5, "\\epsilon "},
    {0x3b6, "\\zeta "},
    {0x3b7, "\\eta "},
    {0x3b8, "\\theta "},
    {0x3ba, "\\kappa "},
    {0x3bb, "\\lambda "},
    {0x3bc, "\\mu "},
    {0x3bd, "\\nu "},
    {0x3be, "\\xi "},
    {0x3c0, "\\pi "},
    {0x3c1, "\\rho "},
    {0x3c3, "\\sigma "},
    {0x3c4, "\\tau "},
    {0x3c6, "\\phi "},
    {0x3c7, "\\chi "},
    {0x3c8, "\\psi "},
    {0x3c9, "\\omega "},
    {0x66a, "\\%"},
    {0x66b, "."},
    {0x66c, ","},
    {0x2009, " "},
    {0x200a, " "},
    {0x200b, ""},
    {0x200c, ""},
    {0x200d, ""},
    {0x2010, "-"},
    {0x2011, "-"},
    {0x2012, "-"},
    {0x2013, "-"},
    {0x2014, "-"},
    {0x2018, "'"},
    {0x2019, "'"},
    {0x201c, "\""},
    {0x201d, "\""},
    {0x2026, "\\ldots "},
    {0x202f, " "},
    {0x2032, "'"},
    {0x2044, "/"},
    {0x2060, ""},
    {0x2061, ""},
    {0x2062, ""},
    {0x20ac, "\\text{euros}"},
    {0x2102, "\\mathbb{C}"},
    {0x2115, "\\mathbb{N}"},
    {0x211a, "\\mathbb{Q}"},
    {0x211d, "\\mathbb{R}"},
    {0x2124, "\\mathbb{Z}"},
    {0x2150, "\\frac{1}{7}"},
    {0x2151, "\\frac{1}{9}"},
    {0x2153, "\\frac{1}{3}"},
    {0x2154, "\\frac{2}{3}"},
    {0x2155, "\\frac{1}{5}"},
    {0x2156, "\\frac{2}{5}"},
    {0x2157, "\\frac{3}{5}"},
    {0x2158, "\\frac{4}{5}"},
    {0x2159, "\\frac{1}{6}"},
    {0x215a, "\\frac{5}{6}"},
    {0x215b, "\\frac{1}{8}"},
    {0x215c, "\\frac{3}{8}"},
    {0x215d, "\\frac{5}{8}"},
    {0x215e, "\\frac{7}{8}"},
    {0x2205, "\\emptyset "},
    {0x2208, "\\in "},
    {0x220f, "\\prod "},
    {0x2211, "\\sum "},
    {0x2212, "-"},
    {0x2213, "\\mp "},
    {0x2215, "/"},
    {0x2216, "\\setminus "},
    {0x2217, "*"},
    {0x2219, "\\cdot "},
    {0x221a, "\\sqrt "},
    {0x221b, "\\sqrt[3] "},
    {0x221e, "\\infty "},
    {0x2227, "\\land "},
    {0x2228, "\\lor "},
    {0x2229, "\\cap "},
    {0x222a, "\\cup "},
    {0x2236, ":"},
    {0x2248, "\\approx "},
    {0x2260, "\\ne "},
    {0x2264, "\\le "},
    {0x2265, "\\ge "},
    {0x22c5, "\\cdot "},
    {0x2308, "\\lceil "},
    {0x2309, "\\rceil "},
    {0x230a, "\\lfloor "},
    {0x230b, "\\rfloor "},
    {0x27e8, "\\langle "},
    {0x27e9, "\\rangle "},
    {0x2a7d, "\\le "},
    {0x2a7e, "\\ge "},
    {0x3000, " "},
    {0x3001, ","},
    {0x3002, "."},
    {0x3010, "["},
    {0x3011, "]"},
    {0xfeff, ""},
};

static const char *spelling_of(uint32_t code)
{
    size_t low = 0, high = sizeof spellings / sizeof *spellings;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (spellings[middle].code < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < sizeof spellings / sizeof *spellings && spellings[low].code == code ? spellings[low].ascii : NULL;
}

/* The value of a decimal digit of another script, or -1. Each block has its ten digits in a row. */
static int other_digit(uint32_t code)
{
    static const uint32_t zeros[] = {0x660,  0x6f0,  0x966,   0x9e6,   0xa66,   0xae6,   0xb66,  0xbe6,
                                     0xc66,  0xce6,  0xd66,   0xe50,   0xed0,   0xf20,   0x1040, 0x17e0,
                                     0x1810, 0xff10, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6};
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        if (code - zeros[i] < 10) return (int)(code - zeros[i]);
    return -1;
}

/* A character as it would stand in an exponent ('^') or an index ('_'), or 0. */
static char raised(uint32_t code, char *where)
{
    *where = '^';
    if (code == 0xb2 || code == 0xb3) return (char)('2' + (code - 0xb2));
    if (code == 0xb9) return '1';
    if (code == 0x2070 || (code >= 0x2074 && code <= 0x2079)) return (char)('0' + (code - 0x2070));
    if (code == 0x207a) return '+';
    if (code == 0x207b) return '-';
    if (code == 0x207f) return 'n';
    if (code == 0x2071) return 'i';
    *where = '_';
    if (code >= 0x2080 && code <= 0x2089) return (char)('0' + (code - 0x2080));
    return 0;
}

static void put_raised(Speller *s, char where)
{
    put(s, (char[]){where, '{'}, 2);
    while (s->at < s->end) {
        const int length = utf8_sequence(s->at, (size_t)(s->end - s->at));
        char here;
        const char c = length >= 2 ? raised(code_point(s->at, length), &here) : 0;
        if (!c || here != where) break;
        put(s, &c, 1);
        s->at += length;
    }
    put(s, "}", 1);
}

static void spell_unicode(Speller *s)
{
    const int length = utf8_sequence(s->at, (size_t)(s->end - s->at));
    if (length < 2) {
        put(s, s->at, 1); /* not UTF-8: a letter of some word */
        s->at++;
        return;
    }
    const uint32_t code = code_point(s->at, length);
    char where;
    if (raised(code, &where)) {
        put_raised(s, where);
        return;
    }
    const int digit = other_digit(code);
    const char *const spelling = spelling_of(code);
    if (digit >= 0)
        put(s, (char[]){(char)('0' + digit)}, 1);
    else if (code > 0xff00 && code < 0xff5f)
        put(s, (char[]){(char)(code - 0xfee0)}, 1);
    else if (spelling)
        put_text(s, spelling);
    else
        put(s, s->at, (size_t)length);
    s->at += length;
}

/* Commands that only dress; a space takes their place. */
static bool is_dressing(const char *name, size_t length)
{
    static const char *const names[] = {
        "left",    "right",  "displaystyle", "textstyle",  "limits", "nolimits", "big",   "Big",   "bigg",  "Bigg",
        "bigl",    "bigr",   "Bigl",         "Bigr",       "biggl",  "biggr",    "Biggl", "Biggr", "quad",  "qquad",
        "mathbf",  "mathit", "mathsf",       "boldsymbol", "bm",     "vec",      "hline", "large", "Large", "mathstrut",
        "phantom", "boxed",  "fbox",         "mathcal",    "bf",     "rm",       "tiny",  "middle"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) return true;
    return false;
}

static void spell_command(Speller *s)
{
    const char *const name = s->at + 1;
    if (name == s->end) {
        s->at = s->end;
        return;
    }
    const char *after = name;
    while (after < s->end && math_is_letter(*after) && (unsigned char)*after < 0x80) after++;
    if (after == name) {
        const char c = *name;
        s->at += 2;
        if (c == '!') return;
        if (strchr(",;: ()[]>", c))
            put(s, " ", 1);
        else if (c == '$')
            put_text(s, "\\text{dollars}");
        else
            put(s, (char[]){'\\', c}, 2);
        return;
    }
    const size_t length = (size_t)(after - name);
    if (is_dressing(name, length)) {
        const bool bracket =
            (length == 4 && memcmp(name, "left", 4) == 0) || (length == 5 && memcmp(name, "right", 5) == 0);
        if (bracket && after < s->end && *after == '.') after++; /* \left. is no bracket */
        put(s, " ", 1);
    } else {
        put(s, s->at, (size_t)(after - s->at));
        if (after < s->end && (unsigned char)*after >= 0x80) put(s, " ", 1);
    }
    s->at = after;
}

static bool has_one_dollar(const char *text, size_t length)
{
    int n = 0;
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\\')
            i++;
        else
            n += text[i] == '$';
    return n == 1;
}

bool math_spell(MathPool *pool, const char *text, size_t length, const char **spelled, size_t *n_spelled)
{
    if (length > MATH_MAX_ANSWER_BYTES) return false;
    Speller s = {.pool = pool,
                 .at = text,
                 .end = text + length,
                 .out = pool->text + pool->n_text,
                 .capacity =
                     (size_t)(MATH_MAX_TEXT_BYTES - pool->n_text) / 3, /* half of the rest is for names and digits */
                 .money = has_one_dollar(text, length)};
    while (s.at < s.end && !s.full) {
        const char c = *s.at;
        if (c == '\\') {
            spell_command(&s);
        } else if ((unsigned char)c >= 0x80) {
            spell_unicode(&s);
        } else {
            if (c == '$')
                put_text(&s, s.money ? "\\text{dollars}" : " ");
            else
                put(&s, c == '~' ? " " : &c, 1);
            s.at++;
        }
    }
    pool->n_text += (int32_t)s.n;
    *spelled = s.out;
    *n_spelled = s.n;
    return !s.full;
}

/* ---- tokens ---- */

typedef struct Lexer {
    MathPool *pool;
    const char *begin, *at, *end;
    Tokens *tokens;
    bool spaced;
    int depth, text_depth; /* of braces; text_depth: of the \text{ that is open, 0 for none */
    int brackets;          /* ( [ \{ that are open: there a comma divides, it does not group digits */
    bool full;
} Lexer;

static Token *add(Lexer *l, TokenKind kind, const char *text, size_t length)
{
    if (l->tokens->n == MATH_MAX_TOKENS) {
        l->full = true;
        l->tokens->n--;
    }
    Token *const t = &l->tokens->at[l->tokens->n++];
    *t = (Token){.kind = (uint8_t)kind,
                 .spaced = l->spaced,
                 .in_text = l->text_depth > 0,
                 .length = (int32_t)length,
                 .text = text,
                 .source = l->at};
    l->spaced = false;
    return t;
}

static bool digits_at(const Lexer *l, const char *p, int n)
{
    for (int i = 0; i < n; i++)
        if (p + i >= l->end || !math_is_digit(p[i])) return false;
    return p + n >= l->end || !math_is_digit(p[n]);
}

/* Length of a mark between thousands at p, 0 for none: "," "{,}" "'" " " (and "\," which is a space by now). */
static int thousands_mark(const Lexer *l, const char *p)
{
    if (p + 3 < l->end && memcmp(p, "{,}", 3) == 0 && digits_at(l, p + 3, 3)) return 3;
    if (p < l->end && *p == ',' && l->brackets == 0 && digits_at(l, p + 1, 3)) return 1;
    if (p < l->end && (*p == ' ' || *p == '\'') && digits_at(l, p + 1, 3)) return 1;
    return 0;
}

/* A number's characters as they will be read, without its marks: written at the end of the pool's text. */
static void keep(Lexer *l, char c)
{
    if (l->pool->n_text == MATH_MAX_TEXT_BYTES) {
        l->full = true;
        return;
    }
    l->pool->text[l->pool->n_text++] = c;
}

static void keep_digits(Lexer *l)
{
    while (l->at < l->end && math_is_digit(*l->at)) keep(l, *l->at++);
}

static bool keep_whole(Lexer *l)
{
    const char *const begin = l->at;
    bool grouped = false;
    keep_digits(l);
    if (l->at - begin > 3 || l->at == begin || *begin == '0') return false;
    for (int mark; (mark = thousands_mark(l, l->at)) > 0; grouped = true) {
        l->at += mark;
        keep_digits(l);
    }
    return grouped;
}

/* The e of 1.5e3; what follows 2 in 2e^x is no exponent. */
static void keep_exponent(Lexer *l)
{
    const char *p = l->at;
    if (p + 1 >= l->end || (*p != 'e' && *p != 'E')) return;
    p++;
    if (*p == '+' || *p == '-') p++;
    if (p == l->end || !math_is_digit(*p)) return;
    while (l->at < p) keep(l, *l->at++);
    keep_digits(l);
}

static void lex_number(Lexer *l)
{
    const char *const begin = l->at;
    const int32_t text = l->pool->n_text;
    const bool grouped = keep_whole(l);
    const bool point = l->at < l->end && *l->at == '.';
    if (point && l->at + 1 < l->end && math_is_digit(l->at[1])) {
        keep(l, *l->at++);
        keep_digits(l);
    } else if (point && !(l->at + 1 < l->end && l->at[1] == '.')) {
        l->at++; /* "5." */
    }
    keep_exponent(l);
    Token *const t = add(l, TOKEN_NUMBER, l->pool->text + text, (size_t)(l->pool->n_text - text));
    t->grouped = grouped;
    t->source = begin;
}

static bool is_text_command(const char *name, size_t length)
{
    static const char *const names[] = {"text", "textbf", "textit",       "textrm", "textsf",     "texttt", "mathrm",
                                        "mbox", "hbox",   "operatorname", "emph",   "textnormal", "mathop"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strlen(names[i]) == length && memcmp(names[i], name, length) == 0) return true;
    return false;
}

static void lex_command(Lexer *l)
{
    const char *const name = l->at + 1;
    const char *after = name;
    while (after < l->end && math_is_letter(*after) && (unsigned char)*after < 0x80) after++;
    if (after == name) { /* \{ \} \\ \% \_ \& \# \| */
        if (name == l->end) {
            l->at = l->end;
            return;
        }
        if (*name == '{') l->brackets++;
        if (*name == '}' && l->brackets > 0) l->brackets--;
        if (*name == '\\')
            add(l, TOKEN_ROW, name, 1);
        else
            add(l, TOKEN_COMMAND, name, 1);
        l->at = name + 1;
        return;
    }
    const char *open = after;
    while (open < l->end && (*open == ' ' || *open == '*')) open++;
    if (l->text_depth == 0 && is_text_command(name, (size_t)(after - name)) && open < l->end && *open == '{') {
        l->depth++;
        l->text_depth = l->depth;
        l->spaced = true;
        l->at = open + 1;
        return;
    }
    add(l, TOKEN_COMMAND, name, (size_t)(after - name));
    l->at = after;
}

static void lex_sign(Lexer *l)
{
    const char c = *l->at;
    if (c == '{') l->depth++;
    if (c == '}') {
        l->depth--;
        if (l->text_depth > l->depth) { /* the end of \text{...} */
            l->text_depth = 0;
            l->spaced = true;
            l->at++;
            return;
        }
    }
    if (c == '(' || c == '[') l->brackets++;
    if ((c == ')' || c == ']') && l->brackets > 0) l->brackets--;
    add(l, TOKEN_SIGN, l->at, 1);
    l->at++;
}

static void lex_letters(Lexer *l)
{
    const char *p = l->at;
    while (p < l->end && math_is_letter(*p)) p++;
    add(l, TOKEN_LETTERS, l->at, (size_t)(p - l->at));
    l->at = p;
}

bool math_lex(MathPool *pool, const char *spelled, size_t length, Tokens *tokens)
{
    Lexer l = {.pool = pool, .begin = spelled, .at = spelled, .end = spelled + length, .tokens = tokens};
    tokens->n = 0;
    while (l.at < l.end && !l.full) {
        const char c = *l.at;
        if (math_is_space(c)) {
            l.spaced = true;
            l.at++;
        } else if (math_is_digit(c) || (c == '.' && l.at + 1 < l.end && math_is_digit(l.at[1]))) {
            lex_number(&l);
        } else if (math_is_letter(c)) {
            lex_letters(&l);
        } else if (c == '\\') {
            lex_command(&l);
        } else {
            lex_sign(&l);
        }
    }
    for (int32_t i = 0; i < MATH_LOOK_AHEAD; i++)
        tokens->at[tokens->n + i] = (Token){.kind = TOKEN_END, .spaced = l.spaced, .text = "", .source = l.end};
    return !l.full && !pool->full;
}
