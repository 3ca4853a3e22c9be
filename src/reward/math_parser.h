/* SPDX-License-Identifier: MIT */
/* reward/math_parser.h: what math_parse.c (lists, sets, relations) and math_parse_term.c (expressions) share. */
#ifndef R1_REWARD_MATH_PARSER_H
#define R1_REWARD_MATH_PARSER_H

#include "reward/math_lex.h"

#include <string.h>

typedef struct Parser {
    MathPool *pool;
    const Tokens *tokens;
    int32_t at;     /* the token to be read */
    int32_t letter; /* letters of it (or digits) that are read already */
    int depth;
    int bars;      /* | that are open */
    int set_depth; /* \{ that are open: there a | after an expression divides */
    bool failed;
    const char *why; /* why it failed first */
} Parser;

static inline const Token *math_parser_token(const Parser *p)
{
    return &p->tokens->at[p->at];
}

static inline bool token_is_sign(const Token *t, char c)
{
    return t->kind == TOKEN_SIGN && t->text[0] == c;
}

static inline bool token_is_command(const Token *t, const char *name)
{
    return t->kind == TOKEN_COMMAND && strlen(name) == (size_t)t->length && memcmp(t->text, name, strlen(name)) == 0;
}

/* A command among these: names with a space at both ends. */
bool math_token_is_among(const Token *t, const char *names);

/* All parsing functions return a node, one that means nothing after a failure; p->failed says so. */
MathNode *math_parser_fail(Parser *p, const char *why);
bool math_parser_take_sign(Parser *p, char c);
bool math_parser_take_command(Parser *p, const char *name);
void math_parser_expect_sign(Parser *p, char c);
/* Counts how deep the reading is; false, and failed, when too deep. Every math_parser_enter that succeeds has its math_parser_leave. */
bool math_parser_enter(Parser *p);
void math_parser_leave(Parser *p);

MathNode *math_parse_sum(Parser *p);     /* math_parse_term.c: terms joined by + and - */
MathNode *math_parse_sets(Parser *p);    /* math_parse.c: sums and brackets joined by \cup, \cap, \setminus */
MathNode *math_parse_bracket(Parser *p); /* math_parse.c: ( [ \{ \langle and what is inside */
MathNode *math_parse_matrix(Parser *p);  /* math_parse.c: behind \begin */
/* The tokens from at on are a unit: where it, and the element, ends; `at` when they are none. */
int32_t math_parser_unit_follows(const Parser *p, int32_t at, const char **unit, int32_t *n_unit);
bool math_parser_starts_factor(const Parser *p);

#endif
