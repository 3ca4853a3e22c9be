/* SPDX-License-Identifier: MIT */
/* data/family.c: what the families share: steps, walks, lists of numbers, answers that are one integer. */
#include "data/family.h"

int draw_between(RngSequence *rng, int low, int high)
{
    return (int)rng_next_between(rng, low, high);
}

static int floor_div(int a, int b)
{
    if (b == 0) return 0;
    const int q = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

int step_result(Step step)
{
    switch (step.op) {
    case '+':
        return step.left + step.right;
    case '-':
        return step.left - step.right;
    case '*':
        return step.left * step.right;
    case '/':
        return floor_div(step.left, step.right);
    default:
        return step.right == 0 ? 0 : step.left - floor_div(step.left, step.right) * step.right;
    }
}

const char *say(const Problem *problem, const char *en, const char *zh)
{
    return problem->language == TASK_ZH ? zh : en;
}

void step_write(TextBuffer *out, Step step, int result, const char *mod)
{
    text_put_int(out, step.left);
    if (step.op == '%')
        text_put(out, mod);
    else
        text_put_char(out, step.op);
    text_put_int(out, step.right);
    text_put_char(out, '=');
    text_put_int(out, result);
}

bool walk_step(Walk *walk, int *value, int left, char op, int right)
{
    if (walk->used == walk->n_results) {
        walk->due = (Step){.left = left, .right = right, .op = op};
        return true;
    }
    *value = walk->results[walk->used++];
    return false;
}

void family_solve(const Family *family, const Problem *problem, const int *candidate, Walk *walk)
{
    walk->n_results = walk->used = 0;
    while (family->walk(problem, candidate, walk) && walk->n_results < FAMILY_MAX_STEPS) {
        walk->results[walk->n_results++] = step_result(walk->due);
        walk->used = 0;
    }
}

static bool is_separator(char c, char separator)
{
    return c == ' ' || c == ',' || c == '\t' || c == '\n' || (separator && c == separator);
}

bool numbers_read(Numbers *numbers, const char *text, size_t length, char separator)
{
    numbers->n = 0;
    for (size_t i = 0; i < length;) {
        if (is_separator(text[i], separator)) {
            i++;
            continue;
        }
        const bool negative = text[i] == '-';
        if (negative) i++;
        int64_t value = 0;
        int digits = 0;
        for (; i < length && text[i] >= '0' && text[i] <= '9'; i++, digits++) {
            if (digits == 9) return false;
            value = value * 10 + (text[i] - '0');
        }
        if (digits == 0 || numbers->n == FAMILY_MAX_NUMBERS) return false;
        if (i < length && !is_separator(text[i], separator)) return false;
        numbers->v[numbers->n++] = negative ? -value : value;
    }
    return numbers->n > 0;
}

/* Insertion: lists have a dozen entries. */
void numbers_sort(int64_t *v, int n)
{
    for (int i = 1; i < n; i++) {
        const int64_t value = v[i];
        int j = i;
        for (; j > 0 && v[j - 1] > value; j--) v[j] = v[j - 1];
        v[j] = value;
    }
}

bool answer_integer(const char *answer, size_t length, int64_t *value)
{
    Numbers n;
    if (!numbers_read(&n, answer, length, 0) || n.n != 1) return false;
    *value = n.v[0];
    return true;
}

Verdict answer_is_integer(int64_t expected, const char *answer, size_t length)
{
    int64_t value;
    return answer_integer(answer, length, &value) && value == expected ? VERDICT_RIGHT : VERDICT_WRONG;
}

bool canonical_integer(const Numbers *args, const char *answer, size_t length, TextBuffer *out)
{
    (void)args;
    int64_t value;
    if (!answer_integer(answer, length, &value)) return false;
    text_put_int(out, value);
    return !out->full;
}
