/* SPDX-License-Identifier: MIT */
/* data/expression.h: integer expressions of numbers, + - * and parentheses, with the usual precedence. */
#ifndef R1_DATA_EXPRESSION_H
#define R1_DATA_EXPRESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { EXPRESSION_MAX_NUMBERS = 24, EXPRESSION_MAX_DEPTH = 32 };

typedef struct Expression {
    int64_t value;
    int64_t numbers[EXPRESSION_MAX_NUMBERS]; /* the literals, in order of appearance */
    int n_numbers;
} Expression;

/* False on anything that is not one whole expression: other characters, a unary sign, a literal of more than 9 digits, too
 * many literals, nesting deeper than EXPRESSION_MAX_DEPTH, or a value outside 64 bits. Spaces between tokens are fine. */
bool expression_read(Expression *expression, const char *text, size_t length);

#endif
