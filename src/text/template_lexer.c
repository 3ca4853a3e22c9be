/* SPDX-License-Identifier: MIT */
/* text/template_lexer.c: the source as tokens, with Jinja's rules of white space:
 *   {%- and -%}  take all white space on that side;
 *   trim_blocks: a newline right behind %} or #} goes; lstrip_blocks: blanks between the start of a line and {% or {# go;
 *   {%+ and +%}  keep both. One newline at the very end of the source goes (when it was read: template.c). */
#include "text/template_node.h"

#include "base/arena.h"
#include "text/unicode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Lexer {
    Template *template;
    const char *source;
    size_t length, at;
    TokenList *list;
    bool line_start; /* the data that comes next begins a line */
    char brackets[PARSER_MAX_DEPTH];
    int n_brackets;
    Error *err;
} Lexer;

static Token *add_token(Lexer *l, TokenKind kind, size_t at)
{
    TokenList *const list = l->list;
    if (list->n == list->capacity) {
        list->capacity = list->capacity ? 2 * list->capacity : 256;
        list->tokens = base_realloc(list->tokens, (size_t)list->capacity, sizeof *list->tokens);
    }
    list->tokens[list->n] = (Token){.kind = kind, .at = (uint32_t)at};
    return &list->tokens[list->n++];
}

static String counted(const char *bytes, size_t length)
{
    String string = {bytes, length, -1, NULL};
    string_chars(&string);
    return string;
}

static bool starts(const Lexer *l, size_t at, const char *text)
{
    const size_t n = strlen(text);
    return at <= l->length && n <= l->length - at && memcmp(l->source + at, text, n) == 0;
}

/* Bytes of the white space character at `at`; 0: none is there. */
static size_t space_at(const Lexer *l, size_t at)
{
    if (at >= l->length) return 0;
    int n;
    return python_is_space(unicode_decode(l->source + at, &n)) ? (size_t)n : 0;
}

static size_t skip_space(const Lexer *l, size_t at)
{
    for (size_t n; (n = space_at(l, at)) > 0;) at += n;
    return at;
}

/* The end of source[from, to) without the white space before it. */
static size_t strip_end(const Lexer *l, size_t from, size_t to)
{
    while (to > from) {
        size_t at = to - 1;
        while (at > from && ((unsigned char)l->source[at] & 0xC0) == 0x80) at--;
        if (!space_at(l, at)) break;
        to = at;
    }
    return to;
}

/* Where data[from, to) ends, given the sign of the tag behind it ('-', '+' or another) and whether lstrip_blocks is about it. */
static size_t data_end(const Lexer *l, size_t from, size_t to, char sign, bool is_block)
{
    if (sign == '-') return strip_end(l, from, to);
    if (sign == '+' || !is_block) return to;
    const char *const newline = to > from ? memrchr(l->source + from, '\n', to - from) : NULL;
    const size_t line = newline ? (size_t)(newline - l->source) + 1 : from;
    if ((newline || l->line_start) && skip_space(l, line) >= to && to > line) return line;
    return to;
}

static void add_data(Lexer *l, size_t from, size_t to)
{
    if (to > from) add_token(l, TOKEN_DATA, from)->text = counted(l->source + from, to - from);
}

/* Length of "%}" and the like at `at` with its sign and, behind it, what the sign and trim_blocks take; 0: it is not there. */
static size_t end_tag(const Lexer *l, size_t at, const char *end, bool is_block)
{
    if (starts(l, at, "-") && starts(l, at + 1, end)) return skip_space(l, at + 3) - at;
    if (is_block && starts(l, at, "+") && starts(l, at + 1, end)) return 3;
    if (!starts(l, at, end)) return 0;
    return is_block && starts(l, at + 2, "\n") ? 3 : 2;
}

static void leave_tag(Lexer *l, size_t n)
{
    l->at += n;
    l->line_start = l->source[l->at - 1] == '\n';
}

static char sign_at(const Lexer *l, size_t at)
{
    return starts(l, at, "-") ? '-' : starts(l, at, "+") ? '+' : 0;
}

/* ---- strings and numbers ---- */

static int hex_digits(const char *text, size_t length, int n, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < n; i++) {
        const char c = (size_t)i < length ? text[i] : 0;
        const int digit = c >= '0' && c <= '9'                 ? c - '0'
                          : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                               : -1;
        if (digit < 0) return -1;
        *value = *value * 16 + (uint32_t)digit;
    }
    return n;
}

/* One escape of Python at text (behind the backslash): its code point, or -1 for none (a backslash and newline), -2 for a wrong one, -3
 * when it is no escape and the backslash stands for itself. *n: bytes that it takes. */
static int64_t read_escape(const char *text, size_t length, size_t *n)
{
    static const char letters[] = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v";
    *n = 1;
    for (size_t i = 0; i + 1 < sizeof letters; i += 2)
        if (text[0] == letters[i]) return (unsigned char)letters[i + 1];
    if (text[0] == '\n') return -1;
    if (text[0] >= '0' && text[0] <= '7') {
        int64_t value = 0;
        for (*n = 0; *n < 3 && *n < length && text[*n] >= '0' && text[*n] <= '7'; ++*n)
            value = value * 8 + text[*n] - '0';
        return value;
    }
    if (text[0] != 'x' && text[0] != 'u' && text[0] != 'U') return text[0] == 'N' ? -2 : -3;
    const int digits = text[0] == 'x' ? 2 : text[0] == 'u' ? 4 : 8;
    uint32_t value;
    if (hex_digits(text + 1, length - 1, digits, &value) < 0 || value > 0x10FFFF) return -2;
    *n = (size_t)digits + 1;
    /* Python would keep half of a surrogate pair; UTF-8 cannot. */
    return value >= 0xD800 && value <= 0xDFFF ? 0xFFFD : (int64_t)value;
}

/* What stands between the quotes: source[from, to). */
static bool unescape(Lexer *l, size_t from, size_t to, String *string)
{
    if (!memchr(l->source + from, '\\', to - from)) {
        *string = counted(l->source + from, to - from);
        return true;
    }
    char *const bytes = pool_take(&l->template->pool,
                                  2 * (to - from)); /* \ff is longer as UTF-8 never than its escape; twice is safe */
    size_t n = 0;
    for (size_t at = from; at < to; at++) {
        if (l->source[at] != '\\') {
            bytes[n++] = l->source[at];
            continue;
        }
        size_t used;
        const int64_t code_point = read_escape(l->source + at + 1, to - at - 1, &used);
        if (code_point == -2)
            return template_error(l->template, (uint32_t)at, l->err, "an escape that Python does not know");
        if (code_point == -3) {
            bytes[n++] = '\\';
            continue;
        }
        if (code_point >= 0) n += (size_t)unicode_encode((uint32_t)code_point, bytes + n);
        at += used;
    }
    *string = counted(bytes, n);
    return true;
}

static bool read_string(Lexer *l)
{
    const size_t from = l->at + 1;
    size_t to = from;
    while (to < l->length && l->source[to] != l->source[l->at]) to += l->source[to] == '\\' ? 2 : 1;
    if (to >= l->length)
        return template_error(l->template, (uint32_t)l->at, l->err, "a string that does not end: a %c is missing",
                              l->source[l->at]);
    String text;
    if (!unescape(l, from, to, &text)) return false;
    add_token(l, TOKEN_STRING, l->at)->text = text;
    l->at = to + 1;
    return true;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Copies digits and drops the single underlines between them; returns how many bytes of the source they take. */
static size_t copy_digits(const Lexer *l, size_t at, int base, char *copy, size_t *n, size_t room)
{
    const size_t from = at;
    for (; at < l->length; at++) {
        uint32_t digit;
        const bool is_underline = l->source[at] == '_' && at > from;
        const size_t digit_at = at + is_underline;
        if (digit_at >= l->length || hex_digits(l->source + digit_at, 1, 1, &digit) < 0 || (int)digit >= base) break;
        if (*n + 1 < room) copy[(*n)++] = l->source[digit_at];
        at = digit_at;
    }
    copy[*n] = 0;
    return at - from;
}

enum { NUMBER_BYTES = 400 };

static bool add_integer(Lexer *l, const char *digits, int base)
{
    errno = 0;
    const long long value = strtoll(digits, NULL, base);
    if (errno) return template_error(l->template, (uint32_t)l->at, l->err, "an integer of more than 64 bits");
    add_token(l, TOKEN_INTEGER, l->at)->integer = value;
    return true;
}

static bool read_number(Lexer *l)
{
    char digits[NUMBER_BYTES];
    size_t n = 0;
    const char second = starts(l, l->at, "0") && l->at + 1 < l->length ? (char)(l->source[l->at + 1] | 32) : 0;
    const int base = second == 'x' ? 16 : second == 'o' ? 8 : second == 'b' ? 2 : 10;
    if (base != 10) {
        const size_t used = copy_digits(l, l->at + 2, base, digits, &n, sizeof digits);
        if (used == 0 || !add_integer(l, digits, base))
            return used && l->err->kind
                       ? false
                       : template_error(l->template, (uint32_t)l->at, l->err, "a number without digits");
        l->at += 2 + used;
        return true;
    }
    size_t end = l->at + copy_digits(l, l->at, 10, digits, &n, sizeof digits);
    bool is_float = false;
    if (end + 1 < l->length && l->source[end] == '.' && is_digit(l->source[end + 1])) {
        is_float = true;
        digits[n++] = '.';
        end += 1 + copy_digits(l, end + 1, 10, digits, &n, sizeof digits - 1);
    }
    const size_t sign = end + 1 < l->length && (l->source[end + 1] == '+' || l->source[end + 1] == '-');
    if (end + 1 + sign < l->length && (l->source[end] | 32) == 'e' && is_digit(l->source[end + 1 + sign])) {
        is_float = true;
        digits[n++] = 'e';
        if (sign) digits[n++] = l->source[end + 1];
        end += 1 + sign + copy_digits(l, end + 1 + sign, 10, digits, &n, sizeof digits - 1);
    }
    if (n + 8 >= sizeof digits)
        return template_error(l->template, (uint32_t)l->at, l->err, "a number of too many digits");
    if (is_float)
        add_token(l, TOKEN_FLOAT, l->at)->real = strtod(digits, NULL);
    else if (!add_integer(l, digits, 10))
        return false;
    l->at = end;
    return true;
}

/* ---- inside {{ }} and {% %} ---- */

static bool is_name_start(uint32_t c)
{
    return c == '_' || (unicode_is_word(c) && !(c >= '0' && c <= '9'));
}

static void read_name(Lexer *l)
{
    size_t end = l->at;
    while (end < l->length) {
        int n;
        if (!unicode_is_word(unicode_decode(l->source + end, &n)) && l->source[end] != '_') break;
        end += (size_t)n;
    }
    add_token(l, TOKEN_NAME, l->at)->text = counted(l->source + l->at, end - l->at);
    l->at = end;
}

/* Keeps count of open brackets: while one is open, "}}" closes two of them and no tag. */
static bool count_bracket(Lexer *l, char c)
{
    if (c == '(' || c == '[' || c == '{') {
        if (l->n_brackets == PARSER_MAX_DEPTH)
            return template_error(l->template, (uint32_t)l->at, l->err, "brackets are nested too deep");
        l->brackets[l->n_brackets++] = c == '(' ? ')' : c == '[' ? ']' : '}';
        return true;
    }
    if (c != ')' && c != ']' && c != '}') return true;
    if (l->n_brackets == 0) return template_error(l->template, (uint32_t)l->at, l->err, "unexpected '%c'", c);
    const char expected = l->brackets[--l->n_brackets];
    if (c == expected) return true;
    return template_error(l->template, (uint32_t)l->at, l->err, "unexpected '%c', expected '%c'", c, expected);
}

static bool read_operator(Lexer *l)
{
    static const struct {
        const char *text;
        int operator;
    } pairs[] = {
        {"**", OPERATOR_POWER},     {"//", OPERATOR_FLOOR_DIVIDE}, {"==", OPERATOR_EQUAL},
        {"!=", OPERATOR_NOT_EQUAL}, {"<=", OPERATOR_LESS_EQUAL},   {">=", OPERATOR_GREATER_EQUAL},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if (starts(l, l->at, pairs[i].text)) {
            add_token(l, TOKEN_OPERATOR, l->at)->operator= pairs[i].operator;
            l->at += 2;
            return true;
        }
    const char c = l->source[l->at];
    if (!c || !strchr("+-/*%~[](){}<>=.:|,;", c))
        return template_error(l->template, (uint32_t)l->at, l->err, "a character that has no meaning in a tag");
    if (!count_bracket(l, c)) return false;
    add_token(l, TOKEN_OPERATOR, l->at)->operator= c;
    l->at++;
    return true;
}

/* The tokens of one tag, whose opening has been read, and its end. */
static bool read_tag(Lexer *l, const char *end, TokenKind end_kind)
{
    const size_t begin = l->at;
    l->n_brackets = 0;
    for (;;) {
        l->at = skip_space(l, l->at);
        if (l->at >= l->length)
            return template_error(l->template, (uint32_t)begin, l->err, "a tag that does not end: a %s is missing",
                                  end);
        const size_t n = l->n_brackets == 0 ? end_tag(l, l->at, end, end_kind == TOKEN_BLOCK_END) : 0;
        if (n > 0) {
            add_token(l, end_kind, l->at);
            leave_tag(l, n);
            return true;
        }
        const char c = l->source[l->at];
        int char_length;
        bool ok = true;
        if (c == '"' || c == '\'')
            ok = read_string(l);
        else if (is_digit(c))
            ok = read_number(l);
        else if (is_name_start(unicode_decode(l->source + l->at, &char_length)))
            read_name(l);
        else
            ok = read_operator(l);
        if (!ok) return false;
    }
}

/* ---- outside ---- */

static bool skip_comment(Lexer *l)
{
    const size_t begin = l->at;
    l->at += 2;
    if (sign_at(l, l->at)) l->at++;
    for (; l->at < l->length; l->at++) {
        const size_t n = end_tag(l, l->at, "#}", true);
        if (n == 0) continue;
        leave_tag(l, n);
        return true;
    }
    return template_error(l->template, (uint32_t)begin, l->err, "a comment that does not end: a #} is missing");
}

/* Where the tag {% WORD %} that begins at `at` ends, behind what it takes; 0: it is another tag. */
static size_t word_tag(const Lexer *l, size_t at, const char *word, bool trims)
{
    if (!starts(l, at, "{%")) return 0;
    at += 2;
    if (sign_at(l, at)) at++;
    at = skip_space(l, at);
    if (!starts(l, at, word)) return 0;
    at = skip_space(l, at + strlen(word));
    /* {% raw %} knows no +, and nothing is trimmed behind it. */
    const size_t n = trims ? end_tag(l, at, "%}", true) : end_tag(l, at, "%}", false);
    return n ? at + n : 0;
}

static bool read_raw(Lexer *l, size_t body)
{
    const size_t begin = l->at;
    l->line_start = l->source[body - 1] == '\n';
    for (size_t at = body; at < l->length; at++) {
        const size_t end = word_tag(l, at, "endraw", true);
        if (end == 0) continue;
        add_data(l, body, data_end(l, body, at, sign_at(l, at + 2), true));
        l->at = at;
        leave_tag(l, end - at);
        return true;
    }
    return template_error(l->template, (uint32_t)begin, l->err, "{%% raw %%} without {%% endraw %%}");
}

static size_t next_tag(const Lexer *l)
{
    for (size_t at = l->at; at + 1 < l->length; at++)
        if (l->source[at] == '{' && strchr("{%#", l->source[at + 1]) && l->source[at + 1]) return at;
    return l->length;
}

/* Data up to the next tag, and that tag. */
static bool read_piece(Lexer *l)
{
    const size_t from = l->at, tag = next_tag(l);
    if (tag == l->length) {
        add_data(l, from, tag);
        l->at = tag;
        return true;
    }
    const char type = l->source[tag + 1], sign = sign_at(l, tag + 2);
    add_data(l, from, data_end(l, from, tag, sign, type != '{'));
    l->at = tag;
    const size_t raw = word_tag(l, tag, "raw", false);
    if (raw) return read_raw(l, raw);
    if (type == '#') return skip_comment(l);
    add_token(l, type == '{' ? TOKEN_PRINT_BEGIN : TOKEN_BLOCK_BEGIN, tag);
    l->at = tag + 2 + (sign != 0);
    return type == '{' ? read_tag(l, "}}", TOKEN_PRINT_END) : read_tag(l, "%}", TOKEN_BLOCK_END);
}

bool template_tokens(Template *template, TokenList *list, Error *err)
{
    Lexer lexer = {.template = template,
                   .source = template->source,
                   .length = template->length,
                   .list = list,
                   .line_start = true,
                   .err = err};
    while (lexer.at < lexer.length)
        if (!read_piece(&lexer)) return false;
    add_token(&lexer, TOKEN_END, lexer.length);
    return true;
}
