/* SPDX-License-Identifier: MIT */
/* text/template_value.h: the values of a template at run time, with Python's rules for them.
 *
 * Values live in the pool of their render and are never freed singly. Strings, sequences and mappings are not changed once they
 * are seen by the template (the sandbox that chat templates run in refuses list.append and the like); namespaces are.
 * Failure sticks: the first mistake is kept in Render, later calls do nothing of consequence, and whoever loops looks at
 * render_failed. So a function may return a Value and need not say whether it is one. */
#ifndef R1_TEXT_TEMPLATE_VALUE_H
#define R1_TEXT_TEMPLATE_VALUE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- memory ---- */

/* Zeroed memory that is given back all at once. Never refuses: past the limit it says so in `over`, and whoever asks for an
 * amount that a template can choose looks first (pool_has_room). A zeroed pool is empty and has no limit. */
typedef struct TemplatePool {
    struct PoolChunk *chunks;
    unsigned char *next;
    size_t left_bytes;  /* behind next */
    size_t total_bytes; /* taken from the system */
    size_t limit_bytes; /* 0: none */
} TemplatePool;

void *pool_take(TemplatePool *pool, size_t bytes);
#define POOL_NEW(pool, type)          ((type *)pool_take((pool), sizeof(type)))
#define POOL_ARRAY(pool, type, count) ((type *)pool_take((pool), (size_t)(count) * sizeof(type)))
bool pool_has_room(const TemplatePool *pool, size_t bytes);
void pool_free(TemplatePool *pool);

/* ---- values ---- */

typedef enum ValueKind {
    VALUE_ABSENT, /* an argument that was not given; never seen by a template */
    VALUE_UNDEFINED,
    VALUE_NONE,
    VALUE_BOOL,
    VALUE_INT,
    VALUE_FLOAT,
    VALUE_STRING,
    VALUE_SEQUENCE,
    VALUE_MAPPING,
    VALUE_CALLABLE,
    VALUE_LOOP,
} ValueKind;

typedef struct String String;
typedef struct Sequence Sequence;
typedef struct Mapping Mapping;
typedef struct Callable Callable;
typedef struct Loop Loop;
typedef struct Undefined Undefined;

typedef struct Value {
    ValueKind kind;
    union {
        bool boolean;
        int64_t integer;
        double real;
        const String *string;
        Sequence *sequence;
        Mapping *mapping;
        Callable *callable;
        Loop *loop;
        const Undefined *undefined; /* NULL: nothing is known of it */
    };
} Value;

/* Well-formed UTF-8. Strings that were joined share a buffer: the longest of them reaches to its `used`, so that joining a piece to
 * that one copies the piece alone. */
struct String {
    const char *bytes;
    size_t length;
    int64_t n_chars; /* code points; -1: not counted yet */
    struct StringBuffer *buffer;
};

typedef enum SequenceKind {
    SEQUENCE_LIST,
    SEQUENCE_TUPLE,
    SEQUENCE_RANGE,
    SEQUENCE_KEYS, /* what dict.keys() and the two below give: iterable, has a length, no index */
    SEQUENCE_VALUES,
    SEQUENCE_ITEMS,
    SEQUENCE_GENERATOR, /* what map, select and others give: always true, no length, iterated once */
} SequenceKind;

struct Sequence {
    SequenceKind kind;
    Value *items; /* [n] */
    int64_t n, capacity;
    int64_t first; /* SEQUENCE_GENERATOR: items before it have been taken */
};

typedef struct Entry {
    Value key, value;
} Entry;

/* Keeps the order of insertion. */
struct Mapping {
    bool is_namespace;
    Entry *entries; /* [n] */
    int64_t n, capacity;
    int32_t *slots; /* [n_slots] entry + 1, or 0; NULL while there are few entries */
    int64_t n_slots;
};

/* Why a value is undefined, for the message when it is used. */
struct Undefined {
    const char *type;   /* of the object it was looked up in; NULL: it is a variable */
    const char *reason; /* said instead of all that; NULL: none */
    Value name;
};

/* ---- a render in hand ---- */

typedef struct Render {
    const struct Template *template;
    TemplatePool pool;
    int64_t work_left;
    int depth;   /* nested evaluations */
    uint32_t at; /* where in the source: for messages */
    int64_t now;
    struct Scope *scope;
    struct StringBuilder *out;
    bool failed;
    Error *err;
} Render;

enum { RENDER_MAX_DEPTH = 1000, VALUE_MAX_DEPTH = 200 };

/* Keeps the first failure, with the place in front. Always returns VALUE_UNDEFINED, so that a check is one line. */
Value render_fail(Render *render, const char *format, ...) R1_PRINTF(2, 3);
/* Counts work; false when the render has failed, for whatever reason. */
bool render_work(Render *render, int64_t units);

/* ---- strings ---- */

/* A growing text in the pool. */
typedef struct StringBuilder {
    Render *render;
    char *bytes;
    size_t length, capacity;
} StringBuilder;

void builder_add(StringBuilder *builder, const char *bytes,
                 size_t length); /* past the limit of memory: fails the render */
void builder_add_cstring(StringBuilder *builder, const char *text);
void builder_add_char(StringBuilder *builder, char c);
void builder_add_code_point(StringBuilder *builder, uint32_t code_point);
void builder_add_string(StringBuilder *builder, const String *string);
void builder_add_value(StringBuilder *builder, Value value); /* str(value) */
void builder_add_repr(StringBuilder *builder, Value value);  /* repr(value) */
Value builder_string(StringBuilder *builder);                /* takes the text */

Value value_string(Render *render, const char *bytes, size_t length); /* borrowed: must live as long as the render */
Value value_cstring(Render *render, const char *text);                /* borrowed */
Value string_part(Render *render, const String *string, size_t from, size_t to); /* bytes [from, to) */
Value string_join(Render *render, const String *left, const String *right);
int64_t string_chars(const String *string);
size_t string_offset(const String *string, int64_t index); /* of a code point; `length` past the end */
bool string_equal(const String *a, const String *b);
bool string_is(const String *string, const char *text);
/* Offset of needle in text at `from` or later, -1: none. */
int64_t string_find(const String *text, const String *needle, size_t from);
bool python_is_space(uint32_t code_point); /* str.isspace */

/* ---- making and taking apart ---- */

static inline Value value_undefined(void)
{
    return (Value){.kind = VALUE_UNDEFINED};
}
static inline Value value_none(void)
{
    return (Value){.kind = VALUE_NONE};
}
static inline Value value_bool(bool boolean)
{
    return (Value){.kind = VALUE_BOOL, .boolean = boolean};
}
static inline Value value_int(int64_t integer)
{
    return (Value){.kind = VALUE_INT, .integer = integer};
}
static inline Value value_float(double real)
{
    return (Value){.kind = VALUE_FLOAT, .real = real};
}
static inline Value value_sequence(Sequence *sequence)
{
    return (Value){.kind = VALUE_SEQUENCE, .sequence = sequence};
}
static inline Value value_mapping(Mapping *mapping)
{
    return (Value){.kind = VALUE_MAPPING, .mapping = mapping};
}
static inline Value value_callable(Callable *callable)
{
    return (Value){.kind = VALUE_CALLABLE, .callable = callable};
}
static inline bool value_is_number(Value value)
{
    return value.kind == VALUE_BOOL || value.kind == VALUE_INT || value.kind == VALUE_FLOAT;
}
static inline bool value_is_dict(Value value)
{
    return value.kind == VALUE_MAPPING && !value.mapping->is_namespace;
}
static inline bool value_is_given(Value value)
{
    return value.kind != VALUE_ABSENT;
}
Value value_missing(Render *render, const char *reason);      /* undefined for a reason of its own */
Value value_not_in(Render *render, Value object, Value name); /* undefined: object has no such attribute or element */
Value value_no_variable(Render *render, const String *name);
Value render_fail_undefined(Render *render, const Undefined *undefined); /* it was used: says why it is undefined */

Sequence *sequence_create(Render *render, SequenceKind kind);
void sequence_append(Render *render, Sequence *sequence, Value value); /* past the limit of memory: fails the render */
Mapping *mapping_create(Render *render);
void mapping_set(Render *render, Mapping *mapping, Value key, Value value);   /* an unhashable key fails the render */
const Value *mapping_find(Render *render, const Mapping *mapping, Value key); /* NULL: none */

/* ---- Python's rules ---- */

const char *value_type_name(Value value); /* "str", "dict", "NoneType" */
bool value_is_true(Value value);
bool value_equal(Render *render, Value a, Value b);
/* Sign of a - b; fails the render when the two have no order. `sign` is how the operator is written. */
int value_compare(Render *render, Value a, Value b, const char *sign);
/* Whether item is in container: a key, an element or a substring. */
bool value_contains(Render *render, Value container, Value item);
/* The number as an integer: bools are. False for anything else. */
bool value_as_int(Value value, int64_t *integer);
double value_as_double(Value number);
/* len(); -1 and a failure when there is none. */
int64_t value_length(Render *render, Value value);
bool value_is_iterable(Value value);
/* What iterating gives: characters, elements, keys. A generator is used up. Fails the render when value is not iterable. */
Sequence *value_items(Render *render, Value value);
/* str(value): a string as it is. */
const String *value_str(Render *render, Value value);

/* ---- writing (template_text.c) ---- */

typedef struct JsonStyle {
    bool ensure_ascii, sort_keys;
    const String *indent;                         /* NULL: one line */
    const String *item_separator, *key_separator; /* NULL: json.dumps's own */
} JsonStyle;
Value value_to_json(Render *render, Value value, const JsonStyle *style);
enum { FLOAT_REPR_BYTES = 32 };
void float_repr(double real, char text[FLOAT_REPR_BYTES]);

#endif
