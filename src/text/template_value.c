/* SPDX-License-Identifier: MIT */
/* text/template_value.c: sequences, mappings and Python's rules of truth, equality and order. */
#include "text/template_builtin.h"

#include "text/unicode.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum { FEW_ENTRIES = 8 };

/* ---- undefined ---- */

static Value undefined(Render *render, const char *type, const char *reason, Value name)
{
    Undefined *const why = POOL_NEW(&render->pool, Undefined);
    *why = (Undefined){type, reason, name};
    return (Value){.kind = VALUE_UNDEFINED, .undefined = why};
}

Value value_missing(Render *render, const char *reason)
{
    return undefined(render, NULL, reason, value_none());
}

Value value_not_in(Render *render, Value object, Value name)
{
    return undefined(render, value_type_name(object), NULL, name);
}

Value value_no_variable(Render *render, const String *name)
{
    return undefined(render, NULL, NULL, (Value){.kind = VALUE_STRING, .string = name});
}

Value render_fail_undefined(Render *render, const Undefined *why)
{
    if (!why) return render_fail(render, "an undefined value is used");
    if (why->reason) return render_fail(render, "%s", why->reason);
    StringBuilder name = {.render = render};
    builder_add_repr(&name, why->name);
    builder_add_char(&name, 0);
    if (render->failed) return value_undefined();
    if (!why->type) return render_fail(render, "%.100s is undefined", name.bytes);
    const bool is_attribute = why->name.kind == VALUE_STRING;
    return render_fail(render, "%s has no %s %.100s", why->type, is_attribute ? "attribute" : "element", name.bytes);
}

/* ---- sequences ---- */

Sequence *sequence_create(Render *render, SequenceKind kind)
{
    Sequence *const sequence = POOL_NEW(&render->pool, Sequence);
    sequence->kind = kind;
    return sequence;
}

/* Room for one more of `size` bytes behind the n of *items; false: the render has failed. */
static bool grow(Render *render, void **items, int64_t n, int64_t *capacity, size_t size)
{
    if (n < *capacity) return true;
    const int64_t larger = *capacity ? 2 * *capacity : 4;
    if (!pool_has_room(&render->pool, (size_t)larger * size)) {
        render_fail(render, "the template needs more memory than a render may, for a list of %" PRId64 " elements",
                    larger);
        return false;
    }
    void *const moved = pool_take(&render->pool, (size_t)larger * size);
    if (n > 0) memcpy(moved, *items, (size_t)n * size);
    *items = moved;
    *capacity = larger;
    return true;
}

void sequence_append(Render *render, Sequence *sequence, Value value)
{
    if (!render_work(render, 1)) return;
    void *items = sequence->items;
    if (!grow(render, &items, sequence->n, &sequence->capacity, sizeof *sequence->items)) return;
    sequence->items = items;
    sequence->items[sequence->n++] = value;
}

/* ---- mappings ---- */

Mapping *mapping_create(Render *render)
{
    return POOL_NEW(&render->pool, Mapping);
}

static uint64_t hash_bytes(const char *bytes, size_t length)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    return hash;
}

/* 1, 1.0 and true are one key, so numbers hash by their value. */
static bool hash_value(Render *render, Value value, uint64_t *hash)
{
    int64_t integer;
    switch (value.kind) {
    case VALUE_STRING:
        *hash = hash_bytes(value.string->bytes, value.string->length);
        return true;
    case VALUE_BOOL:
    case VALUE_INT:
        value_as_int(value, &integer);
        *hash = (uint64_t)integer * 0x9E3779B97F4A7C15u;
        return true;
    case VALUE_FLOAT:
        *hash = fabs(value.real) < 9e18 ? (uint64_t)(int64_t)value.real * 0x9E3779B97F4A7C15u : 3;
        return true;
    case VALUE_SEQUENCE:
        if (value.sequence->kind == SEQUENCE_TUPLE) {
            *hash = 17;
            for (int64_t i = 0; i < value.sequence->n; i++) {
                uint64_t part = 0;
                if (!render_work(render, 1) || !hash_value(render, value.sequence->items[i], &part)) return false;
                *hash = *hash * 31 + part;
            }
            return true;
        }
        break;
    case VALUE_MAPPING:
        if (!value.mapping->is_namespace) break;
        *hash = 5;
        return true;
    default:
        *hash = (uint64_t)value.kind;
        return true;
    }
    render_fail(render, "unhashable type: '%s'", value_type_name(value));
    return false;
}

static void index_entries(Render *render, Mapping *mapping)
{
    mapping->n_slots = 4 * mapping->capacity;
    if (!pool_has_room(&render->pool, (size_t)mapping->n_slots * sizeof(int32_t))) {
        render_fail(render, "a mapping of %" PRId64 " keys is more than the template's memory holds", mapping->n);
        mapping->n_slots = 0;
        mapping->slots = NULL;
        return;
    }
    mapping->slots = POOL_ARRAY(&render->pool, int32_t, mapping->n_slots);
    for (int64_t i = 0; i < mapping->n; i++) {
        uint64_t hash = 0;
        if (!hash_value(render, mapping->entries[i].key, &hash)) return;
        int64_t slot = (int64_t)(hash >> 8) & (mapping->n_slots - 1);
        while (mapping->slots[slot]) slot = (slot + 1) & (mapping->n_slots - 1);
        mapping->slots[slot] = (int32_t)i + 1;
    }
}

static Entry *find_entry(Render *render, const Mapping *mapping, Value key)
{
    uint64_t hash = 0;
    if (!hash_value(render, key, &hash)) return NULL;
    if (!mapping->slots) {
        for (int64_t i = 0; i < mapping->n; i++)
            if (value_equal(render, mapping->entries[i].key, key)) return &mapping->entries[i];
        return NULL;
    }
    int64_t slot = (int64_t)(hash >> 8) & (mapping->n_slots - 1);
    for (; mapping->slots[slot] && render_work(render, 1); slot = (slot + 1) & (mapping->n_slots - 1)) {
        Entry *const entry = &mapping->entries[mapping->slots[slot] - 1];
        if (value_equal(render, entry->key, key)) return entry;
    }
    return NULL;
}

const Value *mapping_find(Render *render, const Mapping *mapping, Value key)
{
    const Entry *const entry = find_entry(render, mapping, key);
    return entry ? &entry->value : NULL;
}

void mapping_set(Render *render, Mapping *mapping, Value key, Value value)
{
    if (!render_work(render, 1)) return;
    Entry *const found = find_entry(render, mapping, key);
    if (render->failed) return;
    if (found) {
        found->value = value;
        return;
    }
    void *entries = mapping->entries;
    const int64_t capacity = mapping->capacity;
    if (!grow(render, &entries, mapping->n, &mapping->capacity, sizeof *mapping->entries)) return;
    mapping->entries = entries;
    mapping->entries[mapping->n++] = (Entry){key, value};
    if (mapping->n <= FEW_ENTRIES) return;
    if (!mapping->slots || mapping->capacity != capacity) {
        index_entries(render, mapping);
        return;
    }
    uint64_t hash = 0;
    if (!hash_value(render, key, &hash)) return;
    int64_t slot = (int64_t)(hash >> 8) & (mapping->n_slots - 1);
    while (mapping->slots[slot]) slot = (slot + 1) & (mapping->n_slots - 1);
    mapping->slots[slot] = (int32_t)mapping->n;
}

/* ---- what a value is ---- */

static const char *sequence_type_name(SequenceKind kind)
{
    static const char *const names[] = {
        [SEQUENCE_LIST] = "list",           [SEQUENCE_TUPLE] = "tuple",        [SEQUENCE_RANGE] = "range",
        [SEQUENCE_KEYS] = "dict_keys",      [SEQUENCE_VALUES] = "dict_values", [SEQUENCE_ITEMS] = "dict_items",
        [SEQUENCE_GENERATOR] = "generator",
    };
    return names[kind];
}

const char *value_type_name(Value value)
{
    switch (value.kind) {
    case VALUE_ABSENT:
    case VALUE_UNDEFINED:
        return "Undefined";
    case VALUE_NONE:
        return "NoneType";
    case VALUE_BOOL:
        return "bool";
    case VALUE_INT:
        return "int";
    case VALUE_FLOAT:
        return "float";
    case VALUE_STRING:
        return "str";
    case VALUE_SEQUENCE:
        return sequence_type_name(value.sequence->kind);
    case VALUE_MAPPING:
        return value.mapping->is_namespace ? "Namespace" : "dict";
    case VALUE_CALLABLE:
        return value.callable->kind == CALLABLE_MACRO ? "Macro" : "function";
    case VALUE_LOOP:
        return "LoopContext";
    }
    return "object";
}

bool value_is_true(Value value)
{
    switch (value.kind) {
    case VALUE_BOOL:
        return value.boolean;
    case VALUE_INT:
        return value.integer != 0;
    case VALUE_FLOAT:
        return value.real != 0.0;
    case VALUE_STRING:
        return value.string->length > 0;
    case VALUE_SEQUENCE:
        return value.sequence->kind == SEQUENCE_GENERATOR || value.sequence->n > 0;
    case VALUE_MAPPING:
        return value.mapping->is_namespace || value.mapping->n > 0;
    case VALUE_CALLABLE:
    case VALUE_LOOP:
        return true;
    case VALUE_ABSENT:
    case VALUE_UNDEFINED:
    case VALUE_NONE:
        break;
    }
    return false;
}

bool value_as_int(Value value, int64_t *integer)
{
    if (value.kind == VALUE_INT)
        *integer = value.integer;
    else if (value.kind == VALUE_BOOL)
        *integer = value.boolean;
    else
        return false;
    return true;
}

double value_as_double(Value number)
{
    int64_t integer;
    return value_as_int(number, &integer) ? (double)integer : number.real;
}

int64_t value_length(Render *render, Value value)
{
    if (value.kind == VALUE_STRING) return string_chars(value.string);
    if (value.kind == VALUE_UNDEFINED) return 0;
    if (value_is_dict(value)) return value.mapping->n;
    if (value.kind == VALUE_SEQUENCE && value.sequence->kind != SEQUENCE_GENERATOR) return value.sequence->n;
    render_fail(render, "object of type '%s' has no len()", value_type_name(value));
    return -1;
}

bool value_is_iterable(Value value)
{
    return value.kind == VALUE_STRING || value.kind == VALUE_SEQUENCE || value.kind == VALUE_UNDEFINED ||
           value_is_dict(value);
}

static Sequence *characters(Render *render, const String *string)
{
    Sequence *const items = sequence_create(render, SEQUENCE_LIST);
    for (size_t at = 0; at < string->length && !render->failed;) {
        int n;
        unicode_decode(string->bytes + at, &n);
        sequence_append(render, items, string_part(render, string, at, at + (size_t)n));
        at += (size_t)n;
    }
    return items;
}

Sequence *value_items(Render *render, Value value)
{
    if (value.kind == VALUE_STRING) return characters(render, value.string);
    if (value.kind == VALUE_SEQUENCE && value.sequence->kind != SEQUENCE_GENERATOR) return value.sequence;
    Sequence *const items = sequence_create(render, SEQUENCE_LIST);
    if (value.kind == VALUE_SEQUENCE) {
        Sequence *const from = value.sequence;
        for (; from->first < from->n && !render->failed; from->first++)
            sequence_append(render, items, from->items[from->first]);
    } else if (value_is_dict(value)) {
        for (int64_t i = 0; i < value.mapping->n && !render->failed; i++)
            sequence_append(render, items, value.mapping->entries[i].key);
    } else if (value.kind != VALUE_UNDEFINED) {
        render_fail(render, "'%s' object is not iterable", value_type_name(value));
    }
    return items;
}

const String *value_str(Render *render, Value value)
{
    if (value.kind == VALUE_STRING) return value.string;
    StringBuilder text = {.render = render};
    builder_add_value(&text, value);
    return builder_string(&text).string;
}

/* ---- equality ---- */

static bool sequences_equal(Render *render, const Sequence *a, const Sequence *b)
{
    if (a == b) return true;
    if (a->kind != b->kind || a->n != b->n || a->kind == SEQUENCE_GENERATOR) return false;
    for (int64_t i = 0; i < a->n; i++)
        if (!value_equal(render, a->items[i], b->items[i])) return false;
    return true;
}

static bool mappings_equal(Render *render, const Mapping *a, const Mapping *b)
{
    if (a == b) return true;
    if (a->is_namespace || b->is_namespace || a->n != b->n) return false;
    for (int64_t i = 0; i < a->n; i++) {
        const Value *const other = mapping_find(render, b, a->entries[i].key);
        if (!other || !value_equal(render, a->entries[i].value, *other)) return false;
    }
    return true;
}

static bool numbers_equal(Value a, Value b)
{
    int64_t i, j;
    if (value_as_int(a, &i) && value_as_int(b, &j)) return i == j;
    return value_as_double(a) == value_as_double(b);
}

/* Values nest as deep as memory allows; the depth that recursion may have is shared with evaluation. */
static bool enter(Render *render)
{
    if (render->depth < RENDER_MAX_DEPTH) {
        render->depth++;
        return true;
    }
    render_fail(render, "values are nested too deep");
    return false;
}

bool value_equal(Render *render, Value a, Value b)
{
    if (!render_work(render, 1)) return false;
    if (value_is_number(a) && value_is_number(b)) return numbers_equal(a, b);
    if (a.kind != b.kind) return false;
    bool equal;
    switch (a.kind) {
    case VALUE_STRING:
        return string_equal(a.string, b.string);
    case VALUE_SEQUENCE:
        if (!enter(render)) return false;
        equal = sequences_equal(render, a.sequence, b.sequence);
        render->depth--;
        return equal;
    case VALUE_MAPPING:
        if (!enter(render)) return false;
        equal = mappings_equal(render, a.mapping, b.mapping);
        render->depth--;
        return equal;
    case VALUE_CALLABLE:
        return a.callable == b.callable;
    case VALUE_LOOP:
        return a.loop == b.loop;
    default:
        return true; /* none, undefined */
    }
}

/* ---- order ---- */

static int compare_strings(const String *a, const String *b)
{
    const size_t shorter = a->length < b->length ? a->length : b->length;
    const int order = shorter ? memcmp(a->bytes, b->bytes, shorter) : 0; /* UTF-8 sorts as code points do */
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_numbers(Value a, Value b)
{
    int64_t i, j;
    if (value_as_int(a, &i) && value_as_int(b, &j)) return (i > j) - (i < j);
    const double x = value_as_double(a), y = value_as_double(b);
    return (x > y) - (x < y);
}

int value_compare(Render *render, Value a, Value b, const char *sign)
{
    if (!render_work(render, 1)) return 0;
    if (value_is_number(a) && value_is_number(b)) return compare_numbers(a, b);
    if (a.kind == VALUE_STRING && b.kind == VALUE_STRING) return compare_strings(a.string, b.string);
    if (a.kind == VALUE_UNDEFINED) render_fail_undefined(render, a.undefined);
    if (b.kind == VALUE_UNDEFINED) render_fail_undefined(render, b.undefined);
    const bool ordered = a.kind == VALUE_SEQUENCE && b.kind == VALUE_SEQUENCE && a.sequence->kind == b.sequence->kind &&
                         a.sequence->kind <= SEQUENCE_TUPLE;
    if (!ordered) {
        render_fail(render, "'%s' not supported between instances of '%s' and '%s'", sign, value_type_name(a),
                    value_type_name(b));
        return 0;
    }
    const Sequence *const x = a.sequence, *const y = b.sequence;
    int order = (x->n > y->n) - (x->n < y->n);
    if (!enter(render)) return 0;
    for (int64_t i = 0; i < x->n && i < y->n; i++)
        if (!value_equal(render, x->items[i], y->items[i])) {
            order = value_compare(render, x->items[i], y->items[i], sign);
            break;
        }
    render->depth--;
    return order;
}

bool value_contains(Render *render, Value container, Value item)
{
    if (container.kind == VALUE_STRING) {
        if (item.kind != VALUE_STRING) {
            if (item.kind == VALUE_UNDEFINED) render_fail_undefined(render, item.undefined);
            render_fail(render, "'in <string>' requires string as left operand, not %s", value_type_name(item));
            return false;
        }
        render_work(render, (int64_t)(container.string->length / 16));
        return string_find(container.string, item.string, 0) >= 0;
    }
    if (value_is_dict(container)) return mapping_find(render, container.mapping, item) != NULL;
    if (container.kind != VALUE_SEQUENCE && container.kind != VALUE_UNDEFINED) {
        render_fail(render, "argument of type '%s' is not iterable", value_type_name(container));
        return false;
    }
    const Sequence *const items = value_items(render, container);
    for (int64_t i = 0; i < items->n && !render->failed; i++)
        if (value_equal(render, items->items[i], item)) return true;
    return false;
}
