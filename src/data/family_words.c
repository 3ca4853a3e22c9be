/* SPDX-License-Identifier: MIT */
/* data/family_words.c: word problems in everyday English, for models that read it: a start, some events, a question.
 *
 *   Mia has 4 boxes with 6 pencils in each. Mia gives 5 pencils to Tom. How many pencils does Mia have now?
 *
 * The level is the number of operations. values[0] ops[1] values[1] ops[2] values[2] ... is worked from left to right. No part
 * of the embedded world: its base model never saw such text. */
#include "data/family.h"

#include <string.h>

enum { MOST_HELD = 60, MOST_IN_EVENT = 20, MOST_FACTOR = 9, MOST_SHARES = 5 };

static const char *const names[] = {"Tom",  "Mia",  "Ben",  "Anna", "Sam",  "Lucy",
                                    "Omar", "Nora", "Ivan", "Rosa", "Jack", "Emma"};
static const char *const things[] = {"apples",  "marbles", "stickers", "coins",  "books",   "pencils",
                                     "cookies", "cards",   "shells",   "stamps", "buttons", "balloons"};
static const char *const holders[] = {"boxes", "bags", "baskets", "packs"};

/* Sentences with marks: $ who, & somebody else, * the things, @ what holds them, # a number. */
static const char *const gains[] = {" $ finds # more *.", " $ buys # more *.", " & gives $ # *.",
                                    " $ wins # * in a game.", " $ gets # * as a present."};
static const char *const losses[] = {" $ gives # * to &.", " $ loses # *.", " $ sells # *.", " $ leaves # * with &."};
static const char *const shares[] = {" $ shares all * equally among # friends. How many * does each friend get?",
                                     " $ puts all * into # equal piles. How many * are in each pile?"};

typedef struct Story {
    const char *who, *other, *thing, *holder;
} Story;

#define COUNT_OF(array) ((int64_t)(sizeof(array) / sizeof *(array)))

static void tell(TextBuffer *out, const char *sentence, const Story *story, const int *numbers)
{
    for (; *sentence; sentence++) {
        switch (*sentence) {
        case '$':
            text_put(out, story->who);
            break;
        case '&':
            text_put(out, story->other);
            break;
        case '*':
            text_put(out, story->thing);
            break;
        case '@':
            text_put(out, story->holder);
            break;
        case '#':
            text_put_int(out, *numbers++);
            break;
        default:
            text_put_char(out, *sentence);
            break;
        }
    }
}

static Story draw_story(RngSequence *rng)
{
    const int64_t who = rng_next_below(rng, COUNT_OF(names));
    const int64_t other = (who + 1 + rng_next_below(rng, COUNT_OF(names) - 1)) % COUNT_OF(names);
    const int64_t thing = rng_next_below(rng, COUNT_OF(things)), holder = rng_next_below(rng, COUNT_OF(holders));
    return (Story){names[who], names[other], things[thing], holders[holder]};
}

/* The operations: perhaps a product first, perhaps a division last, sums and differences between. */
static void draw_ops(Problem *p, RngSequence *rng)
{
    p->n_values = p->level + 1;
    for (int i = 1; i <= p->level; i++) p->ops[i] = rng_next_below(rng, 2) ? '+' : '-';
    if (rng_next_below(rng, 4) == 0) p->ops[p->level] = '/';
    if (rng_next_below(rng, 3) == 0) p->ops[1] = '*';
}

/* False where a difference falls below 0 or a division leaves a remainder. */
static bool draw_values(Problem *p, RngSequence *rng)
{
    const bool product = p->ops[1] == '*';
    int value = p->values[0] = draw_between(rng, 2, product ? MOST_FACTOR : MOST_HELD);
    for (int i = 1; i <= p->level; i++) {
        const char op = p->ops[i];
        const int most = op == '*' ? MOST_FACTOR : op == '/' ? MOST_SHARES : MOST_IN_EVENT;
        p->values[i] = draw_between(rng, 2, most);
        if (op == '/' && (value == 0 || value % p->values[i] != 0)) return false;
        value = step_result((Step){value, p->values[i], op});
        if (value < 0) return false;
    }
    return true;
}

static void write_question(const Problem *p, RngSequence *rng, TextBuffer *question)
{
    const Story story = draw_story(rng);
    const bool product = p->ops[1] == '*';
    tell(question, product ? "$ has # @ with # * in each." : "$ has # *.", &story, p->values);
    for (int i = product ? 2 : 1; i <= p->level; i++) {
        const int *const number = &p->values[i];
        if (p->ops[i] == '/') {
            tell(question, shares[rng_next_below(rng, COUNT_OF(shares))], &story, number);
            return;
        }
        const bool gain = p->ops[i] == '+';
        const int64_t which = rng_next_below(rng, gain ? COUNT_OF(gains) : COUNT_OF(losses));
        tell(question, gain ? gains[which] : losses[which], &story, number);
    }
    tell(question, " How many * does $ have now?", &story, NULL);
}

/* "4 *6 -5 /2": worked from left to right; the factors of a product in order. */
static void write_check(const Problem *p, TextBuffer *check)
{
    const bool swapped = p->ops[1] == '*' && p->values[0] > p->values[1];
    text_put_int(check, p->values[swapped]);
    for (int i = 1; i <= p->level; i++) {
        text_put_char(check, ' ');
        text_put_char(check, p->ops[i]);
        text_put_int(check, p->values[i == 1 && swapped ? 0 : i]);
    }
}

static bool words_draw(Problem *p, RngSequence *rng, TextBuffer *question, TextBuffer *check)
{
    draw_ops(p, rng);
    if (!draw_values(p, rng)) return false;
    write_question(p, rng, question);
    write_check(p, check);
    return true;
}

static bool words_walk(const Problem *p, const int *candidate, Walk *walk)
{
    (void)candidate;
    int value = p->values[0];
    for (int i = 1; i < p->n_values; i++)
        if (walk_step(walk, &value, value, p->ops[i], p->values[i])) return true;
    walk->final[0] = value;
    return false;
}

/* A number of at most 4 digits; false where none stands. */
static bool take_number(const char **at, int64_t *value)
{
    int digits = 0;
    *value = 0;
    for (; **at >= '0' && **at <= '9' && digits < 5; ++*at, digits++) *value = *value * 10 + (**at - '0');
    return digits > 0 && digits < 5;
}

/* False on anything that write_check would not write. */
static bool chain_value(const char *args, int64_t *value)
{
    if (!take_number(&args, value)) return false;
    for (int steps = 0; *args; steps++) {
        int64_t number;
        if (steps == TASK_MAX_VALUES || *args++ != ' ') return false;
        const char op = *args;
        if (!op || !strchr("+-*/", op)) return false;
        args++;
        if (!take_number(&args, &number)) return false;
        if (op == '/' && (number == 0 || *value % number != 0)) return false;
        *value = op == '+'   ? *value + number
                 : op == '-' ? *value - number
                 : op == '*' ? *value * number
                             : *value / number;
        if (*value < 0 || *value > 1000000) return false;
    }
    return true;
}

static Verdict words_check(const char *args, const char *answer, size_t length)
{
    int64_t value;
    if (!chain_value(args, &value)) return VERDICT_UNDECIDED;
    return answer_is_integer(value, answer, length);
}

static void write_number(TextBuffer *out, const Problem *problem, const int *candidate, const int final[2])
{
    (void)problem, (void)candidate;
    text_put_int(out, final[0]);
}

const Family family_words = {
    .name = "words",
    .summary = "word problems in everyday English, of one to four operations (no part of the embedded world)",
    .levels = 4,
    .train_levels = 3,
    .draw = words_draw,
    .walk = words_walk,
    .write_answer = write_number,
    .check_text = words_check,
    .canonical = canonical_integer,
};
