/* SPDX-License-Identifier: MIT */
/* text/grammar_check.c: what makes a grammar unusable and can be seen without a text: rules that are used and not defined, and left
 * recursion.
 *
 * A rule that calls itself before it has read anything would pile up stacks for ever. Only calls that leave something to come back to do that:
 * a call at the very end of an alternate leaves nothing on the stack. So: in the graph of calls that can come first, a call that is not its
 * alternate's last must not lie on a cycle. Cycles are found as strongly connected components (Tarjan), without recursion of our own. */
#include "text/grammar_parts.h"

#include <inttypes.h>

static bool check_defined(const Grammar *g, Error *err)
{
    for (int64_t r = 0; r < g->n_rules; r++)
        if (g->rules[r].first < 0)
            return grammar_error(g, g->rules[r].line, g->rules[r].column, err,
                                 "rule \"%.60s\" is used here and defined nowhere", g->rules[r].name);
    return true;
}

/* ---- which rules match the empty text ---- */

static bool alternate_is_nullable(const Grammar *g, const Alternate *alternate)
{
    const Element *element = &g->elements[alternate->first];
    while (element->kind == ELEMENT_RULE && g->rules[element->target].nullable) element = &g->elements[element->next];
    return element->kind == ELEMENT_END;
}

static bool becomes_nullable(Grammar *g, Rule *rule)
{
    if (rule->nullable) return false;
    for (int32_t a = rule->first; a >= 0 && !rule->nullable; a = g->alternates[a].next)
        rule->nullable = alternate_is_nullable(g, &g->alternates[a]);
    return rule->nullable;
}

/* Both ways in turn: repetitions are written behind what they repeat, names before or behind their use. */
static void find_nullable(Grammar *g)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (int64_t r = 0; r < g->n_rules; r++) changed |= becomes_nullable(g, &g->rules[r]);
        for (int64_t r = g->n_rules - 1; r >= 0; r--) changed |= becomes_nullable(g, &g->rules[r]);
    }
}

/* ---- calls that can come first ---- */

/* Walks over the calls of one rule. */
typedef struct Calls {
    int32_t alternate, element; /* the element looked at next, -1: at the alternate's beginning */
} Calls;

/* The next call that can come first; false when there is none. */
static bool next_call(const Grammar *g, Calls *c, const Element **call)
{
    while (c->alternate >= 0) {
        if (c->element < 0) c->element = g->alternates[c->alternate].first;
        const Element *const element = &g->elements[c->element];
        if (element->kind == ELEMENT_RULE) {
            *call = element;
            if (g->rules[element->target].nullable) {
                c->element = element->next;
            } else {
                c->alternate = g->alternates[c->alternate].next;
                c->element = -1;
            }
            return true;
        }
        c->alternate = g->alternates[c->alternate].next;
        c->element = -1;
    }
    return false;
}

typedef struct Visit {
    Calls calls;
    int32_t rule;
} Visit;

typedef struct Components {
    int32_t *number, *low; /* [n_rules]; number 0: not visited */
    int32_t *component;    /* 0: none yet */
    int32_t *open;         /* rules whose component is not known yet */
    Visit *path;
    int64_t n_open, n_path;
    int32_t n_numbers, n_components;
} Components;

static void enter(const Grammar *g, Components *c, int32_t rule)
{
    c->number[rule] = c->low[rule] = ++c->n_numbers;
    c->open[c->n_open++] = rule;
    c->path[c->n_path++] = (Visit){{g->rules[rule].first, -1}, rule};
}

static void leave(Components *c, int32_t rule)
{
    if (c->low[rule] == c->number[rule]) {
        c->n_components++;
        while (c->component[rule] == 0) c->component[c->open[--c->n_open]] = c->n_components;
    }
    if (--c->n_path == 0) return;
    const int32_t caller = c->path[c->n_path - 1].rule;
    if (c->low[rule] < c->low[caller]) c->low[caller] = c->low[rule];
}

static void find_components(const Grammar *g, Components *c)
{
    for (int32_t start = 0; start < g->n_rules; start++) {
        if (c->number[start] == 0) enter(g, c, start);
        while (c->n_path > 0) {
            Visit *const visit = &c->path[c->n_path - 1];
            const int32_t rule = visit->rule;
            const Element *call;
            if (!next_call(g, &visit->calls, &call))
                leave(c, rule);
            else if (c->number[call->target] == 0)
                enter(g, c, call->target);
            else if (c->component[call->target] == 0 && c->number[call->target] < c->low[rule])
                c->low[rule] = c->number[call->target];
        }
    }
}

static bool check_recursion(const Grammar *g, const Components *c, Error *err)
{
    for (int32_t r = 0; r < g->n_rules; r++) {
        Calls calls = {g->rules[r].first, -1};
        const Element *call;
        while (next_call(g, &calls, &call))
            if (g->elements[call->next].kind != ELEMENT_END && c->component[call->target] == c->component[r])
                return grammar_error(
                    g, call->line, call->column, err,
                    "left recursion: rule \"%.60s\" can come back here without having read anything; put what it "
                    "reads first, or use * or +",
                    grammar_rule_name(g, r));
    }
    return true;
}

bool grammar_check(Grammar *g, Error *err)
{
    if (!check_defined(g, err)) return false;
    find_nullable(g);
    const size_t n = (size_t)g->n_rules;
    Components c = {.number = base_alloc(n, sizeof(int32_t)),
                    .low = base_alloc(n, sizeof(int32_t)),
                    .component = base_alloc(n, sizeof(int32_t)),
                    .open = base_alloc(n, sizeof(int32_t)),
                    .path = base_alloc(n, sizeof(Visit))};
    find_components(g, &c);
    const bool ok = check_recursion(g, &c, err);
    base_free(c.number);
    base_free(c.low);
    base_free(c.component);
    base_free(c.open);
    base_free(c.path);
    return ok;
}
