/* SPDX-License-Identifier: MIT */
/* text/json_schema.h: a JSON schema as a grammar (text/grammar.h), by way of GBNF.
 *
 * Understood: type (one or several), enum, const, properties, required, additionalProperties, minProperties and maxProperties (of objects
 * without properties), items, prefixItems, minItems, maxItems, minLength, maxLength, pattern, minimum, maximum and their exclusive forms (of
 * integers; of numbers a minimum of 0), anyOf, oneOf (as anyOf: that only one matches is not enforced), allOf, $ref to a place in the same
 * file, true, {}. Titles, descriptions, formats and other annotations are passed over; a keyword that would constrain the text and is not in
 * the list is refused by name rather than ignored.
 *
 * Choices that JSON Schema leaves open: properties come in the order of the schema; additionalProperties is false where properties are
 * listed and it is not; a missing type is that of the keywords that are there; white space is nothing, a blank, or one or two line ends with
 * up to 20 blanks and tabs. */
#ifndef R1_TEXT_JSON_SCHEMA_H
#define R1_TEXT_JSON_SCHEMA_H

#include "base/json.h"
#include "text/grammar.h"

/* Messages name the file and the place in the schema as a JSON pointer. */
bool json_schema_open(Grammar **grammar, const char *path, Error *err) R1_MUST_CHECK;
bool json_schema_parse(Grammar **grammar, const char *text, size_t length, const char *name, Error *err) R1_MUST_CHECK;
/* The GBNF of a schema, base_alloc'd; NULL with err set when it cannot be one. */
char *json_schema_to_gbnf(const json_t *schema, const char *name, Error *err);

#endif
