/* SPDX-License-Identifier: MIT */
/* text/json_schema_parts.h: pieces of GBNF that the files json_schema*.c write; for them alone. */
#ifndef R1_TEXT_JSON_SCHEMA_PARTS_H
#define R1_TEXT_JSON_SCHEMA_PARTS_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

/* A growing text; a zeroed one is empty. */
typedef struct Gbnf {
    char *text; /* owned, zero-terminated when not NULL */
    size_t length, capacity;
} Gbnf;
void gbnf_free(Gbnf *out);
void gbnf_add(Gbnf *out, const char *format, ...) R1_PRINTF(2, 3);
void gbnf_append(Gbnf *out, const char *text, size_t length);
/* "text" as a literal. */
void gbnf_literal(Gbnf *out, const char *text, size_t length);
/* A character inside [ ]. */
void gbnf_class_character(Gbnf *out, uint32_t code);
/* {low,high}; high < 0: no end. Nothing when both are 1. */
void gbnf_repeat(Gbnf *out, int64_t low, int64_t high);

/* Integers from low to high in decimal; a bound that is not there is NULL. */
void gbnf_integers(Gbnf *out, const int64_t *low, const int64_t *high);
/* What may stand between the quotes of a JSON string so that its value matches the regular expression. */
bool gbnf_pattern(Gbnf *out, const char *pattern, size_t length, Error *err) R1_MUST_CHECK;
/* Strings whose value is none of names [n] (UTF-8), quotes included. */
void gbnf_other_strings(Gbnf *out, const char *const *names, int64_t n);

#endif
