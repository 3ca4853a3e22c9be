/* SPDX-License-Identifier: MIT */
/* reward/math_parse_term.c: sums, products, powers, functions, names and numbers. See math_parse.h.
 *
 * A run of letters may be a function (sin), a constant (pi), a number (twelve), a word, which has no place in an expression, or a
 * product of symbols, which is then read letter by letter. */
#include "reward/math_parser.h"

#include "reward/math_words.h"

bool math_token_is_among(const Token *t, const char *names)
{
    if (t->kind != TOKEN_COMMAND) return false;
    for (const char *w = names + 1; *w;) {
        const char *const end = strchr(w, ' ');
        if (end - w == t->length && memcmp(w, t->text, (size_t)t->length) == 0) return true;
        w = end + 1;
    }
    return false;
}

MathNode *math_parser_fail(Parser *p, const char *why)
{
    if (!p->failed) p->why = why;
    p->failed = true;
    return math_node(p->pool, MATH_WORDS);
}

bool math_parser_take_sign(Parser *p, char c)
{
    if (!token_is_sign(math_parser_token(p), c)) return false;
    p->at++;
    return true;
}

bool math_parser_take_command(Parser *p, const char *name)
{
    if (!token_is_command(math_parser_token(p), name)) return false;
    p->at++;
    return true;
}

void math_parser_expect_sign(Parser *p, char c)
{
    if (p->failed || math_parser_take_sign(p, c)) return;
    math_parser_fail(p, c == '}'   ? "a brace is not closed"
                        : c == ')' ? "a parenthesis is not closed"
                                   : "a bracket is not closed");
}

bool math_parser_enter(Parser *p)
{
    if (p->failed) return false;
    if (p->depth == MATH_MAX_DEPTH) {
        math_parser_fail(p, "it is nested too deep");
        return false;
    }
    p->depth++;
    return true;
}

void math_parser_leave(Parser *p)
{
    p->depth--;
}

static MathNode *parse_term(Parser *p);
static MathNode *parse_power(Parser *p);
static MathNode *parse_atom(Parser *p);

/* ---- sums ---- */

static int sign_at(const Token *t, bool *either)
{
    *either = math_token_is_among(t, " pm mp ");
    if (token_is_sign(t, '+') || token_is_command(t, "pm")) return 1;
    return token_is_sign(t, '-') || token_is_command(t, "mp") ? -1 : 0;
}

static MathNode *signed_node(Parser *p, MathNode *x, int sign, bool either)
{
    if (either) x = math_node_of_two(p->pool, MATH_MULTIPLY, math_node(p->pool, MATH_SIGN), x);
    return sign < 0 ? math_node_of(p->pool, MATH_NEGATE, x) : x;
}

MathNode *math_parse_sum(Parser *p)
{
    if (!math_parser_enter(p)) return math_node(p->pool, MATH_WORDS);
    bool either = false;
    MathNode *x = parse_term(p), *sum = NULL, *last = NULL;
    for (int sign; !p->failed && (sign = sign_at(math_parser_token(p), &either)) != 0;) {
        p->at++;
        MathNode *const y = signed_node(p, parse_term(p), sign, either);
        if (p->failed || p->pool->full) break;
        if (!sum) {
            sum = math_node_of_two(p->pool, MATH_ADD, x, y);
            x = sum;
        } else {
            last->next = y;
        }
        last = y;
    }
    if (p->pool->full) math_parser_fail(p, "it is too long");
    math_parser_leave(p);
    return x;
}

/* ---- products ---- */

static bool is_times(const Token *t)
{
    return token_is_sign(t, '*') || math_token_is_among(t, " cdot times ast ");
}

static bool is_over(const Token *t)
{
    return token_is_sign(t, '/') || token_is_command(t, "div");
}

static const char not_factors[] =
    " pm mp cdot times ast div le leq leqslant ge geq geqslant lt gt ne neq in cup cap setminus "
    "circ mid rvert rfloor rceil rangle lor land vee wedge % } end approx equiv to rightarrow colon "
    "Rightarrow implies iff Vert | ldots cdots dots sim simeq cong propto not degree notin subset bmod pmod "
    "mod backslash over choose ";

bool math_parser_starts_factor(const Parser *p)
{
    const Token *const t = math_parser_token(p);
    switch (t->kind) {
    case TOKEN_NUMBER:
        return true;
    case TOKEN_LETTERS:
        return !math_word_among(t, " and or to degrees degree ");
    case TOKEN_COMMAND:
        return !math_token_is_among(t, not_factors);
    case TOKEN_SIGN:
        return t->text[0] == '(' || t->text[0] == '{' || (t->text[0] == '|' && p->bars == 0 && p->set_depth == 0);
    default:
        return false;
    }
}

/* A number, or numbers with signs and strokes: what a unit may stand behind. */
static bool is_numeric(const MathNode *x)
{
    return !math_has_symbols(x);
}

static bool is_collection(const MathNode *x)
{
    return x->kind == MATH_INTERVAL || x->kind == MATH_TUPLE || x->kind == MATH_SET || x->kind == MATH_REALS;
}

/* 2 3 is no product, and 1/2x has two readings. */
static bool joins(Parser *p, const MathNode *last, bool plain_fraction, bool divided)
{
    const Token *const t = math_parser_token(p);
    if (p->letter == 0 && t->kind == TOKEN_NUMBER && last->kind == MATH_NUMBER) {
        math_parser_fail(p, "two numbers stand side by side");
        return false;
    }
    if (divided && !plain_fraction) {
        math_parser_fail(p, "a/bc has two readings");
        return false;
    }
    return true;
}

static MathNode *parse_term(Parser *p)
{
    bool either = false;
    const int sign = sign_at(math_parser_token(p), &either);
    if (sign != 0) {
        if (!math_parser_enter(p)) return math_node(p->pool, MATH_WORDS);
        p->at++;
        MathNode *const x = parse_term(p);
        math_parser_leave(p);
        return signed_node(p, x, sign, either);
    }
    MathNode *x = parse_power(p), *product = NULL, *last = x, *previous;
    bool divided = false, plain_fraction = false;
    while (!p->failed) {
        const Token *const t = math_parser_token(p);
        previous = last;
        const bool over = is_over(t), times = is_times(t);
        const char *unit;
        int32_t n_unit;
        if (over || times) {
            p->at++;
            bool minus = false;
            while (token_is_sign(math_parser_token(p), '-') || token_is_sign(math_parser_token(p), '+')) {
                minus ^= token_is_sign(math_parser_token(p), '-');
                p->at++;
            }
            last = parse_power(p);
            if (minus) last = math_node_of(p->pool, MATH_NEGATE, last);
        } else if (math_parser_starts_factor(p)) {
            if (is_collection(last)) break;
            if (p->letter == 0 && t->kind == TOKEN_LETTERS &&
                math_parser_unit_follows(p, p->at, &unit, &n_unit) > p->at && is_numeric(x))
                break;
            if (p->letter == 0 && !joins(p, last, plain_fraction, divided)) break;
            last = parse_power(p);
        } else {
            break;
        }
        if (p->failed || p->pool->full) break;
        divided = over;
        plain_fraction = over && x->kind == MATH_NUMBER && last->kind == MATH_NUMBER;
        if (over) {
            x = math_node_of_two(p->pool, MATH_DIVIDE, x, last);
            product = NULL;
        } else if (product) {
            previous->next = last; /* previous is the last child so far */
        } else {
            product = x = math_node_of_two(p->pool, MATH_MULTIPLY, x, last);
        }
    }
    if (p->pool->full) math_parser_fail(p, "it is too long");
    return x;
}

/* ---- powers and what stands behind ---- */

/* One argument: {...}, or the next digit, letter, command. */
static MathNode *parse_argument(Parser *p, bool whole_number)
{
    if (!math_parser_enter(p)) return math_node(p->pool, MATH_WORDS);
    MathNode *x;
    const Token *const t = math_parser_token(p);
    if (p->letter == 0 && math_parser_take_sign(p, '{')) {
        x = math_parse_sum(p);
        math_parser_expect_sign(p, '}');
    } else if (!whole_number && t->kind == TOKEN_NUMBER && t->length > 1 && math_is_digit(t->text[p->letter])) {
        x = math_number(p->pool, t->text[p->letter] - '0', 1); /* \frac12 */
        if (++p->letter == t->length) {
            p->letter = 0;
            p->at++;
        }
    } else if (p->letter > 0 && t->kind == TOKEN_NUMBER) {
        x = math_parser_fail(p, "digits cannot be shared out");
    } else {
        x = parse_atom(p);
    }
    math_parser_leave(p);
    return x;
}

static MathNode *parse_exponent(Parser *p)
{
    if (!math_parser_enter(p)) return math_node(p->pool, MATH_WORDS);
    MathNode *x;
    if (math_parser_take_sign(p, '-'))
        x = math_node_of(p->pool, MATH_NEGATE, parse_exponent(p));
    else if (math_parser_take_sign(p, '+'))
        x = parse_exponent(p);
    else {
        const bool braced = token_is_sign(math_parser_token(p), '{');
        x = parse_argument(p, true);
        if (!braced && math_parser_take_sign(p, '^')) x = math_node_of_two(p->pool, MATH_POWER, x, parse_exponent(p));
    }
    math_parser_leave(p);
    return x;
}

/* ^\circ, ^{\circ}, \degree */
static bool take_degrees(Parser *p)
{
    const Token *const t = math_parser_token(p);
    if (math_parser_take_command(p, "degree")) return true;
    if (!token_is_sign(t, '^')) return false;
    if (math_token_is_among(t + 1, " circ degree ")) {
        p->at += 2;
        return true;
    }
    if (token_is_sign(t + 1, '{') && math_token_is_among(t + 2, " circ degree ") && token_is_sign(t + 3, '}')) {
        p->at += 4;
        return true;
    }
    return false;
}

static bool take_stars(Parser *p)
{
    const Token *const t = math_parser_token(p);
    if (!token_is_sign(t, '*') || !token_is_sign(t + 1, '*')) return false;
    p->at += 2;
    return true;
}

static MathNode *parse_power(Parser *p)
{
    MathNode *x = parse_atom(p);
    while (!p->failed && p->letter == 0) {
        const Token *const t = math_parser_token(p);
        if (take_degrees(p)) {
            x = math_node_of(p->pool, MATH_DEGREES, x);
        } else if (token_is_sign(t, '^')) {
            p->at++;
            x = math_node_of_two(p->pool, MATH_POWER, x, parse_exponent(p));
            if (token_is_sign(math_parser_token(p), '^')) math_parser_fail(p, "a power of a power without brackets");
        } else if (take_stars(p)) {
            x = math_node_of_two(p->pool, MATH_POWER, x, parse_exponent(p));
        } else if (token_is_sign(t, '!') && !token_is_sign(t + 1, '=') && !token_is_sign(t + 1, '!')) {
            p->at++;
            x = math_function(p->pool, FN_FACTORIAL, x, NULL);
        } else if (token_is_sign(t, '%') || token_is_command(t, "%") || math_word_among(t, " percent ")) {
            p->at++;
            x = math_node_of(p->pool, MATH_PERCENT, x);
        } else if (x->kind != MATH_DEGREES && math_word_among(t, " degrees degree ")) {
            p->at++;
            x = math_node_of(p->pool, MATH_DEGREES, x);
        } else {
            break;
        }
    }
    return x;
}

/* ---- functions ---- */

typedef struct FunctionName {
    const char *name;
    MathFunction function;
} FunctionName;

static const FunctionName functions[] = {
    {"sin", FN_SIN},       {"cos", FN_COS},       {"tan", FN_TAN},      {"tg", FN_TAN},      {"cot", FN_COT},
    {"ctg", FN_COT},       {"sec", FN_SEC},       {"csc", FN_CSC},      {"cosec", FN_CSC},   {"arcsin", FN_ARCSIN},
    {"arccos", FN_ARCCOS}, {"arctan", FN_ARCTAN}, {"arctg", FN_ARCTAN}, {"asin", FN_ARCSIN}, {"acos", FN_ARCCOS},
    {"atan", FN_ARCTAN},   {"sinh", FN_SINH},     {"cosh", FN_COSH},    {"tanh", FN_TANH},   {"ln", FN_LN},
    {"log", FN_LOG10},     {"lg", FN_LOG10},      {"exp", FN_EXP},      {"abs", FN_ABS},     {"floor", FN_FLOOR},
    {"ceil", FN_CEILING},  {"gcd", FN_GCD},       {"lcm", FN_LCM},      {"max", FN_MAX},     {"min", FN_MIN},
    {"sqrt", FN_ROOT},     {"cbrt", FN_ROOT},
};

static const FunctionName *find_function(const char *run, size_t length)
{
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (strlen(functions[i].name) == length && memcmp(functions[i].name, run, length) == 0) return &functions[i];
    return NULL;
}

static MathFunction inverse_of(MathFunction f)
{
    if (f == FN_SIN) return FN_ARCSIN;
    if (f == FN_COS) return FN_ARCCOS;
    return f == FN_TAN ? FN_ARCTAN : FN_COUNT;
}

static bool begins_function(const Parser *p)
{
    const Token *const t = math_parser_token(p);
    if (t->kind == TOKEN_COMMAND) return find_function(t->text, (size_t)t->length) && !token_is_command(t, "sqrt");
    if (t->kind != TOKEN_LETTERS || p->letter > 0) return false;
    const FunctionName *const f = find_function(t->text, (size_t)t->length);
    return f && f->function != FN_ROOT;
}

/* sin 2x: factors that follow each other without a sign, up to the next function. */
static MathNode *parse_open_argument(Parser *p)
{
    MathNode *x = parse_power(p), *product = NULL;
    while (!p->failed && math_parser_starts_factor(p) && !begins_function(p)) {
        const Token *const t = math_parser_token(p);
        if (p->letter == 0 && (t->in_text || token_is_sign(t, '('))) break;
        MathNode *const y = parse_power(p);
        if (p->failed || p->pool->full) break;
        if (product)
            math_append(product, y);
        else
            product = x = math_node_of_two(p->pool, MATH_MULTIPLY, x, y);
    }
    return x;
}

/* The arguments as children of `into`: (a, b), {a}, \{a, b\}, or an open one. */
static void parse_arguments(Parser *p, MathNode *into)
{
    if (!math_parser_enter(p)) return;
    const Token *const t = math_parser_token(p);
    const char close = token_is_sign(t, '(') ? ')' : token_is_sign(t, '{') ? '}' : token_is_sign(t, '[') ? ']' : 0;
    const bool set = token_is_command(t, "{");
    if (!close && !set) {
        bool minus = math_parser_take_sign(p, '-');
        MathNode *const x = parse_open_argument(p);
        math_append(into, minus ? math_node_of(p->pool, MATH_NEGATE, x) : x);
        math_parser_leave(p);
        return;
    }
    const int bars = p->bars, set_depth = p->set_depth;
    p->bars = p->set_depth = 0;
    p->at++;
    do math_append(into, math_parse_sum(p));
    while (!p->failed && math_parser_take_sign(p, ','));
    p->bars = bars;
    p->set_depth = set_depth;
    if (set) {
        if (!math_parser_take_command(p, "}")) math_parser_fail(p, "a brace is not closed");
    } else {
        math_parser_expect_sign(p, close);
    }
    /* \log{\left(4\right)}: the group was the argument's own bracket. */
    math_parser_leave(p);
}

/* \log_2 8; \log_28 is read like it. */
static MathNode *parse_base(Parser *p)
{
    const Token *const t = math_parser_token(p);
    if (t->kind != TOKEN_NUMBER || t->length == 1) return parse_argument(p, true);
    Parser ahead = *p;
    ahead.at++;
    return parse_argument(p, math_parser_starts_factor(&ahead));
}

static MathNode *parse_root(Parser *p, bool cube)
{
    MathNode *degree = math_number(p->pool, cube ? 3 : 2, 1);
    if (math_parser_take_sign(p, '[')) {
        degree = math_parse_sum(p);
        math_parser_expect_sign(p, ']');
    }
    MathNode *x;
    if (token_is_sign(math_parser_token(p), '(')) {
        p->at++;
        x = math_parse_sum(p);
        math_parser_expect_sign(p, ')');
    } else {
        x = parse_argument(p, true);
    }
    return math_function(p->pool, FN_ROOT, x, degree);
}

static bool takes_many(MathFunction f)
{
    return f == FN_GCD || f == FN_LCM || f == FN_MAX || f == FN_MIN;
}

static MathNode *parse_function(Parser *p, MathFunction f)
{
    MathNode *exponent = NULL, *base = NULL;
    for (;;) {
        if (f == FN_LOG10 && !base && math_parser_take_sign(p, '_'))
            base = parse_base(p);
        else if (!exponent && token_is_sign(math_parser_token(p), '^') &&
                 !token_is_command(math_parser_token(p) + 1, "circ")) {
            p->at++;
            exponent = parse_exponent(p);
        } else
            break;
        if (p->failed) return exponent ? exponent : base;
    }
    if (exponent && exponent->kind == MATH_NEGATE) {
        if (exponent->first->kind != MATH_NUMBER || exponent->first->num != 1 || inverse_of(f) == FN_COUNT)
            return math_parser_fail(p, "a negative power of a function has two readings");
        f = inverse_of(f);
        exponent = NULL;
    }
    MathNode *call = math_node(p->pool, MATH_FUNCTION);
    call->function = f;
    if (base) {
        call->function = FN_LOG;
        math_append(call, base);
    }
    parse_arguments(p, call);
    const int64_t n = math_count(call), wanted = base ? 2 : 1;
    if (!p->failed && (takes_many(f) ? n < 1 : n != wanted))
        return math_parser_fail(p, "a function has a wrong number of arguments");
    if (exponent) call = math_node_of_two(p->pool, MATH_POWER, call, exponent);
    return call;
}

/* ---- sums and products with bounds ---- */

static MathNode *parse_bounded(Parser *p, MathKind kind)
{
    MathNode *from = NULL, *to = NULL, *name = NULL;
    for (int i = 0; i < 2 && !p->failed; i++) {
        if (math_parser_take_sign(p, '_')) {
            math_parser_expect_sign(p, '{');
            if (p->failed) break;
            name = parse_atom(p);
            if (p->failed || name->kind == MATH_I) name = math_symbol(p->pool, "i", 1);
            if (name->kind != MATH_SYMBOL) return math_parser_fail(p, "a bound names no symbol");
            math_parser_expect_sign(p, '=');
            from = math_parse_sum(p);
            math_parser_expect_sign(p, '}');
        } else if (math_parser_take_sign(p, '^')) {
            to = parse_exponent(p);
        }
    }
    if (p->failed || !from || !to) return math_parser_fail(p, "a sum or product without two bounds");
    MathNode *const body = parse_term(p);
    MathNode *const node = math_node_of_two(p->pool, kind, from, to);
    if (p->failed || p->pool->full) return node;
    to->next = body;
    body->next = NULL;
    node->symbol = name->symbol;
    return node;
}

/* i is the imaginary unit, but not where a sum counts by it. */
static void free_bound_i(MathPool *pool, MathNode *node, int32_t symbol)
{
    if (node->kind == MATH_I) {
        node->kind = MATH_SYMBOL;
        node->symbol = symbol;
    }
    for (MathNode *c = node->first; c; c = c->next) free_bound_i(pool, c, symbol);
}

static MathNode *parse_big(Parser *p, MathKind kind)
{
    MathNode *const node = parse_bounded(p, kind);
    if (p->failed || p->pool->full) return node;
    const MathSymbol *const name = &p->pool->symbols[node->symbol];
    if (name->length == 1 && name->name[0] == 'i') free_bound_i(p->pool, node->first->next->next, node->symbol);
    return node;
}

/* ---- numbers ---- */

/* digits [. digits] [e digits] as num/den, when both fit. */
static void set_value(MathNode *n, const char *text, int32_t length)
{
    int64_t num = 0, den = 1, exponent = 0;
    bool point = false, fits = true;
    int32_t i = 0;
    for (; fits && i < length && text[i] != 'e' && text[i] != 'E'; i++) {
        if (text[i] == '.') {
            point = true;
            continue;
        }
        fits = !__builtin_mul_overflow(num, 10, &num) && !__builtin_add_overflow(num, text[i] - '0', &num) &&
               !(point && __builtin_mul_overflow(den, 10, &den));
    }
    if (fits && i < length) {
        const bool negative = text[++i] == '-';
        i += text[i] == '-' || text[i] == '+';
        for (; i < length && exponent < 1000; i++) exponent = exponent * 10 + (text[i] - '0');
        for (; fits && exponent > 0; exponent--)
            fits = exponent < 40 && !__builtin_mul_overflow(negative ? den : num, 10, negative ? &den : &num);
    }
    n->num = fits ? num : 0;
    n->den = fits ? den : 0;
    n->text = text;
    n->n_text = length;
}

/* Digits of a base, which letters may be among: 1011_2, 1A_{16}, (1011)_2. false: this is none. */
static bool parse_based(Parser *p, MathNode **x)
{
    const bool bracket = token_is_sign(math_parser_token(p), '(');
    const Token *const t = math_parser_token(p) + bracket;
    char digits[64];
    int32_t n = 0, k = 0;
    for (; t[k].kind == TOKEN_NUMBER || t[k].kind == TOKEN_LETTERS; k++) {
        if (k > 0 && t[k].spaced) return false;
        if (n + t[k].length >= (int32_t)sizeof digits) return false;
        memcpy(digits + n, t[k].text, (size_t)t[k].length);
        n += t[k].length;
    }
    if (k > 0 && bracket && !token_is_sign(&t[k++], ')')) return false;
    if (k == 0 || !token_is_sign(&t[k], '_')) return false;
    const bool braced = token_is_sign(&t[k + 1], '{');
    const Token *const base_token = &t[k + 1 + braced];
    int64_t base = 0, den;
    int32_t after = p->at + bracket + k + 2 + braced;
    if (base_token->kind == TOKEN_NUMBER && base_token->length <= 2)
        for (int i = 0; i < base_token->length; i++) base = base * 10 + (base_token->text[i] - '0');
    else if (!math_word_number(p->tokens, p->at + bracket + k + 1 + braced, &after, &base, &den))
        return false;
    if (braced && !token_is_sign(&p->tokens->at[after], '}')) return false;
    if (base < 2 || base > 36) return false;
    if (t[0].kind == TOKEN_LETTERS && (base < 11 || n < 2)) return false;
    int64_t value = 0;
    for (int32_t i = 0; i < n; i++) {
        const char c = digits[i];
        const int digit = math_is_digit(c)       ? c - '0'
                          : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                          : c >= 'a' && c <= 'z' ? c - 'a' + 10
                                                 : 99;
        if (digit >= base) return false;
        if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, digit, &value)) return false;
    }
    *x = math_node_of(p->pool, MATH_BASED, math_number(p->pool, value, 1));
    (*x)->function = (int32_t)base;
    char *const text = math_text(p->pool, (size_t)n);
    if (text) memcpy(text, digits, (size_t)n);
    (*x)->text = text;
    (*x)->n_text = text ? n : 0;
    p->at = after + braced;
    return true;
}

/* 0.1\overline{6}: the digits that repeat, over 99...9 at their place. */
static MathNode *parse_repeating(Parser *p, const MathNode *front, const Token *t)
{
    const Token *const digits = math_parser_token(p);
    int64_t repeated = 0, nines = 0, scale = 1;
    if (digits->kind != TOKEN_NUMBER || digits->length > 8 || front->den == 0 ||
        memchr(digits->text, '.', (size_t)digits->length))
        return math_parser_fail(p, "a line over something other than digits");
    for (int i = 0; i < digits->length; i++) {
        repeated = repeated * 10 + (digits->text[i] - '0');
        nines = nines * 10 + 9;
    }
    const char *const point = memchr(t->text, '.', (size_t)t->length);
    for (const char *c = point ? point + 1 : NULL; c && c < t->text + t->length; c++)
        if (__builtin_mul_overflow(scale, 10, &scale) || scale > 1000000000)
            return math_parser_fail(p, "too many digits");
    p->at++;
    return math_node_of_two(p->pool, MATH_ADD, math_number(p->pool, front->num, front->den),
                            math_number(p->pool, repeated, nines * scale));
}

static MathNode *whole_and_part(Parser *p, const MathNode *whole, int64_t num, int64_t den)
{
    int64_t top;
    if (__builtin_mul_overflow(whole->num, den, &top) || __builtin_add_overflow(top, num, &top))
        return math_parser_fail(p, "a mixed number is too long");
    return math_number(p->pool, top, den);
}

static bool is_whole(const MathNode *n)
{
    return n->kind == MATH_NUMBER && n->den == 1;
}

/* 1\frac{1}{2}: the fraction right behind a whole number, proper and of plain digits, is added. */
static MathNode *parse_mixed(Parser *p, MathNode *whole)
{
    /* Looked up among the tokens, not by reading ahead: reading every nested fraction twice would take forever. */
    int64_t part[2];
    int32_t at = p->at + 1;
    const Token *t = &p->tokens->at[at];
    if (t->kind == TOKEN_NUMBER && t->length == 2 && math_is_digit(t->text[0]) && math_is_digit(t->text[1])) {
        part[0] = t->text[0] - '0';
        part[1] = t->text[1] - '0';
        at++;
    } else {
        for (int i = 0; i < 2; i++) {
            t = &p->tokens->at[at];
            const bool braced = token_is_sign(t, '{');
            MathNode digits = {.kind = MATH_NUMBER};
            if (t[braced].kind != TOKEN_NUMBER || (braced && !token_is_sign(&t[2], '}'))) return whole;
            if (!braced && t->length != 1) return whole;
            set_value(&digits, t[braced].text, t[braced].length);
            if (digits.den != 1) return whole;
            part[i] = digits.num;
            at += braced ? 3 : 1;
        }
    }
    if (part[0] >= part[1] || part[0] <= 0) return whole;
    p->at = at;
    return whole_and_part(p, whole, part[0], part[1]);
}

/* 1 1/2 */
static MathNode *parse_mixed_plain(Parser *p, MathNode *whole)
{
    const Token *const t = math_parser_token(p);
    if (t[0].kind != TOKEN_NUMBER || !t[0].spaced || !token_is_sign(&t[1], '/') || t[2].kind != TOKEN_NUMBER)
        return whole;
    MathNode above = {.kind = MATH_NUMBER}, below = {.kind = MATH_NUMBER};
    set_value(&above, t[0].text, t[0].length);
    set_value(&below, t[2].text, t[2].length);
    if (!is_whole(&above) || !is_whole(&below) || above.num >= below.num || above.num <= 0) return whole;
    p->at += 3;
    return whole_and_part(p, whole, above.num, below.num);
}

static MathNode *parse_number(Parser *p)
{
    const Token *const t = math_parser_token(p);
    MathNode *x;
    if (p->letter > 0) { /* the rest of digits that an argument has taken from */
        x = math_node(p->pool, MATH_NUMBER);
        set_value(x, t->text + p->letter, t->length - p->letter);
        p->letter = 0;
        p->at++;
        return x;
    }
    if (parse_based(p, &x)) return x;
    x = math_node(p->pool, MATH_NUMBER);
    set_value(x, t->text, t->length);
    p->at++;
    const Token *const after = math_parser_token(p);
    if (math_token_is_among(after, " overline bar ")) {
        p->at++;
        const bool braced = math_parser_take_sign(p, '{');
        x = parse_repeating(p, x, t);
        if (braced) math_parser_expect_sign(p, '}');
        return x;
    }
    if (is_whole(x) && math_token_is_among(after, " frac dfrac tfrac ")) return parse_mixed(p, x);
    return is_whole(x) ? parse_mixed_plain(p, x) : x;
}

/* ---- names ---- */

/* The text of an index: {max}, 1, k. Copied without spaces and braces, so that x_1 and x_{1} are one symbol. */
static int32_t take_index(Parser *p, char *out, int32_t capacity)
{
    int32_t n = 0;
    const bool braced = math_parser_take_sign(p, '{');
    do {
        const Token *const t = math_parser_token(p);
        if (t->kind == TOKEN_END || n + t->length >= capacity || token_is_sign(t, '{') || t->kind == TOKEN_ROW)
            return -1;
        if (braced && token_is_sign(t, '}')) break;
        const int32_t take = !braced && t->kind == TOKEN_LETTERS ? 1 : t->length;
        if (!braced && t->kind == TOKEN_LETTERS && t->length > 1) {
            out[n++] = t->text[0];
            p->letter = 1;
            return n;
        }
        memcpy(out + n, t->text, (size_t)take);
        n += take;
        p->at++;
    } while (braced);
    if (braced && !math_parser_take_sign(p, '}')) return -1;
    return n;
}

static MathNode *parse_symbol(Parser *p, const char *name, size_t length)
{
    char full[64];
    if (length > 24) return math_parser_fail(p, "a name is too long");
    memcpy(full, name, length);
    int32_t n = (int32_t)length;
    if (p->letter == 0 && math_parser_take_sign(p, '_')) {
        full[n++] = '_';
        const int32_t index = take_index(p, full + n, (int32_t)sizeof full - n);
        if (index <= 0) return math_parser_fail(p, "an index cannot be read");
        n += index;
    }
    while (p->letter == 0 && token_is_sign(math_parser_token(p), '\'')) {
        if (n == sizeof full) return math_parser_fail(p, "a name is too long");
        full[n++] = '\'';
        p->at++;
    }
    MathNode *const x = math_symbol(p->pool, full, (size_t)n);
    if (p->pool->full) return math_parser_fail(p, "it has too many symbols");
    return x;
}

/* One letter of the run, as a symbol or constant. */
static MathNode *parse_letter(Parser *p)
{
    const Token *const t = math_parser_token(p);
    const char *const c = t->text + p->letter;
    const bool last = ++p->letter == t->length;
    if (last) {
        p->letter = 0;
        p->at++;
    }
    const bool indexed = last && token_is_sign(math_parser_token(p), '_');
    if (*c == 'e' && !indexed) return math_node(p->pool, MATH_E);
    if (*c == 'i' && !indexed) return math_node(p->pool, MATH_I);
    if (last) return parse_symbol(p, c, 1);
    MathNode *const x = math_symbol(p->pool, c, 1);
    if (p->pool->full) return math_parser_fail(p, "it has too many symbols");
    return x;
}

static MathNode *parse_letters(Parser *p)
{
    const Token *const t = math_parser_token(p);
    const size_t length = (size_t)t->length;
    MathNode *x;
    if (p->letter > 0) return parse_letter(p);
    const FunctionName *const f = find_function(t->text, length);
    if (f) {
        p->at++;
        return f->function == FN_ROOT ? parse_root(p, t->text[0] == 'c') : parse_function(p, f->function);
    }
    if (math_word_among(t, " pi ")) {
        p->at++;
        return math_node(p->pool, MATH_PI);
    }
    if (math_word_among(t, " infinity inf infty oo ")) {
        p->at++;
        return math_node(p->pool, MATH_INFINITY);
    }
    if (parse_based(p, &x)) return x;
    int32_t next;
    int64_t num, den;
    if ((length > 1 || math_word_among(t, " a ")) && math_word_number(p->tokens, p->at, &next, &num, &den)) {
        p->at = next;
        return math_number(p->pool, num, den);
    }
    if (math_is_wordy(t->text, length)) return math_parser_fail(p, "a word stands in a formula");
    if (t->in_text && length > 1) return math_parser_fail(p, "a word stands in a formula");
    for (size_t n = 4; n >= 2 && length > n; n--) { /* sinx */
        const FunctionName *const prefix = find_function(t->text, n);
        if (prefix && length == n + 1) return math_parser_fail(p, "letters run into the name of a function");
    }
    return parse_letter(p);
}

static const char greek[] =
    " alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho "
    "sigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi "
    "Omega ell hbar ";

static MathNode *parse_fraction(Parser *p)
{
    MathNode *const above = parse_argument(p, false);
    MathNode *const below = p->failed ? above : parse_argument(p, false);
    return p->failed ? above : math_node_of_two(p->pool, MATH_DIVIDE, above, below);
}

static MathNode *parse_binomial(Parser *p)
{
    MathNode *const n = parse_argument(p, false);
    MathNode *const k = p->failed ? n : parse_argument(p, false);
    return p->failed ? n : math_function(p->pool, FN_BINOMIAL, n, k);
}

/* |x|, \lvert x\rvert, \lfloor x\rfloor, \lceil x\rceil */
static MathNode *parse_between(Parser *p, MathFunction f, const char *close)
{
    const int bars = p->bars, set_depth = p->set_depth;
    p->bars = close ? 0 : 1;
    p->set_depth = 0;
    MathNode *const x = math_parse_sum(p);
    p->bars = bars;
    p->set_depth = set_depth;
    if (!p->failed && !(close ? math_parser_take_command(p, close)
                              : math_parser_take_sign(p, '|') || math_parser_take_command(p, "vert")))
        return math_parser_fail(p, "a bar is not closed");
    return math_function(p->pool, f, x, NULL);
}

static MathNode *parse_command(Parser *p)
{
    const Token *const t = math_parser_token(p);
    const FunctionName *const f = find_function(t->text, (size_t)t->length);
    if (math_token_is_among(t, " { langle ")) return math_parse_bracket(p);
    p->at++;
    if (token_is_command(t, "sqrt")) return parse_root(p, false);
    if (f) return parse_function(p, f->function);
    if (math_token_is_among(t, " frac dfrac tfrac cfrac ")) return parse_fraction(p);
    if (math_token_is_among(t, " binom dbinom tbinom ")) return parse_binomial(p);
    if (token_is_command(t, "pi")) return math_node(p->pool, MATH_PI);
    if (token_is_command(t, "infty")) return math_node(p->pool, MATH_INFINITY);
    if (token_is_command(t, "sum")) return parse_big(p, MATH_SUM);
    if (token_is_command(t, "prod")) return parse_big(p, MATH_PRODUCT);
    if (math_token_is_among(t, " lvert vert "))
        return parse_between(p, FN_ABS, token_is_command(t, "lvert") ? "rvert" : NULL);
    if (token_is_command(t, "lfloor")) return parse_between(p, FN_FLOOR, "rfloor");
    if (token_is_command(t, "lceil")) return parse_between(p, FN_CEILING, "rceil");
    if (math_token_is_among(t, " emptyset varnothing ")) return math_node(p->pool, MATH_SET);
    if (token_is_command(t, "begin")) return math_parse_matrix(p);
    if (token_is_command(t, "mathbb")) {
        char name[16];
        const int32_t n = take_index(p, name, sizeof name);
        if (n == 1 && name[0] == 'R') return math_node(p->pool, MATH_REALS);
        return n == 1 ? math_symbol(p->pool, (char[]){'\\', name[0]}, 2) : math_parser_fail(p, "an unknown set");
    }
    if (math_token_is_among(t, " R Reals ")) return math_node(p->pool, MATH_REALS);
    if (math_token_is_among(t, greek)) return parse_symbol(p, t->text, (size_t)t->length);
    return math_parser_fail(p, "an unknown command");
}

/* {...}, in which TeX's own {a \over b} and {n \choose k} may stand. */
static MathNode *parse_group(Parser *p)
{
    MathNode *x = math_parse_sum(p);
    const bool over = !p->failed && math_parser_take_command(p, "over"),
               choose = !p->failed && !over && math_parser_take_command(p, "choose");
    if (over || choose) {
        MathNode *const y = math_parse_sum(p);
        if (p->failed) return y;
        x = over ? math_node_of_two(p->pool, MATH_DIVIDE, x, y) : math_function(p->pool, FN_BINOMIAL, x, y);
    }
    math_parser_expect_sign(p, '}');
    return x;
}

static MathNode *parse_atom(Parser *p)
{
    if (!math_parser_enter(p)) return math_node(p->pool, MATH_WORDS);
    const Token *const t = math_parser_token(p);
    MathNode *x;
    if (t->kind == TOKEN_NUMBER) {
        x = parse_number(p);
    } else if (t->kind == TOKEN_LETTERS) {
        x = parse_letters(p);
    } else if (t->kind == TOKEN_COMMAND) {
        x = parse_command(p);
    } else if (token_is_sign(t, '(') || token_is_sign(t, '[')) {
        if (!parse_based(p, &x)) x = math_parse_bracket(p);
    } else if (math_parser_take_sign(p, '{')) {
        x = parse_group(p);
    } else if (math_parser_take_sign(p, '|')) {
        x = parse_between(p, FN_ABS, NULL);
    } else {
        x = math_parser_fail(p, t->kind == TOKEN_END ? "it ends where something should follow" : "an unexpected sign");
    }
    math_parser_leave(p);
    return x;
}
