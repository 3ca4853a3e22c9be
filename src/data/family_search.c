/* SPDX-License-Identifier: MIT */
/* data/family_search.c: families whose answer is easier to verify than to find: checking a try and going on pays.
 *
 *   make     make 24 from 3 7 5                        try 3+7=10, 10*5=50 not 24
 *   pick     pick two of 9 15 21 33 with sum 36        try 9+21=30 not 36
 *   gap      pick two of 9 15 21 33 with difference 6  try 21-15=6 right
 *   pay      pay 58 with 5 7                           try 6*5=30, 4*7=28, 30+28=58 right
 *   residue  (7*x+4) mod 9=3, x=?                      try 7*4=28, 28+4=32, 32 mod 9=5 not 3
 *
 * The verdict on a try is an equality with a number of the question, which a small model can see; the last result of the walk
 * is what is compared. */
#include "data/expression.h"
#include "data/family.h"

static void put_list(TextBuffer *out, const int *v, int n)
{
    for (int i = 0; i < n; i++) {
        if (i > 0) text_put_char(out, ' ');
        text_put_int(out, v[i]);
    }
}

/* The values in ascending order: a canonical form where the order of the question does not matter. */
static void put_sorted(TextBuffer *out, const int *v, int n)
{
    int64_t sorted[TASK_MAX_VALUES];
    for (int i = 0; i < n; i++) sorted[i] = v[i];
    numbers_sort(sorted, n);
    for (int i = 0; i < n; i++) {
        text_put_char(out, ' ');
        text_put_int(out, sorted[i]);
    }
}

static bool put_numbers(TextBuffer *out, const Numbers *n)
{
    for (int i = 0; i < n->n; i++) {
        if (i > 0) text_put_char(out, ' ');
        text_put_int(out, n->v[i]);
    }
    return !out->full;
}

/* ---- make: values are the numbers; candidate[i] is the operation before values[i], from left to right ---- */

static bool make_draw_ops(const Problem *p, RngSequence *rng, int *candidate, int *value)
{
    *value = p->values[0];
    candidate[0] = 0;
    for (int i = 1; i < p->n_values; i++) {
        candidate[i] = "+-*"[rng_next_below(rng, 3)];
        if (candidate[i] == '*' && *value > 12) return false; /* products that a small model can know */
        *value = step_result((Step){*value, p->values[i], (char)candidate[i]});
        if (*value < 0 || *value > VALUE_LIMIT) return false;
    }
    return true;
}

static bool make_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    /* Level 1: three numbers to 9. 2: to 12. 3: to 15. 4: four numbers to 9. 5: five. */
    static const int counts[] = {3, 3, 3, 4, 5}, highs[] = {9, 12, 15, 9, 9}, lows[] = {1, 10, 13, 1, 1};
    const int high = highs[p->level - 1], low = lows[p->level - 1];
    int most = 0, value = 0;
    p->n_values = counts[p->level - 1];
    for (int i = 0; i < p->n_values; i++) {
        p->values[i] = draw_between(rng, 1, high);
        if (p->values[i] > most) most = p->values[i];
    }
    if (most < low) return false;
    if (!make_draw_ops(p, rng, p->solution, &value) || value < 10) return false;
    p->target = value;
    text_put(question, say(p, "make ", "凑出"));
    text_put_int(question, p->target);
    text_put(question, say(p, " from ", "，用"));
    put_list(question, p->values, p->n_values);
    text_put_int(check, p->target);
    put_sorted(check, p->values, p->n_values);
    return true;
}

static bool make_walk(const Problem *p, const int *candidate, Walk *walk)
{
    int value = p->values[0];
    for (int i = 1; i < p->n_values; i++)
        if (walk_step(walk, &value, value, (char)candidate[i], p->values[i])) return true;
    walk->final[0] = value;
    return false;
}

static void make_guess(const Problem *p, RngSequence *rng, int *candidate)
{
    int value;
    for (int i = 0; i < 64; i++)
        if (make_draw_ops(p, rng, candidate, &value)) return;
    for (int i = 0; i < p->n_values; i++) candidate[i] = p->solution[i];
}

/* ((3+7)*5)-2: every pair in parentheses, so that the steps can be read off. */
static void make_write(TextBuffer *out, const Problem *p, const int *candidate, const int final[2])
{
    (void) final;
    for (int i = 2; i < p->n_values; i++) text_put_char(out, '(');
    text_put_int(out, p->values[0]);
    for (int i = 1; i < p->n_values; i++) {
        text_put_char(out, (char)candidate[i]);
        text_put_int(out, p->values[i]);
        if (i + 1 < p->n_values) text_put_char(out, ')');
    }
}

static Verdict make_check(const Numbers *args, const char *answer, size_t length)
{
    Expression e;
    int64_t given[FAMILY_MAX_NUMBERS];
    if (args->n < 3) return VERDICT_UNDECIDED;
    if (!expression_read(&e, answer, length) || e.value != args->v[0] || e.n_numbers != args->n - 1)
        return VERDICT_WRONG;
    for (int i = 1; i < args->n; i++) given[i - 1] = args->v[i];
    numbers_sort(given, e.n_numbers);
    numbers_sort(e.numbers, e.n_numbers);
    for (int i = 0; i < e.n_numbers; i++)
        if (e.numbers[i] != given[i]) return VERDICT_WRONG;
    return VERDICT_RIGHT;
}

/* Two texts of one expression are one vote; two expressions are two, even of the same value. */
static bool make_canonical(const Numbers *args, const char *answer, size_t length, TextBuffer *out)
{
    (void)args;
    Expression e;
    if (!expression_read(&e, answer, length)) return false;
    for (size_t i = 0; i < length; i++)
        if (answer[i] != ' ') text_put_char(out, answer[i]);
    return !out->full;
}

const Family family_make = {
    .name = "make",
    .summary = "make a number from three to five others with + - * (countdown)",
    .search = true,
    .levels = 5,
    .train_levels = 3,
    .corpus_levels = 3,
    .draw = make_draw,
    .walk = make_walk,
    .guess = make_guess,
    .write_answer = make_write,
    .check = make_check,
    .canonical = make_canonical,
};

/* ---- pick and gap: values are the list; candidate holds two or three indices ---- */

/* k different indices below n, as in a draw from a bag. */
static void draw_indices(RngSequence *rng, int *indices, int k, int n)
{
    for (int i = 0; i < k; i++) {
        bool again = true;
        while (again) {
            indices[i] = draw_between(rng, 0, n - 1);
            again = false;
            for (int j = 0; j < i; j++) again = again || indices[j] == indices[i];
        }
    }
}

static bool draw_list(Problem *p, RngSequence *rng, int n, int high)
{
    p->n_values = n;
    for (int i = 0; i < n; i++) {
        p->values[i] = draw_between(rng, 1, high);
        for (int j = 0; j < i; j++)
            if (p->values[j] == p->values[i]) return false;
    }
    return true;
}

static int pick_count(const Problem *p)
{
    static const int counts[] = {2, 2, 2, 3, 2};
    return counts[p->level - 1];
}

static bool pick_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    static const int sizes[] = {4, 5, 6, 5, 9};
    const int k = pick_count(p);
    if (!draw_list(p, rng, sizes[p->level - 1], k == 2 ? 30 : 20)) return false;
    draw_indices(rng, p->solution, k, p->n_values);
    p->target = 0;
    for (int i = 0; i < k; i++) p->target += p->values[p->solution[i]];
    text_put(question, say(p, k == 2 ? "pick two of " : "pick three of ", "从"));
    put_list(question, p->values, p->n_values);
    text_put(question, say(p, " with sum ", k == 2 ? "选两个和为" : "选三个和为"));
    text_put_int(question, p->target);
    text_put_int(check, k);
    text_put_char(check, ' ');
    text_put_int(check, p->target);
    put_sorted(check, p->values, p->n_values);
    return true;
}

static bool pick_walk(const Problem *p, const int *candidate, Walk *walk)
{
    int total = p->values[candidate[0]];
    for (int i = 1; i < pick_count(p); i++)
        if (walk_step(walk, &total, total, '+', p->values[candidate[i]])) return true;
    walk->final[0] = total;
    return false;
}

static void pick_guess(const Problem *p, RngSequence *rng, int *candidate)
{
    draw_indices(rng, candidate, pick_count(p), p->n_values);
}

static void pick_write(TextBuffer *out, const Problem *p, const int *candidate, const int final[2])
{
    (void) final;
    for (int i = 0; i < pick_count(p); i++) {
        if (i > 0) text_put_char(out, ' ');
        text_put_int(out, p->values[candidate[i]]);
    }
}

/* Every chosen number is taken from the list once. args: two leading numbers, then the list. */
static bool chosen_from_list(const Numbers *chosen, const Numbers *args)
{
    bool taken[FAMILY_MAX_NUMBERS] = {false};
    for (int i = 0; i < chosen->n; i++) {
        int found = -1;
        for (int j = 2; j < args->n; j++)
            if (!taken[j] && args->v[j] == chosen->v[i]) found = j;
        if (found < 0) return false;
        taken[found] = true;
    }
    return true;
}

static Verdict pick_check(const Numbers *args, const char *answer, size_t length)
{
    Numbers chosen;
    int64_t total = 0;
    if (args->n < 3 || args->v[0] < 1 || args->v[0] > args->n - 2) return VERDICT_UNDECIDED;
    if (!numbers_read(&chosen, answer, length, 0) || chosen.n != args->v[0]) return VERDICT_WRONG;
    for (int i = 0; i < chosen.n; i++) total += chosen.v[i];
    return total == args->v[1] && chosen_from_list(&chosen, args) ? VERDICT_RIGHT : VERDICT_WRONG;
}

static bool sorted_canonical(const Numbers *args, const char *answer, size_t length, TextBuffer *out)
{
    (void)args;
    Numbers n;
    if (!numbers_read(&n, answer, length, 0)) return false;
    numbers_sort(n.v, n.n);
    return put_numbers(out, &n);
}

const Family family_pick = {
    .name = "pick",
    .target_arg = 1,
    .summary = "pick two or three of a list with a given sum",
    .search = true,
    .levels = 5,
    .train_levels = 3,
    .corpus_levels = 3,
    .draw = pick_draw,
    .walk = pick_walk,
    .guess = pick_guess,
    .write_answer = pick_write,
    .check = pick_check,
    .canonical = sorted_canonical,
};

static void larger_first(const Problem *p, int *candidate)
{
    if (p->values[candidate[0]] >= p->values[candidate[1]]) return;
    const int smaller = candidate[0];
    candidate[0] = candidate[1];
    candidate[1] = smaller;
}

static void gap_guess(const Problem *p, RngSequence *rng, int *candidate)
{
    draw_indices(rng, candidate, 2, p->n_values);
    larger_first(p, candidate);
}

enum { GAP_LIMIT = 40 };

static bool gap_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    if (!draw_list(p, rng, p->level + 3, GAP_LIMIT)) return false;
    gap_guess(p, rng, p->solution);
    p->target = p->values[p->solution[0]] - p->values[p->solution[1]];
    text_put(question, say(p, "pick two of ", "从"));
    put_list(question, p->values, p->n_values);
    text_put(question, say(p, " with difference ", "选两个差为"));
    text_put_int(question, p->target);
    text_put(check, "2 ");
    text_put_int(check, p->target);
    put_sorted(check, p->values, p->n_values);
    return true;
}

static bool gap_walk(const Problem *p, const int *candidate, Walk *walk)
{
    int difference = 0;
    if (walk_step(walk, &difference, p->values[candidate[0]], '-', p->values[candidate[1]])) return true;
    walk->final[0] = difference;
    return false;
}

static void gap_write(TextBuffer *out, const Problem *p, const int *candidate, const int final[2])
{
    (void) final;
    text_put_int(out, p->values[candidate[0]]);
    text_put_char(out, ' ');
    text_put_int(out, p->values[candidate[1]]);
}

static Verdict gap_check(const Numbers *args, const char *answer, size_t length)
{
    Numbers chosen;
    if (args->n < 4 || args->v[0] != 2) return VERDICT_UNDECIDED;
    if (!numbers_read(&chosen, answer, length, 0) || chosen.n != 2) return VERDICT_WRONG;
    const int64_t difference = chosen.v[0] - chosen.v[1];
    const bool equal = difference == args->v[1] || -difference == args->v[1];
    return equal && chosen_from_list(&chosen, args) ? VERDICT_RIGHT : VERDICT_WRONG;
}

const Family family_gap = {
    .name = "gap",
    .target_arg = 1,
    .summary = "pick two of a list with a given difference",
    .search = true,
    .levels = 5,
    .train_levels = 3,
    .corpus_levels = 3,
    .draw = gap_draw,
    .walk = gap_walk,
    .guess = gap_guess,
    .write_answer = gap_write,
    .check = gap_check,
    .canonical = sorted_canonical,
};

/* ---- pay: values are the coins, ascending; candidate holds how many of each ---- */

static bool pay_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    /* Level 1: two coins to 7. 2: the larger is 8 or 9. 3: 10 to 12. 4: three coins. 5: four. */
    static const int coins[] = {2, 2, 2, 3, 4}, highs[] = {7, 9, 12, 9, 9}, lows[] = {3, 8, 10, 4, 5};
    const int level = p->level, n = coins[level - 1];
    int previous = 1;
    p->n_values = n;
    p->target = 0;
    for (int i = 0; i < n; i++) {
        const int coin = draw_between(rng, 2, highs[level - 1]);
        if (coin <= previous) return false;
        previous = p->values[i] = coin;
        p->solution[i] = draw_between(rng, 1, n == 2 ? 9 : 5);
        p->target += coin * p->solution[i];
    }
    if (p->target > VALUE_LIMIT || previous < lows[level - 1]) return false;
    text_put(question, say(p, "pay ", "付出"));
    text_put_int(question, p->target);
    text_put(question, say(p, " with ", "，用硬币"));
    put_list(question, p->values, n);
    text_put_int(check, p->target);
    text_put_char(check, ' ');
    put_list(check, p->values, n);
    return true;
}

static bool pay_walk(const Problem *p, const int *candidate, Walk *walk)
{
    int total = 0;
    for (int i = 0; i < p->n_values; i++) {
        int product = 0;
        if (walk_step(walk, &product, candidate[i], '*', p->values[i])) return true;
        if (i == 0)
            total = product;
        else if (walk_step(walk, &total, total, '+', product))
            return true;
    }
    walk->final[0] = total;
    return false;
}

/* The last coin comes as near as it can: a try that nearly pays is more like a person's than any counts at all. */
static void pay_guess(const Problem *p, RngSequence *rng, int *candidate)
{
    int rest = p->target;
    for (int i = 0; i + 1 < p->n_values; i++) {
        const int most = (rest - 1) / p->values[i];
        candidate[i] = draw_between(rng, 1, most < 1 ? 1 : most > 9 ? 9 : most);
        rest -= candidate[i] * p->values[i];
    }
    const int coin = p->values[p->n_values - 1], nearest = (2 * rest + coin) / (2 * coin);
    candidate[p->n_values - 1] = rest < coin || nearest < 1 ? 1 : nearest;
}

static void pay_write(TextBuffer *out, const Problem *p, const int *candidate, const int final[2])
{
    (void) final;
    put_list(out, candidate, p->n_values);
}

static Verdict pay_check(const Numbers *args, const char *answer, size_t length)
{
    Numbers counts;
    int64_t total = 0;
    if (args->n < 2) return VERDICT_UNDECIDED;
    if (!numbers_read(&counts, answer, length, 0) || counts.n != args->n - 1) return VERDICT_WRONG;
    for (int i = 0; i < counts.n; i++) {
        int64_t product;
        if (counts.v[i] < 0 || __builtin_mul_overflow(counts.v[i], args->v[i + 1], &product)) return VERDICT_WRONG;
        if (__builtin_add_overflow(total, product, &total)) return VERDICT_WRONG;
    }
    return total == args->v[0] ? VERDICT_RIGHT : VERDICT_WRONG;
}

static bool plain_canonical(const Numbers *args, const char *answer, size_t length, TextBuffer *out)
{
    (void)args;
    Numbers n;
    return numbers_read(&n, answer, length, 0) && put_numbers(out, &n);
}

const Family family_pay = {
    .name = "pay",
    .summary = "pay a sum exactly with two to four kinds of coin",
    .search = true,
    .levels = 5,
    .train_levels = 3,
    .corpus_levels = 3,
    .draw = pay_draw,
    .walk = pay_walk,
    .guess = pay_guess,
    .write_answer = pay_write,
    .check = pay_check,
    .canonical = plain_canonical,
};

/* ---- residue: (a*x+b)*c mod m = target; values are a b c m, c = 1 when it is not written ---- */

enum { RESIDUE_A, RESIDUE_B, RESIDUE_C, RESIDUE_M, RESIDUE_VALUES };

static int residue_most(const Problem *p)
{
    const int *v = p->values;
    const int most = (VALUE_LIMIT / v[RESIDUE_C] - v[RESIDUE_B]) / v[RESIDUE_A];
    return most < v[RESIDUE_M] ? most : v[RESIDUE_M];
}

static bool residue_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    static const int low[] = {5, 7, 9, 11, 5}, high[] = {6, 8, 10, 12, 8};
    const int level = p->level;
    int *v = p->values;
    p->n_values = RESIDUE_VALUES;
    v[RESIDUE_A] = draw_between(rng, 2, 9);
    v[RESIDUE_B] = draw_between(rng, 1, level == 5 ? 9 : 15);
    v[RESIDUE_C] = level == 5 ? draw_between(rng, 2, 3) : 1;
    v[RESIDUE_M] = draw_between(rng, low[level - 1], high[level - 1]);
    const int most = residue_most(p);
    if (most < 5 || v[RESIDUE_A] % v[RESIDUE_M] == 0) return false;
    p->solution[0] = draw_between(rng, 1, most);
    p->target = (v[RESIDUE_A] * p->solution[0] + v[RESIDUE_B]) * v[RESIDUE_C] % v[RESIDUE_M];

    text_put(question, say(p, "(", "求x使("));
    text_put_int(question, v[RESIDUE_A]);
    text_put(question, "*x+");
    text_put_int(question, v[RESIDUE_B]);
    text_put_char(question, ')');
    if (v[RESIDUE_C] > 1) {
        text_put_char(question, '*');
        text_put_int(question, v[RESIDUE_C]);
    }
    text_put(question, wording(p->language, WORD_MOD));
    text_put_int(question, v[RESIDUE_M]);
    text_put_char(question, '=');
    text_put_int(question, p->target);
    text_put(question, say(p, ", x=?", ""));
    text_put_int(check, p->target);
    text_put_char(check, ' ');
    put_list(check, v, RESIDUE_VALUES);
    return true;
}

static bool residue_walk(const Problem *p, const int *candidate, Walk *walk)
{
    const int *v = p->values;
    int value = 0;
    if (walk_step(walk, &value, v[RESIDUE_A], '*', candidate[0])) return true;
    if (walk_step(walk, &value, value, '+', v[RESIDUE_B])) return true;
    if (v[RESIDUE_C] > 1 && walk_step(walk, &value, value, '*', v[RESIDUE_C])) return true;
    if (walk_step(walk, &value, value, '%', v[RESIDUE_M])) return true;
    walk->final[0] = value;
    return false;
}

static void residue_guess(const Problem *p, RngSequence *rng, int *candidate)
{
    candidate[0] = draw_between(rng, 1, residue_most(p));
}

static void residue_write(TextBuffer *out, const Problem *p, const int *candidate, const int final[2])
{
    (void)p, (void) final;
    text_put_int(out, candidate[0]);
}

static Verdict residue_check(const Numbers *args, const char *answer, size_t length)
{
    const int64_t *v = args->v + 1;
    int64_t x, value;
    if (args->n != 1 + RESIDUE_VALUES || v[RESIDUE_M] < 1) return VERDICT_UNDECIDED;
    if (!answer_integer(answer, length, &x) || x < 0) return VERDICT_WRONG;
    if (__builtin_mul_overflow(v[RESIDUE_A], x, &value) || __builtin_add_overflow(value, v[RESIDUE_B], &value) ||
        __builtin_mul_overflow(value, v[RESIDUE_C], &value))
        return VERDICT_UNDECIDED;
    return value % v[RESIDUE_M] == args->v[0] ? VERDICT_RIGHT : VERDICT_WRONG;
}

const Family family_residue = {
    .name = "residue",
    .summary = "find x whose multiple leaves a given remainder",
    .search = true,
    .levels = 5,
    .train_levels = 3,
    .corpus_levels = 3,
    .draw = residue_draw,
    .walk = residue_walk,
    .guess = residue_guess,
    .write_answer = residue_write,
    .check = residue_check,
    .canonical = canonical_integer,
};
