/* SPDX-License-Identifier: MIT */
/* reward/math_parse.c: whole answers: lists, relations, sets, brackets, matrices, ratios, units, words. See math_parse.h. */
#include "reward/math_parse.h"

#include "reward/math_parser.h"
#include "reward/math_words.h"

static MathNode *parse_statement(Parser *p);

/* ---- sets ---- */

static bool is_union(const Token *t)
{
    return token_is_command(t, "cup") || (t->kind == TOKEN_LETTERS && t->length == 1 && t->text[0] == 'U');
}

/* {1,2} and {x : x > 2} in plain text: braces that group hold no comma and no colon. */
static bool is_plain_set(const Parser *p)
{
    int depth = 0;
    if (!token_is_sign(math_parser_token(p), '{')) return false;
    if (token_is_sign(math_parser_token(p) + 1, '}')) return true;
    for (const Token *t = math_parser_token(p); t->kind != TOKEN_END; t++) {
        if (token_is_sign(t, '{') || token_is_sign(t, '(')) depth++;
        if (token_is_sign(t, '}') || token_is_sign(t, ')')) depth--;
        if (depth == 0) return false;
        if (depth == 1 && (token_is_sign(t, ',') || token_is_sign(t, ':'))) return true;
    }
    return false;
}

static MathNode *parse_set_operand(Parser *p)
{
    return is_plain_set(p) ? math_parse_bracket(p) : math_parse_sum(p);
}

MathNode *math_parse_sets(Parser *p)
{
    if (!math_parser_enter(p)) return math_node(p->pool, MATH_WORDS);
    MathNode *x = parse_set_operand(p);
    while (!p->failed) {
        const Token *const t = math_parser_token(p);
        const MathKind kind = is_union(t)                                      ? MATH_UNION
                              : token_is_command(t, "cap")                     ? MATH_INTERSECTION
                              : math_token_is_among(t, " setminus backslash ") ? MATH_DIFFERENCE
                                                                               : MATH_WORDS;
        if (kind == MATH_WORDS) break;
        p->at++;
        x = math_node_of_two(p->pool, kind, x, parse_set_operand(p));
    }
    math_parser_leave(p);
    return x;
}

/* ---- brackets ---- */

static char closing(const Token *t)
{
    if (token_is_sign(t, ')') || token_is_sign(t, ']')) return t->text[0];
    if (token_is_sign(t, '}') || token_is_command(t, "}")) return '}';
    return token_is_command(t, "rangle") ? '>' : 0;
}

/* \{x | x > 3\}: what stands behind the stroke is what the set says. */
static MathNode *parse_condition(Parser *p, MathNode *x)
{
    const int set_depth = p->set_depth;
    p->set_depth = 0;
    MathNode *const condition = parse_statement(p);
    p->set_depth = set_depth;
    const MathNode *const named = x->kind == MATH_MEMBER ? x->first : x;
    if (p->failed) return x;
    if (named->kind != MATH_SYMBOL || (condition->kind != MATH_RELATION && condition->kind != MATH_CHAIN))
        return math_parser_fail(p, "a set is described by something other than a relation");
    return condition;
}

static MathNode *closed(Parser *p, MathNode *all, int64_t n, char open, char close, MathNode *condition)
{
    if (open == '{' && close == '}') return condition ? condition : all;
    if (open == '<' && close == '>') {
        all->kind = MATH_TUPLE;
        return all;
    }
    const bool fits = (open == '(' || open == '[') && (close == ')' || close == ']');
    if (!fits || n == 0) return math_parser_fail(p, "brackets that do not belong together");
    if (n == 1)
        return (open == '(') == (close == ')') ? all->first
                                               : math_parser_fail(p, "brackets that do not belong together");
    const bool interval = n == 2 && (open == '[' || close == ']');
    if (n > 2 && (open == '(') != (close == ')')) return math_parser_fail(p, "brackets that do not belong together");
    all->kind = interval ? MATH_INTERVAL : MATH_TUPLE;
    if (interval) all->function = (open == '[' ? INTERVAL_LOW_CLOSED : 0) | (close == ']' ? INTERVAL_HIGH_CLOSED : 0);
    return all;
}

MathNode *math_parse_bracket(Parser *p)
{
    if (!math_parser_enter(p)) return math_node(p->pool, MATH_WORDS);
    const char open = token_is_command(math_parser_token(p), "langle") ? '<' : math_parser_token(p)->text[0];
    const int bars = p->bars, set_depth = p->set_depth;
    p->bars = 0;
    p->set_depth = open == '{';
    p->at++;
    MathNode *const all = math_node(p->pool, MATH_SET);
    MathNode *condition = NULL, **tail = &all->first;
    int64_t n = 0;
    while (!p->failed && !p->pool->full && !(closing(math_parser_token(p)) && n == 0)) {
        MathNode *const x = parse_statement(p);
        if (p->failed) break;
        if (open == '{' && n == 0 &&
            (math_parser_take_sign(p, '|') || math_parser_take_sign(p, ':') || math_parser_take_command(p, "mid")))
            condition = parse_condition(p, x);
        *tail = x;
        tail = &x->next;
        n++;
        if (condition || (!math_parser_take_sign(p, ',') && !math_parser_take_sign(p, ';'))) break;
    }
    p->bars = bars;
    p->set_depth = set_depth;
    const char close = closing(math_parser_token(p));
    MathNode *result = all;
    if (!p->failed && !close) math_parser_fail(p, "a bracket is not closed");
    if (!p->failed) {
        p->at++;
        result = closed(p, all, n, open, close, condition);
    }
    math_parser_leave(p);
    return result;
}

/* ---- matrices ---- */

static bool take_environment(Parser *p, char *name, int32_t capacity)
{
    int32_t n = 0;
    if (!math_parser_take_sign(p, '{')) return false;
    const Token *const t = math_parser_token(p);
    if (t->kind != TOKEN_LETTERS || t->length >= capacity) return false;
    memcpy(name, t->text, (size_t)t->length);
    n = t->length;
    name[n] = 0;
    p->at++;
    return math_parser_take_sign(p, '}');
}

static void skip_columns(Parser *p) /* {cc} of an array */
{
    if (!math_parser_take_sign(p, '{')) return;
    while (math_parser_token(p)->kind != TOKEN_END && !math_parser_take_sign(p, '}')) p->at++;
}

MathNode *math_parse_matrix(Parser *p)
{
    char name[16];
    if (!take_environment(p, name, sizeof name)) return math_parser_fail(p, "an environment without a name");
    const bool known = strcmp(name, "pmatrix") == 0 || strcmp(name, "bmatrix") == 0 || strcmp(name, "matrix") == 0 ||
                       strcmp(name, "Bmatrix") == 0 || strcmp(name, "smallmatrix") == 0 || strcmp(name, "array") == 0;
    if (!known) return math_parser_fail(p, "an unknown environment");
    if (strcmp(name, "array") == 0) skip_columns(p);
    MathNode *const matrix = math_node(p->pool, MATH_MATRIX), **tail = &matrix->first;
    int32_t columns = 0, column = 0;
    while (!p->failed && !p->pool->full && !token_is_command(math_parser_token(p), "end")) {
        MathNode *const x = math_parse_sum(p);
        *tail = x;
        tail = &x->next;
        column++;
        if (math_parser_take_command(p, "&") || math_parser_take_sign(p, '&')) continue;
        if (columns > 0 && column != columns) return math_parser_fail(p, "a matrix with rows of different lengths");
        columns = column;
        column = 0;
        if (math_parser_token(p)->kind != TOKEN_ROW) break;
        p->at++;
    }
    if (p->failed || !math_parser_take_command(p, "end") || !take_environment(p, name, sizeof name))
        return math_parser_fail(p, "a matrix is not closed");
    if (!matrix->first) return math_parser_fail(p, "a matrix without entries");
    matrix->function = columns;
    return matrix;
}

/* ---- statements ---- */

enum { NO_RELATION = -1 };

/* The relation at the tokens, and how many tokens write it. */
static int relation_at(const Token *t, int32_t *n)
{
    *n = 1;
    if (math_token_is_among(t, " le leq leqslant ")) return REL_LESS_EQUAL;
    if (math_token_is_among(t, " ge geq geqslant ")) return REL_GREATER_EQUAL;
    if (math_token_is_among(t, " ne neq ")) return REL_NOT_EQUAL;
    if (token_is_command(t, "lt")) return REL_LESS;
    if (token_is_command(t, "gt")) return REL_GREATER;
    const bool equal_follows = token_is_sign(t + (t->kind != TOKEN_END), '=');
    if (equal_follows) *n = 2;
    if (token_is_sign(t, '<')) return equal_follows ? REL_LESS_EQUAL : REL_LESS;
    if (token_is_sign(t, '>')) return equal_follows ? REL_GREATER_EQUAL : REL_GREATER;
    if (token_is_sign(t, '!') && equal_follows) return REL_NOT_EQUAL;
    if (token_is_command(t, "not") && equal_follows) return REL_NOT_EQUAL;
    if (token_is_sign(t, '=')) return REL_EQUAL;
    return NO_RELATION;
}

static MathNode *copy_of(Parser *p, const MathNode *x)
{
    MathNode *const copy = math_node(p->pool, (MathKind)x->kind);
    if (p->pool->full) return copy;
    *copy = *x; /* the children are shared: no part of a tree is changed once it is read */
    copy->next = NULL;
    return copy;
}

static MathNode *parse_relations(Parser *p, MathNode *left)
{
    MathNode *chain = NULL, *first = NULL;
    int32_t n;
    for (int relation;
         !p->failed && !p->pool->full && (relation = relation_at(math_parser_token(p), &n)) != NO_RELATION;) {
        p->at += n;
        MathNode *const right = math_parse_sets(p);
        MathNode *const node = math_node_of_two(p->pool, MATH_RELATION, left, right);
        node->function = relation;
        if (!first) {
            first = node;
        } else {
            if (!chain) chain = math_node_of(p->pool, MATH_CHAIN, first);
            math_append(chain, node);
        }
        left = copy_of(p, right);
    }
    return chain ? chain : first;
}

static bool two_digits(const Token *t)
{
    return t->kind == TOKEN_NUMBER && t->length == 2 && t->text[0] < '6';
}

/* am, p.m. and so on: 0, 1 for am, 2 for pm. */
static int take_half_of_day(Parser *p)
{
    const Token *const t = math_parser_token(p);
    if (math_word_among(t, " am pm ")) {
        p->at++;
        return t->text[0] == 'a' || t->text[0] == 'A' ? 1 : 2;
    }
    if (math_word_among(t, " a p ") && token_is_sign(t + 1, '.') && math_word_among(t + 2, " m ")) {
        p->at += 3;
        math_parser_take_sign(p, '.');
        return t->text[0] == 'a' || t->text[0] == 'A' ? 1 : 2;
    }
    return 0;
}

/* 2:3, 2 to 3 */
static bool take_colon(Parser *p)
{
    if (math_word_among(math_parser_token(p), " to ")) {
        p->at++;
        return true;
    }
    return math_parser_take_sign(p, ':');
}

static MathNode *parse_ratio(Parser *p, MathNode *x)
{
    MathNode *const ratio = math_node_of(p->pool, MATH_RATIO, x);
    const bool whole_hours = x->kind == MATH_NUMBER && x->den == 1 && x->num >= 0 && x->num <= 24;
    bool time = whole_hours && token_is_sign(math_parser_token(p), ':') && two_digits(math_parser_token(p) + 1);
    int64_t minutes = 0;
    int n = 1;
    while (!p->failed && !p->pool->full && take_colon(p)) {
        const Token *const t = math_parser_token(p);
        const bool digits = time && n == 1; /* 30 of "10:30 pm": not 30 times pm */
        MathNode *const y =
            digits ? math_number(p->pool, (t->text[0] - '0') * 10 + (t->text[1] - '0'), 1) : math_parse_sum(p);
        if (digits) {
            minutes = y->num;
            p->at++;
        }
        math_append(ratio, y);
        n++;
    }
    time = time && n == 2;
    if (!time || p->failed) return ratio;
    ratio->function = RATIO_OR_TIME;
    int64_t hours = x->num;
    const int half = take_half_of_day(p);
    if (half > 0) {
        ratio->function = RATIO_TIME;
        if (hours < 1 || hours > 12) return math_parser_fail(p, "no such time of day");
        hours = hours % 12 + (half == 2 ? 12 : 0);
    }
    ratio->num = hours * 60 + minutes;
    return ratio;
}

/* f(x) = ..., g(x, y) = ...: the name alone is what the equation defines. */
static bool take_definition(Parser *p, MathNode **name)
{
    const Token *t = math_parser_token(p);
    if (t[0].kind != TOKEN_LETTERS || t[0].length != 1 || !token_is_sign(&t[1], '(')) return false;
    int32_t k = 2;
    for (;; k += 2) {
        if (t[k].kind != TOKEN_LETTERS || t[k].length != 1) return false;
        if (!token_is_sign(&t[k + 1], ',')) break;
    }
    if (!token_is_sign(&t[k + 1], ')') || !token_is_sign(&t[k + 2], '=')) return false;
    *name = math_symbol(p->pool, (char[]){t[0].text[0], '(', ')'}, 3);
    p->at += k + 2;
    return true;
}

static bool ends_element(const Token *t)
{
    return t->kind == TOKEN_END || t->kind == TOKEN_ROW || token_is_sign(t, ',') || token_is_sign(t, ';') ||
           closing(t) || math_word_among(t, " and or ") || math_token_is_among(t, " lor land vee wedge cup cap ");
}

/* Where the element ends whose unit begins at `at`; braces of exponents belong to it. */
static int32_t unit_end(const Token *t, int32_t at)
{
    enum { MAX_UNIT_TOKENS = 12 };
    int depth = 0;
    for (int32_t end = at; end - at <= MAX_UNIT_TOKENS; end++) {
        if (depth == 0 && ends_element(&t[end])) return end;
        if (t[end].kind == TOKEN_END) break;
        if (token_is_sign(&t[end], '{')) depth++;
        if (token_is_sign(&t[end], '}')) depth--;
    }
    return at;
}

int32_t math_parser_unit_follows(const Parser *p, int32_t at, const char **unit, int32_t *n_unit)
{
    const Token *const t = p->tokens->at;
    if (t[at].kind != TOKEN_LETTERS || p->letter > 0) return at;
    if (!t[at].spaced && t[at].length == 1 && !t[at].in_text) return at; /* 3m: m is a symbol */
    const int32_t end = unit_end(t, at);
    return math_unit(p->pool, p->tokens, at, end, unit, n_unit) ? end : at;
}

static MathNode *with_unit(Parser *p, MathNode *x)
{
    const Token *const t = math_parser_token(p);
    const char *unit;
    int32_t n_unit;
    if (math_word_among(t, " degrees degree deg ") && ends_element(t + 1)) {
        p->at++;
        return x->kind == MATH_DEGREES ? x : math_node_of(p->pool, MATH_DEGREES, x);
    }
    const int32_t end = math_parser_unit_follows(p, p->at, &unit, &n_unit);
    if (end == p->at) {
        /* 30 degrees Celsius */
        const bool degrees = math_word_among(t, " degrees degree deg ");
        if (!(degrees || x->kind == MATH_DEGREES) || !math_word_among(t + degrees, " c f celsius fahrenheit "))
            return x;
        unit = math_word_among(t + degrees, " c celsius ") ? "degC" : "degF";
        n_unit = 4;
        p->at += 1 + degrees;
        MathNode *const node = math_node_of(p->pool, MATH_UNIT, x->kind == MATH_DEGREES ? x->first : x);
        node->text = unit;
        node->n_text = n_unit;
        return node;
    }
    p->at = end;
    MathNode *const node = math_node_of(p->pool, MATH_UNIT, x);
    node->text = unit;
    node->n_text = n_unit;
    return node;
}

/* $18, -€5 */
static MathNode *parse_amount(Parser *p)
{
    const Token *const t = math_parser_token(p);
    const int minus = token_is_sign(t, '-');
    const char *unit;
    int32_t n_unit;
    if (!math_is_currency(t + minus) || (t[minus + 1].kind != TOKEN_NUMBER && !token_is_command(t + minus + 1, "frac")))
        return NULL;
    if (!math_unit(p->pool, p->tokens, p->at + minus, p->at + minus + 1, &unit, &n_unit)) return NULL;
    p->at += minus + 1;
    MathNode *x = math_parse_sum(p);
    if (math_is_currency(math_parser_token(p)) && ends_element(math_parser_token(p) + 1)) p->at++; /* $18 USD */
    if (minus) x = math_node_of(p->pool, MATH_NEGATE, x);
    MathNode *const node = math_node_of(p->pool, MATH_UNIT, x);
    node->text = unit;
    node->n_text = n_unit;
    return node;
}

static MathNode *parse_statement(Parser *p)
{
    if (!math_parser_enter(p)) return math_node(p->pool, MATH_WORDS);
    MathNode *x = parse_amount(p);
    if (!x && !take_definition(p, &x)) x = math_parse_sets(p);
    int32_t n;
    if (!p->failed && p->letter > 0) math_parser_fail(p, "letters are left over");
    if (p->failed || p->pool->full) {
        math_parser_leave(p);
        return x;
    }
    const Token *const t = math_parser_token(p);
    if (relation_at(t, &n) != NO_RELATION) {
        x = parse_relations(p, x);
    } else if (token_is_command(t, "in")) {
        p->at++;
        x = math_node_of_two(p->pool, MATH_MEMBER, x, math_parse_sets(p));
    } else if ((token_is_sign(t, ':') || (math_word_among(t, " to ") && x->kind == MATH_NUMBER)) && p->set_depth == 0) {
        x = parse_ratio(p, x);
    }
    if (!p->failed && !ends_element(math_parser_token(p))) {
        MathNode *const value = x->kind == MATH_RELATION ? x->first->next : x;
        if (!math_has_symbols(value)) {
            MathNode *const quantity = with_unit(p, value == x ? x : copy_of(p, value));
            if (value == x)
                x = quantity;
            else if (!p->pool->full)
                x->first->next = quantity;
        }
    }
    math_parser_leave(p);
    return x;
}

/* ---- the whole ---- */

static int separator_at(const Token *t)
{
    if (token_is_sign(t, ',') || token_is_sign(t, ';')) return LIST_COMMA;
    if (math_word_among(t, " and ") || math_token_is_among(t, " land wedge ")) return LIST_AND;
    if (math_word_among(t, " or ") || math_token_is_among(t, " lor vee ")) return LIST_OR;
    return 0;
}

static bool is_inequality(const MathNode *x)
{
    return (x->kind == MATH_RELATION && x->function != REL_EQUAL) ||
           (x->kind == MATH_CHAIN && x->first->function != REL_EQUAL);
}

/* Inequalities joined by "and" hold together, by "or" one of them holds; other elements are a list. */
static MathNode *listed(Parser *p, MathNode *list)
{
    bool inequalities = true;
    for (const MathNode *x = list->first; x; x = x->next) inequalities = inequalities && is_inequality(x);
    if (!inequalities) return list;
    if (list->function == LIST_OR) list->kind = MATH_EITHER;
    if (list->function == LIST_AND) list->kind = MATH_CHAIN;
    if (list->kind != MATH_CHAIN) return list;
    for (const MathNode *x = list->first; x; x = x->next)
        if (x->kind == MATH_CHAIN) return math_parser_fail(p, "chains joined by and");
    return list;
}

static MathNode *parse_all(Parser *p)
{
    MathNode *const list = math_node(p->pool, MATH_LIST);
    MathNode **tail = &list->first;
    int64_t n = 0;
    for (;;) {
        MathNode *const x = parse_statement(p);
        if (p->failed || p->pool->full) return x;
        *tail = x;
        tail = &x->next;
        n++;
        int separator = separator_at(math_parser_token(p));
        if (!separator) break;
        for (int s = separator; s; s = separator_at(math_parser_token(p))) { /* ", and" */
            separator = s;
            p->at++;
        }
        list->function |= separator;
        if (math_parser_token(p)->kind == TOKEN_END)
            return math_parser_fail(p, "it ends where something should follow");
    }
    if (math_parser_token(p)->kind != TOKEN_END) return math_parser_fail(p, "something is left over behind it");
    return n == 1 ? list->first : listed(p, list);
}

/* ---- words ---- */

static bool is_mark(const Token *t)
{
    return t->kind == TOKEN_SIGN && strchr("-'.,;:!?\"()&", t->text[0]) != NULL;
}

/* Words, with numbers perhaps, but no sign of mathematics. */
static bool is_prose(const Tokens *tokens, bool *numbers)
{
    bool words = false;
    *numbers = false;
    for (int32_t i = 0; i < tokens->n; i++) {
        const Token *const t = &tokens->at[i];
        if (t->kind == TOKEN_LETTERS)
            words = words || math_is_wordy(t->text, (size_t)t->length) || (t->in_text && t->length > 1);
        else if (t->kind == TOKEN_NUMBER)
            *numbers = true;
        else if (!is_mark(t))
            return false;
    }
    return words;
}

static MathNode *words_of(Parser *p)
{
    size_t n = 0;
    for (int32_t i = 0; i < p->tokens->n; i++) n += (size_t)p->tokens->at[i].length + 1;
    char *const text = math_text(p->pool, n);
    MathNode *const words = math_node(p->pool, MATH_WORDS);
    if (!text || p->pool->full) return math_parser_fail(p, "it is too long");
    n = 0;
    for (int32_t i = 0; i < p->tokens->n; i++) {
        const Token *const t = &p->tokens->at[i];
        if (t->kind == TOKEN_SIGN) continue;
        if (n > 0) text[n++] = ' ';
        for (int32_t k = 0; k < t->length; k++)
            text[n++] = t->text[k] >= 'A' && t->text[k] <= 'Z' ? (char)(t->text[k] | 0x20) : t->text[k];
    }
    words->text = text;
    words->n_text = (int32_t)n;
    static const char *const reals[] = {"all real numbers", "all reals",        "real numbers",
                                        "the reals",        "the real numbers", "any real number"};
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
        if (strlen(reals[i]) == n && memcmp(reals[i], text, n) == 0) return math_node(p->pool, MATH_REALS);
    if (n == 9 && memcmp(text, "empty set", 9) == 0) return math_node(p->pool, MATH_SET);
    return words;
}

/* What stands around an answer and says nothing: a full stop, "Option", a bracket behind a letter. */
static void strip(Tokens *tokens, Parser *p)
{
    Token *const t = tokens->at;
    while (tokens->n > 0 && t[tokens->n - 1].kind == TOKEN_SIGN && strchr(".,;:?`\"", t[tokens->n - 1].text[0]))
        tokens->n--;
    const int32_t n = tokens->n;
    if (n == 2 && t[0].kind == TOKEN_LETTERS && t[0].length == 1 && token_is_sign(&t[1], ')')) tokens->n = 1; /* B) */
    while (p->at < tokens->n && (token_is_sign(&t[p->at], '"') || token_is_sign(&t[p->at], '='))) p->at++;
    if (tokens->n - p->at >= 2 && tokens->n - p->at <= 4 && math_word_among(&t[p->at], " option choice answer "))
        p->at++;
    t[tokens->n] = (Token){.kind = TOKEN_END, .text = ""};
}

MathReading math_read(MathPool *pool, Tokens *tokens, const char *text, size_t length)
{
    const char *spelled;
    size_t n_spelled;
    Parser p = {.pool = pool, .tokens = tokens};
    tokens->n = 0;
    if (!math_spell(pool, text, length, &spelled, &n_spelled) || !math_lex(pool, spelled, n_spelled, tokens))
        return (MathReading){.why = "it is too long"};
    strip(tokens, &p);
    if (tokens->n == p.at) return (MathReading){.why = "there is nothing to read", .empty = true};
    bool numbers;
    const bool prose = is_prose(tokens, &numbers);
    MathNode *node = parse_all(&p);
    if (p.failed && prose && !pool->full) {
        p.failed = false;
        node = words_of(&p);
    }
    if (p.failed || pool->full) return (MathReading){.why = p.why ? p.why : "it is too long"};
    return (MathReading){.node = node};
}
