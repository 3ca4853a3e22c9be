/* SPDX-License-Identifier: MIT */
/* text/grammar_parts.h: what a Grammar is made of; for the files grammar_*.c alone. */
#ifndef R1_TEXT_GRAMMAR_PARTS_H
#define R1_TEXT_GRAMMAR_PARTS_H

#include "base/arena.h"
#include "text/grammar.h"

#include <stdbool.h>

enum {
    GRAMMAR_MAX_ELEMENTS = 1 << 20,
    GRAMMAR_MAX_RULES = 1 << 18,
    GRAMMAR_MAX_CLASSES = 4096,
    GRAMMAR_MAX_DEPTH = 200,     /* of groups */
    GRAMMAR_MAX_STACKS = 4096,   /* of one state */
    GRAMMAR_MAX_WORK = 1 << 15,  /* elements looked at for one move */
    GRAMMAR_MAX_NODES = 1 << 20, /* of all stacks, shared */
    GRAMMAR_MAX_STATES = 1 << 17,
    GRAMMAR_MAX_TOPS = 1 << 24, /* of all states */
    GRAMMAR_MASKS = 64
};

/* ---- classes of characters as automata over bytes ---- */

typedef struct CodeRange {
    uint32_t low, high;
} CodeRange;

enum { CLASS_DEAD = 0, CLASS_DONE = 255 };
/* State 0 is the beginning; nothing leads back there, so 0 in `next` says that there is no such character. */
typedef struct ByteClass {
    uint8_t (*next)[256]; /* [n_states]; owned */
    int n_states;
    CodeRange *ranges; /* what it was made of; owned */
    int64_t n_ranges;
} ByteClass;

/* Characters of `ranges` (any order, overlaps allowed; they are sorted in place), or all others when negated; surrogates are no characters. False
 * when the automaton would need more than 254 states; *n_characters tells how many there are. */
bool byte_class_create(ByteClass *class, CodeRange *ranges, int64_t n, bool negated, int64_t *n_characters);
void byte_class_free(ByteClass *class);
bool byte_class_equal(const ByteClass *a, const ByteClass *b);

/* ---- rules ---- */

typedef enum ElementKind { ELEMENT_END, ELEMENT_CLASS, ELEMENT_RULE } ElementKind;
/* A class of n states stands in n consecutive elements, one a state: an element says where in a character the text is. */
typedef struct Element {
    uint8_t kind, state;
    int32_t target; /* class or rule */
    int32_t next;   /* what follows in the alternate */
    int32_t line, column;
} Element;

typedef struct Alternate {
    int32_t first; /* element */
    int32_t next;  /* alternate of the same rule, -1: the last */
} Alternate;

typedef struct Rule {
    char *name;          /* NULL: a group or a repetition; owned */
    int32_t owner;       /* the named rule it stands in: itself if it has a name */
    int32_t first, last; /* alternates, -1: not defined */
    int32_t line, column;
    bool nullable;
} Rule;

/* ---- stacks and states ---- */

/* An element and what stands below it. Equal nodes are one node. */
typedef struct StackNode {
    int32_t element, parent; /* parent -1: nothing */
} StackNode;

typedef struct State {
    int64_t first_top;
    int32_t n_tops;
    bool may_end;
    int32_t mask; /* -1: none is remembered */
} State;

typedef struct Machine {
    Arena memory;
    StackNode *nodes;
    int32_t n_nodes, *node_slots; /* hash tables: number + 1, 0: empty */
    State *states;
    int32_t n_states, max_states, *state_slots;
    int32_t *tops; /* sorted nodes of each state */
    int64_t n_tops;
    int32_t *moves;       /* [max_states][n_symbols]: state + 1; 0: not known */
    uint8_t symbols[256]; /* bytes that no class tells apart are one symbol */
    int n_symbols;
    /* of one move */
    int32_t *seen; /* [nodes]: the last move that came by */
    int32_t move;
    int32_t work[GRAMMAR_MAX_WORK], n_work;
    int32_t found[GRAMMAR_MAX_STACKS], n_found;
    bool found_end;
} Machine;

/* The vocabulary as a trie in preorder. Tokens with the same bytes share a node. */
typedef struct TokenTrie {
    const TokenBytes *vocabulary;
    uint8_t *bytes;
    int32_t *depths, *ends; /* ends: the node behind the subtree */
    int32_t *first;         /* [n + 1]: the node's tokens in `ids` */
    int32_t *ids;
    int64_t n, longest;
} TokenTrie;

struct Grammar {
    char *name; /* owned */
    Element *elements;
    int64_t n_elements, element_capacity;
    Alternate *alternates;
    int64_t n_alternates, alternate_capacity;
    Rule *rules;
    int64_t n_rules, rule_capacity;
    ByteClass *classes;
    int64_t n_classes;
    Machine *machine;
    const TokenBytes *vocabulary; /* borrowed */
    TokenTrie trie;
    int32_t *stop_ids; /* owned */
    int64_t n_stop;
    uint32_t *masks; /* [GRAMMAR_MASKS][mask_words] */
    int64_t mask_words, mask_allowed[GRAMMAR_MASKS];
    int32_t mask_states[GRAMMAR_MASKS], next_mask;
    int32_t *trie_states; /* [longest + 1] */
};

/* "name:line:column: ". Always false. */
bool grammar_error(const Grammar *g, int32_t line, int32_t column, Error *err, const char *format, ...) R1_PRINTF(5, 6);
/* The name of the rule that an element's rule belongs to. */
const char *grammar_rule_name(const Grammar *g, int64_t rule);

/* Undefined rules, a missing root, left recursion; sets nullable. */
bool grammar_check(Grammar *g, Error *err) R1_MUST_CHECK;
/* Makes the machine with the dead state and the start. */
bool grammar_machine_create(Grammar *g, int64_t root, Error *err) R1_MUST_CHECK;
void grammar_machine_free(Machine *machine);
/* The state after one byte. */
bool grammar_move(Grammar *g, GrammarState from, unsigned char byte, GrammarState *to, Error *err) R1_MUST_CHECK;

#endif
