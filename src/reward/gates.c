/* SPDX-License-Identifier: MIT */
/* reward/gates.c: see gates.h. */
#include "reward/gates.h"

#include "reward/terms.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *reward_part_name(int part)
{
    return part == PART_ACCURACY ? "accuracy"
           : part == PART_FORMAT ? "format"
                                 : reward_term_name((RewardTerm)(part - PART_TERMS));
}

int reward_part_find(const char *name)
{
    for (int p = 0; p < PART_COUNT; p++)
        if (strcmp(reward_part_name(p), name) == 0) return p;
    return -1;
}

/* ---- reading ---- */

typedef struct Words {
    const char *at;
    char word[40]; /* "" at the end; ";" and ">=" are words by themselves */
} Words;

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void next_word(Words *w)
{
    size_t n = 0;
    while (is_space(*w->at)) w->at++;
    if (*w->at == ';')
        n = 1;
    else if (strncmp(w->at, ">=", 2) == 0)
        n = 2;
    else
        while (w->at[n] && !is_space(w->at[n]) && w->at[n] != ';' && w->at[n] != '>') n++;
    if (n == 0 && *w->at) n = 1; /* a '>' alone */
    snprintf(w->word, sizeof w->word, "%.*s", (int)(n < sizeof w->word ? n : sizeof w->word - 1), w->at);
    w->at += n;
}

static bool is_word(const Words *w, const char *word)
{
    return strcmp(w->word, word) == 0;
}

static bool unexpected(const Words *w, const char *expected, Error *err)
{
    return error_set(err, ERROR_INPUT, "expected %s, found %s%s%s", expected, *w->word ? "\"" : "",
                     *w->word ? w->word : "the end", *w->word ? "\"" : "");
}

static bool read_part(Words *w, int *part, Error *err)
{
    char names[200] = "accuracy";
    *part = reward_part_find(w->word);
    if (*part >= 0) {
        next_word(w);
        return true;
    }
    for (int p = PART_FORMAT; p < PART_COUNT; p++) {
        const size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", p + 1 < PART_COUNT ? ", " : " or ", reward_part_name(p));
    }
    return unexpected(w, names, err);
}

static bool read_number(Words *w, double *number, Error *err)
{
    char *end;
    next_word(w);
    *number = strtod(w->word, &end);
    if (end == w->word || *end || !isfinite(*number)) return unexpected(w, "a number behind >=", err);
    next_word(w);
    return true;
}

static bool read_condition(Words *w, RewardGates *gates, int part, Error *err)
{
    if (gates->n == REWARD_MAX_CONDITIONS)
        return error_set(err, ERROR_INPUT, "more than %d conditions", REWARD_MAX_CONDITIONS);
    RewardCondition *const c = &gates->conditions[gates->n++];
    *c = (RewardCondition){.part = part};
    if (!read_part(w, &c->by, err)) return false;
    if (c->by == part) return error_set(err, ERROR_INPUT, "%s cannot be its own gate", reward_part_name(part));
    c->has_least = is_word(w, ">=");
    if (c->has_least) return read_number(w, &c->least, err);
    return c->by < PART_TERMS || error_set(err, ERROR_INPUT, "from which value on does %s hold? write %s >= NUMBER",
                                           reward_part_name(c->by), reward_part_name(c->by));
}

static bool read_gate(Words *w, RewardGates *gates, Error *err)
{
    int part;
    if (!read_part(w, &part, err)) return false;
    if (!is_word(w, "if")) return unexpected(w, "\"if\"", err);
    do {
        next_word(w);
        if (!read_condition(w, gates, part, err)) return false;
    } while (is_word(w, "and"));
    return true;
}

bool reward_gates_read(RewardGates *gates, const char *text, Error *err)
{
    Words w = {.at = text};
    *gates = (RewardGates){.n = 0};
    next_word(&w);
    while (*w.word) {
        if (!read_gate(&w, gates, err)) return false;
        if (*w.word && !is_word(&w, ";")) return unexpected(&w, "\"and\" or \";\"", err);
        if (*w.word) next_word(&w);
    }
    return true;
}

/* ---- use ---- */

bool reward_gates_ask(const RewardGates *gates, int part)
{
    for (int i = 0; i < gates->n; i++)
        if (gates->conditions[i].by == part) return true;
    return false;
}

bool reward_gates_close(const RewardGates *gates, int part)
{
    for (int i = 0; i < gates->n; i++)
        if (gates->conditions[i].part == part) return true;
    return false;
}

static bool holds(const RewardCondition *c, const TermValue *value, bool frame_ok)
{
    if (value->skipped) return false;
    if (!c->has_least) return c->by == PART_FORMAT ? frame_ok : value->value == 1;
    return value->value >= c->least;
}

GateState reward_gate(const RewardGates *gates, int part, const TermValue *values, bool frame_ok)
{
    bool undecided = false;
    for (int i = 0; i < gates->n; i++) {
        const RewardCondition *const c = &gates->conditions[i];
        if (c->part != part) continue;
        if (values[c->by].undecided)
            undecided = true;
        else if (!holds(c, &values[c->by], frame_ok))
            return GATE_CLOSED;
    }
    return undecided ? GATE_UNDECIDED : GATE_OPEN;
}
