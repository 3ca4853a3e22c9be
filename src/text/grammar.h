/* SPDX-License-Identifier: MIT */
/* text/grammar.h: which tokens may come next, so that a text stays within a grammar.
 *
 * Grammars are written in llama.cpp's GBNF:
 *
 *   root  ::= "yes" | "no" ("," [ \t]* word)+     # alternates, groups, repetition * + ? {m} {m,} {m,n} {,n}
 *   word  ::= [^"\\\x00-\x1f] .                    # classes of characters, negated classes, . is any character
 *
 * with escapes \n \r \t \\ \" \[ \] \- \^ \xNN \uNNNN \UNNNNNNNN, comments from # on, names of letters, digits and -. A rule ends with its line
 * but inside ( ) and behind | or ::= . The text must be the whole of `root`.
 *
 * The idea: rules become lists of elements over bytes (a class of characters is a small automaton over its UTF-8), so a token may end in the
 * middle of a character. What may come next is a set of stacks of elements; stacks share their tails, a set of stacks is a state with a number,
 * and moves between states are remembered: a deterministic automaton that is made as far as texts reach. A mask of all ids is a walk over a trie
 * of the vocabulary, remembered by state.
 *
 * Budgets: left recursion is refused when a grammar is read, with its place; a grammar with too many elements, stacks or states ends in one
 * line that names the rule. One thread at a time: moves and masks are written as they are found. */
#ifndef R1_TEXT_GRAMMAR_H
#define R1_TEXT_GRAMMAR_H

#include "text/token_bytes.h"

typedef struct Grammar Grammar;

/* `name` stands for the text in messages: "name:line:column: ...". */
bool grammar_parse(Grammar **grammar, const char *text, size_t length, const char *name, Error *err) R1_MUST_CHECK;
void grammar_free(Grammar *grammar); /* NULL is fine */

/* A state: what has been read so far, as far as it matters. Numbers hold as long as the grammar. */
typedef int32_t GrammarState;
enum { GRAMMAR_UNSEEN = -1, GRAMMAR_DEAD = 0, GRAMMAR_START = 1 }; /* GRAMMAR_UNSEEN: of grammar_may_follow alone */

/* The state after more bytes; GRAMMAR_DEAD when no text goes on so. Fails when a budget is used up. */
bool grammar_advance(Grammar *grammar, GrammarState *state, const char *bytes, size_t n, Error *err) R1_MUST_CHECK;
/* Whether the text may end here. */
bool grammar_may_end(const Grammar *grammar, GrammarState state);

/* The ids of a model, and those that end a text: they are allowed where the text may end, and nowhere else. `vocabulary` is borrowed. */
void grammar_bind(Grammar *grammar, const TokenBytes *vocabulary, const int32_t *stop_ids, int64_t n_stop);

typedef struct GrammarMask {
    const uint32_t *bits; /* bit i: id i may come next; [(V + 31) / 32], until 64 other states have been asked about */
    int64_t n_allowed;
} GrammarMask;
/* After grammar_bind. Ids without bytes (special tokens) are never allowed unless they are stop ids. */
bool grammar_allowed(Grammar *grammar, GrammarState state, GrammarMask *mask, Error *err) R1_MUST_CHECK;

/* For guesses about what comes next, which must not use up a budget that the text itself will need: these make no state, but know what texts
 * and masks have reached before. */
/* Whether the id may come next, and the state behind it; where that has not been reached before, GRAMMAR_UNSEEN, behind which anything may
 * come. */
bool grammar_may_follow(const Grammar *grammar, GrammarState *state, int32_t id);
/* The mask of a state that is still remembered. */
bool grammar_remembered_mask(const Grammar *grammar, GrammarState state, GrammarMask *mask);

/* Whether a whole text is of the grammar. */
bool grammar_matches(Grammar *grammar, const char *text, size_t length, bool *matches, Error *err) R1_MUST_CHECK;

#endif
