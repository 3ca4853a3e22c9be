/* SPDX-License-Identifier: MIT */
/* text/template_node.h: a parsed template: tokens, nodes, and the two functions between them. */
#ifndef R1_TEXT_TEMPLATE_NODE_H
#define R1_TEXT_TEMPLATE_NODE_H

#include "text/string_table.h"
#include "text/template.h"
#include "text/template_value.h"

/* ---- tokens ---- */

typedef enum TokenKind {
    TOKEN_DATA,
    TOKEN_PRINT_BEGIN, /* {{ */
    TOKEN_PRINT_END,
    TOKEN_BLOCK_BEGIN, /* {% */
    TOKEN_BLOCK_END,
    TOKEN_NAME,
    TOKEN_STRING,
    TOKEN_INTEGER,
    TOKEN_FLOAT,
    TOKEN_OPERATOR,
    TOKEN_END,
} TokenKind;

/* Operators of one character are that character. */
typedef enum Operator {
    OPERATOR_NONE = 0,
    OPERATOR_POWER = 128,
    OPERATOR_FLOOR_DIVIDE,
    OPERATOR_EQUAL,
    OPERATOR_NOT_EQUAL,
    OPERATOR_LESS_EQUAL,
    OPERATOR_GREATER_EQUAL,
    OPERATOR_IN, /* these two and `not` are words in the source */
    OPERATOR_NOT_IN,
    OPERATOR_NOT,
} Operator;

typedef struct Token {
    TokenKind kind;
    int operator; /* TOKEN_OPERATOR */
    uint32_t at;  /* byte offset in the source */
    String text;  /* TOKEN_DATA, TOKEN_NAME, TOKEN_STRING (what it stands for) */
    int64_t integer;
    double real;
} Token;

typedef struct TokenList {
    Token *tokens; /* owned; the last is TOKEN_END */
    int64_t n, capacity;
} TokenList;

/* ---- nodes ---- */

typedef enum NodeKind {
    /* expressions */
    NODE_CONSTANT,
    NODE_NAME,
    NODE_LIST,
    NODE_TUPLE,
    NODE_DICT, /* items alternate: key, value */
    NODE_ATTRIBUTE,
    NODE_ITEM,
    NODE_SLICE,
    NODE_CALL,
    NODE_FILTER,
    NODE_TEST,
    NODE_UNARY,
    NODE_BINARY,
    NODE_COMPARE, /* a chain: items are NODE_COMPARED */
    NODE_COMPARED,
    NODE_AND,
    NODE_OR,
    NODE_CONCAT, /* ~ */
    NODE_CONDITIONAL,
    NODE_KEYWORD, /* name=value in a call */
    /* statements */
    NODE_DATA,
    NODE_PRINT,
    NODE_SET,
    NODE_SET_BLOCK,
    NODE_NAMESPACE_TARGET, /* ns.attribute on the left of = */
    NODE_FOR,
    NODE_IF,
    NODE_WITH, /* items alternate: target, value */
    NODE_SCOPE,
    NODE_MACRO,
    NODE_CALL_BLOCK,
    NODE_FILTER_BLOCK,
    NODE_BREAK,
    NODE_CONTINUE,
} NodeKind;

typedef struct Node Node;

typedef struct NodeList {
    Node *first, *last; /* linked by Node.next */
    int64_t n;
} NodeList;

typedef struct CallArguments {
    NodeList positional, keywords; /* keywords: NODE_KEYWORD */
    Node *more, *more_keywords;    /* *expression, **expression; NULL: none */
} CallArguments;

/* A name of the template: one object a spelling, so that names compare by address. */
typedef struct Name {
    String text;
} Name;

struct Node {
    NodeKind kind;
    uint32_t at; /* byte offset in the source */
    Node *next;
    int operator;     /* NODE_UNARY, NODE_BINARY, NODE_COMPARED */
    const Name *name; /* of a variable, attribute, filter, test, keyword, macro */
    Value constant;   /* NODE_CONSTANT, NODE_DATA (a string) */
    /* What an expression works on. Binary: left and right. Conditional: test ? left : right (right NULL: none). Attribute, item, call,
     * filter, test: of left (NULL in filter blocks). Item: [right]. Slice: left[start:stop:step], each may be NULL. */
    Node *left, *right, *test, *start, *stop, *step;
    NodeList items; /* elements, comparisons, signature (NODE_KEYWORD: name and default in left) */
    CallArguments arguments;
    const struct Builtin *builtin; /* of a filter or a test; NULL: there is none of this name */
    Node *target;                  /* set, for: a name, a tuple of targets or a namespace's attribute */
    NodeList body, otherwise;      /* otherwise: else; elif is an if in there */
    bool recursive;                /* for */
    bool takes_varargs, takes_kwargs, takes_caller; /* macro */
};

struct Template {
    char *name;
    char *source; /* newlines are \n */
    size_t length;
    TemplatePool pool;
    NodeList body;
    StringTable name_table; /* index into names */
    Name **names;           /* [n_names] */
    int64_t n_names, capacity_names;
};

const Name *template_name(Template *template, const char *text, size_t length);
bool name_is(const Name *name, const char *text);
/* "NAME:LINE:COLUMN: " and the text; always false. Columns count code points. */
bool template_error(const Template *template, uint32_t at, Error *err, const char *format, ...) R1_PRINTF(4, 5);

/* Cuts template->source into tokens. The caller frees list->tokens, also after a failure. */
bool template_tokens(Template *template, TokenList *list, Error *err) R1_MUST_CHECK;

/* ---- parsing ---- */

typedef struct Parser {
    Template *template;
    const Token *token; /* the next one */
    Error *err;
    bool failed;
    int depth;
    const char *open[32]; /* the tags that wait for their end, for messages */
    int n_open, loop_depth;
    Node *macro; /* the one in hand */
} Parser;

enum { PARSER_MAX_DEPTH = 500 };

Node *parser_node(Parser *parser, NodeKind kind, uint32_t at);
void node_append(NodeList *list, Node *node);
Node *parser_fail(Parser *parser, uint32_t at, const char *format, ...) R1_PRINTF(3, 4); /* always NULL */
bool parser_enter(Parser *parser); /* one level deeper; false: too deep. parser->depth-- leaves it */
bool parser_at_word(const Parser *parser, const char *word);
bool parser_skip_word(Parser *parser, const char *word);
bool parser_at_operator(const Parser *parser, int operator);
bool parser_skip_operator(Parser *parser, int operator);
bool parser_expect_operator(Parser *parser, int operator);
const Name *parser_expect_name(Parser *parser);

/* template_parser.c. An expression; with a comma behind it a tuple where commas may stand. NULL: failed. */
Node *parser_expression(Parser *parser);
Node *parser_tuple(Parser *parser, bool conditional, const char *end_word);
Node *parser_or(Parser *parser);
Node *parser_target(Parser *parser, bool with_namespace, const char *end_word);
Node *parser_filters(Parser *parser, Node *value, bool at_name);
/* template_statements.c: a whole template. */
bool parser_template(Parser *parser, NodeList *body);

#endif
