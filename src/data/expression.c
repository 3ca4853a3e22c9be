/* SPDX-License-Identifier: MIT */
/* data/expression.c: recursive descent over
 *   sum = product (("+" | "-") product)*     product = atom ("*" atom)*     atom = number | "(" sum ")" */
#include "data/expression.h"

typedef struct Parser {
    const char *at, *end;
    Expression *expression;
    int depth;
} Parser;

static void skip_spaces(Parser *p)
{
    while (p->at < p->end && *p->at == ' ') p->at++;
}

/* The next token is c: takes it. */
static bool take(Parser *p, char c)
{
    skip_spaces(p);
    if (p->at == p->end || *p->at != c) return false;
    p->at++;
    return true;
}

static bool read_sum(Parser *p, int64_t *value);

static bool read_atom(Parser *p, int64_t *value)
{
    if (take(p, '(')) {
        if (++p->depth > EXPRESSION_MAX_DEPTH) return false;
        const bool ok = read_sum(p, value) && take(p, ')');
        p->depth--;
        return ok;
    }
    int digits = 0;
    *value = 0;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++, digits++) {
        if (digits == 9) return false;
        *value = *value * 10 + (*p->at - '0');
    }
    Expression *e = p->expression;
    if (digits == 0 || e->n_numbers == EXPRESSION_MAX_NUMBERS) return false;
    e->numbers[e->n_numbers++] = *value;
    return true;
}

static bool read_product(Parser *p, int64_t *value)
{
    if (!read_atom(p, value)) return false;
    while (take(p, '*')) {
        int64_t factor;
        if (!read_atom(p, &factor) || __builtin_mul_overflow(*value, factor, value)) return false;
    }
    return true;
}

static bool read_sum(Parser *p, int64_t *value)
{
    if (!read_product(p, value)) return false;
    for (;;) {
        int64_t term;
        if (take(p, '+')) {
            if (!read_product(p, &term) || __builtin_add_overflow(*value, term, value)) return false;
        } else if (take(p, '-')) {
            if (!read_product(p, &term) || __builtin_sub_overflow(*value, term, value)) return false;
        } else {
            return true;
        }
    }
}

bool expression_read(Expression *expression, const char *text, size_t length)
{
    expression->n_numbers = 0;
    Parser p = {.at = text, .end = text + length, .expression = expression};
    if (!read_sum(&p, &expression->value)) return false;
    skip_spaces(&p);
    return p.at == p.end;
}
