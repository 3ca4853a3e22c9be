/* SPDX-License-Identifier: MIT */
/* text/grammar_mask.c: texts and vocabularies through the machine. */
#include "text/grammar_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- texts ---- */

bool grammar_advance(Grammar *g, GrammarState *state, const char *bytes, size_t n, Error *err)
{
    for (size_t i = 0; i < n && *state != GRAMMAR_DEAD; i++)
        if (!grammar_move(g, *state, (unsigned char)bytes[i], state, err)) return false;
    return true;
}

bool grammar_may_end(const Grammar *g, GrammarState state)
{
    return g->machine->states[state].may_end;
}

bool grammar_matches(Grammar *g, const char *text, size_t length, bool *matches, Error *err)
{
    GrammarState state = GRAMMAR_START;
    if (!grammar_advance(g, &state, text, length, err)) return false;
    *matches = grammar_may_end(g, state);
    return true;
}

/* ---- the trie ---- */

static int by_bytes(const void *a, const void *b, void *context)
{
    const TokenBytes *const v = context;
    size_t n_x, n_y;
    const int32_t id_x = *(const int32_t *)a, id_y = *(const int32_t *)b;
    const char *const x = token_bytes_get(v, id_x, &n_x), *const y = token_bytes_get(v, id_y, &n_y);
    const int order = memcmp(x, y, n_x < n_y ? n_x : n_y);
    if (order) return order;
    if (n_x != n_y) return n_x < n_y ? -1 : 1;
    return (id_x > id_y) - (id_x < id_y);
}

/* Ids that have bytes, by their bytes. */
static int64_t sort_ids(int32_t *ids, const TokenBytes *v)
{
    int64_t n = 0;
    for (int64_t id = 0; id < v->n; id++) {
        size_t length;
        token_bytes_get(v, (int32_t)id, &length);
        if (length > 0) ids[n++] = (int32_t)id;
    }
    qsort_r(ids, (size_t)n, sizeof *ids, by_bytes, (void *)(uintptr_t)v);
    return n;
}

static void trie_create(TokenTrie *t, const TokenBytes *v)
{
    *t = (TokenTrie){.vocabulary = v, .ids = base_alloc((size_t)v->n + 1, sizeof *t->ids)};
    const int64_t n_ids = sort_ids(t->ids, v);
    const size_t capacity = (size_t)v->offsets[v->n] + 1; /* a node a byte at most */
    t->bytes = base_alloc(capacity, sizeof *t->bytes);
    t->depths = base_alloc(capacity, sizeof *t->depths);
    t->ends = base_alloc(capacity, sizeof *t->ends);
    t->first = base_alloc(capacity, sizeof *t->first);
    for (int64_t id = 0; id < v->n; id++)
        if (v->offsets[id + 1] - v->offsets[id] > t->longest) t->longest = v->offsets[id + 1] - v->offsets[id];
    int32_t *const path = base_alloc((size_t)t->longest + 1, sizeof *path); /* nodes above, by depth */
    const char *before = "";
    size_t n_before = 0;
    for (int64_t i = 0; i < n_ids; i++) {
        size_t length, common = 0;
        const char *const text = token_bytes_get(v, t->ids[i], &length);
        while (common < length && common < n_before && text[common] == before[common]) common++;
        for (size_t d = common; d < n_before; d++) t->ends[path[d]] = (int32_t)t->n;
        for (size_t d = common; d < length; d++) {
            path[d] = (int32_t)t->n;
            t->bytes[t->n] = (uint8_t)text[d];
            t->depths[t->n] = (int32_t)d;
            t->first[t->n++] = (int32_t)i;
        }
        before = text;
        n_before = length;
    }
    for (size_t d = 0; d < n_before; d++) t->ends[path[d]] = (int32_t)t->n;
    t->first[t->n] = (int32_t)n_ids;
    base_free(path);
}

static void trie_free(TokenTrie *t)
{
    base_free(t->ids);
    base_free(t->bytes);
    base_free(t->depths);
    base_free(t->ends);
    base_free(t->first);
    *t = (TokenTrie){.ids = NULL};
}

/* ---- masks ---- */

static void unbind(Grammar *g)
{
    trie_free(&g->trie);
    base_free(g->stop_ids);
    base_free(g->masks);
    base_free(g->trie_states);
}

void grammar_bind(Grammar *g, const TokenBytes *vocabulary, const int32_t *stop_ids, int64_t n_stop)
{
    unbind(g);
    g->vocabulary = vocabulary;
    trie_create(&g->trie, vocabulary);
    g->stop_ids = base_alloc((size_t)n_stop + 1, sizeof *g->stop_ids);
    if (n_stop > 0) memcpy(g->stop_ids, stop_ids, (size_t)n_stop * sizeof *stop_ids);
    g->n_stop = n_stop;
    g->mask_words = (vocabulary->n + 31) / 32;
    g->masks = base_alloc((size_t)(GRAMMAR_MASKS * g->mask_words), sizeof *g->masks);
    g->trie_states = base_alloc((size_t)g->trie.longest + 1, sizeof *g->trie_states);
    for (int i = 0; i < GRAMMAR_MASKS; i++) g->mask_states[i] = -1;
    for (int32_t s = 0; s < g->machine->n_states; s++) g->machine->states[s].mask = -1;
}

static void allow(uint32_t *bits, int64_t *n_allowed, int32_t id)
{
    const uint32_t bit = 1u << (id % 32);
    *n_allowed += !(bits[id / 32] & bit);
    bits[id / 32] |= bit;
}

/* A stop id that has a text ends the text all the same. */
static void forbid(uint32_t *bits, int64_t *n_allowed, int32_t id)
{
    const uint32_t bit = 1u << (id % 32);
    *n_allowed -= (bits[id / 32] & bit) != 0;
    bits[id / 32] &= ~bit;
}

/* Walks over the vocabulary as far as texts go on. */
static bool fill_mask(Grammar *g, GrammarState state, uint32_t *bits, int64_t *n_allowed, Error *err)
{
    const TokenTrie *const t = &g->trie;
    int32_t *const states = g->trie_states; /* by depth: before the byte */
    memset(bits, 0, (size_t)g->mask_words * sizeof *bits);
    *n_allowed = 0;
    states[0] = state;
    for (int64_t i = 0; i < t->n;) {
        const int32_t depth = t->depths[i];
        GrammarState next;
        if (!grammar_move(g, states[depth], t->bytes[i], &next, err)) return false;
        if (next == GRAMMAR_DEAD) {
            i = t->ends[i];
            continue;
        }
        states[depth + 1] = next;
        for (int32_t k = t->first[i]; k < t->first[i + 1]; k++) allow(bits, n_allowed, t->ids[k]);
        i++;
    }
    for (int64_t i = 0; i < g->n_stop; i++) {
        if (grammar_may_end(g, state))
            allow(bits, n_allowed, g->stop_ids[i]);
        else
            forbid(bits, n_allowed, g->stop_ids[i]);
    }
    return true;
}

bool grammar_allowed(Grammar *g, GrammarState state, GrammarMask *mask, Error *err)
{
    int32_t at = g->machine->states[state].mask;
    if (at < 0) {
        at = g->next_mask;
        g->next_mask = (g->next_mask + 1) % GRAMMAR_MASKS;
        if (g->mask_states[at] >= 0) g->machine->states[g->mask_states[at]].mask = -1;
        g->mask_states[at] = -1;
        if (!fill_mask(g, state, g->masks + at * g->mask_words, &g->mask_allowed[at], err)) return false;
        g->mask_states[at] = state;
        g->machine->states[state].mask = at;
    }
    *mask = (GrammarMask){g->masks + at * g->mask_words, g->mask_allowed[at]};
    return true;
}

bool grammar_remembered_mask(const Grammar *g, GrammarState state, GrammarMask *mask)
{
    const int32_t at = state == GRAMMAR_UNSEEN ? -1 : g->machine->states[state].mask;
    if (at < 0) return false;
    *mask = (GrammarMask){g->masks + at * g->mask_words, g->mask_allowed[at]};
    return true;
}

bool grammar_may_follow(const Grammar *g, GrammarState *state, int32_t id)
{
    const Machine *const m = g->machine;
    size_t length;
    if (*state == GRAMMAR_UNSEEN) return true;
    for (int64_t i = 0; i < g->n_stop; i++)
        if (g->stop_ids[i] == id) {
            const bool may_end = grammar_may_end(g, *state);
            *state = GRAMMAR_DEAD;
            return may_end;
        }
    const char *const text = token_bytes_get(g->vocabulary, id, &length);
    if (length == 0) *state = GRAMMAR_DEAD;
    for (size_t i = 0; i<length && * state> GRAMMAR_DEAD; i++)
        *state = m->moves[(int64_t)*state * m->n_symbols + m->symbols[(unsigned char)text[i]]] - 1;
    return *state != GRAMMAR_DEAD;
}

void grammar_free(Grammar *g)
{
    if (!g) return;
    unbind(g);
    grammar_machine_free(g->machine);
    for (int64_t r = 0; r < g->n_rules; r++) base_free(g->rules[r].name);
    for (int64_t c = 0; c < g->n_classes; c++) byte_class_free(&g->classes[c]);
    base_free(g->rules);
    base_free(g->classes);
    base_free(g->alternates);
    base_free(g->elements);
    base_free(g->name);
    base_free(g);
}
