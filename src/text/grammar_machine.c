/* SPDX-License-Identifier: MIT */
/* text/grammar_machine.c: states and the moves between them.
 *
 * A stack is a chain of nodes: the element that reads next on top, below it the elements that go on when a rule is done. Nodes are shared, so a
 * stack is one number, and a state is the sorted list of the numbers of its stacks; equal states are one. A call at the end of an alternate
 * leaves nothing on the stack, so repetitions do not grow it. */
#include "text/grammar_parts.h"

#include <stdlib.h>
#include <string.h>

enum { NODE_SLOTS = 2 * GRAMMAR_MAX_NODES, MOVE_BYTES = 1 << 28 };

/* ---- budgets ---- */

static bool used_up(const Grammar *g, int32_t element, Error *err, const char *what)
{
    const Element *const e = &g->elements[element];
    return grammar_error(g, e->line, e->column, err, "%s here; write the grammar with fewer ways to read the same text",
                         what);
}

/* ---- nodes ---- */

static uint32_t hash_node(int32_t element, int32_t parent)
{
    const uint64_t key = (uint64_t)(uint32_t)element << 32 | (uint32_t)parent;
    return (uint32_t)((key ^ key >> 29) * 0x9E3779B97F4A7C15u >> 32);
}

/* The node's number; -1 when there are too many. */
static int32_t intern_node(Machine *m, int32_t element, int32_t parent)
{
    uint32_t slot = hash_node(element, parent) % NODE_SLOTS;
    for (; m->node_slots[slot]; slot = (slot + 1) % NODE_SLOTS) {
        const int32_t node = m->node_slots[slot] - 1;
        if (m->nodes[node].element == element && m->nodes[node].parent == parent) return node;
    }
    if (m->n_nodes == GRAMMAR_MAX_NODES) return -1;
    m->nodes[m->n_nodes] = (StackNode){element, parent};
    m->node_slots[slot] = ++m->n_nodes;
    return m->n_nodes - 1;
}

/* ---- one move ---- */

/* Looks at an element over a parent once a move. */
static bool come_by(Grammar *g, int32_t element, int32_t parent, Error *err)
{
    Machine *const m = g->machine;
    const int32_t node = intern_node(m, element, parent);
    if (node < 0)
        return used_up(g, element, err, "the text is nested too deeply, or there are too many ways to read it");
    if (m->seen[node] == m->move) return true;
    m->seen[node] = m->move;
    if (g->elements[element].kind == ELEMENT_CLASS) {
        if (m->n_found == GRAMMAR_MAX_STACKS) return used_up(g, element, err, "there are more than 4096 ways to go on");
        m->found[m->n_found++] = node;
        return true;
    }
    if (m->n_work == GRAMMAR_MAX_WORK) return used_up(g, element, err, "there are too many ways to go on");
    m->work[m->n_work++] = node;
    return true;
}

static bool call_rule(Grammar *g, const Element *call, int32_t parent, Error *err)
{
    int32_t below = parent;
    if (g->elements[call->next].kind != ELEMENT_END) {
        below = intern_node(g->machine, call->next, parent);
        if (below < 0) return used_up(g, call->next, err, "the text is nested too deeply");
    }
    for (int32_t a = g->rules[call->target].first; a >= 0; a = g->alternates[a].next)
        if (!come_by(g, g->alternates[a].first, below, err)) return false;
    return true;
}

/* Goes on from an element until every way stands before a byte. */
static bool expand(Grammar *g, int32_t element, int32_t parent, Error *err)
{
    Machine *const m = g->machine;
    if (!come_by(g, element, parent, err)) return false;
    while (m->n_work > 0) {
        const StackNode node = m->nodes[m->work[--m->n_work]];
        const Element *const e = &g->elements[node.element];
        if (e->kind == ELEMENT_RULE) {
            if (!call_rule(g, e, node.parent, err)) return false;
        } else if (node.parent < 0) {
            m->found_end = true;
        } else {
            const StackNode below = m->nodes[node.parent];
            if (!come_by(g, below.element, below.parent, err)) return false;
        }
    }
    return true;
}

static void begin_move(Machine *m)
{
    m->move++;
    m->n_work = m->n_found = 0;
    m->found_end = false;
}

static bool read_byte(Grammar *g, int32_t top, unsigned char byte, Error *err)
{
    const StackNode node = g->machine->nodes[top];
    const Element *const e = &g->elements[node.element];
    const uint8_t next = g->classes[e->target].next[e->state][byte];
    if (next == CLASS_DEAD) return true;
    if (next == CLASS_DONE) return expand(g, e->next, node.parent, err);
    return come_by(g, node.element - e->state + next, node.parent, err);
}

/* ---- states ---- */

static int by_number(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

static bool same_state(const Machine *m, const State *s)
{
    return s->n_tops == m->n_found && s->may_end == m->found_end &&
           memcmp(m->tops + s->first_top, m->found, (size_t)m->n_found * sizeof *m->found) == 0;
}

/* The state of what the move found; -1 when there are too many. */
static int32_t intern_state(Machine *m)
{
    const uint32_t n_slots = 2 * (uint32_t)m->max_states;
    uint64_t hash = m->found_end;
    qsort(m->found, (size_t)m->n_found, sizeof *m->found, by_number);
    for (int32_t i = 0; i < m->n_found; i++) hash = (hash ^ (uint64_t)m->found[i]) * 0x9E3779B97F4A7C15u;
    uint32_t slot = (uint32_t)(hash >> 32) % n_slots;
    for (; m->state_slots[slot]; slot = (slot + 1) % n_slots)
        if (same_state(m, &m->states[m->state_slots[slot] - 1])) return m->state_slots[slot] - 1;
    if (m->n_states == m->max_states || m->n_tops + m->n_found > GRAMMAR_MAX_TOPS) return -1;
    m->states[m->n_states] = (State){m->n_tops, m->n_found, m->found_end, -1};
    memcpy(m->tops + m->n_tops, m->found, (size_t)m->n_found * sizeof *m->found);
    m->n_tops += m->n_found;
    m->state_slots[slot] = ++m->n_states;
    return m->n_states - 1;
}

bool grammar_move(Grammar *g, GrammarState from, unsigned char byte, GrammarState *to, Error *err)
{
    Machine *const m = g->machine;
    int32_t *const known = &m->moves[(int64_t)from * m->n_symbols + m->symbols[byte]];
    if (*known == 0) {
        const State *const state = &m->states[from];
        begin_move(m);
        for (int32_t i = 0; i < state->n_tops; i++)
            if (!read_byte(g, m->tops[state->first_top + i], byte, err)) return false;
        const int32_t next = intern_state(m);
        if (next < 0)
            return used_up(g, m->nodes[m->tops[state->first_top]].element, err, "the grammar has too many states");
        *known = next + 1;
    }
    *to = *known - 1;
    return true;
}

/* ---- making one ---- */

/* Bytes are one symbol until a class tells them apart. */
static void find_symbols(const Grammar *g, Machine *m)
{
    m->n_symbols = 1;
    for (int64_t c = 0; c < g->n_classes; c++)
        for (int s = 0; s < g->classes[c].n_states && m->n_symbols < 256; s++) {
            const uint8_t *const next = g->classes[c].next[s];
            uint16_t symbol_of[256], before_of[256]; /* by new symbol: what it was and where it leads */
            uint8_t leads[256];
            int n = 0;
            for (int b = 0; b < 256; b++) {
                int i = 0;
                while (i < n && (before_of[i] != m->symbols[b] || leads[i] != next[b])) i++;
                if (i == n) {
                    before_of[n] = m->symbols[b];
                    leads[n++] = next[b];
                }
                symbol_of[b] = (uint16_t)i;
            }
            for (int b = 0; b < 256; b++) m->symbols[b] = (uint8_t)symbol_of[b];
            m->n_symbols = n;
        }
}

static size_t take_arrays(Machine *m, Arena *arena)
{
    const size_t states = (size_t)m->max_states;
    size_t bytes = 0;
#define TAKE(field, count)                                                                                             \
    (bytes += arena_piece_bytes((count), sizeof *(field)),                                                             \
     arena ? (void)((field) = arena_take(arena, (count), sizeof *(field))) : (void)0)
    TAKE(m->nodes, GRAMMAR_MAX_NODES);
    TAKE(m->node_slots, NODE_SLOTS);
    TAKE(m->seen, GRAMMAR_MAX_NODES);
    TAKE(m->states, states);
    TAKE(m->state_slots, 2 * states);
    TAKE(m->tops, GRAMMAR_MAX_TOPS);
    TAKE(m->moves, states * (size_t)m->n_symbols);
#undef TAKE
    return bytes;
}

static bool make_start(Grammar *g, int64_t root, Error *err)
{
    Machine *const m = g->machine;
    begin_move(m);
    if (intern_state(m) != GRAMMAR_DEAD) return error_set(err, ERROR_BUG, "the dead state is not the first");
    begin_move(m);
    for (int32_t a = g->rules[root].first; a >= 0; a = g->alternates[a].next)
        if (!expand(g, g->alternates[a].first, -1, err)) return false;
    if (m->n_found == 0 && !m->found_end)
        return grammar_error(g, g->rules[root].line, g->rules[root].column, err,
                             "no text is of this grammar: \"root\" can never come to an end");
    return intern_state(m) == GRAMMAR_START || error_set(err, ERROR_BUG, "the start is not the second state");
}

bool grammar_machine_create(Grammar *g, int64_t root, Error *err)
{
    Machine *const m = g->machine = base_alloc(1, sizeof *m);
    find_symbols(g, m);
    m->max_states =
        MOVE_BYTES / (4 * m->n_symbols) < GRAMMAR_MAX_STATES ? MOVE_BYTES / (4 * m->n_symbols) : GRAMMAR_MAX_STATES;
    if (!arena_create(&m->memory, "grammar", take_arrays(m, NULL), err)) return false;
    take_arrays(m, &m->memory);
    return make_start(g, root, err);
}

void grammar_machine_free(Machine *m)
{
    if (!m) return;
    arena_free(&m->memory);
    base_free(m);
}
