/* SPDX-License-Identifier: MIT */
/* text/grammar_gbnf.c: reads GBNF into rules of elements.
 *
 * A sequence is gathered as items and written out as elements when it is whole. What the notation has beyond sequences becomes rules without a
 * name:   (a | b)  ->  G ::= a | b        x*  ->  R ::= x R | (nothing)        x{0,2}  ->  O2 ::= x O1 | (nothing), O1 ::= x | (nothing) */
#include "text/grammar_parts.h"

#include "base/utf8.h"
#include "text/string_table.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MAX_TEXT = 1 << 26, MAX_REPEATS = 100000 };

typedef struct Item {
    int32_t kind, target; /* ELEMENT_CLASS, ELEMENT_RULE */
    int32_t line, column;
} Item;

typedef struct Parser {
    Grammar *g;
    const char *text;
    size_t length, at;
    size_t line_begin; /* of the line that `at` is on, as far as `seen` */
    size_t seen;
    int32_t line;
    int32_t depth;
    int32_t owner; /* the named rule in hand */
    Item *items;   /* of the sequences in hand, the innermost last */
    int64_t n_items, item_capacity;
    StringTable names;
    int32_t byte_classes[256]; /* class + 1 of a single byte; 0: not made yet */
    Error *err;
} Parser;

/* ---- places and errors ---- */

bool grammar_error(const Grammar *g, int32_t line, int32_t column, Error *err, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(err, ERROR_INPUT, "%s:%" PRId32 ":%" PRId32 ": %s", g->name, line, column, text);
}

const char *grammar_rule_name(const Grammar *g, int64_t rule)
{
    return g->rules[g->rules[rule].owner].name;
}

/* Line and column of text[at]; at never goes back. */
static void place_of(Parser *p, size_t at, int32_t *line, int32_t *column)
{
    for (; p->seen < at; p->seen++)
        if (p->text[p->seen] == '\n') {
            p->line++;
            p->line_begin = p->seen + 1;
        }
    *line = p->line;
    *column = (int32_t)(at - p->line_begin) + 1;
}

static bool fail(Parser *p, const char *what)
{
    int32_t line, column;
    place_of(p, p->at > p->seen ? p->at : p->seen, &line, &column);
    return grammar_error(p->g, line, column, p->err, "%s", what);
}

/* The byte in hand; 0 at the end (a NUL in the text is refused before). */
static char now(const Parser *p)
{
    return p->at < p->length ? p->text[p->at] : 0;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

static void skip_space(Parser *p, bool newlines)
{
    for (;;) {
        const char c = now(p);
        if (c == '#')
            while (now(p) && now(p) != '\n' && now(p) != '\r') p->at++;
        else if (c == ' ' || c == '\t' || (newlines && (c == '\n' || c == '\r')))
            p->at++;
        else
            return;
    }
}

/* ---- growing arrays ---- */

static int32_t new_rule(Parser *p, char *name, int32_t line, int32_t column)
{
    Grammar *const g = p->g;
    if (g->n_rules == g->rule_capacity) {
        g->rule_capacity = 2 * g->rule_capacity + 16;
        g->rules = base_realloc(g->rules, (size_t)g->rule_capacity, sizeof *g->rules);
    }
    const int32_t rule = (int32_t)g->n_rules++;
    g->rules[rule] =
        (Rule){.name = name, .owner = name ? rule : p->owner, .first = -1, .last = -1, .line = line, .column = column};
    return rule;
}

static void push_item(Parser *p, Item item)
{
    if (p->n_items == p->item_capacity) {
        p->item_capacity *= 2;
        p->items = base_realloc(p->items, (size_t)p->item_capacity, sizeof *p->items);
    }
    p->items[p->n_items++] = item;
}

static Element *push_element(Grammar *g, Element element)
{
    if (g->n_elements == g->element_capacity) {
        g->element_capacity = 2 * g->element_capacity + 64;
        g->elements = base_realloc(g->elements, (size_t)g->element_capacity, sizeof *g->elements);
    }
    g->elements[g->n_elements] = element;
    return &g->elements[g->n_elements++];
}

/* One element a state of a class, so that an element says how much of a character is read. */
static void write_item(Grammar *g, const Item *item)
{
    const int n = item->kind == ELEMENT_CLASS ? g->classes[item->target].n_states : 1;
    const int32_t next = (int32_t)g->n_elements + n;
    for (int state = 0; state < n; state++)
        push_element(g, (Element){(uint8_t)item->kind, (uint8_t)state, item->target, next, item->line, item->column});
}

/* Another alternate of a rule: items [n]. */
static bool write_alternate(Parser *p, int32_t rule, const Item *items, int64_t n)
{
    Grammar *const g = p->g;
    int64_t n_elements = 1;
    for (int64_t i = 0; i < n; i++)
        n_elements += items[i].kind == ELEMENT_CLASS ? g->classes[items[i].target].n_states : 1;
    if (g->n_elements + n_elements > GRAMMAR_MAX_ELEMENTS || g->n_rules > GRAMMAR_MAX_RULES)
        return fail(p,
                    "the grammar is too large: with its repetitions written out it has more than a million elements");
    if (g->n_alternates == g->alternate_capacity) {
        g->alternate_capacity = 2 * g->alternate_capacity + 16;
        g->alternates = base_realloc(g->alternates, (size_t)g->alternate_capacity, sizeof *g->alternates);
    }
    const int32_t alternate = (int32_t)g->n_alternates++;
    g->alternates[alternate] = (Alternate){(int32_t)g->n_elements, -1};
    if (g->rules[rule].first < 0)
        g->rules[rule].first = alternate;
    else
        g->alternates[g->rules[rule].last].next = alternate;
    g->rules[rule].last = alternate;
    for (int64_t i = 0; i < n; i++) write_item(g, &items[i]);
    push_element(g, (Element){.kind = ELEMENT_END});
    return true;
}

/* ---- characters ---- */

static bool hex(Parser *p, int n_digits, uint32_t *code)
{
    *code = 0;
    for (int i = 0; i < n_digits; i++, p->at++) {
        const char c = now(p);
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0)
            return fail(p, n_digits == 2   ? "expected two hex digits behind \\x"
                           : n_digits == 4 ? "expected four hex digits behind \\u"
                                           : "expected eight hex digits behind \\U");
        *code = *code << 4 | (uint32_t)digit;
    }
    if (*code <= 0x10ffff && (*code < 0xd800 || *code > 0xdfff)) return true;
    return fail(p, "no character has this number");
}

static bool escape(Parser *p, uint32_t *code)
{
    static const char plain[] = "\"[]\\-^/'", letters[] = "nrt", meant[] = "\n\r\t";
    const char c = now(p);
    p->at++;
    if (c == 'x') return hex(p, 2, code);
    if (c == 'u') return hex(p, 4, code);
    if (c == 'U') return hex(p, 8, code);
    const char *const letter = c ? strchr(letters, c) : NULL;
    *code = letter ? (uint32_t)meant[letter - letters] : (uint32_t)c;
    if (letter || (c && strchr(plain, c))) return true;
    p->at--;
    return fail(p, "unknown escape: there are \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\xNN \\uNNNN \\UNNNNNNNN");
}

/* One character, which may be escaped. */
static bool character(Parser *p, uint32_t *code)
{
    if (now(p) == '\\') {
        p->at++;
        return escape(p, code);
    }
    const int n = utf8_sequence(p->text + p->at, p->length - p->at);
    if (n < 0) return fail(p, "this is not UTF-8");
    const unsigned char first = (unsigned char)p->text[p->at];
    *code = n == 1 ? first : first & (0x7fu >> n);
    for (int i = 1; i < n; i++) *code = *code << 6 | ((unsigned char)p->text[p->at + (size_t)i] & 0x3fu);
    p->at += (size_t)n;
    return true;
}

static bool new_class(Parser *p, CodeRange *ranges, int64_t n, bool negated, int32_t *class)
{
    Grammar *const g = p->g;
    int64_t n_characters;
    ByteClass made;
    const bool fits = byte_class_create(&made, ranges, n, negated, &n_characters);
    bool ok = fits || fail(p, "this class is too scattered: its characters have more than 254 ways to go on in UTF-8");
    ok = ok && (n_characters > 0 || fail(p, "no character is in this class"));
    for (int64_t c = 0; ok && c < g->n_classes; c++)
        if (byte_class_equal(&g->classes[c], &made)) {
            byte_class_free(&made);
            *class = (int32_t)c;
            return true;
        }
    ok = ok && (g->n_classes < GRAMMAR_MAX_CLASSES || fail(p, "the grammar has too many different classes"));
    if (!ok) {
        byte_class_free(&made);
        return false;
    }
    if (!g->classes) g->classes = base_alloc(GRAMMAR_MAX_CLASSES + 256, sizeof *g->classes);
    *class = (int32_t)g->n_classes;
    g->classes[g->n_classes++] = made;
    return true;
}

/* A byte of a literal. Bytes from 0x80 on are no characters, so these classes are made by hand. */
static int32_t byte_class(Parser *p, unsigned char byte)
{
    Grammar *const g = p->g;
    if (p->byte_classes[byte] == 0) {
        ByteClass made = {.n_states = 1};
        if (!g->classes) g->classes = base_alloc(GRAMMAR_MAX_CLASSES + 256, sizeof *g->classes);
        made.next = base_alloc(1, sizeof *made.next);
        made.next[0][byte] = CLASS_DONE;
        g->classes[g->n_classes++] = made;
        p->byte_classes[byte] = (int32_t)g->n_classes;
    }
    return p->byte_classes[byte] - 1;
}

static void push_code(Parser *p, uint32_t code, int32_t line, int32_t column)
{
    unsigned char bytes[4];
    int n = 0;
    if (code < 0x80) {
        bytes[n++] = (unsigned char)code;
    } else {
        const int left = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
        static const unsigned char leads[] = {0, 0xc0, 0xe0, 0xf0};
        bytes[n++] = (unsigned char)(leads[left] | code >> (6 * left));
        for (int i = left - 1; i >= 0; i--) bytes[n++] = (unsigned char)(0x80 | (code >> (6 * i) & 0x3f));
    }
    for (int i = 0; i < n; i++) push_item(p, (Item){ELEMENT_CLASS, byte_class(p, bytes[i]), line, column});
}

/* ---- items ---- */

static bool literal(Parser *p, int32_t line, int32_t column)
{
    for (p->at++; now(p) != '"';) {
        uint32_t code;
        if (!now(p) || now(p) == '\n') return fail(p, "the text in \" is not closed");
        if (!character(p, &code)) return false;
        push_code(p, code, line, column);
    }
    p->at++;
    return true;
}

static bool class_item(Parser *p, int32_t line, int32_t column)
{
    CodeRange *ranges = NULL;
    int64_t n = 0, capacity = 0;
    int32_t class = 0;
    bool ok = true;
    p->at++;
    const bool negated = now(p) == '^';
    p->at += negated;
    while (ok && now(p) != ']') {
        CodeRange range;
        ok = (now(p) && now(p) != '\n') || fail(p, "the class in [ is not closed");
        ok = ok && character(p, &range.low);
        range.high = range.low;
        if (ok && now(p) == '-' && p->at + 1 < p->length && p->text[p->at + 1] != ']') {
            p->at++;
            ok = character(p, &range.high);
            ok = ok && (range.high >= range.low || fail(p, "the range in this class runs backwards"));
        }
        if (!ok) break;
        if (n == capacity) {
            capacity = 2 * capacity + 16;
            ranges = base_realloc(ranges, (size_t)capacity, sizeof *ranges);
        }
        ranges[n++] = range;
    }
    ok = ok && new_class(p, ranges, n, negated, &class);
    base_free(ranges);
    p->at++;
    if (ok) push_item(p, (Item){ELEMENT_CLASS, class, line, column});
    return ok;
}

static bool any_item(Parser *p, int32_t line, int32_t column)
{
    int32_t class;
    p->at++;
    if (!new_class(p, NULL, 0, true, &class)) return false;
    push_item(p, (Item){ELEMENT_CLASS, class, line, column});
    return true;
}

/* The rule of a name, defined or not yet. */
static int32_t rule_named(Parser *p, const char *name, size_t length, int32_t line, int32_t column)
{
    const int32_t known = string_table_find(&p->names, name, length);
    if (known >= 0) return known;
    const int32_t rule = new_rule(p, base_strndup(name, length), line, column);
    string_table_add(&p->names, p->g->rules[rule].name, length, rule);
    return rule;
}

static void name_item(Parser *p, int32_t line, int32_t column)
{
    const size_t begin = p->at;
    while (is_word(now(p))) p->at++;
    const int32_t rule = rule_named(p, p->text + begin, p->at - begin, line, column);
    push_item(p, (Item){ELEMENT_RULE, rule, line, column});
}

static bool alternates(Parser *p, int32_t rule, bool nested);

static bool group_item(Parser *p, int32_t line, int32_t column)
{
    if (p->depth == GRAMMAR_MAX_DEPTH) return fail(p, "groups are nested too deeply");
    p->depth++;
    p->at++;
    const int32_t rule = new_rule(p, NULL, line, column);
    skip_space(p, true);
    if (!alternates(p, rule, true)) return false;
    if (now(p) != ')') return fail(p, "expected ) or |");
    p->at++;
    p->depth--;
    push_item(p, (Item){ELEMENT_RULE, rule, line, column});
    return true;
}

/* ---- repetition ---- */

/* `{m}`, `{m,}`, `{m,n}`, `{,n}`; high -1: no end. */
static bool read_count(Parser *p, int64_t *count)
{
    *count = 0;
    if (now(p) < '0' || now(p) > '9') return fail(p, "expected a number in {}");
    for (; now(p) >= '0' && now(p) <= '9'; p->at++) {
        *count = *count * 10 + (now(p) - '0');
        if (*count > MAX_REPEATS) return fail(p, "more than 100000 repetitions");
    }
    skip_space(p, false);
    return true;
}

static bool read_bounds(Parser *p, int64_t *low, int64_t *high)
{
    const char c = now(p);
    p->at++;
    *low = c == '+';
    *high = c == '?' ? 1 : -1;
    if (c != '{') return true;
    skip_space(p, false);
    if (now(p) != ',' && !read_count(p, low)) return false;
    *high = *low;
    if (now(p) == ',') {
        p->at++;
        skip_space(p, false);
        *high = -1;
        if (now(p) != '}' && !read_count(p, high)) return false;
    }
    if (now(p) != '}') return fail(p, "expected } or ,");
    if (*high >= 0 && *high < *low) return fail(p, "the bounds in {} run backwards");
    p->at++;
    return true;
}

enum { NO_REST = -1, ITSELF = -2 };

/* R ::= unit rest | (nothing) */
static bool optional_rule(Parser *p, const Item *unit, int32_t rest, int32_t *rule)
{
    *rule = new_rule(p, NULL, unit->line, unit->column);
    const Item items[2] = {*unit, {ELEMENT_RULE, rest == ITSELF ? *rule : rest, unit->line, unit->column}};
    return write_alternate(p, *rule, items, rest == NO_REST ? 1 : 2) && write_alternate(p, *rule, NULL, 0);
}

/* What stands from `begin` on, repeated. */
static bool repeat(Parser *p, int64_t begin)
{
    int64_t low, high;
    if (!read_bounds(p, &low, &high)) return false;
    Item unit = p->n_items > begin ? p->items[begin] : (Item){ELEMENT_RULE, -1, 1, 1};
    if (p->n_items != begin + 1) { /* a text of several bytes, or of none */
        place_of(p, p->at, &unit.line, &unit.column);
        const int32_t rule = new_rule(p, NULL, unit.line, unit.column);
        if (!write_alternate(p, rule, p->items + begin, p->n_items - begin)) return false;
        unit = (Item){ELEMENT_RULE, rule, unit.line, unit.column};
    }
    p->n_items = begin;
    const int64_t n_optional = high < 0 ? 1 : high - low;
    if (p->g->n_elements + p->n_items + low + 4 * n_optional > GRAMMAR_MAX_ELEMENTS)
        return fail(p,
                    "the grammar is too large: with its repetitions written out it has more than a million elements");
    for (int64_t i = 0; i < low; i++) push_item(p, unit);
    int32_t rule = high < 0 ? ITSELF : NO_REST;
    for (int64_t i = 0; i < n_optional; i++)
        if (!optional_rule(p, &unit, rule, &rule)) return false;
    if (n_optional > 0) push_item(p, (Item){ELEMENT_RULE, rule, unit.line, unit.column});
    return true;
}

/* ---- sequences, alternates, rules ---- */

static bool sequence(Parser *p, int32_t rule, bool nested)
{
    const int64_t begin = p->n_items;
    int64_t last = -1; /* where the last item began; -1: there is none */
    for (bool ok = true;;) {
        int32_t line, column;
        const char c = now(p);
        place_of(p, p->at, &line, &column);
        const int64_t here = p->n_items;
        if (c == '"')
            ok = literal(p, line, column);
        else if (c == '[')
            ok = class_item(p, line, column);
        else if (c == '.')
            ok = any_item(p, line, column);
        else if (c == '(')
            ok = group_item(p, line, column);
        else if (is_word(c))
            name_item(p, line, column);
        else if (c == '*' || c == '+' || c == '?' || c == '{')
            ok = last >= 0 ? repeat(p, last) : fail(p, "nothing stands before this to be repeated");
        else
            break;
        if (!ok) return false;
        if (c != '*' && c != '+' && c != '?' && c != '{') last = here;
        skip_space(p, nested);
    }
    const bool ok = write_alternate(p, rule, p->items + begin, p->n_items - begin);
    p->n_items = begin;
    return ok;
}

static bool alternates(Parser *p, int32_t rule, bool nested)
{
    if (!sequence(p, rule, nested)) return false;
    while (now(p) == '|') {
        p->at++;
        skip_space(p, true);
        if (!sequence(p, rule, nested)) return false;
    }
    return true;
}

static bool definition(Parser *p)
{
    int32_t line, column;
    const size_t begin = p->at;
    place_of(p, begin, &line, &column);
    while (is_word(now(p))) p->at++;
    if (p->at == begin) return fail(p, "expected the name of a rule");
    const int32_t rule = rule_named(p, p->text + begin, p->at - begin, line, column);
    if (p->g->rules[rule].first >= 0)
        return grammar_error(p->g, line, column, p->err, "rule \"%.60s\" is defined again; it was on line %" PRId32,
                             p->g->rules[rule].name, p->g->rules[rule].line);
    p->g->rules[rule].line = line;
    p->g->rules[rule].column = column;
    p->owner = rule;
    skip_space(p, false);
    if (p->length - p->at < 3 || memcmp(p->text + p->at, "::=", 3) != 0) return fail(p, "expected ::=");
    p->at += 3;
    skip_space(p, true);
    if (!alternates(p, rule, false)) return false;
    if (now(p) && now(p) != '\n' && now(p) != '\r') return fail(p, "expected the end of the rule's line");
    return true;
}

static bool parse(Parser *p)
{
    if (p->length > MAX_TEXT) return fail(p, "the grammar is longer than 64 MiB");
    if (memchr(p->text, 0, p->length)) return fail(p, "a grammar holds no NUL");
    for (skip_space(p, true); now(p); skip_space(p, true))
        if (!definition(p)) return false;
    const int32_t root = string_table_find(&p->names, "root", 4);
    if (root < 0) return grammar_error(p->g, 1, 1, p->err, "there is no rule \"root\" to begin with");
    return grammar_check(p->g, p->err) && grammar_machine_create(p->g, root, p->err);
}

bool grammar_parse(Grammar **grammar, const char *text, size_t length, const char *name, Error *err)
{
    Grammar *const g = base_alloc(1, sizeof *g);
    Parser p = {.g = g, .text = text, .length = length, .line = 1, .item_capacity = 64, .err = err};
    p.items = base_alloc((size_t)p.item_capacity, sizeof *p.items);
    g->name = base_strdup(name);
    const bool ok = parse(&p);
    string_table_free(&p.names);
    base_free(p.items);
    *grammar = ok ? g : NULL;
    if (!ok) grammar_free(g);
    return ok;
}
