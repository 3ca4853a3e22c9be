/* SPDX-License-Identifier: MIT */
/* base/yaml.h: YAML with positions (libfyaml behind our errors). A document becomes a plain tree of nodes that remember where
 * they came from, so that every complaint about a recipe can name file, line and column. */
#ifndef R1_BASE_YAML_H
#define R1_BASE_YAML_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef enum YamlKind { YAML_NULL, YAML_SCALAR, YAML_LIST, YAML_MAP } YamlKind;

typedef struct YamlNode {
    YamlKind kind;
    char *text;              /* scalars: the value as written (unquoted); NULL otherwise */
    bool quoted;             /* scalars: was in quotes, so it is a string whatever it looks like */
    int line, column;        /* 1-based */
    struct YamlNode **items; /* lists: items; maps: values */
    char **keys;             /* maps: keys, in file order; a duplicate key is an error of reading */
    int *key_lines, *key_columns;
    int64_t n_items;
} YamlNode;

typedef struct YamlDocument {
    char *path; /* the file name for messages */
    YamlNode *root;
} YamlDocument;

bool yaml_read_file(YamlDocument *document, const char *path, Error *err) R1_MUST_CHECK;
bool yaml_read_text(YamlDocument *document, const char *name, const char *text, size_t length,
                    Error *err) R1_MUST_CHECK;
void yaml_free(YamlDocument *document);

YamlNode *yaml_get(const YamlNode *map, const char *key); /* NULL when absent or not a map */
/* Sets a.b.c to a scalar parsed from `text` as YAML would read it, making maps on the way (`--set a.b=v`). */
bool yaml_set(YamlDocument *document, const char *dotted_key, const char *text, Error *err) R1_MUST_CHECK;

/* "path:line:column: message", ERROR_INPUT. Always false. */
bool yaml_error(const YamlDocument *document, const YamlNode *node, Error *err, const char *format, ...)
    R1_PRINTF(4, 5);

/* Strict scalar readers; a wrong type is yaml_error "expected X, found Y". Integers accept 1_000 and 1e6 when exact. */
bool yaml_as_int(const YamlDocument *document, const YamlNode *node, int64_t low, int64_t high, int64_t *value,
                 Error *err) R1_MUST_CHECK;
bool yaml_as_double(const YamlDocument *document, const YamlNode *node, double low, double high, double *value,
                    Error *err) R1_MUST_CHECK;
bool yaml_as_bool(const YamlDocument *document, const YamlNode *node, bool *value, Error *err) R1_MUST_CHECK;
bool yaml_as_string(const YamlDocument *document, const YamlNode *node, const char **value, Error *err) R1_MUST_CHECK;

/* The nearest of `names` (NULL-terminated) to `word` by edit distance, or NULL if none is near. Used for every "did you mean". */
const char *yaml_nearest(const char *word, const char *const *names);

#endif
