/* SPDX-License-Identifier: MIT */
/* text/json_schema.c: walks over a schema and writes a rule for each place in it.
 *
 * A place is known by its json_t, so a $ref to it is the same rule, and a schema that refers to itself becomes a rule that does. What allOf and
 * keywords beside $ref and anyOf say together is merged into one object first. */
#include "text/json_schema.h"

#include "base/arena.h"
#include "text/json_schema_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 100, MAX_PLACES = 1 << 13, MAX_REFERENCES = 64, MAX_COUNT = 100000 };

static const char PREAMBLE[] =
    "ws ::= | \" \" | \"\\n\"{1,2} [ \\t]{0,20}\n"
    "hex ::= [0-9a-fA-F]\n"
    "char ::= [^\\\"\\\\\\x00-\\x1f\\x7f] | \"\\\\\" ([\\\"\\\\/bfnrt] | \"u\" ([0-9a-cA-CefEF] hex{3} | [dD] [0-7] "
    "hex{2} |\n"
    "  [dD] [89abAB] hex{2} \"\\\\u\" [dD] [c-fC-F] hex{2}))\n"
    "string ::= \"\\\"\" char* \"\\\"\"\n"
    "integer ::= \"-\"? (\"0\" | [1-9] [0-9]{0,15})\n"
    "fraction ::= (\".\" [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})?\n"
    "value ::= any-object | any-array | string | integer fraction | \"true\" | \"false\" | \"null\"\n"
    "any-array ::= \"[\" ws (value (ws \",\" ws value)* ws)? \"]\"\n"
    "any-pair ::= string ws \":\" ws value\n"
    "any-object ::= \"{\" ws (any-pair (ws \",\" ws any-pair)* ws)? \"}\"\n";

typedef struct Writer {
    const json_t *root;
    const char *name;
    Gbnf rules;            /* whole rules */
    const json_t **places; /* [n_places]: the schema of rule "r<number>" */
    int64_t n_places, capacity;
    json_t **merged; /* [n_merged]: made here, owned */
    int64_t n_merged;
    char path[300]; /* of the place in hand, for messages */
    int depth;
    Error *err;
} Writer;

static bool refuse(const Writer *w, const char *format, ...) R1_PRINTF(2, 3);
static bool refuse(const Writer *w, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(w->err, ERROR_INPUT, "%s: #%s: %s", w->name, w->path, text);
}

/* Places below the one in hand: returns what to hand to leave_place. */
static size_t enter_place(Writer *w, const char *key, size_t index, bool is_index)
{
    const size_t length = strlen(w->path);
    if (is_index)
        snprintf(w->path + length, sizeof w->path - length, "/%s/%zu", key, index);
    else
        snprintf(w->path + length, sizeof w->path - length, "/%s", key);
    for (char *c = w->path + length; *c; c++)
        if ((unsigned char)*c < 0x20) *c = '?'; /* a message is one line */
    return length;
}

static void leave_place(Writer *w, size_t length)
{
    w->path[length] = 0;
}

static bool write_schema(Writer *w, const json_t *schema, Gbnf *out);

/* ---- values as they are ---- */

static bool write_value(Writer *w, const json_t *value, Gbnf *out)
{
    JsonOut text = {0};
    json_out_value(&text, value);
    if (!text.text) return refuse(w, "this value cannot be written");
    gbnf_literal(out, text.text, text.length);
    json_out_free(&text);
    return true;
}

static bool write_enum(Writer *w, const json_t *values, Gbnf *out)
{
    if (json_array_size(values) == 0) return refuse(w, "enum: expected a list of values");
    gbnf_add(out, "(");
    for (size_t i = 0; i < json_array_size(values); i++) {
        if (i > 0) gbnf_add(out, " | ");
        if (!write_value(w, json_array_get(values, i), out)) return false;
    }
    gbnf_add(out, ")");
    return true;
}

/* ---- bounds ---- */

/* A count such as minItems; `missing` when it is not there. */
static bool read_count(Writer *w, const json_t *schema, const char *key, int64_t missing, int64_t *count)
{
    const json_t *const value = json_object_get(schema, key);
    *count = missing;
    if (!value) return true;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > MAX_COUNT)
        return refuse(w, "%s: expected a whole number from 0 to %d", key, MAX_COUNT);
    *count = json_integer_value(value);
    return true;
}

static bool read_counts(Writer *w, const json_t *schema, const char *low_key, const char *high_key, int64_t *low,
                        int64_t *high)
{
    if (!read_count(w, schema, low_key, 0, low) || !read_count(w, schema, high_key, -1, high)) return false;
    return *high < 0 || *low <= *high || refuse(w, "%s is larger than %s", low_key, high_key);
}

/* One side of an integer's range; exclusive bounds are moved by one. */
static bool read_bound(Writer *w, const json_t *schema, const char *key, const char *exclusive, int sign,
                       int64_t *bound, bool *given)
{
    static const double most = 1e15;
    const char *const keys[2] = {key, exclusive};
    *given = false;
    for (int i = 0; i < 2; i++) {
        const json_t *const value = json_object_get(schema, keys[i]);
        if (!value) continue;
        if (!json_is_number(value) || !(fabs(json_number_value(value)) <= most))
            return refuse(w, "%s: expected a number from -1e15 to 1e15", keys[i]);
        const double number = json_number_value(value);
        double whole = sign > 0 ? ceil(number) : floor(number);
        if (i == 1 && whole == number) whole += sign;
        if (*given && (sign > 0 ? whole <= (double)*bound : whole >= (double)*bound)) continue;
        *bound = (int64_t)whole;
        *given = true;
    }
    return true;
}

static bool write_integer(Writer *w, const json_t *schema, Gbnf *out)
{
    int64_t low = 0, high = 0;
    bool has_low, has_high;
    if (!read_bound(w, schema, "minimum", "exclusiveMinimum", 1, &low, &has_low) ||
        !read_bound(w, schema, "maximum", "exclusiveMaximum", -1, &high, &has_high))
        return false;
    if (has_low && has_high && low > high) return refuse(w, "no whole number lies between minimum and maximum");
    gbnf_integers(out, has_low ? &low : NULL, has_high ? &high : NULL);
    return true;
}

static bool write_number(Writer *w, const json_t *schema, Gbnf *out)
{
    const json_t *const low = json_object_get(schema, "minimum");
    static const char *const others[] = {"maximum", "exclusiveMinimum", "exclusiveMaximum", NULL};
    for (int i = 0; others[i]; i++)
        if (json_object_get(schema, others[i]))
            return refuse(w, "%s: of a number that need not be whole only \"minimum\": 0 is understood", others[i]);
    if (low && (!json_is_number(low) || json_number_value(low) != 0.0))
        return refuse(w, "minimum: of a number that need not be whole only 0 is understood");
    gbnf_add(out, low ? "(\"0\" | [1-9] [0-9]{0,15}) fraction" : "integer fraction");
    return true;
}

/* ---- strings ---- */

static bool write_string(Writer *w, const json_t *schema, Gbnf *out)
{
    int64_t low, high;
    const json_t *const pattern = json_object_get(schema, "pattern");
    if (!read_counts(w, schema, "minLength", "maxLength", &low, &high)) return false;
    if (pattern && !json_is_string(pattern)) return refuse(w, "pattern: expected a text");
    if (pattern && (low > 0 || high >= 0))
        return refuse(w, "pattern together with minLength or maxLength is not understood");
    gbnf_add(out, "\"\\\"\" ");
    if (pattern) {
        if (!gbnf_pattern(out, json_string_value(pattern), json_string_length(pattern), w->err))
            return error_in(w->err, "%s: #%s", w->name, w->path);
    } else {
        gbnf_add(out, "char");
        gbnf_repeat(out, low, high);
    }
    gbnf_add(out, " \"\\\"\"");
    return true;
}

/* ---- arrays ---- */

static bool write_item(Writer *w, const json_t *items, Gbnf *out)
{
    if (items) return write_schema(w, items, out);
    gbnf_add(out, "value");
    return true;
}

/* Items from number `at` on, all after the first `n_before` with a comma before them. */
static bool write_items(Writer *w, const json_t *schema, Gbnf *out)
{
    const json_t *const items = json_object_get(schema, "items"), *const prefix =
                                                                      json_object_get(schema, "prefixItems");
    const int64_t n_prefix = (int64_t)json_array_size(prefix);
    int64_t low, high;
    if (!read_counts(w, schema, "minItems", "maxItems", &low, &high)) return false;
    if (json_is_array(items)) return refuse(w, "items: a list is written as prefixItems");
    const bool more = !json_is_false(items);
    if (!more && (high < 0 || high > n_prefix)) high = n_prefix;
    if (low > high && high >= 0) return refuse(w, "minItems is larger than there are items");
    /* Each item stands inside the option of the one before it. */
    int64_t n_open = 0;
    gbnf_add(out, "\"[\" ws ");
    for (int64_t i = 0; i < n_prefix && (high < 0 || i < high); i++) {
        if (i >= low) gbnf_add(out, "("), n_open++;
        if (i > 0) gbnf_add(out, "\",\" ws ");
        const size_t place = enter_place(w, "prefixItems", (size_t)i, true);
        if (!write_schema(w, json_array_get(prefix, (size_t)i), out)) return false;
        leave_place(w, place);
        gbnf_add(out, " ws ");
    }
    const int64_t rest_low = low > n_prefix ? low - n_prefix : 0, rest_high = high < 0 ? -1 : high - n_prefix;
    if (more && rest_high != 0 && (high < 0 || rest_high > 0)) {
        const size_t place = enter_place(w, "items", 0, false);
        if (n_prefix == 0) {
            gbnf_add(out, "(");
            if (!write_item(w, items, out)) return false;
            gbnf_add(out, " ws (\",\" ws ");
            if (!write_item(w, items, out)) return false;
            gbnf_add(out, " ws)");
            gbnf_repeat(out, rest_low > 0 ? rest_low - 1 : 0, rest_high < 0 ? -1 : rest_high - 1);
            gbnf_add(out, rest_low > 0 ? ") " : ")? ");
        } else {
            gbnf_add(out, "(\",\" ws ");
            if (!write_item(w, items, out)) return false;
            gbnf_add(out, " ws)");
            gbnf_repeat(out, rest_low, rest_high);
            gbnf_add(out, " ");
        }
        leave_place(w, place);
    }
    while (n_open-- > 0) gbnf_add(out, ")? ");
    gbnf_add(out, "\"]\"");
    return true;
}

/* ---- objects ---- */

typedef struct Properties {
    const char **names; /* [n] */
    const json_t **schemas;
    bool *required;
    int64_t n;
    const json_t *additional; /* NULL: none are allowed */
} Properties;

static void properties_free(Properties *p)
{
    base_free(p->names);
    base_free(p->schemas);
    base_free(p->required);
}

static bool is_required(const json_t *required, const char *name)
{
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *const other = json_string_value(json_array_get(required, i));
        if (other && strcmp(other, name) == 0) return true;
    }
    return false;
}

static bool read_properties(Writer *w, const json_t *schema, Properties *p)
{
    json_t *const properties = json_object_get(schema, "properties");
    const json_t *const required = json_object_get(schema, "required");
    const size_t capacity = json_object_size(properties) + json_array_size(required) + 1;
    *p = (Properties){.names = base_alloc(capacity, sizeof *p->names),
                      .schemas = base_alloc(capacity, sizeof *p->schemas),
                      .required = base_alloc(capacity, sizeof *p->required)};
    if ((properties && !json_is_object(properties)) || (required && !json_is_array(required)))
        return refuse(w, "properties is an object and required a list of names");
    const json_t *const additional = json_object_get(schema, "additionalProperties");
    p->additional = json_is_false(additional) ? NULL : additional ? additional : properties ? NULL : json_true();
    for (void *i = json_object_iter(properties); i; i = json_object_iter_next(properties, i)) {
        p->names[p->n] = json_object_iter_key(i);
        p->schemas[p->n] = json_object_iter_value(i);
        p->required[p->n] = is_required(required, p->names[p->n]);
        p->n++;
    }
    /* What is required and not described may be anything. */
    for (size_t i = 0; i < json_array_size(required); i++) {
        const char *const name = json_string_value(json_array_get(required, i));
        if (!name) return refuse(w, "required: expected a list of names");
        bool known = false;
        for (int64_t j = 0; j < p->n; j++) known |= strcmp(p->names[j], name) == 0;
        if (known) continue;
        p->names[p->n] = name;
        p->schemas[p->n] = p->additional ? p->additional : json_true();
        p->required[p->n++] = true;
    }
    return true;
}

static bool write_pair(Writer *w, const Properties *p, int64_t i, Gbnf *out)
{
    json_t *const name = json_string(p->names[i]);
    const bool named = write_value(w, name, out);
    json_decref(name);
    if (!named) return false;
    gbnf_add(out, " ws \":\" ws ");
    const size_t place = enter_place(w, "properties", 0, false);
    enter_place(w, p->names[i], 0, false);
    if (!write_schema(w, p->schemas[i], out)) return false;
    leave_place(w, place);
    return true;
}

static bool write_other_pair(Writer *w, const Properties *p, Gbnf *out)
{
    if (p->n == 0)
        gbnf_add(out, "string");
    else
        gbnf_other_strings(out, p->names, p->n);
    gbnf_add(out, " ws \":\" ws ");
    const size_t place = enter_place(w, "additionalProperties", 0, false);
    if (!write_schema(w, p->additional, out)) return false;
    leave_place(w, place);
    return true;
}

/* Rules "o<number>-<i>": properties from i on when others stand before them; "o<number>-x": one that is not listed. */
static bool write_tails(Writer *w, const Properties *p, int64_t number)
{
    Gbnf rule = {0};
    bool ok = true;
    for (int64_t i = 0; ok && i < p->n; i++) {
        gbnf_add(&rule, "o%" PRId64 "-%" PRId64 "p ::= ", number, i);
        ok = write_pair(w, p, i, &rule);
        gbnf_add(&rule,
                 "\no%" PRId64 "-%" PRId64 " ::= (\",\" ws o%" PRId64 "-%" PRId64 "p ws)%s o%" PRId64 "-%" PRId64 "\n",
                 number, i, number, i, p->required[i] ? "" : "?", number, i + 1);
    }
    if (p->additional) {
        gbnf_add(&rule, "o%" PRId64 "-x ::= ", number);
        ok = ok && write_other_pair(w, p, &rule);
        gbnf_add(&rule, "\no%" PRId64 "-%" PRId64 " ::= (\",\" ws o%" PRId64 "-x ws)*\n", number, p->n, number);
    } else {
        gbnf_add(&rule, "o%" PRId64 "-%" PRId64 " ::= \"\"\n", number, p->n);
    }
    if (ok) gbnf_append(&w->rules, rule.text, rule.length);
    gbnf_free(&rule);
    return ok;
}

/* Which property comes first: any before the first that is required, or that one; without required ones perhaps none. */
static bool write_object(Writer *w, const json_t *schema, Gbnf *out)
{
    Properties p;
    int64_t low, high, number = w->n_places;
    bool ok = read_properties(w, schema, &p) && read_counts(w, schema, "minProperties", "maxProperties", &low, &high);
    if (ok && p.n > 0 && (low > 0 || high >= 0))
        ok = refuse(w, "minProperties and maxProperties beside properties are not understood");
    ok = ok && write_tails(w, &p, number);
    if (!ok) {
        properties_free(&p);
        return false;
    }
    gbnf_add(out, "\"{\" ws (");
    int64_t i = 0;
    for (bool any = false; i < p.n; i++) {
        gbnf_add(out, "%so%" PRId64 "-%" PRId64 "p ws o%" PRId64 "-%" PRId64, any ? " | " : "", number, i, number,
                 i + 1);
        any = true;
        if (p.required[i]) break;
    }
    if (i == p.n) { /* nothing is required */
        const char *const bar = p.n > 0 ? " | " : "";
        if (p.additional && high != 0) {
            gbnf_add(out, "%so%" PRId64 "-x ws (\",\" ws o%" PRId64 "-x ws)", bar, number, number);
            gbnf_repeat(out, low > 0 ? low - 1 : 0, high < 0 ? -1 : high - 1);
        }
        if (low == 0) gbnf_add(out, p.additional && high != 0 ? " | \"\"" : "%s\"\"", bar);
    }
    gbnf_add(out, ") \"}\"");
    properties_free(&p);
    return true;
}

/* ---- types ---- */

static bool has_any(const json_t *schema, const char *const *keys)
{
    for (; *keys; keys++)
        if (json_object_get(schema, *keys)) return true;
    return false;
}

/* The type that the keywords speak of; NULL: none. */
static const char *implied_type(const json_t *schema)
{
    static const char *const object[] = {"properties",    "required",      "additionalProperties",
                                         "minProperties", "maxProperties", NULL};
    static const char *const array[] = {"items", "prefixItems", "minItems", "maxItems", NULL};
    static const char *const string[] = {"minLength", "maxLength", "pattern", NULL};
    static const char *const number[] = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", NULL};
    if (has_any(schema, object)) return "object";
    if (has_any(schema, array)) return "array";
    if (has_any(schema, string)) return "string";
    return has_any(schema, number) ? "number" : NULL;
}

static bool write_type(Writer *w, const json_t *schema, const char *type, Gbnf *out)
{
    if (strcmp(type, "object") == 0) return write_object(w, schema, out);
    if (strcmp(type, "array") == 0) return write_items(w, schema, out);
    if (strcmp(type, "string") == 0) return write_string(w, schema, out);
    if (strcmp(type, "integer") == 0) return write_integer(w, schema, out);
    if (strcmp(type, "number") == 0) return write_number(w, schema, out);
    if (strcmp(type, "boolean") == 0) return gbnf_add(out, "(\"true\" | \"false\")"), true;
    if (strcmp(type, "null") == 0) return gbnf_add(out, "\"null\""), true;
    return refuse(w, "type \"%.40s\" is none of object, array, string, number, integer, boolean and null", type);
}

static bool write_types(Writer *w, const json_t *schema, const json_t *types, Gbnf *out)
{
    if (json_array_size(types) == 0) return refuse(w, "type: expected a name or a list of names");
    gbnf_add(out, "(");
    for (size_t i = 0; i < json_array_size(types); i++) {
        const char *const type = json_string_value(json_array_get(types, i));
        if (!type) return refuse(w, "type: expected a name or a list of names");
        /* What stands for one type must not open the numbers of another's rules: each is a place of its own. */
        json_t *const one = json_copy((json_t *)(uintptr_t)schema);
        json_object_set_new(one, "type", json_string(type));
        w->merged = base_realloc(w->merged, (size_t)w->n_merged + 1, sizeof *w->merged);
        w->merged[w->n_merged++] = one;
        if (i > 0) gbnf_add(out, " | ");
        if (!write_schema(w, one, out)) return false;
    }
    gbnf_add(out, ")");
    return true;
}

/* ---- several schemas in one ---- */

static const json_t *resolve(Writer *w, const char *reference)
{
    const json_t *at = w->root;
    if (reference[0] != '#' || (reference[1] && reference[1] != '/')) {
        refuse(w, "$ref \"%.80s\": only places in the same file are found, such as \"#/$defs/name\"", reference);
        return NULL;
    }
    for (const char *c = reference + 1; *c == '/';) {
        char key[256];
        size_t n = 0;
        for (c++; *c && *c != '/' && n + 1 < sizeof key; c++) {
            const bool tilde = c[0] == '~' && (c[1] == '0' || c[1] == '1');
            key[n++] = tilde ? (char)(c[1] == '0' ? '~' : '/') : *c;
            c += tilde;
        }
        key[n] = 0;
        if (*c && *c != '/') at = NULL;
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoull(key, NULL, 10)) : json_object_get(at, key);
    }
    if (!at) refuse(w, "$ref \"%.80s\": there is no such place", reference);
    return at;
}

static bool is_annotation(const char *key)
{
    static const char *const keys[] = {
        "title",     "description", "default",         "examples",         "$schema", "$id",
        "$comment",  "$defs",       "definitions",     "deprecated",       "format",  "readOnly",
        "writeOnly", "$anchor",     "contentEncoding", "contentMediaType", NULL};
    for (int i = 0; keys[i]; i++)
        if (strcmp(keys[i], key) == 0) return true;
    return false;
}

/* Lists become longer, properties more; anything else must not be said twice in two ways. */
static bool merge_key(Writer *w, json_t *into, const char *key, json_t *value)
{
    json_t *const known = json_object_get(into, key);
    if (!known) return json_object_set(into, key, value) == 0;
    if (is_annotation(key) || json_equal(known, value)) return true;
    if (strcmp(key, "required") == 0 && json_is_array(known) && json_is_array(value)) {
        json_t *const both = json_copy(known);
        json_array_extend(both, value);
        return json_object_set_new(into, key, both) == 0;
    }
    if (strcmp(key, "properties") == 0 && json_is_object(known) && json_is_object(value)) {
        json_t *const both = json_copy(known);
        for (void *i = json_object_iter(value); i; i = json_object_iter_next(value, i)) {
            json_t *const other = json_object_get(both, json_object_iter_key(i));
            if (other && !json_equal(other, json_object_iter_value(i))) {
                json_decref(both);
                return refuse(w, "property \"%.60s\" is described in two ways that would have to be met together",
                              json_object_iter_key(i));
            }
            json_object_set(both, json_object_iter_key(i), json_object_iter_value(i));
        }
        return json_object_set_new(into, key, both) == 0;
    }
    return refuse(w, "\"%.60s\" is said in two ways that would have to be met together", key);
}

/* Adds what `schema` says to `into`, its $ref and allOf resolved. */
static bool merge(Writer *w, json_t *into, const json_t *schema, int depth)
{
    if (json_is_true(schema)) return true;
    if (!json_is_object(schema)) return refuse(w, "expected a schema: an object, true or false");
    if (depth > MAX_REFERENCES) return refuse(w, "$ref goes round in circles");
    for (void *i = json_object_iter((json_t *)(uintptr_t)schema); i;
         i = json_object_iter_next((json_t *)(uintptr_t)schema, i)) {
        const char *const key = json_object_iter_key(i);
        json_t *const value = json_object_iter_value(i);
        if (strcmp(key, "$ref") == 0) {
            const json_t *const target = json_is_string(value) ? resolve(w, json_string_value(value)) : NULL;
            if (!target) return w->err->kind != ERROR_NONE ? false : refuse(w, "$ref: expected a text");
            if (!merge(w, into, target, depth + 1)) return false;
        } else if (strcmp(key, "allOf") == 0) {
            for (size_t k = 0; k < json_array_size(value); k++)
                if (!merge(w, into, json_array_get(value, k), depth + 1)) return false;
        } else if (!merge_key(w, into, key, value)) {
            return w->err->kind != ERROR_NONE ? false : refuse(w, "\"%.60s\" cannot be merged", key);
        }
    }
    return true;
}

static json_t *new_merged(Writer *w)
{
    w->merged = base_realloc(w->merged, (size_t)w->n_merged + 1, sizeof *w->merged);
    return w->merged[w->n_merged++] = json_object();
}

/* Keys of the schema that constrain, `but` aside. */
static bool has_constraints(const json_t *schema, const char *but)
{
    for (void *i = json_object_iter((json_t *)(uintptr_t)schema); i;
         i = json_object_iter_next((json_t *)(uintptr_t)schema, i))
        if (strcmp(json_object_iter_key(i), but) != 0 && !is_annotation(json_object_iter_key(i))) return true;
    return false;
}

static bool write_alternatives(Writer *w, const json_t *schema, const char *key, Gbnf *out)
{
    const json_t *const alternatives = json_object_get(schema, key);
    const bool alone = !has_constraints(schema, key);
    if (json_array_size(alternatives) == 0) return refuse(w, "%s: expected a list of schemas", key);
    gbnf_add(out, "(");
    for (size_t i = 0; i < json_array_size(alternatives); i++) {
        const json_t *one = json_array_get(alternatives, i);
        const size_t place = enter_place(w, key, i, true);
        if (!alone) { /* what stands beside holds for each */
            json_t *const both = new_merged(w), *const beside = json_copy((json_t *)(uintptr_t)schema);
            json_object_del(beside, key);
            const bool merged = merge(w, both, beside, 0) && merge(w, both, one, 0);
            json_decref(beside);
            if (!merged) return false;
            one = both;
        }
        if (i > 0) gbnf_add(out, " | ");
        if (!write_schema(w, one, out)) return false;
        leave_place(w, place);
    }
    gbnf_add(out, ")");
    return true;
}

/* ---- one schema ---- */

static bool check_keywords(Writer *w, const json_t *schema)
{
    static const char *const refused[] = {"not",           "if",
                                          "then",          "else",
                                          "contains",      "patternProperties",
                                          "propertyNames", "dependentRequired",
                                          "dependencies",  "dependentSchemas",
                                          "multipleOf",    "unevaluatedProperties",
                                          "$dynamicRef",   "unevaluatedItems",
                                          "$recursiveRef", NULL};
    for (int i = 0; refused[i]; i++)
        if (json_object_get(schema, refused[i])) return refuse(w, "keyword \"%s\" is not understood", refused[i]);
    if (json_is_true(json_object_get(schema, "uniqueItems")))
        return refuse(w, "keyword \"uniqueItems\" is not understood");
    return true;
}

static bool write_body(Writer *w, const json_t *schema, Gbnf *out)
{
    if (json_is_true(schema)) return gbnf_add(out, "value"), true;
    if (json_is_false(schema)) return refuse(w, "false allows no value");
    if (!json_is_object(schema)) return refuse(w, "expected a schema: an object, true or false");
    if (!check_keywords(w, schema)) return false;
    const json_t *const reference = json_object_get(schema, "$ref");
    if (reference && !has_constraints(schema, "$ref")) {
        const json_t *const target = json_is_string(reference) ? resolve(w, json_string_value(reference)) : NULL;
        if (!target) return w->err->kind != ERROR_NONE ? false : refuse(w, "$ref: expected a text");
        return write_schema(w, target, out);
    }
    if (reference || json_object_get(schema, "allOf")) {
        json_t *const whole = new_merged(w);
        return merge(w, whole, schema, 0) && write_schema(w, whole, out);
    }
    if (json_object_get(schema, "anyOf")) return write_alternatives(w, schema, "anyOf", out);
    if (json_object_get(schema, "oneOf")) return write_alternatives(w, schema, "oneOf", out);
    if (json_object_get(schema, "const")) return write_value(w, json_object_get(schema, "const"), out);
    if (json_object_get(schema, "enum")) return write_enum(w, json_object_get(schema, "enum"), out);
    const json_t *const type = json_object_get(schema, "type");
    if (type && !json_is_string(type)) return write_types(w, schema, type, out);
    const char *const name = type ? json_string_value(type) : implied_type(schema);
    if (name) return write_type(w, schema, name, out);
    gbnf_add(out, "value");
    return true;
}

/* The name of the schema's rule, which is written the first time that the schema is met. */
static bool write_schema(Writer *w, const json_t *schema, Gbnf *out)
{
    for (int64_t i = 0; i < w->n_places; i++)
        if (w->places[i] == schema && json_is_object(schema)) return gbnf_add(out, "r%" PRId64, i), true;
    if (w->n_places == MAX_PLACES) return refuse(w, "the schema has too many places");
    if (w->depth == MAX_DEPTH) return refuse(w, "the schema is nested too deeply");
    if (w->n_places == w->capacity) {
        w->capacity = 2 * w->capacity + 64;
        w->places = base_realloc(w->places, (size_t)w->capacity, sizeof *w->places);
    }
    const int64_t number = w->n_places;
    w->places[w->n_places++] = schema;
    gbnf_add(out, "r%" PRId64, number);
    Gbnf rule = {0};
    gbnf_add(&rule, "r%" PRId64 " ::= ", number);
    w->depth++;
    const bool ok = write_body(w, schema, &rule);
    w->depth--;
    gbnf_add(&rule, "\n");
    if (ok) gbnf_append(&w->rules, rule.text, rule.length);
    gbnf_free(&rule);
    return ok;
}

char *json_schema_to_gbnf(const json_t *schema, const char *name, Error *err)
{
    Writer w = {.root = schema, .name = name, .err = err};
    Gbnf all = {0};
    *err = (Error){.kind = ERROR_NONE};
    gbnf_add(&all, "root ::= ");
    const bool ok = write_schema(&w, schema, &all);
    gbnf_add(&all, "\n");
    gbnf_append(&all, PREAMBLE, sizeof PREAMBLE - 1);
    if (ok) gbnf_append(&all, w.rules.text, w.rules.length);
    for (int64_t i = 0; i < w.n_merged; i++) json_decref(w.merged[i]);
    base_free(w.merged);
    base_free(w.places);
    gbnf_free(&w.rules);
    if (ok) return all.text;
    gbnf_free(&all);
    return NULL;
}

static bool to_grammar(Grammar **grammar, json_t *schema, const char *name, Error *err)
{
    char *const gbnf = schema ? json_schema_to_gbnf(schema, name, err) : NULL;
    const bool ok = gbnf && grammar_parse(grammar, gbnf, strlen(gbnf), "its grammar", err);
    if (gbnf && !ok) error_in(err, "%s", name);
    base_free(gbnf);
    json_decref(schema);
    return ok;
}

bool json_schema_parse(Grammar **grammar, const char *text, size_t length, const char *name, Error *err)
{
    return to_grammar(grammar, json_read_text(text, length, name, 1, err), name, err);
}

bool json_schema_open(Grammar **grammar, const char *path, Error *err)
{
    return to_grammar(grammar, json_read_file(path, err), path, err);
}
