/* SPDX-License-Identifier: MIT */
/* recipe/schema_write.c: settings written back as a recipe, and two of them compared: see schema.h. */
#include "recipe/schema.h"

#include "data/tasks.h"
#include "reward/gates.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

static void append(JsonOut *out, const char *format, ...) R1_PRINTF(2, 3);
static void append(JsonOut *out, const char *format, ...)
{
    char line[512];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    json_out_raw(out, line);
    out->needs_comma = false;
}

static void append_number(JsonOut *out, double value)
{
    JsonOut number = {0};
    json_out_double(&number, value);
    append(out, "%s", number.text);
    json_out_free(&number);
}

static void write_map(const void *settings, const RecipeKey *keys, bool lasting, JsonOut *out, int indent);

static void write_items(const RecipeItems *items, JsonOut *out, int indent)
{
    for (int64_t i = 0; i < items->n; i++) {
        const void *const item = recipe_item(items, i);
        append(out, "\n%*s%s:\n", indent + 2, "", *(const char *const *)item);
        write_map(item, items->keys, false, out, indent + 4); /* nothing of an item is changeable */
        out->length--;                                        /* whoever ends the value ends the line */
    }
}

/* Not there, or nothing in it: a map cannot be read from nothing. */
static bool is_absent(const void *settings, const RecipeKey *key)
{
    const double *const numbers = recipe_field(settings, key);
    bool any = false;
    if (key->kind == KEY_ITEMS) return ((const RecipeItems *)recipe_field(settings, key))->n == 0;
    if (key->kind == KEY_PARTS && isnan(numbers[0])) return true;
    if (key->kind != KEY_PARTS && key->kind != KEY_TASKS) return false;
    for (int i = 0; i < (key->kind == KEY_PARTS ? PART_COUNT : task_count_all()); i++) any = any || numbers[i] != 0;
    return !any;
}

static void write_value(const void *settings, const RecipeKey *key, JsonOut *out, int indent)
{
    const void *value = recipe_field(settings, key);
    switch (key->kind) {
    case KEY_INT:
        append(out, " %lld", (long long)*(const int64_t *)value);
        break;
    case KEY_DOUBLE:
        append(out, " "), append_number(out, *(const double *)value);
        break;
    case KEY_BOOL:
        append(out, " %s", *(const bool *)value ? "true" : "false");
        break;
    case KEY_CHOICE:
        append(out, " %s", key->choices[*(const int *)value]);
        break;
    case KEY_STRING:
    case KEY_MODEL:
    case KEY_DATA: {
        JsonOut quoted = {0};
        const char *text = *(const char *const *)value;
        json_out_cstring(&quoted, text ? text : "");
        append(out, " %s", quoted.text);
        json_out_free(&quoted);
        break;
    }
    case KEY_TASKS:
        for (int t = 0; t < task_count_all(); t++) {
            if (t >= task_count() && ((const double *)value)[t] == 0) continue;
            append(out, "\n%*s%s: ", indent + 2, "", task_name(t));
            append_number(out, ((const double *)value)[t]);
        }
        break;
    case KEY_PARTS:
        for (int p = 0; p < PART_COUNT; p++) {
            if (((const double *)value)[p] == 0) continue;
            append(out, "\n%*s%s: ", indent + 2, "", reward_part_name(p));
            append_number(out, ((const double *)value)[p]);
        }
        break;
    case KEY_ITEMS:
        write_items(value, out, indent);
    }
    append(out, "\n");
}

static void write_map(const void *settings, const RecipeKey *keys, bool lasting, JsonOut *out, int indent)
{
    char open_map[64] = "";
    for (const RecipeKey *k = keys; k->name; k++) {
        if (is_absent(settings, k) || (lasting && k->changeable)) continue;
        const char *dot = strchr(k->name, '.');
        const size_t n = dot ? (size_t)(dot - k->name) : 0;
        if (dot && (strlen(open_map) != n || strncmp(open_map, k->name, n) != 0)) {
            snprintf(open_map, sizeof open_map, "%.*s", (int)n, k->name);
            append(out, "%*s%s:\n", indent, "", open_map);
        } else if (!dot) {
            open_map[0] = '\0';
        }
        append(out, "%*s%s%s:", indent, "", dot ? "  " : "", dot ? dot + 1 : k->name);
        write_value(settings, k, out, indent + (dot ? 2 : 0));
    }
}

void recipe_write(const void *settings, const RecipeKey *keys, JsonOut *out)
{
    write_map(settings, keys, false, out, 0);
}

void recipe_write_lasting(const void *settings, const RecipeKey *keys, JsonOut *out)
{
    write_map(settings, keys, true, out, 0);
}

static bool same_value(const void *a, const void *b, const RecipeKey *key);

/* Their order counts: questions are drawn by it. */
static bool same_items(const RecipeItems *a, const RecipeItems *b)
{
    if (a->n != b->n) return false;
    for (int64_t i = 0; i < a->n; i++) {
        const void *const x = recipe_item(a, i), *const y = recipe_item(b, i);
        if (strcmp(*(const char *const *)x, *(const char *const *)y) != 0) return false;
        for (const RecipeKey *k = a->keys; k->name; k++)
            if (!k->changeable && !same_value(x, y, k)) return false;
    }
    return true;
}

static bool same_value(const void *a, const void *b, const RecipeKey *key)
{
    const void *x = recipe_field(a, key), *y = recipe_field(b, key);
    switch (key->kind) {
    case KEY_INT:
        return *(const int64_t *)x == *(const int64_t *)y;
    case KEY_DOUBLE:
        return *(const double *)x == *(const double *)y;
    case KEY_BOOL:
        return *(const bool *)x == *(const bool *)y;
    case KEY_CHOICE:
        return *(const int *)x == *(const int *)y;
    case KEY_TASKS:
        return memcmp(x, y, (size_t)task_count_all() * sizeof(double)) == 0;
    case KEY_PARTS:
        return memcmp(x, y, PART_COUNT * sizeof(double)) == 0;
    case KEY_ITEMS:
        return same_items(x, y);
    case KEY_STRING:
    case KEY_MODEL:
    case KEY_DATA: {
        const char *s = *(const char *const *)x, *t = *(const char *const *)y;
        return strcmp(s ? s : "", t ? t : "") == 0;
    }
    }
    return false;
}

void recipe_difference(const void *a, const void *b, const RecipeKey *keys, char *names, size_t capacity)
{
    size_t used = 0;
    names[0] = '\0';
    for (const RecipeKey *k = keys; k->name; k++) {
        if (k->changeable || same_value(a, b, k)) continue;
        const int n = snprintf(names + used, capacity - used, "%s%s", used ? ", " : "", k->name);
        if (n < 0 || (size_t)n >= capacity - used) {
            names[used] = '\0'; /* whole names only */
            return;
        }
        used += (size_t)n;
    }
}
