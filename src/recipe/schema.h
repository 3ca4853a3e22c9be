/* SPDX-License-Identifier: MIT */
/* recipe/schema.h: recipes as tables of keys. A stage's settings are one plain struct; a table says for each key where in the
 * struct it lives, what it may be and what it means. Reading, defaults, the resolved recipe.yaml, the comparison on resume and
 * the documentation all come from that one table. */
#ifndef R1_RECIPE_SCHEMA_H
#define R1_RECIPE_SCHEMA_H

#include "base/json.h"
#include "base/yaml.h"

#include <stddef.h>

typedef enum KeyKind {
    KEY_INT,    /* int64_t */
    KEY_DOUBLE, /* double */
    KEY_BOOL,   /* bool */
    KEY_STRING, /* const char *: lives as long as the document */
    KEY_MODEL,  /* the same, a model's folder or file: an input of the stage; in a graph it may name a stage's output */
    KEY_DATA,   /* the same, a file or folder of data */
    KEY_CHOICE, /* int: index into choices */
    KEY_TASKS,  /* double[RECIPE_MAX_TASKS]: a map family: weight, or "all" */
    KEY_PARTS,  /* double[PART_COUNT]: a map reward: number (reward/gates.h); NaN in front: it was not given */
    KEY_ITEMS,  /* RecipeItems, and the items behind it: a map name: map of keys */
} KeyKind;

/* Heads an array of items in a settings struct. The defaults of the settings say what the items are. */
typedef struct RecipeItems {
    const struct RecipeKey *keys; /* of an item, whose struct begins with its const char *name */
    const void *defaults;         /* one item */
    size_t item_size;
    int64_t n, max;
} RecipeItems;

enum { RECIPE_MAX_TASKS = 64, RECIPE_MAX_KEYS = 128 };

typedef struct RecipeKey {
    const char *name; /* dotted: "checkpoint.every" */
    KeyKind kind;
    size_t offset;              /* in the settings struct */
    double low, high;           /* numbers, inclusive */
    const char *const *choices; /* NULL-terminated */
    bool changeable; /* may differ when a run is resumed: it moves no bit of what is still to come, or is meant to */
    const char *help;
} RecipeKey;

/* Fills `settings` (which holds the defaults) from a map. Every mistake names file, line,
 * column and key; an unknown key also the nearest known one, or the map that it belongs into. */
bool recipe_read(void *settings, const RecipeKey *keys, const YamlDocument *document, const YamlNode *map,
                 Error *err) R1_MUST_CHECK;
/* All keys with their values, as YAML. Appends to a growing text. */
void recipe_write(const void *settings, const RecipeKey *keys, JsonOut *out);
/* The same without the changeable ones: what says which bytes come out. */
void recipe_write_lasting(const void *settings, const RecipeKey *keys, JsonOut *out);
/* Keys that name what a stage reads: KEY_MODEL and KEY_DATA. */
bool recipe_key_is_input(const RecipeKey *key);
/* Where such a key's text, or any key's value, stands. */
void *recipe_field(const void *settings, const RecipeKey *key);
/* Item i of such a key's RecipeItems. */
void *recipe_item(const RecipeItems *items, int64_t i);
/* Names of the keys, not changeable, whose values differ, as "a, b"; "" if none. Both structs of the same table. */
void recipe_difference(const void *a, const void *b, const RecipeKey *keys, char *names, size_t capacity);

#endif
