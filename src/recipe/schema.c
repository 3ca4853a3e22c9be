/* SPDX-License-Identifier: MIT */
/* recipe/schema.c: recipes read by their tables of keys: see schema.h. */
#include "recipe/schema.h"

#include "base/arena.h"
#include "data/tasks.h"
#include "reward/gates.h"

#include <string.h>

void *recipe_field(const void *settings, const RecipeKey *key)
{
    return (char *)(uintptr_t)settings + key->offset;
}

bool recipe_key_is_input(const RecipeKey *key)
{
    return key->kind == KEY_MODEL || key->kind == KEY_DATA;
}

static bool read_choice(int *value, const RecipeKey *key, const YamlDocument *document, const YamlNode *node,
                        Error *err)
{
    const char *text;
    if (!yaml_as_string(document, node, &text, err)) return false;
    for (int i = 0; key->choices[i]; i++)
        if (strcmp(key->choices[i], text) == 0) {
            *value = i;
            return true;
        }
    const char *const nearest = yaml_nearest(text, key->choices);
    char all[160] = "";
    for (int i = 0; key->choices[i]; i++) {
        const size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", used ? ", " : "", key->choices[i]);
    }
    return yaml_error(document, node, err, "%s: \"%.60s\" is not one of %s%s%s%s", key->name, text, all,
                      nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
}

static bool read_tasks(double *weights, const YamlDocument *document, const YamlNode *node, Error *err)
{
    const char *names[RECIPE_MAX_TASKS + 1] = {0};
    for (int t = 0; t < task_count_all(); t++) names[t] = task_name(t);
    if (node->kind == YAML_SCALAR && strcmp(node->text, "all") == 0) {
        for (int t = 0; t < task_count(); t++) weights[t] = 1.0;
        return true;
    }
    if (node->kind != YAML_MAP) return yaml_error(document, node, err, "tasks: give a map of family: weight, or all");
    memset(weights, 0, RECIPE_MAX_TASKS * sizeof *weights);
    double total = 0;
    for (int64_t i = 0; i < node->n_items; i++) {
        const int task = task_find(node->keys[i]);
        if (task < 0) {
            const char *nearest = yaml_nearest(node->keys[i], names);
            const YamlNode at = {.line = node->key_lines[i], .column = node->key_columns[i]};
            return yaml_error(document, &at, err, "tasks: no family \"%s\"%s%s%s; `r1 tasks --list` shows them",
                              node->keys[i], nearest ? " (did you mean " : "", nearest ? nearest : "",
                              nearest ? "?)" : "");
        }
        if (!yaml_as_double(document, node->items[i], 0.0, 1e6, &weights[task], err)) return false;
        total += weights[task];
    }
    if (total <= 0) return yaml_error(document, node, err, "tasks: no family has a weight above 0");
    return true;
}

static bool read_parts(double *values, const RecipeKey *key, const YamlDocument *document, const YamlNode *node,
                       Error *err)
{
    const char *names[PART_COUNT + 1] = {0};
    for (int p = 0; p < PART_COUNT; p++) names[p] = reward_part_name(p), values[p] = 0;
    if (node->kind != YAML_MAP)
        return yaml_error(document, node, err, "%s: give a map of rewards, such as {accuracy: 1}", key->name);
    for (int64_t i = 0; i < node->n_items; i++) {
        const int part = reward_part_find(node->keys[i]);
        if (part < 0) {
            const char *const nearest = yaml_nearest(node->keys[i], names);
            const YamlNode at = {.line = node->key_lines[i], .column = node->key_columns[i]};
            return yaml_error(document, at.line > 0 ? &at : node->items[i], err,
                              "%s: there is no reward \"%.40s\"%s%s%s", key->name, node->keys[i],
                              nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
        }
        if (!yaml_as_double(document, node->items[i], key->low, key->high, &values[part], err)) return false;
    }
    return true;
}

static bool read_items(RecipeItems *items, const RecipeKey *key, const YamlDocument *document, const YamlNode *node,
                       Error *err);

static bool read_value(void *settings, const RecipeKey *key, const YamlDocument *document, const YamlNode *node,
                       Error *err)
{
    void *value = recipe_field(settings, key);
    switch (key->kind) {
    case KEY_INT:
        return yaml_as_int(document, node, (int64_t)key->low, (int64_t)key->high, value, err);
    case KEY_DOUBLE:
        return yaml_as_double(document, node, key->low, key->high, value, err);
    case KEY_BOOL:
        return yaml_as_bool(document, node, value, err);
    case KEY_STRING:
    case KEY_MODEL:
    case KEY_DATA:
        return yaml_as_string(document, node, value, err);
    case KEY_CHOICE:
        return read_choice(value, key, document, node, err);
    case KEY_TASKS:
        return read_tasks(value, document, node, err);
    case KEY_PARTS:
        return read_parts(value, key, document, node, err);
    case KEY_ITEMS:
        return read_items(value, key, document, node, err);
    }
    return false;
}

/* The key of this exact name, or whether the name is the first part of some ("checkpoint" of "checkpoint.every"). */
static const RecipeKey *find_key(const RecipeKey *keys, const char *name, bool *is_prefix)
{
    const size_t n = strlen(name);
    *is_prefix = false;
    for (const RecipeKey *k = keys; k->name; k++) {
        if (strcmp(k->name, name) == 0) return k;
        if (strncmp(k->name, name, n) == 0 && k->name[n] == '.') *is_prefix = true;
    }
    return NULL;
}

static bool unknown_key(const char *name, const RecipeKey *keys, const YamlDocument *document, const YamlNode *map,
                        int64_t i, Error *err)
{
    const char *names[256] = {0};
    int n = 0;
    for (const RecipeKey *k = keys; k->name && n < 255; k++) names[n++] = k->name;
    const char *nearest = yaml_nearest(name, names);
    /* A key may have been written outside its map ("every" for "checkpoint.every"): look at last parts too. */
    for (int j = 0; !nearest && j < n; j++) {
        const char *dot = strrchr(names[j], '.');
        if (dot && strcmp(dot + 1, name) == 0) nearest = names[j];
    }
    const YamlNode at = {.line = map->key_lines[i], .column = map->key_columns[i]};
    return yaml_error(document, at.line > 0 ? &at : map->items[i], err, "unknown key \"%s\"%s%s%s", name,
                      nearest ? " (did you mean " : "", nearest ? nearest : "", nearest ? "?)" : "");
}

/* A reader of values says "file:line:column: expected ...": the key's name goes between, unless the message begins with it or
 * the position is a --set, which names the key itself. */
static void name_key(Error *err, const YamlDocument *document, const char *name)
{
    const size_t n_path = strlen(document->path);
    int line, column, n_position = 0;
    if (strncmp(err->text, document->path, n_path) != 0 ||
        sscanf(err->text + n_path, ":%d:%d: %n", &line, &column, &n_position) != 2 || n_position == 0)
        return;
    char *const message = err->text + n_path + n_position, *const copy = base_strdup(message);
    if (strncmp(message, name, strlen(name)) != 0)
        snprintf(message, sizeof err->text - (size_t)(message - err->text), "%s: %s", name, copy);
    base_free(copy);
}

/* One reading of a document. */
typedef struct Reader {
    void *settings;
    const RecipeKey *keys;
    const YamlDocument *document;
    bool given[RECIPE_MAX_KEYS]; /* "checkpoint.every: 1" and "checkpoint: {every: 2}" are the same key given twice */
} Reader;

static bool read_map(Reader *r, const YamlNode *map, const char *prefix, Error *err);

static bool read_entry(Reader *r, const YamlNode *map, int64_t i, const char *prefix, Error *err)
{
    char name[160];
    bool is_prefix;
    const YamlNode *const value = map->items[i];
    snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", map->keys[i]);
    const RecipeKey *const key = find_key(r->keys, name, &is_prefix);
    if (!key && !is_prefix) return unknown_key(name, r->keys, r->document, map, i, err);
    if (!key && value->kind != YAML_MAP) return yaml_error(r->document, value, err, "%s: give a map of its keys", name);
    if (!key) return read_map(r, value, name, err);
    bool *const given = &r->given[key - r->keys];
    const YamlNode at = {.line = map->key_lines[i], .column = map->key_columns[i]};
    if (*given) return yaml_error(r->document, at.line > 0 ? &at : value, err, "%s: was given already", name);
    *given = true;
    if (read_value(r->settings, key, r->document, value, err)) return true;
    name_key(err, r->document, name);
    return false;
}

static bool read_map(Reader *r, const YamlNode *map, const char *prefix, Error *err)
{
    for (int64_t i = 0; i < map->n_items; i++)
        if (!read_entry(r, map, i, prefix, err)) return false;
    return true;
}

void *recipe_item(const RecipeItems *items, int64_t i)
{
    return (char *)(uintptr_t)(items + 1) + (size_t)i * items->item_size;
}

static bool read_items(RecipeItems *items, const RecipeKey *key, const YamlDocument *document, const YamlNode *node,
                       Error *err)
{
    items->n = 0;
    if (node->kind != YAML_MAP) return yaml_error(document, node, err, "%s: give a map of names", key->name);
    if (node->n_items > items->max)
        return yaml_error(document, node, err, "%s: %lld of them are more than %lld", key->name,
                          (long long)node->n_items, (long long)items->max);
    for (int64_t i = 0; i < node->n_items; i++) {
        const YamlNode *const map = node->items[i];
        void *const item = memcpy(recipe_item(items, items->n++), items->defaults, items->item_size);
        const char *const name = *(const char **)item = node->keys[i];
        if (map->kind != YAML_MAP)
            return yaml_error(document, map, err, "%s.%s: give a map of its keys", key->name, name);
        Reader reader = {.settings = item, .keys = items->keys, .document = document};
        if (!read_map(&reader, map, "", err)) {
            name_key(err, document, name);
            return false;
        }
    }
    return true;
}

bool recipe_read(void *settings, const RecipeKey *keys, const YamlDocument *document, const YamlNode *map, Error *err)
{
    if (map->kind == YAML_NULL) return yaml_error(document, map, err, "is empty; a recipe is a map of keys");
    if (map->kind != YAML_MAP)
        return yaml_error(document, map, err, "a recipe is a map of keys, such as \"steps: 100\"");
    Reader reader = {.settings = settings, .keys = keys, .document = document};
    return read_map(&reader, map, "", err);
}
