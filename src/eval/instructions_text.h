/* SPDX-License-Identifier: MIT */
/* eval/instructions_text.h: the few things that rules about a reply ask of a text. For the files eval/instructions*.c alone. */
#ifndef R1_EVAL_INSTRUCTIONS_TEXT_H
#define R1_EVAL_INSTRUCTIONS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Span {
    const char *text; /* borrowed; any bytes */
    size_t length;
} Span;

Span span_of(const char *text);
Span span_strip(Span s); /* without white space at the ends */
Span span_strip_char(Span s, char c);
bool span_equal(Span a, Span b);
bool span_starts(Span s, Span with);
bool span_ends(Span s, Span with);
/* In lower case, character by character; base_alloc'd, zero-terminated. */
char *span_lower(Span s, size_t *length);

/* Where `what` begins at or after `from`; s.length when it does not. An empty one is nowhere. */
size_t span_find(Span s, Span what, size_t from);
/* Occurrences that do not overlap. whole_word: no letter, digit or _ stands next to either end. */
int64_t span_count(Span s, Span what, bool whole_word);

/* The next line, without its end; false behind the last. *at begins at 0. "a\n" has two, the second empty. */
bool span_line(Span s, size_t *at, Span *line);
/* The next piece between separators. *at as above. */
bool span_piece(Span s, Span separator, size_t *at, Span *piece);

int64_t span_words(Span s);         /* runs of \w */
int64_t span_sentences(Span s);     /* see instructions.h */
int64_t span_capital_words(Span s); /* see instructions.h */
bool span_is_upper(Span s);         /* a letter that has cases, none in lower case */
bool span_is_lower(Span s);
/* The share of letters, of those outside ASCII's digits and signs, that are in first .. last; 0 when there is no letter. */
double span_script_share(Span s, uint32_t first, uint32_t last);

#endif
