/* SPDX-License-Identifier: MIT */
/* text/regex.h: the regular expressions of tokenizer.json, on PCRE2 with its JIT.
 *
 * They are written for Oniguruma. Where the same spelling means something else to PCRE2 (\s, \w, \h, {n}+, (?m), \uXXXX) the
 * pattern is rewritten; where it cannot be (class intersections, nested classes) it is refused. A Regex is shared between
 * threads, each with a scratch of its own.
 *
 * PCRE2 10.42 knows Unicode 14, the patterns mean Unicode 16: a text that holds a newer character is matched by a second
 * spelling of the pattern, in which \p{L} is \p{L} and a list of ranges. That one is half as fast, and seldom needed. */
#ifndef R1_TEXT_REGEX_H
#define R1_TEXT_REGEX_H

#include "base/error.h"

#include <stddef.h>

typedef struct Regex Regex;
typedef struct RegexScratch RegexScratch;

/* `pattern` is UTF-8. What is wrong with it goes to err, without the name of the file. */
bool regex_compile(Regex **regex, const char *pattern, size_t length, Error *err) R1_MUST_CHECK;
void regex_free(Regex *regex); /* NULL is fine */

RegexScratch *regex_scratch_create(void);
void regex_scratch_free(RegexScratch *scratch); /* NULL is fine */

/* To be called with a text before regex_find is with parts of it: chooses the spelling. */
void regex_scratch_look(RegexScratch *scratch, const char *text, size_t length);

/* The first match that begins at or after `start`; the subject is text[0 .. length) (well-formed UTF-8, so that lookahead sees
 * nothing behind it). An error means that the pattern takes more steps than a text of this length may cost. */
bool regex_find(const Regex *regex, RegexScratch *scratch, const char *text, size_t length, size_t start, bool *found,
                size_t *begin, size_t *end, Error *err) R1_MUST_CHECK;

/* Rewrites an Oniguruma pattern for PCRE2 into a base_alloc'd string; `newer`: with the newer characters written out. */
bool regex_translate(const char *pattern, size_t length, bool newer, char **translated, size_t *translated_length,
                     Error *err) R1_MUST_CHECK;
/* Whether Unicode has a script of this name. */
bool regex_is_script(const char *name, size_t length);

#endif
