/* SPDX-License-Identifier: MIT */
/* data/family_chain.c: families whose answer is the end of a chain of small facts: working it out pays.
 *
 *   sum    5+1+20+13=?                       expr   (6+2-3)*12=?
 *   mod    (7*8+5)*4 mod 6=?                 line   7*x+5=4*x+20, x=?
 *   clock  9:50+1:25=?
 *
 * Every number stays within 0..99, so that a very small model can learn the facts. */
#include "data/expression.h"
#include "data/family.h"

#include <string.h>

static void put_list(TextBuffer *out, const int64_t *v, int n)
{
    for (int i = 0; i < n; i++) {
        if (i > 0) text_put_char(out, ' ');
        text_put_int(out, v[i]);
    }
}

static void write_number(TextBuffer *out, const Problem *problem, const int *candidate, const int final[2])
{
    (void)problem, (void)candidate;
    text_put_int(out, final[0]);
}

/* ---- sum: values are the terms ---- */

static bool sum_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    p->n_values = p->level + 3;
    int64_t sorted[TASK_MAX_VALUES], total = 0;
    text_put(question, say(p, "", "请计算"));
    for (int i = 0; i < p->n_values; i++) {
        p->values[i] = draw_between(rng, 1, 12);
        sorted[i] = p->values[i];
        total += p->values[i];
        if (i > 0) text_put_char(question, '+');
        text_put_int(question, p->values[i]);
    }
    text_put(question, "=?");
    numbers_sort(sorted, p->n_values);
    put_list(check, sorted, p->n_values);
    return total <= VALUE_LIMIT;
}

static bool sum_walk(const Problem *p, const int *candidate, Walk *walk)
{
    (void)candidate;
    int total = p->values[0];
    for (int i = 1; i < p->n_values; i++)
        if (walk_step(walk, &total, total, '+', p->values[i])) return true;
    walk->final[0] = total;
    return false;
}

static Verdict sum_check(const Numbers *args, const char *answer, size_t length)
{
    int64_t total = 0;
    for (int i = 0; i < args->n; i++) total += args->v[i];
    return answer_is_integer(total, answer, length);
}

const Family family_sum = {
    .name = "sum",
    .summary = "add up four to eight numbers",
    .levels = 5,
    .train_levels = 3,
    .corpus_levels = 3,
    .draw = sum_draw,
    .walk = sum_walk,
    .write_answer = write_number,
    .check = sum_check,
    .canonical = canonical_integer,
};

/* ---- left-nested expressions: values[0] ops[1] values[1] ops[2] values[2] ..., evaluated from left to right ---- */

/* Writes it with the parentheses that precedence asks for. */
static void put_nested(TextBuffer *out, const int *values, const char *ops, int n)
{
    for (int i = 1; i + 1 < n; i++)
        if (ops[i] != '*' && ops[i + 1] == '*') text_put_char(out, '(');
    text_put_int(out, values[0]);
    for (int i = 1; i < n; i++) {
        text_put_char(out, ops[i]);
        text_put_int(out, values[i]);
        if (i + 1 < n && ops[i] != '*' && ops[i + 1] == '*') text_put_char(out, ')');
    }
}

/* The same with a first pair that commutes in order: the canonical form. */
static void put_nested_sorted(TextBuffer *out, const Problem *p, int n)
{
    int values[TASK_MAX_VALUES];
    for (int i = 0; i < n; i++) values[i] = p->values[i];
    if (p->ops[1] != '-' && values[0] > values[1]) {
        values[0] = p->values[1];
        values[1] = p->values[0];
    }
    put_nested(out, values, p->ops, n);
}

/* ---- expr ---- */

static bool expr_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    p->n_values = p->level + 3;
    int value = p->values[0] = draw_between(rng, 1, 9);
    for (int i = 1; i < p->n_values; i++) {
        const int number = draw_between(rng, 1, 9);
        const char op = "++-*"[rng_next_below(rng, 4)];
        p->values[i] = number;
        p->ops[i] = op;
        if (op == '*' && (number == 1 || value <= 1 || value > 10)) return false; /* products of the small table */
        value = step_result((Step){value, number, op});
        if (value < 0 || value > VALUE_LIMIT) return false;
    }
    text_put(question, say(p, "", "请计算"));
    put_nested(question, p->values, p->ops, p->n_values);
    text_put(question, "=?");
    put_nested_sorted(check, p, p->n_values);
    return true;
}

static bool expr_walk(const Problem *p, const int *candidate, Walk *walk)
{
    (void)candidate;
    int value = p->values[0];
    for (int i = 1; i < p->n_values; i++)
        if (walk_step(walk, &value, value, p->ops[i], p->values[i])) return true;
    walk->final[0] = value;
    return false;
}

static Verdict expr_check(const char *args, const char *answer, size_t length)
{
    Expression e;
    if (!expression_read(&e, args, strlen(args))) return VERDICT_UNDECIDED;
    return answer_is_integer(e.value, answer, length);
}

const Family family_expr = {
    .name = "expr",
    .summary = "evaluate an expression of three to seven operations",
    .levels = 5,
    .train_levels = 3,
    .corpus_levels = 3,
    .draw = expr_draw,
    .walk = expr_walk,
    .write_answer = write_number,
    .check_text = expr_check,
    .canonical = canonical_integer,
};

/* ---- mod: a left-nested expression, reduced whenever it reaches the modulus; target is the modulus ---- */

static bool mod_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    const int modulus = p->target = draw_between(rng, 3, 7);
    p->n_values = p->level + 2;
    int value = p->values[0] = draw_between(rng, 2, 9);
    for (int i = 1; i < p->n_values; i++) {
        p->values[i] = draw_between(rng, 2, 9);
        p->ops[i] = i % 2 == 1 ? '*' : '+';
        value = step_result((Step){value, p->values[i], p->ops[i]});
        if (value > VALUE_LIMIT || (i == 1 && value < modulus)) return false;
        value %= modulus;
    }
    text_put(question, say(p, "", "请计算"));
    put_nested(question, p->values, p->ops, p->n_values);
    text_put(question, wording(p->language, WORD_MOD));
    text_put_int(question, modulus);
    text_put(question, "=?");
    text_put_int(check, modulus);
    text_put_char(check, ' ');
    put_nested_sorted(check, p, p->n_values);
    return true;
}

static bool mod_walk(const Problem *p, const int *candidate, Walk *walk)
{
    (void)candidate;
    int value = p->values[0];
    for (int i = 1; i < p->n_values; i++) {
        if (walk_step(walk, &value, value, p->ops[i], p->values[i])) return true;
        if (value >= p->target && walk_step(walk, &value, value, '%', p->target)) return true;
    }
    walk->final[0] = value;
    return false;
}

static Verdict mod_check(const char *args, const char *answer, size_t length)
{
    size_t split = 0;
    Numbers modulus;
    Expression e;
    while (args[split] && args[split] != ' ') split++;
    if (!args[split] || !numbers_read(&modulus, args, split, 0) || modulus.n != 1 || modulus.v[0] < 1)
        return VERDICT_UNDECIDED;
    if (!expression_read(&e, args + split, strlen(args + split)) || e.value < 0) return VERDICT_UNDECIDED;
    return answer_is_integer(e.value % modulus.v[0], answer, length);
}

const Family family_mod = {
    .name = "mod",
    .summary = "products and sums modulo a small number",
    .levels = 5,
    .train_levels = 3,
    .corpus_levels = 3,
    .draw = mod_draw,
    .walk = mod_walk,
    .write_answer = write_number,
    .check_text = mod_check,
    .canonical = canonical_integer,
};

/* ---- line: p*x [+q*x] +b [+d] = [r*x+] e; values are p q r b d e, a part that is not there is 0, b may be negative ---- */

enum { LINE_P, LINE_Q, LINE_R, LINE_B, LINE_D, LINE_E, LINE_VALUES };

static void put_signed(TextBuffer *out, int value)
{
    if (value >= 0) text_put_char(out, '+');
    text_put_int(out, value);
}

static bool line_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    int *v = p->values;
    /* Level 1: x on both sides. 2: twice on the left. 3: and a second number there. 4: the same with a large x. */
    const int level = p->level, x = level == 4 ? draw_between(rng, 11, 20) : draw_between(rng, 1, 10);
    p->n_values = LINE_VALUES;
    v[LINE_P] = draw_between(rng, 2, 9);
    v[LINE_Q] = level >= 2 ? draw_between(rng, 2, 9) : 0;
    v[LINE_R] = draw_between(rng, 2, 9);
    v[LINE_B] = draw_between(rng, 1, 12);
    v[LINE_D] = level >= 3 ? draw_between(rng, 1, 12) : 0;
    const int slope = v[LINE_P] + v[LINE_Q] - v[LINE_R];
    v[LINE_E] = slope * x + v[LINE_B] + v[LINE_D];
    if (slope < 2 || slope * x > VALUE_LIMIT || v[LINE_E] < 1 || v[LINE_E] > VALUE_LIMIT) return false;

    text_put(question, say(p, "", "解方程"));
    text_put_int(question, v[LINE_P]);
    text_put(question, "*x");
    put_signed(question, v[LINE_B]);
    if (v[LINE_Q]) {
        put_signed(question, v[LINE_Q]);
        text_put(question, "*x");
    }
    if (v[LINE_D]) put_signed(question, v[LINE_D]);
    text_put_char(question, '=');
    if (v[LINE_R]) {
        text_put_int(question, v[LINE_R]);
        text_put(question, "*x+");
    }
    text_put_int(question, v[LINE_E]);
    text_put(question, ", x=?");

    int64_t args[LINE_VALUES];
    for (int i = 0; i < LINE_VALUES; i++) args[i] = v[i];
    if (v[LINE_Q]) numbers_sort(args + LINE_P, 2);
    if (v[LINE_D]) numbers_sort(args + LINE_B, 2);
    put_list(check, args, LINE_VALUES);
    return true;
}

static bool line_walk(const Problem *p, const int *candidate, Walk *walk)
{
    (void)candidate;
    const int *v = p->values;
    int slope = v[LINE_P], left = v[LINE_B], right = v[LINE_E];
    if (v[LINE_Q] && walk_step(walk, &slope, slope, '+', v[LINE_Q])) return true;
    if (v[LINE_R] && walk_step(walk, &slope, slope, '-', v[LINE_R])) return true;
    if (v[LINE_D] && walk_step(walk, &left, left, '+', v[LINE_D])) return true;
    if (walk_step(walk, &right, right, left < 0 ? '+' : '-', left < 0 ? -left : left)) return true;
    if (walk_step(walk, &right, right, '/', slope)) return true;
    walk->final[0] = right;
    return false;
}

static Verdict line_check(const Numbers *args, const char *answer, size_t length)
{
    const int64_t *v = args->v;
    if (args->n != LINE_VALUES) return VERDICT_UNDECIDED;
    const int64_t slope = v[LINE_P] + v[LINE_Q] - v[LINE_R], right = v[LINE_E] - v[LINE_B] - v[LINE_D];
    if (slope == 0 || right % slope != 0) return VERDICT_UNDECIDED;
    return answer_is_integer(right / slope, answer, length);
}

const Family family_line = {
    .name = "line",
    .summary = "solve a linear equation for x",
    .levels = 4,
    .train_levels = 3,
    .corpus_levels = 3,
    .draw = line_draw,
    .walk = line_walk,
    .write_answer = write_number,
    .check = line_check,
    .canonical = canonical_integer,
};

/* ---- clock: values are h0 m0 h1 m1 ...; times of day and durations added modulo 24 hours ---- */

enum { MINUTES_PER_HOUR = 60, HOURS_PER_DAY = 24 };

static void put_time(TextBuffer *out, int64_t hours, int64_t minutes)
{
    text_put_int(out, hours);
    text_put_char(out, ':');
    text_put_two_digits(out, minutes);
}

static bool clock_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    /* Level 1: hours and minutes. 2: past midnight. 3: three times. 4: three, past midnight. */
    const int level = p->level, n = level >= 3 ? 3 : 2;
    p->n_values = 2 * n;
    int64_t minutes[3];
    int64_t total = 0;
    text_put(question, say(p, "", "时间相加"));
    for (int i = 0; i < n; i++) {
        const int hours = draw_between(rng, 1, level % 2 == 0 ? 23 : 14);
        p->values[2 * i] = hours;
        p->values[2 * i + 1] = 5 * draw_between(rng, 1, 11);
        minutes[i] = hours * MINUTES_PER_HOUR + p->values[2 * i + 1];
        total += minutes[i];
        if (i > 0) text_put_char(question, '+');
        put_time(question, hours, p->values[2 * i + 1]);
    }
    text_put(question, "=?");
    numbers_sort(minutes, n);
    for (int i = 0; i < n; i++) {
        if (i > 0) text_put_char(check, ' ');
        put_time(check, minutes[i] / MINUTES_PER_HOUR, minutes[i] % MINUTES_PER_HOUR);
    }
    const int64_t days = total / (HOURS_PER_DAY * MINUTES_PER_HOUR);
    return level % 2 == 0 ? days >= 1 : days == 0;
}

static bool clock_walk(const Problem *p, const int *candidate, Walk *walk)
{
    (void)candidate;
    int hours = p->values[0], minutes = p->values[1];
    for (int i = 2; i < p->n_values; i += 2) {
        const int add_hours = p->values[i], add_minutes = p->values[i + 1];
        if (walk_step(walk, &minutes, minutes, '+', add_minutes)) return true;
        const bool carry = minutes >= MINUTES_PER_HOUR;
        if (carry && walk_step(walk, &minutes, minutes, '-', MINUTES_PER_HOUR)) return true;
        if (add_hours > 0 && walk_step(walk, &hours, hours, '+', add_hours)) return true;
        if (carry && walk_step(walk, &hours, hours, '+', 1)) return true;
        if (hours >= HOURS_PER_DAY && walk_step(walk, &hours, hours, '-', HOURS_PER_DAY)) return true;
    }
    walk->final[0] = hours;
    walk->final[1] = minutes;
    return false;
}

static void clock_write(TextBuffer *out, const Problem *problem, const int *candidate, const int final[2])
{
    (void)problem, (void)candidate;
    put_time(out, final[0], final[1]);
}

/* "h:mm" as minutes of the day; -1: not a time. */
static int64_t clock_read(const char *answer, size_t length)
{
    Numbers n;
    size_t colons = 0;
    for (size_t i = 0; i < length; i++) colons += answer[i] == ':';
    if (colons != 1 || !numbers_read(&n, answer, length, ':') || n.n != 2) return -1;
    if (n.v[0] < 0 || n.v[0] >= HOURS_PER_DAY || n.v[1] < 0 || n.v[1] >= MINUTES_PER_HOUR) return -1;
    return n.v[0] * MINUTES_PER_HOUR + n.v[1];
}

static Verdict clock_check(const char *args, const char *answer, size_t length)
{
    Numbers n;
    if (!numbers_read(&n, args, strlen(args), ':') || n.n % 2 != 0) return VERDICT_UNDECIDED;
    int64_t total = 0;
    for (int i = 0; i < n.n; i += 2) total += n.v[i] * MINUTES_PER_HOUR + n.v[i + 1];
    if (total < 0) return VERDICT_UNDECIDED;
    return clock_read(answer, length) == total % (HOURS_PER_DAY * MINUTES_PER_HOUR) ? VERDICT_RIGHT : VERDICT_WRONG;
}

static bool clock_canonical(const Numbers *args, const char *answer, size_t length, TextBuffer *out)
{
    (void)args;
    const int64_t minutes = clock_read(answer, length);
    if (minutes < 0) return false;
    put_time(out, minutes / MINUTES_PER_HOUR, minutes % MINUTES_PER_HOUR);
    return true;
}

const Family family_clock = {
    .name = "clock",
    .summary = "add times of day and durations",
    .levels = 4,
    .train_levels = 3,
    .corpus_levels = 3,
    .draw = clock_draw,
    .walk = clock_walk,
    .write_answer = clock_write,
    .check_text = clock_check,
    .canonical = clock_canonical,
};
