/* SPDX-License-Identifier: MIT */
/* text/template_parser.c: expressions, from the loosest binding to the tightest:
 *
 *   tuple  a, b            conditional  a if b else c     or   and   not
 *   compare  == != < <= > >= in, not in (chains)          sum  + -   concat  ~   product  * / // %   power  **
 *   unary  - +             primary: names, literals, ( ) [ ] { }      postfix  .name [index] (arguments)
 *   filters and tests  |name(arguments)  is name argument  (they bind tighter than any operator: -1|abs is -(1|abs))
 *
 * A failure sticks in the parser; functions then return NULL and loops end, since the token stays where it is. */
#include "text/template_builtin.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- the parser's hands ---- */

Node *parser_node(Parser *p, NodeKind kind, uint32_t at)
{
    Node *const node = POOL_NEW(&p->template->pool, Node);
    node->kind = kind;
    node->at = at;
    return node;
}

void node_append(NodeList *list, Node *node)
{
    if (!node) return;
    if (list->last)
        list->last->next = node;
    else
        list->first = node;
    list->last = node;
    list->n++;
}

Node *parser_fail(Parser *p, uint32_t at, const char *format, ...)
{
    if (p->failed) return NULL;
    p->failed = true;
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    template_error(p->template, at, p->err, "%s", text);
    return NULL;
}

bool parser_enter(Parser *p)
{
    if (++p->depth > PARSER_MAX_DEPTH) parser_fail(p, p->token->at, "expressions or blocks are nested too deep");
    return !p->failed;
}

bool parser_at_word(const Parser *p, const char *word)
{
    return p->token->kind == TOKEN_NAME && string_is(&p->token->text, word);
}

bool parser_skip_word(Parser *p, const char *word)
{
    if (p->failed || !parser_at_word(p, word)) return false;
    p->token++;
    return true;
}

bool parser_at_operator(const Parser *p, int operator)
{
    return p->token->kind == TOKEN_OPERATOR && p->token->operator== operator;
}

bool parser_skip_operator(Parser *p, int operator)
{
    if (p->failed || !parser_at_operator(p, operator)) return false;
    p->token++;
    return true;
}

/* What a token is called in a message. */
static void describe(const Token *token, char text[64])
{
    switch (token->kind) {
    case TOKEN_NAME:
        snprintf(text, 64, "%.*s", (int)(token->text.length < 50 ? token->text.length : 50), token->text.bytes);
        break;
    case TOKEN_OPERATOR:
        if (token->operator<OPERATOR_POWER)
            snprintf(text, 64, "'%c'", token->operator);
        else
            snprintf(text, 64, "an operator");
        break;
    case TOKEN_PRINT_END:
    case TOKEN_BLOCK_END:
        snprintf(text, 64, "the end of the tag");
        break;
    case TOKEN_END:
        snprintf(text, 64, "the end of the template");
        break;
    default:
        snprintf(text, 64, "%s", token->kind == TOKEN_STRING ? "a string" : "a number");
    }
}

static Node *unexpected(Parser *p, const char *wanted)
{
    char found[64];
    describe(p->token, found);
    return parser_fail(p, p->token->at, "expected %s, found %s", wanted, found);
}

bool parser_expect_operator(Parser *p, int operator)
{
    if (parser_skip_operator(p, operator)) return true;
    char wanted[8];
    snprintf(wanted, sizeof wanted, "'%c'", operator);
    unexpected(p, wanted);
    return false;
}

const Name *parser_expect_name(Parser *p)
{
    if (p->failed) return NULL;
    if (p->token->kind != TOKEN_NAME) {
        unexpected(p, "a name");
        return NULL;
    }
    const String *const text = &p->token++->text;
    return template_name(p->template, text->bytes, text->length);
}

/* ---- literals and names ---- */

static Node *constant(Parser *p, uint32_t at, Value value)
{
    Node *const node = parser_node(p, NODE_CONSTANT, at);
    node->constant = value;
    return node;
}

static Node *string_constant(Parser *p, uint32_t at, const char *bytes, size_t length)
{
    String *const string = POOL_NEW(&p->template->pool, String);
    *string = (String){bytes, length, -1, NULL};
    string_chars(string);
    return constant(p, at, (Value){.kind = VALUE_STRING, .string = string});
}

/* Strings side by side are one. */
static Node *parse_strings(Parser *p)
{
    const Token *const first = p->token;
    size_t length = 0, n = 0;
    for (const Token *t = first; t->kind == TOKEN_STRING; t++) length += t->text.length, n++;
    if (n == 1) return string_constant(p, first->at, p->token++->text.bytes, length);
    char *const bytes = pool_take(&p->template->pool, length);
    for (size_t used = 0; p->token->kind == TOKEN_STRING; p->token++) {
        memcpy(bytes + used, p->token->text.bytes, p->token->text.length);
        used += p->token->text.length;
    }
    return string_constant(p, first->at, bytes, length);
}

/* A macro that speaks of these gets them. */
static void note_special(Parser *p, const Name *name)
{
    if (!p->macro) return;
    if (name_is(name, "varargs")) p->macro->takes_varargs = true;
    if (name_is(name, "kwargs")) p->macro->takes_kwargs = true;
    if (name_is(name, "caller")) p->macro->takes_caller = true;
}

static Node *parse_word(Parser *p)
{
    const Token *const token = p->token++;
    if (string_is(&token->text, "true") || string_is(&token->text, "True"))
        return constant(p, token->at, value_bool(true));
    if (string_is(&token->text, "false") || string_is(&token->text, "False"))
        return constant(p, token->at, value_bool(false));
    if (string_is(&token->text, "none") || string_is(&token->text, "None")) return constant(p, token->at, value_none());
    Node *const node = parser_node(p, NODE_NAME, token->at);
    node->name = template_name(p->template, token->text.bytes, token->text.length);
    note_special(p, node->name);
    return node;
}

static Node *parse_list(Parser *p)
{
    Node *const list = parser_node(p, NODE_LIST, p->token++->at);
    while (!p->failed && !parser_at_operator(p, ']')) {
        if (list->items.n > 0 && !parser_expect_operator(p, ',')) break;
        if (parser_at_operator(p, ']')) break;
        node_append(&list->items, parser_expression(p));
    }
    return parser_expect_operator(p, ']') ? list : NULL;
}

static Node *parse_dict(Parser *p)
{
    Node *const dict = parser_node(p, NODE_DICT, p->token++->at);
    while (!p->failed && !parser_at_operator(p, '}')) {
        if (dict->items.n > 0 && !parser_expect_operator(p, ',')) break;
        if (parser_at_operator(p, '}')) break;
        node_append(&dict->items, parser_expression(p));
        if (!parser_expect_operator(p, ':')) break;
        node_append(&dict->items, parser_expression(p));
    }
    return parser_expect_operator(p, '}') ? dict : NULL;
}

static Node *parse_brackets(Parser *p)
{
    const uint32_t at = p->token++->at;
    Node *inside = parser_at_operator(p, ')') ? parser_node(p, NODE_TUPLE, at) : parser_tuple(p, true, NULL);
    return parser_expect_operator(p, ')') ? inside : NULL;
}

static Node *parse_primary(Parser *p)
{
    if (p->failed) return NULL;
    const Token *const token = p->token;
    switch (token->kind) {
    case TOKEN_NAME:
        return parse_word(p);
    case TOKEN_STRING:
        return parse_strings(p);
    case TOKEN_INTEGER:
        return constant(p, p->token++->at, value_int(token->integer));
    case TOKEN_FLOAT:
        return constant(p, p->token++->at, value_float(token->real));
    default:
        break;
    }
    if (parser_at_operator(p, '(')) return parse_brackets(p);
    if (parser_at_operator(p, '[')) return parse_list(p);
    if (parser_at_operator(p, '{')) return parse_dict(p);
    return unexpected(p, "an expression");
}

/* ---- calls, attributes, indexes ---- */

static void parse_argument(Parser *p, CallArguments *arguments)
{
    const uint32_t at = p->token->at;
    if (parser_skip_operator(p, '*')) {
        if (arguments->more || arguments->more_keywords) parser_fail(p, at, "a second * argument");
        arguments->more = parser_expression(p);
    } else if (parser_skip_operator(p, OPERATOR_POWER)) {
        if (arguments->more_keywords) parser_fail(p, at, "a second ** argument");
        arguments->more_keywords = parser_expression(p);
    } else if (p->token->kind == TOKEN_NAME && p->token[1].kind == TOKEN_OPERATOR && p->token[1].operator== '=') {
        Node *const keyword = parser_node(p, NODE_KEYWORD, at);
        keyword->name = parser_expect_name(p);
        p->token++;
        keyword->left = parser_expression(p);
        node_append(&arguments->keywords, keyword);
    } else {
        if (arguments->keywords.n > 0 || arguments->more || arguments->more_keywords)
            parser_fail(p, at, "a positional argument behind a keyword argument");
        node_append(&arguments->positional, parser_expression(p));
    }
}

/* ( ... ) */
static bool parse_arguments(Parser *p, CallArguments *arguments)
{
    p->token++;
    for (bool first = true; !p->failed && !parser_at_operator(p, ')'); first = false) {
        if (!first && !parser_expect_operator(p, ',')) break;
        if (parser_at_operator(p, ')')) break;
        parse_argument(p, arguments);
    }
    return parser_expect_operator(p, ')');
}

static Node *parse_call(Parser *p, Node *function)
{
    Node *const call = parser_node(p, NODE_CALL, p->token->at);
    call->left = function;
    return parse_arguments(p, &call->arguments) ? call : NULL;
}

/* One index, or a slice: any of its three parts may be missing. */
static Node *parse_index(Parser *p, Node *object, uint32_t at)
{
    Node *node = parser_node(p, NODE_ITEM, at);
    node->left = object;
    Node *const start = parser_at_operator(p, ':') ? NULL : parser_expression(p);
    if (!parser_skip_operator(p, ':')) {
        node->right = start;
        return node;
    }
    node->kind = NODE_SLICE;
    node->start = start;
    if (!parser_at_operator(p, ':') && !parser_at_operator(p, ']')) node->stop = parser_expression(p);
    if (parser_skip_operator(p, ':') && !parser_at_operator(p, ']')) node->step = parser_expression(p);
    return node;
}

static Node *parse_subscript(Parser *p, Node *object)
{
    const Token *const token = p->token++;
    if (token->operator== '[') {
        Node *const node = parse_index(p, object, token->at);
        if (node->kind == NODE_ITEM && parser_at_operator(p, ',')) {
            Node *const key = parser_node(p, NODE_TUPLE, token->at);
            node_append(&key->items, node->right);
            while (parser_skip_operator(p, ',')) node_append(&key->items, parser_expression(p));
            node->right = key;
        }
        return parser_expect_operator(p, ']') ? node : NULL;
    }
    if (p->token->kind == TOKEN_INTEGER) {
        Node *const node = parser_node(p, NODE_ITEM, token->at);
        node->left = object;
        node->right = constant(p, p->token->at, value_int(p->token->integer));
        p->token++;
        return node;
    }
    Node *const node = parser_node(p, NODE_ATTRIBUTE, token->at);
    node->left = object;
    node->name = parser_expect_name(p);
    return node->name ? node : NULL;
}

/* Each step nests the node one deeper, which whoever walks the tree pays for. */
static Node *parse_postfix(Parser *p, Node *node)
{
    while (!p->failed) {
        if (parser_at_operator(p, '.') || parser_at_operator(p, '['))
            node = parse_subscript(p, node);
        else if (parser_at_operator(p, '('))
            node = parse_call(p, node);
        else
            break;
    }
    return node;
}

/* ---- filters and tests ---- */

/* The dotted name of a filter or a test. */
static const Name *parse_dotted(Parser *p)
{
    const Name *name = parser_expect_name(p);
    while (name && parser_skip_operator(p, '.')) {
        const Name *const more = parser_expect_name(p);
        char text[128];
        if (more && snprintf(text, sizeof text, "%s.%s", name->text.bytes, more->text.bytes) < (int)sizeof text)
            name = template_name(p->template, text, strlen(text));
    }
    return name;
}

Node *parser_filters(Parser *p, Node *value, bool at_name)
{
    while (!p->failed && (at_name || parser_skip_operator(p, '|'))) {
        at_name = false;
        Node *const filter = parser_node(p, NODE_FILTER, p->token->at);
        filter->left = value;
        filter->name = parse_dotted(p);
        if (!filter->name) return NULL;
        filter->builtin = builtin_filter(filter->name->text.bytes, filter->name->text.length);
        if (parser_at_operator(p, '(') && !parse_arguments(p, &filter->arguments)) return NULL;
        value = filter;
    }
    return value;
}

/* Whether what comes next is the one argument of a test that is written without brackets. */
static bool at_test_argument(const Parser *p)
{
    if (parser_at_word(p, "else") || parser_at_word(p, "or") || parser_at_word(p, "and")) return false;
    return p->token->kind == TOKEN_NAME || p->token->kind == TOKEN_STRING || p->token->kind == TOKEN_INTEGER ||
           p->token->kind == TOKEN_FLOAT || parser_at_operator(p, '[') || parser_at_operator(p, '{');
}

static Node *parse_test(Parser *p, Node *value)
{
    const uint32_t at = p->token++->at;
    const bool negated = parser_skip_word(p, "not");
    Node *test = parser_node(p, NODE_TEST, p->token->at);
    test->left = value;
    test->name = parse_dotted(p);
    if (!test->name) return NULL;
    test->builtin = builtin_test(test->name->text.bytes, test->name->text.length);
    if (parser_at_operator(p, '(')) {
        if (!parse_arguments(p, &test->arguments)) return NULL;
    } else if (at_test_argument(p)) {
        if (parser_at_word(p, "is")) return parser_fail(p, at, "tests with `is` cannot be chained");
        node_append(&test->arguments.positional, parse_postfix(p, parse_primary(p)));
    }
    if (!negated) return test;
    Node *const not = parser_node(p, NODE_UNARY, at);
    not ->operator= OPERATOR_NOT;
    not ->left = test;
    return not ;
}

static Node *parse_filters_and_tests(Parser *p, Node *node)
{
    while (!p->failed) {
        if (parser_at_operator(p, '|'))
            node = parser_filters(p, node, false);
        else if (parser_at_word(p, "is"))
            node = parse_test(p, node);
        else if (parser_at_operator(p, '('))
            node = parse_call(p, node);
        else
            break;
    }
    return node;
}

/* ---- operators ---- */

static Node *parse_unary(Parser *p, bool with_filters)
{
    if (!parser_enter(p)) return NULL;
    Node *node;
    if (parser_at_operator(p, '-') || parser_at_operator(p, '+')) {
        node = parser_node(p, NODE_UNARY, p->token->at);
        node->operator= p->token++->operator;
        node->left = parse_unary(p, false);
    } else
        node = parse_primary(p);
    node = parse_postfix(p, node);
    if (with_filters) node = parse_filters_and_tests(p, node);
    p->depth--;
    return p->failed ? NULL : node;
}

static Node *binary(Parser *p, NodeKind kind, int operator, uint32_t at, Node *left, Node *right)
{
    Node *const node = parser_node(p, kind, at);
    node->operator= operator;
    node->left = left;
    node->right = right;
    return node;
}

static Node *parse_power(Parser *p)
{
    Node *left = parse_unary(p, true);
    for (const Token *t = p->token; parser_skip_operator(p, OPERATOR_POWER); t = p->token)
        left = binary(p, NODE_BINARY, OPERATOR_POWER, t->at, left, parse_unary(p, true));
    return left;
}

static Node *parse_product(Parser *p)
{
    Node *left = parse_power(p);
    while (!p->failed && p->token->kind == TOKEN_OPERATOR) {
        const Token *const t = p->token;
        if (t->operator!= '*' && t->operator!= '/' && t->operator!= OPERATOR_FLOOR_DIVIDE && t->operator!= '%') break;
        p->token++;
        left = binary(p, NODE_BINARY, t->operator, t->at, left, parse_power(p));
    }
    return left;
}

static Node *parse_concat(Parser *p)
{
    Node *const first = parse_product(p);
    if (!parser_at_operator(p, '~')) return first;
    Node *const concat = parser_node(p, NODE_CONCAT, p->token->at);
    node_append(&concat->items, first);
    while (parser_skip_operator(p, '~')) node_append(&concat->items, parse_product(p));
    return concat;
}

static Node *parse_sum(Parser *p)
{
    Node *left = parse_concat(p);
    for (const Token *t = p->token; parser_skip_operator(p, '+') || parser_skip_operator(p, '-'); t = p->token)
        left = binary(p, NODE_BINARY, t->operator, t->at, left, parse_concat(p));
    return left;
}

/* The comparison at the token, which it passes; OPERATOR_NONE: there is none. */
static int take_comparison(Parser *p)
{
    if (p->failed) return OPERATOR_NONE;
    if (p->token->kind == TOKEN_OPERATOR) {
        const int operator= p->token->operator;
        const bool compares = operator== '<' || operator==
            '>' ||(operator>= OPERATOR_EQUAL && operator<= OPERATOR_GREATER_EQUAL);
        if (compares) p->token++;
        return compares ? operator: OPERATOR_NONE;
    }
    if (parser_skip_word(p, "in")) return OPERATOR_IN;
    if (!parser_at_word(p, "not") || p->token[1].kind != TOKEN_NAME || !string_is(&p->token[1].text, "in"))
        return OPERATOR_NONE;
    p->token += 2;
    return OPERATOR_NOT_IN;
}

static Node *parse_compare(Parser *p)
{
    Node *const first = parse_sum(p);
    Node *chain = NULL;
    for (;;) {
        const uint32_t at = p->token->at;
        const int operator= take_comparison(p);
        if (operator== OPERATOR_NONE) break;
        if (!chain) chain = binary(p, NODE_COMPARE, 0, at, first, NULL);
        node_append(&chain->items, binary(p, NODE_COMPARED, operator, at, parse_sum(p), NULL));
    }
    return chain ? chain : first;
}

static Node *parse_not(Parser *p)
{
    int64_t n_not = 0;
    const uint32_t at = p->token->at;
    while (parser_skip_word(p, "not")) n_not++;
    Node *node = parse_compare(p);
    /* Two of them make a bool of whatever it was, as any even number does. */
    for (int64_t i = 0; i < (n_not > 2 ? 2 - n_not % 2 : n_not); i++) {
        Node *const not = parser_node(p, NODE_UNARY, at);
        not ->operator= OPERATOR_NOT;
        not ->left = node;
        node = not ;
    }
    return node;
}

static Node *parse_and(Parser *p)
{
    Node *left = parse_not(p);
    for (const Token *t = p->token; parser_skip_word(p, "and"); t = p->token)
        left = binary(p, NODE_AND, 0, t->at, left, parse_not(p));
    return left;
}

Node *parser_or(Parser *p)
{
    if (!parser_enter(p)) return NULL;
    Node *left = parse_and(p);
    for (const Token *t = p->token; parser_skip_word(p, "or"); t = p->token)
        left = binary(p, NODE_OR, 0, t->at, left, parse_and(p));
    p->depth--;
    return left;
}

Node *parser_expression(Parser *p)
{
    if (!parser_enter(p)) return NULL;
    Node *node = parser_or(p);
    for (const Token *t = p->token; parser_skip_word(p, "if"); t = p->token) {
        Node *const conditional = binary(p, NODE_CONDITIONAL, 0, t->at, node, NULL);
        conditional->test = parser_or(p);
        if (parser_skip_word(p, "else")) conditional->right = parser_expression(p);
        node = conditional;
    }
    p->depth--;
    return p->failed ? NULL : node;
}

/* ---- tuples and targets ---- */

static bool at_tuple_end(const Parser *p, const char *end_word)
{
    return p->token->kind == TOKEN_PRINT_END || p->token->kind == TOKEN_BLOCK_END || parser_at_operator(p, ')') ||
           (end_word && parser_at_word(p, end_word));
}

Node *parser_tuple(Parser *p, bool conditional, const char *end_word)
{
    const uint32_t at = p->token->at;
    Node *const first = conditional ? parser_expression(p) : parser_or(p);
    if (!first || !parser_at_operator(p, ',')) return first;
    Node *const tuple = parser_node(p, NODE_TUPLE, at);
    node_append(&tuple->items, first);
    while (parser_skip_operator(p, ',') && !at_tuple_end(p, end_word))
        node_append(&tuple->items, conditional ? parser_expression(p) : parser_or(p));
    return p->failed ? NULL : tuple;
}

static Node *parse_one_target(Parser *p, bool with_namespace)
{
    const uint32_t at = p->token->at;
    if (parser_skip_operator(p, '(')) {
        Node *const inside = parser_enter(p) ? parser_target(p, with_namespace, NULL) : NULL;
        p->depth--;
        return parser_expect_operator(p, ')') ? inside : NULL;
    }
    const Name *const name = parser_expect_name(p);
    if (!name) return NULL;
    static const char *const reserved[] = {"true", "false", "none", "True", "False", "None"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (name_is(name, reserved[i])) return parser_fail(p, at, "%s cannot be set", reserved[i]);
    Node *const target = parser_node(p, NODE_NAME, at);
    target->name = name;
    if (!with_namespace || !parser_skip_operator(p, '.')) return target;
    Node *const attribute = parser_node(p, NODE_NAMESPACE_TARGET, at);
    attribute->left = target;
    attribute->name = parser_expect_name(p);
    return attribute->name ? attribute : NULL;
}

Node *parser_target(Parser *p, bool with_namespace, const char *end_word)
{
    const uint32_t at = p->token->at;
    Node *const first = parse_one_target(p, with_namespace);
    if (!first || !parser_at_operator(p, ',')) return first;
    Node *const tuple = parser_node(p, NODE_TUPLE, at);
    node_append(&tuple->items, first);
    while (parser_skip_operator(p, ',') && !at_tuple_end(p, end_word) && !parser_at_operator(p, '='))
        node_append(&tuple->items, parse_one_target(p, with_namespace));
    return p->failed ? NULL : tuple;
}
