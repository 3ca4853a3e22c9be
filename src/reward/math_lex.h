/* SPDX-License-Identifier: MIT */
/* reward/math_lex.h: an answer's characters as tokens.
 *
 * Two steps: math_spell writes LaTeX dressing and Unicode out in ASCII (other digits, superscripts, signs, vulgar fractions;
 * dollars as delimiters or as money), math_lex cuts that into tokens. Nothing here knows grammar. */
#ifndef R1_REWARD_MATH_LEX_H
#define R1_REWARD_MATH_LEX_H

#include "reward/math_tree.h"

typedef enum TokenKind {
    TOKEN_END,
    TOKEN_NUMBER, /* digits, a point, groups of three taken together: text has digits and '.' alone, perhaps an exponent */
    TOKEN_LETTERS, /* a run of letters */
    TOKEN_COMMAND, /* text: the name without backslash */
    TOKEN_ROW,     /* \\ */
    TOKEN_SIGN,    /* one character, in text[0] */
} TokenKind;

typedef struct Token {
    uint8_t kind;
    bool spaced;  /* white space in front of it */
    bool in_text; /* inside \text{...} or its like */
    bool grouped; /* a number that was written with thousands marks */
    int32_t length;
    const char *text;
    const char *source; /* where it begins in the spelled-out text */
} Token;

enum { MATH_MAX_TOKENS = 4000, MATH_LOOK_AHEAD = 8 };

typedef struct Tokens {
    Token at[MATH_MAX_TOKENS + MATH_LOOK_AHEAD]; /* behind the last stand MATH_LOOK_AHEAD of TOKEN_END */
    int32_t n;
} Tokens;

/* false: does not fit. *spelled lives in the pool. */
bool math_spell(MathPool *pool, const char *text, size_t length, const char **spelled, size_t *n_spelled);
bool math_lex(MathPool *pool, const char *spelled, size_t length, Tokens *tokens);

static inline bool math_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline bool math_is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}
static inline bool math_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

#endif
